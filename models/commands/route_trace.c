/* route_trace.c - Run isobath route-trace: record which tokens of a whole text a
 * model's routed blocks keep, for a training to replay. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/commands/run_flags.h"
#include "models/scoring/run_arm.h"
#include "models/scoring/run_rule.h"
#include "models/scoring/run_source.h"
#include "models/scoring/run_text.h"
#include "sim/commands/commands.h"
#include "sim/core/answer/command.h"
#include "sim/core/answer/progress.h"
#include "sim/core/answer/outfile.h"
#include "sim/core/answer/table.h"
#include "sim/core/model/text_trace.h"

struct trace_flags {
    struct command_options common;
    double held_out;
};

static const struct flag flags[] = {
    FLAG_OPERAND("MODEL", NULL, "a directory of isobath train whose blocks"
        " route, or another model with routing keys by --set"),
    FLAG_KEY("--text", "FILE", NULL, "run.text"),
    FLAG_KEY("--window", "T", NULL, "run.window"),
    FLAG_KEY("--tokenizer", "FILE", NULL, "run.tokenizer"),
    FLAG_KEY("--policy", "NAME", NULL, "run.policy"),
    FLAG_KEY("--seed", "N", NULL, "run.seed"),
    FLAG("--held-out", "SHARE", NULL, REAL, struct trace_flags, held_out, 0.1,
        0.5, "", NULL, NULL, "data.held_out of the trainings that are to"
        " replay it: their windows lie within the parts that this cuts; that of"
        " MODEL's own training by default, else 0.1"),
    FLAG_REPLACED("FILE", NULL, "the trace, which routing.replay of isobath train"
        " reads: a bit for each token and routed block"),
    FLAG_SET,
    FLAG_FORMAT(NULL, format_names),
    FLAG_QUIET,
    FLAG_THREADS,
    FLAG_END
};

/* Windows of a forward: enough that products reach their full speed. */
enum { WINDOWS = 4 };

struct trace_job {
    struct trace_flags  flags;
    struct run_config   config;
    struct source       source;
    struct run_text     text;
    struct data        *data;
    struct run_arm      arm;
    const struct route_policy *rule;
    int32_t            *ids, *targets;   /* [WINDOWS,T] */
    int64_t             start[WINDOWS];
    int32_t             held[WINDOWS], n;   /* filled so far */
    int64_t             done, windows;
    struct text_trace  *trace;
};

static enum status read_config(struct trace_job *j, struct command_options *o,
                               struct error *err)
{
    enum status status = run_flags_model(o, &j->config, "to record", err);

    if (status != STATUS_OK)
        return status;
    if (j->config.split != RUN_ALL)
        return run_config_fail(&j->config, "run.split", err, "all of the text"
                               " is recorded; leave it out");
    if (j->config.limit > 0 || j->config.skip > 0)
        return run_config_fail(&j->config, j->config.limit > 0 ? "run.limit"
                                                               : "run.skip",
                               err, "all of the text is recorded; leave it"
                               " out");
    return STATUS_OK;
}

/* That of isobath run, if none was asked for: what a decoder can follow. */
static const struct route_policy *rule_of(const struct trace_job *j)
{
    const struct route_policy *rule = route_find(j->config.policy);
    return rule ? rule : run_rule_usual(&j->source);
}

static enum status open_text(struct trace_job *j, struct error *err)
{
    enum status status = run_text_open_once(&j->text, &j->config, &j->source,
                                            err);
    if (j->flags.held_out == 0.0)
        j->flags.held_out = j->text.held_out;
    if (status == STATUS_OK)
        status = data_open_tokens(&j->data, j->config.text,
                                  (int32_t)j->config.window, j->text.tokenizer,
                                  j->flags.held_out, err);
    for (int s = 0; s < SPLIT_COUNT && status == STATUS_OK; s++)
        j->windows += data_covers(j->data, (enum split)s,
                                  (int32_t)j->config.window);
    return status;
}

static enum status open_model(struct trace_job *j, struct error *err)
{
    const size_t n = WINDOWS * (size_t)j->config.window;
    const struct model_options options = {
        .n_sequences = WINDOWS, .n_tokens = (int32_t)j->config.window,
        .n_threads = j->flags.common.threads,
    };

    j->arm.spec = j->source.spec;
    route_settle(&j->arm.spec, j->rule, j->arm.spec.keep_first);
    j->ids = calloc(n, sizeof *j->ids);
    j->targets = calloc(n, sizeof *j->targets);
    if (!j->ids || !j->targets)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d windows",
                         WINDOWS);
    return run_arm_open(&j->arm, &j->source, &options,
                        (uint64_t)j->config.seed, err);
}

static enum status open_trace(struct trace_job *j, struct error *err)
{
    struct text_trace_head head = {
        .positions = data_positions(j->data),
        .window = (int32_t)j->config.window,
        .held_out = (int32_t)llround(j->flags.held_out * 10),
    };

    snprintf(head.rule, sizeof head.rule, "%s", j->rule->name);
    snprintf(head.text_hash, sizeof head.text_hash, "%s", data_hash(j->data));
    snprintf(head.tokens_hash, sizeof head.tokens_hash, "%s",
             data_tokens_hash(j->data));
    return text_trace_open(&j->trace, &head, &j->arm.spec, err);
}

/* Run the windows that are there, and note what they kept. */
static enum status record(struct trace_job *j, struct error *err)
{
    const struct model_input input = {
        .ids = j->ids, .n_sequences = j->n,
        .n_tokens = (int32_t)j->config.window, .policy = j->rule,
        .seed = random_mix((uint64_t)j->config.seed, 3, (uint64_t)j->done, 0),
    };

    if (j->n == 0)
        return STATUS_OK;
    model_forward(j->arm.model, &input, NULL, NULL);
    for (int32_t b = 0; b < j->n; b++)
        text_trace_note(j->trace, model_allocation(j->arm.model), b,
                        j->start[b], j->held[b]);
    j->done += j->n;
    j->n = 0;
    return run_arm_check(&j->arm, err);
}

static enum status add_window(struct trace_job *j, enum split split, int64_t i,
                              struct error *err)
{
    const int32_t T = (int32_t)j->config.window, b = j->n++;
    const size_t at = (size_t)b * (size_t)T;

    data_cover(j->data, split, i, T, &j->start[b], &j->held[b]);
    data_copy(j->data, split, j->start[b], T, j->ids + at, j->targets + at);
    return j->n == WINDOWS ? record(j, err) : STATUS_OK;
}

static enum status record_all(struct trace_job *j, struct error *err)
{
    struct progress progress = progress_begin("recording", "window",
                                              (double)j->windows,
                                              j->flags.common.quiet);
    enum status status = STATUS_OK;

    for (int s = 0; s < SPLIT_COUNT; s++) {
        const int64_t n = data_covers(j->data, (enum split)s,
                                      (int32_t)j->config.window);
        for (int64_t i = 0; i < n && status == STATUS_OK &&
                            !command_interrupted; i++) {
            progress_at(&progress, (double)j->done, "");
            status = add_window(j, (enum split)s, i, err);
        }
    }
    if (status == STATUS_OK)
        status = record(j, err);
    progress_end(&progress);
    if (status != STATUS_OK)
        return status;
    return j->done < j->windows
               ? error_set(err, STATUS_INTERRUPTED, "interrupted after %" PRId64
                           " of %" PRId64 " windows; nothing is written, as a"
                           " training replays all of the text", j->done,
                           j->windows)
               : STATUS_OK;
}

static const struct outfile_heads own = { { "isobath-trace-", NULL } };

/* Write the trace, and read it back: what is said of it is what a training
 * gets. */
static enum status write_trace(struct trace_job *j, struct error *err)
{
    const char *path = j->flags.common.output;
    struct file_writer file;
    enum status status = outfile_create(&file, path, &own, err);

    if (status != STATUS_OK)
        return status;
    status = text_trace_write(j->trace, file.stream, err);
    status = file_end(&file, status, err);
    text_trace_close(j->trace);
    j->trace = NULL;
    return status == STATUS_OK ? text_trace_read(&j->trace, path, err)
                               : status;
}

static enum status say(const struct trace_job *j, struct error *err)
{
    static const struct column columns[] = {
        { "layer", "layer", "", COLUMN_WHOLE, true },
        { "capacity", "capacity", "", COLUMN_SHARE, true },
        { "kept", "kept", "", COLUMN_SHARE, true },
    };
    struct table t;

    if (j->flags.common.quiet)
        return STATUS_OK;
    table_open(&t, "route_trace", columns, sizeof columns / sizeof *columns);
    table_caption(&t, "%s: %" PRId64 " tokens of %s under %s, in windows of %"
                  PRId64, j->flags.common.output,
                  text_trace_head(j->trace)->recorded, j->config.text,
                  j->rule->name, j->config.window);
    for (int32_t l = 0; l < j->arm.spec.n_layers; l++) {
        if (!j->arm.spec.routed[l])
            continue;
        table_row(&t, ROW_PLAIN);
        table_count(&t, (uint64_t)l, PROV_COUNTED);
        table_amount(&t, amount_of(j->arm.spec.capacity[l], PROV_COUNTED));
        table_amount(&t, amount_of(text_trace_share(j->trace, l),
                                   PROV_COUNTED));
    }
    enum status status = table_print(&t, (enum format)j->flags.common.format,
                                     stdout, err);
    table_close(&t);
    return status;
}

static void close_job(struct trace_job *j)
{
    text_trace_close(j->trace);
    run_arm_close(&j->arm);
    free(j->targets);
    free(j->ids);
    data_close(j->data);
    run_text_close(&j->text);
    free(j);
}

static enum status open_all(struct trace_job *j, struct error *err)
{
    enum status status = run_source_open_routed(&j->source, &j->config, err);

    if (status != STATUS_OK)
        return status;
    j->rule = rule_of(j);
    if ((status = open_text(j, err)) || (status = open_model(j, err)))
        return status;
    return open_trace(j, err);
}

static int run(void *options)
{
    struct error err = { STATUS_NO_MEMORY, "no memory" };
    struct trace_job *j = calloc(1, sizeof *j);
    enum status status;

    if (!j)
        return command_fail(&err);
    command_catch_signals();
    status = read_config(j, options, &err);
    j->flags = *(struct trace_flags *)options;
    if (status == STATUS_OK &&
        !(status = outfile_check(j->flags.common.output, &own, &err)) &&
        !(status = open_all(j, &err)) &&
        !(status = record_all(j, &err)) && !(status = write_trace(j, &err)))
        status = say(j, &err);
    close_job(j);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command route_trace_command = {
    .name = "route-trace",
    .usage = "MODEL --text FILE -o FILE",
    .help = "record whom routed blocks keep, to train by it",
    .about = "Record which tokens of a whole text a model's routed blocks keep,"
        " under the rule that isobath run follows if no other is given. The"
        " policy replay trains by it: the choice of a trained router, with"
        " whatever gate and without the router.  Windows are laid end to end"
        " within the parts of the text that training, validation and test"
        " have, so that held-out text is judged by what the model itself would"
        " keep there.",
    .examples =
        "  isobath route-trace build/run --text build/corpus/kjv.txt -o build/kjv.trace\n"
        "  isobath route-trace build/run --text build/corpus/kjv.txt -o build/ahead.trace \\\n"
        "      --policy expert_choice\n"
        "  isobath train demo -o build/replayed --set routing.policy=replay \\\n"
        "      --set routing.replay=build/kjv.trace --set routing.gate=one \\\n"
        "      --set routing.capacity=1\n",
    .kinds = (const char *const[]){ "models", NULL },
    .flags = flags, .config = &run_config_schema,
    .options_size = sizeof(struct trace_flags), .run = run,
};
