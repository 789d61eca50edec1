/* energy.c - Multiply amounts by coefficients, and time by static power. */
#include "sim/price/energy.h"

static struct estimate scaled(double amount, const struct quantity *each)
{
    return (struct estimate){ amount * each->value, amount * each->low,
                              amount * each->high };
}

struct energy energy_of(const struct machine *m, double flops,
                        const struct traffic *traffic, struct estimate seconds)
{
    struct energy energy = {
        .flops = scaled(flops, &m->joules_per_flop),
        .standing = { m->static_watts.value * seconds.value,
                      m->static_watts.low * seconds.low,
                      m->static_watts.high * seconds.high },
    };
    for (int i = 0; i < LEVEL_COUNT; i++)
        energy.bytes = estimate_add(energy.bytes,
            scaled(traffic->at[i], &m->level[i].joules_per_byte));
    return energy;
}

struct estimate energy_joules(const struct energy *energy)
{
    return estimate_add(energy->flops,
                        estimate_add(energy->bytes, energy->standing));
}
