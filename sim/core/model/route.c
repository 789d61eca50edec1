/* route.c - Implement the routing policies, one function each. */
#include "sim/core/model/route.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/random.h"
#include "sim/core/model/plan.h"
#include "sim/core/model/route_policies.h"

/* 0.1 * 30 is 3, whatever the bits say: see spec_kept(). */
#define ROUTE_HAIR 1e-6

/* A float's bits as an integer that orders as the float does, and back: of
 * negative ones, more bits are less. */
static int32_t turned(int32_t bits)
{
    return bits < 0 ? bits ^ INT32_MAX : bits;
}

/* The k-th largest (k >= 1) of key[n]: bit by bit, from the highest, the largest
 * number that k of them reach, until it is k and no more.  Numbers are counted
 * by whole registers and no jump hangs on one of them, as all of quickselect's
 * do: of 256 random ones it took nearly four times as long. */
static int32_t kth_largest(const int32_t *key, int32_t n, int32_t k)
{
    const uint32_t sign = UINT32_C(1) << 31;
    int32_t cut = INT32_MIN, found = INT32_MAX;

    for (uint32_t bit = sign, reached = 0; bit > 0; bit >>= 1) {
        const int32_t at = (int32_t)((reached | bit) ^ sign);
        int32_t count = 0;
        for (int32_t i = 0; i < n; i++)
            count += key[i] >= at;
        if (count >= k) {
            reached |= bit;
            cut = at;
        }
        if (count == k)
            break;
    }
    for (int32_t i = 0; i < n; i++)
        found = key[i] >= cut && key[i] < found ? key[i] : found;
    return found;
}

float route_cut(const float *score, int32_t n_tokens, int32_t n_keep,
                float *scratch)
{
    int32_t *key = (int32_t *)(void *)scratch;
    float cut;

    memcpy(key, score, (size_t)n_tokens * sizeof *key);
    for (int32_t t = 0; t < n_tokens; t++)
        key[t] = turned(key[t]);
    const int32_t bits = turned(kth_largest(key, n_tokens, n_keep));
    memcpy(&cut, &bits, sizeof cut);
    return cut;
}

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

float route_cut_of(const struct route_input *in)
{
    int32_t first = least(in->keep_first, in->n_keep - 1);
    return route_cut(in->score + first, in->n_tokens - first,
                     in->n_keep - first, (float *)(void *)in->scratch);
}

/* Exactly K: everything above the cut, then ties in order of position. */
static int32_t expert_choice(const struct route_input *in, int32_t *kept)
{
    float cut = route_cut(in->score, in->n_tokens, in->n_keep,
                          (float *)(void *)in->scratch);
    int32_t ties = in->n_keep, n = 0;
    for (int32_t t = 0; t < in->n_tokens; t++)
        ties -= in->score[t] > cut;
    /* What is kept is random to a CPU: written first, then taken or not. */
    for (int32_t t = 0; t < in->n_tokens && n < in->n_keep; t++) {
        const bool tie = (in->score[t] == cut) & (ties > 0);
        kept[n] = t;
        n += (in->score[t] > cut) | tie;
        ties -= tie;
    }
    return n;
}

static bool threshold_keep(const struct route_input *in, int32_t t)
{
    return in->score[t] >= in->threshold;
}

/* A rule that judges token by token, over a whole sequence. */
static int32_t one_by_one(const struct route_input *in, route_keep_fn *keep,
                          int32_t *kept)
{
    int32_t n = 0;
    for (int32_t t = 0; t < in->n_tokens; t++)
        if (keep(in, t))
            kept[n++] = t;
    return n;
}
#define ONE_BY_ONE(rule)                                                       \
    static int32_t rule(const struct route_input *in, int32_t *kept)           \
    {                                                                          \
        return one_by_one(in, rule##_keep, kept);                              \
    }

/* The first step of a training has no cut behind it, and makes one. */
static int32_t threshold(const struct route_input *in, int32_t *kept)
{
    return isnan(in->threshold) ? expert_choice(in, kept)
                                : one_by_one(in, threshold_keep, kept);
}

/* Among the scores of the window, t's has fewer than capacity * n before it, in
 * top-k's order; half a rank less, so that the share kept of n scores in random
 * order is the capacity and not that rounded up. */
static bool quantile_keep(const struct route_input *in, int32_t t)
{
    const int32_t from = in->window > 0 && t >= in->window
                             ? t + 1 - in->window : 0;
    const float *score = in->score, own = in->score[t];
    int32_t ahead = 0;

    for (int32_t s = from; s < t; s++)
        ahead += score[s] >= own;
    return ahead + 0.5 <= in->capacity * (t + 1 - from) + ROUTE_HAIR;
}

ONE_BY_ONE(quantile)

/* sigmoid(score) > 1/2. */
static bool above_half_keep(const struct route_input *in, int32_t t)
{
    return in->score[t] > 0.0f;
}

static int32_t above_half(const struct route_input *in, int32_t *kept)
{
    return one_by_one(in, above_half_keep, kept);
}

/* K distinct positions, every set equally likely (Fisher-Yates, first K). */
static int32_t uniform(const struct route_input *in, int32_t *kept)
{
    struct random random = random_seeded(in->seed);
    int32_t *at = in->scratch;
    for (int32_t t = 0; t < in->n_tokens; t++)
        at[t] = t;
    for (int32_t i = 0; i < in->n_keep; i++) {
        int32_t j = i + (int32_t)random_below(&random,
                                              (uint32_t)(in->n_tokens - i));
        int32_t swap = at[i];
        at[i] = at[j];
        at[j] = swap;
    }
    memset(kept, 0, (size_t)in->n_tokens * sizeof *kept);
    for (int32_t i = 0; i < in->n_keep; i++)
        kept[at[i]] = 1;
    int32_t n = 0;
    for (int32_t t = 0; t < in->n_tokens; t++)
        if (kept[t])
            kept[n++] = t;
    return n;
}

static int32_t strided(const struct route_input *in, int32_t *kept)
{
    for (int32_t i = 0; i < in->n_keep; i++)
        kept[i] = (int32_t)((int64_t)i * in->n_tokens / in->n_keep);
    return in->n_keep;
}

static int32_t first_k(const struct route_input *in, int32_t *kept)
{
    for (int32_t i = 0; i < in->n_keep; i++)
        kept[i] = i;
    return in->n_keep;
}

static int32_t last_k(const struct route_input *in, int32_t *kept)
{
    for (int32_t i = 0; i < in->n_keep; i++)
        kept[i] = in->n_tokens - in->n_keep + i;
    return in->n_keep;
}

/* ---- so far: a token's rank among those before it ---- */

/* Tokens in the order that top-k takes them: by score, ties by position. */
static bool before(const float *score, int32_t a, int32_t b)
{
    return score[a] > score[b] || (a < b && score[a] == score[b]);
}

/* The number of the first n_tokens that a rule keeps which knows no later ones:
 * spec_kept() of a sequence that ends there. */
static int32_t so_far_limit(double capacity, int32_t n_tokens)
{
    int32_t limit = (int32_t)ceil(capacity * n_tokens - ROUTE_HAIR);
    return limit < 1 ? 1 : limit;
}

static bool so_far_keep(const struct route_input *in, int32_t t)
{
    int32_t ahead = 0;
    for (int32_t s = 0; s < t; s++)
        ahead += before(in->score, s, t);
    return ahead < so_far_limit(in->capacity, t + 1);
}

/* Tokens, the one that `leads` all others at the root; it grows from at[0] in
 * steps of `step`, so that two of them share an array from its two ends. */
struct heap {
    const float *score;
    int32_t     *at;
    int32_t      step;       /* 1 or -1 */
    int32_t      n;
    bool         last_leads; /* the last of top-k's order, else the first */
};

static int32_t *heap_at(const struct heap *heap, int32_t i)
{
    return heap->at + (ptrdiff_t)i * heap->step;
}

static bool leads(const struct heap *heap, int32_t i, int32_t j)
{
    int32_t a = *heap_at(heap, i), b = *heap_at(heap, j);
    return heap->last_leads ? before(heap->score, b, a)
                            : before(heap->score, a, b);
}

static void heap_swap(struct heap *heap, int32_t i, int32_t j)
{
    int32_t token = *heap_at(heap, i);
    *heap_at(heap, i) = *heap_at(heap, j);
    *heap_at(heap, j) = token;
}

static void heap_push(struct heap *heap, int32_t token)
{
    int32_t i = heap->n++;

    *heap_at(heap, i) = token;
    for (int32_t up; i > 0 && leads(heap, i, up = (i - 1) / 2); i = up)
        heap_swap(heap, i, up);
}

static int32_t heap_pop(struct heap *heap)
{
    int32_t token = *heap_at(heap, 0), i = 0;

    *heap_at(heap, 0) = *heap_at(heap, --heap->n);
    for (int32_t down; (down = 2 * i + 1) < heap->n; i = down) {
        if (down + 1 < heap->n && leads(heap, down + 1, down))
            down++;
        if (!leads(heap, down, i))
            break;
        heap_swap(heap, i, down);
    }
    return token;
}

/* The limit grows by one or not at all from token to token, so the tokens
 * within it are a heap that gains the newcomer or the best of the others, and
 * loses its last. */
static int32_t so_far(const struct route_input *in, int32_t *kept)
{
    struct heap in_front = { in->score, in->scratch, 1, 0, true };
    struct heap behind = { in->score, in->scratch + in->n_tokens - 1, -1, 0,
                           false };
    int32_t n = 0;

    for (int32_t t = 0; t < in->n_tokens; t++) {
        bool grows = so_far_limit(in->capacity, t + 1) > in_front.n;
        int32_t enters = t;
        if (grows && behind.n > 0 &&
            before(in->score, *heap_at(&behind, 0), t)) {
            enters = heap_pop(&behind);
            heap_push(&behind, t);
        } else if (!grows) {
            if (before(in->score, t, *heap_at(&in_front, 0)))
                heap_push(&behind, heap_pop(&in_front));
            else
                enters = -1;
        }
        if (enters >= 0)
            heap_push(&in_front, enters);
        else
            heap_push(&behind, t);
        if (enters == t)
            kept[n++] = t;
    }
    return n;
}

/* ---- rules that need no other token ---- */

static bool hash_keep(const struct route_input *in, int32_t t)
{
    return in->score[t] < (float)in->capacity;
}

ONE_BY_ONE(hash)

static bool table_keep(const struct route_input *in, int32_t t)
{
    return in->score[t] >= 0.0f;
}

static int32_t table(const struct route_input *in, int32_t *kept)
{
    return one_by_one(in, table_keep, kept);
}

/* Scores of those that left stay as they were then. */
static bool confidence_keep(const struct route_input *in, int32_t t)
{
    return in->score[t] < in->threshold;
}

ONE_BY_ONE(confidence)

static bool drawn_keep(const struct route_input *in, int32_t t)
{
    uint64_t bits = random_mix(in->seed, (uint64_t)in->choice,
                               (uint64_t)in->sequence, (uint64_t)t);
    return (double)(bits >> 11) * 0x1p-53 < in->capacity;
}

ONE_BY_ONE(drawn)

static bool every_nth_keep(const struct route_input *in, int32_t t)
{
    return floor(in->capacity * (t + 1) + ROUTE_HAIR) >
           floor(in->capacity * t + ROUTE_HAIR);
}

ONE_BY_ONE(every_nth)

/* ---- replay ---- */

static bool replay_keep(const struct route_input *in, int32_t t)
{
    const struct allocation *a = in->replayed;
    assert(a);
    const int32_t *list = allocation_kept(a, in->choice, in->sequence);
    int32_t low = 0, high = allocation_count(a, in->choice, in->sequence);

    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (list[middle] < t)
            low = middle + 1;
        else
            high = middle;
    }
    return low < allocation_count(a, in->choice, in->sequence) &&
           list[low] == t;
}

ONE_BY_ONE(replay)

/* ---- the table ---- */

#define STEP_ITSELF  ""
#define STEP_BY(rule) rule
#define STEP_NEVER   NULL
enum { SERVES, TRAINS };

const struct route_policy route_policies[] = {
#define X(name, config, trains, step, help, ...)                               \
    { name, help, trains, STEP_##step, __VA_ARGS__ },
    ROUTE_POLICY_MAP(X)
#undef X
    { .name = NULL },
};

/* ---- the first tokens ---- */

/* Before those of kept[n] from `first` on, all those below it. */
static int32_t begin_with(int32_t first, int32_t *kept, int32_t n)
{
    int32_t below = 0;

    while (below < n && kept[below] < first)
        below++;
    memmove(kept + first, kept + below, (size_t)(n - below) * sizeof *kept);
    for (int32_t t = 0; t < first; t++)
        kept[t] = t;
    return first + n - below;
}

int32_t route_choose(const struct route_policy *policy,
                     const struct route_input *in, int32_t *kept)
{
    const int32_t within = policy->keep ? in->n_tokens : in->n_keep;
    const int32_t first = least(in->keep_first, within);
    struct route_input rest = *in;

    if (in->n_keep == 0)
        return 0;
    if (first == 0 || policy->keep)
        return begin_with(first, kept, policy->choose(in, kept));
    rest.score = in->score ? in->score + first : NULL;
    rest.n_tokens -= first;
    rest.n_keep -= first;
    int32_t n = rest.n_keep > 0 ? policy->choose(&rest, kept) : 0;
    for (int32_t i = 0; i < n; i++)
        kept[i] += first;
    return begin_with(first, kept, n);
}

bool route_keeps(const struct route_policy *policy,
                 const struct route_input *in, int32_t t)
{
    return t < in->keep_first || policy->keep(in, t);
}

const struct route_policy *route_step_rule(const struct route_policy *policy)
{
    if (!policy->step)
        return NULL;
    return *policy->step ? route_find(policy->step) : policy;
}

void route_settle(struct model_spec *spec, const struct route_policy *policy,
                  int32_t keep_first)
{
    spec->keep_first = keep_first;
    spec->first_besides = keep_first > 0 && policy->keep;
    spec->kept_varies = policy->varies;
    if (policy->signal != SIGNAL_NONE && spec_n_routed(spec) > 0)
        spec->signal = policy->signal;
}

enum status route_check(const struct route_policy *policy,
                        const struct model_spec *spec, struct error *err)
{
    if (policy->scored && !spec->router_scores)
        return error_set(err, STATUS_BAD_VALUE, "%s: goes by router scores, and"
                         " this model has none", policy->name);
    if (spec->nested && policy->choose &&
        (!policy->scored || policy == route_find("running_quantile")))
        return error_set(err, STATUS_BAD_VALUE, "%s: with routing.nested a layer"
                         " chooses among the tokens that the layer before keeps,"
                         " by their scores or a cut of these: expert_choice,"
                         " threshold, token_choice and what follows them",
                         policy->name);
    if (policy->predicted && spec->n_predictor == 0)
        return error_set(err, STATUS_BAD_VALUE, "%s: goes by a predictor, and"
                         " this model has none; training with"
                         " routing.predictor makes one", policy->name);
    if (policy->signal != SIGNAL_NONE && policy->signal != spec->signal)
        return error_set(err, STATUS_BAD_VALUE, "%s: goes by the signal %s,"
                         " and this model is set up for %s", policy->name,
                         signal_names[policy->signal],
                         spec->signal == SIGNAL_NONE && spec->router_scores
                             ? "router scores" : signal_names[spec->signal]);
    return STATUS_OK;
}

const struct route_policy *route_find(const char *name)
{
    for (const struct route_policy *p = route_policies; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

void allocation_fill(struct allocation *a, const struct model_spec *spec)
{
    const struct route_policy *even = route_find("strided");

    for (int32_t c = 0; c < a->n_choices; c++)
        for (int32_t b = 0; b < a->n_sequences; b++) {
            struct route_input in = {
                .n_tokens = allocation_length(a, b),
                .n_keep = spec_kept(spec, plan_choice(spec, c).layer,
                                    allocation_length(a, b)),
                .keep_first = spec->keep_first,
            };
            a->count[c * a->n_sequences + b] =
                route_choose(even, &in, allocation_kept(a, c, b));
        }
}
