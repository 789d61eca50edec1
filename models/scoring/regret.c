/* regret.c - Turn decisions round, swap the most regretted, and compare. */
#include "models/scoring/regret.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/random.h"

enum { DRAWS = 4 };                /* allocations at random, whose mean varies
                                    * half as much as one */

/* The choice works on `in` instead of on `out`. */
struct regret_swap {
    int32_t choice, out, in;
    double  gain;                  /* nats, if worths added up */
};

double regret_worth(const struct regret_flip *f)
{
    return f->kept ? f->nats : -f->nats;
}

static enum status no_memory(struct error *err)
{
    error_set(err, STATUS_NO_MEMORY, "no memory to look at decisions");
    return STATUS_NO_MEMORY;
}

enum status regret_open(struct regret *r, struct run_arm *arm, int64_t windows,
                        int32_t n_tokens, int32_t positions, struct error *err)
{
    const int32_t all = plan_n_choices(&arm->spec);
    const size_t cells = (size_t)all * (size_t)n_tokens;

    for (int32_t c = 0; c < all; c++)
        if (plan_choice(&arm->spec, c).routed)
            r->choice[r->n_choices++] = c;
    r->positions = positions > 0 && positions < n_tokens ? positions : n_tokens;
    r->windows_most = windows;
    r->flips_most = windows * r->n_choices * r->positions;
    r->flip = calloc((size_t)r->flips_most + 1, sizeof *r->flip);
    r->window = calloc((size_t)windows + 1, sizeof *r->window);
    r->outcome = calloc((size_t)(windows * (1 + r->n_choices) * REGRET_ARMS) +
                            1, sizeof *r->outcome);
    r->kept = calloc(cells, sizeof *r->kept);
    r->trial = calloc(cells, sizeof *r->trial);
    r->sample = calloc((size_t)n_tokens, sizeof *r->sample);
    r->swap = calloc((size_t)(r->n_choices * r->positions) / 2 + 1,
                     sizeof *r->swap);
    if (!r->flip || !r->window || !r->outcome || !r->kept || !r->trial ||
        !r->sample || !r->swap)
        return no_memory(err);
    return decisions_open(&r->decisions, arm->model,
                          decisions_at_once(&arm->spec, n_tokens), n_tokens,
                          err);
}

void regret_close(struct regret *r)
{
    decisions_close(&r->decisions);
    free(r->swap);
    free(r->sample);
    free(r->trial);
    free(r->kept);
    free(r->outcome);
    free(r->window);
    free(r->flip);
}

/* ---- the sample ---- */

/* The first k of x become k of its n, drawn without putting back. */
static void draw_first(int32_t *x, int32_t n, int32_t k, struct random *random)
{
    for (int32_t i = 0; i < k; i++) {
        const int32_t j = i + (int32_t)random_below(random, (uint32_t)(n - i));
        const int32_t moved = x[i];
        x[i] = x[j];
        x[j] = moved;
    }
}

static int ascending(const void *a, const void *b)
{
    const int32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Tokens that are kept in any case decide nothing. */
static void draw_sample(struct regret *r, const struct model_spec *spec,
                        int32_t n_tokens, struct random *random)
{
    const int32_t n = n_tokens - spec->keep_first;

    r->sampled = n < 0 ? 0 : n < r->positions ? n : r->positions;
    for (int32_t i = 0; i < n; i++)
        r->sample[i] = spec->keep_first + i;
    draw_first(r->sample, n, r->sampled, random);
    qsort(r->sample, (size_t)r->sampled, sizeof *r->sample, ascending);
}

/* ---- flips ---- */

struct looking {
    struct regret *r;
    const struct regret_pass *job;
    uint64_t seed;
    struct random random;
    int64_t first;                 /* flip of the window */
};

static unsigned char *cell(const struct regret *r, unsigned char *kept,
                           int32_t choice, int32_t token)
{
    return &kept[r->choice[choice] * r->decisions.n_tokens + token];
}

static struct regret_outcome *outcome_at(const struct regret *r, int64_t w,
                                         int32_t choice, int arm)
{
    return &r->outcome[(w * (1 + r->n_choices) + 1 + choice) * REGRET_ARMS +
                       arm];
}

const struct regret_outcome *regret_outcome(const struct regret *r, int64_t w,
                                            int32_t choice, int arm)
{
    return outcome_at(r, w, choice, arm);
}

/* What the flips from `first` on, which wait as the versions, came to. */
static void take_flips(struct looking *p, int64_t first, int32_t n)
{
    struct regret *r = p->r;
    const struct regret_outcome *router = outcome_at(r, r->windows, -1,
                                                     REGRET_ROUTER);

    decisions_run(&r->decisions, n, p->seed);
    for (int32_t i = 0; i < n; i++) {
        struct regret_flip *f = &r->flip[first + i];
        f->nats = r->decisions.nats[i] - router->nats;
        f->flops = (double)r->decisions.flops[i] - router->flops;
    }
}

static void wait_for(struct looking *p, int32_t choice, int32_t token,
                     int32_t i)
{
    struct regret *r = p->r;
    unsigned char *at = cell(r, r->kept, choice, token);

    r->flip[r->n_flips++] = (struct regret_flip){
        .window = (int32_t)r->windows, .choice = choice, .token = token,
        .kept = *at,
    };
    *at = !*at;
    decisions_set(&r->decisions, i, r->kept);
    *at = !*at;
}

/* False: given up. */
static bool turn_round(struct looking *p)
{
    struct regret *r = p->r;
    const int32_t n = r->n_choices * r->sampled;
    const int32_t most = r->decisions.n_versions;

    for (int32_t i = 0; i < n; i += most) {
        const int64_t first = r->n_flips;
        const int32_t some = n - i < most ? n - i : most;
        if (!p->job->go_on(p->job->watcher, first))
            return false;
        for (int32_t j = 0; j < some; j++)
            wait_for(p, (i + j) / r->sampled, r->sample[(i + j) % r->sampled],
                     j);
        take_flips(p, first, some);
    }
    return true;
}

/* ---- the cut, and swaps across it ---- */

static int by_worth(const void *a, const void *b)
{
    struct regret_flip *const *x = a, *const *y = b;
    const double p = regret_worth(*x), q = regret_worth(*y);
    return (p < q) - (p > q);
}

static int by_gain(const void *a, const void *b)
{
    const struct regret_swap *x = a, *y = b;
    return (x->gain < y->gain) - (x->gain > y->gain);
}

/* The flips of a choice, of highest worth first; the K before the cut should
 * have been kept. */
static void regret_those(struct regret_flip **ranked, int32_t n, int32_t k)
{
    if (k == 0 || k == n)
        return;
    const double cut = (regret_worth(ranked[k - 1]) +
                        regret_worth(ranked[k])) / 2;
    for (int32_t i = 0; i < n; i++)
        if (ranked[i]->kept != (i < k))
            ranked[i]->regret = fabs(regret_worth(ranked[i]) - cut);
}

/* The best of the wrongly skipped for the worst of the wrongly kept, and so on;
 * returns how many swaps that is. */
static int32_t swap_those(struct regret_swap *out,
                          struct regret_flip *const *ranked, int32_t n,
                          int32_t k)
{
    int32_t swaps = 0, worst = n - 1;

    for (int32_t best = 0; best < k; best++) {
        if (ranked[best]->kept)
            continue;
        while (!ranked[worst]->kept)
            worst--;
        const double gain = regret_worth(ranked[best]) -
                            regret_worth(ranked[worst]);
        out[swaps++] = (struct regret_swap){
            ranked[best]->choice, ranked[worst--]->token, ranked[best]->token,
            gain,
        };
    }
    return swaps;
}

static int32_t n_kept(struct regret_flip *const *flip, int32_t n)
{
    int32_t k = 0;

    for (int32_t i = 0; i < n; i++)
        k += flip[i]->kept;
    return k;
}

/* ---- allocations ---- */

static struct regret_outcome ran(const struct regret *r, int32_t version)
{
    return (struct regret_outcome){
        .nats = r->decisions.nats[version],
        .flops = (double)r->decisions.flops[version],
    };
}

/* Of the first n swaps, of the first half, quarter, ... and of none, what loses
 * least when it is run. */
static struct regret_outcome best_of(struct looking *p,
                                     const struct regret_swap *swap, int32_t n)
{
    struct regret *r = p->r;
    struct decisions *d = &r->decisions;
    const size_t size = (size_t)d->n_choices * (size_t)d->n_tokens;
    struct regret_outcome best = *outcome_at(r, r->windows, -1, REGRET_ROUTER);

    while (n > 0) {
        int32_t version = 0, made[32];
        for (; n > 0 && version < d->n_versions; n /= 2) {
            memcpy(r->trial, r->kept, size);
            for (int32_t i = 0; i < n; i++) {
                *cell(r, r->trial, swap[i].choice, swap[i].out) = 0;
                *cell(r, r->trial, swap[i].choice, swap[i].in) = 1;
            }
            made[version] = n;
            decisions_set(d, version++, r->trial);
        }
        decisions_run(d, version, p->seed);
        for (int32_t i = 0; i < version; i++)
            if (d->nats[i] < best.nats) {
                best = ran(r, i);
                best.swaps = made[i];
            }
    }
    return best;
}

static void draw_choice(struct looking *p, int32_t choice)
{
    struct regret *r = p->r;
    int32_t k = 0;

    for (int32_t i = 0; i < r->sampled; i++)
        k += *cell(r, r->kept, choice, r->sample[i]);
    draw_first(r->sample, r->sampled, k, &p->random);
    for (int32_t i = 0; i < r->sampled; i++)
        *cell(r, r->trial, choice, r->sample[i]) = i < k;
}

/* In the block of one choice, or in all. */
static struct regret_outcome drawn(struct looking *p, int32_t choice)
{
    struct regret *r = p->r;
    struct decisions *d = &r->decisions;
    const size_t size = (size_t)d->n_choices * (size_t)d->n_tokens;
    struct regret_outcome mean = { 0 };

    for (int32_t i = 0; i < DRAWS; i++) {
        memcpy(r->trial, r->kept, size);
        for (int32_t c = 0; c < r->n_choices; c++)
            if (choice < 0 || c == choice)
                draw_choice(p, c);
        decisions_set(d, 0, r->trial);
        decisions_run(d, 1, p->seed);
        mean.nats += d->nats[0] / DRAWS;
        mean.flops += (double)d->flops[0] / DRAWS;
    }
    return mean;
}

static enum status allocate(struct looking *p, struct error *err)
{
    struct regret *r = p->r;
    const int32_t n = r->sampled;
    struct regret_flip **ranked = calloc((size_t)n + 1, sizeof *ranked);
    int32_t swaps = 0;

    if (!ranked)
        return no_memory(err);
    for (int32_t c = 0; c < r->n_choices; c++) {
        for (int32_t i = 0; i < n; i++)
            ranked[i] = &r->flip[p->first + (int64_t)c * n + i];
        const int32_t k = n_kept(ranked, n);
        qsort(ranked, (size_t)n, sizeof *ranked, by_worth);
        regret_those(ranked, n, k);
        const int32_t some = swap_those(r->swap + swaps, ranked, n, k);
        *outcome_at(r, r->windows, c, REGRET_ORACLE) =
            best_of(p, r->swap + swaps, some);
        *outcome_at(r, r->windows, c, REGRET_DRAWN) = drawn(p, c);
        *outcome_at(r, r->windows, c, REGRET_ROUTER) =
            *outcome_at(r, r->windows, -1, REGRET_ROUTER);
        swaps += some;
    }
    free(ranked);
    qsort(r->swap, (size_t)swaps, sizeof *r->swap, by_gain);
    *outcome_at(r, r->windows, -1, REGRET_ORACLE) = best_of(p, r->swap, swaps);
    *outcome_at(r, r->windows, -1, REGRET_DRAWN) = drawn(p, -1);
    return STATUS_OK;
}

static void route(struct looking *p)
{
    struct regret *r = p->r;
    const struct run_pass pass = { .window = p->job->window, .seed = p->seed };

    run_arm_forward(p->job->arm, &pass, p->job->rule, NULL);
    decisions_of(p->job->arm->model, r->kept);
    decisions_begin(&r->decisions, p->job->window);
    decisions_set(&r->decisions, 0, r->kept);
    decisions_run(&r->decisions, 1, p->seed);
    *outcome_at(r, r->windows, -1, REGRET_ROUTER) = ran(r, 0);
}

enum status regret_add(struct regret *r, const struct regret_pass *job,
                       struct error *err)
{
    struct looking p = {
        .r = r, .job = job, .first = r->n_flips,
        .seed = run_pass_seed(job->seed, r->windows),
    };

    p.random = random_seeded(random_mix(p.seed, 1, 0, 0));
    route(&p);
    draw_sample(r, &job->arm->spec, job->window->n_tokens, &p.random);
    if (!turn_round(&p)) {
        r->n_flips = p.first;
        error_set(err, STATUS_INTERRUPTED, "interrupted");
        return STATUS_INTERRUPTED;
    }
    enum status status = run_arm_check(job->arm, err);
    if (status == STATUS_OK)
        status = allocate(&p, err);
    if (status == STATUS_OK)
        r->window[r->windows++] = (struct regret_window){
            job->window->position, job->window->n_tokens, p.first, r->n_flips };
    return status;
}

/* ---- over the windows ---- */

/* Of two sums of each window, their ratio with its interval. */
typedef void pair_fn(const struct regret *r, int64_t w, int32_t choice, int arm,
                     double *a, double *b);

static struct difference ratio_of(const struct regret *r, pair_fn *pair,
                                  int32_t choice, int arm)
{
    const size_t n = (size_t)r->windows;
    double *a = calloc(2 * n + 1, sizeof *a), sum = 0;
    struct difference d = { .mean = (double)NAN, .low = (double)NAN,
                            .high = (double)NAN };

    if (!a)
        return d;
    double *b = a + n;
    for (size_t w = 0; w < n; w++) {
        pair(r, (int64_t)w, choice, arm, &a[w], &b[w]);
        sum += fabs(b[w]);
    }
    if (sum > 0)
        d = stats_ratio(a, b, n);
    free(a);
    return d;
}

static void more_in(const struct regret *r, int64_t w, int32_t choice, int arm,
                    double *a, double *b)
{
    *a = outcome_at(r, w, choice, arm)->nats -
         outcome_at(r, w, choice, REGRET_ROUTER)->nats;
    *b = (double)r->window[w].n_tokens;
}

struct difference regret_more(const struct regret *r, int32_t choice, int arm)
{
    return ratio_of(r, more_in, choice, arm);
}

static void share_in(const struct regret *r, int64_t w, int32_t choice, int arm,
                     double *a, double *b)
{
    const double at_random = outcome_at(r, w, choice, arm)->nats;

    *a = at_random - outcome_at(r, w, choice, REGRET_ROUTER)->nats;
    *b = at_random - outcome_at(r, w, choice, REGRET_ORACLE)->nats;
}

struct difference regret_share(const struct regret *r, int32_t choice)
{
    return ratio_of(r, share_in, choice, REGRET_DRAWN);
}

/* `kept` stands in the place of the arm. */
static void rate_in(const struct regret *r, int64_t w, int32_t choice, int kept,
                    double *a, double *b)
{
    for (int64_t i = r->window[w].first; i < r->window[w].end; i++) {
        const struct regret_flip *f = &r->flip[i];
        if ((choice >= 0 && f->choice != choice) || f->kept != (kept != 0))
            continue;
        *a += regret_worth(f);
        *b += fabs(f->flops);
    }
}

struct difference regret_rate(const struct regret *r, int32_t choice, bool kept)
{
    return ratio_of(r, rate_in, choice, kept);
}
