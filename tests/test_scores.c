/* test_scores.c - Draw scores: each N(0, 1), and together as their kind says;
 * policies that choose by them keep the capacity. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "sim/price/routes.h"
#include "tests/specs.h"

enum { TOKENS = 4096, WINDOWS = 8 };

static struct scores *opened(struct scores_drawing how)
{
    struct error err = { STATUS_OK, "" };
    struct scores *s;

    how.seed = 7;
    cr_assert(eq(int, scores_open(&s, &how, &err), STATUS_OK), "%s", err.text);
    return s;
}

/* Means over all windows of x(t) y(t + lag), of two choices. */
static double product(const struct scores *s, int32_t one, int32_t other,
                      int32_t lag)
{
    static float x[TOKENS], y[TOKENS];
    double sum = 0;

    for (int w = 0; w < WINDOWS; w++) {
        scores_draw(s, w, one, x, TOKENS);
        scores_draw(s, w, other, y, TOKENS);
        for (int32_t t = 0; t + lag < TOKENS; t++)
            sum += (double)x[t] * (double)y[t + lag];
    }
    return sum / (WINDOWS * (TOKENS - lag));
}

/* 32768 draws: five standard errors are 0.03. */
Test(scores, tokens_by_themselves_have_nothing_in_common)
{
    struct scores *s = opened((struct scores_drawing){ .kind = SCORES_IID });

    cr_expect(epsilon_eq(dbl, product(s, 1, 1, 0), 1, 0.04));
    cr_expect(epsilon_eq(dbl, product(s, 1, 1, 1), 0, 0.03));
    cr_expect(epsilon_eq(dbl, product(s, 1, 3, 0), 0, 0.03));
    scores_close(s);
}

/* AR(1): 0.9^lag; so correlated, 32768 draws are about 1700 free ones. */
Test(scores, bursts_fade_by_their_persistence)
{
    struct scores *s = opened((struct scores_drawing){
        .kind = SCORES_BURSTY, .persistence = 0.9 });

    cr_expect(epsilon_eq(dbl, product(s, 1, 1, 0), 1, 0.15));
    cr_expect(epsilon_eq(dbl, product(s, 1, 1, 1), 0.9, 0.15));
    cr_expect(epsilon_eq(dbl, product(s, 1, 1, 5), 0.59, 0.15));
    scores_close(s);
}

Test(scores, layers_have_as_much_in_common_as_is_asked)
{
    struct scores *s = opened((struct scores_drawing){ .kind = SCORES_IID,
                                                       .correlation = 0.5 });

    cr_expect(epsilon_eq(dbl, product(s, 1, 1, 0), 1, 0.04));
    cr_expect(epsilon_eq(dbl, product(s, 1, 3, 0), 0.5, 0.04));
    scores_close(s);
}

/* Of three identities there are three scores; 1, 1/2 and 1/3 of 11/6 are their
 * shares: 6/11, 3/11, 2/11. */
Test(scores, an_identity_has_one_score_and_its_share_of_the_tokens)
{
    struct scores *s = opened((struct scores_drawing){
        .kind = SCORES_ZIPF, .exponent = 1, .n_vocab = 3 });
    static float x[TOKENS];
    float known[3];
    double n[3] = { 0 };
    int n_known = 0;

    for (int w = 0; w < WINDOWS; w++) {
        scores_draw(s, w, 1, x, TOKENS);
        for (int32_t t = 0; t < TOKENS; t++) {
            int k = 0;
            while (k < n_known && (known[k] < x[t] || known[k] > x[t]))
                k++;
            cr_assert(lt(int, k, 3));
            if (k == n_known)
                known[n_known++] = x[t];
            n[k]++;
        }
    }
    double low = fmin(n[0], fmin(n[1], n[2])), high = fmax(n[0], fmax(n[1], n[2]));
    cr_expect(epsilon_eq(dbl, high / (WINDOWS * TOKENS), 6 / 11., 0.02));
    cr_expect(epsilon_eq(dbl, low / (WINDOWS * TOKENS), 2 / 11., 0.02));
    scores_close(s);
}

Test(scores, a_window_is_the_same_whatever_was_drawn_before)
{
    for (int kind = 0; kind < SCORES_COUNT; kind++) {
        struct scores *s = opened((struct scores_drawing){
            .kind = (enum scores_kind)kind, .persistence = 0.5, .exponent = 1,
            .correlation = 0.3, .n_vocab = 100 });
        float first[16], again[16], other[16];

        scores_draw(s, 2, 1, first, 16);
        scores_draw(s, 3, 1, other, 16);
        scores_draw(s, 2, 1, again, 16);
        cr_expect(eq(int, memcmp(first, again, sizeof first), 0));
        cr_expect(ne(int, memcmp(first, other, sizeof first), 0));
        scores_close(s);
    }
}

/* Upper tails of N(0, 1): 0.5 at 0, 0.15866 at 1, 0.02275 at 2. */
Test(scores, the_cut_leaves_its_share_above)
{
    cr_expect(epsilon_eq(dbl, scores_cut(0.5), 0, 1e-9));
    cr_expect(epsilon_eq(dbl, scores_cut(0.158655254), 1, 1e-6));
    cr_expect(epsilon_eq(dbl, scores_cut(0.022750132), 2, 1e-6));
    cr_expect(lt(dbl, scores_cut(1), -8));
}

/* ---- policies that choose by them ---- */

static double share_of(const char *policy, bool by_step)
{
    struct model_spec spec = small_llama(2);
    const struct routes_drawing how = {
        .scores = { .kind = SCORES_IID, .seed = 3, .n_vocab = 100 },
        .policy = route_find(policy), .by_step = by_step,
        .n_windows = WINDOWS, .n_tokens = TOKENS,
    };
    struct error err = { STATUS_OK, "" };
    struct routes *routes;
    struct allocation a;

    cr_assert(eq(int, routes_drawn(&routes, &how, &spec, &err), STATUS_OK),
              "%s: %s", policy, err.text);
    cr_assert(eq(int, allocation_open(&a, 2, WINDOWS, TOKENS, &err),
                 STATUS_OK));
    cr_assert(eq(int, routes_fill(&a, routes, 0, &err), STATUS_OK));
    cr_expect(eq(i32, allocation_count(&a, 0, 0), TOKENS));
    const double share = (double)allocation_rows(&a, 1) / (WINDOWS * TOKENS);
    allocation_close(&a);
    routes_close(routes);
    return share;
}

Test(scores, every_policy_that_goes_by_scores_keeps_the_capacity)
{
    cr_expect(eq(dbl, share_of("expert_choice", false), 0.25));
    cr_expect(epsilon_eq(dbl, share_of("expert_choice", true), 0.25, 0.015));
    cr_expect(epsilon_eq(dbl, share_of("threshold", false), 0.25, 0.015));
    cr_expect(epsilon_eq(dbl, share_of("token_choice", false), 0.25, 0.015));
    cr_expect(epsilon_eq(dbl, share_of("token_norm", false), 0.25, 0.015));
}

Test(scores, a_policy_that_goes_by_none_is_refused)
{
    struct model_spec spec = small_llama(2);
    struct routes_drawing how = { .policy = route_find("strided") };
    struct error err = { STATUS_OK, "" };
    struct routes *routes;

    cr_expect(eq(int, routes_drawn(&routes, &how, &spec, &err),
                 STATUS_BAD_VALUE));
    cr_expect(eq(str, err.text, "routing.policy strided: it goes by none; drawn"
                 " scores stand for a router's or for a signal of the stream"));
    how.policy = route_find("attention_received");
    how.by_step = true;
    cr_expect(eq(int, routes_drawn(&routes, &how, &spec, &err),
                 STATUS_BAD_VALUE));
    cr_expect(ne(ptr, strstr(err.text, "a decode step cannot go by it"), NULL));
}
