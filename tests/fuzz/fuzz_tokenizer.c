/* fuzz_tokenizer.c - Check that a tokenizer which opens, from whatever file,
 * gives ids within its size, and that its tokens give back a text which it does
 * not change first.
 *
 * First byte b: the rest is a .bin; g: GGUF; m: a SentencePiece model; a: both
 * added_tokens.json and tokenizer_config.json beside one; c: a
 * tokenizer_config.json; any other: all of it is JSON. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/gguf.h"
#include "models/tokens/tokenizer_file.h"
#include "tests/fuzz/fuzz_file.h"

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

/* Of a model without pieces, to which any token is added. */
static enum status read_beside(const struct tokenizer_parts *parts,
                               const uint8_t *bytes, size_t size,
                               struct error *err)
{
    const struct fuzz_directory d = fuzz_directory_make();
    const struct fuzz_file f[] = {
        fuzz_file_write(&d, "added_tokens.json", bytes, size),
        fuzz_file_write(&d, "tokenizer_config.json", bytes, size),
    };
    char path[64];

    snprintf(path, sizeof path, "%s/tokenizer.model", d.path);
    enum status status = tokenizer_check_beside(parts, path, err);
    for (int i = 0; i < 2; i++)
        unlink(f[i].path);
    rmdir(d.path);
    return status;
}

/* A tokenizer for a config to name the tokens of. */
static const char small[] =
    "{\"added_tokens\":[{\"id\":0,\"content\":\"<s>\",\"special\":true}],"
    "\"model\":{\"type\":\"BPE\",\"vocab\":{\"<s>\":0,\"a\":1,\"b\":2,\"ab\":3},"
    "\"merges\":[\"a b\"]},\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}";

/* Texts are what their tokens say: nothing is replaced, removed or unknown. */
static bool is_plain(const struct tokenizer_parts *parts)
{
    for (size_t i = 0; i < parts->splitter.n; i++)
        if (parts->splitter.step[i].kind != SPLITTER_CUT ||
            parts->splitter.step[i].matches == SPLITTER_REMOVED)
            return false;
    return parts->normalizer.n == 0 && parts->vocab.unknown < 0 &&
           !parts->added[0].token && !parts->added[1].token;
}

/* The file's own bytes, as text. */
static void use(const struct tokenizer_parts *parts, const char *text,
                size_t size)
{
    const struct vocab *vocab = &parts->vocab;
    struct ids ids = { 0 };
    size_t at = 0;
    enum status status = tokenizer_encode_parts(parts, text, size, true, &ids,
                                                NULL);

    for (size_t i = 0; i < ids.n; i++) {
        assert(ids.id[i] >= 0 && ids.id[i] < vocab->n);
        uint32_t n = vocab_size_of(vocab, ids.id[i]);
        assert(!is_plain(parts) ||
               (n <= size - at && memcmp(vocab->bytes + vocab->at[ids.id[i]],
                                         text + at, n) == 0));
        at += n;
    }
    assert(status != STATUS_OK || at == size || !is_plain(parts));
    free(ids.id);
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
    else if (bytes[0] == 'm')
        status = tokenizer_read_spm(&parts, bytes + 1, size - 1, "fuzz", 0,
                                    &err);
    else if (bytes[0] == 'a')
        status = read_beside(&parts, bytes + 1, size - 1, &err);
    else if (bytes[0] == 'c')
        status = tokenizer_read_json(
            &parts, &(struct tokenizer_text){ "fuzz", small, sizeof small - 1 },
            &(struct tokenizer_text){ "fuzz", (const char *)bytes + 1,
                                      size - 1 }, 0, &err);
    else
        status = tokenizer_read_json(
            &parts, &(struct tokenizer_text){ "fuzz", (const char *)bytes,
                                              size },
            &(struct tokenizer_text){ 0 }, 0, &err);
    assert(status == STATUS_OK ||
           (err.status == status && strlen(err.text) > 0));
    if (status == STATUS_OK && bytes[0] != 'a')
        use(&parts, (const char *)bytes, size);
    tokenizer_parts_free(&parts);
    return 0;
}
