/* regrets.h - Read what isobath regret found of each token: compute that routed
 * blocks spent on it although others were worth more, and compute that it was
 * worth and did not get. */
#ifndef REGRETS_H
#define REGRETS_H

#include "reports/read/tokens.h"

enum regretted { REGRETTED_SPENT, REGRETTED_MISSED, REGRETTED_COUNT };

struct regrets {
    struct tokens tokens;      /* of the windows that were drawn */
    double *nats[REGRETTED_COUNT];     /* [tokens.n] summed over the blocks;
                                * NAN: the token was not sampled */
};

/* tokens.csv and regret.csv of a run; tokens.n is 0 when it wrote none.
 * STATUS_BAD_FORMAT: a decision about no token of the first. */
enum status regrets_read(struct regrets *out, const struct run *run,
                         struct error *err) MUST_CHECK;
void        regrets_close(struct regrets *regrets);

#endif
