/* table_format.h - Share the formatting that all writers of a table use; for
 * table*.c alone. */
#ifndef TABLE_FORMAT_H
#define TABLE_FORMAT_H

#include "sim/core/answer/table.h"

/* The form of one column's numbers. */
struct layout {
    struct prefix prefix;
    int           decimals;
};
struct layout table_layout(const struct table *table, size_t column);
/* True if two columns stand under one heading. */
bool          table_same_over(const struct table *table, size_t a, size_t b);

/* "time, ms" */
void table_heading(char out[128], const struct column *column,
                   struct layout layout);
void table_cell_number(char out[TABLE_NUMBER_SIZE], double value,
                       const struct column *column, struct layout layout,
                       const struct cell *cell);
/* Half an interval of `value`, in the prefix and decimals of the value, without
 * its unit. */
void table_half_number(char out[TABLE_NUMBER_SIZE], double half, double value,
                       const struct column *column, struct layout layout,
                       const struct cell *cell);
/* "", ">2%" or ">10%" */
const char *table_ratio_mark(const struct column *column, struct amount amount);
bool        table_has_interval(const struct table *table, size_t column);
/* True for a cell that the row never filled. */
bool        table_is_empty(const struct cell *cell);

/* The word that all known amounts of a column share; NULL when they differ, ""
 * for a plain column. */
const char *table_column_word(const struct table *table, size_t column);
/* ", %" behind the heading of a share. */
const char *table_share_sign(const struct column *column);

/* The distinct reasons of a table's unknown cells, numbered from 1. */
enum { TABLE_MAX_NOTES = 16 };
struct notes {
    const char *reason[TABLE_MAX_NOTES];    /* borrowed */
    size_t      n;
};
/* The number of the cell's reason; 0 when there is no room for it. */
size_t table_note(struct notes *notes, const struct cell *cell);

#endif
