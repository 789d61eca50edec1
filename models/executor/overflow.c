/* overflow.c - Notice where numbers stop being numbers, and say where. */
#include "models/executor/overflow.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* By the exponent's bits: integers are compared many at a time, and no counter
 * takes that for arithmetic of the model's. */
static bool all_numbers(const real *x, size_t n)
{
    const uint32_t exponent = 0x7f800000;
    uint32_t none = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        none |= (bits & exponent) == exponent;
    }
    return none == 0;
}

void overflow_look(struct overflow *first, const struct seen_rows *o)
{
    const size_t width = (size_t)o->width;
    int32_t r = 0;

    if (first->met || all_numbers(o->x, (size_t)o->n * width))
        return;
    while (all_numbers(o->x + (size_t)r * width, width))
        r++;
    *first = (struct overflow){ true, o->op, o->layer,
                                o->position[o->row ? o->row[r] : r] };
}

void overflow_look_normed(struct overflow *first, int32_t layer,
                          const struct norm *o, const int32_t *position)
{
    const int32_t each = o->rms ? 1 : 2;

    for (int32_t r = 0; r < o->n && !first->met; r++) {
        const real scale = o->stats[(r + 1) * each - 1];
        if (!(scale > 0.0f && scale <= FLT_MAX))
            *first = (struct overflow){ true, OP_NORM, layer,
                                        position[o->row ? o->row[r] : r] };
    }
}

const char *overflow_text(char out[OVERFLOW_SIZE], const struct overflow *o)
{
    char layer[32] = "";

    if (!o->met)
        return NULL;
    if (o->layer >= 0)
        snprintf(layer, sizeof layer, " of layer %d", o->layer);
    snprintf(out, OVERFLOW_SIZE, "op %s%s %s at position %d",
             op_table[o->op].name, layer,
             o->op == OP_NORM ? "reads Inf, NaN or numbers too large to square"
                              : "gives Inf or NaN",
             o->position);
    return out;
}
