/* test_claims.c - Fix what a study claims before it runs, and judge it by points
 * whose losses are worked by hand. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <math.h>
#include <string.h>

#include "reports/read/claims.h"
#include "reports/read/run_directory.h"
#include "reports/report.h"
#include "sim/sweep/sweep.h"
#include "tests/directory.h"

static struct error err;
static struct run sweep_run;
static struct claims claims;
static FILE *table;
static int n_points;

static void set_up(void)
{
    enter_directory();
    put_file("base.yaml", "train: {seed: 1}\n");
    cr_assert(file_make_directory("sweep/points", NULL) == STATUS_OK);
    table = fopen("sweep/points.csv", "w");
    fputs("point,name,row,phase\r\n", table);
}

static void clean_up(void)
{
    claims_close(&claims);
    run_close(&sweep_run);
    leave_directory();
}

TestSuite(claims, .init = set_up, .fini = clean_up);

/* ---- as a study says them ---- */

static const char study_head[] =
    "base: base.yaml\n"
    "settings:\n"
    "  - {name: mod, routing.capacity: 0.5, phase: [pick, proof]}\n"
    "  - {name: dense, routing.capacity: 1, phase: [pick, proof]}\n"
    "  - {name: shallow, model.layers: 2, phase: proof}\n"
    "phases: {pick: {train.seed: [1]}, proof: {train.seed: [2]}}\n"
    "claims:\n";

static enum status open_study(struct sweep **out, const char *claim)
{
    char text[2048];

    snprintf(text, sizeof text, "%s  - %s\n", study_head, claim);
    put_file("study.yaml", text);
    return sweep_open(out, "study.yaml", NULL, 0, &err);
}

static const char plain[] =
    "{name: P1, a: mod, b: dense, is: lower, phase: proof}";

Test(claims, what_is_not_said_has_its_default)
{
    struct sweep *sweep = NULL;

    cr_assert(open_study(&sweep, plain) == STATUS_OK, "%s", err.text);
    const json_t *c = json_array_get(sweep->claims, 0);
    cr_expect_str_eq(json_string_value(json_object_get(c, "metric")), "causal");
    cr_expect_str_eq(json_string_value(json_object_get(c, "test")), "auto");
    cr_expect(eq(dbl, json_real_value(json_object_get(c, "margin")), 0.005));
    const bool silent = json_is_null(json_object_get(c, "claim"));
    cr_expect(silent);
    sweep_close(sweep);
}

Test(claims, a_mistake_is_named_by_its_place)
{
    static const struct { const char *claim, *said; } rows[] = {
        { "{a: mod, b: dense, is: lower, phase: proof}",
          "study.yaml:8:5: a claim needs a name" },
        { "{name: P, a: mode, b: dense, is: lower, phase: proof}",
          "study.yaml:8:18: allowed is the name of a row of settings" },
        { "{name: P, b: dense, is: lower, phase: proof}",
          "study.yaml:8:5: a claim needs a: and b:" },
        { "{name: P, a: mod, b: dense, is: less, phase: proof}",
          "study.yaml:8:37: is: allowed is one of lower, higher, same" },
        { "{name: P, a: mod, b: dense, phase: proof}",
          "study.yaml:8:5: is: allowed is one of" },
        { "{name: P, a: mod, b: dense, is: same, margin: 0, phase: proof}",
          "margin: allowed is a share of the loss" },
        { "{name: P, a: mod, b: dense, is: same, margin: 1 %, phase: proof}",
          "margin: allowed is a share of the loss" },
        { "{name: P, a: mod, b: dense, is: same}",
          "a claim names the one that judges it" },
        { "{name: P, a: mod, b: shallow, is: same, phase: pick}",
          "'shallow' has no phase 'pick'" },
        { "{name: P, a: [mod, shallow], b: dense, is: same, phase: proof}",
          "'shallow' is one of several: it needs another phase" },
        { "{name: P, a: mod, b: dense, is: same, phase: proof, when: now}",
          "study.yaml:8:57: unknown key: allowed in a claim are name" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct sweep *sweep = NULL;
        cr_expect(eq(int, open_study(&sweep, rows[i].claim), STATUS_BAD_VALUE));
        cr_expect(strstr(err.text, rows[i].said) != NULL, "%s: %s",
                  rows[i].claim, err.text);
    }
}

Test(claims, they_are_fixed_once_and_cannot_change)
{
    struct sweep *sweep = NULL;

    cr_assert(open_study(&sweep, plain) == STATUS_OK, "%s", err.text);
    cr_assert(sweep_fix_claims(sweep, "sweep", &err) == STATUS_OK);
    cr_expect(sweep_fix_claims(sweep, "sweep", &err) == STATUS_OK);
    sweep_close(sweep);
    cr_assert(open_study(&sweep, "{name: P1, a: mod, b: dense, is: higher,"
                         " phase: proof}") == STATUS_OK);
    cr_expect(eq(int, sweep_fix_claims(sweep, "sweep", &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "sweep/claims.json: the claims were fixed when"
                     " the study began") != NULL, "%s", err.text);
    sweep_close(sweep);
}

/* ---- as points bear them out ---- */

/* A finished point: as dense as its row says, so many layers, these losses. */
static void point(const char *row, const char *phase, int layers, int seed,
                  double causal, double topk)
{
    char path[64], text[1024];

    fprintf(table, "%d,x,%s,%s\r\n", n_points, row, phase);
    fflush(table);
    snprintf(path, sizeof path, "sweep/points/%06d", n_points++);
    cr_assert(file_make_directory(path, NULL) == STATUS_OK);
    strcat(path, "/summary.json");
    snprintf(text, sizeof text, "{\"schema\":\"isobath-run-1\",\"command\":"
             "\"train\",\"status\":\"done\",\"config\":{\"model\":{\"layers\":"
             "%d},\"routing\":{\"policy\":\"%s\"},\"train\":{\"seed\":%d}},"
             "\"totals\":{\"counted\":{\"flops\":1000}},\"loss\":"
             "{\"heldout_causal\":%.9g,\"heldout_topk\":%.9g},\"routing\":"
             "{\"capacity_nominal\":0.5,\"blocks\":[1]}}", layers,
             strncmp(row, "mod", 3) ? "dense" : "expert_choice", seed, causal,
             topk);
    put_file(path, text);
}

/* Seeds 11 to 15: mod 0.1 lower than dense, or near enough. */
static void put_pairs(void)
{
    for (int seed = 11; seed <= 15; seed++) {
        double dense = 2 + 0.1 * (seed % 3);
        point("mod", "proof", 2, seed, dense - 0.1 - 1e-4 * (seed % 2),
              dense + 1e-4 * (seed % 2));
        point("dense", "proof", 2, seed, dense, dense);
    }
}

static void judge(const char *list)
{
    char text[2048];

    snprintf(text, sizeof text, "{\"study_hash\":\"abc\",\"fixed\":\"then\","
             "\"claims\":[%s]}", list);
    put_file("sweep/claims.json", text);
    fclose(table);
    cr_assert(run_open(&sweep_run, "sweep", &err) == STATUS_OK, "%s", err.text);
    cr_assert(claims_open(&claims, &sweep_run, 1, &err) == STATUS_OK, "%s",
              err.text);
}

#define CLAIM(a, b, is, metric, test)                                          \
    "{\"name\":\"P\",\"a\":" a ",\"b\":" b ",\"is\":\"" is "\",\"metric\":\""     \
    metric "\",\"test\":\"" test "\",\"margin\":0.005,\"phase\":\"proof\"}"
#define MOD   "[\"mod\"]"
#define DENSE "[\"dense\"]"

/* Its p by itself is below 1e-8, that of the second claim the same: twice. */
Test(claims, a_difference_in_every_pair_bears_out_or_refutes)
{
    put_pairs();
    judge(CLAIM(MOD, DENSE, "lower", "causal", "paired") ","
          CLAIM(MOD, DENSE, "higher", "causal", "paired") ","
          CLAIM(MOD, DENSE, "same", "causal", "paired"));
    cr_assert(eq(sz, claims.n, 3));
    const struct claim *c = claims.claim;
    cr_expect(eq(int, c[0].verdict, CLAIM_HOLDS));
    cr_expect_str_eq(c[0].said, "holds: lower");
    cr_expect(epsilon_eq(dbl, c[0].difference.loss.mean, -0.10006, 1e-9));
    cr_expect(epsilon_eq(dbl, c[0].p, 3 * stats_p(c[0].difference.loss), 1e-15));
    cr_expect(epsilon_eq(dbl, c[0].flops_ratio, 1, 1e-12));
    cr_expect_str_eq(c[0].study_hash, "abc");
    cr_expect(eq(int, c[1].verdict, CLAIM_REFUTED));
    cr_expect_str_eq(c[1].said, "refuted: lower");
    cr_expect(eq(int, c[2].verdict, CLAIM_REFUTED));
}

/* Under top-k the two differ by 0.0001 at most, of 2.1. */
Test(claims, equivalence_is_claimed_and_borne_out)
{
    put_pairs();
    judge(CLAIM(MOD, DENSE, "same", "topk", "paired") ","
          CLAIM(MOD, DENSE, "lower", "topk", "paired"));
    cr_expect(eq(int, claims.claim[0].verdict, CLAIM_HOLDS));
    cr_expect_str_eq(claims.claim[0].said,
                     "holds: no difference beyond the margin");
    cr_expect(eq(int, claims.claim[1].verdict, CLAIM_REFUTED));
}

/* Seeds that both arms share the luck of are paired; unpaired, their sd of 0.1
 * hides the difference, and the claim says what it could have seen. */
Test(claims, pairing_is_used_where_it_gains)
{
    put_pairs();
    judge(CLAIM(MOD, DENSE, "lower", "causal", "auto") ","
          CLAIM(MOD, DENSE, "lower", "causal", "unpaired"));
    cr_expect(claims.claim[0].difference.paired);
    cr_expect(eq(int, claims.claim[0].verdict, CLAIM_HOLDS));
    cr_expect(not(claims.claim[1].difference.paired));
    cr_expect(eq(int, claims.claim[1].verdict, CLAIM_OPEN));
    cr_expect(strstr(claims.claim[1].said, "cannot tell: could have seen ") !=
              NULL);
}

/* What one arm gains by a seed the other loses: pairs would be wider. */
Test(claims, arms_that_do_not_correlate_are_not_paired)
{
    for (int seed = 11; seed <= 16; seed++) {
        point("mod", "proof", 2, seed, 1.9 + 0.01 * (seed % 3), 0);
        point("dense", "proof", 2, seed, 2.1 - 0.01 * (seed % 3), 0);
    }
    judge(CLAIM(MOD, DENSE, "lower", "causal", "auto"));
    cr_expect(not(claims.claim[0].difference.paired));
    cr_expect(eq(int, claims.claim[0].verdict, CLAIM_HOLDS));
}

/* Three layers look better where the choice is made, two where it is judged. */
Test(claims, the_best_of_several_is_chosen_in_another_phase)
{
    put_pairs();
    point("dense", "pick", 2, 1, 2.0, 2.0);
    point("dense3", "pick", 3, 1, 1.9, 1.9);
    for (int seed = 11; seed <= 15; seed++)
        point("dense3", "proof", 3, seed, 2.5 + 0.1 * (seed % 3), 2.5);
    judge(CLAIM(MOD, "[\"dense\", \"dense3\"]", "lower", "causal", "paired"));
    cr_expect_str_eq(claims.claim[0].b, "dense3");
    cr_expect(epsilon_eq(dbl, claims.claim[0].difference.loss.mean, -0.60006,
                         1e-6));
}

Test(claims, what_cannot_be_judged_says_why)
{
    for (int seed = 11; seed <= 14; seed++) {
        point("mod", "proof", 2, seed, 1.9, 1.9);
        point("dense", "proof", 2, seed, 2.0 + 0.01 * seed, 2.0);
    }
    point("two", "proof", 2, 11, 2.0, 2.0);
    point("two", "proof", 3, 12, 2.0, 2.0);
    judge(CLAIM(MOD, DENSE, "lower", "causal", "paired") ","
          CLAIM(MOD, "[\"two\"]", "lower", "causal", "paired") ","
          CLAIM(MOD, "[\"none\"]", "lower", "causal", "paired") ","
          CLAIM(MOD, "[\"dense\", \"two\"]", "lower", "causal", "paired"));
    for (int i = 0; i < 4; i++)
        cr_expect(eq(int, claims.claim[i].verdict, CLAIM_UNJUDGED));
    cr_expect_str_eq(claims.claim[0].said, "not judged: 4 seeds, 5 are needed");
    cr_expect_str_eq(claims.claim[1].said,
                     "not judged: 'two' has several settings");
    cr_expect_str_eq(claims.claim[2].said,
                     "not judged: 'none' has no finished point");
    cr_expect_str_eq(claims.claim[3].said,
                     "not judged: no finished point to choose b by");
}

Test(claims, a_report_has_them_as_a_table)
{
    static struct report report;
    char path[] = "sweep", *paths[] = { path }, *text;
    size_t size;

    put_pairs();
    judge(CLAIM(MOD, DENSE, "lower", "causal", "paired"));
    cr_assert(report_open(&report, paths, 1, &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(report_write(&report, "page", &err) == STATUS_OK, "%s", err.text);
    report_close(&report);
    cr_assert(file_read(&text, &size, "page/tables/claims.csv", 1 << 20, &err)
              == STATUS_OK);
    cr_expect(strstr(text, "P,,mod,lower,dense,causal rule,proof,5,paired,,") !=
              NULL, "%s", text);
    cr_expect(strstr(text, "holds: lower,abc,then") != NULL, "%s", text);
    free(text);
}
