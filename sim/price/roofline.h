/* roofline.h - Turn flops and bytes into seconds and joules. */
#ifndef ROOFLINE_H
#define ROOFLINE_H

#include "sim/price/lines.h"
#include "sim/price/rates.h"

/* One op as the machine sees it.  Fresh operands were touched by the op before;
 * stale ones (weights, cached keys, forward's results for backward) a pass ago,
 * when everything else the run holds has come by since. */
struct roofline_load {
    enum work work;
    double flops;
    double rows;              /* that it works on */
    double share;             /* of the peak, at its size: machine_efficiency() */
    double choices;           /* rows that a choice is made among */
    double query_heads;       /* of all its new tokens */
    double exchanged;         /* bytes that go over the link, after the work */
    double fresh_bytes, stale_bytes;
    double footprint_bytes;   /* all that the run holds */
    double repeated_bytes;    /* that steps without this op used over and over
                               * since it last did */
    double recurring_bytes;   /* of the stale ones: weights that this pass ran
                               * with already, in the layer of an earlier span */
    double span_bytes;        /* what a span of layers holds, and has come by
                               * since */
};

/* Operand bytes that cross from each level to the one nearer the core, one way
 * or the other: at[LEVEL_L1] are the operands themselves.  A level that the
 * machine lacks has 0. */
struct traffic {
    double at[LEVEL_COUNT];
};

/* Operands that come back after R other bytes are still held by a near level of
 * size S >= R, and not by a smaller one, which drops each just before its turn
 * (least recently used; reading 4, 8 and 12 times the first cache brings in 1.00
 * lines a line on Zen 3).  Of the last level the share S/R is held, or what the
 * machine's dram.reached says: caches that many cores share drop lines in no such
 * order, and are shared with others, who meanwhile take of it what is not used.
 * Each operand counts once an op: a lower bound near the core. */
struct traffic roofline_traffic(const struct rates *rates,
                                const struct roofline_load *load);

/* Bytes of the lines that the level nearer the core takes in, as a counter of
 * fills sees them (lines.h), of caches that drop the least recently used. */
void roofline_fills(double fills[LEVEL_COUNT], const struct rates *rates,
                    const struct roofline_load *load,
                    const struct lines_op *lines);

/* The slower of arithmetic (flops / (peak * share), choices, heads) and memory
 * (bytes / bandwidth, the slowest level), with what of the shorter does not hide
 * behind it, and a launch, of which it hides a share; then the exchange and its launch.  NAN:
 * it rests on an unknown number.
 * Williams, Waterman, Patterson, Roofline, CACM 52(4), 2009, pp. 65-76. */
double roofline_seconds(const struct rates *rates,
                        const struct roofline_load *load,
                        const struct traffic *traffic);

/* The parts, so that a token can be given its own flops and bytes. */
struct energy {
    double flops;             /* flops * joules_per_flop */
    double bytes;             /* over the levels, bytes * J/byte */
    double standing;          /* standing watts * seconds */
};

/* Joules by effective coefficients, a model and not a reading: each level is
 * charged for the bytes that cross from it to the one nearer the core. */
struct energy energy_of(const struct rates *rates, enum work work, double flops,
                        const struct traffic *traffic, double seconds);
double energy_joules(const struct energy *energy);

/* The seconds of work that would draw more than the cap in `seconds`: it is
 * throttled until it does not. */
double energy_throttled(const struct rates *rates, enum work work, double flops,
                        const struct traffic *traffic, double seconds);

/* An op by each of n rates of a machine, so many times, added to sum[n]; `alike`:
 * it moves the same by all of them. */
struct roofline_total { double seconds, joules; };
void roofline_add(struct roofline_total *sum, const struct roofline_load *load,
                  double times, const struct rates *rates, int n, bool alike);

#endif
