/* study.c - Gather trained runs into settings, whose runs are equal in all but
 * the seed. */
#include "reports/read/study.h"

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "reports/read/setting_key.h"
#include "sim/core/answer/table.h"

const char *const setting_kind_names[SETTING_KIND_COUNT] = {
    [SETTING_DENSE] = "dense", [SETTING_MOD] = "MoD",
    [SETTING_CONTROL] = "control", [SETTING_OTHER] = "other",
};

/* The row of the study, and which of its settings this is, by the axes in the
 * point's name: "top-k", "top-k learning_rate=0.002". */
static void label_row(struct setting *s, const struct run *run)
{
    const size_t row = strlen(run->row);
    const char *at = run->title && strncmp(run->title, run->row, row) == 0
                         ? run->title + row : "";

    snprintf(s->label, sizeof s->label, "%s", run->row);
    while (*at) {
        const size_t n = 1 + strcspn(at + 1, " ");
        const size_t used = strlen(s->label);
        if (!setting_may_differ_in(at + 1, strcspn(at + 1, "=")))
            snprintf(s->label + used, sizeof s->label - used, "%.*s", (int)n,
                     at);
        at += n;
    }
}

static void label_setting(struct setting *s, const struct facts *f)
{
    char routed[16] = "";

    if (isfinite(f->n_layers) && isfinite(f->n_channels))
        snprintf(s->shape, sizeof s->shape, "%.0f×%.0f", f->n_layers,
                 f->n_channels);
    if (isfinite(f->n_routed))
        snprintf(routed, sizeof routed, " in %.0f", f->n_routed);
    if (s->kind == SETTING_OTHER)
        snprintf(s->label, sizeof s->label, "%.20s%s%s", f->mode,
                 *s->shape ? " " : "", s->shape);
    else if (s->kind == SETTING_DENSE)
        snprintf(s->label, sizeof s->label, "%s", *s->shape ? s->shape
                                                            : "dense");
    else
        snprintf(s->label, sizeof s->label, "%.20s%s%g%%%s%s%s",
                 s->kind == SETTING_CONTROL ? f->policy : "",
                 s->kind == SETTING_CONTROL ? " " : "", 100 * f->capacity,
                 routed, *s->shape ? ", " : "", s->shape);
}

static struct amount flops_trained(const struct run *run)
{
    struct amount counted = run->totals.of[WITNESS_COUNTED][METRIC_FLOPS];
    return amount_known(counted)
           ? counted : run->totals.of[WITNESS_PREDICTED][METRIC_FLOPS];
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same_result(const struct run *a, const struct run *b)
{
    return same(a->facts.loss_causal, b->facts.loss_causal) &&
           same(a->facts.loss_topk, b->facts.loss_topk) &&
           same(a->facts.loss_train, b->facts.loss_train) &&
           same(flops_trained(a).value, flops_trained(b).value);
}

static struct setting *find_setting(struct study *study, const char *key)
{
    for (size_t i = 0; i < study->n; i++)
        if (strcmp(study->setting[i].key, key) == 0)
            return &study->setting[i];
    return NULL;
}

/* Takes the key. */
static enum status new_setting(struct study *study, char *key,
                               const struct run *run, struct error *err)
{
    struct setting *s = &study->setting[study->n++];
    const struct facts *f = &run->facts;

    s->key = key;
    s->kind = f->mode    ? SETTING_OTHER
              : f->dense ? SETTING_DENSE
              : f->control ? SETTING_CONTROL : SETTING_MOD;
    s->capacity = f->capacity;
    s->n_parameters = f->n_parameters;
    s->tokens = f->tokens;
    s->blocks = "loss.blocks.nats_causal";
    label_setting(s, f);
    if (run->row)
        label_row(s, run);
    s->run = calloc(study->n_runs, sizeof(struct run *));
    s->seed = calloc(study->n_runs, sizeof *s->seed);
    s->loss = calloc(study->n_runs, sizeof *s->loss);
    if (!s->run || !s->seed || !s->loss)
        return error_set(err, STATUS_NO_MEMORY, "no memory for settings");
    return STATUS_OK;
}

/* A run that was there before is left out; a seed that was there before with
 * another result stays as a repeat. */
static void join_setting(struct study *study, struct setting *s,
                         const struct run *run)
{
    bool repeats = false;

    for (size_t i = 0; i < s->n; i++) {
        assert(s->run[i] != NULL);
        if (!same(s->run[i]->facts.seed, run->facts.seed))
            continue;
        if (same_result(s->run[i], run)) {
            study->n_twice++;
            return;
        }
        repeats = true;
    }
    study->n_repeats += repeats;
    if (!repeats)
        s->seed[s->n_seeds++] = run->facts.seed;
    s->run[s->n++] = run;
}

static enum status add_run(struct study *study, const struct run *run,
                           struct error *err)
{
    char *key = setting_key(run);
    enum status status = STATUS_OK;

    if (!key)
        return error_set(err, STATUS_NO_MEMORY, "no memory for settings");
    if (find_setting(study, key)) {
        join_setting(study, find_setting(study, key), run);
        free(key);
        return STATUS_OK;
    }
    status = new_setting(study, key, run, err);
    if (status == STATUS_OK)
        join_setting(study, &study->setting[study->n - 1], run);
    return status;
}

/* A fact of a seed: the mean over its repeats, which is a single run but for
 * those; NAN: none of them knows it. */
static double of_seed(const struct setting *s, double seed, size_t fact)
{
    double sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        double value;
        memcpy(&value, (const char *)&s->run[i]->facts + fact, sizeof value);
        if (same(s->run[i]->facts.seed, seed) && isfinite(value)) {
            sum += value;
            n++;
        }
    }
    return n ? sum / (double)n : nan("");
}

/* Of the seeds that know the fact; x[n_seeds] */
static struct spread over_seeds(const struct setting *s, size_t fact, double *x)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_seeds; i++) {
        x[n] = of_seed(s, s->seed[i], fact);
        n += isfinite(x[n]) != 0;
    }
    return stats_spread(x, n);
}

static void summarise(struct setting *s, double *x)
{
    double flops = 0;
    size_t n = 0;

#define OVER_SEEDS(fact) over_seeds(s, offsetof(struct facts, fact), x)
    s->causal = OVER_SEEDS(loss_causal);
    s->topk = OVER_SEEDS(loss_topk);
    s->train = OVER_SEEDS(loss_train);
    s->realised = OVER_SEEDS(realised);
    s->flops_forward = OVER_SEEDS(flops_forward).mean;
    s->flops_topk = OVER_SEEDS(flops_topk).mean;
#undef OVER_SEEDS
    for (size_t i = 0; i < s->n_seeds; i++)
        s->loss[i] = of_seed(s, s->seed[i], offsetof(struct facts,
                                                     loss_causal));
    for (size_t i = 0; i < s->n; i++)
        if (amount_known(flops_trained(s->run[i]))) {
            flops += flops_trained(s->run[i]).value;
            n++;
        }
    s->flops_train = n ? flops / (double)n : nan("");
}

static void budget(struct study *study)
{
    study->flops_low = HUGE_VAL;
    study->flops_from = PROV_MEASURED;
    for (size_t i = 0; i < study->n; i++)
        for (size_t j = 0; j < study->setting[i].n; j++) {
            struct amount flops = flops_trained(study->setting[i].run[j]);
            if (flops.from < study->flops_from)
                study->flops_from = flops.from;
            if (!amount_known(flops))
                continue;
            study->flops_low = fmin(study->flops_low, flops.value);
            study->flops_high = fmax(study->flops_high, flops.value);
        }
    study->equal_flops = study->flops_from != PROV_UNKNOWN && study->n &&
                         study->flops_high <= study->flops_low *
                         (1 + STUDY_EQUAL_PERMILLE / 1000.0);
}

static int by_flops(const void *a, const void *b)
{
    double x = (*(struct setting *const *)a)->flops_train;
    double y = (*(struct setting *const *)b)->flops_train;
    return (x > y) - (x < y);
}

/* Settings whose training cost the same, within 1 % of the least of them. */
static enum status find_budgets(struct study *study, struct error *err)
{
    struct setting **order = calloc(study->n + 1, sizeof(struct setting *));
    double first = 0;
    size_t n = 0;

    study->budget = calloc(study->n + 1, sizeof *study->budget);
    if (!order || !study->budget) {
        free(order);
        return error_set(err, STATUS_NO_MEMORY, "no memory for budgets");
    }
    for (size_t i = 0; i < study->n; i++) {
        study->setting[i].budget = -1;
        if (study->setting[i].flops_train > 0)
            order[n++] = &study->setting[i];
    }
    qsort(order, n, sizeof(struct setting *), by_flops);
    study->separate = true;
    for (size_t i = 0; i < n; i++) {
        double flops = order[i]->flops_train;
        if (flops > first * (1 + STUDY_EQUAL_PERMILLE / 1000.0)) {
            study->separate &= i == 0 ||
                               flops >= 1.25 * order[i - 1]->flops_train;
            first = flops;
            study->n_budgets++;
        }
        order[i]->budget = (int)study->n_budgets - 1;
        study->budget[study->n_budgets - 1] = flops;
    }
    study->separate &= study->n_budgets > 1;
    free(order);
    return STATUS_OK;
}

static int by_kind_and_cost(const void *a, const void *b)
{
    const struct setting *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->flops_forward < y->flops_forward)
        return -1;
    if (x->flops_forward > y->flops_forward)
        return 1;
    return strcmp(x->label, y->label);
}

static enum status finish(struct study *study, struct error *err)
{
    double *x = calloc(2 * study->n_runs, sizeof *x);
    enum status status;

    if (!x)
        return error_set(err, STATUS_NO_MEMORY, "no memory for settings");
    for (size_t i = 0; i < study->n; i++)
        summarise(&study->setting[i], x);
    qsort(study->setting, study->n, sizeof *study->setting, by_kind_and_cost);
    budget(study);
    if ((status = find_budgets(study, err)) == STATUS_OK)
        study_judge(study, x);
    free(x);
    return status;
}

enum status study_open(struct study *out, const struct run *runs, size_t n,
                       struct error *err)
{
    struct study study = { .n = 0 };
    enum status status = STATUS_OK;

    for (size_t i = 0; i < n; i++) {
        size_t before = study.n_runs;
        study.n_runs += runs[i].kind == RUN_TRAIN;
        for (size_t j = 0; j < runs[i].n_points; j++)
            study.n_runs += runs[i].point[j].kind == RUN_TRAIN;
        if (study.n_runs > before || runs[i].n_points == 0)
            study.n_unfinished += runs[i].n_unfinished;
    }
    *out = study;
    study.setting = calloc(study.n_runs + 1, sizeof *study.setting);
    if (!study.setting)
        return error_set(err, STATUS_NO_MEMORY, "no memory for settings");
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        if (runs[i].kind == RUN_TRAIN)
            status = add_run(&study, &runs[i], err);
        for (size_t j = 0; j < runs[i].n_points && status == STATUS_OK; j++)
            if (runs[i].point[j].kind == RUN_TRAIN)
                status = add_run(&study, &runs[i].point[j], err);
    }
    study.n_runs -= study.n_twice;
    if (status == STATUS_OK && study.n_runs)
        status = finish(&study, err);
    if (status != STATUS_OK) {
        study_close(&study);
        return status;
    }
    *out = study;
    return STATUS_OK;
}

void study_close(struct study *study)
{
    for (size_t i = 0; i < study->n; i++) {
        free(study->setting[i].key);
        free(study->setting[i].run);
        free(study->setting[i].seed);
        free(study->setting[i].loss);
    }
    free(study->setting);
    free(study->budget);
    *study = (struct study){ .n = 0 };
}

const struct run *study_typical(const struct setting *s)
{
    const struct run *typical = s->run[0];
    double near = HUGE_VAL;

    for (size_t i = 0; i < s->n; i++) {
        double off = fabs(s->run[i]->facts.loss_causal - s->causal.mean);
        if (off < near) {
            near = off;
            typical = s->run[i];
        }
    }
    return typical;
}

const char *setting_kind_word(const struct setting *setting)
{
    return setting->kind == SETTING_OTHER ? setting->run[0]->facts.mode
                                          : setting_kind_names[setting->kind];
}

bool setting_routes_none(const struct setting *setting)
{
    return setting->run[0]->facts.dense;
}

const char *setting_kind_before(const struct setting *setting)
{
    static const char *const before[SETTING_KIND_COUNT] = {
        [SETTING_DENSE] = "dense ", [SETTING_MOD] = "MoD ",
        [SETTING_CONTROL] = "control ", [SETTING_OTHER] = "" };
    const char *kind = setting_kind_names[setting->kind];

    return strncmp(setting->label, kind, strlen(kind)) == 0
               ? "" : before[setting->kind];
}

void study_label(char out[160], const struct study *study,
                 const struct setting *s)
{
    char budget[TABLE_NUMBER_SIZE];

    if (!study->separate || s->budget < 0) {
        snprintf(out, 160, "%s", s->label);
        return;
    }
    table_si(budget, study->budget[s->budget], "FLOP");
    snprintf(out, 160, "%s, %s", s->label, budget);
}

void study_words(char out[160], const struct setting *s)
{
    const struct facts *f = &s->run[0]->facts;
    const int named = s->run[0]->row ? snprintf(out, 160, "%s: ", s->label) : 0;
    const size_t room = 160 - (size_t)named;

    out += named;
    if (!isfinite(f->n_layers) || !isfinite(f->n_channels))
        snprintf(out, room, "%s", s->label);
    else if (setting_routes_none(s))
        snprintf(out, room, "%.0f layers of %.0f channels", f->n_layers,
                 f->n_channels);
    else if (isfinite(f->n_routed))
        snprintf(out, room, "capacity %g %% in %.0f of %.0f layers, %.0f "
                 "channels", 100 * f->capacity, f->n_routed, f->n_layers,
                 f->n_channels);
    else
        snprintf(out, room, "capacity %g %%, %.0f layers of %.0f channels",
                 100 * f->capacity, f->n_layers, f->n_channels);
}
