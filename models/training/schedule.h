/* schedule.h - Say the learning rate of every step of a run, and how far open its
 * routed layers are. */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdint.h>

/* How the rate falls after the warm-up.  It arrives at the floor at the step
 * after the last: a step at rate 0 would be paid for nothing. */
enum schedule_shape {
    SCHEDULE_COSINE,          /* half a cosine */
    SCHEDULE_LINEAR,
    SCHEDULE_WSD,             /* warm-up, stable, decay: at the peak until the
                               * cooldown, then as 1 - sqrt (Haegele et al. 2024,
                               * 2405.18392) */
    SCHEDULE_COSINE_TO_LAST,  /* half a cosine that is at the floor at the last
                               * step: runs of before are so */
};

struct schedule {
    enum schedule_shape shape;
    double peak;              /* the highest rate */
    double warmup;            /* share of the steps in which it rises */
    double cooldown;          /* share of the steps in which WSD falls */
    double floor;             /* share of the peak at which it ends */
};

/* step 1..steps */
double schedule_rate(const struct schedule *schedule, int64_t step,
                     int64_t steps);

/* The openness of routed layers (spec_opened()) while their capacity falls from
 * 1 to its own by half a cosine: all open at step 1, closed after that share of
 * the steps. */
double  schedule_openness(double share, int64_t step, int64_t steps);
/* The steps in which they are open. */
int64_t schedule_open_steps(double share, int64_t steps);

#endif
