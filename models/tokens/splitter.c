/* splitter.c - Hand each word that a step makes to the step behind it. */
#include "models/tokens/splitter.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "models/tokens/byte_level.h"
#include "models/tokens/utf8.h"

/* github.com/huggingface/tokenizers, src/pre_tokenizers/byte_level.rs and
 * digits.rs. */
const char splitter_gpt2[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|"
    "\\s+(?!\\S)|\\s+";
const char splitter_digit[] = "\\p{N}";
const char splitter_digits[] = "\\p{N}+";

enum status splitter_add(struct splitter *splitter, struct splitter_step step,
                         struct error *err)
{
    if (splitter->n < SPLITTER_STEPS) {
        splitter->step[splitter->n++] = step;
        return STATUS_OK;
    }
    pattern_free(step.pattern);
    return error_set(err, STATUS_BAD_VALUE, "more than %d steps",
                     SPLITTER_STEPS);
}

enum status splitter_add_pattern(struct splitter *splitter, const char *pattern,
                                 enum splitter_matches matches, bool invert,
                                 struct error *err)
{
    struct splitter_step step = { .kind = SPLITTER_CUT, .matches = matches,
                                  .invert = invert };
    enum status status = pattern_open(&step.pattern, pattern, err);

    return status == STATUS_OK ? splitter_add(splitter, step, err) : status;
}

void splitter_free(struct splitter *splitter)
{
    for (size_t i = 0; i < splitter->n; i++)
        pattern_free(splitter->step[i].pattern);
    *splitter = (struct splitter){ 0 };
}

struct cut {
    const struct splitter *splitter;
    splitter_word *word;
    void *user;
    struct matcher *matcher;
};

/* A part of the text: as it is, and as valid UTF-8 of the same size. */
struct piece {
    const char *text, *valid;
    size_t size;
    bool   first;
};

static enum status run_step(const struct cut *cut, size_t step,
                            const struct piece *piece, struct error *err);

/* [from, end) of a piece goes on to the next step. */
static enum status pass(const struct cut *cut, size_t step,
                        const struct piece *piece, size_t from, size_t end,
                        struct error *err)
{
    const struct piece part = { piece->text + from, piece->valid + from,
                                end - from, piece->first && from == 0 };

    return run_step(cut, step + 1, &part, err);
}

/* Cutting one piece by a pattern: what was found last waits until it is known
 * what follows. */
struct cutting {
    const struct cut *cut;
    size_t step;
    const struct piece *piece;
    bool   waits, match;         /* the last: there is one; it is a match */
    size_t from, end;
};

static enum status let_go(struct cutting *c, struct error *err)
{
    const bool waits = c->waits;

    c->waits = false;
    return waits ? pass(c->cut, c->step, c->piece, c->from, c->end, err)
                 : STATUS_OK;
}

/* The next match, or what lies between two. */
static enum status found_part(struct cutting *c, size_t from, size_t end,
                              bool match, struct error *err)
{
    const struct splitter_step *step = &c->cut->splitter->step[c->step];
    const enum splitter_matches matches = step->matches;

    match = match != step->invert;
    if (matches == SPLITTER_REMOVED && match)
        return let_go(c, err);
    const bool joins =
        c->waits &&
        ((matches == SPLITTER_CONTIGUOUS && match == c->match) ||
         (matches == SPLITTER_MERGED_PREVIOUS && match && !c->match) ||
         (matches == SPLITTER_MERGED_NEXT && !match && c->match));
    if (joins) {
        c->end = end;
        c->match = match;
        return STATUS_OK;
    }
    enum status status = let_go(c, err);
    c->waits = true;
    c->match = match;
    c->from = from;
    c->end = end;
    return status;
}

static size_t after(const char *text, size_t at, size_t end)
{
    uint32_t code;

    return at < end ? at + utf8_decode(&code, text + at, end - at) : end;
}

static enum status cut_piece(const struct cut *cut, size_t step,
                             const struct piece *piece, struct error *err)
{
    const struct pattern *pattern = cut->splitter->step[step].pattern;
    struct cutting c = { .cut = cut, .step = step, .piece = piece };
    enum status status = STATUS_OK;

    for (size_t at = 0, look = 0, found[2];
         at < piece->size && status == STATUS_OK; ) {
        status = matcher_find(found, cut->matcher, pattern, piece->valid,
                              piece->size, look, err);
        if (found[0] > piece->size)
            found[0] = found[1] = piece->size;
        if (status == STATUS_OK && found[1] == at) {
            look = after(piece->valid, at, piece->size);
            continue;            /* an empty match cuts once */
        }
        if (status == STATUS_OK && found[0] > at)
            status = found_part(&c, at, found[0], false, err);
        if (status == STATUS_OK && found[0] < piece->size)
            status = found_part(&c, found[0], found[1], true, err);
        at = look = found[1];
    }
    return status == STATUS_OK ? let_go(&c, err) : status;
}

/* The piece as `make` writes it; both of its texts. */
typedef size_t maker(char *out, const struct splitter_step *step,
                     const char *text, size_t size);

static size_t put_before(char *out, const struct splitter_step *step,
                         const char *text, size_t size)
{
    const size_t n = strlen(step->text);

    memcpy(out, step->text, n);
    memcpy(out + n, text, size);
    return n + size;
}

static size_t put_for_spaces(char *out, const struct splitter_step *step,
                             const char *text, size_t size)
{
    const size_t width = strlen(step->text);
    size_t n = 0;

    for (size_t i = 0; i < size; i++)
        if (text[i] == ' ') {
            memcpy(out + n, step->text, width);
            n += width;
        } else {
            out[n++] = text[i];
        }
    return n;
}

static size_t put_mapped(char *out, const struct splitter_step *step,
                         const char *text, size_t size)
{
    (void)step;
    return byte_level_spell(out, text, size);
}

static size_t put_unmapped(char *out, const struct splitter_step *step,
                           const char *text, size_t size)
{
    size_t n;

    (void)step;
    /* Every character of it is one that the map writes. */
    return byte_level_bytes(out, &n, text, size) ? n : 0;
}

/* Makers' bytes for a byte of text, at most. */
enum { GROWTH = 3, MOST_BEFORE = 3 };

static enum status change(const struct cut *cut, size_t step,
                          const struct piece *piece, maker *make, bool is_valid,
                          struct error *err)
{
    const struct splitter_step *s = &cut->splitter->step[step];
    const bool same = is_valid || piece->valid == piece->text;
    const size_t room = GROWTH * piece->size + MOST_BEFORE;
    char *made = malloc((same ? 1 : 2) * room);

    if (!made)
        return error_set(err, STATUS_NO_MEMORY, "a text of %zu bytes",
                         piece->size);
    struct piece next = { made, made, make(made, s, piece->text, piece->size),
                          piece->first };
    if (!same) {
        make(made + room, s, piece->valid, piece->size);
        next.valid = made + room;
    }
    enum status status = run_step(cut, step + 1, &next, err);
    free(made);
    return status;
}

static bool begins(const struct piece *piece, const char *text)
{
    const size_t n = strlen(text);

    return piece->size >= n && memcmp(piece->text, text, n) == 0;
}

/* Work on a piece by a step and those behind it. */
static enum status run_step(const struct cut *cut, size_t step,
                            const struct piece *piece, struct error *err)
{
    const struct splitter_step *s = &cut->splitter->step[step];

    if (piece->size == 0)
        return STATUS_OK;
    if (step == cut->splitter->n)
        return cut->word(cut->user, piece->text, piece->size, err);
    switch (s->kind) {
    case SPLITTER_CUT:
        return cut_piece(cut, step, piece, err);
    case SPLITTER_REPLACE:
        return change(cut, step, piece, put_for_spaces, false, err);
    case SPLITTER_MAP:
        return change(cut, step, piece, put_mapped, true, err);
    case SPLITTER_UNMAP:
        return change(cut, step, piece, put_unmapped, true, err);
    case SPLITTER_SPACE:
        break;
    }
    return begins(piece, s->text) || (s->first && !piece->first)
               ? pass(cut, step, piece, 0, piece->size, err)
               : change(cut, step, piece, put_before, false, err);
}

enum status splitter_cut(const struct splitter *splitter, const char *text,
                         size_t size, bool first, splitter_word *word,
                         void *user, struct error *err)
{
    struct cut cut = { .splitter = splitter, .word = word, .user = user };
    char *valid = splitter->n > 0 ? pattern_valid(text, size) : NULL;
    const struct piece piece = { text, valid, size, first };

    if (splitter->n == 0)
        return size > 0 ? word(user, text, size, err) : STATUS_OK;
    if (!valid) {
        error_set(err, STATUS_NO_MEMORY, "a text of %zu bytes", size);
        return STATUS_NO_MEMORY;
    }
    enum status status = matcher_open(&cut.matcher, size, err);
    if (status == STATUS_OK)
        status = run_step(&cut, 0, &piece, err);
    matcher_close(cut.matcher);
    free(valid);
    return status;
}
