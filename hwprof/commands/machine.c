/* machine.c - isobath machine: say what this machine is, what it does at most
 * and what can be measured on it. */
#include "hwprof/commands/machine_answer.h"
#include "hwprof/commands/machine_serial.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "hwprof/measure/machine_profile.h"
#include "sim/commands/commands.h"
#include "sim/core/answer/outfile.h"
#include "sim/core/base/file.h"
#include "sim/price/machine.h"

struct options {
    struct command_options common;
    bool        quick, fit_energy;
    const char *sysfs_root;              /* NULL: /sys */
};

#define MACHINE(name, argument, TYPE, member, help)                            \
    FLAG(name, argument, NULL, TYPE, struct options, member, 0, 0, "", NULL,   \
         NULL, help)
static const struct flag flags[] = {
    FLAG_REPLACED("FILE", "", "write the measured rates as a machine profile, for"
        " isobath predict --machine FILE, with the shares of them that ops of"
        " small models reach, which takes about 45 s more, and three minutes at"
        " most while others run; its joules are priors"
        " with their sources, or fitted here by --fit-energy"),
    MACHINE("--quick", NULL, BOOL, quick, "do fewer and shorter runs: 1 s"
        " instead of about 4 s (with --fit-energy: 15 s instead of a minute and"
        " a half)"),
    MACHINE("--fit-energy", NULL, BOOL, fit_energy, "run kernels of known work"
        " beside an energy sensor and fit watts, joules per flop and joules per"
        " byte to what the sensor counts; with -o the fitted numbers replace"
        " the profile's priors where they are resolved.  Fails, with the"
        " sensor's reason, where no sensor works.  Let nothing else run"
        " meanwhile"),
    MACHINE("--sysfs-root", "DIR", TEXT, sysfs_root, "read topology and energy"
        " sensors from DIR instead of /sys"),
    FLAG_FORMAT(NULL, format_names),
    FLAG_QUIET,
    FLAG_THREADS,
    FLAG_END
};

static enum status ask(struct machine_answer *a, const struct options *o,
                       struct error *err)
{
    struct measure_options options = { .sysfs_root = o->sysfs_root };
    struct measure *measure = NULL;
    enum status status = measure_open(&measure, &options, err);

    if (status != STATUS_OK)
        return status;
    a->topology = *measure_topology(measure);
    snprintf(a->table, sizeof a->table, "%s", measure_table(measure));
    measure_report(measure, a->row);
    const struct read_path *path;
    a->n_paths = measure_read_paths(measure, &path);
    memcpy(a->path, path, sizeof a->path);
    status = measure_survey(measure, a->backend, &a->n_backends, err);
    measure_close(measure);
    if (status != STATUS_OK)
        return status;

    sensor_list_open(&a->sensors, o->sysfs_root ? o->sysfs_root : "/sys");
    if (a->sensors.n)
        sensor_list_probe(&a->sensors, NULL, NULL);
    sensor_list_close(&a->sensors);
    return peak_measure(&a->peak, &a->topology, o->common.threads, o->quick,
                        err);
}

static enum status ask_energy(struct machine_answer *a,
                              struct energy_answer *energy,
                              const struct options *o, struct error *err)
{
    const struct energy_answer_options options = {
        .sysfs_root = o->sysfs_root, .n_threads = o->common.threads,
        .quick = o->quick, .quiet = o->common.quiet };

    a->energy = energy;
    return energy_answer_take(energy, &a->topology, &options, err);
}

/* Nine times what a machine takes that nobody shares. */
static const double most_seconds[] = { [false] = 180, [true] = 36 };   /* quick? */

/* Over what was written before, and read back by the code that will use it. */
static enum status write_and_load(struct file_writer *writer,
                                  const struct machine_answer *a,
                                  const struct machine_shares *shares,
                                  struct machine *machine, struct error *err)
{
    enum status status = STATUS_OK;

    rewind(writer->stream);
    if (ftruncate(fileno(writer->stream), 0) == 0)
        status = machine_profile_write(writer->stream, &a->topology, &a->peak,
                                       shares, a->energy ? &a->energy->profile
                                                         : NULL, err);
    if (status == STATUS_OK && fflush(writer->stream) != 0)
        status = error_set(err, STATUS_IO, "cannot write %s", writer->path);
    return status == STATUS_OK ? machine_load(machine, writer->temporary, err)
                               : status;
}

static const struct outfile_heads own = { { "# Written by `isobath machine`",
                                            NULL } };

/* What hides behind what is found by the prices of a profile that does not say. */
static enum status write_profile(const struct machine_answer *a,
                                 const struct options *o, struct error *err)
{
    static struct machine_shares shares;     /* too large for a stack */
    static struct machine_far far;
    static struct machine machine;
    const struct machine_effort effort = {
        .quick = o->quick, .quiet = o->common.quiet,
        .seconds = most_seconds[o->quick] };
    struct file_writer writer;
    enum status status = outfile_create(&writer, o->common.output, &own,
                                        err);

    if (status != STATUS_OK)
        return status;
    status = machine_shares_measure(&shares, &far, &a->peak, &effort, err);
    if (status == STATUS_OK)
        status = write_and_load(&writer, a, &shares, &machine, err);
    if (status == STATUS_OK)
        status = machine_serial_fit(&shares, &far, &machine, err);
    if (status == STATUS_OK)
        status = write_and_load(&writer, a, &shares, &machine, err);
    return file_end(&writer, status, err);
}

static enum status (*const printers[])(const struct machine_answer *answer,
                                       struct error *err) = {
    [FORMAT_TEXT] = machine_answer_text, [FORMAT_JSON] = machine_answer_json,
    [FORMAT_CSV] = machine_answer_csv,
};

static enum status check(const struct options *o, struct error *err)
{
    if (o->sysfs_root && !file_exists(o->sysfs_root))
        return error_set(err, STATUS_BAD_VALUE, "--sysfs-root '%s': allowed is"
                         " a directory like /sys", o->sysfs_root);
    enum status status = o->common.output
                             ? outfile_check(o->common.output, &own, err)
                             : STATUS_OK;
    return status == STATUS_OK && o->fit_energy
               ? energy_answer_check(o->sysfs_root, err) : status;
}

static int run(void *options)
{
    const struct options *o = options;
    static struct machine_answer answer;     /* too large for a stack */
    static struct energy_answer energy;
    struct error err = { 0 };
    command_end_on_signals();
    enum status status = check(o, &err);

    if (status == STATUS_OK)
        status = ask(&answer, o, &err);
    if (status == STATUS_OK && o->fit_energy)
        status = ask_energy(&answer, &energy, o, &err);
    if (status == STATUS_OK && o->common.output)
        status = write_profile(&answer, o, &err);
    if (status == STATUS_OK)
        status = printers[o->common.format](&answer, &err);
    energy_answer_close(&energy);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command machine_command = {
    .name = "machine", .usage = "",
    .help = "this machine: peak rates, and what can be measured",
    .about = "Describe this machine, its peak rates, what can be measured on"
        " it, and why the rest cannot be.",
    .examples =
        "  isobath machine\n"
        "  isobath machine --quick --format json\n"
        "  isobath machine -o build/machine.yaml\n",
    .flags = flags, .config = &machine_schema,
    .options_size = sizeof(struct options), .run = run,
};
