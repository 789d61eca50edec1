/* ledger.h - File costs under (pass, layer, token, op).
 *
 * The formulas, the executor and the hardware counters each fill a ledger of
 * their own; reports line the ledgers up.  A ledger states its resolution when
 * it is opened: an axis it does not resolve has one cell, and charges to any
 * index along it land there.  Two ledgers are compared at the coarser of their
 * resolutions. */
#ifndef LEDGER_H
#define LEDGER_H

#include <stdbool.h>
#include <stdio.h>
#include "sim/core/ledger/cost.h"
#include "sim/core/ledger/op.h"

struct ledger;                    /* opaque: ledger.c */

struct ledger_shape {
    bool    by_pass;
    bool    by_op;
    int32_t n_layers;             /* L rows and one "outside any layer" after
                                   * them; 0: not resolved by layer */
    int32_t n_tokens;             /* rows and one "no single token" after them;
                                   * 0: not resolved by token */
};

enum { LEDGER_OUTSIDE = -1,       /* a layer: embedding, head, loss, final norm */
       LEDGER_SHARED  = -1 };     /* a token: weights, optimizer */

struct ledger_key {
    enum pass pass;
    int32_t   layer;              /* 0..n_layers-1 or LEDGER_OUTSIDE */
    int32_t   token;              /* 0..n_tokens-1 or LEDGER_SHARED */
    enum op   op;
};

/* `blank` is the content of a cell that nobody charged: cost_zero(PROV_COUNTED)
 * for the executor, which did no work there; {0}, unknown, for counters, which
 * did not look.  Caller releases *out with ledger_close(); NULL is fine. */
enum status ledger_open(struct ledger **out, struct ledger_shape shape,
                        struct cost blank, struct error *err) MUST_CHECK;
void        ledger_close(struct ledger *ledger);
struct ledger_shape ledger_shape(const struct ledger *ledger);

/* Every cell back to blank. */
void ledger_clear(struct ledger *ledger);

/* Add to one cell: O(1), no allocation, safe inside a timed region.  The first
 * charge of a cell replaces its blank: known and zero is not unknown.
 * STATUS_OVERFLOWED leaves the cell as it was. */
enum status ledger_charge(struct ledger *ledger, struct ledger_key key,
                          const struct cost *cost) MUST_CHECK;

/* The same for tokens 0 to n_tokens - 1 of a ledger that resolves them, whatever
 * token the key names: their cells get it when they are read.  A cell that
 * overflows then is unknown. */
enum status ledger_charge_alike(struct ledger *ledger, struct ledger_key key,
                                int32_t n_tokens,
                                const struct cost *each) MUST_CHECK;

/* Replace one metric of one cell, whatever it was.  Measuring passes fill in
 * one counter after another this way. */
void ledger_set_count(struct ledger *ledger, struct ledger_key key,
                      enum metric metric, uint64_t value, enum provenance from);
void ledger_set_real(struct ledger *ledger, struct ledger_key key,
                     enum metric metric, double value, enum provenance from);

const struct cost *ledger_at(const struct ledger *ledger, struct ledger_key key);

/* True if any charge or set reached the cell. */
bool ledger_touched(const struct ledger *ledger, struct ledger_key key);

/* Sum over every touched cell whose key matches; -2 (LEDGER_ANY) matches all.
 * With nothing touched the result is the blank. */
enum { LEDGER_ANY = -2 };
struct cost ledger_sum(const struct ledger *ledger, int pass, int32_t layer,
                       int32_t token, int op);

/* Every amount times `factor`: the ledger of one step as that of a run.
 * STATUS_OVERFLOWED leaves the cells before the first too large one scaled. */
enum status ledger_scale(struct ledger *ledger, uint64_t factor) MUST_CHECK;

/* The reason that a metric is unknown in the whole ledger, for reports; NULL
 * when none was given.  The text is copied. */
void        ledger_set_reason(struct ledger *ledger, enum metric metric,
                              const char *reason);
const char *ledger_reason(const struct ledger *ledger, enum metric metric);
/* File seconds that a clock alone measured, under {0}; PROV_BUSY: others ran.
 * `why` says why all other metrics are unknown. */
void        ledger_set_clock(struct ledger *ledger, double seconds,
                             enum provenance from, const char *why);

/* Tidy CSV (RFC 4180), a row a touched cell:
 *   witness,pass,layer,op,flops,flops_source,bytes,bytes_source,...
 * layer is 0..L-1 or "outside"; a ledger that resolves tokens adds a column
 * token after layer.  Unknown amounts are empty fields with source "unknown",
 * those lost in the cost of reading empty with source "below_resolution". */
void        ledger_write_header(FILE *file, bool by_token);
enum status ledger_write(const struct ledger *ledger, const char *witness,
                         FILE *file, struct error *err) MUST_CHECK;

#endif
