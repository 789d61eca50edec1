/* machine_serial.c - Price far decode steps with nothing and with everything
 * hidden; where the measured time lies between them is the share. */
#include "hwprof/commands/machine_serial.h"

#include <math.h>

#include "sim/core/base/stats.h"
#include "sim/core/model/plan.h"
#include "sim/price/hold.h"
#include "sim/price/predict.h"

/* Seconds of an op in a step: measured, and priced with all that may hide hidden
 * and with nothing. */
struct bounded { double took, hidden, exposed; };

static enum status price(double seconds[OP_COUNT],
                         const struct machine_far_step *step,
                         const struct machine *machine, struct error *err)
{
    struct ledger *ledger = NULL;
    struct allocation all;
    enum status status = allocation_open(&all, plan_n_choices(&step->spec),
                                         step->n_sequences, step->n_tokens, err);

    if (status != STATUS_OK)
        return status;
    status = ledger_open(&ledger, (struct ledger_shape){ .by_op = true },
                         cost_zero(PROV_PREDICTED), err);
    const struct predict_job job = { .spec = &step->spec, .allocation = &all,
                                     .machine = machine };
    if (status == STATUS_OK)
        status = predict_decode(ledger, &job, NULL, err);
    for (int o = 0; o < OP_COUNT && status == STATUS_OK; o++) {
        const struct cost cost = ledger_sum(ledger, PASS_FORWARD, LEDGER_ANY,
                                            LEDGER_ANY, o);
        seconds[o] = cost_get(&cost, METRIC_SECONDS);
    }
    ledger_close(ledger);
    allocation_close(&all);
    return status;
}

/* Shares of a curve are above 0. */
static const double least_share = 0.001;

/* The least of the time that may hide that says how much of it does. */
static const double least_exposed = 0.05;

/* What did not hide, of all that may, of the ops of several steps. */
struct found {
    double share[MACHINE_FAR_MAX * OP_COUNT];
    size_t n;
    bool   busy;                 /* others ran beside any of them */
};

static double exposed_share(const struct bounded *b)
{
    return fmin(1, fmax(0, (b->took - b->hidden) / (b->exposed - b->hidden)));
}

static void add_step(struct found *f, const struct bounded op[OP_COUNT])
{
    for (int o = 0; o < OP_COUNT; o++)
        if (op[o].took > 0 &&
            op[o].exposed - op[o].hidden > least_exposed * op[o].hidden)
            f->share[f->n++] = exposed_share(&op[o]);
}

static struct machine_range range_of(struct found *f)
{
    if (f->n == 0)
        return MACHINE_RANGE_UNKNOWN;
    return (struct machine_range){ stats_median(f->share, f->n),
                                   stats_quantile(f->share, f->n, 0.1),
                                   stats_quantile(f->share, f->n, 0.9),
                                   f->busy };
}

static enum status bound(struct bounded op[OP_COUNT],
                         const struct machine_far_step *step, double *number,
                         const struct machine *machine, struct error *err)
{
    double hidden[OP_COUNT] = { 0 }, exposed[OP_COUNT] = { 0 };

    *number = least_share;           /* a curve has no share of 0 */
    enum status status = price(hidden, step, machine, err);
    *number = 1;
    if (status == STATUS_OK)
        status = price(exposed, step, machine, err);
    for (int o = 0; o < OP_COUNT; o++)
        op[o] = (struct bounded){ step->seconds[o], hidden[o], exposed[o] };
    return status;
}

/* `serial` is the machine's number that the steps which lie so tell; all their
 * operands come from memory, or none. */
static enum status fit(struct machine_range *out, const struct machine_far *far,
                       enum machine_lies lies, struct machine *machine,
                       struct quantity *serial, struct error *err)
{
    struct found found = { .n = 0 };
    enum status status = STATUS_OK;

    machine->dram_reached = (struct config_real_list){
        2, { 1, lies == LIES_PAST ? 1 : least_share } };
    for (int i = 0; i < far->n && status == STATUS_OK; i++) {
        struct bounded op[OP_COUNT];
        if (far->step[i].lies != lies)
            continue;
        status = bound(op, &far->step[i], &serial->value, machine, err);
        if (status == STATUS_OK)
            add_step(&found, op);
        found.busy |= far->step[i].busy;
    }
    *out = range_of(&found);
    serial->value = isnan(out->value) ? 0 : out->value;
    return status;
}

/* All that a step holds comes by between two uses of a weight. */
static double held_bytes(const struct machine_far_step *step)
{
    const struct regime regime = { .tensor = 1 };
    const struct hold_question question = {
        .spec = &step->spec, .regime = &regime, .phase = MEMORY_DECODE,
        .n_sequences = step->n_sequences, .n_tokens = step->n_tokens };
    return (double)hold_buffers(&question).total;
}

/* The share that has to come from memory for the step to take as long as it did:
 * it takes longer the more does. */
static enum status solve_reached(double *share,
                                 const struct machine_far_step *step,
                                 struct machine *machine, struct error *err)
{
    enum { HALVINGS = 12 };
    double low = least_share, high = 1;
    enum status status = STATUS_OK;

    for (int i = 0; i < HALVINGS && status == STATUS_OK; i++) {
        double seconds[OP_COUNT] = { 0 }, took = 0, priced = 0;
        const double middle = (low + high) / 2;
        machine->dram_reached = (struct config_real_list){ 2, { 1, middle } };
        status = price(seconds, step, machine, err);
        for (int o = 0; o < OP_COUNT; o++) {
            took += step->seconds[o];
            priced += step->seconds[o] > 0 ? seconds[o] : 0;
        }
        *(priced < took ? &low : &high) = middle;
    }
    *share = high > 2 * least_share ? (low + high) / 2 : least_share;
    return status;
}

/* A point of the curve for each step between, which rises: where one seems to
 * wait less than a smaller one, others took the cache meanwhile.  Its end are the
 * steps that surely lie past. */
static enum status fit_reached(struct config_real_list *out,
                               const struct machine_far *far,
                               struct machine *machine, struct error *err)
{
    enum status status = STATUS_OK;
    double least = least_share, share;

    out->n = 0;
    for (int i = 0; i < far->n && status == STATUS_OK; i++) {
        const struct machine_far_step *step = &far->step[i];
        if (step->lies == LIES_CACHED)
            continue;
        status = step->lies == LIES_PAST
                     ? STATUS_OK : solve_reached(&share, step, machine, err);
        if (status != STATUS_OK)
            break;
        least = step->lies == LIES_PAST ? 1 : fmax(least, share);
        out->value[out->n++] = held_bytes(step);
        out->value[out->n++] = least;
        if (step->lies == LIES_PAST)
            break;
    }
    return status;
}

enum status machine_serial_fit(struct machine_shares *shares,
                               const struct machine_far *far,
                               struct machine *machine, struct error *err)
{
    /* Each on top of the one before; nothing waits until it is known to. */
    machine->serial_caches.value = machine->serial_memory.value = 0;
    enum status status = fit(&shares->serial_caches, far, LIES_CACHED, machine,
                             &machine->serial_caches, err);
    if (status == STATUS_OK)
        status = fit(&shares->serial_memory, far, LIES_PAST, machine,
                     &machine->serial_memory, err);
    return status == STATUS_OK
               ? fit_reached(&shares->reached, far, machine, err) : status;
}
