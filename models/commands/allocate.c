/* allocate.c - Run isobath allocate: choose how much each block of a model
 * works within a budget, and run what was chosen beside its rivals. */
#include <inttypes.h>
#include <stdlib.h>

#include "models/commands/allocate_job.h"
#include "models/commands/run_flags.h"
#include "models/scoring/run_source.h"
#include "sim/commands/commands.h"

static const struct flag flags[] = {
    FLAG_OPERAND("MODEL", NULL, "the model that isobath sensitivity measured,"
        " with the same --set"),
    FLAG("--sensitivity", "DIR", NULL, TEXT, struct allocate_flags, table, 0, 0,
        "", NULL, NULL, "the directory that isobath sensitivity wrote"),
    FLAG("--budget", "METRIC=X", NULL, TEXT, struct allocate_flags, budget, 0,
        0, NULL, NULL, NULL, "what a token may cost in a pass over a window:"
        " flops, bytes, seconds or joules, in base units or, with %, of what it"
        " costs with all blocks on all tokens"),
    FLAG("--rounds", "N", NULL, INT, struct allocate_flags, rounds, 0, 1000, "0",
        NULL, NULL, "after the choice by the table, measure every block at every"
        " capacity of it around what was chosen, on the text of the table, and"
        " choose anew, at most N times, until nothing that is tried loses less"),
    FLAG_KEY("--text", "FILE", NULL, "run.text"),
    FLAG_KEY("--split", "PART", NULL, "run.split"),
    FLAG_KEY("--limit", "N", NULL, "run.limit"),
    FLAG_KEY("--skip", "N", NULL, "run.skip"),
    FLAG_KEY("--window", "T", NULL, "run.window"),
    FLAG_KEY("--tokenizer", "FILE", NULL, "run.tokenizer"),
    FLAG_KEY("--special", "HOW", NULL, "run.special"),
    FLAG_KEY("--policy", "NAME", NULL, "run.policy"),
    FLAG_KEY("--machine", "FILE", NULL, "run.machine"),
    FLAG_KEY("--seed", "N", NULL, "run.seed"),
    FLAG_REPLACED("DIR", "", "the directory for summary.json, capacities.csv and"
        " arms.csv"),
    FLAG_SET,
    FLAG_FORMAT(NULL, format_names),
    FLAG_QUIET,
    FLAG_THREADS,
    FLAG_END
};

static enum status open_table(struct allocate_job *j, struct error *err)
{
    if (!j->flags.table) {
        error_set(err, STATUS_BAD_VALUE, "--sensitivity is missing: without a"
                  " table of loss by block and capacity nothing can be chosen;"
                  " first run isobath sensitivity MODEL --text FILE -o DIR");
        return STATUS_BAD_VALUE;
    }
    enum status status = summary_read(&j->table, j->flags.table, err);
    if (status != STATUS_OK ||
        json_is_object(json_object_get(j->table, "sensitivity")))
        return status;
    error_set(err, STATUS_BAD_VALUE, "--sensitivity %s: isobath sensitivity did"
              " not write it", j->flags.table);
    return STATUS_BAD_VALUE;
}

static enum status open_machine(struct allocate_job *j, struct error *err)
{
    if (!*j->config.machine)
        return STATUS_OK;
    j->machine = malloc(sizeof *j->machine);
    if (j->machine)
        return machine_load(j->machine, j->config.machine, err);
    error_set(err, STATUS_NO_MEMORY, "no memory for a machine");
    return STATUS_NO_MEMORY;
}

static enum status open_job(struct allocate_job *j, struct error *err)
{
    const char *output = j->flags.common.output;
    enum status status;

    if ((status = run_flags_model(&j->flags.common, &j->config,
                                  "to run what is chosen on", err)) ||
        (status = open_table(j, err)) ||
        (status = run_source_open_alone(&j->source, &j->config, err)) ||
        (status = run_text_open_once(&j->text, &j->config, &j->source, err)) ||
        (status = open_machine(j, err)) ||
        (status = capacities_open(&j->capacities, &j->source, &j->config,
                                  &j->text.windows, j->flags.common.threads,
                                  err)) ||
        (status = allocate_choose(j, err)) ||
        (status = allocate_open_tuning(j, err)))
        return status;
    return output ? rundir_open_anew(&j->rundir, output, "allocate", err)
                  : STATUS_OK;
}

static void close_job(struct allocate_job *j)
{
    for (int i = 0; i < ALLOCATE_ARMS; i++)
        capacity_loss_close(&j->run[i].loss);
    allocate_close_tuning(&j->tuning);
    capacities_close(&j->capacities);
    free(j->block);
    free(j->machine);
    rundir_close(&j->rundir);
    json_decref(j->table);
    run_text_close(&j->text);
}

static bool go_on(void *watcher)
{
    struct allocate_job *j = watcher;

    progress_at(&j->progress, (double)j->done, "");
    return !command_interrupted;
}

static enum status run_arms(struct allocate_job *j, struct error *err)
{
    enum status status = STATUS_OK;

    j->progress = progress_begin("running", "allocation", ALLOCATE_ARMS,
                                 j->flags.common.quiet);
    while (j->done < ALLOCATE_ARMS && status == STATUS_OK) {
        struct allocate_run *r = &j->run[j->done];
        if (r->runs)
            status = capacities_run(&j->capacities, r->capacity, go_on, j,
                                    &r->loss, err);
        j->done += status == STATUS_OK;
    }
    progress_end(&j->progress);
    return status;
}

static enum status allocate(struct allocate_job *j, struct error *err)
{
    enum status status = open_job(j, err);

    if (status == STATUS_OK)
        status = allocate_rounds(j, err);
    if (status == STATUS_OK)
        status = run_arms(j, err);
    if (status == STATUS_INTERRUPTED && j->done == 0) {
        error_set(err, status, "interrupted in the first of %d allocations;"
                  " nothing is written", ALLOCATE_ARMS);
        return status;
    }
    if (status != STATUS_OK && status != STATUS_INTERRUPTED)
        return status;
    const enum status delivered = allocate_deliver(j, err);
    if (delivered != STATUS_OK || status == STATUS_OK)
        return delivered;
    error_set(err, status, "interrupted after %d of %d allocations; what they"
              " gave %s", j->done, ALLOCATE_ARMS, j->rundir.lock >= 0
                  ? "is written" : "is above");
    return status;
}

static int run(void *job)
{
    struct allocate_job *j = job;
    struct error err;

    command_cap_threads(&j->flags.common);
    j->rundir.lock = -1;
    command_catch_signals();
    const enum status status = allocate(j, &err);
    close_job(j);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command allocate_command = {
    .name = "allocate",
    .usage = "MODEL --sensitivity DIR --budget METRIC=X --text FILE",
    .help = "choose each block's capacity within a budget, and run it",
    .about = "Choose how many tokens each block of a model works on, so that it"
        " loses least within a budget of FLOPs, bytes, seconds or joules: by"
        " the table that isobath sensitivity measured, the step that saves most"
        " loss for a unit of the budget first; with --rounds by what blocks lose"
        " together.  What was chosen is run on text"
        " that did not choose it, beside the same capacity in all blocks and"
        " whole blocks dropped.",
    .examples =
        "  isobath allocate build/run --sensitivity build/sensitivity --budget flops=70% --text build/corpus/kjv.txt --split test --limit 4096 --policy expert_choice --rounds 4\n"
        "  isobath allocate build/run --sensitivity build/sensitivity --budget joules=80% --machine emerald-rapids-2core --text build/corpus/kjv.txt --split test --limit 4096 --policy expert_choice\n"
        "  isobath allocate build/run --sensitivity build/sensitivity --budget bytes=90% --text build/corpus/kjv.txt --split test --limit 4096 --policy expert_choice -f csv\n",
    .kinds = (const char *const[]){ "models", NULL },
    .flags = flags, .config = &run_config_schema,
    .options_size = sizeof(struct allocate_job), .run = run,
};
