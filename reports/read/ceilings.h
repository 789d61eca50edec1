/* ceilings.h - Read the highest rates that the machine of a profile reaches,
 * as stated by the machine profile that priced the run: "ceilings" of
 * summary.json. */
#ifndef CEILINGS_H
#define CEILINGS_H

#include "reports/read/run.h"

/*    id     key                        name    of what a second, a memory level
 *                                              or the arithmetic             */
#define CEILING_MAP(X)                                                         \
    X(PEAK,  "flops_per_second",        "peak")                                \
    X(L1,    "l1_bytes_per_second",     "L1")                                  \
    X(L2,    "l2_bytes_per_second",     "L2")                                  \
    X(L3,    "l3_bytes_per_second",     "L3")                                  \
    X(DRAM,  "dram_bytes_per_second",   "DRAM")

enum ceiling_id {
#define X(id, key, name) CEILING_##id,
    CEILING_MAP(X)
#undef X
    CEILING_COUNT
};
extern const char *const ceiling_names[CEILING_COUNT];

/* FLOPs or bytes per second of all cores in use together. */
struct ceiling {
    double value, low, high;   /* low <= value <= high, all above 0; NAN: the
                                * machine has no such level, or nobody said */
    const char *grade;         /* borrowed: "measured", "datasheet", ... */
};

struct ceilings {
    const char *machine;       /* borrowed; NULL: the run states no ceilings */
    double cores;              /* in use together; NAN: unknown */
    struct ceiling of[CEILING_COUNT];
};

/* A rate that is no positive number is unknown, an end on the wrong side of the
 * value is the value. */
struct ceilings ceilings_read(const struct run *profile);

bool ceiling_known(const struct ceiling *ceiling);
bool ceiling_measured(const struct ceiling *ceiling);

#endif
