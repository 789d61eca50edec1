/* witness.h - Read the ledgers of one execution from its ledger.csv. */
#ifndef WITNESS_H
#define WITNESS_H

#include "sim/core/answer/amount.h"
#include "sim/core/ledger/ledger.h"

#define WITNESS_MAP(X)        \
    X(PREDICTED, "predicted") \
    X(COUNTED,   "counted")   \
    X(MEASURED,  "measured")

enum witness {
#define X(id, name) WITNESS_##id,
    WITNESS_MAP(X)
#undef X
    WITNESS_COUNT
};
extern const char *const witness_names[WITNESS_COUNT];

struct witnesses {
    struct ledger *ledger[WITNESS_COUNT];   /* owned; NULL: it said nothing */
    struct ledger *below;                   /* owned: measured cells without an
                                             * amount, 1 each; NULL: none */
    double below_at_most[METRIC_COUNT];     /* each of them held; 0: unknown */
    int32_t n_layers;                      /* of the widest; 0: none resolved */
};

/* Rows of a column `phase`, where there is one, count only when they equal
 * `phase` (NULL: all).  STATUS_BAD_FORMAT as "path:line: what" for an unknown
 * witness, pass, op or source, a layer outside 0..255, a repeated row, or an
 * absent column witness, pass, layer or op.  A file that resolves tokens is
 * folded over them. */
enum status witnesses_read(struct witnesses *out, const char *path,
                           const char *phase, struct error *err) MUST_CHECK;
void        witnesses_close(struct witnesses *witnesses);

/* The sum over the cells that match (LEDGER_ANY matches all); unknown with its
 * reason when the witness is silent, or when cells below resolution may hold
 * more than a tenth of it. */
struct amount witness_sum(const struct witnesses *witnesses,
                          enum witness witness, enum metric metric, int pass,
                          int32_t layer, int op);

/* The strongest of the three that knows: measured, counted, then predicted. */
struct amount witness_best(const struct witnesses *witnesses,
                           enum metric metric, int pass, int32_t layer, int op);

#endif
