/* kept_text.h - Who a policy keeps, as a text. */
#ifndef KEPT_TEXT_H
#define KEPT_TEXT_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "sim/core/model/route.h"

enum { MAX = 64 };

/* The kept positions as text, "0 3 5". */
static inline void kept_text(char out[256], const char *policy,
                      struct route_input in)
{
    int32_t kept[MAX], scratch[MAX];

    in.scratch = scratch;
    int32_t n = route_choose(route_find(policy), &in, kept);
    out[0] = '\0';
    for (int32_t i = 0; i < n; i++)
        sprintf(out + strlen(out), "%s%d", i > 0 ? " " : "", kept[i]);
}

#endif
