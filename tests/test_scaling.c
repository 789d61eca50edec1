/* test_scaling.c - Find the best size of each budget, and what dense would need
 * for MoD's loss, in a study whose laws are known. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "reports/read/csv.h"
#include "reports/read/run_directory.h"
#include "reports/read/scaling.h"
#include "tests/directory.h"
#include "tests/report_folder.h"

static struct run sweep;
static struct study study;
static struct scaling scaling;
static int n_points;

static void finish(void)
{
    scaling_close(&scaling);
    study_close(&study);
    run_close(&sweep);
    clean_up();
}

TestSuite(scaling, .init = set_up, .fini = finish);

/* A run of so many layers, each of 1000 parameters and 6000 FLOPs a token. */
static void put_run(bool mod, int layers, double budget, int seed, double loss)
{
    char name[64], text[1024];
    const double per_token = 6000.0 * layers;

    snprintf(name, sizeof name, "points/%06d", n_points++);
    cr_assert(file_make_directory(in_folder(name), NULL) == STATUS_OK);
    strcat(name, "/summary.json");
    snprintf(text, sizeof text, "{\"schema\":\"isobath-run-1\",\"command\":"
             "\"train\",\"status\":\"done\",\"config\":{\"model\":{\"layers\":%d,"
             "\"channels\":8},\"routing\":{\"policy\":\"%s\"},\"train\":{\"seed\":"
             "%d,\"budget_flops\":%g}},\"tokens\":%.17g,\"parameters\":%d,"
             "\"totals\":{\"counted\":{\"flops\":%.0f}},\"loss\":"
             "{\"heldout_causal\":%.17g},\"routing\":{\"capacity_nominal\":%s,"
             "\"blocks\":[%s]}}", layers, mod ? "expert_choice" : "dense", seed,
             budget, budget / per_token, 1000 * layers, budget, loss,
             mod ? "0.125" : "null", mod ? "1" : "");
    put_file(in_folder(name), text);
}

static void open_study(void)
{
    put_file(in_folder("points.csv"), "point\r\n");
    cr_assert(run_open(&sweep, folder, &err) == STATUS_OK, "%s", err.text);
    cr_assert(study_open(&study, &sweep, 1, &err) == STATUS_OK, "%s", err.text);
    cr_assert(scaling_open(&scaling, &study, &err) == STATUS_OK, "%s", err.text);
}

/* L = 1 + 60 / M^.3 + 90 / D^.3, M FLOPs a token, whose best size is near 20 to 80
 * layers; of MoD with A and B times 2^-.15, which is the loss that dense has at
 * twice the compute: gamma = .3 .3 / .6 = .15. */
static void put_laws(void)
{
    static const double budgets[] = { 1e10, 1e11, 1e12 };
    static const int layers[] = { 1, 3, 10, 30, 100 };
    const double less = pow(2, -0.15);

    for (int mod = 0; mod < 2; mod++)
        for (int b = 0; b < 3; b++)
            for (int i = 0; i < 5; i++)
                for (int seed = 1; seed < 3; seed++) {
                    const double size = 6000.0 * layers[i];
                    const double tokens = budgets[b] / size;
                    put_run(mod, layers[i], budgets[b], seed,
                            1 + (mod ? less : 1) * (60 * pow(size, -0.3) +
                                                    90 * pow(tokens, -0.3)));
                }
}

Test(scaling, the_flop_multiplier_of_a_known_law_is_found)
{
    put_laws();
    open_study();
    cr_assert(eq(sz, scaling.n_arms, 2));
    cr_expect_str_eq(scaling.arm[1].name, "MoD 12.5%");
    const struct scaling_arm *dense = &scaling.arm[0], *mod = &scaling.arm[1];
    cr_assert(dense->fitted && mod->fitted);
    cr_expect(fabs(dense->law.alpha - 0.3) < 1e-3 &&
              fabs(dense->law.e - 1) < 1e-3, "%.9g", dense->law.alpha);
    cr_expect(fabs(mod->multiplier - 2) < 1e-2, "%.9g", mod->multiplier);
    cr_expect(mod->multiplier_in.low > 1.9 && mod->multiplier_in.high < 2.1,
              "%.9g %.9g", mod->multiplier_in.low, mod->multiplier_in.high);
    cr_expect(isnan(dense->multiplier));
}

/* A parabola in log size about 8 layers. */
static void put_bowl(const int *layers, int n)
{
    for (int i = 0; i < n; i++)
        for (int seed = 1; seed < 3; seed++) {
            const double off = log(layers[i]) - log(8);
            put_run(false, layers[i], 1e9, seed, 2 + off * off + 1e-6 * seed);
        }
}

Test(scaling, a_minimum_between_the_sizes_is_bracketed)
{
    static const int layers[] = { 2, 4, 16, 32 };
    char edge[96];

    put_bowl(layers, 4);
    open_study();
    cr_assert(eq(sz, scaling.n_curves, 1));
    cr_expect(fabs(scaling.curve[0].fit.size - 8000) < 1);
    cr_expect(fabs(scaling.curve[0].fit.loss - 2) < 1e-5);
    cr_expect(scaling.curve[0].size.low < 8000.1 &&
              scaling.curve[0].size.high > 7999.9);
    scaling_edge(edge, &scaling.curve[0]);
    cr_expect_str_eq(edge, "");
    cr_expect(not(scaling.arm[0].fitted));          /* one budget */
}

Test(scaling, a_minimum_outside_of_what_was_tried_is_none)
{
    static const int layers[] = { 1, 2, 4 };
    char edge[96];

    put_bowl(layers, 3);
    open_study();
    scaling_edge(edge, &scaling.curve[0]);
    cr_expect_str_eq(edge, "not bracketed: lower towards larger models than were"
                           " tried");
}

Test(scaling, a_report_has_curves_and_laws_as_tables)
{
    struct csv csv;
    char path[FILE_PATH_SIZE];

    put_laws();
    put_file(in_folder("points.csv"), "point\r\n");
    char *paths[] = { folder };
    cr_assert(report_open(&report, paths, 1, &err) == STATUS_OK, "%s", err.text);
    cr_assert(file_join(path, folder, "page", &err) == STATUS_OK);
    cr_assert(report_write(&report, path, &err) == STATUS_OK, "%s", err.text);
    strcat(path, "/tables");
    cr_assert(csv_open_in(&csv, path, "isoflops.csv", &err) == STATUS_OK);
    cr_expect(eq(sz, csv.n_rows, 6));
    csv_close(&csv);
    cr_assert(csv_open_in(&csv, path, "laws.csv", &err) == STATUS_OK);
    cr_expect(eq(sz, csv.n_rows, 2));
    cr_expect_str_eq(csv_text(&csv, 1, csv_column(&csv, "arm")), "MoD 12.5%");
    csv_close(&csv);
}
