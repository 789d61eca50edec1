/* threads.c - Train, prefill and decode every shape on three threads, for the
 * thread sanitizer to watch: `make tsan`.  It runs by itself, without Criterion,
 * whose forks that sanitizer does not survive.  What comes out has to have the
 * bits of one thread. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/executor/pool.h"
#include "tests/cases.h"

enum { N_STEPS = 2, MOST = 1 << 12 };

/* One way to run a shape. */
struct run {
    const struct shape   *shape;
    struct model_spec     spec;
    const struct kernels *kernels;
    bool                  spin;    /* threads watch before they block */
};

static const struct update update = {
    .learning_rate = 1e-2, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8,
    .weight_decay = 0.1, .clip = 1.0, .step = 1,
};

static struct model *open_model(const struct run *run, int n_threads, bool train,
                                const struct model *weights_of)
{
    const struct model_options options = {
        .n_sequences = run->shape->n_sequences,
        .n_tokens = run->shape->n_tokens + (train ? 0 : 3),
        .n_prefill = train ? 0 : run->shape->n_tokens, .train = train,
        .decode = !train, .n_threads = n_threads, .kernels = run->kernels,
        .weights_of = weights_of,
    };
    struct model *m = NULL;
    struct error err;

    if (model_open(&m, &run->spec, &options, &err) != STATUS_OK) {
        fprintf(stderr, "threads: %s\n", err.text);
        exit(1);
    }
    pool_spin(model_pool(m), run->spin);
    return m;
}

/* Train, then prefill and decode with the weights that came out; returns the
 * last logits [B,V], the caller's. */
static float *logits_after(const struct run *run, int n_threads)
{
    const int32_t B = run->shape->n_sequences, T = run->shape->n_tokens;
    const size_t n = (size_t)B * (size_t)run->spec.n_vocab;
    int32_t ids[MOST], targets[MOST];
    const struct route_policy *policy = route_find("expert_choice");
    struct model *m = open_model(run, n_threads, true, NULL);
    struct model_input input = { .ids = ids, .targets = targets,
                                 .n_sequences = B, .n_tokens = T,
                                 .policy = policy, .train = true };
    float *out = malloc(n * sizeof *out);
    double loss;

    if (!out || B * T > MOST)
        abort();
    case_fill(m, 1);
    case_text(ids, targets, B * T, run->spec.n_vocab, 2);
    for (int i = 0; i < N_STEPS; i++) {
        model_forward(m, &input, NULL, &loss);
        model_backward(m, NULL);
        (void)model_update(m, &update, NULL);
    }
    struct model *decoder = open_model(run, n_threads, false, m);
    const struct model_input prompt = { .ids = ids, .n_sequences = B,
                                        .n_tokens = T, .policy = policy,
                                        .cache = true };
    const struct decode_input next = { .ids = targets, .policy = policy };
    model_decode_reset(decoder);
    model_forward(decoder, &prompt, NULL, NULL);
    for (int i = 0; i < N_STEPS; i++)
        model_decode(decoder, &next, NULL);
    memcpy(out, model_logits(decoder), n * sizeof *out);
    model_close(decoder);
    model_close(m);
    return out;
}

static bool same_bits(const struct run *run)
{
    const size_t n = (size_t)run->shape->n_sequences * (size_t)run->spec.n_vocab;
    float *one = logits_after(run, 1), *three = logits_after(run, 3);
    const bool same = memcmp(one, three, n * sizeof *one) == 0;

    if (!same)
        fprintf(stderr, "threads: %s, width %d: three threads give other bits"
                        " than one\n", run->kernels->name,
                run->shape->n_channels);
    free(one);
    free(three);
    return same;
}

int main(void)
{
    static const char *const variants[] = { "generic", "avx2", "avx512" };
    static const double kept[] = { 0.0, 0.5 };     /* 0: dense */
    int n = 0;
    bool same = true;

    for (size_t v = 0; v < sizeof variants / sizeof *variants; v++)
        for (int i = 0; i < N_SHAPES * N_CONTRASTS * 2; i++) {
            const struct shape *shape = &shapes[i / (2 * N_CONTRASTS)];
            const struct run run = {
                shape, case_spec(shape, contrasts[i / 2 % N_CONTRASTS],
                                 kept[i % 2], PATTERN_ALL),
                kernels_find(variants[v]), n % 2 == 0,
            };
            if (!run.kernels)
                continue;
            same = same_bits(&run) && same;
            n++;
        }
    printf("threads: %d models trained and decoded on three threads\n", n);
    return n == 0 || !same;
}
