/* routed.c - Time MoD beside dense where models are small: what choosing takes
 * is small too, and shows there first. */
#include "tests/bench/bench.h"

#include "sim/core/base/clock.h"
#include "tests/bench/trainee.h"

static const char *const configs[] = {
    "configs/models/tiny-24.yaml", "configs/models/tiny-40.yaml",
    "configs/models/bench-128x6.yaml",
};
enum { N_CONFIGS = sizeof configs / sizeof *configs, N_TOKENS = 256,
       N_WARM = 30 };

/* The most by which time may lag behind flops, as a ratio. */
static const double most_lag = 1.05;

enum { DENSE_TIME, ROUTED_TIME, TIME_RATIO, FLOP_RATIO, LAG };
static const struct results_column columns[] = {
    { "dense", "s", "us", 1e6, 1, false, WISH_NONE },
    { "MoD", "s", "us", 1e6, 1, false, WISH_NONE },
    { "time over dense", "1", "", 1.0, 3, false, WISH_NONE },
    { "flops over dense", "1", "", 1.0, 3, false, WISH_NONE },
    { "wall ratio over flop ratio", "1", "", 1.0, 3, true, WISH_AT_MOST },
    { NULL, NULL, NULL, 0, 0, false, WISH_NONE },
};

/* A model in training, and its weights in one that decodes. */
struct arm {
    struct trainee trainee;
    struct model  *decoder;
};

static void arm_close(struct arm *arm)
{
    model_close(arm->decoder);       /* before the weights that it borrows */
    trainee_close(&arm->trainee);
    *arm = (struct arm){ 0 };
}

/* Trained until its thresholds have followed the cuts. */
static enum status arm_open(struct arm *out, const char *config,
                            double capacity, struct error *err)
{
    const struct trainee_plan plan = {
        .config = config, .family = "llama", .capacity = capacity,
        .n_tokens = N_TOKENS, .n_sequences = 1, .n_threads = 1,
    };
    struct model_options options = {
        .n_tokens = N_TOKENS, .n_sequences = 1, .n_threads = 1, .decode = true,
    };
    struct arm arm = { .decoder = NULL };
    enum status status = trainee_open(&arm.trainee, &plan, err);

    if (status == STATUS_OK) {
        (void)trainee_run(&arm.trainee, N_WARM);
        options.weights_of = arm.trainee.model;
        status = model_open(&arm.decoder, model_spec(arm.trainee.model),
                            &options, err);
    }
    if (status != STATUS_OK) {
        arm_close(&arm);
        return status;
    }
    *out = arm;
    return STATUS_OK;
}

static double train(void *argument, int64_t times)
{
    return trainee_run(&((struct arm *)argument)->trainee, times);
}

static double prefill(void *argument, int64_t times)
{
    const struct arm *arm = argument;
    const struct model_input input = {
        .ids = arm->trainee.ids, .n_sequences = 1, .n_tokens = N_TOKENS,
        .policy = arm->trainee.input.policy, .cache = true, .last_only = true,
    };
    const double from = clock_seconds();

    for (int64_t i = 0; i < times; i++) {
        model_decode_reset(arm->decoder);
        model_forward(arm->decoder, &input, arm->trainee.meter, NULL);
    }
    return clock_seconds() - from;
}

/* A window's tokens one by one, by the thresholds. */
static double decode(void *argument, int64_t times)
{
    const struct arm *arm = argument;
    const double from = clock_seconds();

    for (int64_t i = 0; i < times; i++) {
        model_decode_reset(arm->decoder);
        for (int32_t t = 0; t < N_TOKENS; t++)
            model_decode(arm->decoder,
                         &(struct decode_input){ .ids = arm->trainee.ids + t },
                         arm->trainee.meter);
    }
    return clock_seconds() - from;
}

/* Training last: it moves the weights that the others' choices hang on. */
static const struct phase {
    const char *name;
    double    (*run)(void *arm, int64_t times);
} phases[] = {
    { "prefill", prefill }, { "decode", decode }, { "training", train },
};
enum { N_PHASES = sizeof phases / sizeof *phases };

struct flop_meter {
    struct meter meter;          /* first: downcast */
    uint64_t     flops;
};

static void begin_op(struct meter *meter, const struct op_run *run)
{
    (void)meter;
    (void)run;
}

static void count_op(struct meter *meter, const struct op_run *run)
{
    ((struct flop_meter *)meter)->flops += run->total.flops;
}

/* Those of one run of the phase, which nobody times. */
static double flops_of(const struct phase *phase, struct arm *arm)
{
    struct flop_meter counter = { .meter = { begin_op, count_op, false } };

    arm->trainee.meter = &counter.meter;
    (void)phase->run(arm, 1);
    arm->trainee.meter = NULL;
    return (double)counter.flops;
}

static enum status run_phase(const struct bench *bench, struct results *out,
                             const struct phase *phase, struct arm arm[2],
                             struct error *err)
{
    const double ratio = flops_of(phase, &arm[1]) / flops_of(phase, &arm[0]);
    const struct candidate candidate[] = {
        { "dense", phase->run, &arm[0] }, { "MoD", phase->run, &arm[1] },
    };
    struct rounds_plan plan = bench_plan(bench, 1, 0.02, 3.0);
    struct rounds r;

    plan.wanted = bench->quick ? plan.wanted : ROUNDS_MAX;
    enum status status = rounds_take(&r, candidate, 2, &plan, err);
    if (status != STATUS_OK)
        return status;
    struct results_line *line = results_add(
        out, "width %d, %d heads: %s",
        model_spec(arm[0].decoder)->n_channels,
        model_spec(arm[0].decoder)->n_heads, phase->name);
    line->disturbed = r.disturbed;
    line->cell[DENSE_TIME] = rounds_seconds(&r, 0);
    line->cell[ROUTED_TIME] = rounds_seconds(&r, 1);
    line->cell[TIME_RATIO] = rounds_ratio(&r, 1, 0, 1.0);
    line->cell[FLOP_RATIO] = (struct samples){ 1, ratio, ratio, ratio };
    line->cell[LAG] = rounds_ratio(&r, 1, 0, 1.0 / ratio);
    line->target[LAG] = most_lag;
    rounds_close(&r);
    return STATUS_OK;
}

enum status bench_routed(struct bench *bench, struct results *out,
                         struct error *err)
{
    enum status status = STATUS_OK;

    out->title = "a step, a prompt and a window decoded of 6 layers, 256 tokens,"
                 " 1 thread; MoD: every other block keeps 12.5 %";
    out->column = columns;
    for (int i = 0; i < N_CONFIGS && status == STATUS_OK; i++) {
        struct arm arm[2] = { { .decoder = NULL } };
        status = arm_open(&arm[0], configs[i], 1.0, err);
        if (status == STATUS_OK)
            status = arm_open(&arm[1], configs[i], 0.125, err);
        for (int p = 0; p < N_PHASES && status == STATUS_OK; p++)
            status = run_phase(bench, out, &phases[p], arm, err);
        arm_close(&arm[1]);
        arm_close(&arm[0]);
    }
    return status;
}
