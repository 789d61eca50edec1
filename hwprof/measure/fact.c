/* fact.c - Fill a table of facts. */
#include "hwprof/measure/fact.h"

static const struct column columns[] = {
    { "kind", "kind", "", COLUMN_TEXT, true },
    { "name", "name", "", COLUMN_TEXT, true },
    { "threads", "threads", "", COLUMN_TEXT, true },
    { "value", "value", "", COLUMN_FACTOR, true },
    { "slowest", "slowest", "", COLUMN_FACTOR, true },
    { "unit", "unit", "", COLUMN_TEXT, true },
    { "source", "source", "", COLUMN_TEXT, true },
    { "reason", "reason", "", COLUMN_TEXT, true },
};

void facts_open(struct table *out)
{
    table_open(out, "machine", columns, sizeof columns / sizeof *columns);
    out->digits = 9;
}

void facts_add(struct table *t, struct fact f)
{
    table_row(t, ROW_PLAIN);
    table_text(t, f.kind);
    table_text(t, f.name);
    table_text(t, f.threads);
    if (f.word)
        table_text(t, f.word);
    else
        table_amount(t, f.value);
    table_amount(t, f.slowest);
    table_text(t, f.unit);
    table_text(t, f.source);
    table_text(t, f.reason);
}
