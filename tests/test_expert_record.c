/* test_expert_record.c - Expect a record of experts to say how evenly they are
 * entered, and where nearly all entries are those of a few. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/scoring/expert_record.h"
#include "tests/cases.h"

enum { X = 4, R = 5 };

/* Of one layer with four experts and a no-op; loads, and what was missed, all of
 * one kind of token. */
static struct expert_balance balance_of(int32_t most, const uint64_t *entered,
                                        const uint64_t *missed)
{
    uint64_t of[2][R * TOKEN_KIND_COUNT] = { { 0 } };
    struct expert_record r = { .n_layers = 1, .n_experts = X, .n_scores = R,
                               .most = most, .entered = of[0],
                               .missed = of[1] };

    for (int e = 0; e < R; e++) {
        of[0][e * TOKEN_KIND_COUNT + TOKEN_DIGIT] = entered[e];
        of[1][e * TOKEN_KIND_COUNT + TOKEN_DIGIT] = missed[e];
    }
    return expert_balance_of(&r, 0);
}

static const uint64_t none[R];

Test(expert_record, experts_entered_alike_are_as_many_as_they_are)
{
    const uint64_t alike[R] = { 25, 25, 25, 25, 0 };
    const struct expert_balance b = balance_of(2, alike, none);

    cr_expect(epsilon_eq(dbl, b.effective, 4, 1e-9));
    cr_expect(epsilon_eq(dbl, b.largest, 1, 1e-9));
    cr_expect(epsilon_eq(dbl, b.heaviest, 0.5, 1e-9));
    cr_expect(eq(i32, b.used, 4));
    cr_expect(not(b.collapsed));
}

Test(expert_record, one_that_takes_nearly_all_is_a_collapse)
{
    const uint64_t one[R] = { 2, 0, 96, 2, 0 }, less[R] = { 6, 0, 89, 5, 0 };
    const struct expert_balance b = balance_of(1, one, none);

    cr_expect(b.collapsed);
    cr_expect(eq(i32, b.used, 3));
    cr_expect(epsilon_eq(dbl, b.largest, 3.84, 1e-9));
    /* exp(-(.96 ln .96 + 2 * .02 ln .02)) */
    cr_expect(epsilon_eq(dbl, b.effective, 1.2161, 1e-3));
    cr_expect(not(balance_of(1, less, none).collapsed));
}

/* Of two that a token enters no one expert takes more than half. */
Test(expert_record, two_of_two_a_token_are_a_collapse_too)
{
    const uint64_t two[R] = { 49, 48, 2, 1, 0 };

    cr_expect(balance_of(2, two, none).collapsed);
    cr_expect(not(balance_of(1, two, none).collapsed));
    cr_expect(not(balance_of(4, two, none).collapsed), "all enter all");
}

Test(expert_record, what_is_missed_is_dropped_or_a_choice_of_a_no_op)
{
    const uint64_t entered[R] = { 10, 10, 10, 10, 0 };
    const uint64_t missed[R] = { 0, 7, 0, 1, 30 };
    const struct expert_balance b = balance_of(1, entered, missed);

    cr_expect(eq(u64, b.entries, 40));
    cr_expect(eq(u64, b.dropped, 8));
    cr_expect(eq(u64, b.idle, 30));
    cr_expect(isnan(balance_of(1, none, none).effective));
}

/* Each choice of each token is in it once, under the token's kind. */
Test(expert_record, a_pass_is_recorded_choice_by_choice)
{
    struct model_spec spec = case_spec(&shapes[9], FAMILY_LLAMA, 0.0,
                                       PATTERN_ODD);
    struct expert_record r = { 0 };
    struct error err = { STATUS_OK, "" };
    int32_t ids[64], targets[64];
    enum token_kind kind[64];
    uint64_t of_kind[TOKEN_KIND_COUNT] = { 0 };
    const int32_t n = shapes[9].n_tokens;

    spec.experts = (struct experts){ .n = 4, .idle = 1, .active = 2,
                                     .width = 16, .capacity = 0.5 };
    memset(spec.has_experts, true, sizeof spec.has_experts);
    cr_assert(le(int, n, 64));
    case_text(ids, targets, n, spec.n_vocab, 3);
    for (int32_t t = 0; t < n; t++)
        kind[t] = t % 3 == 0 ? TOKEN_DIGIT : TOKEN_INSIDE;
    struct model *m = case_model(&spec, &(struct model_options){
        .n_sequences = 1, .n_tokens = n, .n_threads = 1 }, 1);
    model_forward(m, &(struct model_input){ .ids = ids, .n_sequences = 1,
        .n_tokens = n, .policy = case_policy("dense") }, NULL, NULL);
    cr_assert(eq(int, expert_record_open(&r, &spec, &err), STATUS_OK));
    expert_record_add(&r, m, kind);
    cr_expect(eq(i32, r.n_layers, spec.n_layers));
    for (int32_t e = 0; e < r.n_scores * TOKEN_KIND_COUNT; e++)
        of_kind[e % TOKEN_KIND_COUNT] += r.entered[e] + r.missed[e];
    cr_expect(eq(u64, of_kind[TOKEN_DIGIT], 2 * (uint64_t)((n + 2) / 3)));
    cr_expect(eq(u64, of_kind[TOKEN_INSIDE],
                 2 * (uint64_t)(n - (n + 2) / 3)));
    cr_expect(eq(u64, expert_entered(&r, 0, 4), 0), "a no-op");
    expert_record_close(&r);
    model_close(m);
}
