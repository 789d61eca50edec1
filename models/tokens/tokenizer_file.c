/* tokenizer_file.c - Give the readers of tokenizer files what they share: the
 * message of an error, tokens and merges as files spell them. */
#include "models/tokens/tokenizer_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "models/tokens/byte_level.h"
#include "models/tokens/tokenizer_spm.h"

#define UNDERLINE "\xe2\x96\x81"

enum status tokenizer_bad(struct error *err, const char *name,
                          const char *key, const char *format, ...)
{
    char what[256];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    error_set(err, STATUS_BAD_FORMAT, "%.160s: %s%s%s", name, key ? key : "",
              key ? ": " : "", what);
    error_make_printable(err);
    return STATUS_BAD_FORMAT;
}

/* U+2581 to space; the result is never longer. */
static size_t plain_spaces(char *out, const char *text, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < size; i++)
        if (text[i] == *UNDERLINE && size - i >= 3 &&
            memcmp(text + i, UNDERLINE, 3) == 0) {
            out[n++] = ' ';
            i += 2;
        } else {
            out[n++] = text[i];
        }
    return n;
}

enum status tokenizer_add(struct tokenizer_parts *parts, const char *text,
                          size_t size, enum vocab_role role, const char *name,
                          const char *key, struct error *err)
{
    struct vocab *vocab = &parts->vocab;
    char *out = vocab->bytes + vocab->at[vocab->n];
    size_t n;

    if (role == VOCAB_BYTE) {
        int byte = vocab_byte_of(text, size);
        if (byte < 0)
            return tokenizer_bad(err, name, key, "token %d, %.32s, is to be a"
                                 " byte: those are spelled <0xAB>", vocab->n,
                                 size < 32 ? text : "a long text");
        out[0] = (char)byte;
        vocab_add(vocab, out, 1, role);
    } else if (parts->kind == TOKENIZER_BPE && role == VOCAB_NORMAL) {
        if (byte_level_bytes(out, &n, text, size))
            vocab_add(vocab, out, n, role);
        else                     /* no word has it: it is not for text */
            vocab_add(vocab, text, size, VOCAB_NEVER);
    } else if (parts->underline && role == VOCAB_NORMAL &&
               memchr(text, ' ', size)) {
        vocab_add(vocab, text, size, VOCAB_NEVER);   /* texts have none left */
    } else if (parts->underline && role != VOCAB_SPECIAL) {
        n = plain_spaces(out, text, size);
        vocab_add(vocab, out, n, role);
    } else {
        vocab_add(vocab, text, size, role);
    }
    return STATUS_OK;
}

/* The token that a merge makes or takes: merges may spell a byte's. */
static int32_t find_token(const struct vocab *vocab, const char *text,
                          size_t size)
{
    const int32_t id = vocab_find(vocab, text, size);
    const int byte = id < 0 ? vocab_byte_of(text, size) : -1;

    if (byte < 0)
        return id;
    const int32_t spelled = vocab->byte_id[byte];
    return spelled >= 0 && vocab->role[spelled] == VOCAB_BYTE ? spelled : -1;
}

/* The id of a merge's part, spelled as in the vocabulary; scratch[size + 1]. */
static int32_t find_part(const struct tokenizer_parts *parts, char *scratch,
                         size_t *n, const char *text, size_t size)
{
    if (parts->kind == TOKENIZER_BPE) {
        if (!byte_level_bytes(scratch, n, text, size))
            return -1;
    } else if (parts->underline) {
        *n = plain_spaces(scratch, text, size);
    } else {
        memcpy(scratch, text, size);
        *n = size;
    }
    return find_token(&parts->vocab, scratch, *n);
}

enum status tokenizer_add_merge(struct tokenizer_parts *parts,
                                const char *left, size_t left_size,
                                const char *right, size_t right_size,
                                const char *name, const char *key,
                                struct error *err)
{
    size_t n_left, n_right, i = parts->merges.n;
    /* Bytes of a part; the longest in wide use are runs of some 100 blanks. */
    enum { LONGEST = 4096 };
    char scratch[2 * LONGEST];

    if (left_size > LONGEST || right_size > LONGEST)
        return tokenizer_bad(err, name, key, "merge %zu joins %zu and %zu"
                             " bytes: the limit is %d", i, left_size,
                             right_size, LONGEST);
    int32_t a = find_part(parts, scratch, &n_left, left, left_size);
    int32_t b = a < 0 ? -1 : find_part(parts, scratch + n_left, &n_right,
                                       right, right_size);
    if (a < 0 || b < 0)
        return tokenizer_bad(err, name, key, "merge %zu: its %s part is no"
                             " token", i, a < 0 ? "left" : "right");
    int32_t id = find_token(&parts->vocab, scratch, n_left + n_right);
    if (id < 0)
        return tokenizer_bad(err, name, key, "merge %zu of tokens %d and %d"
                             " gives no token", i, a, b);
    if (!merges_add(&parts->merges, a, b, id))
        return tokenizer_bad(err, name, key, "merge %zu of tokens %d and %d"
                             " is there twice", i, a, b);
    return STATUS_OK;
}

enum status tokenizer_add_pattern(struct tokenizer_parts *parts,
                                  const char *pattern, const char *name,
                                  const char *key, struct error *err)
{
    struct error why = { STATUS_OK, "" };

    return tokenizer_blame(splitter_add_pattern(&parts->splitter, pattern,
                                                SPLITTER_ISOLATED, false, &why),
                           &why, name, key, err);
}

enum status tokenizer_blame(enum status status, const struct error *why,
                            const char *name, const char *key,
                            struct error *err)
{
    if (status == STATUS_OK)
        return STATUS_OK;
    if (status == STATUS_NO_MEMORY)
        return error_set(err, status, "%s", why->text);
    return tokenizer_bad(err, name, key, "%s", why->text);
}

/* A normalizer's step of a text. */
static enum status add_text(struct tokenizer_parts *parts,
                            enum normal_kind kind, const char *text,
                            struct error *err)
{
    const struct normal_step step = { .kind = kind, .text = strdup(text),
                                      .size = strlen(text) };

    return step.text ? normalizer_add(&parts->normalizer, step, err)
                     : error_set(err, STATUS_NO_MEMORY, "a normalizer");
}

enum status tokenizer_add_prefix(struct tokenizer_parts *parts, bool prefix,
                                 struct error *err)
{
    parts->spaced = prefix;
    return prefix ? add_text(parts, NORMAL_PREPEND, " ", err) : STATUS_OK;
}

enum status tokenizer_add_underline(struct tokenizer_parts *parts,
                                    struct error *err)
{
    parts->underline = true;
    return add_text(parts, NORMAL_REPLACE, UNDERLINE, err);
}

/* The token is one of the added ones of that place. */
static bool is_at(int place, const struct vocab *vocab, int32_t id,
                  bool normalised)
{
    const uint8_t role = vocab->role[id];

    return (role == VOCAB_SPECIAL && place == 0) ||
           (role == VOCAB_ADDED && place == normalised);
}

/* Spaces to U+2581, into out[3 * size]. */
static size_t underlined(char *out, const char *text, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < size; i++)
        if (text[i] != ' ')
            out[n++] = text[i];
        else
            for (const char *c = UNDERLINE; *c; c++)
                out[n++] = *c;
    return n;
}

static enum status add_to(struct tokenizer_parts *parts, int place,
                          bool normalised, struct error *err)
{
    const struct vocab *vocab = &parts->vocab;
    const size_t width = place == 1 && parts->underline ? 3 : 1;
    struct added *added = &parts->added[place];
    size_t n = 0, bytes = 0;

    for (int32_t id = 0; id < vocab->n; id++)
        if (is_at(place, vocab, id, normalised)) {
            n++;
            bytes += width * vocab_size_of(vocab, id);
        }
    if (n == 0)
        return STATUS_OK;
    enum status status = added_create(added, n, bytes, err);
    for (int32_t id = 0; (size_t)added->pattern.n < n && status == STATUS_OK;
         id++) {
        const char *text = vocab->bytes + vocab->at[id];
        size_t size = vocab_size_of(vocab, id);
        char *room = added->pattern.bytes + added->pattern.at[added->pattern.n];
        if (!is_at(place, vocab, id, normalised))
            continue;
        if (width == 3) {
            size = underlined(room, text, size);
            text = room;
        }
        added_put(added, text, size, (struct added_token){
            .id = id, .special = vocab->role[id] == VOCAB_SPECIAL });
    }
    return status;
}

enum status tokenizer_add_added(struct tokenizer_parts *parts, bool normalised,
                                const char *name, const char *key,
                                struct error *err)
{
    enum status status = STATUS_OK;
    int32_t twice[2];

    for (int place = 0; place < 2 && status == STATUS_OK; place++) {
        const struct added *added = &parts->added[place];
        status = add_to(parts, place, normalised, err);
        if (status == STATUS_OK && !added_index(&parts->added[place], twice))
            status = tokenizer_bad(err, name, key, "tokens %d and %d are the"
                                   " same", added->token[twice[0]].id,
                                   added->token[twice[1]].id);
    }
    return status;
}

enum status tokenizer_index(struct tokenizer_parts *parts, int32_t n_vocab,
                            const char *name, const char *key,
                            struct error *err)
{
    struct vocab *vocab = &parts->vocab;
    int32_t twice[2];

    parts->n_model = n_vocab;
    if (!vocab_index(vocab, twice))
        return tokenizer_bad(err, name, key, "tokens %d and %d are the same",
                             twice[0], twice[1]);
    if (parts->kind == TOKENIZER_BPE)
        for (int byte = 0; byte < 256; byte++) {
            char c = (char)byte;
            vocab->byte_id[byte] = vocab_find(vocab, &c, 1);
        }
    parts->has_words = parts->kind == TOKENIZER_SPM &&
                       tokenizer_spm_has_words(vocab);
    return STATUS_OK;
}
