/* profile_tokens.c - Say what each decoded token cost and where it was routed.
 * A step is a token; with a batch, a token of every sequence. */
#include "hwprof/commands/profile_job.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "hwprof/energy/energy_share.h"
#include "sim/core/answer/amount.h"
#include "sim/core/answer/escape.h"
#include "sim/core/base/stats.h"
#include "sim/core/model/plan.h"

/* Choices that the model makes, by which a token may be kept or not. */
static bool is_made(const struct profile_job *s, int32_t choice)
{
    return plan_choice(&s->spec[ARM_MOD], choice).routed;
}

/* Sequences' tokens that a choice of the model kept; the dense twin has one a
 * layer. */
static int32_t kept_by(const struct profile_job *s, const struct arm *arm,
                       int64_t step, int32_t choice)
{
    const int32_t own = arm->spec->part == PART_APART
                            ? choice
                            : plan_choice(&s->spec[ARM_MOD], choice).layer;
    return arm->kept[step * plan_n_choices(arm->spec) + own];
}

/* The same over all that the model makes. */
static int32_t kept_of(const struct profile_job *s, const struct arm *arm,
                       int64_t step)
{
    const int32_t n_choices = plan_n_choices(&s->spec[ARM_MOD]);
    int32_t n = 0;

    for (int32_t c = 0; c < n_choices; c++)
        if (is_made(s, c))
            n += kept_by(s, arm, step, c);
    return n;
}

static struct measure_range of_step(const struct arm *arm, int64_t step,
                                    enum metric metric)
{
    return measure_range(arm->measure, LEDGER_ANY, LEDGER_ANY, (int32_t)step,
                         LEDGER_ANY, metric);
}

/* ---- tokens.csv ---- */

/* kept_<layer>; of parts apart kept_attention_<layer> and kept_ffn_<layer>. */
static void write_choice(const struct profile_job *s, int32_t choice,
                         FILE *file)
{
    const struct model_spec *mod = &s->spec[ARM_MOD];
    const struct plan_choice made = plan_choice(mod, choice);

    fputs(",kept_", file);
    if (mod->part == PART_APART)
        fprintf(file, "%s_", part_names[made.part]);
    fprintf(file, "%d", made.layer);
}

/* All that is known of an arm's steps. */
struct steps {
    const struct arm  *arm;
    struct measure_row row[METRIC_COUNT];
    double             regions;  /* of a step: the whole's over its steps */
    double            *joules;   /* [steps] owned; NULL: unknown */
};

static void close_steps(struct steps *steps)
{
    free(steps->joules);
}

/* True where each step's seconds were measured. */
static bool seconds_of(const struct steps *steps, double *out, int n)
{
    for (int i = 0; i < n; i++) {
        struct measure_range range = of_step(steps->arm, i, METRIC_SECONDS);
        out[i] = range.median;
        if (range.n == 0)
            return false;
    }
    return true;
}

/* A step is too short for a sensor: its joules are its share of the whole
 * decoding's, by seconds. */
static enum status share_joules(struct steps *steps, struct error *err)
{
    const struct measure_energy energy = measure_energy(steps->arm->measure);
    const int n = (int)steps->arm->job->arguments.steps;
    struct measure_row *row = &steps->row[METRIC_JOULES];

    if (!isfinite(energy.joules))
        return STATUS_OK;
    steps->joules = calloc((size_t)n, sizeof *steps->joules);
    if (!steps->joules)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d steps", n);
    if (!seconds_of(steps, steps->joules, n)) {
        free(steps->joules);
        steps->joules = NULL;
        snprintf(row->reason, sizeof row->reason, "there are no seconds of each"
                 " step to share them out by");
        return STATUS_OK;
    }
    row->resolution = energy_tick_seconds * energy.joules / energy.seconds;
    return energy_apportion(steps->joules, energy.joules, steps->joules, n,
                            err);
}

static enum status open_steps(struct steps *out, const struct arm *arm,
                              struct error *err)
{
    *out = (struct steps){ .arm = arm };
    measure_report(arm->measure, out->row);
    out->regions = (double)measure_regions(arm->measure, LEDGER_ANY, LEDGER_ANY,
                                           LEDGER_ANY) /
                   (double)arm->job->arguments.steps;
    return share_joules(out, err);
}

static double resolution_of(const struct steps *steps, enum metric metric)
{
    return steps->row[metric].resolution *
           ((int)metric < METRIC_FIRST_REAL ? steps->regions : 1);
}

/* One metric of one step: a number with its source, or the reason for none. */
static struct amount amount_in(const struct steps *steps, int64_t step,
                               enum metric metric)
{
    const struct measure_row *row = &steps->row[metric];
    struct measure_range range = of_step(steps->arm, step, metric);

    if (metric == METRIC_JOULES && steps->joules)
        return amount_of(steps->joules[step], row->total.from < PROV_APPORTIONED
                                                  ? row->total.from
                                                  : PROV_APPORTIONED);
    if (range.n == 0)
        return amount_unknown(row->reason[0] ? row->reason
                                             : "no repeat measured it by step");
    if (range.median < resolution_of(steps, metric)) {
        struct amount below = amount_unknown("below what a reading resolves");
        below.from = PROV_BELOW;
        return below;
    }
    return amount_of(range.median, metric == METRIC_FLOPS &&
                                   range.high > range.low ? PROV_AT_LEAST
                                                          : range.from);
}

static void write_header(const struct profile_job *s, FILE *file)
{
    const int32_t n_choices = plan_n_choices(&s->spec[ARM_MOD]);

    fputs("model,step,position,tokens,kept", file);
    for (int32_t c = 0; c < n_choices; c++)
        if (is_made(s, c))
            write_choice(s, c, file);
    fputs(",flops_counted,bytes_counted", file);
    for (int m = 0; m < METRIC_COUNT; m++) {
        const char *name = metric_table[m].column;
        fprintf(file, ",%s,%s_source,%s_resolution,%s_reason", name, name, name,
                name);
    }
    fputs(",seconds_low,seconds_high\r\n", file);
}

static void write_measured(const struct steps *steps, int64_t step,
                           enum metric metric, FILE *file)
{
    struct amount amount = amount_in(steps, step, metric);

    if (amount_known(amount))
        fprintf(file, ",%.9g,%s", amount.value, provenance_names[amount.from]);
    else
        fprintf(file, ",,%s", provenance_names[amount.from]);
    if (amount.from != PROV_UNKNOWN)
        fprintf(file, ",%.9g,", resolution_of(steps, metric));
    else
        fputs(",,", file);
    if (!amount_known(amount))
        escape_write(file, BORDER_CSV, amount.reason);
}

static void write_step(const struct profile_job *s, const struct steps *steps,
                       int64_t step, FILE *file)
{
    const struct arm *arm = steps->arm;
    const int32_t n_choices = plan_n_choices(&s->spec[ARM_MOD]);
    struct measure_range seconds = of_step(arm, step, METRIC_SECONDS);

    fprintf(file, "%s,%" PRId64 ",%" PRId64 ",%" PRId64 ",%d", arm->name, step,
            s->arguments.tokens - s->arguments.steps + step,
            s->arguments.batch, kept_of(s, arm, step));
    for (int32_t c = 0; c < n_choices; c++)
        if (is_made(s, c))
            fprintf(file, ",%d", kept_by(s, arm, step, c));
    fprintf(file, ",%" PRIu64 ",%" PRIu64, arm->step[step].count[METRIC_FLOPS],
            arm->step[step].count[METRIC_BYTES]);
    for (int m = 0; m < METRIC_COUNT; m++)
        write_measured(steps, step, (enum metric)m, file);
    if (seconds.n)
        fprintf(file, ",%.9g,%.9g\r\n", seconds.low, seconds.high);
    else
        fputs(",,\r\n", file);
}

static enum status write_table(const struct profile_job *s,
                               const struct steps *steps, int n_arms,
                               struct error *err)
{
    struct file_writer file;
    enum status status = file_create_in(&file, s->rundir.path, "tokens.csv",
                                        err);

    if (status != STATUS_OK)
        return status;
    write_header(s, file.stream);
    for (int64_t i = 0; i < s->arguments.steps; i++)
        for (int a = 0; a < n_arms; a++)
            write_step(s, &steps[a], i, file.stream);
    return file_commit(&file, err);
}

enum status profile_tokens_write(const struct profile_job *s,
                                 const struct arm *arm, int n_arms,
                                 struct error *err)
{
    struct steps steps[ARM_COUNT] = { { .arm = NULL } };
    enum status status = STATUS_OK;

    for (int a = 0; a < n_arms && status == STATUS_OK; a++)
        status = open_steps(&steps[a], &arm[a], err);
    if (status == STATUS_OK)
        status = write_table(s, steps, n_arms, err);
    for (int a = 0; a < n_arms; a++)
        close_steps(&steps[a]);
    return status;
}

/* ---- by how many routed layers, or parts, kept the token ---- */

/* Seconds of the tokens of one class, and of the dense twin's same steps. */
struct class {
    int     n;
    double *mod, *dense, *difference, *flops;
};

/* With a batch, the mean over its sequences, rounded. */
static int32_t class_of(const struct profile_job *s, const struct arm *arm,
                        int64_t step)
{
    return (int32_t)lround((double)kept_of(s, arm, step) /
                           (double)s->arguments.batch);
}

static void gather(struct class *c, const struct profile_job *s,
                   const struct arm *arm, int32_t class)
{
    c->n = 0;
    for (int64_t i = 0; i < s->arguments.steps; i++) {
        struct measure_range mod = of_step(&arm[ARM_MOD], i, METRIC_SECONDS);
        struct measure_range dense = of_step(&arm[ARM_DENSE], i,
                                             METRIC_SECONDS);
        if (class_of(s, &arm[ARM_MOD], i) != class || !mod.n || !dense.n)
            continue;
        c->mod[c->n] = mod.median;
        c->dense[c->n] = dense.median;
        c->flops[c->n] = (double)arm[ARM_MOD].step[i].count[METRIC_FLOPS];
        c->difference[c->n++] = mod.median - dense.median;
    }
}

static void print_interval(const double *x, int n, double unit)
{
    struct difference d = stats_median_interval(x, (size_t)n);

    if (isfinite(d.low))
        printf("  %9.2f [%.2f, %.2f]", d.mean / unit, d.low / unit,
               d.high / unit);
    else
        printf("  %9.2f [fewer than 6]", d.mean / unit);
}

static void print_class(int32_t kept, const struct class *c)
{
    struct difference flops = stats_median_interval(c->flops, (size_t)c->n);

    printf("  %4d %6d %9.3f", kept, c->n, flops.mean * 1e-6);
    print_interval(c->mod, c->n, 1e-6);
    print_interval(c->dense, c->n, 1e-6);
    print_interval(c->difference, c->n, 1e-6);
    putchar('\n');
}

json_t *profile_tokens(const struct profile_job *s, const struct arm *arm,
                       int n_arms)
{
    const size_t n = (size_t)s->arguments.steps;
    const bool apart = s->spec[ARM_MOD].part == PART_APART;
    const int32_t n_routed = spec_n_routed(&s->spec[ARM_MOD]) *
                             (apart ? 2 : 1);
    json_t *list = json_array();
    double *memory = error_noted(calloc(4 * n, sizeof *memory));
    struct class c = { 0, memory, memory + n, memory + 2 * n, memory + 3 * n };

    if (!memory || n_arms < ARM_COUNT) {
        free(memory);
        return list;
    }
    if (!s->arguments.common.quiet)
        printf("\nwhat a decoded token takes, by how many of the %d routed "
               "%s kept it%s: median\nand interval over tokens, us; the "
               "dense twin at the same steps\n  %4s %6s %9s  %s\n", n_routed,
               apart ? "parts" : "layers",
               s->arguments.batch > 1 ? " (mean of the batch)" : "", "kept",
               "steps", "Mflop", "MoD | dense twin | MoD - dense");
    for (int32_t k = 0; k <= n_routed; k++) {
        gather(&c, s, arm, k);
        if (c.n == 0)
            continue;
        if (!s->arguments.common.quiet)
            print_class(k, &c);
        json_array_append_new(list, json_pack("{s:i, s:i, s:o, s:o, s:o}",
            "kept", k, "steps", c.n, "seconds", profile_range(c.mod, c.n),
            "dense_seconds", profile_range(c.dense, c.n),
            "difference_seconds", profile_range(c.difference, c.n)));
    }
    free(memory);
    return list;
}
