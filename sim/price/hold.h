/* hold.h - Predict the memory of a step by what it is for, and what would fit.
 *
 * The buffers are those of memory.h, in the regime's formats: what this program
 * would hold.  Frameworks may hold more. */
#ifndef HOLD_H
#define HOLD_H

#include "sim/price/machine.h"
#include "sim/price/memory.h"
#include "sim/price/regime.h"

/* One step of B sequences of T tokens. */
struct hold_question {
    const struct model_spec *spec;       /* borrowed */
    const struct regime *regime;         /* borrowed */
    const struct memory_fixed *fixed;    /* of the spec; NULL: worked out for this
                                          * question alone; borrowed */
    enum memory_phase phase;             /* but MEMORY_RECOMPUTED: the regime
                                          * says that */
    int32_t n_sequences, n_tokens;
    int     n_threads;
};

struct hold {
    uint64_t bytes[MEMORY_KIND_COUNT];   /* UINT64_MAX: beyond 64 bits */
    uint64_t total;
};

/* The items of memory.h alone. */
struct hold hold_buffers(const struct hold_question *question);

/* And in float32, which this program runs, what stands beside them in its
 * process (memory_beside_bytes()).  A prefill that ends with each sequence's last
 * logits holds the keys and values of the decode step that follows. */
struct hold hold_of(const struct hold_question *question);

/* A profile's low is what is left beside a driver and others: so much surely
 * fits, and more than its value does not. */
#define FIT_MAP(X)                                                             \
    X(FITS, "fits") X(MAY_FIT, "may fit") X(DOES_NOT_FIT, "does not fit")      \
    X(FIT_UNKNOWN, "unknown")        /* the profile states no memory */

enum fit { FIT_MAP(NAMES_ID) FIT_COUNT };
extern const char *const fit_names[];                /* NULL ends */
enum fit hold_fit(uint64_t bytes, const struct machine *machine);

/* The largest batch at its length, and the largest length at its batch, whose
 * hold_of() fits into so many bytes; 0: none does. */
int32_t hold_largest_batch(const struct hold_question *question,
                           uint64_t bytes);
/* At most the model's max_tokens: positions reach no further. */
int32_t hold_largest_length(const struct hold_question *question,
                            uint64_t bytes);

#endif
