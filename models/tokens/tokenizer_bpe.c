/* tokenizer_bpe.c - Merge the bytes of each word, the pair of lowest rank
 * first. */
#include "models/tokens/tokenizer_bpe.h"

#include <stdlib.h>

#include "models/tokens/join.h"
#include "models/tokens/utf8.h"

static bool by_rank(const struct join_rule *rule, const struct symbol *left,
                    const struct symbol *right, uint32_t *order, int32_t *id)
{
    const struct merge *merge = merges_find(rule->context, left->id, right->id);

    if (!merge)
        return false;
    *order = merge->rank;
    *id = merge->id;
    return true;
}

/* One encoding. */
struct encoder {
    const struct tokenizer_parts *parts;
    const char  *text;
    struct join  join;
    struct ids  *ids;
};

static enum status encode_word(void *user, size_t at, size_t end,
                               struct error *err)
{
    struct encoder *e = user;
    const struct vocab *vocab = &e->parts->vocab;
    struct join_rule rule = { by_rank, &e->parts->merges, e->text };

    if (e->parts->whole_words) {
        int32_t id = vocab_find(vocab, VOCAB_NORMAL, e->text + at, end - at);
        if (id >= 0)
            return ids_push(e->ids, id, err);
    }
    enum status status = join_reset(&e->join, end - at, err);
    for (size_t i = at; status == STATUS_OK && i < end; i++) {
        unsigned char byte = (unsigned char)e->text[i];
        int32_t id = vocab->byte_id[byte];
        if (id < 0)
            return error_set(err, STATUS_BAD_VALUE, "byte 0x%02x, at %zu of the"
                             " text, has no token in this vocabulary", byte, i);
        join_push(&e->join, (uint32_t)i, 1, id);
    }
    if (status == STATUS_OK)
        join_run(&e->join, &rule);
    for (int32_t i = 0; status == STATUS_OK && i >= 0;
         i = e->join.symbol[i].next)
        status = ids_push(e->ids, e->join.symbol[i].id, err);
    return status;
}

enum status tokenizer_bpe_encode(const struct tokenizer_parts *parts,
                                 const char *text, size_t size,
                                 struct ids *ids, struct error *err)
{
    struct encoder encoder = { .parts = parts, .text = text, .ids = ids };
    char *composed = NULL;
    enum status status = STATUS_OK;

    if (parts->nfc) {
        status = utf8_compose(&composed, &size, text, size, err);
        encoder.text = composed;
    }
    if (status == STATUS_OK)
        status = splitter_cut(&parts->splitter, encoder.text, size, encode_word,
                              &encoder, err);
    join_free(&encoder.join);
    free(composed);
    return status;
}

/* GPT-2 writes printable Latin-1 as itself and the other 68 bytes, in order, as
 * U+0100 and on: bytes_to_unicode() in github.com/openai/gpt-2,
 * src/encoder.py. */
static int byte_of(uint32_t code)
{
    if ((code >= 0x21 && code <= 0x7e) || (code >= 0xa1 && code <= 0xac) ||
        (code >= 0xae && code <= 0xff))
        return (int)code;
    if (code >= 0x100 && code <= 0x120)
        return (int)code - 0x100;
    if (code >= 0x121 && code <= 0x142)
        return (int)code - 0x121 + 0x7f;
    return code == 0x143 ? 0xad : -1;
}

bool tokenizer_bpe_bytes(char *out, size_t *n, const char *text, size_t size)
{
    *n = 0;
    for (size_t at = 0, step; at < size; at += step) {
        uint32_t code = 0;
        step = utf8_decode(&code, text + at, size - at);
        int byte = step > 0 ? byte_of(code) : -1;
        if (byte < 0)
            return false;
        out[(*n)++] = (char)byte;
    }
    return true;
}
