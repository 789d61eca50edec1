/* transpose.h - Copy a matrix with its rows as columns: moves, no arithmetic. */
#ifndef TRANSPOSE_H
#define TRANSPOSE_H

#include "models/kernels/kernel.h"
#include "models/kernels/tail.h"

/* REGISTER_LANES is 2 to this power. */
enum {
    TRANSPOSE_STEPS = REGISTER_LANES == 16 ? 4 : REGISTER_LANES == 8 ? 3 : 2,
};

/* Transpose a square of registers: lane i of register j becomes lane j of
 * register i.  Each step shuffles the first half of all numbers into the second, as one
 * does cards; after as many as double one to a row, rows are columns. */
static inline __attribute__((always_inline)) void transpose_square(lanes *row)
{
    enum { W = REGISTER_LANES };
    UNROLL
    for (int step = 0; step < TRANSPOSE_STEPS; step++) {
        lanes next[W];
        UNROLL
        for (int i = 0; i < W / 2; i++) {
            next[2 * i] = lanes_zip_low(row[i], row[i + W / 2]);
            next[2 * i + 1] = lanes_zip_high(row[i], row[i + W / 2]);
        }
        UNROLL
        for (int i = 0; i < W; i++)
            row[i] = next[i];
    }
}

/* Transpose rows <= REGISTER_LANES of columns <= REGISTER_LANES numbers of
 * `from` into rows of `to`.  Where both are constants at the call, no memory
 * comes between. */
static inline __attribute__((always_inline)) void transpose_tile(
    const real *from, ptrdiff_t from_row, const int rows, const int columns,
    real *to, ptrdiff_t to_row)
{
    enum { W = REGISTER_LANES };
    lanes row[W];
    UNROLL
    for (int i = 0; i < W; i++)
        row[i] = i >= rows ? lanes_set(0.0f)
                 : columns < W ? lanes_load_first(from + i * from_row, columns)
                               : lanes_load(from + i * from_row);
    transpose_square(row);
    UNROLL
    for (int i = 0; i < W; i++)
        if (i < columns && rows == W)
            lanes_store(to + i * to_row, row[i]);
        else if (i < columns)
            lanes_store_first(to + i * to_row, row[i], rows);
}

/* to[j,i] = from[i,j], i below rows, j below columns. */
static inline void transpose(const real *from, ptrdiff_t from_row,
                             int32_t rows, int32_t columns, real *to,
                             ptrdiff_t to_row)
{
    enum { W = REGISTER_LANES };
    for (int32_t i = 0; i < rows; i += W)
        for (int32_t j = 0; j < columns; j += W) {
            const int m = rows - i < W ? rows - i : W;
            const int n = columns - j < W ? columns - j : W;
            const real *tile = from + i * from_row + j;
            if (m == W && n == W)
                transpose_tile(tile, from_row, W, W, to + j * to_row + i,
                               to_row);
            else
                transpose_tile(tile, from_row, m, n, to + j * to_row + i,
                               to_row);
        }
}

#endif
