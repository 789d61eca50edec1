/* gguf_floats.c - tensors of GGUF files as 32-bit floats.
 *
 * A block of Q8_0 is a half d and 32 bytes q: values d q.  Q4_0: a half d and
 * 16 bytes, low nibbles first, then high ones: d (q - 8).  Q4_1: halves d and
 * m, nibbles likewise: d q + m.  dequantize_row_* of ggml-quants.c, ggml at
 * d99724f. */
#include "models/gguf.h"

#include "models/half.h"

enum { BLOCK = 32 };

static void floats_f32(float *out, size_t n, const unsigned char *in)
{
    memcpy(out, in, n * sizeof *out);
}

static void floats_f16(float *out, size_t n, const unsigned char *in)
{
    for (size_t i = 0; i < n; i++)
        out[i] = half_from_f16(in + 2 * i);
}

static void floats_bf16(float *out, size_t n, const unsigned char *in)
{
    for (size_t i = 0; i < n; i++)
        out[i] = half_from_bf16(in + 2 * i);
}

static void floats_q8_0(float *out, size_t n, const unsigned char *in)
{
    for (size_t b = 0; b < n / BLOCK; b++, in += 2 + BLOCK) {
        const float d = half_from_f16(in);
        for (size_t i = 0; i < BLOCK; i++)
            *out++ = d * (float)(int8_t)in[2 + i];
    }
}

/* Nibble i of a block's 16 bytes. */
static int nibble(const unsigned char *in, size_t i)
{
    return i < BLOCK / 2 ? in[i] & 15 : in[i - BLOCK / 2] >> 4;
}

static void floats_q4_0(float *out, size_t n, const unsigned char *in)
{
    for (size_t b = 0; b < n / BLOCK; b++, in += 2 + BLOCK / 2) {
        const float d = half_from_f16(in);
        for (size_t i = 0; i < BLOCK; i++)
            *out++ = d * (float)(nibble(in + 2, i) - 8);
    }
}

static void floats_q4_1(float *out, size_t n, const unsigned char *in)
{
    for (size_t b = 0; b < n / BLOCK; b++, in += 4 + BLOCK / 2) {
        const float d = half_from_f16(in), m = half_from_f16(in + 2);
        for (size_t i = 0; i < BLOCK; i++)
            *out++ = d * (float)nibble(in + 4, i) + m;
    }
}

enum status gguf_floats(float *out, size_t n, const struct gguf_tensor *tensor,
                        struct error *err)
{
    static void (*const convert[GGUF_TYPE_END])(float *, size_t,
                                                const unsigned char *) = {
        [GGUF_F32] = floats_f32,   [GGUF_F16] = floats_f16,
        [GGUF_BF16] = floats_bf16, [GGUF_Q8_0] = floats_q8_0,
        [GGUF_Q4_0] = floats_q4_0, [GGUF_Q4_1] = floats_q4_1,
    };

    if (!convert[tensor->type])
        return error_set(err, STATUS_BAD_VALUE, "tensor %s is %s: supported are"
                         " F32, F16, BF16, Q8_0, Q4_0 and Q4_1", tensor->name,
                         gguf_type_name(tensor->type));
    if (tensor->n != n)
        return error_set(err, STATUS_BAD_VALUE, "tensor %s has %llu numbers:"
                         " needed are %zu", tensor->name,
                         (unsigned long long)tensor->n, n);
    convert[tensor->type](out, n, tensor->data);
    return STATUS_OK;
}
