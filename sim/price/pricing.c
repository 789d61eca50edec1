/* pricing.c - Multiply rows by prices; file the costs under their tokens. */
#include "sim/price/pricing.h"

#include <math.h>
#include <string.h>

#include "sim/price/reasons.h"

/* One op about to be charged, given that it runs. */
struct charge {
    enum op  op;
    uint64_t flops, row_bytes, shared_bytes;   /* in float32, until formatted() */
    uint64_t read_bytes;      /* of shared_bytes: weights that are read */
    bool     packed;          /* shared_bytes are of stored weights */
    uint64_t cached_bytes;    /* of row_bytes: cached keys and values */
    uint64_t rows;
    bool     apart;           /* its rows pay prices of another set */
    bool     last;            /* its rows are each sequence's last */
    double   chance;          /* probability that it runs */
};

/* An op's lines of each level, seconds and joules. */
struct modelled {
    double fills[LEVEL_COUNT];
    double seconds;
    struct energy energy;
};

static const enum metric level_metric[LEVEL_COUNT] = {
    [LEVEL_L1] = METRIC_BYTES,     [LEVEL_L2] = METRIC_L2_BYTES,
    [LEVEL_L3] = METRIC_L3_BYTES,  [LEVEL_DRAM] = METRIC_DRAM_BYTES,
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

/* count * factor, exact where nothing is left to chance. */
static uint64_t times(uint64_t count, double factor)
{
    return factor < 1.0 || factor > 1.0
               ? (uint64_t)llround((double)count * factor) : count;
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
    return regime_bytes(weights, p->phase == MEMORY_TRAIN ? r->arithmetic
                                                          : r->weights) +
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
    c.row_bytes = regime_bytes(c.row_bytes - c.cached_bytes, r->arithmetic) +
                  cached;
    c.cached_bytes = cached;
    return c;
}

/* ---- the machine's part ---- */

/* Bytes that devices exchange after an op: sums of rows where a cut part of a
 * layer ends, in either direction, and of gradients before they are used. */
static double exchanged_by(const struct pricing *p, const struct charge *c)
{
    const struct regime *r = &p->job.regime;
    const bool forward = c->op == OP_PROJECT || c->op == OP_FFN_DOWN;
    const bool backward = c->op == OP_QKV || c->op == OP_FFN_UP;
    const uint64_t rows = 4 * c->rows * (uint64_t)p->job.spec->n_channels;

    if (c->op == OP_CLIP)
        return regime_ring_bytes((double)c->shared_bytes, r->data);
    return (p->pass == PASS_FORWARD && forward) ||
                   (p->pass == PASS_BACKWARD && backward)
               ? regime_ring_bytes((double)regime_bytes(rows, r->arithmetic),
                                   r->tensor)
               : 0;
}

/* Backward reads what forward wrote a pass ago; an update's operands were last
 * seen before all of backward.  Nobody has seen forward's results since. */
static struct roofline_load load_of(const struct pricing *p,
                                    const struct charge *c,
                                    const struct lines_op *lines)
{
    const bool decodes = p->phase == MEMORY_DECODE;
    const enum work work = flops_work(c->op, p->pass, decodes,
                                      c->rows == 1);
    /* Attention is as large as that of one sequence. */
    const uint64_t n_parts = !flops_attends(work) ? 1
        : decodes && c->rows > 0 ? c->rows
        : (uint64_t)p->job.allocation->n_sequences;
    const uint64_t cold = regime_bytes(lines_cold(lines),
                                       p->job.regime.arithmetic);
    const uint64_t rows = c->row_bytes - c->cached_bytes;
    const uint64_t stale = p->pass != PASS_FORWARD ? c->row_bytes
                           : c->cached_bytes + (cold < rows ? cold : rows);
    return (struct roofline_load){
        .work = work, .flops = (double)c->flops,
        .share = machine_efficiency(p->job.machine, work,
                                    (double)c->flops / (double)n_parts),
        .choices = c->op == OP_SELECT ? (double)c->rows : 0,
        .exchanged = exchanged_by(p, c),
        .fresh_bytes = (double)(c->row_bytes - stale),
        .stale_bytes = (double)(stale + c->shared_bytes),
        .footprint_bytes = p->footprint_bytes,
    };
}

static struct modelled model_op(struct pricing *p, const struct charge *c)
{
    const struct lines_op lines = {
        .spec = p->job.spec, .pass = p->pass, .op = c->op, .rows = c->rows,
        .tokens = p->job.allocation->n_tokens,
        .head_turned = c->last || p->phase == MEMORY_DECODE,
        .training = p->phase == MEMORY_TRAIN,
        .bytes = c->row_bytes + c->shared_bytes,
        .product_lanes = p->job.machine->product_lanes,
        .plain = p->stores || c->apart ||
                 spec_check_runs(p->job.spec, NULL) != STATUS_OK,
    };
    const struct roofline_load load = load_of(p, c, &lines);
    struct traffic traffic = roofline_traffic(&p->rates, &load);
    struct modelled m = { .seconds = c->chance * energy_throttled(
        &p->rates, load.work, load.flops, &traffic,
        roofline_seconds(&p->rates, &load, &traffic)) };

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
    if (p->range && bill_add(&p->bill, &load, c->chance *
                             (double)(p->repeats * p->n_alike)) != STATUS_OK)
        fail(p, STATUS_NO_MEMORY);
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
            cost_set_count(cost, level_metric[i],
                           (uint64_t)llround(m->fills[i]),
                           PROV_PREDICTED);
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

/* The cost of the op as a whole; the charge is in the regime's formats then. */
static struct cost cost_of_op(struct pricing *p, struct charge *c,
                              struct modelled *m)
{
    uint64_t bytes;

    *c = formatted(p, *c);
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

static struct cost repeated(struct pricing *p, const struct cost *cost,
                            uint64_t times)
{
    struct cost all = *cost;

    for (int i = 0; i < METRIC_FIRST_REAL; i++)
        if (__builtin_mul_overflow(cost->count[i], times, &all.count[i]))
            fail(p, STATUS_OVERFLOWED);
    for (int i = 0; i < METRIC_COUNT - METRIC_FIRST_REAL; i++)
        all.real[i] *= (double)times;
    return all;
}

static void charge_cell(struct pricing *p, enum op op, int32_t layer,
                        int32_t token, const struct cost *cost)
{
    enum status status = ledger_charge(p->ledger, (struct ledger_key){
        p->filed, layer, token, op }, cost);
    if (status != STATUS_OK)
        fail(p, status);
}

/* Of all layers that are alike: each its own, or where the ledger does not tell
 * them apart, all at once. */
static void file_cost(struct pricing *p, enum op op, int32_t token,
                      const struct cost *cost)
{
    const uint64_t n = p->by_layer ? 1 : p->n_alike;
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

static void take(struct cost *left, const struct cost *part)
{
    for (int i = 0; i < METRIC_FIRST_REAL; i++)
        left->count[i] -= part->count[i] < left->count[i] ? part->count[i]
                                                          : left->count[i];
    /* A rounding error must not leave less than nothing. */
    for (int i = 0; i < METRIC_COUNT - METRIC_FIRST_REAL; i++)
        left->real[i] = fmax(left->real[i] - part->real[i], 0.0);
}

/* ---- rows ---- */

/* A row: its token, the keys that it runs over, and those that a decode step
 * reads for it. */
struct row {
    int32_t  token;
    uint64_t keys, cached;
};

static uint64_t length_of(const struct pricing *p, int32_t b)
{
    return (uint64_t)allocation_length(p->job.allocation, b);
}

static bool sees_skipped(const struct pricing *p)
{
    return p->layer != LEDGER_OUTSIDE &&
           plan_skipped_keys(&p->plan, p->layer) != SKIPPED_KEYS_ABSENT;
}

static uint64_t window_of(const struct pricing *p)
{
    return p->layer == LEDGER_OUTSIDE
               ? 0 : (uint64_t)spec_window(p->job.spec, p->layer);
}

/* Keys of token i, in a pass over all tokens. */
static uint64_t keys_of(const struct pricing *p, int32_t i)
{
    return flops_keys((uint64_t)i) - flops_keys_passed((uint64_t)i,
                                                       window_of(p));
}

/* Keys of the i-th kept token, in a pass over all tokens. */
static uint64_t kept_keys(const struct pricing *p, int32_t b, int32_t i)
{
    const struct allocation *a = p->job.allocation;
    return sees_skipped(p) ? flops_keys_seen(allocation_kept(a, p->choice, b),
                                 allocation_count(a, p->choice, b), i)
                           : keys_of(p, i);
}

/* Keys of a sequence that a decode step's query sees in the layer. */
static uint64_t held_keys(const struct pricing *p, int32_t b, enum rows rows)
{
    return rows == ROWS_KEPT && !sees_skipped(p)
               ? (uint64_t)allocation_count(p->job.allocation, p->choice, b)
               : length_of(p, b);
}

static bool keeps_newest(const struct pricing *p, int32_t b)
{
    const struct allocation *a = p->job.allocation;
    int32_t n = allocation_count(a, p->choice, b);
    return n > 0 && allocation_kept(a, p->choice, b)[n - 1] ==
                        allocation_length(a, b) - 1;
}

/* The only row of sequence b in a decode step. */
static bool row_of_step(const struct pricing *p, enum rows rows, int32_t b,
                        struct row *row)
{
    if ((rows == ROWS_KEPT || rows == ROWS_SKIPPED) &&
        keeps_newest(p, b) != (rows == ROWS_KEPT))
        return false;
    const uint64_t held = held_keys(p, b, rows), window = window_of(p);
    const uint64_t passed = window > 0 && held > window ? held - window : 0;
    *row = (struct row){ b, flops_keys(held - 1) -
                                passed / OP_KEY_TILE * OP_KEY_TILE,
                         held - passed };
    return true;
}

/* The i-th token of the sequence that the choice does not keep. */
static int32_t skipped_at(const struct pricing *p, int32_t b, int32_t i)
{
    const int32_t *kept = allocation_kept(p->job.allocation, p->choice, b);
    const int32_t n = allocation_count(p->job.allocation, p->choice, b);

    for (int32_t k = 0; k < n && kept[k] <= i; k++)
        i++;
    return i;
}

/* Row i of sequence b, or false: there is none. */
static bool row_at(const struct pricing *p, enum rows rows, int32_t b,
                   int32_t i, struct row *row)
{
    const struct allocation *a = p->job.allocation;
    int32_t length = allocation_length(a, b), t = i;

    if (p->phase == MEMORY_DECODE)
        return i == 0 && row_of_step(p, rows, b, row);
    *row = (struct row){ .keys = keys_of(p, i) };
    switch (rows) {
    case ROWS_ALL:
        break;
    case ROWS_KEPT:
        if (i >= allocation_count(a, p->choice, b))
            return false;
        t = allocation_kept(a, p->choice, b)[i];
        row->keys = kept_keys(p, b, i);
        break;
    case ROWS_SKIPPED:
        t = skipped_at(p, b, i);
        break;
    case ROWS_LAST:
        t = length - 1 + i;
        break;
    default:
        return false;
    }
    row->token = b * a->n_tokens + t;
    return t < length;
}

static uint64_t row_bytes(const struct pricing *p, enum op op,
                          const struct flops_price *price, uint64_t cached)
{
    return p->phase == MEMORY_DECODE && op == OP_ATTEND
               ? flops_attend_cached_bytes(p->job.spec, cached)
               : price->bytes;
}

static void file_rows(struct pricing *p, const struct charge *c,
                      const struct modelled *m, enum rows rows,
                      const struct flops_price *price, struct cost *left)
{
    for (int32_t b = 0; b < p->job.allocation->n_sequences; b++) {
        struct row row;
        for (int32_t i = 0; row_at(p, rows, b, i, &row); i++) {
            uint64_t flops = price->flops + price->flops_per_key * row.keys;
            struct cost cost = cost_of_row(p, c, m, flops,
                row_bytes(p, c->op, price, row.cached));
            take(left, &cost);
            file_cost(p, c->op, row.token, &cost);
        }
    }
}

/* ---- what the walk calls ---- */

/* A price, and the rows that pay it. */
struct part {
    const struct flops_price *price;
    enum rows rows;
};

/* Of the experts that rows enter, each as likely as any and by itself: Xn * (1 -
 * (1 - Xa/Xn)^rows) are expected. */
static uint64_t entered_bytes(const struct pricing *p,
                              const struct flops_price *price,
                              const struct row_count *k)
{
    if (price->expert_bytes == 0)
        return 0;
    return (uint64_t)llround((double)price->expert_bytes *
                             spec_experts_entered(p->job.spec,
                                                  (double)k->rows * k->times));
}

/* The weights among what is shared; the rest are gradients. */
static uint64_t read_of(const struct pricing *p, const struct flops_price *price,
                        uint64_t shared)
{
    if (p->pass != PASS_BACKWARD || !price->rule)
        return p->pass == PASS_UPDATE ? 0 : shared;
    if (price->rule->set == FLOPS_EXPERTS_BACK)
        return shared / 2;
    const uint64_t forward =
        p->listed.at[PASS_FORWARD][price->rule->op].shared_bytes;
    return forward < shared ? forward : shared;
}

/* Adds one part of an op to its charge. */
static void add_part(struct pricing *p, struct charge *c,
                     const struct part *part)
{
    const struct flops_price *price = part->price;
    const struct row_count *k = &p->count[part->rows];
    uint64_t flops = weighted(p, price->flops, k->rows, price->flops_per_key,
                              k->keys);
    uint64_t bytes = weighted(p, price->bytes, k->rows, 0, 0);

    if (p->phase == MEMORY_DECODE && c->op == OP_ATTEND) {
        /* The bytes of all cached keys, in place of one key's a row. */
        uint64_t none = flops_attend_cached_bytes(p->job.spec, 0);
        uint64_t each = flops_attend_cached_bytes(p->job.spec, 1) - none;
        c->cached_bytes = times(weighted(p, each, k->cached, 0, 0), k->times);
        bytes = weighted(p, none, k->rows, each, k->cached);
    }
    c->flops = weighted(p, c->flops, 1, times(flops, k->times), 1);
    c->flops = weighted(p, c->flops, 1, price->shared_flops, 1);
    c->row_bytes = weighted(p, c->row_bytes, 1, times(bytes, k->times), 1);
    const uint64_t shared = price->shared_bytes + entered_bytes(p, price, k);
    c->shared_bytes += shared;
    c->read_bytes += read_of(p, price, shared);
    c->rows = weighted(p, c->rows, 1, times(k->rows, k->times), 1);
    c->packed |= price->rule && price->rule->shared_flops;
    c->apart |= price->rule && price->rule->set >= FLOPS_OF_KEPT;
    c->last |= part->rows == ROWS_LAST;
}

/* One op whose rows pay different prices; it runs where the first part has
 * rows. */
static void charge_parts(struct pricing *p, enum op op, const struct part *part,
                         int n_parts)
{
    const struct row_count *first = &p->count[part[0].rows];
    struct charge c = { .op = op, .chance = first->chance };

    if (!part[0].price->rule || first->rows == 0)
        return;
    for (int i = 0; i < n_parts; i++)
        add_part(p, &c, &part[i]);
    struct modelled m = { 0 };
    struct cost cost = cost_of_op(p, &c, &m);
    for (int i = 0; i < n_parts && p->by_token; i++)
        file_rows(p, &c, &m, part[i].rows, part[i].price, &cost);
    file_cost(p, op, LEDGER_SHARED, &cost);
}

void pricing_rows_of(struct pricing *p, enum flops_set set, enum op op,
                     enum rows rows)
{
    charge_parts(p, op, &(struct part){ &p->prices.at[set][op], rows }, 1);
}

void pricing_rows(struct pricing *p, enum op op, enum rows rows)
{
    if (p->phase == MEMORY_DECODE && p->prices.at[FLOPS_ABSORBED][op].rule) {
        pricing_rows_of(p, FLOPS_ABSORBED, op, rows);
        return;
    }
    const bool keeps = p->pass == PASS_FORWARD && p->phase == MEMORY_TRAIN &&
                       p->prices.at[FLOPS_TRAINING][op].rule;
    pricing_rows_of(p, keeps ? FLOPS_TRAINING : (enum flops_set)p->pass, op,
                    rows);
}

/* The pass's prices of kept rows, or of all, where keys of skipped tokens are
 * there. */
static enum flops_set seen_set(const struct pricing *p, enum op op, bool all)
{
    const enum flops_set trained = all ? FLOPS_TRAINED_ALL : FLOPS_TRAINED_KEPT;

    if (p->pass == PASS_BACKWARD)
        return all ? FLOPS_BACK_ALL : FLOPS_BACK_KEPT;
    if (p->phase == MEMORY_TRAIN && p->prices.at[trained][op].rule)
        return trained;
    return all ? FLOPS_OF_ALL : FLOPS_OF_KEPT;
}

void pricing_kept_and_all(struct pricing *p, enum op op)
{
    if (p->pass == PASS_BACKWARD && p->count[ROWS_KEPT].rows == 0)
        return;
    pricing_rows_of(p, seen_set(p, op, false), op, ROWS_KEPT);
    pricing_rows_of(p, seen_set(p, op, true), op, ROWS_ALL);
}

void pricing_attend_all(struct pricing *p)
{
    const struct part parts[] = {
        { &p->prices.at[seen_set(p, OP_ATTEND, false)][OP_ATTEND], ROWS_KEPT },
        { &p->prices.at[seen_set(p, OP_ATTEND, true)][OP_ATTEND], ROWS_ALL },
    };
    /* A decode step's query reads the cache: its own price says so. */
    charge_parts(p, OP_ATTEND, parts, p->phase == MEMORY_DECODE ? 1 : 2);
}

void pricing_select(struct pricing *p)
{
    const struct flops_price *seen = &p->prices.at[p->pass][OP_SELECT];
    const struct flops_price kept = { .bytes = FLOPS_SELECT_BYTES_PER_KEPT };
    const struct row_count *k = &p->count[ROWS_KEPT];
    struct charge c = { .op = OP_SELECT, .chance = 1,
                        .rows = p->count[ROWS_ALL].rows };
    struct modelled m = { 0 };

    const uint64_t bytes = weighted(p, kept.bytes, k->rows, 0, 0);
    c.row_bytes = weighted(p, seen->bytes, p->count[ROWS_ALL].rows, 1,
                           times(bytes, k->times * k->chance));
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

static uint64_t sum_of_keys(const struct pricing *p, int32_t b)
{
    const struct allocation *a = p->job.allocation;
    int32_t n = allocation_count(a, p->choice, b);
    return sees_skipped(p)
               ? flops_keys_seen_sum(allocation_kept(a, p->choice, b), n)
               : flops_keys_sum((uint64_t)n);
}

static void add_row(struct row_count *count, const struct row *row)
{
    count->rows++;
    count->keys += row->keys;
    count->cached += row->cached;
}

/* Counts rows that are known.  An allocation that fits in memory keeps these
 * sums far below 2^64. */
static struct row_count count_known(const struct pricing *p, enum rows rows)
{
    const struct allocation *a = p->job.allocation;
    struct row_count count = { .times = 1, .chance = 1 };

    for (int32_t b = 0; b < a->n_sequences; b++) {
        struct row row;
        if (p->phase == MEMORY_DECODE) {
            if (row_of_step(p, rows, b, &row))
                add_row(&count, &row);
        } else if (rows == ROWS_ALL) {
            count.rows += length_of(p, b);
            count.keys += flops_keys_sum(length_of(p, b)) -
                          flops_keys_passed_sum(length_of(p, b), window_of(p));
        } else if (rows == ROWS_KEPT) {
            count.rows += (uint64_t)allocation_count(a, p->choice, b);
            count.keys += sum_of_keys(p, b);
        } else if (rows == ROWS_SKIPPED) {
            count.rows += length_of(p, b) -
                          (uint64_t)allocation_count(a, p->choice, b);
        } else if (row_at(p, rows, b, 0, &row)) {
            add_row(&count, &row);
        }
    }
    return count;
}

/* Counts rows of a decode step whose routes are not known: every sequence keeps
 * its token with spec_chance(), each on its own, or skips it.  `share` is that
 * chance or the rest of it. */
static struct row_count count_expected(const struct pricing *p, double share,
                                       uint64_t held)
{
    const int32_t B = p->job.allocation->n_sequences;
    double chance = 1.0 - pow(1.0 - share, B);
    const bool padded = p->job.regime.execution == EXECUTION_PADDED;

    if (!(share > 0))
        return (struct row_count){ .times = 1, .chance = 1 };
    /* Padded: as many in every step, whoever is kept. */
    const double rows = padded ? ceil(share * B - 1e-9) : share * B / chance;
    return (struct row_count){
        .rows = 1, .keys = flops_keys(held - 1), .cached = held,
        .times = rows, .chance = padded ? 1 : chance,
    };
}

void pricing_follow(struct pricing *p, int32_t choice)
{
    const struct model_spec *spec = p->job.spec;
    const int32_t T = p->job.allocation->n_tokens;

    p->choice = choice;
    if (!p->expected) {
        p->count[ROWS_KEPT] = count_known(p, ROWS_KEPT);
        p->count[ROWS_SKIPPED] = count_known(p, ROWS_SKIPPED);
        return;
    }
    double c = spec_chance(spec, p->layer, T);
    int32_t held = sees_skipped(p) ? T : spec_kept(spec, p->layer, T);
    p->count[ROWS_KEPT] = count_expected(p, c, (uint64_t)held);
    p->count[ROWS_SKIPPED] = count_expected(p, 1.0 - c, (uint64_t)held);
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
    p->pass = p->filed = pass;
    p->layer = layer;
    p->repeats = pass == PASS_UPDATE
                     ? 1 : (uint64_t)regime_steps(&p->job.regime);
    p->n_alike = layer < 0 ? 1 : p->alike.n[layer];
    if (p->stores)
        price_layer(p, layer);
    p->count[ROWS_KEPT] = p->count[ROWS_SKIPPED] = (struct row_count){ 0 };
    if (spec_has_windows(p->job.spec))
        p->count[ROWS_ALL] = count_known(p, ROWS_ALL);
}

bool pricing_walks(const struct pricing *p, int32_t layer)
{
    return p->alike.first[layer] == layer;
}

void pricing_enter_again(struct pricing *p, int32_t layer)
{
    pricing_enter(p, PASS_FORWARD, layer);
    p->filed = PASS_BACKWARD;
}

/* ---- beginning and end ---- */

static enum status check_job(const struct predict_job *job, bool by_token,
                             struct error *err)
{
    const struct allocation *a = job->allocation;
    const struct model_spec *spec = job->spec;

    if (by_token && (!regime_is_fp32(&job->regime) ||
                     regime_steps(&job->regime) > 1))
        return error_set(err, STATUS_BAD_VALUE, "a ledger by token is of one"
                         " step in float32");

    if (a->n_choices != plan_n_choices(spec))
        return error_set(err, STATUS_BAD_VALUE, "an allocation of %d choices:"
                         " allowed is the model's number, %d", a->n_choices,
                         plan_n_choices(spec));
    if (a->n_sequences < 1)
        return error_set(err, STATUS_BAD_VALUE, "%d sequences: allowed is at"
                         " least 1", a->n_sequences);
    for (int32_t b = 0; b < a->n_sequences; b++)
        if (allocation_length(a, b) < 1)
            return error_set(err, STATUS_BAD_VALUE, "sequence %d of %d tokens:"
                             " allowed is 1 to %d", b, allocation_length(a, b),
                             a->n_tokens);
    if (a->n_tokens < 1 || a->n_tokens > spec->max_tokens)
        return error_set(err, STATUS_BAD_VALUE, "%d tokens a sequence: allowed"
                         " is 1 to the model's max_tokens, %d", a->n_tokens,
                         spec->max_tokens);
    return STATUS_OK;
}

/* A kept token's cost, or that it is kept, may depend on its position. */
static bool has_positions(const struct model_spec *spec,
                          const struct plan *plan, enum memory_phase phase,
                          bool expected)
{
    bool positions = phase == MEMORY_DECODE;

    for (int32_t l = 0; l < spec->n_layers; l++)
        positions |= plan_skipped_keys(plan, l) != SKIPPED_KEYS_ABSENT;
    return positions && !expected && spec_n_routed(spec) > 0;
}

static enum status check_routes(const struct predict_job *job,
                                enum memory_phase phase, bool positions,
                                struct error *err)
{
    const struct model_spec *spec = job->spec;

    for (int32_t l = 0; l < spec->n_layers; l++)
        if (phase == MEMORY_DECODE && spec->routed[l] &&
            spec->signal == SIGNAL_RECEIVED)
            return error_set(err, STATUS_BAD_VALUE, "the attention that a token"
                             " receives looks ahead: a decode step cannot go by"
                             " it");
    if (positions && !job->allocation->kept)
        return error_set(err, STATUS_BAD_VALUE, "an allocation without"
                         " positions: what a kept token costs depends on its"
                         " own");
    return STATUS_OK;
}

/* The lowest router of a frozen backbone; LEDGER_OUTSIDE: all of it learns. */
static int32_t last_stop(const struct model_spec *spec)
{
    if (spec->backbone_frozen)
        for (int32_t l = 0; l < spec->n_layers; l++)
            if (spec->routed[l])
                return l;
    return LEDGER_OUTSIDE;
}

enum status pricing_begin(struct pricing *out, struct ledger *ledger,
                          const struct predict_job *job,
                          enum memory_phase phase, bool expected,
                          struct predict_range *range, struct error *err)
{
    const struct plan plan = plan_of(job->spec);
    const bool positions = has_positions(job->spec, &plan, phase, expected);
    const bool by_token = ledger_shape(ledger).n_tokens > 0;
    enum status status = check_job(job, by_token, err);
    if (status == STATUS_OK)
        status = check_routes(job, phase, positions, err);
    if (status != STATUS_OK)
        return status;

    const struct hold_question held = {
        .spec = job->spec, .regime = &job->regime, .phase = phase,
        .n_sequences = job->allocation->n_sequences,
        .n_tokens = job->allocation->n_tokens,
    };
    *out = (struct pricing){
        .ledger = ledger, .job = *job, .plan = plan,
        .prices = flops_list(job->spec),
        .stores = spec_stores(job->spec), .priced = -1,
        .phase = phase, .expected = expected,
        .by_token = by_token,
        .by_layer = ledger_shape(ledger).n_layers > 0,
        .range = range, .layer = LEDGER_OUTSIDE, .repeats = 1, .n_alike = 1,
        .stop = phase == MEMORY_TRAIN ? last_stop(job->spec) : LEDGER_OUTSIDE,
        .footprint_bytes = (double)hold_buffers(&held).total,
        .status = STATUS_OK, .err = err,
    };
    out->count[ROWS_ALL] = count_known(out, ROWS_ALL);
    out->count[ROWS_LAST] = count_known(out, ROWS_LAST);
    out->listed = out->prices;
    if (job->machine)
        out->rates = rates_of(job->machine, job->regime.arithmetic);
    alike_find(&out->alike, &(struct alike_job){
        .spec = job->spec, .plan = &out->plan, .allocation = job->allocation,
        .stop = out->stop, .positions = positions, .apart = by_token });
    reasons_give(ledger, job->machine, &job->regime);
    return STATUS_OK;
}

enum status pricing_end(struct pricing *p)
{
    if (p->range && p->job.machine)
        *p->range = bill_range(&p->bill, p->job.machine,
                               p->job.regime.arithmetic);
    else if (p->range)
        *p->range = (struct predict_range){ .seconds = { 0 } };
    bill_close(&p->bill);
    return p->status;
}
