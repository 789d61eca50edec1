/* number.c - Hold the table of number.h. */
#include "sim/core/base/number.h"

#define X(id, ...) { __VA_ARGS__ },
const struct number_info number_table[NUMBER_COUNT] = { NUMBER_MAP(X) };
#undef X
