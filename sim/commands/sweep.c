/* sweep.c - Run isobath sweep: every point of a study. */
#include <stdio.h>
#include <stdlib.h>

#include "models/training/train_config.h"
#include "sim/commands/commands.h"
#include "sim/commands/sweep_foresee.h"
#include "sim/commands/sweep_given.h"
#include "sim/commands/sweep_limit.h"
#include "sim/commands/sweep_list.h"
#include "sim/commands/sweep_price.h"
#include "sim/commands/sweep_summary.h"
#include "sim/commands/sweep_resolve.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/rundir.h"
#include "sim/core/base/cpus.h"
#include "sim/sweep/sweep_record.h"
#include "sim/sweep/sweep_run.h"
#include "sim/sweep/sweep_slurm.h"

struct options {
    struct command_options common;
    const char *study, *program, *filter, *from, *machine, *sbatch, *memory;
    int64_t point, n_jobs, batch;          /* -1: all; 0: not given */
    int     launcher;
    bool    list, merge, dry_run, any_kernels, share, drop_weights;
};

enum { ALL_POINTS = -1, MAX_JOBS = 1024 };
enum { LAUNCHER_LOCAL, LAUNCHER_SLURM };
static const char *const launchers[] = { "local", "slurm", NULL };

#define SWEEP(name, argument, TYPE, member, ...)                               \
    FLAG(name, argument, NULL, TYPE, struct options, member, __VA_ARGS__)
static const struct flag flags[] = {
    FLAG_OPERAND("STUDY", NULL, "a YAML file with base: (a run config, its keys"
        " or its file), command: (train, run, router, profile or predict), set: (keys of all"
        " points), settings: (named rows of keys), zip: (lists taken together), axes: (keys and their"
        " values, all combinations), phases: (axes for rows of a phase) and"
        " points: (a list of single points)"),
    FLAG_OUTPUT("DIR", "", "the directory for the points and their tables; only"
        " --list and --dry-run need none"),
    SWEEP("--jobs", "N", INT, n_jobs, 1, MAX_JOBS, "", NULL, NULL, "run this"
        " many points at a time, and no more than this process may use CPUs;"
        " they share --threads; not given: one for each thread, but a single"
        " one for command: run, whose seconds are results"),
    SWEEP("--memory", "SIZE", TEXT, memory, 0, 0, "", NULL, NULL, "let points"
        " run together only as long as what they are predicted to hold fits into"
        " this: 16G; one that does not fit alone is refused.  For Slurm: what a"
        " task asks for"),
    SWEEP("--point", "I", INT, point, ALL_POINTS, SWEEP_MAX_POINTS - 1, "-1",
        NULL, NULL, "run only this point, or the batch from it on, while other"
        " processes run others; -1: all"),
    SWEEP("--filter", "WORDS", TEXT, filter, 0, 0, "", NULL, NULL, "take only"
        " points that have each of these words in their name or as their"
        " phase: 'mod seed=3'"),
    SWEEP("--list", NULL, BOOL, list, 0, 0, "", NULL, NULL,
        "print the points without running any"),
    SWEEP("--dry-run", NULL, BOOL, dry_run, 0, 0, "", NULL, NULL,
        "resolve the config of every point, say what is wrong and what the"
        " points would spend and keep on the disk, and run none"),
    SWEEP("--machine", "FILE", TEXT, machine, 0, 0, "", NULL, NULL, "with"
        " --dry-run: a machine profile, by which the hours are modelled"),
    SWEEP("--merge", NULL, BOOL, merge, 0, 0, "", NULL, NULL,
        "write points.csv from finished points without running any"),
    SWEEP("--drop-weights", NULL, BOOL, drop_weights, 0, 0, "", NULL, NULL,
        "remove the weights of each point once it is done: its losses, curve and"
        " ledger stay, in some 60 kB"),
    SWEEP("--share", NULL, BOOL, share, 0, 0, "", NULL, NULL, "run the points"
        " together with other sweeps that share DIR, here or on other machines:"
        " each point is run by one of them, and all end when every point has"
        " ended"),
    SWEEP("--from", "DIR", TEXT, from, 0, 0, "", NULL, NULL, "take over the"
        " points that DIR/records.json tells of, and run the others: a sweep"
        " leaves that file beside points.csv, and it is enough to go on from"
        " on another machine.  A point of another config, other data or other"
        " kernels is refused"),
    SWEEP("--any-kernels", NULL, BOOL, any_kernels, 0, 0, "", NULL, NULL,
        "with --from: also points that ran under kernels for another CPU, which"
        " come to other bits"),
    SWEEP("--launcher", "NAME", CHOICE, launcher, 0, 0, "local", launchers,
        NULL, "who runs the points: this program, or Slurm, which is handed"
        " DIR/submit.sh: arrays of tasks of --threads CPUs (1), then merge and"
        " report"),
    SWEEP("--batch", "N", INT, batch, 1, SWEEP_MAX_POINTS, "1", NULL, NULL,
        "points that a task of Slurm runs one after another: points of less than"
        " a minute are better in batches; with --point: how many from it on"),
    SWEEP("--sbatch", "OPTIONS", TEXT, sbatch, 0, 0, "", NULL, NULL, "options of"
        " sbatch for every job, parted by blanks: '--partition=long --time=60'"),
    SWEEP("--program", "FILE", TEXT, program, 0, 0, "", NULL, NULL,
        "run this program for each point instead of isobath"),
    { { "--set", CONFIG_SETTINGS, 0, 0, 0, "", NULL, NULL, "set a key of every"
        " point's config to a value; may be given more than once" },
      "KEY=VALUE", NULL, NULL },
    FLAG_QUIET,
    FLAG_THREADS,
    FLAG_FORMAT("--list or --dry-run", format_names),
    FLAG_END
};

/* The context of the callbacks of a run. */
struct watch {
    const struct sweep *sweep;
    struct progress progress;
    double before;               /* of the points, as last told */
};

static void show_failure(void *context, const struct sweep_failure *f)
{
    struct watch *watch = context;
    progress_clear(&watch->progress);
    command_warn("point %d (%s) failed with exit code %d; the end of %s:",
                 f->point, watch->sweep->point[f->point].name, f->code,
                 f->log_path);
    command_quote(f->log_tail);
}

static void show_progress(void *context, const struct sweep_progress *p)
{
    struct watch *watch = context;

    watch->progress.total = p->total;
    progress_at(&watch->progress, p->done, p->note);
    progress_skip(&watch->progress, p->before - watch->before);
    watch->before = p->before;
}

/* Take over what --from has of the study. */
static enum status adopt(const struct options *options,
                         const struct sweep *sweep, struct error *err)
{
    sweep_record_check *check = options->any_kernels ? sweep_would_repeat
                                                     : sweep_would_repeat_bits;
    int32_t n = 0;

    if (!options->from)
        return STATUS_OK;
    /* What another program would do is not known. */
    enum status status = sweep_record_adopt(&n, sweep, options->common.output,
                                            options->from,
                                            options->program ? NULL : check,
                                            err);
    if (status == STATUS_OK && !options->common.quiet)
        printf("%d points taken over from %s\n", n, options->from);
    return status;
}

/* Write the tables and the records of the points that are done. */
static enum status merge(const struct options *options,
                         const struct rundir *rundir, const struct sweep *sweep,
                         const enum point_state *state, struct error *err)
{
    enum status status = sweep_table(sweep, rundir->path, state, true, err);

    if (status == STATUS_OK)
        status = sweep_record_write(sweep, rundir->path, state, err);
    return status == STATUS_OK
               ? sweep_summary_write(rundir, sweep, state, &options->common,
                                     err) : status;
}

/* Points at a time.  More of them than CPUs would but wait for each other; what
 * another program waits for is not known. */
static int jobs_of(const struct options *options, const struct sweep *sweep)
{
    const int32_t n = options->point == ALL_POINTS ? sweep->n_points : 1;
    const struct cpus cpus = cpus_allowed("");
    const int usual = sweep->work->timed ? 1 : options->common.threads;
    const int n_jobs = options->n_jobs ? (int)options->n_jobs : usual;

    if (n_jobs > n)
        return n;
    if (options->program || options->launcher == LAUNCHER_SLURM ||
        n_jobs <= cpus.n || options->n_jobs == 0)
        return n_jobs;
    if (!options->common.quiet)
        command_warn("--jobs %d: %d at a time, as this process may use so many"
                     " CPUs (%s)", n_jobs, cpus.n, cpus.limit);
    return cpus.n;
}

static struct sweep_run local_run(const struct options *options,
                                  const struct sweep *sweep,
                                  struct watch *watch)
{
    const int threads = options->common.threads;
    const int n_jobs = jobs_of(options, sweep);

    return (struct sweep_run){
        .sweep = sweep, .directory = options->common.output,
        .program = options->program, .filter = options->filter,
        .n_jobs = n_jobs, .share = options->share,
        .drop_weights = options->drop_weights,
        .threads = threads > n_jobs ? threads / n_jobs : 1,
        .on_failure = show_failure, .on_progress = show_progress,
        .context = watch,
    };
}

/* Run a batch of points, for a cluster's task: the directory is shared with
 * others, so only a point itself, by its own process, is locked. */
static enum status run_batch(const struct options *options,
                             const struct sweep *sweep,
                             const struct sweep_run *run,
                             enum point_state *state, struct error *err)
{
    const int32_t first = (int32_t)options->point;
    const int32_t last = sweep->n_points - first > options->batch
                             ? first + (int32_t)options->batch : sweep->n_points;
    int32_t n_failed = 0;

    if (first >= sweep->n_points)
        return error_set(err, STATUS_BAD_VALUE, "--point %d: allowed is 0 to"
                         " %d", first, sweep->n_points - 1);
    if (options->batch == 1 && !sweep_matches(&sweep->point[first],
                                              options->filter))
        return error_set(err, STATUS_BAD_VALUE, "--filter '%.200s': point %d,"
                         " %s, does not have these words", options->filter,
                         first, sweep->point[first].name);
    enum status status = rundir_make(run->directory, "sweep", err);
    if (status == STATUS_OK)
        status = sweep_run_points(run, first, last, state, err);
    for (int32_t i = first; i < last && status == STATUS_OK; i++)
        n_failed += state[i] != POINT_DONE &&
                    sweep_matches(&sweep->point[i], options->filter);
    if (n_failed > 0)
        return error_set(err, STATUS_FAILED, "%d of %d points failed", n_failed,
                         last - first);
    return status;
}

/* Run all points, then write the tables, also after an interruption. */
static enum status run_and_merge(const struct options *options,
                                 const struct sweep *sweep,
                                 const struct sweep_run *run,
                                 enum point_state *state, struct error *err)
{
    struct rundir rundir;
    enum status status = options->share
        ? rundir_open_shared(&rundir, run->directory, "sweep", err)
        : rundir_open_own(&rundir, run->directory, "sweep", err);

    if (status != STATUS_OK)
        return status;
    status = adopt(options, sweep, err);
    if (status == STATUS_OK)
        status = sweep_fix_claims(sweep, run->directory, err);
    if (status == STATUS_OK)
        status = sweep_point_states(state, sweep, run->directory, err);
    if (status == STATUS_OK && !options->merge)
        status = sweep_run_points(run, 0, sweep->n_points, state, err);
    if (status == STATUS_OK || status == STATUS_INTERRUPTED ||
        status == STATUS_FAILED) {
        enum status merged = merge(options, &rundir, sweep, state, err);
        status = merged == STATUS_OK ? status : merged;
    }
    rundir_close(&rundir);
    return status;
}

static enum status run_local(const struct options *options,
                             const struct sweep *sweep,
                             const struct sweep_run *run,
                             enum point_state *state, struct error *err)
{
    enum status status = run_and_merge(options, sweep, run, state, err);
    struct watch *watch = run->context;

    progress_end(&watch->progress);      /* the last line stays */
    const int32_t n = sweep_count(sweep, options->filter, state, SWEEP_ANY);
    const int32_t done = sweep_count(sweep, options->filter, state, POINT_DONE);

    if (status == STATUS_INTERRUPTED)
        return error_set(err, status, "interrupted with %d of %d points done;"
                         " the same command goes on from here", done, n);
    if (status == STATUS_OK && done < n && !options->merge)
        return error_set(err, STATUS_FAILED, "%d of %d points failed; the"
                         " same command tries them again", n - done, n);
    if (status == STATUS_OK && !options->common.quiet)
        printf("%d of %d points done: %s/points.csv\n", done, n,
               options->common.output);
    return status;
}

static enum status run_slurm(const struct options *options,
                             const struct sweep *sweep,
                             const struct sweep_limit *limit, struct error *err)
{
    const struct sweep_slurm slurm = {
        .sweep = sweep, .directory = options->common.output,
        .program = options->program, .batch = (int)options->batch,
        .threads = options->common.threads_wanted
                       ? (int)options->common.threads_wanted : 1,
        .n_jobs = (int)options->n_jobs, .memory = limit->bytes,
        .drop_weights = options->drop_weights,
        .options = options->sbatch,
        .settings = options->common.setting,
        .n_settings = options->common.n_settings,
    };
    char said[256];
    enum status status = rundir_make(slurm.directory, "sweep", err);

    if (status == STATUS_OK)
        status = adopt(options, sweep, err);
    if (status == STATUS_OK)
        status = sweep_fix_claims(sweep, slurm.directory, err);
    if (status == STATUS_OK)
        status = sweep_slurm_write(&slurm, err);
    if (status == STATUS_OK)
        status = sweep_slurm_submit(said, sizeof said, slurm.directory, err);
    if (status == STATUS_OK && !options->common.quiet)
        printf("handed in as job %s\n", said);
    return status;
}

/* A task of Slurm has the threads that --threads says, or one. */
static int threads_of_point(const struct options *options,
                            const struct sweep_run *run)
{
    const int wanted = (int)options->common.threads_wanted;
    return options->launcher == LAUNCHER_LOCAL ? run->threads
           : wanted > 0                        ? wanted : 1;
}

static enum status run_points(const struct options *options,
                              const struct sweep *sweep,
                              enum point_state *state, struct error *err)
{
    struct watch watch = { .sweep = sweep };
    struct sweep_run run = local_run(options, sweep, &watch);
    struct sweep_limit limit;
    enum status status = sweep_limit_open(&limit, sweep, options->filter,
                                          options->memory,
                                          threads_of_point(options, &run), err);

    run.memory = limit.bytes;
    run.memory_of = limit.of;
    if (status == STATUS_OK && options->launcher == LAUNCHER_SLURM) {
        status = run_slurm(options, sweep, &limit, err);
    } else if (status == STATUS_OK) {
        command_catch_signals();
        watch.progress = progress_begin("sweep", "point", sweep->n_points,
                                        options->common.quiet);
        status = options->point == ALL_POINTS
            ? run_local(options, sweep, &run, state, err)
            : run_batch(options, sweep, &run, state, err);
        progress_end(&watch.progress);
    }
    free(limit.of);
    return status;
}

/* What concerns processes and directories of points is nothing to a study that
 * has none. */
static enum status check_inside(const struct options *o,
                                const struct sweep *sweep, struct error *err)
{
    const struct { const char *flag; bool given; } none[] = {
        { "--any-kernels", o->any_kernels }, { "--batch", o->batch > 1 },
        { "--drop-weights", o->drop_weights },
        { "--from", o->from },               { "--jobs", o->n_jobs > 0 },
        { "--launcher slurm", o->launcher == LAUNCHER_SLURM },
        { "--memory", o->memory },           { "--merge", o->merge },
        { "--point", o->point != ALL_POINTS },
        { "--program", o->program },         { "--sbatch", o->sbatch },
        { "--share", o->share },
    };

    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (none[i].given)
            return error_set(err, STATUS_BAD_VALUE, "%s: points of command: %s"
                             " are worked out at once in this process; leave it"
                             " out", none[i].flag, sweep->work->name);
    return STATUS_OK;
}

static enum status dispatch(const struct options *options,
                            const struct sweep *sweep, enum point_state *state,
                            struct error *err)
{
    if (options->list)
        return sweep_list(sweep, options->filter, options->common.output,
                          (enum format)options->common.format, err);
    if (options->dry_run)
        return sweep_foresee(sweep, options->filter, options->machine,
                             (enum format)options->common.format, err);
    return sweep->work->inside
               ? sweep_price(sweep, options->filter, &options->common, state, err)
               : run_points(options, sweep, state, err);
}

static enum status check(const struct options *o, struct error *err)
{
    const bool runs = !o->list && !o->dry_run;

    if (runs && !o->common.output)
        return error_set(err, STATUS_BAD_VALUE, "-o DIR is missing: where the"
                         " points go");
    if (o->machine && !o->dry_run)
        return error_set(err, STATUS_BAD_VALUE, "--machine: goes with --dry-run;"
                         " a study's own is the key machine");
    if (o->filter && o->launcher == LAUNCHER_SLURM)
        return error_set(err, STATUS_BAD_VALUE, "--filter: goes with the"
                         " launcher local; Slurm takes a study whole");
    return runs ? flags_refuse(&o->common, "--list or --dry-run", err)
                : STATUS_OK;
}

/* A key that stands for no option is found before anything runs. */
static enum status check_keys(const struct sweep *sweep, struct error *err)
{
    enum status status = STATUS_OK;

    for (int32_t i = 0; i < sweep->n_points && status == STATUS_OK; i++) {
        struct sweep_given given;
        status = sweep_given_open(&given, sweep, &sweep->point[i], err);
        sweep_given_close(&given);
    }
    return status;
}

static enum status sweep(const struct options *options, struct error *err)
{
    struct sweep *sweep = NULL;
    enum status status = sweep_open(&sweep, options->study,
                                    options->common.setting,
                                    options->common.n_settings, err);
    if (status != STATUS_OK)
        return status;
    if ((status = check_keys(sweep, err)) != STATUS_OK ||
        (sweep->work->inside &&
         (status = check_inside(options, sweep, err)) != STATUS_OK) ||
        (status = sweep_solve(sweep, err)) != STATUS_OK) {
        sweep_close(sweep);
        return status;
    }
    const int32_t n = sweep->n_points;
    enum point_state *state = calloc((size_t)n, sizeof *state);
    if (state && sweep_count(sweep, options->filter, state, SWEEP_ANY) == 0)
        status = error_set(err, STATUS_BAD_VALUE, "--filter '%.200s': no point"
                           " has these words", options->filter);
    else
        status = state ? dispatch(options, sweep, state, err)
                   : error_set(err, STATUS_NO_MEMORY, "no memory for %d points",
                               n);
    free(state);
    sweep_close(sweep);
    return status;
}

static int run(void *in)
{
    struct options *options = in;
    struct error err = { STATUS_OK, "" };
    enum status status = check(options, &err);

    command_end_on_signals();                /* until points are worked on */
    options->study = options->common.operand[0];
    if (status == STATUS_OK)
        status = sweep(options, &err);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command sweep_command = {
    .name = "sweep", .usage = "STUDY -o DIR",
    .help = "run every point of a study; resumable",
    .about = "Run every point of a study.  Finished points are never run again;"
        " interrupted ones resume.",
    .examples =
        "  isobath sweep capacity-demo --list\n"
        "  isobath sweep capacity-demo --dry-run\n"
        "  isobath sweep capacity-demo -o build/sweep --jobs 2\n",
    .kinds = (const char *const[]){ "studies", NULL },
    .flags = flags, .config = &train_config_schema,
    .file_keys = sweep_file_keys,
    .options_size = sizeof(struct options), .run = run,
};
