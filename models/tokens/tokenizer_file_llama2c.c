/* tokenizer_file_llama2c.c - Read tokenizer.bin of
 * github.com/karpathy/llama2.c:
 *     i32 bytes of the longest token, then for each: f32 score | i32 n | bytes
 * Ids are as run.c takes them: 0 unknown, 1 begin, 2 end, 3..258 the bytes. */
#include <math.h>
#include <string.h>

#include "models/tokens/tokenizer_file.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "the file is little-endian");

enum { HEADER = 4, ENTRY = 8, BEGIN = 1, END = 2, FIRST_BYTE = 3,
       FIRST_TEXT = FIRST_BYTE + 256 };

struct entry {
    float   score;
    int32_t size;
    const char *text;
};

/* The entry at *at, which moves on; false: the file is cut short there. */
static bool next_entry(struct entry *entry, const unsigned char *bytes,
                       size_t size, size_t *at)
{
    if (size - *at < ENTRY)
        return false;
    memcpy(&entry->score, bytes + *at, 4);
    memcpy(&entry->size, bytes + *at + 4, 4);
    *at += ENTRY;
    if (entry->size < 0 || (size_t)entry->size > size - *at)
        return false;
    entry->text = (const char *)bytes + *at;
    *at += (size_t)entry->size;
    return true;
}

static enum status read_entries(struct tokenizer_parts *parts,
                                const unsigned char *bytes, size_t size,
                                const char *name, struct error *err)
{
    struct entry entry;
    struct vocab *vocab = &parts->vocab;

    for (size_t at = HEADER; at < size; ) {
        int32_t id = vocab->n;
        bool is_byte = id >= FIRST_BYTE && id < FIRST_TEXT;

        if (!next_entry(&entry, bytes, size, &at))
            break;
        if (isnan(entry.score))
            return tokenizer_bad(err, name, "score", "of token %d is no number",
                                 id);
        if (is_byte && vocab_byte_of(entry.text, (size_t)entry.size) !=
                           id - FIRST_BYTE)
            return tokenizer_bad(err, name, "tokens", "token %d is not <0x%02X>"
                                 ": this is no llama2.c tokenizer", id,
                                 (unsigned)(id - FIRST_BYTE));
        vocab->score[id] = entry.score;
        enum status status = tokenizer_add(
            parts, entry.text, (size_t)entry.size,
            is_byte ? VOCAB_BYTE :
            id < FIRST_BYTE ? VOCAB_SPECIAL : VOCAB_NORMAL, name, "tokens",
            err);
        if (status != STATUS_OK)
            return status;
    }
    vocab->bos = BEGIN;
    vocab->eos = END;
    return STATUS_OK;
}

enum status tokenizer_read_llama2c(struct tokenizer_parts *parts,
                                   const unsigned char *bytes, size_t size,
                                   const char *name, int32_t n_vocab,
                                   struct error *err)
{
    struct entry entry;
    size_t n = 0, at = HEADER;

    *parts = (struct tokenizer_parts){ .kind = TOKENIZER_SPM, .begins = true };
    if (size < HEADER)
        return tokenizer_bad(err, name, NULL, "%zu bytes: too short", size);
    for (; at < size; n++)
        if (!next_entry(&entry, bytes, size, &at))
            return tokenizer_bad(err, name, "tokens", "token %zu does not end"
                                 " within the file's %zu bytes", n, size);
    if (n < FIRST_TEXT)
        return tokenizer_bad(err, name, "tokens", "%zu of them: those of"
                             " llama2.c begin with %d", n, FIRST_TEXT);
    enum status status = vocab_create(&parts->vocab, n, size, true, err);
    if (status == STATUS_OK)
        status = read_entries(parts, bytes, size, name, err);
    if (status == STATUS_OK)
        status = tokenizer_index(parts, n_vocab, name, "tokens", err);
    if (status == STATUS_OK)
        status = tokenizer_add_prefix(parts, true, err);
    if (status != STATUS_OK)
        tokenizer_parts_free(parts);
    return status;
}
