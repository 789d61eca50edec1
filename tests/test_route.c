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

enum { MAX = 64 };

/* The kept positions as text, "0 3 5". */
static void kept_text(char out[256], const char *policy,
                      struct route_input in)
{
    int32_t kept[MAX], scratch[MAX];

    in.scratch = scratch;
    int32_t n = route_choose(route_find(policy), &in, kept);
    out[0] = '\0';
    for (int32_t i = 0; i < n; i++)
        sprintf(out + strlen(out), "%s%d", i > 0 ? " " : "", kept[i]);
}

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

/* ---- rules that need no router ---- */

struct rule {
    char    policy[24];
    double  capacity;
    float   score[8];
    int32_t n_tokens;
    char    kept[32];
};

/* By hand.  so far, c = 1/2: of 1, 2, 3, ... tokens 1, 1, 2, 2, 3, 3, ... */
ParameterizedTestParameters(route, a_rule_without_a_router_keeps_what_it_says)
{
    static struct rule rules[] = {
        /* 3 of 1; 1 is second of 1; 4 first of 2; 1 fourth of 2 (the earlier
         * one wins the tie); 5 first of 3; 9; 2; 6 second of 4 */
        { "token_norm", 0.5, { 3, 1, 4, 1, 5, 9, 2, 6 }, 8, "0 2 4 5 7" },
        { "residual_change", 0.5, { 3, 1, 4, 1, 5, 9, 2, 6 }, 8, "0 2 4 5 7" },
        /* rising: each is the first of all so far; falling: t + 1 of t + 1 */
        { "token_norm", 0.25, { 1, 2, 3, 4, 5 }, 5, "0 1 2 3 4" },
        { "token_norm", 0.25, { 5, 4, 3, 2, 1 }, 5, "0" },
        /* equal: the rank is t + 1, the limit ceil((t + 1) / 2) */
        { "token_norm", 0.5, { 7, 7, 7, 7 }, 4, "0" },
        { "token_norm", 1.0, { 5, 4, 3, 3, 1 }, 5, "0 1 2 3 4" },
        { "token_norm_top_k", 0.5, { 3, 1, 4, 1, 5, 9, 2, 6 }, 8, "2 4 5 7" },
        { "residual_change_top_k", 0.25, { 1, 1, 1, 1 }, 4, "0" },
        { "attention_received", 0.5, { 0, 3, 2, 1 }, 4, "1 2" },
        { "hash", 0.5, { 0, 0.49f, 0.5f, 0.99f }, 4, "0 1" },
        { "hash", 1.0, { 0, 0.49f, 0.5f, 0.99f }, 4, "0 1 2 3" },
        /* floor((t + 1) / 4) rises at t = 3 and 7; of 0.3 at 3, 6 */
        { "every_nth", 0.25, { 0 }, 8, "3 7" },
        { "every_nth", 0.3, { 0 }, 8, "3 6" },
        { "every_nth", 0.5, { 0 }, 5, "1 3" },
        { "every_nth", 1.0, { 0 }, 3, "0 1 2" },
        { "drawn", 1.0, { 0 }, 3, "0 1 2" },
    };
    return cr_make_param_array(struct rule, rules,
                               sizeof rules / sizeof *rules);
}

static struct route_input input_of(const float *score, int32_t n_tokens,
                                   double capacity)
{
    struct model_spec spec = { .n_layers = 1, .routed = { true },
                               .capacity = { capacity } };
    return (struct route_input){
        .score = score, .n_tokens = n_tokens, .capacity = capacity,
        .n_keep = spec_kept(&spec, 0, n_tokens),
    };
}

ParameterizedTest(struct rule *r, route,
                  a_rule_without_a_router_keeps_what_it_says)
{
    char text[256];

    kept_text(text, r->policy, input_of(r->score, r->n_tokens, r->capacity));
    cr_assert_str_eq(text, r->kept, "%s %g: %s", r->policy, r->capacity, text);
}

/* The words of the rule: fewer than ceil(c * (t + 1)) of the scores 0..t are
 * greater than its own, where of equal ones the earlier counts as greater. */
static bool kept_so_far(const float *score, int32_t t, double capacity)
{
    struct model_spec spec = { .n_layers = 1, .routed = { true },
                               .capacity = { capacity } };
    int32_t greater = 0;
    for (int32_t s = 0; s <= t; s++)
        greater += score[s] > score[t] || (s < t && score[s] == score[t]);
    return greater < spec_kept(&spec, 0, t + 1);
}

static const double capacities[] = { 0.01, 0.1, 0.125, 1.0 / 3, 0.5, 0.7, 0.95,
                                     1.0 };
enum { N_CAPACITIES = sizeof capacities / sizeof *capacities };

/* Many ties, or none; now and then runs that rise or fall. */
static int32_t draw_scores(struct random *random, float score[MAX])
{
    int32_t n = 1 + (int32_t)random_below(random, MAX);
    uint32_t kind = random_below(random, 4);

    for (int32_t t = 0; t < n; t++)
        score[t] = kind == 0 ? (float)random_below(random, 5)
                   : kind == 1 ? (float)t : kind == 2 ? (float)-t
                   : (float)random_normal(random);
    return n;
}

Test(route, so_far_is_the_rule_of_its_words)
{
    struct random random = random_seeded(3);
    const struct route_policy *policy = route_find("token_norm");

    for (int i = 0; i < 4000; i++) {
        float score[MAX];
        int32_t kept[MAX], scratch[MAX], n = draw_scores(&random, score);
        struct route_input in = input_of(score, n,
            capacities[random_below(&random, N_CAPACITIES)]);
        in.scratch = scratch;
        int32_t n_kept = policy->choose(&in, kept), at = 0;
        for (int32_t t = 0; t < n; t++) {
            bool chosen = at < n_kept && kept[at] == t;
            at += chosen;
            cr_assert(chosen == kept_so_far(score, t, in.capacity),
                      "token %d of %d, c %g", t, n, in.capacity);
            cr_assert(policy->keep(&in, t) == chosen);
        }
        cr_assert(eq(i32, at, n_kept));
    }
}

/* ---- the running quantile ---- */

/* c = 1/2: of n scores in the window, rank r of 0, 1, ... is kept where
 * r + 1/2 <= n / 2. */
Test(route, the_running_quantile_ranks_a_token_in_its_window)
{
    static const float score[] = { 3, 1, 4, 1, 5, 9, 2, 6 };
    struct route_input in = input_of(score, 8, 0.5);
    char text[256];

    /* n 1: r 0; n 2: r 1; n 3: r 0; n 4: r 3; 0 of 5; 0 of 6; 4 of 7; 1 of 8 */
    kept_text(text, "running_quantile", in);
    cr_assert_str_eq(text, "0 2 4 5 7");
    /* of the last 2, those that are above the one before */
    in.window = 2;
    kept_text(text, "running_quantile", in);
    cr_assert_str_eq(text, "0 2 4 5 7");
    in.window = 3;
    in.capacity = 0.2;         /* 0.5 <= 0.6: the highest of three */
    kept_text(text, "running_quantile", in);
    cr_assert_str_eq(text, "2 4 5");
}

/* Scores in random order: the share over many tokens is the capacity, and the
 * beginning keeps neither all nor none for long. */
Test(route, the_running_quantile_holds_its_share)
{
    static const int32_t windows[] = { 0, 16, 64 };
    struct random random = random_seeded(3);

    for (int w = 0; w < 3; w++)
        for (int c = 0; c < 3; c++) {
            const double capacity = 0.125 * (1 << c);
            int64_t kept = 0;
            for (int i = 0; i < 400; i++) {
                float score[256];
                int32_t list[256];
                for (int t = 0; t < 256; t++)
                    score[t] = (float)random_normal(&random);
                struct route_input in = input_of(score, 256, capacity);
                in.window = windows[w];
                kept += route_choose(route_find("running_quantile"), &in, list);
            }
            cr_expect(fabs((double)kept / (400 * 256) / capacity - 1) < 0.05,
                      "window %d, c %g: %g", windows[w], capacity,
                      (double)kept / (400 * 256));
        }
}

/* ---- the threshold ---- */

Test(route, without_a_cut_the_threshold_is_that_of_top_k)
{
    static const float score[] = { 3, 1, 4, 1, 5, 9, 2, 6 };
    struct route_input in = input_of(score, 8, 0.25);
    int32_t scratch[8];
    char text[256];

    in.scratch = scratch;
    in.threshold = NAN;
    kept_text(text, "threshold", in);
    cr_assert_str_eq(text, "5 7");
    in.threshold = 4;
    kept_text(text, "threshold", in);
    cr_assert_str_eq(text, "2 4 5 7");
    in.threshold = 10;
    kept_text(text, "threshold", in);
    cr_assert_str_eq(text, "");
}

/* ---- new tokens after a prompt ---- */

Test(route, what_cannot_judge_a_token_leaves_it_to_one_that_can)
{
    for (const struct route_policy *p = route_policies; p->name; p++) {
        const struct route_policy *step = route_step_rule(p);
        if (strcmp(p->name, "attention_received") == 0) {
            cr_expect(step == NULL);
            continue;
        }
        cr_assert(step != NULL, "%s", p->name);
        bool itself = p->keep || !p->choose;
        cr_expect(itself == (step == p), "%s", p->name);
        cr_expect(step->keep || itself, "%s", p->name);
        cr_expect(step->causal || p == route_find("replay"), "%s", p->name);
        /* what the model has for the one does for the other */
        cr_expect(eq(int, step->scored, p->scored), "%s", p->name);
        cr_expect(step->signal == p->signal, "%s", p->name);
    }
}

/* ---- the first tokens ---- */

struct first {
    char    policy[24];
    int32_t keep_first, n_keep;
    double  capacity;
    float   score[8];
    char    kept[32];
};

/* By hand, of 8 tokens.  Rules with a fixed k choose k - n of the last 8 - n;
 * the others keep what they keep without, and the first n. */
ParameterizedTestParameters(route, the_first_tokens_are_kept)
{
    static struct first firsts[] = {
        { "expert_choice", 2, 4, 0.5, { 9, 8, 4, 1, 5, 7, 2, 6 }, "0 1 5 7" },
        { "expert_choice", 1, 4, 0.5, { 0, 8, 4, 1, 5, 7, 2, 6 }, "0 1 5 7" },
        /* all of k, and more than k: k is kept to */
        { "expert_choice", 3, 3, 0.3, { 0, 0, 0, 1, 5, 7, 2, 6 }, "0 1 2" },
        { "expert_choice", 5, 3, 0.3, { 0, 0, 0, 1, 5, 7, 2, 6 }, "0 1 2" },
        { "expert_choice", 9, 8, 1.0, { 0 }, "0 1 2 3 4 5 6 7" },
        { "attention_received", 1, 2, 0.25, { 0, 0, 0, 1, 5, 7, 2, 6 },
          "0 5" },
        { "first_k", 1, 3, 0.3, { 0 }, "0 1 2" },
        { "last_k", 1, 3, 0.3, { 0 }, "0 6 7" },
        /* 2 + i * 6 / 2 */
        { "strided", 2, 4, 0.5, { 0 }, "0 1 2 5" },
        { "random", 2, 8, 1.0, { 0 }, "0 1 2 3 4 5 6 7" },
        { "every_nth", 1, 2, 0.25, { 0 }, "0 3 7" },
        { "every_nth", 4, 2, 0.25, { 0 }, "0 1 2 3 7" },
        { "every_nth", 9, 2, 0.25, { 0 }, "0 1 2 3 4 5 6 7" },
        { "hash", 1, 4, 0.5, { 0.9f, 0.9f, 0, 0.9f, 0.9f, 0.9f, 0, 0.9f },
          "0 2 6" },
        { "threshold", 1, 4, 0.5, { -9, -9, 0, -9, 1, -9, -9, -9 }, "0 2 4" },
        /* ranks count all tokens so far: see the table above */
        { "token_norm", 1, 4, 0.5, { 3, 1, 4, 1, 5, 9, 2, 6 }, "0 2 4 5 7" },
        { "token_norm", 2, 4, 0.5, { 3, 1, 4, 1, 5, 9, 2, 6 }, "0 1 2 4 5 7" },
    };
    return cr_make_param_array(struct first, firsts,
                               sizeof firsts / sizeof *firsts);
}

ParameterizedTest(struct first *f, route, the_first_tokens_are_kept)
{
    char text[256];

    kept_text(text, f->policy, (struct route_input){
        .score = f->score, .n_tokens = 8, .n_keep = f->n_keep,
        .capacity = f->capacity, .keep_first = f->keep_first });
    cr_assert_str_eq(text, f->kept, "%s, first %d of %d: %s", f->policy,
                     f->keep_first, f->n_keep, text);
}

Test(route, a_fixed_k_is_kept_to_whoever_comes_first)
{
    const float score[10] = { 1, 0, 3, 1, 2, 8, 8, 1, 0, 4 };
    int tried = 0;

    for (const struct route_policy *p = route_policies; p->name; p++)
        for (int32_t k = 1; k <= 10 && p->choose && !p->keep; k++)
            for (int32_t first = 0; first <= 11; first++, tried++) {
                int32_t kept[10], scratch[10];
                struct route_input in = {
                    .score = score, .n_tokens = 10, .n_keep = k,
                    .keep_first = first, .seed = 3, .scratch = scratch };
                cr_assert(eq(i32, route_choose(p, &in, kept), k), "%s",
                          p->name);
                for (int32_t i = 0; i < k; i++)
                    cr_assert(i < first ? kept[i] == i
                                        : i == 0 || kept[i] > kept[i - 1],
                              "%s: %d of %d, first %d", p->name, i, k, first);
            }
    cr_assert(ge(int, tried, 8 * 10 * 12));
}

/* Among tokens 2.. of 8: the 2nd of 4 1 5 7 2 6 is 6; with as many first as k,
 * or more, one is left to cut by: the best from k - 1 on. */
Test(route, the_cut_is_that_of_the_tokens_that_are_judged)
{
    const float score[8] = { 9, 8, 4, 1, 5, 7, 2, 6 };
    int32_t scratch[8];
    struct route_input in = { .score = score, .n_tokens = 8, .n_keep = 4,
                              .keep_first = 2, .scratch = scratch };

    cr_expect(eq(flt, route_cut_of(&in), 6.0f));
    in.keep_first = 0;
    cr_expect(eq(flt, route_cut_of(&in), 6.0f));
    in.keep_first = 4;
    cr_expect(eq(flt, route_cut_of(&in), 7.0f));
    in.keep_first = 7;
    cr_expect(eq(flt, route_cut_of(&in), 7.0f));
}

Test(route, filling_begins_with_the_first_tokens)
{
    struct allocation a = { 0 };
    struct model_spec spec = { .n_layers = 1, .routed = { true },
                               .capacity = { 0.25 }, .keep_first = 2 };

    cr_assert(eq(int, allocation_open(&a, 1, 1, 16, NULL), STATUS_OK));
    allocation_fill(&a, &spec);              /* 2 and 2 of 14 */
    cr_assert(eq(i32, allocation_rows(&a, 0), 4));
    cr_assert(memcmp(allocation_kept(&a, 0, 0), (int32_t[]){ 0, 1, 2, 9 },
                     16) == 0);
    spec.first_besides = true;               /* 2 and ceil(3.5) of 14 */
    allocation_fill(&a, &spec);
    cr_assert(eq(i32, allocation_rows(&a, 0), 6));
    allocation_close(&a);
}

/* A policy that judges token by token: what it chooses of a sequence is what it
 * chooses of each beginning of it, and what keep() says, whatever follows. */
static void expect_causal(const struct route_policy *policy,
                          const struct route_input *whole, const int32_t *kept,
                          int32_t n_kept, struct random *random)
{
    int32_t cut = 1 + (int32_t)random_below(random, (uint32_t)whole->n_tokens);
    int32_t part[MAX], scratch[MAX], due = 0;
    float score[MAX];
    struct route_input in = *whole;

    for (int32_t t = 0; t < whole->n_tokens; t++)
        score[t] = t < cut ? whole->score[t] : (float)random_normal(random);
    in.score = score;
    in.n_tokens = cut;
    in.scratch = scratch;
    while (due < n_kept && kept[due] < cut)
        due++;
    cr_assert(eq(i32, route_choose(policy, &in, part), due), "%s",
              policy->name);
    for (int32_t i = 0; i < due; i++)
        cr_assert(eq(i32, part[i], kept[i]), "%s", policy->name);
    in.n_tokens = whole->n_tokens;
    cr_assert(route_keeps(policy, &in, cut - 1) ==
              (due > 0 && kept[due - 1] == cut - 1), "%s", policy->name);
}

Test(route, what_keep_says_is_what_choose_chooses_of_every_beginning)
{
    struct random random = random_seeded(4);
    struct allocation replayed;
    int judged = 0;

    cr_assert(eq(int, allocation_open(&replayed, 1, 1, MAX, NULL), STATUS_OK));
    replayed.count[0] = MAX / 2;
    for (int32_t i = 0; i < MAX / 2; i++)
        replayed.kept[i] = 2 * i + i % 2;
    for (const struct route_policy *p = route_policies; p->name; p++) {
        judged += p->keep != NULL;
        for (int i = 0; i < 300 && p->keep; i++) {
            float score[MAX];
            int32_t kept[MAX], scratch[MAX], n = draw_scores(&random, score);
            struct route_input in = input_of(score, n,
                capacities[random_below(&random, N_CAPACITIES)]);
            in.threshold = 0.5f;
            in.seed = (uint64_t)i;
            in.scratch = scratch;
            in.replayed = &replayed;
            in.keep_first = i % 4;
            int32_t n_kept = route_choose(p, &in, kept);
            expect_causal(p, &in, kept, n_kept, &random);
        }
    }
    /* threshold, token_norm, residual_change, hash, drawn, every_nth, replay */
    cr_expect(ge(int, judged, 7));
    allocation_close(&replayed);
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

/* A rule that looks at every earlier token would need 2^31 looks here. */
Test(route, so_far_takes_a_long_sequence, .timeout = 20)
{
    enum { LONG = 1 << 16 };
    float *score = malloc(LONG * sizeof *score);
    int32_t *kept = malloc(LONG * sizeof *kept);
    int32_t *scratch = malloc(LONG * sizeof *scratch);

    for (int32_t t = 0; t < LONG; t++)
        score[t] = (float)-t;
    struct route_input in = input_of(score, LONG, 0.5);
    in.scratch = scratch;
    /* Falling: only the first is ever among the better half. */
    cr_expect(eq(i32, route_find("token_norm")->choose(&in, kept), 1));
    for (int32_t t = 0; t < LONG; t++)
        score[t] = (float)t;
    cr_expect(eq(i32, route_find("token_norm")->choose(&in, kept), LONG));
    free(scratch);
    free(kept);
    free(score);
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
