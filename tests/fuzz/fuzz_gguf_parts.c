/* fuzz_gguf_parts.c - Check that two files of which the first says that it is one
 * of several parts are one model, whose tensors lie in them, or are refused with a
 * message.
 *
 * The input is both, one behind the other: the second begins with GGUF. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/gguf.h"
#include "tests/fuzz/fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void use(const struct gguf *file, size_t size)
{
    size_t bytes = 0;

    for (size_t i = 0; i < gguf_tensor_count(file); i++) {
        const struct gguf_tensor *t = gguf_tensor(file, i);
        float *numbers = malloc((t->n + 1) * sizeof *numbers);
        assert(gguf_find(file, t->name) == t);
        (void)!gguf_floats(numbers, t->n, t, NULL);
        free(numbers);
        bytes += t->bytes;
    }
    assert(bytes <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const uint8_t *second = size > 4 ? memmem(bytes + 4, size - 4, "GGUF", 4)
                                     : NULL;
    const size_t first = second ? (size_t)(second - bytes) : size;
    const struct fuzz_directory d = fuzz_directory_make();
    const struct fuzz_file f[] = {
        fuzz_file_write(&d, "m-00001-of-00002.gguf", bytes, first),
        fuzz_file_write(&d, "m-00002-of-00002.gguf", bytes + first,
                        size - first),
    };
    struct gguf *file = NULL;
    struct error err = { STATUS_OK, "" };
    enum status status = gguf_open(&file, f[0].path, &err);

    if (status == STATUS_OK)
        use(file, size);
    else
        assert(!file && err.status == status && strlen(err.text) > 0);
    gguf_close(file);
    for (int i = 0; i < 2; i++)
        unlink(f[i].path);
    rmdir(d.path);
    return 0;
}
