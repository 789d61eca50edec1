/* regret_answer.c - Make tables of what isobath regret found; write and print
 * them. */
#include <math.h>
#include <stdlib.h>

#include "models/commands/regret_job.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/table.h"

#define LAYER_COLUMNS                                                          \
    { "layer", "layer", "", COLUMN_WHOLE, true },                              \
    { "part", "part", "", COLUMN_TEXT, true }

static void put_layer(struct table *t, const struct regret_job *c,
                      int32_t choice)
{
    if (choice < 0) {
        table_row(t, ROW_TOTAL);
        table_skip(t);
        table_text(t, "all");
        return;
    }
    const struct plan_choice made = plan_choice(&c->arm.spec,
                                                c->regret.choice[choice]);
    table_row(t, ROW_PLAIN);
    table_count(t, (uint64_t)made.layer, PROV_COUNTED);
    table_text(t, part_names[made.part]);
}

static struct amount interval(struct difference d)
{
    struct amount amount = amount_of(d.mean, PROV_MEASURED);

    amount.low = d.low;
    amount.high = d.high;
    return amount;
}

/* ---- the decisions ---- */

static void fill_flips(struct table *t, const struct regret_job *c)
{
    static const struct column columns[] = {
        { "window", "window", "", COLUMN_WHOLE, true },
        { "position", "position", "", COLUMN_WHOLE, true },
        LAYER_COLUMNS,
        { "kept", "kept", "", COLUMN_YES, true },
        { "delta_nats", "changes", "nat", COLUMN_SIGNED, false },
        { "delta_flops", "changes", "flop", COLUMN_SI, false },
        { "regret_nats", "regret", "nat", COLUMN_LOSS, false },
    };
    const struct regret *r = &c->regret;

    table_open(t, "regret", columns, sizeof columns / sizeof *columns);
    table_caption(t, "What the loss of the window and its FLOPs change by when"
                  " a block decides otherwise about a token");
    for (int64_t i = 0; i < r->n_flips; i++) {
        const struct regret_flip *f = &r->flip[i];
        const struct plan_choice made = plan_choice(&c->arm.spec,
                                                    r->choice[f->choice]);
        table_row(t, ROW_PLAIN);
        table_count(t, (uint64_t)c->which[f->window], PROV_COUNTED);
        table_amount(t, amount_of((double)(r->window[f->window].position +
                                           f->token), PROV_COUNTED));
        table_count(t, (uint64_t)made.layer, PROV_COUNTED);
        table_text(t, part_names[made.part]);
        table_count(t, f->kept, PROV_COUNTED);
        table_amount(t, amount_of(f->nats, PROV_MEASURED));
        table_amount(t, amount_of(f->flops, PROV_COUNTED));
        table_amount(t, amount_of(f->regret, PROV_MEASURED));
    }
}

/* ---- block by block ---- */

struct tally_of_flips {
    uint64_t tried, kept, idle, misplaced;
};

/* Idle: the loss is no higher without. */
static struct tally_of_flips count_flips(const struct regret *r, int32_t choice)
{
    struct tally_of_flips n = { 0 };

    for (int64_t i = 0; i < r->n_flips; i++) {
        const struct regret_flip *f = &r->flip[i];
        if (choice >= 0 && f->choice != choice)
            continue;
        n.tried++;
        n.kept += f->kept;
        n.idle += f->kept && f->nats <= 0;
        n.misplaced += f->kept && f->regret > 0;
    }
    return n;
}

static void put_share(struct table *t, uint64_t some, uint64_t of)
{
    if (of > 0)
        table_amount(t, amount_of((double)some / (double)of, PROV_COUNTED));
    else
        table_skip(t);
}

static void put_block(struct table *t, const struct regret_job *c,
                      int32_t choice)
{
    const struct regret *r = &c->regret;
    const struct tally_of_flips n = count_flips(r, choice);

    put_layer(t, c, choice);
    table_count(t, n.tried, PROV_COUNTED);
    put_share(t, n.kept, n.tried);
    table_amount(t, interval(regret_rate(r, choice, true)));
    table_amount(t, interval(regret_rate(r, choice, false)));
    put_share(t, n.idle, n.kept);
    put_share(t, n.misplaced, n.kept);
    table_amount(t, interval(regret_more(r, choice, REGRET_DRAWN)));
    table_amount(t, interval(regret_more(r, choice, REGRET_ORACLE)));
    table_amount(t, interval(regret_share(r, choice)));
}

static void fill_blocks(struct table *t, const struct regret_job *c)
{
    static const struct column columns[] = {
        LAYER_COLUMNS,
        { "decisions", "tried", "", COLUMN_WHOLE, true },
        { "kept", "kept", "", COLUMN_SHARE, false },
        { "worth_kept", "of kept", "nat/flop", COLUMN_SI, false },
        { "worth_skipped", "of skipped", "nat/flop", COLUMN_SI, false },
        { "idle", "idle", "", COLUMN_SHARE, false },
        { "misplaced", "misplaced", "", COLUMN_SHARE, false },
        { "drawn_more", "drawn", "nats/token", COLUMN_SIGNED, false },
        { "oracle_more", "oracle", "nats/token", COLUMN_SIGNED, false },
        { "share_of_oracle", "router's share", "", COLUMN_SHARE, false },
    };

    table_open(t, "blocks", columns, sizeof columns / sizeof *columns);
    table_caption(t, "What a FLOP is worth under %s, in nats saved; and the"
                  " loss, above the router's, when chance or an oracle chooses"
                  " in that block", c->rule->name);
    for (int32_t choice = 0; choice < c->regret.n_choices; choice++)
        put_block(t, c, choice);
    put_block(t, c, -1);
}

/* ---- allocations that were run ---- */

static void put_allocation(struct table *t, const struct regret_job *c,
                           int arm, const char *name)
{
    const struct regret *r = &c->regret;
    double nats = 0, flops = 0, tokens = 0;
    int64_t swaps = 0;

    for (int64_t w = 0; w < r->windows; w++) {
        const struct regret_outcome *o = regret_outcome(r, w, -1, arm);
        nats += o->nats;
        flops += o->flops;
        swaps += o->swaps;
        tokens += (double)r->window[w].n_tokens;
    }
    table_row(t, arm == REGRET_ROUTER ? ROW_MOD : ROW_PLAIN);
    table_text(t, name);
    table_amount(t, amount_of(nats / tokens, PROV_MEASURED));
    if (arm == REGRET_ROUTER)
        table_skip(t);
    else
        table_amount(t, interval(regret_more(r, -1, arm)));
    table_amount(t, amount_of(flops / tokens, PROV_COUNTED));
    if (arm == REGRET_ORACLE)
        table_count(t, (uint64_t)swaps, PROV_COUNTED);
    else
        table_skip(t);
}

static void fill_allocations(struct table *t, const struct regret_job *c)
{
    static const struct column columns[] = {
        { "chosen_by", "chosen by", "", COLUMN_TEXT, true },
        { "nats_per_token", "nats/token", "", COLUMN_LOSS, false },
        { "more", "more than router", "", COLUMN_SIGNED, false },
        { "flops_per_token", "a token", "flop", COLUMN_SI, false },
        { "swaps", "swaps", "", COLUMN_WHOLE, true },
    };

    table_open(t, "allocations", columns, sizeof columns / sizeof *columns);
    table_caption(t, "Loss by who chooses among the sampled tokens, every block"
                  " keeping as many; the oracle has seen the answers");
    put_allocation(t, c, REGRET_ROUTER, c->rule->name);
    put_allocation(t, c, REGRET_DRAWN, "drawn at random");
    put_allocation(t, c, REGRET_ORACLE, "oracle");
}

/* ---- all of them ---- */

enum { ALLOCATIONS, BLOCKS, FLIPS, TABLES };

static enum status make_summary(json_t **out, const struct table t[TABLES],
                                const struct regret_job *c,
                                struct error *err)
{
    const struct run_config *config = &c->config;
    const struct command_options *o = &c->flags.common;
    json_t *regret = json_object();
    json_t *said = json_pack(
        "{s:{s:o, s:o, s:I, s:s, s:I, s:I, s:I, s:I}, s:o}",
        "run", "model", json_text(config->model), "text",
        json_text(config->text), "window", (json_int_t)config->window, "split",
        config->split == RUN_ALL ? "all" : split_names[config->split],
        "limit", (json_int_t)config->limit, "seed", (json_int_t)config->seed,
        "windows", (json_int_t)c->flags.windows,
        "positions", (json_int_t)c->flags.positions,
        "model", summary_model(&c->arm.spec));
    const struct difference more = regret_more(&c->regret, -1, REGRET_ORACLE);
    int64_t tokens = 0;

    *out = summary_open("regret", said, provenance_json(
        o->argc, o->argv, o->threads, config->seed, model_isa(c->arm.model),
        config->text, c->text.hash));
    for (int64_t w = 0; w < c->regret.windows; w++)
        tokens += c->regret.window[w].n_tokens;
    bool made = *out && regret &&
        json_object_set_new(regret, "rule",
                            json_string(c->rule->name)) == 0 &&
        json_object_set_new(regret, "windows",
                            json_integer(c->regret.windows)) == 0 &&
        json_object_set_new(regret, "oracle_loses_less",
                            json_boolean(more.mean < 0)) == 0 &&
        json_object_set_new(*out, "tokens", json_integer(tokens)) == 0;
    if (made && c->regret.windows < c->windows)
        made = json_object_set_new(*out, "status",
                                   json_string("interrupted")) == 0;
    for (int i = ALLOCATIONS; i <= BLOCKS && made; i++)
        made = json_object_set_new(regret, t[i].name,
                                   summary_table(&t[i], err)) == 0;
    if (made && json_object_set(*out, "regret", regret) == 0) {
        json_decref(regret);
        return STATUS_OK;
    }
    json_decref(regret);
    error_set(err, STATUS_NO_MEMORY, "no memory for the summary");
    return STATUS_NO_MEMORY;
}

static enum status write_files(const struct table t[TABLES], json_t *summary,
                               struct regret_job *c, struct error *err)
{
    enum status status = STATUS_OK;

    rundir_clear(&c->rundir);
    for (int i = 0; i < TABLES && status == STATUS_OK; i++) {
        char name[FILE_PATH_SIZE];
        snprintf(name, sizeof name, "%.40s.csv", t[i].name);
        status = table_write(&t[i], FORMAT_CSV, c->rundir.path, name, err);
    }
    if (status == STATUS_OK)
        status = file_commit(&c->tokens, err);
    return status == STATUS_OK ? rundir_finish(&c->rundir, summary, err)
                               : status;
}

static enum status print_text(const struct table t[TABLES], struct error *err)
{
    enum status status = table_aligned(&t[ALLOCATIONS], stdout, err);

    fputs("\n", stdout);
    return status == STATUS_OK ? table_aligned(&t[BLOCKS], stdout, err)
                               : status;
}

enum status regret_deliver(struct regret_job *c, struct error *err)
{
    const enum format format = (enum format)c->flags.common.format;
    struct table t[TABLES];
    json_t *summary = NULL;

    fill_allocations(&t[ALLOCATIONS], c);
    fill_blocks(&t[BLOCKS], c);
    fill_flips(&t[FLIPS], c);
    enum status status = make_summary(&summary, t, c, err);
    if (status == STATUS_OK && c->rundir.lock >= 0)
        status = write_files(t, summary, c, err);
    if (status == STATUS_OK)
        status = format == FORMAT_JSON  ? json_print(summary, stdout, err)
                 : format == FORMAT_CSV ? table_print(&t[FLIPS], format, stdout,
                                                      err)
                                        : print_text(t, err);
    json_decref(summary);
    for (int i = 0; i < TABLES; i++)
        table_close(&t[i]);
    return status;
}
