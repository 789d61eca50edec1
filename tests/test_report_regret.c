/* test_report_regret.c - Report on what isobath regret found. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "tests/directory.h"
#include "tests/report_folder.h"

static void open_regret(void)
{
    char *paths[] = { DATA "regret" };

    cr_assert(eq(int, report_open(&report, paths, 1, &err), STATUS_OK), "%s",
              err.text);
}

/* A run of three tokens, of which the second was sampled in two blocks. */
static enum status read_small(struct regrets *out, const char *regret)
{
    char directory[64], path[96];
    struct run run = { .kind = RUN_REGRET };

    make_directory(directory);
    snprintf(path, sizeof path, "%s/tokens.csv", directory);
    put_file(path, "position,token,text,loss_nats,block_1,block_3\r\n"
             "7,97,a,1,1,0\r\n9,98,b,2,0,1\r\n12,99,c,3,0,0\r\n");
    snprintf(path, sizeof path, "%s/regret.csv", directory);
    put_file(path, regret);
    snprintf(run.path, sizeof run.path, "%s", directory);
    const enum status status = regrets_read(out, &run, &err);
    remove_directory(directory);
    return status;
}

#define HEAD "window,position,layer,part,kept,delta_nats,regret_nats\r\n"

Test(report_regret, regret_is_summed_over_blocks_apart_for_kept_and_skipped)
{
    struct regrets g = { .tokens = { .n = 0 } };

    cr_assert(eq(int, read_small(&g, HEAD "0,9,1,block,0,-1,0.5\r\n"
                                 "0,9,2,block,0,-1,0.25\r\n"
                                 "0,9,3,block,1,-1,0.125\r\n"
                                 "0,12,1,block,1,1,0\r\n"), STATUS_OK), "%s",
              err.text);
    cr_assert(eq(sz, g.tokens.n, 3));
    cr_expect(isnan(g.nats[REGRETTED_MISSED][0]));
    cr_expect(isnan(g.nats[REGRETTED_SPENT][0]));
    cr_expect(eq(dbl, g.nats[REGRETTED_MISSED][1], 0.75));
    cr_expect(eq(dbl, g.nats[REGRETTED_SPENT][1], 0.125));
    cr_expect(eq(dbl, g.nats[REGRETTED_MISSED][2], 0));
    cr_expect(eq(dbl, g.nats[REGRETTED_SPENT][2], 0));
    regrets_close(&g);
}

Test(report_regret, a_decision_about_no_token_is_refused)
{
    struct regrets g = { .tokens = { .n = 0 } };

    cr_expect(eq(int, read_small(&g, HEAD "0,9,1,block,0,-1,0.5\r\n"
                                 "0,8,1,block,0,-1,0.5\r\n"),
                 STATUS_BAD_FORMAT));
    cr_expect(strstr(err.text, "regret.csv:3: ") != NULL, "%s", err.text);
    regrets_close(&g);
}

Test(report_regret, the_page_says_whether_the_oracle_loses_less,
     .init = set_up, .fini = clean_up)
{
    char *page = NULL;
    size_t size;

    open_regret();
    cr_assert(eq(int, report_write(&report, folder, &err), STATUS_OK), "%s",
              err.text);
    cr_assert(eq(int, file_read(&page, &size, in_folder("index.html"), 1 << 24,
                                &err), STATUS_OK));
    cr_expect(strstr(page, "What each decision was worth") != NULL);
    /* 1.4778258518733 less 0.013803818054536 at 129487.979166667 FLOPs each. */
    cr_expect(strstr(page, "run, routed by threshold, loses ") != NULL);
    cr_expect(strstr(page, "1.4778") != NULL);
    cr_expect(strstr(page, "less (0.93 %; 95 % interval −0.0747 to 0.1023): too few"
                           " decisions to tell it from nothing.") != NULL);
    cr_expect(strstr(page, "<h1>run: what each decision was worth</h1>") != NULL);
    cr_expect(strstr(page, "Missed compute") != NULL);
    cr_expect(strstr(page, "Wasted compute") != NULL);
    cr_expect(strstr(page, "Nothing here was executed") == NULL);
    free(page);
}

Test(report_regret, its_tables_keep_intervals_and_how_they_are_known,
     .init = set_up, .fini = clean_up)
{
    size_t found = 0;

    open_regret();
    for (size_t i = 0; i < report.n_tables; i++) {
        const struct table *t = &report.table[i].table;
        if (strcmp(t->name, "regret-allocations") != 0)
            continue;
        const struct amount more = t->cell[2 * t->n_columns + 3].amount;
        found++;
        cr_assert(eq(sz, t->n_rows, 3));
        cr_expect(eq(str, t->cell[2 * t->n_columns + 1].text, "oracle"));
        cr_expect(epsilon_eq(dbl, more.value, -0.013803818054536, 1e-12));
        cr_expect(more.low < more.value && more.value < more.high);
        cr_expect(eq(int, (int)more.from, PROV_MEASURED));
    }
    cr_expect(eq(sz, found, 1));
}
