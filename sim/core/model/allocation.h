/* allocation.h - Say which tokens each choice keeps, and which experts they
 * enter. */
#ifndef ALLOCATION_H
#define ALLOCATION_H

#include "sim/core/model/dispatch.h"
#include "sim/core/model/spec.h"

/* The tokens that each choice (plan.h) keeps of each sequence: a record of a run,
 * or a guess for a prediction. */
struct allocation {
    int32_t  n_choices, n_sequences, n_tokens;  /* N, B, T: the longest */
    int32_t *length;         /* [B] tokens of each sequence, 1..; NULL, or more
                              * than T: T */
    int32_t *count;          /* [N,B] kept tokens */
    int32_t *kept;           /* [N,B,T] the first count[n,b] are positions,
                              * ascending */
    bool     alike;          /* all sequences are of T tokens and keep as many: B
                              * of `count` is 1, and there are no positions */
    struct dispatch dispatch;   /* with experts, and where it is known */
};

/* All choices keep everything, all sequences are of T tokens.  Caller releases
 * with allocation_close(). */
enum status allocation_open(struct allocation *out, int32_t n_choices,
                            int32_t n_sequences, int32_t n_tokens,
                            struct error *err) MUST_CHECK;
void        allocation_close(struct allocation *allocation);

/* Room for the experts that its tokens enter, or of a `step` its newest ones;
 * nothing where the spec has none. */
enum status allocation_open_dispatch(struct allocation *allocation,
                                     const struct model_spec *spec, bool step,
                                     struct error *err) MUST_CHECK;

int32_t *allocation_kept(const struct allocation *allocation, int32_t choice,
                         int32_t sequence);
int32_t  allocation_count(const struct allocation *allocation, int32_t choice,
                          int32_t sequence);
/* Over all sequences. */
int32_t  allocation_rows(const struct allocation *allocation, int32_t choice);
/* Tokens, kept or not, of one sequence and of all. */
int32_t  allocation_length(const struct allocation *allocation,
                           int32_t sequence);
int32_t  allocation_tokens(const struct allocation *allocation);

#endif
