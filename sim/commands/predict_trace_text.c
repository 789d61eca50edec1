/* predict_trace_text.c - Print how costs spread over known routes, as text and as
 * CSV. */
#include "sim/commands/predict_trace.h"

#include <inttypes.h>
#include <math.h>

static struct amount predicted(double value)
{
    return amount_of(value, PROV_PREDICTED);
}

static void print_against(FILE *file, const struct trace_answer *x)
{
    const struct rival *rival = trace_rival(x->a);
    const char *before = "";
    double ratio[TRACE_RATIOS];

    if (!rival)
        return;
    trace_ratios(ratio, x);
    fprintf(file, "against %s:\nthe mean step takes ", rival->about);
    for (int i = 0; i < TRACE_RATIOS; i++) {
        if (!isfinite(ratio[i]))
            continue;
        fprintf(file, "%s%.3f of its %s", before, ratio[i],
                spread_rows[SPREAD_STEP_FLOPS + i].quantity);
        before = ", ";
    }
    fputc('\n', file);
}

static void print_routes(FILE *file, const struct trace_answer *x)
{
    const struct predict_options *o = x->a->options;
    const struct batches *b = &x->batches;
    const struct model_spec *s = &x->a->question.spec;
    const struct route_policy *policy = x->a->file.policy;

    if (o->trace)
        fprintf(file, "routes as %s recorded them", o->trace);
    else
        fprintf(file, "routes by %s from drawn scores, %s",
                (o->phase == MEMORY_DECODE ? route_step_rule(policy)
                                           : policy)->name,
                scores_names[o->synthetic]);
    if (o->synthetic == SCORES_BURSTY)
        fprintf(file, ", persistence %g", o->persistence);
    if (o->synthetic == SCORES_ZIPF)
        fprintf(file, ", exponent %g", o->exponent);
    if (!o->trace)
        fprintf(file, ", correlation %g, seed %" PRId64, o->correlation,
                o->seed);
    fprintf(file, ": %" PRId64 " windows of up to %d tokens\n",
            routes_windows(x->routes), routes_longest(x->routes));
    if (o->by_depth) {
        fputs("layers go by those at their relative depth:", file);
        for (int32_t l = 0; l < s->n_layers; l++)
            if (s->routed[l])
                fprintf(file, " %d by %d", l, routes_from(x->routes, l));
        fputc('\n', file);
    }
    if (x->supposed)
        fputs("the model is dense, and priced as if it routed so, without a"
              " router\n", file);
    fprintf(file, "%" PRId64 " batches of %d, %" PRId64 " steps; %" PRId64
            " windows are left over\n\n", b->n_batches, b->n_sequences,
            b->n_steps, b->n_left_out);
}

static enum status print_costs(FILE *file, const struct trace_answer *x,
                               struct error *err)
{
    static const struct column columns[] = {
        { "of", "of a", "", COLUMN_TEXT, true },
        { "quantity", "", "", COLUMN_TEXT, true },
        { "n", "n", "", COLUMN_WHOLE, true },
        { "mean", "mean", "", COLUMN_QUANTITY, true },
        { "p50", "p50", "", COLUMN_QUANTITY, true },
        { "p95", "p95", "", COLUMN_QUANTITY, true },
        { "p99", "p99", "", COLUMN_QUANTITY, true },
        { "most", "most", "", COLUMN_QUANTITY, true },
        { "dense", "dense twin", "", COLUMN_QUANTITY, true },
        { "of_dense", "of dense", "", COLUMN_FACTOR, true },
    };
    struct table t;

    table_open(&t, "costs", columns, sizeof columns / sizeof *columns);
    for (int i = 0; i < SPREAD_COUNT; i++) {
        const struct trace_row *row = &x->rows[i];
        const struct distribution *d = &row->d;
        if (d->n == 0)
            continue;
        const double values[] = { d->mean, d->p50, d->p95, d->p99, d->most,
                                  d->dense };
        table_row(&t, ROW_PLAIN);
        table_text(&t, row->of);
        table_text(&t, row->quantity);
        table_count(&t, d->n, PROV_PREDICTED);
        for (int v = 0; v < 6 && *row->unit; v++)
            table_quantity(&t, predicted(values[v]), row->unit);
        for (int v = 0; v < 6 && !*row->unit; v++)
            table_textf(&t, "%.3g", values[v]);
        table_amount(&t, predicted(trace_of_dense(d)));
    }
    enum status status = table_print(&t, FORMAT_TEXT, file, err);
    table_close(&t);
    return status;
}

static enum status print_layers(FILE *file, const struct trace_answer *x,
                                struct error *err)
{
    const bool timed = x->a->machine != NULL;
    const char *unit = timed ? "s" : "flop";
    const struct column columns[] = {
        { "layer", "layer", "", COLUMN_WHOLE, true },
        { "part", "part", "", COLUMN_TEXT, true },
        { "kept", "kept", "", COLUMN_SHARE, true },
        { "kept_p95", "p95", "", COLUMN_SHARE, true },
        { "kept_p99", "p99", "", COLUMN_SHARE, true },
        { "wakes", "wakes", "", COLUMN_SHARE, true },
        { "wakes_alone", "if alone", "", COLUMN_SHARE, true },
        { "mean", "mean step", unit, COLUMN_SI, true },
        { "p95", "p95", unit, COLUMN_SI, true },
        { "p99", "p99", unit, COLUMN_SI, true },
        { "of_dense", "of dense", "", COLUMN_FACTOR, true },
    };
    const struct batches *b = &x->batches;
    struct table t;

    table_open(&t, "layers", columns, sizeof columns / sizeof *columns);
    for (int32_t i = 0; i < b->n_choices; i++) {
        const int32_t l = trace_layer(x, i);
        const struct distribution *k = &x->kept[i];
        const struct distribution *d = timed ? &x->seconds[l] : &x->flops[l];
        table_row(&t, ROW_PLAIN);
        table_count(&t, (uint64_t)l, PROV_PREDICTED);
        table_text(&t, trace_part(x, i));
        table_amount(&t, predicted(k->mean));
        table_amount(&t, predicted(k->p95));
        table_amount(&t, predicted(k->p99));
        table_amount(&t, predicted(batches_wakes(&b->choice[i])));
        table_amount(&t, predicted(batches_wakes_alone(b, &b->choice[i])));
        table_amount(&t, predicted(d->mean));
        table_amount(&t, predicted(d->p95));
        table_amount(&t, predicted(d->p99));
        table_amount(&t, predicted(trace_of_dense(d)));
    }
    enum status status = table_print(&t, FORMAT_TEXT, file, err);
    table_close(&t);
    return status;
}

enum status trace_print_text(FILE *file, const struct trace_answer *x,
                              struct error *err)
{
    predict_print_question(file, x->a);
    print_routes(file, x);
    enum status status = print_costs(file, x, err);
    fputc('\n', file);
    if (status == STATUS_OK)
        status = print_layers(file, x, err);
    fprintf(file, "kept: share of a step's tokens; wakes: at one position of %d"
            " windows side by side,\nas in a decode step, any keeps its token;"
            " if alone: were each kept by itself, 1-(1-c)^B\n"
            "a token's costs are those of its own rows; of dense: over the mean"
            " of the dense twin\n", x->batches.n_sequences);
    print_against(file, x);
    fprintf(file, "predicted: nothing was run%s\n",
            x->a->machine
            ? "; joules are modelled from the profile's coefficients"
            : "; --machine FILE adds seconds and joules");
    return status;
}

/* ---- CSV ---- */

enum status trace_print_csv(FILE *file, const struct trace_answer *x,
                             struct error *err)
{
    static const struct column columns[] = {
        { "of", "", "", COLUMN_TEXT, true },
        { "layer", "", "", COLUMN_TEXT, true },
        { "part", "", "", COLUMN_TEXT, true },
        { "quantity", "", "", COLUMN_TEXT, true },
        { "unit", "", "", COLUMN_TEXT, true },
        { "n", "", "", COLUMN_WHOLE, true },
        { "mean", "", "", COLUMN_FACTOR, true },
        { "p50", "", "", COLUMN_FACTOR, true },
        { "p95", "", "", COLUMN_FACTOR, true },
        { "p99", "", "", COLUMN_FACTOR, true },
        { "most", "", "", COLUMN_FACTOR, true },
        { "dense_mean", "", "", COLUMN_FACTOR, true },
        { "of_dense", "", "", COLUMN_FACTOR, true },
        { "of_rival", "", "", COLUMN_FACTOR, true },
    };
    double ratio[TRACE_RATIOS];
    struct table t;

    trace_ratios(ratio, x);
    table_open(&t, "spread", columns, sizeof columns / sizeof *columns);
    t.digits = 9;
    for (size_t i = 0; i < x->n_rows; i++) {
        const struct trace_row *row = &x->rows[i];
        const struct distribution *d = &row->d;
        table_row(&t, ROW_PLAIN);
        table_text(&t, row->of);
        table_textf(&t, row->layer < 0 ? "" : "%d", row->layer);
        table_text(&t, row->part);
        table_text(&t, row->quantity);
        table_text(&t, row->unit);
        table_count(&t, d->n, PROV_PREDICTED);
        table_amount(&t, predicted(d->mean));
        table_amount(&t, predicted(d->p50));
        table_amount(&t, predicted(d->p95));
        table_amount(&t, predicted(d->p99));
        table_amount(&t, predicted(d->most));
        table_amount(&t, predicted(d->dense));
        table_amount(&t, predicted(trace_of_dense(d)));
        table_amount(&t, predicted(i >= SPREAD_STEP_FLOPS &&
                                   i < SPREAD_STEP_FLOPS + TRACE_RATIOS
                                       ? ratio[i - SPREAD_STEP_FLOPS]
                                       : (double)NAN));
    }
    enum status status = table_print(&t, FORMAT_CSV, file, err);
    table_close(&t);
    return status;
}
