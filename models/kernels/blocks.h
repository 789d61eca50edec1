/* blocks.h - Widen stored numbers (models/kernels/stored.h) to floats: once for
 * a register of columns, once for a single column.  Included twice: NUMBER is
 * the type, OF(name) its functions.  Flops of a block, a column each:
 * number.h. */

/* The scales that the numbers of a part share: d, or d and m. */
struct OF(scales) {
    NUMBER scale, offset;
};

/* Read the scales of part `part` of a block, for columns from c on. */
static inline __attribute__((always_inline)) struct OF(scales) OF(part_scales)(
    enum number type, const uint8_t *block, int part, int c)
{
    enum { N = OP_COLUMN_TILE };
    struct OF(scales) s = { OF(set)(0.0f), OF(set)(0.0f) };
    if (type <= NUMBER_BF16)
        return s;
    if (type == NUMBER_MXFP4) {
        s.scale = OF(e8m0)(block + c);
        return s;
    }
    s.scale = OF(f16)(block + 2 * c);
    if (type == NUMBER_Q4_1 || type == NUMBER_Q5_1)
        s.offset = OF(f16)(block + 2 * N + 2 * c);
    if (type == NUMBER_Q6_K)
        s.scale = s.scale * OF(of)(OF(i8)(block + 2 * N + N * part + c));
    if (type == NUMBER_Q2_K) {
        OF(int) both = OF(u8)(block + 4 * N + N * part + c);
        s.offset = -(OF(f16)(block + 2 * N + 2 * c) * OF(of)(both >> 4));
        s.scale = s.scale * OF(of)(both & 15);
    }
    if (type == NUMBER_Q3_K) {
        /* 6 bits: four of parts 0 to 7 and 8 to 15 in a byte, two of each fourth
         * part in another. */
        OF(int) four = OF(u8)(block + (2 + part % 8) * N + c) >> part / 8 * 4;
        OF(int) two = OF(u8)(block + (10 + part % 4) * N + c) >> part / 4 * 2;
        s.scale = s.scale * OF(of)(((four & 15) | ((two & 3) << 4)) - 32);
    }
    if (type == NUMBER_IQ4_XS) {
        /* 6 bits: two of four parts in each of bytes 0 and 1, four of two parts
         * in each of those behind. */
        OF(int) four = OF(u8)(block + (4 + part / 2) * N + c) >> part % 2 * 4;
        OF(int) two = OF(u8)(block + (2 + part / 4) * N + c) >> part % 4 * 2;
        s.scale = s.scale * OF(of)(((four & 15) | ((two & 3) << 4)) - 32);
    }
    if (type == NUMBER_Q4_K || type == NUMBER_Q5_K) {
        /* 6 bits each: of parts 0 to 3 in bytes 0 to 3 and 4 to 7; of 4 to 7
         * four in bytes 8 to 11, and two above those of 0 to 7. */
        const uint8_t *row = block + 4 * N + c + N * (part % 4);
        OF(int) a = OF(u8)(row), b = OF(u8)(row + 4 * N), six, least;
        if (part < 4) {
            six = a & 63;
            least = b & 63;
        } else {
            OF(int) e = OF(u8)(row + 8 * N);
            six = (e & 15) | (a >> 6 << 4);
            least = (e >> 4) | (b >> 6 << 4);
        }
        s.offset = -(OF(f16)(block + 2 * N + 2 * c) * OF(of)(least));
        s.scale = s.scale * OF(of)(six);
    }
    return s;
}

/* Widen four numbers in a row along k, from 4i on, of the part at `at`; of the
 * types without blocks, one, w[0]. */
static inline __attribute__((always_inline)) void OF(four)(
    enum number type, const uint8_t *at, int i, int c, struct OF(scales) s,
    NUMBER w[4])
{
    enum { N = OP_COLUMN_TILE };
    if (type == NUMBER_F32) {
        w[0] = OF(load)((const real *)(const void *)at + c);
    } else if (type == NUMBER_F16) {
        w[0] = OF(f16)(at + 2 * c);
    } else if (type == NUMBER_BF16) {
        w[0] = OF(bf16)(at + 2 * c);
    } else if (type == NUMBER_Q8_0) {
        UNROLL
        for (int r = 0; r < 4; r++)
            w[r] = s.scale * OF(of)(OF(i8)(at + N * (4 * i + r) + c));
    } else if (type == NUMBER_Q2_K) {
        OF(int) two = OF(u8)(at + N * i + c);
        UNROLL
        for (int r = 0; r < 4; r++)
            w[r] = OF(add_product)(s.offset, s.scale,
                                   OF(of)(two >> (2 * r) & 3));
    } else if (type == NUMBER_Q3_K) {
        OF(int) two = OF(u8)(at + 2 * 16 + N * i + c);
        uint16_t bits[4];
        memcpy(bits, at + 8 * i, sizeof bits);
        UNROLL
        for (int r = 0; r < 4; r++)
            w[r] = s.scale * OF(joined)(two >> (2 * r) & 3, bits[r], c, 2, 4);
    } else if (type == NUMBER_IQ4_NL || type == NUMBER_IQ4_XS ||
               type == NUMBER_MXFP4) {
        const struct code *code = type == NUMBER_MXFP4 ? &code_fp4 : &code_iq4;
        UNROLL
        for (int r = 0; r < 4; r += 2) {
            OF(int) n = OF(u8)(at + N * (2 * i + r / 2) + c);
            w[r] = s.scale * OF(coded)(n, code);
            w[r + 1] = s.scale * OF(coded)(n >> 4, code);
        }
    } else if (type == NUMBER_Q6_K) {
        OF(int) two = OF(u8)(at + 8 * N + N * i + c);
        UNROLL
        for (int r = 0; r < 4; r += 2) {
            OF(int) n = OF(u8)(at + N * (2 * i + r / 2) + c);
            w[r] = s.scale *
                   OF(of)(((n & 15) | ((two >> (2 * r) & 3) << 4)) - 32);
            w[r + 1] = s.scale *
                       OF(of)(((n >> 4) | ((two >> (2 * r + 2) & 3) << 4)) -
                              32);
        }
    } else {
        const bool five = type == NUMBER_Q5_0 || type == NUMBER_Q5_1 ||
                          type == NUMBER_Q5_K;
        const bool plain = type == NUMBER_Q4_0 || type == NUMBER_Q5_0;
        const int less = type == NUMBER_Q4_0 ? 8 : type == NUMBER_Q5_0 ? 16 : 0;
        uint16_t bits[4] = { 0, 0, 0, 0 };
        if (five) {
            memcpy(bits, at + 8 * i, sizeof bits);
            at += 2 * 32;
        }
        UNROLL
        for (int r = 0; r < 4; r += 2) {
            OF(int) n = OF(u8)(at + N * (2 * i + r / 2) + c);
            NUMBER low = five ? OF(joined)(n, bits[r], c, 4, less)
                              : OF(nibble)(n, less);
            NUMBER high = five ? OF(joined)(n >> 4, bits[r + 1], c, 4,
                                            less)
                               : OF(nibble)(n >> 4, less);
            w[r] = plain ? s.scale * low
                         : OF(add_product)(s.offset, s.scale, low);
            w[r + 1] = plain ? s.scale * high
                             : OF(add_product)(s.offset, s.scale, high);
        }
    }
}
