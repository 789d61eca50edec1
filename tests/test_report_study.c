/* test_report_study.c - Find the settings of a study, the best one, and what
 * may be claimed of it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "reports/read/study.h"

enum { MAX_RUNS = 128 };
static struct run runs[MAX_RUNS];
static size_t n_runs;
static struct study study;

/* A finished training run: dense when capacity is 1. */
static void trained(double capacity, int seed, double loss, double flops)
{
    struct run *run = &runs[n_runs++];
    *run = (struct run){ .kind = RUN_TRAIN };
    snprintf(run->path, sizeof run->path, "run-%zu", n_runs);
    run->summary = json_pack("{s:{s:{s:i,s:i},s:{s:f},s:{s:i}}}", "config",
                             "model", "layers", 2, "channels", 8, "routing",
                             "capacity", capacity, "train", "seed", seed);
    run->facts = (struct facts){ .dense = capacity >= 1, .n_layers = 2,
        .n_channels = 8, .n_routed = capacity < 1, .capacity = capacity,
        .loss_causal = loss, .loss_topk = loss, .loss_train = loss,
        .flops_forward = 1000 * capacity, .tokens = 10, .seed = seed };
    run->totals.of[WITNESS_COUNTED][METRIC_FLOPS] =
        amount_of(flops, PROV_COUNTED);
}

static void gather(void)
{
    cr_assert(study_open(&study, runs, n_runs, NULL) == STATUS_OK);
}

static void finish(void)
{
    study_close(&study);
    for (size_t i = 0; i < n_runs; i++)
        json_decref(runs[i].summary);
}

TestSuite(report_study, .fini = finish);

Test(report_study, runs_that_differ_in_seed_are_one_setting)
{
    trained(1, 1, 2.0, 1e6);
    trained(1, 2, 2.2, 1e6);
    trained(0.5, 1, 1.9, 1e6);
    gather();
    cr_assert(eq(sz, study.n, 2));
    cr_assert(eq(sz, study.setting[0].n, 2));
    cr_assert(epsilon_eq(dbl, study.dense->causal.mean, 2.1, 1e-12));
}

/* A mixture has the lowest loss, and routes no block: the rival is dense still, and
 * the best MoD is that without experts. */
Test(report_study, what_is_something_else_besides_is_no_dense_rival)
{
    static const char *const modes[] = { NULL, "MoE", "recursion", NULL,
                                         "MoDE" };
    static const double loss[] = { 2.0, 1.5, 1.6, 1.9, 1.4 };

    for (int i = 0; i < 5; i++)
        for (int seed = 1; seed < 4; seed++) {
            trained(i < 3 ? 1 : 0.5, seed, loss[i] + 0.01 * seed, 1e6);
            runs[n_runs - 1].facts.mode = modes[i];
            json_object_set_new(json_object_get(json_object_get(
                runs[n_runs - 1].summary, "config"), "model"), "experts",
                json_integer(i));
        }
    gather();
    cr_assert(eq(sz, study.n, 5));
    cr_expect(epsilon_eq(dbl, study.dense->causal.mean, 2.02, 1e-12));
    cr_expect(epsilon_eq(dbl, study.mod->causal.mean, 1.92, 1e-12));
    for (size_t i = 0; i < study.n; i++) {
        const struct setting *s = &study.setting[i];
        cr_expect(s->rival == study.dense);
        cr_expect(eq(str, (char *)setting_kind_word(s),
                     (char *)(s->run[0]->facts.mode ? s->run[0]->facts.mode
                              : setting_routes_none(s) ? "dense" : "MoD")));
    }
}

Test(report_study, a_config_says_what_else_a_model_is)
{
    static const struct { const char *model, *routing, *mode; } of[] = {
        { "{}", "{\"capacity\": 1}", NULL },
        { "{\"experts\": 0, \"recursions\": 1}",
          "{\"capacity\": 0.5, \"exits\": \"none\"}", NULL },
        { "{\"experts\": 8}", "{\"capacity\": 1}", "MoE" },
        { "{\"experts\": 8}", "{\"capacity\": 0.5}", "MoDE" },
        { "{\"experts\": 8, \"idle_experts\": 8}", "{\"capacity\": 1}",
          "MoDE" },
        { "{\"recursions\": 3}", "{\"capacity\": 1}", "recursion" },
        { "{\"recursions\": 3}", "{\"capacity\": 0.5}", "MoR" },
        { "{}", "{\"capacity\": 1, \"exits\": \"0\"}", "early exit" },
        { "{}", "{\"capacity\": 0.5, \"exits\": \"0\"}", NULL },
        { "{}", "{\"capacity\": 0.5, \"exits\": \"0\", \"policy\":"
          " \"confidence\"}", "early exit" },
    };
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        json_t *summary = json_pack(
            "{s:{s:o, s:o}, s:{s:i}}", "config", "model",
            json_loads(of[i].model, 0, NULL), "routing",
            json_loads(of[i].routing, 0, NULL), "routing", "blocks", 1);
        struct facts facts = { 0 };
        facts_read(&facts, summary);
        cr_expect(of[i].mode ? facts.mode && strcmp(facts.mode, of[i].mode) == 0
                             : !facts.mode, "case %zu: %s", i,
                  facts.mode ? facts.mode : "nothing");
        json_decref(summary);
    }
}

/* A point of a row of settings, whose shape is that of all the others. */
static void row_trained(const char *row, const char *title, const char *policy,
                        int seed)
{
    trained(0.5, seed, 2.0, 1e6);
    struct run *run = &runs[n_runs - 1];
    json_object_set_new(json_object_get(json_object_get(run->summary, "config"),
                                        "routing"), "policy",
                        json_string(policy));
    run->row = row;
    run->title = title;
}

Test(report_study, settings_of_equal_shape_have_the_names_of_their_rows)
{
    static const char *const names[] = { "hash", "top-k",
                                         "top-k learning_rate=0.002" };

    row_trained("top-k", "top-k seed=1", "expert_choice", 1);
    row_trained("top-k", "top-k seed=2", "expert_choice", 2);
    row_trained("hash", "hash seed=1", "hash", 1);
    row_trained("top-k", "top-k learning_rate=0.002 seed=1", "threshold", 1);
    gather();
    cr_assert(eq(sz, study.n, 3));
    for (size_t i = 0; i < study.n; i++)
        cr_expect_str_eq(study.setting[i].label, names[i]);
}

/* A dense and a MoD setting over n seeds, whose losses differ by those. */
static void pairs(const double *difference, int n)
{
    for (int seed = 1; seed <= n; seed++) {
        double dense = 2 + 0.1 * (seed % 3);
        trained(1, seed, dense, 1e6);
        trained(0.5, seed, dense + difference[seed - 1], 1e6);
    }
    gather();
}

static void says(const char *words)
{
    char said[96];
    study_said(said, study.verdict, &study.best, study.dense->causal.mean, 1);
    cr_assert(strstr(said, words) != NULL, "%s", said);
}

Test(report_study, a_gain_in_every_pair_is_a_gain)
{
    pairs((double[]){ -0.1, -0.1002, -0.1001, -0.1, -0.1002 }, 5);
    cr_assert(eq(int, study.verdict, VERDICT_LOWER));
    cr_assert(epsilon_eq(dbl, study.best.loss.mean, -0.1001, 1e-9));
    says("lower, beyond the seed noise");
}

Test(report_study, below_five_seeds_there_is_no_verdict)
{
    pairs((double[]){ -0.1, -0.1002, -0.1001, -0.1 }, 4);
    cr_assert(eq(int, study.verdict, VERDICT_UNKNOWN));
    says("no verdict: 4 seeds compared, 5 are needed");
}

/* sd 0.0594, error 0.0266: 3.717 times that is 0.0988, of 2.12 are 4.7 %. */
Test(report_study, a_gain_within_the_noise_is_open)
{
    pairs((double[]){ -0.1, 0.05, 0, -0.05, 0.02 }, 5);
    cr_assert(eq(int, study.verdict, VERDICT_OPEN));
    says("cannot tell: 5 seeds see only differences above 4.7 %");
}

/* Half a percent of 2.12 is 0.0106; the interval is -0.0021 to 0.0019. */
Test(report_study, no_difference_is_one_that_is_known_to_be_small)
{
    pairs((double[]){ -0.001, 0.001, -0.002, 0.002, 0.0005 }, 5);
    cr_assert(eq(int, study.verdict, VERDICT_SAME));
    says("no difference: within ±0.5 %");
}

/* The run's losses of four blocks of 10 bytes: the mean, and so much more. */
static void put_blocks(struct run *run, const double more[4])
{
    const double loss = run->facts.loss_causal;
    json_t *nats = json_pack("[f,f,f,f]", 10 * (loss + more[0]),
                             10 * (loss + more[1]), 10 * (loss + more[2]),
                             10 * (loss + more[3]));
    json_object_set_new(run->summary, "loss", json_pack("{s:{s:[i,i,i,i],s:o}}",
        "blocks", "bytes", 10, 10, 10, 10, "nats_causal", nats));
}

/* 0.1 lower in every seed; on the blocks 0.6 lower to 0.4 higher, of which the
 * sd is 0.408 and the error 0.204. */
Test(report_study, a_gain_that_the_text_decides_is_open)
{
    static const double more[4] = { -0.5, 0.5, 0, 0 }, none[4] = { 0 };
    for (int seed = 1; seed <= 5; seed++) {
        trained(1, seed, 2, 1e6);
        put_blocks(&runs[n_runs - 1], none);
        trained(0.5, seed, 1.9 - 1e-4 * (seed % 2), 1e6);
        put_blocks(&runs[n_runs - 1], more);
    }
    gather();
    cr_expect(eq(sz, study.best.n_blocks, 4));
    cr_expect(epsilon_eq(dbl, study.best.loss.error, 0.2041, 1e-4));
    cr_expect(eq(int, study.verdict, VERDICT_OPEN));
}

/* Another number of bytes is another text: seeds alone vary. */
Test(report_study, blocks_of_unlike_texts_are_not_compared)
{
    static const double none[4] = { 0 };
    for (int seed = 1; seed <= 5; seed++) {
        trained(1, seed, 2, 1e6);
        put_blocks(&runs[n_runs - 1], none);
        trained(0.5, seed, 1.9 - 1e-4 * (seed % 2), 1e6);
        put_blocks(&runs[n_runs - 1], none);
    }
    json_array_set_new(json_object_get(json_object_get(json_object_get(
        runs[3].summary, "loss"), "blocks"), "bytes"), 2, json_integer(11));
    gather();
    cr_expect(eq(sz, study.best.n_blocks, 0));
    cr_expect(eq(int, study.verdict, VERDICT_LOWER));
}

/* Ten capacities whose losses scatter by chance alone: the lowest of them is
 * below dense by its own p, and is no finding. */
Test(report_study, the_best_of_many_by_luck_is_no_finding)
{
    static const double lucky[] = { -0.09, -0.08, -0.12, -0.085, 0.0 };
    for (int seed = 1; seed <= 5; seed++) {
        trained(1, seed, 2, 1e6);
        for (int c = 1; c <= 10; c++)
            trained(0.05 * c, seed, 2 + (c == 3 ? lucky[seed - 1]
                    : 0.05 * ((seed * seed + c) % 5 - 2)), 1e6);
    }
    gather();
    cr_assert(lt(dbl, stats_p(study.mod->against_dense.loss), 0.05));
    cr_assert(gt(dbl, study.mod->p, 0.05));
    cr_assert(eq(int, study.mod->verdict, VERDICT_OPEN));
    cr_assert(eq(sz, study.n_mod, 10));
}

/* Seed 5 alone makes 0.25 the best of the means.  Judged without its choice: 0.5
 * on seed 5 (+0.1), 0.25 on the others (+0.02 each): worse, though the mean of
 * 0.25 is below dense. */
Test(report_study, no_seed_judges_a_choice_it_took_part_in)
{
    for (int seed = 1; seed <= 5; seed++) {
        trained(1, seed, 2, 1e6);
        trained(0.25, seed, seed == 5 ? 1.5 : 2.02, 1e6);
        trained(0.5, seed, seed == 5 ? 2.1 : 2.01, 1e6);
    }
    gather();
    cr_assert(epsilon_eq(dbl, study.mod->capacity, 0.25, 1e-12));
    cr_assert(lt(dbl, study.mod->against_dense.loss.mean, 0));
    cr_assert(epsilon_eq(dbl, study.best.loss.mean, (4 * 0.02 + 0.1) / 5, 1e-9));
}

Test(report_study, depths_that_were_tried_are_counted)
{
    trained(1, 1, 2.0, 1e6);
    trained(0.5, 1, 1.9, 1e6);
    gather();
    cr_assert(eq(sz, study.n_depths, 1));
    study_close(&study);
    trained(0.999, 1, 2.0, 1e6);
    runs[2].facts.dense = true;
    runs[2].facts.n_layers = 4;
    gather();
    cr_assert(eq(sz, study.n_depths, 2));
}

Test(report_study, one_seed_claims_nothing)
{
    trained(1, 1, 2.0, 1e6);
    trained(0.5, 1, 1.0, 1e6);
    gather();
    cr_assert(eq(int, study.verdict, VERDICT_UNKNOWN));
}

Test(report_study, equal_training_flops_are_checked)
{
    trained(1, 1, 2.0, 1.000e6);
    trained(0.5, 1, 1.9, 1.009e6);
    gather();
    cr_assert(study.equal_flops);
    study_close(&study);
    trained(0.25, 1, 1.9, 1.02e6);
    gather();
    cr_assert(not(study.equal_flops));
    cr_assert(epsilon_eq(dbl, study.flops_high, 1.02e6, 1));
}

Test(report_study, flops_that_the_best_differ_by_are_said)
{
    char said[64];

    for (int seed = 1; seed < 3; seed++) {
        trained(1, seed, 2.0, 1e6);
        trained(0.5, seed, 1.9, 1.125e6);
    }
    gather();
    study_apart(said, &study);
    cr_expect(eq(str, said, (char *)"12.5 % more training FLOPs"));
    study_close(&study);
    for (size_t i = 0; i < n_runs; i++)
        runs[i].totals.of[WITNESS_COUNTED][METRIC_FLOPS].value = i % 2 ? 8e5
                                                                       : 1e6;
    gather();
    study_apart(said, &study);
    cr_expect(eq(str, said, (char *)"20 % fewer training FLOPs"));
    study_close(&study);
    for (size_t i = 0; i < n_runs; i++)
        runs[i].totals.of[WITNESS_COUNTED][METRIC_FLOPS].value = 1e6 + (double)i;
    gather();
    study_apart(said, &study);
    cr_expect(eq(str, said, (char *)""));
}

Test(report_study, flops_nobody_knows_are_not_equal)
{
    trained(1, 1, 2.0, 1e6);
    trained(0.5, 1, 1.9, (double)NAN);
    gather();
    cr_assert(not(study.equal_flops));
    cr_assert(eq(int, study.flops_from, PROV_UNKNOWN));
}

/* More training is no better architecture: the half budget does not compete. */
Test(report_study, the_best_are_chosen_among_the_largest_budget)
{
    trained(1, 1, 2.0, 2e6);
    trained(0.5, 1, 1.95, 2e6);
    trained(0.25, 1, 1.0, 1e6);
    gather();
    cr_assert(epsilon_eq(dbl, study.mod->capacity, 0.5, 1e-12));
}

/* MoD at 1 MFLOP is 0.1 above the dense model of 1 MFLOP, and 0.6 above that of
 * 2, which is none of its rivals. */
Test(report_study, a_setting_is_set_against_the_dense_of_its_budget)
{
    const struct setting *small = NULL;
    trained(1, 1, 1.5, 2e6);
    trained(0.25, 1, 1.6, 2e6);
    trained(0.5, 1, 2.1, 1.0e6);
    trained(0.999, 1, 2.0, 1.005e6);
    runs[3].facts.dense = true;
    gather();
    cr_assert(eq(sz, study.n_budgets, 2));
    cr_assert(study.separate);
    cr_assert(epsilon_eq(dbl, study.budget[0], 1.005e6, 1));
    for (size_t i = 0; i < study.n; i++)
        if (study.setting[i].capacity == 0.5)
            small = &study.setting[i];
    cr_assert(small != NULL && small->rival != study.dense);
    cr_assert(epsilon_eq(dbl, small->against_dense.loss.mean, 0.1, 1e-12));
    cr_assert(epsilon_eq(dbl, study.mod->against_dense.loss.mean, 0.1, 1e-12));
}

/* 2 % apart: no budgets of their own, a study whose runs did not cost the same.
 */
Test(report_study, budgets_that_nobody_meant_are_not_separate)
{
    trained(1, 1, 2.0, 1.00e6);
    trained(0.5, 1, 1.9, 1.02e6);
    gather();
    cr_assert(eq(sz, study.n_budgets, 2));
    cr_assert(not(study.separate));
    cr_assert(study.mod->rival == study.dense);
}

Test(report_study, no_runs_no_settings)
{
    gather();
    cr_assert(eq(sz, study.n, 0));
    cr_assert(study.dense == NULL && study.mod == NULL);
}

Test(report_study, unknown_losses_never_win)
{
    trained(1, 1, (double)NAN, 1e6);
    trained(0.5, 1, (double)NAN, 1e6);
    gather();
    cr_assert(study.dense == NULL || study.dense->causal.n > 0);
    cr_assert(study.mod == NULL);
}

/* The same run three times is one run, whatever seeds noise suggests. */
Test(report_study, a_run_given_thrice_counts_once_and_claims_nothing)
{
    for (int copy = 0; copy < 3; copy++) {
        trained(1, 1, 2.0, 1e6);
        trained(0.5, 1, 1.9, 1e6);
    }
    gather();
    cr_assert(eq(sz, study.n_runs, 2));
    cr_assert(eq(sz, study.n_twice, 4));
    cr_assert(eq(sz, study.mod->n_seeds, 1));
    cr_assert(eq(sz, study.mod->causal.n, 1));
    cr_assert(eq(int, study.verdict, VERDICT_UNKNOWN));
}

/* 1.9 and 1.7 of seed 1 make 1.8; against 2.0 that is one pair. */
Test(report_study, a_seed_with_another_result_is_a_repeat_and_no_pair)
{
    trained(1, 1, 2.0, 1e6);
    trained(0.5, 1, 1.9, 1e6);
    trained(0.5, 1, 1.7, 1e6);
    gather();
    cr_assert(eq(sz, study.n_runs, 3));
    cr_assert(eq(sz, study.n_repeats, 1));
    cr_assert(eq(sz, study.mod->causal.n, 1));
    cr_assert(epsilon_eq(dbl, study.mod->causal.mean, 1.8, 1e-12));
    cr_assert(eq(int, study.verdict, VERDICT_UNKNOWN));
}

Test(report_study, unknown_seeds_are_no_distinct_seeds)
{
    for (int i = 0; i < 3; i++) {
        trained(1, 1, 2.0 + i, 1e6);
        trained(0.5, 1, 1.0 + i, 1e6);
    }
    for (size_t i = 0; i < n_runs; i++)
        runs[i].facts.seed = (double)NAN;
    gather();
    cr_assert(eq(sz, study.mod->n_seeds, 1));
    cr_assert(eq(int, study.verdict, VERDICT_UNKNOWN));
}

static void set_config(size_t run, const char *key, json_t *value)
{
    json_object_set_new(json_object_get(json_object_get(runs[run].summary,
                        "config"), "routing"), key, value);
}

Test(report_study, a_setting_is_told_by_numbers_and_by_the_data_it_saw)
{
    trained(0.5, 1, 2.0, 1e6);
    trained(0.5, 2, 2.1, 1e6);
    trained(0.5, 3, 2.2, 1e6);
    set_config(0, "decay", json_integer(1));
    set_config(1, "decay", json_real(1.0));
    set_config(2, "decay", json_real(1.0));
    json_object_set_new(runs[2].summary, "provenance",
                        json_pack("{s:s}", "data_hash", "another"));
    gather();
    cr_assert(eq(sz, study.n, 2));
    cr_assert(eq(sz, study.setting[0].n + study.setting[1].n, 3));
    cr_assert(eq(sz, study.setting[0].n_seeds * study.setting[1].n_seeds, 2));
}

/* A run by a table of this path and content. */
static void by_table(int seed, const char *path, const char *hash)
{
    trained(0.5, seed, 2.0, 1e6);
    set_config(n_runs - 1, "table", json_string(path));
    if (hash)
        json_object_set_new(runs[n_runs - 1].summary, "provenance",
                            json_pack("{s:{s:s}}", "hashes", "routing.table",
                                      hash));
}

Test(report_study, a_file_is_told_by_its_content_where_that_was_hashed)
{
    by_table(1, "table.json", "0123");
    by_table(2, "./table.json", "0123");
    by_table(1, "table.json", "4567");
    by_table(1, "table.json", NULL);
    by_table(2, "./table.json", NULL);
    gather();
    cr_assert(eq(sz, study.n, 4));
    cr_assert(eq(sz, study.setting[0].n_seeds + study.setting[1].n_seeds +
                 study.setting[2].n_seeds + study.setting[3].n_seeds, 5));
}

/* Dense, with what routing would be; saved and looked at now and then. */
static void idly(int seed, double loss, const char *more)
{
    trained(1, seed, loss, 1e6);
    json_t *config = json_object_get(runs[n_runs - 1].summary, "config");
    json_t *with = json_loads(more, 0, NULL);

    json_object_update_recursive(config, with);
    json_decref(with);
}

Test(report_study, what_changes_no_result_tells_no_settings_apart)
{
    static const char *const same[] = {
        "{\"train\": {\"save_every\": 0, \"schedule\": \"cosine\"}}",
        "{\"train\": {\"save_every\": 10, \"schedule\": \"cosine\"}}",
        "{\"train\": {\"judge_every\": 5, \"curve_windows\": 2,"
        " \"cooldown\": 0.4, \"schedule\": \"cosine\"}}",
        "{\"train\": {\"schedule\": \"cosine\", \"router_rate\": 2},"
        " \"machine\": \"fast\", \"threads\": 2, \"routing\":"
        " {\"capacity\": 0.5, \"gate\": \"raw\"}}",
        "{\"train\": {\"schedule\": \"cosine\"},"
        " \"model\": {\"norm_topk\": false}}",
    };
    enum { N = sizeof same / sizeof *same };

    for (int i = 0; i < N; i++) {
        idly(i < 2 ? 1 : i, 2.0, same[i]);
        json_t *config = json_object_get(runs[n_runs - 1].summary, "config");
        json_object_set_new(json_object_get(config, "model"), "experts",
                            json_integer(0));
        json_object_set_new(json_object_get(config, "routing"), "policy",
                            json_string("dense"));
    }
    gather();
    cr_expect(eq(sz, study.n, 1));
    cr_expect(eq(sz, study.n_twice, 1));       /* seed 1, saved more often */
    cr_expect(eq(sz, study.setting[0].n_seeds, N - 1));
}

/* Of a schedule that has one, of experts that there are, of blocks that route. */
Test(report_study, what_changes_a_result_does)
{
    static const char *const unlike[] = {
        "{\"train\": {\"schedule\": \"wsd\", \"cooldown\": 0.2}}",
        "{\"train\": {\"schedule\": \"wsd\", \"cooldown\": 0.4}}",
        "{\"train\": {\"init\": \"a\"}}", "{\"train\": {\"init\": \"b\"}}",
        "{\"train\": {\"init\": \"\", \"init_scheme\": \"fan_in\"}}",
        "{\"train\": {\"init\": \"\", \"init_scheme\": \"gpt2\"}}",
        "{\"model\": {\"experts\": 4, \"norm_topk\": true}}",
        "{\"model\": {\"experts\": 4, \"norm_topk\": false}}",
        "{\"routing\": {\"policy\": \"hash\", \"gate\": \"raw\"}}",
        "{\"routing\": {\"policy\": \"hash\", \"gate\": \"tanh\"}}",
        "{\"routing\": {\"policy\": \"dense\", \"exits\": \"none\"}}",
        "{\"routing\": {\"policy\": \"dense\", \"exits\": \"2\"}}",
    };
    enum { N = sizeof unlike / sizeof *unlike };

    for (int i = 0; i < N; i++)
        idly(i, 2.0, unlike[i]);
    gather();
    cr_expect(eq(sz, study.n, N));
}

Test(report_study, a_kind_is_said_once)
{
    const struct setting named = { .kind = SETTING_DENSE,
                                   .label = "dense 3x64" };
    const struct setting shaped = { .kind = SETTING_DENSE,
                                    .label = "3×64" };
    const struct setting table = { .kind = SETTING_CONTROL,
                                   .label = "table of two bytes" };

    cr_assert(eq(str, (char *)setting_kind_before(&named), ""));
    cr_assert(eq(str, (char *)setting_kind_before(&shaped), "dense "));
    cr_assert(eq(str, (char *)setting_kind_before(&table), "control "));
}
