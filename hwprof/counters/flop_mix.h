/* flop_mix.h - Split executed floating-point operations by how wide the
 * instructions were that did them. */
#ifndef FLOP_MIX_H
#define FLOP_MIX_H

#include <stdint.h>

/* The width of a vector register; what works on one lane of it is scalar.
 *   id      column           name                                          */
#define FLOP_WIDTH_MAP(X)                                                      \
    X(SCALAR, "flops_scalar",  "scalar")                                       \
    X(128,    "flops_128_bit", "128 bit")                                      \
    X(256,    "flops_256_bit", "256 bit")                                      \
    X(512,    "flops_512_bit", "512 bit")

enum flop_width {
#define X(id, column, name) FLOPS_##id,
    FLOP_WIDTH_MAP(X)
#undef X
    FLOP_WIDTH_COUNT
};

struct flop_mix {
    uint64_t of[FLOP_WIDTH_COUNT];
    uint64_t fused;              /* those of fused multiply-adds, two a lane,
                                  * which are in `of` too */
};
uint64_t flop_mix_sum(const struct flop_mix *mix);
void     flop_mix_add(struct flop_mix *sum, const struct flop_mix *part);

#endif
