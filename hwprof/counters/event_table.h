/* event_table.h - Say which events make up a metric on which CPU.
 *
 * One YAML file per kind of CPU in configs/counters/:
 *
 *   table: amd-zen3              # the file's name without .yaml
 *   vendor: AuthenticAMD         # /proc/cpuinfo; "arm" for Arm Ltd, "any"
 *   family: 25                   # Arm: 8
 *   models: [0x00-0x0f, 0x21]    # Arm: part numbers; left out: all
 *   events_at_once: 5            # in one group, no multiplexing
 *   scrub: 0xc0                  # raw event to clear stale counters with
 *   metrics:
 *     flops:                     # a count of sim/core/ledger/cost.h
 *       events:                  # the metric is the sum of times * count
 *         - {name: "FLOPS:ANY", code: 0x0f03, times: 1, papi: "..."}
 *       others_at_most: 2        # that share a group with it; left out: any
 *       most_per_second: 3.2e11  # one thread; more is garbage
 *       source: where this formula comes from, and how far it was checked
 *     dram_bytes:
 *       missing: why this CPU has no event for it
 *
 * An event may say kind: hardware (PERF_COUNT_HW_ code; default raw), and
 * extra: a second register (perf's config1). */
#ifndef EVENT_TABLE_H
#define EVENT_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include "hwprof/machine/cpu_id.h"
#include "sim/core/ledger/cost.h"

enum { EVENT_NAME_SIZE = 64, EVENT_TEXT_SIZE = 400,
       EVENT_ROW_MAX = 6,          /* events of one metric */
       EVENT_RANGE_MAX = 16, EVENT_GROUP_MAX = 8 };

enum event_kind { EVENT_RAW, EVENT_HARDWARE, EVENT_KIND_COUNT };

struct event {
    char     name[EVENT_NAME_SIZE];
    char     papi[EVENT_NAME_SIZE];   /* "" when PAPI has no name for it */
    enum event_kind kind;
    uint64_t code, extra;
    int64_t  times;                   /* weight in its metric's sum */
};

struct event_row {
    int    n_events;                  /* 0: see missing */
    struct event event[EVENT_ROW_MAX];
    int    others_at_most;            /* EVENT_GROUP_MAX: any */
    double most_per_second;
    char   source[EVENT_TEXT_SIZE];
    char   missing[EVENT_TEXT_SIZE];
};

struct event_range { uint32_t first, last; };

struct event_table {
    char     name[EVENT_NAME_SIZE];
    char     path[EVENT_TEXT_SIZE];
    char     vendor[16];
    uint32_t family;
    int      n_models;                /* 0: all */
    struct event_range model[EVENT_RANGE_MAX];
    int      events_at_once;
    uint64_t scrub;                   /* 0: nothing to scrub with */
    struct event_row row[METRIC_FIRST_REAL];
};

/* STATUS_BAD_FORMAT, BAD_VALUE: "file:line:col: what, and what is allowed". */
enum status event_table_load(struct event_table *out, const char *path,
                             struct error *err) MUST_CHECK;

/* The first table in directory/counters, by name, that fits; one for vendor
 * "any" where none does.  A directory of NULL is looked for: $ISOBATH_CONFIGS,
 * beside the executable's directory (configs, share/isobath/configs),
 * ./configs.  STATUS_UNAVAILABLE: no directory, or nothing fits. */
enum status event_table_find(struct event_table *out, const char *directory,
                             struct cpu_id id, struct error *err) MUST_CHECK;

/* Split the metrics that the table has events for into groups that the CPU can
 * count at once, in the order of enum metric: bits into group[].  Returns how
 * many groups. */
int event_table_groups(const struct event_table *table, uint32_t metrics,
                       uint32_t group[METRIC_FIRST_REAL]);

#endif
