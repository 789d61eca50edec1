/* escape.c - Escape foreign text where it could become something else. */
#include "sim/core/answer/escape.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { NOT_A_CHARACTER = 0xFFFD };

unsigned escape_next(const char **text)
{
    utf8proc_int32_t code = 0;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)*text, -1,
                                          &code);

    if (n > 0 && (code & 0xFFFE) != 0xFFFE) {
        *text += code ? n : 0;
        return (unsigned)code;
    }
    *text += 1;
    return NOT_A_CHARACTER;
}

/* True for a character that turns or hides the text around it, or has no
 * width. */
static bool is_hidden(unsigned c)
{
    return (c >= 0x200B && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2060 && c <= 0x206F) || c == 0x061C || c == 0xFEFF ||
           c == 0x00AD || (c >= 0xE0000 && c <= 0xE007F);
}

static bool is_control(unsigned c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0);
}

static void put(FILE *out, unsigned c)
{
    utf8proc_uint8_t bytes[4];
    utf8proc_ssize_t n = utf8proc_encode_char((utf8proc_int32_t)c, bytes);

    for (utf8proc_ssize_t i = 0; i < n; i++)
        putc(bytes[i], out);
}

/* The Unicode picture of a control character, to print in its place. */
static unsigned picture(unsigned c)
{
    return c == '\n' ? 0xB6 : c == '\t' ? 0x21E5 : c < 0x20 ? 0x2400 + c
         : c == 0x7F ? 0x2421 : NOT_A_CHARACTER;
}

/* Characters that the fonts of a figure have, approximately those of WGL4.  A
 * character that no font has would not only be missing: cairo would cover the
 * figure with its box. */
static bool is_drawable(unsigned c)
{
    static const unsigned ranges[][2] = {
        { 0x20, 0x7E }, { 0xA1, 0x17F }, { 0x384, 0x3CE }, { 0x401, 0x45F },
        { 0x2013, 0x2014 }, { 0x2018, 0x201E }, { 0x2020, 0x2022 },
        { 0x2026, 0x2026 }, { 0x20AC, 0x20AC }, { 0x2122, 0x2122 },
        { 0x2190, 0x2193 }, { 0x2212, 0x2212 }, { 0x2260, 0x2260 },
        { 0x2264, 0x2265 }, { 0x25A1, 0x25A1 },
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return true;
    return false;
}

static bool is_figure(enum border border)
{
    return border == BORDER_GNUPLOT || border == BORDER_TIC ||
           border == BORDER_DATA;
}

/* A pilcrow for a newline, a guillemet for a tab, a square for the rest. */
static unsigned stand_in(unsigned c)
{
    return c == '\n' ? 0xB6 : c == '\t' ? 0xBB : 0x25A1;
}

struct border_rule {
    const char *open, *close;
    const char *special;       /* characters with a replacement */
    const char *replace[16];   /* in the order of `special` */
};

static const struct border_rule rules[BORDER_COUNT] = {
    [BORDER_HTML]     = { "", "", "&<>\"'",
                          { "&amp;", "&lt;", "&gt;", "&quot;", "&#39;" } },
    [BORDER_GNUPLOT]  = { "'", "'", "'", { "''" } },
    [BORDER_TIC]      = { "'", "'", "'%", { "''", "%%" } },
    [BORDER_DATA]     = { "\"", "\"", "\\\"", { "\\\\", "\\\"" } },
    [BORDER_CSV]      = { "", "", "\"", { "\"\"" } },
    [BORDER_MARKDOWN] = { "", "", "\\|`*_<>[]&#~!",
                          { "\\\\", "\\|", "\\`", "\\*", "\\_", "&lt;", "&gt;",
                            "\\[", "\\]", "&amp;", "\\#", "\\~", "\\!" } },
    [BORDER_TERMINAL] = { "", "", "", { "" } },
};

static void put_control(FILE *out, enum border border, unsigned c)
{
    if (border == BORDER_CSV && (c == '\n' || c == '\t'))
        putc((int)c, out);
    else if (border == BORDER_TERMINAL)
        fprintf(out, "\\x%02x", c);
    else
        put(out, picture(c));
}

static void put_hidden(FILE *out, enum border border, unsigned c)
{
    bool html = border == BORDER_HTML || border == BORDER_MARKDOWN;
    fprintf(out, "%sU+%04X%s", html ? "&lt;" : "<", c, html ? "&gt;" : ">");
}

/* No border has a use for these. */
static bool is_ordinary(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == ' ' || c == '.' || c == '-';
}

/* Writes what is ordinary from here on, and goes behind it. */
static void put_ordinary(FILE *out, const char **text)
{
    const char *end = *text;

    while (is_ordinary(*end))
        end++;
    fwrite(*text, 1, (size_t)(end - *text), out);
    *text = end;
}

static void put_body(FILE *out, enum border border, const char *text)
{
    const struct border_rule *rule = &rules[border];

    for (unsigned c; put_ordinary(out, &text), (c = escape_next(&text)) != 0;) {
        const char *at = c < 0x80 ? strchr(rule->special, (int)c) : NULL;
        if (is_figure(border) && !is_drawable(c))
            put(out, stand_in(c));
        else if (is_control(c))
            put_control(out, border, c);
        else if (is_hidden(c))
            put_hidden(out, border, c);
        else if (at && *rule->special)
            fputs(rule->replace[at - rule->special], out);
        else
            put(out, c);
    }
}

/* A spreadsheet runs a cell that starts like this, unless it is a number. */
static bool is_formula(const char *text)
{
    char *end;

    if (!*text || !strchr("=+-@\t\r", *text))
        return false;
    strtod(text, &end);
    return *end || end == text;
}

void escape_write(FILE *out, enum border border, const char *text)
{
    const struct border_rule *rule = &rules[border];
    bool quoted = border == BORDER_CSV &&
                  (text[strcspn(text, ",\"\r\n\t")] || is_formula(text) ||
                   *text == ' ');

    fputs(quoted ? "\"" : rule->open, out);
    if (border == BORDER_CSV && is_formula(text))
        putc('\'', out);
    put_body(out, border, text);
    fputs(quoted ? "\"" : rule->close, out);
}

int escape_width(const char *text)
{
    int width = 0;

    while (escape_next(&text))
        width++;
    return width;
}
