/* stored_pack.c - Lay blocks of 16 columns side by side: move bits, and compute
 * nothing. */
#include "models/kernels/stored.h"

#include <string.h>

enum { N = OP_COLUMN_TILE };

typedef uint8_t  bytes16 __attribute__((vector_size(16)));
typedef uint16_t pairs8  __attribute__((vector_size(16)));

/* The same block of each of 16 columns. */
struct blocks {
    const uint8_t *at[N];
};

/* `size` bytes at `offset` of each column. */
static uint8_t *copy(uint8_t *to, const struct blocks *from, size_t offset,
                     size_t size)
{
    for (int c = 0; c < N; c++)
        memcpy(to + (size_t)c * size, from->at[c] + offset, size);
    return to + N * size;
}

/* row[i] byte c becomes row[c] byte i: four perfect shuffles. */
static void transpose(bytes16 row[N])
{
    for (int round = 0; round < 4; round++) {
        bytes16 next[N];
        for (int i = 0; i < N / 2; i++) {
            bytes16 a = row[i], b = row[i + N / 2];
            next[2 * i] = __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3,
                                                  19, 4, 20, 5, 21, 6, 22, 7,
                                                  23);
            next[2 * i + 1] = __builtin_shufflevector(
                a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15,
                31);
        }
        memcpy(row, next, sizeof next);
    }
}

/* `n` bytes, a multiple of 16, as [n][16]. */
static uint8_t *bytes(uint8_t *to, const struct blocks *from, size_t offset,
                      size_t n)
{
    for (size_t i = 0; i < n; i += N, to += N * N) {
        bytes16 row[N];
        for (int c = 0; c < N; c++)
            memcpy(&row[c], from->at[c] + offset + i, sizeof row[c]);
        transpose(row);
        memcpy(to, row, sizeof row);
    }
    return to;
}

/* `n` bytes, at most 16, as [n][16]. */
static uint8_t *some(uint8_t *to, const struct blocks *from, size_t offset,
                     size_t n)
{
    bytes16 row[N];
    for (int c = 0; c < N; c++) {
        row[c] = (bytes16){ 0 };
        memcpy(&row[c], from->at[c] + offset, n);
    }
    transpose(row);
    for (size_t i = 0; i < n; i++, to += N)
        memcpy(to, &row[i], sizeof row[i]);
    return to;
}

/* Low nibbles of 16 bytes, two in one; and the high ones. */
static pairs8 low_pairs(const uint8_t *in)
{
    pairs8 q;
    memcpy(&q, in, sizeof q);
    return (q & 0x0f) | (q >> 4 & 0xf0);
}

static pairs8 high_pairs(const uint8_t *in)
{
    pairs8 q;
    memcpy(&q, in, sizeof q);
    return (q >> 4 & 0x0f) | (q >> 8 & 0xf0);
}

typedef pairs8 pairs_fn(const uint8_t *in);

/* 32 numbers, 16 by each function, as [16][16]. */
static uint8_t *nibbles(uint8_t *to, const struct blocks *from, pairs_fn *first,
                        size_t first_at, pairs_fn *last, size_t last_at)
{
    bytes16 row[N];
    for (int c = 0; c < N; c++) {
        bytes16 a = (bytes16)first(from->at[c] + first_at);
        bytes16 b = (bytes16)last(from->at[c] + last_at);
        row[c] = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16,
                                         18, 20, 22, 24, 26, 28, 30);
    }
    transpose(row);
    memcpy(to, row, sizeof row);
    return to + sizeof row;
}

/* Bit `bit` of byte `offset` + k, for n of k: one 16-bit word each.  `step`:
 * bits from k to k + 1 (1: in a row, as of a 32-bit word; 8: bytes). */
static uint8_t *single_bits(uint8_t *to, const struct blocks *from,
                            size_t offset, int bit, int step, int n)
{
    uint16_t word[32] = { 0 };
    for (int c = 0; c < N; c++)
        for (int k = 0; k < n; k++) {
            int at = bit + k * step;
            word[k] = (uint16_t)(word[k] |
                (from->at[c][offset + (size_t)at / 8] >> at % 8 & 1) << c);
        }
    memcpy(to, word, (size_t)n * sizeof *word);
    return to + (size_t)n * sizeof *word;
}

/* Two bits of each of 16 bytes, from bit `bit` on: [4][16], of four k a byte. */
static uint8_t *double_bits(uint8_t *to, const struct blocks *from,
                            size_t offset, size_t bit)
{
    for (int c = 0; c < N; c++)
        for (size_t i = 0; i < 4; i++) {
            const uint8_t *in = from->at[c] + offset + 4 * i;
            unsigned two = 0;
            for (unsigned k = 0; k < 4; k++)
                two |= (in[k] >> bit & 3u) << 2 * k;
            to[i * N + (size_t)c] = (uint8_t)two;
        }
    return to + 4 * N;
}

static void one4(uint8_t *to, const struct blocks *from)
{
    copy(to, from, 0, 4);
}

static void one2(uint8_t *to, const struct blocks *from)
{
    copy(to, from, 0, 2);
}

static void q8_0(uint8_t *to, const struct blocks *from)
{
    bytes(copy(to, from, 0, 2), from, 2, 32);
}

static void q4_0(uint8_t *to, const struct blocks *from)
{
    nibbles(copy(to, from, 0, 2), from, low_pairs, 2, high_pairs, 2);
}

static void q4_1(uint8_t *to, const struct blocks *from)
{
    to = copy(copy(to, from, 0, 2), from, 2, 2);
    nibbles(to, from, low_pairs, 4, high_pairs, 4);
}

static void q5_0(uint8_t *to, const struct blocks *from)
{
    to = single_bits(copy(to, from, 0, 2), from, 2, 0, 1, 32);
    nibbles(to, from, low_pairs, 6, high_pairs, 6);
}

static void q5_1(uint8_t *to, const struct blocks *from)
{
    to = copy(copy(to, from, 0, 2), from, 2, 2);
    to = single_bits(to, from, 4, 0, 1, 32);
    nibbles(to, from, low_pairs, 8, high_pairs, 8);
}

/* Part j of a block of 256 whose nibbles are at `q`. */
static uint8_t *k_part(uint8_t *to, const struct blocks *from, int j, size_t q)
{
    pairs_fn *half = j % 2 ? high_pairs : low_pairs;
    size_t at = q + (size_t)j / 2 * 32;
    return nibbles(to, from, half, at, half, at + 16);
}

static void q4_k(uint8_t *to, const struct blocks *from)
{
    to = some(copy(copy(to, from, 0, 2), from, 2, 2), from, 4, 12);
    for (int j = 0; j < 8; j++)
        to = k_part(to, from, j, 16);
}

static void q5_k(uint8_t *to, const struct blocks *from)
{
    to = some(copy(copy(to, from, 0, 2), from, 2, 2), from, 4, 12);
    for (int j = 0; j < 8; j++)
        to = k_part(single_bits(to, from, 16, j, 8, 32), from, j, 48);
}

/* Parts 2j and 2j + 1 are 32 numbers of the same half and quarter. */
static void q6_k(uint8_t *to, const struct blocks *from)
{
    to = bytes(copy(to, from, 208, 2), from, 192, 16);
    for (size_t j = 0; j < 8; j++) {
        const size_t half = j / 4, quarter = j % 4;
        const size_t low = half * 64 + quarter % 2 * 32;
        pairs_fn *pairs = quarter / 2 ? high_pairs : low_pairs;
        uint8_t n[N * N];
        nibbles(n, from, pairs, low, pairs, low + 16);
        for (size_t p = 0; p < 2; p++) {
            memcpy(to, n + p * 8 * N, 8 * N);
            to = double_bits(to + 8 * N, from, 128 + half * 32 + p * 16,
                             quarter * 2);
        }
    }
}

/* Part p of 16 numbers: its half of the block, and its two bits there. */
static uint8_t *k_twos(uint8_t *to, const struct blocks *from, size_t p,
                       size_t q)
{
    return double_bits(to, from, q + p / 8 * 32 + p % 2 * 16, p % 8 / 2 * 2);
}

static void q2_k(uint8_t *to, const struct blocks *from)
{
    to = bytes(copy(copy(to, from, 80, 2), from, 82, 2), from, 0, 16);
    for (size_t p = 0; p < 16; p++)
        to = k_twos(to, from, p, 16);
}

static void q3_k(uint8_t *to, const struct blocks *from)
{
    to = some(copy(to, from, 108, 2), from, 96, 12);
    for (size_t p = 0; p < 16; p++) {
        to = single_bits(to, from, p % 2 * 16, (int)p / 2, 8, 16);
        to = k_twos(to, from, p, 32);
    }
}

static void iq4_xs(uint8_t *to, const struct blocks *from)
{
    to = some(copy(to, from, 0, 2), from, 2, 6);
    for (size_t p = 0; p < 8; p++)
        to = nibbles(to, from, low_pairs, 8 + 16 * p, high_pairs, 8 + 16 * p);
}

static void mxfp4(uint8_t *to, const struct blocks *from)
{
    nibbles(copy(to, from, 0, 1), from, low_pairs, 1, high_pairs, 1);
}

typedef void pack_fn(uint8_t *to, const struct blocks *from);
static pack_fn *const pack[NUMBER_COUNT] = {
    [NUMBER_F32] = one4,  [NUMBER_F16] = one2,  [NUMBER_BF16] = one2,
    [NUMBER_Q8_0] = q8_0, [NUMBER_Q4_0] = q4_0, [NUMBER_Q4_1] = q4_1,
    [NUMBER_Q5_0] = q5_0, [NUMBER_Q5_1] = q5_1, [NUMBER_Q4_K] = q4_k,
    [NUMBER_Q5_K] = q5_k, [NUMBER_Q6_K] = q6_k, [NUMBER_Q2_K] = q2_k,
    [NUMBER_Q3_K] = q3_k, [NUMBER_IQ4_NL] = q4_0, [NUMBER_IQ4_XS] = iq4_xs,
    [NUMBER_MXFP4] = mxfp4,
};

void stored_pack(uint8_t *group, enum number type, int32_t rows,
                 const void *const column[OP_COLUMN_TILE])
{
    static const uint8_t zeros[256];
    const struct number_info *info = &number_table[type];
    const size_t n = (size_t)rows / info->block;
    struct blocks from;

    for (size_t b = 0; b < n; b++, group += (size_t)info->bytes * N) {
        for (int c = 0; c < N; c++)
            from.at[c] = column[c] ? (const uint8_t *)column[c] +
                                         b * info->bytes : zeros;
        pack[type](group, &from);
    }
}
