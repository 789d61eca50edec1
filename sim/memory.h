/* memory.h - what a run holds at its peak, as a table.
 *
 * A row per buffer: numbers of 4 bytes per row, and rows.  The executor lays
 * out the same buffers from its own code; this is the prediction. */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdint.h>
#include "sim/core/spec.h"

#define MEMORY_PHASE_MAP(X)                                                    \
    X(TRAIN,   "train")      /* every layer's activations wait for backward */ \
    X(FORWARD, "prefill")    /* layers take turns in one set of buffers     */ \
    X(DECODE,  "decode")     /* one row a sequence, and the cached keys     */

enum memory_phase {
#define X(id, name) MEMORY_##id,
    MEMORY_PHASE_MAP(X)
#undef X
    MEMORY_PHASE_COUNT
};
extern const char *const memory_phase_names[MEMORY_PHASE_COUNT + 1];

struct memory_item {
    const char *name;         /* "qkv" */
    uint64_t    numbers;      /* per row, 4 bytes each */
    uint64_t    rows;         /* over all layers that hold the buffer at once */
};
enum { MEMORY_ITEMS_MAX = 32 };

/* B sequences of T tokens (decode: T tokens cached).  Routed layers hold
 * B*spec_kept() rows: what a policy with a fixed k keeps.  Into
 * out[MEMORY_ITEMS_MAX]; returns how many. */
int memory_items(struct memory_item *out, const struct model_spec *spec,
                 int32_t n_sequences, int32_t n_tokens,
                 enum memory_phase phase);

/* Their sum in bytes, without the process itself; UINT64_MAX when it does not
 * fit. */
uint64_t memory_bytes(const struct model_spec *spec, int32_t n_sequences,
                      int32_t n_tokens, enum memory_phase phase);

/* Parameters of the model. */
uint64_t memory_parameters(const struct model_spec *spec);

#endif
