/* figure_allocation.c - Draw what isobath allocate ran: loss against cost of what
 * was chosen and of its rivals, and how much each block works in them. */
#include "reports/figures/figures.h"

#include <math.h>
#include "reports/draw/label.h"
#include "sim/core/answer/table.h"

enum { MAX_ARMS = 8 };

static bool is_first(const struct table *t, size_t row)
{
    return strcmp(findings_cell(t, row, "run")->text,
                  findings_cell(t, 0, "run")->text) == 0;
}

static const char *name_of(const struct table *t, size_t row)
{
    return findings_cell(t, row, "allocation")->text;
}

static struct amount more_of(const struct table *t, size_t row)
{
    struct amount more = findings_amount(t, row, "more");

    return amount_known(more) ? more : amount_of(0, PROV_MEASURED);
}

static bool is_chosen(const char *name)
{
    return strcmp(name, "chosen") == 0;
}

/* ---- loss against cost ---- */

static void write_arms(struct plot *p, const struct table *t, double factor,
                       struct label *labels, int *n)
{
    fputs("# cost_per_token  nats_more  low  high  chosen  \"allocation\"\n",
          p->data);
    for (size_t r = 0; r < t->n_rows && *n < MAX_ARMS && is_first(t, r); r++) {
        const struct amount more = more_of(t, r);
        const double cost = findings_amount(t, r,
                                          "flops_per_token").value;
        const double high = isfinite(more.high) ? more.high : more.value;
        fprintf(p->data, "%.9g %.9g %.9g %.9g %d \"%s\"\n", cost / factor,
                more.value, isfinite(more.low) ? more.low : more.value, high,
                is_chosen(name_of(t, r)), name_of(t, r));
        labels[*n] = (struct label){ .x = cost / factor, .y = more.value,
                                     .rise = high - more.value,
                                     .colour = is_chosen(name_of(t, r))
                                                   ? "C_MOD" : "INK" };
        snprintf(labels[(*n)++].text, LABEL_TEXT_SIZE, "%.70s", name_of(t, r));
    }
}

/* What was chosen against the best of those that cost no more than the budget:
 * the same in all blocks, and blocks dropped. */
static void say(struct plot *p, const struct table *t)
{
    for (size_t r = 0; r < t->n_rows && is_first(t, r); r++) {
        const struct amount d = findings_amount(t, r, "more_than_chosen");
        if (strcmp(name_of(t, r), "the same in all blocks") != 0 ||
            !amount_known(d))
            continue;
        if (isfinite(d.low) && d.low <= 0 && d.high >= 0)
            TEXT_SET(p->head, "No difference is seen between what was chosen and"
                     " the same capacity in all blocks");
        else
            TEXT_SET(p->head, "What was chosen loses %.3g nats a token %s than"
                     " the same capacity in all blocks", fabs(d.value),
                     d.value > 0 ? "less" : "more");
        return;
    }
    TEXT_SET(p->head, "What was chosen within a budget, and its rivals");
}

extern const char figure_allocation_gp[];

void figure_allocation(struct plot *p, const struct report *r)
{
    const struct table *t = report_find_table(r, "allocation");
    struct label labels[MAX_ARMS];
    struct range x = RANGE_EMPTY, y = RANGE_EMPTY;
    int n = 0;

    if (!t || t->n_rows == 0)
        return;
    for (size_t i = 0; i < t->n_rows && is_first(t, i); i++)
        range_add(&x, findings_amount(t, i, "flops_per_token").value);
    const struct prefix prefix = prefix_for(x.high);
    x.low /= prefix.factor;
    x.high /= prefix.factor;
    p->ready = true;
    say(p, t);
    TEXT_SET(p->sub, "Loss above that of the model as it is, nats a token, on text"
             " that chose nothing, against FLOPs of a token; bars: 95 %% over"
             " windows");
    TEXT_SET(p->foot, "loss measured  |  FLOPs counted");
    TEXT_SET(p->alt, "Loss against FLOPs of a token, of what was chosen within a"
             " budget, of the same capacity in all blocks, and of whole blocks"
             " dropped. %s.", p->head);
    write_arms(p, t, prefix.factor, labels, &n);
    for (int i = 0; i < n; i++) {
        range_add(&y, labels[i].y);
        range_add(&y, labels[i].y + labels[i].rise);
    }
    range_widen(&x, 0.16, 0.001);
    range_widen(&y, 0.1, 0.001);
    struct frame frame = { x.low, x.high, y.low, y.high, false, false,
                           plot_frame_width(p), plot_frame_height(p),
                           (double)NAN };
    plot_axes(p, frame);
    label_place(labels, n, frame);
    label_write(labels, n, 1, p);
    fprintf(p->script, "UNIT = '%sFLOP'\n%s", prefix.letter,
            figure_allocation_gp);
}

/* ---- blocks ---- */

static const struct { const char *key, *name, *colour; int mark; } shown[] = {
    { "chosen",  "chosen",             "C_MOD",     5 },
    { "first",   "by the table alone", "C_ALT",    13 },
    { "uniform", "the same in all",    "C_CONTROL", 9 },
    { "dropped", "blocks dropped",     "C_DENSE",   7 },
};
enum { SHOWN = sizeof shown / sizeof *shown };

extern const char figure_capacities_gp[];

void figure_capacities(struct plot *p, const struct report *r)
{
    const struct table *t = report_find_table(r, "allocation-capacities");
    struct range layers = RANGE_EMPTY;
    int n = 0;

    if (!t || t->n_rows == 0)
        return;
    for (int s = 0; s < SHOWN; s++) {
        bool any = false;
        fprintf(p->data, "# block  %s\n", shown[s].name);
        for (size_t i = 0; i < t->n_rows && is_first(t, i); i++) {
            const double layer = findings_amount(t, i, "layer").value;
            const struct amount a = findings_amount(t, i, shown[s].key);
            range_add(&layers, layer);
            if (amount_known(a))
                fprintf(p->data, "%.9g %.9g\n", layer + 0.16 * (s - 1.5),
                        100 * a.value);
            any |= amount_known(a);
        }
        fputs(any ? "\n\n" : "NaN NaN\n\n\n", p->data);
        if (any)
            fprintf(p->script, "NAME%d = '%s'\n", s, shown[s].name);
        n += any;
    }
    if (n == 0)
        return;
    p->ready = true;
    p->height = 300;
    plot_key(p, SHOWN, 18);
    TEXT_SET(p->head, "How much each block works");
    TEXT_SET(p->sub, "Share of the tokens that a block works on, %%");
    TEXT_SET(p->foot, "as run on text that chose nothing");
    TEXT_SET(p->alt, "For each block the share of the tokens it works on, as was"
             " chosen, the same in all, and with blocks dropped.");
    fprintf(p->script, "X0 = %.9g; X1 = %.9g; N = %d\narray COLOUR[N]; array"
            " MARK[N]\n", layers.low - 0.6, layers.high + 0.6, (int)SHOWN);
    for (int s = 0; s < SHOWN; s++)
        fprintf(p->script, "COLOUR[%d] = %s; MARK[%d] = %d\n", s + 1,
                shown[s].colour, s + 1, shown[s].mark);
    fputs(figure_capacities_gp, p->script);
}
