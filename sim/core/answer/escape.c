/* escape.c - Escape foreign text where it could become something else. */
#include "sim/core/answer/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_A_CHARACTER = 0xFFFD };

unsigned escape_next(const char **text)
{
    const unsigned char *s = (const unsigned char *)*text;
    static const unsigned least[] = { 0, 0x80, 0x800, 0x10000 };
    unsigned code = s[0];
    int more = s[0] < 0x80 ? 0 : s[0] >= 0xC2 && s[0] < 0xE0 ? 1
             : s[0] >= 0xE0 && s[0] < 0xF0 ? 2
             : s[0] >= 0xF0 && s[0] < 0xF5 ? 3 : -1;

    if (!s[0])
        return 0;
    *text += 1;
    if (more <= 0)
        return more < 0 ? NOT_A_CHARACTER : code;
    code &= 0x3Fu >> more;
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xC0) != 0x80)
            return NOT_A_CHARACTER;
        code = code << 6 | (s[i] & 0x3Fu);
    }
    if (code < least[more] || code > 0x10FFFF ||
        (code >= 0xD800 && code < 0xE000) || (code & 0xFFFE) == 0xFFFE)
        return NOT_A_CHARACTER;
    *text += more;
    return code;
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
    if (c < 0x80) {
        putc((int)c, out);
    } else if (c < 0x800) {
        putc((int)(0xC0 | c >> 6), out);
        putc((int)(0x80 | (c & 0x3F)), out);
    } else if (c < 0x10000) {
        putc((int)(0xE0 | c >> 12), out);
        putc((int)(0x80 | (c >> 6 & 0x3F)), out);
        putc((int)(0x80 | (c & 0x3F)), out);
    } else {
        putc((int)(0xF0 | c >> 18), out);
        putc((int)(0x80 | (c >> 12 & 0x3F)), out);
        putc((int)(0x80 | (c >> 6 & 0x3F)), out);
        putc((int)(0x80 | (c & 0x3F)), out);
    }
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

static void put_body(FILE *out, enum border border, const char *text)
{
    const struct border_rule *rule = &rules[border];

    for (unsigned c; (c = escape_next(&text)) != 0; ) {
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
