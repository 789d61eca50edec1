/* fuzz_gguf.c - Check that nothing is read outside a file's bytes, whatever
 * they are. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Every value is asked for as every kind. */
static void use_values(const struct gguf *file, const uint8_t *bytes,
                       size_t size)
{
    for (size_t i = 0; i < gguf_value_count(file); i++) {
        struct gguf_text key = gguf_key(file, i), text;
        struct gguf_array array;
        char *name = strndup(key.bytes, key.size);
        int64_t integer;
        double real;
        bool flag;

        assert(gguf_has(file, name));
        int as = (gguf_integer(&integer, file, name, INT64_MIN, INT64_MAX,
                               NULL) == STATUS_OK) +
                 (gguf_flag(&flag, file, name, NULL) == STATUS_OK) +
                 (gguf_text(&text, file, name, NULL) == STATUS_OK);
        assert(as <= 1);
        (void)!gguf_real(&real, file, name, NULL);
        if (gguf_array(&array, file, name, NULL) == STATUS_OK) {
            assert(as == 0);
            while (gguf_next_text(&array, &text))
                assert((const uint8_t *)text.bytes >= bytes &&
                       (const uint8_t *)text.bytes + text.size <=
                           bytes + size);
            while (gguf_next_real(&array, &real))
                ;
        }
        free(name);
    }
}

/* Every byte of each tensor can be read as floats. */
static void use_tensors(const struct gguf *file, const uint8_t *bytes,
                        size_t size)
{
    for (size_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct gguf_tensor *t = gguf_tensor(file, i);
        const uint8_t *data = t->data;

        assert(gguf_find(file, t->name) == t && gguf_type_name(t->type));
        assert(data >= bytes && data + t->bytes <= bytes + size);
        float *numbers = malloc((t->n + 1) * sizeof *numbers);
        enum status status = gguf_floats(numbers, t->n, t, NULL);
        assert(status == STATUS_OK || status == STATUS_BAD_VALUE);
        free(numbers);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct gguf *file = NULL;
    struct error err = { STATUS_OK, "" };
    enum status status = gguf_parse(&file, bytes, size, "fuzz", &err);

    assert((status == STATUS_OK) == (file != NULL));
    if (file) {
        use_values(file, bytes, size);
        use_tensors(file, bytes, size);
    } else {
        assert(err.status == status && strlen(err.text) > 0);
    }
    gguf_close(file);
    return 0;
}
