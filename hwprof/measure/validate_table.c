/* validate_table.c - a validation as text and as CSV. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "hwprof/measure/validate.h"
#include "sim/core/answer/json.h"

static bool is_whole(const struct validate_row *row)
{
    return row->op == LEDGER_ANY;
}

static void print_amount(FILE *file, double x)
{
    if (isfinite(x))
        fprintf(file, " %15.0f", x);
    else
        fprintf(file, " %15s", "-");
}

static void print_measured(FILE *file, const struct validate_row *row)
{
    char text[32];

    if (row->measured_from == PROV_BELOW) {
        fprintf(file, " %15s", "below res.");
    } else if (row->measured_from == PROV_AT_LEAST) {
        snprintf(text, sizeof text, ">= %.0f", row->measured);
        fprintf(file, " %15s", text);
    } else {
        print_amount(file, row->measured);
    }
}

static void print_share(FILE *file, double x, const char *format)
{
    if (isfinite(x))
        fprintf(file, format, 100 * x);
    else
        fprintf(file, " %8s", "-");
}

static void print_row(FILE *file, const struct validate_row *row)
{
    char what[32];

    if (is_whole(row))
        snprintf(what, sizeof what, "all");
    else
        snprintf(what, sizeof what, "%s%s", op_table[row->op].name,
                 row->pass == PASS_BACKWARD ? " back" : "");
    fprintf(file, "%-14s %-12s", what, metric_table[row->metric].column);
    print_amount(file, row->predicted);
    print_amount(file, row->counted);
    print_measured(file, row);
    print_share(file, row->off, " %+7.2f%%");
    if (row->allowed == 0)
        fprintf(file, " %8s", "exact");
    else
        print_share(file, row->allowed, " %7.1f%%");
    fprintf(file, "  %s\n", validate_words[row->verdict]);
}

/* Where no counter saw the metric, or bytes agree, the phase's line says so for
 * all its ops. */
static bool is_worth_a_line(const struct validate_row *row)
{
    return is_whole(row) || row->metric == METRIC_FLOPS ||
           row->verdict == VALIDATE_OUTSIDE ||
           (row->verdict != VALIDATE_NOT_MEASURED &&
            metric_table[row->metric].budget == BUDGET_TRAFFIC);
}

void validate_print(FILE *file, const struct validation *v, const char *phase,
                    const char *model)
{
    fprintf(file, "%-14s %-12s %15s %15s %15s %8s %8s\n", "op", "metric",
            "predicted", "counted", v->simulator[0] ? "simulated" : "measured",
            "off", "allowed");
    for (int i = 0; i < 101; i++)
        fputc('-', file);
    fputc('\n', file);
    for (size_t i = 0; i < v->n; i++) {
        const struct validate_row *row = &v->row[i];
        if (strcmp(row->phase, phase) == 0 &&
            strcmp(row->model, model) == 0 && is_worth_a_line(row))
            print_row(file, row);
    }
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
                    row->model, metric_table[row->metric].column,
                    is_whole(row) ? "all ops" : op_table[row->op].name,
                    row->reason);
    }
}

static void write_number(FILE *file, double x, const char *format)
{
    fputc(',', file);
    if (isfinite(x))
        fprintf(file, format, x);
}

/* Reasons are foreign text: quoted. */
static void write_quoted(FILE *file, const char *text)
{
    fputs(",\"", file);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', file);
        fputc(*text, file);
    }
    fputc('"', file);
}

void validate_write(FILE *file, const struct validation *v)
{
    fputs("phase,model,pass,op,metric,predicted,counted,measured,"
          "measured_source,off,allowed,verdict,reason,simulator\r\n", file);
    for (size_t i = 0; i < v->n; i++) {
        const struct validate_row *row = &v->row[i];
        fprintf(file, "%s,%s,%s,%s,%s", row->phase, row->model,
                row->pass == LEDGER_ANY ? "all" : pass_names[row->pass],
                is_whole(row) ? "all" : op_table[row->op].name,
                metric_table[row->metric].column);
        write_number(file, row->predicted, "%.0f");
        write_number(file, row->counted, "%.0f");
        write_number(file, row->measured, "%.0f");
        fprintf(file, ",%s", provenance_names[row->measured_from]);
        write_number(file, row->off, "%.6g");
        write_number(file, row->allowed, "%g");
        fprintf(file, ",%s", validate_words[row->verdict]);
        write_quoted(file, row->reason);
        write_quoted(file, v->simulator);
        fputs("\r\n", file);
    }
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
        const char *metric = metric_table[row->metric].column;
        if (row->verdict == VALIDATE_OUTSIDE)
            json_array_append_new(outside, json_pack(
                "{s:s, s:s, s:s, s:s, s:s, s:s}", "phase", row->phase, "model",
                row->model, "pass", row->pass == LEDGER_ANY
                    ? "all" : pass_names[row->pass], "op",
                is_whole(row) ? "all" : op_table[row->op].name, "metric",
                metric, "reason", row->reason));
        if (row->verdict == VALIDATE_NOT_MEASURED)
            json_object_set_new(missing, metric, json_string(row->reason));
    }
    json_object_set_new(json, "verdicts", verdicts);
    json_object_set_new(json, "outside", outside);
    json_object_set_new(json, "not_measured", missing);
    json_object_set_new(json, "simulated", json_reason(v->simulator));
    return json;
}
