/* test_lent_keys.c - Expect recursions over the keys of the first to compute, learn
 * and cost what their definition says, and to keep those keys alone. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "sim/core/config/model_config.h"
#include "sim/core/model/spec_check.h"
#include "sim/price/memory.h"
#include "tests/memory_block.h"
#include "tests/priced.h"
#include "tests/specs.h"
#include "tests/variant.h"

static const struct variant lent = {
    .make = case_lent, .n = N_LENT_CASES, .policy = "threshold",
    .causal = "threshold", .cut = 0.1f, .numbers = 5, .cells = 9,
};

Test(lent_keys, logits_are_those_in_double)
{
    variant_expect_logits(&lent);
}

Test(lent_keys, gradients_are_slopes_of_the_loss_in_double)
{
    variant_expect_slopes(&lent);
}

Test(lent_keys, any_number_of_threads_gives_the_same_bits)
{
    variant_expect_same_bits(&lent, 5);
}

Test(lent_keys, scoring_costs_what_is_predicted_token_by_token)
{
    variant_expect_scoring_cost(&lent);
}

Test(lent_keys, training_steps_cost_what_is_predicted_token_by_token)
{
    variant_expect_training_cost(&lent);
}

Test(lent_keys, decode_steps_say_and_cost_what_one_pass_does)
{
    variant_expect_decoding(&lent);
}

/* Two layers, one of which lends: by hand, of small_llama's E = 16, a step at 40
 * tokens reads 8 E bytes a key in each, and 40 keys are kept of the first alone. */
Test(lent_keys, a_step_reads_the_keys_of_all_tokens_and_keeps_one_recursion_s)
{
    struct asked q = { .spec = small_llama(2), .B = 1, .T = 40, .phase = DECODE };
    struct memory_item items[MEMORY_ITEMS_MAX];
    uint64_t kept = 0;

    q.spec = spec_dense(&q.spec);
    q.spec.recursion = (struct recursion){ 0, 1, 2, RECURSION_KEYS_SHARED };
    struct ledger *l = priced(q);
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 1, OP_ATTEND),
                 bytes(l, PASS_FORWARD, 0, OP_ATTEND)));
    /* 4 C Q of weights instead of 4 C (Q + 2 E), and no new key. */
    cr_expect(eq(u64, bytes(l, PASS_FORWARD, 0, OP_QKV) -
                          bytes(l, PASS_FORWARD, 1, OP_QKV),
                 4 * 32 * 32 + 4 * 32));
    cr_expect(eq(u64, flops(l, PASS_FORWARD, 1, OP_QKV), 2 * 32 * 32));
    const int n = memory_items(items, &q.spec, 1, 40, MEMORY_DECODE);
    for (int i = 0; i < n; i++)
        if (strcmp(items[i].name, "cached keys") == 0)
            kept = memory_item_bytes(&items[i]);
    cr_expect(eq(u64, kept, 40 * 2 * 16 * 4));
    ledger_close(l);
}

Test(lent_keys, the_predicted_block_is_the_one_taken)
{
    static const struct shape block = { 48, 3, 3, 16, 128, 256, 6, 2, 64 };
    for (int i = 0; i < 4; i++) {
        struct model_spec spec = case_spec(&block, contrasts[i % 2], 0.0,
                                           PATTERN_ALL);
        const bool train = i & 2;
        memset(spec.windowed, 0, sizeof spec.windowed);
        spec.recursion = (struct recursion){ 0, 5, 3, RECURSION_KEYS_SHARED };
        const struct model_options options = { .n_sequences = 2,
            .n_tokens = 64, .train = train, .n_threads = 1 };
        struct model *m = case_model(&spec, &options, 1);
        const double has = (double)model_bytes(m);
        const double said = (double)memory_block_bytes(
            &spec, 2, 64, train ? MEMORY_TRAIN : MEMORY_FORWARD, 1);
        cr_expect(lt(dbl, fabs(said - has), 0.01 * has), "%.0f predicted, %.0f"
                  " taken", said, has);
        model_close(m);
    }
}

Test(lent_keys, what_does_not_fit_is_refused_by_its_key)
{
    static const struct { const char *set, *says; } bad[] = {
        { "model.recursions=1", "model.recursions" },
        { "routing={capacity: 0.5, blocks: \"0\"}", "layer 0" },
        { "routing={capacity: 0.5, blocks: \"3\", part: ffn}", "routing.part" },
        { "routing={capacity: 0.5, blocks: \"3\", skipped_keys: computed}",
          "routing.skipped_keys" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        const struct config_setting settings[] = {
            { .text = "model={family: llama, layers: 4, channels: 16, heads: 2,"
                      " recursions: 2, recursion_keys: shared}" },
            { .text = bad[i].set },
        };
        const enum status status = model_config_load(&spec, NULL, NULL,
                                                     settings, 2, &err);
        if (i == 0) {
            cr_expect(status == STATUS_OK && spec_span(&spec) == 0,
                      "one recursion lends to nobody");
            continue;
        }
        cr_expect(status == STATUS_BAD_VALUE, "%s", bad[i].set);
        cr_expect(strstr(err.text, "model.recursion_keys") &&
                  strstr(err.text, bad[i].says), "%s: %s", bad[i].set, err.text);
    }
}
