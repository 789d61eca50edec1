/* energy_replay.h - Say how often short work has to be done again until a
 * sensor can see it. */
#ifndef ENERGY_REPLAY_H
#define ENERGY_REPLAY_H

#include "hwprof/energy/energy_idle.h"

/* A plan: so often the work is done in one window. */
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

#endif
