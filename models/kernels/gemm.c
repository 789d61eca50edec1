/* gemm.c - Multiply matrices in the manner of Goto and van de Geijn 2008:
 * panels of b are packed to lie in the first cache, a block of a stays in the
 * second, and a tile of c in registers.  Every element of c is one chain of
 * multiply-adds in the order of k, whatever the tiling: 2 flops each. */
#include "models/kernels/kernel.h"
#include "models/kernels/tail.h"
#include "models/kernels/transpose.h"

/* K_BLOCK rows of b by 3 registers are at most 48 KB; M_BLOCK rows of a by
 * K_BLOCK, 256 KB: half a usual first and second cache.  MR x NV accumulators
 * leave room for NV of b and one of a in the register file.  GROUP panels of b
 * are packed at once: their rows are runs of 768 bytes, which a CPU foresees.
 * For those of one panel, 192 bytes in each row, it waited: a fifth of the time
 * of a product whose b lies in the third cache.  For a b that is not packed it is
 * told AHEAD rows before: with 8 rows of a that makes 17 GB/s of weights from
 * memory 29 (Zen 5; 16 to 32 rows ahead: 20).  A tile that at least FOLLOWED others
 * follow leaves them the rows of b: 1.2 to 1.3 times as fast where rows lie 4 KB
 * apart, as fast where they do not (AVX2, Zen 3). */
enum {
    K_BLOCK = 256,
    M_BLOCK = 256,
    GROUP   = 4,
    W  = REGISTER_LANES,
    MR = REGISTER_LANES == 16 ? 8 : 4,
    NV = 3,
    THIN = 4,
    C_BLOCK = 4096,
    AHEAD = 64,
    FOLLOWED = 4,
};

/* Columns that n take where each row of them begins on a whole register. */
static inline int32_t whole_registers(int32_t n)
{
    return (n + W - 1) / W * W;
}

/* As for the widest registers, so that all kernels want the same. */
size_t KERNEL(gemm_scratch)(int32_t n)
{
    return (size_t)K_BLOCK * (size_t)((n + 15) / 16 * 16) +
           (size_t)K_BLOCK * M_BLOCK;
}

/* The values that a tile starts from, c itself after the first block of k; and
 * how many columns of its last register it has. */
struct start {
    const real *bias, *from;
    ptrdiff_t   from_row;
    int         last;
    real       *left;            /* gets b's rows, in whole registers */
};

/* The register at p, or with `cut` its first `last` lanes. */
static inline __attribute__((always_inline)) lanes load(const bool cut,
                                                        const real *p, int last)
{
    return cut ? lanes_load_first(p, last) : lanes_load(p);
}

static inline __attribute__((always_inline)) void store(const bool cut, real *p,
                                                        lanes v, int last)
{
    if (cut)
        lanes_store_first(p, v, last);
    else
        lanes_store(p, v);
}

/* What a register of c starts from; `from` and `bias` may be NULL. */
static inline __attribute__((always_inline)) lanes begin(
    const bool cut, const real *from, const real *bias, int last)
{
    if (from && bias)
        return load(cut, from, last) + load(cut, bias, last);
    return from ? load(cut, from, last) : bias ? load(cut, bias, last)
                                               : lanes_set(0.0f);
}

/* Where a tile finds b: packed, or where an earlier tile left it; or as it lies,
 * which nobody has read yet, and leaving it for the tiles that follow. */
enum reach { NEAR, FAR, FAR_LEFT };

/* Add to a tile's sums rows [l, to) of b; of one that is far, ask for what lies
 * `ahead` of each. */
static inline __attribute__((always_inline)) void add_rows(
    const int mr, const int nv, const bool cut, const enum reach reach, int32_t l,
    int32_t to, const real *a, ptrdiff_t a_row, ptrdiff_t a_k, const real *b,
    ptrdiff_t b_k, ptrdiff_t ahead, const struct start *s, lanes sum[MR][NV])
{
    for (; l < to; l++) {
        lanes row[NV];
        UNROLL
        for (int j = 0; j < nv; j++) {
            row[j] = load(cut && j == nv - 1, b + l * b_k + W * j, s->last);
            if (reach != NEAR)
                __builtin_prefetch(b + l * b_k + W * j + ahead, 0, 2);
            if (reach == FAR_LEFT)
                lanes_store(s->left + (ptrdiff_t)(l * nv + j) * W, row[j]);
        }
        UNROLL
        for (int i = 0; i < mr; i++) {
            lanes x = lanes_set(a[i * a_row + l * a_k]);
            UNROLL
            for (int j = 0; j < nv; j++)
                sum[i][j] = lanes_add_product(sum[i][j], x, row[j]);
        }
    }
}

/* Compute a tile of mr x nv registers, the last of them whole or, with `cut`,
 * s->last columns of it.  mr, nv, cut and reach are constants at every call, so that
 * the loops unroll and the accumulators live in registers. */
static inline __attribute__((always_inline)) void tile(
    const int mr, const int nv, const bool cut, const enum reach reach, int32_t k,
    const real *a, ptrdiff_t a_row, ptrdiff_t a_k, const real *b, ptrdiff_t b_k,
    real *c, ptrdiff_t c_row, const struct start *s)
{
    const int last = s->last;
    lanes sum[MR][NV];
    UNROLL
    for (int i = 0; i < mr; i++)
        UNROLL
        for (int j = 0; j < nv; j++) {
            const real *from = s->from ? s->from + i * s->from_row + W * j
                                       : NULL;
            sum[i][j] = begin(cut && j == nv - 1, from,
                              s->bias ? s->bias + W * j : NULL, last);
        }
    /* Ahead of the last rows lie the first ones of the next panel. */
    const int32_t ahead = reach != NEAR && k > AHEAD ? AHEAD : k;
    if (reach != NEAR)
        add_rows(mr, nv, cut, reach, 0, k - ahead, a, a_row, a_k, b, b_k,
                 ahead * b_k, s, sum);
    add_rows(mr, nv, cut, reach, k - ahead, k, a, a_row, a_k, b, b_k,
             (ahead - k) * b_k + W * nv, s, sum);
    UNROLL
    for (int i = 0; i < mr; i++)
        UNROLL
        for (int j = 0; j < nv; j++)
            store(cut && j == nv - 1, c + i * c_row + W * j, sum[i][j], last);
}

#define TILE_OF(name, mr, nv, cut, reach)                                      \
    static __attribute__((noinline)) void name(                                \
        int32_t k, const real *a, ptrdiff_t a_row, ptrdiff_t a_k,              \
        const real *b, ptrdiff_t b_k, real *c, ptrdiff_t c_row,                \
        const struct start *s)                                                 \
    {                                                                          \
        if (a_k == 1)                                                          \
            tile(mr, nv, cut, reach, k, a, a_row, 1, b, b_k, c, c_row, s);      \
        else                                                                   \
            tile(mr, nv, cut, reach, k, a, 1, a_k, b, b_k, c, c_row, s);        \
    }
#define TILE(mr, nv)                                                           \
    TILE_OF(tile_##mr##_##nv, mr, nv, false, NEAR)                             \
    TILE_OF(tile_##mr##_##nv##_cut, mr, nv, true, NEAR)
#define BOTH(mr, nv)                                                           \
    TILE(mr, nv)                                                               \
    TILE_OF(tile_##mr##_##nv##_far, mr, nv, false, FAR)                        \
    TILE_OF(tile_##mr##_##nv##_cut_far, mr, nv, true, FAR)
#define LEAVING(nv)                                                            \
    TILE_OF(leaving_##nv, MR, nv, false, FAR_LEFT)                             \
    TILE_OF(leaving_##nv##_cut, MR, nv, true, FAR_LEFT)
#if REGISTER_LANES == 16
BOTH(8, 1) BOTH(8, 2) BOTH(8, 3)
#endif
BOTH(4, 1) BOTH(4, 2) BOTH(4, 3)
BOTH(1, 1) BOTH(1, 2) BOTH(1, 3)
TILE(2, 1) TILE(2, 2) TILE(2, 3)     /* first where rows are split, at most */
LEAVING(1) LEAVING(2) LEAVING(3)

typedef void tile_fn(int32_t, const real *, ptrdiff_t, ptrdiff_t, const real *,
                     ptrdiff_t, real *, ptrdiff_t, const struct start *);

/* Ask for what the next `rows` rows start from, nv registers of each: their
 * tile would wait for it at its first multiply-add. */
static inline void fetch(const real *from, ptrdiff_t from_row, int rows, int nv)
{
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < nv; j++)
            __builtin_prefetch(from + i * from_row + W * j);
}

/* Compute n columns of c, at most NV registers of them, all m rows; a's tiles
 * lie a_tile apart for each of their rows: a_row or, in slivers, k.  Where b is
 * far, the first tile finds it there, the others in s.left: rows of 4 KB, as
 * powers of two have them, share a set of each cache, and would come from afar
 * again for every tile. */
static void panel(int32_t n, int32_t m, int32_t k, const real *a,
                  ptrdiff_t a_row, ptrdiff_t a_k, ptrdiff_t a_tile,
                  const real *b, ptrdiff_t b_k, bool far, real *c,
                  ptrdiff_t c_row, struct start s)
{
#define TILES(mr, far)                                                         \
    { { { tile_##mr##_1, tile_##mr##_2, tile_##mr##_3 },                       \
        { tile_##mr##_1_cut, tile_##mr##_2_cut, tile_##mr##_3_cut } },         \
      { { tile_##mr##_1##far, tile_##mr##_2##far, tile_##mr##_3##far },        \
        { tile_##mr##_1_cut##far, tile_##mr##_2_cut##far,                      \
          tile_##mr##_3_cut##far } } }
    /* [log2 mr][far][cut][registers - 1] */
    static tile_fn *const table[][2][2][NV] = {
        TILES(1, _far), TILES(2, ), TILES(4, _far),
#if REGISTER_LANES == 16
        TILES(8, _far),
#endif
    };
    static tile_fn *const leaving[2][NV] = {       /* [cut][registers - 1] */
        { leaving_1, leaving_2, leaving_3 },
        { leaving_1_cut, leaving_2_cut, leaving_3_cut },
    };
    const int nv = (int)((n - 1) / W);
    s.last = (int)(n - W * nv);
    for (int32_t i = 0; i < m;) {
        int log = MR == 8 && m - i >= 8 ? 3 : m - i >= 4 ? 2 : m - i >= 2 ? 1 : 0;
        int32_t next = i + (1 << log);
        if (s.from && next < m)
            fetch(s.from + ((ptrdiff_t)1 << log) * s.from_row, s.from_row,
                  m - next < MR ? m - next : MR, nv + 1);
        const bool leaves = far && i == 0 && m > FOLLOWED * MR && s.left;
        (leaves ? leaving[s.last < W] : table[log][far && i == 0][s.last < W])[nv](
            k, a + i * a_tile, a_row, a_k, b, b_k, c + i * c_row, c_row, &s);
        if (leaves) {
            b = s.left;
            b_k = W * (nv + 1);
        }
        i = next;
        if (s.from)
            s.from += ((ptrdiff_t)1 << log) * s.from_row;
    }
}

/* The columns of the next panel, with `left` to go: full panels, but never 3 + 1
 * registers where 2 + 2 do. */
static int32_t panel_width(int32_t left)
{
    if (left <= W * NV)
        return left;
    return left <= W * (NV + 1) && NV > 2 ? W * ((NV + 1) / 2) : W * NV;
}

/* Pack k rows of b, from column `col` to n1 at most, into the panels of a
 * group: [panel][K_BLOCK][columns], the columns in whole registers. */
static void pack_group(const struct gemm *g, int32_t k0, int32_t k, int32_t col,
                       int32_t n1, real *to)
{
    struct { int32_t at, n, stride; real *to; } panels[GROUP];
    const real *b = g->b + k0 * g->b_k;
    int n_panels = 0;

    while (col < n1 && n_panels < GROUP) {
        const int32_t n = panel_width(n1 - col), stride = whole_registers(n);
        panels[n_panels].at = col;
        panels[n_panels].n = n;
        panels[n_panels].stride = stride;
        panels[n_panels++].to = to;
        to += (ptrdiff_t)K_BLOCK * stride;
        col += n;
    }
    if (g->b_col != 1) {
        for (int p = 0; p < n_panels; p++)
            transpose(b + panels[p].at * g->b_col, g->b_col, panels[p].n, k,
                      panels[p].to, panels[p].stride);
        return;
    }
    for (int32_t l = 0; l < k; l++)
        for (int p = 0; p < n_panels; p++)
            memcpy(panels[p].to + (ptrdiff_t)l * panels[p].stride,
                   b + l * g->b_k + panels[p].at,
                   (size_t)panels[p].n * sizeof *to);
}

/* Pack m rows of a by k into slivers of 8 rows: [m/8][k][8].  A line holds 16
 * rows of a k, and the lines of k may share few sets of the first cache: each
 * is read once. */
static void pack_a(const real *a, ptrdiff_t a_k, int32_t m, int32_t k, real *to)
{
    for (int32_t i = 0; i < m; i += 16)
        for (int32_t l = 0; l < k; l++)
            for (int32_t r = i; r < i + 16 && r + MR <= m; r += MR)
                memcpy(to + (ptrdiff_t)r * k + l * MR, a + r + l * a_k,
                       MR * sizeof *to);
}

/* Compute columns [n0,n1) of rows [m0,m1). */
static void block(const struct gemm *g, int32_t m0, int32_t m1, int32_t n0,
                  int32_t n1, real *scratch)
{
    /* Packing a pays when a panel is read by many tiles: measured on shapes of
     * training steps at widths 32 to 512. */
    bool pack_rows = g->a_k != 1 && m1 - m0 > 16 * MR && n1 - n0 > 64;
    /* Panels that no other block of a reads make room for the next group's. */
    bool keep_b = m1 - m0 > M_BLOCK;
    bool pack_b = g->b_col != 1 || keep_b || pack_rows;
    real *slivers = scratch + (ptrdiff_t)K_BLOCK * whole_registers(n1 - n0);

    for (int32_t k0 = 0; k0 < g->k || k0 == 0; k0 += K_BLOCK) {
        int32_t k = g->k - k0 < K_BLOCK ? g->k - k0 : K_BLOCK;
        for (int32_t i = m0; i < m1; i += M_BLOCK) {
            int32_t m = m1 - i < M_BLOCK ? m1 - i : M_BLOCK;
            const real *a = g->a + i * g->a_row + k0 * g->a_k;
            int32_t whole = pack_rows ? m / MR * MR : 0;
            real *packed = scratch;
            int32_t n_packed = 0;
            if (whole > 0)
                pack_a(a, g->a_k, whole, k, slivers);
            for (int32_t j = n0; j < n1;) {
                int32_t n = panel_width(n1 - j), stride = whole_registers(n);
                const real *b = g->b + k0 * g->b_k + j * g->b_col;
                ptrdiff_t b_k = g->b_k;
                if (pack_b) {
                    if (!keep_b && n_packed == GROUP) {
                        packed = scratch;
                        n_packed = 0;
                    }
                    if (i == m0 && n_packed % GROUP == 0)
                        pack_group(g, k0, k, j, n1, packed);
                    n_packed++;
                    b = packed;
                    b_k = stride;
                    packed += (ptrdiff_t)K_BLOCK * stride;
                }
                real *c = g->c + i * g->c_row + j;
                struct start s = { NULL, c, g->c_row, 0, scratch };
                if (k0 == 0) {
                    s.bias = g->bias ? g->bias + j : NULL;
                    s.from = g->from ? g->from + i * g->from_row + j : NULL;
                    s.from_row = g->from_row;
                }
                panel(n, whole, k, slivers, 1, MR, k, b, b_k, false, c,
                      g->c_row, s);
                if (s.from)
                    s.from += whole * s.from_row;
                panel(n, m - whole, k, a + whole * g->a_row, g->a_row, g->a_k,
                      g->a_row, b, b_k, !pack_b, c + whole * g->c_row,
                      g->c_row, s);
                j += n;
            }
        }
    }
}

/* Add to mr rows of a register of c, or of its first `last` columns, nk rows of
 * b.  One row alone waits for memory at most of what that gives; several ask for
 * the rows that follow, as the CPU, busy with sums, looks less far (18 GB/s
 * of weights without, 28 with it; one row 34). */
static inline __attribute__((always_inline)) void thin_register(
    const int mr, const int nk, const bool cut, lanes x[THIN][4], const real *b,
    ptrdiff_t b_k, real *c, ptrdiff_t c_row, int last)
{
    lanes row[4];
    UNROLL
    for (int r = 0; r < nk; r++) {
        row[r] = load(cut, b + r * b_k, last);
        if (mr > 1)
            __builtin_prefetch(b + (r + nk) * b_k);
    }
    UNROLL
    for (int i = 0; i < mr; i++) {
        lanes sum = load(cut, c + i * c_row, last);
        UNROLL
        for (int r = 0; r < nk; r++)
            sum = lanes_add_product(sum, x[i][r], row[r]);
        store(cut, c + i * c_row, sum, last);
    }
}

/* Multiply mr rows by nk rows of b, from l on. */
static inline __attribute__((always_inline)) void thin_rows(
    const int mr, const int nk, const struct gemm *g, int32_t l, int32_t n0,
    int32_t n1)
{
    const real *a = g->a + l * g->a_k, *b = g->b + l * g->b_k;
    real *c = g->c;
    lanes x[THIN][4];
    UNROLL
    for (int i = 0; i < mr; i++)
        UNROLL
        for (int r = 0; r < nk; r++)
            x[i][r] = lanes_set(a[i * g->a_row + r * g->a_k]);
    int32_t j = n0;
    for (; j + W <= n1; j += W)
        thin_register(mr, nk, false, x, b + j, g->b_k, c + j, g->c_row, W);
    if (j < n1)
        thin_register(mr, nk, true, x, b + j, g->b_k, c + j, g->c_row, n1 - j);
}

/* Multiply at most THIN rows by a weight that is read once: four rows of b stream by
 * while c stays in the first cache, in the same order of k as everywhere. */
static inline __attribute__((always_inline)) void thin(
    const int mr, const struct gemm *g, int32_t n0, int32_t n1)
{
    int32_t l = 0;
    for (; l + 4 <= g->k; l += 4)
        thin_rows(mr, 4, g, l, n0, n1);
    for (; l < g->k; l++)
        thin_rows(mr, 1, g, l, n0, n1);
}

/* Set c to the values that the product is added to. */
static void begin_columns(const struct gemm *g, int32_t n0, int32_t n1)
{
    for (int32_t i = 0; i < g->m; i++)
        for (int32_t j = n0; j < n1; j += W) {
            const int last = n1 - j < W ? n1 - j : W;
            const real *from = g->from ? g->from + i * g->from_row + j : NULL;
            const real *bias = g->bias ? g->bias + j : NULL;
            real *c = g->c + i * g->c_row + j;
            if (last < W)
                store(true, c, begin(true, from, bias, last), last);
            else
                store(false, c, begin(false, from, bias, W), W);
        }
}

/* So many numbers of c at a time as half a usual first cache holds. */
static void thin_columns(const struct gemm *g, int32_t n0, int32_t n1)
{
    const int32_t columns = C_BLOCK / (g->m > 0 ? g->m : 1) / W * W;

    begin_columns(g, n0, n1);
    for (int32_t j = n0; j < n1; j += columns) {
        const int32_t to = n1 - j < columns ? n1 : j + columns;
        switch (g->m) {
        case 4: thin(4, g, j, to); break;
        case 3: thin(3, g, j, to); break;
        case 2: thin(2, g, j, to); break;
        case 1: thin(1, g, j, to); break;
        default: break;
        }
    }
}

void KERNEL(gemm)(const struct gemm *g, int part, int parts, real *scratch)
{
    /* Long and thin: split the rows, and each part packs all of b.  Otherwise
     * split the columns, by whole vectors, so that b is packed once. */
    int32_t m0 = 0, m1 = g->m, n0 = 0, n1 = g->n;
    if (g->m >= 4 * g->n || g->m > 512) {
        m0 = slice(g->m, MR, part, parts);
        m1 = slice(g->m, MR, part + 1, parts);
    } else {
        n0 = slice(g->n, 16, part, parts);
        n1 = slice(g->n, 16, part + 1, parts);
    }
    if (g->m <= THIN && g->b_col == 1 && n0 < n1)
        thin_columns(g, n0, n1);
    else if (m0 < m1 && n0 < n1)
        block(g, m0, m1, n0, n1, scratch);
}

void KERNEL(small_gemm)(const struct gemm *g, bool far)
{
    for (int32_t j = 0, n; j < g->n; j += n) {
        struct start s = { g->bias ? g->bias + j : NULL,
                           g->from ? g->from + j : NULL, g->from_row, 0, NULL };
        n = panel_width(g->n - j);
        panel(n, g->m, g->k, g->a, g->a_row, g->a_k, g->a_row, g->b + j,
              g->b_k, far, g->c + j, g->c_row, s);
    }
}
