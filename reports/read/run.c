/* run.c - a run directory, read back. */
#include "reports/read/run.h"

#include <ctype.h>
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "reports/read/jsonpath.h"
#include "reports/read/profile.h"
#include "sim/core/model/route.h"
#include "sim/core/answer/rundir.h"

const char *const run_commands[RUN_KIND_COUNT] = {
#define X(id, command) [RUN_##id] = command,
    RUN_KIND_MAP(X)
#undef X
};

struct amount totals_best(const struct totals *totals, enum metric metric)
{
    static const enum witness order[] = { WITNESS_MEASURED, WITNESS_COUNTED };

    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (amount_known(totals->of[order[i]][metric]))
            return totals->of[order[i]][metric];
    return totals->of[WITNESS_PREDICTED][metric];
}

static struct amount read_total(const json_t *witness, enum witness w,
                                enum metric m)
{
    static const enum provenance usual[WITNESS_COUNT] = {
        [WITNESS_PREDICTED] = PROV_PREDICTED,
        [WITNESS_COUNTED]   = PROV_COUNTED,
        [WITNESS_MEASURED]  = PROV_MEASURED,
    };
    const char *column = metric_table[m].column;
    const char *source = jsonpath_text(json_object_get(witness, "sources"),
                                       column);
    const char *reason = jsonpath_text(json_object_get(witness, "reasons"),
                                       column);
    struct amount amount = amount_of(jsonpath_number(witness, column),
                                     usual[w]);

    for (int p = 0; source && amount_known(amount) && p < PROV_COUNT; p++)
        if (strcmp(source, provenance_names[p]) == 0)
            amount.from = (enum provenance)p;
    amount.modelled = amount_is_model(m, amount.from);
    if (!amount_known(amount))
        return amount_unknown(reason ? reason
                                     : "summary.json holds no number for it");
    return amount;
}

void totals_read(struct totals *out, const json_t *totals)
{
    for (int w = 0; w < WITNESS_COUNT; w++)
        for (int m = 0; m < METRIC_COUNT; m++)
            out->of[w][m] = read_total(json_object_get(totals,
                                                       witness_names[w]),
                                       (enum witness)w, (enum metric)m);
}

/* A number, or the mean of a list of them. */
static double number_or_mean(const json_t *value)
{
    double sum = 0;
    const json_t *item;
    size_t i;

    if (!json_is_array(value) || json_array_size(value) == 0)
        return json_is_number(value) ? json_number_value(value) : nan("");
    json_array_foreach(value, i, item)
        sum += json_is_number(item) ? json_number_value(item) : nan("");
    return sum / (double)json_array_size(value);
}

/* The first of several names that holds a number. */
static double first_number(const json_t *root, const char *const *paths)
{
    double value = nan("");

    for (; *paths && !isfinite(value); paths++)
        value = number_or_mean(jsonpath_at(root, *paths));
    return value;
}

static double count_blocks(const json_t *blocks)
{
    if (json_is_array(blocks))
        return (double)json_array_size(blocks);
    return json_is_number(blocks) ? json_number_value(blocks) : nan("");
}

static double nats_per_byte(const json_t *summary, const char *path)
{
    const json_t *value = jsonpath_at(summary, path);
    if (json_is_object(value))
        return jsonpath_number(value, "nats_per_byte");
    return json_is_number(value) ? json_number_value(value) : nan("");
}

static void read_facts(struct facts *f, const json_t *s)
{
    static const char *const layers[] = { "config.model.layers", NULL };
    static const char *const channels[] = { "config.model.channels", NULL };
    static const char *const parameters[] = { "parameters", "n_parameters",
        "model.parameters", NULL };
    static const char *const seeds[] = { "seed", "config.train.seed",
        "provenance.seed", NULL };
    static const char *const real[] = { "routing.capacity_realised", NULL };
    static const char *const nominal[] = { "routing.capacity_nominal",
        "config.routing.capacity", NULL };
    const struct route_policy *policy;
    const char *router;

    f->n_layers = first_number(s, layers);
    f->n_channels = first_number(s, channels);
    f->n_parameters = first_number(s, parameters);
    f->seed = first_number(s, seeds);
    f->capacity = first_number(s, nominal);
    f->realised = first_number(s, real);
    f->n_routed = count_blocks(jsonpath_at(s, "routing.blocks"));
    f->policy = jsonpath_text(s, "config.routing.policy");
    if (!f->policy)
        f->policy = jsonpath_text(s, "routing.policy");
    f->rule = jsonpath_text(s, "routing.rule");
    if (!f->rule)
        f->rule = f->policy;
    f->loss_train = nats_per_byte(s, "loss.train");
    f->loss_causal = nats_per_byte(s, "loss.heldout_causal");
    f->loss_topk = nats_per_byte(s, "loss.heldout_topk");
    f->flops_forward = jsonpath_number(s, "flops_per_token_forward");
    f->tokens = jsonpath_number(s, "tokens");
    policy = f->policy ? route_find(f->policy) : NULL;
    f->dense = (policy && !policy->choose) || f->n_routed == 0 ||
               f->capacity >= 1 || !json_is_object(json_object_get(s,
                                                                "routing"));
    router = jsonpath_text(s, "config.routing.router");
    f->control = !f->dense && ((policy && !policy->scored) ||
                               (router && strcmp(router, "frozen") == 0));
    if (f->control && policy && policy->scored)
        f->policy = "frozen router";
    if (f->dense) {
        f->n_routed = 0;
        f->capacity = f->realised = 1;
    }
}

/* The last part of a path, without slashes at its end. */
static void name_of(char out[RUN_NAME_SIZE], const char *path)
{
    size_t n = strlen(path), start;

    while (n > 1 && path[n - 1] == '/')
        n--;
    start = n;
    while (start > 0 && path[start - 1] != '/')
        start--;
    snprintf(out, RUN_NAME_SIZE, "%.*s", (int)(n - start), path + start);
}

bool run_has(const struct run *run, const char *file, char path[FILE_PATH_SIZE])
{
    struct error ignored;
    return file_join(path, run->path, file, &ignored) == STATUS_OK &&
           file_exists(path);
}

static enum status find_kind(struct run *run, struct error *err)
{
    const char *command = jsonpath_text(run->summary, "command");

    for (int k = 0; command && k < RUN_KIND_COUNT; k++)
        if (strcmp(command, run_commands[k]) == 0) {
            run->kind = (enum run_kind)k;
            return STATUS_OK;
        }
    return error_set(err, STATUS_BAD_VALUE, "%s/summary.json:1: command is "
                     "'%.40s', a report takes directories of train, run, "
                     "profile or sweep", run->path, command ? command : "");
}

static int is_point(const struct dirent *entry)
{
    return isdigit((unsigned char)entry->d_name[0]);
}

/* A summary that is not "done" was left by a point that ended early. */
static enum status add_point(struct run *sweep, const char *path,
                             struct error *err)
{
    struct run *point = &sweep->point[sweep->n_points];
    enum status status = run_open(point, path, err);
    const char *state;

    if (status != STATUS_OK)
        return status;
    state = jsonpath_text(point->summary, "status");
    if ((point->kind != RUN_TRAIN && point->kind != RUN_SCORE) ||
        (state && strcmp(state, "done") != 0)) {
        run_close(point);
        sweep->n_unfinished++;
    } else {
        sweep->n_points++;
    }
    return STATUS_OK;
}

static enum status open_point(struct run *sweep, const char *folder,
                              const char *name, struct error *err)
{
    char path[FILE_PATH_SIZE], summary[FILE_PATH_SIZE];
    enum status status = file_join(path, folder, name, err);

    if (status == STATUS_OK)
        status = file_join(summary, path, "summary.json", err);
    if (status != STATUS_OK)
        return status;
    if (file_exists(summary))
        return add_point(sweep, path, err);
    sweep->n_unfinished++;
    return STATUS_OK;
}

static enum status open_points(struct run *run, struct error *err)
{
    char folder[FILE_PATH_SIZE];
    struct dirent **entry = NULL;
    enum status status = STATUS_OK;
    int n;

    if (!run_has(run, "points", folder))
        return STATUS_OK;
    n = scandir(folder, &entry, is_point, alphasort);
    if (n < 0)
        return error_set(err, STATUS_IO, "%s: cannot be listed", folder);
    run->point = calloc((size_t)n + 1, sizeof *run->point);
    for (int i = 0; i < n; i++) {
        if (run->point && status == STATUS_OK)
            status = open_point(run, folder, entry[i]->d_name, err);
        free(entry[i]);
    }
    free(entry);
    if (!run->point)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d points", n);
    return status;
}

static enum status no_run(const char *path, struct error *err)
{
    return error_set(err, STATUS_BAD_VALUE, "%s: no run directory: neither "
                     "summary.json nor points/ stands in it", path);
}

enum status run_open(struct run *out, const char *path, struct error *err)
{
    struct run run = { .kind = RUN_SWEEP };
    char file[FILE_PATH_SIZE];
    enum status status = STATUS_OK;

    if (strlen(path) >= sizeof run.path)
        return error_set(err, STATUS_BAD_VALUE, "%.100s...: path too long",
                         path);
    snprintf(run.path, sizeof run.path, "%s", path);
    name_of(run.name, path);
    if (run_has(&run, "summary.json", file)) {
        status = summary_read(&run.summary, path, err);
        if (status == STATUS_OK)
            status = find_kind(&run, err);
    } else if (!run_has(&run, "points", file) &&
               !run_has(&run, "points.csv", file)) {
        status = no_run(path, err);
    }
    if (status == STATUS_OK) {
        totals_read(&run.totals, json_object_get(run.summary, "totals"));
        read_facts(&run.facts, run.summary);
        if (run.kind == RUN_SWEEP)
            status = open_points(&run, err);
        else if (run.kind == RUN_PROFILE)
            status = profile_read(&run, err);
    }
    if (status != STATUS_OK) {
        run_close(&run);
        return status;
    }
    *out = run;
    return STATUS_OK;
}

void run_close(struct run *run)
{
    if (!run)
        return;
    for (size_t i = 0; i < run->n_points; i++)
        run_close(&run->point[i]);
    for (size_t i = 0; i < run->n_phases; i++)
        for (int a = 0; a < ARM_COUNT; a++)
            witnesses_close(&run->phase[i].witnesses[a]);
    free(run->point);
    free(run->phase);
    json_decref(run->summary);
    *run = (struct run){ .kind = RUN_SWEEP };
}

enum status run_ledgers(struct witnesses *out, const struct run *run,
                        struct error *err)
{
    char path[FILE_PATH_SIZE];

    *out = (struct witnesses){ .n_layers = 0 };
    if (!run_has(run, "ledger.csv", path))
        return STATUS_OK;
    return witnesses_read(out, path, NULL, err);
}
