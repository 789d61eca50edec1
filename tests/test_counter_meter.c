/* test_counter_meter.c - Charge each op what a reading adds, less an empty
 * region. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <unistd.h>

#include "hwprof/counters/counter_meter.h"
#include "tests/fake_counter.h"

static struct counter_session *open_fake(struct fake *fake)
{
    struct counter_session *session = NULL;
    struct counter_options options = { .metrics = SEEN,
                                       .busy_context = fake };

    cr_assert(eq(int, counter_open(&session, &fake_backend, &options, NULL),
                 STATUS_OK));
    fake->mode = FAKE_RUN;
    return session;
}

static struct cost empty_cost(void)
{
    struct cost empty = { 0 };
    cost_set_count(&empty, METRIC_FLOPS, FAKE_EMPTY, PROV_MEASURED);
    cost_set_count(&empty, METRIC_L2_BYTES, FAKE_EMPTY, PROV_MEASURED);
    return empty;
}

Test(counter_meter, an_op_is_charged_what_it_counted_less_an_empty_region)
{
    struct fake fake = { 0 };
    struct ledger *ledger = open_ledger(2, 0);
    struct counter_session *s = open_fake(&fake);
    struct counter_meter m = counter_meter(s, ledger, empty_cost());

    run_op(&m.meter, &fake, 0, OP_QKV, 1000);
    run_op(&m.meter, &fake, 1, OP_QKV, 500);
    run_op(&m.meter, &fake, 1, OP_QKV, 500);
    cr_assert(eq(u64, flops_at(ledger, 0, LEDGER_SHARED, OP_QKV), 1000));
    cr_assert(eq(u64, flops_at(ledger, 1, LEDGER_SHARED, OP_QKV), 1000));
    cr_assert(eq(u64, m.n_regions, 3));
    cr_assert(eq(int, m.status, STATUS_OK));
    counter_close(s);
    ledger_close(ledger);
}

/* 3 ops: with glue of any length shared, one reading each and one to begin. */
Test(counter_meter, neighbouring_ops_share_a_reading)
{
    struct fake fake = { 0 };
    struct ledger *ledger = open_ledger(1, 0);
    struct counter_session *s = open_fake(&fake);
    struct counter_meter m = counter_meter(s, ledger, empty_cost());

    m.glue_nanoseconds = INT64_C(10000000000);
    run_op(&m.meter, &fake, 0, OP_NORM, 1);
    run_op(&m.meter, &fake, 0, OP_QKV, 1);
    run_op(&m.meter, &fake, 0, OP_ATTEND, 1);
    cr_assert(eq(int, fake.n_reads_in_ops, 4));
    counter_close(s);
    ledger_close(ledger);
}

Test(counter_meter, work_between_ops_belongs_to_none)
{
    struct fake fake = { 0 };
    struct ledger *ledger = open_ledger(1, 0);
    struct counter_session *s = open_fake(&fake);
    struct counter_meter m = counter_meter(s, ledger, empty_cost());

    m.glue_nanoseconds = 0;
    run_op(&m.meter, &fake, 0, OP_QKV, 100);
    fake.pending[METRIC_FLOPS] += 99999;
    run_op(&m.meter, &fake, 0, OP_ATTEND, 100);
    cr_assert(eq(u64, flops_at(ledger, 0, LEDGER_SHARED, OP_ATTEND), 100));
    counter_close(s);
    ledger_close(ledger);
}

Test(counter_meter, an_op_smaller_than_an_empty_region_is_zero_not_huge)
{
    struct fake fake = { 0 };
    struct ledger *ledger = open_ledger(1, 0);
    struct counter_session *s = open_fake(&fake);
    struct cost more = { 0 };

    cost_set_count(&more, METRIC_FLOPS, 1000, PROV_MEASURED);
    struct counter_meter m = counter_meter(s, ledger, more);
    run_op(&m.meter, &fake, 0, OP_QKV, 3);
    cr_assert(eq(u64, flops_at(ledger, 0, LEDGER_SHARED, OP_QKV), 0));
    counter_close(s);
    ledger_close(ledger);
}

Test(counter_meter, a_failed_reading_is_kept_and_nothing_is_filed_after)
{
    struct fake fake = { .broken = true };
    struct ledger *ledger = open_ledger(1, 0);
    struct counter_session *s = open_fake(&fake);
    struct counter_meter m = counter_meter(s, ledger, empty_cost());

    run_op(&m.meter, &fake, 0, OP_QKV, 3);
    cr_assert(eq(int, m.status, STATUS_UNAVAILABLE));
    cr_assert(eq(str, m.error.text, "multiplexed"));
    cr_assert(eq(u64, m.n_regions, 0));
    counter_close(s);
    ledger_close(ledger);
}

Test(counter_meter, a_token_may_be_named)
{
    struct fake fake = { 0 };
    struct ledger *ledger = open_ledger(1, 0), *tokens = open_ledger(0, 3);
    struct counter_session *s = open_fake(&fake);
    struct counter_meter m = counter_meter(s, ledger, empty_cost());

    m.tokens = tokens;
    m.token = 2;
    run_op(&m.meter, &fake, 0, OP_QKV, 7);
    cr_assert(eq(u64, flops_at(ledger, 0, LEDGER_SHARED, OP_QKV), 7));
    cr_assert(eq(u64, flops_at(tokens, 0, 2, OP_QKV), 7));
    cr_assert(eq(u64, flops_at(tokens, 0, 1, OP_QKV), 0));
    counter_close(s);
    ledger_close(tokens);
    ledger_close(ledger);
}

Test(time_meter, an_op_takes_the_time_between_its_brackets)
{
    struct ledger *ledger = open_ledger(1, 0);
    struct time_meter m = time_meter(ledger);
    struct op_run run = { .pass = PASS_FORWARD, .layer = 0, .op = OP_QKV };

    meter_begin(&m.meter, &run);
    usleep(2000);
    meter_end(&m.meter, &run);
    double seconds = cost_get(ledger_at(ledger, (struct ledger_key){
        PASS_FORWARD, 0, LEDGER_SHARED, OP_QKV }), METRIC_SECONDS);
    cr_assert(seconds >= 0.002 - 1e-6 && seconds < 1);
    ledger_close(ledger);
}
