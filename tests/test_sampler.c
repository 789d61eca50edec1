/* test_sampler.c - Check which tokens may be drawn, and how often they are. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "models/executor/sampler.h"

enum { V = 4, DRAWS = 20000 };

/* ln of 1, 8, 2, 5 sixteenths, in no order. */
static const float logits[V] = { -2.7725887f, -0.6931472f, -2.0794415f,
                                 -1.1631508f };
static const double share[V] = { 1 / 16.0, 8 / 16.0, 2 / 16.0, 5 / 16.0 };

static struct sampler *opened(struct sampling rule)
{
    struct sampler *sampler = NULL;
    cr_assert(eq(int, sampler_open(&sampler, &rule, V, NULL), STATUS_OK));
    return sampler;
}

static void count(struct sampling rule, int n[V])
{
    struct sampler *sampler = opened(rule);

    memset(n, 0, V * sizeof *n);
    for (int i = 0; i < DRAWS; i++)
        n[sampler_choose(sampler, logits)]++;
    sampler_close(sampler);
}

/* Each share within four deviations of a binomial. */
static void expect_shares(struct sampling rule, const double want[V])
{
    int n[V];
    count(rule, n);
    for (int i = 0; i < V; i++) {
        double deviation = sqrt(DRAWS * want[i] * (1.0 - want[i]));
        cr_expect(fabs(n[i] - DRAWS * want[i]) <= 4.0 * deviation,
                  "token %d: %d of %d, not %g", i, n[i], DRAWS, want[i]);
    }
}

Test(sampler, greedy_takes_the_likeliest_and_of_equals_the_first)
{
    const float equal[V] = { 1.0f, 3.0f, 3.0f, 2.0f };
    struct sampler *sampler = opened((struct sampling){ 0 });

    cr_assert(eq(i32, sampler_choose(sampler, logits), 1));
    cr_assert(eq(i32, sampler_choose(sampler, equal), 1));
    sampler_close(sampler);
}

Test(sampler, at_temperature_one_tokens_come_by_their_softmax)
{
    expect_shares((struct sampling){ .temperature = 1.0, .seed = 1 }, share);
    expect_shares((struct sampling){ .temperature = 1.0, .top_p = 1.0,
                                     .top_k = 9, .seed = 2 }, share);
}

/* At one half, shares go by their squares: 1, 64, 4, 25 of 94. */
Test(sampler, a_low_temperature_sharpens)
{
    const double want[V] = { 1 / 94.0, 64 / 94.0, 4 / 94.0, 25 / 94.0 };
    expect_shares((struct sampling){ .temperature = 0.5, .seed = 3 }, want);
}

Test(sampler, top_k_keeps_the_k_likeliest)
{
    const double want[V] = { 0, 8 / 13.0, 0, 5 / 13.0 };
    expect_shares((struct sampling){ .temperature = 1.0, .top_k = 2,
                                     .seed = 4 }, want);
}

/* 8/16 is not 0.6 yet; 13/16 is more. */
Test(sampler, top_p_keeps_the_fewest_that_reach_the_share)
{
    const double two[V] = { 0, 8 / 13.0, 0, 5 / 13.0 };
    const double one[V] = { 0, 1, 0, 0 };
    expect_shares((struct sampling){ .temperature = 1.0, .top_p = 0.6,
                                     .seed = 5 }, two);
    expect_shares((struct sampling){ .temperature = 1.0, .top_p = 0.4,
                                     .seed = 6 }, one);
    /* Of the two that top-k leaves, 8/13 is more than 0.6. */
    expect_shares((struct sampling){ .temperature = 1.0, .top_k = 2,
                                     .top_p = 0.6, .seed = 7 }, one);
}

Test(sampler, a_seed_repeats_its_draws)
{
    const struct sampling nine = { .temperature = 1.0, .seed = 9 };
    const struct sampling eight = { .temperature = 1.0, .seed = 8 };
    struct sampler *a = opened(nine), *b = opened(nine), *c = opened(eight);
    int differ = 0;

    for (int i = 0; i < 100; i++) {
        int32_t id = sampler_choose(a, logits);
        cr_expect(eq(i32, id, sampler_choose(b, logits)));
        differ += id != sampler_choose(c, logits);
    }
    cr_expect(gt(int, differ, 0));
    sampler_close(c);
    sampler_close(b);
    sampler_close(a);
}

Test(sampler, rules_that_make_no_sense_are_refused_in_words)
{
    static const struct {
        struct sampling rule;
        const char *words;
    } bad[] = {
        { { .temperature = -1.0 }, "temperature -1" },
        { { .temperature = NAN }, "temperature nan" },
        { { .temperature = 1.0, .top_k = -2 }, "top-k -2" },
        { { .temperature = 1.0, .top_p = 1.5 }, "top-p 1.5" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sampler *sampler = NULL;
        struct error err = { STATUS_OK, "" };
        cr_expect(eq(int, sampler_open(&sampler, &bad[i].rule, V, &err),
                     STATUS_BAD_VALUE));
        cr_expect(strstr(err.text, bad[i].words) != NULL, "%s", err.text);
        cr_expect(sampler == NULL);
    }
}
