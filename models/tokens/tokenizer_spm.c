/* tokenizer_spm.c - Merge the characters of a text, and spell in bytes those
 * that stay without a token. */
#include "models/tokens/tokenizer_spm.h"

#include <string.h>

#include "models/tokens/join.h"
#include "models/tokens/utf8.h"

bool tokenizer_spm_has_words(const struct vocab *vocab)
{
    if (vocab_find(vocab, " ", 1) < 0)
        return false;
    for (int32_t id = 0; id < vocab->n; id++) {
        const char *bytes = vocab->bytes + vocab->at[id];
        if (!vocab->in_words[id])
            continue;
        for (uint32_t i = 1; i < vocab_size_of(vocab, id); i++)
            if (bytes[i] == ' ' && bytes[i - 1] != ' ')
                return false;
    }
    return true;
}

/* Floats, which files have, as integers in the opposite order: the highest score
 * goes first. */
static uint32_t order_of(double wide)
{
    const float score = (float)wide + 0.0f;  /* -0 becomes 0: they are equal */
    uint32_t bits;

    memcpy(&bits, &score, sizeof bits);
    return bits >> 31 ? bits : ~bits & 0x7fffffffu;
}

static bool by_score(const struct join_rule *rule, const struct symbol *left,
                     const struct symbol *right, uint32_t *order, int32_t *id)
{
    const struct tokenizer_parts *parts = rule->context;
    const struct vocab *vocab = &parts->vocab;
    int32_t found = vocab_find(vocab, rule->text + left->at,
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
    const struct merge *merge = merges_find(&parts->merges, left->id,
                                            right->id);
    if (!merge)
        return false;
    *order = merge->rank;
    *id = merge->id;
    return true;
}

static enum status no_token(char byte, struct error *err)
{
    return error_set(err, STATUS_BAD_VALUE, "byte 0x%02x of the text has no"
                     " token in this vocabulary", (unsigned char)byte);
}

enum status tokenizer_spm_unknown(struct encoder *encoder, const char *text,
                                  size_t size, bool fused, struct error *err)
{
    const struct vocab *vocab = &encoder->parts->vocab;
    enum status status = STATUS_OK;
    size_t spelled = 0;

    while (spelled < size &&
           vocab->byte_id[(unsigned char)text[spelled]] >= 0)
        spelled++;
    if (spelled < size && vocab->unknown < 0)
        return no_token(text[spelled], err);
    if (spelled < size)
        return fused ? STATUS_OK : ids_push(encoder->ids, vocab->unknown, err);
    for (size_t i = 0; i < size && status == STATUS_OK; i++)
        status = ids_push(encoder->ids,
                          vocab->byte_id[(unsigned char)text[i]], err);
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

static enum status push_symbols(struct encoder *e, const char *text,
                                struct error *err)
{
    const struct symbol *symbol = e->join.symbol;
    enum status status = STATUS_OK;
    bool fused = false;

    for (int32_t i = 0; status == STATUS_OK && i >= 0; i = symbol[i].next) {
        if (symbol[i].id >= 0) {
            status = ids_push(e->ids, symbol[i].id, err);
            fused = false;
            continue;
        }
        status = tokenizer_spm_unknown(e, text + symbol[i].at, symbol[i].size,
                                       fused, err);
        fused = e->parts->fuse_unknown && status == STATUS_OK &&
                e->ids->id[e->ids->n - 1] == e->parts->vocab.unknown;
    }
    return status;
}

/* A character that is no token, where merges go by ids: its bytes, which may
 * merge, or the unknown token. */
static enum status push_unknown(struct encoder *e, const char *text, size_t at,
                                size_t size, struct error *err)
{
    const struct vocab *vocab = &e->parts->vocab;
    struct symbol *last = e->join.n > 0 ? &e->join.symbol[e->join.n - 1] : NULL;
    size_t spelled = 0;

    while (spelled < size &&
           vocab->byte_id[(unsigned char)text[at + spelled]] >= 0)
        spelled++;
    if (spelled < size && vocab->unknown < 0)
        return no_token(text[at + spelled], err);
    for (size_t i = at; i < at + size && spelled == size; i++)
        join_push(&e->join, (uint32_t)i, 1,
                  vocab->byte_id[(unsigned char)text[i]]);
    if (spelled == size)
        return STATUS_OK;
    if (e->parts->fuse_unknown && last && last->id == vocab->unknown)
        last->size += (uint32_t)size;
    else
        join_push(&e->join, (uint32_t)at, (uint32_t)size, vocab->unknown);
    return STATUS_OK;
}

static enum status encode_part(struct encoder *e, const char *text, size_t at,
                               size_t end, struct error *err)
{
    const struct vocab *vocab = &e->parts->vocab;
    struct join_rule rule = { vocab->score ? by_score : by_rank, e->parts,
                              text };
    enum status status = join_reset(&e->join, end - at, err);

    while (status == STATUS_OK && at < end) {
        uint32_t code;
        size_t n = utf8_decode(&code, text + at, end - at);
        n += n == 0;             /* no UTF-8: a byte of its own */
        const int32_t id = vocab_find(vocab, text + at, n);
        if (id < 0 && !vocab->score)
            status = push_unknown(e, text, at, n, err);
        else
            join_push(&e->join, (uint32_t)at, (uint32_t)n, id);
        at += n;
    }
    if (status != STATUS_OK)
        return status;
    join_run(&e->join, &rule);
    return push_symbols(e, text, err);
}

enum status tokenizer_spm_word(void *encoder, const char *word, size_t size,
                               struct error *err)
{
    struct encoder *e = encoder;
    enum status status = STATUS_OK;

    if (e->parts->whole_words) {
        const int byte = vocab_byte_of(word, size);
        int32_t id = byte < 0 ? vocab_find(&e->parts->vocab, word, size)
                              : e->parts->vocab.byte_id[byte];
        if (id >= 0)
            return ids_push(e->ids, id, err);
    }
    for (size_t at = 0; at < size && status == STATUS_OK; ) {
        size_t end = e->parts->has_words ? word_end(word, at, size) : size;
        status = encode_part(e, word, at, end, err);
        at = end;
    }
    return status;
}
