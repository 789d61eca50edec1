/* profile.c - Read the phases of a profile directory. */
#include "reports/read/profile.h"

#include <stdlib.h>
#include <math.h>
#include <string.h>
#include "reports/read/csv.h"
#include "reports/read/jsonpath.h"

/* {"median","low","high","n"}, or a plain number.  The interval of a busy one,
 * beside which others ran, says nothing. */
static struct amount read_median(const json_t *object, const char *reason)
{
    struct amount amount = amount_of(
        json_is_number(object) ? json_number_value(object)
                               : jsonpath_number(object, "median"),
        PROV_MEASURED);

    if (!amount_known(amount))
        return amount_unknown(reason);
    if (json_is_true(jsonpath_at(object, "busy")) ||
        json_is_true(jsonpath_at(object, "load.busy"))) {
        amount.from = PROV_BUSY;
        return amount;
    }
    amount.low = jsonpath_number(object, "low");
    amount.high = jsonpath_number(object, "high");
    return amount;
}

static enum status read_arm(struct phase *phase, const json_t *arm,
                            struct error *err)
{
    const char *name = jsonpath_text(arm, "name");

    for (int a = 0; name && a < ARM_COUNT; a++) {
        struct amount *seconds = &phase->seconds[a];
        if (strcmp(name, arm_names[a]) != 0)
            continue;
        phase->has[a] = true;
        totals_read(&phase->totals[a], json_object_get(arm, "totals"));
        *seconds = read_median(json_object_get(arm, "seconds"), NULL);
        if (!amount_known(*seconds))
            *seconds = totals_best(&phase->totals[a], METRIC_SECONDS);
        if (a == ARM_MOD) {
            phase->capacity = jsonpath_number(arm, "capacity_nominal");
            phase->realised = jsonpath_number(arm, "capacity_realised");
        }
        return STATUS_OK;
    }
    return error_set(err, STATUS_BAD_FORMAT, "summary.json: phase '%s': an arm "
                     "is named '%.40s', allowed are dense and mod",
                     phase->name, name ? name : "");
}

/* Both arms at the same strength, or the ratio compares unlike things. */
static struct amount ratio_of_totals(const struct totals *model,
                                     const struct totals *other, enum metric m)
{
    static const enum witness order[] = { WITNESS_MEASURED, WITNESS_COUNTED,
                                          WITNESS_PREDICTED };
    struct amount ratio = amount_unknown("no witness knows both arms");

    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        const enum witness w = order[i];
        /* A sample of FLOPs from counters is no better than the exact tally. */
        if (w == WITNESS_MEASURED &&
            amount_known(model->of[WITNESS_COUNTED][m]))
            continue;
        ratio = amount_ratio(model->of[w][m], other->of[w][m]);
        if (amount_known(ratio))
            break;
    }
    return ratio;
}

/* Of the totals, but for what the profile paired itself. */
static void read_ratios(struct amount ratio[METRIC_COUNT],
                        const struct totals *model, const struct totals *other,
                        const json_t *given)
{
    const struct amount seconds = read_median(json_object_get(given, "seconds"),
                                              NULL);
    const json_t *joules = json_object_get(given, "joules");

    for (int m = 0; m < METRIC_COUNT; m++)
        ratio[m] = ratio_of_totals(model, other, (enum metric)m);
    if (amount_known(seconds))
        ratio[METRIC_SECONDS] = seconds;
    if (json_is_object(joules) && !ratio[METRIC_JOULES].modelled &&
        amount_known(read_median(joules, NULL)))
        ratio[METRIC_JOULES] = read_median(joules, NULL);
}

/* What ran in turns with the model and its twin, where it did. */
static void read_rival(struct phase *phase, const json_t *against)
{
    const json_t *arm = json_object_get(against, "arm");
    struct totals totals;

    for (int m = 0; m < METRIC_COUNT; m++)
        phase->of_rival[m] = amount_unknown("no rival was run beside it");
    if (!json_is_object(arm))
        return;
    phase->rival = jsonpath_text(against, "name");
    phase->rival_layers = (int)jsonpath_number(against, "layers_run");
    totals_read(&totals, json_object_get(arm, "totals"));
    read_ratios(phase->of_rival, &phase->totals[phase_arm(phase)], &totals,
                json_object_get(against, "ratio"));
}

/* An arm may say how much each cell without an amount holds at most. */
static void read_bounds(struct phase *phase, const json_t *arm)
{
    const char *name = jsonpath_text(arm, "name");
    const json_t *most = jsonpath_at(arm, "measuring.below_resolution_at_most");

    for (int a = 0; name && a < ARM_COUNT; a++)
        for (int m = 0; strcmp(name, arm_names[a]) == 0 && m < METRIC_COUNT;
             m++) {
            double bound = jsonpath_number(most, metric_table[m].column);
            phase->witnesses[a].below_at_most[m] = bound > 0 ? bound : 0;
        }
}

static enum status read_ledger(struct phase *phase, const struct run *run,
                               enum side arm, bool first, struct error *err)
{
    static const struct { const char *name, *stem; } stems[] = {
        { "train step", "_train" }, { "prefill", "_prefill" },
        { "decode step", "_decode" },
    };
    const char *end = arm == ARM_DENSE ? "_dense.csv" : ".csv";
    const char *stem = "";
    char file[64], path[FILE_PATH_SIZE];
    struct csv csv;
    enum status status;
    bool by_phase;

    for (size_t i = 0; i < sizeof stems / sizeof *stems; i++)
        if (strcmp(stems[i].name, phase->name) == 0)
            stem = stems[i].stem;
    snprintf(file, sizeof file, "ledger%s%s", stem, end);
    if (run_has(run, file, path))
        return witnesses_read(&phase->witnesses[arm], path, NULL, err);
    snprintf(file, sizeof file, "ledger%s", end);
    if (!run_has(run, file, path))
        return STATUS_OK;
    if ((status = csv_open(&csv, path, err)) != STATUS_OK)
        return status;
    by_phase = csv_column(&csv, "phase") >= 0;
    csv_close(&csv);
    if (!by_phase && !first)
        return STATUS_OK;
    return witnesses_read(&phase->witnesses[arm], path, phase->name, err);
}

static enum status read_phase(struct phase *phase, const struct run *run,
                              const json_t *json, bool first, struct error *err)
{
    const json_t *arms = json_object_get(json, "arms"), *arm;
    enum status status = STATUS_OK;
    size_t i;

    phase->name = jsonpath_text(json, "name");
    if (!phase->name)
        return error_set(err, STATUS_BAD_FORMAT, "%s/summary.json: a phase has "
                         "no name", run->path);
    phase->batch = jsonpath_number(json, "batch");
    phase->tokens = jsonpath_number(json, "tokens");
    phase->steps = jsonpath_number(json, "steps");
    phase->policy = jsonpath_text(json, "policy");
    phase->capacity = phase->realised = (double)NAN;
    for (int a = 0; a < ARM_COUNT; a++) {
        totals_read(&phase->totals[a], NULL);
        phase->seconds[a] = amount_unknown("the profile has no such arm");
    }
    json_array_foreach(arms, i, arm)
        if (status == STATUS_OK)
            status = read_arm(phase, arm, err);
    read_ratios(phase->ratio, &phase->totals[ARM_MOD], &phase->totals[ARM_DENSE],
                json_object_get(json, "ratio"));
    read_rival(phase, json_object_get(json, "against"));
    for (int a = 0; status == STATUS_OK && a < ARM_COUNT; a++)
        status = read_ledger(phase, run, (enum side)a, first, err);
    json_array_foreach(arms, i, arm) {
        read_bounds(phase, arm);
    }
    return status;
}

enum status profile_read(struct run *run, struct error *err)
{
    const json_t *phases = json_object_get(run->summary, "phases"), *json;
    enum status status = STATUS_OK;
    size_t i;

    if (json_array_size(phases) > RUN_MAX_PHASES)
        return error_set(err, STATUS_BAD_FORMAT, "%s/summary.json: %zu phases, "
                         "at most %d are read", run->path,
                         json_array_size(phases), RUN_MAX_PHASES);
    run->phase = calloc(json_array_size(phases) + 1, sizeof *run->phase);
    if (!run->phase)
        return error_set(err, STATUS_NO_MEMORY, "no memory for phases");
    json_array_foreach(phases, i, json)
        if (status == STATUS_OK) {
            run->n_phases++;
            status = read_phase(&run->phase[i], run, json, i == 0, err);
        }
    return status;
}
