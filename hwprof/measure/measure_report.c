/* measure_report.c - File the medians of repeats into a ledger, and report how
 * far they can be trusted. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "hwprof/measure/measure_inside.h"
#include "sim/core/base/stats.h"

/* The pass that measures a metric; NULL: none. */
static const struct measured_pass *pass_of(const struct measure *m,
                                           enum metric metric)
{
    if (metric == METRIC_SECONDS)
        return m->row[metric].qualified ? &m->pass[PASS_TIME] : NULL;
    for (int p = 1; p < m->n_passes; p++)
        if (m->pass[p].metrics & counter_bit(metric))
            return &m->pass[p];
    return NULL;
}

static const struct measured_pass *bare_pass(const struct measure *m)
{
    for (int p = 1; p < m->n_passes; p++)
        if (m->pass[p].bare)
            return &m->pass[p];
    return NULL;
}

const struct measured_pass *measure_timed(const struct measure *m)
{
    const struct measured_pass *bare = bare_pass(m);
    return bare ? bare : pass_of(m, METRIC_SECONDS);
}

struct measure_range measure_range(const struct measure *m, int pass,
                                   int32_t layer, int32_t token, int op,
                                   enum metric metric)
{
    const struct measured_pass *p = token >= 0 && metric == METRIC_SECONDS
                                        ? bare_pass(m) : pass_of(m, metric);
    const bool busy = metric == METRIC_SECONDS && p && load_is_busy(m, p);
    struct measure_range range = { .from = busy ? PROV_BUSY : PROV_MEASURED };
    double value[MEASURE_REPEAT_MAX];

    for (int r = 0; p && r < p->n_accepted; r++) {
        const struct ledger *ledger = token >= 0 ? p->tokens[r] : p->repeat[r];
        if (!ledger || (metric == METRIC_SECONDS && !load_counts(m, p, r)))
            continue;
        struct cost sum = ledger_sum(ledger, pass, layer, token, op);
        if (sum.from[metric] == PROV_UNKNOWN)
            continue;
        value[range.n++] = cost_get(&sum, metric);
        if (sum.from[metric] < range.from)
            range.from = (enum provenance)sum.from[metric];
    }
    if (range.n == 0)
        return range;
    range.median = stats_median(value, (size_t)range.n);
    range.low = value[0];
    range.high = value[range.n - 1];
    return range;
}

int measure_repeats(const struct measure *m, enum metric metric,
                    double out[MEASURE_REPEAT_MAX])
{
    const struct measured_pass *p = metric == METRIC_SECONDS
                                        ? measure_timed(m) : pass_of(m, metric);

    if (metric == METRIC_JOULES) {
        int n = m->row[metric].total.n ? m->pass[PASS_TIME].n_accepted : 0;
        memcpy(out, m->pass[PASS_TIME].joules, (size_t)n * sizeof *out);
        return n;
    }
    for (int r = 0; p && r < p->n_accepted; r++) {
        struct cost sum = ledger_sum(p->repeat[r], LEDGER_ANY, LEDGER_ANY,
                                     LEDGER_ANY, LEDGER_ANY);
        out[r] = metric == METRIC_SECONDS ? p->seconds[r]
                                          : cost_get(&sum, metric);
    }
    return p ? p->n_accepted : 0;
}

bool measure_flop_mix(const struct measure *m, int pass, int op,
                      struct flop_mix *out)
{
    const struct measured_pass *p = pass_of(m, METRIC_FLOPS);

    *out = (struct flop_mix){ 0 };
    if (!p || p->n_accepted == 0 || !p->has_mix)
        return false;
    for (int i = 0; i < PASS_COUNT; i++)
        for (int o = 0; o < OP_COUNT; o++)
            if ((pass == LEDGER_ANY || pass == i) &&
                (op == LEDGER_ANY || op == o))
                flop_mix_add(out, &p->mix[i][o]);
    return true;
}

/* fn for every cell that a pass may have charged. */
static void each_cell(struct measure *m, struct ledger *ledger,
                      void (*fn)(struct measure *, struct ledger *,
                                 struct ledger_key))
{
    for (int p = 0; p < PASS_COUNT; p++)
        for (int32_t l = LEDGER_OUTSIDE; l < m->options.n_layers; l++)
            for (int o = 0; o < OP_COUNT; o++)
                fn(m, ledger, (struct ledger_key){ (enum pass)p, l,
                    LEDGER_SHARED, (enum op)o });
}

static void file_cell(struct measure *m, struct ledger *ledger,
                      struct ledger_key key)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        struct measure_range range = measure_range(
            m, (int)key.pass, key.layer, key.token, (int)key.op,
            (enum metric)i);
        if (range.n == 0)
            continue;
        if (i < METRIC_FIRST_REAL)
            ledger_set_count(ledger, key, (enum metric)i,
                             (uint64_t)llround(range.median),
                             i == METRIC_FLOPS && range.high > range.low
                                 ? PROV_AT_LEAST : range.from);
        else
            ledger_set_real(ledger, key, (enum metric)i, range.median,
                            range.from);
    }
}

/* Joules that others had a part in are no better than their seconds. */
static void grade_joules(struct measure *m, struct ledger *ledger,
                         struct ledger_key key)
{
    const struct cost *cost = ledger_at(ledger, key);

    if (cost_known(cost, METRIC_JOULES) &&
        m->row[METRIC_JOULES].total.from == PROV_BUSY)
        ledger_set_real(ledger, key, METRIC_JOULES,
                        cost_get(cost, METRIC_JOULES), PROV_BUSY);
}

void measure_finish(struct measure *m, struct ledger *ledger,
                    const struct ledger *model)
{
    struct measure_row row[METRIC_COUNT];

    energy_add_idle(m);
    each_cell(m, ledger, file_cell);
    energy_settle(m);
    energy_file(m, ledger, model);
    each_cell(m, ledger, grade_joules);
    measure_report(m, row);
    for (int i = 0; i < METRIC_COUNT; i++)
        if (row[i].total.n == 0)
            ledger_set_reason(ledger, (enum metric)i, row[i].reason);
}

void measure_report(const struct measure *m,
                    struct measure_row row[METRIC_COUNT])
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct measured_pass *p = pass_of(m, (enum metric)i);
        row[i] = m->row[i];
        if (i != METRIC_JOULES)
            row[i].total = measure_range(m, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                         LEDGER_ANY, (enum metric)i);
        if (p && p->n_accepted == 0 && p->n_failed)
            snprintf(row[i].reason, sizeof row[i].reason,
                     "no repeat was accepted: %.360s", p->failure);
        /* Some CPUs' FP counter loses counts when full-width arithmetic
         * retires in bursts: all that makes an exact count differ. */
        if (i == METRIC_FLOPS && row[i].total.n > 1 &&
            row[i].total.high > row[i].total.low) {
            row[i].lower_bound = true;
            snprintf(row[i].reason, sizeof row[i].reason, "a lower bound: "
                     "repeats of the same work differ by %.0f flops, the "
                     "counter loses some in bursts",
                     row[i].total.high - row[i].total.low);
        }
    }
}

uint64_t measure_regions(const struct measure *m, int pass, int32_t layer,
                         int op)
{
    return region_count_sum(&m->regions, pass, layer, op);
}

/* The largest amount that `regions` may hold and still not be known; 0: what it
 * holds is known. */
static double lost(const struct measure *m, const struct cost *cost,
                   enum metric metric, uint64_t regions)
{
    double most = m->row[metric].resolution * (double)regions;
    double amount = cost_get(cost, metric);

    return amount < most ? most : 0;
}

static void mask_cell(const struct measure *m, struct ledger *ledger,
                      struct ledger_key key, double bound[METRIC_COUNT])
{
    const struct cost cost = *ledger_at(ledger, key);
    uint64_t regions = measure_regions(m, (int)key.pass, key.layer,
                                       (int)key.op);

    for (int i = 0; i < METRIC_FIRST_REAL; i++) {
        double most = lost(m, &cost, (enum metric)i, regions);
        if (most > 0)
            ledger_set_count(ledger, key, (enum metric)i, 0, PROV_BELOW);
        bound[i] = fmax(bound[i], most);
    }
    double most = lost(m, &cost, METRIC_SECONDS, regions);
    bound[METRIC_SECONDS] = fmax(bound[METRIC_SECONDS], most);
    if (most > 0)
        ledger_set_real(ledger, key, METRIC_SECONDS, 0, PROV_BELOW);
    if (most > 0 && m->shared_by == METRIC_SECONDS &&
        cost_known(&cost, METRIC_JOULES)) {
        bound[METRIC_JOULES] = fmax(bound[METRIC_JOULES],
                                    cost_get(&cost, METRIC_JOULES));
        ledger_set_real(ledger, key, METRIC_JOULES, 0, PROV_BELOW);
    }
}

void measure_mask(const struct measure *m, struct ledger *ledger,
                  double bound[METRIC_COUNT])
{
    memset(bound, 0, METRIC_COUNT * sizeof *bound);
    for (int p = 0; p < PASS_COUNT; p++)
        for (int32_t l = LEDGER_OUTSIDE; l < m->options.n_layers; l++)
            for (int o = 0; o < OP_COUNT; o++) {
                struct ledger_key key = { (enum pass)p, l, LEDGER_SHARED,
                                          (enum op)o };
                if (ledger_touched(ledger, key))
                    mask_cell(m, ledger, key, bound);
            }
}

/* Other work on the machine only ever adds to a repeat, so take the least. */
static double least_seconds(const struct measured_pass *p)
{
    double least = (double)NAN;

    for (int r = 0; p && r < p->n_accepted; r++)
        least = fmin(least, p->seconds[r]);
    return least;
}

struct measure_overhead measure_overhead(const struct measure *m)
{
    struct measure_range ops = measure_range(m, LEDGER_ANY, LEDGER_ANY,
        LEDGER_ANY, LEDGER_ANY, METRIC_SECONDS);
    struct measure_overhead o = {
        .regions = measure_regions(m, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY),
        .bracket_seconds = m->row[METRIC_SECONDS].read_seconds,
        .ops_seconds = ops.n ? ops.low : (double)NAN,
        .bare_seconds = least_seconds(bare_pass(m)),
        .region_seconds = (double)NAN,
    };
    for (int p = 1; p < m->n_passes; p++)
        if (m->pass[p].metrics)            /* fmax() passes over a NAN */
            o.region_seconds = fmax(o.region_seconds,
                                    m->pass[p].region_seconds);
    return o;
}

int measure_read_paths(const struct measure *m, const struct read_path **out)
{
    *out = m->path;
    return m->n_paths;
}

void measure_simulated(const struct measure *m,
                       char out[MEASURE_SIMULATED_SIZE])
{
    static const char *const names[] = { "D1", "LL" };
    const size_t size = MEASURE_SIMULATED_SIZE;
    size_t used = 0;

    out[0] = '\0';
    if (!counter_simulates(m->options.backend))
        return;
    used = (size_t)snprintf(out, size, "%s", m->options.backend->name);
    for (int i = 0; i < m->topology.n_caches && i < 2 && used < size; i++) {
        const struct cache_level *c = &m->topology.cache[i];
        used += (size_t)snprintf(out + used, size - used, ", %s %" PRIu64
                                 " KiB, %d ways of %d B", names[i],
                                 c->size_bytes >> 10, c->ways, c->line_bytes);
    }
}

const struct cpu_topology *measure_topology(const struct measure *m)
{
    return &m->topology;
}

const char *measure_table(const struct measure *m)
{
    return m->table_note;
}
