/* clock.h - Tell the time that has passed. */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC. */
double  clock_seconds(void);
int64_t clock_nanoseconds(void);         /* without a flop */

#endif
