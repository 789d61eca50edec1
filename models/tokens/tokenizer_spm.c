/* tokenizer_spm.c - Merge the characters of a text, and spell in bytes those
 * that stay without a token. */
#include "models/tokens/tokenizer_spm.h"

#include <string.h>

#include "models/tokens/join.h"
#include "models/tokens/utf8.h"

bool tokenizer_spm_has_words(const struct vocab *vocab)
{
    for (int32_t id = 0; id < vocab->n; id++) {
        const char *bytes = vocab->bytes + vocab->at[id];
        if (vocab->role[id] != VOCAB_NORMAL)
            continue;
        for (uint32_t i = 1; i < vocab_size_of(vocab, id); i++)
            if (bytes[i] == ' ' && bytes[i - 1] != ' ')
                return false;
    }
    return true;
}

/* Floats as integers in the opposite order: the highest score goes first. */
static uint32_t order_of(float score)
{
    uint32_t bits;

    score += 0.0f;               /* -0 becomes 0: they are equal */
    memcpy(&bits, &score, sizeof bits);
    return bits >> 31 ? bits : ~bits & 0x7fffffffu;
}

static bool by_score(const struct join_rule *rule, const struct symbol *left,
                     const struct symbol *right, uint32_t *order, int32_t *id)
{
    const struct tokenizer_parts *parts = rule->context;
    const struct vocab *vocab = &parts->vocab;
    int32_t found = vocab_find(vocab, VOCAB_NORMAL, rule->text + left->at,
                               left->size + right->size);

    if (found < 0)
        return false;
    *order = order_of(vocab->score[found]);
    *id = found;
    return true;
}

static bool by_rank(const struct join_rule *rule, const struct symbol *left,
                    const struct symbol *right, uint32_t *order, int32_t *id)
{
    const struct tokenizer_parts *parts = rule->context;

    if (left->id < 0 || right->id < 0)
        return false;
    const struct merge *merge = merges_find(&parts->merges, left->id,
                                            right->id);
    if (!merge)
        return false;
    *order = merge->rank;
    *id = merge->id;
    return true;
}

static enum status push_bytes(const struct vocab *vocab, const char *text,
                              const struct symbol *symbol, struct ids *ids,
                              struct error *err)
{
    enum status status = STATUS_OK;

    for (uint32_t i = 0; i < symbol->size && status == STATUS_OK; i++) {
        unsigned char byte = (unsigned char)text[symbol->at + i];
        if (vocab->byte_id[byte] < 0)
            return error_set(err, STATUS_BAD_VALUE, "byte 0x%02x, at %u of the"
                             " text, has no token in this vocabulary", byte,
                             symbol->at + i);
        status = ids_push(ids, vocab->byte_id[byte], err);
    }
    return status;
}

/* The next word: blanks, then what is not blank. */
static size_t word_end(const char *text, size_t at, size_t size)
{
    while (at < size && text[at] == ' ')
        at++;
    while (at < size && text[at] != ' ')
        at++;
    return at;
}

static enum status encode_word(const struct tokenizer_parts *parts,
                               struct join *join, const char *text, size_t at,
                               size_t end, struct ids *ids, struct error *err)
{
    const struct vocab *vocab = &parts->vocab;
    struct join_rule rule = { vocab->score ? by_score : by_rank, parts, text };
    enum status status = join_reset(join, end - at, err);

    while (status == STATUS_OK && at < end) {
        uint32_t code;
        size_t n = utf8_decode(&code, text + at, end - at);
        n += n == 0;             /* no UTF-8: a byte of its own */
        join_push(join, (uint32_t)at, (uint32_t)n,
                  vocab_find(vocab, VOCAB_NORMAL, text + at, n));
        at += n;
    }
    if (status == STATUS_OK)
        join_run(join, &rule);
    for (int32_t i = 0; status == STATUS_OK && i >= 0;
         i = join->symbol[i].next) {
        const struct symbol *symbol = &join->symbol[i];
        status = symbol->id >= 0 ? ids_push(ids, symbol->id, err) :
                                   push_bytes(vocab, text, symbol, ids, err);
    }
    return status;
}

enum status tokenizer_spm_encode(const struct tokenizer_parts *parts,
                                 const char *text, size_t size,
                                 struct ids *ids, struct error *err)
{
    struct join join = { 0 };
    enum status status = STATUS_OK;

    for (size_t at = 0; at < size && status == STATUS_OK; ) {
        size_t end = parts->has_words ? word_end(text, at, size) : size;
        status = encode_word(parts, &join, text, at, end, ids, err);
        at = end;
    }
    join_free(&join);
    return status;
}
