/* traffic.h - Line up the profiles of a sweep: what each phase takes of its dense
 * twin, and of a dense model that costs as much. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include "reports/read/run.h"

/* One phase of a point. */
struct traffic {
    const struct run *run;       /* borrowed */
    const struct phase *phase;
    const char *policy;          /* as the config has it; NULL: nothing routes */
    double capacity;             /* NAN: nothing routes */
    bool has_rival;              /* a model ran in turns with it (--against) whose
                                  * FLOPs of this phase are within a tenth */
};

/* Of the points of all sweeps: [*n] in their order, the caller's to free; NULL:
 * there are none, or there is no memory, which is noted. */
struct traffic *traffic_list(size_t *n, const struct run *runs, size_t n_runs);

/* What the phase takes of its twin, or of its rival, paired where times are;
 * unknown where a dense model has no twin, or there is no rival. */
struct amount traffic_of_twin(const struct traffic *t, enum metric metric);
struct amount traffic_of_rival(const struct traffic *t, enum metric metric);

/* The amounts of the model itself, MoD or dense. */
const struct totals *traffic_totals(const struct traffic *t);

#endif
