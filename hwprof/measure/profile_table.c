/* profile_table.c - lining up three ledgers op by op. */
#include "hwprof/measure/profile_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct row {
    char   name[32];
    double predicted_flops, counted_flops, measured_flops;
    double predicted_seconds, measured_seconds;
    bool   at_least;               /* of measured_flops */
    bool   flops_below, seconds_below;
};

static double sum_of(const struct ledger *ledger, int op, enum metric metric)
{
    struct cost cost = ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                  op);
    return cost_get(&cost, metric);
}

static bool is_below(const struct witnesses *w, int op, enum metric metric,
                     double amount)
{
    struct measure_row row[METRIC_COUNT];

    if (!w->measure || op == LEDGER_ANY)
        return false;
    measure_report(w->measure, row);
    return amount < row[metric].resolution *
           (double)measure_regions(w->measure, LEDGER_ANY, LEDGER_ANY, op);
}

static struct row row_of(const struct witnesses *w, int op, const char *name)
{
    struct row row = {
        .predicted_flops = sum_of(w->predicted, op, METRIC_FLOPS),
        .counted_flops = sum_of(w->counted, op, METRIC_FLOPS),
        .measured_flops = sum_of(w->measured, op, METRIC_FLOPS),
        .predicted_seconds = sum_of(w->predicted, op, METRIC_SECONDS),
        .measured_seconds = sum_of(w->measured, op, METRIC_SECONDS),
    };
    struct cost flops = ledger_sum(w->measured, LEDGER_ANY, LEDGER_ANY,
                                   LEDGER_ANY, op);
    row.at_least = flops.from[METRIC_FLOPS] == PROV_AT_LEAST;
    row.flops_below = is_below(w, op, METRIC_FLOPS, row.measured_flops);
    row.seconds_below = is_below(w, op, METRIC_SECONDS, row.measured_seconds);
    snprintf(row.name, sizeof row.name, "%s", name);
    return row;
}

static int slower_first(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    return (x->measured_seconds < y->measured_seconds) -
           (x->measured_seconds > y->measured_seconds);
}

static void add(struct row *sum, const struct row *part)
{
    sum->predicted_flops += part->predicted_flops;
    sum->counted_flops += part->counted_flops;
    sum->measured_flops += part->measured_flops;
    sum->predicted_seconds += part->predicted_seconds;
    sum->measured_seconds += part->measured_seconds;
    sum->at_least |= part->at_least;
}

static void print_amount(FILE *file, double x, double unit, int decimals)
{
    if (isfinite(x))
        fprintf(file, " %11.*f", decimals, x / unit);
    else
        fprintf(file, " %11s", "-");
}

static void print_measured(FILE *file, double x, double unit, int decimals,
                           bool below, bool at_least)
{
    char text[32];

    if (below) {
        fprintf(file, " %11s", "below res.");
    } else if (at_least && isfinite(x)) {
        snprintf(text, sizeof text, ">=%.*f", decimals, x / unit);
        fprintf(file, " %11s", text);
    } else {
        print_amount(file, x, unit, decimals);
    }
}

static void print_row(FILE *file, const struct row *row)
{
    double ratio = row->seconds_below
        ? (double)NAN : row->measured_seconds / row->predicted_seconds;
    fprintf(file, "%-12s", row->name);
    print_amount(file, row->predicted_flops, 1e9, 4);
    print_amount(file, row->counted_flops, 1e9, 4);
    print_measured(file, row->measured_flops, 1e9, 4, row->flops_below,
                   row->at_least);
    print_amount(file, row->predicted_seconds, 1e-3, 3);
    print_measured(file, row->measured_seconds, 1e-3, 3, row->seconds_below,
                   false);
    print_amount(file, ratio, 1.0, 3);
    if (isfinite(ratio))
        fputs(fabs(ratio - 1.0) > 0.1   ? " !!"
              : fabs(ratio - 1.0) > 0.02 ? " !" : "", file);
    fputc('\n', file);
}

void profile_table_print(FILE *file, const struct witnesses *w)
{
    struct row row[OP_COUNT] = { 0 }, rest = { .name = "" };
    struct row total = row_of(w, LEDGER_ANY, "total");
    int n = 0, folded = 0;

    for (int op = 0; op < OP_COUNT; op++) {
        struct cost counted = ledger_sum(w->counted, LEDGER_ANY, LEDGER_ANY,
                                         LEDGER_ANY, op);
        if (counted.count[METRIC_BYTES] > 0 || counted.count[METRIC_FLOPS] > 0)
            row[n++] = row_of(w, op, op_table[op].name);
    }
    qsort(row, (size_t)n, sizeof *row, slower_first);
    fprintf(file, "%-12s %35s  %34s\n%-12s %11s %11s %11s %11s %11s %11s\n",
            "", "flops, G", "time, ms", "op", "predicted", "counted",
            "measured", "predicted", "measured", "meas/pred");
    for (int i = 0; i < 84; i++)
        fputc('-', file);
    fputc('\n', file);
    for (int i = 0; i < n; i++)
        if (row[i].measured_seconds >= 0.01 * total.measured_seconds) {
            print_row(file, &row[i]);
        } else {
            add(&rest, &row[i]);
            folded++;
        }
    if (folded > 0) {
        snprintf(rest.name, sizeof rest.name, "other (%d)", folded);
        print_row(file, &rest);
    }
    print_row(file, &total);
}
