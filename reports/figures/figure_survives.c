/* figure_survives.c - Draw what is left of the FLOPs that are nominally saved, stage
 * by stage, on every machine that isobath answer was asked of. */
#include "reports/figures/figures.h"

#include "reports/read/asked.h"
#include "reports/read/jsonpath.h"

enum { MOST_MACHINES = 6, ROW_PIXELS = 30 };

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

struct falls {
    const json_t *row[MOST_MACHINES];
    size_t n, all;
};

static struct falls find(const struct run *run, const char *rival)
{
    const json_t *list = jsonpath_at(run->summary, "waterfall.rows"), *row;
    struct falls f = { .n = 0 };
    size_t i;

    json_array_foreach(list, i, row) {
        const char *name = jsonpath_text(row, "rival");
        if (!name || strcmp(name, rival) != 0)
            continue;
        if (f.n < MOST_MACHINES)
            f.row[f.n++] = row;
        f.all++;
    }
    return f;
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
        snprintf(out, 48, "%.0f of %.0f", jsonpath_number(row, "largest_batch"),
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

/* "62 % of the FLOPs of its dense twin become 73 to 99 % of its time". */
static void describe(struct plot *p, const struct falls *f, const struct run *run)
{
    const char *rival = asked_rival_name(run);
    struct range time = RANGE_EMPTY;

    for (size_t m = 0; m < f->n; m++)
        if (isfinite(at(f->row[m], 3, "value")))
            range_add(&time, at(f->row[m], 3, "value"));
    if (time.low <= time.high)
        TEXT_SET(p->head, "%.0f %% of the FLOPs of %.60s become %.0f to %.0f %% of"
                 " its time", 100 * at(f->row[0], 1, "value"), rival,
                 100 * time.low, 100 * time.high);
    else
        TEXT_SET(p->head, "%.0f %% of the FLOPs of %.60s; the time is unknown",
                 100 * at(f->row[0], 1, "value"), rival);
    TEXT_SET(p->sub, "Share of %.60s: a decode step at B %.0f, T %.0f; requests of"
             " the mix from prompt to last token; the batch that fits", rival,
             jsonpath_number(run->summary, "waterfall.batch"),
             jsonpath_number(run->summary, "waterfall.tokens"));
    if (f->n < f->all)
        TEXT_ADD(p->sub, "; %zu of %zu machines", f->n, f->all);
    TEXT_SET(p->foot, "predicted, nothing was run  |  time and energy modelled");
    TEXT_SET(p->alt, "For each machine, what is left of the cost of %.60s: nominal"
             " and executed FLOPs, bytes, time, energy, both from end to end, and"
             " the largest batch.", rival);
}

extern const char figure_survives_gp[];

void figure_survives(struct plot *p, const struct report *r)
{
    const struct run *run = report_asked(r);
    struct range range = { 0, 1.1 };

    if (!run)
        return;
    const struct falls f = find(run, asked_rival(run));
    if (f.n == 0 || !isfinite(at(f.row[0], 1, "value")))
        return;
    fputs("# stage  percent of the rival's  of the stage it is set against  low  high "
          " label; a"
          " block a machine\n", p->data);
    for (size_t m = 0; m < f.n; m++)
        write_machine(p, f.row[m], &range);
    p->ready = true;
    p->left = 134;
    p->top += 44;
    plot_key(p, 4, 13);
    plot_grid(p, (struct grid){ .n = (int)f.n, .wide = MOST_MACHINES, .narrow = 2,
                                .gap = 12, .below = 56,
                                .height = ROW_PIXELS * N_STAGES });
    describe(p, &f, run);
    fprintf(p->script, "ROWS = %d; TOP = %.6g\narray STAGE[ROWS]\n"
            "array MACHINE[PANELS_N]\n", N_STAGES,
            fmin(185 * range.high, 450));
    for (int s = 0; s < N_STAGES; s++)
        fprintf(p->script, "STAGE[%d] = '%s'\n", s + 1, stages[s].name);
    for (size_t m = 0; m < f.n; m++) {
        fprintf(p->script, "MACHINE[%zu] = ", m + 1);
        plot_quote(p, jsonpath_text(f.row[m], "machine"));
        fputc('\n', p->script);
    }
    fputs(figure_survives_gp, p->script);
}
