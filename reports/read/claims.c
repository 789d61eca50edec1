/* claims.c - Judge what a study claimed before it ran. */
#include "reports/read/claims.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "reports/read/jsonpath.h"

/* ---- the points of an arm ---- */

/* Copies of the runs of a row, and their one setting. */
struct arm {
    struct run  *run;              /* [n] borrowed: room for all points */
    size_t       n;
    struct study study;            /* of those runs */
};

/* The points of that phase, or those of all others. */
static bool is_of(const struct run *point, const char *row, const char *phase,
                  bool others)
{
    return point->kind == RUN_TRAIN && point->row &&
           strcmp(point->row, row) == 0 &&
           (!phase || others != (point->study_phase &&
                                 strcmp(point->study_phase, phase) == 0));
}

/* Copies go into `room`, for all points of the sweep; released by study_close()
 * of its study. */
static enum status arm_open(struct arm *out, struct run *room,
                            const struct claim *c, const char *row, bool others,
                            struct error *err)
{
    *out = (struct arm){ .run = room };
    for (size_t i = 0; i < c->sweep->n_points; i++) {
        if (!is_of(&c->sweep->point[i], row, c->phase, others))
            continue;
        out->run[out->n] = c->sweep->point[i];
        if (c->topk)
            out->run[out->n].facts.loss_causal = out->run[out->n].facts.loss_topk;
        out->n++;
    }
    enum status status = study_open(&out->study, out->run, out->n, err);
    for (size_t i = 0; i < out->study.n && c->topk; i++)
        out->study.setting[i].blocks = "loss.blocks.nats_topk";
    return status;
}

/* The row of an arm; of several that with the lowest mean loss in the phases that
 * do not judge.  NULL: none of them has a finished point there. */
static enum status choose(const char **out, struct run *room,
                          const struct claim *c, const json_t *rows,
                          struct error *err)
{
    double least = HUGE_VAL;
    enum status status = STATUS_OK;

    *out = json_array_size(rows) == 1
               ? json_string_value(json_array_get(rows, 0)) : NULL;
    for (size_t i = 0; i < json_array_size(rows) && !(i == 0 && *out); i++) {
        const char *row = json_string_value(json_array_get(rows, i));
        struct arm arm = { .n = 0 };
        if (status == STATUS_OK && row)
            status = arm_open(&arm, room, c, row, true, err);
        for (size_t k = 0; k < arm.study.n; k++)
            if (arm.study.setting[k].causal.mean < least) {
                least = arm.study.setting[k].causal.mean;
                *out = row;
            }
        study_close(&arm.study);
    }
    return status;
}

/* ---- one claim ---- */

static void compare(struct claim *c, const struct arm *a, const struct arm *b,
                    const char *test, double *x)
{
    const size_t room = a->n + b->n;
    const struct setting *s = &a->study.setting[0], *t = &b->study.setting[0];

    if (a->study.n != 1 || b->study.n != 1) {
        const struct arm *arm = a->study.n != 1 ? a : b;
        snprintf(c->said, sizeof c->said, "not judged: '%.40s' %s",
                 arm == a ? c->a : c->b, arm->study.n
                 ? "has several settings" : "has no finished point");
        return;
    }
    c->difference = compare_settings(s, t, strcmp(test, "paired") == 0 ||
        (strcmp(test, "auto") == 0 && comparison_gains(s, t, x, room)), x,
        room);
    c->loss_b = t->causal.mean;
    c->flops_ratio = s->flops_train / t->flops_train;
    if (c->difference.loss.n < STATS_FEWEST_SEEDS) {
        snprintf(c->said, sizeof c->said, "not judged: %zu seeds, %d are needed",
                 c->difference.loss.n, STATS_FEWEST_SEEDS);
        return;
    }
    c->p = stats_p(c->difference.loss);
    c->p_within = stats_p_within(c->difference.loss, c->margin * c->loss_b);
}

/* room[2 * n_points], x[4 * n_points]: scratch */
static enum status read_claim(struct claim *c, const json_t *json,
                              struct run *room, double *x, struct error *err)
{
    const char *metric = jsonpath_text(json, "metric");
    const char *test = jsonpath_text(json, "test");
    struct arm a = { .n = 0 }, b = { .n = 0 };
    enum status status;

    c->name = jsonpath_text(json, "name");
    c->text = jsonpath_text(json, "claim");
    c->is = jsonpath_text(json, "is");
    c->phase = jsonpath_text(json, "phase");
    c->topk = metric && strcmp(metric, "topk") == 0;
    c->margin = jsonpath_number(json, "margin");
    c->difference.loss.mean = c->difference.loss.low = nan("");
    c->difference.loss.high = c->loss_b = c->flops_ratio = nan("");
    c->p = c->p_within = c->seen = nan("");
    if (!c->name || !c->is || !test || !(c->margin > 0) ||
        (strcmp(c->is, "lower") && strcmp(c->is, "higher") &&
         strcmp(c->is, "same")))
        return error_set(err, STATUS_BAD_FORMAT, "%s/claims.json: a claim has no"
                         " name, is, test or margin, or another than sweep"
                         " writes", c->sweep->path);
    if ((status = choose(&c->a, room, c, json_object_get(json, "a"), err)) ||
        (status = choose(&c->b, room, c, json_object_get(json, "b"), err)))
        return status;
    if (!c->a || !c->b) {
        snprintf(c->said, sizeof c->said, "not judged: no finished point to "
                 "choose %s by", c->a ? "b" : "a");
        return STATUS_OK;
    }
    if ((status = arm_open(&a, room, c, c->a, false, err)) == STATUS_OK &&
        (status = arm_open(&b, room + c->sweep->n_points, c, c->b, false,
                           err)) == STATUS_OK)
        compare(c, &a, &b, test, x);
    study_close(&a.study);
    study_close(&b.study);
    return status;
}

/* ---- all claims together ---- */

/* What is claimed, or its opposite, is known; or nothing is. */
static void judge(struct claim *c, size_t n_tested)
{
    const double level = 0.05, mean = c->difference.loss.mean;
    const bool differs = c->p < level, alike = c->p_within < level;
    const bool lower = differs && mean < 0, higher = differs && mean > 0;
    const bool holds = strcmp(c->is, "same") == 0 ? alike
                     : strcmp(c->is, "lower") == 0 ? lower : higher;

    c->seen = stats_seen(c->difference.loss, level / (double)n_tested) /
              c->loss_b;
    c->verdict = holds ? CLAIM_HOLDS : differs || alike ? CLAIM_REFUTED
                                                        : CLAIM_OPEN;
    if (c->verdict == CLAIM_OPEN)
        snprintf(c->said, sizeof c->said, "cannot tell: could have seen %.2g %%",
                 100 * c->seen);
    else
        snprintf(c->said, sizeof c->said, "%s: %s", holds ? "holds" : "refuted",
                 alike && !(differs && holds) ? "no difference beyond the margin"
                 : lower ? "lower" : "higher");
}

static enum status correct(struct claims *all, struct error *err)
{
    double *p = calloc(2 * all->n + 1, sizeof *p), *within;
    size_t n_tested = 0;

    if (!p)
        return error_set(err, STATUS_NO_MEMORY, "no memory for claims");
    within = p + all->n;
    for (size_t i = 0; i < all->n; i++) {
        p[i] = all->claim[i].p;
        within[i] = all->claim[i].p_within;
        n_tested += isfinite(p[i]) != 0;
    }
    stats_holm(p, all->n);
    stats_holm(within, all->n);
    for (size_t i = 0; i < all->n; i++) {
        all->claim[i].p = p[i];
        all->claim[i].p_within = within[i];
        if (isfinite(p[i]))
            judge(&all->claim[i], n_tested);
    }
    free(p);
    return STATUS_OK;
}

static enum status add_claims(struct claims *all, const struct run *sweep,
                              const json_t *file, struct error *err)
{
    const json_t *list = json_object_get(file, "claims"), *json;
    struct claim *grown = realloc(all->claim, (all->n + json_array_size(list) +
                                               1) * sizeof *grown);
    struct run *room = calloc(2 * sweep->n_points + 1, sizeof *room);
    double *x = calloc(4 * sweep->n_points + 1, sizeof *x);
    size_t i;
    enum status status = STATUS_OK;

    all->claim = grown ? grown : all->claim;
    if (!grown || !room || !x)
        status = error_set(err, STATUS_NO_MEMORY, "no memory for claims");
    json_array_foreach(list, i, json) {
        if (status != STATUS_OK)
            break;
        struct claim *c = &all->claim[all->n];
        *c = (struct claim){ .sweep = sweep,
            .study_hash = jsonpath_text(file, "study_hash"),
            .fixed = jsonpath_text(file, "fixed") };
        status = read_claim(c, json, room, x, err);
        all->n++;
    }
    free(room);
    free(x);
    return status;
}

static enum status read_file(json_t **out, const struct run *run,
                             struct error *err)
{
    char path[FILE_PATH_SIZE];
    json_error_t cause;

    if (run->kind != RUN_SWEEP || !run_has(run, "claims.json", path))
        return STATUS_OK;
    *out = json_load_file(path, 0, &cause);
    return *out ? STATUS_OK
                : error_set(err, STATUS_BAD_FORMAT, "%s:%d:%d: %s", path,
                            cause.line, cause.column, cause.text);
}

enum status claims_open(struct claims *out, const struct run *runs, size_t n,
                        struct error *err)
{
    enum status status = STATUS_OK;

    *out = (struct claims){ .file = calloc(n + 1, sizeof *out->file) };
    if (!out->file)
        return error_set(err, STATUS_NO_MEMORY, "no memory for claims");
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        json_t **file = &out->file[out->n_files];
        status = read_file(file, &runs[i], err);
        if (status == STATUS_OK && *file) {
            out->n_files++;
            status = add_claims(out, &runs[i], *file, err);
        }
    }
    return status == STATUS_OK ? correct(out, err) : status;
}

void claims_close(struct claims *claims)
{
    for (size_t i = 0; i < claims->n_files; i++)
        json_decref(claims->file[i]);
    free(claims->file);
    free(claims->claim);
    *claims = (struct claims){ .n = 0 };
}
