/* test_stored_product.c - Expect products with weights kept as stored to be
 * those with the widened weights, bit for bit. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "models/kernels/kernels.h"
#include "models/files/numbers.h"
#include "tests/stored_numbers.h"

enum { MOST_K = 768, MOST_N = 150, MOST_M = 40 };

/* One matrix of several types, both ways. */
struct matrix_pair {
    struct stored range[3];
    int32_t n_ranges, k, n;
    float  *widened;             /* [k,n] */
};

static void add_range(struct matrix_pair *p, enum number type, int32_t columns,
                      uint64_t seed)
{
    struct stored *s = &p->range[p->n_ranges++];
    const size_t bytes = numbers_bytes(type, (size_t)p->k);
    uint8_t *rows = draw(type, (size_t)p->k * (size_t)columns, seed);
    float row[MOST_K];

    *s = (struct stored){ .type = type, .columns = columns, .rows = p->k };
    uint8_t *data = malloc((size_t)stored_groups(s) * stored_group_bytes(s));
    cr_assert(data != NULL);
    for (int32_t g = 0; g < stored_groups(s); g++) {
        const void *column[OP_COLUMN_TILE];
        for (int32_t c = 0; c < OP_COLUMN_TILE; c++) {
            int32_t at = OP_COLUMN_TILE * g + c;
            column[c] = at < columns ? rows + (size_t)at * bytes : NULL;
        }
        stored_pack(data + (size_t)g * stored_group_bytes(s), type, p->k,
                    column);
    }
    s->data = data;
    for (int32_t c = 0; c < columns; c++) {
        numbers_floats(type, row, (size_t)p->k, rows + (size_t)c * bytes);
        for (int32_t l = 0; l < p->k; l++)
            p->widened[l * MOST_N + p->n + c] = row[l];
    }
    p->n += columns;
    free(rows);
}

static void free_pair(struct matrix_pair *p)
{
    for (int32_t i = 0; i < p->n_ranges; i++)
        free((void *)(uintptr_t)p->range[i].data);
    free(p->widened);
}

static void random_floats(float *x, size_t n, uint64_t seed)
{
    struct random random = random_seeded(seed);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)random_normal(&random);
}

/* Of m rows, starting from bias, another matrix, both or neither, in so many
 * parts. */
static void same_product(const struct kernels *k, const struct matrix_pair *p,
                         int32_t m, int start, int parts)
{
    static float a[MOST_M * MOST_K], bias[MOST_N], from[MOST_M * MOST_N];
    static float want[MOST_M * MOST_N], got[MOST_M * (MOST_N + 1)];
    static float scratch[1 << 18];
    struct gemm g = {
        .m = m, .n = p->n, .k = p->k, .a = a, .a_row = p->k, .a_k = 1,
        .b = p->widened, .b_k = MOST_N, .b_col = 1, .c = want, .c_row = p->n,
        .bias = start & 1 ? bias : NULL, .from = start & 2 ? from : NULL,
        .from_row = p->n,
    };

    cr_assert(k->gemm_scratch(p->n) <= sizeof scratch / sizeof *scratch);
    random_floats(a, (size_t)m * (size_t)p->k, 1);
    random_floats(bias, MOST_N, 2);
    random_floats(from, MOST_M * MOST_N, 3);
    k->gemm(&g, 0, 1, scratch);
    for (size_t i = 0; i < sizeof got / sizeof *got; i++)
        got[i] = 12345.0f;
    g.b = NULL;
    g.c = got;
    g.c_row = p->n + 1;              /* a column that nobody may touch */
    g.stored = p->range;
    g.n_stored = p->n_ranges;
    for (int part = 0; part < parts; part++)
        k->stored_gemm(&g, part, parts, scratch);
    for (int32_t i = 0; i < m; i++) {
        cr_assert(memcmp(got + i * (p->n + 1), want + i * p->n,
                         (size_t)p->n * sizeof *want) == 0,
                  "%s, %s first, [%d,%d] x %d: row %d", k->name,
                  number_table[p->range[0].type].name, p->k, p->n, m, i);
        cr_assert(got[i * (p->n + 1) + p->n] == 12345.0f);
    }
}

static const int32_t rows_tried[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 33 };
enum { N_ROWS_TRIED = sizeof rows_tried / sizeof *rows_tried };

/* Columns of every kind of rest; inputs of one block, and past a panel's 256. */
static void products_of(const struct kernels *k)
{
    static const int32_t columns[] = { 1, 5, 16, 17, 64, 72, 131 };
    for (int t = 0; t < NUMBER_COUNT; t++)
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
            const int32_t block = number_table[t].block;
            struct matrix_pair p = { .k = c % 2 ? MOST_K : block * 3 > MOST_K
                                                 ? block : block * 3 };
            p.widened = malloc(sizeof(float) * MOST_K * MOST_N);
            add_range(&p, (enum number)t, columns[c], (uint64_t)t);
            for (int r = 0; r < N_ROWS_TRIED; r++)
                same_product(k, &p, rows_tried[r], (int)(c + (size_t)r) % 4,
                             1 + r % 3);
            free_pair(&p);
        }
}

/* Three matrices side by side, none a whole number of tiles. */
static void side_by_side(const struct kernels *k)
{
    for (int t = 0; t < NUMBER_COUNT; t++) {
        struct matrix_pair p = { .k = 512 };
        p.widened = malloc(sizeof(float) * MOST_K * MOST_N);
        add_range(&p, (enum number)t, 83, 1);
        add_range(&p, (enum number)((t + 3) % NUMBER_COUNT), 24, 2);
        add_range(&p, (enum number)((t + 7) % NUMBER_COUNT), 24, 3);
        for (int r = 0; r < N_ROWS_TRIED; r++)
            for (int parts = 1; parts <= 4; parts++)
                same_product(k, &p, rows_tried[r], r % 4, parts);
        free_pair(&p);
    }
}

static void check_kernels(const char *name)
{
    const struct kernels *k = kernels_find(name);
    if (!k)
        cr_skip("this CPU does not run %s", name);
    products_of(k);
    side_by_side(k);
}

Test(stored_product, products_have_the_bits_of_widened_ones_avx512)
{
    check_kernels("avx512");
}

Test(stored_product, products_have_the_bits_of_widened_ones_avx2)
{
    check_kernels("avx2");
}

Test(stored_product, products_have_the_bits_of_widened_ones_generic)
{
    check_kernels("generic");
}
