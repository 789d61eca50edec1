/* test_exits.c - Expect tokens that leave at exits to cost what is predicted, to say
 * what the layers below the exit say, and to be seen by those that stay. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "models/executor/layer_copy.h"
#include "sim/core/config/model_config.h"
#include "sim/core/model/plan.h"
#include "sim/core/model/spec_check.h"
#include "tests/variant.h"

enum { MAX_TOKENS = 64, N_LEAVING = 6 };
/* Those whose attention alone reads what a norm gives: keys of tokens that left are
 * made of that. */
static const enum family families[N_LEAVING] = {
    FAMILY_GPT2, FAMILY_LLAMA, FAMILY_QWEN3, FAMILY_STARCODER2, FAMILY_GEMMA3,
    FAMILY_STABLELM,
};
static const struct shape shape = { 20, 4, 2, 6, 24, 19, 5, 2, 23 };

struct text {
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
};

static struct text text_of(void)
{
    struct text t;
    case_text(t.ids, t.targets, shape.n_sequences * shape.n_tokens,
              shape.n_vocab, 5);
    return t;
}

static struct model *open_model(const struct model_spec *spec, bool decode,
                                int threads)
{
    const struct model_options options = {
        .n_sequences = shape.n_sequences, .n_tokens = shape.n_tokens,
        .decode = decode, .n_threads = threads,
    };
    return case_model(spec, &options, 4);
}

static void score(struct model *m, const struct text *t, struct meter *meter)
{
    double loss;
    model_forward(m, &(struct model_input){
        .ids = t->ids, .targets = t->targets,
        .n_sequences = shape.n_sequences, .n_tokens = shape.n_tokens,
        .policy = case_policy("confidence"), .entropy = true }, meter, &loss);
}

/* Tokens that the choice of a layer keeps. */
static int32_t still_there(const struct model *m, int32_t layer)
{
    return allocation_rows(model_allocation(m), layer);
}

static size_t n_logits(void)
{
    return (size_t)(shape.n_sequences * shape.n_tokens * shape.n_vocab);
}

static bool same_logits(const struct model *a, const struct model *b)
{
    return memcmp(model_logits(a), model_logits(b),
                  n_logits() * sizeof(float)) == 0;
}

Test(exits, a_text_costs_what_is_predicted_of_those_that_stay)
{
    static const double at[] = { 1e-6, 0.15, 0.3, 1.0 };
    const struct text t = text_of();
    int32_t some = 0;

    for (int i = 0; i < 4 * N_LEAVING; i++) {
        const struct model_spec spec = case_leaving(
            &shape, families[i % N_LEAVING], i, at[i / N_LEAVING]);
        struct model *m = open_model(&spec, false, 1);
        const int32_t tokens = i % 3 ? 0 : shape.n_sequences * shape.n_tokens;
        struct ledger *counted = case_ledger(spec.n_layers, tokens,
                                             PROV_COUNTED);
        struct ledger *predicted = case_ledger(spec.n_layers, tokens,
                                               PROV_PREDICTED);
        struct ledger_meter meter = ledger_meter(counted);
        struct error err = { STATUS_OK, "" };
        score(m, &t, &meter.meter);
        const struct predict_job job = { .spec = &spec,
                                         .allocation = model_allocation(m) };
        cr_assert(predict_forward(predicted, &job,
                                  PREDICT_LOSS | PREDICT_ENTROPY, NULL,
                                  &err) == STATUS_OK, "%s", err.text);
        case_same_ledger(predicted, counted, family_names[families[i % N_LEAVING]]);
        for (int32_t l = 1; l < spec.n_layers; l++) {
            cr_expect(still_there(m, l) <= still_there(m, l - 1));
            some += still_there(m, l) > 0 &&
                    still_there(m, l) < shape.n_sequences * shape.n_tokens;
        }
        ledger_close(predicted);
        ledger_close(counted);
        model_close(m);
    }
    cr_expect(gt(int, some, N_LEAVING));
}

/* Nobody is as sure as 1: every bit is the dense model's. */
Test(exits, a_model_that_nobody_leaves_is_the_dense_one)
{
    const struct text t = text_of();

    for (int i = 0; i < N_LEAVING; i++) {
        const struct model_spec spec = case_leaving(&shape, families[i], i,
                                                    1.0);
        const struct model_spec dense = spec_dense(&spec);
        struct model *m = open_model(&spec, false, 1);
        struct model *twin = open_model(&dense, false, 1);
        score(m, &t, NULL);
        score(twin, &t, NULL);
        cr_expect(still_there(m, spec.n_layers - 1) ==
                  shape.n_sequences * shape.n_tokens);
        cr_expect(same_logits(m, twin), "%s", family_names[families[i]]);
        model_close(twin);
        model_close(m);
    }
}

/* Everybody is as sure as 1e-6, and leaves where the first can. */
Test(exits, a_model_that_all_leave_is_its_first_layers)
{
    const struct text t = text_of();

    for (int i = 0; i < N_LEAVING; i++) {
        const struct model_spec spec = case_leaving(&shape, families[i], i,
                                                    1e-6);
        struct model_spec first = spec_dense(&spec);
        int32_t layer_of[SPEC_MAX_LAYERS];
        first.n_layers = 0;
        while (!spec.routed[first.n_layers])
            layer_of[first.n_layers] = first.n_layers, first.n_layers++;
        struct model *m = open_model(&spec, false, 1);
        struct model *part = open_model(&first, false, 1);
        model_copy_layers(part, m, layer_of);
        score(m, &t, NULL);
        score(part, &t, NULL);
        cr_expect(still_there(m, first.n_layers) == 0);
        cr_expect(same_logits(m, part), "%s", family_names[families[i]]);
        model_close(part);
        model_close(m);
    }
}

/* Step by step, from the first token, each step at its predicted cost; keys of
 * those that left are there for those that stay. */
static void decode_all(const struct model_spec *spec, const struct text *t,
                       const struct model *whole)
{
    const int32_t B = shape.n_sequences, T = shape.n_tokens;
    struct model *m = open_model(spec, true, 1);
    struct ledger *counted = case_ledger(spec->n_layers, B, PROV_COUNTED);
    struct ledger *predicted = case_ledger(spec->n_layers, B, PROV_PREDICTED);
    struct ledger_meter meter = ledger_meter(counted);
    struct allocation a;
    struct error err = { STATUS_OK, "" };

    cr_assert(allocation_open(&a, plan_n_choices(spec), B, T, NULL) ==
              STATUS_OK);
    model_decode_reset(m);
    for (int32_t s = 0; s < T; s++) {
        int32_t ids[2] = { t->ids[s], t->ids[T + s] };
        model_decode(m, &(struct decode_input){
            .ids = ids, .policy = case_policy("confidence") }, &meter.meter);
        a.n_tokens = s + 1;
        model_decode_allocation(m, NULL, &a);
        const struct predict_job job = { .spec = spec, .allocation = &a };
        cr_assert(predict_decode(predicted, &job, NULL, &err) == STATUS_OK,
                  "%s", err.text);
        case_same_ledger(predicted, counted, "a step");
        for (int32_t b = 0; b < B; b++)
            for (int32_t v = 0; v < shape.n_vocab; v++) {
                const double x = (double)model_logits_of(m, b, 0)[v];
                const double y = (double)model_logits_of(whole, b, s)[v];
                cr_assert(fabs(x - y) <= 1e-4 * fmax(1.0, fabs(y)), "token %d"
                          " of %d: %g, not %g", s, b, x, y);
            }
    }
    for (int32_t c = 0; c < a.n_choices; c++)
        cr_expect(allocation_rows(&a, c) ==
                  allocation_rows(model_allocation(whole), c), "choice %d", c);
    allocation_close(&a);
    ledger_close(predicted);
    ledger_close(counted);
    model_close(m);
}

Test(exits, tokens_leave_one_by_one_as_they_do_together)
{
    const struct text t = text_of();

    for (int i = 0; i < 2 * N_LEAVING; i++) {
        const struct model_spec spec = case_leaving(
            &shape, families[i % N_LEAVING], i,
            i < N_LEAVING ? 0.2 : 0.4);
        struct model *whole = open_model(&spec, false, 1);
        score(whole, &t, NULL);
        decode_all(&spec, &t, whole);
        model_close(whole);
    }
}

/* Only last logits are asked of it: no head looks in between. */
Test(exits, a_prompt_runs_whole)
{
    const struct text t = text_of();
    const struct model_spec spec = case_leaving(&shape, FAMILY_LLAMA, 0, 1e-6);
    struct model *m = open_model(&spec, true, 1);
    struct ledger *counted = case_ledger(spec.n_layers, 0, PROV_COUNTED);
    struct ledger *predicted = case_ledger(spec.n_layers, 0, PROV_PREDICTED);
    struct ledger_meter meter = ledger_meter(counted);

    model_decode_reset(m);
    model_forward(m, &(struct model_input){
        .ids = t.ids, .n_sequences = shape.n_sequences,
        .n_tokens = shape.n_tokens, .policy = case_policy("confidence"),
        .cache = true, .last_only = true }, &meter.meter, NULL);
    const struct predict_job job = { .spec = &spec,
                                     .allocation = model_allocation(m) };
    cr_assert(predict_forward(predicted, &job, PREDICT_LAST, NULL, NULL) ==
              STATUS_OK);
    case_same_ledger(predicted, counted, "a prompt");
    cr_expect(still_there(m, spec.n_layers - 1) ==
              shape.n_sequences * shape.n_tokens);
    ledger_close(predicted);
    ledger_close(counted);
    model_close(m);
}

Test(exits, bits_do_not_depend_on_threads)
{
    const struct text t = text_of();

    for (int i = 0; i < N_CONTRASTS; i++) {
        const struct model_spec spec = case_leaving(&shape, contrasts[i], i,
                                                    0.25);
        struct model *one = open_model(&spec, false, 1);
        struct model *three = open_model(&spec, false, 3);
        score(one, &t, NULL);
        score(three, &t, NULL);
        cr_expect(same_logits(one, three), "%s", family_names[contrasts[i]]);
        model_close(three);
        model_close(one);
    }
}

/* ---- what is said of them ---- */

static enum status read_spec(struct model_spec *spec, const char *routing,
                             struct error *err)
{
    char text[96];
    snprintf(text, sizeof text, "routing=%s", routing);
    const struct config_setting settings[] = {
        { .text = "model={family: llama, layers: 4, channels: 16, heads: 2}" },
        { .text = text },
    };
    return model_config_load(spec, NULL, NULL, settings, 2, err);
}

Test(exits, keys_say_where_and_how_much)
{
    struct model_spec spec;
    struct error err;

    cr_assert(read_spec(&spec, "{exits: \"0,2\", exit_weight: [0.5, 2]}",
                        &err) == STATUS_OK, "%s", err.text);
    cr_expect(eq(dbl, spec.exit_weight[0], 0.5));
    cr_expect(eq(dbl, spec.exit_weight[1], 0));
    cr_expect(eq(dbl, spec.exit_weight[2], 2));
    cr_expect(eq(int, spec_n_routed(&spec), 0));
    /* After the last layer the head reads the stream anyway. */
    cr_assert(read_spec(&spec, "{exits: \"3\"}", &err) == STATUS_OK, "%s",
              err.text);
    cr_expect(eq(int, spec_n_exits(&spec), 0));
    cr_assert(read_spec(&spec, "{exits: \"1\", policy: confidence,"
                        " confidence: 0.9, capacity: 0.3}", &err) == STATUS_OK,
              "%s", err.text);
    cr_expect(not(spec.routed[1]));
    cr_expect(spec.routed[2] && spec.routed[3]);
    cr_expect(eq(dbl, spec.capacity[3], 0.3));
    cr_expect(eq(int, spec.skipped_keys, SKIPPED_KEYS_COMPUTED));
    cr_expect(eq(int, spec.gate, GATE_ONE));
}

Test(exits, what_does_not_fit_is_refused_by_its_key)
{
    static const struct { const char *routing, *says; } bad[] = {
        { "{exits: \"4\"}", "routing.exits" },
        { "{exits: \"1\", exit_weight: 0}", "routing.exit_weight" },
        { "{exits: \"1\", exit_weight: [1, 2]}", "routing.exit_weight" },
        { "{policy: confidence}", "routing.policy confidence" },
        { "{policy: confidence, exits: \"3\"}", "routing.policy confidence" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct model_spec spec;
        struct error err = { STATUS_OK, "" };
        cr_expect(read_spec(&spec, bad[i].routing, &err) == STATUS_BAD_VALUE);
        cr_expect(strstr(err.text, bad[i].says) != NULL, "%s: %s",
                  bad[i].routing, err.text);
    }
}

/* ---- in training, of models that route too ---- */

static struct model_spec case_between(const struct shape **of,
                                      char what[CASE_NAME_SIZE], int i)
{
    static struct model_spec (*const make[])(
        const struct shape **, char[CASE_NAME_SIZE], int) = {
        case_recursion, case_nested, case_depths,
    };
    struct model_spec spec = make[i % 3](of, what, i / 3 * (i % 3 ? 1 : 2));

    for (int32_t l = 0; l + 1 < spec.n_layers; l++)
        spec.exit_weight[l] = !spec_is_followed(&spec, l) && (i + l) % 3
                                  ? 0.25 * (l + 1) : 0.0;
    snprintf(what + strlen(what), CASE_NAME_SIZE - strlen(what), ", %d exits",
             spec_n_exits(&spec));
    return spec;
}

static const struct variant between = {
    .make = case_between, .n = 66, .policy = "threshold",
    .causal = "threshold", .cut = 0.1f, .numbers = 5, .cells = 9,
};

Test(exits, gradients_between_recursions_are_slopes_of_the_loss_in_double)
{
    variant_expect_slopes(&between);
}

Test(exits, any_number_of_threads_gives_the_same_bits_between_recursions)
{
    variant_expect_same_bits(&between, 5);
}

Test(exits, training_between_recursions_costs_what_is_predicted)
{
    variant_expect_training_cost(&between);
}

Test(exits, decoding_between_recursions_reads_none)
{
    variant_expect_decoding(&between);
}

static void expect_untrained(const struct model_spec *spec, const char *says)
{
    struct error err = { STATUS_OK, "" };

    cr_expect(eq(int, spec_check_training(spec, &err), STATUS_BAD_VALUE));
    cr_expect(eq(str, err.text, (char *)says));
}

Test(exits, what_is_not_trained_is_refused_by_its_key)
{
    struct model_spec spec = case_leaving(&shape, FAMILY_LLAMA, 0, 0.5);

    expect_untrained(&spec, "routing.policy confidence: goes by what exits have"
                     " learned, and trains nothing; allowed is routing.exits"
                     " without it");
    spec = case_exits(&shape, FAMILY_LLAMA, 0);
    cr_expect(eq(int, spec_check_training(&spec, NULL), STATUS_OK));
    spec.routed[1] = true;
    cr_expect(eq(int, spec_check_training(&spec, NULL), STATUS_OK));
    spec.backbone_frozen = true;
    expect_untrained(&spec, "train.freeze backbone: with routing.exits all is"
                     " trained together");
    spec.backbone_frozen = false;
    spec.nested = true;
    spec.recursion = (struct recursion){ 1, 4, 2, 0 };
    spec.routed[2] = true;
    spec.exit_weight[1] = 1.0;
    expect_untrained(&spec, "routing.exits: layer 1 is not the last of a span"
                     " that routing.nested routes as one; allowed is an exit"
                     " after all of it");
}
