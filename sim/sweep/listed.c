/* listed.c - Sort values, so that those alike stand together. */
#include "sim/sweep/listed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct listed listed_word(const char *text, ptrdiff_t at)
{
    return (struct listed){ text, (double)NAN, at };
}

struct listed listed_value(const char *text, ptrdiff_t at)
{
    char *end;
    const double number = strtod(text, &end);

    return end == text || *end ? listed_word(text, at)
                               : (struct listed){ text, number, at };
}

/* 0: one value. */
static int compare(const struct listed *a, const struct listed *b)
{
    if (isnan(a->number) != isnan(b->number))
        return isnan(a->number) ? 1 : -1;
    if (isnan(a->number))
        return strcmp(a->text, b->text);
    return (a->number > b->number) - (a->number < b->number);
}

static int by_value_and_place(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    const int order = compare(x, y);

    return order ? order : (x->at > y->at) - (x->at < y->at);
}

ptrdiff_t listed_twice(struct listed *listed, ptrdiff_t n, ptrdiff_t until,
                       ptrdiff_t from)
{
    const struct listed *like = listed;      /* the first of these values */
    ptrdiff_t first = -1;

    qsort(listed, (size_t)n, sizeof *listed, by_value_and_place);
    for (const struct listed *one = listed + 1; one < listed + n; one++)
        if (compare(like, one) != 0)
            like = one;
        else if (like->at < until && one->at >= from &&
                 (first < 0 || one->at < first))
            first = one->at;
    return first;
}
