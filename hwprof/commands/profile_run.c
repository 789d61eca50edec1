/* profile_run.c - Run a phase: measure its arms in turns, then judge, print and
 * file what they took. */
#include "hwprof/commands/profile_job.h"

#include <inttypes.h>
#include <stdio.h>
#include "hwprof/measure/measure_table.h"
#include "hwprof/measure/profile_table.h"
#include "models/files/source.h"
#include "sim/price/rival.h"

/* Keep the first difference between what was predicted and what was counted. */
static void compare(const struct arm *arm)
{
    struct profile_job *s = arm->job;

    if (s->differs || agreement(arm->predicted, arm->counted, &s->first))
        return;
    s->differs = arm->name;
    s->differs_in = arm->phase->name;
}

static bool is_rival(const struct arm *arm)
{
    return arm->spec == &arm->job->spec[ARM_RIVAL];
}

static enum status print_phase(const struct arm *arm, struct error *err)
{
    const struct profile_job *s = arm->job;
    struct profile_table w = { arm->predicted, arm->counted, arm->measured,
                               arm->measure };
    char words[PROFILE_WORDS_SIZE];

    if (s->arguments.common.quiet)
        return STATUS_OK;
    printf("\n%s, %s%s%s: batch %" PRId64 ", %" PRId64 " tokens",
           profile_words(words, arm), arm->name,
           is_rival(arm) ? ", " : "", is_rival(arm) ? s->rival->about : "",
           s->arguments.batch, s->arguments.tokens);
    if (spec_n_routed(arm->spec) > 0)
        printf(", %.1f %% kept by routed layers", 100 * profile_kept(arm));
    putchar('\n');
    enum status status = s->arguments.validate
        ? validate_print(stdout, &s->validation, arm->phase->name, arm->name,
                         err)
        : profile_table_print(stdout, &w, err);
    measure_table_print(stdout, arm->measure);
    profile_energy_print(stdout, arm);
    return status;
}

/* The arms of a phase, each at its place, and those that take part. */
struct arms {
    struct arm  of[PROFILE_ARMS];
    struct arm *in[PROFILE_ARMS];
    int n;
};

static bool is_routed(const struct profile_job *s)
{
    return spec_n_routed(&s->spec[ARM_MOD]) > 0;
}

/* Without a routed layer there is no twin beside the model. */
static void choose_arms(struct arms *arms, const struct profile_job *s,
                        const struct workload *phase)
{
    arms->in[arms->n++] = &arms->of[ARM_DENSE];
    if (is_routed(s))
        arms->in[arms->n++] = &arms->of[ARM_MOD];
    if (profile_rival_runs(s, phase))
        arms->in[arms->n++] = &arms->of[ARM_RIVAL];
}

/* Of the phases that were asked for, one is measured after the other. */
static void tell_share(struct progress *progress, const struct profile_job *s)
{
    const double done = (double)json_array_size(s->phases);
    int n = 0;

    for (int i = 0; i < PHASE_COUNT; i++)
        n += s->arguments.wanted[i];
    progress_tell(progress, done / n, (done + 1) / n);
}

/* Arms take turns, so that what drifts hits all alike. */
static enum status measure_arms(struct arms *arms, struct error *err)
{
    const struct arm *first = arms->in[0];
    const struct profile_arguments *a = &first->job->arguments;
    const char *name = first->phase->name;
    struct progress progress = progress_begin(name, "round",
        (double)(measure_n_passes(first->measure) * a->repeats),
        a->common.quiet);
    enum status status = STATUS_OK;
    bool more = true;

    tell_share(&progress, first->job);
    for (double done = 1; status == STATUS_OK && more; done++) {
        more = false;
        for (int i = 0; i < arms->n; i++)
            more |= profile_arm_measure(arms->in[i]);
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
static enum status finish_phase(struct arms *arms, json_t *json,
                                json_t *rivals, struct error *err)
{
    struct arm *arm = arms->of;
    const struct profile_job *s = arms->in[0]->job;
    const int n_arms = is_routed(s) ? ARM_COUNT : 1;
    enum status status = STATUS_OK;

    if (n_arms == ARM_COUNT) {
        json_object_set_new(json, "ratio", profile_paired(arm));
        if (s->arguments.common.format == FORMAT_TEXT)
            status = profile_paired_print(arm, s->arguments.common.quiet, err);
    }
    profile_rival_missing(json, s, arms->in[0]->phase);
    if (json_array_size(rivals) > 0 && status == STATUS_OK)
        status = profile_rival_json(json, json_array_get(rivals, 0),
                                    &arm[ARM_RIVAL],
                                    &arm[n_arms > 1 ? ARM_MOD : ARM_DENSE],
                                    err);
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

static enum status run_arms(struct arms *arms, struct profile_job *s,
                            const struct workload *phase, json_t *json,
                            json_t *rivals, struct error *err)
{
    enum status status = STATUS_OK;

    for (int i = 0; i < arms->n && status == STATUS_OK; i++) {
        status = profile_arm_open(arms->in[i], s, phase,
                                  (int)(arms->in[i] - arms->of), err);
        if (status == STATUS_OK)
            status = profile_arm_count(arms->in[i], err);
    }
    if (status == STATUS_OK)
        status = measure_arms(arms, err);
    if (status == STATUS_OK && json_array_size(s->phases) == 0)
        rundir_clear(&s->rundir);          /* of an older profile */
    for (int i = 0; i < arms->n && status == STATUS_OK; i++)
        status = finish_arm(arms->in[i], is_rival(arms->in[i])
            ? rivals : json_object_get(json, "arms"), err);
    return status == STATUS_OK ? finish_phase(arms, json, rivals, err) : status;
}

enum status profile_run(struct profile_job *s, const struct workload *phase,
                        struct error *err)
{
    struct arms arms = { .n = 0 };
    json_t *json = phase_json(s, phase), *rivals = json_array();

    choose_arms(&arms, s, phase);
    enum status status = run_arms(&arms, s, phase, json, rivals, err);
    if (status == STATUS_OK)
        json_array_append(s->phases, json);
    for (int i = 0; i < PROFILE_ARMS; i++)
        profile_arm_close(&arms.of[i]);
    json_decref(rivals);
    json_decref(json);
    return status;
}
