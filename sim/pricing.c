/* pricing.c - rows times price, filed under the tokens they belong to. */
#include "sim/pricing.h"

#include <math.h>
#include <string.h>

/* One op about to be charged, given that it runs. */
struct charge {
    enum op  op;
    uint64_t flops, row_bytes, shared_bytes;
    uint64_t cached_bytes;    /* of row_bytes: cached keys and values */
    double   chance;          /* that it runs */
};

/* An op's traffic, seconds and joules. */
struct modelled {
    struct traffic  traffic;
    struct estimate seconds;
    struct energy   energy;
};

static void fail(struct pricing *p, enum status status)
{
    if (p->status == STATUS_OK)
        p->status = error_set(p->err, status, "%s", status_text(status));
}

/* a*x + b*y in 64 bits, or the prediction fails. */
static uint64_t weighted(struct pricing *p, uint64_t a, uint64_t x, uint64_t b,
                         uint64_t y)
{
    uint64_t ax, by, sum = 0;

    if (__builtin_mul_overflow(a, x, &ax) ||
        __builtin_mul_overflow(b, y, &by) ||
        __builtin_add_overflow(ax, by, &sum))
        fail(p, STATUS_OVERFLOWED);
    return sum;
}

/* Exact where nothing is left to chance. */
static uint64_t times(uint64_t count, double factor)
{
    return factor < 1.0 || factor > 1.0
               ? (uint64_t)llround((double)count * factor) : count;
}

/* ---- the machine's part ---- */

static struct estimate estimate_times(struct estimate e, double factor)
{
    return (struct estimate){ e.value * factor, e.low * factor,
                              e.high * factor };
}

/* What backward reads, forward wrote a pass ago; an update's operands were last
 * seen before all of backward. */
static struct modelled model_op(struct pricing *p, const struct charge *c)
{
    bool late = p->pass != PASS_FORWARD;
    uint64_t stale = late ? c->row_bytes : c->cached_bytes;
    const struct machine *machine = p->job.machine;
    const struct roofline_load load = {
        .work = flops_work(c->op),
        .flops = c->flops,
        .fresh_bytes = c->row_bytes - stale,
        .stale_bytes = stale + c->shared_bytes,
        .footprint_bytes = p->footprint_bytes,
    };
    struct modelled m = { .traffic = roofline_traffic(machine, &load) };
    struct estimate seconds = roofline_seconds(machine, &load, &m.traffic);

    for (int i = 0; i < LEVEL_COUNT; i++)
        m.traffic.at[i] *= c->chance;
    m.seconds = estimate_times(seconds, c->chance);
    m.energy = energy_of(machine, (double)c->flops * c->chance, &m.traffic,
                         m.seconds);
    p->range.seconds = estimate_add(p->range.seconds, m.seconds);
    p->range.joules = estimate_add(p->range.joules, energy_joules(&m.energy));
    return m;
}

static void set_modelled(struct cost *cost, const struct machine *machine,
                         const struct modelled *m)
{
    static const enum metric metric[LEVEL_COUNT] = {
        [LEVEL_L1] = METRIC_BYTES,     [LEVEL_L2] = METRIC_L2_BYTES,
        [LEVEL_L3] = METRIC_L3_BYTES,  [LEVEL_DRAM] = METRIC_DRAM_BYTES,
    };
    for (int i = LEVEL_L2; i < LEVEL_COUNT; i++)
        if (machine_has_level(machine, (enum level)i))
            cost_set_count(cost, metric[i],
                           (uint64_t)llround(m->traffic.at[i]),
                           PROV_PREDICTED);
    cost_set_real(cost, METRIC_SECONDS, m->seconds.value, PROV_PREDICTED);
    cost_set_real(cost, METRIC_JOULES, energy_joules(&m->energy).value,
                  PROV_PREDICTED);
}

static struct cost cost_of_work(uint64_t flops, uint64_t bytes)
{
    struct cost cost = { 0 };
    cost_set_count(&cost, METRIC_FLOPS, flops, PROV_PREDICTED);
    cost_set_count(&cost, METRIC_BYTES, bytes, PROV_PREDICTED);
    return cost;
}

/* The op as a whole. */
static struct cost cost_of_op(struct pricing *p, const struct charge *c,
                              struct modelled *m)
{
    uint64_t bytes;

    if (__builtin_add_overflow(c->row_bytes, c->shared_bytes, &bytes))
        fail(p, STATUS_OVERFLOWED);
    struct cost cost = cost_of_work(times(c->flops, c->chance),
                                    times(bytes, c->chance));
    if (p->job.machine) {
        *m = model_op(p, c);
        set_modelled(&cost, p->job.machine, m);
    }
    return cost;
}

/* ---- filing, whole or by token ---- */

static void file_cost(struct pricing *p, enum op op, int32_t token,
                      const struct cost *cost)
{
    enum status status = ledger_charge(p->ledger, (struct ledger_key){
        p->pass, p->layer, token, op }, cost);
    if (status != STATUS_OK)
        fail(p, status);
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0.0;
}

/* A row's part of an op. */
static struct cost cost_of_row(const struct pricing *p, const struct charge *c,
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
        .seconds.value = m->seconds.value * of_time,
        .energy.flops.value = m->energy.flops.value * of_flops,
        .energy.bytes.value = m->energy.bytes.value * of_bytes,
        .energy.standing.value = m->energy.standing.value * of_time,
    };
    /* Rounded down, so that the rows together never take more than all. */
    for (int i = LEVEL_L2; i < LEVEL_COUNT; i++)
        part.traffic.at[i] = floor(m->traffic.at[i] * of_bytes);
    set_modelled(&cost, p->job.machine, &part);
    return cost;
}

static void take(struct cost *left, const struct cost *part)
{
    for (int i = 0; i < METRIC_FIRST_REAL; i++)
        left->count[i] -= part->count[i] < left->count[i] ? part->count[i]
                                                          : left->count[i];
    /* A rounding error must not leave less than nothing. */
    for (int i = 0; i < METRIC_COUNT - METRIC_FIRST_REAL; i++)
        left->real[i] = fmax(left->real[i] - part->real[i], 0.0);
}

/* A row: its token, its index among the kept ones of its sequence. */
struct row {
    int32_t  token;
    uint64_t index;
};

/* Row i of sequence b, or false: there is none. */
static bool row_at(const struct pricing *p, enum rows rows, int32_t b,
                   int32_t i, struct row *row)
{
    const struct allocation *a = p->job.allocation;
    const bool decode = p->phase == MEMORY_DECODE;
    int32_t n = rows == ROWS_ALL ? a->n_tokens
                                 : allocation_count(a, p->layer, b);
    if (decode && rows == ROWS_KEPT && (n == 0 ||
        allocation_kept(a, p->layer, b)[n - 1] != a->n_tokens - 1))
        return false;
    if (decode) {
        *row = (struct row){ b, (uint64_t)(n - 1) };
        return i == 0;
    }
    if (i >= n)
        return false;
    int32_t t = rows == ROWS_ALL ? i : allocation_kept(a, p->layer, b)[i];
    *row = (struct row){ b * a->n_tokens + t, (uint64_t)i };
    return true;
}

static uint64_t row_bytes(const struct pricing *p, enum op op,
                          const struct flops_price *price, uint64_t index)
{
    return p->phase == MEMORY_DECODE && op == OP_ATTEND
               ? flops_attend_cached_bytes(p->job.spec, index + 1)
               : price->bytes;
}

static void file_rows(struct pricing *p, const struct charge *c,
                      const struct modelled *m, enum rows rows,
                      const struct flops_price *price, struct cost *left)
{
    for (int32_t b = 0; b < p->job.allocation->n_sequences; b++) {
        struct row row;
        for (int32_t i = 0; row_at(p, rows, b, i, &row); i++) {
            uint64_t flops = price->flops;
            if (price->flops_per_key)
                flops += price->flops_per_key * flops_keys(row.index);
            struct cost cost = cost_of_row(p, c, m, flops,
                row_bytes(p, c->op, price, row.index));
            take(left, &cost);
            file_cost(p, c->op, row.token, &cost);
        }
    }
}

/* ---- what the walk calls ---- */

void pricing_rows(struct pricing *p, enum op op, enum rows rows)
{
    const struct flops_price *price = &p->prices.at[p->pass][op];
    const struct kept all = { .rows = p->all_rows, .times = 1, .chance = 1 };
    const struct kept k = rows == ROWS_KEPT ? p->kept : all;
    struct charge c = { .op = op, .shared_bytes = price->shared_bytes,
                        .chance = k.chance };

    if (!price->rule || k.rows == 0)
        return;
    c.flops = weighted(p, price->flops, k.rows, price->flops_per_key, k.keys);
    c.row_bytes = weighted(p, price->bytes, k.rows, 0, 0);
    if (p->phase == MEMORY_DECODE && op == OP_ATTEND) {
        /* The bytes of all cached keys, in place of one key's a row. */
        uint64_t none = flops_attend_cached_bytes(p->job.spec, 0);
        uint64_t each = flops_attend_cached_bytes(p->job.spec, 1) - none;
        c.cached_bytes = times(weighted(p, each, k.cached, 0, 0), k.times);
        c.row_bytes = weighted(p, none, k.rows, each, k.cached);
    }
    c.flops = times(c.flops, k.times);
    c.row_bytes = times(c.row_bytes, k.times);
    c.flops = weighted(p, c.flops, 1, price->shared_flops, 1);

    struct modelled m = { 0 };
    struct cost cost = cost_of_op(p, &c, &m);
    if (p->by_token)
        file_rows(p, &c, &m, rows, price, &cost);
    file_cost(p, op, LEDGER_SHARED, &cost);
}

void pricing_select(struct pricing *p)
{
    const struct flops_price *seen = &p->prices.at[p->pass][OP_SELECT];
    const struct flops_price kept = { .bytes = FLOPS_SELECT_BYTES_PER_KEPT };
    struct charge c = { .op = OP_SELECT, .chance = 1 };
    struct modelled m = { 0 };

    c.row_bytes = weighted(p, seen->bytes, p->all_rows, kept.bytes,
                           times(p->kept.rows,
                                 p->kept.times * p->kept.chance));
    struct cost cost = cost_of_op(p, &c, &m);
    if (p->by_token) {
        file_rows(p, &c, &m, ROWS_ALL, seen, &cost);
        file_rows(p, &c, &m, ROWS_KEPT, &kept, &cost);
    }
    file_cost(p, OP_SELECT, LEDGER_SHARED, &cost);
}

void pricing_shared(struct pricing *p, enum op op, uint64_t flops,
                    uint64_t bytes)
{
    struct charge c = { .op = op, .flops = flops, .shared_bytes = bytes,
                        .chance = 1 };
    struct modelled m;
    struct cost cost = cost_of_op(p, &c, &m);
    file_cost(p, op, LEDGER_SHARED, &cost);
}

/* Of a layer whose routes are known.  An allocation that fits in memory keeps
 * these sums far below 2^64. */
static struct kept kept_known(const struct pricing *p)
{
    const struct allocation *a = p->job.allocation;
    struct kept kept = { .times = 1, .chance = 1 };

    for (int32_t b = 0; b < a->n_sequences; b++) {
        uint64_t n = (uint64_t)allocation_count(a, p->layer, b);
        struct row row;
        if (p->phase != MEMORY_DECODE) {
            kept.rows += n;
            kept.keys += flops_keys_sum(n);
        } else if (row_at(p, ROWS_KEPT, b, 0, &row)) {
            kept.rows++;
            kept.keys += flops_keys(row.index);
            kept.cached += n;
        }
    }
    return kept;
}

/* Of a decode step whose routes are not: every sequence keeps its token with
 * the layer's capacity, each on its own. */
static struct kept kept_expected(const struct pricing *p)
{
    const struct model_spec *spec = p->job.spec;
    const struct allocation *a = p->job.allocation;
    double c = spec->routed[p->layer] ? spec->capacity[p->layer] : 1.0;
    double chance = 1.0 - pow(1.0 - c, a->n_sequences);
    uint64_t held = (uint64_t)spec_kept(spec, p->layer, a->n_tokens);

    return (struct kept){
        .rows = 1, .keys = flops_keys(held - 1), .cached = held,
        .times = c * a->n_sequences / chance, .chance = chance,
    };
}

/* Layers whose matrices are stored alike cost alike. */
static void price_layer(struct pricing *p, int32_t layer)
{
    const struct model_spec *spec = p->job.spec;
    const int32_t of = layer < 0 ? 0 : layer;

    if (p->priced >= 0 && memcmp(spec->stored[p->priced], spec->stored[of],
                                 sizeof spec->stored[of]) == 0)
        return;
    p->prices = p->listed;
    flops_store(&p->prices, spec, of);
    p->priced = of;
}

void pricing_enter(struct pricing *p, enum pass pass, int32_t layer)
{
    p->pass = pass;
    p->layer = layer;
    if (p->stores)
        price_layer(p, layer);
    p->kept = (struct kept){ .times = 1, .chance = 1 };
    if (layer != LEDGER_OUTSIDE)
        p->kept = p->expected ? kept_expected(p) : kept_known(p);
}

/* ---- beginning and end ---- */

static const struct {
    enum metric metric;
    bool        wants_machine;
    const char *reason;
} unknowns[] = {
    { METRIC_L2_BYTES,     true,  "no machine profile given" },
    { METRIC_L3_BYTES,     true,  "no machine profile given" },
    { METRIC_DRAM_BYTES,   true,  "no machine profile given" },
    { METRIC_SECONDS,      true,  "no machine profile given" },
    { METRIC_JOULES,       true,  "no machine profile given" },
    { METRIC_INSTRUCTIONS, false, "no formula predicts instructions" },
    { METRIC_CYCLES,       false, "no formula predicts cycles" },
};

static void give_reasons(struct ledger *ledger, const struct machine *machine)
{
    for (size_t i = 0; i < sizeof unknowns / sizeof *unknowns; i++)
        if (!unknowns[i].wants_machine || !machine)
            ledger_set_reason(ledger, unknowns[i].metric, unknowns[i].reason);
    if (machine && !machine_has_level(machine, LEVEL_L3))
        ledger_set_reason(ledger, METRIC_L3_BYTES,
                          "the machine has no l3 level");
}

static enum status check_job(const struct predict_job *job, struct error *err)
{
    const struct allocation *a = job->allocation;
    const struct model_spec *spec = job->spec;

    if (a->n_layers != spec->n_layers)
        return error_set(err, STATUS_BAD_VALUE, "an allocation of %d layers:"
                         " allowed is the model's number, %d", a->n_layers,
                         spec->n_layers);
    if (a->n_sequences < 1)
        return error_set(err, STATUS_BAD_VALUE, "%d sequences: allowed is at"
                         " least 1", a->n_sequences);
    if (a->n_tokens < 1 || a->n_tokens > spec->max_tokens)
        return error_set(err, STATUS_BAD_VALUE, "%d tokens a sequence: allowed"
                         " is 1 to the model's max_tokens, %d", a->n_tokens,
                         spec->max_tokens);
    return STATUS_OK;
}

enum status pricing_begin(struct pricing *out, struct ledger *ledger,
                          const struct predict_job *job,
                          enum memory_phase phase, bool expected,
                          struct error *err)
{
    enum status status = check_job(job, err);
    if (status != STATUS_OK)
        return status;

    uint64_t B = (uint64_t)job->allocation->n_sequences;
    uint64_t T = (uint64_t)job->allocation->n_tokens;
    *out = (struct pricing){
        .ledger = ledger, .job = *job, .prices = flops_list(job->spec),
        .stores = spec_stores(job->spec), .priced = -1, .phase = phase,
        .expected = expected,
        .by_token = ledger_shape(ledger).n_tokens > 0,
        .layer = LEDGER_OUTSIDE,
        .all_rows = phase == MEMORY_DECODE ? B : B * T,
        .footprint_bytes = (double)memory_bytes(job->spec, (int32_t)B,
                                                (int32_t)T, phase),
        .status = STATUS_OK, .err = err,
    };
    out->listed = out->prices;
    give_reasons(ledger, job->machine);
    return STATUS_OK;
}

enum status pricing_end(const struct pricing *p, struct predict_range *range)
{
    if (range)
        *range = p->range;
    return p->status;
}
