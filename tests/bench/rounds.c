/* rounds.c - Take interleaved samples; notice who else was running. */
#include "tests/bench/rounds.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "sim/core/answer/command.h"
#include "sim/core/base/stats.h"

/* Beside the CPUs that we leave alone, others may use this share of one: an
 * idle system uses less.  We must have run all the time but the second
 * share. */
static const double foreign_share = 0.08, blocked_share = 0.05;

/* Seconds of CPU time since some moment. */
struct usage {
    double wall, ours, all;      /* all: NAN where the system does not say */
};

static double cpu_clock(clockid_t clock)
{
    struct timespec t;
    if (clock_gettime(clock, &t) != 0)
        return 0.0;
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* proc(5): user nice system idle iowait irq softirq steal, in clock ticks; what
 * the host stole from us was lost to others too. */
static double busy_seconds(void)
{
    unsigned long long tick[8] = { 0 };
    FILE *file = fopen("/proc/stat", "r");
    int n = 0;

    if (file) {
        n = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu",
                   &tick[0], &tick[1], &tick[2], &tick[3], &tick[4], &tick[5],
                   &tick[6], &tick[7]);
        fclose(file);
    }
    if (n != 8)
        return (double)NAN;
    return (double)(tick[0] + tick[1] + tick[2] + tick[5] + tick[6] + tick[7]) /
           (double)sysconf(_SC_CLK_TCK);
}

static struct usage usage_now(pid_t helper)
{
    struct usage u = { clock_seconds(), cpu_clock(CLOCK_PROCESS_CPUTIME_ID),
                       busy_seconds() };
    clockid_t clock;
    if (helper > 0 && clock_getcpuclockid(helper, &clock) == 0)
        u.ours += cpu_clock(clock);
    return u;
}

static bool quiet(const struct usage *from, const struct usage *to,
                  int n_threads)
{
    double wall = to->wall - from->wall, ours = to->ours - from->ours;
    double foreign = to->all - from->all - ours;
    double spare = (double)(sysconf(_SC_NPROCESSORS_ONLN) - n_threads);
    double tick = 1.0 / (double)sysconf(_SC_CLK_TCK);

    if (ours < (1.0 - blocked_share) * wall)
        return false;
    return !(foreign > wall * (fmax(spare, 0.0) + foreign_share) + tick);
}

/* Runs it takes to fill a sample; warms caches and clocks on the way. */
static int64_t runs_of(const struct candidate *c, double sample_seconds)
{
    int64_t times = 1;
    double seconds = c->run(c->argument, times);
    while (seconds < sample_seconds / 4) {
        times *= 2;
        seconds = c->run(c->argument, times);
    }
    int64_t need = (int64_t)ceil(sample_seconds / seconds * (double)times);
    return need > 1 ? need : 1;
}

static void take_round(const struct candidate *candidate, int n,
                       const int64_t *times, bool backward, double *seconds)
{
    for (int i = 0; i < n; i++) {
        int c = backward ? n - 1 - i : i;
        seconds[c] = candidate[c].run(candidate[c].argument, times[c]) /
                     (double)times[c];
    }
}

enum status rounds_take(struct rounds *out, const struct candidate *candidate,
                        int n, const struct rounds_plan *plan,
                        struct error *err)
{
    struct rounds r = { .n_candidates = n };
    double stop = clock_seconds() + plan->most_seconds;
    int taken = 0;
    int64_t *times = calloc((size_t)n + 1, sizeof *times);

    r.seconds = calloc((size_t)ROUNDS_MAX * (size_t)n + 1, sizeof *r.seconds);
    if (!times || !r.seconds) {
        free(times);
        free(r.seconds);
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d candidates",
                         n);
    }
    for (int c = 0; c < n && clock_seconds() < stop; c++)
        times[c] = runs_of(&candidate[c], plan->sample_seconds);
    r.watched = isfinite(busy_seconds());
    while (n > 0 && times[n - 1] > 0 && r.n < plan->wanted &&
           clock_seconds() < stop && !command_interrupted) {
        struct usage from = usage_now(plan->helper);
        take_round(candidate, n, times, taken % 2 == 1,
                   r.seconds + (ptrdiff_t)r.n * n);
        struct usage to = usage_now(plan->helper);
        taken++;
        bool disturbed = !quiet(&from, &to, plan->n_threads);
        r.disturbed += disturbed;
        if (disturbed && !plan->noisy)
            continue;
        if (plan->kept)
            plan->kept(plan->context, r.n);
        r.n++;
    }
    free(times);
    *out = r;
    return STATUS_OK;
}

void rounds_close(struct rounds *rounds)
{
    free(rounds->seconds);
    *rounds = (struct rounds){ 0 };
}

struct samples samples_of(const double *value, int n)
{
    double sorted[ROUNDS_MAX];

    if (n == 0)
        return (struct samples){ 0 };
    for (int i = 0; i < n; i++)
        sorted[i] = value[i];
    double median = stats_median(sorted, (size_t)n);
    return (struct samples){ n, median, sorted[0], sorted[n - 1] };
}

static double at(const struct rounds *r, int round, int candidate)
{
    return r->seconds[(ptrdiff_t)round * r->n_candidates + candidate];
}

struct samples rounds_seconds(const struct rounds *r, int candidate)
{
    double value[ROUNDS_MAX];
    for (int i = 0; i < r->n; i++)
        value[i] = at(r, i, candidate);
    return samples_of(value, r->n);
}

struct samples rounds_rate(const struct rounds *r, int candidate, double work)
{
    double value[ROUNDS_MAX];
    for (int i = 0; i < r->n; i++)
        value[i] = work / at(r, i, candidate);
    return samples_of(value, r->n);
}

struct samples rounds_ratio(const struct rounds *r, int top, int bottom,
                           double factor)
{
    double value[ROUNDS_MAX];
    for (int i = 0; i < r->n; i++)
        value[i] = factor * at(r, i, top) / at(r, i, bottom);
    return samples_of(value, r->n);
}

int rounds_fastest(const struct rounds *r, int first, int last)
{
    int best = first;
    for (int c = first + 1; c <= last; c++)
        if (rounds_seconds(r, c).median < rounds_seconds(r, best).median)
            best = c;
    return best;
}
