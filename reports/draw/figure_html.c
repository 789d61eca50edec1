/* figure_html.c - Write a figure into a page: the drawing itself, so that a script
 * can tell its values and hide its series, the links to its files, its data. */
#include "reports/draw/html.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/answer/escape.h"
#include "sim/core/base/file.h"

/* What gnuplot draws with: none of it runs or fetches anything. */
static bool is_allowed(const char *name, size_t n)
{
    static const char *const allowed[] = { "circle", "defs", "feComposite",
        "feFlood", "filter", "g", "line", "path", "pattern", "polygon",
        "polyline", "rect", "svg", "text", "tspan", "use" };

    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++)
        if (strlen(allowed[i]) == n && strncmp(allowed[i], name, n) == 0)
            return true;
    return false;
}

/* Names are told apart from those of the page's other figures; a plot is a class
 * of things; colours are written in one form, by which the page's style knows
 * them.  What gnuplot says of every line and text, the root says once. */
#define LINES "stroke-linecap=\"round\" stroke-linejoin=\"round\""
#define FONT "font-family=\"Arial, 'Liberation Sans', sans-serif\""
static const struct { const char *from, *before, *after; } names[] = {
    { "id=\"gnuplot_plot_", "class=\"plot\" data-n=\"", "" },
    { "id=\"gnuplot_canvas", "class=\"canvas", "" },
    { "id='", "id='", "-" }, { "href='#", "href='#", "-" },
    { "url(#", "url(#", "-" },
    { " " LINES, "", "" }, { FONT, "", "" }, { " = '", "='", "" },
};

/* Write what stands at `at` in its new form; returns the characters read, 0: it
 * keeps its form. */
static size_t write_changed(FILE *out, const char *at, const char *figure)
{
    int red, green, blue, n = 0;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(at, names[i].from, strlen(names[i].from)) == 0) {
            fprintf(out, "%s%s%s", names[i].before,
                    *names[i].after ? figure : "", names[i].after);
            return strlen(names[i].from);
        }
    if (sscanf(at, "rgb( %d , %d , %d )%n", &red, &green, &blue, &n) == 3 && n)
        fprintf(out, "#%02x%02x%02x", (unsigned)red & 255, (unsigned)green & 255,
                (unsigned)blue & 255);
    else if (*at == '#' && strspn(at + 1, "0123456789abcdefABCDEF") == 6)
        for (n = 0; n < 7; n++)
            putc(tolower((unsigned char)at[n]), out);
    return (size_t)n;
}

/* Copy a tag; returns what stands behind it, NULL: it is none that may stand in a
 * page. */
static const char *write_tag(FILE *out, const char *tag, const char *figure)
{
    const char *name = tag + 1 + (tag[1] == '/');
    size_t n = strcspn(name, " \t\r\n/>"), changed;

    if (!is_allowed(name, n))
        return NULL;
    while (*tag && *tag != '>')
        if ((changed = write_changed(out, tag, figure)) > 0)
            tag += changed;
        else
            putc(*tag++, out);
    putc('>', out);
    return *tag ? tag + 1 : NULL;
}

static const char *behind(const char *text, const char *end)
{
    const char *found = strstr(text, end);
    return found ? found + strlen(end) : NULL;
}

/* From the first tag inside <svg> to its end, without titles and descriptions:
 * those would show wherever somebody points. */
static bool write_body(FILE *out, const char *text, const char *figure)
{
    while (text && strncmp(text, "</svg>", 6) != 0) {
        if (strncmp(text, "<title>", 7) == 0)
            text = behind(text, "</title>");
        else if (strncmp(text, "<desc>", 6) == 0)
            text = behind(text, "</desc>");
        else if (*text == '<')
            text = write_tag(out, text, figure);
        else if (*text == '\n' || *text == '\t')
            text++;                        /* between tags alone */
        else if (*text)
            putc(*text++, out);
        else
            text = NULL;
    }
    return text != NULL;
}

/* The size and the frames, as gnuplot said them. */
static void write_root(FILE *out, const struct plot *plot, const char *svg)
{
    const char *box = behind(svg, "viewBox=\"");
    const char *frames = behind(svg, "<!-- frames ");

    fputs("<svg class=\"figure\" role=\"img\" aria-label=\"", out);
    html_text(out, plot->alt);
    fprintf(out, "\" " LINES " " FONT " viewBox=\"%.*s\" data-frames=\"%.*s\">",
            box ? (int)strspn(box, "0123456789. ") : 0, box ? box : "",
            frames ? (int)strspn(frames, "0123456789.+-e ;") : 0,
            frames ? frames : "");
}

/* `shown`: to which windows, for the page's style. */
static enum status write_drawing(FILE *out, const struct plot *plot,
                                 const char *shown, const char *folder,
                                 struct error *err)
{
    char name[96], path[FILE_PATH_SIZE];
    char *svg = NULL;
    size_t size;
    enum status status;

    snprintf(name, sizeof name, "%s.svg", plot->name);
    if ((status = file_join(path, folder, name, err)) != STATUS_OK ||
        (status = file_read(&svg, &size, path, 1 << 26, err)) != STATUS_OK)
        return status;
    const char *root = behind(svg, "<svg");
    const char *body = root ? behind(root, ">") : NULL;
    fprintf(out, "<div class=\"drawing%s\">", shown);
    write_root(out, plot, svg);
    if (!body || !write_body(out, body, plot->name))
        status = error_set(err, STATUS_BAD_FORMAT, "%s: no drawing that may stand "
                           "in a page", path);
    fputs("</svg></div>\n", out);
    free(svg);
    return status;
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

enum status html_figure(FILE *out, const struct plot *plot,
                        const struct plot *narrow, const char *folder,
                        struct error *err)
{
    const bool both = plot->drawn && narrow->drawn;
    enum status status = STATUS_OK;

    fprintf(out, "<figure id=\"figure-%s\">\n", plot->name);
    if (plot->drawn) {
        status = write_drawing(out, plot, both ? " wide" : "", folder, err);
        if (both && status == STATUS_OK)
            status = write_drawing(out, narrow, " narrow", folder, err);
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
