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

/* A part of the twin is trained whole: there is no third arm. */
Test(profile_rival, a_part_is_not_trained)
{
    cr_assert(eq(int, profile("expert_choice", "train", "layers:2"), 0));
    json_t *summary = json_load_file("p/summary.json", 0, NULL);
    cr_expect(json_object_get(phase_of(summary), "against") == NULL);
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
