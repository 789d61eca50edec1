/* capacities.c - Run a text under capacities of one's own. */
#include "models/scoring/capacities.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/scoring/decisions.h"
#include "models/scoring/run_arm.h"
#include "sim/core/model/plan.h"

/* Rules that keep by what training left, or by a record, at any capacity. */
static const char *const fixed[] = { "threshold", "sigmoid", "predictor",
                                     "token_choice", "table", "replay",
                                     "dense" };

static enum status choose_policy(struct capacities *c,
                                 const struct source *source,
                                 const struct run_config *config,
                                 struct error *err)
{
    c->policy = *config->policy ? route_find(config->policy)
                                : source->routing.policy;
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strcmp(c->policy->name, fixed[i]) == 0) {
            error_set(err, STATUS_BAD_VALUE, "%s: it keeps tokens whatever the"
                      " capacity; --policy allows rules that go by it, such as"
                      " expert_choice, running_quantile, token_norm and hash",
                      fixed[i]);
            return STATUS_BAD_VALUE;
        }
    return STATUS_OK;
}

/* A model that nobody trained to skip is left alone with all its tokens. */
static enum status choose_capacities(struct capacities *c,
                                     const struct source *source,
                                     struct error *err)
{
    struct source bare;
    enum status status = source_read(&bare, source->path, NULL, 0, err);

    c->spec = source->spec;
    route_settle(&c->spec, c->policy, c->spec.keep_first);
    for (int32_t l = 0; l < c->spec.n_layers && status == STATUS_OK; l++)
        if (c->spec.routed[l] && spec_n_routed(&bare.spec) == 0)
            c->spec.capacity[l] = 1.0;
    return status;
}

static enum status open_model(struct capacities *c, const struct source *source,
                              const struct run_config *config, int n_threads,
                              struct error *err)
{
    const struct model_options options = {
        .n_sequences = c->at_once, .n_tokens = (int32_t)config->window,
        .n_threads = n_threads, .weights_of = c->weights_of,
    };
    enum status status = model_open(&c->model, &c->spec, &options, err);

    return status == STATUS_OK && !c->weights_of
               ? source_fill(source, c->model, (uint64_t)config->seed, err)
               : status;
}

enum status capacities_open(struct capacities *c, const struct source *source,
                            const struct run_config *config,
                            const struct score_text *text, int n_threads,
                            struct error *err)
{
    const int32_t n = (int32_t)config->window;
    enum status status = choose_policy(c, source, config, err);

    if (status == STATUS_OK)
        status = choose_capacities(c, source, err);
    if (status == STATUS_OK)
        status = score_window_open(&c->window, n, err);
    if (status != STATUS_OK)
        return status;
    c->name = source->path;
    c->text = text;
    c->windows = score_windows(text);
    c->seed = (uint64_t)config->seed;
    c->at_once = decisions_at_once(&c->spec, n);
    c->tokens = calloc((size_t)c->windows + 1, sizeof *c->tokens);
    c->ids = calloc((size_t)(c->at_once * n), sizeof *c->ids);
    c->targets = calloc((size_t)(c->at_once * n), sizeof *c->targets);
    c->length = calloc((size_t)c->at_once, sizeof *c->length);
    if (!c->tokens || !c->ids || !c->targets || !c->length) {
        error_set(err, STATUS_NO_MEMORY, "no memory for windows");
        return STATUS_NO_MEMORY;
    }
    for (int64_t w = 0; w < c->windows; w++) {
        score_window(text, w, &c->window);
        c->tokens[w] = c->window.n_tokens;
    }
    return open_model(c, source, config, n_threads, err);
}

void capacities_close(struct capacities *c)
{
    model_close(c->model);
    score_window_close(&c->window);
    free(c->length);
    free(c->targets);
    free(c->ids);
    free(c->tokens);
}

void capacity_loss_close(struct capacity_loss *loss)
{
    free(loss->nats);
}

/* Windows `first` to first + n - 1 as one batch. */
static void run_batch(struct capacities *c, int64_t first, int32_t n,
                      struct capacity_loss *out)
{
    const int32_t T = c->text->window;
    struct forward_meter meter = forward_meter();
    const struct model_input input = {
        .ids = c->ids, .targets = c->targets, .n_sequences = n, .n_tokens = T,
        .length = c->length, .policy = c->policy,
        .seed = run_pass_seed(c->seed, first),
    };
    double mean;

    for (int32_t i = 0; i < n; i++) {
        score_window(c->text, first + i, &c->window);
        const size_t size = (size_t)c->window.n_tokens * sizeof *c->ids;
        memcpy(c->ids + i * T, c->window.ids, size);
        memcpy(c->targets + i * T, c->window.targets, size);
        c->length[i] = c->window.n_tokens;
    }
    model_forward(c->model, &input, &meter.meter, &mean);
    const float *nats = model_nats(c->model);
    for (int32_t i = 0; i < n; i++)
        for (int32_t t = 0; t < c->length[i]; t++)
            out->nats[first + i] += (double)*nats++;
    out->flops += meter.flops;
}

enum status capacities_run(struct capacities *c,
                           const double capacity[SPEC_MAX_LAYERS],
                           bool (*go_on)(void *watcher), void *watcher,
                           struct capacity_loss *out, struct error *err)
{
    out->flops = 0;
    out->nats = calloc((size_t)c->windows + 1, sizeof *out->nats);
    if (!out->nats) {
        error_set(err, STATUS_NO_MEMORY, "no memory for losses");
        return STATUS_NO_MEMORY;
    }
    for (int32_t l = 0; l < c->spec.n_layers; l++)
        if (c->spec.routed[l])
            model_set_capacity(c->model, l, capacity[l]);
    for (int64_t w = 0; w < c->windows; w += c->at_once) {
        const int64_t left = c->windows - w;
        if (!go_on(watcher)) {
            error_set(err, STATUS_INTERRUPTED, "interrupted");
            return STATUS_INTERRUPTED;
        }
        run_batch(c, w, left < c->at_once ? (int32_t)left : c->at_once, out);
    }
    return model_check(c->model, c->name, err);
}

int64_t capacities_tokens(const struct capacities *c)
{
    int64_t tokens = 0;

    for (int64_t w = 0; w < c->windows; w++)
        tokens += c->tokens[w];
    return tokens;
}

double capacities_nats(const struct capacities *c,
                       const struct capacity_loss *loss)
{
    double nats = 0;

    for (int64_t w = 0; w < c->windows; w++)
        nats += loss->nats[w];
    return nats / (double)capacities_tokens(c);
}

struct difference capacities_more(const struct capacities *c,
                                  const struct capacity_loss *loss,
                                  const struct capacity_loss *than)
{
    const size_t n = (size_t)c->windows;
    double *more = calloc(2 * n + 1, sizeof *more);
    struct difference d = { .mean = (double)NAN, .low = (double)NAN,
                            .high = (double)NAN };

    if (!more)
        return d;
    for (size_t w = 0; w < n; w++) {
        more[w] = loss->nats[w] - than->nats[w];
        more[n + w] = (double)c->tokens[w];
    }
    d = stats_ratio(more, more + n, n);
    free(more);
    return d;
}
