/* profile_run.c - Run a phase: measure its arms in turns, then judge, print and
 * file what they took. */
#include "hwprof/commands/profile_job.h"

#include <inttypes.h>
#include <stdio.h>
#include "hwprof/measure/measure_table.h"
#include "hwprof/measure/profile_table.h"
#include "models/files/source.h"

/* Keep the first difference between what was predicted and what was counted. */
static void compare(const struct arm *arm)
{
    struct profile_job *s = arm->job;

    if (s->differs || agreement(arm->predicted, arm->counted, &s->first))
        return;
    s->differs = arm->name;
    s->differs_in = arm->phase->name;
}

static enum status print_phase(const struct arm *arm, struct error *err)
{
    const struct profile_job *s = arm->job;
    struct profile_table w = { arm->predicted, arm->counted, arm->measured,
                               arm->measure };

    if (s->arguments.common.quiet)
        return STATUS_OK;
    printf("\n%s, %s: batch %" PRId64 ", %" PRId64 " tokens\n",
           arm->phase->name, arm->name, s->arguments.batch,
           s->arguments.tokens);
    enum status status = s->arguments.validate
        ? validate_print(stdout, &s->validation, arm->phase->name, arm->name,
                         err)
        : profile_table_print(stdout, &w, err);
    measure_table_print(stdout, arm->measure);
    profile_energy_print(stdout, arm);
    return status;
}

/* Arms take turns, so that what drifts hits both alike. */
static enum status measure_arms(struct arm *arm, int n_arms, struct error *err)
{
    const struct profile_arguments *a = &arm->job->arguments;
    const char *name = arm->phase->name;
    struct progress progress = progress_begin(name, "round",
        (double)(measure_n_passes(arm[0].measure) * a->repeats),
        a->common.quiet);
    enum status status = STATUS_OK;
    bool more = true;

    for (double done = 1; status == STATUS_OK && more; done++) {
        more = false;
        for (int i = 0; i < n_arms; i++)
            more |= profile_arm_measure(&arm[i]);
        progress_at(&progress, done, "");
        if (command_interrupted)
            status = error_set(err, STATUS_INTERRUPTED, "interrupted in %s;"
                               " phases finished before are written", name);
    }
    progress_end(&progress);
    return status;
}

static enum status finish_arm(struct arm *arm, json_t *arms, struct error *err)
{
    struct profile_job *s = arm->job;
    enum status status = STATUS_OK;

    measure_finish(arm->measure, arm->measured, arm->predicted);
    if (s->arguments.validate)
        status = validate_phase(&s->validation, &(struct validate_input){
            arm->phase->name, arm->name, profile_decodes(arm->phase),
            s->arguments.common.threads, arm->predicted, arm->counted,
            arm->measure, arm->spec }, err);
    compare(arm);
    if (status == STATUS_OK)
        status = print_phase(arm, err);
    if (status == STATUS_OK)
        status = profile_arm_json(arm, arms, err);
    return status ? status : profile_arm_write(arm, err);
}

/* File what the arms say together. */
static enum status finish_phase(struct arm *arm, int n_arms, json_t *json,
                                struct error *err)
{
    const struct profile_job *s = arm->job;
    enum status status = STATUS_OK;

    if (n_arms == ARM_COUNT) {
        json_object_set_new(json, "ratio", profile_paired(arm));
        if (s->arguments.common.format == FORMAT_TEXT)
            status = profile_paired_print(arm, s->arguments.common.quiet, err);
    }
    if (!profile_decodes(arm->phase) || status != STATUS_OK)
        return status;
    json_object_set_new(json, "tokens_by_kept",
                        profile_tokens(s, arm, n_arms));
    return profile_tokens_write(s, arm, n_arms, err);
}

static json_t *phase_json(const struct profile_job *s,
                          const struct workload *phase)
{
    return json_pack("{s:s, s:I, s:I, s:I, s:[], s:s, s:i}",
        "name", phase->name, "batch", (json_int_t)s->arguments.batch,
        "tokens", (json_int_t)s->arguments.tokens,
        "steps", (json_int_t)(profile_decodes(phase) ? s->arguments.steps : 1),
        "arms", "policy", phase->train ? s->source->routing.policy->name
                                       : profile_serving(s),
        "keep_first", (int)s->source->spec.keep_first);
}

enum status profile_run(struct profile_job *s, const struct workload *phase,
                        struct error *err)
{
    struct arm arm[ARM_COUNT] = { { 0 } };
    /* Without a routed layer the model is its own dense twin. */
    int n_arms = spec_n_routed(&s->spec[ARM_MOD]) > 0 ? ARM_COUNT : 1;
    json_t *json = phase_json(s, phase);
    enum status status = STATUS_OK;

    for (int i = 0; i < n_arms && status == STATUS_OK; i++) {
        status = profile_arm_open(&arm[i], s, phase, i, err);
        if (status == STATUS_OK)
            status = profile_arm_count(&arm[i], err);
    }
    if (status == STATUS_OK)
        status = measure_arms(arm, n_arms, err);
    if (status == STATUS_OK && json_array_size(s->phases) == 0)
        rundir_clear(&s->rundir);          /* of an older profile */
    for (int i = 0; i < n_arms && status == STATUS_OK; i++)
        status = finish_arm(&arm[i], json_object_get(json, "arms"), err);
    if (status == STATUS_OK)
        status = finish_phase(arm, n_arms, json, err);
    if (status == STATUS_OK)
        json_array_append(s->phases, json);
    for (int i = 0; i < ARM_COUNT; i++)
        profile_arm_close(&arm[i]);
    json_decref(json);
    return status;
}
