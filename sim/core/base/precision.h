/* precision.h - List the number formats that machines calculate in.
 *
 * number.h has the types that weights are stored in; those are widened to one of
 * these before anything is multiplied. */
#ifndef PRECISION_H
#define PRECISION_H

#include "sim/core/base/names.h"

/* fp8 and int4 of whatever split: e4m3 or e5m2, with or without a sign.
 *    id               name    bits in memory                                  */
#define PRECISION_MAP(X)                                                       \
    X(PRECISION_FP32, "fp32",  32)  /* first: what the executor calculates in */ \
    X(PRECISION_FP64, "fp64",  64)                                             \
    X(PRECISION_TF32, "tf32",  32)  /* 19 of them are multiplied */            \
    X(PRECISION_BF16, "bf16",  16)                                             \
    X(PRECISION_FP16, "fp16",  16)                                             \
    X(PRECISION_FP8,  "fp8",    8)                                             \
    X(PRECISION_INT8, "int8",   8)                                             \
    X(PRECISION_INT4, "int4",   4)

enum precision { PRECISION_MAP(NAMES_ID) PRECISION_COUNT };

extern const char *const precision_names[];            /* NULL ends */
extern const int precision_bits[PRECISION_COUNT];

#endif
