/* test_speculate.c - Expect drafts to change no token, and a round to cost what is
 * predicted whatever is accepted. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "models/executor/generate.h"
#include "sim/price/speculation.h"
#include "tests/cases.h"

enum { N_PROMPT = 5, N_NEW = 60 };
static const struct shape shape = { 20, 4, 2, 6, 24, 19, 5, 1, 70 };

struct trial {
    struct model  *model;
    struct model_spec spec;
    struct speculation how;
    struct ledger *counted, *predicted;
    int32_t text[N_NEW], n;
    int32_t drafted, accepted, rounds;
};

static bool emit(void *context, int32_t id)
{
    struct trial *t = context;
    t->text[t->n++] = id;
    return true;
}

static bool passed(void *context, int32_t n_tokens, int32_t n_drafts,
                   double seconds)
{
    struct trial *t = context;
    const struct speculated round = {
        .n_layers = t->how.n_layers, .n_drafts = n_drafts,
        .n_before = model_decoded(t->model, 0) - n_tokens };
    const struct predict_job job = { .spec = &t->spec };
    struct error err = { STATUS_OK, "" };

    (void)seconds;
    if (round.n_before == 0) {
        ledger_clear(t->counted);                       /* the prompt's */
        return true;
    }
    cr_assert(predict_speculation(t->predicted, &job, &round, &err) ==
              STATUS_OK, "%s", err.text);
    case_same_ledger(t->predicted, t->counted, "a round");
    t->drafted += n_drafts;
    t->accepted += n_tokens - 1;
    t->rounds++;
    return true;
}

static void write_text(struct trial *t, bool speculates)
{
    const struct model_options options = {
        .n_sequences = 1, .n_tokens = N_PROMPT + N_NEW - 1, .n_prefill = 9,
        .n_verified = 9, .decode = true, .last_only = true, .n_threads = 1,
    };
    const int32_t prompt[N_PROMPT] = { 3, 1, 4, 1, 5 };
    struct sampler *sampler;

    t->n = 0;
    t->model = case_model(&t->spec, &options, 6);
    t->counted = case_ledger(t->spec.n_layers, 0, PROV_COUNTED);
    t->predicted = case_ledger(t->spec.n_layers, 0, PROV_PREDICTED);
    struct ledger_meter meter = ledger_meter(t->counted);
    cr_assert(sampler_open(&sampler, &(struct sampling){ 0 }, shape.n_vocab,
                           NULL) == STATUS_OK);
    cr_assert(eq(int, generate(&(struct generation){
        .model = t->model, .sampler = sampler, .prompt = prompt,
        .n_prompt = N_PROMPT, .n_new = N_NEW, .emit = emit, .context = t,
        .policy = case_policy("dense"), .meter = &meter.meter,
        .passed = speculates ? passed : NULL,
        .speculation = speculates ? &t->how : NULL }), N_NEW));
    sampler_close(sampler);
    ledger_close(t->predicted);
    ledger_close(t->counted);
    model_close(t->model);
}

/* As they are drawn, models repeat themselves: drafts are right now and then. */
Test(speculate, the_text_is_that_of_the_whole_model)
{
    static const enum family families[] = { FAMILY_GPT2, FAMILY_LLAMA,
                                            FAMILY_QWEN3, FAMILY_OLMO2,
                                            FAMILY_PHI };
    int32_t accepted = 0, drafted = 0;

    for (int i = 0; i < 20; i++) {
        struct trial plain = {
            .spec = case_spec(&shape, families[i % 5], 0.0, PATTERN_ALL) };
        plain.spec.tied_head = i % 2;
        plain.spec.window = 0;
        struct trial t = plain;
        t.how = (struct speculation){ 1 + i % 4, i % 9 };
        write_text(&plain, false);
        write_text(&t, true);
        for (int n = 0; n < N_NEW; n++)
            cr_assert(eq(int, t.text[n], plain.text[n]), "case %d, token %d", i,
                      n);
        /* The first token is the prompt's; a round gives one and its drafts. */
        cr_expect(eq(int, t.rounds + t.accepted, N_NEW - 1));
        accepted += t.accepted;
        drafted += t.drafted;
    }
    cr_log_info("%d of %d drafts accepted", accepted, drafted);
    cr_expect(gt(int, accepted, 0));
    cr_expect(lt(int, accepted, drafted));
}

Test(speculate, models_that_forget_or_route_are_refused)
{
    const struct model_options options = {
        .n_sequences = 1, .n_tokens = 20, .n_verified = 4, .decode = true,
        .n_threads = 1,
    };
    struct model *m;
    struct model_spec spec = case_spec(&shape, FAMILY_LLAMA, 0.5, PATTERN_ODD);

    cr_expect(model_open(&m, &spec, &options, NULL) == STATUS_BAD_VALUE);
    spec = case_spec(&shape, FAMILY_GEMMA2, 0.0, PATTERN_ALL);
    cr_expect(model_open(&m, &spec, &options, NULL) == STATUS_BAD_VALUE);
}

/* Chances 1/2: 1 + 1/2 + 1/4; certain ones: all; none: one. */
Test(speculate, a_round_gives_one_token_and_the_drafts_up_to_a_wrong_one)
{
    cr_expect(eq(dbl, speculation_tokens(0.5, 2), 1.75));
    cr_expect(eq(dbl, speculation_tokens(1, 4), 5));
    cr_expect(eq(dbl, speculation_tokens(0, 4), 1));
}
