/* load.h - Tell what other work took of the machine while something was timed.
 *
 * A wall clock cannot: it is read beside the time that the kernel gave the
 * process, and what is timed stands between two probes, short loops whose rates
 * fall when others run. */
#ifndef LOAD_H
#define LOAD_H

#include "sim/core/base/error.h"

/* Seconds from one reading to another, or since some start; NAN: not told. */
struct load_times {
    double wall;
    double cpu;                  /* of all threads of the process */
    double steal;                /* the host's, of all CPUs, to 1/100 s */
    double waiting;              /* threads of the process, for a CPU */
};

/* From proc_root/stat and proc_root/self/task/N/schedstat; NULL: "/proc". */
struct load_times load_times_now(const char *proc_root);
struct load_times load_times_between(const struct load_times *before,
                                     const struct load_times *after);

/* Rates of all threads together. */
struct load_probe {
    double flops_per_second, bytes_per_second;
};

struct load_prober {
    struct load_probe (*probe)(void *context);
    void *context;
    struct load_probe best;      /* of all so far */
};

/* Multiply-adds, then reads, of 4 ms each on n_threads threads (0: one).
 * Release with load_prober_close(). */
enum status load_prober_open(struct load_prober *out, int n_threads,
                             struct error *err) MUST_CHECK;
void        load_prober_close(struct load_prober *prober);

struct load_probe load_probe_take(struct load_prober *prober);

/* What is timed was busy where one of the two probes beside it reached less of
 * the best of the run than this. */
extern const double load_least_share;                    /* 0.88 */
double load_share(const struct load_prober *prober,
                  const struct load_probe *before,
                  const struct load_probe *after);

#endif
