/* oniguruma.c - Copy a pattern construct by construct, and replace or refuse
 * those that PCRE2 would read in another way. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "models/tokens/oniguruma.h"

#include <ctype.h>
#include <pcre2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/file.h"

/* Word characters: UTS #18, annex C.  Outside brackets Oniguruma asks a table
 * of Latin-1 first (src/unicode.c), which has superscripts and fractions. */
#define CLASS "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"
#define WORD  CLASS "\\xb2\\xb3\\xb9\\xbc-\\xbe"
#define HEX   "0-9A-Fa-f"

/* Escapes by letter.  Those that are not here, or have no spelling within a
 * bracketed class, are refused. */
static const struct escape {
    char letter;
    const char *outside, *within;
} escapes[] = {
    /* PCRE2's \s has U+180E too, which is no White_Space since Unicode 6.3. */
    { 's', "\\p{White_Space}", "\\p{White_Space}" },
    { 'S', "\\P{White_Space}", "\\P{White_Space}" },
    { 'd', "\\p{Nd}", "\\p{Nd}" },
    { 'D', "\\P{Nd}", "\\P{Nd}" },
    { 'w', "[" WORD "]", CLASS },
    { 'W', "[^" WORD "]", NULL },
    { 'h', "[" HEX "]", HEX },
    { 'H', "[^" HEX "]", NULL },
    { 'v', "\\x0b", "\\x0b" },
    { 'b', "(?:(?<=[" WORD "])(?![" WORD "])|(?<![" WORD "])(?=[" WORD "]))",
      "\\x08" },
    { 'B', "(?:(?<=[" WORD "])(?=[" WORD "])|(?<![" WORD "])(?![" WORD "]))",
      NULL },
    { 'n', "\\n", "\\n" }, { 'r', "\\r", "\\r" }, { 't', "\\t", "\\t" },
    { 'f', "\\f", "\\f" }, { 'a', "\\a", "\\a" }, { 'e', "\\e", "\\e" },
    { 'R', "\\R", NULL }, { 'N', "[^\\n]", NULL }, { 'O', "(?s:.)", NULL },
    { 'A', "\\A", NULL }, { 'z', "\\z", NULL }, { 'Z', "\\Z", NULL },
    { 'G', "\\G", NULL },
};

struct speller {
    const char *at;              /* the rest of the pattern */
    FILE *out;
    bool  within;                /* a bracketed class */
    struct error *err;
};

static enum status refuse(const struct speller *s, const char *construct)
{
    return error_set(s->err, STATUS_BAD_VALUE, "%s is not supported in a"
                     " pattern: it stands at \"%.24s\"", construct, s->at);
}

/* The next `size` bytes as they are. */
static enum status copy(struct speller *s, size_t size)
{
    fwrite(s->at, 1, size, s->out);
    s->at += size;
    return STATUS_OK;
}

/* `text` for the next `size` bytes. */
static enum status replace(struct speller *s, size_t size, const char *text)
{
    fputs(text, s->out);
    s->at += size;
    return STATUS_OK;
}

static bool is_script(const char *name, int size)
{
    char pattern[64];
    int error, n = snprintf(pattern, sizeof pattern, "\\p{sc:%.*s}", size,
                            name);
    PCRE2_SIZE at;

    if (n >= (int)sizeof pattern)
        return false;
    pcre2_code *code = pcre2_compile((PCRE2_SPTR)pattern, (PCRE2_SIZE)n,
                                     PCRE2_UTF, &error, &at, NULL);
    pcre2_code_free(code);
    return code != NULL;
}

/* \p{Han} of PCRE2 has the characters that other scripts share with Han too,
 * \p{sc:Han} has not. */
static enum status spell_property(struct speller *s)
{
    bool braces = s->at[2] == '{', caret = braces && s->at[3] == '^';
    const char *name = s->at + 3 + caret;
    int size = braces ? (int)strcspn(name, "}") : 0;

    if (size == 0 || name[size] == '\0')
        return refuse(s, "a property without its name in braces");
    fprintf(s->out, "\\%c{%s%.*s}", (s->at[1] == 'P') != caret ? 'P' : 'p',
            is_script(name, size) ? "sc:" : "", size, name);
    s->at = name + size + 1;
    return STATUS_OK;
}

/* \x{H...} and \xHH; from 80 on the latter is a byte of UTF-8, not a code. */
static enum status spell_byte(struct speller *s)
{
    if (s->at[2] == '{' || (s->at[2] >= '0' && s->at[2] <= '7'))
        return copy(s, 3);
    return refuse(s, "a byte that is no ASCII");
}

static enum status spell_code(struct speller *s)
{
    if (strspn(s->at + 2, "0123456789ABCDEFabcdef") < 4)
        return refuse(s, "\\u without four digits");
    fprintf(s->out, "\\x{%.4s}", s->at + 2);
    s->at += 6;
    return STATUS_OK;
}

static enum status spell_letter(struct speller *s)
{
    for (size_t i = 0; i < sizeof escapes / sizeof *escapes; i++) {
        const struct escape *e = &escapes[i];
        const char *text = s->within ? e->within : e->outside;
        if (s->at[1] == e->letter && text)
            return replace(s, 2, text);
    }
    return refuse(s, s->within ? "this escape within brackets"
                               : "this escape");
}

static enum status spell_escape(struct speller *s)
{
    char c = s->at[1];

    if (c == 'p' || c == 'P')
        return spell_property(s);
    if (c == 'x')
        return spell_byte(s);
    if (c == 'u')
        return spell_code(s);
    if (isalnum((unsigned char)c))
        return spell_letter(s);
    return copy(s, c ? 2 : 1);
}

static enum status spell_bracket(struct speller *s)
{
    size_t n = 1;

    if (s->within)
        return refuse(s, "a class within brackets");
    n += s->at[n] == '^';
    n += s->at[n] == ']';        /* the first is a member */
    s->within = true;
    return copy(s, n);
}

/* (?imx-imx: and, where the pattern begins, (?imx-imx).  The m of Oniguruma,
 * by which . is any character, is s in PCRE2. */
static enum status spell_options(struct speller *s)
{
    size_t n = 2 + strspn(s->at + 2, "imx-");

    if (s->at[n] != ':' && (s->at[n] != ')' || ftell(s->out) > 0))
        return refuse(s, "a group of this kind");
    for (size_t i = 0; i <= n; i++)
        fputc(s->at[i] == 'm' ? 's' : s->at[i], s->out);
    s->at += n + 1;
    return STATUS_OK;
}

static enum status spell_group(struct speller *s)
{
    if (s->at[1] == '*')
        return refuse(s, "a group of this kind");
    if (s->at[1] != '?')
        return copy(s, 1);
    return s->at[2] && strchr(":=!><", s->at[2]) ? copy(s, 3)
                                                 : spell_options(s);
}

/* {n}, {n,}, {n,m}, and {,m}, which PCRE2 takes for plain text.  Behind these
 * a + repeats and does not possess; behind {n} a ? makes optional. */
static enum status spell_interval(struct speller *s)
{
    static const char digits[] = "0123456789";
    size_t low = strspn(s->at + 1, digits);
    bool comma = s->at[1 + low] == ',';
    size_t high = comma ? strspn(s->at + 2 + low, digits) : 0;
    size_t n = 1 + low + comma + high;

    if (s->at[n] != '}' || low + high == 0)
        return copy(s, 1);
    if (s->at[n + 1] == '+' || (s->at[n + 1] == '?' && !comma))
        return refuse(s, "an interval that is quantified again");
    fputs(low == 0 ? "{0" : "{", s->out);
    s->at++;
    return copy(s, n);
}

static enum status spell_next(struct speller *s)
{
    char c = *s->at;

    if (c == '\\')
        return spell_escape(s);
    if (c == '[')
        return spell_bracket(s);
    if (s->within && strncmp(s->at, "&&", 2) == 0)
        return refuse(s, "an intersection of classes");
    if (!s->within && c == '(')
        return spell_group(s);
    if (!s->within && c == '{')
        return spell_interval(s);
    s->within = s->within && c != ']';
    return copy(s, 1);
}

enum status oniguruma_spell(char **out, const char *pattern, struct error *err)
{
    size_t size;
    struct speller s = { pattern, NULL, false, err };
    enum status status = STATUS_OK;

    *out = NULL;
    if (!(s.out = file_open_text(out, &size)))
        return error_set(err, STATUS_NO_MEMORY, "the spelling of a pattern");
    while (*s.at && status == STATUS_OK)
        status = spell_next(&s);
    if (!file_close_text(s.out, out) && status == STATUS_OK)
        status = error_set(err, STATUS_NO_MEMORY, "the spelling of a pattern");
    if (status != STATUS_OK) {
        free(*out);
        *out = NULL;
    }
    return status;
}
