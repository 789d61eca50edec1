/* energy_replay.c - Work out how often work is done in one energy window. */
#include "hwprof/energy/energy_replay.h"

#include <math.h>
#include <stdio.h>

static const double most_replay_seconds = 60;

struct energy_replay energy_replay_plan(double each, double window,
                                        double most)
{
    struct energy_replay plan = { 0 };

    if (!(window > 0))
        window = energy_least_seconds;
    if (!(most > 0))
        most = most_replay_seconds;
    if (!(each > 0) || !isfinite(each)) {
        snprintf(plan.reason, sizeof plan.reason, "how long one repeat takes "
                 "is unknown");
        return plan;
    }
    if (window < energy_least_seconds) {
        snprintf(plan.reason, sizeof plan.reason, "a window of %.3g ms: "
                 "sensors post about every millisecond and need %.0f ms",
                 1e3 * window, 1e3 * energy_least_seconds);
        return plan;
    }
    double repeats = fmax(1, ceil(window / each));
    repeats += repeats * each < window;      /* the division was rounded */
    if (repeats * each > most || repeats > 0x1p53) {
        snprintf(plan.reason, sizeof plan.reason, "%.0f repeats of %.3g s take "
                 "%.3g s: allowed are %.3g s", repeats, each, repeats * each,
                 most);
        return plan;
    }
    plan.repeats = (uint64_t)repeats;
    plan.seconds = repeats * each;
    plan.error = 2 * energy_tick_seconds / plan.seconds;
    return plan;
}
