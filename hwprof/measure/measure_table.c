/* measure_table.c - Print what measuring cost and what it did not see. */
#include "hwprof/measure/measure_table.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "hwprof/machine/load_watch.h"
#include "sim/core/answer/json.h"

static void print_overhead(FILE *file, const struct measure *measure)
{
    struct measure_overhead o = measure_overhead(measure);
    const struct read_path *path;
    int n = measure_read_paths(measure, &path);
    char simulated[MEASURE_SIMULATED_SIZE];

    measure_simulated(measure, simulated);
    if (simulated[0]) {
        fprintf(file, "  counts: simulated (%s)\n", simulated);
        return;
    }
    fprintf(file, "  clock: %" PRIu64 " regions a repeat at %.0f ns, %.2f %% of"
            " their time, taken off", o.regions, 1e9 * o.bracket_seconds,
            100 * o.bracket_seconds * (double)o.regions / o.ops_seconds);
    if (isfinite(o.bare_seconds))
        fprintf(file, "; the ops add up to %.2f %% of a repeat without a clock",
                100 * o.ops_seconds / o.bare_seconds);
    fputc('\n', file);
    if (isfinite(o.region_seconds))
        fprintf(file, "  counters: %.2f us a region in their own passes, 100 "
                "regions %.3f ms; read by", 1e6 * o.region_seconds,
               1e5 * o.region_seconds);
    else
        fprintf(file, "  counters: none is read:");
    for (int i = 0; i < n; i++) {
        if (path[i].seconds > 0)
            fprintf(file, "%s %s (%.2f us a reading%s)", i ? "," : "",
                   path[i].backend->name, 1e6 * path[i].seconds,
                   path[i].chosen ? ", chosen" : "");
        else if (!isfinite(o.region_seconds))
            fprintf(file, "%s %s", i ? "," : "", path[i].backend->name);
    }
    fputs(isfinite(o.region_seconds) || n == 0 ? "\n"
                                               : " see nothing here\n", file);
}

/* Print what a repeat took beside its wall time, and how many count. */
static void print_load(FILE *file, const struct measure *measure)
{
    struct measure_load load = measure_load(measure);

    if (load.n == 0)
        return;
    fputs("  a repeat: ", file);
    load_times_print(file, &load.median);
    if (isfinite(load.least_share) && load.n_quiet)
        fprintf(file, "; %d of %d stand between quiet probes and count",
                load.n_quiet, load.n);
    else if (isfinite(load.least_share))
        fprintf(file, "; busy: others ran beside every repeat");
    fputc('\n', file);
}

json_t *measure_load_json(const struct measure *measure)
{
    struct measure_load load = measure_load(measure);

    return json_pack("{s:o, s:o, s:o, s:o, s:i, s:i, s:b, s:o}",
        "wall_seconds", json_number(load.median.wall),
        "cpu_seconds", json_number(load.median.cpu),
        "steal_seconds", json_number(load.median.steal),
        "waiting_seconds", json_number(load.median.waiting),
        "repeats", load.n, "quiet", load.n_quiet,
        "busy", load.n > 0 && load.n_quiet == 0,
        "probe_share", json_number(load.least_share));
}

static void print_rejected(FILE *file, const struct measure *measure)
{
    for (int p = 0; p < measure_n_passes(measure); p++) {
        const char *why;
        int n = measure_rejected(measure, p, &why);
        if (n)
            fprintf(file, "  %s pass: %d repeat%s rejected, the last: %s\n",
                   measure_pass_name(measure, p), n, n == 1 ? "" : "s",
                   why);
    }
}

/* Print what was not measured; metrics that share a reason share a line. */
static void print_unmeasured(FILE *file, const struct measure *measure)
{
    struct measure_row row[METRIC_COUNT];
    bool said[METRIC_COUNT];

    measure_report(measure, row);
    for (int m = 0; m < METRIC_COUNT; m++)
        said[m] = metric_table[m].measured == MEASURED_BY_NOTHING;
    for (int m = 0; m < METRIC_COUNT; m++) {
        if (said[m] || row[m].total.n || !row[m].reason[0])
            continue;
        fprintf(file, "  not measured:");
        for (int k = m; k < METRIC_COUNT; k++)
            if (!row[k].total.n && !said[k] &&
                strcmp(row[k].reason, row[m].reason) == 0) {
                fprintf(file, "%s %s", k == m ? "" : ",",
                        metric_table[k].column);
                said[k] = true;
            }
        fprintf(file, ": %s\n", row[m].reason);
    }
}

void measure_table_print(FILE *file, const struct measure *measure)
{
    print_overhead(file, measure);
    print_load(file, measure);
    print_rejected(file, measure);
    print_unmeasured(file, measure);
}

json_t *measure_table_json(const struct measure *measure,
                           const double bound[METRIC_COUNT])
{
    struct measure_overhead o = measure_overhead(measure);
    struct measure_row row[METRIC_COUNT];
    const struct read_path *path;
    json_t *paths = json_array(), *rejected = json_array();
    json_t *below = json_object(), *notes = json_object();
    char simulated[MEASURE_SIMULATED_SIZE];
    int n_paths = measure_read_paths(measure, &path);

    for (int i = 0; i < n_paths; i++)
        json_array_append_new(paths, json_pack("{s:s, s:o, s:b, s:s}", "name",
            path[i].backend->name, "read_seconds",
            json_known(path[i].seconds, path[i].seconds > 0),
            "chosen", path[i].chosen, "reason", path[i].reason));
    for (int p = 0; p < measure_n_passes(measure); p++) {
        const char *why;
        int n = measure_rejected(measure, p, &why);
        if (n)
            json_array_append_new(rejected, json_pack("{s:s, s:i, s:s}",
                "pass", measure_pass_name(measure, p), "repeats", n,
                "last_reason", why));
    }
    measure_report(measure, row);
    for (int m = 0; m < METRIC_COUNT; m++) {
        if (bound[m] > 0)
            json_object_set_new(below, metric_table[m].column,
                                json_real(bound[m]));
        if (row[m].total.n && row[m].reason[0])
            json_object_set_new(notes, metric_table[m].column,
                                json_string(row[m].reason));
    }
    measure_simulated(measure, simulated);
    return json_pack("{s:o, s:o, s:o, s:{s:I, s:o, s:o, s:o, s:o}, s:o, s:o}",
        "simulated", json_reason(simulated),
        "read_paths", paths, "rejected", rejected, "overhead",
        "regions", (json_int_t)o.regions,
        "clock_seconds_per_region", json_number(o.bracket_seconds),
        "ops_seconds", json_number(o.ops_seconds),
        "bare_seconds", json_number(o.bare_seconds),
        "counters_seconds_per_region", json_number(o.region_seconds),
        "below_resolution_at_most", below, "notes", notes);
}
