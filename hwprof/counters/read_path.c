/* read_path.c - Time the ways to read counters, and put the best first. */
#include "hwprof/counters/read_path.h"

#include <string.h>
#include "sim/core/base/clock.h"
#include "sim/core/base/stats.h"

static bool is_better(const struct read_path *a, const struct read_path *b)
{
    int more = __builtin_popcount(a->seen) - __builtin_popcount(b->seen);

    return more ? more > 0 : a->seconds < b->seconds;
}

/* Equals keep their order. */
static void order(struct read_path *path, int n)
{
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && is_better(&path[k], &path[k - 1]); k--) {
            struct read_path better = path[k];
            path[k] = path[k - 1];
            path[k - 1] = better;
        }
}

/* Keep the reason why the session sees none of `metrics`. */
static void copy_reason(struct read_path *path,
                        const struct counter_session *session,
                        uint32_t metrics)
{
    for (int m = METRIC_COUNT - 1; m >= 0; m--)
        if (metrics & counter_bit((enum metric)m))
            memcpy(path->reason, session->reason[m], sizeof path->reason);
}

static void time_readings(struct read_path *path,
                          struct counter_session *session)
{
    double seconds[READ_PATH_TRIES];
    struct cost cost;
    struct error why = { 0 };
    enum status status = counter_start(session, &why);

    for (int i = 0; status == STATUS_OK && i < READ_PATH_TRIES; i++) {
        double started = clock_seconds();
        status = counter_read(session, &cost, &why);
        seconds[i] = clock_seconds() - started;
    }
    if (status != STATUS_OK) {
        path->seen = 0;
        memcpy(path->reason, why.text, sizeof path->reason - 1);
        return;
    }
    path->seconds = stats_median(seconds, READ_PATH_TRIES);
}

int read_path_survey(struct read_path out[READ_PATH_MAX],
                     const struct counter_backend *const *backends,
                     const struct counter_options *options,
                     enum status *status, struct error *err)
{
    int n = 0;

    *status = STATUS_OK;
    for (; n < READ_PATH_MAX && backends[n] && *status == STATUS_OK; n++) {
        struct counter_session *session = NULL;
        out[n] = (struct read_path){ .backend = backends[n] };
        *status = counter_open(&session, backends[n], options, err);
        if (*status != STATUS_OK)
            break;
        out[n].seen = counter_seen(session) & options->metrics;
        if (out[n].seen)
            time_readings(&out[n], session);
        else
            copy_reason(&out[n], session, options->metrics);
        counter_close(session);
    }
    order(out, n);
    return n;
}
