/* test_bill.c - Intervals of totals; layers that cost alike, walked in one. */
#include "sim/price/bill.h"
#include "tests/priced.h"

/* A machine on which an op is its launch and nothing else. */
static struct machine launches(double low, double value, double high)
{
    struct machine m = {
        .dram_share = { 2, { 1, 1 } },
        .dram_share_scale = { .value = 1, .low = 1, .high = 1 },
    };
    m.launch_seconds = (struct quantity){ .value = value, .low = low,
                                          .high = high };
    for (int i = 0; i < LEVEL_COUNT; i++)
        m.level[i].bytes_per_second = (struct quantity){ 1, 1, 1, "", "" };
    return m;
}

static struct predict_range range_on(const struct bill *bill,
                                     const struct machine *m)
{
    static struct bill_draws draws;

    bill_draw(&draws, m, PRECISION_FP32);
    return bill_range(bill, &draws, 0);
}

/* The quantiles of a triangle from 0 to 1 with its mode at 1/2: sqrt(p/2) from
 * either end; its draws all err together, so the sum of ten ops is ten times as
 * wide. */
Test(bill, ops_of_one_machine_err_together)
{
    const struct machine m = launches(0, 0.5, 1);
    struct bill bill = { 0 };
    const struct roofline_load one = { .fresh_bytes = 0 },
        other = { .work = WORK_NORM };

    cr_assert(eq(int, bill_add(&bill, &one, 4), STATUS_OK));
    cr_assert(eq(int, bill_add(&bill, &other, 1), STATUS_OK));
    cr_assert(eq(int, bill_add(&bill, &one, 5), STATUS_OK));
    cr_expect(eq(sz, bill.n, 2));                     /* alike ones are one */
    const struct estimate e = range_on(&bill, &m).seconds;
    cr_expect(eq(dbl, e.value, 5));
    cr_expect(epsilon_eq(dbl, e.low, 10 * sqrt(0.1 / 2), 0.4));
    cr_expect(epsilon_eq(dbl, e.high, 10 - 10 * sqrt(0.1 / 2), 0.4));
    bill_close(&bill);
}

Test(bill, a_machine_that_is_known_leaves_no_interval)
{
    const struct machine m = launches(2, 2, 2);
    struct bill bill = { 0 };

    cr_assert(eq(int, bill_add(&bill, &(struct roofline_load){ 0 }, 3),
                 STATUS_OK));
    const struct predict_range range = range_on(&bill, &m);
    cr_expect(eq(dbl, range.seconds.low, 6));
    cr_expect(eq(dbl, range.seconds.high, 6));
    bill_close(&bill);
}

/* Ten launches over four, and what lies between them: as sure as they are unsure
 * together. */
Test(bill, a_ratio_is_surer_than_its_parts)
{
    const struct machine m = launches(0.5, 1, 2);
    struct bill ten = { 0 }, four = { 0 };

    cr_assert(eq(int, bill_add(&ten, &(struct roofline_load){ 0 }, 10),
                 STATUS_OK));
    cr_assert(eq(int, bill_add(&four, &(struct roofline_load){ 0 }, 4),
                 STATUS_OK));
    const struct predict_range a = range_on(&ten, &m);
    const struct predict_range b = range_on(&four, &m);
    const struct predict_range seven = bill_mix(&a, 0.5, &b, 0.5);
    const struct estimate e = bill_ratio(&a, &b, METRIC_SECONDS);
    cr_expect(eq(dbl, e.value, 2.5));
    cr_expect(epsilon_eq(dbl, e.low, 2.5, 1e-12));
    cr_expect(epsilon_eq(dbl, e.high, 2.5, 1e-12));
    cr_expect(epsilon_eq(dbl, seven.seconds.low, 0.7 * a.seconds.low, 1e-12));
    cr_expect(gt(dbl, a.seconds.high, 1.5 * a.seconds.low));
    bill_close(&ten);
    bill_close(&four);
}

/* Four launches over three, of other kinds: no machine launches all ops alike. */
Test(bill, a_ratio_of_launches_is_no_surer_than_that_they_are_alike)
{
    const struct machine m = launches(0.5, 1, 2);
    const struct roofline_load product = { .work = WORK_MATMUL },
                               norm = { .work = WORK_NORM };
    struct bill four = { 0 }, three = { 0 };

    cr_assert(eq(int, bill_add(&four, &product, 3), STATUS_OK));
    cr_assert(eq(int, bill_add(&four, &norm, 1), STATUS_OK));
    cr_assert(eq(int, bill_add(&three, &product, 1), STATUS_OK));
    cr_assert(eq(int, bill_add(&three, &norm, 2), STATUS_OK));
    const struct predict_range a = range_on(&four, &m);
    const struct predict_range b = range_on(&three, &m);
    const struct estimate e = bill_ratio(&a, &b, METRIC_SECONDS);
    cr_expect(epsilon_eq(dbl, e.value, 4.0 / 3, 1e-12));
    cr_expect(lt(dbl, e.low, 0.97 * e.value));
    cr_expect(gt(dbl, e.high, 1.03 * e.value));
    /* Each launch stays within its range. */
    cr_expect(gt(dbl, a.seconds.low, 4 * 0.5));
    cr_expect(lt(dbl, a.seconds.high, 4 * 2.0));
    bill_close(&four);
    bill_close(&three);
}

/* The value is the best that there may be: it is in the interval still. */
Test(bill, an_interval_holds_the_value)
{
    const struct machine m = launches(1, 1, 2);
    struct bill bill = { 0 };

    cr_assert(eq(int, bill_add(&bill, &(struct roofline_load){ 0 }, 1),
                 STATUS_OK));
    const struct estimate e = range_on(&bill, &m).seconds;
    cr_expect(eq(dbl, e.low, 1));
    cr_expect(epsilon_eq(dbl, e.high, 2 - sqrt(0.1), 0.05));
    bill_close(&bill);
}

/* Loads that differ in one number alone are two: of a launch that waits a head, and
 * of weights that others had longer to drop from the cache. */
Test(bill, loads_that_differ_in_any_number_are_two)
{
    const struct roofline_load load = { .work = WORK_QUERY, .stale_bytes = 100,
                                        .footprint_bytes = 200 };
    struct roofline_load heads = load, repeated = load;
    struct machine m = launches(0, 0, 0);
    struct bill bill = { 0 };

    heads.query_heads = 4;
    repeated.repeated_bytes = 1000;
    m.level[LEVEL_L3].size_bytes = (struct quantity){ 200, 200, 200, "", "" };
    m.level[LEVEL_L3].bytes_per_second = (struct quantity){ 1e9, 1e9, 1e9,
                                                            "", "" };
    m.aging_bytes = (struct quantity){ 1000, 1000, 1000, "", "" };
    m.query_head_seconds = (struct quantity){ 5, 5, 5, "", "" };
    cr_assert(eq(int, bill_add(&bill, &load, 1), STATUS_OK));
    cr_assert(eq(int, bill_add(&bill, &heads, 1), STATUS_OK));
    cr_assert(eq(int, bill_add(&bill, &repeated, 1), STATUS_OK));
    cr_expect(eq(sz, bill.n, 3));
    /* 4 heads of 5 s; 1 - 1/e of 100 bytes at 1 B/s */
    cr_expect(epsilon_eq(dbl, range_on(&bill, &m).seconds.value,
                         20 + 100 * (1 - exp(-1)), 1e-5));
    bill_close(&bill);
}

/* The tenth and the ninetieth percentile are those of the draws in order. */
Test(bill, an_interval_is_of_the_draws_in_order)
{
    const struct machine m = launches(0.5, 1, 2);
    struct bill bill = { 0 };

    cr_assert(eq(int, bill_add(&bill, &(struct roofline_load){ 0 }, 1),
                 STATUS_OK));
    const struct predict_range range = range_on(&bill, &m);
    int below = 0, above = 0;
    for (int i = 0; i < BILL_DRAWS; i++) {
        below += range.drawn_seconds[i] < range.seconds.low;
        above += range.drawn_seconds[i] > range.seconds.high;
    }
    cr_expect(eq(int, below, BILL_DRAWS / 10));
    cr_expect(eq(int, above, BILL_DRAWS / 10));
    bill_close(&bill);
}

/* A cache of 50 to 150 bytes: the interval of 100 bytes knows. */
Test(bill, the_size_of_a_cache_is_in_the_interval)
{
    struct machine m = launches(0, 0, 0);
    struct bill bill = { 0 };
    const struct roofline_load load = { .stale_bytes = 100,
                                        .footprint_bytes = 100 };
    m.level[LEVEL_L3].size_bytes = (struct quantity){ 100, 50, 150, "", "" };
    m.level[LEVEL_L3].bytes_per_second = (struct quantity){ 1e9, 1e9, 1e9,
                                                            "", "" };
    cr_assert(eq(int, bill_add(&bill, &load, 1), STATUS_OK));
    const struct estimate e = range_on(&bill, &m).seconds;
    cr_expect(lt(dbl, e.value, 1e-6));                       /* it fits */
    /* 10 % of the sizes are below 50 + 50 * sqrt(0.2): the rest comes from
     * memory at 1 B/s */
    cr_expect(epsilon_eq(dbl, e.high, 50 - 50 * sqrt(0.2), 4));
    bill_close(&bill);
}

/* 1000 flops of products at 4 a second at most, 500 of norms that no peak of
 * products bounds; 100 bytes, of which 20 fit at most, at 2 B/s at most. */
Test(bill, no_machine_can_take_less_than_its_best_ends)
{
    struct machine m = launches(1, 1, 1);
    struct bill bill = { 0 };
    m.peak_flops_per_second[PRECISION_FP32] =
        (struct quantity){ 2, 1, 4, "", "" };
    m.level[LEVEL_L3].size_bytes = (struct quantity){ 10, 5, 20, "", "" };
    m.level[LEVEL_DRAM].bytes_per_second = (struct quantity){ 1, 1, 2, "", "" };
    const struct roofline_load load = { .flops = 500, .share = 0.5,
                                        .stale_bytes = 50,
                                        .footprint_bytes = 100 },
        norm = { .work = WORK_NORM, .flops = 500, .share = 0.5 };

    cr_assert(eq(int, bill_add(&bill, &load, 2), STATUS_OK));
    cr_assert(eq(int, bill_add(&bill, &norm, 1), STATUS_OK));
    const struct predict_range range = range_on(&bill, &m);
    cr_expect(epsilon_eq(dbl, range.least_arithmetic, 250, 1e-9));
    /* of a footprint of 100 the cache keeps a fifth */
    cr_expect(epsilon_eq(dbl, range.least_memory, 2 * 50 * 0.8 / 2, 1e-9));
    bill_close(&bill);
}

/* ---- layers alike ---- */

/* The same step into a ledger that tells layers apart, and one that does not. */
static void same_totals(struct model_spec spec, enum phase phase)
{
    struct machine m = machine();
    struct asked q = { .spec = spec, .B = 3, .T = 64, .machine = &m,
                       .phase = phase };
    const struct ledger_shape shapes[] = {
        { .by_pass = true, .by_op = true, .n_layers = spec.n_layers },
        { .by_pass = true, .by_op = true },
        { .by_pass = true, .by_op = true, .n_layers = spec.n_layers,
          .n_tokens = phase == EXPECTED ? 0 : q.B * q.T },
    };
    struct ledger *l[3];
    struct allocation a;

    cr_assert(eq(int, allocation_open(&a, spec.n_layers, q.B, q.T, NULL),
                 STATUS_OK));
    allocation_fill(&a, &spec);
    for (int i = 0; i < 3; i++) {
        struct predict_job job = { .spec = &spec, .allocation = &a,
                                   .machine = &m };
        cr_assert(eq(int, ledger_open(&l[i], shapes[i],
                                      cost_zero(PROV_PREDICTED), NULL),
                     STATUS_OK));
        enum status status =
            phase == TRAIN     ? predict_train_step(l[i], &job, NULL, NULL)
            : phase == FORWARD ? predict_forward(l[i], &job, 0, NULL, NULL)
                               : predict_decode_expected(l[i], &job, NULL,
                                                         NULL);
        cr_assert(eq(int, status, STATUS_OK));
    }
    for (int pass = 0; pass < PASS_COUNT; pass++)
        for (int op = 0; op < OP_COUNT; op++) {
            struct cost sum[3];
            for (int i = 0; i < 3; i++)
                sum[i] = ledger_sum(l[i], pass, LEDGER_ANY, LEDGER_ANY, op);
            for (int i = 1; i < 3; i++) {
                for (int c = 0; c < METRIC_FIRST_REAL; c++)
                    cr_expect(eq(u64, sum[i].count[c], sum[0].count[c]),
                              "%s %s", pass_names[pass], op_table[op].name);
                const double s = cost_get(&sum[0], METRIC_SECONDS);
                cr_expect(alike(cost_get(&sum[i], METRIC_SECONDS), s,
                                1e-9 * s));
            }
        }
    for (int i = 0; i < 3; i++)
        ledger_close(l[i]);
    allocation_close(&a);
}

Test(bill, layers_with_a_window_are_not_like_those_without)
{
    struct model_spec spec = llama();

    spec.n_layers = 6;
    for (int32_t l = 0; l < 6; l++) {
        spec.routed[l] = false;
        spec.windowed[l] = l % 3 == 0;
    }
    spec.window = 20;
    same_totals(spec, FORWARD);
    same_totals(spec, EXPECTED);
}

/* Tokens resolved, every layer is walked by itself. */
Test(bill, layers_walked_in_one_cost_what_each_does)
{
    const enum phase phases[] = { TRAIN, FORWARD, EXPECTED };

    for (int i = 0; i < 3; i++) {
        struct model_spec spec = llama();
        spec.n_layers = 7;
        for (int32_t l = 0; l < 7; l++) {
            spec.routed[l] = l % 2;
            spec.capacity[l] = l == 5 ? 0.5 : l % 2 ? 0.25 : 1;
        }
        same_totals(spec, phases[i]);
        if (phases[i] != TRAIN)
            spec.stored[2][MATRIX_UP] = NUMBER_F16;
        else
            spec.backbone_frozen = spec.router_trained;
        same_totals(spec, phases[i]);
    }
}
