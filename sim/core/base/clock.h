/* clock.h - Tell the time that has passed. */
#ifndef CLOCK_H
#define CLOCK_H

double clock_seconds(void);      /* CLOCK_MONOTONIC */

#endif
