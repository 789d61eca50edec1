/* reasons.h - Say in a ledger why a prediction leaves a metric unknown. */
#ifndef REASONS_H
#define REASONS_H

#include "sim/core/ledger/ledger.h"
#include "sim/price/machine.h"
#include "sim/price/regime.h"

/* The metric of bytes that come from a level. */
extern const enum metric reasons_metric[LEVEL_COUNT];

/* `machine` may be NULL. */
void reasons_give(struct ledger *ledger, const struct machine *machine,
                  const struct regime *regime);

/* Why the machine tells no METRIC_SECONDS or METRIC_JOULES, cut at `size`; "": it
 * does. */
void reasons_text(char *out, size_t size, const struct machine *machine,
                  const struct regime *regime, enum metric metric);

#endif
