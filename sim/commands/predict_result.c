/* predict_result.c - an answer of isobath predict, in three formats. */
#include "sim/commands/predict_session.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "models/files/source.h"
#include "sim/core/answer/rundir.h"

/* ---- text ---- */

/* One prefix a column: the largest that leaves the total at 1 or more. */
struct scale {
    double factor;
    const char *prefix;
};

static struct scale scale_of(double total)
{
    static const struct scale scales[] = {
        { 1e18, "E" }, { 1e15, "P" }, { 1e12, "T" }, { 1e9, "G" },
        { 1e6, "M" },  { 1e3, "k" },  { 1, "" },     { 1e-3, "m" },
        { 1e-6, "u" }, { 1e-9, "n" },
    };
    size_t i = 0, last = sizeof scales / sizeof *scales - 1;

    while (i < last && !(fabs(total) >= scales[i].factor))
        i++;
    return isfinite(total) && total != 0 ? scales[i] : (struct scale){ 1, "" };
}

static const struct { enum metric metric; const char *unit; } columns[] = {
    { METRIC_FLOPS, "FLOP" },  { METRIC_BYTES, "B" },
    { METRIC_SECONDS, "s" },   { METRIC_JOULES, "J" },
};
enum { N_COLUMNS = sizeof columns / sizeof *columns, WIDTH = 96 };

static struct scale column_scale(const struct predict_answer *a, int i)
{
    double model = cost_get(&a->total.model, columns[i].metric);
    double dense = cost_get(&a->total.dense, columns[i].metric);
    return scale_of(fmax(model, dense));
}

static void print_number(FILE *file, double value, int width, int decimals)
{
    if (isfinite(value))
        fprintf(file, "%*.*f", width, decimals, value);
    else
        fprintf(file, "%*s", width, "-");
}

static void print_row(FILE *file, const struct predict_answer *a,
                      const char *name, const struct predict_row *row,
                      bool dense)
{
    fprintf(file, "%-12s", name);
    for (int i = 0; i < N_COLUMNS; i++) {
        const struct cost *cost = dense ? &row->dense : &row->model;
        double value = cost_get(cost, columns[i].metric) /
                       column_scale(a, i).factor;
        double of_dense = predict_of_dense(row, columns[i].metric);
        print_number(file, value, 11, 4);
        print_number(file, dense && isfinite(of_dense) ? 1.0 : of_dense, 10,
                     3);
    }
    fputc('\n', file);
}

static void print_line(FILE *file)
{
    for (int i = 0; i < WIDTH; i++)
        fputc('-', file);
    fputc('\n', file);
}

static void print_heading(FILE *file, const struct predict_answer *a)
{
    fprintf(file, "%-12s", predict_by_names[a->options->by]);
    for (int i = 0; i < N_COLUMNS; i++) {
        char unit[16];
        snprintf(unit, sizeof unit, "%s%s", column_scale(a, i).prefix,
                 columns[i].unit);
        fprintf(file, "%11s%10s", unit, "of dense");
    }
    fputc('\n', file);
    print_line(file);
}

/* What is routed around and what becomes of the keys, where it is not the whole
 * block and nothing. */
static void print_routing(FILE *file, const struct model_spec *s)
{
    static const char *const what[PART_COUNT] = {
        [PART_BLOCK] = "", [PART_ATTENTION] = " around their attention",
        [PART_FFN] = " around their feed-forward part",
        [PART_APART] = " around their attention and their feed-forward part,"
                       " each by itself",
    };
    fputs(what[s->part], file);
    if (s->skipped_keys != SKIPPED_KEYS_ABSENT)
        fprintf(file, ", keys of skipped tokens %s",
                skipped_keys_names[s->skipped_keys]);
    if (s->signal != SIGNAL_NONE)
        fprintf(file, ", by the signal %s", signal_names[s->signal]);
    if (s->keep_first > 0)
        fprintf(file, ", the first %d tokens always%s", s->keep_first,
                s->first_besides ? " and of the others a share" : "");
}

static void print_model(FILE *file, const struct predict_answer *a)
{
    const struct model_spec *s = &a->question.spec;
    int32_t T = a->question.n_tokens, least = T, most = 0;

    for (int32_t l = 0; l < s->n_layers; l++)
        if (s->routed[l]) {
            int32_t kept = spec_kept(s, l, T);
            least = kept < least ? kept : least;
            most = kept > most ? kept : most;
        }
    fprintf(file, "%s: %s, %d layers, C %d, %.4g M parameters; ",
            a->options->model, family_names[spec_family(s)], s->n_layers,
            s->n_channels, (double)memory_parameters(s) / 1e6);
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
    if (spec_stores(s)) {
        char weights[SOURCE_WEIGHTS_SIZE];
        source_weights_text(weights, s);
        fprintf(file, "matrices as stored: %s\n", weights);
    }
    fprintf(file, "phase %s, B %d, T %d; machine %s\n",
            memory_phase_names[a->question.phase], a->question.n_sequences, T,
            a->machine ? a->machine->name : "none given");
    if (a->model.allocation.kept)
        fputs("kept tokens are taken to stand evenly spaced: how many keys they"
              " see depends on it\n", file);
}

static void print_range(FILE *file, const char *what, const char *unit,
                        struct estimate e)
{
    struct scale s = scale_of(e.value);
    fprintf(file, "%-12s%.4g %s%s, from %.4g to %.4g\n", what,
            e.value / s.factor, s.prefix, unit, e.low / s.factor,
            e.high / s.factor);
}

static uint64_t memory_of(const struct predict_answer *a)
{
    const struct predict_question *q = &a->question;
    return memory_process_bytes(&q->spec, q->n_sequences, q->n_tokens, q->phase,
                                a->options->common.threads,
                                a->process_bytes);
}

static void print_conventions(FILE *file, const struct predict_answer *a)
{
    const char *name = a->options->convention;

    for (const struct predict_convention *c = predict_conventions;
         name && c->name; c++) {
        if (strcmp(name, "all") != 0 && strcmp(name, c->name) != 0)
            continue;
        double model = c->train_flops(&a->model.spec, &a->model.allocation);
        double dense = c->train_flops(&a->dense.spec, &a->dense.allocation);
        struct scale s = scale_of(model);
        fprintf(file, "%-16s%9.4f %sFLOP  %5.3f of dense  %s\n", c->name,
                model / s.factor, s.prefix, model / dense, c->counts);
    }
}

void predict_print_text(FILE *file, const struct predict_answer *a)
{
    print_model(file, a);
    fputc('\n', file);
    print_heading(file, a);
    for (int i = 0; i < a->n_rows && a->options->by != PREDICT_BY_TOTAL; i++)
        print_row(file, a, a->rows[i].name, &a->rows[i], false);
    if (a->options->by != PREDICT_BY_TOTAL)
        print_line(file);
    print_row(file, a, "total", &a->total, false);
    print_row(file, a, "dense twin", &a->total, true);
    fputc('\n', file);
    if (a->machine) {
        print_range(file, "seconds", "s", a->model.range.seconds);
        print_range(file, "joules", "J", a->model.range.joules);
    }
    fprintf(file, "%-12s%.4g MB at the peak%s\n", "memory",
            (double)memory_of(a) / 1e6,
            a->question.phase == MEMORY_TRAIN ? ", and the size of the text"
                                              : "");
    print_conventions(file, a);
    fprintf(file, "predicted: nothing was run%s\n",
            a->machine ? "; joules are modelled from the profile's coefficients"
                       : "; --machine FILE adds seconds and joules");
}

/* ---- CSV ---- */

static void csv_cost(FILE *file, const struct cost *cost)
{
    for (int m = 0; m < METRIC_COUNT; m++) {
        fputc(',', file);
        if (cost->from[m] == PROV_UNKNOWN)
            continue;
        if (m < METRIC_FIRST_REAL)
            fprintf(file, "%" PRIu64, cost->count[m]);
        else
            fprintf(file, "%.9g", cost->real[m - METRIC_FIRST_REAL]);
    }
}

void predict_print_csv(FILE *file, const struct predict_answer *a)
{
    fprintf(file, "model,phase,%s", predict_by_names[a->options->by]);
    for (int m = 0; m < METRIC_COUNT; m++)
        fprintf(file, ",%s", metric_table[m].column);
    fputs("\r\n", file);
    for (int i = 0; i < 2 * a->n_rows; i++) {
        const struct predict_row *row = &a->rows[i % a->n_rows];
        bool dense = i >= a->n_rows;
        fprintf(file, "%s,%s,%s", dense ? "dense" : "model",
                memory_phase_names[a->question.phase], row->name);
        csv_cost(file, dense ? &row->dense : &row->model);
        fputs("\r\n", file);
    }
}

/* ---- JSON ---- */

static json_t *number_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *cost_json(const struct cost *cost)
{
    json_t *out = json_object();

    for (int m = 0; m < METRIC_COUNT; m++) {
        json_t *value = json_null();
        if (cost->from[m] != PROV_UNKNOWN)
            value = m < METRIC_FIRST_REAL
                        ? json_integer((json_int_t)cost->count[m])
                        : json_real(cost->real[m - METRIC_FIRST_REAL]);
        json_object_set_new(out, metric_table[m].column, value);
    }
    return out;
}

static json_t *table_json(const struct predict_answer *a)
{
    json_t *table = json_array();

    for (int i = 0; i < a->n_rows; i++) {
        const struct predict_row *row = &a->rows[i];
        json_t *of_dense = json_object();
        for (int m = 0; m < METRIC_COUNT; m++)
            json_object_set_new(of_dense, metric_table[m].column,
                number_or_null(predict_of_dense(row, (enum metric)m)));
        json_array_append_new(table, json_pack("{s:s, s:o, s:o, s:o}",
            predict_by_names[a->options->by], row->name,
            "predicted", cost_json(&row->model),
            "dense", cost_json(&row->dense), "of_dense", of_dense));
    }
    return table;
}

static json_t *range_json(const struct predict_answer *a,
                          struct predict_range range)
{
    if (!a->machine)
        return json_null();
    return json_pack("{s:{s:f, s:f}, s:{s:f, s:f}}",
                     "seconds", "low", range.seconds.low,
                     "high", range.seconds.high,
                     "joules", "low", range.joules.low,
                     "high", range.joules.high);
}

static json_t *memory_json(const struct predict_answer *a)
{
    const struct predict_question *q = &a->question;
    struct memory_item items[MEMORY_ITEMS_MAX];
    int n = memory_items(items, &q->spec, q->n_sequences, q->n_tokens,
                         q->phase);
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_pack("{s:s, s:I, s:I}",
            "name", items[i].name, "numbers_per_row",
            (json_int_t)items[i].numbers, "rows", (json_int_t)items[i].rows));
    return list;
}

static json_t *conventions_json(const struct predict_answer *a)
{
    json_t *out = json_object();

    for (const struct predict_convention *c = predict_conventions;
         a->question.phase == MEMORY_TRAIN && c->name; c++)
        json_object_set_new(out, c->name, json_pack("{s:f, s:f, s:s, s:s}",
            "flops", c->train_flops(&a->model.spec, &a->model.allocation),
            "dense", c->train_flops(&a->dense.spec, &a->dense.allocation),
            "counts", c->counts, "source", c->source));
    return out;
}

/* The dense twin's totals, in the form of the model's own. */
static enum status dense_json(json_t *summary, const struct predict_answer *a,
                              struct error *err)
{
    json_t *twin = summary_open("predict", json_object(), json_object());

    enum status status = summary_totals(twin, "predicted", a->dense.ledger,
                                        err);
    json_object_set(summary, "dense",
                    json_object_get(json_object_get(twin, "totals"),
                                    "predicted"));
    json_decref(twin);
    return status;
}

static json_t *question_json(struct predict_answer *a)
{
    json_t *machine = a->machine ? config_json(a->machine, &machine_schema)
                                 : json_null();
    char weights[SOURCE_WEIGHTS_SIZE];
    source_weights_text(weights, &a->question.spec);
    json_t *config = json_pack("{s:s, s:s, s:s, s:i, s:i, s:o, s:O}",
        "file", a->options->model, "weights", weights,
        "phase", memory_phase_names[a->question.phase],
        "batch", (int)a->question.n_sequences,
        "tokens", (int)a->question.n_tokens,
        "machine", machine, "model", a->config);
    return config ? config : json_object();
}

enum status predict_print_json(FILE *file, struct predict_answer *a, int argc,
                               char **argv, struct error *err)
{
    json_t *summary = summary_open("predict", question_json(a),
        provenance_json(argc, argv, a->options->common.threads, 0, NULL, NULL,
                        NULL));
    if (!summary)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the summary");

    enum status status = summary_totals(summary, "predicted", a->model.ledger,
                                        err);
    if (status == STATUS_OK)
        status = dense_json(summary, a, err);
    json_object_set_new(summary, "by",
                        json_string(predict_by_names[a->options->by]));
    json_object_set_new(summary, "table", table_json(a));
    json_object_set_new(summary, "range", range_json(a, a->model.range));
    json_object_set_new(summary, "dense_range", range_json(a, a->dense.range));
    json_object_set_new(summary, "parameters", json_integer(
        (json_int_t)memory_parameters(&a->question.spec)));
    json_object_set_new(summary, "memory_bytes", json_integer(
        (json_int_t)memory_of(a)));
    json_object_set_new(summary, "process_bytes", json_integer(
        (json_int_t)(a->process_bytes + MEMORY_TOUCHED_BYTES)));
    json_object_set_new(summary, "memory", memory_json(a));
    json_object_set_new(summary, "conventions", conventions_json(a));
    if (status == STATUS_OK &&
        (json_dumpf(summary, file, JSON_INDENT(2)) != 0 ||
         fputc('\n', file) == EOF))
        status = error_set(err, STATUS_IO, "writing the output failed");
    json_decref(summary);
    return status;
}
