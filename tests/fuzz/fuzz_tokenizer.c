/* fuzz_tokenizer.c - Check that a tokenizer which opens, from whatever file,
 * gives ids within its size, and that its tokens give back the text.
 *
 * First byte b: the rest is a .bin; g: GGUF; any other: all of it is JSON. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/gguf.h"
#include "models/tokens/tokenizer_bpe.h"
#include "models/tokens/tokenizer_file.h"
#include "models/tokens/tokenizer_spm.h"
#include "models/tokens/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static enum status read_gguf(struct tokenizer_parts *parts,
                             const uint8_t *bytes, size_t size,
                             struct error *err)
{
    struct gguf *file;
    enum status status = gguf_parse(&file, bytes, size, "fuzz", err);

    if (status != STATUS_OK)
        return status;
    status = tokenizer_read_gguf(parts, file, 0, err);
    gguf_close(file);
    return status;
}

/* The file's own bytes, as text. */
static void use(const struct tokenizer_parts *parts, const char *text,
                size_t size)
{
    const struct vocab *vocab = &parts->vocab;
    struct ids ids = { 0 };
    size_t at = 0;
    char *copy = NULL;

    if (parts->nfc) {            /* the tokens are those of composed text */
        if (utf8_compose(&copy, &size, text, size, NULL) != STATUS_OK)
            return;
        text = copy;
    }
    enum status status =
        parts->kind == TOKENIZER_BPE ?
        tokenizer_bpe_encode(parts, text, size, &ids, NULL) :
        tokenizer_spm_encode(parts, text, size, &ids, NULL);

    for (size_t i = 0; i < ids.n; i++) {
        assert(ids.id[i] >= 0 && ids.id[i] < vocab->n);
        uint32_t n = vocab_size_of(vocab, ids.id[i]);
        assert(n <= size - at &&
               memcmp(vocab->bytes + vocab->at[ids.id[i]], text + at, n) == 0);
        at += n;
    }
    assert(status != STATUS_OK || at == size);
    free(ids.id);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct tokenizer_parts parts = { 0 };
    struct error err = { STATUS_OK, "" };
    enum status status;

    if (size == 0)
        return 0;
    if (bytes[0] == 'b')
        status = tokenizer_read_llama2c(&parts, bytes + 1, size - 1, "fuzz", 0,
                                        &err);
    else if (bytes[0] == 'g')
        status = read_gguf(&parts, bytes + 1, size - 1, &err);
    else
        status = tokenizer_read_json(&parts, (const char *)bytes, size, NULL, 0,
                                     "fuzz", 0, &err);
    if (status == STATUS_OK)
        use(&parts, (const char *)bytes, size);
    else
        assert(err.status == status && strlen(err.text) > 0);
    tokenizer_parts_free(&parts);
    return 0;
}
