/* half.h - Widen 16-bit floats to 32-bit ones, exactly. */
#ifndef HALF_H
#define HALF_H

#include <stdint.h>
#include <string.h>

/* bfloat16: the upper half of an IEEE 754 binary32. */
static inline float half_from_bf16(const void *bytes)
{
    uint16_t half;
    float value;
    memcpy(&half, bytes, sizeof half);
    uint32_t bits = (uint32_t)half << 16;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
static inline float half_from_f16(const void *bytes)
{
    uint16_t half;
    float value;
    memcpy(&half, bytes, sizeof half);
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = half >> 10 & 0x1f, fraction = half & 0x3ff, bits;

    if (exponent == 0) {                 /* zero, subnormal */
        value = (float)fraction * 0x1p-24f;
        memcpy(&bits, &value, sizeof bits);
    } else if (exponent == 0x1f) {       /* infinity, not a number */
        bits = 0x7f800000u | fraction << 13;
    } else {
        bits = (exponent + 127 - 15) << 23 | fraction << 13;
    }
    bits |= sign;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
