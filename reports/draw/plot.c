/* plot.c - Write a figure as a gnuplot script and its data; draw it as SVG and
 * PNG. */
#include "reports/draw/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "reports/draw/gnuplot.h"
#include "sim/core/answer/escape.h"
#include "sim/core/answer/table.h"
#include "sim/core/base/file.h"

enum status plot_open(struct plot *out, const char *name, int width,
                      struct error *err)
{
    *out = (struct plot){ .name = name, .width = width, .height = 500,
                          .left = 72, .right = 24, .top = 104, .bottom = 84 };
    if (plot_is_narrow(out)) {
        out->left = 60;
        out->right = 12;
        out->height = 420;
    }
    out->script = file_open_text(&out->script_text, &out->script_size);
    out->data = file_open_text(&out->data_text, &out->data_size);
    if (out->script && out->data)
        return STATUS_OK;
    plot_close(out);
    return error_set(err, STATUS_NO_MEMORY, "no memory for figure %s", name);
}

static bool close_streams(struct plot *plot)
{
    bool script = !plot->script ||
                  file_close_text(plot->script, &plot->script_text);
    bool data = !plot->data || file_close_text(plot->data, &plot->data_text);

    plot->script = plot->data = NULL;
    return script && data;
}

void plot_close(struct plot *plot)
{
    close_streams(plot);
    free(plot->script_text);
    free(plot->data_text);
    plot->script_text = plot->data_text = NULL;
}

bool plot_is_narrow(const struct plot *plot)
{
    return plot->width < PLOT_WIDE;
}

double plot_frame_width(const struct plot *plot)
{
    return plot->width - plot->left - plot->right;
}

double plot_frame_height(const struct plot *plot)
{
    return plot->height - plot->top - plot->bottom;
}

/* Pixels of a row of the key, of a sample with its gaps, and of a letter, as gnuplot
 * reckons them at 13; rows that there is room for. */
static const double key_row = 20.5, key_sample = 52, key_letter = 7.8;
enum { KEY_ROOM = 2 };

void plot_key(struct plot *plot, int n, size_t longest)
{
    const double each = key_sample + key_letter * (double)longest;
    const int across = (int)fmax(1, floor(plot->width / each));
    const int rows = (n + across - 1) / across;

    const double more = key_row * fmax(0, rows - KEY_ROOM);

    plot->top += more;
    if (plot_is_narrow(plot))
        plot->height += more;
    /* Going down, gnuplot counts rows alone: going across, it would count what fits
     * the frame, which is less than fits the plot. */
    fprintf(plot->script, "set key %s maxrows %d\n",
            plot_is_narrow(plot) ? "vertical" : "horizontal", rows);
}

double plot_grid(struct plot *plot, struct grid g)
{
    const int most = plot_is_narrow(plot) ? g.narrow : g.wide;
    const int across = g.n < most ? g.n : most;
    const int rows = (g.n + across - 1) / across;
    const double width = (plot_frame_width(plot) - (across - 1) * g.gap) /
                         across;

    plot->height = plot->top + plot->bottom + rows * g.height +
                   (rows - 1) * g.below;
    fprintf(plot->script, "PANELS_N = %d; ACROSS = %d; PANEL_WIDE = %.2f; PANEL_TALL = %.2f;"
            " GAP = %.2f; BELOW = %.2f\n", g.n, across, width, g.height, g.gap,
            g.below);
    return width;
}

void plot_quote(struct plot *plot, const char *text)
{
    escape_write(plot->script, BORDER_GNUPLOT, text);
}

void range_add(struct range *r, double value)
{
    if (!isfinite(value))
        return;
    r->low = fmin(r->low, value);
    r->high = fmax(r->high, value);
}

void range_widen(struct range *r, double share, double least)
{
    double room = fmax(share * (r->high - r->low), least);

    r->low -= room;
    r->high += room;
}

/* gnuplot's ticks are as far apart as the largest power of ten in the range or,
 * where there are fewer than five of those, 0.5 or 0.2 of it (5.4: axis.c,
 * quantize_normal_tics). */
int plot_decimals(double low, double high)
{
    return (int)fmax(0, -floor(log10((high - low) / 5)));
}

void plot_axes(struct plot *plot, struct frame f)
{
    if (f.log_x || f.log_y)
        fprintf(plot->script, "set logscale %s; LOGX = %d; LOGY = %d\n",
                !f.log_y ? "x" : !f.log_x ? "y" : "xy", f.log_x, f.log_y);
    fprintf(plot->script, "set xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\n",
            f.x0, f.x1, f.y0, f.y1);
    if (!f.log_y)
        fprintf(plot->script, "set format y '%%.%df'\n",
                plot_decimals(f.y0, f.y1));
    if (!f.log_x && plot_is_narrow(plot))
        fprintf(plot->script, "set xtics %.9g\n", plot_step(f.x1 - f.x0));
}

double plot_step(double range)
{
    const double step = pow(10, floor(log10(range / 3)));
    const double rest = range / 3 / step;
    return step * (rest < 1.5 ? 1 : rest < 3.5 ? 2 : rest < 7.5 ? 5 : 10);
}

void plot_log_tics(struct plot *plot, char axis, double low, double high,
                   bool prefixed)
{
    static const struct { int n; double at[8]; } densities[] = {
        { 8, { 1, 1.5, 2, 3, 4, 5, 6, 8 } }, { 3, { 1, 2, 5 } }, { 1, { 1 } },
    };
    const double crowded = axis == 'x' && plot_is_narrow(plot) ? 2.4 : 1;
    const double span = crowded * log10(high / low);
    const int density = span < 1.2 ? 0 : span < 3 ? 1 : 2;
    const char *before = "";

    fprintf(plot->script, "set %ctics (", axis);
    for (int e = (int)floor(log10(low)); e <= log10(high); e++)
        for (int k = 0; k < densities[density].n; k++) {
            double v = densities[density].at[k] * pow(10, e);
            struct prefix prefix = prefixed ? prefix_for(v)
                                            : (struct prefix){ "", 1 };
            if (v < low || v > high)
                continue;
            fprintf(plot->script, "%s'%g%s%s' %.9g", before, v / prefix.factor,
                    *prefix.letter ? " " : "", prefix.letter, v);
            before = ", ";
        }
    fputs(")\n", plot->script);
}

/* The index at which to cut `text` so that its first part has at most `limit`
 * characters: a space, if there is one past the middle. */
static size_t cut_at(const char *text, int limit)
{
    const char *at = text, *space = NULL;
    int n = 0;

    while (*at && n < limit) {
        /* A number stays with its percent sign. */
        if (*at == ' ' && n > limit / 2 && at[1] != '%')
            space = at;
        escape_next(&at);
        n++;
    }
    if (!*at)
        return strlen(text);
    return (size_t)((space ? space : at) - text);
}

/* Settings of a text in the margin: gnuplot's label tag, characters that fit a
 * line, pixels from one line to the next. */
struct margin_text {
    int tag, limit;
    double first, step;        /* from the top; negative: from the bottom */
    const char *style;
};

enum { MARGIN_LINES = 12 };

static int margin_lines(const char *text, int limit)
{
    int n = 0;

    while (*text && n < MARGIN_LINES) {
        text += cut_at(text, limit);
        text += *text == ' ';
        n++;
    }
    return n ? n : 1;
}

static void write_margin(const char *text, struct margin_text m, FILE *out)
{
    int lines = margin_lines(text, m.limit);
    char line[600];

    for (int i = 0; i < lines; i++) {
        size_t n = i + 1 < lines ? cut_at(text, m.limit) : strlen(text);
        double y = m.first > 0 ? m.first + i * m.step
                               : -m.first + (lines - 1 - i) * m.step;
        snprintf(line, sizeof line, "%.*s", (int)n, text);
        fprintf(out, "set label %d ", m.tag + i);
        escape_write(out, BORDER_GNUPLOT, line);
        fprintf(out, " at screen PAD/W, screen %s%.0f./H left %s\n",
                m.first > 0 ? "1-" : "", y, m.style);
        text += n;
        text += *text == ' ';
    }
}

/* Characters that fit 828 pixels at each size, in English text set in Arial: those
 * of a wide plot between its margins. */
enum { FITTED = 828, HEAD_LIMIT = 92, SUB_LIMIT = 132, FOOT_LIMIT = 146 };

static int fits(const struct plot *p, double pad, int limit)
{
    return (int)(limit * (p->width - 2 * pad) / FITTED);
}

extern const char style_gp[];

static void write_script(const struct plot *p, FILE *out)
{
    const double pad = plot_is_narrow(p) ? 2 : 16;
    const int in_head = fits(p, pad, HEAD_LIMIT),
              in_sub = fits(p, pad, SUB_LIMIT), in_foot = fits(p, pad, FOOT_LIMIT);
    int head = margin_lines(p->head, in_head) - 1;
    int sub = margin_lines(p->sub, in_sub) - 1;
    int foot = margin_lines(p->foot, in_foot) - 1;
    double above = 20 * head + 17 * sub, below = 15 * foot;

    fprintf(out, "# %s.gp - drawn by isobath report from %s.dat:\n"
            "#   gnuplot -e \"FMT='png'\" %s.gp\n", p->name, p->name, p->name);
    fprintf(out, "if (!exists(\"OUT\")) OUT = '%s'\n", p->name);
    fprintf(out, "D = '%s.dat'\nW = %d.; H = %.0f.\nML = %.0f.; MR = %.0f.; "
            "MT = %.0f.; MB = %.0f.\nKEYTOP = %.0f.; PAD = %.0f.\n", p->name,
            (int)p->width, p->height + above + below, p->left, p->right,
            p->top + above, p->bottom + below, 52 + above, pad);
    fprintf(out, "\n%s", style_gp);
    write_margin(p->head, (struct margin_text){ 901, in_head, 20, 20,
                 "font HEADFONT tc rgb INK" }, out);
    write_margin(p->sub, (struct margin_text){ 921, in_sub, 42 + 20 * head,
                 17, "tc rgb MUTED" }, out);
    write_margin(p->foot, (struct margin_text){ 941, in_foot, -14, 15,
                 "font SMALL tc rgb MUTED" }, out);
    fputs(p->script_text, out);
    fputs("eval SAY_FRAMES\n", out);
}

static enum status write_text(const char *folder, const char *name,
                              const char *end, const char *text,
                              struct error *err)
{
    char file[128];
    struct file_writer writer;

    snprintf(file, sizeof file, "%s%s", name, end);
    enum status status = file_create_in(&writer, folder, file, err);
    if (status != STATUS_OK)
        return status;
    fputs(text, writer.stream);
    return file_commit(&writer, err);
}

static enum status write_gp(const struct plot *plot, const char *folder,
                            struct error *err)
{
    char  *text = NULL;
    size_t size = 0;
    FILE  *stream = file_open_text(&text, &size);

    if (stream)
        write_script(plot, stream);
    enum status status = file_close_text(stream, &text)
        ? write_text(folder, plot->name, ".gp", text, err)
        : error_set(err, STATUS_NO_MEMORY, "no memory for figure %s",
                    plot->name);
    free(text);
    return status;
}

/* gnuplot's SVG has no bold and no second choice of font: substitute them. */
static const struct { const char *from, *to; } fonts[] = {
    { "font-family=\"Arial:Bold\"", "font-family=\"Arial, 'Liberation Sans', "
      "sans-serif\" font-weight=\"bold\"" },
    { "font-family=\"Arial\"", "font-family=\"Arial, 'Liberation Sans', "
      "sans-serif\"" },
    { "font-family=\"Liberation Mono\"", "font-family=\"'Liberation Mono', "
      "Consolas, monospace\"" },
};

/* Substitute inside tags only: text between tags may be foreign. */
static void write_svg_body(const char *text, FILE *out)
{
    bool in_tag = false;

    while (*text) {
        bool replaced = false;
        for (size_t i = 0; in_tag && i < sizeof fonts / sizeof *fonts; i++) {
            size_t n = strlen(fonts[i].from);
            if (strncmp(text, fonts[i].from, n) != 0)
                continue;
            fputs(fonts[i].to, out);
            text += n;
            replaced = true;
            break;
        }
        if (replaced)
            continue;
        in_tag = *text == '<' || (in_tag && *text != '>');
        putc(*text++, out);
    }
}

/* gnuplot names every SVG "Gnuplot": name its subject instead. */
static void write_svg(const struct plot *plot, const char *text, FILE *out)
{
    static const char title[] = "<title>", end[] = "</desc>";
    const char *cut = strstr(text, title);
    const char *rest = cut ? strstr(cut, end) : NULL;

    if (rest) {
        fwrite(text, 1, (size_t)(cut - text), out);
        fputs("<title>", out);
        escape_write(out, BORDER_HTML, plot->head);
        fputs("</title>\n<desc>", out);
        escape_write(out, BORDER_HTML, plot->alt);
    }
    write_svg_body(rest ? rest : text, out);
}

/* The last bytes of a format, with which a whole drawing ends.  A narrow one is for
 * a page alone, which takes the first. */
static const struct drawing {
    const char *name, *end;
    size_t end_size;
} formats[] = {
    { "svg", "</svg>\n", 7 }, { "png", "IEND\xae\x42\x60\x82", 8 },
};
enum { FORMATS = sizeof formats / sizeof *formats, DRAWING_MAX = 1 << 26 };

static bool is_whole(const struct drawing *format, const char *text,
                     size_t size)
{
    const char *end = strcmp(format->name, "svg") == 0
                          ? strstr(text, format->end) : NULL;

    if (!end && size >= format->end_size)
        end = text + size - format->end_size;
    return end && memcmp(end, format->end, format->end_size) == 0;
}

/* gnuplot draws into memory: it ends well on a full disk too, and would follow a
 * link that stands in its way. */
static enum status draw_as(char **text, size_t *size, const struct plot *plot,
                        const struct drawing *format, const char *folder,
                        struct error *err)
{
    char plain[] = "-d", run[] = "-e", settings[64], script[64], drawn[64];
    char *arguments[] = { plain, run, settings, script, NULL };
    int memory = memfd_create(plot->name, MFD_CLOEXEC);

    if (memory < 0)
        return error_set(err, STATUS_IO, "no memory to draw in: %s",
                         strerror(errno));
    snprintf(settings, sizeof settings, "FMT='%s'; OUT=''", format->name);
    snprintf(script, sizeof script, "%s.gp", plot->name);
    snprintf(drawn, sizeof drawn, "/proc/self/fd/%d", memory);
    enum status status = gnuplot_run(arguments, folder, memory, err);
    if (status == STATUS_OK)
        status = file_read(text, size, drawn, DRAWING_MAX, err);
    close(memory);
    if (status != STATUS_OK || is_whole(format, *text, *size))
        return status;
    free(*text);
    *text = NULL;
    return error_set(err, STATUS_IO, "gnuplot drew it in part");
}

static enum status write_drawing(const struct plot *plot,
                                 const struct drawing *format, const char *text,
                                 size_t size, const char *folder,
                                 struct error *err)
{
    char name[96];
    struct file_writer writer;

    snprintf(name, sizeof name, "%s.%s", plot->name, format->name);
    enum status status = file_create_in(&writer, folder, name, err);
    if (status != STATUS_OK)
        return status;
    if (strcmp(format->name, "svg") == 0)
        write_svg(plot, text, writer.stream);
    else
        fwrite(text, 1, size, writer.stream);
    return file_commit(&writer, err);
}

/* A figure that cannot be drawn is left out with the reason; one that is drawn
 * and cannot be written is an error. */
static enum status draw_all(struct plot *plot, const char *folder,
                            struct error *err)
{
    const size_t wanted = plot_is_narrow(plot) ? 1 : FORMATS;
    struct error why = { .status = STATUS_OK };
    enum status status = STATUS_OK;

    for (size_t i = 0; i < wanted && plot->drawn && status == STATUS_OK; i++) {
        char *text = NULL;
        size_t size = 0;
        enum status drew = draw_as(&text, &size, plot, &formats[i], folder,
                                   &why);
        plot->drawn = drew == STATUS_OK && text;
        if (!plot->drawn) {
            TEXT_SET(plot->reason, "%s.%s: %.180s", plot->name,
                     formats[i].name, why.text);
            break;
        }
        status = write_drawing(plot, &formats[i], text, size, folder, err);
        free(text);
    }
    return status;
}

enum status plot_write(struct plot *plot, const char *folder, bool draw,
                       struct error *err)
{
    enum status status;

    if (!close_streams(plot))
        return error_set(err, STATUS_NO_MEMORY, "no memory for figure %s",
                         plot->name);
    status = write_text(folder, plot->name, ".dat", plot->data_text, err);
    if (status == STATUS_OK)
        status = write_gp(plot, folder, err);
    if (status != STATUS_OK)
        return status;
    plot->drawn = draw;
    snprintf(plot->reason, sizeof plot->reason, "%s",
             draw ? "" : "gnuplot is not installed");
    return draw_all(plot, folder, err);
}

bool plot_can_draw(void)
{
    char version[] = "--version", *arguments[] = { version, NULL };
    int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
    bool can = gnuplot_run(arguments, ".", nothing, NULL) == STATUS_OK;

    close(nothing);
    return can;
}
