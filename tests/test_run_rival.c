/* test_run_rival.c - A rival runs on the windows, or the prompt, of the model: its
 * layers are those that it is made of, and what nobody trained has no loss. */
#include <criterion/criterion.h>

#include "tests/cli.h"

TestSuite(run_rival, .init = set_up, .fini = leave_directory);

/* Four drawn layers over bytes, of which some may be dropped. */
static const char model[] =
    "model: {family: llama, layers: 4, channels: 32, heads: 4, kv_heads: 2,"
    " ffn: 64, vocab: 256, max_tokens: 64}\n"
    "routing: {gate: one, policy: replay, replay: t.csv}\n";

/* The model whose routed blocks, "1,3", keep nothing of two windows. */
static void put_model(const char *blocks)
{
    FILE *trace = fopen("t.csv", "w");

    cr_assert(trace != NULL);
    fputs("window,layer,part,tokens,kept\r\n", trace);
    for (int w = 0; w < 2; w++)
        for (const char *b = blocks; *b; b += 1 + (b[1] == ','))
            fprintf(trace, "%d,%c,block,32,\r\n", w, *b);
    fclose(trace);
    put_file("m.yaml", model);
}

static int score(const char *against, const char *output)
{
    return ISOBATH("run", "m.yaml", "--text", "text", "--limit", "65",
                   "--window", "32", "--against", against, "-o", output);
}

/* A block that keeps no token is a block that is not there. */
Test(run_rival, layers_that_are_dropped_are_blocks_that_keep_nothing)
{
    static const struct { const char *skipped, *rival; } cases[] = {
        { "1,3", "layers:2" }, { "2,3", "exit:2" }, { "3", "layers:3" },
        { "1,2,3", "exit:1" }, { "1", "layers:0,2,3" },
        { "0,2", "layers:1,3" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_model(cases[i].skipped);
        cr_assert(eq(int, score(cases[i].rival, "r"), 0), "%s",
                  read_file("stderr", NULL));
        json_t *s = summary_of("r");
        cr_expect(epsilon_eq(dbl, number_at(s, "against.per_token.nats"),
                             number_at(s, "per_token.nats"), 1e-6), "%s",
                  cases[i].rival);
        cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
        cr_expect(eq(dbl, number_at(s, "against.per_token.flops"),
                     number_at(s, "against.per_token.flops_predicted")));
        json_decref(s);
        cr_assert(eq(int, system("rm -r r"), 0));
    }
    /* Another layer in its place is another model. */
    put_model("2,3");
    cr_assert(eq(int, score("layers:2", "r"), 0));
    json_t *s = summary_of("r");
    cr_expect(gt(dbl, fabs(number_at(s, "against.loss_difference.value")),
                 1e-4));
    json_decref(s);
}

Test(run_rival, what_nobody_trained_has_costs_and_no_loss)
{
    put_model("1,3");
    cr_assert(eq(int, score("equal-flops", "r"), 0), "%s",
              read_file("stderr", NULL));
    expect_said("stdout", "its loss is unknown: nobody trained it");
    json_t *s = summary_of("r");
    cr_expect(isnan(number_at(s, "against.per_token.nats")));
    cr_expect(isnan(number_at(s, "against.loss_increase.value")));
    cr_expect(gt(dbl, number_at(s, "against.ratio.flops"), 0));
    cr_expect(gt(dbl, number_at(s, "against.ratio.seconds.value"), 0));
    cr_expect(json_object_get(json_object_get(s, "against"), "unscored") !=
              NULL);
    json_decref(s);
    expect_said("r/losses.csv", ",\r\n");
    expect_said("r/windows.csv", ",,");
}

/* A model against itself takes what it takes; the shape drawn from the same seed
 * has no loss, for drawn is not trained. */
Test(run_rival, another_model_knows_the_same_tokens)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q"), 0));
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "96",
                              "--against", "a", "-o", "r"), 0), "%s",
              read_file("stderr", NULL));
    json_t *s = summary_of("r");
    cr_expect(eq(dbl, number_at(s, "against.loss_difference.value"), 0));
    cr_expect(eq(dbl, number_at(s, "against.ratio.flops"), 1));
    json_decref(s);
    put_file("other.yaml", "model: {family: llama, layers: 1, channels: 32,"
             " heads: 4, kv_heads: 2, ffn: 64, vocab: 300, max_tokens: 64}\n");
    cr_expect(eq(int, ISOBATH("run", "a", "--text", "text", "--against",
                              "other.yaml"), 2));
    expect_said("stderr", "--against other.yaml: it knows 300 tokens: allowed"
                " are models that know the same 256");
    put_file("short.yaml", "model: {family: llama, layers: 1, channels: 32,"
             " heads: 4, kv_heads: 2, ffn: 64, vocab: 256, max_tokens: 8}\n");
    cr_expect(eq(int, ISOBATH("run", "a", "--text", "text", "--against",
                              "short.yaml"), 2));
    expect_said("stderr", "--against short.yaml: it covers 8 tokens");
}

/* "the" of one tokenizer is "eht" to the other. */
Test(run_rival, tokens_that_mean_other_bytes_do_not_pair)
{
    static const char *const names[] = { "a", "b" };

    write_tokenizer("a.bin");
    cr_assert(eq(int, system("sed 's/the/eht/' a.bin >b.bin"), 0));
    for (int i = 0; i < 2; i++) {
        char tokenizer[64];
        snprintf(tokenizer, sizeof tokenizer, "data.tokenizer=%s.bin",
                 names[i]);
        cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", names[i], "-q",
                                  "--set", tokenizer, "--set",
                                  "model.vocab=270", "--set",
                                  "train.steps=2"), 0), "%s",
                  read_file("stderr", NULL));
    }
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "64",
                              "--against", "a"), 0), "%s",
              read_file("stderr", NULL));
    cr_expect(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "64",
                              "--against", "b"), 2));
    expect_said("stderr", "--against b: its tokens are others");
    cr_expect(eq(int, ISOBATH("run", "a", "--prompt", "the", "-n", "2",
                              "--against", "b"), 2));
    expect_said("stderr", "--against b: its tokens are others");
}

Test(run_rival, wrong_ones_are_told_what_is_allowed)
{
    static const char *const cases[][2] = {
        { "layers:5", "--against layers:5: allowed are 1 to the model's 4"
          " layers" },
        { "exit:0", "--against exit:0: allowed is a number of layers" },
        { "equal-flop", "allowed are dense, equal-flops, equal-params,"
          " layers:N, exit:N and models: equal-flop: no such file" },
    };
    put_model("1,3");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        cr_expect(eq(int, score(cases[i][0], "r"), 2));
        expect_said("stderr", cases[i][1]);
        cr_expect(not(there("r")));
    }
}

/* ---- a prompt ---- */

static json_t *go_on(const char *against)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q"), 0));
    cr_assert(eq(int, ISOBATH("run", "a", "--prompt", "and the", "-n", "8",
                              "--against", against, "--set", "run.repeats=7",
                              "-o", "r"), 0), "%s", read_file("stderr", NULL));
    return summary_of("r");
}

Test(run_rival, a_prompt_costs_the_rival_what_it_costs_alone)
{
    json_t *s = go_on("dense");
    cr_assert(eq(int, ISOBATH("run", "a", "--prompt", "and the", "-n", "8",
                              "--policy", "dense", "-o", "d"), 0));
    json_t *d = summary_of("d");
    static const char *const same[] = { "prefill_flops", "prefill_bytes" };
    for (size_t i = 0; i < 2; i++) {
        char one[64], other[64];
        snprintf(one, sizeof one, "against.%s", same[i]);
        snprintf(other, sizeof other, "generation.%s", same[i]);
        cr_expect(eq(dbl, number_at(s, one), number_at(d, other)));
    }
    cr_expect(eq(dbl, number_at(s, "against.decode_flops_per_token"),
                 number_at(d, "generation.decode_flops_per_token")));
    cr_expect(gt(dbl, number_at(s, "against.ratio.prefill.seconds.low"), 0));
    cr_expect(le(dbl, number_at(s, "against.ratio.decode.flops"), 1));
    expect_said("stderr", "counted == predicted");
    json_decref(d);
    json_decref(s);
}

/* Its tokens are the model's, not those that it would choose. */
Test(run_rival, a_prompt_goes_on_as_the_model_says)
{
    json_t *s = go_on("exit:1");
    cr_assert(eq(int, ISOBATH("run", "a", "--prompt", "and the", "-n", "8",
                              "-o", "d"), 0));
    json_t *d = summary_of("d");
    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(s,
                     "generation"), "text")),
                     json_string_value(json_object_get(json_object_get(d,
                     "generation"), "text")));
    cr_expect(eq(dbl, number_at(s, "against.layers_run"), 1));
    cr_expect(gt(dbl, number_at(s, "against.ratio.decode.flops"), 1));
    json_decref(d);
    json_decref(s);
}
