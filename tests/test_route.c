/* test_route.c - Expect policies to keep what they promise, in order, and
 * allocations to record it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/random.h"
#include "sim/core/model/route.h"
#include "tests/kept_text.h"

struct choice {
    char    policy[16];
    float   score[8];
    int32_t n_tokens, n_keep;
    float   threshold;
    char    kept[32];
};

ParameterizedTestParameters(route, a_policy_keeps_what_it_says)
{
    static struct choice choices[] = {
        { "expert_choice", { 3, 1, 4, 1, 5, 9, 2, 6 }, 8, 3, 0, "4 5 7" },
        { "expert_choice", { 3, 1, 4, 1, 5, 9, 2, 6 }, 8, 8, 0,
          "0 1 2 3 4 5 6 7" },
        { "expert_choice", { -3, -1, -2 }, 3, 1, 0, "1" },
        /* Ties keep exactly k, the earlier first. */
        { "expert_choice", { 1, 1, 1, 1, 1 }, 5, 2, 0, "0 1" },
        { "expert_choice", { 1, 2, 1, 2, 1 }, 5, 3, 0, "0 1 3" },
        { "expert_choice", { 0, -0.0f, 0 }, 3, 2, 0, "0 1" },
        { "threshold", { 3, 1, 4, 1, 5, 9, 2, 6 }, 8, 3, 4, "2 4 5 7" },
        { "threshold", { 1, 2 }, 2, 1, 9, "" },
        { "strided", { 0 }, 8, 3, 0, "0 2 5" },
        { "strided", { 0 }, 4, 4, 0, "0 1 2 3" },
        { "first_k", { 0 }, 8, 3, 0, "0 1 2" },
        { "last_k", { 0 }, 8, 3, 0, "5 6 7" },
        { "random", { 0 }, 4, 4, 0, "0 1 2 3" },
    };
    return cr_make_param_array(struct choice, choices,
                               sizeof choices / sizeof *choices);
}

ParameterizedTest(struct choice *c, route, a_policy_keeps_what_it_says)
{
    char text[256];

    kept_text(text, c->policy, (struct route_input){
        .score = c->score, .n_tokens = c->n_tokens, .n_keep = c->n_keep,
        .threshold = c->threshold });
    cr_assert_str_eq(text, c->kept, "%s", c->policy);
}

/* Against sorting, over many draws with many ties. */
static int by_score_then_position(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return x[0] > y[0] ? -1 : x[0] < y[0] ? 1 : x[1] < y[1] ? -1 : 1;
}

static int by_position(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return x[1] < y[1] ? -1 : 1;
}

static int agrees_with_sorting(struct random *random)
{
    float score[MAX], order[MAX][2];
    int32_t kept[MAX], scratch[MAX];
    int32_t n = 1 + (int32_t)random_below(random, MAX);
    int32_t k = 1 + (int32_t)random_below(random, (uint32_t)n);
    struct route_input in = { .score = score, .n_tokens = n, .n_keep = k,
                              .scratch = scratch };
    int same = 1;

    for (int32_t t = 0; t < n; t++) {
        score[t] = (float)random_below(random, 7);
        order[t][0] = score[t];
        order[t][1] = (float)t;
    }
    qsort(order, (size_t)n, sizeof *order, by_score_then_position);
    qsort(order, (size_t)k, sizeof *order, by_position);
    same &= route_find("expert_choice")->choose(&in, kept) == k;
    for (int32_t i = 0; i < k; i++)
        same &= kept[i] == (int32_t)order[i][1];
    return same;
}

Test(route, expert_choice_agrees_with_sorting)
{
    struct random random = random_seeded(1);
    int agreed = 0;

    for (int i = 0; i < 2000; i++)
        agreed += agrees_with_sorting(&random);
    cr_assert(eq(int, agreed, 2000));
}

Test(route, the_cut_is_the_kth_largest_score)
{
    const float score[] = { 3, 1, 4, 1, 5 };
    float scratch[5];

    cr_assert(eq(flt, route_cut(score, 5, 1, scratch), 5.0f));
    cr_assert(eq(flt, route_cut(score, 5, 3, scratch), 3.0f));
    cr_assert(eq(flt, route_cut(score, 5, 5, scratch), 1.0f));
    cr_assert(eq(flt, score[0], 3.0f));
}

Test(route, random_draws_depend_on_the_seed_alone)
{
    char a[256], b[256], c[256];
    struct route_input in = { .n_tokens = 50, .n_keep = 7, .seed = 1 };

    kept_text(a, "random", in);
    kept_text(b, "random", in);
    in.seed = 2;
    kept_text(c, "random", in);
    cr_assert_str_eq(a, b);
    cr_assert_str_neq(a, c);
}

/* 2 of 4: each of the 4 positions in half of 4000 draws, within 5 standard
 * deviations, 5 * sqrt(4000 / 4) = 158. */
Test(route, random_draws_keep_every_position_equally_often)
{
    int seen[4] = { 0 };

    for (uint64_t seed = 0; seed < 4000; seed++) {
        int32_t kept[4], scratch[4];
        struct route_input in = { .n_tokens = 4, .n_keep = 2, .seed = seed,
                                  .scratch = scratch };
        route_find("random")->choose(&in, kept);
        seen[kept[0]]++;
        seen[kept[1]]++;
    }
    cr_assert(epsilon_eq(dbl, seen[0], 2000, 158));
    cr_assert(epsilon_eq(dbl, seen[1], 2000, 158));
    cr_assert(epsilon_eq(dbl, seen[2], 2000, 158));
    cr_assert(epsilon_eq(dbl, seen[3], 2000, 158));
}

Test(route, a_name_nobody_has_is_not_found)
{
    cr_assert(eq(ptr, (void *)route_find("nobody"), NULL));
    cr_assert(route_find("dense")->choose == NULL);
}

static struct allocation open_allocation(void)
{
    struct error err;
    struct allocation a;

    cr_assert(eq(int, allocation_open(&a, 2, 3, 16, &err), STATUS_OK));
    return a;
}

Test(route, a_new_allocation_keeps_everything)
{
    struct allocation a = open_allocation();

    cr_assert(eq(i32, allocation_count(&a, 1, 2), 16));
    cr_assert(eq(i32, allocation_kept(&a, 1, 2)[15], 15));
    cr_assert(eq(i32, allocation_rows(&a, 0), 48));
    allocation_close(&a);
}

Test(route, filling_gives_each_routed_layer_its_share_evenly_spaced)
{
    struct allocation a = open_allocation();
    struct model_spec spec = { .n_layers = 2, .routed = { false, true },
                               .capacity = { 0, 0.125 } };

    allocation_fill(&a, &spec);
    cr_assert(eq(i32, allocation_rows(&a, 0), 48));
    cr_assert(eq(i32, allocation_rows(&a, 1), 6));
    cr_assert(eq(i32, allocation_kept(&a, 1, 0)[0], 0));
    cr_assert(eq(i32, allocation_kept(&a, 1, 0)[1], 8));
    cr_assert(eq(i32, allocation_kept(&a, 0, 0)[15], 15));
    allocation_close(&a);
}

Test(route, filling_gives_both_choices_of_a_layer_its_share)
{
    struct allocation a;
    struct model_spec spec = { .n_layers = 2, .routed = { false, true },
                               .capacity = { 0, 0.125 }, .part = PART_APART };

    cr_assert(eq(int, allocation_open(&a, 4, 3, 16, NULL), STATUS_OK));
    allocation_fill(&a, &spec);
    cr_expect(eq(i32, allocation_rows(&a, 0), 48));
    cr_expect(eq(i32, allocation_rows(&a, 1), 48));
    cr_expect(eq(i32, allocation_rows(&a, 2), 6));
    cr_expect(eq(i32, allocation_rows(&a, 3), 6));
    cr_expect(eq(i32, allocation_kept(&a, 3, 2)[1], 8));
    allocation_close(&a);
}

Test(route, a_policy_that_judges_token_by_token_is_causal_but_for_replay)
{
    for (const struct route_policy *p = route_policies; p->name; p++) {
        if (p->keep && strcmp(p->name, "replay") != 0)
            cr_expect(p->causal, "%s", p->name);
        cr_expect(not(p->scored && p->signal != SIGNAL_NONE), "%s", p->name);
        cr_expect(gt(sz, strlen(p->help), 10), "%s", p->name);
    }
    cr_expect(not(route_find("attention_received")->causal));
    cr_expect(route_find("attention_received")->keep == NULL);
    cr_expect(not(route_find("token_norm_top_k")->causal));
    cr_expect(eq(int, route_find("hash")->signal, SIGNAL_HASH));
    cr_expect(eq(int, route_find("residual_change")->signal, SIGNAL_CHANGE));
}

/* 20000 draws with chance 1/4: within 5 deviations, 5 * sqrt(20000 * 3 / 16) =
 * 306, of 5000; and layers, sequences and seeds draw apart. */
Test(route, drawn_keeps_its_share_and_no_stream_repeats_another)
{
    const struct route_policy *drawn = route_find("drawn");
    struct route_input in = { .capacity = 0.25, .seed = 1 };
    int kept = 0, same[3] = { 0 };

    for (int32_t t = 0; t < 20000; t++) {
        struct route_input other[3] = { in, in, in };
        other[0].choice = 1;
        other[1].sequence = 1;
        other[2].seed = 2;
        bool keep = drawn->keep(&in, t);
        kept += keep;
        for (int i = 0; i < 3; i++)
            same[i] += drawn->keep(&other[i], t) == keep;
    }
    cr_expect(lt(int, abs(kept - 5000), 306));
    /* Independent ones agree in 1/16 + 9/16 of all: 12500, 5 * 68. */
    for (int i = 0; i < 3; i++)
        cr_expect(lt(int, abs(same[i] - 12500), 342), "%d: %d", i, same[i]);
}

Test(route, replay_keeps_what_was_recorded_as_far_as_there_are_tokens)
{
    struct allocation a;
    char text[256];

    cr_assert(eq(int, allocation_open(&a, 2, 3, 8, NULL), STATUS_OK));
    a.count[1 * 3 + 2] = 3;
    memcpy(allocation_kept(&a, 1, 2), (int32_t[]){ 1, 4, 6 }, 12);
    struct route_input in = { .n_tokens = 8, .n_keep = 1, .replayed = &a,
                              .choice = 1, .sequence = 2 };
    kept_text(text, "replay", in);
    cr_expect_str_eq(text, "1 4 6");
    in.n_tokens = 5;
    kept_text(text, "replay", in);
    cr_expect_str_eq(text, "1 4");
    a.count[1 * 3 + 2] = 0;
    kept_text(text, "replay", in);
    cr_expect_str_eq(text, "");
    allocation_close(&a);
}

Test(route, a_policy_is_refused_where_its_scores_are_not)
{
    struct model_spec spec = { .n_layers = 2, .signal = SIGNAL_NORM };
    struct error err;

    cr_expect(eq(int, route_check(route_find("token_norm"), &spec, &err),
                 STATUS_OK));
    cr_expect(eq(int, route_check(route_find("token_norm_top_k"), &spec, &err),
                 STATUS_OK));
    cr_expect(eq(int, route_check(route_find("every_nth"), &spec, &err),
                 STATUS_OK));
    cr_expect(eq(int, route_check(route_find("hash"), &spec, &err),
                 STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, "hash: goes by the signal hash, and this model"
                               " is set up for norm");
    cr_expect(eq(int, route_check(route_find("expert_choice"), &spec, &err),
                 STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, "expert_choice: goes by router scores, and this"
                               " model has none");
    spec.signal = SIGNAL_NONE;
    spec.router_scores = true;
    cr_expect(eq(int, route_check(route_find("threshold"), &spec, &err),
                 STATUS_OK));
    cr_expect(eq(int, route_check(route_find("token_norm"), &spec, &err),
                 STATUS_BAD_VALUE));
}

Test(route, a_sequence_is_as_long_as_said_and_no_longer_than_the_pass)
{
    struct allocation a;

    cr_assert(eq(int, allocation_open(&a, 1, 2, 10, NULL), STATUS_OK));
    a.length[1] = 4;
    cr_expect(eq(i32, allocation_length(&a, 0), 10));
    cr_expect(eq(i32, allocation_length(&a, 1), 4));
    cr_expect(eq(i32, allocation_tokens(&a), 14));
    a.n_tokens = 6;                  /* the next pass is shorter */
    cr_expect(eq(i32, allocation_length(&a, 0), 6));
    cr_expect(eq(i32, allocation_tokens(&a), 10));
    allocation_close(&a);
}
