/* capacities.h - Measure what a text loses when a model's blocks work on other
 * shares of its tokens.
 *
 * Of a model that was trained with routing the blocks keep what they were
 * trained with until told otherwise; of any other they keep all. */
#ifndef CAPACITIES_H
#define CAPACITIES_H

#include "models/files/source.h"
#include "models/scoring/run_config.h"
#include "models/scoring/score.h"
#include "sim/core/base/stats.h"

struct capacities {
    struct model_spec spec;        /* as the model is left alone */
    const struct route_policy *policy;
    const char   *name;            /* of the model, in messages */
    struct model *model;
    const struct model *weights_of;        /* of the same source, which lives
                                            * longer; NULL: its own */
    const struct score_text *text; /* borrowed */
    struct score_window window;
    int64_t  windows;
    int64_t *tokens;               /* [windows] */
    int32_t  at_once;              /* B */
    int32_t *ids, *targets;        /* [B,T] */
    int32_t *length;               /* [B] */
    uint64_t seed;
};

/* What the windows lost under some capacities. */
struct capacity_loss {
    double  *nats;                 /* [windows] */
    uint64_t flops;                /* counted, loss left out */
};

/* The policy of the job, else that of training, has to keep by the capacity:
 * STATUS_BAD_VALUE.  *out is zero before but for weights_of; release it with capacities_close()
 * whatever came back. */
enum status capacities_open(struct capacities *out, const struct source *source,
                            const struct run_config *config,
                            const struct score_text *text, int n_threads,
                            struct error *err) MUST_CHECK;
void        capacities_close(struct capacities *capacities);

/* Run the text with routed layer l at capacity[l]: 0 drops the block.  `go_on`
 * false ends it, STATUS_INTERRUPTED.  Release with capacity_loss_close()
 * whatever came back. */
enum status capacities_run(struct capacities *capacities,
                           const double capacity[SPEC_MAX_LAYERS],
                           bool (*go_on)(void *watcher), void *watcher,
                           struct capacity_loss *out,
                           struct error *err) MUST_CHECK;
void        capacity_loss_close(struct capacity_loss *loss);

/* Nats a token; and how much more than under another, windows being the blocks
 * of text. */
double            capacities_nats(const struct capacities *capacities,
                                  const struct capacity_loss *loss);
struct difference capacities_more(const struct capacities *capacities,
                                  const struct capacity_loss *loss,
                                  const struct capacity_loss *than);
int64_t           capacities_tokens(const struct capacities *capacities);

#endif
