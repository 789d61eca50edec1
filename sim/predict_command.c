/* predict_command.c - `isobath predict`: a price without a run. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "models/run_result.h"
#include "models/source.h"
#include "sim/core/command.h"
#include "sim/core/file.h"
#include "sim/core/model_config.h"
#include "sim/core/nearest.h"
#include "sim/core/rundir.h"
#include "sim/explain.h"
#include "sim/predict_table.h"

int predict_command(int argc, char **argv);

struct options {
    struct command_options common;
    const char *model, *machine, *convention;
    enum memory_phase phase;
    enum predict_by by;
    int32_t batch, tokens, context;     /* 0: not given */
    int     explain;                    /* enum op, or -1 */
    int32_t layer;                      /* that it shows */
    const char *weights;                /* float32, stored, or a type; NULL: as
                                         * the model file says */
};

/* Everything that is printed, in whatever format. */
struct answer {
    const struct options *options;
    struct predict_question question;
    json_t *config;                     /* of the model, resolved */
    struct machine *machine;            /* NULL: none */
    struct prediction model, dense;
    struct predict_row rows[PREDICT_ROWS_MAX];
    int    n_rows;
    struct predict_row total;
    uint64_t process_bytes;             /* this program's own, at its start */
};

/* ---- arguments ---- */

enum { KEY_MACHINE = 256, KEY_PHASE, KEY_CONTEXT, KEY_BY, KEY_EXPLAIN,
       KEY_CONVENTION, KEY_LAYER, KEY_WEIGHTS };

static const struct argp_option option_table[] = {
    { "machine", KEY_MACHINE, "FILE", 0,
      "Machine profile: adds seconds, joules and bytes per level", 0 },
    { "phase", KEY_PHASE, "train|prefill|decode", 0,
      "A training step (default), all tokens at once, or one new token a"
      " sequence", 0 },
    { "batch", 'B', "N", 0, "Sequences; default 1", 0 },
    { "tokens", 'T', "N", 0,
      "Tokens a sequence, of train and prefill; default: model.max_tokens", 0 },
    { "context", KEY_CONTEXT, "N", 0,
      "Tokens a sequence has with the new one, of decode; default:"
      " model.max_tokens", 0 },
    { "by", KEY_BY, "op|layer|pass|total", 0, "Rows of the table", 0 },
    { "explain", KEY_EXPLAIN, "OP", 0,
      "Formula, numbers put in and result of one op", 0 },
    { "layer", KEY_LAYER, "N", 0,
      "The layer whose stored matrices --explain puts in; default 0", 0 },
    { "weights", KEY_WEIGHTS, "float32|stored|TYPE", 0,
      "What matrices are read as: float32, as MODEL's files store them, or all"
      " as f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k;"
      " default: as a model YAML's weights section says, else float32", 0 },
    { "convention", KEY_CONVENTION, "NAME", 0,
      "Also what a paper's convention calls the FLOPs of a training step, or"
      " all", 0 },
    { NULL, 0, NULL, 0, NULL, 0 },
};

/* Index of `text` among `names`, or a usage error that says what is allowed. */
static int one_of(const char *option, const char *text,
                  const char *const *names, struct argp_state *state)
{
    struct nearest near = nearest_to(text);
    char all[256] = "";

    for (int i = 0; names[i]; i++) {
        if (strcmp(names[i], text) == 0)
            return i;
        nearest_offer(&near, names[i]);
        size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", i ? ", " : "",
                 names[i]);
    }
    argp_error(state, "%s '%s': allowed is %s%s%s%s", option, text, all,
               near.name ? "; did you mean '" : "", near.name ? near.name : "",
               near.name ? "'?" : "");
    return 0;
}

static int32_t positive(const char *option, const char *text,
                        struct argp_state *state)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);

    if (end == text || *end || errno || n < 1 || n > 1 << 24)
        argp_error(state, "%s '%s': allowed is 1 to %d", option, text, 1 << 24);
    return (int32_t)n;
}

static int op_named(const char *text, struct argp_state *state)
{
    const char *names[OP_COUNT + 1] = { NULL };

    for (int i = 0; i < OP_COUNT; i++)
        names[i] = op_table[i].name;
    return one_of("--explain", text, names, state);
}

static const char *convention_named(const char *text, struct argp_state *state)
{
    enum { MOST = 16 };
    const char *names[MOST + 2] = { "all" };

    for (int i = 0; i < MOST && predict_conventions[i].name; i++)
        names[i + 1] = predict_conventions[i].name;
    return names[one_of("--convention", text, names, state)];
}

static const char *weights_named(const char *text, struct argp_state *state)
{
    const char *names[WEIGHTS_COUNT + NUMBER_COUNT + 1] = { NULL };

    for (int i = 0; i < WEIGHTS_COUNT; i++)
        names[i] = weights_names[i];
    for (int i = 0; i < NUMBER_COUNT; i++)
        names[WEIGHTS_COUNT + i] = number_table[i].name;
    return names[one_of("--weights", text, names, state)];
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
    struct options *o = state->input;

    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &o->common;
        return 0;
    case KEY_MACHINE:
        o->machine = arg;
        return 0;
    case KEY_PHASE:
        o->phase = (enum memory_phase)one_of("--phase", arg,
                                             memory_phase_names, state);
        return 0;
    case 'B':
        o->batch = positive("--batch", arg, state);
        return 0;
    case 'T':
        o->tokens = positive("--tokens", arg, state);
        return 0;
    case KEY_CONTEXT:
        o->context = positive("--context", arg, state);
        return 0;
    case KEY_BY:
        o->by = (enum predict_by)one_of("--by", arg, predict_by_names, state);
        return 0;
    case KEY_EXPLAIN:
        o->explain = op_named(arg, state);
        return 0;
    case KEY_LAYER:
        o->layer = strcmp(arg, "0") == 0 ? 0 : positive("--layer", arg, state);
        return 0;
    case KEY_WEIGHTS:
        o->weights = weights_named(arg, state);
        return 0;
    case KEY_CONVENTION:
        o->convention = convention_named(arg, state);
        return 0;
    case ARGP_KEY_ARG:
        if (o->model)
            argp_error(state, "'%s': one MODEL at a time", arg);
        o->model = arg;
        return 0;
    case ARGP_KEY_END:
        if (!o->model)
            argp_error(state, "MODEL is missing: a model YAML, a directory with"
                       " config.json, a GGUF or a llama2.c file");
        else if (o->phase == MEMORY_DECODE && o->tokens)
            argp_error(state, "--tokens with --phase decode: give --context");
        else if (o->phase != MEMORY_DECODE && o->context)
            argp_error(state, "--context: only with --phase decode");
        else if (o->explain >= 0 && o->common.format != FORMAT_TEXT)
            argp_error(state, "--explain is text: leave --format out");
        else if (o->layer > 0 && o->explain < 0)
            argp_error(state, "--layer: goes with --explain");
        else if (o->phase != MEMORY_TRAIN && o->convention)
            argp_error(state, "--convention: only with --phase train");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The keys that --set knows, after the options. */
static char *add_keys(int key, const char *text, void *input)
{
    char *out = NULL;
    size_t size;
    FILE *file;

    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC || !(file = open_memstream(&out, &size)))
        return (char *)(uintptr_t)text;
    fprintf(file, "%s\n\nKeys of a model, in its YAML or after --set:\n",
            text ? text : "");
    config_help(&model_config_schema, file);
    fclose(file);
    return out;
}

/* ---- input ---- */

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* What --set says of a model whose file says the rest. */
static json_t *settings_json(const struct command_options *o)
{
    json_t *list = json_array();
    for (size_t i = 0; i < o->n_settings; i++)
        json_array_append_new(list, json_string(o->setting[i].text));
    return list;
}

/* A checkpoint says all of its shape: only its routing is left to --set. */
static enum status load_json(struct answer *a, const char *path,
                             struct error *err)
{
    const struct command_options *o = &a->options->common;
    char *text, replay[CONFIG_TEXT_SIZE];
    struct hf_routing routing;
    size_t size;

    enum status status = hf_config_read(&a->question.spec, &routing, path, err);
    if (status == STATUS_OK)
        status = model_config_route(&a->question.spec, &routing.policy, replay,
                                    path, o->setting, o->n_settings, err);
    if (status == STATUS_OK)
        status = file_read(&text, &size, path, 1 << 20, err);
    if (status != STATUS_OK)
        return status;
    a->config = json_loadb(text, size, 0, NULL);
    free(text);
    if (o->n_settings > 0)
        json_object_set_new(a->config, "set", settings_json(o));
    return STATUS_OK;
}

static enum status load_yaml(struct answer *a, struct error *err)
{
    struct model_config config;
    const struct command_options *o = &a->options->common;

    enum status status = model_config_load(&a->question.spec, &config,
                                           a->options->model, o->setting,
                                           o->n_settings, err);
    if (status == STATUS_OK)
        a->config = config_json(&config, &model_config_schema);
    return status;
}

static bool reads_stored(const struct options *o)
{
    return o->weights && strcmp(o->weights, weights_names[WEIGHTS_STORED]) == 0;
}

/* A file with weights, or a directory whose own types are asked for. */
static enum status load_weights(struct answer *a, struct error *err)
{
    const struct command_options *o = &a->options->common;
    struct source source;

    enum status status = source_read(&source, a->options->model, o->setting,
                                     o->n_settings, err);
    if (status == STATUS_OK && reads_stored(a->options))
        status = source_keep(&source, WEIGHTS_STORED, err);
    if (status != STATUS_OK)
        return status;
    a->question.spec = source.spec;
    a->config = run_result_model(&source.spec);
    if (o->n_settings > 0)
        json_object_set_new(a->config, "set", settings_json(o));
    return STATUS_OK;
}

/* All matrices as --weights names one type for them. */
static enum status store_as(struct model_spec *spec, const char *type,
                            struct error *err)
{
    struct stored_config config = { .all = NUMBER_F32 };
    struct error why;

    if (strcmp(type, weights_names[WEIGHTS_FLOAT32]) != 0 &&
        !stored_config_find(&config, type))
        return STATUS_OK;                    /* stored: load_weights() did it */
    if (stored_config_apply(spec, &config, &why) == STATUS_OK)
        return STATUS_OK;
    return error_set(err, STATUS_BAD_VALUE, "--weights %s: %s", type, why.text);
}

static enum status load_model(struct answer *a, struct error *err)
{
    const struct options *o = a->options;
    char path[FILE_PATH_SIZE];
    enum status status;

    if (ends_with(o->model, ".gguf") || ends_with(o->model, ".bin") ||
        reads_stored(o)) {
        status = load_weights(a, err);
    } else if (is_directory(o->model)) {
        status = file_join(path, o->model, "config.json", err);
        if (status == STATUS_OK)
            status = load_json(a, path, err);
    } else if (ends_with(o->model, ".json")) {
        status = load_json(a, o->model, err);
    } else {
        status = load_yaml(a, err);
    }
    return status == STATUS_OK && o->weights
               ? store_as(&a->question.spec, o->weights, err) : status;
}

static enum status load(struct answer *a, struct error *err)
{
    const struct options *o = a->options;
    enum status status = load_model(a, err);

    if (status == STATUS_OK && o->layer >= a->question.spec.n_layers)
        status = error_set(err, STATUS_BAD_VALUE, "--layer %d: this model has"
                           " layers 0 to %d", o->layer,
                           a->question.spec.n_layers - 1);
    if (status != STATUS_OK || !o->machine)
        return status;
    a->machine = malloc(sizeof *a->machine);
    if (!a->machine)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a machine");
    a->question.machine = a->machine;
    return machine_load(a->machine, o->machine, err);
}

static enum status work_out(struct answer *a, struct error *err)
{
    struct predict_question *q = &a->question;
    const struct options *o = a->options;
    const struct model_spec dense = spec_dense(&q->spec);

    q->phase = o->phase;
    q->n_sequences = o->batch ? o->batch : 1;
    q->n_tokens = o->tokens ? o->tokens : o->context ? o->context
                                                     : q->spec.max_tokens;
    struct error why;
    if (q->phase == MEMORY_TRAIN &&
        spec_check_training(&q->spec, &why) != STATUS_OK)
        return error_set(err, STATUS_BAD_VALUE, "%s; ask for --phase prefill or"
                         " decode", why.text);
    enum status status = prediction_open(&a->model, q, &q->spec, err);
    if (status == STATUS_OK)
        status = prediction_open(&a->dense, q, &dense, err);
    if (status != STATUS_OK)
        return status;
    a->n_rows = predict_rows(a->rows, &a->model, &a->dense, o->by);
    a->total = predict_total(&a->model, &a->dense);
    return STATUS_OK;
}

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

static struct scale column_scale(const struct answer *a, int i)
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

static void print_row(FILE *file, const struct answer *a, const char *name,
                      const struct predict_row *row, bool dense)
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

static void print_heading(FILE *file, const struct answer *a)
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

static void print_model(FILE *file, const struct answer *a)
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
            a->options->model, family_names[s->family], s->n_layers,
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

static uint64_t memory_of(const struct answer *a)
{
    const struct predict_question *q = &a->question;
    return memory_process_bytes(&q->spec, q->n_sequences, q->n_tokens, q->phase,
                                a->options->common.threads,
                                a->process_bytes);
}

static void print_conventions(FILE *file, const struct answer *a)
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

static void print_text(FILE *file, const struct answer *a)
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

static void print_csv(FILE *file, const struct answer *a)
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

static json_t *table_json(const struct answer *a)
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

static json_t *range_json(const struct answer *a, struct predict_range range)
{
    if (!a->machine)
        return json_null();
    return json_pack("{s:{s:f, s:f}, s:{s:f, s:f}}",
                     "seconds", "low", range.seconds.low,
                     "high", range.seconds.high,
                     "joules", "low", range.joules.low,
                     "high", range.joules.high);
}

static json_t *memory_json(const struct answer *a)
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

static json_t *conventions_json(const struct answer *a)
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
static enum status dense_json(json_t *summary, const struct answer *a,
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

static json_t *question_json(struct answer *a)
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

static enum status print_json(FILE *file, struct answer *a, int argc,
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

/* ---- the command ---- */

static enum status print(FILE *file, struct answer *a, int argc, char **argv,
                         struct error *err)
{
    const struct options *o = a->options;

    if (o->explain >= 0)
        explain_op(file, &a->model.spec, &a->model.allocation,
                   o->phase != MEMORY_DECODE, a->model.ledger,
                   (enum op)o->explain, o->layer);
    else if (o->common.format == FORMAT_TEXT)
        print_text(file, a);
    else if (o->common.format == FORMAT_CSV)
        print_csv(file, a);
    else
        return print_json(file, a, argc, argv, err);
    return STATUS_OK;
}

static enum status deliver(struct answer *a, int argc, char **argv,
                           struct error *err)
{
    struct file_writer out;
    const char *path = a->options->common.output;

    if (!path)
        return print(stdout, a, argc, argv, err);
    enum status status = file_create(&out, path, err);
    if (status != STATUS_OK)
        return status;
    status = print(out.stream, a, argc, argv, err);
    if (status == STATUS_OK)
        return file_commit(&out, err);
    file_abandon(&out);
    return status;
}

int predict_command(int argc, char **argv)
{
    const struct argp_child children[] = { { &command_argp, 0, NULL, 0 },
                                           { NULL, 0, NULL, 0 } };
    const struct argp argp = {
        option_table, parse_option, "MODEL",
        "Price a model: FLOPs, bytes, and on a machine seconds and joules, next"
        " to its dense twin.  Nothing is run.\vMODEL is a model YAML"
        " (configs/models/), a run or checkpoint directory with config.json, a"
        " GGUF or a llama2.c file.", children, add_keys, NULL,
    };
    struct options options = { .explain = -1 };
    struct answer *a = calloc(1, sizeof *a);
    struct error err = { STATUS_NO_MEMORY, "no memory" };

    if (!a)
        return command_fail(&err);
    argp_parse(&argp, argc, argv, 0, NULL, &options);
    a->options = &options;
    a->process_bytes = command_peak_bytes();
    enum status status = load(a, &err);
    if (status == STATUS_OK)
        status = work_out(a, &err);
    if (status == STATUS_OK)
        status = deliver(a, argc, argv, &err);
    prediction_close(&a->model);
    prediction_close(&a->dense);
    json_decref(a->config);
    free(a->machine);
    free(a);
    return status == STATUS_OK ? 0 : command_fail(&err);
}
