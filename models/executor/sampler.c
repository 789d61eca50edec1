/* sampler.c - Take the likeliest token, or draw from the likely ones. */
#include "models/executor/sampler.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "sim/core/base/random.h"

struct candidate {
    float   logit;
    int32_t id;
    double  weight;              /* of its softmax, not divided by the sum */
};

struct sampler {
    struct sampling   rule;
    struct random     random;
    int32_t           n_vocab;
    struct candidate *candidate; /* [n_vocab] */
};

static enum status check(const struct sampling *s, struct error *err)
{
    if (!(s->temperature >= 0.0) || isinf(s->temperature))
        return error_set(err, STATUS_BAD_VALUE, "temperature %.15g: allowed are"
                         " numbers from 0", s->temperature);
    if (s->top_k < 0)
        return error_set(err, STATUS_BAD_VALUE, "top-k %d: allowed are whole"
                         " numbers from 0, which means all", s->top_k);
    if (!(s->top_p >= 0.0 && s->top_p <= 1.0))
        return error_set(err, STATUS_BAD_VALUE,
                         "top-p %.15g: allowed is 0 to 1",
                         s->top_p);
    return STATUS_OK;
}

enum status sampler_open(struct sampler **out, const struct sampling *sampling,
                         int32_t n_vocab, struct error *err)
{
    enum status status = check(sampling, err);
    if (status != STATUS_OK)
        return status;

    struct sampler *s = calloc(1, sizeof *s);
    if (s)
        s->candidate = calloc((size_t)n_vocab, sizeof *s->candidate);
    if (!s || !s->candidate) {
        sampler_close(s);
        return error_set(err, STATUS_NO_MEMORY, "no memory to sample from %d"
                         " tokens", n_vocab);
    }
    s->rule = *sampling;
    s->random = random_seeded(sampling->seed);
    s->n_vocab = n_vocab;
    *out = s;
    return STATUS_OK;
}

void sampler_close(struct sampler *s)
{
    if (s)
        free(s->candidate);
    free(s);
}

static int compare(const void *a, const void *b)
{
    const struct candidate *l = a, *r = b;

    if (l->logit != r->logit)
        return l->logit > r->logit ? -1 : 1;
    return (l->id > r->id) - (l->id < r->id);
}

int32_t sampler_likeliest(const float *logits, int32_t n)
{
    int32_t best = 0;

    for (int32_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return best;
}

/* The first of `n` candidates with at least the share p of their sum. */
static int32_t nucleus(const struct candidate *candidate, int32_t n, double sum,
                       double p)
{
    double so_far = 0.0;

    for (int32_t i = 0; i < n; i++) {
        so_far += candidate[i].weight;
        if (so_far >= p * sum)
            return i + 1;
    }
    return n;
}

static double weigh(struct candidate *candidate, int32_t n, float largest,
                    double temperature)
{
    double sum = 0.0;

    for (int32_t i = 0; i < n; i++) {
        candidate[i].weight = exp(((double)candidate[i].logit -
                                   (double)largest) / temperature);
        sum += candidate[i].weight;
    }
    return sum;
}

int32_t sampler_choose(struct sampler *s, const float *logits)
{
    const struct sampling *rule = &s->rule;
    const bool all_p = rule->top_p == 0.0 || rule->top_p == 1.0;
    struct candidate *candidate = s->candidate;
    int32_t n = s->n_vocab, best = sampler_likeliest(logits, n);

    if (rule->temperature == 0.0)
        return best;
    for (int32_t i = 0; i < n; i++)
        candidate[i] = (struct candidate){ .logit = logits[i], .id = i };
    if (rule->top_k > 0 || !all_p)
        qsort(candidate, (size_t)n, sizeof *candidate, compare);
    if (rule->top_k > 0 && rule->top_k < n)
        n = rule->top_k;
    double sum = weigh(candidate, n, logits[best], rule->temperature);
    if (!all_p) {
        n = nucleus(candidate, n, sum, rule->top_p);
        sum = weigh(candidate, n, logits[best], rule->temperature);
    }
    double draw = random_uniform(&s->random) * sum;
    for (int32_t i = 0; i < n - 1; i++) {
        draw -= candidate[i].weight;
        if (draw < 0.0)
            return candidate[i].id;
    }
    return candidate[n - 1].id;
}
