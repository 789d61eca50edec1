/* regime.c - Answer what follows from a regime's members. */
#include "sim/price/regime.h"

int32_t regime_steps(const struct regime *regime)
{
    return regime->accumulate > 1 ? regime->accumulate : 1;
}

bool regime_is_fp32(const struct regime *r)
{
    return r->arithmetic == PRECISION_FP32 && r->weights == PRECISION_FP32 &&
           r->kv == PRECISION_FP32 && r->gradients == PRECISION_FP32 &&
           r->moments == PRECISION_FP32;
}

uint64_t regime_bytes(uint64_t bytes, enum precision precision)
{
    const uint64_t bits = (uint64_t)precision_bits[precision];
    return bytes / 32 * bits + (bytes % 32 * bits + 16) / 32;
}
