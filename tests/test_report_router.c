/* test_report_router.c - Report on what isobath router found. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "tests/report_folder.h"

static void open_router(void)
{
    char *paths[] = { DATA "router" };

    cr_assert(eq(int, report_open(&report, paths, 1, &err), STATUS_OK), "%s",
              err.text);
}

static const struct table *table_of(const char *name)
{
    for (size_t i = 0; i < report.n_tables; i++)
        if (strcmp(report.table[i].table.name, name) == 0)
            return &report.table[i].table;
    cr_assert(false, "no table '%s'", name);
    return NULL;
}

static const struct cell *cell_of(const struct table *t, size_t row,
                                  const char *key)
{
    for (size_t c = 0; c < t->n_columns; c++)
        if (strcmp(t->column[c].key, key) == 0)
            return &t->cell[row * t->n_columns + c];
    cr_assert(false, "no column '%s'", key);
    return NULL;
}

Test(report_router, loss_by_who_chooses_keeps_its_interval_and_how_it_is_known,
     .init = set_up, .fini = clean_up)
{
    open_router();
    const struct table *t = table_of("router-replaced");
    const struct amount more = cell_of(t, 1, "more")->amount;

    cr_assert(eq(sz, t->n_rows, 8), "two rules, chance and five tables");
    cr_expect(eq(str, cell_of(t, 0, "chosen_by")->text, "threshold"));
    cr_expect(more.low < more.value && more.value < more.high);
    cr_expect(eq(int, (int)more.from, PROV_MEASURED));
    cr_expect(eq(int, (int)cell_of(t, 0, "flops_per_token")->amount.from,
                 PROV_COUNTED));
}

Test(report_router, a_guess_that_is_never_yes_has_no_precision,
     .init = set_up, .fini = clean_up)
{
    open_router();
    const struct table *t = table_of("router-agreement");

    cr_assert(eq(str, cell_of(t, 1, "guess")->text, "never kept"));
    cr_expect(not(amount_known(cell_of(t, 1, "precision")->amount)));
    cr_expect(eq(dbl, cell_of(t, 1, "accuracy")->amount.value, 0.875));
}

Test(report_router, the_page_has_a_section_for_it, .init = set_up,
     .fini = clean_up)
{
    char *page = NULL;
    size_t size;

    open_router();
    cr_assert(eq(int, report_write(&report, folder, &err), STATUS_OK), "%s",
              err.text);
    cr_assert(eq(int, file_read(&page, &size, in_folder("index.html"), 1 << 24,
                                &err), STATUS_OK));
    cr_expect(strstr(page, "What the routers know") != NULL);
    cr_expect(strstr(page, "never kept") != NULL);
    cr_expect(strstr(page, "Nothing here was executed") == NULL);
    cr_expect(strstr(page, "The routers of run were watched over 19968"
                     " tokens") != NULL);
    free(page);
}

Test(report_router, the_figure_compares_with_the_causal_rule_and_leaves_it_out,
     .init = set_up, .fini = clean_up)
{
    open_router();
    const struct plot *plot = NULL;

    for (size_t i = 0; i < report.n_figures; i++)
        if (strcmp(report.figure[i].plot.name, "router") == 0)
            plot = &report.figure[i].plot;
    cr_assert(plot && plot->ready);
    cr_expect(strstr(plot->head, "A table of the last ") == plot->head);
    fflush(plot->data);
    cr_expect(strstr(plot->data_text, "\"drawn at random\"") != NULL);
    cr_expect(strstr(plot->data_text, "\"threshold\"") == NULL);
}
