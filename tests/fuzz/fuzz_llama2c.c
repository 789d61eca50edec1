/* fuzz_llama2c.c - Check that a shape read from a file of llama2.c, whatever its
 * header claims, is sound, that its numbers lie in the file, and that a model of
 * it takes them up or is refused. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "models/files/llama2c.h"
#include "sim/core/model/spec_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void fill(const struct model_spec *spec, const char *path)
{
    const struct model_options options = { .n_sequences = 1, .n_tokens = 1,
                                           .n_threads = 1 };
    struct model *model = NULL;
    struct error err = { STATUS_OK, "" };

    if (model_open(&model, spec, &options, &err) != STATUS_OK)
        return;
    if (llama2c_import(model, path, &err) != STATUS_OK)
        assert(err.status != STATUS_OK && strlen(err.text) > 0);
    model_close(model);
}

/* A number takes a byte at least. */
static void use(const struct model_spec *spec, size_t size)
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

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };
    char path[] = "/tmp/isobath-fuzz-XXXXXX";
    const int fd = mkstemp(path);

    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || close(fd) != 0)
        abort();
    enum status status = llama2c_spec(&spec, path, &err);
    if (status == STATUS_OK) {
        use(&spec, size);
        fill(&spec, path);
    } else {
        assert(err.status == status && strlen(err.text) > 0);
    }
    unlink(path);
    return 0;
}
