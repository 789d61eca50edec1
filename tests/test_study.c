/* test_study.c - Multiply rows, zips, axes and phases; resolve and price them;
 * stop a study whose points all fail. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "tests/cli.h"

#include "sim/sweep/sweep.h"

TestSuite(study, .init = set_up, .fini = leave_directory);

static struct sweep *open_study(const char *text)
{
    struct error err = { STATUS_OK, "" };
    struct sweep *sweep = NULL;

    put_file("study.yaml", text);
    cr_assert(eq(int, sweep_open(&sweep, "study.yaml", NULL, 0, &err),
                 STATUS_OK), "%s", err.text);
    return sweep;
}

/* What a solve takes is said beside where it is read, not by the same words. */
Test(study, every_key_is_told)
{
    static const char *const told[] = { "base: ", "settings: ", "points: ",
                                        "claims[].margin: ", "train.steps: " };
    cr_assert(eq(int, STARTED("keys", "sweep"), 0));
    for (size_t i = 0; i < sizeof told / sizeof *told; i++)
        expect_said("stdout", told[i]);
    for (int p = 0; p < SOLVE_PART_COUNT; p++) {
        char key[64];
        snprintf(key, sizeof key, "settings[].solve.%s: ", solve_part_names[p]);
        expect_said("stdout", key);
    }
    for (int e = 0; e < SOLVE_EQUAL_COUNT; e++)
        expect_said("stdout", solve_equal_names[e]);
}

Test(study, rows_take_their_own_values_and_every_seed)
{
    struct sweep *s = open_study(
        "base: run.yaml\n"
        "settings:\n"
        "  - {name: dense 3, model.layers: 3, train.learning_rate: 2e-3}\n"
        "  - {name: mod, routing.capacity: 0.125, train.learning_rate: 4e-3}\n"
        "axes: {train.seed: [1, 2]}\n"
        "points: [{name: by hand, train.seed: 9}]\n");

    cr_assert(eq(i32, s->n_points, 5));
    cr_expect_str_eq(s->point[0].name, "dense 3 seed=1");
    cr_expect_str_eq(s->point[1].row, "dense 3");
    cr_expect_str_eq(sweep_value(&s->point[1], "model.layers"), "3");
    cr_expect_str_eq(sweep_value(&s->point[1], "train.seed"), "2");
    cr_expect_str_eq(s->point[2].name, "mod seed=1");
    cr_expect_str_eq(sweep_value(&s->point[2], "train.learning_rate"), "4e-3");
    cr_expect(sweep_value(&s->point[2], "model.layers") == NULL);
    cr_expect_str_eq(s->point[4].name, "by hand");
    cr_expect(s->point[4].row == NULL);
    cr_expect(eq(sz, s->n_keys, 4));
    sweep_close(s);
}

Test(study, a_zip_is_taken_together)
{
    struct sweep *s = open_study(
        "base: run.yaml\n"
        "zip:\n"
        "  model.channels: [16, 32, 32]\n"
        "  train.batch: [8, 4, 2]\n"
        "axes: {train.seed: [1, 2]}\n");

    cr_assert(eq(i32, s->n_points, 6));
    cr_expect_str_eq(s->point[0].name, "channels=16 batch=8 seed=1");
    cr_expect_str_eq(s->point[1].name, "channels=16 batch=8 seed=2");
    cr_expect_str_eq(s->point[5].name, "channels=32 batch=2 seed=2");
    sweep_close(s);
}

Test(study, a_row_is_in_the_phases_that_it_names_or_in_the_first)
{
    struct sweep *s = open_study(
        "base: run.yaml\n"
        "settings:\n"
        "  - {name: a, model.layers: 1}\n"
        "  - {name: b, model.layers: 2, phase: [selection, confirmation]}\n"
        "  - {name: c, model.layers: 3, phase: confirmation}\n"
        "axes: {train.batch: [2, 4]}\n"
        "phases:\n"
        "  selection: {train.seed: [1]}\n"
        "  confirmation: {train.seed: [11, 12]}\n");
    static const char *const name[] = {
        "a batch=2 seed=1", "a batch=4 seed=1", "b batch=2 seed=1",
        "b batch=4 seed=1", "b batch=2 seed=11", "b batch=2 seed=12",
        "b batch=4 seed=11", "b batch=4 seed=12", "c batch=2 seed=11",
    };

    cr_assert(eq(i32, s->n_points, 12));
    for (int i = 0; i < 9; i++) {
        cr_expect_str_eq(s->point[i].name, name[i]);
        cr_expect_str_eq(s->point[i].phase, i < 4 ? "selection"
                                                  : "confirmation");
    }
    cr_expect(sweep_matches(&s->point[4], "b seed=11"));
    cr_expect(sweep_matches(&s->point[4], "confirmation b"));
    cr_expect(not(sweep_matches(&s->point[4], "seed=1")));
    cr_expect(sweep_matches(&s->point[4], NULL));
    sweep_close(s);
}

Test(study, without_rows_every_phase_has_the_axes)
{
    struct sweep *s = open_study("base: run.yaml\n"
                                 "axes: {train.batch: [2, 4]}\n"
                                 "phases:\n"
                                 "  selection: {train.seed: [1]}\n"
                                 "  confirmation: {train.seed: [2]}\n");

    cr_assert(eq(i32, s->n_points, 4));
    cr_expect_str_eq(s->point[1].name, "batch=4 seed=1");
    cr_expect_str_eq(s->point[2].phase, "confirmation");
    sweep_close(s);
}

/* As commands take it, so that a study may lie anywhere. */
Test(study, its_base_may_be_named)
{
    char configs[FILE_PATH_SIZE];
    snprintf(configs, sizeof configs, "%s/configs", started_in);
    setenv("ISOBATH_CONFIGS", configs, 1);
    struct sweep *s = open_study("base: demo\naxes: {train.seed: [1, 2]}\n");

    cr_assert(eq(i32, s->n_points, 2));
    cr_expect(strstr(s->base, "runs/demo.yaml") != NULL, "%s", s->base);
    sweep_close(s);
}

/* A study in one file, from another directory than that of its text. */
Test(study, its_base_may_stand_in_it)
{
    static const char *const one[] = {
        "base:\n",
        "  model: {family: llama, layers: 2, channels: 16, heads: 2,"
        " max_tokens: 32}\n",
        "  data: {path: text, tokens: 32}\n",
        "  train: {steps: 1, batch: 1}\n",
        "axes: {routing.capacity: [0.25, 1.0]}\n",
    };
    char text[512] = "";

    for (size_t i = 0; i < sizeof one / sizeof *one; i++)
        strcat(text, one[i]);
    cr_assert(mkdir("mine", 0777) == 0 && rename("text", "mine/text") == 0);
    put_file("mine/study.yaml", text);
    cr_assert(eq(int, ISOBATH("sweep", "mine/study.yaml", "-o", "out", "-q"), 0));
    expect_said("out/points.csv", "0,capacity=0.25,0.25,done,");
    expect_said("out/points.csv", "1,capacity=1.0,1.0,done,");
    cr_expect(eq(int, STARTED("report", "out", "-o", "page", "-q"), 0));
    /* Where one run is wanted, it is that one. */
    cr_expect(eq(int, STARTED("predict", "mine/study.yaml", "-q"), 0));
    cr_expect(eq(int, ISOBATH("train", "mine/study.yaml", "-o", "run", "-q"), 0));
    put_file("mine/study.yaml", "base:\n  data: {path: gone}\n"
                                "  model: {family: llama, layers: 2, channels: 16, heads: 2,"
                                " max_tokens: 256}\n  train: {steps: 1}\n"
                                "points: [{name: a}]\n");
    cr_expect(eq(int, ISOBATH("sweep", "mine/study.yaml", "--dry-run"), 2));
    expect_said("stderr", "point 0 (a): mine/study.yaml:2:16: ");
}

struct mistake {
    char text[160], says[96];
};

ParameterizedTestParameters(study, mistakes_are_refused_with_a_place)
{
    static struct mistake mistakes[] = {
        { "settings: 3", ":2:11: settings: allowed is a list" },
        { "settings: [{a.b: 1}]", ":2:12: settings: a row needs a name" },
        { "settings: [{name: x}, {name: x}]", ":2:23: settings: two rows" },
        { "settings: [{name: x, a.b: 1}]\naxes: {a.b: [1]}",
          ":2:12: 'a.b' is an axis: a row cannot fix it" },
        { "zip: {a: [1, 2], b: [1]}", ":2:21: zip: 'b' has 1 values" },
        { "zip: {a: [1]}\naxes: {a: [2]}", ":3:8: 'a' is an axis already" },
        { "phases: {}", ":2:9: phases: allowed" },
        { "phases: {p: {x.seed: [1, 2]}, q: {x.seed: [3, 2]}}",
          ":2:31: phase 'q' has x.seed 2, and so has 'p'" },
        { "axes: {a: [1]}\nphases: {p: {a: [1]}}",
          ":3:14: 'a' is an axis already" },
        { "settings: [{name: x, phase: r}]\nphases: {p: {a: [1]}}",
          ":2:29: phase: allowed is the name of one" },
        { "points: [{a: 1, phase: [x, y]}]", ":2:10: a point is in one phase" },
    };
    return cr_make_param_array(struct mistake, mistakes,
                               sizeof mistakes / sizeof *mistakes);
}

ParameterizedTest(struct mistake *m, study, mistakes_are_refused_with_a_place)
{
    struct error err = { STATUS_OK, "" };
    struct sweep *sweep = NULL;
    char text[256];

    snprintf(text, sizeof text, "base: run.yaml\n%s\n", m->text);
    put_file("study.yaml", text);
    cr_expect(eq(int, sweep_open(&sweep, "study.yaml", NULL, 0, &err),
                 STATUS_BAD_VALUE), "%s", m->text);
    cr_expect(strncmp(err.text, "study.yaml", 10) == 0 &&
              strncmp(err.text + 10, m->says, strlen(m->says)) == 0,
              "%s\ngave: %s", m->text, err.text);
}

Test(study, a_dry_run_prices_every_point_and_makes_nothing)
{
    put_file("study.yaml",
             "base: run.yaml\n"
             "settings:\n"
             "  - {name: dense, routing.capacity: 1}\n"
             "  - {name: mod, routing.capacity: 0.25}\n"
             "axes: {train.seed: [1, 2]}\n");
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "--dry-run", "--filter",
                              "mod", "--format", "csv"), 0));
    expect_said("stdout", "point,name,steps,tokens,flops,"
                          "flops_forward_per_token,parameters,bytes_kept,bytes_held\r\n"
                          "2,mod seed=1,40,2560,");
    expect_said("stdout", "\r\n,2 points,80,5120,");
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "one", "-q", "--set",
                              "routing.capacity=0.25"), 0));
    json_t *s = summary_of("one");
    char flops[64];
    snprintf(flops, sizeof flops, "2560,%.15g,",
             number_at(s, "totals.predicted.flops"));
    json_decref(s);
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "--dry-run", "--filter",
                              "mod seed=2", "--format", "csv"), 0));
    expect_said("stdout", flops);
    cr_expect(not(there("points")));
}

Test(study, a_dry_run_names_the_place_of_each_mistake)
{
    put_file("study.yaml", "base: run.yaml\n"
                           "settings:\n"
                           "  - {name: fine, train.steps: 3}\n"
                           "  - {name: typo, train.stepz: 3}\n"
                           "  - {name: wide, model.heads: 3}\n"
                           "  - {name: gone, data.path: none}\n"
                           "  - {name: rate, train.learning_rate: fast}\n");
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "--dry-run"), 2));
    expect_said("stderr", "point 1 (typo): study.yaml:4:31: unknown key"
                          " 'train.stepz', did you mean 'train.steps'?");
    expect_said("stderr", "point 2 (wide): study.yaml:5:31: model.heads 3");
    expect_said("stderr", "point 3 (gone): study.yaml:6:29: ");
    expect_said("stderr", "point 4 (rate): study.yaml:7:39: train.learning_rate"
                          " fast: allowed is a number");
    expect_said("stderr", "4 of 5 points cannot run");
    expect_said("stdout", "fine");
    put_file("study.yaml", "base: run.yaml\nset: {train.steps: 0}\n"
                           "axes: {train.seed: [1, 2, 3]}\n");
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "--dry-run"), 2));
    expect_said("stderr", "point 0 (seed=1): run.yaml:1:1: the length");
    expect_said("stderr", "3 of 3 points cannot run, 2 for the reason of the"
                          " one before");
}

Test(study, the_first_points_that_fail_alike_stop_it)
{
    put_file("study.yaml", "base: run.yaml\n"
                           "set: {train.steps: 1, data.path: none}\n"
                           "axes: {train.seed: [1, 2, 3, 4, 5, 6]}\n");
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out", "-q"), 1));
    expect_said("stderr", "the first 3 points failed alike, so the others were"
                          " not tried");
    cr_expect(there("out/points/000002/log.txt"));
    cr_expect(not(there("out/points/000003")));
    expect_said("out/points.csv", "3,seed=4,4,pending");
}

Test(study, it_is_the_same_study_from_another_directory)
{
    cr_assert(mkdir("studies", 0777) == 0 && mkdir("other", 0777) == 0);
    put_file("studies/s.yaml", "base: ../run.yaml\n"
                               "set: {train.steps: 1, data.path: ../text}\n"
                               "axes: {train.seed: [1]}\n");
    cr_assert(eq(int, ISOBATH("sweep", "studies/s.yaml", "-o", "out", "-q"),
                 0));
    char *before = read_file("out/points.csv", NULL);
    cr_assert(chdir("other") == 0);
    cr_expect(eq(int, ISOBATH("sweep", "../studies/s.yaml", "-o", "../out",
                              "-q"), 0));
    cr_assert(chdir("..") == 0);
    char *after = read_file("out/points.csv", NULL);
    cr_expect_str_eq(before, after);
    free(before);
    free(after);
}

Test(study, a_filter_runs_what_it_names_and_no_more)
{
    put_file("study.yaml", "base: run.yaml\n"
                           "set: {train.steps: 1}\n"
                           "settings: [{name: a, train.batch: 1},"
                           " {name: b, train.batch: 2}]\n"
                           "axes: {train.seed: [1, 2]}\n");
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out", "--filter",
                              "b seed=2"), 0));
    expect_said("stdout", "1 of 1 points done");
    cr_expect(there("out/points/000003/summary.json"));
    cr_expect(not(there("out/points/000002")));
    expect_said("out/points.csv", "point,name,row,train.seed,train.batch,"
                                  "status,");
    expect_said("out/points.csv", "3,b seed=2,b,2,2,done,");
    cr_expect(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out", "--filter",
                              "c"), 2));
}
