/* route.c - the routing policies, one function each. */
#include "sim/core/route.h"

#include <stdlib.h>
#include <string.h>

#include "sim/core/random.h"

/* Ascending order of the kept flags in scratch. */
static int32_t collect(const int32_t *keep, int32_t n_tokens, int32_t *kept)
{
    int32_t n = 0;
    for (int32_t t = 0; t < n_tokens; t++)
        if (keep[t])
            kept[n++] = t;
    return n;
}

/* Quickselect: the k-th largest (k >= 1) of a[n], reordering a. */
static float kth_largest(float *a, int32_t n, int32_t k)
{
    int32_t low = 0, high = n - 1, want = k - 1;
    while (low < high) {
        float pivot = a[low + (high - low) / 2];
        int32_t i = low, j = high;
        while (i <= j) {
            while (a[i] > pivot)
                i++;
            while (a[j] < pivot)
                j--;
            if (i <= j) {
                float swap = a[i];
                a[i++] = a[j];
                a[j--] = swap;
            }
        }
        if (want <= j)
            high = j;
        else if (want >= i)
            low = i;
        else
            break;
    }
    return a[want];
}

float route_cut(const float *score, int32_t n_tokens, int32_t n_keep,
                float *scratch)
{
    memcpy(scratch, score, (size_t)n_tokens * sizeof *scratch);
    return kth_largest(scratch, n_tokens, n_keep);
}

/* Exactly K: everything above the cut, then ties in order of position. */
static int32_t expert_choice(const struct route_input *in, int32_t *kept)
{
    float cut = route_cut(in->score, in->n_tokens, in->n_keep,
                          (float *)(void *)in->scratch);
    int32_t ties = in->n_keep, n = 0;
    for (int32_t t = 0; t < in->n_tokens; t++)
        ties -= in->score[t] > cut;
    for (int32_t t = 0; t < in->n_tokens; t++) {
        bool tie = in->score[t] == cut && ties > 0;
        ties -= tie;
        if (in->score[t] > cut || tie)
            kept[n++] = t;
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

static int32_t threshold(const struct route_input *in, int32_t *kept)
{
    return one_by_one(in, threshold_keep, kept);
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
    for (int32_t t = 0; t < in->n_tokens; t++)
        kept[t] = 0;
    for (int32_t i = 0; i < in->n_keep; i++)
        kept[at[i]] = 1;
    memcpy(at, kept, (size_t)in->n_tokens * sizeof *at);
    return collect(at, in->n_tokens, kept);
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

const struct route_policy route_policies[] = {
    { "dense", NULL, false, true, SIGNAL_NONE, NULL, "nothing is routed" },
    { "expert_choice", expert_choice, true, false, SIGNAL_NONE, NULL,
      "the k highest router scores of the sequence, ties by position; looks"
      " ahead (Raposo et al. 2024, section 3.3)" },
    { "threshold", threshold, true, true, SIGNAL_NONE, threshold_keep,
      "score at or above the running mean of top-k's cut; causal, capacity"
      " varies" },
    { "random", uniform, false, true, SIGNAL_NONE, NULL,
      "k tokens drawn afresh every step: a control (Raposo et al. 2024, figure"
      " 3)" },
    { "strided", strided, false, true, SIGNAL_NONE, NULL, "every T/k-th token: a control" },
    { "first_k", first_k, false, true, SIGNAL_NONE, NULL, "the first k tokens: a control" },
    { "last_k", last_k, false, false, SIGNAL_NONE, NULL,
      "the last k tokens: a control; needs the length" },
    { NULL, NULL, false, false, SIGNAL_NONE, NULL, NULL },
};

const struct route_policy *route_find(const char *name)
{
    for (const struct route_policy *p = route_policies; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

enum status allocation_open(struct allocation *out, int32_t n_layers,
                            int32_t n_sequences, int32_t n_tokens,
                            struct error *err)
{
    struct allocation a = { n_layers, n_sequences, n_tokens, NULL, NULL, NULL };
    size_t rows, cells;

    if (__builtin_mul_overflow((size_t)n_layers, (size_t)n_sequences, &rows) ||
        __builtin_mul_overflow(rows, (size_t)n_tokens, &cells))
        return error_set(err, STATUS_OVERFLOWED, "allocation too large");
    a.length = calloc((size_t)n_sequences, sizeof *a.length);
    a.count = calloc(rows, sizeof *a.count);
    a.kept = calloc(cells, sizeof *a.kept);
    if (!a.length || !a.count || !a.kept) {
        allocation_close(&a);
        return error_set(err, STATUS_NO_MEMORY, "no memory for an allocation"
                         " of %d layers x %d x %d tokens", n_layers,
                         n_sequences, n_tokens);
    }
    *out = a;
    for (int32_t b = 0; b < n_sequences; b++)
        a.length[b] = n_tokens;
    for (int32_t l = 0; l < n_layers; l++)
        for (int32_t b = 0; b < n_sequences; b++) {
            a.count[l * n_sequences + b] = n_tokens;
            for (int32_t t = 0; t < n_tokens; t++)
                allocation_kept(&a, l, b)[t] = t;
        }
    return STATUS_OK;
}

void allocation_close(struct allocation *allocation)
{
    free(allocation->length);
    free(allocation->count);
    free(allocation->kept);
    *allocation = (struct allocation){ 0 };
}

void allocation_fill(struct allocation *a, const struct model_spec *spec)
{
    for (int32_t l = 0; l < a->n_layers; l++)
        for (int32_t b = 0; b < a->n_sequences; b++) {
            struct route_input in = {
                .n_tokens = allocation_length(a, b),
                .n_keep = spec_kept(spec, l, allocation_length(a, b)),
            };
            a->count[l * a->n_sequences + b] =
                strided(&in, allocation_kept(a, l, b));
        }
}

int32_t *allocation_kept(const struct allocation *a, int32_t layer,
                         int32_t sequence)
{
    return a->kept + ((size_t)layer * (size_t)a->n_sequences +
                      (size_t)sequence) * (size_t)a->n_tokens;
}

int32_t allocation_count(const struct allocation *a, int32_t layer,
                         int32_t sequence)
{
    return a->count[layer * a->n_sequences + sequence];
}

int32_t allocation_rows(const struct allocation *a, int32_t layer)
{
    int32_t rows = 0;
    for (int32_t b = 0; b < a->n_sequences; b++)
        rows += allocation_count(a, layer, b);
    return rows;
}

int32_t allocation_length(const struct allocation *a, int32_t sequence)
{
    return a->length ? a->length[sequence] : a->n_tokens;
}

int32_t allocation_tokens(const struct allocation *a)
{
    int32_t tokens = 0;
    for (int32_t b = 0; b < a->n_sequences; b++)
        tokens += allocation_length(a, b);
    return tokens;
}
