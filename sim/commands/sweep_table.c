/* sweep_table.c - points.csv, merged from the points' summaries. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/answer/rundir.h"
#include "sim/sweep/sweep_run.h"

/* Columns taken from a summary: the first path that holds a number.  A loss may
 * be a number or an object with its unit as key. */
enum { MAX_PATHS = 3 };
struct source {
    const char *title;
    const char *path[MAX_PATHS];
};

static const struct source of_train[] = {
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
    { NULL, { NULL } },
};

/* Per token; "dense" is the twin that ran on the same windows, in turns. */
static const struct source of_run[] = {
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
    { "dense.nats_per_token", { "twin.per_token.nats" } },
    { "windows",             { "twin.windows" } },
    { "times",               { "twin.times" } },
    { "loss_increase",        { "twin.loss_increase.value" } },
    { "loss_increase_low",    { "twin.loss_increase.low" } },
    { "loss_increase_high",   { "twin.loss_increase.high" } },
    { "loss_difference",      { "twin.loss_difference.value" } },
    { "loss_difference_low",  { "twin.loss_difference.low" } },
    { "loss_difference_high", { "twin.loss_difference.high" } },
    { "ratio.flops",          { "twin.ratio.flops" } },
    { "ratio.bytes",          { "twin.ratio.bytes" } },
    { "ratio.seconds",        { "twin.ratio.seconds.value" } },
    { "ratio.seconds_low",    { "twin.ratio.seconds.low" } },
    { "ratio.seconds_high",   { "twin.ratio.seconds.high" } },
    { "ratio.joules",         { "twin.ratio.joules.value" } },
    { "ratio.joules_low",     { "twin.ratio.joules.low" } },
    { "ratio.joules_high",    { "twin.ratio.joules.high" } },
    { NULL, { NULL } },
};

static const struct source *columns_of(const struct sweep *sweep)
{
    return strcmp(sweep_work(sweep)->name, "run") == 0 ? of_run : of_train;
}

static json_t *follow(json_t *object, const char *path)
{
    char part[64];

    while (object && *path) {
        size_t length = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)length, path);
        object = json_is_array(object)
                     ? json_array_get(object, strtoul(part, NULL, 10))
                     : json_object_get(object, part);
        path += length + (path[length] == '.');
    }
    return object;
}

/* In quotes where need be. */
static void write_text(FILE *file, const char *text)
{
    if (text[strcspn(text, ",\"\r\n")])
        file_write_quoted(file, text);
    else
        fputs(text, file);
}

static void write_number(FILE *file, json_t *summary,
                         const char *const path[MAX_PATHS])
{
    fputc(',', file);
    for (int i = 0; i < MAX_PATHS && path[i]; i++) {
        json_t *value = follow(summary, path[i]);
        if (json_is_integer(value))
            fprintf(file, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        else if (json_is_real(value))
            fprintf(file, "%.9g", json_real_value(value));
        else
            continue;
        return;
    }
}

static void write_header(FILE *file, const struct sweep *sweep)
{
    fputs("point,name", file);
    for (size_t k = 0; k < sweep_n_keys(sweep); k++) {
        fputc(',', file);
        write_text(file, sweep_key(sweep, k));
    }
    fputs(",status", file);
    for (const struct source *c = columns_of(sweep); c->title; c++)
        fprintf(file, ",%s", c->title);
    fputs("\r\n", file);
}

static void write_row(FILE *file, const struct sweep *sweep, int32_t point,
                      enum point_state state, json_t *summary)
{
    fprintf(file, "%d,", point);
    write_text(file, sweep_point(sweep, point).name);
    for (size_t k = 0; k < sweep_n_keys(sweep); k++) {
        const char *value = sweep_value(sweep, point, sweep_key(sweep, k));
        fputc(',', file);
        write_text(file, value ? value : "");
    }
    fprintf(file, ",%s", point_state_names[state]);
    for (const struct source *c = columns_of(sweep); c->title; c++)
        write_number(file, summary, c->path);
    fputs("\r\n", file);
}

static enum status write_point(FILE *file, const struct sweep *sweep,
                               const char *directory, int32_t point,
                               enum point_state state, struct error *err)
{
    char path[FILE_PATH_SIZE];
    json_t *summary = NULL;
    enum status status = STATUS_OK;

    if (state == POINT_DONE)
        status = sweep_point_path(path, directory, point, err);
    if (state == POINT_DONE && status == STATUS_OK)
        status = summary_read(&summary, path, err);
    if (status == STATUS_OK)
        write_row(file, sweep, point, state, summary);
    json_decref(summary);
    return status;
}

enum status sweep_print_table(const struct sweep *sweep, const char *directory,
                              const enum point_state *state, FILE *file,
                              struct error *err)
{
    enum status status = STATUS_OK;

    write_header(file, sweep);
    for (int32_t i = 0; i < sweep_n_points(sweep) && status == STATUS_OK; i++)
        status = write_point(file, sweep, directory, i, state[i], err);
    return status;
}

enum status sweep_write_table(const struct sweep *sweep, const char *directory,
                              const enum point_state *state, struct error *err)
{
    char path[FILE_PATH_SIZE];
    struct file_writer writer;
    enum status status = file_join(path, directory, "points.csv", err);

    if (status == STATUS_OK)
        status = file_create(&writer, path, err);
    if (status != STATUS_OK)
        return status;
    status = sweep_print_table(sweep, directory, state, writer.stream, err);
    if (status != STATUS_OK) {
        file_abandon(&writer);
        return status;
    }
    return file_commit(&writer, err);
}
