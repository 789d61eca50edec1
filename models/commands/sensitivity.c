/* sensitivity.c - Run isobath sensitivity: measure what a text loses with each
 * block of a model alone at each of a few capacities. */
#include <inttypes.h>
#include <stdlib.h>

#include "models/commands/run_flags.h"
#include "models/commands/sensitivity_job.h"
#include "models/scoring/run_source.h"
#include "sim/commands/commands.h"

static const struct flag flags[] = {
    FLAG_OPERAND("MODEL", NULL, "a model with routing keys by --set, which says"
        " the blocks, or a directory of isobath train whose blocks route"),
    FLAG_KEY("--text", "FILE", NULL, "run.text"),
    FLAG_KEY("--split", "PART", NULL, "run.split"),
    FLAG_KEY("--limit", "N", NULL, "run.limit"),
    FLAG_KEY("--skip", "N", NULL, "run.skip"),
    FLAG_KEY("--window", "T", NULL, "run.window"),
    FLAG_KEY("--tokenizer", "FILE", NULL, "run.tokenizer"),
    FLAG_KEY("--special", "HOW", NULL, "run.special"),
    FLAG_KEY("--policy", "NAME", NULL, "run.policy"),
    FLAG_KEY("--seed", "N", NULL, "run.seed"),
    FLAG("--capacities", "LIST", NULL, TEXT, struct sensitivity_flags,
        capacities, 0, 0, "0,0.125,0.25,0.5,0.75,1", NULL, NULL, "shares of the"
        " tokens that a block works on in turn, with commas between; 0: the"
        " block is dropped"),
    FLAG_REPLACED("DIR", "", "the directory for summary.json and sensitivity.csv,"
        " which isobath allocate reads; what was measured there of the same"
        " question is not measured again"),
    FLAG_SET,
    FLAG_FORMAT(NULL, format_names),
    FLAG_QUIET,
    FLAG_THREADS,
    FLAG_END
};

static enum status read_capacities(struct sensitivity_job *j, struct error *err)
{
    const char *at = j->flags.capacities;

    for (char *end; *at; at = *end == ',' ? end + 1 : end) {
        const double c = strtod(at, &end);
        const bool rising = j->n_capacities == 0 ||
                            c > j->capacity[j->n_capacities - 1];
        if (end == at || !(c >= 0 && c <= 1) || !rising ||
            (*end && *end != ',') || j->n_capacities == SENSITIVITY_MAX) {
            error_set(err, STATUS_BAD_VALUE, "--capacities %s: allowed are up"
                      " to %d rising numbers from 0 to 1 with commas between",
                      j->flags.capacities, SENSITIVITY_MAX);
            return STATUS_BAD_VALUE;
        }
        j->capacity[j->n_capacities++] = c;
    }
    if (j->n_capacities > 0)
        return STATUS_OK;
    error_set(err, STATUS_BAD_VALUE, "--capacities: none is given");
    return STATUS_BAD_VALUE;
}

static enum status open_job(struct sensitivity_job *j, struct error *err)
{
    const char *output = j->flags.common.output;
    enum status status;

    if ((status = run_flags_model(&j->flags.common, &j->config,
                                  "to measure losses on", err)) ||
        (status = read_capacities(j, err)) ||
        (status = run_source_open_alone(&j->source, &j->config, err)) ||
        (status = run_text_open_once(&j->text, &j->config, &j->source, err)))
        return status;
    if (output && (status = rundir_open_anew(&j->rundir, output, "sensitivity",
                                            err)))
        return status;
    status = capacities_open(&j->capacities, &j->source, &j->config,
                             &j->text.windows, j->flags.common.threads, err);
    if (status != STATUS_OK)
        return status;
    j->most = (int64_t)spec_n_routed(&j->source.spec) * j->n_capacities;
    j->cell = calloc((size_t)j->most + 1, sizeof *j->cell);
    if (j->cell)
        return STATUS_OK;
    error_set(err, STATUS_NO_MEMORY, "no memory for %" PRId64 " losses",
              j->most);
    return STATUS_NO_MEMORY;
}

static void close_job(struct sensitivity_job *j)
{
    free(j->cell);
    capacity_loss_close(&j->base);
    capacities_close(&j->capacities);
    rundir_close(&j->rundir);
    run_text_close(&j->text);
}

static bool go_on(void *watcher)
{
    struct sensitivity_job *j = watcher;

    progress_at(&j->progress, (double)j->n_cells, "");
    return !command_interrupted;
}

static enum status measure_cell(struct sensitivity_job *j, int32_t layer,
                                double capacity, struct error *err)
{
    struct capacities *c = &j->capacities;
    double given[SPEC_MAX_LAYERS];
    struct capacity_loss loss = { .nats = NULL };

    for (int32_t l = 0; l < c->spec.n_layers; l++)
        given[l] = l == layer ? capacity : c->spec.capacity[l];
    enum status status = capacities_run(c, given, go_on, j, &loss, err);
    if (status == STATUS_OK)
        j->cell[j->n_cells++] = (struct sensitivity_cell){
            .layer = layer, .capacity = capacity,
            .flops_per_token = (double)loss.flops /
                               (double)capacities_tokens(c),
            .nats = capacities_nats(c, &loss),
            .more = capacities_more(c, &loss, &j->base),
        };
    capacity_loss_close(&loss);
    return status;
}

/* Those that are not measured yet. */
static enum status measure_cells(struct sensitivity_job *j, struct error *err)
{
    const struct model_spec *spec = &j->capacities.spec;
    enum status status = STATUS_OK;
    int64_t cell = 0;

    for (int32_t l = 0; l < spec->n_layers; l++)
        for (int i = 0; i < j->n_capacities && spec->routed[l] &&
                        status == STATUS_OK; i++)
            if (cell++ == j->n_cells)
                status = measure_cell(j, l, j->capacity[i], err);
    return status;
}

static enum status measure_all(struct sensitivity_job *j, struct error *err)
{
    struct capacities *c = &j->capacities;

    j->progress = progress_begin("measuring", "capacity", (double)j->most,
                                 j->flags.common.quiet);
    enum status status = capacities_run(c, c->spec.capacity, go_on, j, &j->base,
                                        err);
    if (status == STATUS_OK)
        status = sensitivity_take_over(j, err);
    if (status == STATUS_OK)
        status = measure_cells(j, err);
    progress_end(&j->progress);
    return status;
}

static enum status measure(struct sensitivity_job *j, struct error *err)
{
    enum status status = open_job(j, err);

    if (status == STATUS_OK)
        status = measure_all(j, err);
    if (status == STATUS_INTERRUPTED && j->n_cells == 0) {
        error_set(err, status, "interrupted before the first of %" PRId64
                  " capacities; nothing is written", j->most);
        return status;
    }
    if (status != STATUS_OK && status != STATUS_INTERRUPTED)
        return status;
    const enum status delivered = sensitivity_deliver(j, err);
    if (delivered != STATUS_OK || status == STATUS_OK)
        return delivered;
    error_set(err, status, "interrupted after %" PRId64 " of %" PRId64
              " capacities, which %s", j->n_cells, j->most, j->rundir.lock >= 0
                  ? "are written; the same command goes on" : "are above");
    return status;
}

static int run(void *job)
{
    struct sensitivity_job *j = job;
    struct error err;

    command_cap_threads(&j->flags.common);
    j->rundir.lock = -1;
    command_catch_signals();
    const enum status status = measure(j, &err);
    close_job(j);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command sensitivity_command = {
    .name = "sensitivity",
    .usage = "MODEL --text FILE",
    .help = "what a text loses with each block at a few capacities",
    .about = "Measure what a text loses when each routed block of a model,"
        " alone, works on a few shares of the tokens, or is dropped; the others"
        " work as they were trained to, in a dense model on all, whatever"
        " routing.capacity says.  isobath allocate chooses by that table.",
    .examples =
        "  isobath sensitivity build/run --text build/corpus/kjv.txt --split validation --limit 4096\n"
        "  isobath sensitivity build/run --text build/corpus/kjv.txt --limit 4096 --capacities 0,0.5,1\n"
        "  isobath sensitivity build/dense --text build/corpus/kjv.txt --set routing.policy=token_norm --set routing.capacity=0.5 -o build/sensitivity\n",
    .kinds = (const char *const[]){ "models", NULL },
    .flags = flags, .config = &run_config_schema,
    .options_size = sizeof(struct sensitivity_job), .run = run,
};
