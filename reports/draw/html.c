/* html.c - Write the pieces of a page: its frame and text. */
#include "reports/draw/html.h"

#include <stdarg.h>
#include "sim/core/answer/escape.h"
#include "sim/core/answer/table.h"

extern const char page_css[], figure_js[], table_js[], tokens_js[];

void html_open(FILE *out, const char *title)
{
    fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n"
          "<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, "
          "initial-scale=1\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\""
          "default-src 'none'; style-src 'unsafe-inline'; script-src "
          "'unsafe-inline'; base-uri 'none'; form-action 'none'"
          "\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
          out);
    html_text(out, title);
    fputs("</title>\n<style>", out);
    fputs(page_css, out);
    fputs("</style>\n</head>\n<body>\n"
          "<a class=\"skip\" href=\"#answer\">Skip to the answer</a>\n", out);
}

void html_close(FILE *out)
{
    fputs("<script>", out);
    fputs(figure_js, out);
    fputs(table_js, out);
    fputs(tokens_js, out);
    fputs("</script>\n</body></html>\n", out);
}

void html_text(FILE *out, const char *text)
{
    escape_write(out, BORDER_HTML, text);
}

void html_textf(FILE *out, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    html_text(out, text);
}

void html_section_open(FILE *out, const char *anchor, const char *heading,
                       bool hidden_heading)
{
    fprintf(out, "<section id=\"%s\" aria-labelledby=\"h-%s\">\n"
            "<h2 id=\"h-%s\"%s>%s</h2>\n", anchor, anchor, anchor,
            hidden_heading ? " class=\"vh\"" : "", heading);
}

void html_section_close(FILE *out)
{
    fputs("</section>\n", out);
}

void html_fact(FILE *out, const char *text, struct amount known)
{
    fputs("<b>", out);
    html_text(out, text);
    fputs("</b>", out);
    table_tag(out, amount_word(known));
}

void html_badges(FILE *out)
{
    static const struct { const char *word, *means; } badges[] = {
        { "predicted", "a formula" }, { "counted", "the program's own tally" },
        { "measured", "a clock, a counter or a text" },
        { "modelled", "coefficients" },
        { "busy", "measured while others ran" },
    };

    fputs("<p class=\"badges\">", out);
    for (size_t i = 0; i < sizeof badges / sizeof *badges; i++) {
        fputs(i ? " \302\267" : "How a number is known:", out);
        table_tag(out, badges[i].word);
        html_textf(out, " %s", badges[i].means);
    }
    fputs(". <a href=\"#words\">Words</a></p>\n", out);
}
