/* fuzz_gguf_model.c - Check that a shape read from a GGUF file, whatever the
 * file claims, is sound, and that all its tensors lie in the file. */
#include <assert.h>
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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct gguf *file = NULL;
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    if (gguf_parse(&file, bytes, size, "fuzz", NULL) != STATUS_OK)
        return 0;
    enum status status = gguf_model_spec(&spec, file, &err);
    if (status == STATUS_OK)
        use(&spec, size);
    else
        assert(err.status == status && strlen(err.text) > 0);
    gguf_close(file);
    return 0;
}
