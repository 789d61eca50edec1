/* stored_product.c - Multiply by weights that are kept as stored, widening them
 * on the way: for a few rows in registers, for more into a panel of floats that
 * stays in the first cache.  Every element is the same chain of multiply-adds
 * in the order of k as in gemm.c, so that it has the bits of the product with
 * the widened weight; and every number is widened once, because work is split
 * by columns only. */
#include "models/kernels/kernel.h"

#define NUMBER lanes
#define OF(name) lanes_##name
#include "models/kernels/blocks.h"
#undef NUMBER
#undef OF
#define NUMBER real
#define OF(name) real_##name
#include "models/kernels/blocks.h"
#undef NUMBER
#undef OF

enum {
    W = REGISTER_LANES,
    TILE = OP_COLUMN_TILE,
    REGISTERS = TILE / W,        /* registers of a group's columns */
    K_BLOCK = 256,               /* a multiple of every type's block */
    PANEL = 3,                   /* groups of a panel: 48 KB; for few rows, that
                                  * wait for it, two: within a first cache */
    FEW = 16,
    AHEAD = 512,                 /* bytes asked for before they are needed */
    ROWS = W == 4 ? 2 : 8,       /* in registers, at most */
    ABREAST = 4,                 /* registers of columns side by side, so that
                                  * one's chain of sums hides another's */
};

/* So many of them for `rows` rows: the chains of five and more hide each other,
 * and with sums of several registers each would not fit. */
#define SIDE(rows) ((rows) <= 4 ? ABREAST : 1)

/* The layout of a group's blocks: bytes before the parts, parts, numbers of a
 * part, bytes of a part; and numbers that come at once. */
struct shape {
    int head, parts, numbers, bytes, step;
};

static inline __attribute__((always_inline)) struct shape shape_of(
    enum number type)
{
    enum { d = 2 * TILE, half = TILE * TILE, high = 2 * 32 };
    static const struct shape table[NUMBER_COUNT] = {
        { 0, 1, 1, 4 * TILE, 1 },                        /* f32 */
        { 0, 1, 1, 2 * TILE, 1 },                        /* f16 */
        { 0, 1, 1, 2 * TILE, 1 },                        /* bf16 */
        { d, 1, 32, 32 * TILE, 4 },                      /* q8_0 */
        { d, 1, 32, half, 4 },                           /* q4_0 */
        { 2 * d, 1, 32, half, 4 },                       /* q4_1 */
        { d, 1, 32, high + half, 4 },                    /* q5_0 */
        { 2 * d, 1, 32, high + half, 4 },                /* q5_1 */
        { 2 * d + 12 * TILE, 8, 32, half, 4 },           /* q4_k */
        { 2 * d + 12 * TILE, 8, 32, high + half, 4 },    /* q5_k */
        { d + 16 * TILE, 16, 16, 12 * TILE, 4 },         /* q6_k */
        { 2 * d + 16 * TILE, 16, 16, 4 * TILE, 4 },      /* q2_k */
        { d + 12 * TILE, 16, 16, high / 2 + 4 * TILE, 4 },   /* q3_k */
        { d, 1, 32, half, 4 },                           /* iq4_nl */
        { d + 6 * TILE, 8, 32, half, 4 },                /* iq4_xs */
        { TILE, 1, 32, half, 4 },                        /* mxfp4 */
    };
    return table[type];
}

/* ---- a few rows ---- */

/* Where the products of some rows go; a's strides are a_row and 1. */
struct few {
    const real *a;
    ptrdiff_t   a_row;
    real       *to;
    ptrdiff_t   to_row;
};

/* Multiply mr rows by n registers of columns, from register `first` of a group
 * on: of one group, or of several whole ones, `group_bytes` apart; into
 * to[mr,W n]. */
static inline __attribute__((always_inline)) void row_registers(
    const enum number type, const int mr, const int n, const struct few *f,
    int32_t rows, const uint8_t *data, size_t group_bytes, int first)
{
    const struct shape s = shape_of(type);
    const int32_t numbers = s.parts * s.numbers;
    const real *a = f->a;
    lanes sum[ROWS][ABREAST];

    UNROLL
    for (int m = 0; m < mr; m++)
        UNROLL
        for (int j = 0; j < n; j++)
            sum[m][j] = lanes_load(f->to + m * f->to_row + W * j);
    for (int32_t l = 0; l < rows; l += numbers) {
        const uint8_t *at = data + s.head;
        for (int p = 0; p < s.parts; p++, at += s.bytes) {
            struct lanes_scales scale[ABREAST];
            UNROLL
            for (int j = 0; j < n; j++)
                scale[j] = lanes_part_scales(
                    type, data + (size_t)(j / REGISTERS) * group_bytes, p,
                    W * (first + j % REGISTERS));
            for (int i = 0; i < s.numbers / s.step; i++) {
                UNROLL
                for (int j = 0; j < n; j += REGISTERS)
                    __builtin_prefetch(at + (size_t)(j / REGISTERS) *
                                                group_bytes +
                                       i * (s.bytes / (s.numbers / s.step)) +
                                       AHEAD);
                UNROLL
                for (int j = 0; j < n; j++) {
                    lanes w[4];
                    lanes_four(type, at + (size_t)(j / REGISTERS) * group_bytes,
                               i, W * (first + j % REGISTERS), scale[j], w);
                    UNROLL
                    for (int m = 0; m < mr; m++)
                        UNROLL
                        for (int r = 0; r < s.step; r++)
                            sum[m][j] = lanes_add_product(
                                sum[m][j],
                                lanes_set(a[m * f->a_row + r]), w[r]);
                }
                a += s.step;
            }
        }
        data += s.head + s.parts * s.bytes;
    }
    UNROLL
    for (int m = 0; m < mr; m++)
        UNROLL
        for (int j = 0; j < n; j++)
            lanes_store(f->to + m * f->to_row + W * j, sum[m][j]);
}

/* ---- a panel ---- */

/* Widen rows [k0, k0 + k) of `n` groups to floats, [k, TILE n]. */
static inline __attribute__((always_inline)) void widen_groups(
    const enum number type, int n, int32_t k, const uint8_t *data,
    size_t group_bytes, real *to)
{
    const struct shape s = shape_of(type);
    const int32_t numbers = s.parts * s.numbers;

    for (int g = 0; g < n; g++, data += group_bytes) {
        const uint8_t *block = data;
        real *out = to + TILE * g;
        for (int32_t l = 0; l < k; l += numbers) {
            const uint8_t *at = block + s.head;
            for (int p = 0; p < s.parts; p++, at += s.bytes) {
                struct lanes_scales scale[REGISTERS];
                UNROLL
                for (int j = 0; j < REGISTERS; j++)
                    scale[j] = lanes_part_scales(type, block, p, W * j);
                for (int i = 0; i < s.numbers / s.step; i++)
                    UNROLL
                    for (int j = 0; j < REGISTERS; j++) {
                        lanes w[4];
                        lanes_four(type, at, i, W * j, scale[j], w);
                        UNROLL
                        for (int r = 0; r < s.step; r++)
                            lanes_store(out + (ptrdiff_t)(s.step * i + r) *
                                                  TILE * n + W * j, w[r]);
                    }
                out += (ptrdiff_t)s.numbers * TILE * n;
            }
            block += s.head + s.parts * s.bytes;
        }
    }
}

/* ---- one number after another, of one column ---- */

static inline __attribute__((always_inline)) void widen_column(
    const enum number type, int c, int32_t rows, const uint8_t *data, real *to)
{
    const struct shape s = shape_of(type);
    const int32_t numbers = s.parts * s.numbers;

    for (int32_t l = 0; l < rows; l += numbers) {
        const uint8_t *at = data + s.head;
        for (int p = 0; p < s.parts; p++, at += s.bytes) {
            struct real_scales scale = real_part_scales(type, data, p, c);
            for (int i = 0; i < s.numbers / s.step; i++, to += s.step) {
                real w[4];
                real_four(type, at, i, c, scale, w);
                for (int r = 0; r < s.step; r++)
                    to[r] = w[r];
            }
        }
        data += s.head + s.parts * s.bytes;
    }
}

/* ---- a copy for each type ---- */

#define TYPES(X)                                                               \
    X(F32) X(F16) X(BF16) X(Q8_0) X(Q4_0) X(Q4_1) X(Q5_0) X(Q5_1) X(Q4_K)      \
    X(Q5_K) X(Q6_K) X(Q2_K) X(Q3_K) X(IQ4_NL) X(IQ4_XS) X(MXFP4)

#define ROW_COPY(name, id, mr, n)                                              \
    static __attribute__((noinline)) void name(                                \
        const struct few *f, int32_t rows, const uint8_t *data,                \
        size_t group_bytes, int first)                                         \
    {                                                                          \
        row_registers(NUMBER_##id, mr, n, f, rows, data, group_bytes, first);  \
    }
#define ROWS_COPY(id, mr) ROW_COPY(rows_##mr##_##id, id, mr, SIDE(mr))

#if REGISTER_LANES == 4
#define MORE_ROWS(id)
#define MORE_NAMES(id)
#else
#define MORE_ROWS(id)                                                          \
    ROWS_COPY(id, 3) ROWS_COPY(id, 4) ROWS_COPY(id, 5) ROWS_COPY(id, 6)        \
    ROWS_COPY(id, 7) ROWS_COPY(id, 8)
#define MORE_NAMES(id)                                                         \
    , rows_3_##id, rows_4_##id, rows_5_##id, rows_6_##id, rows_7_##id,         \
    rows_8_##id
#endif

#define COPIES(id)                                                             \
    ROW_COPY(single_##id, id, 1, REGISTERS)                                    \
    ROWS_COPY(id, 1) ROWS_COPY(id, 2) MORE_ROWS(id)                            \
    static __attribute__((noinline)) void panel_##id(                          \
        int n, int32_t k, const uint8_t *data, size_t group_bytes, real *to)   \
    {                                                                          \
        widen_groups(NUMBER_##id, n, k, data, group_bytes, to);                \
    }                                                                          \
    static __attribute__((noinline)) void column_##id(                         \
        int c, int32_t rows, const uint8_t *data, real *to)                    \
    {                                                                          \
        widen_column(NUMBER_##id, c, rows, data, to);                          \
    }
TYPES(COPIES)

typedef void row_fn(const struct few *, int32_t, const uint8_t *, size_t, int);
typedef void panel_fn(int, int32_t, const uint8_t *, size_t, real *);
typedef void column_fn(int, int32_t, const uint8_t *, real *);

/* In the order of NUMBER_MAP. */
static const struct {
    row_fn    *single, *few[ROWS];   /* a row by a group; [rows - 1] by
                                      * SIDE(rows) registers */
    panel_fn  *panel;
    column_fn *column;
} copies[NUMBER_COUNT] = {
#define X(id)                                                                  \
    { single_##id, { rows_1_##id, rows_2_##id MORE_NAMES(id) }, panel_##id,     \
      column_##id },
    TYPES(X)
#undef X
};

/* ---- products ---- */

/* Compute `n` columns of c from column c0 on, with `n_groups` of the range from
 * `data` on; columns of the last group beyond n are widened, not multiplied. */
static void panels(const struct gemm *g, const struct stored *s,
                   const uint8_t *data, int32_t c0, int32_t n, int n_groups,
                   real *scratch)
{
    const struct shape shape = shape_of(s->type);
    const size_t block = (size_t)(shape.head + shape.parts * shape.bytes);
    const int32_t numbers = shape.parts * shape.numbers;

    for (int32_t k0 = 0; k0 < g->k; k0 += K_BLOCK) {
        int32_t k = g->k - k0 < K_BLOCK ? g->k - k0 : K_BLOCK;
        copies[s->type].panel(n_groups, k,
                              data + (size_t)(k0 / numbers) * block,
                              stored_group_bytes(s), scratch);
        struct gemm part = *g;
        part.n = n;
        part.k = k;
        part.a += k0 * g->a_k;
        part.b = scratch;
        part.b_k = TILE * n_groups;
        part.b_col = 1;
        part.c += c0;
        part.bias = k0 == 0 && g->bias ? g->bias + c0 : NULL;
        part.from = k0 > 0 ? part.c : g->from ? g->from + c0 : NULL;
        part.from_row = k0 > 0 ? g->c_row : g->from_row;
        KERNEL(small_gemm)(&part, false);
    }
}

/* Set n columns of c to the values that the product is added to. */
static void begin_rows(const struct gemm *g, int32_t c0, int32_t n)
{
    for (int32_t i = 0; i < g->m; i++)
        for (int32_t j = c0; j < c0 + n; j++) {
            const real *from = g->from ? g->from + i * g->from_row : NULL;
            g->c[i * g->c_row + j] = from && g->bias ? from[j] + g->bias[j]
                                     : from          ? from[j]
                                     : g->bias       ? g->bias[j]
                                                     : real_set(0.0f);
        }
}

/* Multiply a few rows by groups [from,to), all of whose columns are there; where
 * there are several rows, by as many groups as go side by side, or by one in
 * pieces.  Returns the first group that is left. */
static int32_t run_few(const struct gemm *g, const struct stored *s, int32_t c0,
                       int32_t from, int32_t to)
{
    const size_t bytes = stored_group_bytes(s);
    const int side = SIDE(g->m);
    const int32_t most = side > REGISTERS ? side / REGISTERS : 1;

    while (from < to) {
        const bool whole = to - from >= most;
        const int32_t n = whole ? most : 1, c = c0 + TILE * from;
        if (!whole && g->m > 1)
            break;
        begin_rows(g, c, TILE * n);
        for (int j = 0; j < REGISTERS; j += whole ? side : REGISTERS) {
            const struct few f = { g->a, g->a_row, g->c + c + W * j,
                                   g->c_row };
            (whole ? copies[s->type].few[g->m - 1] : copies[s->type].single)(
                &f, s->rows, s->data + (size_t)from * bytes, bytes, j);
        }
        from += n;
    }
    return from;
}

/* Run groups [from,to) of a range whose first column is c0. */
static void run_range(const struct gemm *g, const struct stored *s, int32_t c0,
                      int32_t from, int32_t to, real *scratch)
{
    const size_t bytes = stored_group_bytes(s);
    const int32_t whole = s->columns / TILE;
    int32_t i = from;

    if (g->m > 0 && g->m <= ROWS)
        i = run_few(g, s, c0, from, to < whole ? to : whole);
    const int32_t panel = g->m <= FEW ? PANEL - 1 : PANEL;
    while (i < to) {
        int32_t n = to - i < panel ? to - i : panel;
        int32_t left = s->columns - TILE * i;
        panels(g, s, s->data + (size_t)i * bytes, c0 + TILE * i,
               left < TILE * n ? left : TILE * n, (int)n, scratch);
        i += n;
    }
}

void KERNEL(stored_gemm)(const struct gemm *g, int part, int parts,
                         real *scratch)
{
    int32_t groups = 0, first = 0, c0 = 0;
    for (int r = 0; r < g->n_stored; r++)
        groups += stored_groups(&g->stored[r]);
    const int32_t from = slice(groups, 1, part, parts);
    const int32_t to = slice(groups, 1, part + 1, parts);

    for (int r = 0; r < g->n_stored; r++) {
        const struct stored *s = &g->stored[r];
        const int32_t n = stored_groups(s);
        const int32_t low = from > first ? from - first : 0;
        const int32_t high = to - first < n ? to - first : n;
        if (low < high)
            run_range(g, s, c0, low, high, scratch);
        first += n;
        c0 += s->columns;
    }
}

void KERNEL(stored_embed)(const int32_t *ids, const int32_t *position,
                          const struct stored *wte, float scale,
                          const real *wpe, real *out, int32_t n, int part,
                          int parts)
{
    const int32_t width = wte->rows, end = slice(n, 1, part + 1, parts);
    const real factor = real_set(scale);
    for (int32_t r = slice(n, 1, part, parts); r < end; r++) {
        real *to = out + (ptrdiff_t)r * width;
        copies[wte->type].column(
            ids[r] % TILE, width,
            wte->data + (size_t)(ids[r] / TILE) * stored_group_bytes(wte), to);
        for (int32_t j = 0; j < width && scale > 0.0f; j++)
            to[j] = to[j] * factor;
        if (wpe)
            for (int32_t j = 0; j < width; j++)
                to[j] = to[j] + wpe[(ptrdiff_t)position[r] * width + j];
    }
}
