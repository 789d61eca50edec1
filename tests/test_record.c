/* test_record.c - Go on with a study from the records of its finished points. */
#include <criterion/criterion.h>

#include "tests/cli.h"

TestSuite(record, .init = set_up, .fini = leave_directory);

#define SWEEP(...) ISOBATH("sweep", "study.yaml", __VA_ARGS__)

/* Under the schedule that was the default when the first records were kept. */
static void put_study(const char *rate)
{
    char text[512];

    snprintf(text, sizeof text,
             "base: run.yaml\n"
             "set: {train.steps: 6, train.schedule: cosine}\n"
             "settings:\n"
             "  - {name: dense, routing.capacity: 1}\n"
             "  - {name: mod, train.learning_rate: %s}\n"
             "axes: {train.seed: [1, 2]}\n"
             "claims: [{name: P1, a: mod, b: dense, is: lower}]\n", rate);
    put_file("study.yaml", text);
}

/* What a study leaves, and what of it is kept. */
static void run_and_keep(const char *filter)
{
    put_study("1e-3");
    cr_assert(eq(int, SWEEP("-o", "first", "-q", "--filter", filter), 0));
    cr_assert(system("mkdir kept && cp first/records.json first/claims.json kept")
              == 0);
}

Test(record, records_alone_give_back_the_tables_and_the_report)
{
    static const char *const same[] = {
        "points.csv", "claims.json", "records.json", "points/000001/point.json",
    };
    char a[64], b[64];

    run_and_keep("");
    cr_assert(eq(int, STARTED("report", "first", "-o", "page"), 0));
    cr_assert(rename("first", "gone") == 0);
    cr_assert(eq(int, SWEEP("-o", "first", "--from", "kept", "--merge"), 0));
    expect_said("stdout", "4 points taken over from kept");
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        snprintf(a, sizeof a, "gone/%s", same[i]);
        snprintf(b, sizeof b, "first/%s", same[i]);
        expect_same_file(a, b);
    }
    json_t *was = summary_of("gone/points/000003");
    json_t *now = summary_of("first/points/000003");
    cr_expect(json_equal(was, now));
    json_decref(was);
    json_decref(now);
    cr_assert(eq(int, STARTED("report", "first", "-o", "again"), 0));
    expect_same_file("page/tables/settings.csv", "again/tables/settings.csv");
    expect_same_file("page/tables/claims.csv", "again/tables/claims.csv");
}

Test(record, only_what_is_missing_runs)
{
    run_and_keep("seed=1");
    cr_assert(eq(int, SWEEP("-o", "out", "--from", "kept"), 0));
    expect_said("stdout", "2 points taken over from kept");
    expect_said("stdout", "4 of 4 points done");
    expect_said("out/points/000000/log.txt", "taken over from kept/records.json");
    cr_expect(not(there("out/points/000002/curve.csv")));
    cr_expect(there("out/points/000001/curve.csv"));
    cr_expect(there("out/points/000001/model.safetensors"));
    cr_expect(not(there("out/points/000001/state.safetensors")));
    expect_same_file("first/claims.json", "out/claims.json");
    cr_assert(eq(int, SWEEP("-o", "out", "--from", "kept"), 0));
    expect_said("stdout", "0 points taken over from kept");
}

Test(record, a_study_that_grew_has_its_points_under_other_numbers)
{
    run_and_keep("mod");
    put_file("study.yaml", "base: run.yaml\n"
                           "set: {train.steps: 6, train.schedule: cosine}\n"
                           "settings:\n"
                           "  - {name: mod, train.learning_rate: 1e-3}\n"
                           "axes: {train.seed: [3, 2, 1]}\n");
    cr_assert(remove("kept/claims.json") == 0);
    cr_assert(eq(int, SWEEP("-o", "out", "--from", "kept", "--merge"), 0));
    cr_expect(not(there("out/points/000000")));
    expect_said("out/points/000001/point.json", "\"mod seed=2\"");
    expect_said("out/points/000002/point.json", "\"mod seed=1\"");
    json_t *first = summary_of("first/points/000002");
    json_t *moved = summary_of("out/points/000002");
    cr_expect(json_equal(first, moved));
    json_decref(first);
    json_decref(moved);
}

Test(record, a_record_of_another_config_or_text_is_refused_by_name)
{
    run_and_keep("seed=1");
    put_study("2e-3");
    cr_expect(eq(int, SWEEP("-o", "out", "--from", "kept"), 2));
    expect_said("stderr", "kept/records.json: point 2 (mod seed=1) was begun with"
                          " train.learning_rate = 1e-3, the study now says 2e-3");
    put_study("1e-3");
    cr_assert(system("sed 's/capacity: 0.25/capacity: 0.5/' run.yaml > b &&"
                     " mv b run.yaml") == 0);
    cr_expect(eq(int, SWEEP("-o", "out", "--from", "kept"), 2));
    expect_said("stderr", "point 0 (dense seed=1) was begun with another command"
                          " or base config");
    put_file("run.yaml", run_yaml);
    cr_assert(system("echo more >> text") == 0);
    cr_expect(eq(int, SWEEP("-o", "out", "--from", "kept"), 2));
    expect_said("stderr", "point 0 (dense seed=1): was done on other data (hash");
    cr_expect(not(there("out/points")));
}

Test(record, a_record_of_other_kernels_is_refused_unless_asked_for)
{
    cr_assert(setenv("ISOBATH_KERNELS", "generic", 1) == 0);
    run_and_keep("dense seed=1");
    cr_assert(system("sed 's/\"isa\":\"generic\"/\"isa\":\"other\"/'"
                     " kept/records.json > r && mv r kept/records.json") == 0);
    cr_expect(eq(int, SWEEP("-o", "out", "--from", "kept"), 2));
    expect_said("stderr", "point 0 (dense seed=1): was done under the other"
                          " kernels, these are generic");
    cr_expect(eq(int, SWEEP("-o", "out", "--from", "kept", "--merge",
                            "--any-kernels"), 0));
    expect_said("stdout", "1 points taken over");
}

Test(record, what_holds_no_records_is_refused_with_its_place)
{
    put_study("1e-3");
    cr_expect(eq(int, SWEEP("-o", "out", "--from", "none"), 2));
    expect_said("stderr", "none/records.json");
    cr_assert(mkdir("kept", 0777) == 0);
    put_file("kept/records.json", "{\"schema\": 1}\n");
    cr_expect(eq(int, SWEEP("-o", "out", "--from", "kept"), 2));
    expect_said("stderr", "kept/records.json:1:1: allowed is isobath-records-2");
    put_file("kept/records.json", "{\"schema\": \"isobath-records-1\",\n nonsense");
    cr_expect(eq(int, SWEEP("-o", "out", "--from", "kept"), 2));
    expect_said("stderr", "kept/records.json:2:");
}

/* What a key that came later says by default is what runs did before it: else no
 * run and no record of before could be gone on with.  Where this fails, a new key
 * of `train` wants its row in sim/core/config/later_keys.c. */
Test(record, a_run_of_before_has_its_fingerprint)
{
    put_study("1e-3");
    cr_assert(eq(int, SWEEP("-o", "out", "-q", "--filter", "mod seed=1"), 0));
    json_t *summary = summary_of("out/points/000002");
    cr_expect_str_eq(json_string_value(json_object_get(summary, "fingerprint")),
                     "07853adaafdb6b46");
    json_decref(summary);
}

/* Programs that knew routing.gate_scale and routing.bypass, but not that runs of
 * before them may lack both, took another fingerprint of the same run; that stands
 * in records that are kept. */
Test(record, a_record_of_another_program_of_before_is_taken)
{
    run_and_keep("mod seed=1");
    cr_assert(system("sed 's/07853adaafdb6b46/99a27d376d9539b8/' kept/records.json"
                     " > r && mv r kept/records.json") == 0);
    cr_expect(eq(int, SWEEP("-o", "out", "--from", "kept", "--merge"), 0));
    expect_said("stdout", "1 points taken over");
    cr_assert(system("sed 's/99a27d376d9539b8/99a27d376d9539b9/' kept/records.json"
                     " > r && mv r kept/records.json") == 0);
    cr_expect(eq(int, SWEEP("-o", "again", "--from", "kept", "--merge"), 2));
    expect_said("stderr", "point 2 (mod seed=1): was trained by another config");
}

/* What a study left under the first form of records, which ships: it is taken
 * over, kept under the second, and taken over from there as it was. */
Test(record, older_records_are_read_and_kept_in_less, .fini = leave_directory)
{
    static const char *const from[] = { "reports/results/table-1e13", "kept" };
    char study[PATH_SIZE], older[PATH_SIZE];
    struct stat was, now;

    snprintf(study, sizeof study, "%s/configs/studies/table-1e13.yaml", started_in);
    snprintf(older, sizeof older, "%s/%s", started_in, from[0]);
    /* Another program's points are taken without a look at their text. */
    cr_assert(eq(int, ISOBATH("sweep", study, "-o", from[1], "--from", older,
                              "--merge", "-q", "--program", "none"), 0));
    cr_assert(eq(int, ISOBATH("sweep", study, "-o", "again", "--from", from[1],
                              "--merge", "-q", "--program", "none"), 0));
    expect_same_file("kept/points.csv", "again/points.csv");
    expect_same_file("kept/records.json", "again/records.json");
    for (int p = 0; p < 84; p += 7) {
        char a[64], b[64];
        snprintf(a, sizeof a, "kept/points/%06d", p);
        snprintf(b, sizeof b, "again/points/%06d", p);
        json_t *x = summary_of(a), *y = summary_of(b);
        cr_expect(json_equal(x, y), "point %d", p);
        json_decref(x);
        json_decref(y);
    }
    strcat(older, "/records.json");
    cr_assert(stat(older, &was) == 0 && stat("kept/records.json", &now) == 0);
    cr_expect(now.st_size * 5 < was.st_size * 3, "%ld of %ld", (long)now.st_size,
              (long)was.st_size);
}
