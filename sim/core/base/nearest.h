/* nearest.h - "did you mean ...?": the closest of some names. */
#ifndef NEAREST_H
#define NEAREST_H

struct nearest {
    const char *wanted;          /* borrowed */
    const char *name;            /* borrowed; NULL while nothing is near */
    int         distance;
};

struct nearest nearest_to(const char *wanted);

/* Keep `candidate` if it is nearer than all before, and near at all: at most a
 * third of its letters inserted, left out, changed or swapped with the next. */
void nearest_offer(struct nearest *nearest, const char *candidate);

#endif
