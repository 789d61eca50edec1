/* predict_trace_json.c - Print how costs spread over known routes, as JSON. */
#include "sim/commands/predict_trace.h"

#include "sim/core/answer/json.h"
#include "sim/core/answer/summary.h"

static json_t *rows_json(const struct trace_answer *x)
{
    json_t *out = json_array();

    for (size_t i = 0; i < x->n_rows; i++) {
        const struct trace_row *row = &x->rows[i];
        const struct distribution *d = &row->d;
        json_array_append_new(out, json_pack(
            "{s:s, s:o, s:o, s:s, s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o,"
            " s:o}", "of", row->of, "layer",
            row->layer < 0 ? json_null() : json_integer(row->layer),
            "part", *row->part ? json_string(row->part) : json_null(),
            "quantity", row->quantity, "unit", row->unit,
            "n", (json_int_t)d->n, "mean", json_number(d->mean),
            "p50", json_number(d->p50), "p95", json_number(d->p95),
            "p99", json_number(d->p99), "most", json_number(d->most),
            "dense_mean", json_number(d->dense),
            "of_dense", json_number(trace_of_dense(d))));
    }
    return out;
}

/* Null where the rival is the twin, whose means stand with the spreads. */
static json_t *against_json(const struct trace_answer *x)
{
    const struct rival *rival = trace_rival(x->a);
    json_t *ratios = json_object();
    double ratio[TRACE_RATIOS];

    if (!rival) {
        json_decref(ratios);
        return json_null();
    }
    trace_ratios(ratio, x);
    for (int i = 0; i < TRACE_RATIOS; i++)
        json_object_set_new(ratios, spread_rows[SPREAD_STEP_FLOPS + i].quantity,
                            json_number(ratio[i]));
    return json_pack("{s:s, s:s, s:s, s:f, s:o}", "rival",
                     x->a->options->against, "name", rival->name, "about",
                     rival->about, "layers", rival->layers, "step_ratio",
                     ratios);
}

static json_t *routes_json(const struct trace_answer *x)
{
    const struct predict_options *o = x->a->options;
    const struct batches *b = &x->batches;
    json_t *from = json_array();

    for (int32_t l = 0; l < b->n_layers; l++)
        json_array_append_new(from, json_integer(routes_from(x->routes, l)));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:i, s:I, s:i, s:I,"
                     " s:I, s:o, s:b}",
                     "trace", json_text(o->trace),
                     "synthetic", o->trace ? json_null() : json_string(
                         scores_names[o->synthetic]),
                     "persistence", json_known(
                         o->persistence, o->synthetic == SCORES_BURSTY),
                     "exponent", json_known(
                         o->exponent, o->synthetic == SCORES_ZIPF),
                     "correlation", json_known(o->correlation, !o->trace),
                     "seed", o->trace ? json_null() : json_integer(o->seed),
                     "windows", (json_int_t)routes_windows(x->routes),
                     "longest", (int)routes_longest(x->routes),
                     "batches", (json_int_t)b->n_batches,
                     "batch", (int)b->n_sequences,
                     "steps", (json_int_t)b->n_steps,
                     "left_out", (json_int_t)b->n_left_out,
                     "layer_from", from, "supposed", x->supposed);
}

enum status trace_print_json(FILE *file, const struct trace_answer *x, int argc,
                              char **argv, struct error *err)
{
    json_t *summary = summary_open("predict", predict_question_json(x->a),
        provenance_json(argc, argv, x->a->options->common.threads, 0, NULL,
                        NULL, NULL));

    if (!summary)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the summary");
    enum status status = summary_totals(summary, "predicted", x->batches.total,
                                        err);
    json_object_set_new(summary, "routes", routes_json(x));
    json_object_set_new(summary, "spread", rows_json(x));
    json_object_set_new(summary, "against", against_json(x));
    if (status == STATUS_OK)
        status = json_print(summary, file, err);
    json_decref(summary);
    return status;
}
