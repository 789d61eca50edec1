/* tokenizer_file_spm.c - Read the fields of a SentencePiece model that say how it
 * encodes, by the wire format of protocol buffers: tag = field << 3 | type, type
 * 0 a varint, 1 eight bytes, 2 a length and so many bytes, 5 four bytes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/tokens/tokenizer_file.h"

/* A field: its number, and a number or bytes. */
struct field {
    uint64_t number, value;
    const unsigned char *bytes;
    size_t size;
};

/* The rest of a message. */
struct message {
    const unsigned char *at;
    size_t size;
    bool   bad;
};

static uint64_t next_varint(struct message *m)
{
    uint64_t value = 0;

    for (int shift = 0; shift < 64 && m->size > 0; shift += 7) {
        const unsigned char byte = *m->at++;
        m->size--;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    m->bad = true;
    return 0;
}

static bool next_field(struct field *field, struct message *m)
{
    static const size_t widths[8] = { [1] = 8, [5] = 4 };

    if (m->size == 0 || m->bad)
        return false;
    const uint64_t tag = next_varint(m);
    *field = (struct field){ .number = tag >> 3 };
    if ((tag & 7) == 0) {
        field->value = next_varint(m);
        return !m->bad;
    }
    const uint64_t size = (tag & 7) == 2 ? next_varint(m) : widths[tag & 7];
    m->bad |= size > m->size || ((tag & 7) != 2 && size == 0);
    if (m->bad)
        return false;
    field->bytes = m->at;
    field->size = (size_t)size;
    memcpy(&field->value, m->at, size < 8 ? (size_t)size : 8);
    m->at += size;
    m->size -= (size_t)size;
    return true;
}

static struct message inside(const struct field *field)
{
    return (struct message){ field->bytes, field->size, !field->bytes };
}

/* src/sentencepiece_model.proto of github.com/google/sentencepiece: the numbers
 * of the fields, with the values that they have when they are not there. */
struct settings {
    enum tokenizer_kind kind;    /* trainer_spec.model_type */
    bool suffix;                 /* trainer_spec.treat_whitespace_as_suffix */
    int64_t unknown, bos, eos;
    const unsigned char *map;    /* normalizer_spec.precompiled_charsmap */
    size_t map_size;
    bool prefix, squeeze, escape;
};
#define UNDERLINE "\xe2\x96\x81"
enum { PIECE = 1, TRAINER = 2, NORMALIZER = 3 };

static void read_trainer(struct settings *s, struct message *m)
{
    struct field f;

    while (next_field(&f, m)) {
        const int64_t number = (int32_t)f.value;
        if (f.number == 3)
            s->kind = f.value == 1 ? TOKENIZER_UNIGRAM :
                      f.value == 2 ? TOKENIZER_SPM : TOKENIZER_BYTES;
        else if (f.number == 24)
            s->suffix = f.value != 0;
        else if (f.number == 40)
            s->unknown = number;
        else if (f.number == 41)
            s->bos = number;
        else if (f.number == 42)
            s->eos = number;
    }
}

static void read_normalizer(struct settings *s, struct message *m)
{
    struct field f;

    while (next_field(&f, m))
        if (f.number == 2) {
            s->map = f.bytes;
            s->map_size = f.size;
        } else if (f.number == 3) {
            s->prefix = f.value != 0;
        } else if (f.number == 4) {
            s->squeeze = f.value != 0;
        } else if (f.number == 5) {
            s->escape = f.value != 0;
        }
}

/* Sizes and settings; of the pieces their number and bytes. */
static bool read_settings(struct settings *s, size_t *n, size_t *bytes,
                          struct message m)
{
    struct field f;

    *n = *bytes = 0;
    while (next_field(&f, &m)) {
        struct message part = inside(&f);
        if (f.number == PIECE) {
            ++*n;
            *bytes += f.size;
        } else if (f.number == TRAINER) {
            read_trainer(s, &part);
        } else if (f.number == NORMALIZER) {
            read_normalizer(s, &part);
        }
        if (part.bad && f.number <= NORMALIZER)
            return false;
    }
    return !m.bad;
}

/* normal, unknown, control, user defined, unused, byte. */
static const enum vocab_role roles[] = {
    [1] = VOCAB_NORMAL, [2] = VOCAB_SPECIAL, [3] = VOCAB_SPECIAL,
    [4] = VOCAB_ADDED, [5] = VOCAB_NEVER, [6] = VOCAB_BYTE,
};
enum { ROLES = sizeof roles / sizeof *roles };

static enum status read_piece(struct tokenizer_parts *parts, struct message m,
                              const char *name, struct error *err)
{
    struct vocab *vocab = &parts->vocab;
    struct field f;
    const char *text = "";
    size_t size = 0;
    uint64_t type = 1;
    float score = 0;

    while (next_field(&f, &m))
        if (f.number == 1 && f.bytes) {
            text = (const char *)f.bytes;
            size = f.size;
        } else if (f.number == 2) {
            memcpy(&score, &f.value, sizeof score);
        } else if (f.number == 3) {
            type = f.value;
        }
    if (m.bad || isnan(score) || type < 1 || type >= ROLES)
        return tokenizer_bad(err, name, "pieces", "piece %d has no text, score"
                             " and type", vocab->n);
    vocab->score[vocab->n] = (double)score;
    return tokenizer_add(parts, text, size, roles[type], name, "pieces", err);
}

static enum status read_pieces(struct tokenizer_parts *parts, struct message m,
                               size_t n, size_t bytes, const char *name,
                               struct error *err)
{
    enum status status = vocab_create(&parts->vocab, n, bytes, true, err);
    struct field f;

    while (status == STATUS_OK && next_field(&f, &m))
        if (f.number == PIECE)
            status = read_piece(parts, inside(&f), name, err);
    return status;
}

static enum status add_replace(struct tokenizer_parts *parts, const char *regex,
                               const char *by, struct error *err)
{
    struct normal_step step = { .kind = NORMAL_REPLACE, .text = strdup(by),
                                .size = strlen(by) };
    enum status status = step.text ? pattern_open(&step.pattern, regex, err)
                                   : error_set(err, STATUS_NO_MEMORY,
                                               "a normalizer");
    if (status == STATUS_OK)
        return normalizer_add(&parts->normalizer, step, err);
    free(step.text);
    return status;
}

static enum status add_map(struct tokenizer_parts *parts,
                           const struct settings *s, const char *name,
                           struct error *err)
{
    struct normal_step map = { .kind = NORMAL_CHARSMAP };
    struct error why = { STATUS_OK, "" };

    if (s->map_size == 0)
        return STATUS_OK;
    enum status status = charsmap_open(&map.map, s->map, s->map_size, &why);
    status = tokenizer_blame(status, &why, name,
                             "normalizer_spec.precompiled_charsmap", err);
    return status == STATUS_OK ? normalizer_add(&parts->normalizer, map, err)
                               : status;
}

/* Where runs of spaces stay, a text that the map takes away whole still has the
 * space before it; where they go, so does that. */
static enum status add_normalizer(struct tokenizer_parts *parts,
                                  const struct settings *s, const char *name,
                                  struct error *err)
{
    enum status status = STATUS_OK;

    if (!s->squeeze) {
        if ((status = tokenizer_add_prefix(parts, s->prefix, err)) ||
            (status = add_map(parts, s, name, err)))
            return status;
        return tokenizer_add_underline(parts, err);
    }
    if ((status = add_map(parts, s, name, err)) ||
        (status = add_replace(parts, "\\A +| +\\z", "", err)) ||
        (status = add_replace(parts, " {2,}", " ", err)) ||
        (status = tokenizer_add_prefix(parts, s->prefix, err)) ||
        (status = tokenizer_add_underline(parts, err)))
        return status;
    return add_replace(parts, "(?:" UNDERLINE ")+\\z", "", err);
}

/* User-defined symbols are taken out of the normalised text first; a unigram
 * model weighs them against the others instead. */
static enum status add_symbols(struct tokenizer_parts *parts, const char *name,
                               struct error *err)
{
    const struct vocab *vocab = &parts->vocab;

    for (int32_t id = 0; id < vocab->n; id++)
        if (vocab->role[id] == VOCAB_ADDED && parts->kind == TOKENIZER_UNIGRAM)
            return tokenizer_bad(err, name, "pieces", "piece %d is defined by"
                                 " the user: not supported in a unigram model",
                                 id);
    return tokenizer_add_added(parts, true, name, "pieces", err);
}

static int32_t id_of(const struct vocab *vocab, int64_t id)
{
    return id >= 0 && id < vocab->n ? (int32_t)id : -1;
}

enum status tokenizer_read_spm(struct tokenizer_parts *parts,
                               const unsigned char *bytes, size_t size,
                               const char *name, int32_t n_vocab,
                               struct error *err)
{
    const struct message file = { bytes, size, false };
    struct settings s = { .kind = TOKENIZER_UNIGRAM, .bos = 1, .eos = 2,
                          .prefix = true, .squeeze = true, .escape = true };
    size_t n, room;

    *parts = (struct tokenizer_parts){ .underline = true,
                                       .fuse_unknown = true, .narrow = true };
    if (!read_settings(&s, &n, &room, file) || n == 0)
        return tokenizer_bad(err, name, NULL, "is no model of SentencePiece");
    if (s.kind == TOKENIZER_BYTES)
        return tokenizer_bad(err, name, "trainer_spec.model_type", "only unigram"
                             " and bpe are read");
    if (s.suffix || !s.escape)
        return tokenizer_bad(err, name, s.suffix ?
                             "trainer_spec.treat_whitespace_as_suffix" :
                             "normalizer_spec.escape_whitespaces",
                             "is not supported as it is set here");
    parts->kind = s.kind;
    enum status status = read_pieces(parts, file, n, room, name, err);
    if (status == STATUS_OK) {
        parts->vocab.unknown = id_of(&parts->vocab, s.unknown);
        parts->vocab.bos = id_of(&parts->vocab, s.bos);
        parts->vocab.eos = id_of(&parts->vocab, s.eos);
        parts->begins = s.kind == TOKENIZER_SPM && parts->vocab.bos >= 0;
        status = add_normalizer(parts, &s, name, err);
    }
    if (status == STATUS_OK)
        status = tokenizer_index(parts, n_vocab, name, "pieces", err);
    if (status == STATUS_OK)
        status = add_symbols(parts, name, err);
    if (status != STATUS_OK)
        tokenizer_parts_free(parts);
    return status;
}
