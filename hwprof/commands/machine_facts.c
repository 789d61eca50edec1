/* machine_facts.c - Print what isobath machine found as CSV. */
#include "hwprof/commands/machine_answer.h"

#include <stdio.h>
#include "hwprof/measure/energy_table.h"
#include "hwprof/measure/fact.h"

static void add_rate(struct table *t, const char *name, const char *threads,
                     const char *unit, const struct peak_rate *rate)
{
    struct fact fact = { .kind = "peak", .name = name, .threads = threads,
                         .unit = unit, .reason = peak_is_busy(rate)
                             ? "busy: others ran beside it" : rate->reason };

    if (rate->n_runs) {
        fact.value = amount_of(rate->per_second, PROV_MEASURED);
        fact.slowest = amount_of(rate->worst, PROV_MEASURED);
    }
    facts_add(t, fact);
}

static void add_facts(struct table *t, const struct machine_answer *a)
{
    add_rate(t, "flops", "one", "flop/s", &a->peak.flops_one);
    add_rate(t, "flops", "all", "flop/s", &a->peak.flops_all);
    for (int l = 0; l < PEAK_LEVEL_COUNT; l++) {
        add_rate(t, peak_level_names[l], "one", "B/s", &a->peak.read_one[l]);
        add_rate(t, peak_level_names[l], "all", "B/s", &a->peak.read_all[l]);
    }
    for (int m = 0; m < METRIC_COUNT; m++)
        facts_add(t, (struct fact){
            .kind = "metric", .name = metric_table[m].column,
            .word = a->row[m].qualified ? "qualified" : "",
            .unit = metric_table[m].unit, .source = a->row[m].source,
            .reason = a->row[m].reason });
    for (int i = 0; i < a->sensors.n; i++) {
        const struct sensor *s = &a->sensors.sensor[i];
        facts_add(t, (struct fact){
            .kind = "sensor", .name = s->name, .unit = "J",
            .word = s->reason[0] ? "" : "works", .reason = s->reason });
    }
    if (a->energy)
        energy_table_facts(t, a->energy);
}

enum status machine_answer_csv(const struct machine_answer *a,
                               struct error *err)
{
    struct table t;

    facts_open(&t);
    add_facts(&t, a);
    enum status status = table_print(&t, FORMAT_CSV, stdout, err);
    table_close(&t);
    return status;
}
