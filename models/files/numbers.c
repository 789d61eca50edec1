/* numbers.c - Widen blocks of quantised weights to floats, as dequantize_row_*
 * of ggml-quants.c does (ggml at d99724f).
 *
 * Products of a half, a scale of at most 8 bits and a number of at most 8 bits
 * are exact in float32, so that d q + m has the same bits fused and not. */
#include "models/files/numbers.h"

#include <math.h>

#include "models/kernels/codes.h"
#include "models/kernels/half.h"

typedef unsigned char byte;

size_t numbers_bytes(enum number type, size_t n)
{
    return n / number_table[type].block * number_table[type].bytes;
}

/* One block each. */
static void f32(float *out, const byte *in)
{
    memcpy(out, in, sizeof *out);
}

static void f16(float *out, const byte *in)
{
    *out = half_from_f16(in);
}

static void bf16(float *out, const byte *in)
{
    *out = half_from_bf16(in);
}

/* d, q[32] */
static void q8_0(float *out, const byte *in)
{
    const float d = half_from_f16(in);
    for (int i = 0; i < 32; i++)
        out[i] = d * (float)(int8_t)in[2 + i];
}

/* 16 bytes: the first 16 numbers low, then 16 high.  `high`: a fifth bit for
 * each number, the first number's lowest. */
static void nibbles(float *out, const byte *in, uint32_t high, float d,
                    float m)
{
    for (int i = 0; i < 16; i++) {
        int low = (in[i] & 15) | (int)(high >> i & 1) << 4;
        int top = (in[i] >> 4) | (int)(high >> (i + 16) & 1) << 4;
        out[i] = d * (float)low + m;
        out[i + 16] = d * (float)top + m;
    }
}

/* d, q[16] */
static void q4_0(float *out, const byte *in)
{
    const float d = half_from_f16(in);
    for (int i = 0; i < 16; i++) {
        out[i] = d * (float)((in[2 + i] & 15) - 8);
        out[i + 16] = d * (float)((in[2 + i] >> 4) - 8);
    }
}

/* d, m, q[16] */
static void q4_1(float *out, const byte *in)
{
    nibbles(out, in + 4, 0, half_from_f16(in), half_from_f16(in + 2));
}

static uint32_t word(const byte *in)
{
    uint32_t bits;
    memcpy(&bits, in, sizeof bits);
    return bits;
}

/* d, h[4], q[16] */
static void q5_0(float *out, const byte *in)
{
    const float d = half_from_f16(in);
    const uint32_t high = word(in + 2);
    for (int i = 0; i < 16; i++) {
        int low = (in[6 + i] & 15) | (int)(high >> i & 1) << 4;
        int top = (in[6 + i] >> 4) | (int)(high >> (i + 16) & 1) << 4;
        out[i] = d * (float)(low - 16);
        out[i + 16] = d * (float)(top - 16);
    }
}

/* d, m, h[4], q[16] */
static void q5_1(float *out, const byte *in)
{
    nibbles(out, in + 8, word(in + 4), half_from_f16(in),
            half_from_f16(in + 2));
}

/* Scale and least value of part j, of 6 bits each, in 12 bytes. */
static void six_bits(const byte *in, int j, float *scale, float *least)
{
    int s, m;
    if (j < 4) {
        s = in[j] & 63;
        m = in[j + 4] & 63;
    } else {
        s = (in[j + 4] & 15) | (in[j - 4] >> 6) << 4;
        m = (in[j + 4] >> 4) | (in[j] >> 6) << 4;
    }
    *scale = (float)s;
    *least = (float)m;
}

/* d, e, scales[12], h[32] or none, q[128]: of each 32 bytes the low halves are
 * one part of 32 numbers and the high ones the next.  Bit j of h[i] belongs to
 * number i of part j. */
static void k_nibbles(float *out, const byte *in, const byte *high,
                      const byte *q)
{
    const float d = half_from_f16(in), e = half_from_f16(in + 2);
    for (int j = 0; j < 8; j++) {
        float scale, least;
        six_bits(in + 4, j, &scale, &least);
        const float ds = d * scale, em = e * least;
        for (int i = 0; i < 32; i++) {
            int n = q[j / 2 * 32 + i] >> j % 2 * 4 & 15;
            if (high)
                n |= (high[i] >> j & 1) << 4;
            *out++ = ds * (float)n - em;
        }
    }
}

static void q4_k(float *out, const byte *in)
{
    k_nibbles(out, in, NULL, in + 16);
}

static void q5_k(float *out, const byte *in)
{
    k_nibbles(out, in, in + 16, in + 48);
}

/* ql[128], qh[64], scales[16], d: halves of 128 numbers; of a half, 32 low
 * nibbles of ql[0..31], of ql[32..63], then their high ones; the two bits above
 * from qh[0..31], upwards. */
static void q6_k(float *out, const byte *in)
{
    const byte *low = in, *high = in + 128, *scale = in + 192;
    const float d = half_from_f16(in + 208);
    for (int k = 0; k < 256; k++) {
        int half = k / 128, quarter = k % 128 / 32, i = k % 32;
        int n = low[half * 64 + quarter % 2 * 32 + i] >> quarter / 2 * 4 & 15;
        n |= (high[half * 32 + i] >> quarter * 2 & 3) << 4;
        float ds = d * (float)(int8_t)scale[k / 16];
        out[k] = ds * (float)(n - 32);
    }
}

/* scales[16], q[64], d, e: of each 32 bytes of q the lowest two bits are two
 * parts of 16 numbers, the next two the next parts. */
static void q2_k(float *out, const byte *in)
{
    const float d = half_from_f16(in + 80), e = half_from_f16(in + 82);
    for (int k = 0; k < 256; k++) {
        const int q = in[16 + k / 128 * 32 + k % 32] >> k % 128 / 32 * 2 & 3;
        const float ds = d * (float)(in[k / 16] & 15);
        const float em = e * (float)(in[k / 16] >> 4);
        out[k] = ds * (float)q - em;
    }
}

/* h[32], q[64], scales[12], d: as above, and bit j of h[i] belongs to number i of
 * the j-th 32; where it is not set, 4 is taken off. */
static void q3_k(float *out, const byte *in)
{
    const byte *scales = in + 96;
    const float d = half_from_f16(in + 108);
    for (int k = 0; k < 256; k++) {
        const int p = k / 16;
        const int low = in[32 + k / 128 * 32 + k % 32] >> k % 128 / 32 * 2 & 3;
        const int high = in[k % 32] >> k / 32 & 1;
        const int s = (scales[p % 8] >> p / 8 * 4 & 15) |
                      (scales[8 + p % 4] >> p / 4 * 2 & 3) << 4;
        const float ds = d * (float)(s - 32);
        out[k] = ds * (float)(low + 4 * high - 4);
    }
}

/* 16 bytes: the low nibbles are places of the first 16 numbers. */
static void coded(float *out, const byte *q, float d, const struct code *code)
{
    for (int i = 0; i < 16; i++) {
        out[i] = d * code->number[q[i] & 15];
        out[i + 16] = d * code->number[q[i] >> 4];
    }
}

static void iq4_nl(float *out, const byte *in)
{
    coded(out, in + 2, half_from_f16(in), &code_iq4);
}

/* d, two bits of each scale in 2 bytes, four in 4, q[128] */
static void iq4_xs(float *out, const byte *in)
{
    const float d = half_from_f16(in);
    const int high = in[2] | in[3] << 8;
    for (int p = 0; p < 8; p++) {
        const int s = (in[4 + p / 2] >> p % 2 * 4 & 15) |
                      (high >> 2 * p & 3) << 4;
        coded(out + 32 * p, in + 8 + 16 * p, d * (float)(s - 32), &code_iq4);
    }
}

static void mxfp4(float *out, const byte *in)
{
    coded(out, in + 1, code_scale(in), &code_fp4);
}

typedef void block_fn(float *out, const byte *in);
static block_fn *const block_floats[NUMBER_COUNT] = {
    [NUMBER_F32] = f32,   [NUMBER_F16] = f16,   [NUMBER_BF16] = bf16,
    [NUMBER_Q8_0] = q8_0, [NUMBER_Q4_0] = q4_0, [NUMBER_Q4_1] = q4_1,
    [NUMBER_Q5_0] = q5_0, [NUMBER_Q5_1] = q5_1, [NUMBER_Q4_K] = q4_k,
    [NUMBER_Q5_K] = q5_k, [NUMBER_Q6_K] = q6_k, [NUMBER_Q2_K] = q2_k,
    [NUMBER_Q3_K] = q3_k, [NUMBER_IQ4_NL] = iq4_nl, [NUMBER_IQ4_XS] = iq4_xs,
    [NUMBER_MXFP4] = mxfp4,
};

void numbers_floats(enum number type, float *out, size_t n, const void *data)
{
    const struct number_info *info = &number_table[type];
    const byte *in = data;

    if (type == NUMBER_F32) {
        memcpy(out, data, n * sizeof *out);
        return;
    }
    for (size_t i = 0; i < n; i += info->block, in += info->bytes)
        block_floats[type](out + i, in);
}

/* Where all bits of the exponent are set (IEEE 754), one more carries into the sign's
 * place: of every number, or of the halves that are a block's scales. */
static bool f32_finite(const byte *in, size_t n)
{
    uint32_t carried = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, in + 4 * i, sizeof bits);
        carried |= (bits & 0x7f800000) + 0x00800000;
    }
    return !(carried >> 31);
}

static inline bool halves_finite(const byte *in, size_t n, size_t apart,
                                 uint16_t exponent)
{
    const uint16_t one = exponent & (uint16_t)-exponent;
    uint16_t carried = 0;

    for (size_t i = 0; i < n; i++) {
        uint16_t bits;
        memcpy(&bits, in + apart * i, sizeof bits);
        carried |= (uint16_t)((bits & exponent) + one);
    }
    return !(carried >> 15);
}

enum { F16_EXPONENT = 0x7c00, BF16_EXPONENT = 0x7f80 };

/* A number is at most 12 times the scale, which is infinite from a scale of
 * 2^125 on for the largest. */
static bool mxfp4_finite(const byte *in, size_t n_blocks)
{
    enum { LARGE = 125 + 128 };
    float number[32];
    bool finite = true;

    for (size_t i = 0; i < n_blocks; i++, in += 17) {
        if (*in < LARGE)
            continue;
        mxfp4(number, in);
        for (int k = 0; k < 32; k++)
            finite &= isfinite(number[k]) != 0;
    }
    return finite;
}

bool numbers_finite(enum number type, size_t n, const void *data)
{
    static const struct { uint8_t first, count; } scales[NUMBER_COUNT] = {
        [NUMBER_Q8_0] = { 0, 1 }, [NUMBER_Q4_0] = { 0, 1 },
        [NUMBER_Q4_1] = { 0, 2 }, [NUMBER_Q5_0] = { 0, 1 },
        [NUMBER_Q5_1] = { 0, 2 }, [NUMBER_Q4_K] = { 0, 2 },
        [NUMBER_Q5_K] = { 0, 2 }, [NUMBER_Q6_K] = { 208, 1 },
        [NUMBER_Q2_K] = { 80, 2 }, [NUMBER_Q3_K] = { 108, 1 },
        [NUMBER_IQ4_NL] = { 0, 1 }, [NUMBER_IQ4_XS] = { 0, 1 },
    };
    const struct number_info *info = &number_table[type];
    const byte *in = data;
    bool finite = true;

    if (type == NUMBER_F32)
        return f32_finite(in, n);
    if (type == NUMBER_MXFP4)
        return mxfp4_finite(in, n / info->block);
    if (info->block == 1)
        return halves_finite(in, n, 2, type == NUMBER_F16 ? F16_EXPONENT
                                                          : BF16_EXPONENT);
    for (int i = 0; i < scales[type].count; i++)
        finite &= halves_finite(in + scales[type].first + 2 * i,
                                n / info->block, info->bytes, F16_EXPONENT);
    return finite;
}
