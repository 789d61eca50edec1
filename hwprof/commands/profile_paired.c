/* profile_paired.c - dense, MoD, dense, ...: what MoD takes of the dense
 * twin's cost, repeat by repeat, with an interval. */
#include "hwprof/commands/profile_session.h"

#include <math.h>
#include <stdio.h>
#include "sim/core/answer/json.h"
#include "sim/core/base/stats.h"

json_t *profile_range(const double *x, int n)
{
    struct difference d = stats_median_interval(x, (size_t)n);
    return json_pack("{s:o, s:o, s:o, s:i}", "median", json_number(d.mean), "low",
                     json_number(d.low), "high", json_number(d.high), "n", n);
}

static double total(const struct ledger *ledger, enum metric metric)
{
    struct cost sum = ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);
    return cost_get(&sum, metric);
}

/* Pairs of one metric: mod - dense, and mod / dense. */
struct pairs {
    int    n;
    double difference[MEASURE_REPEAT_MAX], ratio[MEASURE_REPEAT_MAX];
};

static struct pairs pairs_of(const struct arm *arm, enum metric metric)
{
    double dense[MEASURE_REPEAT_MAX], mod[MEASURE_REPEAT_MAX];
    int n = measure_repeats(arm[ARM_DENSE].measure, metric, dense);
    int m = measure_repeats(arm[ARM_MOD].measure, metric, mod);
    struct pairs p = { .n = n < m ? n : m };

    for (int i = 0; i < p.n; i++) {
        p.difference[i] = mod[i] - dense[i];
        p.ratio[i] = mod[i] / dense[i];
    }
    return p;
}

static void print_pairs(enum metric metric, const struct pairs *p)
{
    struct difference d = stats_median_interval(p->difference, (size_t)p->n);
    struct difference r = stats_median_interval(p->ratio, (size_t)p->n);

    printf("  %-12s MoD - dense %+.4g %s [%+.4g, %+.4g]   MoD / dense %.2f %% "
           "[%.2f, %.2f]   %d pairs\n", metric_table[metric].column, d.mean,
           metric_table[metric].unit, d.low, d.high, 100 * r.mean, 100 * r.low,
           100 * r.high, p->n);
}

json_t *profile_paired(const struct phase *phase, const struct arm *arm,
                       bool quiet)
{
    const struct arm *dense = &arm[ARM_DENSE], *mod = &arm[ARM_MOD];
    json_t *paired = json_object();
    struct pairs seconds = pairs_of(arm, METRIC_SECONDS);
    struct pairs drawn = pairs_of(arm, METRIC_JOULES);
    double flops = total(mod->counted, METRIC_FLOPS) /
                   total(dense->counted, METRIC_FLOPS);
    double bytes = total(mod->counted, METRIC_BYTES) /
                   total(dense->counted, METRIC_BYTES);
    double joules = total(mod->predicted, METRIC_JOULES) /
                    total(dense->predicted, METRIC_JOULES);
    struct difference d = stats_median_interval(seconds.ratio,
                                                (size_t)seconds.n);

    printf("%-12s flops %5.1f %%   bytes %5.1f %%   time %5.1f %%  [%.1f, %.1f]"
           "   joules ", phase->name, 100 * flops, 100 * bytes,
           100 * d.mean, 100 * d.low, 100 * d.high);
    if (drawn.n)
        printf("%.1f %% (measured)\n", 100 * stats_median_interval(
            drawn.ratio, (size_t)drawn.n).mean);
    else if (isfinite(joules))
        printf("%.1f %% (modelled)\n", 100 * joules);
    else
        puts("-");
    for (int m = 0; m < METRIC_COUNT; m++) {
        struct pairs p = pairs_of(arm, (enum metric)m);
        if (p.n == 0)
            continue;
        if (!quiet)
            print_pairs((enum metric)m, &p);
        json_object_set_new(paired, metric_table[m].column, json_pack(
            "{s:o, s:o}", "difference", profile_range(p.difference, p.n),
            "ratio", profile_range(p.ratio, p.n)));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "flops", json_number(flops),
                     "bytes", json_number(bytes), "seconds",
                     profile_range(seconds.ratio, seconds.n), "joules",
                     drawn.n ? profile_range(drawn.ratio, drawn.n)
                             : json_number(joules), "paired", paired);
}
