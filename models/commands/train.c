/* train.c - Run isobath train: train a model on a text, and resume it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "models/commands/train_job.h"
#include "models/kernels/kernels.h"
#include "sim/commands/commands.h"
#include "sim/core/answer/json.h"

/* The tables are files in DIR, so there is no CSV to print. */
static const char *const formats[] = { "text", "json", NULL };

enum resume { RESUME_EXACTLY, RESUME_ANYWAY };
static const char *const resumes[] = { [RESUME_EXACTLY] = "exactly",
                                       [RESUME_ANYWAY] = "anyway", NULL };

static const struct flag flags[] = {
    FLAG_OPERAND("CONFIG", NULL, "a YAML file with the keys below, such as"
        " configs/runs/demo.yaml"),
    FLAG_OUTPUT("DIR", "", "the directory for the model, its checkpoint,"
        " curve.csv, ledger.csv and summary.json; only --dry-run needs none"),
    FLAG("--dry-run", NULL, NULL, BOOL, struct train_arguments, dry_run, 0, 0, "",
         NULL, NULL, "check config and text, say what the training would spend,"
         " and how long it would take on --machine; train nothing"),
    FLAG_KEY("--machine", "FILE", NULL, "machine"),
    FLAG("--resume", "[HOW]", NULL, CHOICE, struct train_arguments, resume, 0, 0,
         "", resumes, NULL, "continue from the checkpoint in DIR, bit for bit;"
         " start anew if there is none.  Kernels for another CPU than it was"
         " written under (not another number of threads) come to other bits and"
         " are refused: ISOBATH_KERNELS=NAME takes those of then, anyway goes on"
         " under these"),
    FLAG_SET,
    FLAG_FORMAT(NULL, formats),
    FLAG_QUIET,
    FLAG_THREADS,
    FLAG_END
};

/* Save after about a minute of work, unless the config sets the steps. */
static bool save_due(const struct train_job *s, int64_t step, double *saved)
{
    int64_t every = s->config.save_every;
    if (every > 0 ? step % every == 0 : clock_seconds() - *saved > 60.0) {
        *saved = clock_seconds();
        return true;
    }
    return false;
}

static enum status do_steps(struct train_job *s, struct error *err)
{
    struct progress progress = progress_begin("training", "step",
                                              (double)s->options.steps,
                                              s->arguments.common.quiet);
    const struct training_state *state = trainer_state(s->trainer);
    double saved = clock_seconds();
    enum status status = STATUS_OK;

    progress_tell(&progress, 0, train_share_of_steps(s));
    while (!trainer_done(s->trainer) && status == STATUS_OK) {
        char note[64];
        if (command_interrupted) {
            status = trainer_save(s->trainer, s->state_path, err);
            if (status == STATUS_OK)
                status = error_set(err, STATUS_INTERRUPTED, "interrupted at"
                                   " step %" PRId64 " of %" PRId64 "; saved,"
                                   " go on with --resume", state->step,
                                   trainer_steps(s->trainer));
            break;
        }
        status = trainer_step(s->trainer, err);
        if (status == STATUS_OK)
            status = train_predict_step(s, err);
        snprintf(note, sizeof note, "loss %.4f nats/byte",
                 trainer_last_loss(s->trainer));
        progress_at(&progress, (double)state->step, note);
        if (status == STATUS_OK && save_due(s, state->step, &saved))
            status = trainer_save(s->trainer, s->state_path, err);
    }
    progress_end(&progress);
    return status;
}

static enum status train(struct train_job *s, struct error *err)
{
    s->first_step = trainer_state(s->trainer)->step;
    load_watch_begin(&s->watch);
    enum status status = do_steps(s, err);
    s->load = load_watch_end(&s->watch);
    return status;
}

/* Kernels of another width add in another order: the bits differ from there. */
static enum status check_kernels(const struct train_job *s, struct error *err)
{
    const char *then = trainer_state(s->trainer)->kernels;
    const char *now = kernels_best()->name;

    if (!*then || strcmp(then, now) == 0)
        return STATUS_OK;
    if (s->arguments.resume != RESUME_ANYWAY)
        return error_set(err, STATUS_BAD_VALUE, "%s: written under the %s"
                         " kernels, these are %s and come to other bits;"
                         " ISOBATH_KERNELS=%s takes the old ones,"
                         " --resume=anyway goes on under these", s->state_path,
                         then, now, then);
    command_warn("%s: written under the %s kernels; it goes on under %s, and"
                 " not bit for bit", s->state_path, then, now);
    return STATUS_OK;
}

static enum status resume(struct train_job *s, struct error *err)
{
    if (s->arguments.resume < 0 || !file_exists(s->state_path))
        return STATUS_OK;
    enum status status = trainer_resume(s->trainer, s->state_path, err);
    return status == STATUS_OK ? check_kernels(s, err) : status;
}

/* A finished run is never run again; refuse a run of another config. */
static enum status check_finished(struct train_job *s, struct error *err)
{
    char prints[TRAIN_FINGERPRINTS][17];
    json_t *summary = NULL;
    int n = 0;
    bool same = false;
    enum status status = train_fingerprints(prints, &n, s, err);
    if (status == STATUS_OK)
        status = summary_read(&summary, s->rundir.path, err);
    if (status != STATUS_OK)
        return status;
    const char *print = json_string_value(json_object_get(summary,
                                                          "fingerprint"));
    for (int i = 0; print && i < n; i++)
        same |= strcmp(print, prints[i]) == 0;
    if (!same)
        status = error_set(err, STATUS_BAD_VALUE, "%s: holds a finished run of"
                           " another config or other data; give another"
                           " directory", s->rundir.path);
    else if (s->arguments.common.format == FORMAT_JSON)
        status = json_print(summary, stdout, err);
    else if (!s->arguments.common.quiet)
        printf("%s: finished already\n", s->rundir.path);
    json_decref(summary);
    return status;
}

static enum status look_around(struct train_job *s, bool *done,
                               struct error *err)
{
    char path[FILE_PATH_SIZE];
    enum status status = file_join(path, s->rundir.path, "summary.json", err);
    if (status == STATUS_OK)
        status = file_join(s->state_path, s->rundir.path, "state.safetensors",
                           err);
    if (status != STATUS_OK)
        return status;
    *done = file_exists(path);
    if ((*done || file_exists(s->state_path)) && s->arguments.resume < 0)
        return error_set(err, STATUS_BAD_VALUE,
                         "%s: holds a run already; go on with --resume, or"
                         " give another directory", s->rundir.path);
    return *done ? check_finished(s, err) : STATUS_OK;
}

static enum status plan(struct train_job *s, struct error *err)
{
    enum status status = train_read_config(s, err);
    if (status == STATUS_OK)
        status = train_plan(s, err);
    return status == STATUS_OK ? train_open_data(s, err) : status;
}

static enum status foresee(struct train_job *s, struct error *err)
{
    enum status status = plan(s, err);
    return status == STATUS_OK ? train_foresee(s, err) : status;
}

/* Train into a directory, or go on in it. */
static enum status work(struct train_job *s, struct error *err)
{
    const struct command_options *o = &s->arguments.common;
    bool done = false;

    if (!o->output)
        return error_set(err, STATUS_BAD_VALUE, "-o DIR is missing: the"
                         " directory for the model, its checkpoint, curve.csv,"
                         " ledger.csv and summary.json");
    enum status status = load_watch_open(&s->watch, o->threads, err);
    if (status != STATUS_OK || (status = plan(s, err)) ||
        (status = rundir_open_own(&s->rundir, o->output, "train", err)) ||
        (status = look_around(s, &done, err)) || done)
        return status;
    if ((status = train_open_trainer(s, err)) || (status = resume(s, err)) ||
        (status = train(s, err)) ||
        (status = trainer_save(s->trainer, s->state_path, err)))
        return status;
    return train_finish(s, o->argc, o->argv, err);
}

static int run(void *options)
{
    struct error err = { 0 };
    struct train_job *s = train_begin(&err);

    if (!s)
        return command_fail(&err);
    command_cap_threads(options);
    s->arguments = *(struct train_arguments *)options;
    s->arguments.config = s->arguments.common.operand[0];
    command_catch_signals();
    enum status status = s->arguments.dry_run ? foresee(s, &err)
                                              : work(s, &err);
    train_close(s);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command train_command = {
    .name = "train", .usage = "CONFIG -o DIR",
    .help = "train on a text: checkpoint, curve, ledger",
    .about = "Train a model on a text and write its loss, its curve and its"
        " cost: predicted, counted and, for time, measured.  train.init starts"
        " from the weights of another model; train.freeze backbone trains"
        " nothing but the routers put into it.",
    .examples =
        "  isobath train demo --dry-run --machine emerald-rapids-2core\n"
        "  isobath train demo -o build/run\n"
        "  isobath train demo -o build/run --resume\n"
        "  isobath train demo -o build/dense --set routing.policy=dense -s train.seed=2\n",
    .kinds = (const char *const[]){ "runs", NULL },
    .flags = flags, .config = &train_config_schema,
    .options_size = sizeof(struct train_arguments), .run = run,
};
