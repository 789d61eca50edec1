/* full_watts.h - Add up what a machine profile would draw flat out: either way
 * stays below watts.cap, both at once are throttled to it.  NAN: unknown. */
#ifndef FULL_WATTS_H
#define FULL_WATTS_H

#include "sim/price/machine.h"

/* Watts with every product at the peak of that format. */
static inline double full_compute_watts(const struct machine *m,
                                        enum precision precision)
{
    return m->watts.standing.value +
        machine_peak(m, precision)->value * m->joules_per_flop[precision].value;
}

/* Watts with the memory read at its full rate, through every cache; the memory's
 * own where the cap covers it. */
static inline double full_memory_watts(const struct machine *m)
{
    double joules = 0;

    for (int i = 0; i < LEVEL_COUNT; i++)
        if (machine_has_level(m, (enum level)i) &&
            (i != LEVEL_DRAM || m->dram_within_cap))
            joules += m->level[i].joules_per_byte.value;
    return m->watts.standing.value +
           m->level[LEVEL_DRAM].bytes_per_second.value * joules;
}

#endif
