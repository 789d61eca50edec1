/* test_train_init.c - Run isobath train as a user does who begins with a model:
 * with routers put into it, or all of it trained on; with its tokenizer, or
 * another. */
#include <criterion/criterion.h>

#include "tests/cli.h"

TestSuite(train_init, .init = set_up, .fini = leave_directory);

static const char routers_config[] =
    "routing:\n"
    "  capacity: 0.5\n"
    "data:\n"
    "  path: text\n"
    "  tokens: 32\n"
    "train:\n"
    "  init: dense\n"
    "  freeze: backbone\n"
    "  batch: 2\n"
    "  steps: 40\n"
    "  judge_windows: 100\n"
    "  save_every: 3\n";

/* A dense model in `dense`, and the config of routers for it. */
static void train_dense(void)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "dense", "-q", "--set",
                              "routing.capacity=1"), 0));
    put_file("routers.yaml", routers_config);
}

Test(train_init, routers_alone_are_trained_and_the_rest_is_the_model_that_came)
{
    train_dense();
    cr_assert(eq(int, ISOBATH("train", "routers.yaml", "-o", "a"), 0));
    expect_said("stdout", "with nothing routed, ");
    json_t *dense = summary_of("dense"), *s = summary_of("a");
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    /* Judged on the same windows, once by itself and once within this run. */
    cr_expect(epsilon_eq(dbl, number_at(s, "loss.heldout_dense"),
                         number_at(dense, "loss.heldout_causal"), 1e-6));
    double drawn = number_at(s, "loss.heldout_routers_drawn");
    double cost = drawn - number_at(s, "loss.heldout_dense");
    double back = drawn - number_at(s, "loss.heldout_topk");
    if (cost > 0.0)
        cr_expect(epsilon_eq(dbl, number_at(s, "loss.share_recovered"),
                             back / cost, 1e-9));
    else
        cr_expect(isnan(number_at(s, "loss.share_recovered")));
    const double dense_loss = number_at(s, "loss.heldout_dense");
    /* The lowest router is that of the last layer: backward is head and loss. */
    cr_expect(number_at(s, "totals.counted.flops") <
              0.6 * number_at(dense, "totals.counted.flops"));
    json_decref(s);
    json_decref(dense);

    /* Whatever the gates: what is dense has none. */
    cr_assert(eq(int, ISOBATH("train", "routers.yaml", "-o", "gated", "-q",
                              "--set", "routing.bypass=gated", "--set",
                              "routing.gate_scale=0.5", "--set",
                              "train.steps=2"), 0));
    json_t *gated = summary_of("gated");
    cr_expect(eq(dbl, number_at(gated, "loss.heldout_dense"), dense_loss));
    json_decref(gated);

    /* The written model is the dense one, with a router in it. */
    cr_assert(eq(int, ISOBATH("run", "dense", "--text", "text", "--limit",
                              "640", "--format", "csv"), 0));
    cr_assert(rename("stdout", "dense.csv") == 0);
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "640",
                              "--policy", "dense", "--format", "csv"), 0));
    expect_same_file("stdout", "dense.csv");
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "640"),
                 0));
    expect_said("stdout", "threshold");
}

Test(train_init, routers_trained_in_parts_are_those_trained_at_once)
{
    static const long moments[] = { 30, 60, 20, 80, 45 };

    train_dense();
    put_file("run.yaml", routers_config);
    expect_no_harm_of_kills(moments, sizeof moments / sizeof *moments);
}

Test(train_init, a_model_that_routes_already_goes_on_as_it_routes)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "dense", "-q"), 0));
    put_file("bad.yaml", routers_config);
    cr_expect(eq(int, ISOBATH("train", "bad.yaml", "-o", "bad"), 2));
    expect_said("stderr", "bad.yaml:2:13: routing.capacity [0.5]: train.init"
                " dense has [0.25]; leave the key out");
    put_file("more.yaml", strstr(routers_config, "data:"));
    cr_assert(eq(int, ISOBATH("train", "more.yaml", "-o", "more", "-q", "--set",
                              "routing.capacity=0.25"), 0));
    json_t *s = summary_of("more");
    cr_expect(eq(dbl, number_at(s, "routing.capacity_nominal"), 0.25));
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    cr_expect(at(s, "loss.heldout_dense") == NULL);
    json_decref(s);
}

static void expect_hash(bool same, const char *key, const char *a,
                        const char *b)
{
    json_t *one = json_object_get(at(summary_of(a), "provenance.hashes"), key);
    json_t *two = json_object_get(at(summary_of(b), "provenance.hashes"), key);

    cr_assert(one && two, "%s", key);
    cr_expect(json_equal(one, two) == same, "%s of %s and %s", key, a, b);
}

/* Routers are drawn by the seed, and are no part of what was given. */
Test(train_init, a_model_to_begin_with_is_told_by_its_content)
{
    train_dense();
    cr_assert(eq(int, ISOBATH("train", "routers.yaml", "-o", "a", "-q"), 0));
    cr_assert(eq(int, ISOBATH("train", "routers.yaml", "-o", "b", "-q", "--set",
                              "train.init=./dense", "--set", "train.seed=2"),
                 0));
    put_file("more.yaml", strstr(routers_config, "data:"));
    cr_assert(eq(int, ISOBATH("train", "more.yaml", "-o", "c", "-q", "--set",
                              "train.init=a"), 0));
    expect_hash(true, "train.init", "a", "b");
    expect_hash(false, "train.init", "a", "c");
}

/* A rate that moves no weight: what is judged is what was read. */
Test(train_init, all_of_a_model_may_be_trained_on)
{
    train_dense();
    cr_assert(eq(int, ISOBATH("train", "routers.yaml", "-o", "a", "-q", "--set",
                              "routing.capacity=1", "--set",
                              "train.freeze=none", "--set", "train.steps=2",
                              "--set", "train.learning_rate=1e-30"), 0));
    json_t *dense = summary_of("dense"), *s = summary_of("a");
    cr_expect(eq(dbl, number_at(s, "loss.heldout_causal"),
                 number_at(dense, "loss.heldout_causal")));
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    json_decref(s);
    json_decref(dense);
    expect_same_file("a/model.safetensors", "dense/model.safetensors");
}

/* Everything learns, routers drawn into it too; their thresholds begin with the
 * first cut, not from nothing. */
Test(train_init, all_of_a_dense_model_learns_with_routers_drawn_into_it)
{
    train_dense();
    put_file("whole.yaml", routers_config);
    cr_assert(eq(int, ISOBATH("train", "whole.yaml", "-o", "first", "-q",
                              "--set", "train.freeze=none", "--set",
                              "routing.capacity=0.25", "--set", "train.steps=1",
                              "--set", "train.learning_rate=1e-30"), 0));
    cr_assert(eq(int, ISOBATH("train", "whole.yaml", "-o", "last", "-q", "--set",
                              "train.freeze=none", "--set",
                              "routing.capacity=0.25"), 0));
    json_t *dense = summary_of("dense");
    json_t *first = summary_of("first"), *last = summary_of("last");
    /* A threshold of 0 would keep half of scores so small. */
    cr_expect(number_at(first, "routing.capacity_realised") < 0.4);
    cr_expect(number_at(first, "loss.heldout_topk") >
              number_at(dense, "loss.heldout_causal"));
    cr_expect(number_at(last, "loss.heldout_causal") <
              number_at(first, "loss.heldout_causal"));
    cr_expect(eq(dbl, number_at(last, "counted_equals_predicted"), 1));
    json_decref(last);
    json_decref(first);
    json_decref(dense);
    /* What routes already brings its thresholds. */
    put_file("more.yaml", strstr(routers_config, "data:"));
    cr_assert(eq(int, ISOBATH("train", "more.yaml", "-o", "more", "-q", "--set",
                              "train.freeze=none", "--set", "train.init=last",
                              "--set", "train.steps=1", "--set",
                              "train.learning_rate=1e-30"), 0));
    last = summary_of("last");
    first = summary_of("more");
    cr_expect(epsilon_eq(dbl, number_at(first, "loss.heldout_topk"),
                         number_at(last, "loss.heldout_topk"), 1e-6));
    cr_expect(epsilon_eq(dbl, number_at(first, "loss.heldout_causal"),
                         number_at(last, "loss.heldout_causal"), 0.02));
    json_decref(first);
    json_decref(last);
}

static void expect_bad_routers(const char *from, const char *to,
                               const char *said)
{
    expect_bad_config(routers_config, from, to, said);
}

Test(train_init, train_tells_what_a_model_to_begin_with_does_not_allow)
{
    train_dense();
    put_file("shape.yaml", "model:\n  family: gpt2\n  layers: 2\n"
             "  channels: 16\n  heads: 2\n");
    expect_bad_routers("capacity: 0.5", "capacity: 1",
                       "bad.yaml:8:11: train.freeze backbone: nothing is left"
                       " to train, as no block is routed");
    expect_bad_routers("capacity: 0.5", "capacity: 0.5\n  gate: one",
                       "bad.yaml:9:11: train.freeze backbone: nothing is left"
                       " to train, as no gradient passes gate one");
    expect_bad_routers("capacity: 0.5", "capacity: 0.5\n  router: frozen",
                       "the routers are frozen too");
    expect_bad_routers("capacity: 0.5", "capacity: 0.5\n  policy: strided\n"
                       "  gate: one", "this model has no router");
    expect_bad_routers("capacity: 0.5", "capacity: 0.5\n  blocks: 1,9",
                       "bad.yaml:3:11: routing.blocks: layer 9:");
    expect_bad_routers("freeze: backbone", "freeze: all", "bad.yaml:8:11:"
                       " train.freeze all: allowed is one of none,"
                       " backbone");
    expect_bad_routers("init: dense", "init: nowhere", "bad.yaml:7:9:");
    expect_bad_routers("init: dense", "init: shape.yaml", "bad.yaml:7:9:"
                       " train.init shape.yaml: a shape without weights");
    expect_bad_routers("routing:", "model:\n  channels: 24\nrouting:",
                       "bad.yaml:2:13: model.channels 24: train.init dense has"
                       " 16; leave the key out");
    expect_bad_routers("routing:", "model:\n  family: gpt2\nrouting:",
                       "bad.yaml:2:11: model.family \"gpt2\": train.init dense"
                       " has \"llama\"");
    expect_bad_routers("  init: dense\n", "", "missing key 'model.family':"
                       " allowed is one of gpt2, llama,");
    expect_bad_routers("tokens: 32", "tokens: 65", "bad.yaml:5:11: data.tokens"
                       " 65: allowed is at most model.max_tokens, 64");
    expect_bad_routers("tokens: 32", "tokenizer: none.bin",
                       "bad.yaml:5:14: ");
    /* The same said again is no contradiction. */
    cr_expect(eq(int, ISOBATH("train", "routers.yaml", "-o", "a", "-q", "--set",
                              "model.channels=16", "--set",
                              "model.norm_epsilon=1e-5", "--set",
                              "train.steps=1"), 0));
}

Test(train_init, a_text_is_encoded_by_the_tokenizer_given)
{
    write_tokenizer("tokens.bin");
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "model.vocab=270", "--set",
                              "data.tokenizer=tokens.bin", "--set",
                              "train.judge_windows=0"), 0));
    json_t *s = summary_of("a");
    double bytes = number_at(s, "loss.heldout_bytes");
    double tokens = number_at(s, "loss.heldout_tokens");
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    /* "the " and "in " are shorter as tokens; whole windows of 32 tokens leave
     * less than one of each of 4 runs of 4096 bytes. */
    cr_expect(tokens < bytes && bytes > 4 * 4096 - 4 * 32 * 3 &&
              bytes <= 4 * 4096, "%g bytes, %g tokens", bytes, tokens);
    cr_expect(number_at(s, "loss.heldout_causal") < 5.4);
    /* Its splits are there for others too. */
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--split",
                              "validation", "-q", "-o", "v"), 0));
    json_t *v = summary_of("v");
    cr_expect(epsilon_eq(dbl, number_at(v, "loss.heldout_causal"),
                         number_at(s, "loss.heldout_causal"), 1e-6));
    cr_expect(eq(dbl, number_at(v, "loss.heldout_bytes"), bytes));
    cr_expect(eq(dbl, number_at(v, "loss.heldout_tokens"), tokens));
    json_decref(v);
    json_decref(s);
    cr_expect(eq(int, ISOBATH("route-table", "a", "--text", "text", "-q", "-o",
                              "table.csv"), 0));
    cr_expect(eq(int, ISOBATH("run", "a", "--text", "text", "--split",
                              "validation", "--special", "text"), 2));
    expect_said("stderr", "splits are encoded as training does");
    /* The model has to know the tokens that stand in the text. */
    cr_expect(eq(int, ISOBATH("train", "run.yaml", "-o", "bad", "--set",
                              "data.tokenizer=tokens.bin"), 2));
    expect_said("stderr", "stands in the text: the model has 256 tokens");
    /* It lies beside the weights, so that others need not be told. */
    size_t size[2];
    char *given = read_file("tokens.bin", &size[0]);
    char *copied = read_file("a/tokenizer.bin", &size[1]);
    cr_expect(size[0] == size[1] && memcmp(given, copied, size[0]) == 0);
    free(copied);
    free(given);
    cr_assert(eq(int, ISOBATH("run", "a", "--prompt", "in the", "-n", "3", "-o",
                              "p"), 0));
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "50",
                              "-q"), 0));
    unlink("a/tokenizer.bin");
    /* A vocabulary that bytes do not fill asks for a tokenizer. */
    put_file("routers.yaml", strstr(routers_config, "data:"));
    cr_expect(eq(int, ISOBATH("train", "routers.yaml", "-o", "bad", "--set",
                              "train.init=a"), 2));
    expect_said("stderr", "--set: train.init a: a vocabulary of 270 tokens; 256"
                " would be bytes, any other needs data.tokenizer");
}

/* A real model, with half the tokens of one block skipped. */
Test(train_init, stories_lose_by_a_router_and_get_some_of_it_back)
{
    char model[FILE_PATH_SIZE], tokenizer[FILE_PATH_SIZE], text[FILE_PATH_SIZE],
         set[3][FILE_PATH_SIZE + 32];
    shared_from_here(model, "llama2c/stories260K.bin");
    shared_from_here(tokenizer, "llama2c/tok512.bin");
    shared_from_here(text, "text/tinyshakespeare.txt");
    snprintf(set[0], sizeof set[0], "train.init=%s", model);
    snprintf(set[1], sizeof set[1], "data.tokenizer=%s", tokenizer);
    snprintf(set[2], sizeof set[2], "data.path=%s", text);
    put_file("routers.yaml", routers_config);
    cr_assert(eq(int, ISOBATH("train", "routers.yaml", "-o", "a", "-q", "--set",
                              set[0], "--set", set[1], "--set", set[2], "--set",
                              "data.tokens=128", "--set", "train.save_every=0",
                              "--set", "train.steps=60"), 0));
    json_t *s = summary_of("a");
    double dense = number_at(s, "loss.heldout_dense");
    double drawn = number_at(s, "loss.heldout_routers_drawn");
    double trained = number_at(s, "loss.heldout_topk");
    cr_expect(dense < trained && trained < drawn, "%g, %g, %g", dense, trained,
              drawn);
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    json_decref(s);
}
