/* sampler.h - Choose the next token from logits. */
#ifndef SAMPLER_H
#define SAMPLER_H

#include <stdint.h>
#include "sim/core/base/error.h"

/* {0} is greedy.  Logits are divided by the temperature; of the tokens, the
 * top_k likeliest are kept, then of these the fewest that together have at
 * least the share top_p of what is left; one of them is drawn by its softmax
 * (Fan et al. 2018; Holtzman et al. 2020).  Among equals the lower id is the
 * likelier one. */
struct sampling {
    double   temperature;        /* >= 0; 0: the likeliest, nothing is drawn */
    int32_t  top_k;              /* 0: all */
    double   top_p;              /* in (0, 1]; 0: all, as 1 */
    uint64_t seed;
};

struct sampler;                  /* opaque: sampler.c */

/* STATUS_BAD_VALUE names the member and what is allowed.  Caller releases *out
 * with sampler_close(); NULL is fine. */
enum status sampler_open(struct sampler **out, const struct sampling *sampling,
                         int32_t n_vocab, struct error *err) MUST_CHECK;
void        sampler_close(struct sampler *sampler);

/* The greedy choice among n. */
int32_t sampler_likeliest(const float *logits, int32_t n);

/* logits [n_vocab].  The same seed and logits give the same tokens on every
 * machine whose exp() rounds alike. */
int32_t sampler_choose(struct sampler *sampler, const float *logits);

#endif
