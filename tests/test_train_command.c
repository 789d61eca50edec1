/* test_train_command.c - Run isobath train as a user does: exit codes,
 * messages, files, signals, full disks, sudden death. */
#include <criterion/criterion.h>
#include <fcntl.h>

#include "sim/core/answer/table.h"
#include "tests/cli.h"

#include "models/kernels/kernels.h"

TestSuite(train_command, .init = set_up, .fini = leave_directory);

Test(train_command, train_leaves_the_files_that_others_read)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a"), 0));
    expect_said("stdout", " nats per byte under expert_choice, which looks"
                " ahead, ");
    expect_said("stdout", "FLOP a token, 25.0 % kept in routed blocks");
    cr_expect(there("a/model.safetensors"));
    cr_expect(there("a/config.json"));
    cr_expect(there("a/curve.csv"));
    cr_expect(there("a/ledger.csv"));
    expect_said("a/curve.csv", "step,tokens,flops,seconds,joules,lr,train_loss,"
                "heldout_loss,capacity_realised,grad_norm,predictor_accuracy,"
                "predictor_balanced,expert_balance_loss,expert_z_loss,"
                "expert_load_max,expert_dropped\r\n1,64,");
    json_t *s = summary_of("a");
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    cr_expect(eq(dbl, number_at(s, "totals.counted.flops"),
                 number_at(s, "totals.predicted.flops")));
    cr_expect(eq(dbl, number_at(s, "tokens"), 40 * 2 * 32));
    cr_expect(number_at(s, "totals.measured.seconds") > 0);
    cr_expect(number_at(s, "load.wall_seconds") > 0);
    cr_expect(number_at(s, "load.cpu_seconds") > 0);
    cr_expect(number_at(s, "load.probe_share") <= 1);
    cr_expect(isfinite(number_at(s, "load.busy")));
    cr_expect(eq(dbl, number_at(s, "load.steps"), 40));
    cr_expect(isnan(number_at(s, "totals.measured.flops")));
    cr_expect(number_at(s, "loss.heldout_causal") < 5.4);
    json_decref(s);
}

/* What commit 45c56e3 gave, which drew all weights and let the rate fall so; the
 * sums of other kernels differ in the eighth digit. */
Test(train_command, weights_drawn_as_they_were_train_to_the_loss_of_then)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "train.init_scheme=gpt2", "--set",
                              "train.schedule=cosine_to_last", "--set",
                              "model.layers=3", "--set", "model.channels=40",
                              "--set", "model.head_size=16", "--set",
                              "routing.capacity=1"), 0));
    json_t *s = summary_of("a");
    cr_expect(epsilon_eq(dbl, number_at(s, "learning_rate"),
                         1.7e-3 * sqrt(64.0 / 40.0), 1e-12));
    cr_expect(epsilon_eq(dbl, number_at(s, "loss.heldout_causal"),
                         3.2937028172612188, 1e-6));
    json_decref(s);
}

/* Read back from the summary of a run with the setting. */
static double rate_with(const char *directory, const char *setting)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", directory, "-q",
                              "--set", "train.steps=1", "--set", setting), 0));
    json_t *s = summary_of(directory);
    double rate = number_at(s, "learning_rate");
    json_decref(s);
    return rate;
}

Test(train_command, the_default_rate_goes_with_the_draw_and_the_scaling)
{
    cr_expect(epsilon_eq(dbl, rate_with("a", "train.init_scheme=fan_in"),
                         2 * 3.4e-3, 1e-12));
    cr_expect(epsilon_eq(dbl, rate_with("b", "train.init_scheme=gpt2"), 3.4e-3,
                         1e-12));
    cr_expect(epsilon_eq(dbl, rate_with("c", "train.rate_scaling=mup"), 3.4e-3,
                         1e-12));
}

/* The budget pays for the steps that keep more, at their own price. */
Test(train_command, a_capacity_that_falls_is_paid_for_and_counted)
{
    static const char *const warm = "routing.capacity_warmup=0.4";

    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "train.steps=0", "--set",
                              "train.budget_flops=3e8"), 0));
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "b", "-q", "--set",
                              warm, "--set", "train.steps=0", "--set",
                              "train.budget_flops=3e8"), 0));
    json_t *closed = summary_of("a"), *s = summary_of("b");
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    double step = number_at(closed, "totals.counted.flops") /
                  number_at(closed, "steps");
    cr_expect(fabs(number_at(s, "totals.counted.flops") - 3e8) <= 0.5 * step);
    cr_expect(number_at(s, "steps") < number_at(closed, "steps"));
    json_decref(s);
    json_decref(closed);
    /* All tokens of one routed layer at first, a quarter in the end. */
    size_t size;
    char *curve = read_file("b/curve.csv", &size);
    double kept = -1.0;
    cr_expect(sscanf(strchr(curve, '\n'), "%*[^,],%*[^,],%*[^,],%*[^,],,%*[^,],"
                     "%*[^,],,%lf", &kept) == 1 && kept == 1.0);
    cr_expect(strstr(curve, ",0.25,") != NULL);
    free(curve);
}

/* Of 40 steps the last tenth are steps 37 to 40, one row each; always saying no
 * would be right of three quarters of the tokens, and half right where kept and
 * skipped ones weigh alike. */
Test(train_command, predictors_say_how_often_they_were_right)
{
    double sum[2] = { 0.0, 0.0 };
    int rows = 0;
    size_t size;

    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "train.steps=40", "--set",
                              "routing.predictor=16"), 0));
    char *curve = read_file("a/curve.csv", &size);
    cr_expect(strstr(curve, ",grad_norm,predictor_accuracy,predictor_balanced")
              != NULL);
    for (char *line = strchr(curve, '\n'); line && line[1];
         line = strchr(line + 1, '\n')) {
        double step = strtod(line + 1, NULL), of[2];
        const char *last = line + 1 + strcspn(line + 1, "\n");
        while (last[-1] != ',')
            last--;
        last -= strlen(",,,,");      /* those of experts, of which none are */
        while (last[-1] != ',')
            last--;
        of[1] = strtod(last--, NULL);
        while (last[-1] != ',')
            last--;
        of[0] = strtod(last, NULL);
        for (int i = 0; i < 2 && step > 36.5; i++)
            sum[i] += of[i];
        rows += step > 36.5;
    }
    free(curve);
    json_t *s = summary_of("a");
    cr_expect(eq(int, rows, 4));
    cr_expect(epsilon_eq(dbl, number_at(s, "routing.predictor_accuracy"),
                         sum[0] / 4, 1e-8));
    cr_expect(epsilon_eq(dbl, number_at(s, "routing.predictor_balanced"),
                         sum[1] / 4, 1e-8));
    cr_expect(number_at(s, "routing.predictor_accuracy") > 0.5);
    json_decref(s);
}

#define EXPERTS "--set", "model.family=llama", "--set", "model.experts=4",      \
    "--set", "routing.blocks=none", "--set", "train.steps=3"

/* Four columns at the end of each row; what is balanced is 2, the experts that a
 * token enters, and more otherwise. */
Test(train_command, a_mixture_says_how_its_experts_are_entered)
{
    double of[4] = { 0 };
    size_t size;

    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", EXPERTS,
                              "--set", "model.expert_capacity=1"), 0));
    char *curve = read_file("a/curve.csv", &size);
    const char *at = strrchr(curve, '\n');
    while (at > curve && at[-1] != '\n')
        at--;
    for (int i = 0; i < 12; i++)
        at = strchr(at, ',') + 1;
    cr_assert(eq(int, sscanf(at, "%lf,%lf,%lf,%lf", &of[0], &of[1], &of[2],
                             &of[3]), 4), "%s", at);
    cr_expect(of[0] > 1.9 && of[0] < 8);
    cr_expect(of[1] > 0 && of[2] >= 1 && of[2] <= 2);
    cr_expect(of[3] >= 0 && of[3] < 1);
    json_t *s = summary_of("a");
    cr_expect(epsilon_eq(dbl, number_at(s, "loss.train_expert_balance"), of[0],
                         1e-6));
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    json_decref(s);
    free(curve);
}

Test(train_command, experts_that_choose_have_no_causal_loss)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", EXPERTS,
                              "--set", "model.expert_rule=expert_choice"), 0));
    json_t *s = summary_of("a"), *loss = json_object_get(s, "loss");
    cr_expect(json_object_get(loss, "heldout_causal") == json_null());
    cr_expect(json_real_value(json_object_get(loss, "heldout_topk")) > 0);
    cr_expect(strcmp(json_string_value(json_object_get(loss, "causal_rule")),
                     "none") == 0);
    json_decref(s);
    cr_expect(eq(int, ISOBATH("run", "a", "--prompt", "In", "-n", "2"), 2));
    expect_said("stderr", "model.expert_rule expert_choice: experts choose");
}

static double source_number(const json_t *s, size_t i, const char *key)
{
    json_t *sources = json_object_get(json_object_get(s, "loss"), "sources");
    return json_number_value(json_object_get(json_array_get(sources, i), key));
}

Test(train_command, texts_are_weighed_and_each_has_a_loss)
{
    cr_assert(eq(int, system("tr a-y b-z <text >other"), 0));
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "data.path=[text, other]", "--set",
                              "data.weights=[0.9, 0.1]"), 0));
    json_t *s = summary_of("a");
    double often = source_number(s, 0, "heldout_causal");
    double other = source_number(s, 1, "heldout_causal");
    cr_expect(often < other);
    cr_expect(epsilon_eq(dbl, number_at(s, "loss.heldout_causal"),
                         0.9 * often + 0.1 * other, 1e-12));
    cr_expect(eq(dbl, number_at(s, "loss.heldout_bytes"),
                 source_number(s, 0, "heldout_bytes") +
                     source_number(s, 1, "heldout_bytes")));
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    json_decref(s);
    /* A config names them relative to itself; by size, if it says no more. */
    char config[sizeof run_yaml + 64];
    const char *path = strstr(run_yaml, "  path: text\n");
    cr_assert(eq(int, mkdir("below", 0777), 0));
    snprintf(config, sizeof config, "%.*s  path: [../text, ../other]\n%s",
             (int)(path - run_yaml), run_yaml, strchr(path, '\n') + 1);
    put_file("below/two.yaml", config);
    cr_assert(eq(int, ISOBATH("train", "below/two.yaml", "-o", "b", "-q"), 0));
    s = summary_of("b");
    cr_expect(fabs(source_number(s, 0, "weight") - 0.5) < 0.1);
    json_decref(s);
    cr_expect(eq(int, ISOBATH("train", "run.yaml", "-o", "bad", "--set",
                              "data.weights=[1, 2]"), 2));
    expect_said("stderr", "data.weights: 2 numbers: allowed is one for each of"
                " data.path, which has 1");
    cr_expect(eq(int, ISOBATH("train", "run.yaml", "-o", "bad", "--set",
                              "data.path=[text, nowhere]"), 2));
    expect_said("stderr", "nowhere");
    cr_expect(eq(int, ISOBATH("train", "run.yaml", "-o", "bad", "--set",
                              "data.path=[]"), 2));
}

/* A gate that is the raw score explodes with its router; what was saved before
 * stays. */
Test(train_command, training_that_diverges_spoils_no_checkpoint)
{
    static const char *const again[] = { "--quiet", "--resume" };
    size_t size[2];
    char *saved[2];

    for (int i = 0; i < 2; i++) {
        cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", again[i],
                                  "--set", "routing.gate=raw", "--set",
                                  "routing.router_deviation=100", "--set",
                                  "train.router_rate=1e6", "--set",
                                  "train.learning_rate=10", "--set",
                                  "train.weight_decay=10", "--set",
                                  "train.warmup=1", "--set", "train.clip=0",
                                  "--set", "train.save_every=1"), 1));
        expect_said("stderr", "training diverged at step ");
        expect_said("stderr", "checkpoints of before are as they were");
        cr_expect(not(there("a/summary.json")));
        saved[i] = read_file("a/state.safetensors", &size[i]);
    }
    cr_expect(size[0] == size[1] && memcmp(saved[0], saved[1], size[0]) == 0);
    free(saved[1]);
    free(saved[0]);
}

static void expect_bad(const char *from, const char *to, const char *said)
{
    expect_bad_config(run_yaml, from, to, said);
}

Test(train_command, train_tells_where_a_config_is_wrong)
{
    expect_bad("steps: 40", "stepz: 40",
               "bad.yaml:14:3: unknown key 'train.stepz', did you mean"
               " 'train.steps'?");
    expect_bad("channels: 16", "channels: wide", "bad.yaml:4:13:");
    expect_bad("capacity: 0.25", "capacity: 1.5", "bad.yaml:8:13:");
    expect_bad("path: text", "path: nowhere", "bad.yaml:10:9:");
    expect_said("stderr", "'isobath corpus kjv'");
    expect_said("stderr", "--set data.path=FILE");
    expect_bad("tokens: 32", "tokens: 65", "bad.yaml:11:11: data.tokens 65:"
               " allowed is at most model.max_tokens, 64");
    expect_bad("steps: 40", "budget_flops: 10", "bad.yaml:14:17:");
    expect_bad("  steps: 40\n", "", "bad.yaml:1:1: the length of the"
               " training is missing");
    expect_bad("batch: 2", "batch: 2\n  batch: 3", "bad.yaml:14:3:");
    expect_bad("batch: 2", "budget_flops: 1e9",
               "bad.yaml:13:17: train.budget_flops 1e+09: there is train.steps"
               " 40 too; give one of them: --set train.budget_flops=0 leaves"
               " the budget out");
    expect_bad("  save_every: 20\n", "machine: nowhere.yaml\n",
               "bad.yaml:19:10:");
    expect_bad("family: llama", "family: qwen2\n  qk_norm: true",
               "bad.yaml:2:11: model.family: no class of transformers is qwen3"
               " with model.qkv_bias true");
    /* Its checkpoint could not be read. */
    expect_bad("family: llama", "family: gpt2\n  head_size: 4",
               "bad.yaml:2:11: model.family: gpt2 has head_size = channels /"
               " heads");
    expect_bad("family: llama", "family: gpt_neox\n  head_size: 4",
               "bad.yaml:2:11: model.family: gpt_neox has head_size = channels"
               " / heads");
    expect_bad("model:", "model: [", "bad.yaml:");
}

/* What predict prices without a text is what training counts, where it matters
 * which tokens are kept. */
Test(train_command, predict_prices_a_training_whose_skipped_tokens_have_keys)
{
    static const char *const keys[] = { "routing.skipped_keys=computed",
                                        "routing.skipped_keys=carried" };
    static const char *const parts[] = { "routing.part=block",
                                         "routing.part=attention" };

    for (int i = 0; i < 4; i++) {
        cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                                  keys[i % 2], "--set", parts[i / 2], "--set",
                                  "routing.policy=strided", "--set",
                                  "routing.gate=one", "--set", "train.steps=1"),
                     0));
        json_t *counted = summary_of("a"), *predicted;
        const char *const arguments[] = { "predict", "run.yaml", "--format",
            "json", "--set", keys[i % 2], "--set", parts[i / 2], "--set",
            "routing.policy=strided", "--set", "routing.gate=one", NULL };
        cr_assert(eq(int, finish(start(arguments, (struct limits){ 0 })), 0));
        predicted = json_load_file("stdout", 0, NULL);
        cr_assert(predicted != NULL);
        cr_expect(eq(dbl, number_at(predicted, "totals.predicted.flops"),
                     number_at(counted, "totals.counted.flops")));
        json_decref(counted);
        json_decref(predicted);
        cr_assert(eq(int, system("rm -r a"), 0));
    }
}

/* So it is where kept tokens see keys of the first recursion; else training says
 * that its counts cannot be trusted. */
Test(train_command, a_training_over_lent_keys_counts_what_is_predicted)
{
    cr_expect(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "model.layers=4", "--set", "model.recursions=3",
                              "--set", "model.recursion_first=1", "--set",
                              "model.recursion_keys=shared", "--set",
                              "routing.nested=true", "--set",
                              "routing.blocks=2,3", "--set",
                              "routing.capacity=[0.6, 0.3]", "--set",
                              "data.tokens=100", "--set",
                              "model.max_tokens=100", "--set",
                              "train.steps=3"), 0));
}

Test(train_command, train_refuses_what_no_machine_holds)
{
    cr_expect(eq(int, ISOBATH("train", "run.yaml", "-o", "bad", "--set",
                              "train.batch=65536", "--set",
                              "model.channels=4096", "--set",
                              "model.layers=64"), 2));
    expect_said("stderr", "--set: train.batch 65536: with data.tokens 32 this"
                " model takes about ");
}

Test(train_command, train_tells_what_is_wrong_with_an_option)
{
    const char *run = "run.yaml", *out = "bad";

    cr_expect(eq(int, ISOBATH("train", run, "-o", out, "--set",
                              "train.steps"), 2));
    expect_said("stderr", "--set train.steps: allowed is KEY=VALUE");
    cr_expect(eq(int, ISOBATH("train", run, "-o", out, "--set",
                              "train.step=4"), 2));
    expect_said("stderr", "--set: unknown key 'train.step', did you mean");
    cr_expect(eq(int, ISOBATH("train", run, "-o", out, "--set",
                              "train.steps=many"), 2));
    expect_said("stderr", "--set: train.steps many: allowed is");
    cr_expect(eq(int, ISOBATH("train", run), 2));
    expect_said("stderr", "-o DIR");
    cr_expect(eq(int, ISOBATH("train", "-o", out), 2));
    cr_expect(eq(int, ISOBATH("train", run, run, "-o", out), 2));
    cr_expect(eq(int, ISOBATH("train", "nowhere.yaml", "-o", out), 2));
    expect_said("stderr", "nowhere.yaml");
    cr_expect(eq(int, ISOBATH("train", run, "-o", "text"), 2));
    cr_expect(not(there("bad")));
}

Test(train_command, train_never_runs_over_a_run)
{
    const char *run = "run.yaml", *out = "a";

    cr_assert(eq(int, ISOBATH("train", run, "-o", out, "-q"), 0));
    cr_expect(eq(int, ISOBATH("train", run, "-o", out), 2));
    expect_said("stderr", "holds a run already; go on with --resume");
    cr_expect(eq(int, ISOBATH("train", run, "-o", out, "--resume"), 0));
    expect_said("stdout", "finished already");
    cr_expect(eq(int, ISOBATH("train", run, "-o", out, "--resume", "--set",
                              "train.seed=2"), 2));
    expect_said("stderr", "another config");
}

Test(train_command, train_gives_the_same_bits_on_one_thread_and_two)
{
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "a", "-q", "--threads",
                              "1"), 0));
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "b", "-q", "--threads",
                              "2"), 0));
    expect_same_file("a/model.safetensors", "b/model.safetensors");
    expect_same_file("a/config.json", "b/config.json");
}

/* A rule that keeps another number of tokens each step: all commands agree on
 * what was spent, also where the steps were done in two sittings. */
Test(train_command, a_budget_is_spent_whatever_a_rule_keeps)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "routing.policy=threshold", "--set",
                              "train.steps=0", "--set",
                              "train.budget_flops=3e8"), 0));
    json_t *s = summary_of("a");
    const double spent = number_at(s, "totals.counted.flops");
    cr_expect(fabs(spent - 3e8) <= 0.5 * spent / number_at(s, "steps"));
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    cr_expect(eq(dbl, number_at(s, "tokens"), 64 * number_at(s, "steps")));
    cr_expect(eq(dbl, number_at(s, "load.steps"), number_at(s, "steps")));
    json_decref(s);
}

/* By how many are kept, or by where those stand whose queries see the keys of
 * skipped ones. */
Test(train_command, steps_that_cost_unlike_are_counted_as_predicted)
{
    static const char *const rules[] = {
        "routing.policy=threshold", "routing.policy=running_quantile",
        "routing.skipped_keys=computed", "routing.skipped_keys=carried",
    };

    for (int i = 0; i < 4; i++) {
        const char out[] = { (char)('a' + i), '\0' };
        cr_assert(eq(int, STARTED("train", "run.yaml", "-o", out, "-q", "--set",
                                  rules[i], "--set", "routing.window=8"), 0),
                  "%s", rules[i]);
        json_t *s = summary_of(out);
        cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
        json_decref(s);
    }
    cr_expect(eq(int, STARTED("run", "b", "--prompt", "the ", "-n", "20", "-q"),
                 0));
}

/* What a run kept is counted, and routes that run, a training from the start,
 * and what it samples; the training's table lies with its weights. */
Test(train_command, a_table_of_what_was_kept_routes)
{
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "a", "-q"), 0));
    cr_assert(eq(int, ISOBATH("route-table", "a", "--text", "text", "-o",
                              "t.csv", "--order", "2", "-q"), 0));
    cr_expect(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "64",
                              "-q", "--set", "routing.policy=table", "--set",
                              "routing.table=t.csv"), 0));
    cr_expect(eq(int, ISOBATH("run", "a", "--text", "text", "-q", "--set",
                              "routing.policy=table"), 2));
    expect_said("stderr", "routing.table: the policy table needs one");
    cr_expect(eq(int, ISOBATH("train", "run.yaml", "-o", "b", "-q", "--set",
                              "routing.policy=table"), 2));
    expect_said("stderr", "routing.table: the policy table needs one");
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "b", "-q", "--set",
                              "routing.policy=table", "--set",
                              "routing.table=t.csv"), 0));
    cr_expect(system("grep -q '\"counted_equals_predicted\": true'"
                     " b/summary.json") == 0);
    cr_expect(system("rm t.csv") == 0);
    cr_expect(there("b/route_table.csv"));
    cr_expect(eq(int, ISOBATH("run", "b", "--prompt", "the ", "-n", "9", "-q"),
                 0));
}

/* Each part has a router and a cut of its own, which a checkpoint keeps: scored
 * again, the held-out text keeps what it kept, and a text goes on from it. */
Test(train_command, parts_apart_have_a_router_each)
{
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "a", "-q", "--set",
                              "routing.part=apart", "--set",
                              "train.judge_windows=0", "--set",
                              "routing.aux_loss=0.01"), 0), "%s",
              read_file("stderr", NULL));
    json_t *a = summary_of("a"), *config = json_load_file("a/config.json", 0,
                                                          NULL);
    const bool agreed = json_is_true(at(a, "counted_equals_predicted"));
    cr_expect(agreed);
    cr_expect(eq(sz, json_array_size(at(config, "isobath.thresholds")), 2));
    cr_expect(system("grep -aq 'layers.1.mod_router_ffn.weight'"
                     " a/model.safetensors") == 0);
    cr_assert(eq(int, STARTED("run", "a", "--text", "text", "--split",
                              "validation", "-o", "r", "-q", "--policy",
                              "sigmoid"), 0), "%s", read_file("stderr", NULL));
    json_t *r = summary_of("r");
    cr_expect(fabs(number_at(r, "loss.heldout_causal") -
                   number_at(a, "loss.heldout_causal")) < 1e-5);
    cr_expect(eq(int, ISOBATH("run", "a", "--prompt", "the ", "-n", "9", "-q",
                              "--policy", "threshold"), 0), "%s",
              read_file("stderr", NULL));
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "b", "--set",
                              "routing.part=apart", "--set",
                              "train.judge_windows=0", "--set",
                              "routing.predictor=4"), 0), "%s",
              read_file("stderr", NULL));
    cr_expect(system("grep -aq 'layers.1.mod_predictor_ffn.up_proj.weight'"
                     " b/model.safetensors") == 0);
    cr_assert(eq(int, ISOBATH("run", "b", "--text", "text", "--split",
                              "validation", "-o", "s", "-q", "--policy",
                              "predictor"), 0), "%s", read_file("stderr", NULL));
    json_t *b = summary_of("b"), *s = summary_of("s");
    cr_expect(fabs(number_at(s, "loss.heldout_causal") -
                   number_at(b, "loss.heldout_causal")) < 1e-5);
    json_decref(s);
    json_decref(b);
    json_decref(r);
    json_decref(config);
    json_decref(a);
}

/* ---- memory ---- */

#if defined __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* A build without the counter libraries lacks their tables too. */
#ifdef HAVE_PAPI
enum { SLACK = 2500000 };
#else
enum { SLACK = 5000000 };
#endif

static void expect_memory(const char *const *settings, const char *out)
{
    const char *arguments[MOST_ARGUMENTS] = { "train", "run.yaml",
        "--threads", "2", "-o", out, "--set", "train.steps=2", "--set",
        "train.judge_windows=4", "--set", "model.max_tokens=256" };
    char words[TABLE_NUMBER_SIZE + 16] = "memory    ";
    size_t n = 12;

    for (; *settings; settings++) {
        arguments[n++] = "--set";
        arguments[n++] = *settings;
    }
    cr_assert(eq(int, finish(start(arguments, (struct limits){ 0 })), 0));
    json_t *s = summary_of(out);
    double said = number_at(s, "memory.predicted_bytes");
    double was = number_at(s, "memory.peak_resident_bytes");
    cr_expect(said >= was && said - was < SLACK, "%s: %.0f predicted, %.0f was",
              out, said, was);
    arguments[n] = "--dry-run";
    cr_assert(eq(int, finish(start(arguments, (struct limits){ 0 })), 0));
    table_si(words + strlen(words), said, "B");
    expect_said("stdout", words);
    json_decref(s);
}

/* The same before and after, on any day. */
Test(train_command, memory_at_the_peak_is_foretold_and_hardly_less)
{
    if (SANITIZED)
        cr_skip("sanitizers take memory of their own");
    expect_memory(ARGUMENTS("model.channels=128", "model.layers=6",
                            "model.heads=4", "train.batch=16",
                            "data.tokens=256"), "large");
    expect_memory(ARGUMENTS("model.channels=48", "model.layers=6",
                            "model.heads=3", "train.batch=1",
                            "data.tokens=256"), "small");
    expect_memory(ARGUMENTS("model.channels=16", "model.layers=2",
                            "model.heads=2", "train.batch=1",
                            "data.tokens=16"), "tiny");
}

/* What is foreseen of a run whose steps are alike is what it counts. */
Test(train_command, a_dry_run_foretells_what_is_counted_and_writes_nothing)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "--dry-run", "-f", "json"), 0));
    json_t *foreseen = json_load_file("stdout", 0, NULL);
    json_t *flops = json_array_get(at(foreseen, "rows"), 0);
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "-s",
                              "train.thresholds=fitted"), 0));
    json_t *s = summary_of("a");
    cr_expect(eq(dbl, number_at(flops, "run.value"),
                 number_at(s, "totals.counted.flops")));
    cr_expect(eq(dbl, number_at(flops, "run.value"),
                 40 * number_at(flops, "step.value")));
    json_decref(s);
    json_decref(foreseen);
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "--dry-run", "-o", "b", "-m",
                              "emerald-rapids-2core"), 0));
    expect_said("stdout", "ends      after ");
    expect_said("stdout", "on 2 cores of Emerald Rapids, AVX-512, from ");
    cr_expect(not(there("b")));
    cr_expect(eq(int, ISOBATH("train", "run.yaml", "--dry-run", "-s",
                              "data.path=none"), 2));
    expect_said("stderr", "--set: cannot read 'none'");
}

/* Which experts are entered changes from step to step, and what is read with it:
 * a step is predicted by its own.  Counted and predicted differing is exit 1. */
Test(train_command, a_mixture_of_experts_is_predicted_step_by_step)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "-s",
                              "model.experts=4"), 0));
    cr_assert(eq(int, ISOBATH("run", "a", "--prompt", "a", "-n", "4", "-q"), 0));
}
