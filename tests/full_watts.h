/* full_watts.h - Add up what a machine profile would draw flat out. */
#ifndef FULL_WATTS_H
#define FULL_WATTS_H

#include "sim/price/machine.h"

/* Watts with everything at full rate at once: every flop of that format and every
 * cache level, and DRAM where the cap covers it.  NAN: a number is unknown.  A
 * sane profile stays below watts.cap. */
static inline double full_watts(const struct machine *m,
                                enum precision precision)
{
    double watts = m->watts.standing.value +
        machine_peak(m, precision)->value * m->joules_per_flop[precision].value;

    for (int i = 0; i < LEVEL_COUNT; i++)
        if (machine_has_level(m, (enum level)i) &&
            (i != LEVEL_DRAM || m->dram_within_cap))
            watts += m->level[i].bytes_per_second.value *
                     m->level[i].joules_per_byte.value;
    return watts;
}

#endif
