/* tables_cost.c - Add tables of FLOPs, bytes, time and energy. */
#include "reports/tables/tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WITNESS_COLUMNS                                                        \
    { "flops_predicted", "FLOPs", "flop", COLUMN_SI, false },                  \
    { "flops_counted", "FLOPs", "flop", COLUMN_SI, false },                    \
    { "flops_measured", "FLOPs", "flop", COLUMN_SI, false },                   \
    { "flops_counted_over_predicted", "counted, off", "", COLUMN_RATIO,        \
      false },                                                                 \
    { "bytes_predicted", "bytes", "B", COLUMN_SI, false },                     \
    { "bytes_counted", "bytes", "B", COLUMN_SI, false },                       \
    { "seconds_predicted", "time", "s", COLUMN_SI, false },                    \
    { "seconds_measured", "time", "s", COLUMN_SI, false },                     \
    { "seconds_measured_over_predicted", "measured, off", "", COLUMN_RATIO,     \
      false },                                                                 \
    { "joules_predicted", "energy", "J", COLUMN_SI, false },                   \
    { "joules_measured", "energy", "J", COLUMN_SI, false }

static const struct column alone_columns[] = {
    { "what", "op", "", COLUMN_TEXT, true }, WITNESS_COLUMNS,
};
static const struct column witness_columns[] = {
    { "what", "op", "", COLUMN_TEXT, true },
    { "model", "model", "", COLUMN_TEXT, true }, WITNESS_COLUMNS,
};

typedef struct amount of_fn(const void *context, enum witness w, enum metric m);

/* Both 0 is agreement, not a ratio. */
static void ratio_cell(struct table *t, struct amount a, struct amount b)
{
    if (amount_known(a) && amount_known(b) && a.value == 0 && b.value == 0)
        table_skip(t);
    else
        table_amount(t, amount_ratio(a, b));
}

/* The amounts of one row, three witnesses side by side. */
static void witness_row(struct table *t, of_fn *of, const void *context)
{
    const enum witness p = WITNESS_PREDICTED, c = WITNESS_COUNTED,
                       m = WITNESS_MEASURED;

    table_amount(t, of(context, p, METRIC_FLOPS));
    table_amount(t, of(context, c, METRIC_FLOPS));
    table_amount(t, of(context, m, METRIC_FLOPS));
    ratio_cell(t, of(context, c, METRIC_FLOPS), of(context, p, METRIC_FLOPS));
    table_amount(t, of(context, p, METRIC_BYTES));
    table_amount(t, of(context, c, METRIC_BYTES));
    table_amount(t, of(context, p, METRIC_SECONDS));
    table_amount(t, of(context, m, METRIC_SECONDS));
    ratio_cell(t, of(context, m, METRIC_SECONDS),
               of(context, p, METRIC_SECONDS));
    table_amount(t, of(context, p, METRIC_JOULES));
    table_amount(t, of(context, m, METRIC_JOULES));
}

static struct amount of_totals(const void *totals, enum witness w,
                               enum metric m)
{
    return ((const struct totals *)totals)->of[w][m];
}

struct op_cells {
    const struct witnesses *witnesses;
    const struct totals *totals;         /* whose reasons explain silence */
    int op;
};

static struct amount of_op(const void *context, enum witness w, enum metric m)
{
    const struct op_cells *cells = context;
    struct amount a = witness_sum(cells->witnesses, w, m, LEDGER_ANY,
                                  LEDGER_ANY, cells->op);

    if (!amount_known(a) && cells->totals && cells->totals->of[w][m].reason)
        a.reason = cells->totals->of[w][m].reason;
    return a;
}

/* The seconds by which the ops are ordered: measured, else modelled; FLOPs if
 * neither is known. */
struct ordered {
    int op;
    double weight;
};

static int by_weight(const void *a, const void *b)
{
    double x = ((const struct ordered *)a)->weight;
    double y = ((const struct ordered *)b)->weight;
    return (x < y) - (x > y);
}

static void order_ops(struct ordered out[OP_COUNT],
                      const struct witnesses *const arm[ARM_COUNT])
{
    enum metric by = METRIC_SECONDS;

    for (int pass = 0; pass < 2; pass++, by = METRIC_FLOPS) {
        double sum = 0;
        for (int op = 0; op < OP_COUNT; op++) {
            out[op] = (struct ordered){ op, 0 };
            for (int a = 0; a < ARM_COUNT; a++) {
                struct amount amount = arm[a]
                    ? witness_best(arm[a], by, LEDGER_ANY, LEDGER_ANY, op)
                    : amount_unknown(NULL);
                if (amount_known(amount))
                    out[op].weight = fmax(out[op].weight, amount.value);
            }
            sum += out[op].weight;
        }
        if (sum > 0)
            break;
    }
    qsort(out, OP_COUNT, sizeof *out, by_weight);
}

static bool op_occurs(const struct witnesses *w, int op)
{
    for (int i = 0; i < WITNESS_COUNT; i++)
        for (int m = 0; m < METRIC_COUNT; m++) {
            struct amount a = witness_sum(w, (enum witness)i, (enum metric)m,
                                          LEDGER_ANY, LEDGER_ANY, op);
            if (amount_known(a) && a.value > 0)
                return true;
        }
    return false;
}

/* A row of one arm; its model is named where there are two. */
static void open_row(struct table *t, enum row_kind kind, const char *what,
                     const char *model, bool pair)
{
    table_row(t, kind);
    table_text(t, what);
    if (pair)
        table_text(t, model);
}

static void ops_table(struct report *r, const char *name, const char *what,
                      const char *folded,
                      const struct witnesses *const arm[ARM_COUNT],
                      const struct totals *const totals[ARM_COUNT],
                      bool summed)
{
    static const char *const models[ARM_COUNT] = { "dense", "MoD" };
    const bool pair = arm[ARM_DENSE] && arm[ARM_MOD];
    struct ordered order[OP_COUNT];
    struct table *t = pair
        ? REPORT_ADD_TABLE(r, OPS, folded, name, witness_columns)
        : REPORT_ADD_TABLE(r, OPS, folded, name, alone_columns);

    table_caption(t, "%s, op by op, summed over layers, the longest first: "
                  "predicted by formulas, counted by the executor, measured "
                  "from outside.%s", what, summed ? " The sum of the ops' times "
                  "adds up their medians, the clock's cost taken off; the time "
                  "of a phase is the median of whole repeats, with what lies "
                  "between ops." : "");
    t->grouped = true;
    order_ops(order, arm);
    for (int i = 0; i < OP_COUNT; i++)
        for (int a = 0; a < ARM_COUNT; a++) {
            struct op_cells cells = { arm[a], totals[a], order[i].op };
            if (!arm[a] || !op_occurs(arm[a], order[i].op))
                continue;
            open_row(t, a == ARM_MOD ? ROW_MOD : ROW_PLAIN,
                     op_table[order[i].op].name, models[a], pair);
            witness_row(t, of_op, &cells);
        }
    for (int a = 0; summed && a < ARM_COUNT; a++)
        if (arm[a]) {
            open_row(t, ROW_TOTAL, "sum of ops", models[a], pair);
            witness_row(t, of_totals, totals[a]);
        }
}

static void profile_ops(struct report *r)
{
    static const struct { const char *phase, *name, *line; } known[] = {
        { "train step", "ops-train", "Train step, op by op" },
        { "prefill", "ops-prefill", "Prefill, op by op" },
        { "decode step", "ops-decode", "Decoding, op by op" },
    };
    static const char *const names[] = { "ops-1", "ops-2", "ops-3", "ops-4",
                                         "ops-5", "ops-6", "ops-7", "ops-8" };

    for (size_t i = 0; i < r->profile->n_phases; i++) {
        const struct phase *f = &r->profile->phase[i];
        const struct witnesses *arm[ARM_COUNT] = { NULL };
        const struct totals *totals[ARM_COUNT] = { NULL };
        char what[96], words[PHASE_WORDS_SIZE];
        const char *name = names[i], *line = "A further phase, op by op";
        for (size_t k = 0; k < sizeof known / sizeof *known; k++)
            if (strcmp(f->name, known[k].phase) == 0) {
                name = known[k].name;
                line = known[k].line;
            }
        for (int a = 0; a < ARM_COUNT; a++)
            if (f->has[a]) {
                arm[a] = &f->witnesses[a];
                totals[a] = &f->totals[a];
            }
        phase_words(words, f);
        snprintf(what, sizeof what, "One %s", words);
        ops_table(r, name, what, i > 0 ? line : NULL, arm, totals, true);
    }
}

static const struct column phase_columns[] = {
    { "phase", "phase", "", COLUMN_TEXT, true },
    { "metric", "amount", "", COLUMN_TEXT, true },
    { "dense", "dense twin", "", COLUMN_QUANTITY, false },
    { "mod", "MoD", "", COLUMN_QUANTITY, false },
    { "ratio", "MoD / dense", "", COLUMN_FACTOR, false },
};

static const struct { enum metric metric; const char *name; } priced[] = {
    { METRIC_FLOPS, "FLOPs" }, { METRIC_BYTES, "operand bytes" },
    { METRIC_SECONDS, "time" }, { METRIC_JOULES, "energy" },
};

static void phases(struct report *r)
{
    struct table *t = REPORT_ADD_TABLE(r, PHASES, NULL, "phases",
                                       phase_columns);

    if (!phase_has_twin(report_phase(r)))
        return;
    table_caption(t, "What one phase costs the dense twin and the MoD model; ± "
                  "is the 95 %% interval over repeats, of the paired ratio for "
                  "the ratio.");
    t->grouped = true;
    for (size_t i = 0; i < r->profile->n_phases; i++)
        for (size_t k = 0; k < sizeof priced / sizeof *priced; k++) {
            const struct phase *f = &r->profile->phase[i];
            enum metric m = priced[k].metric;
            char title[96];
            table_row(t, ROW_PLAIN);
            phase_title(title, f);
            table_text(t, title);
            table_text(t, priced[k].name);
            for (int a = 0; a < ARM_COUNT; a++)
                table_quantity(t, phase_total(f, (enum side)a, m),
                               metric_table[m].unit);
            table_amount(t, f->ratio[m]);
        }
}

static const struct column layer_columns[] = {
    { "layer", "layer", "", COLUMN_TEXT, true },
    { "flops_dense", "FLOPs, dense", "flop", COLUMN_SI, false },
    { "flops_mod", "FLOPs, MoD", "flop", COLUMN_SI, false },
    { "flops_ratio", "MoD / dense", "", COLUMN_FACTOR, false },
    { "bytes_dense", "bytes, dense", "B", COLUMN_SI, false },
    { "bytes_mod", "bytes, MoD", "B", COLUMN_SI, false },
    { "seconds_dense", "time, dense", "s", COLUMN_SI, false },
    { "seconds_mod", "time, MoD", "s", COLUMN_SI, false },
    { "joules_dense", "energy, dense", "J", COLUMN_SI, false },
    { "joules_mod", "energy, MoD", "J", COLUMN_SI, false },
};

static const struct column layer_alone_columns[] = {
    { "layer", "layer", "", COLUMN_TEXT, true },
    { "flops", "FLOPs", "flop", COLUMN_SI, false },
    { "bytes", "bytes", "B", COLUMN_SI, false },
    { "seconds", "time", "s", COLUMN_SI, false },
    { "joules", "energy", "J", COLUMN_SI, false },
};

static struct amount layer_amount(const struct report *r, enum side arm,
                                  enum metric metric, int32_t layer)
{
    struct amount a;

    a = witness_sum(r->layers[arm], WITNESS_COUNTED, metric, LEDGER_ANY, layer,
                    LEDGER_ANY);
    if (!amount_known(a))
        a = witness_best(r->layers[arm], metric, LEDGER_ANY, layer,
                         LEDGER_ANY);
    if (!amount_known(a) && !a.reason)
        a.reason = totals_best(r->layers_totals[arm], metric).reason;
    a.value /= r->layers_divide[arm];
    return a;
}

static void layer_row(struct table *t, const struct report *r, int32_t layer,
                      bool pair)
{
    static const enum metric metrics[] = { METRIC_FLOPS, METRIC_BYTES,
                                           METRIC_SECONDS, METRIC_JOULES };

    table_row(t, ROW_PLAIN);
    if (layer == LEDGER_OUTSIDE)
        table_text(t, "outside");
    else
        table_textf(t, "%d", layer);
    for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++) {
        struct amount of[ARM_COUNT];
        for (int a = 0; a < ARM_COUNT; a++) {
            if (!r->layers[a])
                continue;
            of[a] = layer_amount(r, (enum side)a, metrics[m], layer);
            table_amount(t, of[a]);
        }
        if (pair && metrics[m] == METRIC_FLOPS)
            table_amount(t, amount_ratio(of[ARM_MOD], of[ARM_DENSE]));
    }
}

static void layers(struct report *r)
{
    const bool pair = r->layers[ARM_DENSE] && r->layers[ARM_MOD];
    int32_t n = 0;
    struct table *t;

    for (int a = 0; a < ARM_COUNT; a++)
        if (r->layers[a] && r->layers[a]->n_layers > n)
            n = r->layers[a]->n_layers;
    if (n == 0)
        return;
    t = pair ? REPORT_ADD_TABLE(r, OPS, "Layer by layer", "layers", layer_columns)
             : REPORT_ADD_TABLE(r, OPS, "Layer by layer", "layers", layer_alone_columns);
    table_caption(t, "Layer by layer, %s%s%s%s%s. Outside: embedding, head, "
                  "loss, final norm, optimizer.%s%s", r->layers_what,
                  *r->layers_label[ARM_DENSE] ? "; dense " : "",
                  r->layers_label[ARM_DENSE],
                  *r->layers_label[ARM_MOD] ? ", MoD " : "",
                  r->layers_label[ARM_MOD],
                  *r->layers_apart ? " Two runs, no twins: " : "",
                  r->layers_apart);
    for (int32_t y = 0; y <= n; y++)
        layer_row(t, r, y < n ? y : LEDGER_OUTSIDE, pair);
}

static void totals(struct report *r)
{
    struct table *t;

    if (r->n_worked < 2)          /* of one run the page says as much already */
        return;
    t = REPORT_ADD_TABLE(r, OPS, "Every run in all", "totals", witness_columns);
    table_caption(t, "The whole of every run given: predicted, counted, "
                  "measured.");
    for (size_t i = 0; i < r->n_worked; i++) {
        const struct run *run = r->worked[i];
        if (run->kind == RUN_PROFILE)
            continue;
        table_row(t, run->facts.dense ? ROW_PLAIN : ROW_MOD);
        table_textf(t, "%s %s", run_commands[run->kind], run->name);
        table_text(t, run->facts.dense ? "dense" : "MoD");
        witness_row(t, of_totals, &run->totals);
    }
}

void tables_cost(struct report *report)
{
    if (report->profile) {
        phases(report);
        profile_ops(report);
    } else if (report->layers[ARM_DENSE] || report->layers[ARM_MOD]) {
        ops_table(report, "ops", "Everything in the ledger", NULL,
                  report->layers, report->layers_totals, false);
    }
    layers(report);
    totals(report);
}
