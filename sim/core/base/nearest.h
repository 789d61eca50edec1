/* nearest.h - Find the closest of some names, for "did you mean ...?". */
#ifndef NEAREST_H
#define NEAREST_H

struct nearest {
    const char *wanted;          /* borrowed */
    const char *name;            /* borrowed; NULL while nothing is near */
    int         distance;
};

struct nearest nearest_to(const char *wanted);

/* Keep `candidate` if it is nearer than all before it, and near at all: at most
 * a third of its letters inserted, left out, changed or swapped with the
 * next; or what stands before one of its dashes. */
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
