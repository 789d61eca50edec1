/* validate_table.c - Print a validation as text, CSV and JSON. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "hwprof/measure/validate.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/table.h"

static const char *const width_names[] = {
#define X(id, column, name) name,
    FLOP_WIDTH_MAP(X)
#undef X
};

static bool is_whole(const struct validate_row *row)
{
    return row->op == LEDGER_ANY;
}

static const char *pass_of(const struct validate_row *row)
{
    return row->pass == LEDGER_ANY ? "all" : pass_names[row->pass];
}

static const char *op_of(const struct validate_row *row)
{
    return is_whole(row) ? "all" : op_table[row->op].name;
}

static const char *metric_of(const struct validate_row *row)
{
    return metric_table[row->metric].column;
}

/* Return what was measured, or that it is only known to be too small. */
static struct amount measured_of(const struct validate_row *row)
{
    struct amount amount = amount_of(row->measured, row->measured_from);

    amount.from = row->measured_from;
    if (amount.from == PROV_BELOW)
        amount.reason = "below what the counter resolves";
    return amount;
}

/* The cells that text and CSV share. */
static void add_amounts(struct table *t, const struct validate_row *row)
{
    table_amount(t, amount_of(row->predicted, PROV_PREDICTED));
    table_amount(t, amount_of(row->counted, PROV_COUNTED));
    table_amount(t, measured_of(row));
}

/* The smallest budget is 0.5 %: two decimals tell what is near it. */
static void add_share(struct table *t, double share, const char *format)
{
    if (isfinite(share))
        table_textf(t, format, 100 * share);
    else
        table_text(t, "-");
}

/* The phase's line says for all its ops that no counter saw the metric, or
 * that bytes agree. */
static bool is_worth_a_line(const struct validate_row *row)
{
    return is_whole(row) || row->metric == METRIC_FLOPS ||
           row->verdict == VALIDATE_OUTSIDE ||
           (row->verdict != VALIDATE_NOT_MEASURED &&
            metric_table[row->metric].budget == BUDGET_TRAFFIC);
}

static void add_line(struct table *t, const struct validate_row *row)
{
    table_row(t, is_whole(row) ? ROW_TOTAL : ROW_PLAIN);
    table_textf(t, "%s%s", op_of(row), row->pass == PASS_BACKWARD ? " back"
                                                                  : "");
    table_text(t, metric_of(row));
    add_amounts(t, row);
    add_share(t, row->off, "%+.2f");
    add_share(t, row->allowed, row->allowed > 0 ? "%.1f" : "exact");
    table_text(t, validate_words[row->verdict]);
}

/* The mix of a phase stands under the table that has its sum. */
static void print_mix(FILE *file, const struct validate_row *row)
{
    double all = (double)flop_mix_sum(&row->mix);
    const char *separator = "executed flops:";

    if (!is_whole(row) || !row->has_mix || all == 0)
        return;
    for (int w = 0; w < FLOP_WIDTH_COUNT; w++, separator = ",")
        fprintf(file, "%s %.2f %% %s", separator,
                100 * (double)row->mix.of[w] / all, width_names[w]);
    fprintf(file, "; %.2f %% fused; no lane was masked\n",
            100 * (double)row->mix.fused / all);
}

enum status validate_print(FILE *file, const struct validation *v,
                           const char *phase, const char *model,
                           struct error *err)
{
    const struct column columns[] = {
        { "op", "op", "", COLUMN_TEXT, true },
        { "metric", "metric", "", COLUMN_TEXT, true },
        { "predicted", "predicted", "", COLUMN_WHOLE, true },
        { "counted", "counted", "", COLUMN_WHOLE, true },
        { "measured", v->simulator[0] ? "simulated" : "measured", "",
          COLUMN_WHOLE, true },
        { "off", "off", "", COLUMN_SHARE, true },
        { "allowed", "allowed", "", COLUMN_SHARE, true },
        { "verdict", "", "", COLUMN_TEXT, true },
    };
    struct table t;

    table_open(&t, "validation", columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < v->n; i++) {
        const struct validate_row *row = &v->row[i];
        if (strcmp(row->phase, phase) == 0 &&
            strcmp(row->model, model) == 0 && is_worth_a_line(row))
            add_line(&t, row);
    }
    enum status status = table_print(&t, FORMAT_TEXT, file, err);
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->row[i].phase, phase) == 0 &&
            strcmp(v->row[i].model, model) == 0)
            print_mix(file, &v->row[i]);
    table_close(&t);
    return status;
}

void validate_print_sum(FILE *file, const struct validation *v)
{
    fprintf(file, "\nvalidation%s%s%s: %zu figures:",
            v->simulator[0] ? ", simulated (" : "", v->simulator,
            v->simulator[0] ? ")" : "", v->n);
    for (int i = 0; i < VALIDATE_VERDICT_COUNT; i++)
        fprintf(file, "%s %zu %s", i ? "," : "",
                validation_count(v, (enum validate_verdict)i),
                validate_words[i]);
    fputc('\n', file);
    for (size_t i = 0; i < v->n; i++) {
        const struct validate_row *row = &v->row[i];
        if (row->verdict == VALIDATE_OUTSIDE)
            fprintf(file, "  OUTSIDE: %s, %s, %s of %s: %s\n", row->phase,
                    row->model, metric_of(row),
                    is_whole(row) ? "all ops" : op_of(row), row->reason);
    }
}

static void add_flops(struct table *t, const struct validate_row *row,
                      uint64_t flops)
{
    if (row->has_mix)
        table_textf(t, "%" PRIu64, flops);
    else
        table_text(t, "");
}

static void add_mix(struct table *t, const struct validate_row *row)
{
    for (int w = 0; w < FLOP_WIDTH_COUNT; w++)
        add_flops(t, row, row->mix.of[w]);
    add_flops(t, row, row->mix.fused);
}

enum status validate_write(const char *directory, const struct validation *v,
                           struct error *err)
{
    static const struct column columns[] = {
        { "phase", "phase", "", COLUMN_TEXT, true },
        { "model", "model", "", COLUMN_TEXT, true },
        { "pass", "pass", "", COLUMN_TEXT, true },
        { "op", "op", "", COLUMN_TEXT, true },
        { "metric", "metric", "", COLUMN_TEXT, true },
        { "predicted", "predicted", "", COLUMN_WHOLE, true },
        { "counted", "counted", "", COLUMN_WHOLE, true },
        { "measured", "measured", "", COLUMN_WHOLE, false },
        { "off", "off", "", COLUMN_SHARE, true },
        { "allowed", "allowed", "", COLUMN_SHARE, true },
        { "verdict", "verdict", "", COLUMN_TEXT, true },
        { "reason", "reason", "", COLUMN_TEXT, true },
        { "simulator", "simulator", "", COLUMN_TEXT, true },
#define X(id, column, name) { column, column, "", COLUMN_TEXT, true },
        FLOP_WIDTH_MAP(X)
#undef X
        { "flops_fused", "flops_fused", "", COLUMN_TEXT, true },
    };
    struct table t;

    table_open(&t, "validate", columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < v->n; i++) {
        const struct validate_row *row = &v->row[i];
        table_row(&t, ROW_PLAIN);
        table_text(&t, row->phase);
        table_text(&t, row->model);
        table_text(&t, pass_of(row));
        table_text(&t, op_of(row));
        table_text(&t, metric_of(row));
        add_amounts(&t, row);
        table_amount(&t, amount_of(row->off, PROV_MEASURED));
        table_amount(&t, amount_of(row->allowed, PROV_PREDICTED));
        table_text(&t, validate_words[row->verdict]);
        table_text(&t, row->reason);
        table_text(&t, v->simulator);
        add_mix(&t, row);
    }
    enum status status = table_write(&t, FORMAT_CSV, directory, "validate.csv",
                                     err);
    table_close(&t);
    return status;
}

json_t *validate_json(const struct validation *v)
{
    json_t *json = json_pack("{s:I}", "figures", (json_int_t)v->n);
    json_t *outside = json_array(), *missing = json_object();
    json_t *verdicts = json_object();

    for (int i = 0; i < VALIDATE_VERDICT_COUNT; i++)
        json_object_set_new(verdicts, validate_words[i], json_integer(
            (json_int_t)validation_count(v, (enum validate_verdict)i)));
    for (size_t i = 0; i < v->n; i++) {
        const struct validate_row *row = &v->row[i];
        if (row->verdict == VALIDATE_OUTSIDE)
            json_array_append_new(outside, json_pack(
                "{s:s, s:s, s:s, s:s, s:s, s:s}", "phase", row->phase, "model",
                row->model, "pass", pass_of(row), "op", op_of(row), "metric",
                metric_of(row), "reason", row->reason));
        if (row->verdict == VALIDATE_NOT_MEASURED)
            json_object_set_new(missing, metric_of(row),
                                json_string(row->reason));
    }
    json_object_set_new(json, "verdicts", verdicts);
    json_object_set_new(json, "outside", outside);
    json_object_set_new(json, "not_measured", missing);
    json_object_set_new(json, "simulated", json_reason(v->simulator));
    return json;
}
