/* pricing.c - Multiply rows by prices, op by op. */
#include "sim/price/pricing_inside.h"

#include <math.h>
#include <string.h>

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
        for (int32_t i = 0; pricing_row_at(p, rows, b, i, &row); i++) {
            uint64_t flops = price->flops + price->flops_per_key * row.keys;
            const uint64_t bytes = row_bytes(p, c->op, price, row.cached);
            struct cost cost = pricing_cost_of_row(p, c, m, row.times * flops,
                                                   row.times * bytes);
            pricing_take(left, &cost);
            pricing_file(p, c->op, row.token, &cost);
        }
    }
}

/* ---- what the walk calls ---- */

/* A price, and the rows that pay it. */
struct part {
    const struct flops_price *price;
    enum rows rows;
};

/* Of the experts that rows enter. */
static uint64_t entered_bytes(const struct pricing *p,
                              const struct flops_price *price)
{
    return pricing_times(price->expert_bytes, p->experts);
}

/* What is added to the prices of a set of experts where gradients are summed. */
static enum flops_set summed_set(enum flops_set set)
{
    return set == FLOPS_EXPERTS_BACK   ? FLOPS_EXPERTS_SUMMED
           : set == FLOPS_BESIDES_BACK ? FLOPS_BESIDES_SUMMED
           : set == FLOPS_ENTRIES_BACK ? FLOPS_ENTRIES_SUMMED
                                       : FLOPS_SETS;
}

/* The weights among what is shared; the rest are gradients. */
static uint64_t read_of(const struct pricing *p,
                        const struct flops_price *price, uint64_t shared)
{
    if (p->pass != PASS_BACKWARD || !price->rule)
        return p->pass == PASS_UPDATE ? 0 : shared;
    if (summed_set(price->rule->set) != FLOPS_SETS) {
        const struct flops_price *own =
            &p->prices->at[price->rule->set][price->rule->op];
        return (own->shared_bytes + entered_bytes(p, own)) / 2;
    }
    const uint64_t forward =
        p->tariff->list.at[PASS_FORWARD][price->rule->op].shared_bytes;
    return forward < shared ? forward : shared;
}

/* What of queries and keys the rows of a set are. */
static enum lines_side side_of(const struct flops_rule *rule)
{
    static const enum lines_side sides[FLOPS_SETS] = {
        [FLOPS_OF_KEPT] = LINES_QUERIES, [FLOPS_OF_ALL] = LINES_KEYS,
        [FLOPS_TRAINED_KEPT] = LINES_QUERIES, [FLOPS_TRAINED_ALL] = LINES_KEYS,
        [FLOPS_BACK_KEPT] = LINES_QUERIES, [FLOPS_BACK_ALL] = LINES_KEYS,
    };

    return rule ? sides[rule->set] : LINES_BOTH;
}

/* Adds one part of an op to its charge. */
static void add_part(struct pricing *p, struct charge *c,
                     const struct part *part)
{
    const struct flops_price *price = part->price;
    const struct row_count *k = &p->count[part->rows];
    uint64_t flops = pricing_weighted(p, price->flops, k->rows,
                                      price->flops_per_key, k->keys);
    uint64_t bytes = pricing_weighted(p, price->bytes, k->rows, 0, 0);

    if (p->phase == MEMORY_DECODE && c->op == OP_ATTEND) {
        /* The bytes of all cached keys, in place of one key's a row. */
        uint64_t none = flops_attend_cached_bytes(p->job.spec, 0);
        uint64_t each = flops_attend_cached_bytes(p->job.spec, 1) - none;
        c->cached_bytes =
            pricing_times(pricing_weighted(p, each, k->cached, 0, 0), k->times);
        bytes = pricing_weighted(p, none, k->rows, each, k->cached);
    }
    c->flops =
        pricing_weighted(p, c->flops, 1, pricing_times(flops, k->times), 1);
    c->flops = pricing_weighted(p, c->flops, 1, price->shared_flops, 1);
    c->row_bytes =
        pricing_weighted(p, c->row_bytes, 1, pricing_times(bytes, k->times), 1);
    const uint64_t shared = price->shared_bytes + entered_bytes(p, price);
    c->shared_bytes += shared;
    c->read_bytes += read_of(p, price, shared);
    c->rows =
        pricing_weighted(p, c->rows, 1, pricing_times(k->rows, k->times), 1);
    c->packed |= price->rule && price->rule->shared_flops;
    c->apart |= price->rule && price->rule->set >= FLOPS_OF_KEPT;
    c->side = side_of(price->rule);
    c->last |= part->rows == ROWS_LAST;
    /* What rows enter besides is summed with what their experts give. */
    const enum rows summed = part->rows == ROWS_ENTRIES ? p->entering
                                                        : part->rows;
    if (!price->rule || (price->rule->set != FLOPS_BESIDES &&
                         price->rule->set != FLOPS_BESIDES_BACK))
        c->exchanged += pricing_times(p->count[summed].rows, k->times);
    c->seldom |= p->phase == MEMORY_DECODE && part->rows == ROWS_KEPT;
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
    struct cost cost = pricing_cost_of_op(p, &c, &m);
    for (int i = 0; i < n_parts && p->by_token; i++)
        file_rows(p, &c, &m, part[i].rows, part[i].price, &cost);
    pricing_file(p, op, LEDGER_SHARED, &cost);
}

void pricing_rows_of(struct pricing *p, enum flops_set set, enum op op,
                     enum rows rows)
{
    struct flops_price price = p->prices->at[set][op];

    if (p->sums && summed_set(set) != FLOPS_SETS) {
        const struct flops_price *more = &p->prices->at[summed_set(set)][op];
        price.shared_bytes += more->shared_bytes;
        price.expert_bytes += more->expert_bytes;
    }
    charge_parts(p, op, &(struct part){ &price, rows }, 1);
}

void pricing_rows(struct pricing *p, enum op op, enum rows rows)
{
    if (p->phase == MEMORY_DECODE && p->prices->at[FLOPS_ABSORBED][op].rule) {
        pricing_rows_of(p, FLOPS_ABSORBED, op, rows);
        return;
    }
    const bool keeps = p->pass == PASS_FORWARD && p->phase == MEMORY_TRAIN &&
                       p->prices->at[FLOPS_TRAINING][op].rule;
    const enum flops_set set = keeps ? FLOPS_TRAINING : (enum flops_set)p->pass;
    struct flops_price price = p->prices->at[set][op];
    if (p->sums)
        price.shared_bytes += p->prices->at[FLOPS_SUMMED][op].shared_bytes;
    charge_parts(p, op, &(struct part){ &price, rows }, 1);
}

/* The pass's prices of kept rows, or of all, where keys of skipped tokens are
 * there. */
static enum flops_set seen_set(const struct pricing *p, enum op op, bool all)
{
    const enum flops_set trained = all ? FLOPS_TRAINED_ALL : FLOPS_TRAINED_KEPT;

    if (p->pass == PASS_BACKWARD)
        return all ? FLOPS_BACK_ALL : FLOPS_BACK_KEPT;
    if (p->phase == MEMORY_TRAIN && p->prices->at[trained][op].rule)
        return trained;
    return all ? FLOPS_OF_ALL : FLOPS_OF_KEPT;
}

void pricing_kept_and_all(struct pricing *p, enum op op)
{
    if (p->pass == PASS_BACKWARD && p->count[ROWS_KEPT].rows == 0)
        return;
    pricing_rows_of(p, seen_set(p, op, false), op, ROWS_KEPT);
    struct flops_price all = p->prices->at[seen_set(p, op, true)][op];
    if (p->sums)                 /* of both, once */
        all.shared_bytes += p->prices->at[FLOPS_SUMMED][op].shared_bytes;
    charge_parts(p, op, &(struct part){ &all, ROWS_ALL }, 1);
}

void pricing_queries(struct pricing *p, enum op op, enum rows rows)
{
    struct flops_price price = p->prices->at[seen_set(p, op, false)][op];

    if (p->sums)
        price.shared_bytes += p->prices->at[FLOPS_SUMMED_KEPT][op].shared_bytes;
    charge_parts(p, op, &(struct part){ &price, rows }, 1);
}

void pricing_attend_all(struct pricing *p, enum rows queries)
{
    const struct part parts[] = {
        { &p->prices->at[seen_set(p, OP_ATTEND, false)][OP_ATTEND], queries },
        { &p->prices->at[seen_set(p, OP_ATTEND, true)][OP_ATTEND], ROWS_ALL },
    };
    /* A decode step's query reads the cache: its own price says so. */
    charge_parts(p, OP_ATTEND, parts, p->phase == MEMORY_DECODE ? 1 : 2);
}

void pricing_select(struct pricing *p)
{
    const struct flops_price *seen = &p->prices->at[p->pass][OP_SELECT];
    const struct flops_price kept = { .bytes = FLOPS_SELECT_BYTES_PER_KEPT };
    const struct row_count *k = &p->count[ROWS_KEPT];
    struct charge c = { .op = OP_SELECT,
                        .chance = 1,
                        .rows = p->count[ROWS_ALL].rows };
    struct modelled m = { 0 };

    const uint64_t bytes = pricing_weighted(p, kept.bytes, k->rows, 0, 0);
    c.row_bytes = pricing_weighted(p, seen->bytes, p->count[ROWS_ALL].rows, 1,
                                   pricing_times(bytes, k->times * k->chance));
    struct cost cost = pricing_cost_of_op(p, &c, &m);
    if (p->by_token) {
        file_rows(p, &c, &m, ROWS_ALL, seen, &cost);
        file_rows(p, &c, &m, ROWS_KEPT, &kept, &cost);
    }
    pricing_file(p, OP_SELECT, LEDGER_SHARED, &cost);
}

void pricing_shared(struct pricing *p, enum op op, uint64_t flops,
                    uint64_t bytes)
{
    struct charge c = {
        .op = op, .flops = flops, .shared_bytes = bytes, .chance = 1
    };
    struct modelled m;
    struct cost cost = pricing_cost_of_op(p, &c, &m);
    pricing_file(p, op, LEDGER_SHARED, &cost);
}

void pricing_follow(struct pricing *p, int32_t choice)
{
    const struct model_spec *spec = p->job.spec;
    const int32_t T = p->job.allocation->n_tokens;

    const int32_t layer = plan_choice(spec, choice).layer;

    p->choice = choice;
    if (!p->expected) {
        p->count[ROWS_KEPT] = pricing_count_known(p, ROWS_KEPT);
        p->count[ROWS_SKIPPED] = pricing_count_known(p, ROWS_SKIPPED);
        return;
    }
    double c = spec_chance(spec, layer, T);
    int32_t held = pricing_sees_skipped(p) ? T : spec_kept(spec, layer, T);
    p->count[ROWS_KEPT] = pricing_count_expected(p, c, (uint64_t)held);
    p->count[ROWS_SKIPPED] = pricing_count_expected(p, 1.0 - c, (uint64_t)held);
}

/* So many for each of the rows. */
static struct row_count for_each(struct row_count rows, double n)
{
    if (n <= floor(n))
        rows.rows *= (uint64_t)n;
    else
        rows.times *= n;
    return rows;
}

/* The rows of a sequence, as many in each. */
static int32_t rows_of_sequence(const struct pricing *p,
                                const struct row_count *rows)
{
    const int32_t n = p->job.allocation->n_sequences;
    const double each = (double)rows->rows * rows->times / n;

    return p->phase == MEMORY_DECODE || each < 1 ? 1 : (int32_t)llround(each);
}

void pricing_enter_experts(struct pricing *p, enum rows rows)
{
    const struct model_spec *spec = p->job.spec;
    const struct dispatch *d = &p->job.allocation->dispatch;
    const struct row_count of = p->count[rows];
    const int32_t n = rows_of_sequence(p, &of);
    const double share = spec_expert_share(spec, n);
    const double further = share - spec_expert_any(spec, n);

    p->entering = rows;
    p->experts = spec_experts_entered(spec, (double)of.rows * of.times);
    p->count[ROWS_ENTRIES] = for_each(of, share);
    p->count[ROWS_FURTHER] = for_each(of, further > 0 ? further : 0);
    if (d->expert) {
        const struct dispatch_count known = dispatch_count(d, p->layer);
        p->count[ROWS_ENTRIES].rows = known.entries;
        p->count[ROWS_FURTHER].rows = known.entries - known.tokens;
        p->count[ROWS_ENTRIES].times = p->count[ROWS_FURTHER].times = of.times;
        p->experts = (double)known.experts;
    }
}

/* Layers whose matrices are stored alike cost alike. */
static void price_layer(struct pricing *p, int32_t layer)
{
    const struct model_spec *spec = p->job.spec;
    const int32_t of = layer < 0 ? 0 : layer;

    if (p->priced >= 0 &&
        memcmp(spec->stored[p->priced], spec->stored[of],
               sizeof spec->stored[of]) == 0 &&
        memcmp(spec->packed[p->priced], spec->packed[of],
               sizeof spec->packed[of]) == 0)
        return;
    *p->stored = p->tariff->list;
    flops_store(p->stored, spec, of);
    p->priced = of;
}

void pricing_enter(struct pricing *p, enum pass pass, int32_t layer)
{
    p->pass = p->filed = pass;
    p->layer = layer;
    p->sums = false;
    p->repeats =
        pass == PASS_UPDATE ? 1 : (uint64_t)regime_steps(&p->job.regime);
    p->n_alike = layer < 0 ? 1 : p->alike.n[layer];
    if (p->stored)
        price_layer(p, layer);
    p->count[ROWS_KEPT] = p->count[ROWS_SKIPPED] = (struct row_count){ 0 };
    if (spec_has_windows(p->job.spec))
        p->count[ROWS_ALL] = pricing_count_known(p, ROWS_ALL);
}

int32_t pricing_end_layer(const struct pricing *p)
{
    return p->job.end_layer > 0 ? p->job.end_layer : p->job.spec->n_layers;
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
