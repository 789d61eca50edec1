/* machine.h - Describe a machine, as far as prices in seconds and joules need.
 *
 * A profile is a YAML file (configs/machines/); every number in it carries low,
 * high, grade and source.  Sizes and rates are of all the cores in use
 * together, in float32. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stdint.h>
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
    struct quantity size_bytes;        /* caches; value 0: no such level */
    struct quantity bytes_per_second;  /* read by the cores from this level */
    struct quantity joules_per_byte;   /* moved from this level one nearer */
};

struct machine {
    char    name[CONFIG_TEXT_SIZE];
    int64_t cores;                     /* in use; of a GPU, multiprocessors */
    struct quantity peak_flops_per_second;   /* all cores in use */
    struct quantity core_flops_per_second;   /* one core alone */
    struct quantity joules_per_flop;   /* whole core pipeline, not a bare ALU */
    struct quantity static_watts;      /* drawn as long as the run lasts */
    struct quantity tdp_watts;         /* of the share of the chip in use */
    struct quantity launch_seconds;    /* to start an op and to end it */
    bool    dram_within_tdp;           /* HBM: true; DIMMs: false */
    struct machine_level level[LEVEL_COUNT];
    /* Share of the peak an op reaches: flops, share, flops, share, ... */
    struct config_real_list efficiency[WORK_COUNT];
    struct quantity efficiency_scale;  /* multiplies those shares */
    int     product_lanes;             /* see lines.h; not a key of a profile:
                                        * set by code that knows the kernels
                                        * that will run */
};

extern const struct config_schema machine_schema;

/* A profile's file, or the name of one in configs/machines (shipped.h).
 * STATUS_BAD_VALUE / BAD_FORMAT with file:line:col.  Beyond the ranges of its
 * keys, a profile is refused for joules per byte that are joules per bit,
 * levels out of order (of joules: unless they were measured or fitted), and
 * curves that do not rise along the flops. */
enum status machine_load(struct machine *out, const char *name,
                         struct error *err) MUST_CHECK;

bool machine_has_level(const struct machine *machine, enum level level);

/* Share of the peak, before efficiency_scale: linear between the points of the
 * curve in log(flops), flat outside them. */
double machine_efficiency(const struct machine *machine, enum work work,
                          uint64_t flops);

#endif
