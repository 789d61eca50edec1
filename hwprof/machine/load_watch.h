/* load_watch.h - Watch what others take of the machine while a run works.
 *
 * A run is longer than any probe, so two witnesses are heard: probes before and
 * after it, and the kernel's account of how long its threads waited for a CPU
 * all the while. */
#ifndef LOAD_WATCH_H
#define LOAD_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include "hwprof/machine/load.h"
#include "sim/core/ledger/cost.h"

struct load_watch {
    struct load_prober prober;
    const char *proc_root;       /* NULL: "/proc" */
    struct load_times  began;
    struct load_probe  before, after;    /* of the last run */
};

struct load_seen {
    struct load_times times;     /* what the run took */
    double share;                /* the lesser probe's, of the best; NAN: no
                                  * probe */
    bool   busy;                 /* a probe fell below load_least_share, or the
                                  * threads waited for more than what that
                                  * leaves of the time they could have run */
};

/* Probes run on n_threads threads, as the run does.  Release with
 * load_watch_close(); {0} is fine. */
enum status load_watch_open(struct load_watch *out, int n_threads,
                            struct error *err) MUST_CHECK;
void        load_watch_close(struct load_watch *watch);

/* Probes come before the first reading of the clock and after the last. */
void             load_watch_begin(struct load_watch *watch);
struct load_seen load_watch_end(struct load_watch *watch);

/* "wall 1.2 s, CPU 1.1 s, steal 0 s, waiting for a CPU 0.01 s"; "-": the kernel
 * does not tell. */
void    load_times_print(FILE *file, const struct load_times *times);
/* The same, whether it was busy, and a newline. */
void    load_seen_print(FILE *file, const struct load_seen *seen);
/* {"wall_seconds","cpu_seconds","steal_seconds","waiting_seconds","busy",
 * "probe_share"}; null: not told.  NULL: no memory. */
json_t *load_seen_json(const struct load_seen *seen);
/* How seconds are known that a clock told meanwhile. */
enum provenance load_seen_source(const struct load_seen *seen);

#endif
