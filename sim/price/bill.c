/* bill.c - Price a list of loads by draws of a machine's coefficients. */
#include "sim/price/bill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool alike(const struct roofline_load *a, const struct roofline_load *b)
{
    return a->work == b->work && !(fabs(a->rows - b->rows) > 0) &&
           !(fabs(a->flops - b->flops) > 0) &&
           !(fabs(a->share - b->share) > 0) &&
           !(fabs(a->choices - b->choices) > 0) &&
           !(fabs(a->query_heads - b->query_heads) > 0) &&
           !(fabs(a->exchanged - b->exchanged) > 0) &&
           !(fabs(a->fresh_bytes - b->fresh_bytes) > 0) &&
           !(fabs(a->stale_bytes - b->stale_bytes) > 0) &&
           !(fabs(a->recurring_bytes - b->recurring_bytes) > 0) &&
           !(fabs(a->span_bytes - b->span_bytes) > 0) &&
           !(fabs(a->footprint_bytes - b->footprint_bytes) > 0) &&
           !(fabs(a->repeated_bytes - b->repeated_bytes) > 0);
}

enum status bill_add(struct bill *bill, const struct roofline_load *load,
                     double times)
{
    for (size_t i = bill->n; i-- > 0;)
        if (alike(&bill->item[i].load, load)) {
            bill->item[i].times += times;
            return STATUS_OK;
        }
    if (bill->n == bill->size) {
        const size_t size = bill->size > 0 ? 2 * bill->size : 64;
        struct bill_item *item = realloc(bill->item, size * sizeof *item);
        if (!item)
            return STATUS_NO_MEMORY;
        bill->item = item;
        bill->size = size;
    }
    bill->item[bill->n++] = (struct bill_item){ *load, times };
    return STATUS_OK;
}

void bill_close(struct bill *bill)
{
    free(bill->item);
    *bill = (struct bill){ 0 };
}

/* ---- draws ---- */

static bool is_drawn(const struct quantity *q)
{
    return q->high > q->low;
}

void bill_draw(struct bill_draws *out, const struct machine *machine,
               enum precision products)
{
    struct random random = random_seeded(BILL_SEED);
    struct random kinds = random_seeded(BILL_KINDS_SEED);

    out->machine = machine;
    out->products = products;
    out->caches_drawn = is_drawn(&machine->aging_bytes);
    for (int i = 0; i < LEVEL_COUNT; i++)
        out->caches_drawn |= is_drawn(&machine->level[i].size_bytes);
    out->value = rates_of(machine, products);
    for (int i = 0; i < BILL_DRAWS; i++)
        out->drawn[i] = rates_drawn(machine, products, &random, &kinds);
}

/* ---- totals ---- */

/* Fills in what no machine of the profile can go below. */
static void set_least(struct predict_range *range, const struct bill *bill,
                      const struct bill_draws *draws)
{
    const struct machine *machine = draws->machine;
    const struct machine_level *memory = &machine->level[LEVEL_DRAM];
    struct rates best = draws->value;
    double flops = 0, bytes = 0;

    for (int i = 0; i < LEVEL_COUNT; i++)
        best.level[i].size = machine->level[i].size_bytes.high;
    for (size_t i = 0; i < bill->n; i++) {
        const struct roofline_load *load = &bill->item[i].load;
        const struct traffic traffic = roofline_traffic(&best, load);
        if (flops_multiplies(load->work))
            flops += bill->item[i].times * load->flops;
        bytes += bill->item[i].times * traffic.at[LEVEL_DRAM];
    }
    range->least_arithmetic = flops / machine_peak(machine, draws->products)->high;
    range->least_memory = bytes / memory->bytes_per_second.high;
}

/* Puts the k-th smallest in its place, no larger ones before it and no smaller ones
 * behind it (Hoare 1961, Algorithm 65: Find, CACM 4(7), pp. 321-322). */
static double find(double *x, int first, int last, int k)
{
    while (first < last) {
        const double pivot = x[k];
        int i = first, j = last;
        while (i <= j) {
            while (x[i] < pivot)
                i++;
            while (pivot < x[j])
                j--;
            if (i > j)
                break;
            const double swapped = x[i];
            x[i++] = x[j];
            x[j--] = swapped;
        }
        if (j < k)
            first = i;
        if (k < i)
            last = j;
    }
    return x[k];
}

/* What 80 % of the draws lie within, and the value. */
static struct estimate estimate_of(double value, const double *drawn, int n)
{
    const int low = n / 10, high = n - 1 - low;
    double at[BILL_DRAWS];

    if (isnan(value) || n == 0)          /* no machine, no draws */
        return (struct estimate){ value, value, value };
    memcpy(at, drawn, (size_t)n * sizeof *at);
    const double tenth = find(at, 0, n - 1, low),
        ninetieth = find(at, low, n - 1, high);
    return (struct estimate){ value, fmin(value, tenth),
                              fmax(value, ninetieth) };
}

struct predict_range bill_range(const struct bill *bill,
                                const struct bill_draws *draws, int n_draws)
{
    struct predict_range range = { .n_draws = n_draws ? n_draws : BILL_DRAWS };
    struct roofline_total value = { 0, 0 }, drawn[BILL_DRAWS] = { { 0, 0 } };

    for (size_t i = 0; i < bill->n; i++) {
        const struct bill_item *item = &bill->item[i];
        roofline_add(&value, &item->load, item->times, &draws->value, 1, true);
        roofline_add(drawn, &item->load, item->times, draws->drawn,
                     range.n_draws, !draws->caches_drawn);
    }
    for (int i = 0; i < range.n_draws; i++) {
        range.drawn_seconds[i] = drawn[i].seconds;
        range.drawn_joules[i] = drawn[i].joules;
    }
    range.seconds = estimate_of(value.seconds, range.drawn_seconds,
                                range.n_draws);
    range.joules = estimate_of(value.joules, range.drawn_joules,
                               range.n_draws);
    set_least(&range, bill, draws);
    return range;
}

struct estimate bill_ratio(const struct predict_range *a,
                           const struct predict_range *b, enum metric metric)
{
    const bool joules = metric == METRIC_JOULES;
    const double *x = joules ? a->drawn_joules : a->drawn_seconds;
    const double *y = joules ? b->drawn_joules : b->drawn_seconds;
    double ratio[BILL_DRAWS];

    for (int i = 0; i < a->n_draws; i++)
        ratio[i] = x[i] / y[i];
    return estimate_of(joules ? a->joules.value / b->joules.value
                              : a->seconds.value / b->seconds.value, ratio,
                       a->n_draws);
}

struct predict_range bill_mix(const struct predict_range *a, double times_a,
                              const struct predict_range *b, double times_b)
{
#define MIXED(member) (times_a * a->member + times_b * b->member)
    struct predict_range range = { .least_arithmetic = MIXED(least_arithmetic),
                                   .least_memory = MIXED(least_memory),
                                   .n_draws = a->n_draws };

    for (int i = 0; i < range.n_draws; i++) {
        range.drawn_seconds[i] = MIXED(drawn_seconds[i]);
        range.drawn_joules[i] = MIXED(drawn_joules[i]);
    }
    range.seconds = estimate_of(MIXED(seconds.value), range.drawn_seconds,
                                range.n_draws);
    range.joules = estimate_of(MIXED(joules.value), range.drawn_joules,
                               range.n_draws);
#undef MIXED
    return range;
}
