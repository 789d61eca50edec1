/* predict_against.c - Say what a model takes of its rival, and within what
 * bounds. */
#include "sim/commands/predict_answer.h"

#include <math.h>
#include <string.h>

#include "sim/core/answer/json.h"

static const enum metric compared[] = { METRIC_FLOPS, METRIC_BYTES,
                                        METRIC_SECONDS, METRIC_JOULES };
enum { N_COMPARED = sizeof compared / sizeof *compared };

int predict_told(const struct predict_answer *a)
{
    return a->n_rivals - 1;
}

const struct cost *predict_cost(const struct predict_row *row, int model)
{
    return model == 0 ? &row->model : &row->rival[model - 1];
}

const char *predict_model_name(const struct predict_answer *a, int model)
{
    return model == 0                  ? "model"
           : model - 1 == PREDICT_TWIN ? rival_names[RIVAL_DENSE]
                                       : a->options->against;
}

struct predict_ratios predict_ratios(const struct contest *contest, int rival)
{
    return (struct predict_ratios){
        .seconds = contest_ratio(contest, rival, METRIC_SECONDS),
        .joules = contest_ratio(contest, rival, METRIC_JOULES),
    };
}

/* ---- text ---- */

static void print_ratio(FILE *file, const char *before, const char *what,
                        struct estimate e)
{
    fprintf(file, "%s%.3f of its %s, from %.3f to %.3f (80 %%)", before, e.value,
            what, e.low, e.high);
}

void predict_against_line(FILE *file, const struct predict_ratios *ratios)
{
    const char *before = "";

    if (isfinite(ratios->seconds.value)) {
        print_ratio(file, before, "seconds", ratios->seconds);
        before = "; ";
    }
    if (isfinite(ratios->joules.value)) {
        print_ratio(file, before, "joules", ratios->joules);
        before = "; ";
    }
    fputs(*before ? "\n" : "their seconds and joules are unknown\n", file);
}

void predict_against_text(FILE *file, const struct predict_answer *a)
{
    const int told = predict_told(a);

    if (spec_is_dense(&a->question.spec) && told == PREDICT_TWIN)
        return;
    fprintf(file, "%-12s%s\n", "against", a->rival[told].about);
    if (!a->machine)
        return;
    fprintf(file, "%-12s", "");
    const struct predict_ratios ratios = predict_ratios(&a->contest, told);
    predict_against_line(file, &ratios);
}

/* ---- CSV ---- */

const struct column predict_against_columns[PREDICT_AGAINST_COLUMNS] = {
    { "flops_of_rival", "", "", COLUMN_FACTOR, true },
    { "bytes_of_rival", "", "", COLUMN_FACTOR, true },
    { "seconds_of_rival", "", "", COLUMN_FACTOR, true },
    { "joules_of_rival", "", "", COLUMN_FACTOR, true },
    { "seconds_of_rival_low", "", "", COLUMN_FACTOR, true },
    { "seconds_of_rival_high", "", "", COLUMN_FACTOR, true },
    { "joules_of_rival_low", "", "", COLUMN_FACTOR, true },
    { "joules_of_rival_high", "", "", COLUMN_FACTOR, true },
};

static struct amount ratio_of(const struct cost *a, const struct cost *b,
                              enum metric metric)
{
    const double of = cost_get(b, metric);
    return amount_of(of > 0 ? cost_get(a, metric) / of : (double)NAN,
                     PROV_PREDICTED);
}

void predict_against_cells(struct table *t, const struct predict_row *row,
                           int model, int rival, const struct predict_ratios *r)
{
    for (int i = 0; i < N_COMPARED; i++)
        table_amount(t, ratio_of(predict_cost(row, model), &row->rival[rival],
                                 compared[i]));
    if (!r || model > 0)
        return;
    table_amount(t, amount_of(r->seconds.low, PROV_PREDICTED));
    table_amount(t, amount_of(r->seconds.high, PROV_PREDICTED));
    table_amount(t, amount_of(r->joules.low, PROV_PREDICTED));
    table_amount(t, amount_of(r->joules.high, PROV_PREDICTED));
}

/* ---- JSON ---- */

static json_t *estimate_json(struct estimate e, bool bounded)
{
    return json_pack("{s:o, s:o, s:o}", "value", json_number(e.value),
                     "low", json_number(bounded ? e.low : (double)NAN),
                     "high", json_number(bounded ? e.high : (double)NAN));
}

json_t *predict_cost_json(const struct cost *cost)
{
    json_t *out = json_object();

    for (int m = 0; m < METRIC_COUNT; m++)
        json_object_set_new(out, metric_table[m].column,
                            json_amount(cost, (enum metric)m));
    return out;
}

json_t *predict_against_json(const struct predict_answer *a)
{
    const int told = predict_told(a);
    const struct rival *rival = &a->rival[told];
    json_t *ratios = json_object();

    for (int i = 0; i < N_COMPARED; i++)
        json_object_set_new(ratios, metric_table[compared[i]].column,
            estimate_json(contest_ratio(&a->contest, told, compared[i]),
                          metric_table[compared[i]].predicted ==
                              PREDICTED_BY_MACHINE));
    return json_pack("{s:s, s:s, s:s, s:f, s:o, s:f, s:o}",
        "rival", predict_model_name(a, told + 1), "name", rival->name,
        "about", rival->about, "layers", rival->layers,
        "totals", predict_cost_json(&a->total.rival[told]),
        "interval", 0.8, "ratio", ratios);
}
