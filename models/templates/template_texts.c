/* template_texts.c - Do what templates ask of texts, in code points as Python has them. */
#include "models/templates/template_inside.h"

#include <stdlib.h>
#include <string.h>

/* The byte at which code point i begins, or the text's end. */
static size_t byte_of(const char *text, size_t size, size_t from, size_t i)
{
    size_t at = from;

    for (; at < size && i > 0; i--)
        do
            at++;
        while (at < size && ((unsigned char)text[at] & 0xc0) == 0x80);
    return at;
}

size_t text_length(const json_t *text)
{
    const char *bytes = json_string_value(text);
    size_t n = 0;

    for (size_t i = 0; i < json_string_length(text); i++)
        n += ((unsigned char)bytes[i] & 0xc0) != 0x80;
    return n;
}

json_t *text_part(struct run *run, const json_t *text, size_t from, size_t to)
{
    const char *bytes = json_string_value(text);
    const size_t size = json_string_length(text);
    const size_t first = byte_of(bytes, size, 0, from);
    const size_t last = byte_of(bytes, size, first, to - from);

    return run_step(run, (int64_t)(last / 64))
               ? run_text(run, bytes + first, last - first) : NULL;
}

/* ---- blanks at the ends ---- */

/* Bytes of the blank that begins at `at`, as str.isspace() of Python has it; 0:
 * none does. */
static size_t blank_at(const unsigned char *at, size_t size)
{
    static const char *const wide[] = {
        "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80", "\xe2\x80\xa8", "\xe2\x80\xa9",
        "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
    };

    if (size > 0 && ((*at >= '\t' && *at <= '\r') || *at == ' ' ||
                     (*at >= 0x1c && *at <= 0x1f)))
        return 1;
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        if (size >= strlen(wide[i]) &&
            memcmp(at, wide[i], strlen(wide[i])) == 0)
            return strlen(wide[i]);
    return size >= 3 && memcmp(at, "\xe2\x80", 2) == 0 && at[2] >= 0x80 &&
                   at[2] <= 0x8a ? 3 : 0;
}

/* Bytes of the first code point that is one of `set`, or without one a blank. */
static size_t taken_at(const char *at, size_t size, const json_t *set)
{
    const size_t n = byte_of(at, size, 0, 1);

    if (!set)
        return blank_at((const unsigned char *)at, size);
    return n > 0 && memmem(json_string_value(set), json_string_length(set), at,
                           n) ? n : 0;
}

static json_t *stripped(struct run *run, const struct arguments *a, bool left,
                        bool right)
{
    const json_t *set = a->n > 0 && !json_is_null(a->at[0]) ? a->at[0] : NULL;
    const char *text = json_string_value(a->of);
    size_t size = json_string_length(a->of), n;

    if (!json_is_string(a->of) || (set && !json_is_string(set)))
        return run_fail(run, "what is stripped must be a text", NULL);
    while (left && (n = taken_at(text, size, set)) > 0) {
        text += n;
        size -= n;
    }
    while (right && size > 0) {
        size_t last = size - 1;
        while (last > 0 && ((unsigned char)text[last] & 0xc0) == 0x80)
            last--;
        if (taken_at(text + last, size - last, set) != size - last)
            break;
        size = last;
    }
    return run_text(run, text, size);
}

json_t *text_strip(struct run *run, const struct arguments *a)
{
    return stripped(run, a, true, true);
}

json_t *text_lstrip(struct run *run, const struct arguments *a)
{
    return stripped(run, a, true, false);
}

json_t *text_rstrip(struct run *run, const struct arguments *a)
{
    return stripped(run, a, false, true);
}

/* The filter takes whatever prints as a text. */
json_t *text_trim(struct run *run, const struct arguments *a)
{
    struct arguments text = *a;
    struct bytes bytes = { NULL, 0, 0 };

    if (json_is_string(a->of))
        return text_strip(run, a);
    bytes_add_value(run, &bytes, a->of);
    text.of = run_text(run, bytes.at ? bytes.at : "", bytes.n);
    json_t *out = text.of ? text_strip(run, &text) : NULL;
    json_decref(text.of);
    free(bytes.at);
    return out;
}

/* ---- letters ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

enum letters { LETTERS_UPPER, LETTERS_LOWER, LETTERS_TITLE, LETTERS_CAPITAL };

static json_t *lettered(struct run *run, const struct arguments *a,
                        enum letters how)
{
    const size_t n = json_string_length(a->of);
    const char *from = json_string_value(a->of);

    if (!json_is_string(a->of))
        return run_fail(run, "letters are those of a text", NULL);
    char *bytes = malloc(n + 1);
    if (!bytes)
        return run_made(run, NULL);
    for (size_t i = 0; i < n; i++) {
        const bool first = how == LETTERS_CAPITAL ? i == 0
                           : i == 0 || !is_letter(from[i - 1]);
        if ((unsigned char)from[i] >= 0x80)
            run_fail(run, "not known: other letters than ASCII's", NULL);
        bytes[i] = how == LETTERS_UPPER || (how > LETTERS_LOWER && first)
                       ? upper(from[i]) : lower(from[i]);
    }
    json_t *out = run->status == STATUS_OK ? run_text(run, bytes, n) : NULL;
    free(bytes);
    return out;
}

json_t *text_upper(struct run *run, const struct arguments *a)
{
    return lettered(run, a, LETTERS_UPPER);
}

json_t *text_lower(struct run *run, const struct arguments *a)
{
    return lettered(run, a, LETTERS_LOWER);
}

json_t *text_title(struct run *run, const struct arguments *a)
{
    return lettered(run, a, LETTERS_TITLE);
}

json_t *text_capitalize(struct run *run, const struct arguments *a)
{
    return lettered(run, a, LETTERS_CAPITAL);
}

/* ---- parts ---- */

/* The next `what` in text[from..size); size: there is none. */
static size_t find(const char *text, size_t size, size_t from,
                   const json_t *what)
{
    const char *at = memmem(text + from, size - from, json_string_value(what),
                            json_string_length(what));

    return at ? (size_t)(at - text) : size;
}

static bool takes_texts(struct run *run, const struct arguments *a, int n)
{
    bool good = json_is_string(a->of) && a->n == n && !a->named;

    for (int i = 0; i < n && good; i++)
        good = json_is_string(a->at[i]) &&
               (i > 0 || json_string_length(a->at[i]) > 0);
    if (!good)
        run_fail(run, "not known: a text's method with such arguments", NULL);
    return good;
}

json_t *text_replace(struct run *run, const struct arguments *a)
{
    const char *text = json_string_value(a->of);
    const size_t size = json_string_length(a->of);
    struct bytes out = { NULL, 0, 0 };

    if (!takes_texts(run, a, 2))
        return NULL;
    for (size_t at = 0; at < size && run_step(run, 1);) {
        const size_t next = find(text, size, at, a->at[0]);
        bytes_add(run, &out, text + at, next - at);
        at = next;
        if (next == size)
            break;
        bytes_add_value(run, &out, a->at[1]);
        at += json_string_length(a->at[0]);
    }
    json_t *value = run->status == STATUS_OK
                        ? run_text(run, out.at ? out.at : "", out.n) : NULL;
    free(out.at);
    return value;
}

/* By a text; at blanks, which Python does without one, is not known. */
json_t *text_split(struct run *run, const struct arguments *a)
{
    const char *text = json_string_value(a->of);
    const size_t size = json_string_length(a->of);
    const bool limited = a->n == 2 && json_is_integer(a->at[1]);
    json_int_t left = limited ? json_integer_value(a->at[1]) : -1;
    struct arguments by = *a;

    by.n -= limited;
    if (!takes_texts(run, &by, 1))
        return NULL;
    json_t *out = run_made(run, json_array());
    for (size_t at = 0; run_step(run, 1);) {
        const size_t next = left == 0 ? size : find(text, size, at, a->at[0]);
        run_append(run, out, run_text(run, text + at, next - at));
        if (next == size)
            break;
        left -= left > 0;
        at = next + json_string_length(a->at[0]);
    }
    return out;
}

json_t *text_startswith(struct run *run, const struct arguments *a)
{
    if (!takes_texts(run, a, 1))
        return NULL;
    const size_t n = json_string_length(a->at[0]);
    return json_boolean(n <= json_string_length(a->of) &&
                        memcmp(json_string_value(a->of),
                               json_string_value(a->at[0]), n) == 0);
}

json_t *text_endswith(struct run *run, const struct arguments *a)
{
    if (!takes_texts(run, a, 1))
        return NULL;
    const size_t n = json_string_length(a->at[0]);
    const size_t size = json_string_length(a->of);
    return json_boolean(n <= size &&
                        memcmp(json_string_value(a->of) + size - n,
                               json_string_value(a->at[0]), n) == 0);
}
