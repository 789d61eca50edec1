/* tables_executed.c - Add the table of the flops that a binary executed, op by
 * op and by the width of its instructions, from the validate.csv of a profile
 * that ran under a simulator. */
#include "reports/tables/tables.h"

#include <math.h>
#include <string.h>
#include "reports/read/csv.h"

static const struct column columns[] = {
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

static bool tells(const struct csv *csv, size_t r, int width)
{
    return width >= 0 && csv_text(csv, r, width)[0] != '\0';
}

static void add_row(struct table *t, const struct csv *csv, size_t r)
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

void tables_executed(struct report *report)
{
    struct table *t = NULL;
    struct csv csv;
    struct error err;

    if (!report->profile || csv_open_in(&csv, report->profile->path,
                                        "validate.csv", &err) != STATUS_OK)
        return;
    int width = csv_column(&csv, "flops_scalar");
    for (size_t r = 0; r < csv.n_rows; r++) {
        if (!tells(&csv, r, width))
            continue;
        if (!t) {
            t = REPORT_ADD_TABLE(report, TRUST, true, "executed_flops",
                                 columns);
            table_caption(t, "Floating-point operations of the binary that "
                          "ran: how often valgrind's callgrind executed each "
                          "instruction, times what its bytes do to each lane; "
                          "a fused multiply-add is two. It knows neither the "
                          "formulas nor the executor's tally. An instruction "
                          "whose lanes a mask chooses would have been refused:"
                          " none ran.");
            t->grouped = true;
        }
        add_row(t, &csv, r);
    }
    csv_close(&csv);
}
