/* import_answer.c - Leave a directory that isobath report draws of an imported
 * trace. */
#include "hwprof/commands/import_job.h"

#include <math.h>
#include <string.h>
#include "hwprof/commands/profile_job.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/rundir.h"

/* ---- ledgers ---- */

/* Zero work stays known; what is beyond 64 bits does not. */
static void set_count(struct cost *cost, enum metric metric, double value)
{
    if (value >= 0 && value < 9e18)
        cost_set_count(cost, metric, (uint64_t)value, PROV_PREDICTED);
}

static void set_real(struct cost *cost, enum metric metric, double value,
                     enum provenance from)
{
    if (isfinite(value))
        cost_set_real(cost, metric, value, from);
}

static enum status file_cell(struct import_job *job, enum pass pass, enum op op,
                             struct error *err)
{
    const struct import_cell *c = &job->cell[pass][op];
    const struct ledger_key key = { .pass = pass, .op = op,
                                    .layer = LEDGER_OUTSIDE,
                                    .token = LEDGER_SHARED };
    struct cost cost[3] = { { .count = { 0 } } };
    enum status status = STATUS_OK;

    set_real(&cost[0], METRIC_SECONDS, c->predicted_seconds, PROV_PREDICTED);
    set_real(&cost[0], METRIC_JOULES, c->predicted_joules, PROV_PREDICTED);
    set_count(&cost[1], METRIC_FLOPS, c->flops);
    set_count(&cost[1], METRIC_BYTES, c->bytes);
    set_real(&cost[2], METRIC_SECONDS, c->seconds, PROV_MEASURED);
    for (int i = 0; i < 3 && status == STATUS_OK; i++)
        status = ledger_charge(job->ledger[i], key, &cost[i]);
    return status == STATUS_OK
               ? status : error_set(err, status, "the trace's sums do not fit");
}

static void give_reasons(struct import_job *job)
{
    for (int m = 0; m < METRIC_COUNT; m++) {
        const bool priced = m == METRIC_SECONDS || m == METRIC_JOULES;
        ledger_set_reason(job->ledger[0], (enum metric)m,
                          !priced ? "an imported trace names no model"
                          : job->machine ? "the machine's profile does not say,"
                                           " or some shapes are not known"
                                         : "--machine was not given");
        ledger_set_reason(job->ledger[1], (enum metric)m,
                          m == METRIC_FLOPS || m == METRIC_BYTES
                              ? "the trace does not say the shapes of all"
                                " calls: record_shapes=True"
                              : "shapes do not say it");
        ledger_set_reason(job->ledger[2], (enum metric)m,
                          "the trace has times alone");
    }
}

static enum status fill_ledgers(struct import_job *job, struct error *err)
{
    const struct ledger_shape shape = { .by_pass = true, .by_op = true };
    enum status status = STATUS_OK;

    for (int i = 0; i < 3 && status == STATUS_OK; i++)
        status = ledger_open(&job->ledger[i], shape, (struct cost){ 0 }, err);
    if (status != STATUS_OK)
        return status;
    give_reasons(job);
    for (int p = 0; p < PASS_COUNT; p++)
        for (int o = 0; o < OP_COUNT && status == STATUS_OK; o++)
            if (job->cell[p][o].calls > 0)
                status = file_cell(job, (enum pass)p, (enum op)o, err);
    return status;
}

/* ---- the summary ---- */

static json_t *imported_json(const struct import_job *job)
{
    const struct torch_trace *t = &job->trace;
    json_t *unmapped = json_array();

    for (size_t i = 0; i < t->n_unmapped; i++)
        json_array_append_new(unmapped, json_pack("{s:o, s:I, s:f, s:o}",
            "name", json_text(t->unmapped[i].name),
            "calls", (json_int_t)t->unmapped[i].n,
            "seconds", t->unmapped[i].seconds,
            "share", json_number(import_per(t->unmapped[i].seconds,
                                            t->seconds))));
    return json_pack("{s:o, s:s, s:s, s:f, s:f, s:f, s:o, s:I, s:I, s:f, s:f,"
                     " s:o}", "file", json_text(job->file),
                     "program", "PyTorch profiler",
                     "clock", t->device ? "kernels" : "cpu",
                     "seconds", t->seconds, "span_seconds", t->busy_until,
                     "unmapped_seconds", t->unmapped_seconds, "unmapped_share",
                     json_number(import_per(t->unmapped_seconds, t->seconds)),
                     "passes", (json_int_t)t->passes, "unshaped_calls",
                     (json_int_t)t->unshaped, "channels", t->channels,
                     "vocab", t->vocab, "unmapped", unmapped);
}

/* Sequences that were processed in all. */
static double sequences_of(const struct torch_trace *t)
{
    return t->decodes && !t->trains ? t->batch
                                    : t->batch * (double)t->passes;
}

static enum status phase_json(json_t *summary, const struct import_job *job,
                              struct error *err)
{
    const struct torch_trace *t = &job->trace;
    json_t *totals = json_object_get(summary, "totals");
    json_t *arm = json_pack("{s:s, s:O, s:{s:f, s:n, s:n, s:i, s:s}}",
                            "name", arm_names[ARM_DENSE], "totals", totals,
                            "seconds", "median", job->total.seconds, "low",
                            "high", "n", 1, "of",
                            "the ops of the imported trace");
    const bool seen = t->batch > 0;

    if (!arm)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the summary");
    json_object_set_new(summary, "phases", json_pack(
        "[{s:s, s:o, s:o, s:I, s:[o]}]", "name", import_phase_name(t),
        "batch", json_known(sequences_of(t), seen),
        "tokens", json_known(t->tokens, seen), "steps",
        (json_int_t)t->passes, "arms", arm));
    return STATUS_OK;
}

static enum status fill_summary(json_t *summary, const struct import_job *job,
                                struct error *err)
{
    enum status status = summary_witnesses(summary, job->ledger[0],
                                           job->ledger[1], job->ledger[2], err);
    if (status == STATUS_OK)
        status = phase_json(summary, job, err);
    json_object_set_new(summary, "imported", imported_json(job));
    if (job->machine)
        json_object_set_new(summary, "ceilings",
                            profile_ceilings(job->machine));
    return status;
}

static enum status write_ledger(const struct import_job *job,
                                const struct rundir *rundir, struct error *err)
{
    const struct torch_trace *t = &job->trace;
    const char *name = t->trains    ? "ledger_train_dense.csv"
                       : t->decodes ? "ledger_decode_dense.csv"
                                    : "ledger_prefill_dense.csv";
    struct file_writer file;

    enum status status = file_create_in(&file, rundir->path, name, err);
    if (status != STATUS_OK)
        return status;
    ledger_write_header(file.stream, false);
    for (int i = 0; i < 3 && status == STATUS_OK; i++)
        status = ledger_write(job->ledger[i], summary_witness_names[i],
                              file.stream, err);
    return file_end(&file, status, err);
}

/* The figures' last line names the machine that measured, which is not this
 * one. */
static json_t *measured_on(const struct import_job *job)
{
    return job->trace.device && *job->chrome.device
               ? json_text(job->chrome.device)
               : json_string("a machine that the trace does not name");
}

static json_t *summary_of(const struct import_job *job, struct error *err)
{
    const struct command_options *o = &job->options->common;
    json_t *summary = summary_open("import", json_pack("{s:o, s:s?}",
        "file", json_text(job->file), "machine", job->options->machine),
        provenance_json(o->argc, o->argv, o->threads, 0, NULL, NULL, NULL));

    if (!summary) {
        error_set(err, STATUS_NO_MEMORY, "no memory for the summary");
        return NULL;
    }
    json_object_set_new(json_object_get(summary, "provenance"), "cpu",
                        measured_on(job));
    if (fill_summary(summary, job, err) == STATUS_OK)
        return summary;
    json_decref(summary);
    return NULL;
}

enum status import_write(struct import_job *job, struct error *err)
{
    struct rundir rundir;
    enum status status = fill_ledgers(job, err);

    if (status != STATUS_OK)
        return status;
    json_t *summary = summary_of(job, err);
    if (!summary)
        return err->status;
    status = rundir_open_anew(&rundir, job->options->common.output,
                             "import", err);
    if (status != STATUS_OK) {
        json_decref(summary);
        return status;
    }
    rundir_clear(&rundir);
    status = write_ledger(job, &rundir, err);
    if (status == STATUS_OK)
        status = rundir_finish(&rundir, summary, err);
    rundir_close(&rundir);
    if (status == STATUS_OK && job->options->common.format == FORMAT_JSON)
        status = json_print(summary, stdout, err);
    json_decref(summary);
    return status;
}
