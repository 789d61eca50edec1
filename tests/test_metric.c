/* test_metric.c - Every metric has what its row in cost.h promises: walk all of
 * them, so that a new one cannot be forgotten in silence. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <unistd.h>

#include "hwprof/counters/event_table.h"
#include "hwprof/counters/known_kernel.h"
#include "hwprof/measure/validate.h"
#include "tests/priced.h"

static bool is_predicted_by(int metric, enum metric_prediction by)
{
    return metric_table[metric].predicted == by;
}

/* The sums over a whole scored text, with or without a machine. */
static struct ledger *scored(const struct machine *machine)
{
    return priced((struct asked){ .spec = llama(), .B = 2, .T = 16,
                                  .machine = machine, .phase = FORWARD });
}

static bool is_known(const struct ledger *ledger, int metric)
{
    struct cost sum = ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);
    return cost_known(&sum, (enum metric)metric);
}

Test(metric, what_can_be_exact_is_a_count)
{
    for (int m = 0; m < METRIC_COUNT; m++)
        if (is_predicted_by(m, PREDICTED_BY_FORMULA) ||
            metric_table[m].measured == MEASURED_BY_COUNTER)
            cr_expect(m < METRIC_FIRST_REAL, "%s", metric_table[m].column);
    cr_expect(eq(int, METRIC_FIRST_REAL, METRIC_SECONDS));
}

Test(metric, each_is_found_by_its_own_column)
{
    for (int m = 0; m < METRIC_COUNT; m++)
        cr_expect(eq(int, metric_find(metric_table[m].column), m));
}

Test(metric, formulas_and_machine_profiles_predict_what_the_row_says)
{
    struct machine round = machine();
    struct ledger *bare = scored(NULL), *with = scored(&round);

    for (int m = 0; m < METRIC_COUNT; m++) {
        bool formula = is_predicted_by(m, PREDICTED_BY_FORMULA);
        bool any = !is_predicted_by(m, PREDICTED_BY_NOTHING);
        cr_expect(is_known(bare, m) == formula, "%s", metric_table[m].column);
        cr_expect(is_known(with, m) == any, "%s", metric_table[m].column);
    }
    ledger_close(with);
    ledger_close(bare);
}

Test(metric, what_is_not_predicted_has_a_reason)
{
    struct machine round = machine();
    struct ledger *bare = scored(NULL), *with = scored(&round);

    for (int m = 0; m < METRIC_COUNT; m++) {
        bool reasons[] = { ledger_reason(bare, (enum metric)m) != NULL,
                           ledger_reason(with, (enum metric)m) != NULL };
        cr_expect(reasons[0] != is_known(bare, m), "%s",
                  metric_table[m].column);
        cr_expect(reasons[1] != is_known(with, m), "%s",
                  metric_table[m].column);
    }
    ledger_close(with);
    ledger_close(bare);
}

/* Without a known kernel a counter is never trusted. */
Test(metric, what_a_counter_measures_has_a_known_kernel)
{
#if defined __x86_64__ || defined __aarch64__
    for (int m = 0; m < METRIC_COUNT; m++) {
        bool counted = metric_table[m].measured == MEASURED_BY_COUNTER;
        bool has = known_kernel_for((enum metric)m) != NULL;
        cr_expect(has == counted, "%s", metric_table[m].column);
    }
#else
    cr_skip("the kernels of this CPU leave instructions to the compiler");
#endif
}

/* An amount as large as what it is compared with is within its budget. */
Test(metric, what_a_counter_measures_has_a_budget_and_a_judge)
{
    for (int m = 0; m < METRIC_COUNT; m++) {
        const struct metric_info *info = &metric_table[m];
        struct validate_facts facts = {
            .op = LEDGER_ANY, .metric = (enum metric)m, .predicted = 1e6,
            .counted = 1e6, .qualified = true, .why_not = "",
            .measured = { 1e6, 1e6, 1e6, 5, PROV_MEASURED }, .regions = 1000,
            .n_threads = 1,
        };
        if (info->measured == MEASURED_BY_COUNTER)
            cr_expect(ne(int, info->budget, BUDGET_NONE), "%s", info->column);
        if (info->budget == BUDGET_TRAFFIC)
            facts.op = OP_QKV;           /* a phase has no budget of bytes */
        if (info->budget != BUDGET_NONE)
            cr_expect(eq(int, validate_judge(&facts).verdict, VALIDATE_WITHIN),
                      "%s", info->column);
    }
}

/* A table needs a row only for what its CPU has an event for. */
Test(metric, an_event_table_may_leave_out_any_metric)
{
    struct event_table table;
    struct error err = { 0 };
    char path[] = "/tmp/isobath-test-XXXXXX";
    int fd = mkstemp(path);

    cr_assert(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fputs("table: t\nvendor: any\nevents_at_once: 4\nmetrics:\n  cycles:\n"
          "    events: [{name: C, code: 0x76, times: 1}]\n"
          "    most_per_second: 5e9\n    source: made up\n", file);
    fclose(file);
    enum status status = event_table_load(&table, path, &err);
    cr_expect(eq(int, status, STATUS_OK), "%s", err.text);
    for (int m = 0; m < METRIC_FIRST_REAL; m++)
        cr_expect(eq(int, table.row[m].n_events, m == METRIC_CYCLES));
    unlink(path);
}
