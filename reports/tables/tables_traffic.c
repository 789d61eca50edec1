/* tables_traffic.c - Add the table of a sweep of profiles: what crosses each level
 * of the caches, and what that is of the dense models. */
#include "reports/tables/tables.h"

#include <math.h>
#include <stdlib.h>
#include "reports/read/traffic.h"

static const enum metric metrics[] = {
    METRIC_FLOPS, METRIC_L2_BYTES, METRIC_L3_BYTES, METRIC_DRAM_BYTES,
    METRIC_SECONDS, METRIC_JOULES,
};
enum { METRICS = sizeof metrics / sizeof *metrics };

static const struct column columns[] = {
    { "setting", "setting", "", COLUMN_TEXT, true },
    { "phase", "phase", "", COLUMN_TEXT, true },
    { "capacity", "capacity", "", COLUMN_SHARE, true },
    { "flops", "", "flop", COLUMN_SI, false },
    { "flops_of_twin", "of the twin", "", COLUMN_SHARE, false },
    { "flops_of_rival", "of as costly a dense", "", COLUMN_SHARE, false },
    { "l2_bytes", "past L1", "B", COLUMN_SI, false },
    { "l2_bytes_of_twin", "of the twin", "", COLUMN_SHARE, false },
    { "l2_bytes_of_rival", "of as costly", "", COLUMN_SHARE, false },
    { "l3_bytes", "past L2", "B", COLUMN_SI, false },
    { "l3_bytes_of_twin", "of the twin", "", COLUMN_SHARE, false },
    { "l3_bytes_of_rival", "of as costly", "", COLUMN_SHARE, false },
    { "dram_bytes", "past L3", "B", COLUMN_SI, false },
    { "dram_bytes_of_twin", "of the twin", "", COLUMN_SHARE, false },
    { "dram_bytes_of_rival", "of as costly", "", COLUMN_SHARE, false },
    { "seconds", "", "s", COLUMN_SI, false },
    { "seconds_of_twin", "of the twin", "", COLUMN_SHARE, false },
    { "seconds_of_rival", "of as costly", "", COLUMN_SHARE, false },
    { "joules", "", "J", COLUMN_SI, false },
    { "joules_of_twin", "of the twin", "", COLUMN_SHARE, false },
    { "joules_of_rival", "of as costly", "", COLUMN_SHARE, false },
    { "rival", "the costly dense", "", COLUMN_TEXT, true },
};

static const char *name_of(const struct run *run)
{
    return run->title ? run->title : run->name;
}

static void add(struct table *t, const struct traffic *traffic)
{
    char words[PHASE_WORDS_SIZE], rival[96];

    table_row(t, traffic->policy ? ROW_MOD : ROW_PLAIN);
    table_text(t, name_of(traffic->run));
    phase_words(words, traffic->phase);
    table_text(t, words);
    tables_or_skip(t, traffic->capacity, PROV_COUNTED);
    for (int m = 0; m < METRICS; m++) {
        table_amount(t, totals_best(traffic_totals(traffic), metrics[m]));
        table_amount(t, traffic_of_twin(traffic, metrics[m]));
        table_amount(t, traffic_of_rival(traffic, metrics[m]));
    }
    snprintf(rival, sizeof rival, "%.60s, %d layers", traffic->phase->rival,
             traffic->phase->rival_layers);
    table_text(t, traffic->has_rival ? rival : "");
}

void tables_traffic(struct report *r)
{
    size_t n;
    struct traffic *all = traffic_list(&n, r->run, r->n_runs);
    struct table *t;

    if (n == 0)
        return;
    t = REPORT_ADD_TABLE(r, PHASES, NULL, "traffic", columns);
    table_caption(t, "What a phase takes: FLOPs, bytes that cross each level of "
                  "the caches, time and energy; as a share of the dense twin, "
                  "and of the dense model that ran in turns with it, where "
                  "its FLOPs of that phase are equal within a tenth. Shares of "
                  "time are paired.");
    t->grouped = true;
    for (size_t i = 0; i < n; i++)
        add(t, &all[i]);
    free(all);
}
