/* schedule.c - Raise the learning rate, then let it fall; close routed layers. */
#include "models/training/schedule.h"

#include <math.h>

/* The share of the fall that is still to come, from the share of the steps after
 * the warm-up that is done, and the cooldown as a share of those. */
typedef double fall(double done, double cooldown);

static double cosine(double done, double cooldown)
{
    (void)cooldown;
    return 0.5 * (1.0 + cos(M_PI * done));
}

static double linear(double done, double cooldown)
{
    (void)cooldown;
    return 1.0 - done;
}

static double wsd(double done, double cooldown)
{
    double cooled = (done - (1.0 - cooldown)) / cooldown;
    return cooled > 0.0 ? 1.0 - sqrt(cooled) : 1.0;
}

static const struct {
    fall   *fall;
    int64_t beyond;           /* steps after the last at which it ends */
} shapes[] = {
    [SCHEDULE_COSINE]         = { cosine, 1 },
    [SCHEDULE_LINEAR]         = { linear, 1 },
    [SCHEDULE_WSD]            = { wsd,    1 },
    [SCHEDULE_COSINE_TO_LAST] = { cosine, 0 },
};

double schedule_rate(const struct schedule *s, int64_t step, int64_t steps)
{
    double warm = ceil(s->warmup * (double)steps);
    if ((double)step <= warm)
        return s->peak * (double)step / warm;
    double after = (double)(steps + shapes[s->shape].beyond) - warm;
    double done = ((double)step - warm) / after;
    double cooldown = fmin(s->cooldown * (double)steps / after, 1.0);
    return s->peak * (s->floor + (1.0 - s->floor) *
                                     shapes[s->shape].fall(done, cooldown));
}

int64_t schedule_open_steps(double share, int64_t steps)
{
    return (int64_t)ceil(share * (double)steps);
}

double schedule_openness(double share, int64_t step, int64_t steps)
{
    int64_t open = schedule_open_steps(share, steps), done = step - 1;
    return done < open ? 0.5 * (1.0 + cos(M_PI * (double)done / (double)open))
                       : 0.0;
}
