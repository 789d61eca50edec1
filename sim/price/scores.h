/* scores.h - Draw the scores that routed layers would give tokens, where nobody
 * recorded any.
 *
 * Every score is N(0, 1) by itself; how those of a window hang together is the
 * kind's.  The same seed draws the same scores on every machine. */
#ifndef SCORES_H
#define SCORES_H

#include <stdint.h>
#include "sim/core/base/error.h"
#include "sim/core/base/names.h"

#define SCORES_MAP(X)                                                          \
    X(SCORES_IID,    "iid")     /* each token by itself */                     \
    X(SCORES_BURSTY, "bursty")  /* a token's is `persistence` times that of    \
        * the one before, and for the rest its own: AR(1) */                   \
    X(SCORES_ZIPF,   "zipf")    /* by the token's identity: id k of V is drawn \
        * as 1 / k^exponent, and has one score a layer in all windows */

enum scores_kind { SCORES_MAP(NAMES_ID) SCORES_COUNT };
extern const char *const scores_names[];           /* NULL ends */

struct scores_drawing {
    enum scores_kind kind;
    double   persistence;    /* [0, 1) */
    double   exponent;       /* >= 0; of natural text about 1 (Zipf 1949) */
    double   correlation;    /* [0, 1]: of the scores that two layers give one
                              * token */
    int32_t  n_vocab;        /* V */
    uint64_t seed;
};

struct scores;               /* opaque: scores.c */

enum status scores_open(struct scores **out, const struct scores_drawing *how,
                        struct error *err) MUST_CHECK;
void        scores_close(struct scores *scores);

/* score[T] of a window by a choice (plan.h), the same whatever was asked
 * before. */
void scores_draw(const struct scores *scores, int64_t window, int32_t choice,
                 float *score, int32_t n_tokens);

/* The score that a share c, (0, 1], of N(0, 1) lies at or above. */
double scores_cut(double share);

#endif
