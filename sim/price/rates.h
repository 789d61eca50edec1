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
    double query_head;               /* s a head of a query; unknown: none */
    double overlap;                  /* share of it that work may hide */
    double serial;                   /* share of the shorter of arithmetic and
                                      * memory that does not hide behind the
                                      * longer: 0, drawn up to 1 */
    struct { double caches, memory; } wait[WAIT_COUNT];   /* likewise, of
                                      * machine.h's keys; unknown caches: the
                                      * share above */
    double aging;                    /* B; unknown: nothing ages */
    double link;                     /* B/s to another device */
    double standing, cap;            /* W; unknown cap: none */
    struct { double size, rate, joules; } level[LEVEL_COUNT];
};

/* The numbers that are drawn, as keys of a profile name them: those of products are
 * of the arithmetic's format; serial is no key, but a share drawn from 0 to 1.
 *    member                  name                                             */
#define RATES_MAP(X)                                                           \
    X(products,           "peak_flops_per_second")                             \
    X(vectors,            "vector_flops_per_second")                           \
    X(joules_per_product, "joules_per_flop")                                   \
    X(joules_per_vector,  "joules_per_flop.fp32")                              \
    X(efficiency_scale,   "efficiency_scale")                                  \
    X(dram_share_scale,   "dram_share_scale")                                  \
    X(select,             "select_rows_per_second")                            \
    X(unmodelled,         "unmodelled")                                        \
    X(launch,             "launch_seconds")   /* a number a kind of work */    \
    X(query_head,         "query_head_seconds")                                \
    X(overlap,            "launch_overlap")                                    \
    X(serial,             "overlap of arithmetic and memory")                  \
    RATES_WAIT_MAP(X, WAIT_FEW, "serial.")                                     \
    RATES_WAIT_MAP(X, WAIT_MANY, "serial.many_")                               \
    RATES_WAIT_MAP(X, WAIT_STORED, "serial.stored_")                           \
    RATES_WAIT_MAP(X, WAIT_QUERY, "serial.query_")                             \
    X(aging,              "dram.aging_bytes")                                  \
    X(link,               "link_bytes_per_second")                             \
    X(standing,           "watts.static")                                      \
    X(cap,                "watts.cap")                                         \
    RATES_LEVEL_MAP(X, LEVEL_L1, "l1") RATES_LEVEL_MAP(X, LEVEL_L2, "l2")      \
    RATES_LEVEL_MAP(X, LEVEL_L3, "l3") RATES_LEVEL_MAP(X, LEVEL_DRAM, "dram")
#define RATES_WAIT_MAP(X, at, name)                                            \
    X(wait[at].memory,  name "memory")                                         \
    X(wait[at].caches,  name "caches")
#define RATES_LEVEL_MAP(X, at, name)                                           \
    X(level[at].size,   name ".size_bytes")                                    \
    X(level[at].rate,   name ".bytes_per_second")                              \
    X(level[at].joules, name ".joules_per_byte")

#define X(member, name) + 1
enum { RATES_NUMBERS = 0 RATES_MAP(X) };
#undef X
extern const char *const rates_numbers[RATES_NUMBERS];

/* The launches of kinds of work are one number, of several parts. */
int    rates_parts(int number);
double rates_part(const struct rates *rates, int number, int part);

struct rates rates_of(const struct machine *machine, enum precision products);

/* Every number by itself from the triangle of its low, value and high; all ops
 * are then priced by the same draw.  But a launch is an op's as much as the
 * machine's: each kind of work goes by the draw of products or, as often, by its
 * own, from `kinds`.  Else what waits for launches alone would be known exactly
 * beside a rival that does too, whatever a launch takes. */
struct rates rates_drawn(const struct machine *machine, enum precision products,
                         struct random *random, struct random *kinds);

#endif
