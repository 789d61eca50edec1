/* test_route_first.c - Keep the first tokens of a sequence in any case. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/model/route.h"
#include "tests/kept_text.h"

struct first {
    char    policy[24];
    int32_t keep_first, n_keep;
    double  capacity;
    float   score[8];
    char    kept[32];
};

/* By hand, of 8 tokens.  Rules with a fixed k choose k - n of the last 8 - n;
 * the others keep what they keep without, and the first n. */
ParameterizedTestParameters(route_first, the_first_tokens_are_kept)
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

ParameterizedTest(struct first *f, route_first, the_first_tokens_are_kept)
{
    char text[256];

    kept_text(text, f->policy, (struct route_input){
        .score = f->score, .n_tokens = 8, .n_keep = f->n_keep,
        .capacity = f->capacity, .keep_first = f->keep_first });
    cr_assert_str_eq(text, f->kept, "%s, first %d of %d: %s", f->policy,
                     f->keep_first, f->n_keep, text);
}

Test(route_first, a_fixed_k_is_kept_to_whoever_comes_first)
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
Test(route_first, the_cut_is_that_of_the_tokens_that_are_judged)
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

Test(route_first, filling_begins_with_the_first_tokens)
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
