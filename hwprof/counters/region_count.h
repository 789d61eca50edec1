/* region_count.h - Count how many regions were measured into each cell of a
 * ledger that resolves passes, layers and ops.
 *
 * The cost of reading is lost in every region, so an amount is only as good as
 * the mean region behind it is large. */
#ifndef REGION_COUNT_H
#define REGION_COUNT_H

#include <stdint.h>
#include "sim/core/ledger/ledger.h"

struct region_count {
    int32_t   n_layers;          /* 0: not by layer */
    uint64_t *n;                 /* [passes][layers and outside][ops] */
};

/* Release with region_count_close(). */
enum status region_count_open(struct region_count *out, int32_t n_layers,
                              struct error *err) MUST_CHECK;
void        region_count_close(struct region_count *count);
void        region_count_clear(struct region_count *count);
/* count == NULL: nobody keeps count. */
void        region_count_add(struct region_count *count,
                             struct ledger_key key);

/* LEDGER_ANY matches all. */
uint64_t    region_count_sum(const struct region_count *count, int pass,
                             int32_t layer, int op);

#endif
