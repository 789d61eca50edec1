/* lines.h - Count the bytes that an op brings into a cache, in whole lines.
 *
 * A cache takes in whole lines, for stores as for loads.  So a result written
 * over its operand comes in once, though it is read and written; data that an
 * op goes over twice come in twice, if the cache does not hold the data in
 * between; and a product brings in its packed panels, and its rows once for
 * each panel. All of it is known from how the executor works; nothing is
 * fitted. */
#ifndef LINES_H
#define LINES_H

#include "sim/price/flops.h"

/* Where keys of skipped tokens are there, queries are those of kept rows and keys
 * those of all: an op of both runs once for each. */
enum lines_side { LINES_BOTH, LINES_QUERIES, LINES_KEYS };

/* One run of an op. */
struct lines_op {
    const struct model_spec *spec;   /* borrowed */
    enum pass pass;
    enum op   op;
    enum lines_side side;
    uint64_t  rows;
    int32_t   tokens;            /* of the longest sequence: positions that rows
                                  * share */
    bool      head_turned;       /* rows that generation goes on from: the head's
                                  * weight lies along its columns for them */
    uint64_t  bytes;             /* operands: each read and write counts */
    int       product_lanes;     /* floats of a register of the kernel that forms
                                  * products; 0: unknown, and they are taken to
                                  * bring in each operand once */
    bool      training;          /* a forward that backward goes back from */
    bool      plain;             /* rows or weights of another kind than the
                                  * shape says: products as if lanes were 0 */
};

/* The part of `bytes` that shares a line with others of it: a result on top of
 * its operand. */
uint64_t lines_rewritten(const struct lines_op *o);

/* The bytes of a forward op's rows that nothing has touched since the pass
 * before: its results, which have a place of their own in every layer, and rows
 * of tables.  The op before it left behind the others. */
uint64_t lines_cold(const struct lines_op *o);

/* Bytes that a cache of `size` takes in beyond the operands, counting rewritten
 * lines once. */
double lines_again(const struct lines_op *o, double size);

#endif
