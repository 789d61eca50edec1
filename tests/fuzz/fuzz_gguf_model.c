/* fuzz_gguf_model.c - Check that a shape read from a GGUF file, whatever the
 * file claims, is sound, that all its tensors lie in the file, and that a model of
 * it, kept as stored and widened, takes up finite numbers or is refused. */
#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/gguf_model.h"
#include "sim/core/model/spec_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* At most some 8 numbers a byte: Q4_0 has 32 in 18. */
static void use(const struct model_spec *spec, size_t size)
{
    struct tensor_list list;
    size_t numbers = 0;

    assert(spec_check(spec, NULL) == STATUS_OK);
    assert(tensor_list_open(&list, spec, NULL) == STATUS_OK);
    for (int32_t i = 0; i < list.n; i++)
        numbers += list.tensor[i].n;
    assert(numbers <= 8 * size);
    tensor_list_close(&list);
}

static void fill(const struct model_spec *spec, const struct gguf *file)
{
    const struct model_options options = { .n_sequences = 1, .n_tokens = 1,
                                           .n_threads = 1 };
    struct model *model = NULL;
    struct error err = { STATUS_OK, "" };

    if (model_open(&model, spec, &options, &err) != STATUS_OK)
        return;
    if (gguf_model_import(model, file, &err) != STATUS_OK)
        assert(err.status != STATUS_OK && strlen(err.text) > 0);
    else
        for (size_t i = 0; i < model_tensors(model)->floats; i++)
            assert(isfinite(model_weights(model)[i]));
    model_close(model);
}

static void use_model(struct model_spec *spec, const struct gguf *file)
{
    struct error err = { STATUS_OK, "" };

    fill(spec, file);
    if (gguf_model_keep(spec, file, &err) != STATUS_OK)
        assert(err.status != STATUS_OK && strlen(err.text) > 0);
    else if (spec_check(spec, NULL) == STATUS_OK)
        fill(spec, file);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct gguf *file = NULL;
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    if (gguf_parse(&file, bytes, size, "fuzz", NULL) != STATUS_OK)
        return 0;
    enum status status = gguf_model_spec(&spec, file, &err);
    if (status == STATUS_OK) {
        use(&spec, size);
        use_model(&spec, file);
    } else {
        assert(err.status == status && strlen(err.text) > 0);
    }
    gguf_close(file);
    return 0;
}
