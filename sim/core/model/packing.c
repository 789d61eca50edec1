/* packing.c - Add up what a packed matrix takes. */
#include "sim/core/model/packing.h"

static uint64_t parts(uint64_t n, int32_t of)
{
    return of > 0 ? (n + (uint64_t)of - 1) / (uint64_t)of : 1;
}

uint64_t packing_bytes(const struct packing *p, uint64_t inputs,
                       uint64_t outputs)
{
    const uint64_t groups = parts(inputs, p->inputs) *
                            parts(outputs, p->outputs);
    const uint64_t bits = inputs * outputs * (uint64_t)p->bits +
                          groups * (uint64_t)(p->scale_bits + p->zero_bits) +
                          inputs * (uint64_t)p->index_bits;

    return (bits + 7) / 8 + (uint64_t)p->table_bytes +
           (p->nested > 0 ? 4 * parts(groups, p->nested) : 0);
}
