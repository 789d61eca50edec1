/* test_energy_share.c - Share joules out, subtract idling, plan windows:
 * nothing is lost, and an unknown amount is not 0. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "hwprof/energy/energy_idle.h"
#include "hwprof/energy/energy_share.h"
#include "hwprof/energy/energy_totals.h"
#include "tests/synthetic_machine.h"

static bool near(double a, double b, double share)
{
    return fabs(a - b) <= share * fabs(b);
}

/* ---- shares ---- */

Test(energy_share, by_hand)
{
    const double weight[] = { 1, 0, 2, 5 };
    double out[4];

    cr_assert(eq(int, energy_apportion(out, 16, weight, 4, NULL), STATUS_OK));
    cr_expect(eq(dbl, out[0], 2));
    cr_expect(eq(dbl, out[1], 0));
    cr_expect(eq(dbl, out[2], 4));
    cr_expect(eq(dbl, out[3], 10));
}

/* 1000 weights over 12 decades: the plain sum is the reading, to the last bit
 * or two, and each has its share. */
Test(energy_share, nothing_is_lost)
{
    enum { N = 1000 };
    struct random random = random_seeded(4);

    for (int trial = 0; trial < 100; trial++) {
        double weight[N], out[N], sum = 0, all = 0;
        double joules = pow(10, 6 * random_uniform(&random) - 3);
        for (int i = 0; i < N; i++) {
            weight[i] = i % 7 ? pow(10, -12 * random_uniform(&random)) : 0;
            all += weight[i];
        }
        cr_assert(eq(int, energy_apportion(out, joules, weight, N, NULL),
                     STATUS_OK));
        for (int i = 0; i < N; i++) {
            cr_assert(out[i] >= 0);
            cr_assert(weight[i] > 0 || !(out[i] > 0));
            cr_assert(fabs(out[i] - joules * weight[i] / all) < 1e-13 * joules);
            sum += out[i];
        }
        cr_assert(near(sum, joules, 4e-16), "%.17g of %.17g", sum, joules);
    }
}

Test(energy_share, an_unknown_weight_is_refused)
{
    const double unknown[] = { 1, (double)NAN }, below[] = { 1, -1 };
    const double none[] = { 0, 0 }, fine[] = { 1, 1 };
    double out[2] = { 7, 7 };
    struct error err = { 0 };

    cr_expect(eq(int, energy_apportion(out, 1, unknown, 2, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "weight 1") != NULL, "%s", err.text);
    cr_expect(eq(int, energy_apportion(out, 1, below, 2, &err),
                 STATUS_BAD_VALUE));
    cr_expect(eq(int, energy_apportion(out, 1, none, 2, &err),
                 STATUS_BAD_VALUE));
    cr_expect(eq(int, energy_apportion(out, -1, fine, 2, &err),
                 STATUS_BAD_VALUE));
    cr_expect(eq(int, energy_apportion(out, (double)NAN, fine, 2, &err),
                 STATUS_BAD_VALUE));
    cr_expect(eq(dbl, out[0], 7));
}

/* ---- a ledger ---- */

static const struct ledger_shape shape = { true, true, 2, 0 };

static struct ledger *open_ledger(void)
{
    struct ledger *ledger = NULL;

    cr_assert(eq(int, ledger_open(&ledger, shape, (struct cost){ 0 }, NULL),
                 STATUS_OK));
    return ledger;
}

static struct ledger_key at(int layer, enum op op)
{
    return (struct ledger_key){ PASS_FORWARD, layer, LEDGER_SHARED, op };
}

/* 12 J over ops whose model says 1, 2 and 3: 2, 4 and 6 J. */
Test(energy_share, a_ledger_gets_shares_and_says_so)
{
    struct ledger *into = open_ledger(), *model = open_ledger();
    const struct ledger_key key[] = { at(0, OP_QKV), at(1, OP_QKV),
                                      at(LEDGER_OUTSIDE, OP_HEAD) };

    for (int i = 0; i < 3; i++) {
        ledger_set_real(into, key[i], METRIC_SECONDS, 1, PROV_MEASURED);
        ledger_set_real(model, key[i], METRIC_JOULES, i + 1, PROV_PREDICTED);
    }
    /* the model has an op that never ran here: it gets nothing */
    ledger_set_real(model, at(0, OP_ROUTE), METRIC_JOULES, 100,
                    PROV_PREDICTED);
    cr_assert(eq(int, energy_apportion_ledger(into, model, METRIC_JOULES, 12,
                                              NULL), STATUS_OK));
    for (int i = 0; i < 3; i++) {
        const struct cost *cost = ledger_at(into, key[i]);
        cr_expect(near(cost_get(cost, METRIC_JOULES), 2 * (i + 1), 1e-15));
        cr_expect(eq(int, cost->from[METRIC_JOULES], PROV_APPORTIONED));
        cr_expect(eq(int, cost->from[METRIC_SECONDS], PROV_MEASURED));
    }
    cr_expect(not(ledger_touched(into, at(0, OP_ROUTE))));
    ledger_close(into);
    ledger_close(model);
}

/* A ledger may share out by its own seconds. */
Test(energy_share, by_its_own_seconds)
{
    struct ledger *ledger = open_ledger();

    ledger_set_real(ledger, at(0, OP_QKV), METRIC_SECONDS, 1, PROV_MEASURED);
    ledger_set_real(ledger, at(1, OP_QKV), METRIC_SECONDS, 3, PROV_MEASURED);
    cr_assert(eq(int, energy_apportion_ledger(ledger, ledger, METRIC_SECONDS,
                                              10, NULL), STATUS_OK));
    cr_expect(near(cost_get(ledger_at(ledger, at(0, OP_QKV)), METRIC_JOULES),
                   2.5, 1e-15));
    cr_expect(near(cost_get(ledger_at(ledger, at(1, OP_QKV)), METRIC_JOULES),
                   7.5, 1e-15));
    ledger_close(ledger);
}

Test(energy_share, a_cell_the_model_does_not_know_stops_it)
{
    struct ledger *into = open_ledger(), *model = open_ledger();
    struct error err = { 0 };

    ledger_set_real(into, at(0, OP_QKV), METRIC_SECONDS, 1, PROV_MEASURED);
    ledger_set_real(into, at(1, OP_QKV), METRIC_SECONDS, 1, PROV_MEASURED);
    ledger_set_real(model, at(0, OP_QKV), METRIC_JOULES, 1, PROV_PREDICTED);
    cr_expect(eq(int, energy_apportion_ledger(into, model, METRIC_JOULES, 12,
                                              &err), STATUS_UNAVAILABLE));
    cr_expect(strstr(err.text, "layer 1") != NULL, "%s", err.text);
    cr_expect(eq(int, ledger_at(into, at(0, OP_QKV))->from[METRIC_JOULES],
                 PROV_UNKNOWN));
    ledger_close(into);
    ledger_close(model);
}

Test(energy_share, ledgers_of_two_shapes_are_not_mixed)
{
    struct ledger *into = open_ledger(), *model = NULL;
    const struct ledger_shape other = { true, true, 3, 0 };

    cr_assert(eq(int, ledger_open(&model, other, (struct cost){ 0 }, NULL),
                 STATUS_OK));
    cr_expect(eq(int, energy_apportion_ledger(into, model, METRIC_JOULES, 1,
                                              NULL), STATUS_BAD_VALUE));
    ledger_close(into);
    ledger_close(model);
}

/* ---- ops on the synthetic machine ---- */

static struct counter_session *open_sensor(struct synthetic *m)
{
    struct counter_options options = synthetic_options(m).counter;
    struct counter_session *session = NULL;
    struct error err = { 0 };

    options.metrics = counter_bit(METRIC_JOULES);
    cr_assert(eq(int, counter_open(&session, &counter_rapl, &options, &err),
                 STATUS_OK), "%s", err.text);
    cr_assert(counter_sees(session, METRIC_JOULES));
    cr_assert(eq(int, counter_start(session, &err), STATUS_OK), "%s", err.text);
    return session;
}

static double read_joules(struct counter_session *session)
{
    struct cost cost;
    struct error err = { 0 };

    cr_assert(eq(int, counter_read(session, &cost, &err), STATUS_OK), "%s",
              err.text);
    return cost_get(&cost, METRIC_JOULES);
}

/* Three ops run one after the other over a wrap-around and are read as one.
 * With the machine's own coefficients as the model each gets what it drew, and
 * together they are what the package counted. */
Test(energy_share, ops_add_up_to_the_package)
{
    static const struct { enum op op; int kernel; double seconds; } ran[] = {
        { OP_QKV, 2, 0.3 }, { OP_ATTEND, 4, 0.5 }, { OP_FFN_UP, 6, 0.7 },
    };
    struct synthetic m = synthetic_open(9, 0);
    struct ledger *into = open_ledger(), *model = open_ledger();
    double truth[3], counted;

    m.zone[0] = 4.99e9;          /* 10 J below the top */
    synthetic_post(&m);
    struct counter_session *session = open_sensor(&m);
    cr_assert(m.n_wraps == 0);
    for (int i = 0; i < 3; i++) {
        double amount[ENERGY_TERM_COUNT], before = m.joules;
        cr_assert(eq(int, synthetic_run(&m, ran[i].kernel, ran[i].seconds,
                                        amount, NULL), STATUS_OK));
        truth[i] = m.joules - before;
        amount[ENERGY_IDLE] = ran[i].seconds;
        double modelled = 0;
        for (int t = 0; t < ENERGY_TERM_COUNT; t++)
            modelled += m.truth[t] * amount[t];
        ledger_set_real(into, at(0, ran[i].op), METRIC_SECONDS, ran[i].seconds,
                        PROV_MEASURED);
        ledger_set_real(model, at(0, ran[i].op), METRIC_JOULES, modelled,
                        PROV_PREDICTED);
    }
    counted = read_joules(session);
    cr_expect(m.n_wraps == 1);
    cr_expect(near(counted, m.joules, 1e-7));
    cr_assert(eq(int, energy_apportion_ledger(into, model, METRIC_JOULES,
                                              counted, NULL), STATUS_OK));
    for (int i = 0; i < 3; i++)
        cr_expect(near(cost_get(ledger_at(into, at(0, ran[i].op)),
                                METRIC_JOULES), truth[i], 1e-6));
    struct cost sum = ledger_sum(into, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                 LEDGER_ANY);
    cr_expect(near(cost_get(&sum, METRIC_JOULES), counted, 1e-9));
    cr_expect(eq(int, sum.from[METRIC_JOULES], PROV_APPORTIONED));
    counter_close(session);
    ledger_close(into);
    ledger_close(model);
    synthetic_close(&m);
}

/* ---- idling ---- */

Test(energy_idle, median_and_range_of_windows_before_and_after)
{
    struct synthetic m = synthetic_open(2, 0.02);
    struct counter_session *session = open_sensor(&m);
    struct energy_clock clock = { synthetic_now, synthetic_sleep, &m };
    struct energy_idle idle = { 0 };
    struct error err = { 0 };
    double amount[ENERGY_TERM_COUNT];

    cr_assert(eq(int, energy_idle_add(&idle, session, &clock, 2, &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(eq(int, idle.n_windows, 19));
    cr_assert(eq(int, synthetic_run(&m, 2, 2, amount, NULL), STATUS_OK));
    cr_assert(eq(int, energy_idle_add(&idle, session, &clock, 2, &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(eq(int, idle.n_windows, 38));
    cr_expect(near(idle.seconds, 4, 1e-9), "%g s", idle.seconds);
    /* 20 W; 2 % of it, a median of 38: 0.4 % */
    cr_expect(near(idle.watts, 20, 0.02), "%g W", idle.watts);
    cr_expect(idle.low < idle.watts && idle.low > 18);
    cr_expect(idle.high > idle.watts && idle.high < 22);
    /* half of a normal's draws are within 0.67 standard deviations */
    cr_expect(near(idle.spread, 0.6745 * 0.02, 0.5), "%g", idle.spread);
    counter_close(session);
    synthetic_close(&m);
}

/* 4 windows by hand: 10, 10, 12, 30 W have the median 11, and deviate from it
 * by 1, 1, 1, 19. */
static void by_hand_sleep(void *context, double seconds)
{
    static const double watts[] = { 10, 10, 12, 30 };
    struct synthetic *m = context;

    m->now += seconds;
    synthetic_draw(m, watts[m->n_windows++ % 4] * seconds);
}

Test(energy_idle, four_windows_by_hand)
{
    struct synthetic m = synthetic_open(1, 0);
    struct counter_session *session = open_sensor(&m);
    struct energy_clock clock = { synthetic_now, by_hand_sleep, &m };
    struct energy_idle idle = { 0 };

    cr_assert(eq(int, energy_idle_add(&idle, session, &clock, 0.41, NULL),
                 STATUS_OK));
    cr_expect(eq(int, idle.n_windows, 4));
    cr_expect(near(idle.watts, 11, 1e-4));
    cr_expect(near(idle.low, 10, 1e-4));
    cr_expect(near(idle.high, 30, 1e-4));
    cr_expect(near(idle.spread, 1.0 / 11, 1e-3));
    counter_close(session);
    synthetic_close(&m);
}

Test(energy_idle, a_dead_sensor_is_not_zero_watts)
{
    struct synthetic m = synthetic_open(1, 0);
    struct counter_session *session = open_sensor(&m);
    struct energy_clock clock = { synthetic_now, synthetic_sleep, &m };
    struct energy_idle idle = { 0 };
    struct error err = { 0 };

    m.dead[0] = m.dead[1] = true;
    cr_expect(eq(int, energy_idle_add(&idle, session, &clock, 1, &err),
                 STATUS_UNAVAILABLE));
    cr_expect(strstr(err.text, "dead, which is not 0 W") != NULL, "%s",
              err.text);
    cr_expect(eq(int, idle.n_windows, 0));
    cr_expect(eq(int, energy_idle_add(&idle, session, &clock, 0.05, &err),
                 STATUS_BAD_VALUE));
    counter_close(session);
    synthetic_close(&m);
}

/* ---- totals ---- */

/* 300 J in 10 s, idle 18 to 22 W around 20: 100 J net, 80 to 120. */
Test(energy_share, gross_and_net_a_token)
{
    const struct energy_idle idle = { .n_windows = 5, .watts = 20, .low = 18,
                                      .high = 22 };
    struct energy_totals t = energy_totals(300, 10, &idle, 50, 200);

    cr_expect(near(t.net, 100, 1e-12));
    cr_expect(near(t.net_low, 80, 1e-12) && near(t.net_high, 120, 1e-12));
    cr_expect(near(t.gross_per_output, 6, 1e-12));
    cr_expect(near(t.net_per_output, 2, 1e-12));
    cr_expect(near(t.gross_per_token, 1.5, 1e-12));
    cr_expect(near(t.net_per_token, 0.5, 1e-12));
    cr_expect(eq(str, t.reason, ""));
}

Test(energy_share, a_net_that_is_not_known_is_not_zero)
{
    const struct energy_idle idle = { .n_windows = 5, .watts = 20, .low = 18,
                                      .high = 22 };
    struct energy_totals none = energy_totals(300, 10, NULL, 0, 200);
    struct energy_totals low = energy_totals(215, 10, &idle, 50, 200);

    cr_expect(isnan(none.net) && isnan(none.net_per_token));
    cr_expect(isnan(none.gross_per_output));
    cr_expect(near(none.gross_per_token, 1.5, 1e-12));
    cr_expect(strstr(none.reason, "no idle baseline") != NULL);
    cr_expect(isnan(low.net) && isnan(low.net_per_output));
    cr_expect(near(low.net_low, -5, 1e-12) && near(low.net_high, 35, 1e-12));
    cr_expect(strstr(low.reason, "not told from idling") != NULL);
}

static char *printed(const struct energy_totals *totals,
                     const struct energy_idle *idle)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);

    energy_totals_text(file, totals, idle);
    fclose(file);
    return text;
}

Test(energy_share, totals_are_printed_with_what_is_unknown)
{
    const struct energy_idle idle = { .n_windows = 5, .watts = 20, .low = 18,
                                      .high = 22 };
    struct energy_totals all = energy_totals(300, 10, &idle, 50, 200);
    struct energy_totals none = energy_totals(300, 10, NULL, 0, 200);
    char *text = printed(&all, &idle), *dash = printed(&none, NULL);

    cr_expect(eq(str, text, "energy   300 J gross, 100 J net (80 to 120); idle "
                 "20 W (18 to 22, 5 windows)\nper token 6 J gross, 2 J net, "
                 "generated; 1.5 J gross, 0.5 J net, in all\n"));
    cr_expect(eq(str, dash, "energy   300 J gross, - J net; no idle baseline\n"
                 "per token - J gross, - J net, generated; 1.5 J gross, - J "
                 "net, in all\n"));
    free(text);
    free(dash);

    json_t *json = energy_totals_json(&none, NULL);
    const char *reason = json_string_value(json_object_get(json, "reason"));
    bool unknown = json_is_null(json_object_get(json, "net_joules"));
    double gross = json_real_value(json_object_get(json, "gross_joules"));
    cr_expect(unknown && near(gross, 300, 1e-12));
    cr_expect(eq(str, (char *)reason, "no idle baseline"));
    json_decref(json);
}

/* ---- replaying ---- */

Test(energy_repeats, fill_a_window)
{
    /* 0.1 s of 50 us: 2000; of 30 ms: 4, which is 120 ms */
    cr_expect(eq(i64, energy_repeats(50e-6, 0.1), 2000));
    cr_expect(eq(i64, energy_repeats(0.030, 0.1), 4));
    cr_expect(eq(i64, energy_repeats(3, 0.1), 1));
    cr_expect(eq(i64, energy_repeats(0.3, 1), 4));
    cr_expect(energy_repeats(0.1 / 3, 0.1) * (0.1 / 3) >= 0.1);
}

Test(energy_repeats, are_none_of_what_is_unknown_or_takes_too_long)
{
    cr_expect(eq(i64, energy_repeats(0, 0.1), 0));
    cr_expect(eq(i64, energy_repeats((double)NAN, 0.1), 0));
    cr_expect(eq(i64, energy_repeats(1e-300, 0.1), 0));
    cr_expect(eq(i64, energy_repeats(90, 0.1), 0));
}
