/* fuzz_run_config.c - Check that the config of a training, or of a run of a model,
 * whatever its text, is read or refused with a message. */
#include <assert.h>
#include <string.h>

#include "models/scoring/run_config.h"
#include "models/training/train_config.h"
#include "sim/core/model/spec_check.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(enum status status, const struct error *err)
{
    assert(status == STATUS_OK ||
           (err->status == status && strlen(err->text) > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct run_config run;
    static struct train_config train;
    static struct config_origin origins[TRAIN_CONFIG_KEYS_MAX];
    const struct fuzz_directory d = fuzz_directory_make();
    const struct fuzz_file f = fuzz_file_write(&d, "c.yaml", bytes, size);
    struct error err = { STATUS_OK, "" };

    (void)run_config_is(f.path);
    check(run_config_read(&run, f.path, NULL, 0, &err), &err);
    err.status = STATUS_OK;
    check(train_config_load(&train, f.path, NULL, 0, origins, &err), &err);
    unlink(f.path);
    rmdir(d.path);
    return 0;
}
