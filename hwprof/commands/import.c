/* import.c - isobath import: take in a PyTorch profiler trace, set its times
 * beside the work that its shapes come to, and leave a directory to report on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hwprof/commands/import_job.h"
#include "hwprof/commands/profile_job.h"
#include "sim/commands/commands.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/rundir.h"
#include "sim/core/answer/table.h"
#include "sim/price/roofline.h"

/* A trace of minutes is so large; more is no profile but a recording. */
static const size_t most_bytes = (size_t)1 << 31;

/* ---- what calls come to ---- */

enum precision import_precision(const struct torch_call *call)
{
    return call->work.format == CHROME_NONE
               ? PRECISION_FP32 : (enum precision)call->work.format;
}

enum work import_work(const struct import_job *job,
                      const struct torch_call *call)
{
    return flops_work(call->op, call->pass, job->trace.decodes,
                      call->form == TORCH_PRODUCT && call->work.rows <= 1);
}

double import_size(const struct import_job *job, const struct torch_call *call)
{
    return flops_attends(import_work(job, call))
               ? call->work.flops / fmax(call->work.sequences, 1)
               : call->work.flops;
}

/* All that is touched between two uses of a weight. */
static double footprint(const struct torch_trace *t)
{
    double bytes = 0;

    for (size_t i = 0; i < t->n_calls; i++)
        bytes += isnan(t->call[i].work.bytes) ? 0 : t->call[i].work.bytes;
    return bytes / (t->passes > 0 ? (double)t->passes : 1);
}

/* Weights are stale, what comes from the op before is fresh. */
static void predict_call(struct import_cell *cell, const struct import_job *job,
                         const struct torch_call *call, double footprint_bytes)
{
    const struct torch_work *w = &call->work;
    const enum precision p = import_precision(call);
    const struct rates rates = rates_of(job->machine, p);
    const double weights = fmin(w->bytes, w->in * w->out *
                                          precision_bits[p] / 8);
    const struct roofline_load load = {
        .work = import_work(job, call), .flops = w->flops,
        .share = machine_efficiency(job->machine, import_work(job, call),
                                    import_size(job, call)),
        .fresh_bytes = w->bytes - weights, .stale_bytes = weights,
        .footprint_bytes = footprint_bytes,
    };
    const struct traffic traffic = roofline_traffic(&rates, &load);
    const double seconds = energy_throttled(
        &rates, load.work, load.flops, &traffic,
        roofline_seconds(&rates, &load, &traffic));
    const struct energy energy = energy_of(&rates, load.work, load.flops,
                                           &traffic, seconds);

    cell->predicted_seconds += seconds;
    cell->predicted_joules += energy_joules(&energy);
}

static void add(struct import_cell *cell, const struct import_job *job,
                const struct torch_call *call, double footprint_bytes)
{
    cell->calls++;
    cell->seconds += call->seconds;
    cell->flops += call->work.flops;
    cell->bytes += call->work.bytes;
    if (job->machine && !isnan(call->work.flops) && !isnan(call->work.bytes))
        predict_call(cell, job, call, footprint_bytes);
    else
        cell->predicted_seconds = cell->predicted_joules = (double)NAN;
}

static void add_up(struct import_job *job)
{
    const double held = footprint(&job->trace);

    for (size_t i = 0; i < job->trace.n_calls; i++) {
        const struct torch_call *call = &job->trace.call[i];
        add(&job->cell[call->pass][call->op], job, call, held);
        add(&job->total, job, call, held);
    }
}

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

/* ---- text ---- */

static double per(double amount, double by)
{
    return by > 0 ? amount / by : (double)NAN;
}

static struct amount amount(double value)
{
    return amount_of(value, PROV_PREDICTED);
}

static void add_row(struct table *t, const char *pass, const char *op,
                    const struct import_cell *c, double whole,
                    enum row_kind kind)
{
    table_row(t, kind);
    table_text(t, pass);
    table_text(t, op);
    table_count(t, (uint64_t)c->calls, PROV_COUNTED);
    table_amount(t, amount(c->flops));
    table_amount(t, amount(c->bytes));
    table_amount(t, amount_of(c->seconds, PROV_MEASURED));
    table_amount(t, amount(per(c->seconds, whole)));
    table_amount(t, amount(per(c->flops, c->seconds)));
    table_amount(t, amount(c->predicted_seconds));
    table_amount(t, amount(per(c->seconds, c->predicted_seconds)));
}

static enum status print_ops(FILE *file, const struct import_job *job,
                             struct error *err)
{
    static const struct column columns[] = {
        { "pass", "pass", "", COLUMN_TEXT, true },
        { "op", "op", "", COLUMN_TEXT, true },
        { "calls", "calls", "", COLUMN_WHOLE, true },
        { "flops", "", "flop", COLUMN_SI, true },
        { "bytes", "", "B", COLUMN_SI, true },
        { "seconds", "measured", "s", COLUMN_SI, true },
        { "share", "share", "", COLUMN_SHARE, true },
        { "flops_per_second", "", "flop/s", COLUMN_SI, true },
        { "predicted_seconds", "predicted", "s", COLUMN_SI, true },
        { "of_predicted", "of predicted", "", COLUMN_FACTOR, true },
    };
    const double whole = job->trace.seconds;
    struct table t;

    table_open(&t, "imported", columns, sizeof columns / sizeof *columns);
    for (int p = 0; p < PASS_COUNT; p++)
        for (int o = 0; o < OP_COUNT; o++)
            if (job->cell[p][o].calls > 0)
                add_row(&t, pass_names[p], op_table[o].name, &job->cell[p][o],
                        whole, ROW_PLAIN);
    add_row(&t, "all", "mapped", &job->total, whole, ROW_TOTAL);
    const enum format format = (enum format)job->options->common.format;
    enum status status = table_print(&t, format == FORMAT_CSV ? format
                                                              : FORMAT_TEXT,
                                     file, err);
    table_close(&t);
    return status;
}

enum { UNMAPPED_SHOWN = 12 };

static enum status print_unmapped(FILE *file, const struct torch_trace *trace,
                                  struct error *err)
{
    static const struct column columns[] = {
        { "unmapped", "none of our ops", "", COLUMN_TEXT, true },
        { "calls", "calls", "", COLUMN_WHOLE, true },
        { "seconds", "measured", "s", COLUMN_SI, true },
        { "share", "share", "", COLUMN_SHARE, true },
    };
    struct table t;

    table_open(&t, "unmapped", columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < trace->n_unmapped && i < UNMAPPED_SHOWN; i++) {
        const struct torch_unmapped *u = &trace->unmapped[i];
        table_row(&t, ROW_PLAIN);
        table_textf(&t, "%.60s", u->name);
        table_count(&t, (uint64_t)u->n, PROV_COUNTED);
        table_amount(&t, amount_of(u->seconds, PROV_MEASURED));
        table_amount(&t, amount(per(u->seconds, trace->seconds)));
    }
    table_row(&t, ROW_TOTAL);
    table_textf(&t, "all %zu", trace->n_unmapped);
    table_skip(&t);
    table_amount(&t, amount_of(trace->unmapped_seconds, PROV_MEASURED));
    table_amount(&t, amount(per(trace->unmapped_seconds, trace->seconds)));
    enum status status = table_print(&t, FORMAT_TEXT, file, err);
    table_close(&t);
    return status;
}

static const char *phase_name(const struct torch_trace *t)
{
    return t->trains ? "train step" : t->decodes ? "decode step" : "prefill";
}

static enum status print_text(const struct import_job *job, struct error *err)
{
    const struct torch_trace *t = &job->trace;
    char all[TABLE_NUMBER_SIZE], span[TABLE_NUMBER_SIZE];

    table_si(all, t->seconds, "s");
    table_si(span, t->busy_until, "s");
    printf("%s: %s, B %g, T %g, C %g, V %g, %lld passes; %s of %s in %s\n\n",
           job->file, phase_name(t), t->batch, t->tokens, t->channels, t->vocab,
           (long long)t->passes, table_ascii(all),
           t->device ? "kernels" : "the CPU", table_ascii(span));
    if (!t->device)
        puts("TIMES ARE OF THE CPU: no kernel of a GPU is in the trace\n");
    enum status status = print_ops(stdout, job, err);
    if (status == STATUS_OK && t->n_unmapped > 0) {
        putchar('\n');
        status = print_unmapped(stdout, t, err);
    }
    puts("\nmeasured: by PyTorch's profiler; FLOPs and bytes: from the shapes"
         " of the calls;\npredicted: the roofline of --machine; elements,"
         " copies and casts go with the op before them");
    if (t->unshaped > 0)
        printf("shapes or types are not told of all calls (not of %lld): what"
               " depends on them is unknown\n", (long long)t->unshaped);
    return status;
}

/* ---- the directory ---- */

static json_t *imported_json(const struct import_job *job)
{
    const struct torch_trace *t = &job->trace;
    json_t *unmapped = json_array();

    for (size_t i = 0; i < t->n_unmapped; i++)
        json_array_append_new(unmapped, json_pack("{s:o, s:I, s:f, s:o}",
            "name", json_text(t->unmapped[i].name),
            "calls", (json_int_t)t->unmapped[i].n,
            "seconds", t->unmapped[i].seconds,
            "share", json_number(per(t->unmapped[i].seconds, t->seconds))));
    return json_pack("{s:o, s:s, s:s, s:f, s:f, s:f, s:o, s:I, s:I, s:f, s:f,"
                     " s:o}", "file", json_text(job->file),
                     "program", "PyTorch profiler",
                     "clock", t->device ? "kernels" : "cpu",
                     "seconds", t->seconds, "span_seconds", t->busy_until,
                     "unmapped_seconds", t->unmapped_seconds, "unmapped_share",
                     json_number(per(t->unmapped_seconds, t->seconds)),
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
        "[{s:s, s:o, s:o, s:I, s:[o]}]", "name", phase_name(t),
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

static enum status write_all(struct import_job *job, struct error *err)
{
    struct rundir rundir;
    json_t *summary = summary_of(job, err);

    if (!summary)
        return err->status;
    enum status status = rundir_open_own(&rundir, job->options->common.output,
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

/* ---- the command ---- */

static enum status read_inputs(struct import_job *job, struct error *err)
{
    const struct import_options *o = job->options;
    char *text;
    size_t size;

    if (!o->machine && o->machine_out)
        return error_set(err, STATUS_BAD_VALUE, "--machine-out: needs --machine,"
                         " the profile that the trace's rates are put into");
    if (o->machine) {
        job->machine = malloc(sizeof *job->machine);
        if (!job->machine)
            return error_set(err, STATUS_NO_MEMORY, "no memory for a machine");
        enum status status = machine_load(job->machine, o->machine, err);
        if (status != STATUS_OK)
            return status;
    }
    enum status status = file_read(&text, &size, job->file, most_bytes, err);
    if (status != STATUS_OK)
        return status;
    status = chrome_trace_parse(&job->chrome, text, size, job->file, err);
    free(text);
    return status == STATUS_OK
               ? torch_trace_read(&job->trace, &job->chrome, job->file, err)
               : status;
}

static enum status answer(struct import_job *job, struct error *err)
{
    const struct import_options *o = job->options;
    enum status status = read_inputs(job, err);

    if (status != STATUS_OK)
        return status;
    if (o->machine_out)
        status = import_machine_check(job, o->machine_out, err);
    if (status != STATUS_OK)
        return status;
    if (import_is_elsewhere(job))
        command_warn("%s: its times are of %s, '%s' is none; what is predicted"
                     " says nothing of them", job->file,
                     job->trace.device ? "a GPU" : "a CPU", job->machine->name);
    add_up(job);
    status = fill_ledgers(job, err);
    if (status == STATUS_OK)
        status = write_all(job, err);
    if (status == STATUS_OK && o->machine_out)
        status = import_machine_write(job, o->machine_out, err);
    if (status == STATUS_OK && o->common.format == FORMAT_CSV)
        return print_ops(stdout, job, err);
    return status == STATUS_OK && o->common.format == FORMAT_TEXT &&
                   !o->common.quiet
               ? print_text(job, err) : status;
}

static int run(void *options)
{
    struct import_options *o = options;
    struct import_job *job = calloc(1, sizeof *job);
    struct error err = { STATUS_NO_MEMORY, "no memory" };

    if (!job)
        return command_fail(&err);
    command_end_on_signals();
    job->options = o;
    job->file = o->common.operand[0];
    enum status status = answer(job, &err);
    for (int i = 0; i < 3; i++)
        ledger_close(job->ledger[i]);
    torch_trace_close(&job->trace);
    chrome_trace_close(&job->chrome);
    free(job->machine);
    free(job);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

#define IMPORT(name, argument, TYPE, member, ...)                              \
    FLAG(name, argument, NULL, TYPE, struct import_options, member, __VA_ARGS__)
static const struct flag flags[] = {
    FLAG_OPERAND("FILE", NULL, "the JSON that PyTorch's profiler wrote by"
        " export_chrome_trace(), with record_shapes=True; unpacked"),
    FLAG_REPLACED("DIR", NULL, "the directory for the ledger and the summary,"
        " which isobath report draws"),
    IMPORT("--machine", "FILE", TEXT, machine, 0, 0, "", NULL, NULL,
        "machine profile or its name: adds the roofline's seconds and joules"),
    IMPORT("--machine-out", "FILE", TEXT, machine_out, 0, 0, "", NULL, NULL,
        "write that profile with what the trace's calls reached: shares of the"
        " peak by size, graded measured; in place of an older one"
        " alone, which is said"),
    FLAG_FORMAT(NULL, format_names),
    FLAG_QUIET,
    FLAG_END
};

const struct command import_command = {
    .name = "import", .usage = "FILE -o DIR",
    .help = "take in a profile that PyTorch measured",
    .about = "Map the calls of a PyTorch profiler trace to ops, and set their"
        " times beside FLOPs and bytes from their shapes and the roofline of a"
        " machine.  What is none of the ops is listed with its share of the"
        " time.",
    .examples =
        "  isobath import trace.json -o build/torch\n"
        "  isobath import trace.json -o build/torch --machine"
        " emerald-rapids-2core\n"
        "  isobath import trace.json -o build/torch --machine"
        " emerald-rapids-2core --machine-out build/mine.yaml\n",
    .flags = flags,
    .options_size = sizeof(struct import_options), .run = run,
};
