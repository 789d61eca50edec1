/* profile_arm.c - Run one model through a phase: open it, count, measure, and
 * write its ledgers. */
#include "hwprof/commands/profile_job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "hwprof/measure/measure_table.h"
#include "models/files/source.h"
#include "sim/core/answer/json.h"
#include "sim/core/model/spec_check.h"
#include "sim/price/machine.h"

void profile_arm_close(struct arm *arm)
{
    ledger_close(arm->measured);
    ledger_close(arm->counted);
    ledger_close(arm->predicted);
    measure_close(arm->measure);
    model_close(arm->model);
    free(arm->kept);
    free(arm->step);
}

/* The machine busy for a while, for energy sensors that may be dead. */
static void spin(void *context)
{
    volatile double *sink = context;
    for (double end = clock_seconds() + 0.02; clock_seconds() < end;)
        *sink = *sink + 1.0;
}

static void prepare(void *context)
{
    struct arm *arm = context;
    arm->phase->prepare(arm);
}

/* Before and after a phase: ten windows, each known to 2 %. */
static const double idle_seconds = 1;

bool profile_decodes(const struct workload *phase)
{
    return phase == &profile_phases[PHASE_DECODE];
}

/* A recorded run in place of counters: DIR/PHASE_ARM.counters, on the machine
 * whose /sys and /proc stand in DIR. */
static enum status use_record(struct measure_options *options, struct arm *arm,
                              const char *directory, struct error *err)
{
    char name[64], (*path)[FILE_PATH_SIZE] = arm->record;
    enum status status;

    snprintf(name, sizeof name, "%s_%s.counters", arm->phase->file, arm->name);
    if ((status = file_join(path[0], directory, name, err)) ||
        (status = file_join(path[1], directory, "sys", err)) ||
        (status = file_join(path[2], directory, "proc", err)))
        return status;
    options->backend = &counter_recorded;
    options->trace_path = path[0];
    if (file_exists(path[1]))
        options->sysfs_root = path[1];
    if (file_exists(path[2]))
        options->proc_root = path[2];
    return STATUS_OK;
}

/* A training step has room for what policies with a fixed k keep, no more; and
 * no text that a trace was made of is at hand. */
static enum status check_routing(const struct profile_job *s,
                                 const struct workload *phase,
                                 struct error *err)
{
    const struct route_policy *policy = s->source->routing.policy;

    if (policy == route_find("replay"))
        return error_set(err, STATUS_BAD_VALUE, "routing.policy replay: a trace"
                         " belongs to a text, which isobath run scores");
    if (!phase->train)
        return STATUS_OK;
    if (spec_n_routed(&s->source->spec) == 0 || policy->trains)
        return spec_check_training(&s->source->spec, err);
    return error_set(err, STATUS_BAD_VALUE, "routing.policy %s: models are not"
                     " trained under it; ask for --phases prefill,decode",
                     policy->name);
}

/* Counts of a simulator are those of its caches, whatever the machine profile
 * says: predict for the simulator's.  It has a first and a last level, nothing
 * between. */
static void use_caches(struct machine *machine, const struct cpu_topology *t)
{
    static const enum level level[] = { LEVEL_L1, LEVEL_L2, LEVEL_L3 };

    for (size_t i = 0; i < sizeof level / sizeof *level; i++) {
        double size = (double)cpu_topology_cache(t, (int)i + 1);
        machine->level[level[i]].size_bytes = (struct quantity){
            .value = size, .low = size, .high = size };
    }
    machine->product_lanes = kernels_best()->lanes;
}

static enum status fill(const struct profile_job *s, struct model *model,
                        int which, struct error *err)
{
    if (which != ARM_RIVAL)
        return source_fill(s->source, model, (uint64_t)s->arguments.seed, err);
    profile_rival_fill(s, model);
    return STATUS_OK;
}

enum status profile_arm_open(struct arm *arm, struct profile_job *s,
                             const struct workload *phase, int which,
                             struct error *err)
{
    static double sink;
    const struct profile_arguments *a = &s->arguments;
    struct model_options model = {
        .n_sequences = (int32_t)a->batch, .n_tokens = (int32_t)a->tokens,
        .train = phase->train, .decode = phase->decode,
        .last_only = phase->decode,
        .n_threads = a->common.threads,
    };
    struct ledger_shape shape = { true, true, s->spec[which].n_layers, 0 };
    struct measure_options measure = {
        .sysfs_root = a->sysfs_root, .n_layers = shape.n_layers,
        .n_tokens = profile_decodes(phase) ? (int32_t)a->steps : 0,
        .n_repeats = (int)a->repeats, .busy = spin, .busy_context = &sink,
        .bare = profile_decodes(phase) || a->validate,
        .idle_seconds = idle_seconds,
        .prepare = prepare, .prepare_context = arm,
        .prober = counter_host() ? NULL : &s->prober,
        .backend = a->counters >= 0
            ? counter_find(profile_counters[a->counters]) : NULL,
    };

    *arm = (struct arm){ .job = s, .phase = phase, .spec = &s->spec[which],
                         .name = which == ARM_RIVAL ? "rival"
                                                    : arm_names[which] };
    enum status status = a->record ? use_record(&measure, arm, a->record, err)
                                   : STATUS_OK;
    if (status != STATUS_OK ||
        (status = check_routing(s, phase, err)) ||
        (status = model_open(&arm->model, arm->spec, &model, err)) ||
        (status = fill(s, arm->model, which, err)) ||
        (status = ledger_open(&arm->predicted, shape,
                              cost_zero(PROV_PREDICTED), err)) ||
        (status = ledger_open(&arm->counted, shape, cost_zero(PROV_COUNTED),
                              err)) ||
        (status = ledger_open(&arm->measured, shape, (struct cost){ 0 }, err)))
        return status;
    status = measure_open(&arm->measure, &measure, err);
    if (status == STATUS_OK && s->machine && counter_host())
        use_caches(s->machine, measure_topology(arm->measure));
    return status;
}

static enum status check_numbers(const struct arm *arm, struct error *err)
{
    char who[OVERFLOW_SIZE];

    snprintf(who, sizeof who, "%s, %s, %s", arm->job->source->path, arm->name,
             arm->phase->name);
    return model_check(arm->model, who, err);
}

/* Warm up, count and price: the same run. */
enum status profile_arm_count(struct arm *arm, struct error *err)
{
    const struct workload *phase = arm->phase;
    struct ledger_meter meter = ledger_meter(arm->counted);

    phase->prepare(arm);
    phase->work(arm, NULL);
    phase->prepare(arm);
    phase->work(arm, &meter.meter);
    enum status status = check_numbers(arm, err);
    if (status != STATUS_OK)
        return status;
    if (meter.status != STATUS_OK)
        return error_set(err, meter.status, "the tally of %s overflowed",
                         phase->name);
    if (profile_decodes(phase))
        status = profile_count_steps(arm, err);
    return status ? status : phase->predict(arm, err);
}

/* One accepted or rejected repeat of whichever pass the arm wants next. */
bool profile_arm_measure(struct arm *arm)
{
    const struct workload *phase = arm->phase;
    int pass = measure_next(arm->measure);
    struct error err;

    if (pass < 0)
        return false;
    pool_spin(model_pool(arm->model), !measure_counts(arm->measure, pass));
    enum status status = measure_begin(arm->measure, pass, &err);
    if (status == STATUS_OK) {
        arm->job->listening = arm->measure;
        phase->work(arm, measure_meter(arm->measure));
        arm->job->listening = NULL;
        while (measure_again(arm->measure)) {
            phase->prepare(arm);
            measure_resume(arm->measure);
            phase->work(arm, NULL);
        }
        status = measure_end(arm->measure, &err);
    }
    if (status != STATUS_OK && arm->job->arguments.validate)
        command_warn("%s, %s: rejected: %s", phase->name, arm->name, err.text);
    return true;
}

enum status profile_arm_write(const struct arm *arm, struct error *err)
{
    const struct profile_job *s = arm->job;
    char name[64];
    struct file_writer file;

    snprintf(name, sizeof name, "ledger_%s%s.csv", arm->phase->file,
             arm->spec == &s->spec[ARM_DENSE]   ? "_dense"
             : arm->spec == &s->spec[ARM_RIVAL] ? "_rival" : "");
    enum status status = file_create_in(&file, s->rundir.path, name, err);
    if (status != STATUS_OK)
        return status;
    ledger_write_header(file.stream, false);
    status = ledger_write(arm->predicted, "predicted", file.stream, err);
    if (status == STATUS_OK)
        status = ledger_write(arm->counted, "counted", file.stream, err);
    if (status == STATUS_OK)
        status = ledger_write(arm->measured, "measured", file.stream, err);
    return file_end(&file, status, err);
}

/* An arm's seconds are those of whole repeats, with what happens between ops;
 * its ledger's are those of the ops, the cost of the clock taken off. */
static const char *repeats_of(const struct measure *measure)
{
    return isfinite(measure_overhead(measure).bare_seconds)
        ? "whole repeats, without a clock"
        : "whole repeats, with a clock around each op";
}

/* Keep those of the n seconds that others did not disturb, or all where there
 * is none; return how many. */
static int keep_quiet(const struct measure *measure, double *seconds, int n)
{
    int kept = 0;

    for (int r = 0; r < n; r++)
        if (measure_is_quiet(measure, METRIC_SECONDS, r))
            seconds[kept++] = seconds[r];
    return kept ? kept : n;
}

/* Totals come first: afterwards the ledger holds no amount that is too small
 * to stand by itself. */
enum status profile_arm_json(struct arm *arm, json_t *arms, struct error *err)
{
    double seconds[MEASURE_REPEAT_MAX], bound[METRIC_COUNT];
    json_t *json = json_pack("{s:s, s:o}", "name", arm->name, "totals",
                             summary_no_totals());
    int n = keep_quiet(arm->measure, seconds,
        measure_repeats(arm->measure, METRIC_SECONDS, seconds));
    json_t *range = profile_range(seconds, n);
    enum status status;
    json_object_set_new(range, "of", json_string(repeats_of(arm->measure)));
    json_object_set_new(range, "load", measure_load_json(arm->measure));
    json_object_set_new(json, "seconds", range);
    status = summary_witnesses(json, arm->predicted, arm->counted,
                               arm->measured, err);
    if (status != STATUS_OK) {
        json_decref(json);
        return status;
    }
    measure_mask(arm->measure, arm->measured, bound);
    json_object_set_new(json, "measuring",
                        measure_table_json(arm->measure, bound));
    json_object_set_new(json, "energy", profile_energy(arm));
    if (spec_n_routed(arm->spec) > 0) {
        json_object_set_new(json, "capacity_nominal", summary_capacity(arm->spec));
        json_object_set_new(json, "capacity_realised",
                            json_number(profile_kept(arm)));
    }
    json_array_append_new(arms, json);
    return STATUS_OK;
}
