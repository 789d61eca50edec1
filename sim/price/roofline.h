/* roofline.h - Turn flops and bytes into seconds and joules, with intervals. */
#ifndef ROOFLINE_H
#define ROOFLINE_H

#include "sim/price/lines.h"
#include "sim/price/machine.h"

struct estimate {
    double value, low, high;
};

/* One op as the machine sees it.  Fresh operands were touched by the op before;
 * stale ones (weights, cached keys, forward's results for backward) a pass ago,
 * when everything else the run holds has come by since. */
struct roofline_load {
    enum work work;
    enum precision precision;         /* that it calculates in */
    uint64_t  flops;
    double    size;                   /* flops that the curve is read at */
    uint64_t  fresh_bytes, stale_bytes;
    double    footprint_bytes;        /* all that the run holds */
    const struct lines_op *lines;     /* NULL: every operand its own line */
};

/* Operand bytes that cross from each level to the one nearer the core, one way
 * or the other: at[LEVEL_L1] are the operands themselves.  in[]: bytes of the
 * lines that the nearer level takes in for them, as a counter of fills sees
 * them (lines.h).  A level that the machine lacks has 0. */
struct traffic {
    double at[LEVEL_COUNT], in[LEVEL_COUNT];
};

/* The streaming model: operands that come back after R other bytes are still
 * held by a level of size S >= R, and not by a smaller one, which drops each
 * just before its turn (least recently used; reading 4, 8 and 12 times the
 * first cache brings in 1.00 lines a line on Zen 3).  at[] has each operand
 * once an op, so tiles fetched again are not seen there: a lower bound near the
 * core. */
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

/* The parts, so that a token can be given its own flops and bytes. */
struct energy {
    struct estimate flops;            /* flops * joules_per_flop */
    struct estimate bytes;            /* over the levels, bytes * J/byte */
    struct estimate standing;         /* watts.standing * seconds */
};

/* Joules by effective coefficients, a model and not a reading: each level is
 * charged for the bytes that cross from it to the one nearer the core. */
struct energy energy_of(const struct machine *machine,
                        enum precision precision, double flops,
                        const struct traffic *traffic, struct estimate seconds);
struct estimate energy_joules(const struct energy *energy);

#endif
