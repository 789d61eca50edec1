/* sensitivity_answer.c - Make a table of what isobath sensitivity measured;
 * write and print it. */
#include <stdlib.h>

#include "models/commands/sensitivity_job.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/table.h"

static struct amount interval(struct difference d)
{
    struct amount amount = amount_of(d.mean, PROV_MEASURED);

    amount.low = d.low;
    amount.high = d.high;
    return amount;
}

static void put_cost(struct table *t, double nats, double flops_per_token)
{
    table_amount(t, amount_of(nats, PROV_MEASURED));
    table_amount(t, amount_of(flops_per_token, PROV_COUNTED));
}

static void fill(struct table *t, const struct sensitivity_job *j)
{
    static const struct column columns[] = {
        { "layer", "layer", "", COLUMN_WHOLE, true },
        { "capacity", "capacity", "", COLUMN_SHARE, true },
        { "nats_per_token", "nats/token", "", COLUMN_LOSS, false },
        { "flops_per_token", "a token", "flop", COLUMN_SI, false },
        { "more", "more than as it is", "", COLUMN_SIGNED, false },
    };
    const struct capacities *c = &j->capacities;

    table_open(t, "sensitivity", columns, sizeof columns / sizeof *columns);
    table_caption(t, "Loss with one block at a capacity under %s, the others as"
                  " they are; first with none changed", c->policy->name);
    table_row(t, ROW_MOD);
    table_skip(t);
    table_skip(t);
    put_cost(t, capacities_nats(c, &j->base), (double)j->base.flops /
                                              (double)capacities_tokens(c));
    table_skip(t);
    for (int64_t i = 0; i < j->n_cells; i++) {
        const struct sensitivity_cell *cell = &j->cell[i];
        table_row(t, ROW_PLAIN);
        table_count(t, (uint64_t)cell->layer, PROV_COUNTED);
        table_amount(t, amount_of(cell->capacity, PROV_COUNTED));
        put_cost(t, cell->nats, cell->flops_per_token);
        table_amount(t, interval(cell->more));
    }
}

static enum status make_summary(json_t **out, const struct table *t,
                                const struct sensitivity_job *j,
                                struct error *err)
{
    const struct run_config *c = &j->config;
    const struct command_options *o = &j->flags.common;
    json_t *config = json_pack(
        "{s:{s:o, s:o, s:I, s:s, s:I, s:I, s:I, s:s}, s:o}",
        "run", "model", json_text(c->model), "text", json_text(c->text),
        "window", (json_int_t)c->window, "split",
        c->split == RUN_ALL ? "all" : split_names[c->split],
        "limit", (json_int_t)c->limit, "skip", (json_int_t)c->skip,
        "seed", (json_int_t)c->seed, "capacities", j->flags.capacities,
        "model", summary_model(&j->capacities.spec));
    json_t *found = json_pack("{s:s, s:o}", "policy",
                              j->capacities.policy->name, "table",
                              summary_table(t, err));

    *out = summary_open("sensitivity", config, provenance_json(
        o->argc, o->argv, o->threads, c->seed, model_isa(j->capacities.model),
        c->text, j->text.hash));
    if (*out && j->n_cells < j->most)
        json_object_set_new(*out, "status", json_string("interrupted"));
    if (*out && found &&
        json_object_set_new(*out, "tokens", json_integer(
            capacities_tokens(&j->capacities))) == 0 &&
        json_object_set(*out, "sensitivity", found) == 0) {
        json_decref(found);
        return STATUS_OK;
    }
    json_decref(found);
    error_set(err, STATUS_NO_MEMORY, "no memory for the summary");
    return STATUS_NO_MEMORY;
}

enum status sensitivity_summary(json_t **out, const struct sensitivity_job *j,
                                struct error *err)
{
    struct table t;

    fill(&t, j);
    enum status status = make_summary(out, &t, j, err);
    table_close(&t);
    return status;
}

enum status sensitivity_deliver(struct sensitivity_job *j, struct error *err)
{
    const enum format format = (enum format)j->flags.common.format;
    json_t *summary = NULL;
    struct table t;

    fill(&t, j);
    enum status status = make_summary(&summary, &t, j, err);
    if (status == STATUS_OK && j->rundir.lock >= 0) {
        rundir_clear(&j->rundir);
        status = table_write(&t, FORMAT_CSV, j->rundir.path, "sensitivity.csv",
                             err);
        if (status == STATUS_OK)
            status = rundir_finish(&j->rundir, summary, err);
    }
    if (status == STATUS_OK)
        status = format == FORMAT_JSON ? json_print(summary, stdout, err)
                                       : table_print(&t, format, stdout, err);
    json_decref(summary);
    table_close(&t);
    return status;
}
