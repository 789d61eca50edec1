/* figure_flips.c - Draw where time and energy over each rival's cross 1, in the
 * plane of batch and length, a figure a phase. */
#include "reports/figures/figures.h"

#include <stdlib.h>

#include "reports/read/csv.h"
#include "reports/read/jsonpath.h"

enum { MOST_MACHINES = 6, MOST_TICS = 16, N_METRICS = 2 };

static const char *const metrics[N_METRICS] = { "seconds", "joules" };
static const char *const stands[N_METRICS] = { "time", "energy" };

/* The rows of one phase and rival, a machine after another; in each, lengths, and
 * in each batches, ascending. */
struct plane {
    const struct csv *csv;
    const char *rival, *name;  /* as --against has it, and in words */
    size_t row[4096];
    size_t n;
    size_t n_machines, n_batches, n_lengths;
};

/* All rivals' of one phase, alike in machines, batches and lengths. */
struct planes {
    struct csv csv;
    struct plane *of;          /* [n] owned */
    size_t n, drawn;           /* rivals; machines that are drawn */
};

/* A phase, as flips.csv names it, in words. */
struct phase_words {
    const char *name, *doing, *step;
};

static const char *field(const struct plane *p, size_t i, const char *column)
{
    return csv_text(p->csv, p->row[i], csv_column(p->csv, column));
}

static bool same(const struct plane *p, size_t a, size_t b, const char *column)
{
    return strcmp(field(p, a, column), field(p, b, column)) == 0;
}

/* How many machines, lengths and batches there are, of rows that make a box. */
static bool measure(struct plane *p)
{
    size_t of_machine = 1, of_length = 1;

    if (p->n == 0)
        return false;
    while (of_machine < p->n && same(p, 0, of_machine, "machine"))
        of_machine++;
    while (of_length < of_machine && same(p, 0, of_length, "tokens"))
        of_length++;
    p->n_machines = p->n / of_machine;
    p->n_batches = of_length;
    p->n_lengths = of_machine / of_length;
    return p->n == p->n_machines * p->n_lengths * p->n_batches &&
           p->n_batches <= MOST_TICS && p->n_lengths <= MOST_TICS &&
           p->n_batches > 1 && p->n_lengths > 1;
}

static bool read_plane(struct plane *p, const char *phase)
{
    for (size_t i = 0; i < p->csv->n_rows &&
                       p->n < sizeof p->row / sizeof *p->row; i++) {
        p->row[p->n] = i;
        p->n += strcmp(field(p, p->n, "phase"), phase) == 0 &&
                strcmp(field(p, p->n, "rival"), p->rival) == 0;
    }
    return measure(p);
}

/* False: there is none, or not all make one box. */
static bool read_planes(struct planes *out, const struct run *run,
                        const char *phase)
{
    const json_t *rivals = jsonpath_at(run->summary, "rivals"), *rival;
    size_t i;

    if (csv_open_in(&out->csv, run->path, "flips.csv", NULL) != STATUS_OK ||
        csv_column(&out->csv, "phase") < 0 || csv_column(&out->csv, "rival") < 0)
        return false;
    out->of = error_noted(calloc(json_array_size(rivals) + 1, sizeof *out->of));
    json_array_foreach(rivals, i, rival) {
        struct plane *p = out->of ? &out->of[out->n] : NULL;
        if (!p)
            return false;
        *p = (struct plane){ .csv = &out->csv,
                             .rival = jsonpath_text(rival, "rival"),
                             .name = jsonpath_text(rival, "name") };
        if (!p->rival || !p->name || !read_plane(p, phase) ||
            p->n != out->of[0].n || p->n_machines != out->of[0].n_machines ||
            p->n_lengths != out->of[0].n_lengths)
            return false;
        out->n++;
    }
    if (out->n > 0)
        out->drawn = out->of[0].n_machines < MOST_MACHINES
                         ? out->of[0].n_machines : MOST_MACHINES;
    return out->n > 0;
}

static void close_planes(struct planes *p)
{
    csv_close(&p->csv);
    free(p->of);
}

static double number(const struct plane *p, size_t i, const char *metric,
                     const char *end)
{
    double value = (double)NAN;
    char column[64];

    snprintf(column, sizeof column, "%s_of_rival%s", metric, end);
    return csv_real(p->csv, p->row[i], csv_column(p->csv, column), &value,
                    NULL) == STATUS_OK ? value : (double)NAN;
}

/* From 1, saves by a tenth or more, to 5, costs so much; 6: neither is told. */
static int shade(const char *stand, double ratio)
{
    const bool saves = strcmp(stand, "saves") == 0,
               costs = strcmp(stand, "costs") == 0;

    return saves                             ? ratio <= 0.9 ? 1 : 2
           : costs                           ? ratio >= 1.1 ? 5 : 4
           : strcmp(stand, "not told") == 0 ? 3 : 6;
}

static int shade_of(const struct plane *p, size_t i, int metric)
{
    return shade(field(p, i, stands[metric]), number(p, i, metrics[metric], ""));
}

static void write_cells(struct plot *plot, const struct plane *p, size_t machine,
                        int metric)
{
    for (size_t t = 0; t < p->n_lengths; t++) {
        for (size_t b = 0; b < p->n_batches; b++) {
            const size_t i = (machine * p->n_lengths + t) * p->n_batches + b;
            const char *stand = field(p, i, stands[metric]);
            const double ratio = number(p, i, metrics[metric], "");
            const int kind = shade_of(p, i, metric);
            fprintf(plot->data, "%zu %zu", b, t);
            if (kind == 6)
                fputs(" NaN NaN NaN", plot->data);
            else
                fprintf(plot->data, " %.6g %.6g %.6g", ratio,
                        number(p, i, metrics[metric], "_low"),
                        number(p, i, metrics[metric], "_high"));
            fprintf(plot->data, " %d \"%s\"\n", kind, stand);
        }
        fputc('\n', plot->data);
    }
    fputc('\n', plot->data);
}

/* Neighbours of one shade are one box. */
static void write_boxes(struct plot *plot, const struct plane *p, size_t machine,
                        int metric)
{
    for (size_t t = 0; t < p->n_lengths; t++) {
        const size_t row = (machine * p->n_lengths + t) * p->n_batches;
        for (size_t b = 0, end; b < p->n_batches; b = end) {
            const int kind = shade_of(p, row + b, metric);
            for (end = b + 1; end < p->n_batches; end++)
                if (shade_of(p, row + end, metric) != kind)
                    break;
            fprintf(plot->data, "%zu %zu %zu %d\n", b, end - 1, t, kind);
        }
    }
    fputs("\n\n", plot->data);
}

/* The last column of a block that has a number, of which gnuplot could not draw
 * a line otherwise: 5, the interval's end; 3, the ratio; 2, none. */
static int last_told(const struct plane *p, size_t machine, int metric)
{
    const size_t each = p->n_lengths * p->n_batches;
    int last = 2;

    for (size_t i = machine * each; i < (machine + 1) * each && last < 5; i++)
        if (shade_of(p, i, metric) != 6)
            last = isfinite(number(p, i, metrics[metric], "_low")) ? 5 : 3;
    return last;
}

static void write_names(struct plot *plot, const char *array,
                        const struct plane *p, const char *column, size_t n,
                        size_t each)
{
    fprintf(plot->script, "array %s[%zu]\n", array, n);
    for (size_t i = 0; i < n; i++) {
        fprintf(plot->script, "%s[%zu] = ", array, i + 1);
        plot_quote(plot, field(p, i * each, column));
        fputc('\n', plot->script);
    }
}

static size_t count(const struct plane *p, size_t drawn, int metric,
                    const char *stand)
{
    size_t n = 0;

    for (size_t i = 0; i < drawn * p->n_lengths * p->n_batches; i++)
        n += strcmp(field(p, i, stands[metric]), stand) == 0;
    return n;
}

/* "Decoding takes less time than its dense twin at 300 of 378 batches and lengths,
 * than equal-FLOP dense at 18". */
static void describe(struct plot *plot, const struct planes *all,
                     const struct phase_words *phase)
{
    const size_t each = all->drawn * all->of[0].n_lengths * all->of[0].n_batches;

    TEXT_SET(plot->head, "%s takes less time", phase->doing);
    for (size_t r = 0; r < all->n; r++)
        TEXT_ADD(plot->head, "%s than %.40s at %zu", r ? "," : "",
                 all->of[r].name, count(&all->of[r], all->drawn, 0, "saves"));
    TEXT_ADD(plot->head, " of %zu batches and lengths", each);
    TEXT_SET(plot->sub, "%s over the rival's, B sequences (across) of T tokens"
             " (up); blank: no room, or not known; the interval: 80 %% of 64 draws of"
             " the machine's numbers", phase->step);
    if (all->drawn < all->of[0].n_machines)
        TEXT_ADD(plot->sub, "; %zu of %zu machines", all->drawn,
                 all->of[0].n_machines);
    TEXT_SET(plot->foot, "predicted, nothing was run  |  time and energy modelled");
    TEXT_SET(plot->alt, "Maps of batch against length for %zu machines: where it"
             " takes less time and energy than the rival, where more, and the line"
             " between. %s", all->drawn, plot->head);
    for (size_t r = 0; r < all->n; r++)
        TEXT_ADD(plot->alt, "; less energy than %.40s at %zu", all->of[r].name,
                 count(&all->of[r], all->drawn, 1, "saves"));
}

/* A row of panels for time and one for energy, of each rival; where they do not fit
 * beside each other, in rows of three. */
static void lay_out(struct plot *plot, const struct planes *all)
{
    enum { NARROW_ACROSS = 3, PANEL_PIXELS = 96, NAMES_PIXELS = 58 };
    const size_t most = plot_is_narrow(plot) ? NARROW_ACROSS : all->drawn;
    const size_t across = all->drawn < most ? all->drawn : most;
    const size_t rows = (all->drawn + across - 1) / across;
    const size_t groups = all->n * N_METRICS;

    plot->left = plot_is_narrow(plot) ? 48 : 74;
    plot->bottom = 56;
    plot->top += 48;
    plot_key(plot, 7, 13);
    plot_grid(plot, (struct grid){ .n = (int)(groups * rows * across),
        .wide = (int)across, .narrow = (int)across, .gap = 10,
        .below = NAMES_PIXELS, .height = PANEL_PIXELS });
    fprintf(plot->script, "GROUPS = %zu; EACH = %zu; COLS = %zu\n", groups,
            rows * across, all->drawn);
}

extern const char figure_flips_gp[];

static void draw(struct plot *plot, const struct planes *all,
                 const struct phase_words *phase)
{
    const struct plane *p = &all->of[0];
    const size_t each = p->n_lengths * p->n_batches;

    fputs("# batch, length (by number)  over the rival's  low  high  shade  stand; and"
          " from batch, to batch, length, shade; two blocks a machine, of time, then"
          " of energy, rival after rival\n", plot->data);
    for (size_t r = 0; r < all->n; r++)
        for (int m = 0; m < N_METRICS; m++)
            for (size_t k = 0; k < all->drawn; k++) {
                write_cells(plot, &all->of[r], k, m);
                write_boxes(plot, &all->of[r], k, m);
            }
    plot->ready = true;
    lay_out(plot, all);
    fprintf(plot->script, "N_B = %zu; N_T = %zu\narray GROUP[GROUPS]\n",
            p->n_batches, p->n_lengths);
    for (size_t r = 0; r < all->n; r++)
        for (int m = 0; m < N_METRICS; m++) {
            char title[96];
            TEXT_SET(title, "%s, against %.60s", stands[m], all->of[r].name);
            fprintf(plot->script, "GROUP[%zu] = ", r * N_METRICS + (size_t)m + 1);
            plot_quote(plot, title);
            fputc('\n', plot->script);
        }
    fputs("array TOLD[GROUPS*COLS]\n", plot->script);
    for (size_t r = 0, b = 0; r < all->n; r++)
        for (int m = 0; m < N_METRICS; m++)
            for (size_t k = 0; k < all->drawn; k++)
                fprintf(plot->script, "TOLD[%zu] = %d\n", ++b,
                        last_told(&all->of[r], k, m));
    write_names(plot, "MACHINE", p, "machine", all->drawn, each);
    write_names(plot, "BATCH", p, "batch", p->n_batches, 1);
    write_names(plot, "LENGTH", p, "tokens", p->n_lengths, p->n_batches);
    describe(plot, all, phase);
    fputs(figure_flips_gp, plot->script);
}

static void draw_phase(struct plot *plot, const struct report *r,
                       struct phase_words phase)
{
    const struct run *run = report_asked(r);
    struct planes all = { .n = 0 };

    if (!run)
        return;
    if (read_planes(&all, run, phase.name) && all.drawn > 0)
        draw(plot, &all, &phase);
    close_planes(&all);
}

void figure_flips_train(struct plot *plot, const struct report *r)
{
    draw_phase(plot, r, (struct phase_words){ "train", "Training",
                                              "A step of training" });
}

void figure_flips_prefill(struct plot *plot, const struct report *r)
{
    draw_phase(plot, r, (struct phase_words){ "prefill", "Prefill", "A prefill" });
}

void figure_flips_decode(struct plot *plot, const struct report *r)
{
    draw_phase(plot, r, (struct phase_words){ "decode", "Decoding",
                                              "A decode step" });
}
