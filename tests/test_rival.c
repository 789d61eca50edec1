/* test_rival.c - Rivals worked out by hand; ratios to them, and their bounds. */
#include "sim/price/predict_table.h"
#include "tests/priced.h"

enum { DEEP = 3, TILE = 16 };

/* 2 layers for all tokens, and 1 for a quarter of them, by no router. */
static struct model_spec two_and_a_quarter(void)
{
    return without_router(worked_gpt2(DEEP), PART_BLOCK, SKIPPED_KEYS_ABSENT,
                          SIGNAL_NONE);
}

static void make(struct rival *out, const char *text,
                 const struct model_spec *spec, int32_t n_tokens)
{
    struct rival_asked asked;
    struct error err = { 0 };

    cr_assert(eq(int, rival_read(&asked, text, &err), STATUS_OK));
    cr_assert(eq(int, rival_make(out, &asked, spec, NULL, n_tokens, &err),
                 STATUS_OK), "%s", err.text);
}

/* The worked example of op.h: within one tile of keys all rows of a layer cost
 * the same, kept or not; keeping them without a gate is no flop. */
Test(rival, a_quarter_of_a_layer_is_a_quarter_of_a_layer)
{
    const struct model_spec spec = two_and_a_quarter();
    struct rival r;

    make(&r, "equal-flops", &spec, TILE);
    cr_expect(epsilon_eq(dbl, r.layers, 2.25, 1e-12));
    cr_expect(eq(int, r.n_ends, 2));
    cr_expect(eq(int, r.end[0].n_layers, 2));
    cr_expect(eq(int, r.end[1].n_layers, 3));
    cr_expect(eq(int, spec_n_routed(&r.end[1]), 0));
    cr_expect(eq(int, rival_nearest(&r)->n_layers, 2));
}

/* A layer has 2 * 128 + (64 + 1) * 192 + 65 * 64 + 65 * 256 + 257 * 64 = 49984
 * parameters, a router 64. */
Test(rival, a_router_is_a_hair_of_a_layer)
{
    const struct model_spec spec = worked_gpt2(DEEP);
    const struct model_spec dense = spec_dense(&spec);
    struct rival r;

    make(&r, "equal-params", &spec, TILE);
    cr_expect(epsilon_eq(dbl, r.layers, 3 + 64 / 49984.0, 1e-9));
    make(&r, "equal-params", &dense, TILE);
    cr_expect(eq(dbl, r.layers, 3));
    cr_expect(eq(int, r.n_ends, 1));
}

/* 16 layers of which every fourth is windowed: kept ones are evenly spaced, and
 * those that are left early are the first. */
Test(rival, layers_that_are_dropped_are_spread)
{
    struct model_spec spec = small_llama(16);
    struct rival r;

    spec.window = 32;
    for (int32_t l = 0; l < 16; l += 4)
        spec.windowed[l] = true;
    make(&r, "layers:4", &spec, TILE);
    cr_expect(eq(int, r.end[0].n_layers, 4));
    for (int32_t l = 0; l < 4; l++)
        cr_expect(r.end[0].windowed[l]);
    make(&r, "exit:4", &spec, TILE);
    for (int32_t l = 0; l < 4; l++)
        cr_expect(eq(int, r.end[0].windowed[l], l == 0));
    make(&r, "layers:3,4,15", &spec, TILE);
    cr_expect(eq(int, r.end[0].n_layers, 3));
    for (int32_t l = 0; l < 3; l++)
        cr_expect(eq(int, r.end[0].windowed[l], l == 1));
    cr_expect(eq(int, rival_layer(&r, 2), 15));
}

Test(rival, what_is_none_is_refused)
{
    const struct model_spec spec = worked_gpt2(DEEP);
    struct rival_asked asked;
    struct rival r;
    struct error err;

    cr_expect(eq(int, rival_read(&asked, "layers:0", &err), STATUS_BAD_VALUE));
    cr_expect(eq(int, rival_read(&asked, "exit:2x", &err), STATUS_BAD_VALUE));
    cr_expect(eq(int, rival_read(&asked, "exit:", &err), STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, "--against exit:: allowed is a number of layers,"
                               " 1 to 256");
    cr_expect(eq(int, rival_read(&asked, "layers:2,1", &err),
                 STATUS_BAD_VALUE));
    cr_expect(eq(int, rival_read(&asked, "layers:0,", &err), STATUS_BAD_VALUE));
    cr_assert(eq(int, rival_read(&asked, "layers:0,3", &err), STATUS_OK));
    cr_expect(eq(int, rival_make(&r, &asked, &spec, NULL, TILE, &err),
                 STATUS_BAD_VALUE));
    cr_assert(eq(int, rival_read(&asked, "exit:4", &err), STATUS_OK));
    cr_expect(eq(int, rival_make(&r, &asked, &spec, NULL, TILE, &err),
                 STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, "--against exit:4: allowed are 1 to the model's 3"
                               " layers");
    cr_assert(eq(int, rival_read(&asked, "dense-ish", &err), STATUS_OK));
    cr_expect(eq(int, asked.kind, RIVAL_MODEL));
}

/* Less than one dense layer is no model of whole layers. */
Test(rival, no_dense_model_is_as_cheap)
{
    struct model_spec spec = two_and_a_quarter();
    struct rival_asked asked = { .kind = RIVAL_FLOPS };
    struct error err;
    struct rival r;

    spec.routed[0] = spec.routed[1] = true;
    spec.capacity[0] = spec.capacity[1] = 0.0625;
    cr_assert(eq(int, rival_make(&r, &asked, &spec, NULL, TILE, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "one dense layer comes to") != NULL, "%s",
              err.text);
}

/* ---- contests ---- */

static struct machine priced_by;
static struct contest contest;

static struct predict_question asked_of(struct model_spec spec,
                                        enum memory_phase phase)
{
    priced_by = machine();
    return (struct predict_question){ .spec = spec, .machine = &priced_by,
        .phase = phase, .n_sequences = 2, .n_tokens = 64 };
}

static void hold_contest(const struct predict_question *q, const char *text)
{
    struct rival rival;
    struct error err = { 0 };

    make(&rival, text, &q->spec, q->n_tokens);
    cr_assert(eq(int, contest_open(&contest, q, &rival, 1, &err), STATUS_OK),
              "%s", err.text);
}

static struct cost priced_alone(const struct predict_question *q,
                                const struct model_spec *spec)
{
    struct prediction p;

    cr_assert(eq(int, prediction_open(&p, q, spec, NULL), STATUS_OK));
    const struct cost sum = ledger_sum(p.ledger, LEDGER_ANY, LEDGER_ANY,
                                       LEDGER_ANY, LEDGER_ANY);
    prediction_close(&p);
    return sum;
}

static const enum memory_phase phases[] = { MEMORY_TRAIN, MEMORY_FORWARD,
                                            MEMORY_DECODE };
static const enum metric watched[] = { METRIC_FLOPS, METRIC_BYTES,
                                       METRIC_SECONDS, METRIC_JOULES };

Test(rival, a_ratio_is_the_quotient_of_two_predictions)
{
    static struct rival r;

    for (int p = 0; p < 3; p++) {
        const struct predict_question q = asked_of(two_and_a_quarter(),
                                                   phases[p]);
        hold_contest(&q, "equal-flops");
        make(&r, "equal-flops", &q.spec, q.n_tokens);
        const struct cost model = priced_alone(&q, &q.spec),
            below = priced_alone(&q, &r.end[0]),
            above = priced_alone(&q, &r.end[1]);
        for (int m = 0; m < 4; m++) {
            const double wanted = cost_get(&model, watched[m]) /
                ((1 - r.way) * cost_get(&below, watched[m]) +
                 r.way * cost_get(&above, watched[m]));
            const struct estimate e = contest_ratio(&contest, 0, watched[m]);
            cr_expect(epsilon_eq(dbl, e.value, wanted, 1e-5 * wanted));
            cr_expect(le(dbl, e.low, e.value));
            cr_expect(ge(dbl, e.high, e.value));
        }
        contest_close(&contest);
    }
}

Test(rival, parts_of_a_depth_between_add_up)
{
    const struct predict_question q = asked_of(two_and_a_quarter(),
                                               MEMORY_TRAIN);
    static struct predict_row rows[PREDICT_ROWS_MAX];

    hold_contest(&q, "equal-flops");
    const struct predict_row total = predict_total(&contest);
    for (enum predict_by by = PREDICT_BY_OP; by <= PREDICT_BY_PASS; by++) {
        struct cost sum = cost_zero(PROV_PREDICTED);
        const int n = predict_rows(rows, &contest, by);
        for (int i = 0; i < n; i++)
            cr_assert(eq(int, cost_add(&sum, &rows[i].rival[0]), STATUS_OK));
        for (int m = 0; m < 4; m++)
            cr_expect(epsilon_eq(dbl, cost_get(&sum, watched[m]),
                                 cost_get(&total.rival[0], watched[m]),
                                 1e-6 * cost_get(&sum, watched[m])));
    }
    contest_close(&contest);
}

/* Both err together: a share of itself has no interval at all, and that of the
 * twin is narrower than the model's own. */
Test(rival, the_interval_of_a_ratio_is_narrow)
{
    const struct predict_question q = asked_of(two_and_a_quarter(),
                                               MEMORY_FORWARD);
    hold_contest(&q, "dense");
    const struct estimate ratio = contest_ratio(&contest, 0, METRIC_SECONDS);
    const struct estimate own = contest.model.range.seconds;
    cr_expect(lt(dbl, ratio.high / ratio.low, own.high / own.low));
    cr_expect(lt(dbl, ratio.high, 1));
    contest_close(&contest);

    struct predict_question dense = q;
    dense.spec = spec_dense(&q.spec);
    hold_contest(&dense, "dense");
    const struct estimate same = contest_ratio(&contest, 0, METRIC_JOULES);
    cr_expect(eq(dbl, same.low, 1));
    cr_expect(eq(dbl, same.high, 1));
    contest_close(&contest);
}

/* A part of the twin is trained as the twin is, and served as a part; an exit
 * keeps the weights of 2 * 49984 numbers that it does not use. */
Test(rival, a_part_of_the_twin_is_trained_whole)
{
    struct predict_question q = asked_of(two_and_a_quarter(), MEMORY_TRAIN);
    const struct model_spec twin = spec_dense(&q.spec);
    const struct cost whole = priced_alone(&q, &twin);

    hold_contest(&q, "layers:1");
    const struct cost trained = contender_sum(&contest.rival[0], LEDGER_ANY,
                                              LEDGER_ANY, LEDGER_ANY);
    cr_expect(eq(dbl, cost_get(&trained, METRIC_FLOPS),
                 cost_get(&whole, METRIC_FLOPS)));
    contest_close(&contest);

    q.phase = MEMORY_DECODE;
    struct hold held[2];
    static const char *const parts[] = { "layers:1", "exit:1" };
    for (int i = 0; i < 2; i++) {
        hold_contest(&q, parts[i]);
        held[i] = contender_hold(&contest.rival[0], &(struct hold_question){
            .spec = &contest.model.spec, .regime = &q.regime,
            .phase = MEMORY_DECODE, .n_sequences = 2, .n_tokens = 64,
            .n_threads = 1 });
        contest_close(&contest);
    }
    cr_expect(eq(u64, held[1].bytes[MEMORY_WEIGHTS],
                 held[0].bytes[MEMORY_WEIGHTS] + 2 * 49984 * 4));
    cr_expect(eq(u64, held[1].total, held[0].total + 2 * 49984 * 4));
}

/* More layers kept cost no less, and are the twin at last. */
Test(rival, monotone_in_layers)
{
    const struct predict_question q = asked_of(two_and_a_quarter(),
                                               MEMORY_DECODE);
    double before = INFINITY;

    for (int n = 1; n <= DEEP; n++) {
        char text[16];
        snprintf(text, sizeof text, "exit:%d", n);
        hold_contest(&q, text);
        const double now = contest_ratio(&contest, 0, METRIC_SECONDS).value;
        cr_expect(lt(dbl, now, before));
        before = now;
        contest_close(&contest);
    }
    hold_contest(&q, "dense");
    cr_expect(eq(dbl, contest_ratio(&contest, 0, METRIC_SECONDS).value,
                 before));
    contest_close(&contest);
}
