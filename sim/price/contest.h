/* contest.h - Price a model and its rivals on one question, by the same draws of
 * the machine's numbers. */
#ifndef CONTEST_H
#define CONTEST_H

#include "sim/price/hold.h"
#include "sim/price/prediction.h"
#include "sim/price/rival.h"

enum { CONTEST_RIVALS_MAX = 6 };

struct contender {
    struct rival rival;
    struct prediction end[2];        /* [rival.n_ends] */
    struct predict_range range;      /* between theirs */
};

struct contest {
    struct prediction model;
    struct contender rival[CONTEST_RIVALS_MAX];   /* [n] */
    int n;
};

/* One rival alone.  Caller releases with contender_close(), also after a failure,
 * whose text says of which rival. */
enum status contender_open(struct contender *out,
                           const struct predict_question *question,
                           const struct rival *rival,
                           struct error *err) MUST_CHECK;
void        contender_close(struct contender *contender);

/* The question's own spec against rivals[n].  Caller releases with
 * contest_close(), also after a failure, whose text says of which rival. */
enum status contest_open(struct contest *out,
                         const struct predict_question *question,
                         const struct rival *rivals, int n,
                         struct error *err) MUST_CHECK;
void        contest_close(struct contest *contest);

/* The same at one question after another, totals alone, as prediction_begin() and
 * prediction_price(). */
enum status contest_begin(struct contest *out,
                          const struct predict_question *question,
                          const struct rival *rivals, int n,
                          struct error *err) MUST_CHECK;
enum status contest_price(struct contest *contest,
                          const struct predict_question *question,
                          struct error *err) MUST_CHECK;

/* All that the rival's step costs: of both depths in proportion; counts are
 * rounded. */
struct cost contender_total(const struct contender *contender);

/* Of a part, as ledger_sum() has it; there are ledgers.  A layer that none has is
 * blank. */
struct cost contender_sum(const struct contender *contender, int pass,
                          int32_t layer, int op);

/* The model's total over the rival's, with the interval of their ratio where a
 * machine model gives it; else three times the value. */
struct estimate contest_ratio(const struct contest *contest, int rival,
                              enum metric metric);

/* What the rival holds, and the largest batch of the question's length that fits:
 * both between those of its depths. */
struct hold contender_hold(const struct contender *contender,
                           const struct hold_question *question);
double contender_largest_batch(const struct contender *contender,
                               const struct hold_question *question,
                               uint64_t bytes);
double contender_largest_length(const struct contender *contender,
                                const struct hold_question *question,
                                uint64_t bytes);

#endif
