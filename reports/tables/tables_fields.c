/* tables_fields.c - Fill a row of a table from one of a CSV file. */
#include "reports/tables/tables.h"

#include <math.h>
#include <string.h>

/* NAN where the file has none. */
static double number_of(const struct csv *csv, size_t row, const char *key,
                        const char *end)
{
    char name[TABLE_NAME_SIZE];
    double value = nan("");

    snprintf(name, sizeof name, "%s%s", key, end);
    return csv_real(csv, row, csv_column(csv, name), &value,
                    NULL) == STATUS_OK ? value : nan("");
}

/* How the file says that a number is known. */
static enum provenance source_of(const struct csv *csv, size_t row,
                                 const char *key, enum provenance from)
{
    char name[TABLE_NAME_SIZE];

    snprintf(name, sizeof name, "%s_source", key);
    const char *word = csv_text(csv, row, csv_column(csv, name));
    for (int i = 0; provenance_names[i]; i++)
        if (strcmp(word, provenance_names[i]) == 0)
            return (enum provenance)i;
    return from;
}

static void put_number(struct table *t, const struct csv *csv, size_t row,
                       const char *key, enum provenance from)
{
    struct amount amount = amount_of(number_of(csv, row, key, ""),
                                     source_of(csv, row, key, from));

    amount.low = number_of(csv, row, key, "_low");
    amount.high = number_of(csv, row, key, "_high");
    if (amount_known(amount))
        table_amount(t, amount);
    else
        table_skip(t);
}

void tables_fields(struct table *t, const struct csv *csv, size_t row,
                   size_t first, enum provenance from)
{
    for (size_t c = first; c < t->n_columns; c++) {
        const struct column *column = &t->column[c];
        if (column->style == COLUMN_TEXT)
            table_text(t, csv_text(csv, row, csv_column(csv, column->key)));
        else
            put_number(t, csv, row, column->key, from);
    }
}
