/* router_leak.c - Exchange the tokens behind a position, and see what changes
 * at and before it. */
#include "models/scoring/router_leak.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/random.h"

/* One trial: the window, the position in it, and the ids with another future. */
struct trial {
    int64_t window, first;         /* its first token in the record */
    int32_t n_tokens, t;
    int32_t *ids, *targets;        /* [T] */
};

static int64_t length_of(const struct router_record *r, int64_t w)
{
    return r->first[w + 1] - r->first[w];
}

/* A window of at least two tokens, a position that has one behind it, and the
 * same stretch of another window as its future, from its start again where that
 * is shorter. */
static void draw(struct trial *trial, const struct router_record *r,
                 struct random *random)
{
    int64_t other;

    do
        trial->window = random_below(random, (uint32_t)r->windows);
    while (length_of(r, trial->window) < 2);
    do
        other = random_below(random, (uint32_t)r->windows);
    while (other == trial->window);
    trial->first = r->first[trial->window];
    trial->n_tokens = (int32_t)length_of(r, trial->window);
    trial->t = (int32_t)random_below(random, (uint32_t)trial->n_tokens - 1);
    const size_t size = (size_t)trial->n_tokens * sizeof *trial->ids;
    memcpy(trial->ids, r->id + trial->first, size);
    memcpy(trial->targets, r->target + trial->first, size);
    for (int32_t i = trial->t + 1; i < trial->n_tokens; i++)
        trial->ids[i] = r->id[r->first[other] + i % length_of(r, other)];
}

/* True if a choice up to the position is another than in the record. */
static bool rerouted(const struct router_leak_job *job,
                     const struct trial *trial)
{
    const struct router_record *r = job->record;
    const struct allocation *a = model_allocation(job->arm->model);

    for (int32_t c = 0; c < r->n_choices; c++) {
        const unsigned char *before = router_kept(r, &r->rule[job->rule], c) +
                                      trial->first;
        const int32_t *kept = allocation_kept(a, r->choice[c], 0);
        const int32_t n = allocation_count(a, r->choice[c], 0);
        for (int32_t t = 0, i = 0; t <= trial->t; t++) {
            bool now = i < n && kept[i] == t;
            i += now;
            if (now != before[t])
                return true;
        }
    }
    return false;
}

static float try_one(struct router_leak *out, const struct router_leak_job *job,
                     const struct trial *trial)
{
    const struct router_rule *rule = &job->record->rule[job->rule];
    const struct score_window window = {
        .ids = trial->ids, .targets = trial->targets,
        .n_tokens = trial->n_tokens,
    };
    const struct run_pass pass = {
        .window = &window,
        .seed = run_pass_seed(job->seed, trial->window),
    };
    const float before = rule->nats[trial->first + trial->t];

    run_arm_forward(job->arm, &pass, rule->policy, NULL);
    const float now = model_nats(job->arm->model)[trial->t];
    out->changed += now < before || now > before;
    out->rerouted += rerouted(job, trial);
    out->positions++;
    return now - before;
}

static bool can_exchange(const struct router_record *r)
{
    int64_t long_enough = 0;

    for (int64_t w = 0; w < r->windows; w++)
        long_enough += length_of(r, w) >= 2;
    return r->windows >= 2 && long_enough > 0;
}

enum status router_leak(struct router_leak *out,
                        const struct router_leak_job *job, struct error *err)
{
    const struct router_record *r = job->record;
    const size_t room = (size_t)r->room / (size_t)r->windows_most;
    struct trial trial = { .ids = calloc(room, sizeof *trial.ids),
                           .targets = calloc(room, sizeof *trial.targets) };
    double *more = calloc((size_t)job->positions + 1, sizeof *more);
    struct random random = random_seeded(random_mix(job->seed, 7, 0, 0));
    enum status status = STATUS_OK;

    *out = (struct router_leak){ 0 };
    if (!trial.ids || !trial.targets || !more) {
        status = STATUS_NO_MEMORY;
        error_set(err, status, "no memory for %" PRId64 " positions",
                  job->positions);
    } else if (!can_exchange(r)) {
        status = STATUS_BAD_VALUE;
        error_set(err, status, "%" PRId64 " windows: a leak is measured by"
                  " exchanging futures between two or more", r->windows);
    }
    while (status == STATUS_OK && out->positions < job->positions &&
           job->go_on(job->watcher, out->positions)) {
        draw(&trial, r, &random);
        const int64_t i = out->positions;
        more[i] = (double)try_one(out, job, &trial);
    }
    if (status == STATUS_OK)
        status = run_arm_check(job->arm, err);
    if (status == STATUS_OK)
        out->nats = stats_mean_interval(stats_spread(more, (size_t)
                                                     out->positions));
    free(more);
    free(trial.targets);
    free(trial.ids);
    return status;
}
