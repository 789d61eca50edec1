/* test_report_tradeoff.c - Compare what routings save and lose: kinds, lines,
 * the front, and the cheapest within a loss, from points whose numbers are
 * worked by hand. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/read/run_directory.h"
#include "reports/report.h"
#include "tests/directory.h"

static struct error err;
static struct run sweep;
static struct tradeoff x;
static struct report report;
static int n_points;

static void set_up(void)
{
    enter_directory();
    cr_assert(file_make_directory("sweep/points", NULL) == STATUS_OK);
}

static void clean_up(void)
{
    tradeoff_close(&x);
    run_close(&sweep);
    report_close(&report);
    leave_directory();
}

TestSuite(report_tradeoff, .init = set_up, .fini = clean_up);

struct point {
    const char *rule, *blocks, *part, *keys;
    double capacity, share, increase, half;    /* half of the interval */
    bool   alone;                              /* without a twin */
    bool   busy;                               /* beside others' work */
    const char *status;
    int keep_first;
    const char *weights;
};

/* Dense costs 200 flops, 100 bytes, 1 ms and 4 mJ a token, at 2 nats. */
static void put(struct point p)
{
    char path[64];
    const double high = p.increase + p.half, low = p.increase - p.half;

    snprintf(path, sizeof path, "sweep/points/%06d", n_points++);
    cr_assert(file_make_directory(path, NULL) == STATUS_OK);
    strcat(path, "/summary.json");
    FILE *f = fopen(path, "w");
    cr_assert(f != NULL);
    fprintf(f, "{\"schema\": \"isobath-run-1\", \"command\": \"run\","
            " \"status\": \"%s\", \"totals\": {}, \"config\": {\"run\":"
            " {\"weights\": \"%s\"}, \"model\": {\"layers\": 4}},"
            " \"loss\": {\"heldout_tokens\": 512},"
            " \"routing\": {\"policy\": \"%s\", \"rule\": \"%s\", \"blocks\":"
            " %s, \"part\": \"%s\", \"skipped_keys\": \"%s\","
            " \"keep_first\": %d, \"capacity_nominal\": %g, \"capacity_realised\": %g},"
            " \"per_token\": {\"nats\": %.9g, \"flops\": %.9g, \"bytes\": %.9g,"
            " \"seconds\": %.9g, \"joules\": {\"value\": %.9g, \"low\": 0.001,"
            " \"high\": 0.009}}",
            p.status ? p.status : "done", p.weights ? p.weights : "f32", p.rule,
            p.rule,
            p.blocks ? p.blocks : "[1, 3]", p.part ? p.part : "block",
            p.keys ? p.keys : "absent", p.keep_first, p.capacity, p.capacity,
            2 * (1 + p.increase), 200 * p.share, 100 * p.share,
            1e-3 * p.share, 4e-3 * p.share);
    if (!p.alone)
        fprintf(f, ", \"against\": {\"rival\": \"dense\", \"per_token\": {\"nats\": 2}, \"windows\": 16,"
                " \"times\": 32, \"loss_increase\": {\"value\": %.9g, \"low\":"
                " %.9g, \"high\": %.9g}, \"ratio\": {\"flops\": %.9g,"
                " \"bytes\": %.9g, \"seconds\": {\"value\": %.9g, \"low\": %.9g,"
                " \"high\": %.9g}, \"joules\": {\"value\": %.9g, \"low\": %.9g,"
                " \"high\": %.9g}}}", p.increase, low, high, p.share, p.share,
                p.share + 0.01, p.share, p.share + 0.02, p.share,
                p.share - 0.01, p.share + 0.01);
    if (p.busy)
        fputs(", \"load\": {\"busy\": true}", f);
    fputs("}\n", f);
    fclose(f);
}

static void put_dense(void)
{
    put((struct point){ .rule = "dense", .blocks = "[]", .capacity = 1,
                        .share = 1 });
}

/* A rule with scores that is causal, one that draws, one that looks ahead. */
static void put_three(void)
{
    put_dense();
    put((struct point){ .rule = "threshold", .capacity = 0.5, .share = 0.8,
                        .increase = 0.04, .half = 0.01 });
    put((struct point){ .rule = "threshold", .capacity = 0.25, .share = 0.6,
                        .increase = 0.12, .half = 0.02 });
    put((struct point){ .rule = "random", .capacity = 0.5, .share = 0.8,
                        .increase = 0.08, .half = 0.01 });
    put((struct point){ .rule = "expert_choice", .capacity = 0.5, .share = 0.7,
                        .increase = 0.02, .half = 0.01 });
}

static void gather(void)
{
    cr_assert(run_open(&sweep, "sweep", &err) == STATUS_OK, "%s", err.text);
    cr_assert(tradeoff_open(&x, &sweep, 1, &err) == STATUS_OK, "%s", err.text);
}

static const struct trade *find(const char *line, double capacity)
{
    for (size_t i = 0; i < x.n; i++)
        if (strcmp(x.point[i].line, line) == 0 &&
            x.point[i].capacity == capacity)
            return &x.point[i];
    cr_fatal("no point %s at %g", line, capacity);
    return NULL;
}

Test(report_tradeoff, time_beside_others_work_has_no_interval_and_says_busy)
{
    put_dense();
    put((struct point){ .rule = "threshold", .capacity = 0.5, .share = 0.8,
                        .increase = 0.04, .half = 0.01, .busy = true });
    gather();
    const struct trade *t = find("threshold", 0.5);
    cr_expect(epsilon_eq(dbl, t->share[SPEND_SECONDS].value, 0.81, 1e-9));
    cr_expect(eq(int, t->share[SPEND_SECONDS].from, PROV_BUSY));
    cr_expect(not(isfinite(t->share[SPEND_SECONDS].low)));
    cr_expect(eq(int, t->spent[SPEND_SECONDS].from, PROV_BUSY));
    cr_expect(eq(int, t->share[SPEND_FLOPS].from, PROV_COUNTED));
}

Test(report_tradeoff, lines_are_in_order_and_of_a_kind)
{
    put_three();
    gather();
    cr_assert(eq(sz, x.n, 5));
    cr_assert(eq(sz, x.n_lines, 4));
    cr_assert(eq(int, find("dense", 1)->kind, TRADE_DENSE));
    cr_assert(eq(int, find("threshold", 0.5)->kind, TRADE_CAUSAL));
    cr_assert(eq(int, find("random", 0.5)->kind, TRADE_CONTROL));
    cr_assert(eq(int, find("expert_choice", 0.5)->kind, TRADE_AHEAD));
    cr_assert(find("threshold", 0.25) + 1 == find("threshold", 0.5));
    cr_assert(epsilon_eq(dbl, x.dense_loss.value, 2, 1e-9));
}

Test(report_tradeoff, numbers_keep_their_interval_and_how_they_are_known)
{
    put_three();
    gather();
    const struct trade *t = find("threshold", 0.5);
    cr_expect(epsilon_eq(dbl, t->loss.value, 2.08, 1e-9));
    cr_expect(epsilon_eq(dbl, t->increase.high, 0.05, 1e-9));
    cr_expect(epsilon_eq(dbl, t->spent[SPEND_FLOPS].value, 160, 1e-9));
    cr_expect(eq(int, t->share[SPEND_BYTES].from, PROV_COUNTED));
    cr_expect(eq(int, t->share[SPEND_SECONDS].from, PROV_MEASURED));
    cr_expect(epsilon_eq(dbl, t->share[SPEND_SECONDS].low, 0.8, 1e-9));
    cr_expect(t->share[SPEND_JOULES].modelled);
    cr_expect(eq(int, t->share[SPEND_SECONDS].modelled, false));
}

/* (0.8, 0.04) leaves (0.8, 0.08) behind; (0.7, 0.02) would leave all behind,
 * but looks ahead. */
Test(report_tradeoff, the_front_does_not_look_ahead)
{
    put_three();
    gather();
    cr_expect(find("dense", 1)->front[SPEND_FLOPS]);
    cr_expect(find("threshold", 0.5)->front[SPEND_FLOPS]);
    cr_expect(find("threshold", 0.25)->front[SPEND_JOULES]);
    cr_expect(eq(int, find("random", 0.5)->front[SPEND_FLOPS], false));
    cr_expect(eq(int, find("expert_choice", 0.5)->front[SPEND_FLOPS], false));
}

/* 0.04 with 0.01 over 16 windows: an error of 0.00469.  Of four points the
 * others' p are 1 or far smaller, so that of 0.055 counts three times: t 3.20
 * is 0.0030, and of 0.05 it is 2.13, 0.025. */
Test(report_tradeoff, within_a_limit_is_beyond_the_luck_of_many)
{
    double p[5];

    put_three();
    gather();
    const struct trade *half = find("threshold", 0.5);
    tradeoff_p(p, &x, 0.055);
    cr_expect(epsilon_eq(dbl, p[half - x.point], 3 * 0.0030, 1e-4));
    cr_expect(isnan(p[find("dense", 1) - x.point]));
    cr_expect(tradeoff_within(&x, TRADE_CAUSAL, SPEND_FLOPS, 0.055) == half);
    cr_expect(tradeoff_within(&x, TRADE_CAUSAL, SPEND_FLOPS, 0.0501) == NULL);
    cr_expect(tradeoff_within(&x, TRADE_CAUSAL, SPEND_FLOPS, 0.13) == half);
    cr_expect(tradeoff_within(&x, TRADE_CAUSAL, SPEND_FLOPS, 0.145) ==
              find("threshold", 0.25));
    cr_expect(tradeoff_within(&x, TRADE_AHEAD, SPEND_FLOPS, 0.05) ==
              find("expert_choice", 0.5));
    cr_expect(tradeoff_best(&x, SPEND_FLOPS, 0.1) == half);
    cr_expect(tradeoff_best(&x, SPEND_FLOPS, 0.01) == NULL);
}

Test(report_tradeoff, a_line_says_what_is_not_as_usual)
{
    put_three();
    put((struct point){ .rule = "threshold", .capacity = 0.5, .share = 0.7,
                        .blocks = "[1, 2, 3]", .increase = 0.2 });
    put((struct point){ .rule = "threshold", .capacity = 0.5, .share = 0.9,
                        .part = "attention", .keys = "computed",
                        .increase = 0.2 });
    put((struct point){ .rule = "threshold", .capacity = 0.5, .share = 0.6,
                        .part = "apart", .increase = 0.2 });
    put((struct point){ .rule = "threshold", .capacity = 0.5, .share = 0.9,
                        .keep_first = 4, .increase = 0.1 });
    gather();
    find("threshold, parts apart", 0.5);
    find("threshold, first 4 kept", 0.5);
    find("threshold, 3 of 4 blocks", 0.5);
    find("threshold, attention alone, keys computed", 0.5);
    cr_expect(eq(sz, json_array_size(x.usual_blocks), 2));
}

/* 0.8 of 200 flops; 2.08 of 2 nats.  No interval, and no time. */
Test(report_tradeoff, a_point_without_a_twin_is_held_against_the_dense_one)
{
    put_dense();
    put((struct point){ .rule = "random", .capacity = 0.5, .share = 0.8,
                        .increase = 0.04, .alone = true });
    gather();
    const struct trade *t = find("random", 0.5);
    cr_expect(epsilon_eq(dbl, t->share[SPEND_FLOPS].value, 0.8, 1e-9));
    cr_expect(epsilon_eq(dbl, t->increase.value, 0.04, 1e-9));
    cr_expect(isnan(t->increase.high));
    cr_expect(eq(int, amount_known(t->share[SPEND_SECONDS]), false));
    cr_expect(strstr(t->share[SPEND_SECONDS].reason, "run.against") != NULL);
    cr_expect(tradeoff_best(&x, SPEND_FLOPS, 1) == NULL);
}

/* Its 0.8 of the cost and 1.04 of the loss are of other weights' too. */
Test(report_tradeoff, a_dense_point_of_other_weights_is_no_twin)
{
    put_dense();
    put((struct point){ .rule = "random", .capacity = 0.5, .share = 0.8,
                        .increase = 0.04, .alone = true, .weights = "q4_1" });
    gather();
    cr_expect(not(amount_known(find("random", 0.5)->share[SPEND_FLOPS])));
    cr_expect(not(amount_known(find("random", 0.5)->increase)));
}

Test(report_tradeoff, an_unfinished_point_is_left_out_and_told)
{
    put_three();
    put((struct point){ .rule = "random", .capacity = 0.25, .share = 0.6,
                        .increase = 0.3, .status = "interrupted" });
    gather();
    cr_expect(eq(sz, x.n, 5));
    cr_expect(eq(sz, x.n_unfinished, 1));
}

static char *text_of(const char *path)
{
    char *text = NULL;
    size_t size;
    cr_assert(file_read(&text, &size, path, 1 << 26, &err) == STATUS_OK, "%s",
              err.text);
    return text;
}

static void has(const char *path, const char *part)
{
    char *text = text_of(path);
    cr_expect(strstr(text, part) != NULL, "%s: not there: %s", path, part);
    free(text);
}

Test(report_tradeoff, a_report_answers_and_keeps_its_numbers)
{
    char path[] = "sweep", *paths[] = { path };

    put_three();
    cr_assert(report_open(&report, paths, 1, &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(report_write(&report, "out", &err) == STATUS_OK, "%s", err.text);
    cr_expect(eq(sz, report.study.n, 0));
    for (size_t i = 0; i < report.n_figures; i++)
        cr_expect(report.figure[i].plot.drawn || !plot_can_draw(), "%s: %s",
                  report.figure[i].plot.name, report.figure[i].plot.reason);
    /* 1 - 0.8; 0.04 with 0.03 to 0.05. */
    has("out/index.html", "threshold at capacity 50 % spends <b>20.0 % fewer "
        "FLOPs</b>");
    has("out/index.html", "+4.00 % of the dense loss, 95 % interval +3.00 to "
        "+5.00");
    has("out/index.html", "no routing that was tried and does not look ahead "
        "stays within");
    has("out/tables/tradeoff.csv", "threshold,causal,0.5");
    has("out/tables/budgets.csv", "5 %,looks ahead,expert_choice,0.5");
    has("out/figures/tradeoff.dat",
        "120 2.24 2.2 2.28 0.25\n160 2.08 2.06 2.1 0.5\n");
    has("out/figures/savings.dat", "80 4 80 80 3 5 0.5\n");
    has("out/figures/savings.dat", "81 4 80 82 3 5 0.5\n");
    has("out/figures/savings.dat", "80 4 79 81 3 5 0.5\n");
}

Test(report_tradeoff, a_dense_point_alone_draws_nothing)
{
    char path[] = "sweep", *paths[] = { path };

    put_dense();
    cr_assert(report_open(&report, paths, 1, &err) == STATUS_OK, "%s",
              err.text);
    cr_expect(eq(sz, report.n_figures, 0));
    cr_assert(report_write(&report, "out", &err) == STATUS_OK, "%s", err.text);
}
