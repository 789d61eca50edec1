/* energy_idle.h - Measure what the machine draws while nothing runs, and say
 * how long a reading has to be.
 *
 * A sensor posts about every millisecond, without a time stamp: a window of
 * 0.1 s is known to 2 %, one of 1 s to 0.2 % (Khan et al., RAPL in Action,
 * TOMPECS 3(2), 2018). */
#ifndef ENERGY_IDLE_H
#define ENERGY_IDLE_H

#include "hwprof/counters/counter.h"
#include "hwprof/energy/energy_fit.h"

extern const double energy_least_seconds;    /* 0.1: no shorter window */
extern const double energy_tick_seconds;     /* 0.001: between two postings */

/* How often work of `each` seconds has to be done to fill a window of `window`
 * seconds; 0: each is unknown, or it would take more than a minute. */
int64_t energy_repeats(double each, double window);

/* The clock to go by and to sleep by; all NULL: CLOCK_MONOTONIC and
 * nanosleep(). */
struct energy_clock {
    double (*now)(void *context);
    void   (*sleep)(void *context, double seconds);
    void    *context;
};
double energy_now(const struct energy_clock *clock);
void   energy_sleep(const struct energy_clock *clock, double seconds);

enum { ENERGY_IDLE_MAX = 256 };

/* {0} to begin with; add windows before the work and after it. */
struct energy_idle {
    int    n_windows;            /* 0: nothing is known */
    int    n_rejected;           /* windows that showed no energy */
    double seconds;              /* of the windows together */
    double watts;                /* median */
    double low, high;            /* of single windows */
    double spread;               /* median |window - median| / median */
    double sample[ENERGY_IDLE_MAX];
    char   reason[ENERGY_REASON_SIZE];       /* of the last rejection */
};

/* Sleep for about `seconds` and add a window each 0.1 s (longer ones when there
 * is no room for so many).  `session` sees joules and was started; nothing else
 * of this process may run.  STATUS_BAD_VALUE: shorter than a window;
 * STATUS_UNAVAILABLE: the session does not see joules, cannot be read any more,
 * or showed none in any window, which is dead and not 0 W. */
enum status energy_idle_add(struct energy_idle *idle,
                            struct counter_session *session,
                            const struct energy_clock *clock, double seconds,
                            struct error *err) MUST_CHECK;

#endif
