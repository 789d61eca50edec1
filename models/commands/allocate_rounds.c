/* allocate_rounds.c - Measure around what was chosen, and choose again, until
 * nothing that is tried loses less: what several blocks lose together no table of
 * single ones foretells. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/commands/allocate_job.h"

/* Exchanges that are run in a round: a choice.  A round measures every block at
 * every capacity, against which a few runs more are little. */
enum { EXCHANGES = 4 };

/* ---- the text of the table ---- */

static const json_t *said(const struct allocate_job *j, const char *key)
{
    return json_object_get(json_object_get(json_object_get(j->table, "config"),
                                           "run"), key);
}

static int split_of(const char *name)
{
    for (int i = 0; name && i < SPLIT_COUNT; i++)
        if (strcmp(name, split_names[i]) == 0)
            return i;
    return RUN_ALL;
}

enum status allocate_open_tuning(struct allocate_job *j, struct error *err)
{
    struct allocate_tuning *t = &j->tuning;
    const char *text = json_string_value(said(j, "text"));
    const char *hash = json_string_value(json_object_get(json_object_get(
        j->table, "provenance"), "data_hash"));
    struct error why;

    if (j->flags.rounds == 0)
        return STATUS_OK;
    t->config = j->config;
    snprintf(t->config.text, sizeof t->config.text, "%s", text ? text : "");
    t->config.skip = json_integer_value(said(j, "skip"));
    t->config.limit = json_integer_value(said(j, "limit"));
    t->config.split = split_of(json_string_value(said(j, "split")));
    enum status status = run_text_open_once(&t->text, &t->config, &j->source,
                                            &why);
    if (status == STATUS_OK && (!hash || strcmp(hash, t->text.hash) != 0))
        status = error_set(&why, STATUS_BAD_VALUE, "%s has changed since",
                           t->config.text);
    if (status != STATUS_OK)
        return error_set(err, status, "--rounds: the text that --sensitivity"
                         " was measured on: %s", why.text);
    t->capacities.weights_of = j->capacities.model;
    return capacities_open(&t->capacities, &j->source, &t->config,
                           &t->text.windows, j->flags.common.threads, err);
}

void allocate_close_tuning(struct allocate_tuning *t)
{
    free(t->round);
    capacities_close(&t->capacities);
    run_text_close(&t->text);
}

/* ---- runs ---- */

static bool go_on(void *watcher)
{
    struct allocate_job *j = watcher;

    progress_at(&j->progress, (double)j->tuning.runs, "");
    return !command_interrupted;
}

/* Nats a token on the table's text. */
static enum status lose(double *out, struct allocate_job *j,
                        const double *capacity, struct error *err)
{
    struct capacities *c = &j->tuning.capacities;
    struct capacity_loss loss = { .nats = NULL };
    enum status status = capacities_run(c, capacity, go_on, j, &loss, err);

    if (status == STATUS_OK)
        *out = capacities_nats(c, &loss);
    j->tuning.runs++;
    capacity_loss_close(&loss);
    return status;
}

/* Run it, unless it costs too much; *best becomes it where that loses more. */
static enum status try(struct allocate_round *best, struct allocate_job *j,
                       const char *by, const double *capacity, struct error *err)
{
    struct allocate_round tried = { .by = by };

    memcpy(tried.capacity, capacity, sizeof tried.capacity);
    enum status status = allocate_cost(&tried.cost, j, capacity, err);
    if (status != STATUS_OK || tried.cost > j->budget)
        return status;
    status = lose(&tried.nats, j, capacity, err);
    if (status == STATUS_OK && !(tried.nats >= best->nats))
        *best = tried;
    return status;
}

enum status allocate_measure_drops(struct allocate_drop *out,
                                   struct allocate_job *j,
                                   const double *capacity, struct error *err)
{
    double tried[SPEC_MAX_LAYERS], nats = 0;
    enum status status = STATUS_OK;

    out->nats = INFINITY;
    memcpy(tried, capacity, sizeof tried);
    for (int b = 0; b < j->n_blocks && status == STATUS_OK; b++) {
        const int32_t l = j->block[b].layer;
        if (capacity[l] <= 0)
            continue;
        tried[l] = 0;
        status = lose(&nats, j, tried, err);
        tried[l] = capacity[l];
        if (nats - j->tuning.as_is < out->nats)
            *out = (struct allocate_drop){ b, nats - j->tuning.as_is };
    }
    return status;
}

/* ---- where to begin ---- */

/* One block fewer dropped than fits, and the others lowered by the table until it
 * does. */
static enum status lower_rest(struct allocate_run *out, struct allocate_job *j,
                              struct error *err)
{
    const struct allocate_run *more = &j->run[ALLOCATE_MORE];
    struct allocate_block *block = calloc((size_t)j->n_blocks + 1,
                                          sizeof *block);

    if (!block)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d blocks",
                         j->n_blocks);
    for (int b = 0; b < j->n_blocks; b++) {
        block[b] = j->block[b];
        if (more->capacity[block[b].layer] <= 0)
            block[b].n = 1;                  /* capacities rise */
    }
    enum status status = allocate_fit(out, j, block,
                                      j->run[ALLOCATE_AS_IS].cost, err);
    free(block);
    return status;
}

static enum status begin(struct allocate_round *best, struct allocate_job *j,
                         struct error *err)
{
    struct allocate_run rest = { .runs = false };
    const struct { const char *by; const struct allocate_run *run; } from[] = {
        { "by the table", &j->run[ALLOCATE_FIRST] },
        { "the same in all", &j->run[ALLOCATE_UNIFORM] },
        { "blocks dropped", &j->run[ALLOCATE_LESS] },
        { "blocks dropped, others lowered", &rest },
    };
    enum status status = STATUS_OK;

    if (j->run[ALLOCATE_MORE].runs)
        status = lower_rest(&rest, j, err);
    best->nats = INFINITY;
    for (size_t i = 0; i < sizeof from / sizeof *from; i++)
        if (status == STATUS_OK && from[i].run->runs)
            status = try(best, j, from[i].by, from[i].run->capacity, err);
    return status;
}

/* ---- a round ---- */

static bool is(double a, double b)
{
    return a >= b && a <= b;
}

/* Every block at every capacity of the table, the others as in `at`: losses and
 * costs more than there.  An off-table capacity of `at` is an option too. */
static enum status measure_around(struct allocate_block *block,
                                  struct allocate_job *j,
                                  const struct allocate_round *at,
                                  struct error *err)
{
    enum status status = STATUS_OK;

    for (int b = 0; b < j->n_blocks; b++) {
        struct allocate_block *x = &block[b];
        double capacity[SPEC_MAX_LAYERS];
        bool listed = false;

        memcpy(capacity, at->capacity, sizeof capacity);
        *x = j->block[b];
        for (int i = 0; i < x->n; i++)
            listed |= is(x->capacity[i], at->capacity[x->layer]);
        if (!listed)
            x->capacity[x->n++] = at->capacity[x->layer];
        for (int i = 0; i < x->n && status == STATUS_OK; i++) {
            x->option[i] = (struct budget_option){ .cost = 0 };
            if (is(x->capacity[i], at->capacity[x->layer]))
                continue;
            capacity[x->layer] = x->capacity[i];
            status = allocate_cost(&x->option[i].cost, j, capacity, err);
            if (status == STATUS_OK)
                status = lose(&x->option[i].loss, j, capacity, err);
            x->option[i].cost -= at->cost;
            x->option[i].loss -= at->nats;
        }
    }
    return status;
}

/* Two blocks changed together, or one twice. */
struct exchange { int block[2], option[2]; double loss; };

/* Keep the EXCHANGES that are said to lose least, the best first. */
static void offer(struct exchange kept[EXCHANGES], struct exchange x)
{
    for (int i = 0; i < EXCHANGES; i++)
        if (x.loss < kept[i].loss) {
            const struct exchange worse = kept[i];
            kept[i] = x;
            x = worse;
        }
}

static void find_exchanges(struct exchange kept[EXCHANGES],
                           const struct allocate_job *j,
                           const struct allocate_block *block, double room)
{
    for (int i = 0; i < EXCHANGES; i++)
        kept[i] = (struct exchange){ .loss = 0 };
    for (int a = 0; a < j->n_blocks; a++)
        for (int b = a; b < j->n_blocks; b++)
            for (int n = 0; n < block[a].n; n++)
                for (int m = 0; m < (b > a ? block[b].n : 1); m++) {
                    const struct budget_option *x = &block[a].option[n];
                    const struct budget_option *y = &block[b].option[m];
                    const double more = b > a ? y->loss : 0;
                    if (x->cost + (b > a ? y->cost : 0) <= room)
                        offer(kept, (struct exchange){
                            { a, b }, { n, b > a ? m : n }, x->loss + more });
                }
}

static enum status try_exchanges(struct allocate_round *best,
                                 struct allocate_job *j,
                                 const struct allocate_block *block,
                                 const struct allocate_round *at,
                                 struct error *err)
{
    struct exchange kept[EXCHANGES];
    enum status status = STATUS_OK;

    find_exchanges(kept, j, block, j->budget - at->cost);
    for (int i = 0; i < EXCHANGES && status == STATUS_OK; i++) {
        double capacity[SPEC_MAX_LAYERS];
        if (!(kept[i].loss < 0))
            break;
        memcpy(capacity, at->capacity, sizeof capacity);
        for (int k = 0; k < 2; k++) {
            const struct allocate_block *x = &block[kept[i].block[k]];
            capacity[x->layer] = x->capacity[kept[i].option[k]];
        }
        status = try(best, j, "exchanged", capacity, err);
    }
    return status;
}

/* *best starts as the last round, and stays it where nothing is better. */
static enum status go_round(struct allocate_round *best, struct allocate_job *j,
                            struct error *err)
{
    const struct allocate_round at = *best;
    struct allocate_run anew = { .runs = false };
    struct allocate_block *block = calloc((size_t)j->n_blocks + 1,
                                          sizeof *block);

    if (!block)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d blocks",
                         j->n_blocks);
    enum status status = measure_around(block, j, &at, err);
    if (status == STATUS_OK)
        status = allocate_fit(&anew, j, block, at.cost, err);
    if (status == STATUS_OK)
        status = try(best, j, "chosen anew", anew.capacity, err);
    if (status == STATUS_OK)
        status = try_exchanges(best, j, block, &at, err);
    free(block);
    return status;
}

static void note(struct allocate_tuning *t, const struct allocate_round *round)
{
    struct allocate_round *r = &t->round[t->n_rounds++];

    *r = *round;
    r->runs = t->runs;
}

enum status allocate_rounds(struct allocate_job *j, struct error *err)
{
    struct allocate_tuning *t = &j->tuning;
    const int64_t n = j->flags.rounds;
    struct allocate_run *chosen = &j->run[ALLOCATE_CHOSEN];
    struct allocate_round best = { .nats = INFINITY };
    int64_t cells = 0;

    if (n == 0)
        return allocate_rivals(j, err);
    for (int b = 0; b < j->n_blocks; b++)
        cells += j->block[b].n;
    j->run[ALLOCATE_FIRST] = *chosen;
    t->round = calloc((size_t)n + 1, sizeof *t->round);
    if (!t->round)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %" PRId64
                         " rounds", n);
    j->progress = progress_begin("choosing", "run", (double)(n * cells),
                                 j->flags.common.quiet);
    enum status status = lose(&t->as_is, j, j->run[ALLOCATE_AS_IS].capacity,
                              err);
    if (status == STATUS_OK)
        status = allocate_rivals(j, err);
    if (status == STATUS_OK)
        status = begin(&best, j, err);
    if (status == STATUS_OK)
        note(t, &best);
    for (int64_t i = 0; i < n && status == STATUS_OK && !t->settled; i++) {
        const double before = best.nats;
        status = go_round(&best, j, err);
        t->settled = !(best.nats < before);
        if (status == STATUS_OK && !t->settled)
            note(t, &best);
    }
    memcpy(chosen->capacity, best.capacity, sizeof chosen->capacity);
    chosen->cost = best.cost;
    chosen->nats = best.nats - t->as_is;
    if (status == STATUS_OK)
        status = allocate_rivals(j, err);
    progress_end(&j->progress);
    return status == STATUS_INTERRUPTED
               ? error_set(err, status, "interrupted after %" PRId64 " runs of"
                           " choosing; nothing is written", t->runs)
               : status;
}
