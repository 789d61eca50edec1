/* fuzz_study.c - Check that a study, whatever its text, gives points with settings
 * or an error. */
#include <assert.h>
#include <string.h>

#include "sim/sweep/sweep.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const char base[] = "train: {steps: 10}\n";
    const struct fuzz_directory d = fuzz_directory_make();
    const struct fuzz_file run = fuzz_file_write(&d, "run.yaml",
                                                 (const uint8_t *)base,
                                                 sizeof base - 1);
    const struct fuzz_file f = fuzz_file_write(&d, "s.yaml", bytes, size);
    struct sweep *sweep = NULL;
    struct error err = { STATUS_OK, "" };
    enum status status = sweep_open(&sweep, f.path, NULL, 0, &err);

    if (status == STATUS_OK) {
        assert(sweep->n_points > 0 && sweep->n_axes <= sweep->n_keys);
        sweep_close(sweep);
    } else {
        assert(err.status == status && strlen(err.text) > 0);
    }
    unlink(f.path);
    unlink(run.path);
    rmdir(d.path);
    return 0;
}
