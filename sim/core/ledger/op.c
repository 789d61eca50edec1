/* op.c - Hold the names of ops and passes. */
#include "sim/core/ledger/op.h"

#include <stddef.h>

const struct op_info op_table[OP_COUNT] = {
#define X(id, name, work, stack, writes, what) { name, what },
    OP_MAP(X)
#undef X
};

const char *const pass_names[] = { PASS_MAP(NAMES_WORD) NULL };
