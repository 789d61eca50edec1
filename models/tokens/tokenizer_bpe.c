/* tokenizer_bpe.c - Merge the bytes of each word, the pair of lowest rank
 * first. */
#include "models/tokens/tokenizer_bpe.h"

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

enum status tokenizer_bpe_word(void *encoder, const char *word, size_t size,
                               struct error *err)
{
    struct encoder *e = encoder;
    const struct vocab *vocab = &e->parts->vocab;
    struct join_rule rule = { by_rank, &e->parts->merges, word };

    if (e->parts->whole_words) {
        int32_t id = vocab_find(vocab, word, size);
        if (id >= 0)
            return ids_push(e->ids, id, err);
    }
    enum status status = join_reset(&e->join, size, err);
    for (size_t i = 0; status == STATUS_OK && i < size; i++) {
        unsigned char byte = (unsigned char)word[i];
        int32_t id = vocab->byte_id[byte];
        id = id < 0 ? vocab->unknown : id;
        if (id < 0)
            return error_set(err, STATUS_BAD_VALUE, "byte 0x%02x of the text"
                             " has no token in this vocabulary", byte);
        join_push(&e->join, (uint32_t)i, 1, id);
    }
    if (status == STATUS_OK)
        join_run(&e->join, &rule);
    int32_t last = -1;
    for (int32_t i = 0; status == STATUS_OK && i >= 0;
         i = e->join.symbol[i].next) {
        const int32_t id = e->join.symbol[i].id;
        if (id != vocab->unknown || id != last || !e->parts->fuse_unknown)
            status = ids_push(e->ids, id, err);
        last = id;
    }
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

size_t tokenizer_bpe_spell(char *out, const char *text, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < size; i++) {
        const unsigned byte = (unsigned char)text[i];
        const unsigned code = byte <= 0x20 ? byte + 0x100 :
                              byte == 0xad ? 0x143 :
                              byte >= 0x7f && byte <= 0xa0 ? byte - 0x7f + 0x121
                                                           : byte;
        if (code >= 0x80)
            out[n++] = (char)(0xc0 | code >> 6);
        out[n++] = (char)(code >= 0x80 ? 0x80 | (code & 0x3f) : code);
    }
    return n;
}
