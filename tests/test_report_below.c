/* test_report_below.c - Read back what is below resolution in a ledger, and
 * what a token cost. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "reports/read/token_cost.h"
#include "reports/read/witness.h"
#include "tests/fake_tree.h"

static struct witnesses read_ledger(const char *rows)
{
    struct fake_tree tree = fake_tree_open();
    struct witnesses w = { .n_layers = 0 };
    struct error err = { 0 };
    char path[512];

    fake_tree_write(&tree, "ledger.csv", "witness,pass,layer,op,flops,"
                    "flops_source,seconds,seconds_source\n%s", rows);
    fake_tree_path(&tree, path, "ledger.csv");
    cr_assert(eq(int, witnesses_read(&w, path, NULL, &err), STATUS_OK), "%s",
              err.text);
    fake_tree_close(&tree);
    return w;
}

static struct amount seconds(const struct witnesses *w, int32_t layer, int op)
{
    return witness_sum(w, WITNESS_MEASURED, METRIC_SECONDS, LEDGER_ANY, layer,
                       op);
}

static const char rows[] =
    "measured,forward,0,qkv,100,at_least,1,measured\n"
    "measured,forward,0,norm,,below_resolution,,below_resolution\n"
    "measured,forward,1,norm,,below_resolution,,below_resolution\n";

/* At most 0.04 s each beside 1 s: two of them are 8 %. */
Test(below, a_sum_may_leave_out_less_than_a_tenth)
{
    struct witnesses w = read_ledger(rows);

    w.below_at_most[METRIC_SECONDS] = 0.04;
    cr_assert(eq(dbl, seconds(&w, LEDGER_ANY, LEDGER_ANY).value, 1.0));
    cr_assert(eq(dbl, seconds(&w, 0, LEDGER_ANY).value, 1.0));
    w.below_at_most[METRIC_SECONDS] = 0.06;
    cr_assert(not(amount_known(seconds(&w, LEDGER_ANY, LEDGER_ANY))));
    cr_assert(eq(dbl, seconds(&w, 0, LEDGER_ANY).value, 1.0));
    witnesses_close(&w);
}

Test(below, nothing_but_lost_amounts_is_unknown_and_says_why)
{
    struct witnesses w = read_ledger(rows);

    w.below_at_most[METRIC_SECONDS] = 1e-9;
    struct amount norm = seconds(&w, LEDGER_ANY, OP_NORM);
    cr_assert(not(amount_known(norm)));
    bool said = strstr(norm.reason, "below resolution") != NULL;
    cr_assert(said);
    witnesses_close(&w);
}

Test(below, a_bound_that_nobody_stated_hides_anything)
{
    struct witnesses w = read_ledger(rows);

    cr_assert(not(amount_known(seconds(&w, LEDGER_ANY, LEDGER_ANY))));
    cr_assert(eq(dbl, seconds(&w, LEDGER_ANY, OP_QKV).value, 1.0));
    witnesses_close(&w);
}

Test(below, a_lower_bound_stays_one)
{
    struct witnesses w = read_ledger(rows);
    struct amount flops = witness_sum(&w, WITNESS_MEASURED, METRIC_FLOPS,
                                      LEDGER_ANY, LEDGER_ANY, OP_QKV);

    cr_assert(eq(dbl, flops.value, 100.0));
    cr_assert(eq(int, flops.from, PROV_AT_LEAST));
    cr_assert(eq(str, (char *)amount_word(flops), "at_least"));
    witnesses_close(&w);
}

/* ---- tokens ---- */

static enum status read_tokens(struct token_cost *cost, const char *text,
                               struct error *err)
{
    struct fake_tree tree = fake_tree_open();
    struct run run = { .kind = RUN_PROFILE };

    snprintf(run.path, sizeof run.path, "%s", tree.root);
    if (text)
        fake_tree_write(&tree, "tokens.csv", "%s", text);
    enum status status = token_cost_read(cost, &run, err);
    fake_tree_close(&tree);
    return status;
}

/* With a batch of 4, 6 kept pairs are 1.5 of the routed layers a token. */
Test(token_cost, tokens_are_read_with_their_routing)
{
    struct token_cost cost;

    cr_assert(eq(int, read_tokens(&cost,
        "model,step,tokens,kept,kept_1,kept_3,seconds,seconds_source\n"
        "dense,0,4,8,4,4,0.002,measured\nmod,0,4,6,4,2,0.001,measured\n"
        "mod,1,4,0,0,0,,unknown\n", NULL), STATUS_OK));
    cr_assert(eq(sz, cost.n, 3));
    cr_assert(eq(dbl, cost.most, 2.0));
    cr_assert(eq(int, cost.step[0].arm, ARM_DENSE));
    cr_assert(eq(dbl, cost.step[1].kept, 1.5));
    cr_assert(eq(dbl, cost.step[1].seconds, 0.001));
    cr_assert(isnan(cost.step[2].seconds));
    token_cost_close(&cost);
}

/* Two columns a layer: of four parts the token was kept by 3. */
Test(token_cost, seconds_measured_while_others_ran_are_busy)
{
    struct token_cost cost;

    cr_assert(eq(int, read_tokens(&cost, "model,step,tokens,kept,kept_1,"
        "seconds,seconds_source\nmod,0,1,1,1,0.001,busy\n", NULL),
        STATUS_OK));
    cr_assert(cost.busy);
    token_cost_close(&cost);
    cr_assert(eq(int, read_tokens(&cost, "model,step,tokens,kept,kept_1,"
        "seconds\nmod,0,1,1,1,0.001\n", NULL), STATUS_OK));
    cr_assert(not(cost.busy));
    token_cost_close(&cost);
}

Test(token_cost, parts_routed_apart_are_counted_as_parts)
{
    struct token_cost cost;

    cr_assert(eq(int, read_tokens(&cost,
        "model,step,tokens,kept,kept_attention_1,kept_ffn_1,kept_attention_3,"
        "kept_ffn_3,seconds,seconds_source\n"
        "mod,0,2,6,2,1,1,2,0.001,measured\n", NULL), STATUS_OK));
    cr_expect(eq(dbl, cost.most, 4.0));
    cr_expect(eq(dbl, cost.step[0].kept, 3.0));
    cr_expect(eq(str, (char *)token_cost_layers(&cost), (char *)"parts"));
    token_cost_close(&cost);
    cr_assert(eq(int, read_tokens(&cost, "model,step,tokens,kept,kept_1,"
        "seconds\nmod,0,1,1,1,0.001\n", NULL), STATUS_OK));
    cr_expect(eq(str, (char *)token_cost_layers(&cost), (char *)"layers"));
    token_cost_close(&cost);
}

Test(token_cost, a_profile_without_decoding_has_none)
{
    struct token_cost cost;

    cr_assert(eq(int, read_tokens(&cost, NULL, NULL), STATUS_OK));
    cr_assert(eq(sz, cost.n, 0));
}

Test(token_cost, a_row_without_numbers_is_refused)
{
    struct token_cost cost;
    struct error err = { 0 };

    cr_assert(eq(int, read_tokens(&cost, "model,tokens,kept,seconds\n"
                                  "mod,,1,0.1\n", &err), STATUS_BAD_FORMAT));
    bool said = strstr(err.text, "tokens.csv:2:") != NULL;
    cr_assert(said, "%s", err.text);
}
