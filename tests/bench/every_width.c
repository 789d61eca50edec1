/* every_width.c - Look for a width that falls off a cliff: steps of each beside
 * the next that fills registers. */
#include "tests/bench/bench.h"

#include <math.h>

#include "sim/core/answer/command.h"
#include "tests/bench/trainee.h"

enum { FIRST = 8, LAST = 130, N_TOKENS = 128, TRIES = 5 };

/* Rotary positions turn pairs, so that a family that has them wants even
 * heads. */
static const struct {
    const char *family;
    int32_t     heads, every;    /* every so many widths */
} kinds[] = { { "gpt2", 1, 1 }, { "llama", 2, 4 } };
enum { N_KINDS = sizeof kinds / sizeof *kinds };

static const char *const kernel_names[] = { "avx512", "avx2" };
enum { N_KERNELS = sizeof kernel_names / sizeof *kernel_names };

struct search {
    int kind;
    const struct kernels *kernels;
    int32_t worst;               /* the width of the largest ratio */
    double  ratio;
};

static int32_t padded_width(int32_t width)
{
    return (width + 15) / 16 * 16;
}

static enum status open_step(struct trainee *out, const struct search *s,
                             int32_t width, int32_t heads, struct error *err)
{
    const struct trainee_plan plan = {
        .config = "configs/models/tiny-40.yaml",
        .family = kinds[s->kind].family, .capacity = 1.0, .n_layers = 1,
        .n_channels = width, .n_heads = heads, .n_tokens = N_TOKENS,
        .n_sequences = 1, .n_threads = 1, .kernels = s->kernels,
    };
    return trainee_open(out, &plan, err);
}

/* Heads of a multiple of 16 too: as many, or of 16 each. */
static enum status open_padded(struct trainee *out, const struct search *s,
                               int32_t width, struct error *err)
{
    const int32_t heads = kinds[s->kind].heads;
    return open_step(out, s, width,
                     width % (16 * heads) == 0 ? heads : width / 16, err);
}

/* The fastest of each, in turns. */
static double ratio_of(struct trainee *one, struct trainee *padded)
{
    double a = (double)INFINITY, b = (double)INFINITY;

    for (int i = 0; i < TRIES; i++) {
        a = fmin(a, trainee_run(one, 1));
        b = fmin(b, trainee_run(padded, 1));
    }
    return a / b;
}

static enum status find_worst(struct search *s, struct error *err)
{
    struct trainee padded = { 0 };
    int32_t beside = 0;
    enum status status = STATUS_OK;

    for (int32_t w = FIRST; w <= LAST && status == STATUS_OK &&
                            !command_interrupted; w += kinds[s->kind].every) {
        struct trainee one = { 0 };
        if (w % 16 == 0)
            continue;
        if (padded_width(w) != beside) {
            beside = padded_width(w);
            trainee_close(&padded);
            status = open_padded(&padded, s, beside, err);
        }
        if (status == STATUS_OK)
            status = open_step(&one, s, w, kinds[s->kind].heads, err);
        if (status == STATUS_OK) {
            const double ratio = ratio_of(&one, &padded);
            if (ratio > s->ratio)
                s->worst = w;
            s->ratio = fmax(ratio, s->ratio);
        }
        trainee_close(&one);
    }
    trainee_close(&padded);
    return status;
}

/* A single look may have been disturbed: the worst is timed like all else. */
static enum status time_worst(struct bench *bench, struct results *out,
                              const struct search *s, int time, int ratio,
                              double most, struct error *err)
{
    struct trainee one = { 0 }, padded = { 0 };
    const struct candidate candidate[] = {
        { "step", trainee_run, &one }, { "padded", trainee_run, &padded } };
    const struct rounds_plan plan = bench_plan(bench, 1, 0.02, 2.0);
    struct rounds r;
    enum status status = open_step(&one, s, s->worst, kinds[s->kind].heads,
                                   err);

    if (status == STATUS_OK)
        status = open_padded(&padded, s, padded_width(s->worst), err);
    if (status == STATUS_OK)
        status = rounds_take(&r, candidate, 2, &plan, err);
    if (status == STATUS_OK) {
        struct results_line *line = results_add(
            out, "worst of %d to %d, %s, %d head%s, %s: %d", FIRST, LAST,
            kinds[s->kind].family, kinds[s->kind].heads,
            kinds[s->kind].heads > 1 ? "s" : "", s->kernels->name, s->worst);
        line->disturbed = r.disturbed;
        line->cell[time] = rounds_seconds(&r, 0);
        line->cell[ratio] = rounds_ratio(&r, 0, 1, 1.0);
        line->target[ratio] = most;
        rounds_close(&r);
    }
    trainee_close(&padded);
    trainee_close(&one);
    return status;
}

enum status bench_every_width(struct bench *bench, struct results *out,
                              int time, int ratio, double most,
                              struct error *err)
{
    enum status status = STATUS_OK;

    for (int k = 0; k < N_KERNELS; k++)
        for (int i = 0; i < N_KINDS && status == STATUS_OK; i++) {
            struct search s = { i, kernels_find(kernel_names[k]), 0, 0.0 };
            if (s.kernels)
                status = find_worst(&s, err);
            if (s.worst > 0 && status == STATUS_OK)
                status = time_worst(bench, out, &s, time, ratio, most, err);
        }
    return status;
}
