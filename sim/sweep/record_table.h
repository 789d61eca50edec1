/* record_table.h - Write JSON objects that are much alike, none of them empty, as
 * a table, and read it again; for sweep_record.c alone.
 *
 * "like" is the first value, whole.  A column is a place where another differs
 * from it: ["summary", "config", "routing", "blocks", 0], names of members and
 * numbers of items.  A row is a value: what it has at each column.  A cell is a
 * number, text, true, false, null, {} or []; or
 *     [0]    nothing is there
 *     [-1]   what the row before has there
 *     [n]    what this row has n columns before */
#ifndef RECORD_TABLE_H
#define RECORD_TABLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include "sim/core/base/error.h"

struct record_table {
    json_t *like;                /* owned */
    json_t *columns;             /* owned: a list of places */
    json_t *known;               /* owned: the same as members, by their text */
    json_t *row;                 /* owned: the one before; NULL: none yet */
};

/* Look at all values once, in any order but that the first is `like`; then write
 * them, in any order.  Lack of memory is noted (error.h).  Release with
 * record_table_close(). */
void record_table_look(struct record_table *table, const json_t *value);
/* "like": ..., "columns": ..., in the order of the places. */
void record_table_head(FILE *file, struct record_table *table);
void record_table_write(FILE *file, struct record_table *table,
                        const json_t *value);
void record_table_close(struct record_table *table);

/* The value of a row; `before` is the row before, with no cell that refers to
 * another, and NULL for the first: it becomes this row's (owned by the caller).
 * STATUS_BAD_FORMAT: no such table. */
enum status record_table_read(json_t **out, const json_t *like,
                              const json_t *columns, const json_t *row,
                              json_t **before, struct error *err) MUST_CHECK;

#endif
