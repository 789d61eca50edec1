/* predict_answer.c - Write an answer of isobath predict as text, CSV or
 * JSON. */
#include "sim/commands/predict_answer.h"

#include <math.h>
#include <string.h>

#include "models/files/source.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/rundir.h"
#include "sim/core/answer/table.h"
#include "sim/core/model/spec_check.h"

/* ---- text ---- */

static const enum metric shown[] = { METRIC_FLOPS, METRIC_BYTES, METRIC_SECONDS,
                                     METRIC_JOULES };
enum { N_SHOWN = sizeof shown / sizeof *shown, DECIMALS = 4 };

static void add_row(struct table *t, const char *name, const struct cost *cost,
                    const struct cost *rival, enum row_kind kind)
{
    table_row(t, kind);
    table_text(t, name);
    for (int i = 0; i < N_SHOWN; i++) {
        const double of = cost_get(rival, shown[i]);
        table_cost(t, cost, shown[i]);
        table_amount(t, amount_of(of > 0 ? cost_get(cost, shown[i]) / of
                                         : (double)NAN, PROV_PREDICTED));
    }
}

static enum status print_table(FILE *file, const struct predict_answer *a,
                               struct error *err)
{
    enum predict_by by = (enum predict_by)a->options->by;
    const int told = predict_told(a);
    struct column columns[1 + 2 * N_SHOWN] = {
        { "name", predict_by_names[by], "", COLUMN_TEXT, true } };
    struct table t;

    for (int i = 0; i < N_SHOWN; i++) {
        columns[1 + 2 * i] = (struct column){
            "amount", "", metric_table[shown[i]].unit, COLUMN_SI, true };
        columns[2 + 2 * i] = (struct column){
            "of_rival", told == PREDICT_TWIN ? "of dense" : "of rival", "",
            COLUMN_FACTOR, true };
    }
    table_open(&t, "predicted", columns, sizeof columns / sizeof *columns);
    t.decimals = DECIMALS;
    for (int i = 0; i < a->n_rows && by != PREDICT_BY_TOTAL; i++)
        add_row(&t, a->rows[i].name, &a->rows[i].model, &a->rows[i].rival[told],
                ROW_PLAIN);
    add_row(&t, "total", &a->total.model, &a->total.rival[told], ROW_TOTAL);
    for (int r = told; r >= 0; r--)
        add_row(&t, a->rival[r].name, &a->total.rival[r],
                &a->total.rival[told], ROW_TOTAL);
    enum status status = table_print(&t, FORMAT_TEXT, file, err);
    table_close(&t);
    return status;
}

/* Name the part that tokens are routed around and the keys of skipped ones,
 * unless the part is the whole block and those keys are absent. */
static void print_routing(FILE *file, const struct model_spec *s)
{
    static const char *const around[PART_COUNT] = {
        [PART_BLOCK] = "", [PART_ATTENTION] = " around their attention",
        [PART_FFN] = " around their feed-forward part",
        [PART_APART] = (" around their attention and their feed-forward part,"
                        " each by itself"),
    };
    fputs(around[s->part], file);
    if (s->skipped_keys != SKIPPED_KEYS_ABSENT)
        fprintf(file, ", keys of skipped tokens %s",
                skipped_keys_names[s->skipped_keys]);
    if (s->signal != SIGNAL_NONE)
        fprintf(file, ", by the signal %s", signal_names[s->signal]);
    if (s->keep_first > 0)
        fprintf(file, ", the first %d tokens always%s", s->keep_first,
                s->first_besides ? " and of the others a share" : "");
}

/* Experts of a layer that a step is expected to enter. */
static double entered_by(const struct predict_question *q)
{
    const double rows = (double)q->n_sequences *
                        (q->phase == MEMORY_DECODE ? 1 : q->n_tokens);
    return spec_experts_entered(&q->spec, rows);
}

/* "134.5 M"; never with an exponent. */
static void parameters_text(char out[32], uint64_t n)
{
    const double millions = (double)n / 1e6;
    snprintf(out, 32, millions < 9999.5 ? "%.4g M" : "%.0f M", millions);
}

static void print_recursion(FILE *file, const struct model_spec *spec)
{
    const struct recursion *r = &spec->recursion;

    if (spec_span(spec) > 0)
        fprintf(file, "layers %d to %d are %d layers run %d times with the same"
                " weights%s\n", r->first, r->last, spec_span(spec), r->times,
                r->keys == RECURSION_KEYS_SHARED
                    ? " and the keys and values of the first time" : "");
}

static void print_experts(FILE *file, const struct predict_question *q)
{
    const struct experts *e = &q->spec.experts;
    char active[32];

    if (e->n == 0)
        return;
    parameters_text(active, memory_active_parameters(&q->spec));
    fprintf(file, "%d of %d experts a token in %d layers, %s parameters active;"
            " a step is expected to enter %.4g\n", e->active, e->n,
            spec_n_expert_layers(&q->spec), active, entered_by(q));
}

/* The rows that have logits, where there is a choice. */
static const char *logits_text(const struct predict_question *q)
{
    return q->phase != MEMORY_FORWARD ? ""
           : q->all_logits ? ", logits of all tokens"
                           : ", logits of the last token";
}

/* How the steps are run, unless as the executor does. */
static void print_regime(FILE *file, const struct predict_answer *a)
{
    const struct regime *regime = &a->question.regime;

    if (!regime_is_fp32(regime)) {
        fprintf(file, "formats: arithmetic %s, weights %s, kv %s",
                precision_names[regime->arithmetic],
                precision_names[regime->weights], precision_names[regime->kv]);
        if (a->question.phase == MEMORY_TRAIN)
            fprintf(file, ", gradients %s, optimizer %s",
                    precision_names[regime->gradients],
                    precision_names[regime->moments]);
        fputc('\n', file);
    }
    if (spec_n_routed(&a->question.spec) > 0)
        fprintf(file, "routed blocks run %s\n",
                execution_names[regime->execution]);
    if (regime_devices(regime) > 1)
        fprintf(file, "figures of one of %d devices, an estimate: layers over"
                " %d, the batch over %d\n", regime_devices(regime),
                regime->tensor, regime->data);
    if (regime_parts(regime, SHARDING_OPTIMIZER) > 1)
        fprintf(file, "each of %d holds its part of the optimizer's state%s%s\n",
                regime->data,
                regime->sharding >= SHARDING_GRADIENTS ? ", gradients" : "",
                regime->sharding >= SHARDING_WEIGHTS ? ", weights" : "");
    if (regime_steps(regime) > 1)
        fprintf(file, "gradients of %d steps of B %d are summed\n",
                regime_steps(regime), a->question.n_sequences);
    if (regime->recompute)
        fputs("layers keep their inputs, and are worked out again for backward"
              "\n", file);
}

void predict_print_question(FILE *file, const struct predict_answer *a)
{
    const struct model_spec *s = &a->question.spec;
    int32_t T = a->question.n_tokens, least = T, most = 0;
    char parameters[32];

    parameters_text(parameters, memory_parameters(s));
    for (int32_t l = 0; l < s->n_layers; l++)
        if (s->routed[l]) {
            int32_t kept = spec_kept(s, l, T);
            least = kept < least ? kept : least;
            most = kept > most ? kept : most;
        }
    fprintf(file, "%s: %s, %d layers, C %d, %s parameters; ",
            a->options->model, family_names[spec_family(s)], s->n_layers,
            s->n_channels, parameters);
    if (most == 0) {
        fputs("dense\n", file);
    } else {
        fprintf(file, "%d routed", spec_n_routed(s));
        print_routing(file, s);
        if (least == most)
            fprintf(file, ", each keeps %d of %d tokens\n", most, T);
        else
            fprintf(file, ", they keep %d to %d of %d tokens\n", least, most,
                    T);
    }
    print_recursion(file, s);
    print_experts(file, &a->question);
    if (s->packing.method) {
        predict_print_packing(file, s);
    } else if (spec_stores(s)) {
        char weights[SOURCE_WEIGHTS_SIZE];
        source_weights_text(weights, s);
        fprintf(file, "matrices priced as %s\n", weights);
    }
    fprintf(file, "phase %s%s, B %d, T %d; ",
            memory_phase_names[a->question.phase], logits_text(&a->question),
            (int)a->options->batch, T);
    if (a->options->machines.n > 1)
        fprintf(file, "%d machines\n", a->options->machines.n);
    else
        fprintf(file, "machine %s\n",
                a->machine ? a->machine->name : "none given");
    print_regime(file, a);
    if (a->contest.model.allocation.kept)
        fputs("kept tokens are assumed to be evenly spaced: how many keys they"
              " see depends on it\n", file);
}

static void print_range(FILE *file, const struct prediction *prediction,
                        enum metric metric, struct estimate e)
{
    if (isnan(e.value)) {
        fprintf(file, "%-12sunknown: %s\n", metric_table[metric].column,
                ledger_reason(prediction->ledger, metric));
        return;
    }
    struct prefix prefix = prefix_for(e.value);
    char unit[16];

    snprintf(unit, sizeof unit, "%s%s", prefix.letter,
             metric_table[metric].unit);
    fprintf(file, "%-12s%.4g %s, from %.4g to %.4g (80 %%)\n",
            metric_table[metric].column, e.value / prefix.factor,
            table_ascii(unit), e.low / prefix.factor, e.high / prefix.factor);
}

double predict_tokens(const struct predict_answer *a)
{
    const double batch = (double)a->options->batch;
    return a->question.phase == MEMORY_DECODE
               ? batch : batch * a->question.n_tokens;
}

/* What a token takes of each metric that is known, and tokens in a second. */
static void print_per_token(FILE *file, const struct predict_answer *a)
{
    const double tokens = predict_tokens(a);
    const struct cost *total = &a->total.model;
    const char *before = "a token     ";
    char text[TABLE_NUMBER_SIZE];

    for (int i = 0; i < N_SHOWN; i++) {
        const char *unit = metric_table[shown[i]].unit;
        if (!cost_known(total, shown[i]))
            continue;
        table_si(text, cost_get(total, shown[i]) / tokens,
                 strcmp(unit, "flop") == 0 ? "FLOP" : unit);
        fprintf(file, "%s%s", before, table_ascii(text));
        before = ", ";
    }
    if (cost_known(total, METRIC_SECONDS)) {
        const double rate = tokens / cost_get(total, METRIC_SECONDS);
        fprintf(file, "; %.*f tokens/s", rate < 100, rate);
    }
    fputc('\n', file);
}

static const struct prediction *twin_of(const struct predict_answer *a)
{
    return &a->contest.rival[PREDICT_TWIN].end[0];
}

static double train_flops(const struct predict_convention *c,
                          const struct prediction *p)
{
    return predict_train_flops(c, &p->spec, &p->allocation);
}

static enum status print_conventions(FILE *file, const struct predict_answer *a,
                                     struct error *err)
{
    static const struct column columns[] = {
        { "convention", "convention", "", COLUMN_TEXT, true },
        { "flops", "", "flop", COLUMN_SI, true },
        { "of_dense", "of dense", "", COLUMN_FACTOR, true },
        { "counts", "counts", "", COLUMN_TEXT, true },
    };
    const char *name = a->options->convention;
    struct table t;

    if (!name)
        return STATUS_OK;
    table_open(&t, "conventions", columns, sizeof columns / sizeof *columns);
    t.decimals = DECIMALS + 2;         /* conventions differ by little */
    for (const struct predict_convention *c = predict_conventions; c->name;
         c++) {
        if (strcmp(name, "all") != 0 && strcmp(name, c->name) != 0)
            continue;
        double model = train_flops(c, &a->contest.model);
        double dense = train_flops(c, twin_of(a));
        table_row(&t, ROW_PLAIN);
        table_text(&t, c->name);
        table_amount(&t, amount_of(model, PROV_PREDICTED));
        table_amount(&t, amount_of(model / dense, PROV_PREDICTED));
        table_text(&t, c->counts);
    }
    enum status status = table_print(&t, FORMAT_TEXT, file, err);
    table_close(&t);
    return status;
}

enum status predict_print_text(FILE *file, const struct predict_answer *a,
                               struct error *err)
{
    predict_print_question(file, a);
    fputc('\n', file);
    if (a->options->by == PREDICT_BY_MEMORY)
        return predict_memory_table(file, a, err);
    enum status status = print_table(file, a, err);
    fputc('\n', file);
    print_per_token(file, a);
    if (a->machine) {
        const struct prediction *model = &a->contest.model;
        print_range(file, model, METRIC_SECONDS, model->range.seconds);
        print_range(file, model, METRIC_JOULES, model->range.joules);
    }
    predict_against_text(file, a);
    predict_drafts_text(file, a);
    predict_measured_text(file, a);
    predict_memory_text(file, a);
    if (status == STATUS_OK)
        status = print_conventions(file, a, err);
    fprintf(file, "predicted: nothing was run%s\n",
            a->machine ? "; joules are modelled from the profile's coefficients"
                       : "; --machine FILE adds seconds and joules");
    return status;
}

/* ---- CSV ---- */

enum status predict_print_csv(FILE *file, const struct predict_answer *a,
                              struct error *err)
{
    const int told = predict_told(a);
    const bool other = told != PREDICT_TWIN;
    const struct predict_ratios ratios = predict_ratios(&a->contest, told);
    struct column columns[3 + METRIC_COUNT + PREDICT_AGAINST_COLUMNS] = {
        { "model", "", "", COLUMN_TEXT, true },
        { "phase", "", "", COLUMN_TEXT, true },
        { predict_by_names[a->options->by], "", "", COLUMN_TEXT, true } };
    struct table t;

    if (a->options->by == PREDICT_BY_MEMORY)
        return predict_memory_table(file, a, err);
    for (int m = 0; m < METRIC_COUNT; m++)
        columns[3 + m] = (struct column){
            metric_table[m].column, "", metric_table[m].unit, COLUMN_SI, true };
    memcpy(columns + 3 + METRIC_COUNT, predict_against_columns,
           sizeof predict_against_columns);
    table_open(&t, "predicted", columns,
               3 + METRIC_COUNT + (other ? PREDICT_AGAINST_COLUMNS : 0));
    t.digits = 9;
    for (int i = 0; i < (1 + a->n_rivals) * a->n_rows; i++) {
        const struct predict_row *row = &a->rows[i % a->n_rows];
        const int model = i / a->n_rows;
        table_row(&t, ROW_PLAIN);
        table_text(&t, predict_model_name(a, model));
        table_text(&t, memory_phase_names[a->question.phase]);
        table_text(&t, row->name);
        for (int m = 0; m < METRIC_COUNT; m++)
            table_cost(&t, predict_cost(row, model), (enum metric)m);
        if (other)
            predict_against_cells(&t, row, model, told,
                a->options->by == PREDICT_BY_TOTAL ? &ratios : NULL);
    }
    enum status status = table_print(&t, FORMAT_CSV, file, err);
    table_close(&t);
    return status;
}

/* ---- JSON ---- */

/* The row's amounts over a rival's. */
static json_t *of_rival_json(const struct predict_row *row, int rival)
{
    json_t *out = json_object();

    for (int m = 0; m < METRIC_COUNT; m++)
        json_object_set_new(out, metric_table[m].column, json_number(
            predict_of_rival(row, rival, (enum metric)m)));
    return out;
}

static json_t *rows_json(const struct predict_answer *a)
{
    const int told = predict_told(a);
    json_t *table = json_array();

    for (int i = 0; i < a->n_rows; i++) {
        const struct predict_row *row = &a->rows[i];
        json_t *out = json_pack("{s:s, s:o, s:o, s:o}",
            predict_by_names[a->options->by], row->name,
            "predicted", predict_cost_json(&row->model),
            "dense", predict_cost_json(&row->rival[PREDICT_TWIN]),
            "of_dense", of_rival_json(row, PREDICT_TWIN));
        if (told != PREDICT_TWIN) {
            json_object_set_new(out, "rival",
                                predict_cost_json(&row->rival[told]));
            json_object_set_new(out, "of_rival", of_rival_json(row, told));
        }
        json_array_append_new(table, out);
    }
    return table;
}

static json_t *per_token_json(const struct predict_answer *a)
{
    json_t *out = json_object();

    for (int i = 0; i < N_SHOWN; i++)
        json_object_set_new(out, metric_table[shown[i]].column, json_known(
            cost_get(&a->total.model, shown[i]) / predict_tokens(a),
            cost_known(&a->total.model, shown[i])));
    return out;
}

static json_t *range_json(const struct predict_answer *a,
                          struct predict_range range)
{
    if (!a->machine)
        return json_null();
    return json_pack("{s:{s:o, s:o}, s:{s:o, s:o}}",
                     "seconds", "low", json_number(range.seconds.low),
                     "high", json_number(range.seconds.high),
                     "joules", "low", json_number(range.joules.low),
                     "high", json_number(range.joules.high));
}

static json_t *conventions_json(const struct predict_answer *a)
{
    json_t *out = json_object();

    for (const struct predict_convention *c = predict_conventions;
         a->question.phase == MEMORY_TRAIN &&
         spec_check_plain(&a->question.spec, NULL) == STATUS_OK && c->name; c++)
        json_object_set_new(out, c->name, json_pack("{s:f, s:f, s:s, s:s}",
            "flops", train_flops(c, &a->contest.model),
            "dense", train_flops(c, twin_of(a)),
            "counts", c->counts, "source", c->source));
    return out;
}

/* The dense twin's totals, in the form of the model's own. */
static enum status dense_json(json_t *summary, const struct predict_answer *a,
                              struct error *err)
{
    json_t *twin = summary_open("predict", json_object(), json_object());

    enum status status = summary_totals(twin, "predicted", twin_of(a)->ledger,
                                        err);
    json_object_set(summary, "dense",
                    json_object_get(json_object_get(twin, "totals"),
                                    "predicted"));
    json_decref(twin);
    return status;
}

static json_t *experts_json(const struct predict_question *q)
{
    const struct experts *e = &q->spec.experts;
    return e->n == 0 ? json_null()
                     : json_pack("{s:i, s:i, s:i, s:f}", "experts", (int)e->n,
                                 "active", (int)e->active, "layers",
                                 (int)spec_n_expert_layers(&q->spec),
                                 "entered", entered_by(q));
}

static json_t *regime_json(const struct regime *r)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:i, s:s, s:i, s:i,"
                     " s:s}",
                     "activations", precision_names[r->arithmetic],
                     "weights", precision_names[r->weights],
                     "kv", precision_names[r->kv],
                     "gradients", precision_names[r->gradients],
                     "optimizer", precision_names[r->moments],
                     "recompute", r->recompute,
                     "accumulate", (int)regime_steps(r),
                     "execution", execution_names[r->execution],
                     "tensor", (int)r->tensor, "data", (int)r->data,
                     "shard", sharding_names[r->sharding]);
}

json_t *predict_question_json(struct predict_answer *a)
{
    json_t *machine = a->machine ? config_json(a->machine, &machine_schema)
                                 : json_null();
    char weights[SOURCE_WEIGHTS_SIZE];
    source_weights_text(weights, &a->question.spec);
    json_t *config = json_pack("{s:s, s:s, s:s, s:s*, s:o, s:i, s:i, s:o, s:O}",
        "file", a->options->model, "weights", weights,
        "phase", memory_phase_names[a->question.phase],
        "logits", a->question.phase != MEMORY_FORWARD ? NULL
                  : a->question.all_logits ? "all" : "last",
        "regime", regime_json(&a->question.regime),
        "batch", (int)a->options->batch,
        "tokens", (int)a->question.n_tokens,
        "machine", machine, "model", a->file.config);
    return config ? config : json_object();
}

enum status predict_print_json(FILE *file, struct predict_answer *a, int argc,
                               char **argv, struct error *err)
{
    json_t *summary = summary_open("predict", predict_question_json(a),
        provenance_json(argc, argv, a->options->common.threads, 0, NULL, NULL,
                        NULL));
    if (!summary)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the summary");

    enum status status = summary_totals(summary, "predicted",
                                        a->contest.model.ledger, err);
    if (status == STATUS_OK)
        status = dense_json(summary, a, err);
    json_object_set_new(summary, "by",
                        json_string(predict_by_names[a->options->by]));
    json_object_set_new(summary, "table", rows_json(a));
    json_object_set_new(summary, "per_token", per_token_json(a));
    json_object_set_new(summary, "range",
                        range_json(a, a->contest.model.range));
    json_object_set_new(summary, "dense_range",
                        range_json(a, twin_of(a)->range));
    json_object_set_new(summary, "against", predict_against_json(a));
    json_object_set_new(summary, "parameters", json_integer(
        (json_int_t)memory_parameters(&a->question.spec)));
    json_object_set_new(summary, "active_parameters", json_integer(
        (json_int_t)memory_active_parameters(&a->question.spec)));
    json_object_set_new(summary, "experts", experts_json(&a->question));
    if (a->options->draft_layers > 0)
        json_object_set_new(summary, "drafts", predict_drafts_json(a));
    json_object_set_new(summary, "measured", predict_measured_json(a));
    predict_memory_json(summary, a);
    json_object_set_new(summary, "conventions", conventions_json(a));
    if (status == STATUS_OK)
        status = json_print(summary, file, err);
    json_decref(summary);
    return status;
}
