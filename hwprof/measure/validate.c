/* validate.c - Judge every measured figure against its error budget. */
#include "hwprof/measure/validate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "hwprof/measure/padding.h"
#include "sim/core/ledger/agreement.h"

const char *const validate_words[VALIDATE_VERDICT_COUNT] = {
#define X(id, word) [VALIDATE_##id] = word,
    VALIDATE_MAP(X)
#undef X
};

static bool is_product(int op)
{
    return op == OP_QKV || op == OP_PROJECT || op == OP_FFN_UP ||
           op == OP_FFN_DOWN || op == OP_HEAD;
}

static bool is_stream(int op, bool decode)
{
    return op == OP_NORM || op == OP_EMBED || op == OP_CLIP ||
           op == OP_ADAMW || (decode && op == OP_ATTEND);
}

static void say(struct validate_row *row, enum validate_verdict verdict,
                const char *reason)
{
    row->verdict = verdict;
    snprintf(row->reason, sizeof row->reason, "%s", reason);
}

/* A simulator sees every instruction: no fewer than were counted and pad the last
 * registers of rows, and no more than scalars do. */
static void judge_executed(struct validate_row *row,
                           const struct validate_facts *f)
{
    double padding = round(f->padding);
    double off = row->measured - f->counted - padding;
    double most = (double)VALIDATE_SCALARS * f->n_threads * (double)f->regions;

    if (f->has_mix)
        most = fmin(most, (double)f->mix.of[FLOPS_SCALAR]);
    row->allowed = 0;
    if (off < 0 || off > most) {
        say(row, VALIDATE_OUTSIDE, off > 0
            ? "more flops ran than were counted, and scalars are not all of "
              "them" : "fewer flops ran than were counted");
        return;
    }
    say(row, VALIDATE_WITHIN, "");
    if (padding > 0)
        snprintf(row->reason, sizeof row->reason, "%.0f more in registers whose"
                 " last lanes have no column; ", padding);
    size_t used = strlen(row->reason);
    if (off > 0)
        snprintf(row->reason + used, sizeof row->reason - used, "%.0f more, "
                 "%.3g a region: scalars of a shape or a step, which are no "
                 "ops", off, off / (double)f->regions);
    else if (used)
        row->reason[used - 2] = '\0';
}

/* Measured against counted work: exact for an op, 2 % for a phase. */
static void judge_work(struct validate_row *row,
                        const struct validate_facts *f)
{
    bool whole = f->op == LEDGER_ANY;
    double slack = whole ? VALIDATE_PHASE * f->counted
        : (double)VALIDATE_SCALARS * f->n_threads * (double)f->regions;
    double off = row->measured - f->counted - f->padding;

    row->allowed = whole ? VALIDATE_PHASE : 0;
    row->off = f->counted > 0 ? row->measured / f->counted - 1
             : row->measured > 0 ? HUGE_VAL : 0;
    if (f->measured.from == PROV_SIMULATED) {
        judge_executed(row, f);
        return;
    }
    if (f->measured.high > f->measured.low)
        row->measured_from = PROV_AT_LEAST;
    if (f->measured.high > f->measured.low && off <= slack)
        say(row, VALIDATE_LOWER_BOUND, "repeats of the same work differ: the "
            "counter loses some in bursts");
    else if (fabs(off) <= slack)
        say(row, VALIDATE_WITHIN, "");
    else
        say(row, VALIDATE_OUTSIDE, off > 0
            ? "the counter saw more than the work that was counted"
            : "the counter saw less than the work that was counted");
}

static void judge_traffic(struct validate_row *row,
                        const struct validate_facts *f)
{
    row->allowed = is_product(f->op) ? VALIDATE_GEMM
                 : is_stream(f->op, f->decode) ? VALIDATE_STREAM : (double)NAN;
    if (f->unlike) {
        say(row, VALIDATE_NOT_JUDGED, f->unlike);
        return;
    }
    if (!isfinite(f->predicted)) {
        say(row, VALIDATE_NOT_JUDGED, "no machine profile, no analytic byte "
            "model: give --machine");
        return;
    }
    row->off = f->predicted > 0 ? row->measured / f->predicted - 1
                                : (double)NAN;
    if (f->predicted <= 0)
        say(row, VALIDATE_NOT_JUDGED, "the model predicts no bytes from that"
            " level");
    else if (!isfinite(row->allowed))
        say(row, VALIDATE_NOT_JUDGED, "");
    else if (fabs(row->off) <= row->allowed)
        say(row, VALIDATE_WITHIN, "");
    else
        say(row, VALIDATE_OUTSIDE, "not what the analytic byte model says");
}

static void judge_repeats(struct validate_row *row,
                          const struct validate_facts *f)
{
    const struct measure_range *m = &f->measured;

    row->off = fmax(m->high - m->median, m->median - m->low) / m->median;
    row->allowed = f->op == LEDGER_ANY ? VALIDATE_REPEAT : (double)NAN;
    if (f->op != LEDGER_ANY)
        say(row, VALIDATE_NOT_JUDGED, "");
    else if (m->n < 2)
        say(row, VALIDATE_NOT_JUDGED, "one repeat has no spread");
    else if (row->off <= VALIDATE_REPEAT)
        say(row, VALIDATE_WITHIN, "");
    else
        say(row, VALIDATE_OUTSIDE, "repeats of the same work differ by more");
}

static void (*const judges[])(struct validate_row *row,
                              const struct validate_facts *f) = {
    [BUDGET_WORK] = judge_work, [BUDGET_TRAFFIC] = judge_traffic,
    [BUDGET_REPEATS] = judge_repeats,
};

static void judge_measured(struct validate_row *row,
                           const struct validate_facts *f)
{
    double mean = f->measured.median / (double)(f->regions ? f->regions : 1);

    row->measured = f->measured.median;
    row->measured_from = f->measured.from;
    if (f->op != LEDGER_ANY && f->resolution > 0 && mean < f->resolution) {
        row->measured = (double)NAN;
        row->measured_from = PROV_BELOW;
        say(row, VALIDATE_BELOW, "its regions are too small for what reading"
            " costs");
    } else {
        judges[metric_table[f->metric].budget](row, f);
    }
}

static bool is_exact(enum metric metric)
{
    return metric_table[metric].predicted == PREDICTED_BY_FORMULA;
}

struct validate_row validate_judge(const struct validate_facts *f)
{
    struct validate_row row = {
        .op = f->op, .metric = f->metric, .predicted = f->predicted,
        .counted = f->counted, .measured = (double)NAN,
        .measured_from = PROV_UNKNOWN, .off = (double)NAN,
        .allowed = (double)NAN, .has_mix = f->has_mix, .mix = f->mix,
    };

    row.differs = is_exact(f->metric) && !(f->predicted == f->counted);
    if (metric_table[f->metric].measured == MEASURED_BY_NOTHING) {
        row.off = f->counted / f->predicted - 1;
        row.allowed = 0;
        say(&row, VALIDATE_WITHIN, "");
    } else if (!f->qualified || f->measured.n == 0) {
        say(&row, VALIDATE_NOT_MEASURED, f->why_not);
    } else {
        judge_measured(&row, f);
    }
    if (row.differs)
        say(&row, VALIDATE_OUTSIDE, "counted and predicted have to be equal");
    return row;
}

void validation_close(struct validation *v)
{
    free(v->row);
    *v = (struct validation){ 0 };
}

size_t validation_count(const struct validation *v,
                        enum validate_verdict verdict)
{
    size_t n = 0;
    for (size_t i = 0; i < v->n; i++)
        n += v->row[i].verdict == verdict;
    return n;
}

static enum status add_row(struct validation *v, struct validate_row row,
                           struct error *err)
{
    if (v->n == v->room) {
        size_t room = v->room ? 2 * v->room : 256;
        struct validate_row *more = realloc(v->row, room * sizeof *more);
        if (!more)
            return error_set(err, STATUS_NO_MEMORY, "no memory for %zu checks",
                             room);
        v->row = more;
        v->room = room;
    }
    v->row[v->n++] = row;
    return STATUS_OK;
}

/* The counters of L3 leave out what came from memory through it; the byte model
 * has both. */
static void add_memory(struct validate_facts *f, const struct measure *measure,
                       int pass, const struct measure_row *known)
{
    struct measure_range dram = measure_range(measure, pass, LEDGER_ANY,
                                              LEDGER_ANY, f->op,
                                              METRIC_DRAM_BYTES);

    if (f->metric != METRIC_L3_BYTES || !f->qualified)
        return;
    if (!known[METRIC_DRAM_BYTES].qualified || dram.n == 0) {
        f->unlike = "the byte model includes what came from memory, which was"
                    " not measured";
        return;
    }
    f->measured.median += dram.median;
    f->measured.low += dram.low;
    f->measured.high += dram.high;
}

/* Of the widest registers that worked. */
static int lanes_of(const struct flop_mix *mix)
{
    return mix->of[FLOPS_512] ? 16 : mix->of[FLOPS_256] ? 8 : 4;
}

/* Rows of one op, or of the phase, for every metric that has a budget. */
static enum status add_rows(struct validation *v,
                            const struct validate_input *in, int pass, int op,
                            const struct measure_row *known, struct error *err)
{
    struct cost p = ledger_sum(in->predicted, pass, LEDGER_ANY, LEDGER_ANY, op);
    struct cost c = ledger_sum(in->counted, pass, LEDGER_ANY, LEDGER_ANY, op);
    enum status status = STATUS_OK;

    for (int m = 0; m < METRIC_COUNT && status == STATUS_OK; m++) {
        enum metric metric = (enum metric)m;
        if (metric_table[m].budget == BUDGET_NONE)
            continue;
        struct validate_facts facts = {
            .op = op, .metric = metric, .decode = in->decode,
            .predicted = cost_get(&p, metric),
            .counted = is_exact(metric) ? cost_get(&c, metric) : (double)NAN,
            .qualified = known[m].qualified, .why_not = known[m].reason,
            .measured = measure_range(in->measure, pass, LEDGER_ANY,
                                      LEDGER_ANY, op, metric),
            .resolution = known[m].resolution,
            .regions = measure_regions(in->measure, pass, LEDGER_ANY, op),
            .n_threads = in->n_threads };
        add_memory(&facts, in->measure, pass, known);
        facts.has_mix = m == METRIC_FLOPS &&
                        measure_flop_mix(in->measure, pass, op, &facts.mix);
        if (facts.has_mix)
            facts.padding = padding_flops(in->spec, in->counted, pass, op,
                                          lanes_of(&facts.mix));
        struct validate_row row = validate_judge(&facts);
        row.phase = in->phase;
        row.model = in->model;
        row.pass = pass;
        status = add_row(v, row, err);
    }
    return status;
}

static bool holds(const struct validate_row *row, const struct disagreement *d)
{
    return row->metric == d->metric &&
           (row->op == LEDGER_ANY || row->op == d->op) &&
           (row->pass == LEDGER_ANY || row->pass == d->pass);
}

/* Rows whose sums agree, though a layer's amounts do not, are outside too. */
static enum status mark_differences(struct validation *v, size_t first,
                                    const struct validate_input *in,
                                    struct error *err)
{
    size_t n = disagreements(in->predicted, in->counted, NULL, 0, NULL);
    struct disagreement *d = calloc(n + 1, sizeof *d);

    if (!d)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu cells", n);
    disagreements(in->predicted, in->counted, d, n, NULL);
    for (size_t k = 0; k < n; k++)
        for (size_t i = first; i < v->n; i++) {
            struct validate_row *row = &v->row[i];
            if (row->differs || !holds(row, &d[k]))
                continue;
            row->differs = true;
            say(row, VALIDATE_OUTSIDE, "counted and predicted have to be "
                "equal in every layer");
        }
    free(d);
    return STATUS_OK;
}

enum status validate_phase(struct validation *v,
                           const struct validate_input *in, struct error *err)
{
    struct measure_row known[METRIC_COUNT];
    enum status status = STATUS_OK;
    size_t first = v->n;

    measure_report(in->measure, known);
    measure_simulated(in->measure, v->simulator);
    for (int p = 0; p < PASS_COUNT; p++)
        for (int o = 0; o < OP_COUNT && status == STATUS_OK; o++) {
            struct cost c = ledger_sum(in->counted, p, LEDGER_ANY, LEDGER_ANY,
                                       o);
            struct cost q = ledger_sum(in->predicted, p, LEDGER_ANY,
                                       LEDGER_ANY, o);
            if (c.count[METRIC_BYTES] || c.count[METRIC_FLOPS] ||
                q.count[METRIC_BYTES] || q.count[METRIC_FLOPS])
                status = add_rows(v, in, p, o, known, err);
        }
    if (status == STATUS_OK)
        status = add_rows(v, in, LEDGER_ANY, LEDGER_ANY, known, err);
    return status ? status : mark_differences(v, first, in, err);
}
