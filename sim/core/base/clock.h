/* clock.h - Read a clock that only runs forward. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC. */
double  clock_seconds(void);
int64_t clock_nanoseconds(void);         /* without a flop */

#endif
