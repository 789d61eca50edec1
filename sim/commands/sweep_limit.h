/* sweep_limit.h - Keep the points of a study within a machine's memory. */
#ifndef SWEEP_LIMIT_H
#define SWEEP_LIMIT_H

#include "sim/sweep/sweep.h"

/* What the points may hold together, and what each is predicted to hold on so many
 * threads, the text in it, whether or not they share its pages. */
struct sweep_limit {
    uint64_t  bytes;
    uint64_t *of;                /* [n_points] owned; NULL: nothing limits them */
};

/* `size` is "16G", "800M" or bytes; NULL: nothing limits them.  Points that the
 * filter leaves out hold 0.  Caller releases with free(limit->of).
 *   STATUS_BAD_VALUE  no such size; a point that does not fit by itself; or the
 *                     study's command does not say before it runs */
enum status sweep_limit_open(struct sweep_limit *out, const struct sweep *sweep,
                             const char *filter, const char *size, int threads,
                             struct error *err) MUST_CHECK;

#endif
