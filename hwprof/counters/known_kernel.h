/* known_kernel.h - Run loops whose counts follow from their code. */
#ifndef KNOWN_KERNEL_H
#define KNOWN_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include "sim/core/ledger/cost.h"

/* The data that a kernel reads, line by line; nothing for arithmetic. */
enum known_data { KNOWN_NO_DATA, KNOWN_IN_L2, KNOWN_IN_L3, KNOWN_IN_DRAM };

struct known_input {
    size_t n;                    /* rounds */
    const volatile float *data;  /* 64-byte aligned */
    size_t n_bytes;              /* whole lines; 0: no data */
};

struct known_kernel {
    enum metric metric;
    const char *name;
    enum known_data data;
    size_t      n;               /* rounds */
    double      each;            /* of the metric in a round; per byte of data
                                  * where there is data */
    double      tolerance;       /* largest |counted / expected - 1| trusted */
    bool      (*runs)(void);     /* on this CPU; NULL: always */
    void      (*run)(const struct known_input *in);
    const char *source;          /* of `each` and of the tolerance */
};

/* The kernel that qualifies this metric here; NULL: there is none. */
const struct known_kernel *known_kernel_for(enum metric metric);

double known_kernel_expected(const struct known_kernel *kernel,
                             const struct known_input *in);

#endif
