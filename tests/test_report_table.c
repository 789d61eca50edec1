/* test_report_table.c - Expect numbers to keep unit, source and reason in every
 * format. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/answer/table.h"

static const struct column columns[] = {
    { "name", "name", "", COLUMN_TEXT, true },
    { "flops", "FLOPs", "flop", COLUMN_SI, false },
    { "ratio", "ratio", "", COLUMN_RATIO, false },
};

static void fill(struct table *t)
{
    struct amount ratio = amount_of(1.05, PROV_MEASURED);
    ratio.low = 1.04;
    ratio.high = 1.06;
    table_open(t, "small", columns, 3);
    table_caption(t, "A <small> table");
    table_row(t, ROW_PLAIN);
    table_text(t, "=a|b<c>");
    table_amount(t, amount_of(12345678, PROV_COUNTED));
    table_amount(t, ratio);
    table_row(t, ROW_MOD);
    table_text(t, "second");
    table_amount(t, amount_unknown("no counter"));
    table_skip(t);
}

typedef void writer(const struct table *table, FILE *out);

static char *written(writer *write)
{
    struct table t;
    char  *out = NULL;
    size_t size;
    FILE  *stream = open_memstream(&out, &size);

    fill(&t);
    write(&t, stream);
    fclose(stream);
    table_close(&t);
    return out;
}

Test(report_table, csv_holds_base_units_sources_and_intervals)
{
    char *got = written(table_csv);
    char want[] =
        "name,flops,flops_source,ratio,ratio_low,ratio_high,ratio_source\r\n"
        "\"'=a|b<c>\",12345678,counted,1.05,1.04,1.06,measured\r\n"
        "second,,unknown,,,,\r\n";
    cr_assert(eq(str, got, want));
    free(got);
}

Test(report_table, markdown_has_prefixes_and_numbered_reasons)
{
    char *got = written(table_markdown);
    cr_assert(strstr(got, "FLOPs, MFLOP (counted)") != NULL);
    cr_assert(strstr(got, "| 12.35 |") != NULL);
    cr_assert(strstr(got, "| unknown [1] |") != NULL);
    cr_assert(strstr(got, "[1] no counter") != NULL);
    free(got);
}

Test(report_table, html_escapes_tags_and_marks_what_is_off)
{
    char *got = written(table_html);
    cr_assert(strstr(got, "<c>") == NULL);
    cr_assert(strstr(got, "data-v=\"12345678\" data-u=\"flop\" "
                          "data-s=\"counted\"") != NULL);
    cr_assert(strstr(got, "class=\"n off\" data-v=\"1.05\"") != NULL, "%s", got);
    cr_assert(strstr(got, ">+5.0 % <i>±1.0</i>") != NULL, "%s", got);
    cr_assert(strstr(got, "unknown<sup>1</sup>") != NULL);
    free(got);
}

Test(report_table, json_says_why_a_number_is_unknown)
{
    struct table t;
    char  *text = NULL;
    size_t size;
    FILE  *stream = open_memstream(&text, &size);
    json_t *root, *row;

    fill(&t);
    cr_assert(table_json(&t, stream, NULL) == STATUS_OK);
    fclose(stream);
    root = json_loads(text, 0, NULL);
    row = json_array_get(json_object_get(root, "rows"), 1);
    cr_assert(eq(str, (char *)json_string_value(json_object_get(
        json_object_get(row, "flops"), "reason")), "no counter"));
    cr_assert(eq(ptr, json_object_get(row, "ratio"), json_null()));
    json_decref(root);
    table_close(&t);
    free(text);
}

static void reads(double value, enum column_style style, const char *want)
{
    char got[TABLE_NUMBER_SIZE];
    table_number(got, value, style);
    cr_assert(eq(str, got, (char *)want));
}

Test(report_table, numbers_as_people_read_them)
{
    reads(0.125, COLUMN_SHARE, "12.5");
    reads(-0.0123, COLUMN_SIGNED, "−0.0123");
    reads(0.0123, COLUMN_SIGNED, "+0.0123");
    reads(0.00001, COLUMN_LOSS, "<0.0001");
    reads((double)NAN, COLUMN_LOSS, "unknown");
    reads(0, COLUMN_LOSS, "0.0000");
}

Test(report_table, si_prefixes)
{
    char got[TABLE_NUMBER_SIZE];
    table_si(got, 3.21e12, "FLOP");
    cr_assert(eq(str, got, "3.21 TFLOP"));
    table_si(got, 0.0000425, "s");
    cr_assert(eq(str, got, "42.5 µs"));
    table_si(got, 0, "J");
    cr_assert(eq(str, got, "0.00 J"));
}

Test(report_table, a_ratio_is_as_weak_as_its_weaker_part)
{
    struct amount modelled = amount_of(2, PROV_PREDICTED);
    struct amount r;
    modelled.modelled = true;
    r = amount_ratio(amount_of(6, PROV_MEASURED), modelled);
    cr_assert(epsilon_eq(dbl, r.value, 3, 1e-12));
    cr_assert(eq(str, (char *)amount_word(r), "modelled"));
    r = amount_ratio(modelled, amount_of(0, PROV_COUNTED));
    cr_assert(not(amount_known(r)));
    r = amount_of((double)INFINITY, PROV_COUNTED);
    cr_assert(not(amount_known(r)));
}

Test(report_table, a_lower_bound_carries_its_sign)
{
    struct table t;
    char  *out = NULL;
    size_t size = 0;
    FILE  *file = open_memstream(&out, &size);

    table_open(&t, "bound", columns, 3);
    table_row(&t, ROW_PLAIN);
    table_text(&t, "lossy");
    table_amount(&t, amount_of(5e6, PROV_AT_LEAST));
    table_markdown(&t, file);
    table_html(&t, file);
    table_csv(&t, file);
    fclose(file);
    cr_assert(strstr(out, "| ≥ 5.000 |") != NULL, "%s", out);
    cr_assert(strstr(out, ">≥ 5.000") != NULL, "%s", out);
    cr_assert(strstr(out, "lossy,5000000,at_least") != NULL, "%s", out);
    free(out);
    table_close(&t);
}

Test(report_table, a_busy_figure_says_so_wherever_it_is_written)
{
    static const struct column timed[] = {
        { "op", "op", "", COLUMN_TEXT, true },
        { "seconds", "time", "s", COLUMN_SI, false } };
    struct table t;
    struct error failed = { 0 };
    char  *out = NULL;
    size_t size = 0;
    FILE  *file = open_memstream(&out, &size);

    table_open(&t, "busy", timed, 2);
    table_row(&t, ROW_PLAIN);
    table_text(&t, "norm");
    table_amount(&t, amount_of(5, PROV_BUSY));
    cr_assert(table_aligned(&t, file, &failed) == STATUS_OK);
    table_markdown(&t, file);
    table_html(&t, file);
    table_csv(&t, file);
    fclose(file);
    cr_assert(strstr(out, "busy 5.000\n") != NULL, "%s", out);
    cr_assert(strstr(out, "| busy 5.000 |") != NULL, "%s", out);
    cr_assert(strstr(out, ">busy</abbr></span></th>") != NULL, "%s", out);
    cr_assert(strstr(out, "data-s=\"busy\">5.000") != NULL, "%s", out);
    cr_assert(strstr(out, "norm,5,busy") != NULL, "%s", out);
    free(out);
    table_close(&t);
}

static char *html_of(size_t n_columns, const struct column *of,
                     struct amount cell, const char *unit)
{
    struct table t;
    char  *out = NULL;
    size_t size;
    FILE  *stream = open_memstream(&out, &size);

    table_open(&t, "wide", of, n_columns);
    for (int r = 0; r < 2; r++) {
        table_row(&t, ROW_PLAIN);
        table_text(&t, "row");
        for (size_t c = 1; c + 1 < n_columns; c++)
            table_quantity(&t, amount_of(3, PROV_MEASURED), "s");
        table_quantity(&t, cell, unit);
    }
    table_html(&t, stream);
    fclose(stream);
    table_close(&t);
    return out;
}

#define QUANTITY(name) { name, name, "", COLUMN_QUANTITY, false }
static const struct column wide[] = {
    { "what", "what", "", COLUMN_TEXT, true }, QUANTITY("b"), QUANTITY("c"),
    QUANTITY("d"), QUANTITY("e"), QUANTITY("f"), QUANTITY("g"), QUANTITY("h"),
    QUANTITY("last"),
};

/* Nine columns: the reason stands below instead.  Eight fit the page. */
Test(report_table, a_wide_table_spares_the_column_that_nobody_knows)
{
    struct amount unknown = amount_unknown("no sensor");
    char *got = html_of(9, wide, unknown, "J");
    cr_assert(strstr(got, "scope=\"col\"><span>last") == NULL, "%s", got);
    cr_assert(strstr(got, "Not known here: last (no sensor).") != NULL, "%s", got);
    cr_assert(strstr(got, "class=\"n unk\"") == NULL, "%s", got);
    free(got);
    got = html_of(8, wide, unknown, "J");
    cr_assert(strstr(got, "class=\"n unk\"") != NULL, "%s", got);
    free(got);
    got = html_of(9, wide, amount_of(0, PROV_MEASURED), "J");
    cr_assert(strstr(got, "Not known here") == NULL, "%s", got);
    cr_assert(strstr(got, "scope=\"col\"><span>last") != NULL, "%s", got);
    free(got);
}

/* 78.8 ms, 78.1 to 79.3: the wider half is 0.7 of the same unit. */
Test(report_table, half_an_interval_has_the_unit_of_its_value)
{
    struct amount a = amount_of(0.0788, PROV_MEASURED);
    char *got;
    a.low = 0.0781;
    a.high = 0.0793;
    got = html_of(3, wide, a, "s");
    cr_assert(strstr(got, "78.8 ms <i>±0.7</i>") != NULL, "%s", got);
    free(got);
}

static char *aligned(const struct table *t)
{
    char  *out = NULL;
    size_t size;
    FILE  *stream = open_memstream(&out, &size);

    cr_assert(table_print(t, FORMAT_TEXT, stream, NULL) == STATUS_OK);
    fclose(stream);
    return out;
}

Test(report_table, text_is_aligned_and_ruled_and_notes_its_reasons)
{
    struct table t;

    fill(&t);
    table_row(&t, ROW_TOTAL);
    table_text(&t, "sum");
    table_amount(&t, amount_of(13e6, PROV_AT_LEAST));
    char *got = aligned(&t);
    char want[] =
        "A <small> table\n"
        "name     FLOPs, MFLOP      ratio\n"
        "--------------------------------\n"
        "=a|b<c>         12.35  >2% 1.050\n"
        "second          - [1]\n"
        "--------------------------------\n"
        "sum           >=13.00\n"
        "[1] no counter\n";
    cr_assert(eq(str, got, want));
    free(got);
    table_close(&t);
}

static const struct column times[] = {
    { "predicted", "predicted", "s", COLUMN_SI, true },
    { "measured", "measured", "s", COLUMN_SI, true },
    { "kept", "kept", "", COLUMN_YES, true },
};

Test(report_table, columns_under_one_heading_share_its_prefix)
{
    static const char *const over[] = { "time", "time", NULL };
    struct table t;

    table_open(&t, "times", times, 3);
    t.over = over;
    t.decimals = 2;
    table_row(&t, ROW_PLAIN);
    table_amount(&t, amount_of(2e-6, PROV_PREDICTED));
    table_amount(&t, amount_of(2e-3, PROV_MEASURED));
    table_amount(&t, amount_of(0, PROV_COUNTED));
    char *got = aligned(&t);
    char want[] = "           time, ms\n"
                  "predicted  measured  kept\n"
                  "-------------------------\n"
                  "    <0.01      2.00    no\n";
    cr_assert(eq(str, got, want));
    free(got);
    table_close(&t);
}

Test(report_table, counts_are_exact_and_negative_numbers_no_formulas_in_csv)
{
    static const struct column columns_of_counts[] = {
        { "key", "", "", COLUMN_TEXT, true },
        { "flops", "", "flop", COLUMN_WHOLE, true },
        { "seconds", "", "s", COLUMN_SI, true },
    };
    struct cost cost = { .count = { [METRIC_FLOPS] = UINT64_MAX },
                         .from = { [METRIC_FLOPS] = PROV_COUNTED } };
    struct table t;
    char  *got = NULL;
    size_t size;
    FILE  *stream = open_memstream(&got, &size);

    cost_set_real(&cost, METRIC_SECONDS, 1.0 / 3, PROV_MEASURED);
    table_open(&t, "counts", columns_of_counts, 3);
    t.digits = 9;
    table_row(&t, ROW_PLAIN);
    table_text(&t, "-0.5");
    table_cost(&t, &cost, METRIC_FLOPS);
    table_cost(&t, &cost, METRIC_SECONDS);
    table_row(&t, ROW_PLAIN);
    table_text(&t, "-a");
    table_cost(&t, &cost, METRIC_BYTES);
    table_csv(&t, stream);
    fclose(stream);
    cr_assert(eq(str, got, "key,flops,seconds\r\n"
                           "-0.5,18446744073709551615,0.333333333\r\n"
                           "\"'-a\",,\r\n"));
    free(got);
    table_close(&t);
}
