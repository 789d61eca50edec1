/* energy_idle.c - Measure what the machine draws while it sleeps. */
#include "hwprof/energy/energy_idle.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "sim/core/base/clock.h"
#include "sim/core/base/stats.h"

const double energy_least_seconds = 0.1;
const double energy_tick_seconds = 0.001;
static const double most_window_seconds = 60;

double energy_now(const struct energy_clock *clock)
{
    return clock && clock->now ? clock->now(clock->context) : clock_seconds();
}

void energy_sleep(const struct energy_clock *clock, double seconds)
{
    if (clock && clock->sleep) {
        clock->sleep(clock->context, seconds);
        return;
    }
    double whole = floor(seconds);
    struct timespec left = { (time_t)whole,
                             (long)((seconds - whole) * 1e9) };
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

int64_t energy_repeats(double each, double window)
{
    if (!(each > 0) || !isfinite(each))
        return 0;
    double repeats = fmax(1, ceil(window / each));
    repeats += repeats * each < window;      /* the division was rounded */
    return repeats * each > most_window_seconds || repeats > 0x1p53
               ? 0 : (int64_t)repeats;
}

static void settle(struct energy_idle *idle)
{
    double value[ENERGY_IDLE_MAX];
    int n = idle->n_windows;

    if (n == 0)
        return;
    memcpy(value, idle->sample, (size_t)n * sizeof *value);
    stats_sort(value, (size_t)n);
    idle->low = value[0];
    idle->high = value[n - 1];
    idle->spread = stats_deviation(value, (size_t)n, &idle->watts);
    idle->spread /= idle->watts;
}

/* One window; its joules are those since the last reading. */
static enum status add_window(struct energy_idle *idle,
                              struct counter_session *session,
                              const struct energy_clock *clock, double seconds,
                              double *before, struct error *err)
{
    struct cost cost;

    energy_sleep(clock, seconds);
    enum status status = counter_read(session, &cost, err);
    if (status != STATUS_OK)
        return status;
    double now = energy_now(clock), elapsed = now - *before;
    double joules = cost_get(&cost, METRIC_JOULES);

    *before = now;
    if (joules > 0 && elapsed >= energy_least_seconds) {
        idle->sample[idle->n_windows++] = joules / elapsed;
        idle->seconds += elapsed;
        return STATUS_OK;
    }
    idle->n_rejected++;
    snprintf(idle->reason, sizeof idle->reason, "%g J in %.0f ms: dead, "
             "which is not 0 W", joules, 1e3 * elapsed);
    return STATUS_OK;
}

enum status energy_idle_add(struct energy_idle *idle,
                            struct counter_session *session,
                            const struct energy_clock *clock, double seconds,
                            struct error *err)
{
    /* A little over the least, so that rounding does not fall below it. */
    double window = 1.01 * energy_least_seconds;
    int room = ENERGY_IDLE_MAX - idle->n_windows, n;
    struct cost before;

    if (!counter_sees(session, METRIC_JOULES))
        return error_set(err, STATUS_UNAVAILABLE, "%s",
                         session->reason[METRIC_JOULES]);
    if (!(seconds >= energy_least_seconds) || room < 1)
        return error_set(err, STATUS_BAD_VALUE, "an idle baseline of %g s: "
                         "allowed is %g s or more, %d windows in all", seconds,
                         energy_least_seconds, ENERGY_IDLE_MAX);
    n = seconds / window < room ? (int)fmax(1, floor(seconds / window)) : room;
    window = fmax(window, seconds / n);

    enum status status = counter_read(session, &before, err);
    double started = energy_now(clock);
    for (int i = 0; status == STATUS_OK && i < n; i++)
        status = add_window(idle, session, clock, window, &started, err);
    settle(idle);
    if (status == STATUS_OK && idle->n_windows == 0)
        status = error_set(err, STATUS_UNAVAILABLE, "idle baseline: %s",
                           idle->reason);
    return status;
}
