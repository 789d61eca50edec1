/* fuzz_safetensors.c - Check that no tensor lies outside a file's bytes,
 * whatever they are. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Tensors lie in a row, and every byte of each can be read as floats. */
static void use(const struct safetensors *file, const uint8_t *bytes,
                size_t size)
{
    const uint8_t *at = NULL;

    for (size_t i = 0; i < safetensors_count(file); i++) {
        const struct safetensors_tensor *t = safetensors_at(file, i);
        const uint8_t *data = t->data;
        size_t n = t->dtype == SAFETENSORS_F32 ? t->bytes / 4 : t->bytes / 2;
        float *numbers = malloc((n + 1) * sizeof *numbers);

        assert(data >= bytes && t->bytes <= size &&
               data + t->bytes <= bytes + size);
        assert(!at || data == at);
        at = data + t->bytes;
        assert(safetensors_find(file, t->name) == t);
        enum status status = safetensors_floats(numbers, n, t, NULL);
        assert(status == STATUS_OK || status == STATUS_BAD_VALUE);
        free(numbers);
    }
    assert(!at || at == bytes + size);
    (void)safetensors_metadata(file, "format");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct safetensors *file = NULL;
    struct error err = { STATUS_OK, "" };
    enum status status = safetensors_parse(&file, bytes, size, "fuzz", &err);

    assert((status == STATUS_OK) == (file != NULL));
    if (file)
        use(file, bytes, size);
    else
        assert(err.status == status && strlen(err.text) > 0);
    safetensors_close(file);
    return 0;
}
