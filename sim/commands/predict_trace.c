/* predict_trace.c - Price a model on routes that are known, recorded or drawn,
 * and tell how the costs of tokens, layers, requests and steps spread. */
#include "sim/commands/predict_answer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "models/files/hf_config.h"
#include "sim/commands/rival_load.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/summary.h"
#include "sim/core/model/plan.h"
#include "sim/price/batches.h"
#include "sim/price/routes_flops.h"

bool predict_knows_routes(const struct predict_options *o)
{
    return o->trace || o->synthetic >= 0;
}

enum status predict_trace_check(const struct predict_options *o,
                                struct error *err)
{
    static const char *const senseless[] = {
        "--by", "--explain", "--measured", "--convention", "--accumulate",
        "--execution", "--shard", NULL };
    const char *with = o->trace ? "--trace" : "--synthetic";

    if (o->trace && o->synthetic >= 0)
        return error_set(err, STATUS_BAD_VALUE, "--trace and --synthetic: one"
                         " of them says who is kept");
    if (o->machines.n > 1)
        return error_set(err, STATUS_BAD_VALUE, "several --machine: with %s"
                         " allowed is one", with);
    for (const char *const *name = senseless; *name; name++)
        if (flags_given(&o->common, *name))
            return error_set(err, STATUS_BAD_VALUE, "%s: leave it out with %s",
                             *name, with);
    if (o->trace && o->tokens > 0)
        return error_set(err, STATUS_BAD_VALUE, "--tokens: the windows of"
                         " --trace have their own");
    return STATUS_OK;
}

/* ---- routes ---- */

/* The directory itself, or that of the file. */
static enum status folder_of(char out[FILE_PATH_SIZE], const char *path,
                             struct error *err)
{
    struct stat info;

    if ((size_t)snprintf(out, FILE_PATH_SIZE, "%s", path) >= FILE_PATH_SIZE)
        return error_set(err, STATUS_BAD_VALUE, "%.80s...: a path of so many"
                         " bytes", path);
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return STATUS_OK;
    char *slash = strrchr(out, '/');
    if (slash)
        slash[slash == out] = '\0';
    else
        strcpy(out, ".");
    return STATUS_OK;
}

static enum status trace_path(char out[FILE_PATH_SIZE], const char *given,
                              struct error *err)
{
    struct stat info;

    if (stat(given, &info) == 0 && S_ISDIR(info.st_mode))
        return file_join(out, given, "trace.csv", err);
    snprintf(out, FILE_PATH_SIZE, "%s", given);
    return STATUS_OK;
}

/* Of isobath run, which writes no config.json. */
static enum status summary_layers(int32_t *out, const char *folder,
                                  struct error *err)
{
    json_t *summary;
    json_int_t n = 0;
    enum status status = summary_read(&summary, folder, err);

    if (status != STATUS_OK)
        return status;
    if (json_unpack(summary, "{s:{s:{s:I}}}", "config", "model", "layers",
                    &n) != 0 || n < 1 || n > SPEC_MAX_LAYERS)
        status = error_set(err, STATUS_BAD_VALUE, "%.200s/summary.json does not"
                           " say config.model.layers", folder);
    *out = (int32_t)n;
    json_decref(summary);
    return status;
}

static enum status folder_layers(int32_t *out, const char *folder,
                                 struct error *err)
{
    char config[FILE_PATH_SIZE], summary[FILE_PATH_SIZE];
    struct model_spec spec;

    enum status status = file_join(config, folder, "config.json", err);
    if (status == STATUS_OK)
        status = file_join(summary, folder, "summary.json", err);
    if (status != STATUS_OK)
        return status;
    if (!file_exists(config) && file_exists(summary))
        return summary_layers(out, folder, err);
    if (!file_exists(config))
        return error_set(err, STATUS_BAD_VALUE, "'%.200s' has neither the"
                         " config.json of the model that was recorded nor the"
                         " summary.json of isobath run; put one beside the"
                         " trace", folder);
    status = hf_config_read(&spec, NULL, config, err);
    if (status == STATUS_OK)
        *out = spec.n_layers;
    return status;
}

/* Layers of the model that was recorded; 0: not asked for. */
static enum status recorded_layers(int32_t *out, const struct predict_options *o,
                                   struct error *err)
{
    char folder[FILE_PATH_SIZE];
    struct error why;

    *out = 0;
    if (!o->by_depth)
        return STATUS_OK;
    enum status status = folder_of(folder, o->trace, err);
    if (status != STATUS_OK)
        return status;
    status = folder_layers(out, folder, &why);
    return status == STATUS_OK
               ? status : error_set(err, status, "--by-depth: %s", why.text);
}

static enum status open_trace(struct routes **out, struct predict_answer *a,
                              struct error *err)
{
    char path[FILE_PATH_SIZE];
    struct trace *trace;
    int32_t n_layers;

    enum status status = recorded_layers(&n_layers, a->options, err);
    if (status == STATUS_OK)
        status = trace_path(path, a->options->trace, err);
    if (status == STATUS_OK)
        status = trace_read(&trace, path, err);
    return status == STATUS_OK
               ? routes_of_trace(out, trace, path, n_layers, &a->question.spec,
                                 err)
               : status;
}

static enum status open_drawn(struct routes **out,
                              const struct predict_answer *a, struct error *err)
{
    const struct predict_options *o = a->options;
    const struct model_spec *spec = &a->question.spec;
    const struct routes_drawing how = {
        .scores = { .kind = (enum scores_kind)o->synthetic,
                    .persistence = o->persistence, .exponent = o->exponent,
                    .correlation = o->correlation, .n_vocab = spec->n_vocab,
                    .seed = (uint64_t)o->seed },
        .policy = a->file.policy, .by_step = o->phase == MEMORY_DECODE,
        .n_windows = o->windows, .n_tokens = a->question.n_tokens,
    };

    if (spec_n_routed(spec) == 0 || !how.policy)
        return error_set(err, STATUS_BAD_VALUE, "--synthetic: %.160s routes"
                         " nothing; --set routing.capacity=0.125, say, makes it"
                         " route", o->model);
    if (how.n_tokens > spec->max_tokens)
        return error_set(err, STATUS_BAD_VALUE, "%d tokens a sequence: allowed"
                         " is 1 to the model's max_tokens, %d", how.n_tokens,
                         spec->max_tokens);
    return routes_drawn(out, &how, spec, err);
}

/* ---- what comes out, as rows ---- */

/* How one quantity spreads, of a whole or of a layer. */
struct told {
    const char *of, *quantity, *unit;
    int32_t layer;                   /* -1: of none */
    const char *part;                /* "": of none */
    struct distribution d;
};

struct answer {
    struct predict_answer *a;
    bool supposed;                   /* the model is dense */
    struct routes *routes;
    struct batches batches;
    struct distribution kept[PLAN_MAX_CHOICES];      /* [n_choices] */
    struct distribution seconds[SPEC_MAX_LAYERS], flops[SPEC_MAX_LAYERS];
    struct told *rows;
    size_t n_rows;
};

static struct distribution chance(double value, uint64_t n)
{
    return (struct distribution){ n, value, (double)NAN, (double)NAN,
                                  (double)NAN, (double)NAN, (double)NAN };
}

static void tell(struct answer *x, struct told row)
{
    x->rows[x->n_rows++] = row;
}

static const char *part_of(const struct answer *x, int32_t i)
{
    return part_names[plan_choice(&x->a->question.spec,
                                  x->batches.choice[i].choice).part];
}

static int32_t layer_of(const struct answer *x, int32_t i)
{
    return plan_choice(&x->a->question.spec, x->batches.choice[i].choice).layer;
}

static void tell_choice(struct answer *x, int32_t i)
{
    const struct batches *b = &x->batches;
    const struct choice_spread *c = &b->choice[i];
    const int32_t layer = layer_of(x, i);
    const char *part = part_of(x, i);

    x->kept[i] = samples_spread(&b->choice[i].kept);
    tell(x, (struct told){ "layer", "kept", "", layer, part, x->kept[i] });
    tell(x, (struct told){ "layer", "wakes", "", layer, part,
                           chance(batches_wakes(c), c->steps) });
    tell(x, (struct told){ "layer", "wakes if alone", "", layer, part,
                           chance(batches_wakes_alone(b, c), c->steps) });
}

static enum status tell_all(struct answer *x, struct error *err)
{
    struct batches *b = &x->batches;
    const size_t most = SPREAD_COUNT + 3 * (size_t)b->n_choices +
                        2 * (size_t)b->n_layers;

    x->rows = calloc(most, sizeof *x->rows);
    if (!x->rows)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu rows", most);
    for (int i = 0; i < SPREAD_COUNT; i++)
        tell(x, (struct told){ spread_rows[i].of, spread_rows[i].quantity,
                               spread_rows[i].unit, -1, "",
                               samples_spread(&b->of[i]) });
    for (int32_t i = 0; i < b->n_choices; i++)
        tell_choice(x, i);
    for (int32_t l = 0; l < b->n_layers; l++) {
        x->flops[l] = samples_spread(&b->flops[l]);
        x->seconds[l] = samples_spread(&b->seconds[l]);
        tell(x, (struct told){ "layer", "flops", "flop", l, "", x->flops[l] });
        tell(x, (struct told){ "layer", "seconds", "s", l, "",
                               x->seconds[l] });
    }
    return STATUS_OK;
}

static double of_dense(const struct distribution *d)
{
    return d->dense > 0 ? d->mean / d->dense : (double)NAN;
}

static struct amount predicted(double value)
{
    return amount_of(value, PROV_PREDICTED);
}

/* The rival of --against, NULL where that is the twin, and what a step takes of
 * it. */
static const struct rival *rival_of(const struct predict_answer *a)
{
    return predict_told(a) == PREDICT_TWIN ? NULL : &a->rival[predict_told(a)];
}

enum { OF_RIVAL = 4 };

/* flops, bytes, seconds, joules; NAN: unknown. */
static void ratios_of(double out[OF_RIVAL], const struct answer *x)
{
    const struct rival_steps *r = &x->batches.rival;
    const double steps[OF_RIVAL] = { r->flops, r->bytes, r->seconds,
                                     r->joules };

    for (int i = 0; i < OF_RIVAL; i++) {
        const struct distribution *d = &x->rows[SPREAD_STEP_FLOPS + i].d;
        out[i] = d->n > 0 ? d->mean * (double)d->n / steps[i] : (double)NAN;
    }
}

/* ---- text ---- */

static void print_against(FILE *file, const struct answer *x)
{
    const struct rival *rival = rival_of(x->a);
    const char *before = "";
    double ratio[OF_RIVAL];

    if (!rival)
        return;
    ratios_of(ratio, x);
    fprintf(file, "against %s:\nthe mean step takes ", rival->about);
    for (int i = 0; i < OF_RIVAL; i++) {
        if (!isfinite(ratio[i]))
            continue;
        fprintf(file, "%s%.3f of its %s", before, ratio[i],
                spread_rows[SPREAD_STEP_FLOPS + i].quantity);
        before = ", ";
    }
    fputc('\n', file);
}

static void print_routes(FILE *file, const struct answer *x)
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

static enum status print_costs(FILE *file, const struct answer *x,
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
        const struct told *row = &x->rows[i];
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
        table_amount(&t, predicted(of_dense(d)));
    }
    enum status status = table_print(&t, FORMAT_TEXT, file, err);
    table_close(&t);
    return status;
}

static enum status print_layers(FILE *file, const struct answer *x,
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
        const int32_t l = layer_of(x, i);
        const struct distribution *k = &x->kept[i];
        const struct distribution *d = timed ? &x->seconds[l] : &x->flops[l];
        table_row(&t, ROW_PLAIN);
        table_count(&t, (uint64_t)l, PROV_PREDICTED);
        table_text(&t, part_of(x, i));
        table_amount(&t, predicted(k->mean));
        table_amount(&t, predicted(k->p95));
        table_amount(&t, predicted(k->p99));
        table_amount(&t, predicted(batches_wakes(&b->choice[i])));
        table_amount(&t, predicted(batches_wakes_alone(b, &b->choice[i])));
        table_amount(&t, predicted(d->mean));
        table_amount(&t, predicted(d->p95));
        table_amount(&t, predicted(d->p99));
        table_amount(&t, predicted(of_dense(d)));
    }
    enum status status = table_print(&t, FORMAT_TEXT, file, err);
    table_close(&t);
    return status;
}

static enum status print_text(FILE *file, const struct answer *x,
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

static enum status print_csv(FILE *file, const struct answer *x,
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
    double ratio[OF_RIVAL];
    struct table t;

    ratios_of(ratio, x);
    table_open(&t, "spread", columns, sizeof columns / sizeof *columns);
    t.digits = 9;
    for (size_t i = 0; i < x->n_rows; i++) {
        const struct told *row = &x->rows[i];
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
        table_amount(&t, predicted(of_dense(d)));
        table_amount(&t, predicted(i >= SPREAD_STEP_FLOPS &&
                                   i < SPREAD_STEP_FLOPS + OF_RIVAL
                                       ? ratio[i - SPREAD_STEP_FLOPS]
                                       : (double)NAN));
    }
    enum status status = table_print(&t, FORMAT_CSV, file, err);
    table_close(&t);
    return status;
}

/* ---- JSON ---- */

static json_t *rows_json(const struct answer *x)
{
    json_t *out = json_array();

    for (size_t i = 0; i < x->n_rows; i++) {
        const struct told *row = &x->rows[i];
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
            "of_dense", json_number(of_dense(d))));
    }
    return out;
}

/* Null where the rival is the twin, whose means stand with the spreads. */
static json_t *against_json(const struct answer *x)
{
    const struct rival *rival = rival_of(x->a);
    json_t *ratios = json_object();
    double ratio[OF_RIVAL];

    if (!rival) {
        json_decref(ratios);
        return json_null();
    }
    ratios_of(ratio, x);
    for (int i = 0; i < OF_RIVAL; i++)
        json_object_set_new(ratios, spread_rows[SPREAD_STEP_FLOPS + i].quantity,
                            json_number(ratio[i]));
    return json_pack("{s:s, s:s, s:s, s:f, s:o}", "rival",
                     x->a->options->against, "name", rival->name, "about",
                     rival->about, "layers", rival->layers, "step_ratio",
                     ratios);
}

static json_t *routes_json(const struct answer *x)
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

static enum status print_json(FILE *file, const struct answer *x, int argc,
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

/* ---- the whole ---- */

struct shown_progress {
    struct progress progress;
    bool begun;
};

static void show(void *context, double done, double of)
{
    struct shown_progress *p = context;

    if (!p->begun) {
        p->progress = progress_begin("pricing", "step", of, false);
        progress_at(&p->progress, 0, "");
        p->begun = true;
    }
    progress_at(&p->progress, done, "");
}

/* Equal in FLOPs to what the routes keep, which need not be the capacities that
 * the model names. */
static enum status make_equal(struct rival *out, const struct answer *x,
                              struct error *err)
{
    const struct predict_question *q = &x->a->question;
    double flops = 0;
    struct error why;
    enum status status = routes_forward_flops(&flops, x->routes, &q->spec, err);

    if (status != STATUS_OK)
        return status;
    status = rival_make_flops(out, &q->spec, flops, routes_longest(x->routes),
                              &why);
    return status == STATUS_OK
               ? status : error_set(err, status, "--against %s: %s",
                                    rival_names[RIVAL_FLOPS], why.text);
}

/* The rival of the model at the length of the routes. */
static enum status make_rival(struct answer *x, struct error *err)
{
    struct predict_answer *a = x->a;
    const int told = predict_told(a);
    const char *against = a->options->against;

    if (told == PREDICT_TWIN)
        return STATUS_OK;
    if (strcmp(against, rival_names[RIVAL_FLOPS]) == 0)
        return make_equal(&a->rival[told], x, err);
    enum status status = rival_load(&a->rival[told], against, &a->question.spec,
                                    routes_longest(x->routes), err);
    if (status == STATUS_OK && spec_n_routed(rival_nearest(&a->rival[told])) > 0)
        return error_set(err, STATUS_BAD_VALUE, "--against %.64s: it routes, and"
                         " nobody says whom: allowed with %s are dense rivals",
                         against, a->options->trace ? "--trace"
                                                    : "--synthetic");
    return status;
}

static enum status price(struct answer *x, struct error *err)
{
    struct predict_answer *a = x->a;
    struct predict_question q = a->question;
    struct shown_progress shown = { .begun = false };

    q.n_tokens = q.phase == MEMORY_DECODE ? (int32_t)a->options->context : 0;
    enum status status = batches_price(&x->batches, x->routes, &q,
                                       rival_of(a), show, &shown, err);
    if (shown.begun)
        progress_end(&shown.progress);
    return status == STATUS_OK ? tell_all(x, err) : status;
}

enum status predict_trace_print(FILE *file, struct predict_answer *a, int argc,
                                char **argv, struct error *err)
{
    struct answer *x = calloc(1, sizeof *x);

    if (!x)
        return error_set(err, STATUS_NO_MEMORY, "no memory for an answer");
    x->a = a;
    x->supposed = spec_n_routed(&a->question.spec) == 0;
    enum status status = a->options->trace ? open_trace(&x->routes, a, err)
                                           : open_drawn(&x->routes, a, err);
    if (status == STATUS_OK) {
        a->question.n_tokens = routes_longest(x->routes);
        status = make_rival(x, err);
    }
    if (status == STATUS_OK)
        status = price(x, err);
    if (status == STATUS_OK)
        status = a->options->common.format == FORMAT_JSON
                     ? print_json(file, x, argc, argv, err)
                 : a->options->common.format == FORMAT_CSV
                     ? print_csv(file, x, err)
                     : print_text(file, x, err);
    batches_close(&x->batches);
    routes_close(x->routes);
    free(x->rows);
    free(x);
    return status;
}
