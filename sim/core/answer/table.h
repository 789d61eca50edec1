/* table.h - Hold one table and write it as text, CSV, JSON, Markdown or HTML.
 *
 * Every command fills a table and lets it be written; text goes in raw and is
 * escaped on the way out, numbers go in as amounts in base units and get a
 * prefix per column only where people read them:
 *
 *     static const struct column columns[] = {
 *         { "op", "op", "", COLUMN_TEXT, true },
 *         { "flops", "", "flop", COLUMN_SI, true },
 *         { "of_dense", "of dense", "", COLUMN_FACTOR, true },
 *     };
 *     table_open(&t, "ops", columns, 3);
 *     table_row(&t, ROW_PLAIN);
 *     table_text(&t, "attn_qkv");
 *     table_count(&t, 3145728, PROV_PREDICTED);
 *     table_amount(&t, amount_unknown(NULL));
 *     status = table_print(&t, FORMAT_TEXT, stdout, err);
 *     table_close(&t);
 *
 *     op        MFLOP  of dense        op,flops,of_dense
 *     -------------------------        attn_qkv,3145728,
 *     attn_qkv  3.146         -
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdio.h>
#include "sim/core/answer/amount.h"
#include "sim/core/answer/format.h"
#include "sim/core/base/error.h"

enum { TABLE_MAX_COLUMNS = 128, TABLE_NAME_SIZE = 48 };

enum column_style {
    COLUMN_TEXT,
    COLUMN_SI,                 /* one prefix for the column: 3.2 MFLOP */
    COLUMN_SHARE,              /* 0.125 as 12.5 % */
    COLUMN_RATIO,              /* 1.002, marked when it is off by 2 or 10 % */
    COLUMN_FACTOR,             /* 0.62, nothing to mark */
    COLUMN_WHOLE,              /* 12345 */
    COLUMN_LOSS,               /* four decimals */
    COLUMN_SIGNED,             /* four decimals and a sign */
    COLUMN_YES,                /* 1 as yes, 0 as no; in CSV and JSON 1 and 0 */
    COLUMN_QUANTITY,           /* each cell has its own prefix and unit */
};

struct column {
    const char *key;           /* "flops_counted": CSV header, JSON key */
    const char *heading;       /* "FLOPs counted"; "": the unit says enough */
    const char *unit;          /* "flop", "s", ""; a prefix goes before it */
    enum column_style style;
    bool plain;                /* a setting or a number of things: no source
                                * to state */
};

enum row_kind { ROW_PLAIN, ROW_MOD, ROW_TOTAL };   /* text: a rule stands
                                                    * above the first total */

struct cell {
    char         *text;        /* owned; NULL: an amount */
    struct amount amount;
    bool          exact;       /* the amount is `count` */
    uint64_t      count;       /* more than a double holds */
    const char   *unit;        /* of a COLUMN_QUANTITY cell; borrowed */
};

struct table {
    char   name[TABLE_NAME_SIZE];    /* file stem */
    char   caption[512];             /* "": none */
    const struct column *column;     /* borrowed, usually a const table */
    size_t n_columns;
    const char *const *over;         /* [n_columns], borrowed; text: a heading
                                      * over equal neighbours, which then share
                                      * prefix and unit; NULL: none */
    int    digits;                   /* significant ones in CSV; 15 */
    int    decimals;                 /* of COLUMN_SI in text; 0: the largest of
                                      * the column has four digits */
    bool   grouped;                  /* equal neighbours of the first column
                                      * share one cell on the page */
    size_t n_rows, n_cells, size;    /* size: of cell and kind, in rows */
    struct cell   *cell;             /* [n_rows][n_columns] */
    enum row_kind *kind;             /* [n_rows] */
    enum status status;              /* the first failure */
};

/* At most TABLE_MAX_COLUMNS.  Caller releases with table_close(). */
void table_open(struct table *out, const char *name,
                const struct column *columns, size_t n_columns);
void table_close(struct table *table);
void table_caption(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A row is started, then filled from left to right; cells never given are empty
 * text.  No memory: table->status, and what follows is ignored. */
void table_row(struct table *table, enum row_kind kind);
void table_text(struct table *table, const char *text);
void table_textf(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void table_amount(struct table *table, struct amount amount);
void table_count(struct table *table, uint64_t count, enum provenance from);
void table_cost(struct table *table, const struct cost *cost,
                enum metric metric);        /* exact where it is a count */
void table_skip(struct table *table);       /* the question has no sense here */
void table_quantity(struct table *table, struct amount amount,
                    const char *unit);

/* Print in the format that --format named.  Fails if the table could not be
 * filled or its JSON not be written; any other failed write shows in the
 * stream. */
enum status table_print(const struct table *table, enum format format,
                        FILE *out, struct error *err) MUST_CHECK;

/* The same into DIRECTORY/NAME, which appears whole or not at all. */
enum status table_write(const struct table *table, enum format format,
                        const char *directory, const char *name,
                        struct error *err) MUST_CHECK;

/* ASCII, columns as wide as their contents; "-": unknown, with the number of a
 * note below where a reason is known. */
enum status table_aligned(const struct table *table, FILE *out,
                          struct error *err) MUST_CHECK;
/* RFC 4180, base units; per amount the columns KEY, where it is not plain
 * KEY_source and, where any row states an interval, KEY_low and KEY_high. */
void table_csv(const struct table *table, FILE *out);
/* {name, caption, rows: [{KEY: {value, unit, source, low, high, reason}}]}; an
 * unknown value is null, and a reason says why. */
enum status table_json(const struct table *table, FILE *out,
                       struct error *err) MUST_CHECK;
void table_markdown(const struct table *table, FILE *out);
void table_html(const struct table *table, FILE *out);

/* The small tag behind a number on the page: " <abbr ...>count</abbr>"; nothing
 * for a word that has none. */
void table_tag(FILE *out, const char *word);

/* A single amount for people to read, without unit: "12.34", "unknown". */
enum { TABLE_NUMBER_SIZE = 48 };
void table_number(char out[TABLE_NUMBER_SIZE], double value,
                  enum column_style style);

/* An SI prefix for the largest value of a set: its letter and its factor. */
struct prefix {
    const char *letter;
    double      factor;
};
struct prefix prefix_for(double largest);

/* "3.21 TFLOP"; "unknown" for NAN.  Three significant digits. */
void table_si(char out[TABLE_NUMBER_SIZE], double value, const char *unit);

/* Replace in place, by shorter ASCII, the signs that a terminal need not have:
 * minus, plus-minus and micro.  Returns `text`. */
char *table_ascii(char *text);

#endif
