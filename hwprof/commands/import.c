/* import.c - isobath import: take in a PyTorch profiler trace, set its times
 * beside the work that its shapes come to, and leave a directory to report on. */
#include <stdlib.h>

#include "hwprof/commands/import_job.h"
#include "sim/commands/commands.h"

/* A trace of minutes is so large; more is no profile but a recording. */
static const size_t most_bytes = (size_t)1 << 31;

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
    import_add_up(job);
    status = import_write(job, err);
    if (status == STATUS_OK && o->machine_out)
        status = import_machine_write(job, o->machine_out, err);
    if (status == STATUS_OK && o->common.format == FORMAT_CSV)
        return import_print_ops(stdout, job, err);
    return status == STATUS_OK && o->common.format == FORMAT_TEXT &&
                   !o->common.quiet
               ? import_print(job, err) : status;
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
