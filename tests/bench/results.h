/* results.h - Hold what the bench found: sections of lines of numbers, as text
 * for people and as CSV and JSON for tools.  Amounts are in base SI units. */
#ifndef RESULTS_H
#define RESULTS_H

#include <jansson.h>
#include <stdio.h>
#include "tests/bench/rounds.h"

enum { RESULTS_COLUMNS = 10, RESULTS_LINES = 64, RESULTS_TEXT_SIZE = 80,
       RESULTS_NOTE_SIZE = 800 };

enum wish { WISH_NONE, WISH_AT_LEAST, WISH_AT_MOST };

struct results_column {
    const char *name;            /* "share of peak"; NULL ends a table */
    const char *unit;            /* "s", "flop/s"; "1": a ratio */
    const char *shown_unit;      /* "ms"; of text only */
    double      shown_factor;    /* shown = amount * factor */
    int         decimals;
    bool        extremes;        /* text shows low and high too */
    enum wish   wish;            /* which side of a line's target is good */
};

struct results_line {
    char          subject[RESULTS_TEXT_SIZE];
    struct samples cell[RESULTS_COLUMNS];     /* n = 0: unknown */
    double        target[RESULTS_COLUMNS];   /* NAN: none */
    int           disturbed;                  /* disturbed rounds */
};

struct results {
    const char *section;         /* "train" */
    const char *title;
    const struct results_column *column;
    struct results_line line[RESULTS_LINES];
    int  n_lines;
    char note[RESULTS_NOTE_SIZE];   /* what is missing, and why */
};

/* A new line without amounts and targets; a full table gives its last line. */
struct results_line *results_add(struct results *results, const char *format,
                                 ...) __attribute__((format(printf, 2, 3)));
/* Another sentence under the table. */
void results_note(struct results *results, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void results_print(const struct results *results, FILE *file);

/* section,subject,quantity,unit,n,disturbed,median,low,high,target,met */
void results_csv_header(FILE *file);
void results_csv(const struct results *results, FILE *file);

/* NULL: no memory. */
json_t *results_json(const struct results *results);

#endif
