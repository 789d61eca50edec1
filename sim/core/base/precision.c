/* precision.c - Hold the tables of precision.h. */
#include "sim/core/base/precision.h"

#include <stddef.h>

const char *const precision_names[] = { PRECISION_MAP(NAMES_WORD) NULL };

#define X(id, name, bits) bits,
const int precision_bits[PRECISION_COUNT] = { PRECISION_MAP(X) };
#undef X
