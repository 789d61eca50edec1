/* figure_survives.c - Draw what is left of the FLOPs that are nominally saved, stage
 * by stage, against every rival on every machine that isobath answer was asked of. */
#include "reports/figures/figures.h"

#include "reports/read/jsonpath.h"

enum { MOST_MACHINES = 6, MOST_RIVALS = 8, ROW_PIXELS = 26 };

enum { RIVAL = -1, ITSELF = -2 };

/* What a stage is set against: the rival's 100 %, another stage, or nothing. */
static const struct { const char *key, *name; int before; } stages[] = {
    { "nominal_flops",  "nominal FLOPs",      RIVAL },
    { "flops",          "executed FLOPs",     0 },
    { "bytes",          "bytes",              1 },
    { "seconds",        "time of a step",     2 },
    { "joules",         "energy of a step",   3 },
    { "served_seconds", "time, end to end",   3 },
    { "served_joules",  "energy, end to end", 4 },
    { "largest_batch",  "batch that fits",    ITSELF },
};
enum { N_STAGES = sizeof stages / sizeof *stages };

/* Of a rival, machine by machine. */
struct falls {
    const char *rival, *name;
    const json_t *row[MOST_MACHINES];
    size_t n, all;
};

static void find(struct falls *f, const struct run *run)
{
    const json_t *list = jsonpath_at(run->summary, "waterfall.rows"), *row;
    size_t i;

    json_array_foreach(list, i, row) {
        const char *name = jsonpath_text(row, "rival");
        if (!name || strcmp(name, f->rival) != 0)
            continue;
        if (f->n < MOST_MACHINES)
            f->row[f->n++] = row;
        f->all++;
    }
}

static double at(const json_t *row, int stage, const char *end)
{
    char path[96];

    snprintf(path, sizeof path, "of_rival.%s.%s", stages[stage].key, end);
    return jsonpath_number(row, path);
}

/* The batch itself stands behind its bar; a share of the rival's behind others. */
static void label(char out[48], const json_t *row, int stage, double ratio)
{
    if (stage == N_STAGES - 1 && isfinite(ratio))
        snprintf(out, 48, "%.0f/%.0f", jsonpath_number(row, "largest_batch"),
                 jsonpath_number(row, "rival_largest_batch"));
    else if (isfinite(ratio))
        snprintf(out, 48, "%.0f %%", 100 * ratio);
    else
        snprintf(out, 48, "unknown");
}

static void write_machine(struct plot *p, const json_t *row, struct range *range)
{
    for (int s = 0; s < N_STAGES; s++) {
        const double ratio = at(row, s, "value");
        const int of = stages[s].before;
        const double before = of == RIVAL    ? 1
                              : of == ITSELF ? ratio : at(row, of, "value");
        char text[48];
        label(text, row, s, ratio);
        if (!isfinite(ratio)) {
            fprintf(p->data, "%d NaN NaN NaN NaN \"%s\"\n", s, text);
            continue;
        }
        range_add(range, ratio);
        fprintf(p->data, "%d %.6g %.6g %.6g %.6g \"%s\"\n", s, 100 * ratio,
                100 * before, 100 * at(row, s, "low"),
                100 * at(row, s, "high"), text);
    }
    fputs("\n\n", p->data);
}

/* Those that are told of on all the machines that the first one is. */
static size_t find_all(struct falls of[MOST_RIVALS], const struct run *run)
{
    const json_t *rivals = jsonpath_at(run->summary, "rivals"), *rival;
    size_t i, n = 0;

    json_array_foreach(rivals, i, rival) {
        struct falls f = { .rival = jsonpath_text(rival, "rival"),
                           .name = jsonpath_text(rival, "name") };
        if (!f.rival || !f.name || n == MOST_RIVALS)
            continue;
        find(&f, run);
        if (f.n > 0 && isfinite(at(f.row[0], 1, "value")) &&
            (n == 0 || f.n == of[0].n))
            of[n++] = f;
    }
    return n;
}

/* "56 % of the FLOPs of dense twin become 73 to 99 % of its time". */
static void describe_rival(struct plot *p, const struct falls *f)
{
    struct range time = RANGE_EMPTY;

    for (size_t m = 0; m < f->n; m++)
        if (isfinite(at(f->row[m], 3, "value")))
            range_add(&time, at(f->row[m], 3, "value"));
    TEXT_ADD(p->head, "%s%.0f %% of the FLOPs of %.40s", *p->head ? "; " : "",
             100 * at(f->row[0], 1, "value"), f->name);
    if (time.low <= time.high)
        TEXT_ADD(p->head, " become %.0f to %.0f %% of its time", 100 * time.low,
                 100 * time.high);
    else
        TEXT_ADD(p->head, ", its time is unknown");
}

static void describe(struct plot *p, const struct falls *of, size_t n,
                     const struct run *run)
{
    enum { TOLD = 2 };           /* that a line has room for */

    for (size_t r = n > TOLD ? n - TOLD : 0; r < n; r++)
        describe_rival(p, &of[r]);
    TEXT_SET(p->sub, "Share of the rival: a decode step at B %.0f, T %.0f; requests"
             " of the mix from prompt to last token; the batch that fits",
             jsonpath_number(run->summary, "waterfall.batch"),
             jsonpath_number(run->summary, "waterfall.tokens"));
    if (of[0].n < of[0].all)
        TEXT_ADD(p->sub, "; %zu of %zu machines", of[0].n, of[0].all);
    TEXT_SET(p->foot, "predicted, nothing was run  |  time and energy modelled");
    TEXT_SET(p->alt, "For each rival and machine, what is left of the rival's cost:"
             " nominal and executed FLOPs, bytes, time, energy, both from end to"
             " end, and the largest batch. %s", p->head);
}

/* A row of panels a rival; where they do not fit beside each other, rows of two. */
static void lay_out(struct plot *p, size_t n_rivals, size_t n_machines)
{
    const size_t most = plot_is_narrow(p) ? 2 : MOST_MACHINES;
    const size_t across = n_machines < most ? n_machines : most;
    const size_t each = (n_machines + across - 1) / across * across;

    p->left = 134;
    p->top += 48;
    plot_key(p, 4, 13);
    plot_grid(p, (struct grid){ .n = (int)(n_rivals * each),
                                .wide = (int)across, .narrow = (int)across,
                                .gap = 12, .below = 74,
                                .height = ROW_PIXELS * N_STAGES });
    fprintf(p->script, "RIVALS = %zu; EACH = %zu; COLS = %zu\n", n_rivals, each,
            n_machines);
}

static void write_name(struct plot *p, const char *array, size_t i,
                       const char *name)
{
    fprintf(p->script, "%s[%zu] = ", array, i + 1);
    plot_quote(p, name);
    fputc('\n', p->script);
}

extern const char figure_survives_gp[];

void figure_survives(struct plot *p, const struct report *report)
{
    const struct run *run = report_asked(report);
    struct range range = { 0, 1.1 };
    struct falls of[MOST_RIVALS];

    if (!run)
        return;
    const size_t n = find_all(of, run);
    if (n == 0 || of[0].n == 0)
        return;
    fputs("# stage  percent of the rival's  of the stage it is set against  low  high "
          " label; a block a machine, rival after rival\n", p->data);
    for (size_t r = 0; r < n; r++)
        for (size_t m = 0; m < of[r].n; m++)
            write_machine(p, of[r].row[m], &range);
    p->ready = true;
    lay_out(p, n, of[0].n);
    describe(p, of, n, run);
    fprintf(p->script, "ROWS = %d; TOP = %.6g\narray STAGE[ROWS]\n"
            "array MACHINE[COLS]\narray RIVAL[RIVALS]\n", N_STAGES,
            fmin(230 * range.high, 520));
    for (size_t i = 0; i < N_STAGES; i++)
        write_name(p, "STAGE", i, stages[i].name);
    for (size_t m = 0; m < of[0].n; m++)
        write_name(p, "MACHINE", m, jsonpath_text(of[0].row[m], "machine"));
    for (size_t r = 0; r < n; r++) {
        char against[96];
        TEXT_SET(against, "against %.60s", of[r].name);
        write_name(p, "RIVAL", r, against);
    }
    fputs(figure_survives_gp, p->script);
}
