/* decisions.h - Run a window under decisions of one's own, several versions of
 * them at a time.
 *
 * A version says for every choice (plan.h) and token whether the block works
 * on the token; nothing else of the pass is another, so two versions that
 * differ in one decision tell what that decision is worth.  Tokens that a spec
 * keeps in any case (keep_first) are kept whatever a version says. */
#ifndef DECISIONS_H
#define DECISIONS_H

#include "models/scoring/score.h"
#include "sim/core/model/route.h"

struct decisions {
    struct model *model;           /* borrowed; has room for B sequences of T */
    int32_t n_versions, room;      /* B and T, at most */
    int32_t n_choices, n_tokens;   /* of the window */
    int32_t *ids, *targets;        /* [B,T] */
    struct allocation kept;
    double   *nats;                /* [B] of all predictions of the window */
    uint64_t *flops;               /* [B] counted, loss left out */
};

/* How many versions of T tokens a pass takes at once: rows enough for products
 * to be fast, and memory for few.  Scores that are drawn depend on the place in
 * the batch, so such a model takes one. */
int32_t decisions_at_once(const struct model_spec *spec, int32_t n_tokens);

/* *out is zero before; release it with decisions_close() whatever came back. */
enum status decisions_open(struct decisions *out, struct model *model,
                           int32_t n_versions, int32_t n_tokens,
                           struct error *err) MUST_CHECK;
void        decisions_close(struct decisions *decisions);

/* Copy what the model's last pass, over one sequence, decided: kept[c*T + t] is
 * 0 or 1, T the tokens of that pass. */
void decisions_of(const struct model *model, unsigned char *kept);

/* The next runs are over this window. */
void decisions_begin(struct decisions *decisions,
                     const struct score_window *window);
/* Version i decides so: kept as above. */
void decisions_set(struct decisions *decisions, int32_t i,
                   const unsigned char *kept);
/* Run the first n versions: nats and flops of each.  `seed` is for what a model
 * draws. */
void decisions_run(struct decisions *decisions, int32_t n, uint64_t seed);

#endif
