/* test_traffic.c - Line up the profiles of a sweep: shares of the twin, and of a
 * dense model that costs as much. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <math.h>
#include <string.h>

#include "reports/read/csv.h"
#include "reports/read/run_directory.h"
#include "reports/read/traffic.h"
#include "tests/directory.h"
#include "tests/report_folder.h"

static struct run sweep;
static struct traffic *traffic;
static int n_points;

static void finish(void)
{
    free(traffic);
    run_close(&sweep);
    clean_up();
}

TestSuite(traffic, .init = set_up, .fini = finish);

#define ARM(name) "{\"name\":\"" name "\",\"totals\":{\"counted\":{\"flops\":%d},"   \
    "\"predicted\":{\"l2_bytes\":%d,\"sources\":{\"l2_bytes\":\"predicted\"}}},"      \
    "\"seconds\":{\"median\":%g}}"

#define AGAINST ",\"against\":{\"name\":\"half\",\"layers_run\":4,\"arm\":"       \
    ARM("rival") ",\"ratio\":{\"seconds\":{\"median\":1.25}}}"

/* A prefill of a point: a dense model's own, or MoD beside its twin, and beside
 * a rival. */
static void put_profile(const char *arguments, const char *arms,
                        const char *against)
{
    char name[64], text[2048];

    snprintf(name, sizeof name, "points/%06d", n_points++);
    cr_assert(file_make_directory(in_folder(name), NULL) == STATUS_OK);
    strcat(name, "/summary.json");
    snprintf(text, sizeof text, "{\"schema\":\"isobath-run-1\",\"command\":"
             "\"profile\",\"status\":\"done\",\"provenance\":{\"arguments\":[%s]},"
             "\"phases\":[{\"name\":\"prefill\",\"batch\":1,\"tokens\":64,\"arms\":"
             "[%s]%s}]}", arguments, arms, against);
    put_file(in_folder(name), text);
}

static void put_study(void)
{
    char arms[1024], against[1024];

    snprintf(arms, sizeof arms, ARM("dense"), 1000, 600, 2.0);
    put_profile("", arms, "");
    snprintf(arms, sizeof arms, ARM("dense") "," ARM("mod"), 1000, 600, 2.0, 500,
             360, 1.2);
    snprintf(against, sizeof against, AGAINST, 520, 300, 1.0);
    put_profile("\"--set\",\"routing.policy=hash\",\"--set\","
                "\"routing.capacity=0.125\"", arms, against);
    snprintf(against, sizeof against, AGAINST, 300, 300, 1.0);
    put_profile("\"--set\",\"routing.policy=hash\",\"--set\","
                "\"routing.capacity=0.125\"", arms, against);
    put_file(in_folder("points.csv"), "point,name,row,status\r\n0,all,all,done\r\n"
             "1,mod,mod,done\r\n2,other,other,done\r\n");
}

static double near(struct amount a, double wanted)
{
    return fabs(a.value / wanted - 1) < 1e-12;
}

Test(traffic, shares_are_of_the_twin_and_of_a_dense_model_as_costly)
{
    size_t n;

    put_study();
    cr_assert(run_open(&sweep, folder, &err) == STATUS_OK, "%s", err.text);
    traffic = traffic_list(&n, &sweep, 1);
    cr_assert(eq(sz, n, 3));
    const struct traffic *mod = &traffic[1];
    cr_expect_str_eq(mod->policy, "hash");
    cr_expect(mod->capacity == 0.125);
    cr_assert(mod->has_rival);
    cr_expect(not(traffic[2].has_rival), "300 of 500 are not as many");
    cr_expect(near(traffic_of_twin(mod, METRIC_FLOPS), 500. / 1000));
    cr_expect(near(traffic_of_twin(mod, METRIC_L2_BYTES), 360. / 600));
    cr_expect(near(traffic_of_rival(mod, METRIC_FLOPS), 500. / 520));
    cr_expect(near(traffic_of_rival(mod, METRIC_L2_BYTES), 360. / 300));
    cr_expect(near(traffic_of_rival(mod, METRIC_SECONDS), 1.25),
              "the paired one, not 1.2 of 1.0");
    cr_expect(not(amount_known(traffic_of_twin(mod, METRIC_JOULES))));
    cr_expect(not(amount_known(traffic_of_twin(&traffic[0], METRIC_FLOPS))));
    cr_expect(not(traffic[0].has_rival));
    cr_expect(isnan(traffic[0].capacity));
}

Test(traffic, a_report_has_it_as_a_table_and_a_figure)
{
    struct csv csv;
    char path[FILE_PATH_SIZE];
    bool drawn = false;

    put_study();
    char *paths[] = { folder };
    cr_assert(report_open(&report, paths, 1, &err) == STATUS_OK, "%s", err.text);
    for (size_t i = 0; i < report.n_figures; i++)
        drawn |= strcmp(report.figure[i].plot.name, "traffic") == 0;
    cr_expect(drawn);
    cr_assert(file_join(path, folder, "page", &err) == STATUS_OK);
    cr_assert(report_write(&report, path, &err) == STATUS_OK, "%s", err.text);
    strcat(path, "/tables");
    cr_assert(csv_open_in(&csv, path, "traffic.csv", &err) == STATUS_OK);
    cr_assert(eq(sz, csv.n_rows, 3));
    cr_expect_str_eq(csv_text(&csv, 1, csv_column(&csv, "flops_of_twin")), "0.5");
    cr_expect_str_eq(csv_text(&csv, 1, csv_column(&csv, "rival")),
                     "half, 4 layers");
    cr_expect_str_eq(csv_text(&csv, 2, csv_column(&csv, "rival")), "");
    csv_close(&csv);
}
