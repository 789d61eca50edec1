/* packing.h - Describe matrices whose numbers are packed into a few bits, as other
 * programs store them: they are priced, and never run. */
#ifndef PACKING_H
#define PACKING_H

#include <stdint.h>

struct packing {
    const char *method;          /* "AWQ"; NULL: nothing is packed */
    int32_t bits;                /* of a number */
    int32_t inputs, outputs;     /* of a group of numbers that share a scale; 0:
                                  * all there are */
    int32_t scale_bits, zero_bits;   /* of a group */
    int32_t nested;              /* groups whose scales share a float32; 0:
                                  * none do */
    int32_t index_bits;          /* of an input: which group it is of */
    int32_t table_bytes;         /* of a matrix */
};

/* Of a matrix: its numbers and all that it takes to widen them. */
uint64_t packing_bytes(const struct packing *p, uint64_t inputs,
                       uint64_t outputs);

/* Widening multiplies each number by its scale; what is taken from it before, its
 * zero, is an integer. */
enum { PACKING_FLOPS = 1 };

#endif
