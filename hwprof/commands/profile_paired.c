/* profile_paired.c - Say what MoD takes of the dense twin's cost: repeats come
 * in turns, so each pair gives a difference and a ratio. */
#include "hwprof/commands/profile_job.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "sim/core/answer/json.h"
#include "sim/core/answer/table.h"
#include "sim/core/base/stats.h"

json_t *profile_range(const double *x, int n)
{
    struct difference d = stats_median_interval(x, (size_t)n);
    return json_pack("{s:o, s:o, s:o, s:i}", "median", json_number(d.mean),
                     "low", json_number(d.low), "high", json_number(d.high),
                     "n", n);
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
    bool   busy;                 /* others disturbed every one */
    double difference[MEASURE_REPEAT_MAX], ratio[MEASURE_REPEAT_MAX];
};

/* A pair of seconds or joules counts where others disturbed neither repeat;
 * what is counted does not mind them. */
static bool is_quiet(const struct arm *arm, enum metric metric, int pair)
{
    return (int)metric < METRIC_FIRST_REAL ||
           (measure_is_quiet(arm[ARM_DENSE].measure, metric, pair) &&
            measure_is_quiet(arm[ARM_MOD].measure, metric, pair));
}

static struct pairs pairs_of(const struct arm *arm, enum metric metric)
{
    double dense[MEASURE_REPEAT_MAX], mod[MEASURE_REPEAT_MAX];
    int n = measure_repeats(arm[ARM_DENSE].measure, metric, dense);
    int m = measure_repeats(arm[ARM_MOD].measure, metric, mod);
    int both = n < m ? n : m;
    struct pairs p = { .busy = both > 0 };

    for (int i = 0; i < both; i++)
        p.busy &= !is_quiet(arm, metric, i);
    for (int i = 0; i < both; i++) {
        if (!p.busy && !is_quiet(arm, metric, i))
            continue;
        p.difference[p.n] = mod[i] - dense[i];
        p.ratio[p.n++] = mod[i] / dense[i];
    }
    return p;
}

/* The median of x[p->n] and its interval, in three cells of one unit. */
static void add_interval(struct table *t, const struct pairs *p,
                         const double *x, const char *unit)
{
    struct difference d = stats_median_interval(x, (size_t)p->n);
    const double ends[] = { d.mean, d.low, d.high };

    /* The interval of what others disturbed says nothing. */
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        table_quantity(t, i && p->busy ? amount_unknown(NULL)
                                       : amount_of(ends[i], PROV_MEASURED),
                       unit);
}

static enum status print_pairs(const struct arm *arm, struct error *err)
{
    static const struct column columns[] = {
        { "metric", "", "", COLUMN_TEXT, true },
        { "difference", "median", "", COLUMN_QUANTITY, true },
        { "difference_low", "low", "", COLUMN_QUANTITY, true },
        { "difference_high", "high", "", COLUMN_QUANTITY, true },
        { "ratio", "median", "", COLUMN_SHARE, true },
        { "ratio_low", "low", "", COLUMN_SHARE, true },
        { "ratio_high", "high", "", COLUMN_SHARE, true },
        { "pairs", "pairs", "", COLUMN_WHOLE, true },
    };
    char minus[32], by[32];
    const char *const over[] = { NULL, minus, minus, minus, by, by, by, NULL };
    struct table t;

    snprintf(minus, sizeof minus, "MoD - %s", arm[ARM_DENSE].name);
    snprintf(by, sizeof by, "MoD / %s", arm[ARM_DENSE].name);
    table_open(&t, "pairs", columns, sizeof columns / sizeof *columns);
    t.over = over;
    for (int m = 0; m < METRIC_COUNT; m++) {
        struct pairs p = pairs_of(arm, (enum metric)m);
        const char *unit = metric_table[m].unit;
        if (p.n == 0)
            continue;
        table_row(&t, ROW_PLAIN);
        table_text(&t, metric_table[m].column);
        add_interval(&t, &p, p.difference, strcmp(unit, "1") ? unit : "");
        add_interval(&t, &p, p.ratio, "");
        if (p.busy)
            table_text(&t, "busy");
        else
            table_count(&t, (uint64_t)p.n, PROV_MEASURED);
    }
    enum status status = table_print(&t, FORMAT_TEXT, stdout, err);
    table_close(&t);
    return status;
}

/* MoD's share of the dense twin's whole, each by its best witness. */
struct ratios {
    double flops, bytes, joules;         /* joules: as the model has them */
    struct pairs seconds, drawn;         /* drawn: measured joules */
};

static struct ratios ratios_of(const struct arm *arm)
{
    const struct arm *dense = &arm[ARM_DENSE], *mod = &arm[ARM_MOD];

    return (struct ratios){
        .flops = total(mod->counted, METRIC_FLOPS) /
                 total(dense->counted, METRIC_FLOPS),
        .bytes = total(mod->counted, METRIC_BYTES) /
                 total(dense->counted, METRIC_BYTES),
        .joules = total(mod->predicted, METRIC_JOULES) /
                  total(dense->predicted, METRIC_JOULES),
        .seconds = pairs_of(arm, METRIC_SECONDS),
        .drawn = pairs_of(arm, METRIC_JOULES),
    };
}

static void print_share(double share)
{
    if (isfinite(share))
        printf("%5.1f %%", 100 * share);
    else
        fputs("    -", stdout);
}

enum status profile_paired_print(const struct arm *arm, bool quiet,
                                 struct error *err)
{
    struct ratios r = ratios_of(arm);
    char words[PROFILE_WORDS_SIZE];
    struct difference time = stats_median_interval(r.seconds.ratio,
                                                   (size_t)r.seconds.n);
    double joules = r.drawn.n ? stats_median_interval(
        r.drawn.ratio, (size_t)r.drawn.n).mean : r.joules;

    printf("%-12s flops ", profile_words(words, arm));
    print_share(r.flops);
    fputs("   bytes ", stdout);
    print_share(r.bytes);
    fputs("   time ", stdout);
    print_share(time.mean);
    if (r.seconds.busy)
        fputs("  busy", stdout);
    else if (isfinite(time.low))
        printf("  [%.1f, %.1f]", 100 * time.low, 100 * time.high);
    else if (isfinite(time.mean))
        fputs("  [fewer than 6]", stdout);
    fputs("   joules ", stdout);
    print_share(joules);
    puts(!isfinite(joules) ? "" : !r.drawn.n ? " (modelled)"
         : r.drawn.busy ? " (measured, busy)" : " (measured)");
    return quiet ? STATUS_OK : print_pairs(arm, err);
}

static json_t *ratio_json(const struct pairs *p)
{
    json_t *json = profile_range(p->ratio, p->n);

    json_object_set_new(json, "busy", json_boolean(p->busy));
    return json;
}

json_t *profile_paired(const struct arm *arm)
{
    struct ratios r = ratios_of(arm);
    json_t *paired = json_object();

    for (int m = 0; m < METRIC_COUNT; m++) {
        struct pairs p = pairs_of(arm, (enum metric)m);
        if (p.n == 0)
            continue;
        json_object_set_new(paired, metric_table[m].column, json_pack(
            "{s:o, s:o}", "difference", profile_range(p.difference, p.n),
            "ratio", profile_range(p.ratio, p.n)));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o}",
                     "flops", json_number(r.flops),
                     "bytes", json_number(r.bytes),
                     "seconds", ratio_json(&r.seconds),
                     "joules", r.drawn.n ? ratio_json(&r.drawn)
                                         : json_number(r.joules),
                     "paired", paired);
}
