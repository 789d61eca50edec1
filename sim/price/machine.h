/* machine.h - Describe a machine, as far as prices in seconds and joules need.
 *
 * A profile is a YAML file (configs/machines/); every number in it is a quantity
 * with low, high, grade and source.  Sizes and rates are of all the cores in use
 * together.  What nobody publishes is left out, or {unknown: why}: it is NAN, and
 * so is every price that depends on it. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stdint.h>
#include "sim/core/base/precision.h"
#include "sim/core/config/config.h"
#include "sim/price/flops.h"

/* The levels that an operand may come from, nearest first. */
#define LEVEL_MAP(X)    \
    X(LEVEL_L1,   "l1") \
    X(LEVEL_L2,   "l2") \
    X(LEVEL_L3,   "l3") \
    X(LEVEL_DRAM, "dram")

enum level { LEVEL_MAP(NAMES_ID) LEVEL_COUNT };
extern const char *const level_names[];      /* NULL ends */

struct machine_level {
    struct quantity size_bytes;        /* caches; 0 or unknown: no such level */
    struct quantity bytes_per_second;  /* read by the cores from this level; of
                                        * a cache, unknown: it bounds no time */
    struct quantity joules_per_byte;   /* moved from this level one nearer */
};

/* What it draws, each state the ones before included. */
struct machine_watts {
    struct quantity idle;              /* nothing runs, nothing is loaded */
    struct quantity awake;             /* held by a process: a GPU's context */
    struct quantity standing;          /* anything runs, beside its work */
    struct quantity cap;               /* most it may draw for long: its design
                                        * power, or a limit set below it */
};

/* How work whose curve is of near operands (flops_streams()) waits for others: the
 * share of the shorter of two times that does not hide behind the longer, of
 * arithmetic and the last cache, and of both and the memory; above 1 nothing
 * hides, and what comes from there takes so many times as long as a stream does.
 * Unknown: as WAIT_FEW, or where that is, as in other work.
 *    id           name       what waits                                      */
#define WAIT_MAP(X)                                                            \
    X(WAIT_FEW,    "",        "products of serial.rows rows or fewer, and all" \
                              " those below that are not told of")             \
    X(WAIT_MANY,   "many_",   "products of more rows, up to 64")               \
    X(WAIT_STORED, "stored_", "products of few rows by stored weights")        \
    X(WAIT_QUERY,  "query_",  "attention of one new token over cached keys")

enum wait { WAIT_MAP(NAMES_ID) WAIT_COUNT };

#define MACHINE_SCALE_LEAST 0.01
#define MACHINE_SCALE_MOST  100

struct machine {
    char    name[CONFIG_TEXT_SIZE];
    int64_t cores;                     /* in use; of a GPU, multiprocessors */
    /* Of products: the fastest unit that has the format, no zeros skipped. */
    struct quantity peak_flops_per_second[PRECISION_COUNT];
    struct quantity vector_flops_per_second;   /* of all work but products and
                                        * attention; unknown: the peak of fp32 */
    struct quantity joules_per_flop[PRECISION_COUNT];   /* whole core pipeline,
                                        * not a bare ALU */
    struct quantity select_rows_per_second;   /* chosen among by their scores;
                                        * comparing is no flop */
    struct quantity launch_seconds;    /* to start an op and to end it */
    struct quantity launch_overlap;    /* share of that which hides behind the
                                        * op before, where that is longer */
    struct quantity memory_bytes;      /* that programs can have */
    struct quantity link_bytes_per_second;   /* to one other machine, one way */
    struct machine_watts watts;
    bool    dram_within_cap;           /* HBM: true; DIMMs: false */
    struct machine_level level[LEVEL_COUNT];
    /* Share of dram.bytes_per_second by what an op moves: bytes, share, ... */
    struct config_real_list dram_share;
    struct quantity dram_share_scale;  /* multiplies those shares */
    /* Share of operands that come from memory, by the bytes that came by since
     * their last use: bytes, share, ..., measured where the last cache has the
     * size above; empty: of R bytes a cache of S holds S / R. */
    struct config_real_list dram_reached;
    struct quantity aging_bytes;       /* that are used over and over while 63 % of
                                        * what else the last cache holds is lost to
                                        * others; unknown: none ever is */
    struct machine_wait {
        struct quantity caches, memory;
    } wait[WAIT_COUNT];
    struct quantity serial_rows;       /* most rows of WAIT_FEW; unknown: all */
    /* Share of the peak that work reaches: size, share, size, share, ...; empty:
     * it has another's curve (flops.h) */
    struct config_real_list efficiency[WORK_COUNT];
    /* Of attention: the size of heads at which what does not grow with it, softmax
     * and the way between short products, takes half of the time.  Heads of D have
     * the share D / (D + half) of their curve; unknown: all of it. */
    struct quantity half_head, half_head_backward, half_head_query;
    struct quantity query_head_seconds;   /* of a head of one new token, however
                                           * few keys it has; unknown: it is in
                                           * the curve */
    struct quantity efficiency_scale;  /* multiplies those shares, by the two
                                        * below at the least and most */
    struct quantity unmodelled;        /* what steps take over what is modelled:
                                        * host work, waits, kernels that are not
                                        * the best; 1: nothing, where shares were
                                        * measured; 0 is read as 1 */
    struct quantity price_per_hour;    /* USD */
    struct quantity grams_co2_per_kwh; /* of its grid */
    struct quantity pue;               /* its site's watts over its own */
    int     product_lanes;             /* see lines.h; not a key of a profile:
                                        * set by code that knows the kernels
                                        * that will run */
};

extern const struct config_schema machine_schema;

/* A profile's file, or the name of one in configs/machines (shipped.h).
 * STATUS_BAD_VALUE / BAD_FORMAT with file:line:col.  Beyond the ranges of its
 * keys, a profile is refused for mistaken units: joules per bit, GB for GiB, peaks
 * that count 2:4 sparsity; for levels out of order (of joules: unless they were
 * measured or fitted), and for curves that do not rise along their sizes. */
enum status machine_load(struct machine *out, const char *name,
                         struct error *err) MUST_CHECK;

/* Whether a host queues ops to it, as to a GPU: launches hide behind the op
 * before.  A CPU runs what it launches, and hides none. */
bool machine_is_queued(const struct machine *machine);

bool machine_has_level(const struct machine *machine, enum level level);

/* What products in this format can reach; unknown: its source says why.
 * Borrowed. */
/* How work of so many rows waits; WAIT_COUNT: as other work. */
enum wait machine_wait(const struct machine *machine, enum work work,
                       double rows);

const struct quantity *machine_peak(const struct machine *machine,
                                    enum precision precision);

/* The peak that work has its share of: of products and attention that of their
 * format, of all else that of vectors.  Borrowed. */
const struct quantity *machine_work_peak(const struct machine *machine,
                                         enum work work,
                                         enum precision precision);

/* Share of the peak, with that of its heads, before efficiency_scale, and of
 * the memory's rate, before dram_share_scale: linear between the points of the
 * curve in the logarithm of the size, flat outside them. */
double machine_efficiency(const struct machine *machine, enum work work,
                          const struct flops_size *size);
double machine_dram_share(const struct machine *machine, double bytes);

/* Share of operands that the last cache, of `size` bytes, lost since their last
 * use, `distance` bytes ago. */
double machine_dram_reached(const struct machine *machine, double distance,
                            double size);

#endif
