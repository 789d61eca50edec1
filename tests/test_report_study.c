/* Which settings a study has, which is best, and what may be claimed of it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "reports/read/study.h"

enum { MAX_RUNS = 64 };
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

/* Differences -0.1 and -0.1002: lower beyond any seed noise. */
Test(report_study, a_gain_in_every_pair_is_a_gain)
{
    trained(1, 1, 2.0, 1e6);
    trained(1, 2, 2.2, 1e6);
    trained(0.5, 1, 1.9, 1e6);
    trained(0.5, 2, 2.0998, 1e6);
    gather();
    cr_assert(eq(int, study.verdict, VERDICT_LOWER));
    cr_assert(epsilon_eq(dbl, study.mod->against_dense.mean, -0.1001, 1e-9));
}

/* Differences -0.1 and +0.05: half is 12.706 * 0.106 / 1.414 = 0.95. */
Test(report_study, a_gain_within_the_noise_is_none)
{
    trained(1, 1, 2.0, 1e6);
    trained(1, 2, 2.0, 1e6);
    trained(0.5, 1, 1.9, 1e6);
    trained(0.5, 2, 2.05, 1e6);
    gather();
    cr_assert(eq(int, study.verdict, VERDICT_NONE));
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
    cr_assert(epsilon_eq(dbl, small->against_dense.mean, 0.1, 1e-12));
    cr_assert(epsilon_eq(dbl, study.mod->against_dense.mean, 0.1, 1e-12));
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
