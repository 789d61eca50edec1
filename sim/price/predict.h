/* predict.h - Predict ledgers from shapes and routes alone.
 *
 * No weights, no execution.  A ledger gets what formulas predict, exact by the
 * convention of sim/core/ledger/op.h, and with a machine also what its profile
 * predicts (bytes by the streaming model of roofline.h, seconds, joules), all
 * PREDICTED; cost.h says which metrics these are.  What stays unknown carries a
 * reason.
 *
 * In a ledger that resolves tokens, token b*T + t (decode: b) is charged its
 * own rows; shared operands stay with LEDGER_SHARED.  Seconds belong to an op:
 * there they are divided over its rows by flops, or by bytes where it has none;
 * joules by each row's flops, bytes and seconds. */
#ifndef PREDICT_H
#define PREDICT_H

#include "sim/core/ledger/ledger.h"
#include "sim/price/predict_job.h"

/* Each adds to *ledger, which must be open with enough layers and tokens or not
 * resolve them.  `range` may be NULL; otherwise it is set.  BAD_VALUE when
 * allocation and spec do not fit each other; OVERFLOWED when a sum does not fit
 * in 64 bits: *ledger is then partly filled. */

/* Forward with loss, threshold update, backward, clip, AdamW; what
 * spec_check_training() allows. */
enum status predict_train_step(struct ledger *ledger,
                               const struct predict_job *job,
                               struct predict_range *range,
                               struct error *err) MUST_CHECK;

/* Forward over all tokens at once: prefill, or scoring a text. */
enum predict_with {
    PREDICT_HEAD    = 0,       /* logits of every row */
    PREDICT_LOSS    = 1 << 0,
    PREDICT_ENTROPY = 1 << 1,
    PREDICT_LAST    = 1 << 2,  /* logits of each sequence's last row alone, as
                                * a prefill needs: not with the other two */
};
enum status predict_forward(struct ledger *ledger,
                            const struct predict_job *job, unsigned with,
                            struct predict_range *range,
                            struct error *err) MUST_CHECK;

/* The step that computes the last token, T-1 or that of its length, of every
 * sequence from cached keys.  The allocation is that after the step: count is
 * the tokens a choice kept, the new one included if it keeps T-1. */
enum status predict_decode(struct ledger *ledger,
                           const struct predict_job *job,
                           struct predict_range *range,
                           struct error *err) MUST_CHECK;

/* The same step when routes are not known: a routed layer keeps the token with
 * probability c = spec_chance(T) and holds spec_kept(T) keys, and its weights
 * are read with probability 1 - (1-c)^B; parts routed apart keep it each on its
 * own.  The allocation gives B and T alone.  Counts are expectations rounded to
 * integers; the ledger must not resolve tokens. */
enum status predict_decode_expected(struct ledger *ledger,
                                    const struct predict_job *job,
                                    struct predict_range *range,
                                    struct error *err) MUST_CHECK;

/* The conventions by which papers count the FLOPs of a training step, for a
 * spec that can be trained: conventions of a report, never of a ledger.  S is a
 * sequence's kept tokens in a layer, N its kept rows.  The first, "matmul", is
 * the useful work: 3 times forward's products, head included, with the causal
 * pairs of attention and nothing else. */
enum convention_parameters { PARAMETERS_NONE, PARAMETERS_BLOCKS,
                             PARAMETERS_ALL };
enum convention_pairs { PAIRS_NONE, PAIRS_FULL /* S*S */, PAIRS_HALF,
                        PAIRS_EXACT /* S(S+1)/2 */ };
struct predict_convention {
    const char *name;
    const char *counts;           /* in a few words */
    const char *source;           /* paper and section */
    enum convention_parameters parameters;   /* 6 for each and row using it */
    /* And 3 times these of forward: products with the blocks' matrices, QK^T and
     * PV over such pairs, the head, 3 for each head and pair, the embedding as a
     * product. */
    bool matrices;
    enum convention_pairs pairs;
    bool head, softmax, embed;
};
extern const struct predict_convention predict_conventions[];  /* NULL ends */
const struct predict_convention *predict_convention_find(const char *name);
double predict_train_flops(const struct predict_convention *convention,
                           const struct model_spec *spec,
                           const struct allocation *allocation);

#endif
