/* tables_validate.c - Add the tables of the validate.csv of a profile run with
 * --validate: the error budget of each metric, and the flops executed. */
#include "reports/tables/tables.h"

#include <math.h>
#include <string.h>
#include "reports/read/csv.h"

static const struct column columns[] = {
    { "phase", "phase", "", COLUMN_TEXT, true },
    { "model", "model", "", COLUMN_TEXT, true },
    { "metric", "metric", "", COLUMN_TEXT, true },
    { "within", "within", "", COLUMN_TEXT, true },
    { "outside", "outside", "", COLUMN_TEXT, true },
    { "lower_bound", "lower bound", "", COLUMN_TEXT, true },
    { "below_resolution", "below resolution", "", COLUMN_TEXT, true },
    { "not_measured", "not measured", "", COLUMN_TEXT, true },
    { "shown", "not judged", "", COLUMN_TEXT, true },
    { "worst", "furthest judged", "", COLUMN_SHARE, true },
};
static const char *const verdicts[] = {   /* in the order of the columns */
    "within", "OUTSIDE", "lower bound", "below resolution", "not measured",
    "shown",
};
enum { N_VERDICTS = sizeof verdicts / sizeof *verdicts };

struct fields {
    int phase, model, metric, verdict, off, source, simulator;
};

/* Rows of one phase, model and metric need not be neighbours. */
struct sum {
    size_t count[N_VERDICTS];
    double worst;              /* of the judged rows; NAN: there is none */
    enum provenance from;      /* of `worst` */
};

static bool same(const struct csv *csv, const struct fields *f, size_t a,
                 size_t b)
{
    return strcmp(csv_text(csv, a, f->phase), csv_text(csv, b, f->phase)) == 0 &&
           strcmp(csv_text(csv, a, f->model), csv_text(csv, b, f->model)) == 0 &&
           strcmp(csv_text(csv, a, f->metric),
                  csv_text(csv, b, f->metric)) == 0;
}

static bool is_simulated(const struct csv *csv, const struct fields *f,
                         size_t r)
{
    return strcmp(csv_text(csv, r, f->source),
                  provenance_names[PROV_SIMULATED]) == 0;
}

static void count(struct sum *sum, const struct csv *csv,
                  const struct fields *f, size_t r)
{
    const char *word = csv_text(csv, r, f->verdict);
    double off = (double)NAN;

    for (int v = 0; v < N_VERDICTS; v++)
        if (strcmp(word, verdicts[v]) == 0) {
            sum->count[v]++;
            if (v < 2 && csv_real(csv, r, f->off, &off, NULL) == STATUS_OK &&
                (isnan(sum->worst) || fabs(off) > fabs(sum->worst))) {
                sum->worst = off;
                sum->from = is_simulated(csv, f, r) ? PROV_SIMULATED
                                                    : PROV_MEASURED;
            }
        }
}

/* The reason that the profile did not measure the metric; the summary's text
 * outlives the table. */
static const char *reason_of(const struct report *report, const char *phase,
                             const char *model, const char *metric)
{
    const struct run *run = report->profile;

    for (size_t i = 0; i < run->n_phases; i++)
        for (int a = 0; a < ARM_COUNT; a++)
            for (int m = 0; m < METRIC_COUNT; m++)
                if (strcmp(run->phase[i].name, phase) == 0 &&
                    strcmp(arm_names[a], model) == 0 &&
                    strcmp(metric_table[m].column, metric) == 0)
                    return run->phase[i].totals[a]
                           .of[WITNESS_MEASURED][m].reason;
    return NULL;
}

static void add_row(const struct report *report, struct table *t,
                    const struct csv *csv, const struct fields *f, size_t first)
{
    struct sum sum = { .worst = (double)NAN };

    for (size_t r = first; r < csv->n_rows; r++)
        if (same(csv, f, first, r))
            count(&sum, csv, f, r);
    table_row(t, strcmp(csv_text(csv, first, f->model), arm_names[ARM_MOD])
                     ? ROW_PLAIN : ROW_MOD);
    table_text(t, csv_text(csv, first, f->phase));
    table_text(t, csv_text(csv, first, f->model));
    table_text(t, csv_text(csv, first, f->metric));
    for (int v = 0; v < N_VERDICTS; v++)
        table_textf(t, "%zu", sum.count[v]);
    if (isfinite(sum.worst))
        table_amount(t, amount_of(sum.worst, sum.from));
    else if (sum.count[4])
        table_amount(t, amount_unknown(reason_of(report,
            csv_text(csv, first, f->phase), csv_text(csv, first, f->model),
            csv_text(csv, first, f->metric))));
    else
        table_skip(t);
}

static void validation(struct report *report, const struct csv *csv)
{
    struct fields f = {
        csv_column(csv, "phase"), csv_column(csv, "model"),
        csv_column(csv, "metric"), csv_column(csv, "verdict"),
        csv_column(csv, "off"), csv_column(csv, "measured_source"),
        csv_column(csv, "simulator"),
    };
    const char *simulator = csv->n_rows ? csv_text(csv, 0, f.simulator) : "";
    struct table *t = REPORT_ADD_TABLE(report, TRUST, NULL, "validation",
                                       columns);
    table_caption(t, "Figures of the profile against the error budget of their "
                  "metric, op by op and for the whole phase: FLOPs and operand "
                  "bytes counted exactly as predicted, FLOPs measured as "
                  "counted, bytes of each level as the byte model has them (5 "
                  "%% where an op streams, 15 %% in products), instructions and "
                  "cycles the same again within 0.5 %%.%s%s%s", simulator[0]
                  ? " Nothing here was measured on hardware: simulated ("
                  : "", simulator, simulator[0] ? ")." : "");
    t->grouped = true;
    for (size_t r = 0; r < csv->n_rows; r++) {
        size_t first = 0;
        while (!same(csv, &f, first, r))
            first++;
        if (first == r)
            add_row(report, t, csv, &f, r);
    }
}

/* ---- the flops that a binary executed, op by op and by the width of its
 * instructions, where the profile ran under a simulator ---- */

static const struct column executed_columns[] = {
    { "phase", "phase", "", COLUMN_TEXT, true },
    { "model", "model", "", COLUMN_TEXT, true },
    { "pass", "pass", "", COLUMN_TEXT, true },
    { "op", "op", "", COLUMN_TEXT, true },
    { "counted", "counted", "flop", COLUMN_WHOLE, true },
    { "executed", "executed", "flop", COLUMN_WHOLE, false },
    { "scalar", "scalar", "flop", COLUMN_WHOLE, true },
    { "bits_128", "128 bit", "flop", COLUMN_WHOLE, true },
    { "bits_256", "256 bit", "flop", COLUMN_WHOLE, true },
    { "bits_512", "512 bit", "flop", COLUMN_WHOLE, true },
    { "fused", "fused", "flop", COLUMN_WHOLE, true },
    { "explained", "the difference", "", COLUMN_TEXT, true },
};
static const char *const texts[] = { "phase", "model", "pass", "op" };
static const struct {
    const char *field;
    enum provenance from;
} amounts[] = {                      /* in the order of the columns */
    { "counted", PROV_COUNTED }, { "measured", PROV_SIMULATED },
    { "flops_scalar", PROV_SIMULATED }, { "flops_128_bit", PROV_SIMULATED },
    { "flops_256_bit", PROV_SIMULATED }, { "flops_512_bit", PROV_SIMULATED },
    { "flops_fused", PROV_SIMULATED },
};

static void add_executed(struct table *t, const struct csv *csv, size_t r)
{
    const char *model = csv_text(csv, r, csv_column(csv, "model"));

    table_row(t, strcmp(model, arm_names[ARM_MOD]) ? ROW_PLAIN : ROW_MOD);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        table_text(t, csv_text(csv, r, csv_column(csv, texts[i])));
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        double value = (double)NAN;
        if (csv_real(csv, r, csv_column(csv, amounts[i].field), &value,
                     NULL) != STATUS_OK)
            value = (double)NAN;
        table_amount(t, amount_of(value, amounts[i].from));
    }
    table_text(t, csv_text(csv, r, csv_column(csv, "reason")));
}

static void executed(struct report *report, const struct csv *csv)
{
    const int width = csv_column(csv, "flops_scalar");
    struct table *t = REPORT_ADD_TABLE(
        report, TRUST, "FLOPs that the binary executed, by width",
        "executed_flops", executed_columns);

    table_caption(t, "Floating-point operations of the binary that ran: how "
                  "often valgrind's callgrind executed each instruction, times "
                  "what its bytes do to each lane; a fused multiply-add is "
                  "two. It knows neither the formulas nor the executor's tally."
                  " An instruction whose lanes a mask chooses would have been "
                  "refused: none ran.");
    t->grouped = true;
    for (size_t r = 0; r < csv->n_rows; r++)
        if (csv_text(csv, r, width)[0] != '\0')
            add_executed(t, csv, r);
}

void tables_validate(struct report *report)
{
    struct csv csv;
    struct error err;

    if (!report->profile || csv_open_in(&csv, report->profile->path,
                                        "validate.csv", &err) != STATUS_OK)
        return;
    validation(report, &csv);
    executed(report, &csv);
    csv_close(&csv);
}
