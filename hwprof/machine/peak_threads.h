/* peak_threads.h - Run one loop on several threads that start together. */
#ifndef PEAK_THREADS_H
#define PEAK_THREADS_H

#include <stdatomic.h>
#include "hwprof/machine/peak_kernel.h"

/* The work of one thread. */
struct peak_work {
    const struct peak_kernel *kernel;
    const float *data;
    size_t  n_bytes;             /* 0: arithmetic */
    double  seconds;             /* run about this long */
    atomic_int *gate;            /* set while it runs */
    double  rate;                /* out: flops or bytes a second */
};

/* The sum of the rates of work[n], at most SYSFS_CPU_MAX; 0: a thread could not
 * be made. */
double peak_threads_run(struct peak_work *work, int n);

#endif
