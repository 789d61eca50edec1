/* route_table.c - Run isobath route-table: count which tokens a model's routed
 * blocks keep after the last few tokens of a text. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "models/commands/run_flags.h"
#include "models/scoring/run_arm.h"
#include "models/scoring/run_source.h"
#include "models/scoring/run_text.h"
#include "sim/commands/commands.h"
#include "sim/core/answer/command.h"
#include "sim/core/answer/outfile.h"
#include "sim/core/answer/table.h"
#include "sim/core/model/plan.h"
#include "sim/core/model/route_table.h"

struct table_flags {
    struct command_options common;
    int64_t order;
};

static const struct flag flags[] = {
    FLAG_OPERAND("MODEL", NULL, "a directory of isobath train whose blocks"
        " route, or another model with routing keys by --set"),
    FLAG_KEY("--text", "FILE", NULL, "run.text"),
    FLAG_KEY("--split", "PART", NULL, "run.split"),
    FLAG_KEY("--limit", "N", NULL, "run.limit"),
    FLAG_KEY("--window", "T", NULL, "run.window"),
    FLAG_KEY("--tokenizer", "FILE", NULL, "run.tokenizer"),
    FLAG_KEY("--special", "HOW", NULL, "run.special"),
    FLAG_KEY("--policy", "NAME", NULL, "run.policy"),
    FLAG_KEY("--seed", "N", NULL, "run.seed"),
    FLAG("--order", "N", NULL, INT, struct table_flags, order, 1,
        ROUTE_TABLE_ORDER, "4", NULL, NULL, "tokens of a context, at most"),
    FLAG_REPLACED("FILE", NULL, "the table, which routing.table of isobath run and"
        " isobath train read"),
    FLAG_SET,
    FLAG_FORMAT(NULL, format_names),
    FLAG_QUIET,
    FLAG_THREADS,
    FLAG_END
};

struct table_job {
    struct table_flags  flags;
    struct run_config   config;
    struct source       source;
    struct run_text     text;
    struct run_arm      arm;
    struct score_window window;
    int64_t             windows, tokens, kept[PLAN_MAX_CHOICES];
    struct route_table *table;
    bool               *flag;         /* [routed layers, T] */
};

/* What is held out stays so, unless it is asked for. */
static enum status read_config(struct table_job *j, struct command_options *o,
                               struct error *err)
{
    enum status status = STATUS_OK;

    if (!config_sets(o->setting, o->n_settings, "run.split"))
        status = flags_set_key(o, "run.split", "train", "--split", err);
    return status == STATUS_OK
               ? run_flags_model(o, &j->config, "to count the contexts of", err)
               : status;
}

static enum status open_source(struct table_job *j, struct error *err)
{
    return run_source_open_routed(&j->source, &j->config, err);
}

static enum status open_text(struct table_job *j, struct error *err)
{
    enum status status = run_text_open_once(&j->text, &j->config, &j->source,
                                            err);

    j->windows = status == STATUS_OK ? score_windows(&j->text.windows) : 0;
    return status;
}

/* The rule whose choices are counted: that of training, if none was asked
 * for. */
static const struct route_policy *rule_of(const struct table_job *j)
{
    const struct route_policy *rule = route_find(j->config.policy);
    return rule ? rule : j->source.routing.policy;
}

static enum status open_model(struct table_job *j, struct error *err)
{
    const size_t n = (size_t)j->config.window;
    struct model_options options = {
        .n_sequences = 1, .n_tokens = (int32_t)n,
        .n_threads = j->flags.common.threads,
    };

    j->arm.spec = j->source.spec;
    route_settle(&j->arm.spec, rule_of(j), j->arm.spec.keep_first);
    j->flag = calloc(n * (size_t)plan_n_made(&j->arm.spec), sizeof *j->flag);
    if (!j->flag)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a window");
    enum status status = score_window_open(&j->window, j->config.window, err);
    if (status == STATUS_OK)
        status = run_arm_open(&j->arm, &j->source, &options,
                              (uint64_t)j->config.seed, err);
    return status == STATUS_OK
               ? route_table_open(&j->table, &j->arm.spec, (int)j->flags.order,
                                  err)
               : status;
}

static enum status count_window(struct table_job *j, int64_t w,
                                struct error *err)
{
    const int32_t n = j->window.n_tokens;
    const struct run_pass pass = {
        .window = &j->window,
        .seed = random_mix((uint64_t)j->config.seed, 3, (uint64_t)w, 0),
    };
    const struct model_spec *spec = &j->arm.spec;
    int32_t made = 0;

    run_arm_forward(&j->arm, &pass, rule_of(j), NULL);
    enum status status = run_arm_check(&j->arm, err);
    if (status != STATUS_OK)
        return status;
    const struct allocation *a = model_allocation(j->arm.model);
    memset(j->flag, 0, (size_t)(n * plan_n_made(spec)) * sizeof *j->flag);
    for (int32_t c = 0; c < plan_n_choices(spec); c++) {
        if (!plan_choice(spec, c).routed)
            continue;
        const int32_t *kept = allocation_kept(a, c, 0);
        for (int32_t i = 0; i < allocation_count(a, c, 0); i++)
            j->flag[made * n + kept[i]] = true;
        j->kept[c] += allocation_count(a, c, 0);
        made++;
    }
    j->tokens += n;
    return route_table_count(j->table, j->window.ids, j->flag, n, err);
}

static enum status count(struct table_job *j, struct error *err)
{
    struct progress progress = progress_begin("counting", "window",
                                              (double)j->windows,
                                              j->flags.common.quiet);
    enum status status = STATUS_OK;
    int64_t w = 0;

    for (; w < j->windows && status == STATUS_OK && !command_interrupted; w++) {
        progress_at(&progress, (double)w, "");
        score_window(&j->text.windows, w, &j->window);
        status = count_window(j, w, err);
    }
    progress_end(&progress);
    return status == STATUS_OK && w < j->windows
               ? error_set(err, STATUS_INTERRUPTED, "interrupted after %" PRId64
                           " of %" PRId64 " windows; nothing is written, as a"
                           " table of a part would pass for one of the whole:"
                           " --limit counts a part", w, j->windows)
               : status;
}

static const struct outfile_heads own = { { "context,count,kept_", NULL } };

/* Write the table, and read it back: what is said of it is what a run gets. */
static enum status write_table(struct table_job *j, struct error *err)
{
    const char *path = j->flags.common.output;
    struct file_writer file;
    enum status status = outfile_create(&file, path, &own, err);

    if (status != STATUS_OK)
        return status;
    status = route_table_write(j->table, file.stream, err);
    status = file_end(&file, status, err);
    route_table_close(j->table);
    j->table = NULL;
    if (status == STATUS_OK)
        status = route_table_read(&j->table, path, err);
    return status == STATUS_OK ? route_table_fit(j->table, &j->arm.spec, err)
                               : status;
}

static enum status say(const struct table_job *j, struct error *err)
{
    static const struct column columns[] = {
        { "layer", "layer", "", COLUMN_WHOLE, true },
        { "part", "part", "", COLUMN_TEXT, true },
        { "capacity", "capacity", "", COLUMN_SHARE, true },
        { "kept", "kept", "", COLUMN_SHARE, true },
        { "kept_by_table", "by the table", "", COLUMN_SHARE, true },
    };
    const struct model_spec *spec = &j->arm.spec;
    struct table t;

    if (j->flags.common.quiet)
        return STATUS_OK;
    table_open(&t, "route_table", columns, sizeof columns / sizeof *columns);
    table_caption(&t, "%s: %" PRId64 " contexts of up to %d tokens, of %" PRId64
                  " tokens under %s", j->flags.common.output,
                  route_table_contexts(j->table), route_table_order(j->table),
                  j->tokens, rule_of(j)->name);
    for (int32_t c = 0; c < plan_n_choices(spec); c++) {
        const struct plan_choice choice = plan_choice(spec, c);
        if (!choice.routed)
            continue;
        table_row(&t, ROW_PLAIN);
        table_count(&t, (uint64_t)choice.layer, PROV_COUNTED);
        table_text(&t, part_names[choice.part]);
        table_amount(&t, amount_of(spec->capacity[choice.layer], PROV_COUNTED));
        table_amount(&t, amount_of((double)j->kept[c] / (double)j->tokens,
                                   PROV_COUNTED));
        table_amount(&t, amount_of(route_table_share(j->table, choice.layer,
                                                     choice.part),
                                   PROV_COUNTED));
    }
    enum status status = table_print(&t, (enum format)j->flags.common.format,
                                     stdout, err);
    table_close(&t);
    return status;
}

static void close_job(struct table_job *j)
{
    route_table_close(j->table);
    run_arm_close(&j->arm);
    free(j->flag);
    score_window_close(&j->window);
    run_text_close(&j->text);
    free(j);
}

static int run(void *options)
{
    struct error err = { STATUS_NO_MEMORY, "no memory" };
    struct table_job *j = calloc(1, sizeof *j);
    enum status status;

    if (!j)
        return command_fail(&err);
    command_catch_signals();
    status = read_config(j, options, &err);
    j->flags = *(struct table_flags *)options;
    if (status == STATUS_OK &&
        !(status = outfile_check(j->flags.common.output, &own, &err)) &&
        !(status = open_source(j, &err)) &&
        !(status = open_text(j, &err)) && !(status = open_model(j, &err)) &&
        !(status = count(j, &err)) && !(status = write_table(j, &err)))
        status = say(j, &err);
    close_job(j);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command route_table_command = {
    .name = "route-table",
    .usage = "MODEL --text FILE -o FILE",
    .help = "count a table of the last tokens to route by",
    .about = "Count which tokens a model's routed blocks keep after the last few"
        " tokens of a text, by default of its training split, and write the"
        " counts. The policy table of isobath run and isobath train routes by"
        " them: before the forward pass, without a look ahead and without a"
        " router.",
    .examples =
        "  isobath route-table build/run --text build/corpus/kjv.txt -o build/table.csv\n"
        "  isobath route-table build/run --text build/corpus/kjv.txt -o build/t2.csv --order 2\n"
        "  isobath run build/run --text build/corpus/kjv.txt --limit 4096 \\\n"
        "      --set routing.policy=table --set routing.table=build/table.csv\n",
    .kinds = (const char *const[]){ "models", NULL },
    .flags = flags, .config = &run_config_schema,
    .options_size = sizeof(struct table_flags), .run = run,
};
