/* pricing_cost.c - Work out what a charge costs, in the regime's formats and on
 * the machine; file it. */
#include "sim/price/pricing_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/price/reasons.h"

void pricing_fail(struct pricing *p, enum status status)
{
    if (p->status == STATUS_OK)
        p->status = error_set(p->err, status, "%s", status_text(status));
}

/* a*x + b*y in 64 bits, or the prediction fails. */
uint64_t pricing_weighted(struct pricing *p, uint64_t a, uint64_t x, uint64_t b,
                          uint64_t y)
{
    uint64_t ax, by, sum = 0;

    if (__builtin_mul_overflow(a, x, &ax) ||
        __builtin_mul_overflow(b, y, &by) ||
        __builtin_add_overflow(ax, by, &sum))
        pricing_fail(p, STATUS_OVERFLOWED);
    return sum;
}

/* count * factor, exact where nothing is left to chance. */
uint64_t pricing_times(uint64_t count, double factor)
{
    return factor < 1.0 || factor > 1.0
               ? (uint64_t)llround((double)count * factor)
               : count;
}

/* ---- number formats ---- */

/* An update reads and writes weights and two moments, and reads
 * gradients. */
static uint64_t shared_of(const struct pricing *p, const struct charge *c)
{
    const struct regime *r = &p->job.regime;
    const uint64_t bytes = c->shared_bytes, weights = c->read_bytes;

    if (c->packed)
        return bytes;
    if (c->op == OP_ADAMW)
        return regime_bytes(bytes / 7 * 2, r->weights) +
               regime_bytes(bytes / 7, r->gradients) +
               regime_bytes(bytes / 7 * 4, r->moments);
    return regime_bytes(weights,
                        p->phase == MEMORY_TRAIN ? r->arithmetic : r->weights) +
           regime_bytes(bytes - weights, r->gradients);
}

/* The charge in the formats of the regime. */
static struct charge formatted(const struct pricing *p, struct charge c)
{
    const struct regime *r = &p->job.regime;

    if (regime_is_fp32(r))
        return c;
    const uint64_t cached = regime_bytes(c.cached_bytes, r->kv);
    c.shared_bytes = shared_of(p, &c);
    c.row_bytes =
        regime_bytes(c.row_bytes - c.cached_bytes, r->arithmetic) + cached;
    c.cached_bytes = cached;
    return c;
}

/* ---- the machine's part ---- */

/* Bytes of the layer's weights that a device fetches from those that hold them:
 * before its first product, or the embeddings, of a forward and a backward pass;
 * otherwise, after an update of parts. */
static double fetched_for(const struct pricing *p, const struct charge *c)
{
    const struct regime *r = &p->job.regime;
    const int32_t n = regime_parts(r, SHARDING_OPTIMIZER);

    if (regime_parts(r, SHARDING_WEIGHTS) == 1)
        return c->op == OP_ADAMW
                   ? (double)regime_bytes(4 * (c->flops / FLOPS_ADAMW),
                                          r->weights) * (n - 1) : 0;
    /* Weights that were fetched to work a layer out again serve its backward. */
    const bool again = p->filed == PASS_BACKWARD && p->pass == PASS_FORWARD;
    if (again || (c->op != OP_QKV &&
                  !(c->op == OP_EMBED && p->pass == PASS_FORWARD)))
        return 0;
    return (double)regime_bytes(4 * flops_parameters(p->job.spec, p->layer),
                                r->arithmetic) * (n - 1) / n;
}

/* Bytes that a device sends to have gradients summed before they are used: to
 * all, or where each is held; `c` is of the part that this device holds. */
static double summed_for(const struct pricing *p, const struct charge *c)
{
    const struct regime *r = &p->job.regime;
    const int32_t n = regime_parts(r, SHARDING_OPTIMIZER);
    const int32_t times = regime_parts(r, SHARDING_GRADIENTS) > 1
                              ? regime_steps(r) : 1;

    return n > 1 ? (double)c->shared_bytes * (n - 1) * times
                 : regime_ring_bytes((double)c->shared_bytes, r->data);
}

/* Bytes that devices exchange for an op: sums of rows where a cut part of a
 * layer ends, in either direction, sums of gradients, and weights. */
static double exchanged_by(const struct pricing *p, const struct charge *c)
{
    const struct regime *r = &p->job.regime;
    const bool forward = c->op == OP_PROJECT || c->op == OP_FFN_DOWN;
    const bool backward = c->op == OP_QKV || c->op == OP_FFN_UP;
    const uint64_t rows = 4 * c->exchanged *
                          (uint64_t)p->job.spec->n_channels;

    if (c->op == OP_CLIP)
        return summed_for(p, c);
    const double fetched = fetched_for(p, c);
    return (p->pass == PASS_FORWARD && forward) ||
                   (p->pass == PASS_BACKWARD && backward)
               ? fetched + regime_ring_bytes(
                               (double)regime_bytes(rows, r->arithmetic),
                               r->tensor)
               : fetched;
}

/* The op's weights are those of the layer that ran a span before: an earlier one,
 * or backward a later one. */
static bool recurs(const struct pricing *p, const struct charge *c)
{
    const struct model_spec *spec = p->job.spec;

    if (p->layer < 0 || c->op == OP_ROUTE || c->op == OP_PREDICT)
        return false;
    return p->pass == PASS_FORWARD    ? spec_shares(spec, p->layer)
           : p->pass == PASS_BACKWARD ? spec_runs_next(spec, p->layer) >= 0
                                      : false;
}

/* Bytes that a decode step is expected to use, as often as steps come by that leave
 * the op's weights alone; or its keys, which only tokens of their own sequence
 * ask for. */
static double repeated_bytes(const struct pricing *p, const struct charge *c)
{
    const struct allocation *a = p->job.allocation;

    /* Weights of several layers are left alone less often than that. */
    if (!c->seldom || spec_shares(p->job.spec, p->layer) ||
        spec_runs_next(p->job.spec, p->layer) >= 0)
        return 0;
    const double chance = spec_chance(p->job.spec, p->layer, a->n_tokens);
    const double used = c->op == OP_ATTEND
                            ? chance : 1 - pow(1 - chance, a->n_sequences);
    return used > 0 ? (1 / used - 1) * (p->footprint_bytes - p->seldom_bytes)
                    : 0;
}

/* Backward reads what forward wrote a pass ago; an update's operands were last
 * seen before all of backward.  Nobody has seen forward's results since. */
static struct roofline_load load_of(const struct pricing *p,
                                    const struct charge *c,
                                    const struct lines_op *lines)
{
    const bool decodes = p->phase == MEMORY_DECODE;
    const struct machine *machine = p->job.machine;
    const enum work plain = flops_work(c->op, p->pass, decodes, c->rows),
                    stored = flops_work_stored(plain, p->job.spec, p->layer,
                                               c->op),
                    work = machine->efficiency[stored].n > 0 ? stored : plain;
    /* A decode step has a row a sequence. */
    const struct flops_size size = {
        .flops = (double)c->flops,
        .rows = (double)c->rows,
        .sequences = decodes && c->rows > 0
                         ? (double)c->rows
                         : (double)p->job.allocation->n_sequences,
        .head = (double)p->job.spec->head_size,
    };
    const uint64_t cold =
        regime_bytes(lines_cold(lines), p->job.regime.arithmetic);
    const uint64_t rows = c->row_bytes - c->cached_bytes;
    const uint64_t stale = p->pass != PASS_FORWARD
                               ? c->row_bytes
                               : c->cached_bytes + (cold < rows ? cold : rows);
    return (struct roofline_load){
        .work = work,
        .flops = (double)c->flops,
        .rows = (double)c->rows,
        .share = machine_efficiency(machine, work, &size),
        .choices = c->op == OP_SELECT ? (double)c->rows : 0,
        .query_heads = work == WORK_QUERY
                           ? (double)c->rows * (double)p->job.spec->n_heads : 0,
        .exchanged = exchanged_by(p, c),
        .fresh_bytes = (double)(c->row_bytes - stale),
        .stale_bytes = (double)(stale + c->shared_bytes),
        .footprint_bytes =
            p->footprint_bytes - (c->seldom ? 0 : p->seldom_bytes),
        .repeated_bytes = repeated_bytes(p, c),
        .recurring_bytes = recurs(p, c) ? (double)c->shared_bytes : 0,
        .span_bytes = p->span_bytes,
    };
}

static struct modelled model_op(struct pricing *p, const struct charge *c)
{
    const struct lines_op lines = {
        .spec = p->job.spec,
        .pass = p->pass,
        .op = c->op,
        .side = c->side,
        .rows = c->rows,
        .tokens = p->job.allocation->n_tokens,
        .head_turned = c->last || p->phase == MEMORY_DECODE,
        .training = p->phase == MEMORY_TRAIN,
        .bytes = c->row_bytes + c->shared_bytes,
        .product_lanes = p->job.machine->product_lanes,
        .plain = p->tariff->stores || c->apart || !p->tariff->runs,
    };
    const struct roofline_load load = load_of(p, c, &lines);
    struct traffic traffic = roofline_traffic(&p->rates, &load);
    struct modelled m = {
        .seconds = c->chance * energy_throttled(
                                   &p->rates, load.work, load.flops, &traffic,
                                   roofline_seconds(&p->rates, &load, &traffic))
    };

    /* In another regime operands lie as its own kernels have them. */
    if (regime_is_fp32(&p->job.regime))
        roofline_fills(m.fills, &p->rates, &load, &lines);
    else
        memcpy(m.fills, traffic.at, sizeof m.fills);
    for (int i = 0; i < LEVEL_COUNT; i++) {
        traffic.at[i] *= c->chance;
        m.fills[i] *= c->chance;
    }
    m.energy = energy_of(&p->rates, load.work, load.flops * c->chance, &traffic,
                         m.seconds);
    if (p->range &&
        bill_add(&p->bill, &load,
                 c->chance * (double)(p->repeats * p->n_alike)) != STATUS_OK)
        pricing_fail(p, STATUS_NO_MEMORY);
    return m;
}

/* What rests on a number that the profile lacks stays unknown. */
static void set_known(struct cost *cost, enum metric metric, double value)
{
    if (!isnan(value))
        cost_set_real(cost, metric, value, PROV_PREDICTED);
}

static void set_modelled(struct cost *cost, const struct machine *machine,
                         const struct modelled *m)
{
    for (int i = LEVEL_L2; i < LEVEL_COUNT; i++)
        if (machine_has_level(machine, (enum level)i))
            cost_set_count(cost, reasons_metric[i],
                           (uint64_t)llround(m->fills[i]), PROV_PREDICTED);
    set_known(cost, METRIC_SECONDS, m->seconds);
    set_known(cost, METRIC_JOULES, energy_joules(&m->energy));
}

static struct cost cost_of_work(uint64_t flops, uint64_t bytes)
{
    struct cost cost = { 0 };
    cost_set_count(&cost, METRIC_FLOPS, flops, PROV_PREDICTED);
    cost_set_count(&cost, METRIC_BYTES, bytes, PROV_PREDICTED);
    return cost;
}

static struct cost cost_of_charge(struct pricing *p, const struct charge *c,
                                  struct modelled *m)
{
    uint64_t bytes;

    if (__builtin_add_overflow(c->row_bytes, c->shared_bytes, &bytes))
        pricing_fail(p, STATUS_OVERFLOWED);
    struct cost cost = cost_of_work(pricing_times(c->flops, c->chance),
                                    pricing_times(bytes, c->chance));
    if (p->job.machine) {
        *m = model_op(p, c);
        set_modelled(&cost, p->job.machine, m);
    }
    return cost;
}

/* ---- charges that are kept ---- */

static void keep(struct pricing *p, const struct charge *c)
{
    struct step_charges *kept = p->job.charges;

    if (kept->n == kept->size) {
        const size_t size = kept->size > 0 ? 2 * kept->size : 64;
        struct step_charge *more = realloc(kept->charge, size * sizeof *more);
        if (!more) {
            pricing_fail(p, STATUS_NO_MEMORY);
            return;
        }
        kept->charge = more;
        kept->size = size;
    }
    kept->charge[kept->n++] = (struct step_charge){
        *c, p->pass, p->filed, p->layer, p->repeats, p->n_alike };
}

bool pricing_repeats(struct pricing *p)
{
    const struct step_charges *kept = p->job.charges;

    if (!kept || !kept->whole)
        return false;
    for (size_t i = 0; i < kept->n; i++) {
        const struct step_charge *c = &kept->charge[i];
        struct modelled m = { 0 };
        p->pass = c->pass;
        p->filed = c->filed;
        p->layer = c->layer;
        p->repeats = c->repeats;
        p->n_alike = c->n_alike;
        const struct cost cost = cost_of_charge(p, &c->charge, &m);
        pricing_file(p, c->charge.op, LEDGER_SHARED, &cost);
    }
    return true;
}

/* The cost of the op as a whole; the charge is in the regime's formats then. */
struct cost pricing_cost_of_op(struct pricing *p, struct charge *c,
                               struct modelled *m)
{
    *c = formatted(p, *c);
    if (p->job.charges)
        keep(p, c);
    return cost_of_charge(p, c, m);
}

/* ---- filing, whole or by token ---- */

static struct cost repeated(struct pricing *p, const struct cost *cost,
                            uint64_t times)
{
    struct cost all = *cost;

    for (int i = 0; i < METRIC_FIRST_REAL; i++)
        if (__builtin_mul_overflow(cost->count[i], times, &all.count[i]))
            pricing_fail(p, STATUS_OVERFLOWED);
    for (int i = 0; i < METRIC_COUNT - METRIC_FIRST_REAL; i++)
        all.real[i] *= (double)times;
    return all;
}

static void charge_cell(struct pricing *p, enum op op, int32_t layer,
                        int32_t token, const struct cost *cost)
{
    const struct ledger_key key = { p->filed, layer, token, op };
    enum status status =
        p->job.sum ? step_sum_charge(p->job.sum, key, cost)
                     : ledger_charge(p->ledger, key, cost);
    if (status != STATUS_OK)
        pricing_fail(p, status);
}

/* Of all layers that are alike: each its own, or where the ledger does not tell
 * them apart, all at once. */
void pricing_file(struct pricing *p, enum op op, int32_t token,
                  const struct cost *cost)
{
    const uint64_t n = p->by_layer || p->job.sum ? 1 : p->n_alike;
    const struct cost all = repeated(p, cost, p->repeats * n);

    if (!p->by_layer || p->layer < 0) {
        charge_cell(p, op, p->layer, token, &all);
        return;
    }
    for (int32_t l = p->layer; l < p->job.spec->n_layers; l++)
        if (p->alike.first[l] == p->layer)
            charge_cell(p, op, l, token, &all);
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0.0;
}

/* The part of an op's cost that is a row's. */
struct cost pricing_cost_of_row(const struct pricing *p, const struct charge *c,
                                const struct modelled *m, uint64_t flops,
                                uint64_t bytes)
{
    struct cost cost = cost_of_work(flops, bytes);

    if (!p->job.machine)
        return cost;
    double of_flops = share(flops, c->flops);
    double of_bytes = share(bytes, c->row_bytes + c->shared_bytes);
    double of_time = c->flops ? of_flops : of_bytes;
    struct modelled part = {
        .seconds = m->seconds * of_time,
        .energy.flops = m->energy.flops * of_flops,
        .energy.bytes = m->energy.bytes * of_bytes,
        .energy.standing = m->energy.standing * of_time,
    };
    /* Rounded down, so that the rows together never take more than all. */
    for (int i = LEVEL_L2; i < LEVEL_COUNT; i++)
        part.fills[i] = floor(m->fills[i] * of_bytes);
    set_modelled(&cost, p->job.machine, &part);
    return cost;
}

void pricing_take(struct cost *left, const struct cost *part)
{
    for (int i = 0; i < METRIC_FIRST_REAL; i++)
        left->count[i] -=
            part->count[i] < left->count[i] ? part->count[i] : left->count[i];
    /* A rounding error must not leave less than nothing. */
    for (int i = 0; i < METRIC_COUNT - METRIC_FIRST_REAL; i++)
        left->real[i] = fmax(left->real[i] - part->real[i], 0.0);
}
