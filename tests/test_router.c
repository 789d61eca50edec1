/* test_router.c - Look at routers of small models whose behaviour is known. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/scoring/router_leak.h"
#include "models/scoring/router_tables.h"
#include "sim/core/base/random.h"
#include "tests/specs.h"

enum { T = 24, WINDOWS = 8, LAYERS = 3, SEED = 5 };

struct fixture {
    struct run_arm arm;
    struct router_record record;
};

static void open_on(struct fixture *f, struct model_spec spec, const char *own,
                    const char *causal, const int32_t *letters, uint32_t n)
{
    const struct model_options options = { .n_sequences = 1, .n_tokens = T,
                                           .n_threads = 1 };
    struct error err = { STATUS_OK, "" };
    struct random random = random_seeded(SEED);

    *f = (struct fixture){ .arm = { .spec = spec } };
    cr_assert(eq(int, model_open(&f->arm.model, &f->arm.spec, &options, &err),
                 STATUS_OK), "%s", err.text);
    model_init(f->arm.model, INIT_GPT2, SEED);
    model_thresholds(f->arm.model)[LAYERS - 1] = 0.1f;
    cr_assert(eq(int, router_record_open(&f->record, &f->arm.spec,
                                         route_find(own), route_find(causal),
                                         WINDOWS, T, &err), STATUS_OK));
    for (int w = 0; w < WINDOWS; w++) {
        int32_t ids[T], targets[T];
        struct score_window window = { .ids = ids, .targets = targets,
                                       .n_tokens = w == 2 ? T / 2 : T };
        for (int t = 0; t < T; t++) {
            ids[t] = letters[random_below(&random, n)];
            targets[t] = letters[random_below(&random, n)];
        }
        cr_assert(eq(int, router_record_add(&f->record, &f->arm, &window, SEED,
                                            &err), STATUS_OK));
    }
}

/* The last layer routes a quarter; its threshold lies amid the scores. */
static void open_fixture(struct fixture *f, const char *own, const char *causal)
{
    int32_t letters[256];

    for (int32_t i = 0; i < 256; i++)
        letters[i] = i;
    open_on(f, worked_gpt2(LAYERS), own, causal, letters, 256);
}

/* Eight letters, of which the policy hash keeps about half, whatever stands
 * before them. */
static void open_hashed(struct fixture *f)
{
    struct model_spec spec = without_router(worked_gpt2(LAYERS), PART_BLOCK,
                                            SKIPPED_KEYS_ABSENT, SIGNAL_HASH);
    const int32_t letters[] = { 0, 1, 2, 3, 4, 5, 6, 7 };

    spec.capacity[LAYERS - 1] = 0.5;
    open_on(f, spec, "hash", "hash", letters, 8);
}

static struct router_table table_of(struct fixture *f, int order)
{
    struct router_table table;
    struct error err = { STATUS_OK, "" };

    cr_assert(router_tables_apply(f->record.windows, &f->arm.spec));
    cr_assert(eq(int, router_table_open(&table, order, &f->record, &f->arm,
                                        &err), STATUS_OK), "%s", err.text);
    return table;
}

static void close_fixture(struct fixture *f)
{
    router_record_close(&f->record);
    run_arm_close(&f->arm);
}

static bool go_on(void *watcher, int64_t done)
{
    (void)watcher;
    (void)done;
    return true;
}

static struct router_leak leak_of(struct fixture *f, int rule)
{
    const struct router_leak_job job = {
        .record = &f->record, .arm = &f->arm, .rule = rule, .positions = 60,
        .seed = SEED, .go_on = go_on,
    };
    struct error err = { STATUS_OK, "" };
    struct router_leak leak;

    cr_assert(eq(int, router_leak(&leak, &job, &err), STATUS_OK), "%s",
              err.text);
    return leak;
}

Test(router, a_causal_rule_does_not_notice_another_future)
{
    struct fixture f;
    open_fixture(&f, "expert_choice", "threshold");
    struct router_leak leak = leak_of(&f, ROUTER_CAUSAL);

    cr_expect(eq(long, leak.positions, 60));
    cr_expect(eq(long, leak.changed, 0));
    cr_expect(eq(long, leak.rerouted, 0));
    cr_expect(eq(dbl, leak.nats.mean, 0));
    close_fixture(&f);
}

Test(router, a_rule_that_draws_does_not_notice_another_future)
{
    struct fixture f;
    open_fixture(&f, "drawn", "drawn");

    cr_expect(eq(int, f.record.n_rules, 1));
    cr_expect(eq(long, leak_of(&f, ROUTER_OWN).changed, 0));
    close_fixture(&f);
}

Test(router, a_rule_that_looks_ahead_is_seen_to)
{
    struct fixture f;
    open_fixture(&f, "expert_choice", "threshold");
    struct router_leak leak = leak_of(&f, ROUTER_OWN);

    cr_expect(leak.changed > 5, "%ld of 60", (long)leak.changed);
    cr_expect(leak.rerouted >= leak.changed,
              "a prediction changes by choices alone");
    cr_expect(leak.nats.low <= leak.nats.mean &&
              leak.nats.mean <= leak.nats.high);
    close_fixture(&f);
}

/* Scores decide, so the record's own scores must reproduce its choices. */
Test(router, recorded_scores_explain_recorded_choices)
{
    struct fixture f;
    open_fixture(&f, "expert_choice", "threshold");
    const struct router_record *r = &f.record;
    const struct router_rule *rule = &r->rule[ROUTER_CAUSAL];
    const float *score = router_score(r, rule, 0);
    const unsigned char *kept = router_kept(r, rule, 0);
    int64_t some = 0, wrong = 0;

    cr_assert(eq(int, r->n_choices, 1));
    cr_assert(eq(long, r->n, (WINDOWS - 1) * T + T / 2));
    for (int64_t t = 0; t < r->n; t++) {
        some += kept[t];
        wrong += kept[t] != (score[t] >= 0.1f);
    }
    cr_expect(eq(long, wrong, 0));
    cr_expect(some > 0 && some < r->n, "%ld kept", (long)some);
    close_fixture(&f);
}

Test(router, top_k_keeps_its_share_of_every_window)
{
    struct fixture f;
    open_fixture(&f, "expert_choice", "threshold");
    const struct router_record *r = &f.record;
    const unsigned char *kept = router_kept(r, &r->rule[ROUTER_OWN], 0);

    for (int64_t w = 0; w < r->windows; w++) {
        int64_t n = 0;
        for (int64_t t = r->first[w]; t < r->first[w + 1]; t++)
            n += kept[t];
        cr_expect(eq(long, n, (r->first[w + 1] - r->first[w]) / 4));
    }
    close_fixture(&f);
}

Test(router, every_token_lies_in_one_bin_of_each_kind)
{
    struct fixture f;
    struct router_view view = { .place = { { { 0 } } } };
    open_fixture(&f, "expert_choice", "threshold");
    const struct router_record *r = &f.record;
    const unsigned char *kept = router_kept(r, router_causal(r), 0);
    struct router_share place = { 0 }, kind = { 0 }, height = { 0 };
    int64_t all = 0;

    router_view(&view, r, NULL);
    for (int i = 0; i < ROUTER_PLACES; i++) {
        place.seen += view.place[0][i].seen;
        place.kept += view.place[0][i].kept;
    }
    for (int i = 0; i < TOKEN_KIND_COUNT; i++) {
        kind.seen += view.kind[0][i].seen;
        kind.kept += view.kind[0][i].kept;
    }
    for (int i = 0; i < ROUTER_HEIGHTS; i++) {
        height.seen += view.height[0][i].seen;
        height.kept += view.height[0][i].kept;
    }
    for (int64_t t = 0; t < r->n; t++)
        all += kept[t];
    cr_expect(eq(long, place.seen, r->n));
    cr_expect(eq(long, place.kept, all));
    cr_expect(eq(long, kind.seen, r->n));
    cr_expect(eq(long, kind.kept, all));
    cr_expect(eq(long, height.seen, r->n));
    cr_expect(eq(long, height.kept, all));
    /* A threshold of 0.1 is sigmoid 0.525: below it no bin keeps anything. */
    for (int i = 0; i < ROUTER_HEIGHTS / 2; i++)
        cr_expect(eq(long, view.height[0][i].kept, 0));
    close_fixture(&f);
}

/* With a block a window, the interval is that of sums of windows. */
Test(router, a_share_has_the_interval_of_its_windows)
{
    struct fixture f;
    struct router_view view = { .place = { { { 0 } } } };
    open_fixture(&f, "expert_choice", "threshold");
    const struct router_record *r = &f.record;
    const unsigned char *kept = router_kept(r, router_causal(r), 0);
    double a[WINDOWS] = { 0 }, b[WINDOWS] = { 0 };
    struct router_share sum = { 0 };

    cr_assert(eq(long, r->windows, WINDOWS));
    for (int64_t w = 0; w < WINDOWS; w++)
        for (int64_t t = r->first[w]; t < r->first[w + 1]; t++)
            if (4 * (t - r->first[w]) < T) {
                a[w] += kept[t];
                b[w]++;
            }
    const struct difference want = stats_ratio(a, b, WINDOWS);
    router_view(&view, r, NULL);
    const struct router_share *first = &view.quarter[0][0];
    cr_expect(eq(dbl, first->share.mean, want.mean));
    cr_expect(eq(dbl, first->share.low, want.low > 0 ? want.low : 0));
    cr_expect(eq(dbl, first->share.high, want.high < 1 ? want.high : 1));
    cr_expect(lt(dbl, first->share.low, first->share.mean));
    for (int i = 0; i < ROUTER_PLACES / ROUTER_QUARTERS; i++) {
        sum.seen += view.place[0][i].seen;
        sum.kept += view.place[0][i].kept;
    }
    cr_expect(eq(long, sum.seen, first->seen));
    cr_expect(eq(long, sum.kept, first->kept));
    close_fixture(&f);
}

Test(router, being_kept_correlates_wholly_with_itself)
{
    struct fixture f;
    open_fixture(&f, "expert_choice", "threshold");
    const struct router_record *r = &f.record;
    const unsigned char *kept = router_kept(r, router_causal(r), 0);
    float *value = calloc((size_t)r->n, sizeof *value);

    for (int64_t t = 0; t < r->n; t++)
        value[t] = 3.0f - 2.0f * (float)kept[t];
    struct difference d = router_correlation(r, 0, value);
    cr_expect(epsilon_eq(dbl, d.mean, -1, 1e-9));
    cr_expect(epsilon_eq(dbl, d.low, -1, 1e-9));
    cr_expect(epsilon_eq(dbl, router_correlation(r, -1, value).mean, -1,
                         1e-9), "there is one choice");
    free(value);
    close_fixture(&f);
}

/* Who is kept is a function of the token alone, so a table of one token knows
 * it, and the model runs as it did. */
Test(router, a_table_of_one_token_replaces_a_hash_of_the_token)
{
    struct fixture f;
    open_hashed(&f);
    const struct router_record *r = &f.record;
    const unsigned char *kept = router_kept(r, router_causal(r), 0);
    struct router_table table = table_of(&f, 1);
    int64_t some = 0;

    for (int64_t t = router_judged(r); t < r->n; t++) {
        some += kept[t];
        cr_expect(eq(flt, table.nats[t - router_judged(r)],
                     router_causal(r)->nats[t]), "token %ld", (long)t);
    }
    cr_assert(some > 0 && some < r->n - router_judged(r));
    cr_expect(eq(dbl, confusion_accuracy(&table.found[0]), 1));
    cr_expect(eq(dbl, table.auc[0], 1));
    cr_expect(eq(dbl, table.capacity,
                 (double)some / (double)(r->n - router_judged(r))));
    router_table_close(&table);
    close_fixture(&f);
}

Test(router, drawn_choices_know_nothing_and_keep_their_share)
{
    struct fixture f;
    open_hashed(&f);
    struct router_table table = table_of(&f, 0);

    cr_expect(fabs(table.capacity - 0.5) < 0.2, "%g", table.capacity);
    cr_expect(fabs(table.auc[0] - 0.5) < 0.2, "%g", table.auc[0]);
    router_table_close(&table);
    close_fixture(&f);
}

Test(router, one_window_cannot_be_halved)
{
    struct model_spec spec = worked_gpt2(LAYERS);

    cr_expect(not(router_tables_apply(1, &spec)));
    cr_expect(router_tables_apply(2, &spec));
    spec.part = PART_APART;
    cr_expect(not(router_tables_apply(2, &spec)),
              "its layers choose twice, a table once");
}

/* Of weights that overflow, say: no choice was made by such scores. */
Test(router, scores_that_are_no_numbers_are_refused)
{
    struct fixture f;
    struct error err = { STATUS_OK, "" };
    int32_t ids[T] = { 0 }, targets[T] = { 0 };
    const struct score_window window = { .ids = ids, .targets = targets,
                                         .n_tokens = T };

    open_fixture(&f, "expert_choice", "threshold");
    f.record.n = f.record.windows = 0;
    const struct tensor *router =
        tensor_find(model_tensors(f.arm.model), LAYERS - 1, TENSOR_ROUTER);
    for (size_t i = 0; i < router->n; i++)
        model_weights(f.arm.model)[router->offset + i] = NAN;
    cr_expect(eq(int, router_record_add(&f.record, &f.arm, &window, SEED, &err),
                 STATUS_FAILED));
    cr_expect(strstr(err.text, "op route of layer 2 gives Inf or NaN at position"
                               " 0") != NULL, "%s", err.text);
    close_fixture(&f);
}

/* Of two routed layers the second keeps none that the first let go: nor do tables
 * in their place, and scores of those that left are in no bin. */
Test(router, who_left_nested_choices_is_asked_by_no_later_one)
{
    struct fixture f;
    static struct router_view view;
    int32_t letters[256];
    struct model_spec spec = worked_gpt2(LAYERS);
    int64_t asked = 0, there = 0;

    for (int32_t i = 0; i < 256; i++)
        letters[i] = i;
    spec.nested = spec.routed[LAYERS - 2] = true;
    spec.capacity[LAYERS - 2] = 0.5;
    open_on(&f, spec, "expert_choice", "expert_choice", letters, 256);
    const unsigned char *kept[2];
    for (int c = 0; c < 2; c++)
        kept[c] = router_kept(&f.record, router_causal(&f.record), c);
    for (int64_t t = 0; t < f.record.n; t++) {
        cr_expect(kept[0][t] || !kept[1][t]);
        there += kept[0][t];
    }
    router_view(&view, &f.record, NULL);
    for (int i = 0; i < ROUTER_HEIGHTS; i++)
        asked += view.height[1][i].seen;
    cr_expect(eq(i64, asked, there));
    struct router_table table = table_of(&f, 1);
    const struct allocation *a = model_allocation(f.arm.model);
    for (int32_t i = 0; i < allocation_count(a, LAYERS - 1, 0); i++) {
        bool found = false;
        for (int32_t j = 0; j < allocation_count(a, LAYERS - 2, 0); j++)
            found |= allocation_kept(a, LAYERS - 2, 0)[j] ==
                     allocation_kept(a, LAYERS - 1, 0)[i];
        cr_expect(found);
    }
    router_table_close(&table);
    close_fixture(&f);
}
