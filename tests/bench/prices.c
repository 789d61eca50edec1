/* prices.c - Time a prediction, and what a meter adds to an op. */
#include "tests/bench/bench.h"

#include "sim/core/base/clock.h"
#include "sim/core/config/model_config.h"
#include "sim/price/predict.h"
#include "tests/bench/trainee.h"

enum { TIME, OVER_NONE };
static const struct results_column price_columns[] = {
    { "time", "s", "us", 1e6, 1, true, WISH_NONE },
    { "over nobody listening", "1", "", 1.0, 3, true, WISH_NONE },
    { NULL, NULL, NULL, 0, 0, false, WISH_NONE },
};

/* ---- a model of 32 layers, 16 sequences of 512 ---- */

static const char *const priced_config = "configs/models/bench-512x8.yaml";
static const char *const priced_machine =
    "configs/machines/emerald-rapids-2core.yaml";

struct pricing_run {
    struct predict_job job;
    struct ledger     *ledger;
    enum status        status;   /* of the first that failed */
};

static double run_prediction(void *argument, int64_t times)
{
    struct pricing_run *p = argument;
    double from = clock_seconds();

    for (int64_t i = 0; i < times; i++) {
        ledger_clear(p->ledger);
        enum status status = predict_train_step(p->ledger, &p->job, NULL, NULL);
        if (status != STATUS_OK)
            p->status = status;
    }
    return clock_seconds() - from;
}

enum { BY_LAYER, BY_OP, LEDGERS };

static enum status time_predictions(const struct bench *bench,
                                    struct results *out,
                                    struct ledger *ledger[LEDGERS],
                                    const struct model_spec *spec,
                                    const struct allocation *allocation,
                                    struct error *err)
{
    static struct machine machine;     /* large, and only read once loaded */
    enum status status = machine_load(&machine, priced_machine, err);
    if (status != STATUS_OK)
        return status;
    struct pricing_run bare = { { .spec = spec, .allocation = allocation },
                                ledger[BY_LAYER], STATUS_OK };
    struct pricing_run full = { { .spec = spec, .allocation = allocation,
                                  .machine = &machine }, ledger[BY_LAYER],
                                STATUS_OK };
    struct pricing_run point = full;
    point.ledger = ledger[BY_OP];
    const struct candidate candidate[] = {
        { "flops and bytes", run_prediction, &bare },
        { "seconds and joules too", run_prediction, &full },
        { "the same of all layers together", run_prediction, &point },
    };
    enum { N = sizeof candidate / sizeof *candidate };
    struct rounds_plan plan = bench_plan(bench, 1, 0.1, 4.0);
    struct rounds r;

    if ((status = rounds_take(&r, candidate, N, &plan, err)))
        return status;
    for (int c = 0; c < N; c++) {
        struct results_line *line = results_add(
            out, "predict a train step of 32 layers: %s", candidate[c].name);
        line->disturbed = r.disturbed;
        line->cell[TIME] = rounds_seconds(&r, c);
    }
    rounds_close(&r);
    if (bare.status != STATUS_OK || full.status != STATUS_OK ||
        point.status != STATUS_OK)
        return error_set(err, STATUS_FAILED, "a prediction failed");
    return STATUS_OK;
}

static enum status price(const struct bench *bench, struct results *out,
                         struct error *err)
{
    const struct config_setting setting[] = {
        { .text = "model.layers=32" }, { .text = "routing.capacity=0.125" },
    };
    struct allocation allocation = { 0 };
    struct ledger *ledger[LEDGERS] = { NULL };
    struct model_spec spec;

    enum status status = model_config_load(&spec, NULL, priced_config, setting,
                                           2, err);
    if (status == STATUS_OK)
        status = allocation_open(&allocation, spec.n_layers, 16, 512, err);
    if (status == STATUS_OK) {
        allocation_fill(&allocation, &spec);
        status = ledger_open(&ledger[BY_LAYER], (struct ledger_shape){
            .by_pass = true, .by_op = true, .n_layers = spec.n_layers },
            cost_zero(PROV_PREDICTED), err);
    }
    if (status == STATUS_OK)
        status = ledger_open(&ledger[BY_OP], (struct ledger_shape){
            .by_op = true }, cost_zero(PROV_PREDICTED), err);
    if (status == STATUS_OK)
        status = time_predictions(bench, out, ledger, &spec, &allocation, err);
    for (int i = 0; i < LEDGERS; i++)
        ledger_close(ledger[i]);
    allocation_close(&allocation);
    return status;
}

/* ---- meters: the smallest model has the shortest ops ---- */

static const char *const metered_config = "configs/models/tiny-32.yaml";
enum { METERED_TOKENS = 256 };

struct metered {
    struct trainee *trainee;
    struct meter   *meter;
};

static double run_metered(void *argument, int64_t times)
{
    struct metered *m = argument;
    m->trainee->meter = m->meter;
    return trainee_run(m->trainee, times);
}

static enum status time_meters(const struct bench *bench, struct results *out,
                               struct trainee *trainee, struct ledger *by_op,
                               struct ledger *by_token, struct error *err)
{
    struct ledger_meter ops = ledger_meter(by_op);
    struct ledger_meter tokens = ledger_meter(by_token);
    struct metered run[] = { { trainee, NULL }, { trainee, &ops.meter },
                             { trainee, &tokens.meter } };
    const struct candidate candidate[] = {
        { "nobody", run_metered, &run[0] },
        { "a ledger by layer and op", run_metered, &run[1] },
        { "a ledger by token too", run_metered, &run[2] },
    };
    struct rounds_plan plan = bench_plan(bench, 1, 0.1, 6.0);
    struct rounds r;

    enum status status = rounds_take(&r, candidate, 3, &plan, err);
    if (status != STATUS_OK)
        return status;
    for (int c = 0; c < 3; c++) {
        struct results_line *line = results_add(
            out, "a step of (32, 6, 256, 1), listening: %s",
            candidate[c].name);
        line->disturbed = r.disturbed;
        line->cell[TIME] = rounds_seconds(&r, c);
        if (c > 0)
            line->cell[OVER_NONE] = rounds_ratio(&r, c, 0, 1.0);
    }
    rounds_close(&r);
    if (ops.status != STATUS_OK || tokens.status != STATUS_OK)
        return error_set(err, STATUS_OVERFLOWED, "a ledger overflowed");
    return STATUS_OK;
}

static enum status meter(const struct bench *bench, struct results *out,
                         struct error *err)
{
    struct ledger_shape shape = { .by_pass = true, .by_op = true };
    struct ledger *by_op = NULL, *by_token = NULL;
    struct trainee trainee = { 0 };

    const struct trainee_plan dense = {
        .config = metered_config, .family = "llama", .capacity = 1.0,
        .n_tokens = METERED_TOKENS, .n_sequences = 1, .n_threads = 1,
    };
    enum status status = trainee_open(&trainee, &dense, err);
    if (status == STATUS_OK) {
        shape.n_layers = model_spec(trainee.model)->n_layers;
        status = ledger_open(&by_op, shape, cost_zero(PROV_COUNTED), err);
    }
    if (status == STATUS_OK) {
        shape.n_tokens = METERED_TOKENS;
        status = ledger_open(&by_token, shape, cost_zero(PROV_COUNTED), err);
    }
    if (status == STATUS_OK)
        status = time_meters(bench, out, &trainee, by_op, by_token, err);
    ledger_close(by_token);
    ledger_close(by_op);
    trainee_close(&trainee);
    return status;
}

enum status bench_predict(struct bench *bench, struct results *out,
                          struct error *err)
{
    out->title = "what it costs to know";
    out->column = price_columns;
    enum status status = price(bench, out, err);
    return status == STATUS_OK ? meter(bench, out, err) : status;
}
