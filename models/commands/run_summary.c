/* run_summary.c - a session of isobath run, as its result. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "models/commands/run_output.h"
#include "models/commands/run_result.h"
#include "models/commands/run_session.h"
#include "sim/core/base/stats.h"
#include "sim/price/memory.h"

static void fill_measured(struct run_session *s)
{
    static const char *const why =
        "run measures time only; isobath profile reads counters";
    ledger_set_real(s->measured, (struct ledger_key){ 0 }, METRIC_SECONDS,
                    s->arm[PAIR_MODEL].seconds, PROV_MEASURED);
    for (int m = 0; m < METRIC_COUNT; m++)
        if (m != METRIC_SECONDS)
            ledger_set_reason(s->measured, (enum metric)m, why);
}

/* summary.json comes last: where it stands, all stands. */
static enum status write_files(struct run_session *s, json_t *summary,
                               struct error *err)
{
    enum status status = STATUS_OK;

    if (s->rundir.lock < 0)
        return STATUS_OK;
    run_output_clear(&s->rundir);
    if (s->tokens.stream)
        status = file_commit(&s->tokens, err);
    if (status == STATUS_OK)
        status = run_trace_finish(&s->trace, err);
    if (status == STATUS_OK)
        status = run_pairs_commit(&s->pairs, err);
    if (status == STATUS_OK)
        status = rundir_write_ledgers(&s->rundir, s->arm[PAIR_MODEL].predicted,
                                      s->arm[PAIR_MODEL].counted, s->measured,
                                      err);
    return status == STATUS_OK ? summary_write(&s->rundir, summary, err)
                               : status;
}

/* Per row of a forward, loss and entropy left out. */
static double per_row(const struct run_arm *arm, const struct ledger *ledger,
                      enum metric metric)
{
    static const int without[] = { OP_LOSS, OP_ENTROPY };
    struct cost sum = ledger_sum(ledger, PASS_FORWARD, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);
    double amount = cost_get(&sum, metric);
    for (size_t i = 0; i < sizeof without / sizeof *without; i++) {
        struct cost part = ledger_sum(ledger, PASS_FORWARD, LEDGER_ANY,
                                      LEDGER_ANY, without[i]);
        amount -= cost_get(&part, metric);
    }
    return amount / (double)arm->score[0].rows;
}

static struct run_spent spent_by(const struct run_session *s, int i)
{
    const struct run_arm *arm = &s->arm[i];
    const double rows = (double)arm->score[0].rows;
    const struct run_range *j = &s->joules[i];
    const double unknown = s->machine ? 0 : (double)NAN;

    return (struct run_spent){
        .nats = score_nats(&arm->score[0]),
        .flops = per_row(arm, arm->counted, METRIC_FLOPS),
        .flops_predicted = per_row(arm, arm->predicted, METRIC_FLOPS),
        .bytes = per_row(arm, arm->counted, METRIC_BYTES),
        .seconds = arm->seconds / rows,
        .joules = { j->value / rows + unknown, j->low / rows + unknown,
                    j->high / rows + unknown },
    };
}

static struct run_range range_of(struct difference d)
{
    return (struct run_range){ d.mean, d.low, d.high };
}

/* Coefficients err together: all at their low, or all at their high. */
static struct run_range joules_ratio(const struct run_spent *a,
                                     const struct run_spent *b)
{
    double low = a->joules.low / b->joules.low;
    double high = a->joules.high / b->joules.high;
    double value = a->joules.value / b->joules.value;

    return (struct run_range){ value, fmin(value, fmin(low, high)),
                               fmax(value, fmax(low, high)) };
}

/* What the pairs say; false: no memory for them. */
static bool twin_of(struct run_twin *out, const struct run_session *s)
{
    const struct run_spent model = spent_by(s, PAIR_MODEL);
    const size_t n = (size_t)s->pairs.n;
    double *x = calloc(3 * n + 1, sizeof *x);

    if (!x)
        return false;
    double *more = x + n, *dense = more + n;
    for (size_t i = 0; i < n; i++) {
        const struct run_pair *p = &s->pairs.pair[i];
        x[i] = p->tokens;
        more[i] = p->nats[PAIR_MODEL] - p->nats[PAIR_TWIN];
        dense[i] = p->nats[PAIR_TWIN];
    }
    *out = (struct run_twin){ .spent = spent_by(s, PAIR_TWIN),
                              .windows = s->pairs.n,
                              .times = s->pairs.n_ratios };
    out->difference = range_of(stats_ratio(more, x, n));
    out->increase = range_of(stats_ratio(more, dense, n));
    out->seconds = range_of(stats_median_interval(s->pairs.ratio, (size_t)
                                                  s->pairs.n_ratios));
    out->flops = model.flops / out->spent.flops;
    out->bytes = model.bytes / out->spent.bytes;
    out->joules = joules_ratio(&model, &out->spent);
    free(x);
    return true;
}

static struct run_result result_of(const struct run_session *s)
{
    const struct run_config *c = &s->config;
    const struct run_arm *arm = &s->arm[PAIR_MODEL];
    uint64_t allocated = 0;

    for (int i = 0; i < s->n_arms; i++)
        allocated += model_bytes(s->arm[i].model);
    return (struct run_result){
        .source = &s->source, .spec = &arm->spec, .model = c->model,
        .text = c->text, .machine = *c->machine ? c->machine : NULL,
        .split = c->split == RUN_ALL ? "all" : split_names[c->split],
        .isa = model_isa(arm->model), .hash = s->text.hash,
        .window = c->window, .stride = c->stride, .limit = c->limit,
        .skip = c->skip, .seed = c->seed, .threads = s->flags.common.threads,
        .score = arm->score, .n_scores = arm->n_scores, .bytes = s->bytes,
        .predicted = arm->predicted, .counted = arm->counted,
        .measured = s->measured, .seconds = arm->seconds,
        .spent = spent_by(s, PAIR_MODEL), .entropy = s->entropy,
        .setting = c->passed, .n_settings = c->n_passed,
        .finished = s->done == s->windows, .agreed = s->agreed,
        .parameters = memory_parameters(&arm->spec),
        .predicted_bytes = run_session_bytes(s) + s->text.map.size,
        .allocated_bytes = allocated,
        .peak_bytes = command_peak_bytes(),
    };
}

static enum status print(const struct run_session *s,
                         const struct run_result *result,
                         const json_t *summary, struct error *err)
{
    const struct command_options *o = &s->flags.common;

    if (o->format == FORMAT_CSV)
        run_result_csv(stdout, result);
    else if (o->format == FORMAT_TEXT && !o->quiet)
        run_result_text(stdout, result);
    if (o->format == FORMAT_JSON &&
        (json_dumpf(summary, stdout, JSON_INDENT(2)) != 0 ||
         putchar('\n') == EOF))
        return error_set(err, STATUS_IO, "writing the output failed");
    return STATUS_OK;
}

enum status run_session_deliver(struct run_session *s, int argc, char **argv,
                                struct error *err)
{
    struct run_result result = result_of(s);
    struct run_twin twin;
    json_t *summary = NULL;

    fill_measured(s);
    if (s->n_arms > 1 && !twin_of(&twin, s))
        return error_set(err, STATUS_NO_MEMORY, "no memory for %" PRId64
                         " pairs", s->pairs.n);
    result.twin = s->n_arms > 1 ? &twin : NULL;
    enum status status = run_result_json(&summary, &result, argc, argv, err);

    if (status == STATUS_OK)
        status = write_files(s, summary, err);
    if (status == STATUS_OK)
        status = print(s, &result, summary, err);
    json_decref(summary);
    return status;
}
