/* escape.c - foreign text at the borders where it could become something else. */
#include "reports/escape.h"

#include <stdbool.h>
#include <stdint.h>
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

/* Turns or hides the text around it, or has no width. */
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

/* What stands for a control character where it may not stand itself. */
static unsigned picture(unsigned c)
{
    return c == '\n' ? 0x2424 : c == '\t' ? 0x21E5 : c < 0x20 ? 0x2400 + c
         : c == 0x7F ? 0x2421 : NOT_A_CHARACTER;
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
        if (is_control(c))
            put_control(out, border, c);
        else if (is_hidden(c))
            put_hidden(out, border, c);
        else if (at && *rule->special)
            fputs(rule->replace[at - rule->special], out);
        else
            put(out, c);
    }
}

/* A spreadsheet runs a cell that starts like this. */
static bool is_formula(const char *text)
{
    return *text && strchr("=+-@\t\r", *text);
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

static bool is_wide(unsigned c)
{
    return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
           (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
           (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
           (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD);
}

int escape_width(const char *text)
{
    int width = 0;

    for (unsigned c; (c = escape_next(&text)) != 0; )
        width += is_hidden(c) ? 8 : is_wide(c) ? 2 : 1;
    return width;
}
