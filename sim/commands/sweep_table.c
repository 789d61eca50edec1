/* sweep_table.c - Merge the summaries of all points into one table. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/answer/rundir.h"
#include "sim/core/answer/table.h"
#include "sim/sweep/sweep_run.h"

/* Columns taken from a summary: the first path that holds a number.  A loss may
 * be a number or an object with its unit as key; what is true or false counts
 * as 1 or 0. */
enum { MAX_PATHS = 3 };
struct figure {
    const char *key;
    const char *path[MAX_PATHS];
};

/* What others took of the machine while the point ran. */
#define OTHERS                                                                 \
    { "load.cpu_seconds",     { "load.cpu_seconds" } },                        \
    { "load.steal_seconds",   { "load.steal_seconds" } },                      \
    { "load.waiting_seconds", { "load.waiting_seconds" } },                    \
    { "load.busy",            { "load.busy" } }

static const struct figure of_train[] = {
    { "counted.flops",       { "totals.counted.flops" } },
    { "predicted.flops",     { "totals.predicted.flops" } },
    { "seconds",             { "totals.measured.seconds", "seconds" } },
    { "tokens",              { "tokens" } },
    { "loss.train",          { "loss.train", "loss.train.nats_per_byte" } },
    { "loss.heldout_causal", { "loss.heldout_causal",
                               "loss.heldout_causal.nats_per_byte" } },
    { "loss.heldout_topk",   { "loss.heldout_topk",
                               "loss.heldout_topk.nats_per_byte" } },
    { "capacity_realised",   { "routing.capacity_realised" } },
    OTHERS,
    { NULL, { NULL } },
};

/* Of the rival that ran on the same windows, in turns; kept records of a dense
 * twin may call it so. */
#define OF_PAIR(path) { "against." path, "twin." path }

/* Per token. */
static const struct figure of_run[] = {
    { "tokens",              { "loss.heldout_tokens" } },
    { "bytes_of_text",       { "loss.heldout_bytes" } },
    { "nats_per_token",      { "per_token.nats" } },
    { "bits_per_byte",       { "loss.rules.0.bits_per_byte" } },
    { "perplexity",          { "per_token.perplexity" } },
    { "capacity_realised",   { "routing.capacity_realised" } },
    { "counted.flops",       { "per_token.flops" } },
    { "predicted.flops",     { "per_token.flops_predicted" } },
    { "counted.bytes",       { "per_token.bytes" } },
    { "measured.seconds",    { "per_token.seconds" } },
    { "modelled.joules",     { "per_token.joules.value" } },
    { "modelled.joules_low",  { "per_token.joules.low" } },
    { "modelled.joules_high", { "per_token.joules.high" } },
    { "rival.nats_per_token", OF_PAIR("per_token.nats") },
    { "windows",             OF_PAIR("windows") },
    { "times",               OF_PAIR("times") },
    { "loss_increase",        OF_PAIR("loss_increase.value") },
    { "loss_increase_low",    OF_PAIR("loss_increase.low") },
    { "loss_increase_high",   OF_PAIR("loss_increase.high") },
    { "loss_difference",      OF_PAIR("loss_difference.value") },
    { "loss_difference_low",  OF_PAIR("loss_difference.low") },
    { "loss_difference_high", OF_PAIR("loss_difference.high") },
    { "ratio.flops",          OF_PAIR("ratio.flops") },
    { "ratio.bytes",          OF_PAIR("ratio.bytes") },
    { "ratio.seconds",        OF_PAIR("ratio.seconds.value") },
    { "ratio.seconds_low",    OF_PAIR("ratio.seconds.low") },
    { "ratio.seconds_high",   OF_PAIR("ratio.seconds.high") },
    { "ratio.joules",         OF_PAIR("ratio.joules.value") },
    { "ratio.joules_low",     OF_PAIR("ratio.joules.low") },
    { "ratio.joules_high",    OF_PAIR("ratio.joules.high") },
    OTHERS,
    { NULL, { NULL } },
};

/* MoD over its dense twin, in each phase; a dense model has none. */
#define OF_PHASE(key, phase)                                                   \
    { key ".ratio.flops",        { "phases." phase ".ratio.flops" } },         \
    { key ".ratio.bytes",        { "phases." phase ".ratio.bytes" } },         \
    { key ".ratio.seconds",      { "phases." phase ".ratio.seconds.median" } }, \
    { key ".ratio.seconds_low",  { "phases." phase ".ratio.seconds.low" } },   \
    { key ".ratio.seconds_high", { "phases." phase ".ratio.seconds.high" } },  \
    { key ".ratio.joules",       { "phases." phase ".ratio.joules" } }

static const struct figure of_profile[] = {
    OF_PHASE("train", "train step"),
    OF_PHASE("prefill", "prefill"),
    OF_PHASE("decode", "decode step"),
    { NULL, { NULL } },
};

/* Over the dense twin and over the other rival. */
#define OF_RIVAL(key)                                                          \
    { key ".ratio.flops",        { key ".ratio.flops" } },                     \
    { key ".ratio.bytes",        { key ".ratio.bytes" } },                     \
    { key ".ratio.seconds",      { key ".ratio.seconds.value" } },             \
    { key ".ratio.seconds_low",  { key ".ratio.seconds.low" } },               \
    { key ".ratio.seconds_high", { key ".ratio.seconds.high" } },              \
    { key ".ratio.joules",       { key ".ratio.joules.value" } },              \
    { key ".ratio.joules_low",   { key ".ratio.joules.low" } },                \
    { key ".ratio.joules_high",  { key ".ratio.joules.high" } }

/* Per token. */
static const struct figure of_predict[] = {
    { "predicted.flops",   { "per_token.flops" } },
    { "predicted.bytes",   { "per_token.bytes" } },
    { "predicted.seconds", { "per_token.seconds" } },
    { "predicted.joules",  { "per_token.joules" } },
    { "parameters",        { "parameters" } },
    { "memory_bytes",      { "memory_bytes" } },
    OF_RIVAL("twin"),
    { "rival.layers",      { "rival_layers" } },
    OF_RIVAL("rival"),
    { NULL, { NULL } },
};

/* Under the causal rule, the first of each list; then what more is lost where
 * others choose; whether hard tokens are kept; and the leak of the other rule. */
#define OF_TABLE(n, tokens)                                                    \
    { "loss_increase.table_" n,                                                \
      { "router.replaced.rows.last " n " " tokens ".more.value" } }
#define OF_INTERVAL(key, path)                                                 \
    { key,         { path ".value" } },                                        \
    { key "_low",  { path ".low" } },                                          \
    { key "_high", { path ".high" } }
static const struct figure of_router[] = {
    { "tokens",            { "tokens" } },
    { "nats_per_token",    { "router.replaced.rows.0.nats_per_token.value" } },
    { "capacity_realised", { "router.replaced.rows.0.kept.value" } },
    { "loss_increase.drawn",
      { "router.replaced.rows.drawn at random.more.value" } },
    OF_TABLE("1", "token"), OF_TABLE("2", "tokens"), OF_TABLE("3", "tokens"),
    OF_TABLE("4", "tokens"), OF_TABLE("5", "tokens"),
    OF_INTERVAL("correlation.entropy", "router.hardness.rows.0.r"),
    OF_INTERVAL("correlation.loss", "router.hardness.rows.1.r"),
    OF_INTERVAL("leak.nats", "router.leak.rows.1.nats"),
    { NULL, { NULL } },
};

static const struct figure *figures_of(const struct sweep *sweep)
{
    static const struct { const char *work; const struct figure *figures; } of[] = {
        { "train", of_train },     { "run", of_run },
        { "profile", of_profile }, { "predict", of_predict },
        { "router", of_router },
    };
    size_t i = 0;

    while (strcmp(of[i].work, sweep->work->name) != 0)
        i++;
    return of[i].figures;
}

/* True if one of the object's texts is this. */
static bool says(json_t *object, const char *text)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
        if (json_is_string(value) &&
            strcmp(json_string_value(value), text) == 0)
            return true;
    return false;
}

/* A member of an object; of a list, the item of that number, or that which is
 * called so. */
static json_t *member(json_t *object, const char *part)
{
    json_t *item;
    char *end;
    const size_t number = strtoul(part, &end, 10);
    size_t i;

    if (!json_is_array(object))
        return json_object_get(object, part);
    if (end != part && *end == '\0')
        return json_array_get(object, number);
    json_array_foreach(object, i, item)
        if (says(item, part))
            return item;
    return NULL;
}

static json_t *follow(json_t *object, const char *path)
{
    char part[64];

    while (object && *path) {
        size_t length = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)length, path);
        object = member(object, part);
        path += length + (path[length] == '.');
    }
    return object;
}

/* Add a figure as the summary states it, by any witness. */
static void add_figure(struct table *t, json_t *summary,
                       const struct figure *figure)
{
    json_t *value = NULL;

    for (int i = 0; i < MAX_PATHS && figure->path[i] && !json_is_number(value);
         i++)
        value = follow(summary, figure->path[i]);
    if (json_is_boolean(value))
        table_count(t, json_is_true(value), PROV_COUNTED);
    else if (json_is_integer(value) && json_integer_value(value) >= 0)
        table_count(t, (uint64_t)json_integer_value(value), PROV_COUNTED);
    else if (json_is_number(value))
        table_amount(t, amount_of(json_number_value(value), PROV_COUNTED));
    else
        table_skip(t);
}

enum { MAX_FIGURES = sizeof of_run / sizeof *of_run };
_Static_assert(5 + SWEEP_MAX_KEYS + MAX_FIGURES <= TABLE_MAX_COLUMNS,
               "a study may have more columns than a table");

static size_t columns_of(struct column *out, const struct sweep *sweep)
{
    size_t n = 0;

    out[n++] = (struct column){ "point", "", "", COLUMN_WHOLE, true };
    out[n++] = (struct column){ "name", "", "", COLUMN_TEXT, true };
    if (sweep->has_rows)
        out[n++] = (struct column){ "row", "", "", COLUMN_TEXT, true };
    if (sweep->has_phases)
        out[n++] = (struct column){ "phase", "", "", COLUMN_TEXT, true };
    for (size_t k = 0; k < sweep->n_keys; k++)
        out[n++] = (struct column){ sweep->key[k], "", "", COLUMN_TEXT, true };
    out[n++] = (struct column){ "status", "", "", COLUMN_TEXT, true };
    for (const struct figure *f = figures_of(sweep); f->key; f++)
        out[n++] = (struct column){ f->key, "", "", COLUMN_SI, true };
    return n;
}

static void add_row(struct table *t, const struct sweep *sweep, int32_t point,
                    enum point_state state, json_t *summary)
{
    const struct sweep_point *p = &sweep->point[point];

    table_row(t, ROW_PLAIN);
    table_count(t, (uint64_t)point, PROV_COUNTED);
    table_text(t, p->name);
    if (sweep->has_rows)
        table_text(t, p->row);
    if (sweep->has_phases)
        table_text(t, p->phase);
    for (size_t k = 0; k < sweep->n_keys; k++)
        table_text(t, sweep_value(p, sweep->key[k]));
    table_text(t, point_state_names[state]);
    for (const struct figure *f = figures_of(sweep); f->key; f++)
        add_figure(t, summary, f);
}

/* Reads the summaries of the points' directories. */
static enum status read_summary(json_t **out, void *directory, int32_t point,
                                struct error *err)
{
    char path[FILE_PATH_SIZE];
    enum status status = sweep_point_path(path, directory, point, err);

    return status == STATUS_OK ? summary_read(out, path, err) : status;
}

static enum status fill(struct table *t, const struct sweep *sweep,
                        const enum point_state *state, sweep_read_fn *read,
                        void *context, struct error *err)
{
    enum status status = STATUS_OK;

    for (int32_t i = 0; i < sweep->n_points && status == STATUS_OK; i++) {
        json_t *summary = NULL;
        if (state[i] == POINT_DONE)
            status = read(&summary, context, i, err);
        if (status == STATUS_OK)
            add_row(t, sweep, i, state[i], summary);
        json_decref(summary);
    }
    return status;
}

enum status sweep_table_of(const struct sweep *sweep, const char *directory,
                           const enum point_state *state, sweep_read_fn *read,
                           void *context, struct error *err)
{
    struct column columns[TABLE_MAX_COLUMNS];
    struct table t;

    table_open(&t, "points", columns, columns_of(columns, sweep));
    t.digits = 9;
    enum status status = fill(&t, sweep, state, read, context, err);
    if (status == STATUS_OK && directory)
        status = table_write(&t, FORMAT_CSV, directory, "points.csv", err);
    else if (status == STATUS_OK)
        status = table_print(&t, FORMAT_CSV, stdout, err);
    table_close(&t);
    return status;
}

enum status sweep_table(const struct sweep *sweep, const char *directory,
                        const enum point_state *state, bool keep,
                        struct error *err)
{
    char path[FILE_PATH_SIZE] = "";

    if (directory)
        snprintf(path, sizeof path, "%s", directory);
    return sweep_table_of(sweep, keep ? directory : NULL, state, read_summary,
                          path, err);
}
