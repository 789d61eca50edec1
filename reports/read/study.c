/* study.c - Gather trained runs into settings, whose runs are equal in all but
 * the seed. */
#include "reports/read/study.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/answer/table.h"

const char *const setting_kind_names[SETTING_KIND_COUNT] = {
    [SETTING_DENSE] = "dense", [SETTING_MOD] = "MoD",
    [SETTING_CONTROL] = "control",
};

double study_loss(const struct run *run)
{
    const struct facts *f = &run->facts;

    /* A dense model has no rule to choose: both losses are one. */
    if (f->dense && !isfinite(f->loss_causal))
        return f->loss_topk;
    return f->loss_causal;
}

/* Config keys that tell runs of one setting apart. */
static bool is_seed(const char *key)
{
    static const char *const names[] = { "seed", "seeds", "threads", "output",
                                         "name" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(key, names[i]) == 0)
            return true;
    return false;
}

static void drop_seeds(json_t *object)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(object, next, key, value) {
        if (is_seed(key))
            json_object_del(object, key);
        else if (json_is_object(value))
            drop_seeds(value);
    }
}

/* A text equal for equal settings; NULL: no memory. */
static char *setting_key(const struct run *run)
{
    json_t *config = json_deep_copy(json_object_get(run->summary, "config"));
    char *key;

    if (!config)
        return strdup(run->path);     /* nothing to compare by */
    drop_seeds(config);
    key = json_dumps(config, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(config);
    return key;
}

static void label_setting(struct setting *s, const struct facts *f)
{
    char routed[16] = "";

    if (isfinite(f->n_layers) && isfinite(f->n_channels))
        snprintf(s->shape, sizeof s->shape, "%.0f×%.0f", f->n_layers,
                 f->n_channels);
    if (isfinite(f->n_routed))
        snprintf(routed, sizeof routed, " in %.0f", f->n_routed);
    if (s->kind == SETTING_DENSE)
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

static enum status add_run(struct study *study, const struct run *run,
                           struct error *err)
{
    char *key = setting_key(run);
    struct setting *s = NULL;

    if (!key)
        return error_set(err, STATUS_NO_MEMORY, "no memory for settings");
    for (size_t i = 0; i < study->n && !s; i++)
        if (strcmp(study->setting[i].key, key) == 0)
            s = &study->setting[i];
    if (!s) {
        const struct facts *f = &run->facts;
        s = &study->setting[study->n++];
        s->key = key;
        s->kind = f->dense ? SETTING_DENSE
                : f->control ? SETTING_CONTROL : SETTING_MOD;
        s->capacity = f->capacity;
        s->n_parameters = f->n_parameters;
        s->tokens = f->tokens;
        label_setting(s, f);
        s->run = calloc(study->n_runs, sizeof(struct run *));
        if (!s->run)
            return error_set(err, STATUS_NO_MEMORY, "no memory for settings");
    } else {
        free(key);
    }
    s->run[s->n++] = run;
    return STATUS_OK;
}

typedef double value_fn(const struct run *run);

static double loss_topk(const struct run *run)
{
    return run->facts.loss_topk;
}

static double loss_train(const struct run *run)
{
    return run->facts.loss_train;
}

static double realised(const struct run *run)
{
    return run->facts.realised;
}

static double flops_causal(const struct run *run)
{
    return run->facts.flops_forward;
}

static double flops_topk(const struct run *run)
{
    return run->facts.flops_topk;
}

/* The known values of a setting's runs; x[s->n]. */
static size_t values(const struct setting *s, value_fn *value, double *x)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (isfinite(value(s->run[i])))
            x[n++] = value(s->run[i]);
    return n;
}

static void summarise(struct setting *s, double *x)
{
    double flops = 0;
    size_t n = 0;

    s->causal = stats_spread(x, values(s, study_loss, x));
    s->topk = stats_spread(x, values(s, loss_topk, x));
    s->train = stats_spread(x, values(s, loss_train, x));
    s->realised = stats_spread(x, values(s, realised, x));
    s->flops_forward = stats_spread(x, values(s, flops_causal, x)).mean;
    s->flops_topk = stats_spread(x, values(s, flops_topk, x)).mean;
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

/* The lowest loss among settings that spent at least `flops` in training. */
static const struct setting *best_of(const struct study *study,
                                     enum setting_kind kind, double flops)
{
    const struct setting *best = NULL;

    for (size_t i = 0; i < study->n; i++) {
        const struct setting *s = &study->setting[i];
        if (s->kind == kind && s->causal.n && !(s->flops_train < flops) &&
            (!best || s->causal.mean < best->causal.mean))
            best = s;
    }
    return best;
}

static const double largest_share = 0.95;

bool study_is_largest(const struct study *study, const struct setting *s)
{
    return !(s->flops_train < largest_share * study->flops_high);
}

/* Find the best of each kind among the largest budget's runs, if both kinds
 * have some: compared settings should have cost the same. */
static void find_best(struct study *study)
{
    const double large = largest_share * study->flops_high;

    study->dense = best_of(study, SETTING_DENSE, large);
    study->mod = best_of(study, SETTING_MOD, large);
    if (study->dense && study->mod)
        return;
    study->dense = best_of(study, SETTING_DENSE, 0);
    study->mod = best_of(study, SETTING_MOD, 0);
}

/* Loss of the run with that seed; nan("") when there is none. */
static double loss_of_seed(const struct setting *s, double seed)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->run[i]->facts.seed == seed)
            return study_loss(s->run[i]);
    return nan("");
}

/* a less b over the seeds both have; over all their runs when they share fewer
 * than two. */
static struct difference difference_of(const struct setting *a,
                                       const struct setting *b)
{
    struct difference d = { .n = 0, .mean = nan(""), .low = nan(""),
                            .high = nan("") };
    double *x = calloc(2 * a->n, sizeof *x);
    size_t n = 0;

    if (!x)
        return d;
    for (size_t i = 0; i < a->n; i++) {
        double loss = study_loss(a->run[i]);
        double other = loss_of_seed(b, a->run[i]->facts.seed);
        if (isfinite(loss) && isfinite(other)) {
            x[n] = loss;
            x[a->n + n++] = other;
        }
    }
    d = n >= 2 ? stats_paired(x, x + a->n, n) : stats_welch(a->causal,
                                                            b->causal);
    free(x);
    return d;
}

/* The best dense setting of the same budget; of all budgets, if they are not
 * separate or this one has none. */
static const struct setting *rival_of(const struct study *study,
                                      const struct setting *s)
{
    const struct setting *rival = NULL;

    if (!study->separate || s == study->mod || s == study->dense)
        return study->dense;
    for (size_t i = 0; i < study->n; i++) {
        const struct setting *d = &study->setting[i];
        if (d->kind == SETTING_DENSE && d->causal.n && d->budget == s->budget &&
            (!rival || d->causal.mean < rival->causal.mean))
            rival = d;
    }
    return rival ? rival : study->dense;
}

static enum status finish(struct study *study, struct error *err)
{
    double *x = calloc(study->n_runs, sizeof *x);
    enum status status;

    if (!x)
        return error_set(err, STATUS_NO_MEMORY, "no memory for settings");
    for (size_t i = 0; i < study->n; i++)
        summarise(&study->setting[i], x);
    free(x);
    qsort(study->setting, study->n, sizeof *study->setting, by_kind_and_cost);
    budget(study);
    if ((status = find_budgets(study, err)) != STATUS_OK)
        return status;
    find_best(study);
    for (size_t i = 0; i < study->n; i++) {
        struct setting *s = &study->setting[i];
        s->against_dense = (struct difference){ .mean = nan(""), .low = nan(""),
                                                .high = nan("") };
        s->rival = rival_of(study, s);
        if (s->rival && s != s->rival && s->causal.n)
            s->against_dense = difference_of(s, s->rival);
    }
    if (study->mod)
        study->verdict = stats_verdict(study->mod->against_dense);
    return STATUS_OK;
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
        double off = fabs(study_loss(s->run[i]) - s->causal.mean);
        if (off < near) {
            near = off;
            typical = s->run[i];
        }
    }
    return typical;
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

    if (!isfinite(f->n_layers) || !isfinite(f->n_channels))
        snprintf(out, 160, "%s", s->label);
    else if (s->kind == SETTING_DENSE)
        snprintf(out, 160, "%.0f layers of %.0f channels", f->n_layers,
                 f->n_channels);
    else if (isfinite(f->n_routed))
        snprintf(out, 160, "capacity %g %% in %.0f of %.0f layers, %.0f "
                 "channels", 100 * f->capacity, f->n_routed, f->n_layers,
                 f->n_channels);
    else
        snprintf(out, 160, "capacity %g %%, %.0f layers of %.0f channels",
                 100 * f->capacity, f->n_layers, f->n_channels);
}
