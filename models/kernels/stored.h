/* stored.h - Keep weights as their file stores them, in the order in which
 * products read them.
 *
 * A weight [K,N] is one or more ranges of columns, each of its own type: a
 * range is a matrix of the file.  Its columns go in groups of 16, the last one
 * padded with zeros; a group is its blocks along K, one after another; and of a
 * block the bits of the 16 columns lie side by side, the same bits as in the
 * file (d, e, m: halves of a column each; numbers: from the first k on):
 *
 *   f32, f16, bf16   [16]
 *   q8_0   d[16], q[32][16]
 *   q4_0   d[16], n[16][16]: of a byte, the low nibble is k = 2i, the high 2i+1
 *   q4_1   d[16], m[16], n[16][16]
 *   q5_0   d[16], h[32], n[16][16]: bit c of the 16-bit h[k] is column c's
 *          fifth
 *   q5_1   d[16], m[16], h[32], n[16][16]
 *   q4_k   d[16], e[16], the file's 12 bytes of scales [12][16],
 *          8 parts n[16][16]
 *   q5_k   d[16], e[16], [12][16], 8 parts of h[32], n[16][16]
 *   q6_k   d[16], scales [16][16], 16 parts of n[8][16], t[4][16]: of a byte,
 *          two bits each for k = 4i, 4i+1, ...
 *   q2_k   d[16], e[16], scales and least values [16][16], 16 parts t[4][16]
 *   q3_k   d[16], the file's 12 bytes of scales [12][16], 16 parts of h[16],
 *          t[4][16]
 *   iq4_nl d[16], n[16][16]
 *   iq4_xs d[16], the file's 6 bytes of scales [6][16], 8 parts n[16][16]
 *   mxfp4  a byte each, [16], n[16][16] */
#ifndef STORED_H
#define STORED_H

#include <stddef.h>
#include <stdint.h>
#include "sim/core/base/number.h"
#include "sim/core/ledger/op.h"

struct stored {
    enum number    type;
    int32_t        columns;      /* without padding */
    int32_t        rows;         /* K, a multiple of the type's block */
    const uint8_t *data;         /* [groups] of stored_group_bytes() */
};

static inline int32_t stored_groups(const struct stored *s)
{
    return (s->columns + OP_COLUMN_TILE - 1) / OP_COLUMN_TILE;
}

static inline size_t stored_group_bytes(const struct stored *s)
{
    const struct number_info *info = &number_table[s->type];
    return (size_t)s->rows / info->block * info->bytes * OP_COLUMN_TILE;
}

/* Fill a group from 16 columns as files have them, the blocks of each in a row;
 * NULL: padding. */
void stored_pack(uint8_t *group, enum number type, int32_t rows,
                 const void *const column[OP_COLUMN_TILE]);

#endif
