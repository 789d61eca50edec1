/* tables_scaling.c - Add the sizes at which each budget is spent best, and the
 * laws by which loss falls. */
#include "reports/tables/tables.h"

#include <math.h>

static struct amount fitted(double value, double low, double high,
                            const char *reason)
{
    struct amount a = amount_of(value, PROV_PREDICTED);

    a.modelled = true;
    a.low = low;
    a.high = high;
    a.reason = reason;
    return a;
}

static const struct column curve_columns[] = {
    { "arm", "arm", "", COLUMN_TEXT, true },
    { "budget", "training", "flop", COLUMN_SI, true },
    { "runs", "runs", "", COLUMN_WHOLE, true },
    { "sizes", "sizes", "", COLUMN_WHOLE, true },
    { "smallest", "smallest, parameters", "", COLUMN_SI, true },
    { "largest", "largest", "", COLUMN_SI, true },
    { "best_size", "best size, fitted", "", COLUMN_SI, false },
    { "least_loss", "its loss, fitted", "", COLUMN_LOSS, false },
    { "remark", "minimum", "", COLUMN_TEXT, true },
};

static void curves(struct report *r)
{
    const struct scaling *s = &r->scaling;
    struct table *t = REPORT_ADD_TABLE(r, SCALING, NULL, "isoflops",
                                       curve_columns);

    table_caption(t, "Where each training budget is spent best: a parabola of "
                  "held-out loss (causal rule, nats per byte) in the logarithm "
                  "of parameters, through every run of an arm. Intervals: the "
                  "middle 95 %% of %d fits to runs drawn anew. A minimum that "
                  "lies outside of what was tried is none.", SCALING_ROUNDS);
    t->grouped = true;
    for (size_t i = 0; i < s->n_curves; i++) {
        const struct scaling_curve *c = &s->curve[i];
        const bool ok = c->fit.bracketed;
        char edge[96];
        scaling_edge(edge, c);
        table_row(t, s->arm[c->arm].kind == SETTING_DENSE ? ROW_PLAIN : ROW_MOD);
        table_text(t, s->arm[c->arm].name);
        table_amount(t, amount_of(r->study.budget[c->budget],
                                  r->study.flops_from));
        table_count(t, c->n, PROV_COUNTED);
        table_count(t, (uint64_t)c->fit.n_sizes, PROV_COUNTED);
        table_amount(t, amount_of(c->fit.first, PROV_COUNTED));
        table_amount(t, amount_of(c->fit.last, PROV_COUNTED));
        table_amount(t, fitted(ok ? c->fit.size : (double)NAN, c->size.low,
                               c->size.high, "no minimum between the sizes"));
        table_amount(t, fitted(ok ? c->fit.loss : (double)NAN, c->loss.low,
                               c->loss.high, "no minimum between the sizes"));
        table_text(t, ok ? "bracketed" : edge);
    }
}

static const struct column law_columns[] = {
    { "arm", "arm", "", COLUMN_TEXT, true },
    { "runs", "runs", "", COLUMN_WHOLE, true },
    { "budgets", "budgets", "", COLUMN_WHOLE, true },
    { "e", "E", "", COLUMN_LOSS, false },
    { "a", "A", "", COLUMN_SI, false },
    { "alpha", "alpha", "", COLUMN_LOSS, false },
    { "b", "B", "", COLUMN_SI, false },
    { "beta", "beta", "", COLUMN_LOSS, false },
    { "least_loss", "least loss at the largest budget", "", COLUMN_LOSS, false },
    { "best_size", "at training FLOPs a token", "flop", COLUMN_SI, false },
    { "tried", "size was tried", "", COLUMN_YES, true },
    { "flop_multiplier", "FLOPs that dense needs for it", "", COLUMN_FACTOR,
      false },
};

static void add_law(struct table *t, const struct scaling_arm *arm)
{
    const struct law *l = &arm->law, *low = &arm->low, *high = &arm->high;

    table_row(t, arm->kind == SETTING_DENSE ? ROW_PLAIN : ROW_MOD);
    table_text(t, arm->name);
    table_count(t, arm->n, PROV_COUNTED);
    table_count(t, arm->n_budgets, PROV_COUNTED);
    table_amount(t, fitted(l->e, low->e, high->e, NULL));
    table_amount(t, fitted(l->a, low->a, high->a, NULL));
    table_amount(t, fitted(l->alpha, low->alpha, high->alpha, NULL));
    table_amount(t, fitted(l->b, low->b, high->b, NULL));
    table_amount(t, fitted(l->beta, low->beta, high->beta, NULL));
    table_amount(t, fitted(arm->least, arm->least_in.low, arm->least_in.high,
                           NULL));
    table_amount(t, fitted(arm->size, (double)NAN, (double)NAN, NULL));
    table_count(t, arm->tried, PROV_COUNTED);
    if (arm->kind == SETTING_DENSE)
        table_skip(t);
    else
        table_amount(t, fitted(arm->multiplier, arm->multiplier_in.low,
                               arm->multiplier_in.high,
                               "dense has no law, or never gets there"));
}

static void laws(struct report *r)
{
    const struct scaling *s = &r->scaling;
    struct table *t = NULL;

    for (size_t a = 0; a < s->n_arms; a++) {
        if (!s->arm[a].fitted)
            continue;
        if (!t) {
            t = REPORT_ADD_TABLE(r, SCALING, NULL, "laws", law_columns);
            table_caption(t, "Loss = E + A / size^alpha + B / tokens^beta, size "
                          "in training FLOPs a token, fitted to every run of an "
                          "arm (Huber's loss of the logarithm, 1e-3). The last "
                          "column: how many times the largest budget dense "
                          "would need for the arm's least loss; 1 is no gain. "
                          "Intervals: the middle 95 %% of %d fits to runs drawn "
                          "anew. What lies beyond the sizes tried is "
                          "extrapolated.", SCALING_ROUNDS);
        }
        add_law(t, &s->arm[a]);
    }
}

/* Two sizes have no curve. */
static bool has_curve(const struct scaling *s)
{
    bool found = false;

    for (size_t i = 0; i < s->n_curves; i++)
        found |= s->curve[i].fit.n_sizes > 2;
    return found;
}

void tables_scaling(struct report *report)
{
    if (has_curve(&report->scaling))
        curves(report);
    laws(report);
}
