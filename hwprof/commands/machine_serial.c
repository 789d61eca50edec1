/* machine_serial.c - Price far decode steps with waits of several lengths; which of
 * them makes the price the measured time is the share. */
#include "hwprof/commands/machine_serial.h"

#include <math.h>
#include <string.h>

#include "sim/core/base/stats.h"
#include "sim/core/model/plan.h"
#include "sim/price/hold.h"
#include "sim/price/predict.h"

/* Seconds of an op in a step: measured, and priced with all hidden that may hide,
 * with nothing, and with twice what a stream takes. */
enum { HIDDEN, EXPOSED, TWICE, PRICES };
struct bounded { double took, priced[PRICES]; };

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
/* As keys of a profile have them. */
static const double most_serial = 10;

/* The least of the time that may hide that says how much of it does. */
static const double least_exposed = 0.05;

/* What did not hide, of all that may, of the ops of several steps. */
struct found {
    double share[MACHINE_FAR_MAX * OP_COUNT];
    double weighed, weights;     /* sums: each op by the time that it may wait */
    size_t n;
    bool   busy;                 /* others ran beside any of them */
};

static double exposed_share(const struct bounded *b)
{
    const double *at = b->priced;
    const double share =
        b->took < at[EXPOSED]
            ? (b->took - at[HIDDEN]) / (at[EXPOSED] - at[HIDDEN])
            : 1 + (b->took - at[EXPOSED]) / (at[TWICE] - at[EXPOSED]);
    return fmin(most_serial, fmax(0, share));
}

static bool tells(const struct bounded *b)
{
    return b->took > 0 && b->priced[EXPOSED] - b->priced[HIDDEN] >
                              least_exposed * b->priced[HIDDEN];
}

static void add(struct found *f, const struct bounded *b)
{
    const double share = exposed_share(b);
    const double weight = b->priced[TWICE] - b->priced[HIDDEN];

    f->share[f->n++] = share;
    f->weighed += weight * share;
    f->weights += weight;
}

static struct machine_range range_of(struct found *f)
{
    if (f->n == 0)
        return MACHINE_RANGE_UNKNOWN;
    const double value = f->weighed / f->weights;
    return (struct machine_range){
        value, fmin(value, stats_quantile(f->share, f->n, 0.1)),
        fmax(value, stats_quantile(f->share, f->n, 0.9)), f->busy };
}

/* A level that operands are waited for. */
enum level_of { OF_CACHES, OF_MEMORY };

static struct quantity *number_of(struct machine *machine, int wait,
                                  enum level_of of)
{
    struct machine_wait *w = &machine->wait[wait];
    return of == OF_CACHES ? &w->caches : &w->memory;
}

static enum status bound(struct bounded op[OP_COUNT], enum level_of of,
                         const struct machine_far_step *step,
                         struct machine *machine, struct error *err)
{
    enum status status = STATUS_OK;

    for (int i = 0; i < PRICES && status == STATUS_OK; i++) {
        double seconds[OP_COUNT] = { 0 };
        for (int w = 0; w < WAIT_COUNT; w++)
            number_of(machine, w, of)->value = i;
        status = price(seconds, step, machine, err);
        for (int o = 0; o < OP_COUNT; o++) {
            op[o].took = step->seconds[o];
            op[o].priced[i] = seconds[o];
        }
    }
    return status;
}

/* Of the head, whose place is outside of layers, or of one like all layers. */
static enum work work_in(const struct machine_far_step *step, enum op op)
{
    return flops_work_stored(
        flops_work(op, PASS_FORWARD, true, (uint64_t)step->n_sequences),
        &step->spec, op == OP_HEAD ? LEDGER_OUTSIDE : 0, op);
}

static bool is_product(enum work work)
{
    return work == WORK_ROW || work == WORK_FEW;
}

/* The shares of each kind of waiting, of the steps that lie so: all their operands
 * come from memory, or none. */
static enum status find(struct found found[WAIT_COUNT], enum level_of of,
                        const struct machine_far *far, struct machine *machine,
                        struct error *err)
{
    const enum machine_lies lies = of == OF_MEMORY ? LIES_PAST : LIES_CACHED;
    enum status status = STATUS_OK;

    machine->dram_reached = (struct config_real_list){
        2, { 1, of == OF_MEMORY ? 1 : least_share } };
    for (int i = 0; i < far->n && status == STATUS_OK; i++) {
        const struct machine_far_step *step = &far->step[i];
        struct bounded op[OP_COUNT];
        if (step->lies != lies)
            continue;
        status = bound(op, of, step, machine, err);
        for (int o = 0; o < OP_COUNT && status == STATUS_OK; o++) {
            const enum wait wait = machine_wait(
                machine, work_in(step, (enum op)o), step->n_sequences);
            if (wait == WAIT_COUNT || !tells(&op[o]))
                continue;
            add(&found[wait], &op[o]);
            found[wait].busy |= step->busy;
        }
    }
    return status;
}

static enum status fit(struct machine_shares *shares, enum level_of of,
                       const struct machine_far *far, struct machine *machine,
                       struct error *err)
{
#define X(id, name, what) { name "caches", name "memory" },
    static const char *const keys[WAIT_COUNT][2] = { WAIT_MAP(X) };
#undef X
    static struct found found[WAIT_COUNT];   /* too large for a stack */

    memset(found, 0, sizeof found);
    enum status status = find(found, of, far, machine, err);
    for (int w = 0; w < WAIT_COUNT; w++) {
        const struct machine_range range = range_of(&found[w]);
        number_of(machine, w, of)->value = isnan(range.value) ? 0 : range.value;
        if (!isnan(range.value))
            shares->serial[shares->n_serial++] =
                (struct machine_number){ keys[w][of], range };
    }
    return status;
}

/* The share of a step's products that did not hide; NAN: none tells. */
static enum status products_share(double *out,
                                  const struct machine_far_step *step,
                                  struct machine *machine, struct error *err)
{
    struct bounded op[OP_COUNT];
    struct found found = { .n = 0 };
    enum status status = bound(op, OF_MEMORY, step, machine, err);

    for (int o = 0; o < OP_COUNT && status == STATUS_OK; o++)
        if (is_product(work_in(step, (enum op)o)) && tells(&op[o]))
            add(&found, &op[o]);
    *out = range_of(&found).value;
    return status;
}

/* The most rows whose products wait at least half as long as those of one; if more
 * rows were seen to hide it. */
static enum status find_rows(struct machine_range *out,
                             const struct machine_far *far,
                             struct machine *machine, struct error *err)
{
    double one = NAN, share;
    int most = 0;
    enum status status = STATUS_OK;

    *out = MACHINE_RANGE_UNKNOWN;
    machine->dram_reached = (struct config_real_list){ 2, { 1, 1 } };
    for (int rows = 1; rows <= FLOPS_FEW_ROWS && status == STATUS_OK; rows++)
        for (int i = 0; i < far->n && status == STATUS_OK; i++) {
            const struct machine_far_step *step = &far->step[i];
            if (step->lies != LIES_PAST || step->n_sequences != rows ||
                (status = products_share(&share, step, machine, err)) ||
                isnan(share))
                continue;
            if (isnan(one))
                one = share;
            if (share >= one / 2)
                most = rows;
            else if (isnan(out->value) || out->value < most)
                *out = (struct machine_range){ most, most, rows - 1,
                                               step->busy };
        }
    if (out->value < most)               /* and still more do not hide it */
        *out = MACHINE_RANGE_UNKNOWN;
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

/* ---- what others take while a layer is not entered ---- */

/* Of the products alone: keys are few. */
static struct machine_far_step products_of(const struct machine_far_step *step)
{
    struct machine_far_step out = *step;

    for (int o = 0; o < OP_COUNT; o++)
        if (!is_product(work_in(step, (enum op)o)) || o == OP_HEAD)
            out.seconds[o] = 0;
    return out;
}

/* What the steps used that went by: all but the layers that they left alone. */
static double repeated_bytes(const struct machine_far_step *step)
{
    double others = 0;

    for (int32_t l = 1; l < step->spec.n_layers; l += 2)
        others += 4 * (double)flops_parameters(&step->spec, l);
    return (step->period - 1) * (held_bytes(step) - others);
}

/* exp(-bytes / aging) of what a layer leaves in the last cache is there when it is
 * entered again, beside what is there of one that every step enters. */
static enum status fit_aging(struct machine_range *out,
                             const struct machine_far *far,
                             struct machine *machine, struct error *err)
{
    static const double least_left = 0.01;
    double bytes[MACHINE_FAR_MAX], always = NAN, share;
    bool busy = false;
    size_t n = 0;

    *out = MACHINE_RANGE_UNKNOWN;
    for (int i = 0; i < far->n; i++) {
        const struct machine_far_step step = products_of(&far->step[i]);
        if (step.lies != LIES_SELDOM)
            continue;
        enum status status = solve_reached(&share, &step, machine, err);
        if (status != STATUS_OK)
            return status;
        busy |= step.busy;
        const double left = (1 - share) / (1 - always);
        if (step.period == 1)
            always = fmin(share, 1 - least_left);
        else if (left < 1)
            bytes[n++] = repeated_bytes(&step) / -log(fmax(left, least_left));
    }
    if (n > 0)
        *out = (struct machine_range){ stats_median(bytes, n),
                                       stats_quantile(bytes, n, 0),
                                       stats_quantile(bytes, n, 1), busy };
    return STATUS_OK;
}

/* The steps between differ in their layers' number alone, and of the largest, the
 * last of them, all comes from memory: how long its operands are waited for is how
 * long those of the others would be. */
static enum status wait_as_last(const struct machine_far *far,
                                struct machine *machine, struct error *err)
{
    static struct found found[WAIT_COUNT];   /* too large for a stack */
    static struct machine_far last;
    enum status status = STATUS_OK;

    last.n = 0;
    for (int i = 0; i < far->n; i++)
        if (far->step[i].lies == LIES_BETWEEN) {
            last.n = 1;
            last.step[0] = far->step[i];
            last.step[0].lies = LIES_PAST;
        }
    if (last.n == 0)
        return STATUS_OK;
    memset(found, 0, sizeof found);
    status = find(found, OF_MEMORY, &last, machine, err);
    for (int w = 0; w < WAIT_COUNT; w++)
        if (found[w].n > 0)
            machine->wait[w].memory.value = range_of(&found[w]).value;
    return status;
}

/* The curve nearest to the shares that rises: of neighbours that fall, others took
 * the cache beside one, and each has their mean. */
static void let_rise(double *share, int n)
{
    int count[MACHINE_FAR_MAX], runs = 0;

    for (int i = 0; i < n; i++) {
        double mean = share[i];
        count[runs] = 1;
        for (; runs > 0 && share[runs - 1] > mean; runs--) {
            mean = (mean * count[runs] + share[runs - 1] * count[runs - 1]) /
                   (count[runs] + count[runs - 1]);
            count[runs - 1] += count[runs];
        }
        share[runs++] = mean;
    }
    for (int i = n; runs > 0; runs--)
        for (int k = 0; k < count[runs - 1]; k++)
            share[--i] = share[runs - 1];
}

/* A point of the curve for each step between. */
static enum status fit_reached(struct config_real_list *out,
                               const struct machine_far *far,
                               struct machine *machine, struct error *err)
{
    enum status status = wait_as_last(far, machine, err);
    double share[MACHINE_FAR_MAX];
    int n = 0;

    for (int i = 0; i < far->n && status == STATUS_OK; i++) {
        const struct machine_far_step *step = &far->step[i];
        if (step->lies != LIES_BETWEEN)
            continue;
        out->value[2 * n] = held_bytes(step);
        status = solve_reached(&share[n++], step, machine, err);
    }
    let_rise(share, n);
    for (int i = 0; i < n; i++)
        out->value[2 * i + 1] = share[i];
    out->n = 2 * n;
    return status;
}

/* The medians of the steps like far->step[first], which is the first of them. */
static struct machine_far_step median_of(const struct machine_far *far, int first)
{
    struct machine_far_step out = far->step[first];

    for (int o = 0; o < OP_COUNT; o++) {
        double seconds[MACHINE_FAR_MAX];
        size_t n = 0;
        for (int i = first; i < far->n; i++)
            if (far->step[i].id == out.id)
                seconds[n++] = far->step[i].seconds[o];
        out.seconds[o] = stats_median(seconds, n);
    }
    return out;
}

/* Each step once, in their order. */
static const struct machine_far *once(const struct machine_far *far)
{
    static struct machine_far out;           /* too large for a stack */

    out.n = 0;
    for (int i = 0; i < far->n; i++) {
        bool seen = false;
        for (int k = 0; k < i; k++)
            seen |= far->step[k].id == far->step[i].id;
        if (!seen)
            out.step[out.n++] = median_of(far, i);
    }
    return &out;
}

enum status machine_serial_fit(struct machine_shares *shares,
                               const struct machine_far *all,
                               struct machine *machine, struct error *err)
{
    const struct machine_far *far = once(all);
    /* Each on top of the one before; nothing waits until it is known to. */
    struct machine_range rows;

    shares->n_serial = 0;
    for (int w = 0; w < WAIT_COUNT; w++)
        machine->wait[w].caches.value = machine->wait[w].memory.value = 0;
    enum status status = find_rows(&rows, far, machine, err);
    machine->serial_rows.value = rows.value;
    for (int w = 0; w < WAIT_COUNT; w++)
        machine->wait[w].memory.value = 0;
    if (status == STATUS_OK)
        status = fit(shares, OF_CACHES, far, machine, err);
    if (status == STATUS_OK)
        status = fit(shares, OF_MEMORY, far, machine, err);
    if (status == STATUS_OK && !isnan(rows.value))
        shares->serial[shares->n_serial++] = (struct machine_number){ "rows",
                                                                      rows };
    if (status == STATUS_OK)
        status = fit_aging(&shares->aging, far, machine, err);
    return status == STATUS_OK
               ? fit_reached(&shares->reached, far, machine, err) : status;
}
