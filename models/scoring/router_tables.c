/* router_tables.c - Put tables of the last few tokens in a router's place. */
#include "models/scoring/router_tables.h"

#include <math.h>
#include <stdlib.h>

#include "sim/core/base/random.h"

/* The table at work on the windows that it is judged by. */
struct judging {
    const struct router_record *record;
    struct run_arm *arm;
    const struct route_table *table;   /* NULL: tokens are drawn */
    struct random     random;
    struct allocation kept;
    float         *score;          /* [choices,judged] */
    unsigned char *truth;          /* likewise, of the rule of training */
    int64_t        n_kept;
};

bool router_tables_apply(int64_t n_windows, const struct model_spec *spec)
{
    return n_windows >= 2 && spec->part != PART_APART;
}

static int64_t n_judged(const struct router_record *r)
{
    return r->n - router_judged(r);
}

/* kept[choice * n + t] of a window under the rule of training. */
static enum status count_window(struct route_table *table,
                                const struct router_record *r, int64_t w,
                                bool *kept, struct error *err)
{
    const int64_t first = r->first[w];
    const int32_t n = (int32_t)(r->first[w + 1] - first);

    for (int32_t c = 0; c < r->n_choices; c++) {
        const unsigned char *own = router_kept(r, &r->rule[ROUTER_OWN], c);
        for (int32_t t = 0; t < n; t++)
            kept[c * n + t] = own[first + t] != 0;
    }
    return route_table_count(table, r->id + first, kept, n, err);
}

/* The share that a choice kept on the first half. */
static double share_of(const struct router_record *r, int32_t choice)
{
    const unsigned char *own = router_kept(r, &r->rule[ROUTER_OWN], choice);
    int64_t kept = 0;

    for (int64_t t = 0; t < router_judged(r); t++)
        kept += own[t];
    return (double)kept / (double)router_judged(r);
}

/* A table keeps as many as it saw kept, which rules that judge token by token
 * need not hold to the nominal capacity. */
static enum status fit(struct route_table *table, const struct router_record *r,
                       const struct model_spec *spec, struct error *err)
{
    struct model_spec seen = *spec;

    for (int32_t c = 0; c < r->n_choices; c++)
        seen.capacity[r->layer[c]] = share_of(r, c);
    return route_table_fit(table, &seen, err);
}

static enum status count(struct route_table *table,
                         const struct router_record *r,
                         const struct model_spec *spec, struct error *err)
{
    const size_t room = (size_t)(r->room / r->windows_most) *
                        (size_t)r->n_choices;
    bool *kept = malloc(room * sizeof *kept);
    enum status status = STATUS_OK;

    if (!kept)
        return error_set(err, STATUS_NO_MEMORY, "no memory to count a window");
    for (int64_t w = 0; w < r->windows / 2 && status == STATUS_OK; w++)
        status = count_window(table, r, w, kept, err);
    free(kept);
    return status == STATUS_OK ? fit(table, r, spec, err) : status;
}

/* At 0 or above it keeps token t of those from `ids` on. */
static float score_of(struct judging *j, int32_t layer, const int32_t *ids,
                      int32_t t)
{
    if (j->table)
        return route_table_score(j->table, layer, j->arm->spec.part, ids + t,
                                 t);
    return (float)(j->arm->spec.capacity[layer] - random_uniform(&j->random));
}

/* Of nested choices, those that the one before kept. */
static bool is_there(const struct judging *j, int32_t choice, int32_t t)
{
    const int32_t before = j->record->choice[choice] - 1;
    const int32_t *kept;
    bool there = false;

    if (!j->arm->spec.nested || choice == 0)
        return true;
    kept = allocation_kept(&j->kept, before, 0);
    for (int32_t i = 0; i < allocation_count(&j->kept, before, 0); i++)
        there |= kept[i] == t;
    return there;
}

/* Decide for the tokens of a window; note scores beside what was true. */
static void decide(struct judging *j, struct router_table *out, int64_t w)
{
    const struct router_record *r = j->record;
    const int64_t first = r->first[w], n = r->first[w + 1] - first;

    j->kept.length[0] = (int32_t)n;
    for (int32_t c = 0; c < r->n_choices; c++) {
        const unsigned char *own = router_kept(r, &r->rule[ROUTER_OWN], c);
        int32_t *kept = allocation_kept(&j->kept, r->choice[c], 0), k = 0;
        for (int32_t t = 0; t < n; t++) {
            const size_t at = (size_t)(c * n_judged(r) + first -
                                       router_judged(r) + t);
            j->score[at] = score_of(j, r->layer[c], r->id + first, t);
            j->truth[at] = own[first + t];
            if (!is_there(j, c, t))
                j->score[at] = -(float)INFINITY;
            confusion_add(&out->found[c], own[first + t], j->score[at] >= 0);
            if (j->score[at] >= 0)
                kept[k++] = t;
        }
        j->kept.count[r->choice[c]] = k;
        j->n_kept += k;
    }
    for (int32_t c = 0; c < j->kept.n_choices; c++)
        if (!plan_choice(&j->arm->spec, c).routed)
            j->kept.count[c] = (int32_t)n;
}

static void judge(struct judging *j, struct router_table *out)
{
    const struct router_record *r = j->record;

    for (int64_t w = r->windows / 2; w < r->windows; w++) {
        const int64_t first = r->first[w], n = r->first[w + 1] - first;
        struct forward_meter meter = forward_meter();
        const struct score_window window = {
            .ids = r->id + first, .targets = r->target + first,
            .n_tokens = (int32_t)n,
        };
        const struct run_pass pass = { .window = &window,
                                       .replayed = &j->kept };
        decide(j, out, w);
        run_arm_forward(j->arm, &pass, route_find("replay"), &meter.meter);
        for (int64_t t = 0; t < n; t++)
            out->nats[first - router_judged(r) + t] =
                model_nats(j->arm->model)[t];
        out->flops += meter.flops;
    }
    out->capacity = (double)j->n_kept / (double)(n_judged(r) * r->n_choices);
    for (int32_t c = 0; c < r->n_choices; c++)
        out->auc[c] = confusion_auc(j->score + c * n_judged(r),
                                    j->truth + c * n_judged(r),
                                    (size_t)n_judged(r));
}

static enum status open_judging(struct judging *j, struct router_table *out,
                                struct error *err)
{
    const struct router_record *r = j->record;
    const size_t n = (size_t)n_judged(r), all = n * (size_t)r->n_choices;

    out->nats = malloc(n * sizeof *out->nats);
    j->score = malloc(all * sizeof *j->score);
    j->truth = malloc(all * sizeof *j->truth);
    if (!out->nats || !j->score || !j->truth) {
        error_set(err, STATUS_NO_MEMORY, "no memory to judge a table");
        return STATUS_NO_MEMORY;
    }
    return allocation_open(&j->kept, plan_n_choices(&j->arm->spec), 1,
                           (int32_t)(r->room / r->windows_most), err);
}

enum status router_table_open(struct router_table *out, int order,
                              const struct router_record *r,
                              struct run_arm *arm, struct error *err)
{
    struct route_table *table = NULL;
    struct judging j = { .record = r, .arm = arm,
                         .random = random_seeded(1) };
    enum status status = STATUS_OK;

    *out = (struct router_table){ .order = order };
    if (order > 0)
        status = route_table_open(&table, &arm->spec, order, err);
    if (status == STATUS_OK && order > 0)
        status = count(table, r, &arm->spec, err);
    j.table = table;
    if (status == STATUS_OK)
        status = open_judging(&j, out, err);
    if (status == STATUS_OK) {
        out->contexts = table ? route_table_contexts(table) : 0;
        judge(&j, out);
        status = run_arm_check(arm, err);
    }
    allocation_close(&j.kept);
    free(j.truth);
    free(j.score);
    route_table_close(table);
    return status;
}

void router_table_close(struct router_table *table)
{
    free(table->nats);
}
