/* sweep_priced.c - Hold what isobath predict answers to a point of a study. */
#include "sim/commands/sweep_priced.h"

#include <math.h>
#include <stdlib.h>

#include "sim/commands/commands.h"
#include "sim/core/answer/json.h"

static const enum metric told[] = { METRIC_FLOPS, METRIC_BYTES, METRIC_SECONDS,
                                    METRIC_JOULES };
enum { N_TOLD = sizeof told / sizeof *told };

enum status priced_open(struct priced **out, const char *base,
                        const struct sweep_given *given, struct error *err)
{
    struct priced *p = *out = calloc(1, sizeof *p);

    if (!p)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a prediction");
    enum status status = sweep_given_read(&p->options.common, &predict_command,
                                          given, base, p->argv, err);
    p->options.by = PREDICT_BY_LAYER;
    if (!p->options.against)
        p->options.against = rival_names[RIVAL_FLOPS];
    if (status != STATUS_OK)
        return status;
    return predict_ask(&p->answer, &p->options, err) == STATUS_OK
               ? STATUS_OK : sweep_given_blame(given, err);
}

void priced_close(struct priced *p)
{
    if (!p)
        return;
    predict_answer_close(&p->answer);
    flags_close(&p->options.common);
    free(p);
}

const char *priced_rival(const struct priced *p)
{
    return p->options.against;
}

static double per_token(const struct priced *p, const struct cost *cost,
                        enum metric metric)
{
    return cost_known(cost, metric)
               ? cost_get(cost, metric) / predict_tokens(&p->answer)
               : (double)NAN;
}

static json_t *ratio_json(const struct priced *p, int rival)
{
    json_t *out = json_object();

    for (int i = 0; i < N_TOLD; i++) {
        const struct estimate e = contest_ratio(&p->answer.contest, rival,
                                                told[i]);
        const bool bounded = metric_table[told[i]].predicted ==
                             PREDICTED_BY_MACHINE;
        json_object_set_new(out, metric_table[told[i]].column, !bounded
            ? json_number(e.value)
            : json_pack("{s:o, s:o, s:o}", "value", json_number(e.value),
                        "low", json_number(e.low), "high",
                        json_number(e.high)));
    }
    return out;
}

json_t *priced_json(const struct priced *p)
{
    const struct predict_answer *a = &p->answer;
    const int other = predict_told(a);
    json_t *amounts = json_object();

    for (int i = 0; i < N_TOLD; i++)
        json_object_set_new(amounts, metric_table[told[i]].column,
                            json_number(per_token(p, &a->total.model,
                                                  told[i])));
    return json_pack("{s:o, s:o, s:o, s:f, s:I, s:I}", "per_token", amounts,
        "twin", json_pack("{s:o}", "ratio", ratio_json(p, PREDICT_TWIN)),
        "rival", json_pack("{s:o}", "ratio", ratio_json(p, other)),
        "rival_layers", a->rival[other].layers,
        "memory_bytes", (json_int_t)predict_memory_bytes(a),
        "parameters", (json_int_t)memory_parameters(&a->question.spec));
}

/* ---- layers.csv ---- */

void priced_layers_head(FILE *file)
{
    fputs("point,layer", file);
    for (int i = 0; i < N_TOLD; i++)
        fprintf(file, ",%s_per_token", metric_table[told[i]].column);
    for (int i = 0; i < N_TOLD; i++)
        fprintf(file, ",%s_of_twin", metric_table[told[i]].column);
    fputs("\r\n", file);
}

static void write_number(FILE *file, double value)
{
    if (isfinite(value))
        fprintf(file, ",%.9g", value);
    else
        fputc(',', file);
}

void priced_layers(FILE *file, const struct priced *p, int32_t point)
{
    const struct predict_answer *a = &p->answer;

    for (int r = 0; r < a->n_rows; r++) {
        fprintf(file, "%d,%s", point, a->rows[r].name);
        for (int i = 0; i < N_TOLD; i++)
            write_number(file, per_token(p, &a->rows[r].model, told[i]));
        for (int i = 0; i < N_TOLD; i++)
            write_number(file, predict_of_rival(&a->rows[r], PREDICT_TWIN,
                                                told[i]));
        fputs("\r\n", file);
    }
}
