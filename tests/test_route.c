/* Policies keep what they say, in order; allocations record it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/random.h"
#include "sim/core/route.h"

enum { MAX = 64 };

/* The kept positions as text, "0 3 5". */
static void kept_text(char out[256], const char *policy,
                      struct route_input in)
{
    int32_t kept[MAX], scratch[MAX];

    in.scratch = scratch;
    int32_t n = route_find(policy)->choose(&in, kept);
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
