/* pricing_rows.c - Count the rows of a layer, and the keys that they run over.
 */
#include "sim/price/pricing_inside.h"

#include <math.h>

static uint64_t length_of(const struct pricing *p, int32_t b)
{
    return (uint64_t)allocation_length(p->job.allocation, b);
}

bool pricing_sees_skipped(const struct pricing *p)
{
    return p->layer != LEDGER_OUTSIDE &&
           plan_skipped_keys(&p->tariff->plan, p->layer) != SKIPPED_KEYS_ABSENT;
}

static uint64_t window_of(const struct pricing *p)
{
    return p->layer == LEDGER_OUTSIDE
               ? 0
               : (uint64_t)spec_window(p->job.spec, p->layer);
}

/* Keys of token i, in a pass over all tokens. */
static uint64_t keys_of(const struct pricing *p, int32_t i)
{
    return flops_keys((uint64_t)i) -
           flops_keys_passed((uint64_t)i, window_of(p));
}

/* Keys of the i-th kept token, in a pass over all tokens. */
static uint64_t kept_keys(const struct pricing *p, int32_t b, int32_t i)
{
    const struct allocation *a = p->job.allocation;
    return pricing_sees_skipped(p)
               ? flops_keys_seen(allocation_kept(a, p->choice, b),
                                 allocation_count(a, p->choice, b), i)
               : keys_of(p, i);
}

/* Keys of a sequence that a decode step's query sees in the layer. */
static uint64_t held_keys(const struct pricing *p, int32_t b, enum rows rows)
{
    return rows == ROWS_KEPT && !pricing_sees_skipped(p)
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
                         held - passed, 1 };
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

/* The row is there as often as it enters an expert. */
static bool entry_at(const struct pricing *p, enum rows rows, int32_t b,
                     int32_t i, struct row *row)
{
    const struct allocation *a = p->job.allocation;

    if (!pricing_row_at(p, p->entering, b, i, row))
        return false;
    const int32_t entries =
        a->dispatch.expert
            ? dispatch_entries(&a->dispatch, p->layer, b,
                               p->phase == MEMORY_DECODE
                                   ? allocation_length(a, b) - 1
                                   : row->token - b * a->n_tokens)
            : (int32_t)spec_expert_share(p->job.spec, 1);
    row->times = (uint64_t)(rows == ROWS_ENTRIES ? entries
                            : entries > 0        ? entries - 1 : 0);
    return true;
}

/* Row i of sequence b, or false: there is none. */
bool pricing_row_at(const struct pricing *p, enum rows rows, int32_t b,
                    int32_t i, struct row *row)
{
    const struct allocation *a = p->job.allocation;
    int32_t length = allocation_length(a, b), t = i;

    if (rows == ROWS_ENTRIES || rows == ROWS_FURTHER)
        return entry_at(p, rows, b, i, row);
    if (p->phase == MEMORY_DECODE)
        return i == 0 && row_of_step(p, rows, b, row);
    *row = (struct row){ .keys = keys_of(p, i), .times = 1 };
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

static uint64_t sum_of_keys(const struct pricing *p, int32_t b)
{
    const struct allocation *a = p->job.allocation;
    int32_t n = allocation_count(a, p->choice, b);
    return pricing_sees_skipped(p)
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
struct row_count pricing_count_known(const struct pricing *p, enum rows rows)
{
    const struct allocation *a = p->job.allocation;
    const int32_t n = a->alike ? 1 : a->n_sequences;
    struct row_count count = { .times = 1, .chance = 1 };

    for (int32_t b = 0; b < n; b++) {
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
            count.rows +=
                length_of(p, b) - (uint64_t)allocation_count(a, p->choice, b);
        } else if (pricing_row_at(p, rows, b, 0, &row)) {
            add_row(&count, &row);
        }
    }
    if (a->alike)
        count.rows *= (uint64_t)a->n_sequences,
            count.keys *= (uint64_t)a->n_sequences,
            count.cached *= (uint64_t)a->n_sequences;
    return count;
}

/* Counts rows of a decode step whose routes are not known: every sequence keeps
 * its token with spec_chance(), each on its own, or skips it.  `share` is that
 * chance or the rest of it. */
struct row_count pricing_count_expected(const struct pricing *p, double share,
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
        .rows = 1,
        .keys = flops_keys(held - 1),
        .cached = held,
        .times = rows,
        .chance = padded ? 1 : chance,
    };
}
