/* profile_table.c - Print predicted, counted and measured amounts side by side,
 * op by op. */
#include "hwprof/measure/profile_table.h"

#include <math.h>
#include <stdlib.h>
#include "sim/core/answer/table.h"

enum { N_AMOUNTS = 7 };

/* The columns of amounts: whose ledger, and which metric. */
static const struct source {
    enum { PREDICTED, COUNTED, MEASURED } who;
    enum metric metric;
} sources[N_AMOUNTS] = {
    { PREDICTED, METRIC_FLOPS },   { COUNTED, METRIC_FLOPS },
    { MEASURED, METRIC_FLOPS },    { COUNTED, METRIC_BYTES },
    { PREDICTED, METRIC_JOULES },  { PREDICTED, METRIC_SECONDS },
    { MEASURED, METRIC_SECONDS },
};

static const struct column columns[] = {
    { "op", "op", "", COLUMN_TEXT, true },
    { "flops_predicted", "predicted", "flop", COLUMN_SI, true },
    { "flops_counted", "counted", "flop", COLUMN_SI, true },
    { "flops_measured", "measured", "flop", COLUMN_SI, true },
    { "bytes_counted", "operands", "B", COLUMN_SI, true },
    { "joules_modelled", "modelled energy", "J", COLUMN_SI, true },
    { "seconds_predicted", "predicted", "s", COLUMN_SI, true },
    { "seconds_measured", "measured", "s", COLUMN_SI, true },
    { "seconds_ratio", "measured / predicted", "", COLUMN_RATIO, true },
};
static const char *const over[] = { NULL, "work", "work", "work", NULL, NULL,
                                    "time", "time", NULL };

struct row {
    char          name[32];
    int           op;                  /* LEDGER_ANY: several */
    struct amount amount[N_AMOUNTS];
};

static struct row row_of(const struct profile_table *w, int op,
                         const char *name)
{
    const struct ledger *ledgers[] = { w->predicted, w->counted, w->measured };
    struct row row = { .op = op };

    snprintf(row.name, sizeof row.name, "%s", name);
    for (int i = 0; i < N_AMOUNTS; i++) {
        enum metric metric = sources[i].metric;
        struct cost sum = ledger_sum(ledgers[sources[i].who], LEDGER_ANY,
                                     LEDGER_ANY, LEDGER_ANY, op);
        row.amount[i] = amount_of(cost_get(&sum, metric),
                                  (enum provenance)sum.from[metric]);
    }
    return row;
}

static double seconds_of(const struct row *row)
{
    return row->amount[N_AMOUNTS - 1].value;
}

static int slower_first(const void *a, const void *b)
{
    const double x = seconds_of(a), y = seconds_of(b);
    return (x < y) - (x > y);
}

/* As unknown as the part that is known least. */
static void add(struct row *sum, const struct row *part)
{
    for (int i = 0; i < N_AMOUNTS; i++) {
        struct amount *to = &sum->amount[i];
        const struct amount *from = &part->amount[i];
        *to = amount_of(to->value + from->value,
                        to->from < from->from ? to->from : from->from);
    }
}

/* A measured amount is no number where its regions are too small for it. */
static struct amount shown(const struct profile_table *w, const struct row *row,
                           int i)
{
    struct measure_row known[METRIC_COUNT];

    if (sources[i].who != MEASURED || !w->measure || row->op == LEDGER_ANY)
        return row->amount[i];
    measure_report(w->measure, known);
    double regions = (double)measure_regions(w->measure, LEDGER_ANY,
                                             LEDGER_ANY, row->op);
    return row->amount[i].value < regions * known[sources[i].metric].resolution
               ? amount_unknown("below what a reading resolves")
               : row->amount[i];
}

static void add_row(struct table *t, const struct profile_table *w,
                    const struct row *row, enum row_kind kind)
{
    struct amount amount[N_AMOUNTS];

    table_row(t, kind);
    table_text(t, row->name);
    for (int i = 0; i < N_AMOUNTS; i++)
        table_amount(t, amount[i] = shown(w, row, i));
    table_amount(t, amount_ratio(amount[N_AMOUNTS - 1],
                                 amount[N_AMOUNTS - 2]));
}

static int rows_of(const struct profile_table *w, struct row out[OP_COUNT])
{
    int n = 0;

    for (int op = 0; op < OP_COUNT; op++) {
        struct cost counted = ledger_sum(w->counted, LEDGER_ANY, LEDGER_ANY,
                                         LEDGER_ANY, op);
        if (counted.count[METRIC_BYTES] > 0 || counted.count[METRIC_FLOPS] > 0)
            out[n++] = row_of(w, op, op_table[op].name);
    }
    if (n > 0)
        qsort(out, (size_t)n, sizeof *out, slower_first);
    return n;
}

/* The quickest ops, which together tell little, share a row. */
static void fill(struct table *t, const struct profile_table *w)
{
    struct row row[OP_COUNT], total = row_of(w, LEDGER_ANY, "total");
    int n = rows_of(w, row), shown_rows = n;

    while (shown_rows > 0 &&
           seconds_of(&row[shown_rows - 1]) < 0.01 * seconds_of(&total))
        shown_rows--;
    for (int i = 0; i < shown_rows; i++)
        add_row(t, w, &row[i], ROW_PLAIN);
    for (int i = shown_rows + 1; i < n; i++)
        add(&row[shown_rows], &row[i]);
    if (shown_rows < n) {
        struct row *rest = &row[shown_rows];
        snprintf(rest->name, sizeof rest->name, "other (%d)", n - shown_rows);
        rest->op = LEDGER_ANY;
        add_row(t, w, rest, ROW_PLAIN);
    }
    add_row(t, w, &total, ROW_TOTAL);
}

enum status profile_table_print(FILE *file, const struct profile_table *w,
                                struct error *err)
{
    struct table t;

    table_open(&t, "ops", columns, sizeof columns / sizeof *columns);
    t.over = over;
    fill(&t, w);
    enum status status = table_print(&t, FORMAT_TEXT, file, err);
    table_close(&t);
    return status;
}
