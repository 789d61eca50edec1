/* codes.h - Say what stored numbers stand for that are the places of a table:
 * kvalues_iq4nl and kvalues_mxfp4 of ggml-common.h (github.com/ggml-org/ggml),
 * the latter twice the numbers of E2M1 (OCP Microscaling Formats 1.0, 5.3.3). */
#ifndef CODES_H
#define CODES_H

#include <stdint.h>
#include <string.h>

struct code {
    float  number[16];
    int8_t byte[16];             /* the same */
};

#define CODE(...) { { __VA_ARGS__ }, { __VA_ARGS__ } }
static const struct code code_iq4 = CODE(
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
static const struct code code_fp4 = CODE(
    0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);
#undef CODE

/* The scale E8M0 of a byte (the same, 5.4.1), halved: 2^(e - 128), which is
 * subnormal for 0 and 1. */
static inline float code_scale(const uint8_t *e)
{
    uint32_t bits = *e < 2 ? 0x00200000u << *e : (uint32_t)(*e - 1) << 23;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
