/* test_report_escape.c - Expect foreign text to stay in the place it is written
 * to, whatever it holds. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/answer/escape.h"
#include "sim/core/base/random.h"

static char *escaped(enum border border, const char *text)
{
    char  *out = NULL;
    size_t size = 0;
    FILE  *stream = open_memstream(&out, &size);

    escape_write(stream, border, text);
    fclose(stream);
    return out;
}

static void shows(enum border border, const char *text, const char *want)
{
    char *got = escaped(border, text);
    cr_assert(eq(str, got, (char *)want));
    free(got);
}

Test(report_escape, html_makes_no_tag_and_no_entity)
{
    shows(BORDER_HTML, "<a href=\"x\">&amp;'",
          "&lt;a href=&quot;x&quot;&gt;&amp;amp;&#39;");
}

Test(report_escape, gnuplot_strings_end_only_where_they_should)
{
    shows(BORDER_GNUPLOT, "it's `id` $(id)", "'it''s `id` $(id)'");
    shows(BORDER_TIC, "50%", "'50%%'");
}

Test(report_escape, gnuplot_data_keeps_its_fields)
{
    shows(BORDER_DATA, "a\"b\\c#", "\"a\\\"b\\\\c#\"");
}

Test(report_escape, csv_quotes_and_defuses_formulas)
{
    shows(BORDER_CSV, "plain", "plain");
    shows(BORDER_CSV, "a,\"b\"", "\"a,\"\"b\"\"\"");
    shows(BORDER_CSV, "=SUM(A1)", "\"'=SUM(A1)\"");
    shows(BORDER_CSV, "a\nb", "\"a\nb\"");
    shows(BORDER_CSV, "-1+2", "\"'-1+2\"");
    shows(BORDER_CSV, "-1.5e3", "-1.5e3");
}

Test(report_escape, markdown_makes_no_cell_and_no_tag)
{
    shows(BORDER_MARKDOWN, "a|b <i>", "a\\|b &lt;i&gt;");
}

Test(report_escape, terminals_get_no_control_sequence)
{
    shows(BORDER_TERMINAL, "\x1b[31mred", "\\x1b[31mred");
    shows(BORDER_TERMINAL, "\xC2\x9B" "31m", "\\x9b31m");
}

Test(report_escape, bytes_that_are_no_text_become_the_replacement)
{
    shows(BORDER_HTML, "a\xFFz", "a\xEF\xBF\xBDz");
    shows(BORDER_HTML, "\xE6\xBC", "\xEF\xBF\xBD\xEF\xBF\xBD");  /* cut short */
    shows(BORDER_HTML, "\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD");   /* overlong */
}

Test(report_escape, text_that_turns_or_hides_is_named)
{
    shows(BORDER_HTML, "\xE2\x80\xAE", "&lt;U+202E&gt;");
}

/* A glyph that no font has makes cairo cover the whole figure. */
Test(report_escape, figures_hold_only_what_fonts_have)
{
    shows(BORDER_DATA, "\xE6\xBC\xA2\n\t", "\"\xE2\x96\xA1\xC2\xB6\xC2\xBB\"");
}

static const char *const hostile[] = {
    "<", ">", "&", "\"", "'", "`", "\\", "\n", "\r", "\t", "\x1b", "\x07",
    "%", "{", "}", "_", "^", "@", "~", "|", "#", "=", "+", "-", ",", " ", "a",
    "\x7f", "\xC2\x85", "\xE2\x80\xAE", "\xE2\x80\x8B", "\xEF\xBB\xBF", "\xFF",
    "\xC3", "\xE6\xBC\xA2", "\xF0\x9F\x98\x80", "\xED\xA0\x80", "</script>",
    "-->", "]]>", "$(id)", "\\x1b", "&#0;", "]", "[", "*", "!",
};
enum { N_HOSTILE = sizeof hostile / sizeof *hostile, ROUNDS = 20000 };

static void hostile_text(char out[256], struct random *random)
{
    uint32_t n = random_below(random, 20);

    *out = 0;
    for (uint32_t i = 0; i < n; i++)
        strcat(out, hostile[random_below(random, N_HOSTILE)]);
}

static int is_clean_utf8(const char *text, int newline_allowed)
{
    while (*text) {
        const char *before = text;
        unsigned c = escape_next(&text);
        if (c == 0xFFFD && memcmp(before, "\xEF\xBF\xBD", 3) != 0)
            return 0;
        if ((c < 0x20 || (c >= 0x7F && c < 0xA0)) &&
            !(newline_allowed && (c == '\n' || c == '\t')))
            return 0;
    }
    return 1;
}

static int html_holds(const char *text)
{
    static const char *const entities[] = { "&amp;", "&lt;", "&gt;", "&quot;",
                                            "&#39;" };
    if (strpbrk(text, "<>\"'"))
        return 0;
    for (const char *at = text; (at = strchr(at, '&')); at++) {
        int known = 0;
        for (int i = 0; i < 5; i++)
            known |= strncmp(at, entities[i], strlen(entities[i])) == 0;
        if (!known)
            return 0;
    }
    return 1;
}

/* One quoted string from end to end; inside, `quote` only as the escape says.
 */
static int is_one_string(const char *text, char quote, int backslash)
{
    size_t n = strlen(text);

    if (n < 2 || text[0] != quote || text[n - 1] != quote)
        return 0;
    for (size_t i = 1; i + 1 < n; i++) {
        if (backslash && text[i] == '\\') {
            i++;
            if (i + 1 >= n)
                return 0;
        } else if (text[i] == quote && (backslash || text[++i] != quote ||
                                        i + 1 >= n)) {
            return 0;
        }
    }
    return 1;
}

static int markdown_holds(const char *text)
{
    for (size_t i = 0; text[i]; i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == '|' || text[i] == '<' || text[i] == '`')
            return 0;
    }
    return 1;
}

static int is_number(const char *text)
{
    char *end;
    strtod(text, &end);
    return !*end;
}

static int holds(enum border border, const char *text)
{
    switch (border) {
    case BORDER_HTML:     return html_holds(text);
    case BORDER_GNUPLOT:
    case BORDER_TIC:      return is_one_string(text, '\'', 0);
    case BORDER_DATA:     return is_one_string(text, '"', 1);
    case BORDER_MARKDOWN: return markdown_holds(text);
    case BORDER_CSV:      return !strchr("=+-@", *text) || is_number(text);
    default:              return 1;
    }
}

Test(report_escape, no_border_is_crossed_by_20000_hostile_texts)
{
    struct random random = random_seeded(20);
    char text[256];

    for (int i = 0; i < ROUNDS; i++) {
        hostile_text(text, &random);
        for (int b = 0; b < BORDER_COUNT; b++) {
            char *got = escaped((enum border)b, text);
            cr_assert(is_clean_utf8(got, b == BORDER_CSV),
                      "border %d: control or bad bytes in %s", b, got);
            cr_assert(holds((enum border)b, got), "border %d: %s", b, got);
            free(got);
        }
    }
}
