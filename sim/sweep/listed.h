/* listed.h - Find what a study lists twice, in a time that grows with the list. */
#ifndef LISTED_H
#define LISTED_H

#include <stddef.h>

/* A value of a list. */
struct listed {
    const char *text;            /* borrowed */
    double number;               /* 1e-3 and .001 are one; NAN: it is a word */
    ptrdiff_t at;                /* its place */
};
struct listed listed_value(const char *text, ptrdiff_t at);
struct listed listed_word(const char *text, ptrdiff_t at);

/* The first place, from `from` on, whose value is listed before it and before
 * `until`; -1: there is none.  Sorts listed[n]. */
ptrdiff_t listed_twice(struct listed *listed, ptrdiff_t n, ptrdiff_t until,
                       ptrdiff_t from);

#endif
