/* test_priced.c - Price the points of a study in one process, as isobath predict
 * does one by one; ask routers at points; say what a study cannot ask. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "tests/cli.h"

#include "reports/read/csv.h"

TestSuite(priced, .init = set_up, .fini = leave_directory);

static const char machine_study[] =
    "base: run.yaml\n"
    "command: predict\n"
    "set: {predict.machine: h100-sxm, predict.phase: decode}\n"
    "axes: {routing.capacity: [0.25, 0.5, 1], predict.batch: [1, 8]}\n";

static double real_at(const struct csv *csv, size_t row, const char *column)
{
    struct error err = { STATUS_OK, "" };
    double value;

    cr_assert(csv_column(csv, column) >= 0, "no column %s", column);
    cr_assert(csv_real(csv, row, csv_column(csv, column), &value, &err) ==
              STATUS_OK, "%s", err.text);
    return value;
}

static json_t *predicted(const char *against)
{
    cr_assert(eq(int, STARTED("predict", "run.yaml", "--machine", "h100-sxm",
                              "--phase", "decode", "--batch", "8", "--set",
                              "routing.capacity=0.5", "--against", against,
                              "--format", "json"), 0));
    json_t *json = json_load_file("stdout", 0, NULL);
    cr_assert(json != NULL);
    return json;
}

/* Eight tokens at capacity one half, by the other command. */
Test(priced, a_point_costs_what_predict_says)
{
    struct error err = { STATUS_OK, "" };
    struct csv csv;

    put_file("study.yaml", machine_study);
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out", "-q"), 0));
    cr_assert(csv_open(&csv, "out/points.csv", &err) == STATUS_OK, "%s", err.text);
    cr_assert(eq(sz, csv.n_rows, 6));
    cr_expect_str_eq(csv_text(&csv, 3, csv_column(&csv, "name")),
                     "capacity=0.5 batch=8");
    json_t *json = predicted("equal-flops");
    json_t *twin = predicted("dense");
    static const char *const metrics[] = { "flops", "bytes", "seconds", "joules" };
    for (int m = 0; m < 4; m++) {
        char column[64], path[64];
        snprintf(column, sizeof column, "predicted.%s", metrics[m]);
        snprintf(path, sizeof path, "totals.predicted.%s", metrics[m]);
        cr_expect(epsilon_eq(dbl, real_at(&csv, 3, column) * 8 /
                                      number_at(json, path), 1.0, 4e-9),
                  "%s", column);
        snprintf(column, sizeof column, "rival.ratio.%s", metrics[m]);
        snprintf(path, sizeof path, "against.ratio.%s.value", metrics[m]);
        cr_expect(epsilon_eq(dbl, real_at(&csv, 3, column),
                             number_at(json, path), 1e-8), "%s", column);
        snprintf(column, sizeof column, "twin.ratio.%s", metrics[m]);
        cr_expect(epsilon_eq(dbl, real_at(&csv, 3, column),
                             number_at(twin, path), 1e-8), "%s", column);
    }
    cr_expect(epsilon_eq(dbl, real_at(&csv, 3, "rival.ratio.joules_high"),
                         number_at(json, "against.ratio.joules.high"), 1e-8));
    cr_expect(epsilon_eq(dbl, real_at(&csv, 3, "rival.layers"),
                         number_at(json, "against.layers"), 1e-8));
    /* A dense model is its own twin, and its own rival. */
    cr_expect(eq(dbl, real_at(&csv, 4, "twin.ratio.seconds"), 1.0));
    cr_expect(epsilon_eq(dbl, real_at(&csv, 4, "rival.ratio.flops"), 1.0, 1e-9));
    json_decref(twin);
    json_decref(json);
    csv_close(&csv);
    cr_expect(not(there("out/points")), "a point has no directory");
    expect_said("out/summary.json", "\"against\": \"equal-flops\"");
}

Test(priced, layers_add_up_to_the_point)
{
    struct error err = { STATUS_OK, "" };
    struct csv points, layers;
    double sum[6] = { 0 };

    put_file("study.yaml", machine_study);
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out", "-q"), 0));
    cr_assert(csv_open(&points, "out/points.csv", &err) == STATUS_OK);
    cr_assert(csv_open(&layers, "out/layers.csv", &err) == STATUS_OK);
    cr_assert(eq(sz, layers.n_rows, 6 * 3));     /* two layers, and outside */
    for (size_t r = 0; r < layers.n_rows; r++)
        sum[(int)real_at(&layers, r, "point")] +=
            real_at(&layers, r, "joules_per_token");
    for (size_t p = 0; p < 6; p++)
        cr_expect(epsilon_eq(dbl, sum[p] /
                             real_at(&points, p, "predicted.joules"), 1, 1e-6));
    csv_close(&points);
    csv_close(&layers);
}

/* A point that is left out is no zero, and in no report. */
Test(priced, a_filter_leaves_points_out)
{
    struct error err = { STATUS_OK, "" };
    struct csv csv;

    put_file("study.yaml", machine_study);
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out", "--filter",
                              "batch=8"), 0));
    expect_said("stdout", "3 of 6 points done");
    cr_assert(csv_open(&csv, "out/points.csv", &err) == STATUS_OK);
    cr_expect_str_eq(csv_text(&csv, 0, csv_column(&csv, "status")), "pending");
    cr_expect_str_eq(csv_text(&csv, 0, csv_column(&csv, "predicted.flops")), "");
    cr_expect(real_at(&csv, 1, "predicted.flops") > 0);
    csv_close(&csv);
}

/* Some 600 points, which take seconds; those that were priced are what they are
 * in the whole. */
Test(priced, an_interrupt_leaves_what_was_priced)
{
    struct error err = { STATUS_OK, "" };
    struct csv csv;
    char text[4096] = "base: run.yaml\ncommand: predict\nset: {predict.machine:"
                      " h100-sxm}\naxes: {routing.capacity: [0.25, 0.5],"
                      " predict.batch: [1";
    static const int sent[] = { SIGINT, SIGTERM, SIGHUP };
    const char *const *sweep = ARGUMENTS("sweep", "study.yaml", "-o", "out");

    for (int i = 2; i <= 300; i++)
        sprintf(text + strlen(text), ",%d", i);
    strcat(text, "]}\n");
    put_file("study.yaml", text);
    signal(SIGHUP, SIG_DFL);
    for (int i = 0; i < 3; i++) {
        cr_assert(eq(int, system("rm -rf out"), 0));
        const pid_t child = start(sweep, (struct limits){ 0 });
        char half[64];
        snprintf(half, sizeof half, "out/layers.csv.%ld.tmp", (long)child);
        wait_for(half);                  /* some points fill a stream's buffer */
        kill(child, sent[i]);
        cr_assert(eq(int, finish(child), 130));
        expect_said("stderr", "points, which are written; the same command goes"
                              " on from here");
        expect_said("out/summary.json", "\"status\": \"interrupted\"");
        cr_assert(csv_open(&csv, "out/points.csv", &err) == STATUS_OK);
        cr_assert(eq(sz, csv.n_rows, 600));
        cr_expect_str_eq(csv_text(&csv, 599, csv_column(&csv, "status")),
                         "pending");
        cr_expect_str_eq(csv_text(&csv, 599, csv_column(&csv,
                                                        "predicted.flops")), "");
        cr_expect(real_at(&csv, 0, "predicted.flops") > 0);
        csv_close(&csv);
        cr_assert(eq(int, system("grep -c done out/points.csv >points;"
                                 " sed 1d out/layers.csv | cut -d, -f1 | uniq |"
                                 " wc -l | cmp - points"), 0));
    }
    cr_expect(eq(int, STARTED("report", "out", "-o", "page", "-q"), 0));
}

/* Price the first of two points, and not the other, which is past the model's
 * positions; then have the part say that a model has 4 parameters, and ask for
 * fewer tokens. */
static void leave_a_part(void)
{
    static const char *const tokens[] = { "9999", "32" };
    char text[200];

    cr_assert(eq(int, system("rm -rf out"), 0));
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "base: run.yaml\ncommand: predict\n"
                 "set: {predict.machine: m.yaml}\n"
                 "axes: {predict.tokens: [16, %s]}\n", tokens[i]);
        put_file("study.yaml", text);
        cr_assert(i > 0 || ISOBATH("sweep", "study.yaml", "-o", "out", "-q") == 2);
    }
    cr_assert(eq(int, system("sed -i 's/\"parameters\":[0-9]*/\"parameters\":4/'"
                             " out/prices.part"), 0));
}

static double first_parameters(void)
{
    struct error err = { STATUS_OK, "" };
    struct csv csv;

    cr_assert(csv_open(&csv, "out/points.csv", &err) == STATUS_OK);
    const double is = real_at(&csv, 0, "parameters");
    csv_close(&csv);
    return is;
}

Test(priced, what_was_priced_is_not_priced_again_unless_it_would_be_another)
{
    static const struct { const char *then; bool anew; } changes[] = {
        { "true", false },
        { "printf '{\"program\": ' >>out/prices.part", false },   /* half a line */
        { "echo '# the same' >>m.yaml", true },
        { "sed -i 's/layers: ./layers: 6/' run.yaml", true },
        { "sed -i s/program/programme/ out/prices.part", true },
    };
    char copy[PATH_SIZE];

    snprintf(copy, sizeof copy, "cp '%s/configs/machines/h100-sxm.yaml' m.yaml",
             started_in);
    cr_assert(eq(int, system(copy), 0));
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        leave_a_part();
        cr_assert(eq(int, system(changes[i].then), 0));
        cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out", "-q"), 0));
        cr_expect(changes[i].anew == (first_parameters() > 5), "%s: %.0f",
                  changes[i].then, first_parameters());
        cr_expect(not(there("out/prices.part")));
    }
}

/* Ended at once, it loses no more than the point that it was at. */
Test(priced, a_killed_one_goes_on_to_the_same_tables)
{
    put_file("study.yaml", "base: run.yaml\ncommand: predict\nset:"
             " {predict.machine: h100-sxm}\naxes: {routing.capacity: [0.25, 0.5,"
             " 0.75], predict.batch: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}\n");
    const pid_t child = start(ARGUMENTS("sweep", "study.yaml", "-o", "out", "-q",
                                        "--threads", "1"),
                              (struct limits){ 0 });
    wait_for("out/prices.part");
    while (system("[ $(wc -l <out/prices.part) -ge 3 ]") != 0)
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    kill(child, SIGKILL);
    finish(child);
    cr_assert(there("out/prices.part") && !there("out/points.csv"));
    cr_assert(eq(int, STARTED("sweep", "study.yaml", "-o", "out", "-q"), 0));
    cr_assert(eq(int, STARTED("sweep", "study.yaml", "-o", "whole", "-q"), 0));
    cr_expect(eq(int, system("cmp out/points.csv whole/points.csv &&"
                             " cmp out/layers.csv whole/layers.csv"), 0));
}

/* Without a machine nothing is known of time, and that is no zero. */
Test(priced, what_is_unknown_is_left_empty)
{
    put_file("study.yaml", "base: run.yaml\ncommand: predict\n"
                           "points: [{name: a}]\n");
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out", "-q"), 0));
    struct error err = { STATUS_OK, "" };
    struct csv csv;
    cr_assert(csv_open(&csv, "out/points.csv", &err) == STATUS_OK);
    cr_expect_str_eq(csv_text(&csv, 0, csv_column(&csv, "predicted.seconds")), "");
    cr_expect(real_at(&csv, 0, "twin.ratio.flops") < 1);
    csv_close(&csv);
}

Test(priced, a_row_may_be_solved_for_as_many_flops)
{
    struct error err = { STATUS_OK, "" };
    struct csv csv;

    put_file("study.yaml",
             "base: run.yaml\ncommand: predict\nset: {predict.phase: prefill,"
             " predict.logits: all, model.layers: 12}\n"
             "settings:\n  - {name: mod}\n"
             "  - {name: dense, routing.capacity: 1, solve: {layers:"
             " forward_flops, as: mod}}\n");
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out", "-q"), 0));
    cr_assert(csv_open(&csv, "out/points.csv", &err) == STATUS_OK);
    const double off = real_at(&csv, 1, "predicted.flops") /
                       real_at(&csv, 0, "predicted.flops");
    cr_expect(off > 0.9 && off < 1.1, "%g", off);
    csv_close(&csv);
}

/* ---- what a study cannot ask ---- */

struct refusal {
    char rest[160], flag[24], value[24], says[160];
};

ParameterizedTestParameters(priced, a_mistake_is_told_with_its_place)
{
    static struct refusal refusals[] = {
        { "command: price\n", "", "", "study.yaml:2:10: command price: allowed is"
          " train or run or router or profile or predict" },
        { "command: predict\nset: {predict.batch: 0}\n", "", "",
          "study.yaml:3:22: --batch 0: allowed" },
        { "command: predict\nset: {predict.bach: 1}\n", "", "",
          "study.yaml:3:21: unknown key 'predict.bach': isobath predict has no"
          " option --bach" },
        { "command: predict\nset: {predict.format: csv}\n", "", "",
          "study.yaml:3:23: 'predict.format': a study sets no --format" },
        { "command: predict\nset: {predict.synthetic: zipf}\n", "", "",
          "'predict.synthetic': a study sets no --synthetic" },
        { "command: predict\nset: {predict.phase: decode, predict.tokens: 8}\n",
          "", "", "study.yaml:3:46: --tokens: goes with --phase train or"
          " prefill" },
        { "command: predict\nset: {model.layerz: 8}\n", "", "",
          "study.yaml:3:21: unknown key 'model.layerz', did you mean"
          " 'model.layers'?" },
        { "command: predict\nset: {predict.machine: nowhere}\n", "", "",
          "nowhere" },
        { "command: predict\nset: {predict.against: layers:99}\n", "", "",
          "layers:99" },
        { "command: predict\nclaims: []\n", "", "",
          "study.yaml:3:9: claims: they are of losses of trained models" },
        { "command: run\nclaims: []\n", "", "", "study.yaml:3:9: claims:" },
        { "command: predict\n", "--share", "", "--share: points of command:"
          " predict are worked out at once" },
        { "command: predict\n", "--jobs", "2", "--jobs: points of" },
        { "command: predict\n", "--memory", "1G", "--memory: points of" },
        { "command: predict\n", "--launcher", "slurm", "--launcher slurm:" },
        { "command: profile\nset: {profile.output: x}\n", "", "",
          "study.yaml:3:23: 'profile.output': a study sets no --output" },
        { "command: router\nset: {router.position: 3}\n", "", "",
          "study.yaml:3:24: unknown key 'router.position'" },
    };
    return cr_make_param_array(struct refusal, refusals,
                               sizeof refusals / sizeof *refusals);
}

ParameterizedTest(struct refusal *r, priced, a_mistake_is_told_with_its_place)
{
    char text[400];
    const char *const without[] = { "sweep", "study.yaml", "-o", "out", NULL };
    const char *const with[] = { "sweep", "study.yaml", "-o", "out", r->flag,
                                 *r->value ? r->value : NULL, NULL };

    snprintf(text, sizeof text, "base: run.yaml\n%spoints: [{name: a}]\n",
             r->rest);
    put_file("study.yaml", text);
    cr_expect(eq(int, finish(start(*r->flag ? with : without,
                                   (struct limits){ 0 })), 2), "%s", r->rest);
    expect_said("stderr", r->says);
    cr_expect(not(there("out/points")));
    cr_expect(not(there("out/points.csv")));
}

/* ---- routers ---- */

Test(priced, routers_are_asked_at_every_point_and_reported)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "model", "-q"), 0));
    put_file("score.yaml", "run: {model: model, text: text, window: 32,"
                           " limit: 640}\n");
    put_file("study.yaml", "base: score.yaml\ncommand: router\n"
                           "set: {router.positions: 4}\n"
                           "axes: {run.limit: [640, 960]}\n");
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out", "-q"), 0));
    cr_assert(eq(int, ISOBATH("router", "model", "--text", "text", "--window",
                              "32", "--limit", "960", "--positions", "4", "-o",
                              "one", "-q"), 0));
    struct error err = { STATUS_OK, "" };
    struct csv all, one;
    cr_assert(csv_open(&all, "out/points.csv", &err) == STATUS_OK);
    cr_assert(csv_open(&one, "one/replaced.csv", &err) == STATUS_OK);
    cr_expect(epsilon_eq(dbl, real_at(&all, 1, "nats_per_token"),
                         real_at(&one, 0, "nats_per_token"), 1e-7));
    csv_close(&all);
    csv_close(&one);
    cr_assert(eq(int, STARTED("report", "out", "-o", "page", "-q"), 0));
    expect_said("page/tables/router-replaced.csv", "limit=960");
}

/* ---- the report ---- */

Test(priced, a_report_sets_points_beside_twin_and_rival)
{
    put_file("study.yaml", machine_study);
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out", "-q"), 0));
    cr_assert(eq(int, STARTED("report", "out", "-o", "page", "-q"), 0));
    struct error err = { STATUS_OK, "" };
    struct csv points, table, layers;
    cr_assert(csv_open(&points, "out/points.csv", &err) == STATUS_OK);
    cr_assert(csv_open(&table, "page/tables/priced.csv", &err) == STATUS_OK);
    cr_assert(eq(sz, table.n_rows, 6));
    for (size_t r = 0; r < 6; r++)
        cr_expect(epsilon_eq(dbl, real_at(&table, r, "seconds_of_rival"),
                             real_at(&points, r, "rival.ratio.seconds"), 1e-6));
    /* One layer is routed, the other is not: capacity 1 leaves them alike. */
    cr_assert(csv_open(&layers, "page/tables/priced-layers.csv", &err) ==
              STATUS_OK);
    cr_expect(eq(sz, layers.n_rows, 4 * 3 + 2 * 2));
    expect_said("page/tables/priced-layers.csv", "\"0, 1\"");
    csv_close(&layers);
    csv_close(&table);
    csv_close(&points);
    expect_said("page/index.html", "6 points were priced.");
    expect_said("page/index.html", "than the rival equal-flops");
}
