/* read_path.h - Try the ways to read the same counters by the clock.
 *
 * On bare metal user space reads in tens of nanoseconds what the kernel takes
 * a microsecond for; a virtual machine may trap the first and make it the
 * dearest.  So each way is timed where the program runs, and the cheapest that
 * counts a known kernel right is used. */
#ifndef READ_PATH_H
#define READ_PATH_H

#include "hwprof/counters/counter.h"

enum { READ_PATH_MAX = 4, READ_PATH_TRIES = 31 };

struct read_path {
    const struct counter_backend *backend;
    uint32_t seen;               /* of the metrics asked for; 0: see reason */
    double   seconds;            /* median of a reading; 0: not timed */
    bool     chosen;
    char     reason[COUNTER_REASON_SIZE];
};

/* Open each of `backends` (NULL-ended, at most READ_PATH_MAX) with `options`,
 * time its readings, and order them: who sees more, then who is cheaper.
 * Returns how many; `chosen` stays false.  *status: no memory. */
int read_path_survey(struct read_path out[READ_PATH_MAX],
                     const struct counter_backend *const *backends,
                     const struct counter_options *options,
                     enum status *status, struct error *err);

#endif
