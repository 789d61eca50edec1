/* steps.c - Time training steps beside the peak, dense beside routed. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <string.h>

#include "sim/core/model/spec.h"
#include "tests/bench/torch.h"
#include "tests/bench/trainee.h"

/* Targets for the executor: a share of the sgemm peak of as many threads, in
 * useful causal flops. */
static const struct regime {
    const char *config, *family;
    int32_t n_tokens, n_sequences;
    int     n_threads;
    double  share;
    bool    large;               /* left out of a quick run, and of PyTorch's */
    int32_t n_experts;           /* of a third arm; 0: there is none */
} regimes[] = {
    { "configs/models/bench-64x4.yaml",  "gpt2",  256, 16, 2, 0.35, false, 0 },
    { "configs/models/bench-128x6.yaml", "gpt2",  256, 16, 2, 0.50, false, 0 },
    { "configs/models/bench-128x6.yaml", "llama", 256, 16, 2, 0.50, false, 8 },
    { "configs/models/bench-256x8.yaml", "gpt2",  256,  8, 2, 0.65, true, 0 },
    { "configs/models/bench-512x8.yaml", "gpt2",  512,  4, 2, 0.70, true, 0 },
    { "configs/models/tiny-32.yaml",     "llama", 256,  1, 1, 0.35, false, 0 },
    { "configs/models/tiny-32.yaml",     "gpt2",  256,  1, 1, 0.35, false, 0 },
    { "configs/models/tiny-48.yaml",     "llama", 256,  2, 1, 0.45, false, 0 },
    { "configs/models/tiny-48.yaml",     "gpt2",  256,  2, 1, 0.45, false, 0 },
};
enum { N_REGIMES = sizeof regimes / sizeof *regimes };

/* The most by which the wall-clock saving of routing may lag behind that of
 * flops, as a ratio. */
static const double most_lag = 1.10;

/* Of a mixture's useful flops a second those of dense that it reaches. */
static const double mixture_speed = 0.85;

enum { STEP_TIME, STEP_SPEED, STEP_SHARE, OVER_DENSE, FLOP_RATIO, LAG,
       SPEED_RATIO };
static const struct results_column train_columns[] = {
    { "time", "s", "ms", 1e3, 2, false, WISH_NONE },
    { "speed", "flop/s", "GFLOP/s", 1e-9, 1, false, WISH_NONE },
    { "share of peak", "1", "%", 100.0, 1, true, WISH_AT_LEAST },
    { "time over dense", "1", "", 1.0, 2, true, WISH_NONE },
    { "flops over dense", "1", "", 1.0, 3, false, WISH_NONE },
    { "wall ratio over flop ratio", "1", "", 1.0, 3, true, WISH_AT_MOST },
    { "speed over dense", "1", "", 1.0, 3, true, WISH_AT_LEAST },
    { NULL, NULL, NULL, 0, 0, false, WISH_NONE },
};

/* A regime being timed: its rounds hold the peak's candidates, then these. */
struct contest {
    const struct regime *regime;
    struct trainee dense, routed, mixture;
    struct helper  torch;        /* the dense one's shape, where torch is */
    struct peak   *peak;
    struct rounds  rounds;
    int            best;         /* candidate that is the peak */
};

static struct results_line *add_step(struct results *out,
                                     const struct contest *c, const char *what,
                                     int candidate, double flops)
{
    const struct model_spec *spec = model_spec(c->dense.model);
    const struct regime *regime = c->regime;
    struct results_line *line = results_add(
        out, "%s (%d, %d, %d, %d) x %d: %s", family_names[spec_family(spec)],
        spec->n_channels, spec->n_layers, regime->n_tokens,
        regime->n_sequences, regime->n_threads, what);

    line->disturbed = c->rounds.disturbed;
    line->cell[STEP_TIME] = rounds_seconds(&c->rounds, candidate);
    line->cell[STEP_SPEED] = rounds_rate(&c->rounds, candidate, flops);
    line->cell[STEP_SHARE] = rounds_ratio(&c->rounds, c->best, candidate,
                                          flops / peak_flops(c->peak));
    return line;
}

static void add_regime(struct results *out, struct contest *c,
                       const struct candidate *candidate, int n_peak)
{
    double full = trainee_flops(&c->dense), part = trainee_flops(&c->routed);
    int dense = n_peak, routed = n_peak + 1;
    char peak[48];

    c->best = rounds_fastest(&c->rounds, 0, n_peak - 1);
    snprintf(peak, sizeof peak, "peak by %s", candidate[c->best].name);
    add_step(out, c, c->rounds.n > 0 ? peak : "peak", c->best,
             peak_flops(c->peak));
    add_step(out, c, "dense", dense, full)->target[STEP_SHARE] =
        c->regime->share;
    struct results_line *line = add_step(out, c, "MoD", routed, part);
    line->target[LAG] = most_lag;
    if (c->rounds.n > 0)
        line->cell[FLOP_RATIO] = (struct samples){ 1, part / full, part / full,
                                                  part / full };
    line->cell[OVER_DENSE] = rounds_ratio(&c->rounds, routed, dense, 1);
    line->cell[LAG] = rounds_ratio(&c->rounds, routed, dense, full / part);
    if (c->regime->n_experts > 0) {
        const double active = trainee_flops(&c->mixture);
        line = add_step(out, c, "2 of 8 experts", n_peak + 2, active);
        line->cell[OVER_DENSE] = rounds_ratio(&c->rounds, n_peak + 2, dense, 1);
        line->cell[SPEED_RATIO] = rounds_ratio(&c->rounds, dense, n_peak + 2,
                                               active / full);
        line->target[SPEED_RATIO] = mixture_speed;
    }
    if (c->torch.pid > 0)
        add_step(out, c, c->torch.text, n_peak + 2, full)->cell[OVER_DENSE] =
            rounds_ratio(&c->rounds, n_peak + 2, dense, 1);
}

/* It knows one family here, and takes a second to start. */
static void open_torch(struct contest *c, struct results *out)
{
    const struct regime *r = c->regime;
    const struct model_spec *spec = model_spec(c->dense.model);

    if (spec_family(spec) == FAMILY_GPT2 && !r->large &&
        !torch_open(&c->torch, spec, r->n_tokens, r->n_sequences,
                    r->n_threads) && !strstr(out->note, "torch"))
        results_note(out, "No python3 here imports torch. ");
}

static enum status open_contest(struct contest *c, const struct bench *bench,
                                struct error *err)
{
    const struct regime *r = c->regime;
    struct trainee_plan plan = {
        .config = r->config, .family = r->family, .capacity = 1.0,
        .n_tokens = r->n_tokens, .n_sequences = r->n_sequences,
        .n_threads = r->n_threads,
    };
    enum status status = trainee_open(&c->dense, &plan, err);
    plan.capacity = 0.125;
    if (status == STATUS_OK)
        status = trainee_open(&c->routed, &plan, err);
    plan.capacity = 1.0;
    plan.n_experts = r->n_experts;
    if (status == STATUS_OK && r->n_experts > 0)
        status = trainee_open(&c->mixture, &plan, err);
    if (status == STATUS_OK)
        status = peak_open(&c->peak, bench, r->n_threads, err);
    return status;
}

static enum status run_regime(const struct bench *bench, struct results *out,
                              const struct regime *regime, struct error *err)
{
    struct contest c = { .regime = regime };
    struct candidate candidate[PEAK_CANDIDATES + 3];
    double most = regime->large ? 28.0 : regime->n_threads > 1 ? 10.0 : 6.0;
    struct rounds_plan plan = bench_plan(bench, regime->n_threads, 0.1, most);

    /* Their steps take seconds. */
    if (regime->large && plan.wanted > 5)
        plan.wanted = 5;
    enum status status = open_contest(&c, bench, err);
    if (status == STATUS_OK) {
        open_torch(&c, out);
        int n = peak_candidates(c.peak, candidate);
        candidate[n] = (struct candidate){ "dense", trainee_run, &c.dense };
        candidate[n + 1] = (struct candidate){ "MoD", trainee_run, &c.routed };
        /* PyTorch runs gpt2, whose parts are no experts. */
        candidate[n + 2] = regime->n_experts > 0
            ? (struct candidate){ "experts", trainee_run, &c.mixture }
            : (struct candidate){ "torch", helper_run, &c.torch };
        plan.helper = c.torch.pid;
        status = rounds_take(&c.rounds, candidate,
                             n + 2 + (regime->n_experts > 0 ||
                                      c.torch.pid > 0), &plan, err);
        if (status == STATUS_OK)
            add_regime(out, &c, candidate, n);
    }
    rounds_close(&c.rounds);
    helper_close(&c.torch);
    peak_close(c.peak);
    trainee_close(&c.mixture);
    trainee_close(&c.routed);
    trainee_close(&c.dense);
    return status;
}

enum status bench_train(struct bench *bench, struct results *out,
                        struct error *err)
{
    out->title = "steps of (width, layers, tokens, sequences) x threads, useful"
                 " causal flops; MoD: every other block keeps 12.5 %";
    out->column = train_columns;
    for (int i = 0; i < N_REGIMES; i++) {
        if (regimes[i].n_threads > bench->n_threads) {
            results_note(out, "%s wants %d CPUs. ", regimes[i].config,
                         regimes[i].n_threads);
            continue;
        }
        if (bench->quick && regimes[i].large)
            continue;
        enum status status = run_regime(bench, out, &regimes[i], err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}
