/* memory_block.h - Add up the part of a prediction of memory that is the
 * executor's one block. */
#ifndef MEMORY_BLOCK_H
#define MEMORY_BLOCK_H

#include <string.h>
#include "sim/price/memory.h"

/* All items but tokens and routes, with the scratch of the threads: what a
 * process of the same threads holds beyond its model. */
static inline uint64_t memory_block_bytes(const struct model_spec *spec,
                                          int32_t n_sequences, int32_t n_tokens,
                                          enum memory_phase phase,
                                          int n_threads)
{
    struct memory_item items[MEMORY_ITEMS_MAX];
    int n = memory_items(items, spec, n_sequences, n_tokens, phase);
    uint64_t sum = memory_process_bytes(spec, 1, n_tokens, MEMORY_FORWARD,
                                        n_threads) - MEMORY_PROCESS_BYTES -
                   MEMORY_PROBE_BYTES * (uint64_t)n_threads -
                   memory_bytes(spec, 1, n_tokens, MEMORY_FORWARD);

    for (int i = 0; i < n; i++)
        if (strcmp(items[i].name, "tokens, targets") != 0 &&
            strcmp(items[i].name, "routes") != 0)
            sum += 4 * items[i].numbers * items[i].rows;
    return sum;
}

#endif
