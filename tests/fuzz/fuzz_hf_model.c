/* fuzz_hf_model.c - Check that a directory of Hugging Face, whatever its config and
 * its tensors say, is refused with a message, or gives a model that takes up finite
 * numbers, widened and kept as stored.
 *
 * The input is config.json, a byte of 0, and model.safetensors. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "models/files/source.h"
#include "sim/core/model/spec_check.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* A number takes a byte at least; layers that share weights have them once. */
static void check(const struct model_spec *spec, size_t size)
{
    struct tensor_list list;
    size_t numbers = 0;

    assert(spec_check(spec, NULL) == STATUS_OK);
    assert(tensor_list_open(&list, spec, NULL) == STATUS_OK);
    for (int32_t i = 0; i < list.n; i++)
        numbers += list.tensor[i].n;
    assert(numbers <= size);
    tensor_list_close(&list);
}

static void fill(const struct source *source)
{
    const struct model_options options = { .n_sequences = 1, .n_tokens = 1,
                                           .n_threads = 1 };
    struct model *model = NULL;
    struct error err = { STATUS_OK, "" };

    if (model_open(&model, &source->spec, &options, &err) != STATUS_OK)
        return;
    if (source_fill(source, model, 1, &err) != STATUS_OK)
        assert(err.status != STATUS_OK && strlen(err.text) > 0);
    else
        for (size_t i = 0; i < model_tensors(model)->floats; i++)
            assert(isfinite(model_weights(model)[i]));
    model_close(model);
}

static void read_directory(const char *path, size_t size)
{
    static struct source source;
    struct error err = { STATUS_OK, "" };
    enum status status = source_read(&source, path, NULL, 0, &err);

    if (status != STATUS_OK) {
        assert(err.status == status && strlen(err.text) > 0);
        return;
    }
    check(&source.spec, size);
    fill(&source);
    if (source_keep(&source, WEIGHTS_STORED, &err) == STATUS_OK)
        fill(&source);
    else
        assert(err.status != STATUS_OK && strlen(err.text) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const size_t config = strnlen((const char *)bytes, size);
    const size_t from = config < size ? config + 1 : size;
    const struct fuzz_directory d = fuzz_directory_make();
    const struct fuzz_file f[] = {
        fuzz_file_write(&d, "config.json", bytes, config),
        fuzz_file_write(&d, "model.safetensors", bytes + from, size - from),
    };

    read_directory(d.path, size);
    for (int i = 0; i < 2; i++)
        unlink(f[i].path);
    rmdir(d.path);
    return 0;
}
