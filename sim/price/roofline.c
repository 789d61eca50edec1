/* roofline.c - Take the slower of arithmetic and memory as the time of an op;
 * multiply amounts and time by coefficients for its energy. */
#include "sim/price/roofline.h"

#include <math.h>

/* fmax() and fmin(), which compilers call for the sake of signs of zero: of a number
 * and NAN the number. */
static double larger(double a, double b)
{
    return a > b || isnan(b) ? a : b;
}

static double smaller(double a, double b)
{
    return a < b || isnan(b) ? a : b;
}

static bool has_level(const struct rates *rates, int level)
{
    return level == LEVEL_DRAM || rates->level[level].size > 0;
}

/* The share of the operands that a level of `size` bytes lost since their last
 * use, `distance` bytes ago; `last`: the machine whose last cache that is. */
static double lost(double distance, double size, const struct machine *last)
{
    return last ? machine_dram_reached(last, distance, size)
                : distance <= size ? 0.0 : 1.0;
}

/* The share of what a step holds and does not use that is still in the last cache
 * when others have taken theirs. */
static double left_by_others(const struct rates *rates,
                             const struct roofline_load *load)
{
    return rates->aging > 0 ? exp(-load->repeated_bytes / rates->aging) : 1;
}

/* Bytes that the levels of at most `size` lost; `left` is of those that they would
 * hold. */
static double lost_bytes(const struct roofline_load *load, double size,
                         const struct machine *last, double left)
{
    const double own = load->fresh_bytes + load->stale_bytes;
    const double held = 1 - lost(larger(load->footprint_bytes, own), size, last);
    return load->fresh_bytes * lost(own, size, last) +
           (load->stale_bytes - load->recurring_bytes) * (1 - held * left) +
           load->recurring_bytes * lost(larger(load->span_bytes, own), size,
                                        last);
}

struct traffic roofline_traffic(const struct rates *rates,
                                const struct roofline_load *load)
{
    struct traffic traffic = { .at = {
        [LEVEL_L1] = load->fresh_bytes + load->stale_bytes } };
    double size = 0;                 /* of the largest level nearer the core */

    for (int i = LEVEL_L1; i < LEVEL_COUNT; i++) {
        if (!has_level(rates, i))
            continue;
        if (i > LEVEL_L1)
            traffic.at[i] =
                i == LEVEL_DRAM
                    ? lost_bytes(load, size, rates->machine,
                                 left_by_others(rates, load))
                    : lost_bytes(load, size, NULL, 1);
        size = larger(size, rates->level[i].size);
    }
    return traffic;
}

void roofline_fills(double fills[LEVEL_COUNT], const struct rates *rates,
                    const struct roofline_load *load,
                    const struct lines_op *lines)
{
    const double own = load->fresh_bytes + load->stale_bytes;
    const double once = own > 0 ? 1.0 - (double)lines_rewritten(lines) / own : 0;
    double size = 0;

    for (int i = LEVEL_L1; i < LEVEL_COUNT; i++) {
        fills[i] = 0;
        if (!has_level(rates, i))
            continue;
        if (i > LEVEL_L1)
            fills[i] = lost_bytes(load, size, NULL, 1) * once +
                       lines_again(lines, size);
        size = larger(size, rates->level[i].size);
    }
}

/* A load, and what it says by whatever rates. */
struct asked {
    const struct roofline_load *load;
    bool multiplies;
    enum wait wait;
};

static struct asked asked_of(const struct machine *machine,
                             const struct roofline_load *load)
{
    return (struct asked){ load, flops_multiplies(load->work),
                           machine_wait(machine, load->work, load->rows) };
}

static double arithmetic_seconds(const struct rates *r, const struct asked *a)
{
    const struct roofline_load *load = a->load;
    /* No scale lifts an op above the machine's peak. */
    const double share = smaller(1.0, load->share * r->efficiency_scale);
    const double peak = a->multiplies ? r->products : r->vectors;
    const double chosen = load->choices > 0 && r->select > 0
                              ? load->choices / r->select : 0;
    const double begun = load->query_heads > 0 && r->query_head > 0
                             ? load->query_heads * r->query_head : 0;
    return chosen + begun + (load->flops > 0 ? load->flops / (peak * share) : 0);
}

/* The slowest of the caches from `nearest` on. */
static double caches_seconds(const struct rates *r,
                             const struct traffic *traffic, int nearest)
{
    double seconds = 0;

    for (int i = nearest; i < LEVEL_DRAM; i++)
        if (has_level(r, i) && r->level[i].rate > 0)
            seconds = larger(seconds, traffic->at[i] / r->level[i].rate);
    return seconds;
}

static double memory_seconds(const struct rates *r,
                             const struct traffic *traffic)
{
    const double far = traffic->at[LEVEL_DRAM];
    const double share = smaller(1.0, machine_dram_share(r->machine, far) *
                                       r->dram_share_scale);
    return far > 0 ? far / (r->level[LEVEL_DRAM].rate * share) : 0;
}

/* The longer, and what of the shorter does not hide behind it; where `serial` is
 * above 1, b takes so many times as long as it would by itself. */
static double beside(double a, double b, double serial)
{
    return serial > 1 ? a + serial * b : larger(a, b) + serial * smaller(a, b);
}

/* Operands of the two near caches are in the curve. */
static double waiting_seconds(const struct rates *r, enum wait wait,
                              double arithmetic, double memory,
                              const struct traffic *traffic)
{
    const double near = larger(arithmetic, caches_seconds(r, traffic, LEVEL_L1));
    const double last = beside(arithmetic, caches_seconds(r, traffic, LEVEL_L3),
                               r->wait[wait].caches);
    return beside(larger(near, last), memory, r->wait[wait].memory);
}

static double seconds_of(const struct rates *r, const struct asked *a,
                         const struct traffic *traffic)
{
    const struct roofline_load *load = a->load;
    const double arithmetic = arithmetic_seconds(r, a);
    const double memory = memory_seconds(r, traffic);
    const double launch = r->launch[load->work];
    const double work =
        a->wait != WAIT_COUNT
            ? waiting_seconds(r, a->wait, arithmetic, memory, traffic)
            : beside(arithmetic,
                     larger(caches_seconds(r, traffic, LEVEL_L1), memory),
                     r->serial);

    if (isnan(arithmetic))           /* larger() would drop it */
        return arithmetic;
    const double exchange = load->exchanged > 0
                                ? load->exchanged / r->link + launch : 0;
    return r->unmodelled * (larger(work, launch * r->overlap) +
                            launch * (1 - r->overlap) + exchange);
}

double roofline_seconds(const struct rates *r, const struct roofline_load *load,
                        const struct traffic *traffic)
{
    const struct asked asked = asked_of(r->machine, load);
    return seconds_of(r, &asked, traffic);
}

/* ---- energy ---- */

/* Nothing costs nothing, whatever each would. */
static double scaled(double amount, double each)
{
    return amount > 0 ? amount * each : 0.0;
}

/* What work and its operands take, whatever time that takes; `capped` is what of
 * them the cap is on. */
struct moving {
    double flops, bytes, capped;
};

static struct moving moving_of(const struct rates *r, bool multiplies,
                               double flops, const struct traffic *traffic)
{
    struct moving m = {
        .flops = scaled(flops, multiplies ? r->joules_per_product
                                          : r->joules_per_vector) };
    double near = 0;

    for (int i = 0; i < LEVEL_COUNT; i++) {
        if (i == LEVEL_DRAM)
            near = m.bytes;
        if (has_level(r, i))
            m.bytes += scaled(traffic->at[i], r->level[i].joules);
    }
    m.capped = m.flops + (r->machine->dram_within_cap ? m.bytes : near);
    return m;
}

static double throttled(const struct rates *r, const struct moving *m,
                        double seconds)
{
    const double room = r->cap - r->standing;
    /* What is unknown throttles nothing. */
    return room > 0 && m->capped > room * seconds ? m->capped / room : seconds;
}

static struct energy energy_in(const struct rates *r, const struct moving *m,
                               double seconds)
{
    return (struct energy){ .flops = m->flops, .bytes = m->bytes,
                            .standing = r->standing * seconds };
}

struct energy energy_of(const struct rates *r, enum work work, double flops,
                        const struct traffic *traffic, double seconds)
{
    const struct moving m = moving_of(r, flops_multiplies(work), flops, traffic);
    return energy_in(r, &m, seconds);
}

double energy_joules(const struct energy *energy)
{
    return energy->flops + energy->bytes + energy->standing;
}

double energy_throttled(const struct rates *r, enum work work, double flops,
                        const struct traffic *traffic, double seconds)
{
    const struct moving m = moving_of(r, flops_multiplies(work), flops, traffic);
    return throttled(r, &m, seconds);
}

void roofline_add(struct roofline_total *sum, const struct roofline_load *load,
                  double times, const struct rates *rates, int n, bool alike)
{
    const struct asked asked = asked_of(rates->machine, load);
    struct traffic traffic = roofline_traffic(rates, load);

    for (int i = 0; i < n; i++) {
        const struct rates *r = &rates[i];
        if (i > 0 && !alike)
            traffic = roofline_traffic(r, load);
        const struct moving m = moving_of(r, asked.multiplies, load->flops,
                                          &traffic);
        const double seconds = throttled(r, &m,
                                         seconds_of(r, &asked, &traffic));
        const struct energy energy = energy_in(r, &m, seconds);
        sum[i].seconds += times * seconds;
        sum[i].joules += times * energy_joules(&energy);
    }
}
