/* findings.c - Walk the findings of a report, and add tables to them. */
#include "reports/findings.h"

#include <assert.h>
#include <string.h>
#include "reports/read/jsonpath.h"

const struct phase *report_phase(const struct report *r)
{
    const struct run *p = r->profile;

    if (!p || p->n_phases == 0)
        return NULL;
    for (size_t i = 0; i < p->n_phases; i++)
        if (strcmp(p->phase[i].name, "prefill") == 0)
            return &p->phase[i];
    return &p->phase[0];
}

bool report_scores_text(const struct run *run)
{
    return run->kind == RUN_SCORE && !jsonpath_at(run->summary, "generation");
}

const char *report_layers_title(const struct report *r, enum side arm)
{
    static const char *const apart[ARM_COUNT] = { "dense run", "MoD run" };

    return *r->layers_apart ? apart[arm] : arm_titles[arm];
}

struct table *report_add_table(struct report *r, enum section section,
                               const char *folded, const char *name,
                               const struct column *columns, size_t n_columns)
{
    struct report_table *slot = &r->table[r->n_tables++];

    assert(r->n_tables <= REPORT_MAX_TABLES);
    slot->section = section;
    slot->folded = folded;
    table_open(&slot->table, name, columns, n_columns);
    return &slot->table;
}

const struct table *report_find_table(const struct report *r, const char *name)
{
    for (size_t i = 0; i < r->n_tables; i++)
        if (strcmp(r->table[i].table.name, name) == 0)
            return &r->table[i].table;
    return NULL;
}

const struct cell *findings_cell(const struct table *t, size_t row,
                                 const char *key)
{
    size_t c = 0;

    while (strcmp(t->column[c].key, key) != 0)
        c++;
    return &t->cell[row * t->n_columns + c];
}

struct amount findings_amount(const struct table *t, size_t row, const char *key)
{
    const struct amount amount = findings_cell(t, row, key)->amount;

    return amount_known(amount) ? amount : amount_unknown(amount.reason);
}
