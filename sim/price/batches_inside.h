/* batches_inside.h - Hold what a walk over batches of known routes stands on. */
#ifndef BATCHES_INSIDE_H
#define BATCHES_INSIDE_H

#include "sim/price/batches.h"
#include "sim/price/step_price.h"

struct walk {
    struct batches *out;
    const struct routes *routes;
    const struct predict_question *question;
    struct step_model model, dense;
    struct allocation batch, all;    /* [B] windows; the twin keeps all */
    struct allocation step, one;     /* of decode; of one window */
    double *flops, *seconds;         /* [B] a request's, as far as it is */
    double *dense_flops, *dense_seconds;
    double *own;                     /* [B] flops of a decode step */
    int32_t *scratch;                /* [2,T], or T and B */
    const struct rival *rival;
    struct step_model end[2];        /* [rival->n_ends] */
    struct allocation rest[2];       /* all tokens, of the ends' layers */
    struct step_price now, then;     /* the step's, and the twin's */
    struct rival_steps against;      /* the rival's, likewise */
    int32_t  twin_B, twin_T;         /* that `then` is of; 0: of none */
    batches_progress *at;
    void *context;
    double done;
    struct error *err;
};

/* Room for B windows of at most T tokens, of the walk's question and rival, and in
 * w->out; walk_close() releases the walk, also after a failure. */
enum status walk_open(struct walk *w, int32_t B, int32_t T) MUST_CHECK;
void        walk_close(struct walk *w);

#endif
