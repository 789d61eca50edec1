/* clock.h - Read a clock that only runs forward. */
#ifndef CLOCK_H
#define CLOCK_H

double clock_seconds(void);      /* CLOCK_MONOTONIC */

#endif
