/* fuzz_config.c - Check that a config.json and a model's YAML, whatever their
 * text, give a sound shape or an error. */
#include <assert.h>
#include <string.h>

#include "models/files/hf_config.h"
#include "sim/core/config/model_config.h"
#include "sim/core/model/spec_check.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(enum status status, const struct model_spec *spec,
                  const struct error *err)
{
    if (status == STATUS_OK)
        assert(spec_check(spec, NULL) == STATUS_OK);
    else
        assert(err->status == status && strlen(err->text) > 0);
}

static void read_json(const uint8_t *bytes, size_t size)
{
    struct model_spec spec;
    struct hf_routing routing;
    struct error err = { STATUS_OK, "" };
    enum status status = hf_config_parse(&spec, &routing, (const char *)bytes,
                                         size, "fuzz", &err);

    check(status, &spec, &err);
    assert(status != STATUS_OK || routing.policy);
}

static void read_yaml(const uint8_t *bytes, size_t size)
{
    const struct fuzz_directory d = fuzz_directory_make();
    const struct fuzz_file f = fuzz_file_write(&d, "m.yaml", bytes, size);
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    check(model_config_load(&spec, NULL, f.path, NULL, 0, &err), &spec, &err);
    unlink(f.path);
    rmdir(d.path);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    read_json(bytes, size);
    read_yaml(bytes, size);
    return 0;
}
