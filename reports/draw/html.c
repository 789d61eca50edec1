/* html.c - Write the pieces of a page: its frame, text, figures and tables. */
#include "reports/draw/html.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/answer/escape.h"
#include "sim/core/answer/table.h"
#include "sim/core/base/file.h"

extern const char page_css[], page_js[];

void html_open(FILE *out, const char *title)
{
    fputs("<!doctype html>\n<html lang=\"en\">\n<head>\n"
          "<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, "
          "initial-scale=1\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\""
          "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
          "script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
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
    fputs(page_js, out);
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

static void write_base64(FILE *out, const unsigned char *data, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < n; i += 3) {
        unsigned b = (unsigned)data[i] << 16 |
                     (i + 1 < n ? (unsigned)data[i + 1] << 8 : 0) |
                     (i + 2 < n ? data[i + 2] : 0u);
        putc(digits[b >> 18], out);
        putc(digits[b >> 12 & 63], out);
        putc(i + 1 < n ? digits[b >> 6 & 63] : '=', out);
        putc(i + 2 < n ? digits[b & 63] : '=', out);
    }
}

static enum status write_image(FILE *out, const struct plot *plot,
                               const char *folder, struct error *err)
{
    char name[96], path[FILE_PATH_SIZE];
    char *svg = NULL;
    size_t size;
    enum status status;

    snprintf(name, sizeof name, "%s.svg", plot->name);
    if ((status = file_join(path, folder, name, err)) != STATUS_OK ||
        (status = file_read(&svg, &size, path, 1 << 26, err)) != STATUS_OK)
        return status;
    fputs("<div class=\"scroll\"><img alt=\"", out);
    html_text(out, plot->alt);
    fputs("\" src=\"data:image/svg+xml;base64,", out);
    write_base64(out, (const unsigned char *)svg, size);
    fputs("\"></div>\n", out);
    free(svg);
    return STATUS_OK;
}

enum { DATA_LINES = 200 };

/* The figure's data as .dat holds it; a long one is cut. */
static void write_data(FILE *out, const struct plot *plot)
{
    const char *text = plot->data_text, *at = text;
    int lines = 0;

    while (*at && lines < DATA_LINES)
        lines += *at++ == '\n';
    fprintf(out, "<details%s><summary>Data of this figure</summary>\n"
            "<pre class=\"scroll\" tabindex=\"0\">",
            plot->drawn ? "" : " open");
    /* Line by line: a newline inside escaped text would become a picture. */
    for (char line[4096]; text < at; ) {
        size_t n = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)n, text);
        html_text(out, line);
        putc('\n', out);
        text += n + (text[n] == '\n');
    }
    fputs("</pre>", out);
    if (*at)
        fprintf(out, "<p class=\"notes\">The first %d lines; all of them are "
                "in figures/%s.dat.</p>", DATA_LINES, plot->name);
    fputs("</details>\n", out);
}

enum status html_figure(FILE *out, const struct plot *plot, const char *folder,
                        struct error *err)
{
    enum status status = STATUS_OK;

    fprintf(out, "<figure id=\"figure-%s\">\n", plot->name);
    if (plot->drawn) {
        status = write_image(out, plot, folder, err);
    } else {
        fputs("<p class=\"nofig\"><b>", out);
        html_text(out, plot->head);
        fputs("</b><br>This figure is not drawn: ", out);
        html_text(out, plot->reason);
        fputs(". Its data follow.</p>\n", out);
    }
    if (status != STATUS_OK)
        return status;
    fputs("<figcaption class=\"files\">", out);
    if (plot->drawn)
        fprintf(out, "<a href=\"figures/%s.svg\">SVG</a> <a href=\"figures/%s"
                ".png\">PNG</a> ", plot->name, plot->name);
    fprintf(out, "<a href=\"figures/%s.gp\">gnuplot</a> <a href=\"figures/%s"
            ".dat\">data</a></figcaption>\n", plot->name, plot->name);
    write_data(out, plot);
    fputs("</figure>\n", out);
    return STATUS_OK;
}
