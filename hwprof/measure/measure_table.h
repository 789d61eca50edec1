/* measure_table.h - Print what measuring cost and what it did not see. */
#ifndef MEASURE_TABLE_H
#define MEASURE_TABLE_H

#include <jansson.h>
#include <stdio.h>
#include "hwprof/measure/measure.h"

/* Lines for a terminal: the clock's cost, the counters' and how they are read,
 * what others took of the machine, rejected repeats, metrics that were not
 * measured and why. */
void    measure_table_print(FILE *file, const struct measure *measure);

/* {"read_paths","rejected","overhead","below_resolution_at_most","notes"};
 * bound as from measure_mask(). */
json_t *measure_table_json(const struct measure *measure,
                           const double bound[METRIC_COUNT]);

/* {"wall_seconds","cpu_seconds","steal_seconds","waiting_seconds": medians over
 * the repeats that count; "repeats","quiet","busy","probe_share"}. */
json_t *measure_load_json(const struct measure *measure);

#endif
