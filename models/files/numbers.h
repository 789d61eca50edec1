/* numbers.h - Widen weights as files store them (sim/core/base/number.h) to
 * floats. */
#ifndef NUMBERS_H
#define NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include "sim/core/base/number.h"

/* n numbers, whole blocks, of any alignment: F32, F16 and BF16 exactly, the
 * rest as the reference dequantises them. */
void numbers_floats(enum number type, float *out, size_t n, const void *data);

/* None of them is NaN or infinite: of blocks, no scale. */
bool numbers_finite(enum number type, size_t n, const void *data);

/* Bytes that n numbers, whole blocks, take. */
size_t numbers_bytes(enum number type, size_t n);

#endif
