/* test_profile_rival.c - A rival runs in turns with the model and its twin, and
 * what it is counted to cost is what is predicted. */
#include <criterion/criterion.h>

#include "tests/cli.h"

TestSuite(profile_rival, .init = set_up, .fini = leave_directory);

static const char model[] =
    "model: {family: llama, layers: 4, channels: 32, heads: 4, kv_heads: 2,"
    " ffn: 64, vocab: 100, max_tokens: 64}\n"
    "routing: {gate: one, capacity: 0.25, policy: %s}\n";

static int profile(const char *policy, const char *phase, const char *against)
{
    char text[512];

    snprintf(text, sizeof text, model, policy);
    put_file("m.yaml", text);
    return ISOBATH("profile", "m.yaml", "-o", "p", "-q", "--tokens", "32",
                   "--steps", "2", "-r", "2", "-p", phase, "--against",
                   against);
}

static json_t *phase_of(json_t *summary)
{
    return json_array_get(json_object_get(summary, "phases"), 0);
}

static const char *const phases[] = { "train", "prefill", "decode" };

Test(profile_rival, all_of_its_layers_are_the_twin)
{
    for (int p = 0; p < 3; p++) {
        cr_assert(eq(int, profile("expert_choice", phases[p], "equal-params"),
                     0), "%s", read_file("stderr", NULL));
        json_t *summary = json_load_file("p/summary.json", 0, NULL);
        json_t *rival = json_object_get(phase_of(summary), "against");
        json_t *arms = json_object_get(phase_of(summary), "arms");
        cr_assert(eq(sz, json_array_size(arms), 2));
        cr_expect(eq(dbl, number_at(rival, "layers_run"), 4));
        cr_expect(eq(dbl, number_at(rival, "arm.totals.counted.flops"),
                     number_at(json_array_get(arms, 0), "totals.counted.flops")));
        cr_expect(eq(dbl, number_at(rival, "ratio.flops"),
                     number_at(phase_of(summary), "ratio.flops")));
        cr_expect(ge(dbl, number_at(rival, "ratio.seconds.n"), 1));
        json_decref(summary);
    }
}

Test(profile_rival, fewer_layers_are_counted_as_predicted)
{
    static const char *const rivals[] = { "layers:1", "exit:3", "equal-flops" };
    for (int r = 0; r < 3; r++) {
        cr_assert(eq(int, profile("expert_choice", "decode", rivals[r]), 0),
                  "%s", read_file("stderr", NULL));
        json_t *summary = json_load_file("p/summary.json", 0, NULL);
        json_t *rival = json_object_get(phase_of(summary), "against");
        cr_expect(eq(dbl, number_at(rival, "layers_run"),
                     r == 2 ? round(number_at(rival, "layers")) : 1 + 2 * r));
        cr_expect(eq(dbl, number_at(rival, "arm.totals.counted.flops"),
                     number_at(rival, "arm.totals.predicted.flops")));
        cr_expect(strstr(read_file("stdout", NULL), "against ") != NULL);
        json_decref(summary);
    }
}

/* A part of the twin is trained whole: there is no third arm, and it is said,
 * also where other phases have it. */
Test(profile_rival, a_part_is_not_trained)
{
    static const char *const cases[][2] = {
        { "train", "exit:2" }, { "train,prefill,decode", "layers:2" },
    };
    for (int i = 0; i < 2; i++) {
        cr_assert(eq(int, profile("expert_choice", cases[i][0], cases[i][1]),
                     0));
        expect_said("stdout", ": not run; it is trained as the twin");
        json_t *summary = json_load_file("p/summary.json", 0, NULL);
        const json_t *rival = json_object_get(phase_of(summary), "against");
        cr_expect(json_object_get(rival, "arm") == NULL);
        cr_expect_str_eq(json_string_value(json_object_get(rival, "rival")),
                         cases[i][1]);
        cr_expect(strstr(json_string_value(json_object_get(rival, "note")),
                         "trained as the twin") != NULL);
        json_decref(summary);
    }
}

/* The note is what the phase says of its rival; NULL: none. */
static const char *note_of(json_t *summary)
{
    return json_string_value(json_object_get(
        json_object_get(phase_of(summary), "against"), "note"));
}

/* Two layers of four keep a quarter: two and a half are worth as much, of which
 * two run.  In prefill as many tokens are kept as the capacity says. */
Test(profile_rival, flops_that_are_not_equal_say_so)
{
    cr_assert(eq(int, profile("expert_choice", "prefill", "equal-flops"), 0));
    json_t *summary = json_load_file("p/summary.json", 0, NULL);
    json_t *rival = json_object_get(phase_of(summary), "against");
    const double ratio = number_at(rival, "ratio.flops");
    char share[64], layers[64];

    cr_assert(gt(dbl, fabs(1 / ratio - 1), 0.05));
    snprintf(share, sizeof share, "takes %.1f %% of the model's", 100 / ratio);
    snprintf(layers, sizeof layers, "of %.4g layers it runs with 2",
             number_at(rival, "layers"));
    expect_said("stdout", share);
    expect_said("stdout", layers);
    cr_assert(note_of(summary) != NULL);
    cr_expect(strstr(note_of(summary), share) != NULL);
    cr_expect(strstr(note_of(summary), "routed layers kept") == NULL);
    json_decref(summary);
}

/* Decoding draws whom a layer keeps, by chance more or fewer than the quarter:
 * two steps, two routed layers, and the classes of tokens tell how many. */
Test(profile_rival, tokens_kept_beyond_the_capacity_are_a_reason)
{
    cr_assert(eq(int, profile("expert_choice", "decode", "equal-flops"), 0));
    json_t *summary = json_load_file("p/summary.json", 0, NULL);
    json_t *classes = json_object_get(phase_of(summary), "tokens_by_kept");
    json_t *class;
    double kept = 0;
    size_t i;
    char said[64];

    json_array_foreach(classes, i, class)
        kept += number_at(class, "kept") * number_at(class, "steps");
    cr_assert(ne(dbl, kept, 1), "the seed draws what is expected");
    snprintf(said, sizeof said, "kept %.3g %% of the tokens", 100 * kept / 4);
    cr_assert(note_of(summary) != NULL);
    cr_expect(strstr(note_of(summary), said) != NULL, "%s", note_of(summary));
    cr_expect(strstr(note_of(summary), "not 25 %") != NULL, "%s",
              note_of(summary));
    json_decref(summary);
}

Test(profile_rival, a_dense_model_has_rivals_too)
{
    cr_assert(eq(int, profile("dense", "prefill", "layers:2"), 0));
    json_t *summary = json_load_file("p/summary.json", 0, NULL);
    json_t *rival = json_object_get(phase_of(summary), "against");
    cr_expect(gt(dbl, number_at(rival, "ratio.flops"), 1.5));
    json_decref(summary);
}

static double counted_in_training(const char *routing)
{
    char text[512];

    snprintf(text, sizeof text, "model: {family: llama, layers: 4, channels: 32,"
             " heads: 4, vocab: 100, max_tokens: 64}\nrouting: %s\n", routing);
    put_file("m.yaml", text);
    cr_assert(eq(int, ISOBATH("profile", "m.yaml", "-o", "p", "-q", "--tokens",
                              "32", "-r", "1", "-p", "train"), 0), "%s",
              read_file("stderr", NULL));
    json_t *summary = json_load_file("p/summary.json", 0, NULL);
    json_t *arms = json_object_get(phase_of(summary), "arms");
    cr_assert(eq(sz, json_array_size(arms), 1));
    const double flops = number_at(json_array_get(arms, 0),
                                   "totals.counted.flops");
    cr_expect(eq(dbl, flops, number_at(json_array_get(arms, 0),
                                       "totals.predicted.flops")));
    json_decref(summary);
    return flops;
}

/* What an exit adds is a head and its loss: a product of 32 tokens, 32 channels and
 * 100 words forward, two backward, and less than half as much for norm and loss. */
Test(profile_rival, a_dense_model_trains_its_exits)
{
    const double plain = counted_in_training("{policy: dense}");
    const double exits = counted_in_training("{policy: dense, exits: \"1\"}");

    cr_expect(ge(dbl, exits - plain, 3 * 2.0 * 32 * 32 * 100));
    cr_expect(le(dbl, exits - plain, 1.5 * 3 * 2.0 * 32 * 32 * 100));
}

Test(profile_rival, what_cannot_run_is_refused)
{
    put_file("small.yaml", "model: {family: llama, layers: 2, channels: 32,"
             " heads: 4, vocab: 50, max_tokens: 64}\n"
             "routing: {policy: dense}\n");
    put_file("short.yaml", "model: {family: llama, layers: 2, channels: 32,"
             " heads: 4, vocab: 100, max_tokens: 16}\n"
             "routing: {policy: dense}\n");
    static const char *const wrong[][2] = {
        { "layers:5", "--against layers:5: allowed are" },
        { "small.yaml", "it knows 50 tokens" },
        { "short.yaml", "it covers 16 tokens" },
        { "m.yaml", "it routes" },
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_expect(eq(int, profile("expert_choice", "prefill", wrong[i][0]), 2));
        cr_expect(strstr(read_file("stderr", NULL), wrong[i][1]) != NULL, "%s",
                  read_file("stderr", NULL));
    }
}
