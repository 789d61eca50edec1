/* roofline.h - from flops and bytes to seconds, with an interval. */
#ifndef ROOFLINE_H
#define ROOFLINE_H

#include "sim/machine.h"

struct estimate {
    double value, low, high;
};

/* One op as the machine sees it.  Fresh operands were touched by the op before;
 * stale ones (weights, cached keys, what forward kept for backward) a pass ago,
 * when everything else the run holds has come by since. */
struct roofline_load {
    enum work work;
    uint64_t  flops;
    uint64_t  fresh_bytes, stale_bytes;
    double    footprint_bytes;        /* all that the run holds */
};

/* Bytes that cross from each level to the one nearer the core: at[LEVEL_L1] are
 * the operands themselves.  A level the machine lacks has 0. */
struct traffic {
    double at[LEVEL_COUNT];
};

/* The streaming model: of operands that come back after R other bytes, a level
 * of size S < R still holds the share S/R; the rest comes from further out.
 * Each operand is fetched once an op, so tiles fetched again are not seen: a
 * lower bound near the core. */
struct traffic roofline_traffic(const struct machine *machine,
                                const struct roofline_load *load);

/* max(flops / (peak * efficiency), bytes / bandwidth over the levels) + launch.
 * Low takes the favourable end of every number; high the other end, and flops
 * and bytes one after the other instead of at once.
 * Williams, Waterman, Patterson, Roofline, CACM 52(4), 2009, pp. 65-76. */
struct estimate roofline_seconds(const struct machine *machine,
                                 const struct roofline_load *load,
                                 const struct traffic *traffic);

/* Sum, for coefficients that err together: lows add to lows. */
struct estimate estimate_add(struct estimate a, struct estimate b);

#endif
