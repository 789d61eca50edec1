/* energy_run.h - Take windows of kernels between two readings of a sensor, as
 * rows for energy_fit().
 *
 * Rounds of all kernels, so that drift hits them alike; the first kernel, idle,
 * before and after everything as well.  A window that cannot be right is left
 * out and said, and never counts as 0 J. */
#ifndef ENERGY_RUN_H
#define ENERGY_RUN_H

#include "hwprof/counters/counter.h"
#include "hwprof/energy/energy_fit.h"
#include "hwprof/energy/energy_idle.h"

/* Do kernel `kernel` for about `seconds`; amount[ENERGY_IDLE] is not its
 * business.  STATUS_UNAVAILABLE: leave this window out; others end the run. */
typedef enum status energy_run_fn(void *context, int kernel, double seconds,
                                  double amount[ENERGY_TERM_COUNT],
                                  struct error *err);

struct energy_run_options {
    const struct counter_backend *backend;   /* NULL: counter_rapl */
    struct counter_options counter;          /* root, trace, busy, clock */
    struct energy_clock clock;
    energy_run_fn *run;
    void       *context;
    const int  *kernels;         /* which ones, idle first; borrowed */
    int         n_kernels;
    int         n_rounds;
    double      seconds;         /* of a window */
    /* Told how far it is, may be NULL. */
    void      (*tell)(void *tell_context, int n_done, int n_windows);
    void       *tell_context;
};

enum { ENERGY_REJECTION_MAX = 8 };
struct energy_rejection {
    int  kernel, n;              /* the first such, and how many */
    char reason[ENERGY_REASON_SIZE];
};

struct energy_run {
    struct energy_row *row;      /* [n_rows] */
    int    n_rows, n_windows, n_rejected;
    int    n_reasons;            /* more kinds than there is room for: the last
                                  * one stands for them */
    struct energy_rejection rejection[ENERGY_REJECTION_MAX];
    double idle_before, idle_after;          /* W; NAN: rejected */
    double seconds;              /* the whole run */
    char   source[COUNTER_SOURCE_SIZE];      /* sensors */
};

/* STATUS_UNAVAILABLE: no sensor, with its own reason, or one that fails again
 * and again; STATUS_BAD_VALUE: windows shorter than energy_least_seconds.  A
 * sensor that fails once is opened anew, a recorded run is not.  Release with
 * energy_run_close(), also after a failure. */
enum status energy_run(struct energy_run *out,
                       const struct energy_run_options *options,
                       struct error *err) MUST_CHECK;
void        energy_run_close(struct energy_run *run);

#endif
