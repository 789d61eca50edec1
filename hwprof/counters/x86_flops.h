/* x86_flops.h - Tell how many floating-point operations an instruction of
 * x86-64 does, from its bytes, by the convention of op.h.
 *
 * Built where Debian's libzydis-dev is. */
#ifndef X86_FLOPS_H
#define X86_FLOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "hwprof/counters/flop_mix.h"

struct x86_flops {
    int  flops;                  /* a lane's times lanes; fused: 2 a lane */
    enum flop_width width;
    bool fused;
    bool masked_move;            /* of memory: vmaskmov */
    int  bytes;                  /* of the instruction */
    bool known;                  /* false: a mask chooses the lanes, or it is an
                                  * approximation or a function of x87 */
};

/* Decode the instruction that `code` begins with; it may be longer than the
 * instruction.  False: it is none. */
bool x86_flops(struct x86_flops *out, const uint8_t *code, size_t n);

#endif
