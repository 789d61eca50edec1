/* number.h - List the types that weights are stored in.
 *
 * A block of numbers along a weight's inputs shares its scales.  Widening turns
 * a block into float32, by the arithmetic of ggml-quants.c
 * (github.com/ggml-org/ggml): its cost is that of the expression in the last
 * column. */
#ifndef NUMBER_H
#define NUMBER_H

#include <stdint.h>
#include "sim/core/base/names.h"

/*    id    name    numbers  bytes  flops    widened as
 *                  of a block                                               */
#define NUMBER_MAP(X)                                                          \
    X(NUMBER_F32,  "f32",    1,   4,   0) /* as it is */                       \
    X(NUMBER_F16,  "f16",    1,   2,   0) /* converted */                      \
    X(NUMBER_BF16, "bf16",   1,   2,   0) /* shifted */                        \
    X(NUMBER_Q8_0, "q8_0",  32,  34,  32) /* d*q */                            \
    X(NUMBER_Q4_0, "q4_0",  32,  18,  32) /* d*(q - 8), (...) an integer */    \
    X(NUMBER_Q4_1, "q4_1",  32,  20,  64) /* d*q + m */                        \
    X(NUMBER_Q5_0, "q5_0",  32,  22,  32) /* d*(q - 16) */                     \
    X(NUMBER_Q5_1, "q5_1",  32,  24,  64) /* d*q + m */                        \
    X(NUMBER_Q4_K, "q4_k", 256, 144, 528) /* (d*s)*q - (e*m), 8 parts of 32 */ \
    X(NUMBER_Q5_K, "q5_k", 256, 176, 528) /* the same */                       \
    X(NUMBER_Q6_K, "q6_k", 256, 210, 272) /* (d*s)*(q - 32), 16 parts of 16 */ \
    X(NUMBER_Q2_K, "q2_k", 256,  84, 544) /* (d*s)*q - (e*m), 16 parts */      \
    X(NUMBER_Q3_K, "q3_k", 256, 110, 272) /* (d*s)*(q - 4), 16 parts of 16 */  \
    X(NUMBER_IQ4_NL, "iq4_nl", 32, 18, 32) /* d*v, v from a table of 16 */     \
    X(NUMBER_IQ4_XS, "iq4_xs", 256, 136, 264) /* (d*s)*v, 8 parts of 32 */     \
    X(NUMBER_MXFP4, "mxfp4", 32, 17,  32) /* d*v, d a power of two */

enum number { NUMBER_MAP(NAMES_ID) NUMBER_COUNT };

struct number_info {
    const char *name;       /* "q4_1" */
    uint16_t block;         /* numbers that share scales */
    uint16_t bytes;         /* of a block */
    uint16_t flops;         /* to widen a block */
};
extern const struct number_info number_table[NUMBER_COUNT];

#endif
