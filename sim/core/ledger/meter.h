/* meter.h - Watch work in progress, op by op.
 *
 * The executor brackets each op with begin/end and says at the end what it
 * tallied.  It never learns who is listening: nobody, a ledger, or counters. */
#ifndef METER_H
#define METER_H

#include <stddef.h>
#include "sim/core/ledger/ledger.h"

struct tally {
    uint64_t flops;
    uint64_t bytes;
};

/* One op over N rows.  `total` covers everything; the split below serves
 * listeners that resolve tokens: row r costs `each` plus extra[r], and belongs
 * to token row[r] (b*T + t); what is left of the total belongs to no token. */
struct op_run {
    enum pass pass;
    int32_t   layer;              /* or LEDGER_OUTSIDE */
    enum op   op;
    int32_t   n_rows;             /* N; 0 while the op is starting */
    struct tally total;
    struct tally each;
    const int32_t      *row;      /* [N]; NULL: row r is token r */
    const struct tally *extra;    /* [N]; NULL: nothing beyond `each` */
};

struct meter {
    void (*begin)(struct meter *meter, const struct op_run *run);
    void (*end)(struct meter *meter, const struct op_run *run);
    bool by_token;                /* wants row and extra filled in */
};

/* Both accept meter == NULL: nobody listens. */
static inline void meter_begin(struct meter *meter, const struct op_run *run)
{
    if (meter)
        meter->begin(meter, run);
}

static inline void meter_end(struct meter *meter, const struct op_run *run)
{
    if (meter)
        meter->end(meter, run);
}

/* Files every op as COUNTED flops and bytes; `status` keeps the first failure
 * (an overflow).  Holds `ledger` borrowed.  Use &ledger_meter.meter. */
struct ledger_meter {
    struct meter   meter;         /* first: downcast */
    struct ledger *ledger;
    enum status    status;
};
struct ledger_meter ledger_meter(struct ledger *ledger);

/* Adds up the flops of forward passes, loss and entropy left out: what a loss
 * under some rule cost, beside which it stands.  Use &forward_meter.meter. */
struct forward_meter {
    struct meter meter;           /* first: downcast */
    uint64_t     flops;
};
struct forward_meter forward_meter(void);

/* The same of each sequence of a batch: flops[b], which are set to 0 at first.
 * Use &sequence_meter.meter. */
struct sequence_meter {
    struct meter meter;           /* first: downcast */
    int32_t      n_tokens;        /* T: token b*T + t is of sequence b */
    uint64_t    *flops;           /* [n_sequences], borrowed */
};
struct sequence_meter sequence_meter(uint64_t *flops, int32_t n_sequences,
                                     int32_t n_tokens);

#endif
