/* measure_load.c - Say which repeats others disturbed, and what they took. */
#include <math.h>
#include "hwprof/measure/measure_inside.h"
#include "sim/core/base/stats.h"

static double share_of(const struct measure *m, const struct measured_pass *p,
                       int repeat)
{
    return m->options.prober ? load_share(m->options.prober,
                                          &p->load[repeat].before,
                                          &p->load[repeat].after)
                             : (double)NAN;
}

static bool is_quiet(const struct measure *m, const struct measured_pass *p,
                     int repeat)
{
    return !(share_of(m, p, repeat) < load_least_share);
}

static int count_quiet(const struct measure *m, const struct measured_pass *p)
{
    int n = 0;

    for (int r = 0; r < p->n_accepted; r++)
        n += is_quiet(m, p, r);
    return n;
}

bool load_is_busy(const struct measure *m, const struct measured_pass *p)
{
    return p->n_accepted > 0 && count_quiet(m, p) == 0;
}

bool load_counts(const struct measure *m, const struct measured_pass *p,
                 int repeat)
{
    return is_quiet(m, p, repeat) || load_is_busy(m, p);
}

bool measure_is_quiet(const struct measure *m, enum metric metric, int repeat)
{
    const struct measured_pass *p = metric == METRIC_JOULES
                                        ? &m->pass[PASS_TIME]
                                        : measure_timed(m);
    return p && repeat < p->n_accepted && is_quiet(m, p, repeat);
}

/* One of the times that a repeat took, by its place in struct load_times. */
static double median(const struct measure *m, const struct measured_pass *p,
                     size_t offset)
{
    double value[MEASURE_REPEAT_MAX];
    size_t n = 0;

    for (int r = 0; r < p->n_accepted; r++)
        if (load_counts(m, p, r))
            value[n++] = *(const double *)(const void *)
                ((const char *)&p->load[r].times + offset);
    return n ? stats_median(value, n) : (double)NAN;
}

struct measure_load measure_load(const struct measure *m)
{
    const struct measured_pass *p = measure_timed(m);
    struct measure_load load = { .least_share = (double)NAN };

    if (!p)
        return load;
    load.n = p->n_accepted;
    load.n_quiet = count_quiet(m, p);
    for (int r = 0; r < p->n_accepted; r++)
        if (load_counts(m, p, r))
            load.least_share = fmin(load.least_share, share_of(m, p, r));
    load.median = (struct load_times){
        .wall = median(m, p, offsetof(struct load_times, wall)),
        .cpu = median(m, p, offsetof(struct load_times, cpu)),
        .steal = median(m, p, offsetof(struct load_times, steal)),
        .waiting = median(m, p, offsetof(struct load_times, waiting)) };
    return load;
}
