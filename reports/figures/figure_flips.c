/* figure_flips.c - Draw where time and energy over a rival's cross 1, in the plane
 * of batch and length. */
#include "reports/figures/figures.h"

#include <stdlib.h>

#include "reports/read/asked.h"
#include "reports/read/csv.h"

enum { MOST_MACHINES = 6, MOST_TICS = 16, N_METRICS = 2 };

static const char *const metrics[N_METRICS] = { "seconds", "joules" };
static const char *const stands[N_METRICS] = { "time", "energy" };

/* The rows of one rival's decode steps, a machine after another; in each, lengths,
 * and in each batches, ascending. */
struct plane {
    struct csv csv;
    size_t row[4096];
    size_t n;
    size_t n_machines, n_batches, n_lengths;
};

static const char *field(const struct plane *p, size_t i, const char *column)
{
    return csv_text(&p->csv, p->row[i], csv_column(&p->csv, column));
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

static bool read_plane(struct plane *p, const struct run *run, const char *rival)
{
    if (csv_open_in(&p->csv, run->path, "flips.csv", NULL) != STATUS_OK ||
        csv_column(&p->csv, "phase") < 0 || csv_column(&p->csv, "rival") < 0)
        return false;
    for (size_t i = 0; i < p->csv.n_rows &&
                       p->n < sizeof p->row / sizeof *p->row; i++) {
        p->row[p->n] = i;
        p->n += strcmp(field(p, p->n, "phase"), "decode") == 0 &&
                strcmp(field(p, p->n, "rival"), rival) == 0;
    }
    return measure(p);
}

static double number(const struct plane *p, size_t i, const char *metric,
                     const char *end)
{
    double value = (double)NAN;
    char column[64];

    snprintf(column, sizeof column, "%s_of_rival%s", metric, end);
    return csv_real(&p->csv, p->row[i], csv_column(&p->csv, column), &value,
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

static void write_block(struct plot *plot, const struct plane *p, size_t machine,
                        int metric)
{
    for (size_t t = 0; t < p->n_lengths; t++) {
        for (size_t b = 0; b < p->n_batches; b++) {
            const size_t i = (machine * p->n_lengths + t) * p->n_batches + b;
            const char *stand = field(p, i, stands[metric]);
            const double ratio = number(p, i, metrics[metric], "");
            const int kind = shade(stand, ratio);
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

static void describe(struct plot *plot, const struct plane *p, size_t drawn,
                     const struct run *run)
{
    const size_t all = drawn * p->n_lengths * p->n_batches,
                 saves = count(p, drawn, 0, "saves"),
                 costs = count(p, drawn, 0, "costs");
    const char *rival = asked_rival_name(run);

    TEXT_SET(plot->head, "Decoding takes less time than %.60s at %zu of %zu batches"
             " and lengths, more at %zu", rival, saves, all, costs);
    TEXT_SET(plot->sub, "A decode step over that of %.60s, B sequences (across) of T"
             " tokens (up); white: no room; the interval: 80 %% of 64 draws of the"
             " machine's numbers", rival);
    if (drawn < p->n_machines)
        TEXT_ADD(plot->sub, "; %zu of %zu machines", drawn, p->n_machines);
    TEXT_SET(plot->foot, "predicted, nothing was run  |  time and energy modelled");
    TEXT_SET(plot->alt, "Maps of batch against length for %zu machines: where a"
             " decode step takes less time and energy than %.60s, where more, and"
             " the line between. Time: less at %zu of %zu places, more at %zu;"
             " energy: less at %zu, more at %zu.", drawn, rival, saves, all, costs,
             count(p, drawn, 1, "saves"), count(p, drawn, 1, "costs"));
}

extern const char figure_flips_gp[];

static void draw(struct plot *plot, const struct plane *p, const struct run *run)
{
    const size_t drawn = p->n_machines < MOST_MACHINES ? p->n_machines
                                                       : MOST_MACHINES;
    const size_t each = p->n_lengths * p->n_batches;

    fputs("# batch, length (by number)  over the rival's  low  high  shade  stand; a"
          " block a machine, of time, then of energy\n", plot->data);
    for (int m = 0; m < N_METRICS; m++)
        for (size_t k = 0; k < drawn; k++)
            write_block(plot, p, k, m);
    plot->ready = true;
    plot->left = 74;
    plot->top += 48;
    plot->height = plot->top + plot->bottom + 310;
    fprintf(plot->script, "COLS = %zu; N_B = %zu; N_T = %zu\n", drawn,
            p->n_batches, p->n_lengths);
    write_names(plot, "MACHINE", p, "machine", drawn, each);
    write_names(plot, "BATCH", p, "batch", p->n_batches, 1);
    write_names(plot, "LENGTH", p, "tokens", p->n_lengths, p->n_batches);
    describe(plot, p, drawn, run);
    fputs(figure_flips_gp, plot->script);
}

void figure_flips(struct plot *plot, const struct report *r)
{
    const struct run *run = report_asked(r);
    struct plane *p = run ? calloc(1, sizeof *p) : NULL;

    if (!p)
        return;
    if (read_plane(p, run, asked_rival(run)))
        draw(plot, p, run);
    csv_close(&p->csv);
    free(p);
}
