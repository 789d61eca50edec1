/* router_leak.h - Measure what routing tells a prediction of the tokens after
 * it, by putting another future in their place.
 *
 * At a position t of a window all tokens behind t are exchanged for those of
 * another window.  A causal rule cannot notice: its prediction at t and whom it
 * kept up to t stay the same, bit for bit.  A rule that looks ahead may change
 * both, and what its prediction of the token that really followed loses by it
 * is what it had been told. */
#ifndef ROUTER_LEAK_H
#define ROUTER_LEAK_H

#include "models/scoring/router_record.h"
#include "sim/core/base/stats.h"

struct router_leak {
    int64_t positions;             /* tried */
    int64_t changed;               /* of them, predictions that changed */
    int64_t rerouted;              /* of them, where a choice up to t changed */
    struct difference nats;        /* loss with another future less loss with
                                    * the true one, at t; 95 % */
};

/* A position is drawn and tried under one rule of the record, again and again;
 * `go_on` false ends it early.  STATUS_BAD_VALUE: there are fewer than two
 * windows to exchange futures between. */
struct router_leak_job {
    const struct router_record *record;
    struct run_arm *arm;
    int      rule;                 /* ROUTER_OWN, ROUTER_CAUSAL */
    int64_t  positions;
    uint64_t seed;                 /* of the record, and of what is drawn */
    bool   (*go_on)(void *watcher, int64_t done);
    void    *watcher;
};
enum status router_leak(struct router_leak *out,
                        const struct router_leak_job *job,
                        struct error *err) MUST_CHECK;

#endif
