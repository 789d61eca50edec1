/* allocate_choice.c - Choose capacities within a budget, and those of rivals
 * that cost as much. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/commands/allocate_job.h"
#include "sim/core/model/plan.h"
#include "sim/price/predict.h"

/* ---- costs ---- */

/* In a pass over a window. */
enum status allocate_cost(double *out, const struct allocate_job *j,
                          const double *capacity, struct error *err)
{
    const int32_t n = (int32_t)j->config.window;
    struct model_spec spec = j->capacities.spec;
    struct allocation a = { .kept = NULL };
    struct ledger *ledger = NULL;
    const struct predict_job job = { .spec = &spec, .allocation = &a,
                                     .machine = j->machine };

    for (int32_t l = 0; l < spec.n_layers; l++)
        if (spec.routed[l])
            spec.capacity[l] = capacity[l];
    enum status status = allocation_open(&a, plan_n_choices(&spec), 1, n, err);
    if (status == STATUS_OK) {
        allocation_fill(&a, &spec);
        status = ledger_open(&ledger, (struct ledger_shape){ 0 },
                             cost_zero(PROV_PREDICTED), err);
    }
    if (status == STATUS_OK)
        status = predict_forward(ledger, &job, PREDICT_HEAD, NULL, err);
    if (status == STATUS_OK) {
        const struct cost sum = ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY,
                                           LEDGER_ANY, LEDGER_ANY);
        *out = cost_get(&sum, j->metric) / n;
    }
    ledger_close(ledger);
    allocation_close(&a);
    return status;
}

static void set_all(const struct allocate_job *j, double *capacity,
                    double value)
{
    for (int i = 0; i < j->n_blocks; i++)
        capacity[j->block[i].layer] = value;
}

/* ---- the table ---- */

static double number_of(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(json_object_get(row, key), "value");
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static enum status refuse(const struct allocate_job *j, struct error *err,
                          const char *what)
{
    error_set(err, STATUS_BAD_VALUE, "--sensitivity %s: %s; measure it with the"
              " same MODEL, --set, --policy and --window: isobath sensitivity",
              j->flags.table, what);
    return STATUS_BAD_VALUE;
}

static struct allocate_block *block_of(struct allocate_job *j, int32_t layer)
{
    for (int i = 0; i < j->n_blocks; i++)
        if (j->block[i].layer == layer)
            return &j->block[i];
    return NULL;
}

static enum status read_row(struct allocate_job *j, const json_t *row,
                            struct error *err)
{
    const double layer = number_of(row, "layer");
    const double capacity = number_of(row, "capacity");
    const double more = number_of(row, "more");

    if (!isfinite(layer))
        return STATUS_OK;                    /* as it is */
    struct allocate_block *b = layer >= 0 && layer < SPEC_MAX_LAYERS
                                   ? block_of(j, (int32_t)layer) : NULL;
    if (!b || !(capacity >= 0 && capacity <= 1) || !isfinite(more) ||
        b->n == SENSITIVITY_MAX)
        return refuse(j, err, "it is of other blocks");
    b->capacity[b->n] = capacity;
    b->option[b->n++].loss = more;
    return STATUS_OK;
}

static enum status list_blocks(struct allocate_job *j, struct error *err)
{
    const struct model_spec *spec = &j->capacities.spec;

    j->block = calloc((size_t)spec->n_layers, sizeof *j->block);
    if (!j->block) {
        error_set(err, STATUS_NO_MEMORY, "no memory for %d blocks",
                  spec->n_layers);
        return STATUS_NO_MEMORY;
    }
    for (int32_t l = 0; l < spec->n_layers; l++)
        if (spec->routed[l])
            j->block[j->n_blocks++].layer = l;
    return STATUS_OK;
}

static const char *text_at(const json_t *root, const char *a, const char *b,
                           const char *c)
{
    const json_t *at = json_object_get(json_object_get(root, a), b);
    const char *text = json_string_value(c ? json_object_get(at, c) : at);
    return text ? text : "";
}

static int64_t whole_at(const json_t *root, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(
        json_object_get(root, "config"), "run"), key));
}

static enum status read_table(struct allocate_job *j, struct error *err)
{
    const json_t *rows = json_object_get(json_object_get(json_object_get(
        j->table, "sensitivity"), "table"), "rows"), *row;
    enum status status = list_blocks(j, err);
    size_t i;

    if (status != STATUS_OK)
        return status;
    if (strcmp(text_at(j->table, "sensitivity", "policy", NULL),
               j->capacities.policy->name) != 0)
        return refuse(j, err, "it is of another policy");
    const char *ended = json_string_value(json_object_get(j->table, "status"));
    if (!ended || strcmp(ended, "done") != 0)
        return refuse(j, err, "it was interrupted");
    if (whole_at(j->table, "window") != j->config.window)
        return refuse(j, err, "its windows are of another length");
    json_array_foreach(rows, i, row)
        if (status == STATUS_OK)
            status = read_row(j, row, err);
    for (int b = 0; b < j->n_blocks && status == STATUS_OK; b++)
        if (j->block[b].n == 0)
            status = refuse(j, err, "it lacks a block that routes");
    return status;
}

/* Text that chose the capacities cannot judge them. */
static enum status check_unseen(const struct allocate_job *j, struct error *err)
{
    const struct run_config *c = &j->config;
    const char *split = text_at(j->table, "config", "run", "split");
    const char *ours = c->split == RUN_ALL ? "all" : split_names[c->split];
    const int64_t limit = whole_at(j->table, "limit");
    const bool whole = strcmp(split, "all") == 0 && c->split == RUN_ALL;

    if (strcmp(text_at(j->table, "provenance", "data_hash", NULL),
               j->text.hash) != 0)
        return STATUS_OK;
    if (!whole && strcmp(split, "all") != 0 && strcmp(split, ours) != 0)
        return STATUS_OK;
    if (whole && limit > 0 && c->skip >= whole_at(j->table, "skip") + limit)
        return STATUS_OK;
    error_set(err, STATUS_BAD_VALUE, "--text %s: the table was measured on it;"
              " give another text, another --split, or --skip of what it was"
              " measured on", c->text);
    return STATUS_BAD_VALUE;
}

/* ---- the budget ---- */

static enum status read_budget(struct allocate_job *j, struct error *err)
{
    static const enum metric allowed[] = { METRIC_FLOPS, METRIC_BYTES,
                                           METRIC_SECONDS, METRIC_JOULES };
    const char *equals = strchr(j->flags.budget, '='), *number;
    char *end = NULL;
    bool found = false;

    for (size_t i = 0; i < sizeof allowed / sizeof *allowed && equals; i++) {
        const char *name = metric_table[allowed[i]].column;
        if (strlen(name) == (size_t)(equals - j->flags.budget) &&
            strncmp(name, j->flags.budget, strlen(name)) == 0) {
            j->metric = allowed[i];
            found = true;
        }
    }
    number = equals ? equals + 1 : "";
    j->budget = strtod(number, &end);
    if (!found || end == number || !(j->budget > 0) ||
        (*end && strcmp(end, "%") != 0)) {
        error_set(err, STATUS_BAD_VALUE, "--budget %s: allowed are flops=,"
                  " bytes=, seconds= and joules= with what a token may cost, or"
                  " with a share of that of all blocks on all tokens, as in"
                  " flops=60%%", j->flags.budget);
        return STATUS_BAD_VALUE;
    }
    if (!j->machine && metric_table[j->metric].predicted ==
                           PREDICTED_BY_MACHINE) {
        error_set(err, STATUS_BAD_VALUE, "--budget %s: on which machine? give"
                  " --machine", j->flags.budget);
        return STATUS_BAD_VALUE;
    }
    double capacity[SPEC_MAX_LAYERS] = { 0 };
    set_all(j, capacity, 1.0);
    enum status status = allocate_cost(&j->all_kept, j, capacity, err);
    if (status == STATUS_OK && !isfinite(j->all_kept)) {
        error_set(err, STATUS_BAD_VALUE, "--budget %s: the machine's profile"
                  " does not say enough to predict it", j->flags.budget);
        return STATUS_BAD_VALUE;
    }
    if (*end)
        j->budget *= j->all_kept / 100;
    return status;
}

/* ---- the choice ---- */

static enum status price_options(struct allocate_job *j, struct error *err)
{
    struct allocate_run *as_is = &j->run[ALLOCATE_AS_IS];
    double capacity[SPEC_MAX_LAYERS];
    enum status status;

    memcpy(capacity, j->capacities.spec.capacity, sizeof capacity);
    memcpy(as_is->capacity, capacity, sizeof capacity);
    as_is->runs = true;
    status = allocate_cost(&as_is->cost, j, capacity, err);
    for (int b = 0; b < j->n_blocks; b++) {
        struct allocate_block *block = &j->block[b];
        for (int i = 0; i < block->n && status == STATUS_OK; i++) {
            capacity[block->layer] = block->capacity[i];
            status = allocate_cost(&block->option[i].cost, j, capacity, err);
            block->option[i].cost -= as_is->cost;
        }
        capacity[block->layer] = as_is->capacity[block->layer];
    }
    return status;
}

static enum status too_small(const struct allocate_job *j, double least,
                             struct error *err)
{
    error_set(err, STATUS_BAD_VALUE, "--budget %s: allowed is %.6g %s a token"
              " or more (%.3g%%), which the smallest capacities of the table"
              " come to", j->flags.budget, least, metric_table[j->metric].unit,
              100 * least / j->all_kept);
    return STATUS_BAD_VALUE;
}

/* Blocks' costs may not quite add up: what the choice as a whole is over the
 * budget by is taken off it until it fits. */
enum status allocate_fit(struct allocate_run *out, struct allocate_job *j,
                         const struct allocate_block *block, double before,
                         struct error *err)
{
    enum { TRIES = 20 };
    struct budget_thing *thing = calloc((size_t)j->n_blocks + 1, sizeof *thing);
    double budget = j->budget;

    if (!thing)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d blocks",
                         j->n_blocks);
    enum status status = STATUS_OK;
    for (int b = 0; b < j->n_blocks; b++)
        thing[b] = (struct budget_thing){ .option = block[b].option,
                                          .n = block[b].n };
    for (int i = 0; i < TRIES && status == STATUS_OK; i++) {
        status = budget_choose(thing, j->n_blocks, budget - before, &j->choice,
                               err);
        for (int b = 0; b < j->n_blocks && status == STATUS_OK; b++)
            out->capacity[block[b].layer] = block[b].capacity[thing[b].chosen];
        if (status == STATUS_OK)
            status = allocate_cost(&out->cost, j, out->capacity, err);
        if (!j->choice.fits || (status == STATUS_OK && out->cost <= j->budget))
            break;
        budget -= out->cost - j->budget;
    }
    free(thing);
    out->runs = j->choice.fits;
    out->nats = j->choice.loss;
    return status;
}

static enum status choose(struct allocate_job *j, struct error *err)
{
    struct allocate_run *chosen = &j->run[ALLOCATE_CHOSEN];
    enum status status = allocate_fit(chosen, j, j->block,
                                      j->run[ALLOCATE_AS_IS].cost, err);

    if (status == STATUS_OK && !chosen->runs)
        status = too_small(j, chosen->cost, err);
    return status;
}

/* ---- rivals ---- */

/* The largest share, the same for all blocks, that costs no more. */
static enum status make_uniform(struct allocate_job *j, struct error *err)
{
    struct allocate_run *u = &j->run[ALLOCATE_UNIFORM];
    const int32_t n = (int32_t)j->config.window;
    int32_t low = 0, high = n;
    enum status status = STATUS_OK;

    *u = (struct allocate_run){ .nats = (double)NAN };
    while (low < high && status == STATUS_OK) {
        const int32_t middle = (low + high + 1) / 2;
        set_all(j, u->capacity, (double)middle / n);
        status = allocate_cost(&u->cost, j, u->capacity, err);
        if (u->cost <= j->run[ALLOCATE_CHOSEN].cost)
            low = middle;
        else
            high = middle - 1;
    }
    set_all(j, u->capacity, (double)low / n);
    u->runs = status == STATUS_OK;
    return status == STATUS_OK ? allocate_cost(&u->cost, j, u->capacity, err)
                               : status;
}

/* What the table says of a block at capacity 0 or 1; NAN: nothing. */
static double loss_at(const struct allocate_block *b, double capacity)
{
    for (int i = 0; i < b->n; i++)
        if (b->capacity[i] <= capacity && b->capacity[i] >= capacity)
            return b->option[i].loss;
    return (double)NAN;
}

/* The block, of those that work, that loses least when it is dropped, by the
 * table; -1: it does not say of any. */
static int next_by_table(const struct allocate_job *j, const double *capacity)
{
    double least = INFINITY;
    int found = -1;

    for (int b = 0; b < j->n_blocks; b++) {
        const struct allocate_block *block = &j->block[b];
        const double loses = loss_at(block, 0) - loss_at(block, 1);
        if (capacity[block->layer] > 0 && loses < least) {
            least = loses;
            found = b;
        }
    }
    return found;
}

/* The next to be dropped: noted before, by what the rest loses without it, or by
 * the table. */
static enum status next_dropped(struct allocate_drop *out,
                                struct allocate_job *j, int n_dropped,
                                const struct allocate_run *now,
                                struct error *err)
{
    enum status status = STATUS_OK;

    if (n_dropped < j->n_drops) {
        *out = j->drop[n_dropped];
        return STATUS_OK;
    }
    out->block = next_by_table(j, now->capacity);
    if (out->block < 0)
        return STATUS_OK;
    const struct allocate_block *block = &j->block[out->block];
    out->nats = now->nats + loss_at(block, 0) - loss_at(block, 1);
    if (j->flags.rounds > 0)
        status = allocate_measure_drops(out, j, now->capacity, err);
    j->drop[j->n_drops++] = *out;
    return status;
}

/* Whole blocks, the others on all tokens: as many as it takes to cost no more,
 * and one fewer. */
static enum status make_dropped(struct allocate_job *j, struct error *err)
{
    struct allocate_run *less = &j->run[ALLOCATE_LESS];
    struct allocate_run *more = &j->run[ALLOCATE_MORE];
    enum status status;

    *less = *more = (struct allocate_run){ .runs = false };
    set_all(j, less->capacity, 1.0);
    for (int b = 0; b < j->n_blocks; b++)
        less->nats += loss_at(&j->block[b], 1);
    status = allocate_cost(&less->cost, j, less->capacity, err);
    for (int n = 0; status == STATUS_OK &&
                    less->cost > j->run[ALLOCATE_CHOSEN].cost; n++) {
        struct allocate_drop drop = { .block = -1 };
        status = next_dropped(&drop, j, n, less, err);
        if (status != STATUS_OK || drop.block < 0)
            return status;
        *more = *less;
        more->runs = true;
        less->capacity[j->block[drop.block].layer] = 0;
        less->nats = drop.nats;
        status = allocate_cost(&less->cost, j, less->capacity, err);
    }
    less->runs = status == STATUS_OK;
    return status;
}

enum status allocate_rivals(struct allocate_job *j, struct error *err)
{
    enum status status = make_uniform(j, err);

    return status == STATUS_OK ? make_dropped(j, err) : status;
}

enum status allocate_choose(struct allocate_job *j, struct error *err)
{
    enum status status;

    if ((status = check_unseen(j, err)) || (status = read_table(j, err)) ||
        (status = read_budget(j, err)) || (status = price_options(j, err)))
        return status;
    return choose(j, err);
}
