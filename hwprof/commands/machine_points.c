/* machine_points.c - Make curves of the rates that ops reached. */
#include "hwprof/commands/machine_points.h"

#include <math.h>

#include "sim/core/base/stats.h"
#include "sim/price/flops.h"

void machine_points_curve(struct config_real_list *out,
                          const struct machine_points *points, enum work work)
{
    enum { DECADES = 13, A_DECADE = 2, ROWS_A_DECADE = 24 };
    const bool by_rows = work == WORK_FEW || work == WORK_STORED8 ||
                         work == WORK_STORED4;
    const int fine = by_rows ? ROWS_A_DECADE : A_DECADE;
    const int first = by_rows ? 0 : 2 * fine;

    out->n = 0;
    for (int bin = first; bin <= DECADES * fine; bin++) {
        double share[MACHINE_POINTS_MAX], size = 0;
        size_t n = 0;
        for (int i = 0; i < points->n; i++)
            if (lround(fine * log10(points->size[i])) == bin) {
                share[n++] = points->share[i];
                size += log(points->size[i]);
            }
        if (n == 0)
            continue;
        out->value[out->n++] = exp(size / (double)n);
        out->value[out->n++] = stats_median(share, n);
    }
}

/* How far the rates of shapes that differ in their heads alone are from D / (D +
 * half), as the spread of the logarithms. */
static double misfit(const struct machine_points *points, double half)
{
    double sum = 0, squares = 0;
    int n = 0;

    for (int i = 0; i < points->n; i++) {
        if (!points->heads_vary[i])
            continue;
        const double x = log(points->share[i] * (points->head[i] + half) /
                             points->head[i]);
        sum += x;
        squares += x * x;
        n++;
    }
    return n ? squares - sum * sum / n : 0;
}

struct machine_range machine_points_half(const struct machine_points *points)
{
    static const double most = 64, step = 0.25;
    struct machine_range out = { 0, 0, 0, false };
    double least = misfit(points, 0);

    for (int i = 1; i * step <= most; i++) {
        const double half = i * step, here = misfit(points, half);
        if (here < least) {
            least = here;
            out = (struct machine_range){ half, half, half, false };
        }
    }
    while (out.low > 0 && misfit(points, out.low) < 2 * least)
        out.low -= step;
    while (out.high < most && misfit(points, out.high) < 2 * least)
        out.high += step;
    return out;
}

void machine_points_level(struct machine_points *points, double half)
{
    for (int i = 0; i < points->n; i++) {
        const double head = points->head[i];
        points->share[i] = fmin(1, points->share[i] * (head + half) / head);
    }
}

struct machine_range machine_points_scatter(
    const struct machine_points of[WORK_COUNT], const struct machine *machine)
{
    double took[MACHINE_SHAPES_MAX] = { 0 }, priced[MACHINE_SHAPES_MAX] = { 0 };
    double ratio[MACHINE_SHAPES_MAX];
    size_t n = 0;

    for (int w = 0; w < WORK_COUNT; w++)
        for (int i = 0; i < of[w].n && w != WORK_VECTOR; i++) {
            const struct machine_points *p = &of[w];
            const struct flops_size size = { .flops = p->size[i],
                                             .rows = p->size[i],
                                             .sequences = 1 };
            took[p->shape[i]] += p->seconds[i];
            priced[p->shape[i]] += p->seconds[i] * p->share[i] /
                machine_efficiency(machine, (enum work)w, &size);
        }
    for (int s = 0; s < MACHINE_SHAPES_MAX; s++)
        if (took[s] > 0)
            ratio[n++] = priced[s] / took[s];
    if (n == 0)
        return (struct machine_range){ 1, 1, 1, false };
    /* A busy machine may have kept a step for longer than a profile can say. */
    double low = fmax(MACHINE_SCALE_LEAST, stats_quantile(ratio, n, 0.1));
    double high = fmin(MACHINE_SCALE_MOST, stats_quantile(ratio, n, 0.9));
    return (struct machine_range){ 1, fmin(1, low), fmax(1, high), false };
}
