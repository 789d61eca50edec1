/* rates.h - Take from a machine profile the numbers that prices depend on: its
 * values, or one draw of what they may be. */
#ifndef RATES_H
#define RATES_H

#include "sim/core/base/random.h"
#include "sim/price/machine.h"

/* NAN: unknown; of a level's size also: no such level. */
struct rates {
    const struct machine *machine;   /* borrowed; for its curves */
    double products, vectors;        /* flop/s: peak of the format's products; of
                                      * all other work */
    double joules_per_product, joules_per_vector;     /* a flop */
    double efficiency_scale, dram_share_scale;
    double select;                   /* rows/s that a choice is made among;
                                      * unknown: it bounds no time */
    double unmodelled;               /* that the sum of all that is multiplied
                                      * by */
    double launch[WORK_COUNT];       /* s an op of a kind */
    double overlap;                  /* share of it that work may hide */
    double serial;                   /* share of the shorter of arithmetic and
                                      * memory that does not hide behind the
                                      * longer: 0, drawn up to 1 */
    double serial_memory, serial_caches;   /* of machine.h's keys; unknown: as in
                                            * other work; the share above */
    double link;                     /* B/s to another device */
    double standing, cap;            /* W; unknown cap: none */
    struct { double size, rate, joules; } level[LEVEL_COUNT];
};

struct rates rates_of(const struct machine *machine, enum precision products);

/* Every number by itself from the triangle of its low, value and high; all ops
 * are then priced by the same draw.  But a launch is an op's as much as the
 * machine's: each kind of work goes by the draw of products or, as often, by its
 * own, from `kinds`.  Else what waits for launches alone would be known exactly
 * beside a rival that does too, whatever a launch takes. */
struct rates rates_drawn(const struct machine *machine, enum precision products,
                         struct random *random, struct random *kinds);

#endif
