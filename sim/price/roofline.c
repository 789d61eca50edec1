/* roofline.c - Take the slower of arithmetic and memory as the time of an op;
 * multiply amounts and time by coefficients for its energy. */
#include "sim/price/roofline.h"

#include <math.h>

/* The share of the operands that a level of `size` bytes lost since their last
 * use, `distance` bytes ago: of data that are read in turns, the level drops
 * each part just before it is wanted again. */
static double lost(double distance, double size)
{
    return distance > size ? 1.0 : 0.0;
}

struct traffic roofline_traffic(const struct machine *machine,
                                const struct roofline_load *load)
{
    double fresh = (double)load->fresh_bytes;
    double stale = (double)load->stale_bytes;
    double own = fresh + stale, all = fmax(load->footprint_bytes, own);
    struct traffic traffic = { .at = { [LEVEL_L1] = own } };
    double size = 0;                 /* of the largest level nearer the core */
    double rewritten = load->lines ? (double)lines_rewritten(load->lines) : 0;

    if (machine_has_level(machine, LEVEL_L1))
        size = machine->level[LEVEL_L1].size_bytes.value;
    for (int i = LEVEL_L2; i < LEVEL_COUNT; i++) {
        if (!machine_has_level(machine, (enum level)i))
            continue;
        traffic.at[i] = fresh * lost(own, size) + stale * lost(all, size);
        traffic.in[i] = own > 0 ? traffic.at[i] * (1.0 - rewritten / own) : 0;
        if (load->lines)
            traffic.in[i] += lines_again(load->lines, size);
        size = fmax(size, machine->level[i].size_bytes.value);
    }
    return traffic;
}

struct estimate estimate_add(struct estimate a, struct estimate b)
{
    return (struct estimate){ a.value + b.value, a.low + b.low,
                              a.high + b.high };
}

/* Amount over rate: the high rate makes the low estimate. */
static struct estimate duration(double amount, const struct quantity *rate,
                                const struct quantity *share)
{
    return (struct estimate){
        .value = amount / (rate->value * share->value),
        .low   = amount / (rate->high * share->high),
        .high  = amount / (rate->low * share->low),
    };
}

struct estimate roofline_seconds(const struct machine *m,
                                 const struct roofline_load *load,
                                 const struct traffic *traffic)
{
    const struct quantity one = { .value = 1, .low = 1, .high = 1 };
    double share = machine_efficiency(m, load->work, load->size);
    /* No scale lifts an op above the machine's peak. */
    struct quantity reached = {
        .value = fmin(1.0, share * m->efficiency_scale.value),
        .low   = fmin(1.0, share * m->efficiency_scale.low),
        .high  = fmin(1.0, share * m->efficiency_scale.high),
    };
    struct estimate compute = { 0, 0, 0 };
    if (load->flops > 0)
        compute = duration((double)load->flops,
                           machine_work_peak(m, load->work, load->precision),
                           &reached);
    struct estimate memory = { 0, 0, 0 };

    for (int i = 0; i < LEVEL_COUNT; i++) {
        if (!machine_has_level(m, (enum level)i) ||
            !quantity_known(&m->level[i].bytes_per_second))
            continue;
        struct estimate t = duration(traffic->at[i],
                                     &m->level[i].bytes_per_second, &one);
        memory.value = fmax(memory.value, t.value);
        memory.low   = fmax(memory.low, t.low);
        memory.high  = fmax(memory.high, t.high);
    }
    if (isnan(compute.value))         /* fmax() would drop it */
        memory = compute;
    return (struct estimate){
        .value = fmax(compute.value, memory.value) + m->launch_seconds.value,
        .low   = fmax(compute.low, memory.low) + m->launch_seconds.low,
        .high  = compute.high + memory.high + m->launch_seconds.high,
    };
}

/* Nothing costs nothing, whatever each would. */
static struct estimate scaled(double amount, const struct quantity *each)
{
    if (!(amount > 0))
        return (struct estimate){ 0, 0, 0 };
    return (struct estimate){ amount * each->value, amount * each->low,
                              amount * each->high };
}

struct energy energy_of(const struct machine *m, enum precision precision,
                        double flops, const struct traffic *traffic,
                        struct estimate seconds)
{
    struct energy energy = {
        .flops = scaled(flops, &m->joules_per_flop[precision]),
        .standing = { m->watts.standing.value * seconds.value,
                      m->watts.standing.low * seconds.low,
                      m->watts.standing.high * seconds.high },
    };
    for (int i = 0; i < LEVEL_COUNT; i++)
        if (machine_has_level(m, (enum level)i))
            energy.bytes = estimate_add(energy.bytes,
                scaled(traffic->at[i], &m->level[i].joules_per_byte));
    return energy;
}

struct estimate energy_joules(const struct energy *energy)
{
    return estimate_add(energy->flops,
                        estimate_add(energy->bytes, energy->standing));
}
