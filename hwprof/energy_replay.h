/* energy_replay.h - the energy of an op or a layer, by doing it again and again
 * until a sensor can see it. */
#ifndef ENERGY_REPLAY_H
#define ENERGY_REPLAY_H

#include "hwprof/energy_idle.h"

/* How often to replay. */
struct energy_replay {
    uint64_t repeats;            /* 0: it cannot be done, see reason */
    double   seconds;            /* they take */
    double   error;              /* of the window's joules, by its two ends */
    char     reason[ENERGY_REASON_SIZE];
};

/* Enough repeats for a window of `window` seconds (0: energy_least_seconds), if
 * they fit in `most` seconds (0: 60). */
struct energy_replay energy_replay_plan(double seconds_per_repeat,
                                        double window, double most);

/* Of one repeat. */
struct energy_replayed {
    uint64_t repeats;            /* in the window */
    double   seconds;            /* of one */
    double   gross;              /* J: the whole package while it ran */
    double   net;                /* J: less idle watts; NAN: unknown */
    double   error;              /* of gross, by the ends of the window */
    char     reason[ENERGY_REASON_SIZE];     /* why net is unknown; or "" */
};

/* Plan, read, do it over and over, read.  A window that turns out shorter than
 * energy_least_seconds is planned anew by what it took, three times at most.
 * `session` sees joules and was started; `idle` may be NULL.
 * What is replayed alone finds its data in nearer caches than in the run: give
 * these to energy_apportion() as weights, and the ops add up to the run's own
 * reading.  STATUS_UNAVAILABLE: it cannot be planned, the sensor cannot be read
 * or stood still; statuses of `once` are handed on. */
enum status energy_replay_take(struct energy_replayed *out,
                               struct counter_session *session,
                               const struct energy_clock *clock,
                               const struct energy_idle *idle,
                               double seconds_per_repeat, double most,
                               enum status (*once)(void *context,
                                                   struct error *err),
                               void *context, struct error *err) MUST_CHECK;

#endif
