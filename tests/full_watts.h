/* full_watts.h - Add up what a machine profile would draw flat out. */
#ifndef FULL_WATTS_H
#define FULL_WATTS_H

#include "sim/price/machine.h"

/* Watts with everything at full rate at once: every flop and every cache level,
 * and DRAM where the TDP covers it.  A sane profile stays below tdp_watts. */
static inline double full_watts(const struct machine *m)
{
    double watts = m->static_watts.value +
        m->peak_flops_per_second.value * m->joules_per_flop.value;

    for (int i = 0; i < LEVEL_COUNT; i++)
        if (machine_has_level(m, (enum level)i) &&
            (i != LEVEL_DRAM || m->dram_within_tdp))
            watts += m->level[i].bytes_per_second.value *
                     m->level[i].joules_per_byte.value;
    return watts;
}

#endif
