/* study.c - Gather trained runs into settings, whose runs are equal in all but
 * the seed. */
#include "reports/read/study.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "reports/read/jsonpath.h"
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

/* Config keys that may differ between runs of one setting. */
static bool is_seed(const char *key)
{
    static const char *const names[] = { "seed", "seeds", "threads", "output",
                                         "name", "machine" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(key, names[i]) == 0)
            return true;
    return false;
}

/* A copy without such keys, in which 1 and 1.0 are one number; the caller's. */
static json_t *without_seeds(const json_t *value)
{
    const char *key;
    json_t *item, *out;
    size_t i;

    if (json_is_number(value))
        return json_real(json_number_value(value));
    if (json_is_array(value)) {
        out = json_array();
        json_array_foreach(value, i, item)
            json_array_append_new(out, without_seeds(item));
        return out;
    }
    if (!json_is_object(value))
        return json_deep_copy(value);
    out = json_object();
    json_object_foreach((json_t *)value, key, item)
        if (!is_seed(key))
            json_object_set_new(out, key, without_seeds(item));
    return out;
}

/* A text is told by its content where that was hashed, else by its path. */
static void name_data(json_t *config, const json_t *summary)
{
    const char *hash = jsonpath_text(summary, "provenance.data_hash");

    if (!hash)
        return;
    json_object_del(json_object_get(config, "data"), "path");
    json_object_set_new(config, "data_hash", json_string(hash));
}

/* A text equal for equal settings on equal data; NULL: no memory. */
static char *setting_key(const struct run *run)
{
    const json_t *given = json_object_get(run->summary, "config");
    json_t *config;
    char *key;

    if (!given)
        return error_noted(strdup(run->path));     /* nothing to compare by */
    config = without_seeds(given);
    name_data(config, run->summary);
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

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same_seed(const struct run *a, const struct run *b)
{
    return same(a->facts.seed, b->facts.seed);
}

static bool same_result(const struct run *a, const struct run *b)
{
    return same(study_loss(a), study_loss(b)) &&
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
                               const struct facts *f, struct error *err)
{
    struct setting *s = &study->setting[study->n++];

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
        if (!same_seed(s->run[i], run))
            continue;
        if (same_result(s->run[i], run)) {
            study->n_twice++;
            return;
        }
        repeats = true;
    }
    study->n_repeats += repeats;
    s->n_seeds += !repeats;
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
    status = new_setting(study, key, &run->facts, err);
    if (status == STATUS_OK)
        join_setting(study, &study->setting[study->n - 1], run);
    return status;
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

static bool is_first_of_seed(const struct setting *s, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (same_seed(s->run[j], s->run[i]))
            return false;
    return true;
}

/* The mean over the runs of one seed, which is a single run but for repeats;
 * NAN: none of them knows the value. */
static double of_seed(const struct setting *s, value_fn *value, double seed)
{
    double sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (same(s->run[i]->facts.seed, seed) &&
            isfinite(value(s->run[i]))) {
            sum += value(s->run[i]);
            n++;
        }
    return n ? sum / (double)n : nan("");
}

/* The known values of a setting's seeds; x[s->n]. */
static size_t values(const struct setting *s, value_fn *value, double *x)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        double mean = of_seed(s, value, s->run[i]->facts.seed);
        if (is_first_of_seed(s, i) && isfinite(mean))
            x[n++] = mean;
    }
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

/* The mean loss over all seeds but one; NAN: none is left. */
static double mean_without(const struct setting *s, double seed)
{
    double sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        double loss = of_seed(s, study_loss, s->run[i]->facts.seed);
        if (!is_first_of_seed(s, i) || s->run[i]->facts.seed == seed ||
            !isfinite(loss))
            continue;
        sum += loss;
        n++;
    }
    return n ? sum / (double)n : nan("");
}

static bool competes(const struct setting *s, enum setting_kind kind,
                     double flops)
{
    return s->kind == kind && s->causal.n && !(s->flops_train < flops);
}

/* The lowest mean loss among settings that spent at least `flops` in training,
 * that seed left out. */
static const struct setting *best_without(const struct study *study,
                                          enum setting_kind kind, double flops,
                                          double seed)
{
    const struct setting *best = NULL;
    double least = HUGE_VAL;

    for (size_t i = 0; i < study->n; i++) {
        const struct setting *s = &study->setting[i];
        double loss = competes(s, kind, flops) ? mean_without(s, seed)
                                               : nan("");
        if (loss < least) {
            best = s;
            least = loss;
        }
    }
    return best;
}

static const struct setting *best_of(const struct study *study,
                                     enum setting_kind kind, double flops)
{
    return best_without(study, kind, flops, nan(""));
}

static const double largest_share = 0.95;

bool study_is_largest(const struct study *study, const struct setting *s)
{
    return !(s->flops_train < largest_share * study->flops_high);
}

static bool is_new_depth(const struct study *study, size_t i, double flops)
{
    const struct setting *s = &study->setting[i];

    for (size_t j = 0; j < i; j++)
        if (competes(&study->setting[j], SETTING_DENSE, flops) &&
            same(study->setting[j].run[0]->facts.n_layers,
                 s->run[0]->facts.n_layers))
            return false;
    return true;
}

static void count_rivals(struct study *study, double flops)
{
    for (size_t i = 0; i < study->n; i++) {
        const struct setting *s = &study->setting[i];
        study->n_mod += competes(s, SETTING_MOD, flops);
        if (competes(s, SETTING_DENSE, flops)) {
            study->n_dense++;
            study->n_depths += is_new_depth(study, i, flops);
        }
    }
}

/* Find the best of each kind among the largest budget's runs, if both kinds
 * have some: compared settings should have cost the same.  Returns the FLOPs
 * that each spent at least. */
static double find_best(struct study *study)
{
    double flops = largest_share * study->flops_high;

    if (!best_of(study, SETTING_DENSE, flops) ||
        !best_of(study, SETTING_MOD, flops))
        flops = 0;
    study->dense = best_of(study, SETTING_DENSE, flops);
    study->mod = best_of(study, SETTING_MOD, flops);
    count_rivals(study, flops);
    return flops;
}

/* a less b over the seeds both have; over all their runs when they share fewer
 * than two. */
static struct difference difference_of(const struct setting *a,
                                       const struct setting *b)
{
    struct difference d = { .n = 0, .mean = nan(""), .low = nan(""),
                            .high = nan("") };
    double *x = error_noted(calloc(2 * a->n, sizeof *x));
    size_t n = 0;

    if (!x)
        return d;
    for (size_t i = 0; i < a->n; i++) {
        double seed = a->run[i]->facts.seed;
        double loss = of_seed(a, study_loss, seed);
        double other = of_seed(b, study_loss, seed);
        if (isfinite(seed) && is_first_of_seed(a, i) && isfinite(loss) &&
            isfinite(other)) {
            x[n] = loss;
            x[a->n + n++] = other;
        }
    }
    d = n >= 2 ? stats_paired(x, x + a->n, n) : stats_welch(a->causal,
                                                            b->causal);
    free(x);
    return d;
}

/* Each seed compares the two settings that the other seeds would choose, so none
 * judges a choice it took part in.  Settings that share fewer than two seeds are
 * compared as they are. */
static struct difference difference_of_best(const struct study *study,
                                            double flops, double *x)
{
    const struct setting *dense = study->dense;
    size_t n = 0;

    for (size_t i = 0; i < dense->n; i++) {
        double seed = dense->run[i]->facts.seed;
        const struct setting *a = best_without(study, SETTING_MOD, flops, seed);
        const struct setting *b = best_without(study, SETTING_DENSE, flops,
                                               seed);
        double loss = a ? of_seed(a, study_loss, seed) : nan("");
        double other = b ? of_seed(b, study_loss, seed) : nan("");
        if (isfinite(seed) && is_first_of_seed(dense, i) && isfinite(loss) &&
            isfinite(other)) {
            x[n] = loss;
            x[dense->n + n++] = other;
        }
    }
    return n >= 2 ? stats_paired(x, x + dense->n, n)
                  : study->mod->against_dense;
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

static double margin_of(const struct setting *dense)
{
    return dense->causal.mean * STUDY_MARGIN_PERMILLE / 1000;
}

static bool is_tested(const struct setting *s)
{
    return s->against_dense.n >= STATS_FEWEST_SEEDS &&
           !isnan(stats_p(s->against_dense));
}

size_t study_tested(const struct study *study)
{
    size_t n = 0;

    for (size_t i = 0; i < study->n; i++)
        n += is_tested(&study->setting[i]);
    return n;
}

/* x[study->n] */
static void judge(struct study *study, double *x)
{
    for (size_t i = 0; i < study->n; i++)
        x[i] = is_tested(&study->setting[i])
               ? stats_p(study->setting[i].against_dense) : nan("");
    stats_holm(x, study->n);
    for (size_t i = 0; i < study->n; i++) {
        struct setting *s = &study->setting[i];
        s->p = x[i];
        if (s->rival)
            s->verdict = stats_verdict(s->against_dense, s->p,
                                       margin_of(s->rival));
    }
}

static void compare(struct study *study, double flops, double *x)
{
    for (size_t i = 0; i < study->n; i++) {
        struct setting *s = &study->setting[i];
        s->against_dense = (struct difference){ .mean = nan(""), .low = nan(""),
                                                .high = nan("") };
        s->rival = rival_of(study, s);
        if (s->rival && s != s->rival && s->causal.n)
            s->against_dense = difference_of(s, s->rival);
    }
    judge(study, x);
    if (!study->mod || !study->dense)
        return;
    study->best = difference_of_best(study, flops, x);
    study->verdict = stats_verdict(study->best, stats_p(study->best),
                                   margin_of(study->dense));
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
        compare(study, find_best(study), x);
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

void study_said(char out[96], enum verdict verdict, struct difference d,
                double dense_loss, size_t n_tested)
{
    static const char *const said[] = {
        [VERDICT_LOWER]  = "lower, beyond the seed noise",
        [VERDICT_HIGHER] = "higher, beyond the seed noise",
    };
    double seen = stats_seen(d, 0.05 / (double)(n_tested ? n_tested : 1));

    if (verdict == VERDICT_UNKNOWN)
        snprintf(out, 96, "no verdict: %zu seed%s compared, %d are needed",
                 d.n, d.n == 1 ? "" : "s", STATS_FEWEST_SEEDS);
    else if (verdict == VERDICT_OPEN)
        snprintf(out, 96, "cannot tell: %zu seeds see only differences above "
                 "%.2g %%", d.n, 100 * seen / dense_loss);
    else if (verdict == VERDICT_SAME)
        snprintf(out, 96, "no difference: within ±%.2g %%",
                 STUDY_MARGIN_PERMILLE / 10.0);
    else
        snprintf(out, 96, "%s", said[verdict]);
}
