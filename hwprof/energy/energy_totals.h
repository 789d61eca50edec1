/* energy_totals.h - Say what a run drew, with and without what the machine
 * draws anyway, and for each token. */
#ifndef ENERGY_TOTALS_H
#define ENERGY_TOTALS_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include "hwprof/energy/energy_idle.h"

/* Unknown amounts are NAN, with the reason. */
struct energy_totals {
    double seconds;
    double gross;                /* J: all that the sensor counted */
    double idle;                 /* J: idle watts * seconds */
    double net, net_low, net_high;           /* gross - idle */
    double gross_per_output, net_per_output; /* J per token generated */
    double gross_per_token, net_per_token;   /* J per token read or generated */
    char   reason[ENERGY_REASON_SIZE];       /* why net is unknown; or "" */
};

/* `idle` NULL or without windows: net is unknown.  So is a net whose interval,
 * from the slowest and fastest idle window, reaches 0: it is not told from
 * idling, which is not 0 J.  n_output 0: nothing was generated, NAN. */
struct energy_totals energy_totals(double joules, double seconds,
                                   const struct energy_idle *idle,
                                   int64_t n_output, int64_t n_tokens);

/* Two lines: gross and net joules, watts idle; joules a token generated and a
 * token in all.  Unknown is `-`, with the reason. */
void energy_totals_text(FILE *file, const struct energy_totals *totals,
                        const struct energy_idle *idle);
/* A new reference, unknown is null; NULL: no memory. */
json_t *energy_totals_json(const struct energy_totals *totals,
                           const struct energy_idle *idle);

#endif
