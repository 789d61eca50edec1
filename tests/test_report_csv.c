/* test_report_csv.c - Read CSV as other tools write it; name a broken record by
 * its line. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/read/csv.h"

static char path[] = "/tmp/isobath-csv-XXXXXX";
static struct error err;

static enum status read_text(struct csv *csv, const char *text, size_t size)
{
    enum status status;
    FILE *file;
    int fd = mkstemp(path);

    cr_assert(fd >= 0);
    file = fdopen(fd, "w");
    fwrite(text, 1, size, file);
    fclose(file);
    err.text[0] = 0;
    status = csv_open(csv, path, &err);
    unlink(path);
    memset(path + strlen(path) - 6, 'X', 6);
    return status;
}

static enum status read_string(struct csv *csv, const char *text)
{
    return read_text(csv, text, strlen(text));
}

Test(report_csv, quotes_commas_newlines_and_both_line_ends)
{
    struct csv csv;
    cr_assert(read_string(&csv, "a,b\r\n\"x,\"\"y\"\"\n\",2\n3,") == STATUS_OK);
    cr_assert(eq(sz, csv.n_rows, 2));
    cr_assert(eq(str, (char *)csv_text(&csv, 0, 0), "x,\"y\"\n"));
    cr_assert(eq(str, (char *)csv_text(&csv, 0, 1), "2"));
    cr_assert(eq(str, (char *)csv_text(&csv, 1, 1), ""));
    cr_assert(eq(int, csv.line[2], 4));
    csv_close(&csv);
}

Test(report_csv, an_absent_column_is_unknown)
{
    struct csv csv;
    double value = 0;
    cr_assert(read_string(&csv, "a\n1\n") == STATUS_OK);
    cr_assert(csv_real(&csv, 0, csv_column(&csv, "b"), &value, &err) ==
              STATUS_OK);
    cr_assert(isnan(value));
    csv_close(&csv);
}

Test(report_csv, nan_and_inf_and_empty_are_unknown)
{
    struct csv csv;
    double value;
    cr_assert(read_string(&csv, "a\nNaN\ninf\n\"\"\n-\n-nan\n") == STATUS_OK);
    cr_assert(eq(sz, csv.n_rows, 5));
    for (size_t r = 0; r < csv.n_rows; r++) {
        cr_assert(csv_real(&csv, r, 0, &value, &err) == STATUS_OK);
        cr_assert(isnan(value));
    }
    csv_close(&csv);
}

Test(report_csv, counts_are_exact_to_64_bits)
{
    struct csv csv;
    uint64_t count;
    bool known;
    cr_assert(read_string(&csv, "a\n18446744073709551615\n18446744073709551616"
                          "\n-1\n1e3\n") == STATUS_OK);
    cr_assert(csv_count(&csv, 0, 0, &count, &known, &err) == STATUS_OK);
    cr_assert(known && count == UINT64_MAX);
    cr_assert(csv_count(&csv, 1, 0, &count, &known, &err) == STATUS_BAD_FORMAT);
    cr_assert(csv_count(&csv, 2, 0, &count, &known, &err) == STATUS_BAD_FORMAT);
    cr_assert(csv_count(&csv, 3, 0, &count, &known, &err) == STATUS_BAD_FORMAT);
    cr_assert(strstr(err.text, ":5: a is '1e3', allowed is") != NULL, "%s",
              err.text);
    csv_close(&csv);
}

static void refused(const char *text, const char *why)
{
    struct csv csv;
    cr_assert(read_string(&csv, text) == STATUS_BAD_FORMAT);
    cr_assert(strstr(err.text, why) != NULL, "%s", err.text);
}

Test(report_csv, broken_files_are_named_by_line)
{
    refused("", ":1: empty");
    refused("a,b\n1\n", ":2: 1 fields, the header has 2");
    refused("a,b\n1,2\n\"x", ":3: a quote is never closed");
    refused("a\n\"x\"y\n", ":2: text follows a closing quote");
    refused("a\nx\"y\n", ":2: a quote inside a field");
    refused("a,a\n", ":1: column 'a' stands twice");
}

Test(report_csv, a_nul_byte_is_no_end_of_text)
{
    struct csv csv;
    cr_assert(read_text(&csv, "a\nx\0y\n", 6) == STATUS_OK);
    cr_assert(eq(str, (char *)csv_text(&csv, 0, 0), "x\xFFy"));
    csv_close(&csv);
}
