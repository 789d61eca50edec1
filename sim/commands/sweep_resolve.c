/* sweep_resolve.c - Resolve a point of a study as its command would, without
 * running it. */
#include "sim/commands/sweep_resolve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "models/commands/run_rival.h"
#include "models/kernels/kernels.h"
#include "models/scoring/run_text.h"
#include "sim/commands/sweep_priced.h"
#include "sim/price/memory.h"

typedef enum status resolve_fn(struct resolved *out, const char *base,
                               const struct sweep_given *given,
                               const struct resolve_as *as,
                               struct error *err);

static double sum_of(const struct ledger *ledger, int pass, enum metric metric)
{
    const struct cost sum = ledger_sum(ledger, pass, LEDGER_ANY, LEDGER_ANY,
                                       LEDGER_ANY);
    return cost_known(&sum, metric) ? cost_get(&sum, metric) : (double)NAN;
}

/* What a finished training leaves: weights in 4 bytes, and some 60 kB of tables,
 * of which a curve of at most 400 lines. */
static double kept_by_train(const struct train_job *s)
{
    return 4.0 * (double)memory_parameters(&s->spec) + 60e3;
}

static enum status resolve_train(struct resolved *out, const char *base,
                                 const struct sweep_given *given,
                                 const struct resolve_as *as, struct error *err)
{
    struct train_job *s = train_begin(err);
    enum status status = STATUS_OK;

    if (!s)
        return STATUS_NO_MEMORY;
    s->arguments.config = base;
    s->arguments.common.threads = as->threads;
    s->arguments.common.n_settings = given->n;
    memcpy(s->arguments.common.setting, given->setting,
           given->n * sizeof *given->setting);
    if (!(status = train_read_config(s, err)) &&
        !(status = train_plan(s, err)) && as->with_data)
        status = train_open_data(s, err);
    if (status == STATUS_OK) {
        const double steps = (double)s->config.steps;
        const double rows = (double)(s->config.batch * s->config.tokens);
        out->steps = steps;
        out->tokens = steps * rows;
        out->flops = steps * sum_of(s->predicted, LEDGER_ANY, METRIC_FLOPS);
        out->seconds = steps * sum_of(s->predicted, LEDGER_ANY, METRIC_SECONDS);
        out->flops_forward = sum_of(s->predicted, PASS_FORWARD, METRIC_FLOPS) /
                             rows;
        out->parameters = (double)memory_parameters(&s->spec);
        out->bytes_kept = kept_by_train(s);
        out->bytes_held = (double)train_predicted_bytes(s);
        out->channels = s->spec.n_channels;
        out->heads = s->spec.n_heads;
        strcpy(out->data_hash, s->corpus.hash);
    }
    if (status == STATUS_OK && as->with_fingerprints)
        status = train_fingerprints(out->fingerprint, &out->n_fingerprints, s,
                                    err);
    train_close(s);
    return status;
}

/* With the rival beside it, where it has one. */
static enum status held_by_models(uint64_t *out, const struct run_config *c,
                                  const struct source *source, int threads,
                                  struct error *err)
{
    const int32_t window = (int32_t)c->window;
    struct run_rival *rival = calloc(1, sizeof *rival);

    if (!rival)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a rival");
    enum status status = run_rival_open(rival, c, &source->spec, window, err);
    *out = memory_process_bytes(&source->spec, 1, window, MEMORY_FORWARD,
                                threads);
    if (status == STATUS_OK && *c->against)
        *out = memory_joined_bytes(
            *out, memory_process_bytes(&rival->spec, 1, window, MEMORY_FORWARD,
                                       threads), threads);
    free(rival);
    return status;
}

/* With the text, of which a token is a byte at least. */
static enum status held_by_run(double *out, struct run_config *c,
                               const struct source *source, int threads,
                               struct error *err)
{
    struct tokenizer *tokenizer = NULL;
    struct stat text = { 0 };
    uint64_t models = 0;
    enum status status = run_text_window(c, source, err);

    if (status == STATUS_OK)
        status = held_by_models(&models, c, source, threads, err);
    if (status == STATUS_OK)
        status = run_text_tokenizer(&tokenizer, *c->tokenizer ? c->tokenizer
                                                              : NULL,
                                    source, err);
    if (status == STATUS_OK && stat(c->text, &text) != 0)
        status = run_config_fail(c, "run.text", err, "%.200s: no such file",
                                 c->text);
    const uint64_t size = (uint64_t)text.st_size;
    *out = (double)memory_with_bytes(models, size + tokenizer_memory(tokenizer) +
                                     (tokenizer ? sizeof(int32_t) * size : 0));
    tokenizer_close(tokenizer);
    return status;
}

static enum status resolve_run(struct resolved *out, const char *base,
                               const struct sweep_given *given,
                               const struct resolve_as *as, struct error *err)
{
    struct run_config *config = malloc(sizeof *config);
    struct source source;

    if (!config)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a config");
    enum status status = run_config_read(config, base, given->setting, given->n,
                                         err);
    if (status == STATUS_OK &&
        (status = source_read(&source, config->model, config->passed,
                              config->n_passed, err)) != STATUS_OK)
        status = run_config_blame(config, err);
    if (status == STATUS_OK)
        status = source_keep(&source, (enum weights)config->weights, err);
    if (status == STATUS_OK)
        status = held_by_run(&out->bytes_held, config, &source, as->threads,
                             err);
    if (status == STATUS_OK && as->with_data)
        status = file_hash(out->data_hash, config->text, err);
    free(config);
    return status;
}

/* Its options were checked; the text and the machine are opened when it runs. */
static enum status resolve_profile(struct resolved *out, const char *base,
                                   const struct sweep_given *given,
                                   const struct resolve_as *as, struct error *err)
{
    struct source source;
    enum status status = source_read(&source, base, given->setting, given->n,
                                     err);

    (void)as;
    if (status == STATUS_OK)
        out->parameters = (double)memory_parameters(&source.spec);
    return status;
}

/* It keeps more than a scoring does: scores of every token and table. */
static enum status resolve_router(struct resolved *out, const char *base,
                                  const struct sweep_given *given,
                                  const struct resolve_as *as,
                                  struct error *err)
{
    const enum status status = resolve_run(out, base, given, as, err);

    out->bytes_held = (double)NAN;
    return status;
}

static enum status resolve_predict(struct resolved *out, const char *base,
                                   const struct sweep_given *given,
                                   const struct resolve_as *as,
                                   struct error *err)
{
    struct priced *priced = NULL;
    enum status status = priced_open(&priced, base, given, err);

    (void)as;
    if (status == STATUS_OK) {
        const struct predict_question *q = &priced->answer.question;
        double flops = (double)NAN;
        status = rival_forward_flops(&flops, &q->spec, q->n_tokens, err);
        out->tokens = predict_tokens(&priced->answer);
        out->flops_forward = flops / q->n_tokens;
        out->parameters = (double)memory_parameters(&q->spec);
        out->channels = q->spec.n_channels;
        out->heads = q->spec.n_heads;
    }
    priced_close(priced);
    return status;
}

static const struct {
    const char *name;
    resolve_fn *resolve;
} works[] = {
    { "predict", resolve_predict }, { "profile", resolve_profile },
    { "router", resolve_router },   { "run", resolve_run },
    { "train", resolve_train },
};

enum status sweep_resolve(struct resolved *out, const struct sweep *sweep,
                          const struct sweep_point *point,
                          struct resolve_as as, struct error *err)
{
    const double unknown = nan("");
    struct sweep_given given;
    enum status status = sweep_given_open(&given, sweep, point, err);
    size_t w = 0;

    *out = (struct resolved){ unknown, unknown, unknown, unknown, unknown,
                              unknown, unknown, unknown, unknown, unknown,
                              { "" }, 0, "" };
    as.threads = as.threads > 0 ? as.threads : 1;
    while (strcmp(works[w].name, sweep->work->name) != 0)
        w++;
    if (as.machine && status == STATUS_OK)
        status = sweep_given_add(&given, "machine", as.machine, NULL, err);
    if (status == STATUS_OK)
        status = works[w].resolve(out, sweep->base, &given, &as, err);
    sweep_given_close(&given);
    return status;
}

enum status sweep_would_repeat(const struct sweep *sweep, int32_t point,
                               const json_t *summary, struct error *err)
{
    const json_t *by = json_object_get(summary, "provenance");
    const char *data = json_string_value(json_object_get(by, "data_hash"));
    const char *print = json_string_value(json_object_get(summary,
                                                          "fingerprint"));
    struct resolved f;
    enum status status = sweep_resolve(
        &f, sweep, &sweep->point[point],
        (struct resolve_as){ .with_data = true, .with_fingerprints = true },
        err);
    bool same = f.n_fingerprints == 0;

    if (status != STATUS_OK)
        return status;
    if (*f.data_hash && (!data || strcmp(data, f.data_hash) != 0))
        return error_set(err, STATUS_BAD_VALUE, "was done on other data (hash"
                         " %s; the text has %s now)", data ? data : "unknown",
                         f.data_hash);
    for (int i = 0; print && i < f.n_fingerprints; i++)
        same |= strcmp(print, f.fingerprint[i]) == 0;
    if (!same)
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
