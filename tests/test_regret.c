/* test_regret.c - Turn decisions of small models round. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/scoring/regret.h"
#include "models/scoring/router_record.h"
#include "sim/core/base/random.h"
#include "tests/specs.h"

enum { T = 24, WINDOWS = 3, LAYERS = 3, SEED = 5, ROOM = T + 4 };

struct fixture {
    struct run_arm arm;
    struct regret regret;
    int32_t ids[T], targets[T];
};

static bool go_on(void *watcher, int64_t flips)
{
    int64_t *most = watcher;
    return !most || flips < *most;
}

static struct score_window window_of(struct fixture *f, int w)
{
    struct random random = random_seeded((uint64_t)(SEED + w));
    const int32_t n = w == WINDOWS - 1 ? T / 2 : T;

    for (int t = 0; t < T; t++) {
        f->ids[t] = (int32_t)random_below(&random, 200);
        f->targets[t] = (int32_t)random_below(&random, 200);
    }
    return (struct score_window){ .ids = f->ids, .targets = f->targets,
                                  .n_tokens = n, .position = 100 * w };
}

static enum status add(struct fixture *f, const char *rule, int w,
                       int64_t *most)
{
    const struct score_window window = window_of(f, w);
    const struct regret_pass job = {
        .arm = &f->arm, .rule = route_find(rule), .window = &window,
        .seed = SEED, .go_on = go_on, .watcher = most,
    };
    struct error err = { STATUS_OK, "" };

    return regret_add(&f->regret, &job, &err);
}

/* The last two layers route a quarter. */
static void open_fixture(struct fixture *f, struct model_spec spec,
                         int32_t positions)
{
    struct error err = { STATUS_OK, "" };

    spec.routed[1] = true;
    spec.capacity[1] = spec.capacity[2];
    const struct model_options options = {
        .n_sequences = decisions_at_once(&spec, ROOM), .n_tokens = ROOM,
        .n_threads = 1,
    };
    *f = (struct fixture){ .arm = { .spec = spec } };
    cr_assert(eq(int, model_open(&f->arm.model, &f->arm.spec, &options, &err),
                 STATUS_OK), "%s", err.text);
    model_init(f->arm.model, INIT_FAN_IN, SEED);
    model_init_routers(f->arm.model, SEED, 1.0);
    cr_assert(eq(int, regret_open(&f->regret, &f->arm, WINDOWS, ROOM, positions,
                                  &err), STATUS_OK), "%s", err.text);
}

static void look(struct fixture *f, const char *rule)
{
    for (int w = 0; w < WINDOWS; w++)
        cr_assert(eq(int, add(f, rule, w, NULL), STATUS_OK));
}

static void close_fixture(struct fixture *f)
{
    regret_close(&f->regret);
    run_arm_close(&f->arm);
}

static uint64_t seed_of(const struct score_window *w)
{
    return run_pass_seed(SEED, w->position / 100);
}

/* A window alone, under decisions, without the batch or its meter. */
static double nats_alone(struct fixture *f, const struct score_window *w,
                         const unsigned char *kept, uint64_t *flops)
{
    struct allocation a;
    struct error err = { STATUS_OK, "" };
    const int32_t n_choices = plan_n_choices(&f->arm.spec);
    const struct run_pass pass = { .window = w, .seed = seed_of(w),
                                   .replayed = &a };
    struct forward_meter meter = forward_meter();
    double sum = 0;

    cr_assert(eq(int, allocation_open(&a, n_choices, 1, w->n_tokens, &err),
                 STATUS_OK));
    for (int32_t c = 0; c < n_choices; c++) {
        a.count[c] = 0;
        for (int32_t t = 0; t < w->n_tokens; t++)
            if (kept[c * w->n_tokens + t])
                allocation_kept(&a, c, 0)[a.count[c]++] = t;
    }
    run_arm_forward(&f->arm, &pass, route_find("replay"), &meter.meter);
    for (int32_t t = 0; t < w->n_tokens; t++)
        sum += (double)model_nats(f->arm.model)[t];
    *flops = meter.flops;
    allocation_close(&a);
    return sum;
}

static void decided(struct fixture *f, const char *rule,
                    const struct score_window *w, unsigned char *kept)
{
    const struct run_pass pass = { .window = w, .seed = seed_of(w) };

    run_arm_forward(&f->arm, &pass, route_find(rule), NULL);
    decisions_of(f->arm.model, kept);
}

static void expect_flips_as_alone(struct model_spec spec)
{
    struct fixture f;
    unsigned char kept[2 * LAYERS * T];

    open_fixture(&f, spec, 0);
    look(&f, "expert_choice");
    const struct regret *r = &f.regret;
    cr_assert(eq(int, r->n_choices, spec.part == PART_APART ? 4 : 2));
    cr_assert(eq(long, r->n_flips, r->n_choices * (T + T + T / 2)));
    for (int64_t i = 0; i < r->n_flips; i++) {
        const struct regret_flip *flip = &r->flip[i];
        const struct score_window w = window_of(&f, flip->window);
        uint64_t flops, other;
        decided(&f, "expert_choice", &w, kept);
        unsigned char *at = &kept[r->choice[flip->choice] * w.n_tokens +
                                  flip->token];
        const double before = nats_alone(&f, &w, kept, &flops);
        cr_expect(eq(int, flip->kept, *at));
        *at = !*at;
        const double after = nats_alone(&f, &w, kept, &other);
        cr_expect(flip->nats <= after - before && flip->nats >= after - before,
                  "flip %ld: %.17g, alone %.17g", (long)i, flip->nats,
                  after - before);
        cr_expect(eq(dbl, flip->flops, (double)other - (double)flops));
        cr_expect(flip->kept == (flip->flops < 0));
    }
    close_fixture(&f);
}

Test(regret, a_flip_among_others_is_what_it_is_alone)
{
    expect_flips_as_alone(worked_gpt2(LAYERS));
}

Test(regret, a_flip_of_a_model_that_draws_its_gates_is_too)
{
    struct model_spec spec = worked_gpt2(LAYERS);

    spec.router_drawn = true;
    spec.router_trained = false;
    spec.router_detached = true;
    expect_flips_as_alone(spec);
}

/* Attention and feed-forward part each decide. */
Test(regret, a_flip_of_one_part_is_too)
{
    struct model_spec spec = worked_gpt2(LAYERS);

    spec.part = PART_APART;
    expect_flips_as_alone(spec);
}

/* What later tokens see of a token that attention skipped. */
Test(regret, flips_are_as_alone_where_skipped_keys_are_computed)
{
    struct model_spec spec = worked_gpt2(LAYERS);

    spec.skipped_keys = SKIPPED_KEYS_COMPUTED;
    expect_flips_as_alone(spec);
}

/* By counting: as many are wrongly kept as wrongly skipped, and no regretted
 * decision lies on the right side of one that is not. */
static void expect_cut(const struct regret *r, const struct regret_flip *flip,
                       int64_t n)
{
    double least = INFINITY, most = -INFINITY;
    int wrong[2] = { 0, 0 }, k = 0, should = 0;

    for (int64_t i = 0; i < n; i++) {
        const bool keep = flip[i].kept == !(flip[i].regret > 0);
        wrong[flip[i].kept] += flip[i].regret > 0;
        k += flip[i].kept;
        should += keep;
        if (keep)
            least = fmin(least, regret_worth(&flip[i]));
        else
            most = fmax(most, regret_worth(&flip[i]));
    }
    cr_expect(eq(int, wrong[0], wrong[1]));
    cr_expect(eq(int, k, should));
    cr_expect(least >= most, "%g kept, %g skipped", least, most);
    for (int64_t i = 0; i < n; i++)
        if (flip[i].regret > 0)
            cr_expect(epsilon_eq(dbl, flip[i].regret,
                                 fabs(regret_worth(&flip[i]) -
                                      (least + most) / 2), 1e-12));
    (void)r;
}

Test(regret, as_many_are_regretted_kept_as_skipped)
{
    struct fixture f;

    open_fixture(&f, worked_gpt2(LAYERS), 0);
    look(&f, "expert_choice");
    const struct regret *r = &f.regret;
    for (int w = 0; w < WINDOWS; w++) {
        const int64_t n = (r->window[w].end - r->window[w].first) / 2;
        expect_cut(r, r->flip + r->window[w].first, n);
        expect_cut(r, r->flip + r->window[w].first + n, n);
    }
    close_fixture(&f);
}

Test(regret, the_oracle_keeps_as_many_and_never_loses_more)
{
    struct fixture f;
    int swaps = 0;

    open_fixture(&f, worked_gpt2(LAYERS), 0);
    look(&f, "expert_choice");
    const struct regret *r = &f.regret;
    for (int w = 0; w < WINDOWS; w++)
        for (int32_t c = -1; c < r->n_choices; c++) {
            const struct regret_outcome
                *router = regret_outcome(r, w, c, REGRET_ROUTER),
                *oracle = regret_outcome(r, w, c, REGRET_ORACLE);
            cr_expect(eq(dbl, router->flops, oracle->flops));
            cr_expect(eq(dbl, router->flops,
                         regret_outcome(r, w, c, REGRET_DRAWN)->flops));
            cr_expect(oracle->nats <= router->nats);
            cr_expect(oracle->swaps > 0 ? oracle->nats < router->nats
                                        : oracle->nats >= router->nats);
            swaps += oracle->swaps;
        }
    cr_expect(swaps > 0, "an untrained router leaves something to gain");
    cr_expect(regret_more(r, -1, REGRET_ORACLE).mean < 0);
    cr_expect(regret_share(r, -1).mean < 1);
    close_fixture(&f);
}

/* By the definition, from the outcomes. */
Test(regret, shares_and_rates_are_ratios_of_sums)
{
    struct fixture f;
    double saved = 0, spent = 0, gained = 0, could = 0;

    open_fixture(&f, worked_gpt2(LAYERS), 0);
    look(&f, "expert_choice");
    const struct regret *r = &f.regret;
    for (int64_t i = 0; i < r->n_flips; i++)
        if (r->flip[i].kept && r->flip[i].choice == 1) {
            saved += r->flip[i].nats;
            spent -= r->flip[i].flops;
        }
    for (int w = 0; w < WINDOWS; w++) {
        const double drawn = regret_outcome(r, w, 1, REGRET_DRAWN)->nats;
        gained += drawn - regret_outcome(r, w, 1, REGRET_ROUTER)->nats;
        could += drawn - regret_outcome(r, w, 1, REGRET_ORACLE)->nats;
    }
    cr_expect(epsilon_eq(dbl, regret_rate(r, 1, true).mean, saved / spent,
                         1e-12 * fabs(saved / spent)));
    cr_expect(epsilon_eq(dbl, regret_share(r, 1).mean, gained / could, 1e-9));
    close_fixture(&f);
}

Test(regret, a_sample_has_each_token_once_in_every_block)
{
    struct fixture f;
    struct model_spec spec = worked_gpt2(LAYERS);

    spec.keep_first = 2;
    open_fixture(&f, spec, 7);
    look(&f, "expert_choice");
    const struct regret *r = &f.regret;
    cr_assert(eq(long, r->n_flips, WINDOWS * 2 * 7));
    for (int64_t i = 0; i < r->n_flips; i++) {
        const struct regret_flip *flip = &r->flip[i];
        cr_expect(flip->token >= 2, "the first are kept in any case");
        if (i % 7 > 0)
            cr_expect(flip->token > flip[-1].token);
        cr_expect(eq(int, flip->choice, (int)(i / 7 % 2)));
    }
    close_fixture(&f);
}

Test(regret, the_same_seed_draws_the_same)
{
    struct fixture a, b;

    open_fixture(&a, worked_gpt2(LAYERS), 5);
    open_fixture(&b, worked_gpt2(LAYERS), 5);
    look(&a, "expert_choice");
    look(&b, "expert_choice");
    cr_assert(eq(long, a.regret.n_flips, b.regret.n_flips));
    for (int64_t i = 0; i < a.regret.n_flips; i++)
        cr_expect(eq(int, a.regret.flip[i].token, b.regret.flip[i].token));
    cr_expect(eq(dbl, regret_outcome(&a.regret, 0, -1, REGRET_DRAWN)->nats,
                 regret_outcome(&b.regret, 0, -1, REGRET_DRAWN)->nats));
    close_fixture(&a);
    close_fixture(&b);
}

Test(regret, a_window_that_is_given_up_leaves_nothing)
{
    struct fixture f;
    int64_t most = 2 * T + 20;

    open_fixture(&f, worked_gpt2(LAYERS), 0);
    cr_assert(eq(int, add(&f, "expert_choice", 0, &most), STATUS_OK));
    cr_expect(eq(int, add(&f, "expert_choice", 1, &most), STATUS_INTERRUPTED));
    cr_expect(eq(long, f.regret.windows, 1));
    cr_expect(eq(long, f.regret.n_flips, 2 * T));
    close_fixture(&f);
}
