/* test_route_rules.c - Rules that need no router, or no whole sequence. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/random.h"
#include "sim/core/model/route.h"
#include "tests/kept_text.h"

struct rule {
    char    policy[24];
    double  capacity;
    float   score[8];
    int32_t n_tokens;
    char    kept[32];
};

/* By hand.  so far, c = 1/2: of 1, 2, 3, ... tokens 1, 1, 2, 2, 3, 3, ... */
ParameterizedTestParameters(route_rules, a_rule_without_a_router_keeps_what_it_says)
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

ParameterizedTest(struct rule *r, route_rules,
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

Test(route_rules, so_far_is_the_rule_of_its_words)
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
Test(route_rules, the_running_quantile_ranks_a_token_in_its_window)
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
Test(route_rules, the_running_quantile_holds_its_share)
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

Test(route_rules, without_a_cut_the_threshold_is_that_of_top_k)
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

Test(route_rules, what_cannot_judge_a_token_leaves_it_to_one_that_can)
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

Test(route_rules, what_keep_says_is_what_choose_chooses_of_every_beginning)
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

/* A rule that looks at every earlier token would need 2^31 looks here. */
Test(route_rules, so_far_takes_a_long_sequence)
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
