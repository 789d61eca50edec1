/* steps.c - training steps: their speed beside the peak, dense beside routed,
 * and where their time goes. */
#include "tests/bench/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/model.h"
#include "sim/core/command.h"
#include "sim/core/model_config.h"
#include "sim/core/random.h"
#include "sim/predict.h"
#include "tests/bench/trainee.h"

/* What is asked of the executor: the share of the sgemm peak of as many threads,
 * useful causal flops only. */
static const struct regime {
    const char *config, *family;
    int32_t width, n_layers, n_tokens, n_sequences;
    int     n_threads;
    double  share;
    bool    large;               /* left out of a quick run */
} regimes[] = {
    { "configs/models/bench-64x4.yaml",  "gpt2",  64, 4, 256, 16, 2, 0.35, false },
    { "configs/models/bench-128x6.yaml", "gpt2",  128, 6, 256, 16, 2, 0.50, false },
    { "configs/models/bench-256x8.yaml", "gpt2",  256, 8, 256,  8, 2, 0.65, true },
    { "configs/models/bench-512x8.yaml", "gpt2",  512, 8, 512,  4, 2, 0.70, true },
    { "configs/models/tiny-32.yaml",     "llama", 32, 6, 256,  1, 1, 0.35, false },
    { "configs/models/tiny-32.yaml",     "gpt2",  32, 6, 256,  1, 1, 0.35, false },
    { "configs/models/tiny-48.yaml",     "llama", 48, 6, 256,  2, 1, 0.45, false },
    { "configs/models/tiny-48.yaml",     "gpt2",  48, 6, 256,  2, 1, 0.45, false },
};
enum { N_REGIMES = sizeof regimes / sizeof *regimes, DETAILED = 1 };

/* How far the wall-clock saving of routing may lag behind its flops. */
static const double most_lag = 1.10;

enum { STEP_TIME, STEP_SPEED, STEP_SHARE, FLOP_RATIO, LAG };
static const struct results_column train_columns[] = {
    { "step", "s", "ms", 1e3, 2, false, WISH_NONE },
    { "speed", "flop/s", "GFLOP/s", 1e-9, 1, false, WISH_NONE },
    { "share of peak", "1", "%", 100.0, 1, true, WISH_AT_LEAST },
    { "flops over dense", "1", "", 1.0, 3, false, WISH_NONE },
    { "time over dense over that", "1", "", 1.0, 3, true, WISH_AT_MOST },
    { NULL, NULL, NULL, 0, 0, false, WISH_NONE },
};

static struct spread exactly(double value)
{
    return (struct spread){ 1, value, value, value };
}

static enum status open_pair(struct trainee *dense, struct trainee *routed,
                             const struct regime *regime, int n_threads,
                             struct error *err)
{
    enum status status = trainee_open(dense, regime->config, regime->family,
                                      1.0, regime->n_tokens,
                                      regime->n_sequences, n_threads, err);
    if (status == STATUS_OK)
        status = trainee_open(routed, regime->config, regime->family, 0.125,
                              regime->n_tokens, regime->n_sequences, n_threads,
                              err);
    return status;
}

static struct results_line *add_step(struct results *out,
                                     const struct regime *regime,
                                     const char *what, const struct rounds *r,
                                     int candidate, double flops, int best,
                                     double best_flops)
{
    struct results_line *line = results_add(
        out, "%s (%d,%d,%d,%d) on %d: %s", regime->family, regime->width,
        regime->n_layers, regime->n_tokens, regime->n_sequences,
        regime->n_threads, what);
    line->disturbed = r->disturbed;
    line->cell[STEP_TIME] = rounds_seconds(r, candidate);
    line->cell[STEP_SPEED] = rounds_rate(r, candidate, flops);
    line->cell[STEP_SHARE] = rounds_ratio(r, best, candidate,
                                          flops / best_flops);
    return line;
}

static enum status run_regime(struct bench *bench, struct results *out,
                              const struct regime *regime, struct error *err)
{
    struct trainee dense = { 0 }, routed = { 0 };
    struct candidate candidate[PEAK_CANDIDATES + 2];
    struct peak *peak = NULL;
    struct rounds r;
    struct rounds_plan plan = bench_plan(bench, regime->n_threads, 0.1,
                                         regime->large ? 40.0 : 14.0);

    enum status status = open_pair(&dense, &routed, regime, regime->n_threads,
                                   err);
    if (status == STATUS_OK)
        status = peak_open(&peak, bench, regime->n_threads, err);
    if (status != STATUS_OK)
        goto done;
    int n = peak_candidates(peak, candidate), d = n, m = n + 1;
    candidate[d] = (struct candidate){ "dense", trainee_run, &dense };
    candidate[m] = (struct candidate){ "routed", trainee_run, &routed };
    if ((status = rounds_take(&r, candidate, n + 2, &plan, err)))
        goto done;

    int best = rounds_fastest(&r, 0, n - 1);
    double full = trainee_flops(&dense), part = trainee_flops(&routed);
    double most = peak_flops(peak);
    add_step(out, regime, candidate[best].name, &r, best, most, best, most);
    struct results_line *line = add_step(out, regime, "dense", &r, d, full,
                                         best, most);
    line->target[STEP_SHARE] = regime->share;
    line = add_step(out, regime, "MoD", &r, m, part, best, most);
    line->target[LAG] = most_lag;
    if (r.n > 0) {
        line->cell[FLOP_RATIO] = exactly(part / full);
        line->cell[LAG] = rounds_ratio(&r, m, d, full / part);
    }
    rounds_close(&r);
done:
    peak_close(peak);
    trainee_close(&routed);
    trainee_close(&dense);
    return status;
}

enum status bench_train(struct bench *bench, struct results *out,
                        struct error *err)
{
    out->title = "training steps (width, layers, tokens, sequences) on threads,"
                 " useful causal flops; MoD: every other block keeps 12.5 %";
    out->column = train_columns;
    for (int i = 0; i < N_REGIMES; i++) {
        if (regimes[i].n_threads > bench->n_threads) {
            results_note(out, "%s wants %d threads. ", regimes[i].config,
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

/* ---- where a step's time goes ---- */

/* Seconds and flops of the ops since it was cleared. */
struct time_meter {
    struct meter meter;          /* first: downcast */
    double   started;
    double   seconds[PASS_COUNT][OP_COUNT];
    uint64_t flops[PASS_COUNT][OP_COUNT];
    uint64_t runs[PASS_COUNT][OP_COUNT];
};

static void start_op(struct meter *meter, const struct op_run *run)
{
    (void)run;
    ((struct time_meter *)meter)->started = clock_seconds();
}

static void end_op(struct meter *meter, const struct op_run *run)
{
    struct time_meter *m = (struct time_meter *)meter;
    m->seconds[run->pass][run->op] += clock_seconds() - m->started;
    m->flops[run->pass][run->op] += run->total.flops;
    m->runs[run->pass][run->op]++;
}

/* The last sample's seconds of each op, and those of all quiet ones. */
struct op_times {
    struct time_meter meter;
    struct trainee    trainee;
    double last[PASS_COUNT][OP_COUNT], whole;
    double seconds[PASS_COUNT][OP_COUNT][ROUNDS_MAX];
    double share[PASS_COUNT][OP_COUNT][ROUNDS_MAX];
    double rest[ROUNDS_MAX], rest_share[ROUNDS_MAX];
};

static double run_timed(void *argument, int64_t times)
{
    struct op_times *t = argument;

    t->meter = (struct time_meter){ .meter = { start_op, end_op, false } };
    t->trainee.meter = &t->meter.meter;
    t->whole = trainee_run(&t->trainee, times) / (double)times;
    for (int p = 0; p < PASS_COUNT; p++)
        for (int o = 0; o < OP_COUNT; o++)
            t->last[p][o] = t->meter.seconds[p][o] / (double)times;
    return t->whole * (double)times;
}

static void keep_times(void *context, int round)
{
    struct op_times *t = context;
    double sum = 0.0;

    for (int p = 0; p < PASS_COUNT; p++)
        for (int o = 0; o < OP_COUNT; o++) {
            t->seconds[p][o][round] = t->last[p][o];
            t->share[p][o][round] = t->last[p][o] / t->whole;
            sum += t->last[p][o];
        }
    t->rest[round] = t->whole - sum;
    t->rest_share[round] = 1.0 - sum / t->whole;
}

enum { OP_TIME, OP_SPEED, OP_SHARE };
static const struct results_column op_columns[] = {
    { "time", "s", "ms", 1e3, 3, true, WISH_NONE },
    { "speed", "flop/s", "GFLOP/s", 1e-9, 1, false, WISH_NONE },
    { "share of step", "1", "%", 100.0, 1, false, WISH_NONE },
    { NULL, NULL, NULL, 0, 0, false, WISH_NONE },
};

static int slower_first(const void *a, const void *b)
{
    double x = ((const struct results_line *)a)->cell[OP_TIME].median;
    double y = ((const struct results_line *)b)->cell[OP_TIME].median;
    return (x < y) - (x > y);
}

static void add_ops(struct results *out, const struct op_times *t,
                    const struct rounds *r)
{
    for (int p = 0; p < PASS_COUNT; p++)
        for (int o = 0; o < OP_COUNT; o++) {
            if (t->meter.runs[p][o] == 0)
                continue;
            struct results_line *line = results_add(
                out, "%s %s", pass_names[p], op_table[o].name);
            struct spread seconds = spread_of(t->seconds[p][o], r->n);
            double flops = t->last[p][o] / t->meter.seconds[p][o] *
                           (double)t->meter.flops[p][o];
            line->disturbed = r->disturbed;
            line->cell[OP_TIME] = seconds;
            line->cell[OP_SHARE] = spread_of(t->share[p][o], r->n);
            if (flops > 0.0 && r->n > 0)
                line->cell[OP_SPEED] = (struct spread){
                    r->n, flops / seconds.median, flops / seconds.high,
                    flops / seconds.low,
                };
        }
    qsort(out->line, (size_t)out->n_lines, sizeof *out->line, slower_first);
    struct results_line *line = results_add(out, "outside ops");
    line->disturbed = r->disturbed;
    line->cell[OP_TIME] = spread_of(t->rest, r->n);
    line->cell[OP_SHARE] = spread_of(t->rest_share, r->n);
    line = results_add(out, "step");
    line->disturbed = r->disturbed;
    line->cell[OP_TIME] = rounds_seconds(r, 0);
}

enum status bench_ops(struct bench *bench, struct results *out,
                      struct error *err)
{
    const struct regime *regime = &regimes[DETAILED];
    struct op_times *t = calloc(1, sizeof *t);
    struct rounds r;

    out->title = "a dense step at (128, 6, 256, 16): all flops of the ledger,"
                 " useful or not";
    out->column = op_columns;
    if (!t)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a meter");
    enum status status = trainee_open(&t->trainee, regime->config,
                                      regime->family, 1.0, regime->n_tokens,
                                      regime->n_sequences, bench->n_threads,
                                      err);
    if (status == STATUS_OK) {
        struct candidate one = { "step", run_timed, t };
        struct rounds_plan plan = bench_plan(bench, bench->n_threads, 0.4, 8.0);
        plan.kept = keep_times;
        plan.context = t;
        status = rounds_take(&r, &one, 1, &plan, err);
    }
    if (status == STATUS_OK) {
        add_ops(out, t, &r);
        rounds_close(&r);
    }
    trainee_close(&t->trainee);
    free(t);
    return status;
}
