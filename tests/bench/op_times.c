/* op_times.c - Show where the time of a training step goes. */
#include "tests/bench/bench.h"

#include <stdlib.h>

#include "sim/core/base/clock.h"
#include "tests/bench/trainee.h"

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
            struct samples seconds = samples_of(t->seconds[p][o], r->n);
            double flops = t->last[p][o] / t->meter.seconds[p][o] *
                           (double)t->meter.flops[p][o];
            line->disturbed = r->disturbed;
            line->cell[OP_TIME] = seconds;
            line->cell[OP_SHARE] = samples_of(t->share[p][o], r->n);
            if (flops > 0.0 && r->n > 0)
                line->cell[OP_SPEED] = (struct samples){
                    r->n, flops / seconds.median, flops / seconds.high,
                    flops / seconds.low,
                };
        }
    qsort(out->line, (size_t)out->n_lines, sizeof *out->line, slower_first);
    struct results_line *line = results_add(out, "outside ops");
    line->disturbed = r->disturbed;
    line->cell[OP_TIME] = samples_of(t->rest, r->n);
    line->cell[OP_SHARE] = samples_of(t->rest_share, r->n);
    line = results_add(out, "step");
    line->disturbed = r->disturbed;
    line->cell[OP_TIME] = rounds_seconds(r, 0);
}

enum status bench_ops(struct bench *bench, struct results *out,
                      struct error *err)
{
    struct op_times *t = calloc(1, sizeof *t);
    struct rounds r;

    out->title = "a dense step of (128, 6, 256, 16): all flops of the ledger,"
                 " useful or not";
    out->column = op_columns;
    if (!t)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a meter");
    const struct trainee_plan dense = {
        .config = "configs/models/bench-128x6.yaml", .family = "gpt2",
        .capacity = 1.0, .n_tokens = 256, .n_sequences = 16,
        .n_threads = bench->n_threads,
    };
    enum status status = trainee_open(&t->trainee, &dense, err);
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
