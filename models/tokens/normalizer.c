/* normalizer.c - Run the steps, each into a text of its own. */
#include "models/tokens/normalizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "sim/core/base/file.h"

static void step_free(struct normal_step *step)
{
    pattern_free(step->pattern);
    charsmap_free(&step->map);
    free(step->text);
}

enum status normalizer_add(struct normalizer *normalizer,
                           struct normal_step step, struct error *err)
{
    if (normalizer->n < NORMALIZER_STEPS) {
        normalizer->step[normalizer->n++] = step;
        return STATUS_OK;
    }
    step_free(&step);
    return error_set(err, STATUS_BAD_VALUE, "more than %d steps",
                     NORMALIZER_STEPS);
}

void normalizer_free(struct normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->n; i++)
        step_free(&normalizer->step[i]);
    *normalizer = (struct normalizer){ 0 };
}

/* A text that grows. */
struct made {
    FILE  *file;
    char  *text;
    size_t n;
};

static enum status made_open(struct made *made, struct error *err)
{
    made->file = file_open_text(&made->text, &made->n);
    return made->file ? STATUS_OK
                      : error_set(err, STATUS_NO_MEMORY, "a normalised text");
}

static enum status made_close(struct made *made, enum status status, char **out,
                              size_t *n, struct error *err)
{
    if (!file_close_text(made->file, &made->text) && status == STATUS_OK) {
        status = STATUS_NO_MEMORY;
        error_set(err, status, "a normalised text");
    }
    if (status == STATUS_OK) {
        *out = made->text;
        *n = made->n;
    } else {
        free(made->text);
    }
    return status;
}

/* text[size] with `size` more bytes before it, or none: the caller's. */
static char *copy_behind(const char *before, size_t n_before, const char *text,
                         size_t size, struct error *err)
{
    char *copy = malloc(n_before + size + 1);

    if (!copy) {
        error_set(err, STATUS_NO_MEMORY, "a text of %zu bytes", size);
        return NULL;
    }
    memcpy(copy, before, n_before);
    memcpy(copy + n_before, text, size);
    return copy;
}

static enum status replace_spaces(const struct normal_step *step, char **out,
                                  size_t *n, const char *text, size_t size,
                                  struct error *err)
{
    size_t spaces = 0;

    for (size_t i = 0; i < size; i++)
        spaces += text[i] == ' ';
    *out = malloc(size + spaces * step->size + 1);
    *n = 0;
    if (!*out)
        return error_set(err, STATUS_NO_MEMORY, "a text of %zu bytes", size);
    for (size_t i = 0; i < size; i++)
        if (text[i] == ' ') {
            memcpy(*out + *n, step->text, step->size);
            *n += step->size;
        } else {
            (*out)[(*n)++] = text[i];
        }
    return STATUS_OK;
}

static size_t character(const char *text, size_t at, size_t size)
{
    uint32_t code;
    const size_t n = at < size ? utf8_decode(&code, text + at, size - at) : 0;

    return n ? n : at < size;
}

/* Matches are looked for in `valid`, text is copied from `text`.  As Oniguruma's
 * iterator has it, an empty match where the last one ended is none, and a text
 * that is empty has none. */
static enum status write_replaced(const struct normal_step *step, FILE *file,
                                  struct matcher *matcher, const char *valid,
                                  const char *text, size_t size,
                                  struct error *err)
{
    enum status status = STATUS_OK;
    size_t found[2], at = 0, look = 0;
    bool any = false;

    while (size > 0 && look <= size) {
        status = matcher_find(found, matcher, step->pattern, valid, size, look,
                              err);
        if (status != STATUS_OK || found[0] > size)
            break;
        if (any && found[1] == at) {
            look = at < size ? at + character(valid, at, size) : size + 1;
            continue;
        }
        fwrite(text + at, 1, found[0] - at, file);
        fwrite(step->text, 1, step->size, file);
        at = look = found[1];
        any = true;
    }
    fwrite(text + at, 1, size - at, file);
    return status;
}

static enum status run_replace(const struct normal_step *step, char **out,
                               size_t *n, const char *text, size_t size,
                               struct error *err)
{
    struct made made = { 0 };
    struct matcher *matcher = NULL;

    if (!step->pattern)
        return replace_spaces(step, out, n, text, size, err);
    char *valid = pattern_valid(text, size);
    enum status status = valid ? matcher_open(&matcher, size, err)
                               : error_set(err, STATUS_NO_MEMORY, "a text");
    if (status == STATUS_OK)
        status = made_open(&made, err);
    if (status == STATUS_OK) {
        status = write_replaced(step, made.file, matcher, valid, text, size,
                                err);
        status = made_close(&made, status, out, n, err);
    }
    matcher_close(matcher);
    free(valid);
    return status;
}

static enum status run_form(const struct normal_step *step, char **out,
                            size_t *n, const char *text, size_t size,
                            struct error *err)
{
    return utf8_normalise(out, n, text, size, step->form, err);
}

static enum status run_prepend(const struct normal_step *step, char **out,
                               size_t *n, const char *text, size_t size,
                               struct error *err)
{
    const size_t before = size > 0 ? step->size : 0;

    *out = copy_behind(step->text, before, text, size, err);
    *n = before + size;
    return *out ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status run_strip(const struct normal_step *step, char **out,
                             size_t *n, const char *text, size_t size,
                             struct error *err)
{
    size_t from = 0, end = 0;
    uint32_t code;

    for (size_t at = 0, bytes; at < size; at += bytes) {
        const bool space = (bytes = utf8_decode(&code, text + at, size - at)) &&
                           utf8_is_space(code);
        bytes += bytes == 0;
        if (!space || !step->right)
            end = at + bytes;
        if (space && step->left && from == at)
            from = at + bytes;
    }
    *n = end > from ? end - from : 0;
    *out = copy_behind("", 0, text + from, *n, err);
    return *out ? STATUS_OK : STATUS_NO_MEMORY;
}

/* The end of the grapheme that begins at `at`. */
static size_t grapheme(const char *text, size_t at, size_t size)
{
    uint32_t code, next;
    utf8proc_int32_t state = 0;
    size_t n = utf8_decode(&code, text + at, size - at);

    if (n == 0)
        return at + 1;
    for (at += n; at < size; at += n, code = next) {
        n = utf8_decode(&next, text + at, size - at);
        if (n == 0 || utf8proc_grapheme_break_stateful(
                          (utf8proc_int32_t)code, (utf8proc_int32_t)next,
                          &state))
            break;
    }
    return at;
}

/* As spm_precompiled of github.com/huggingface does it: a grapheme of fewer than
 * 6 bytes by the shortest entry that it begins with, else each of its
 * characters so. */
static void write_graphemes(const struct charsmap *map, FILE *file,
                            const char *text, size_t size)
{
    enum { LONG = 6 };

    for (size_t at = 0, end, n; at < size; at = end) {
        end = grapheme(text, at, size);
        const char *by = end - at < LONG
                             ? charsmap_find(map, text + at, end - at, false,
                                             &n) : NULL;
        if (by)
            fputs(by, file);
        for (; !by && at < end; at += n) {
            size_t used;
            n = character(text, at, end);
            const char *instead = charsmap_find(map, text + at, n, false,
                                                &used);
            if (instead)
                fputs(instead, file);
            else
                fwrite(text + at, 1, n, file);
        }
    }
}

/* As SentencePiece does it: the longest entry, wherever it begins. */
static void write_longest(const struct charsmap *map, FILE *file,
                          const char *text, size_t size)
{
    for (size_t at = 0, n; at < size; at += n) {
        const char *by = charsmap_find(map, text + at, size - at, true, &n);
        if (by) {
            fputs(by, file);
        } else {
            n = character(text, at, size);
            fwrite(text + at, 1, n, file);
        }
    }
}

static enum status run_charsmap(const struct normal_step *step, char **out,
                                size_t *n, const char *text, size_t size,
                                struct error *err)
{
    struct made made = { 0 };
    enum status status = made_open(&made, err);

    if (status != STATUS_OK)
        return status;
    (step->graphemes ? write_graphemes : write_longest)(&step->map, made.file,
                                                        text, size);
    return made_close(&made, status, out, n, err);
}

static enum status (*const runs[])(const struct normal_step *step, char **out,
                                   size_t *n, const char *text, size_t size,
                                   struct error *err) = {
    [NORMAL_FORM] = run_form, [NORMAL_REPLACE] = run_replace,
    [NORMAL_PREPEND] = run_prepend, [NORMAL_STRIP] = run_strip,
    [NORMAL_CHARSMAP] = run_charsmap,
};

enum status normalizer_run(const struct normalizer *normalizer, char **out,
                           size_t *n, const char *text, size_t size,
                           struct error *err)
{
    enum status status = STATUS_OK;
    char *last = NULL;

    *out = NULL;
    for (size_t i = 0; i < normalizer->n && status == STATUS_OK; i++) {
        const struct normal_step *step = &normalizer->step[i];
        char *made = NULL;
        status = runs[step->kind](step, &made, n, text, size, err);
        free(last);
        text = last = made;
        size = *n;
    }
    if (normalizer->n == 0) {
        last = copy_behind("", 0, text, size, err);
        *n = size;
        status = last ? STATUS_OK : STATUS_NO_MEMORY;
    }
    *out = last;
    return status;
}
