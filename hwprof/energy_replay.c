/* energy_replay.c - planning windows of one op, and taking them. */
#include "hwprof/energy_replay.h"

#include <math.h>
#include <stdio.h>
#include "hwprof/energy_totals.h"

enum { TRIES_MAX = 3 };
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

/* Joules and seconds of one window. */
static enum status window(double *joules, double *seconds,
                          struct counter_session *session,
                          const struct energy_clock *clock, uint64_t repeats,
                          enum status (*once)(void *, struct error *),
                          void *context, struct error *err)
{
    struct cost cost;
    enum status status = counter_read(session, &cost, err);
    double started = energy_now(clock);

    for (uint64_t i = 0; status == STATUS_OK && i < repeats; i++)
        status = once(context, err);
    if (status == STATUS_OK)
        status = counter_read(session, &cost, err);
    *seconds = energy_now(clock) - started;
    *joules = status == STATUS_OK ? cost_get(&cost, METRIC_JOULES)
                                  : (double)NAN;
    return status;
}

enum status energy_replay_take(struct energy_replayed *out,
                               struct counter_session *session,
                               const struct energy_clock *clock,
                               const struct energy_idle *idle, double each,
                               double most,
                               enum status (*once)(void *, struct error *),
                               void *context, struct error *err)
{
    enum status status = STATUS_OK;
    double joules = 0, seconds = 0;

    *out = (struct energy_replayed){ .net = (double)NAN };
    if (!counter_sees(session, METRIC_JOULES))
        return error_set(err, STATUS_UNAVAILABLE, "%s",
                         session->reason[METRIC_JOULES]);
    for (int i = 0; i < TRIES_MAX && seconds < energy_least_seconds; i++) {
        /* a tenth more, so that a window planned anew is long enough */
        struct energy_replay plan = energy_replay_plan(each,
            (i ? 1.1 : 1) * energy_least_seconds, most);
        if (plan.repeats == 0)
            return error_set(err, STATUS_UNAVAILABLE, "%s", plan.reason);
        status = window(&joules, &seconds, session, clock, plan.repeats, once,
                        context, err);
        if (status != STATUS_OK)
            return status;
        out->repeats = plan.repeats;
        each = seconds / (double)plan.repeats;
    }
    if (seconds < energy_least_seconds)
        return error_set(err, STATUS_UNAVAILABLE, "%d windows came out shorter "
                         "than %.0f ms", TRIES_MAX,
                         1e3 * energy_least_seconds);
    if (!(joules > 0))
        return error_set(err, STATUS_UNAVAILABLE, "the sensor stood still for "
                         "%.0f ms: dead, which is not 0 J", 1e3 * seconds);

    int64_t n = (int64_t)out->repeats;
    struct energy_totals totals = energy_totals(joules, seconds, idle, n, n);
    out->seconds = seconds / (double)n;
    out->gross = totals.gross_per_token;
    out->net = totals.net_per_token;
    out->error = 2 * energy_tick_seconds / seconds;
    snprintf(out->reason, sizeof out->reason, "%s", totals.reason);
    return STATUS_OK;
}
