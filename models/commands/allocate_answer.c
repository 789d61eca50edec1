/* allocate_answer.c - Make tables of what isobath allocate chose and what that
 * came to; write and print them. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/commands/allocate_job.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/table.h"

static const char *const arm_names_of[ALLOCATE_ARMS] = {
#define X(id, name) [ALLOCATE_##id] = name,
    ALLOCATE_ARM_MAP(X)
#undef X
};

static const char not_run[] = "interrupted before this allocation was run";

static struct amount interval(struct difference d)
{
    struct amount amount = amount_of(d.mean, PROV_MEASURED);

    amount.low = d.low;
    amount.high = d.high;
    return amount;
}

/* Costs are formulas or a machine model. */
static struct amount cost_amount(const struct allocate_job *j, double cost)
{
    struct amount amount = amount_of(cost, PROV_PREDICTED);

    amount.modelled = amount_is_model(j->metric, PROV_PREDICTED);
    return amount;
}

/* How much more an arm lost than another. */
static struct amount more_than(const struct allocate_job *j, int arm,
                               enum allocate_arm than)
{
    const int last = arm > (int)than ? arm : (int)than;

    return last >= j->done ? amount_unknown(not_run)
                           : interval(capacities_more(&j->capacities,
                                                      &j->run[arm].loss,
                                                      &j->run[than].loss));
}

/* What it costs and loses. */
static void put_loss(struct table *t, const struct allocate_job *j, int arm)
{
    const struct capacities *c = &j->capacities;
    const struct capacity_loss *loss = &j->run[arm].loss;

    if (arm >= j->done) {
        table_amount(t, amount_unknown(not_run));
        table_amount(t, amount_unknown(not_run));
        return;
    }
    table_amount(t, amount_of((double)loss->flops /
                              (double)capacities_tokens(c), PROV_COUNTED));
    table_amount(t, amount_of(capacities_nats(c, loss), PROV_MEASURED));
}

static void put_arm(struct table *t, const struct allocate_job *j, int arm)
{
    const struct allocate_run *r = &j->run[arm];

    table_row(t, arm == ALLOCATE_CHOSEN ? ROW_MOD : ROW_PLAIN);
    table_text(t, arm_names_of[arm]);
    table_amount(t, cost_amount(j, r->cost));
    put_loss(t, j, arm);
    if (arm == ALLOCATE_AS_IS) {
        table_skip(t);
        table_skip(t);
    } else {
        if (isfinite(r->nats))
            table_amount(t, amount_of(r->nats, PROV_PREDICTED));
        else
            table_skip(t);
        table_amount(t, more_than(j, arm, ALLOCATE_AS_IS));
    }
    if (arm == ALLOCATE_CHOSEN)
        table_skip(t);
    else
        table_amount(t, more_than(j, arm, ALLOCATE_CHOSEN));
}

static void fill_arms(struct table *t, struct column columns[],
                      const struct allocate_job *j)
{
    const char *unit = metric_table[j->metric].unit;
    const struct column made[] = {
        { "allocation", "allocation", "", COLUMN_TEXT, true },
        { "cost_per_token", "a token", unit, COLUMN_SI, false },
        { "flops_per_token", "counted", "flop", COLUMN_SI, false },
        { "nats_per_token", "nats/token", "", COLUMN_LOSS, false },
        { "predicted_more", j->tuning.n_rounds > 0 ? "on the table's text"
                                                   : "by the table",
          "", COLUMN_SIGNED, false },
        { "more", "more than as it is", "", COLUMN_SIGNED, false },
        { "more_than_chosen", "more than chosen", "", COLUMN_SIGNED, false },
    };
    char more[96] = "more would save nothing by the table";

    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        columns[i] = made[i];
    if (j->choice.multiplier > 0)
        snprintf(more, sizeof more, "one %s more would save %.3g nats by the"
                 " table", unit, j->choice.multiplier);
    table_open(t, "arms", columns, sizeof made / sizeof *made);
    table_caption(t, "Run on text that chose nothing, within %.4g %s a token"
                  " (%.3g %% of all blocks on all tokens); %s", j->budget, unit,
                  100 * j->budget / j->all_kept, more);
    for (int arm = 0; arm < ALLOCATE_ARMS; arm++)
        if (j->run[arm].runs)
            put_arm(t, j, arm);
}

static void fill_capacities(struct table *t, const struct allocate_job *j)
{
    static const struct column columns[] = {
        { "layer", "layer", "", COLUMN_WHOLE, true },
        { "as_is", "as it is", "", COLUMN_SHARE, true },
        { "chosen", "chosen", "", COLUMN_SHARE, true },
        { "first", "by the table", "", COLUMN_SHARE, true },
        { "uniform", "the same", "", COLUMN_SHARE, true },
        { "dropped", "dropped", "", COLUMN_SHARE, true },
    };
    static const enum allocate_arm arms[] = {
        ALLOCATE_AS_IS, ALLOCATE_CHOSEN, ALLOCATE_FIRST, ALLOCATE_UNIFORM,
        ALLOCATE_LESS };

    table_open(t, "capacities", columns, sizeof columns / sizeof *columns);
    table_caption(t, "Share of the tokens that each block works on");
    for (int b = 0; b < j->n_blocks; b++) {
        const int32_t l = j->block[b].layer;
        table_row(t, ROW_PLAIN);
        table_count(t, (uint64_t)l, PROV_COUNTED);
        for (size_t a = 0; a < sizeof arms / sizeof *arms; a++)
            if (j->run[arms[a]].runs)
                table_amount(t, amount_of(j->run[arms[a]].capacity[l],
                                          PROV_COUNTED));
            else
                table_skip(t);
    }
}

/* How what was chosen came about: losses are of the table's text. */
static void fill_rounds(struct table *t, struct column columns[],
                        const struct allocate_job *j)
{
    const struct allocate_tuning *tuning = &j->tuning;
    const struct column made[] = {
        { "round", "round", "", COLUMN_WHOLE, true },
        { "by", "found by", "", COLUMN_TEXT, true },
        { "runs", "runs", "", COLUMN_WHOLE, true },
        { "cost_per_token", "a token", metric_table[j->metric].unit, COLUMN_SI,
          true },
        { "more", "more than as it is", "", COLUMN_SIGNED, true },
    };

    memcpy(columns, made, sizeof made);
    table_open(t, "rounds", columns, sizeof made / sizeof *made);
    table_caption(t, "%" PRId64 " runs on the table's text, around what was"
                  " chosen%s", tuning->runs, tuning->settled
                  ? "" : "; more rounds may find better: --rounds");
    for (int64_t i = 0; i < tuning->n_rounds; i++) {
        const struct allocate_round *r = &tuning->round[i];
        table_row(t, ROW_PLAIN);
        table_count(t, (uint64_t)i, PROV_COUNTED);
        table_text(t, r->by);
        table_count(t, (uint64_t)r->runs, PROV_COUNTED);
        table_amount(t, cost_amount(j, r->cost));
        table_amount(t, amount_of(r->nats - tuning->as_is, PROV_MEASURED));
    }
    if (!tuning->settled)
        return;
    table_row(t, ROW_PLAIN);
    table_count(t, (uint64_t)tuning->n_rounds, PROV_COUNTED);
    table_text(t, "nothing that was tried loses less");
    table_count(t, (uint64_t)tuning->runs, PROV_COUNTED);
    table_skip(t);
    table_skip(t);
}

enum { ARMS, CAPACITIES, ROUNDS, TABLES };
enum { MAX_COLUMNS = 7 };

static enum status make_summary(json_t **out, const struct table t[TABLES],
                                const struct allocate_job *j,
                                struct error *err)
{
    const struct run_config *c = &j->config;
    const struct command_options *o = &j->flags.common;
    json_t *config = json_pack(
        "{s:{s:o, s:o, s:I, s:s, s:I, s:I, s:I, s:o, s:o, s:s, s:I}, s:o}",
        "run", "model", json_text(c->model), "text", json_text(c->text),
        "window", (json_int_t)c->window, "split",
        c->split == RUN_ALL ? "all" : split_names[c->split],
        "limit", (json_int_t)c->limit, "skip", (json_int_t)c->skip,
        "seed", (json_int_t)c->seed, "machine", json_reason(c->machine),
        "sensitivity", json_text(j->flags.table), "budget", j->flags.budget,
        "rounds", (json_int_t)j->flags.rounds,
        "model", summary_model(&j->capacities.spec));
    json_t *found = json_pack(
        "{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "policy",
        j->capacities.policy->name, "metric", metric_table[j->metric].column,
        "budget_per_token", json_number(j->budget), "all_blocks_per_token",
        json_number(j->all_kept), "multiplier",
        json_number(j->choice.multiplier), "arms", summary_table(&t[ARMS], err),
        "capacities", summary_table(&t[CAPACITIES], err));

    if (j->tuning.n_rounds > 0)
        json_object_set_new(found, "rounds", summary_table(&t[ROUNDS], err));

    *out = summary_open("allocate", config, provenance_json(
        o->argc, o->argv, o->threads, c->seed, model_isa(j->capacities.model),
        c->text, j->text.hash));
    if (*out && j->done < ALLOCATE_ARMS)
        json_object_set_new(*out, "status", json_string("interrupted"));
    if (*out && found &&
        json_object_set_new(*out, "tokens", json_integer(
            capacities_tokens(&j->capacities))) == 0 &&
        json_object_set(*out, "allocation", found) == 0) {
        json_decref(found);
        return STATUS_OK;
    }
    json_decref(found);
    error_set(err, STATUS_NO_MEMORY, "no memory for the summary");
    return STATUS_NO_MEMORY;
}

static enum status write_files(const struct table t[TABLES], json_t *summary,
                               const struct allocate_job *j, struct error *err)
{
    rundir_clear(&j->rundir);
    enum status status = table_write(&t[ARMS], FORMAT_CSV, j->rundir.path,
                                     "arms.csv", err);
    if (status == STATUS_OK)
        status = table_write(&t[CAPACITIES], FORMAT_CSV, j->rundir.path,
                             "capacities.csv", err);
    if (status == STATUS_OK && t[ROUNDS].n_rows > 0)
        status = table_write(&t[ROUNDS], FORMAT_CSV, j->rundir.path,
                             "rounds.csv", err);
    return status == STATUS_OK ? rundir_finish(&j->rundir, summary, err)
                               : status;
}

static enum status print_text(const struct table t[TABLES], struct error *err)
{
    enum status status = table_aligned(&t[ARMS], stdout, err);

    for (int i = CAPACITIES; i < TABLES && status == STATUS_OK; i++)
        if (t[i].n_rows > 0) {
            fputs("\n", stdout);
            status = table_aligned(&t[i], stdout, err);
        }
    return status;
}

enum status allocate_deliver(struct allocate_job *j, struct error *err)
{
    const enum format format = (enum format)j->flags.common.format;
    struct column columns[2][MAX_COLUMNS];
    struct table t[TABLES];
    json_t *summary = NULL;

    fill_arms(&t[ARMS], columns[0], j);
    fill_capacities(&t[CAPACITIES], j);
    fill_rounds(&t[ROUNDS], columns[1], j);
    enum status status = make_summary(&summary, t, j, err);
    if (status == STATUS_OK && j->rundir.lock >= 0)
        status = write_files(t, summary, j, err);
    if (status == STATUS_OK)
        status = format == FORMAT_JSON  ? json_print(summary, stdout, err)
                 : format == FORMAT_CSV ? table_print(&t[ARMS], format, stdout,
                                                      err)
                                        : print_text(t, err);
    json_decref(summary);
    for (int i = 0; i < TABLES; i++)
        table_close(&t[i]);
    return status;
}
