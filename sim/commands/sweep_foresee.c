/* sweep_foresee.c - Resolve and price every point of a study as its command
 * would. */
#include "sim/commands/sweep_foresee.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "models/commands/train_job.h"
#include "models/kernels/kernels.h"
#include "models/scoring/run_config.h"
#include "sim/core/answer/table.h"

/* What a point would do; NAN: its command does not say before it runs. */
struct foreseen {
    double steps, tokens, flops;
    char   fingerprint[17];      /* as in its summary; "": it would have none */
    char   data_hash[17];        /* as in its provenance */
};

typedef enum status foresee_fn(struct foreseen *out, const char *base,
                               const struct config_setting *settings,
                               size_t n_settings, struct error *err);

static enum status foresee_train(struct foreseen *out, const char *base,
                                 const struct config_setting *settings,
                                 size_t n_settings, struct error *err)
{
    struct train_job *s = train_begin(err);
    enum status status = STATUS_OK;

    if (!s)
        return STATUS_NO_MEMORY;
    s->arguments.config = base;
    s->arguments.common.threads = 1;
    s->arguments.common.n_settings = n_settings;
    memcpy(s->arguments.common.setting, settings,
           n_settings * sizeof *settings);
    if (!(status = train_read_config(s, err)) &&
        !(status = train_plan(s, err)) && !(status = train_open_data(s, err))) {
        const double steps = (double)s->config.steps;
        const struct cost sum = ledger_sum(s->predicted, LEDGER_ANY, LEDGER_ANY,
                                           LEDGER_ANY, LEDGER_ANY);
        *out = (struct foreseen){
            steps, steps * (double)(s->config.batch * s->config.tokens),
            steps * cost_get(&sum, METRIC_FLOPS), "", "" };
        strcpy(out->fingerprint, s->fingerprint);
        strcpy(out->data_hash, s->corpus.hash);
    }
    train_close(s);
    return status;
}

static enum status foresee_run(struct foreseen *out, const char *base,
                               const struct config_setting *settings,
                               size_t n_settings, struct error *err)
{
    struct run_config *config = malloc(sizeof *config);
    struct file_map text;
    struct source source;

    if (!config)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a config");
    enum status status = run_config_read(config, base, settings, n_settings,
                                         err);
    if (status == STATUS_OK &&
        (status = source_read(&source, config->model, config->passed,
                              config->n_passed, err)) != STATUS_OK)
        status = run_config_blame(config, err);
    *out = (struct foreseen){ (double)NAN, (double)NAN, (double)NAN, "", "" };
    if (status == STATUS_OK && !file_exists(config->text))
        status = run_config_fail(config, "run.text", err, "%.200s: no such"
                                 " file", config->text);
    if (status == STATUS_OK &&
        (status = file_map(&text, config->text, err)) == STATUS_OK) {
        snprintf(out->data_hash, sizeof out->data_hash, "%016" PRIx64,
                 (uint64_t)XXH64(text.data, text.size, 0));
        file_unmap(&text);
    }
    free(config);
    return status;
}

static const struct { const char *name; foresee_fn *foresee; } works[] = {
    { "train", foresee_train }, { "run", foresee_run },
};

static enum status foresee(struct foreseen *out, const struct sweep *sweep,
                           const struct sweep_point *point, struct error *err)
{
    struct config_setting setting[COMMAND_MAX_SETTINGS];
    char *text[COMMAND_MAX_SETTINGS];
    enum status status = STATUS_OK;
    size_t n = 0, w = 0;

    if (point->n_settings > COMMAND_MAX_SETTINGS)
        return error_set(err, STATUS_BAD_VALUE, "more than %d settings",
                         COMMAND_MAX_SETTINGS);
    for (; n < point->n_settings && status == STATUS_OK; n++) {
        const struct sweep_setting *given = &point->setting[n];
        if (asprintf(&text[n], "%s=%s", given->key, given->given) < 0) {
            status = error_set(err, STATUS_NO_MEMORY, "no memory for a point");
            break;
        }
        setting[n] = (struct config_setting){ .text = text[n],
                                              .place = given->place };
    }
    while (strcmp(works[w].name, sweep->work->name) != 0)
        w++;
    if (status == STATUS_OK)
        status = works[w].foresee(out, sweep->base, setting, n, err);
    while (n-- > 0)
        free(text[n]);
    return status;
}

static void add_row(struct table *t, enum row_kind kind, int32_t point,
                    const char *name, const struct foreseen *f)
{
    table_row(t, kind);
    if (kind == ROW_TOTAL)
        table_skip(t);
    else
        table_count(t, (uint64_t)point, PROV_PREDICTED);
    table_text(t, name);
    table_amount(t, amount_of(f->steps, PROV_PREDICTED));
    table_amount(t, amount_of(f->tokens, PROV_PREDICTED));
    table_amount(t, amount_of(f->flops, PROV_PREDICTED));
}

enum status sweep_foresee(const struct sweep *sweep, const char *filter,
                          enum format format, struct error *err)
{
    static const struct column columns[] = {
        { "point", "point", "", COLUMN_WHOLE, true },
        { "name", "name", "", COLUMN_TEXT, true },
        { "steps", "steps", "", COLUMN_WHOLE, true },
        { "tokens", "tokens", "", COLUMN_SI, true },
        { "flops", "", "flop", COLUMN_SI, true },
    };
    struct foreseen sum = { 0, 0, 0, "", "" };
    struct error last = { STATUS_OK, "" };
    int32_t n = 0, n_bad = 0, n_alike = 0;
    struct table t;

    table_open(&t, "points", columns, sizeof columns / sizeof *columns);
    for (int32_t i = 0; i < sweep->n_points; i++) {
        const struct sweep_point *point = &sweep->point[i];
        struct foreseen f = { 0, 0, 0, "", "" };
        struct error why = { STATUS_OK, "" };
        if (!sweep_matches(point, filter))
            continue;
        n++;
        if (foresee(&f, sweep, point, &why) != STATUS_OK) {
            n_bad++;
            if (strcmp(why.text, last.text) == 0) {
                n_alike++;
                continue;
            }
            command_warn("point %d (%s): %s", i, point->name, why.text);
            last = why;
            continue;
        }
        add_row(&t, ROW_PLAIN, i, point->name, &f);
        sum.steps += f.steps;
        sum.tokens += f.tokens;
        sum.flops += f.flops;
    }
    char total[32];
    snprintf(total, sizeof total, "%d points", n - n_bad);
    add_row(&t, ROW_TOTAL, 0, total, &sum);
    enum status status = table_print(&t, format, stdout, err);
    table_close(&t);
    return status == STATUS_OK && n_bad > 0
               ? error_set(err, STATUS_BAD_VALUE, "%d of %d points cannot run,"
                           " %d for the reason of the one before", n_bad, n,
                           n_alike)
               : status;
}

enum status sweep_would_repeat(const struct sweep *sweep, int32_t point,
                               const json_t *summary, struct error *err)
{
    const json_t *by = json_object_get(summary, "provenance");
    const char *data = json_string_value(json_object_get(by, "data_hash"));
    const char *print = json_string_value(json_object_get(summary,
                                                          "fingerprint"));
    struct foreseen f;
    enum status status = foresee(&f, sweep, &sweep->point[point], err);

    if (status != STATUS_OK)
        return status;
    if (!data || strcmp(data, f.data_hash) != 0)
        return error_set(err, STATUS_BAD_VALUE, "was done on other data (hash"
                         " %s; the text has %s now)", data ? data : "unknown",
                         f.data_hash);
    if (*f.fingerprint && (!print || strcmp(print, f.fingerprint) != 0))
        return error_set(err, STATUS_BAD_VALUE, "was trained by another config:"
                         " a default, or what a key names, is another now");
    return STATUS_OK;
}

enum status sweep_would_repeat_bits(const struct sweep *sweep, int32_t point,
                                    const json_t *summary, struct error *err)
{
    const char *then = json_string_value(json_object_get(
        json_object_get(summary, "provenance"), "isa"));
    const char *now = kernels_best()->name;

    if (then && strcmp(then, now) != 0)
        return error_set(err, STATUS_BAD_VALUE, "was done under the %s kernels,"
                         " these are %s and come to other bits; ISOBATH_KERNELS="
                         "%s takes those of then, --any-kernels takes the point"
                         " as it is", then, now, then);
    return sweep_would_repeat(sweep, point, summary, err);
}
