/* route_table_fit.c - Cut the shares of contexts so that they keep a capacity. */
#include "sim/core/model/route_table_inside.h"

#include <math.h>
#include <stdlib.h>

/* A context, its share, and the counted tokens whose longest it is. */
struct used {
    int64_t context;
    double  share;
    int64_t tokens;
};

static int by_share_falling(const void *a, const void *b)
{
    double x = ((const struct used *)a)->share;
    double y = ((const struct used *)b)->share;
    return (x < y) - (x > y);
}

/* Shares of one column, and who uses which context; contexts come after their
 * parents. */
static void take_shares(const struct route_table *t, int32_t column,
                        struct used *used)
{
    for (int64_t i = 0; i < t->n; i++) {
        const int64_t count = t->context[i].count;
        const int64_t parent = route_table_parent(t, i);
        const double kept = (double)t->kept[i * t->n_columns + column];
        const double prior = parent >= 0 ? used[parent].share
                                         : kept / (double)count;
        used[i] = (struct used){ i, (kept + prior) / ((double)count + 1.0),
                                 count };
        if (parent >= 0)
            used[parent].tokens -= count;
    }
}

static bool adds_up(const struct used *used, int64_t n)
{
    bool good = true;
    for (int64_t i = 0; i < n; i++)
        good &= used[i].tokens >= 0;
    return good;
}

/* The lowest share that is kept. */
static double cut_of(struct used *used, int64_t n, double capacity,
                     double *share)
{
    int64_t all = 0, kept = 0;
    double cut = HUGE_VAL, off = HUGE_VAL;

    qsort(used, (size_t)n, sizeof *used, by_share_falling);
    for (int64_t i = 0; i < n; i++)
        all += used[i].tokens;
    *share = 0.0;
    for (int64_t i = 0; i < n; i++) {
        kept += used[i].tokens;
        if (i + 1 < n && !(used[i + 1].share < used[i].share))
            continue;
        double reached = (double)kept / (double)all;
        if (fabs(reached - capacity) < off) {
            off = fabs(reached - capacity);
            cut = used[i].share;
            *share = reached;
        }
    }
    return cut;
}

static enum status fit_column(struct route_table *t, int32_t column,
                              double capacity, struct used *used,
                              struct error *err)
{
    take_shares(t, column, used);
    if (!adds_up(used, t->n))
        return error_set(err, STATUS_BAD_VALUE, "the counts of contexts are"
                         " more than that of the context they share");
    const double cut = cut_of(used, t->n, capacity, &t->share[column]);
    for (int64_t i = 0; i < t->n; i++)
        t->score[used[i].context * t->n_columns + column] =
            (float)(used[i].share - cut);
    return STATUS_OK;
}

enum status route_table_fit(struct route_table *t,
                            const struct model_spec *spec, struct error *err)
{
    const size_t n = (size_t)t->n;
    struct used *used = calloc(n, sizeof *used);
    enum status status = STATUS_OK;

    free(t->score);
    t->score = calloc(n * (size_t)t->n_columns, sizeof *t->score);
    if (!used || !t->score) {
        free(used);
        return route_table_no_memory(t, err);
    }
    for (int32_t c = 0; c < plan_n_choices(spec) && status == STATUS_OK; c++) {
        const struct plan_choice choice = plan_choice(spec, c);
        const int32_t column = route_table_column(t, choice.layer, choice.part);
        if (!choice.routed)
            continue;
        status = column >= 0
            ? fit_column(t, column, spec->capacity[choice.layer], used, err)
            : error_set(err, STATUS_BAD_VALUE, "the table has no layer %d%s,"
                        " which is routed", choice.layer,
                        route_table_suffixes[choice.part]);
    }
    free(used);
    return status;
}
