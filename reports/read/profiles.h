/* profiles.h - Set profiles against the first of them, phase by phase. */
#ifndef PROFILES_H
#define PROFILES_H

#include "reports/read/run.h"

/* The phase of that name; NULL: the profile has none. */
const struct phase *profiles_phase(const struct run *profile, const char *name);

/* What the other phase takes of a metric for each token, over what the first
 * takes: each by the model that was profiled, not its twin.  The two were measured
 * apart: the interval is that of a ratio whose logarithms have intervals of their
 * own (MOVER: Zou, Donner, Statistics in Medicine 27(10), 2008). */
struct amount profiles_ratio(const struct phase *first,
                             const struct phase *other, enum metric metric);

#endif
