/* test_machine_shares.c - Measure what work reaches here: no number is asserted
 * but what holds of every machine. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "hwprof/commands/machine_points.h"
#include "hwprof/commands/machine_shape.h"
#include "hwprof/commands/machine_shares.h"
#include "sim/price/flops.h"

static struct machine_shares shares;
static struct machine_far far;

static const struct machine_curve *curve(const char *name)
{
    for (int i = 0; i < shares.n_curves; i++)
        if (strcmp(shares.curve[i].name, name) == 0)
            return &shares.curve[i];
    return NULL;
}

static enum status measure(const struct peak *peak, double seconds)
{
    const struct machine_effort effort = { .quick = true, .quiet = true,
                                           .seconds = seconds };
    struct error err = { 0 };
    enum status status = machine_shares_measure(&shares, &far, peak, &effort,
                                                &err);

    cr_expect(eq(int, status, STATUS_OK), "%s", err.text);
    return status;
}

/* A peak of 1 flop/s is one that every op exceeds: the fastest of them becomes
 * the peak, and has all of it. */
Test(machine_shares, every_kind_of_work_has_a_curve_of_shares)
{
    const struct peak peak = { .n_threads = 1, .flops_all.per_second = 1 };
    double most = 0;

    cr_assert(eq(int, measure(&peak, 1e9), STATUS_OK));
    for (int w = 0; w < WORK_COUNT; w++) {
        const struct machine_curve *c = curve(work_names[w]);
        cr_assert(c != NULL, "%s", work_names[w]);
        for (int32_t i = 0; i < c->points.n; i += 2) {
            const double *point = &c->points.value[i];
            cr_expect(i == 0 || point[0] > point[-2], "%s", c->name);
            cr_expect(point[1] > 0 && point[1] <= 1, "%s: %g", c->name,
                      point[1]);
            most = fmax(most, point[1]);
        }
    }
    cr_expect(gt(dbl, most, 0.1));
    cr_expect(gt(dbl, shares.flops_per_second, 1e6));
    cr_expect(shares.scale.low <= 1 && shares.scale.high >= 1);
    cr_expect(gt(dbl, shares.launch_seconds.value, 0));
    cr_expect(gt(dbl, shares.select_rows.value, 0));
    cr_expect(shares.half_head.value >= 0 &&
              shares.half_head.low <= shares.half_head.value &&
              shares.half_head.high >= shares.half_head.value);

    /* steps to find what work waits for: of each kind, and of rising size */
    bool lies[3] = { false };
    for (int i = 0; i < far.n; i++) {
        lies[far.step[i].lies] = true;
        cr_expect(gt(dbl, far.step[i].seconds[OP_QKV], 0));
        cr_expect(gt(dbl, far.step[i].seconds[OP_ATTEND], 0));
        cr_expect(eq(dbl, far.step[i].seconds[OP_NORM], 0));
    }
    cr_expect(lies[LIES_CACHED] && lies[LIES_BETWEEN] && lies[LIES_PAST]);
    cr_expect(eq(int, shares.n_serial, 0));
}

/* Near work is that of the second cache: of 512 KB on the smallest servers, whose
 * rows and keys have room too. */
Test(machine_shares, weights_of_near_shapes_are_in_a_small_second_cache)
{
    int n = 0;

    for (int i = 0; i < machine_n_shapes; i++) {
        const struct machine_shape *shape = &machine_shapes[i];
        const struct model_spec spec = machine_shape_spec(shape);
        if (shape->use < USE_NEAR || shape->use > USE_STORED4)
            continue;
        const uint64_t numbers = flops_parameters(&spec, 0);
        cr_expect(le(u64, shape->use == USE_STORED4   ? numbers * 20 / 32
                          : shape->use == USE_STORED8 ? numbers * 34 / 32
                                                      : numbers * 4,
                     400 << 10), "shape %d", i);
        n++;
    }
    cr_expect(gt(int, n, 0));
}

/* However busy others keep a machine, it ends: a step of each model is the least,
 * and tells of every kind of work. */
Test(machine_shares, without_time_each_model_runs_a_step)
{
    const struct peak peak = { .n_threads = 1, .flops_all.per_second = 1 };
    int n_quick = 0, n_steps = 0;

    for (int i = 0; i < machine_n_shapes; i++)
        if (machine_shapes[i].quick) {
            n_quick++;
            n_steps += machine_shape_steps(&machine_shapes[i]);
        }
    cr_assert(eq(int, measure(&peak, 0), STATUS_OK));
    cr_expect(eq(int, shares.n_steps, n_quick));
    for (int w = 0; w < WORK_COUNT; w++)
        cr_expect(curve(work_names[w]) != NULL, "%s", work_names[w]);
    cr_assert(eq(int, measure(&peak, 1e9), STATUS_OK));
    cr_expect(shares.n_steps >= n_steps);
}

/* A step that something else kept waiting for minutes: the profile's reader would
 * refuse what it did not say. */
Test(machine_shares, a_scatter_is_one_that_a_profile_can_say)
{
    struct machine machine = { .name = "" };
    struct machine_points of[WORK_COUNT] = { { .n = 0 } };
    struct machine_points *p = &of[WORK_MATMUL];
    struct machine_range range;

    machine.efficiency[WORK_MATMUL].n = 2;
    machine.efficiency[WORK_MATMUL].value[0] = 1e6;
    machine.efficiency[WORK_MATMUL].value[1] = 0.5;
    p->n = 2;
    for (int i = 0; i < 2; i++) {
        p->shape[i] = i;
        p->size[i] = 1e6;
        p->seconds[i] = 1;
    }
    p->share[0] = 0.25;
    p->share[1] = 1;
    range = machine_points_scatter(of, &machine);
    cr_expect(range.low == 0.5 && range.high == 2, "%g to %g", range.low,
              range.high);
    p->share[0] = 1e-6;
    p->share[1] = 1e6;
    range = machine_points_scatter(of, &machine);
    cr_expect(range.low == MACHINE_SCALE_LEAST &&
              range.high == MACHINE_SCALE_MOST, "%g to %g", range.low,
              range.high);
}

/* A head takes 0.2 us and its flops, of heads of D those of D + 8, at 5e9 a second;
 * what is left of the points is that rate. */
Test(machine_shares, a_query_takes_as_long_as_its_heads_and_what_each_works_on)
{
    static const double head[] = { 16, 32, 64 }, flops[] = { 1e3, 4e3, 3e4 };
    static struct machine_points points;
    const double seconds = 2e-7, half = 8, rate = 5e9;

    points.n = 0;
    for (int h = 0; h < 3; h++)
        for (int f = 0; f < 3; f++) {
            const int i = points.n++;
            points.shape[i] = i;
            points.head[i] = head[h];
            points.heads[i] = 64 / head[h];
            points.heads_vary[i] = true;
            points.size[i] = flops[f] * points.heads[i];
            points.share[i] = flops[f] / (seconds + flops[f] *
                                          (1 + half / head[h]) / rate);
        }
    const struct machine_query query = machine_points_query(&points);
    cr_expect(epsilon_eq(dbl, query.half.value, half, 1e-6));
    cr_expect(epsilon_eq(dbl, query.half.high, half, 1e-6));
    cr_expect(epsilon_eq(dbl, query.head_seconds.value, seconds, 1e-12));
    cr_expect(epsilon_eq(dbl, query.head_seconds.low, seconds, 1e-12));
    cr_assert(eq(int, points.n, 9));
    for (int i = 0; i < points.n; i++)
        cr_expect(epsilon_eq(dbl, points.share[i] / rate, 1, 1e-6));
}

/* Nothing is less than nothing: where long keys seem faster the less there are of
 * them, they take what they take. */
Test(machine_shares, a_query_whose_heads_seem_to_save_time_has_no_such_number)
{
    static struct machine_points points = { .n = 0 };

    for (int i = 0; i < 4; i++) {
        points.shape[i] = points.n++;
        points.head[i] = 16 << (i % 2);
        points.heads[i] = 1;
        points.heads_vary[i] = true;
        points.size[i] = i < 2 ? 1e3 : 1e5;
        points.share[i] = i < 2 ? 9e9 : 5e9;
    }
    const struct machine_query query = machine_points_query(&points);
    cr_expect(eq(dbl, query.head_seconds.value, 0));
    cr_expect(eq(dbl, query.half.value, 0));
    cr_expect(eq(int, points.n, 4));
}
