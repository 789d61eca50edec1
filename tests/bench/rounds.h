/* rounds.h - Time candidates side by side, in quiet moments.
 *
 * A round runs every candidate once, back to back; a ratio is taken within a
 * round, since a shared machine drifts by a third from minute to minute.
 * A round during which other processes, or the host, took the CPUs that we use
 * is thrown away and counted. */
#ifndef ROUNDS_H
#define ROUNDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "sim/core/base/error.h"

enum { ROUNDS_MAX = 32 };

struct candidate {
    const char *name;
    double (*run)(void *argument, int64_t times);   /* how many seconds it took,
                                                     * all of them together */
    void   *argument;
};

struct rounds_plan {
    int    wanted;               /* quiet rounds, at most ROUNDS_MAX */
    int    n_threads;            /* the most that a candidate uses */
    double sample_seconds;       /* a candidate's part of a round, at least */
    double most_seconds;         /* then it is given up */
    bool   noisy;                /* keep disturbed rounds, and count them */
    pid_t  helper;               /* another process working for us; 0: none */
    void (*kept)(void *context, int round);   /* after a quiet round; or NULL */
    void  *context;
};

struct rounds {
    int     n_candidates;
    int     n;                   /* rounds kept */
    int     disturbed;           /* rounds that were; thrown away, or, in a
                                  * noisy plan, kept */
    bool    watched;             /* false: this system does not say how busy its
                                  * CPUs are, nothing could be thrown away */
    double *seconds;             /* [ROUNDS_MAX, n_candidates], of one run */
};

/* Warms up, finds out how many runs a sample takes, then takes rounds.  Release
 * with rounds_close(). */
enum status rounds_take(struct rounds *out, const struct candidate *candidate,
                        int n_candidates, const struct rounds_plan *plan,
                        struct error *err) MUST_CHECK;
void rounds_close(struct rounds *rounds);

/* A summary of n samples; n = 0: there are none. */
struct samples {
    int    n;
    double median, low, high;    /* low, high: the extremes */
};
struct samples samples_of(const double *value, int n);

/* Over the rounds: seconds of a run; `work` a second; and
 * factor * seconds[top] / seconds[bottom], each taken within its round. */
struct samples rounds_seconds(const struct rounds *rounds, int candidate);
struct samples rounds_rate(const struct rounds *rounds, int candidate,
                          double work);
struct samples rounds_ratio(const struct rounds *rounds, int top, int bottom,
                           double factor);

/* Of candidates first to last, that with the smallest median. */
int rounds_fastest(const struct rounds *rounds, int first, int last);

#endif
