/* bill.c - Price a list of loads by draws of a machine's coefficients. */
#include "sim/price/bill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool alike(const struct roofline_load *a, const struct roofline_load *b)
{
    return a->work == b->work && !(fabs(a->flops - b->flops) > 0) &&
           !(fabs(a->share - b->share) > 0) &&
           !(fabs(a->choices - b->choices) > 0) &&
           !(fabs(a->exchanged - b->exchanged) > 0) &&
           !(fabs(a->fresh_bytes - b->fresh_bytes) > 0) &&
           !(fabs(a->stale_bytes - b->stale_bytes) > 0) &&
           !(fabs(a->recurring_bytes - b->recurring_bytes) > 0) &&
           !(fabs(a->span_bytes - b->span_bytes) > 0) &&
           !(fabs(a->footprint_bytes - b->footprint_bytes) > 0);
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

struct total {
    double seconds, joules;
};

static struct total total_by(const struct bill *bill, const struct rates *rates)
{
    struct total sum = { 0, 0 };

    for (size_t i = 0; i < bill->n; i++) {
        const struct roofline_load *load = &bill->item[i].load;
        const struct traffic traffic = roofline_traffic(rates, load);
        const double seconds = energy_throttled(rates, load->work, load->flops,
            &traffic, roofline_seconds(rates, load, &traffic));
        const struct energy energy = energy_of(rates, load->work, load->flops,
                                               &traffic, seconds);
        sum.seconds += bill->item[i].times * seconds;
        sum.joules += bill->item[i].times * energy_joules(&energy);
    }
    return sum;
}

/* Fills in what no machine of the profile can go below. */
static void set_least(struct predict_range *range, const struct bill *bill,
                      const struct machine *machine, enum precision products)
{
    const struct machine_level *memory = &machine->level[LEVEL_DRAM];
    struct rates best = rates_of(machine, products);
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
    range->least_arithmetic = flops / machine_peak(machine, products)->high;
    range->least_memory = bytes / memory->bytes_per_second.high;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What 80 % of the draws lie within, and the value. */
static struct estimate estimate_of(double value, const double *drawn, int n)
{
    const int low = n / 10, high = n - 1 - low;
    double sorted[BILL_DRAWS];

    if (isnan(value) || n == 0)          /* no machine, no draws */
        return (struct estimate){ value, value, value };
    memcpy(sorted, drawn, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_size);
    return (struct estimate){ value, fmin(value, sorted[low]),
                              fmax(value, sorted[high]) };
}

struct predict_range bill_range(const struct bill *bill,
                                const struct machine *machine,
                                enum precision products, int n_draws)
{
    struct random random = random_seeded(BILL_SEED);
    struct random kinds = random_seeded(BILL_KINDS_SEED);
    struct predict_range range = { .n_draws = n_draws ? n_draws : BILL_DRAWS };
    const struct rates rates = rates_of(machine, products);
    const struct total value = total_by(bill, &rates);

    for (int i = 0; i < range.n_draws; i++) {
        const struct rates drawn = rates_drawn(machine, products, &random,
                                               &kinds);
        const struct total total = total_by(bill, &drawn);
        range.drawn_seconds[i] = total.seconds;
        range.drawn_joules[i] = total.joules;
    }
    range.seconds = estimate_of(value.seconds, range.drawn_seconds,
                                range.n_draws);
    range.joules = estimate_of(value.joules, range.drawn_joules,
                               range.n_draws);
    set_least(&range, bill, machine, products);
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
