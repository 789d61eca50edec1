/* profile_energy.c - Say what a phase drew, with and without idling, and for
 * each token. */
#include "hwprof/commands/profile_job.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include "hwprof/energy/energy_totals.h"
#include "sim/core/answer/json.h"

/* Training and prefill generate nothing. */
static struct energy_totals totals_of(const struct arm *arm)
{
    const struct profile_arguments *a = &arm->job->arguments;
    bool decodes = profile_decodes(arm->phase);
    int64_t n = a->batch * (decodes ? a->steps : a->tokens);
    struct measure_energy e = measure_energy(arm->measure);
    struct measure_row row[METRIC_COUNT];
    struct energy_totals t = energy_totals(e.joules, e.seconds, e.idle,
                                           decodes ? n : 0, n);

    measure_report(arm->measure, row);
    if (!isfinite(e.joules))
        snprintf(t.reason, sizeof t.reason, "%.190s",
                 row[METRIC_JOULES].reason);
    return t;
}

static const char *shared_by(const struct measure_energy *e)
{
    return e->shared_by == METRIC_JOULES ? "model" : "seconds";
}

void profile_energy_print(FILE *file, const struct arm *arm)
{
    struct measure_energy e = measure_energy(arm->measure);
    struct energy_totals t = totals_of(arm);

    if (!isfinite(e.joules))
        return;
    energy_totals_text(file, &t, e.idle);
    fprintf(file, "  joules: %.4g to %.4g in single repeats, each did the work "
            "%" PRId64 " time%s; ops share them by %s\n", e.low, e.high,
            e.times, e.times == 1 ? "" : "s", e.shared_by == METRIC_JOULES
                ? "what the model says of each"
                : "their seconds");
}

json_t *profile_energy(const struct arm *arm)
{
    struct measure_energy e = measure_energy(arm->measure);
    struct energy_totals t = totals_of(arm);
    bool known = isfinite(e.joules);
    json_t *json = energy_totals_json(&t, e.idle);

    json_object_set_new(json, "gross_joules_low", json_number(e.low));
    json_object_set_new(json, "gross_joules_high", json_number(e.high));
    json_object_set_new(json, "times", known ? json_integer(e.times)
                                             : json_null());
    json_object_set_new(json, "shared_by",
                        json_text(known ? shared_by(&e) : NULL));
    return json;
}
