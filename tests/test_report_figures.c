/* test_report_figures.c - Work out by hand the numbers behind the roofline, the
 * isoFLOP curves and the distributions; draw nothing where there are none. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/figures/figures.h"
#include "reports/draw/label.h"
#include "sim/core/base/random.h"
#include "tests/report_folder.h"

TestSuite(report_figures, .init = set_up, .fini = clean_up);

static void put(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "w");
    cr_assert(file != NULL);
    fputs(text, file);
    fclose(file);
}

static void report_of(char *path)
{
    cr_assert(report_open(&report, &path, 1, &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(report_write(&report, in_folder("out"), &err) == STATUS_OK, "%s",
              err.text);
}

static void has(const char *text, const char *part)
{
    cr_assert(strstr(text, part) != NULL, "not there: %s\nin: %s", part, text);
}

static void lacks(const char *text, const char *part)
{
    cr_assert(strstr(text, part) == NULL, "there: %s", part);
}

/* NULL: the report has no such figure. */
static struct plot *figure(const char *name)
{
    for (size_t i = 0; i < report.n_figures; i++)
        if (strcmp(report.figure[i].plot.name, name) == 0)
            return &report.figure[i].plot;
    return NULL;
}

/* Drawn, where there is a gnuplot to draw it. */
static const struct plot *drawn(const char *name)
{
    const struct plot *plot = figure(name);
    cr_assert(plot != NULL, "no figure %s", name);
    cr_assert(plot->drawn || !plot_can_draw(), "%s: %s", name, plot->reason);
    return plot;
}

static const char *gap(const char *name)
{
    for (size_t i = 0; i < report.n_gaps; i++)
        if (strcmp(report.gap[i].name, name) == 0)
            return report.gap[i].reason;
    return "";
}

/* ---- names ---- */

static const struct frame square = { 0, 100, 0, 100, false, false, 100, 100,
                                     (double)NAN };

/* Eight marks around the middle: no near side is free. */
static int crowd(struct label *label, int rank)
{
    int n = 0;
    label[n] = (struct label){ .x = 50, .y = 50, .colour = "INK",
                               .rank = rank };
    snprintf(label[n++].text, LABEL_TEXT_SIZE, "name");
    for (int x = -1; x <= 1; x++)
        for (int y = -1; y <= 1; y++)
            if (x || y)
                label[n++] = (struct label){ .x = 50 + 14 * x, .y = 50 + 14 * y,
                                             .colour = "INK", .rank = 9 };
    return n;
}

static int place_of_name(int rank)
{
    struct label label[9];
    int n = crowd(label, rank);
    label_place(label, n, square);
    for (int i = 0; i < n; i++)
        if (*label[i].text)
            return label[i].place;
    return -2;
}

Test(report_figures, a_name_without_room_is_left_out_unless_it_must_stand)
{
    cr_assert(eq(int, place_of_name(1), -1));
    cr_assert(ge(int, place_of_name(0), 0));
    cr_assert(ge(int, place_of_name(-1), 0));
}

/* ---- roofline ---- */

static const char measured_ceilings[] =
    "\"ceilings\":{\"machine\":\"a machine\",\"cores\":2,"
    "\"flops_per_second\":{\"value\":2e11,\"low\":1.8e11,\"high\":2.2e11,"
    "\"grade\":\"measured\"},"
    "\"l2_bytes_per_second\":{\"value\":0,\"low\":0,\"high\":0,"
    "\"grade\":\"measured\"},"
    "\"l3_bytes_per_second\":{\"value\":4e10,\"low\":5e10,\"high\":-1,"
    "\"grade\":\"measured\"},"
    "\"dram_bytes_per_second\":{\"value\":2e10,\"low\":1e10,\"high\":4e10,"
    "\"grade\":\"datasheet\"}},";

static const char head[] = "witness,pass,layer,op,flops,bytes,seconds\n";

/* 4 GFLOP on 100 MB in 40 ms, over two layers; 100 MFLOP on 100 MB in 10 ms. */
static const char dense_rows[] =
    "counted,forward,0,qkv,2000000000,50000000,\n"
    "counted,forward,1,qkv,2000000000,50000000,\n"
    "counted,forward,0,norm,100000000,100000000,\n"
    "measured,forward,0,qkv,,,0.03\n"
    "measured,forward,1,qkv,,,0.01\n"
    "measured,forward,0,norm,,,0.01\n";

/* 1 GFLOP on 50 MB in 12.5 ms, and as long for no FLOP at all. */
static const char mod_rows[] =
    "counted,forward,0,qkv,1000000000,50000000,\n"
    "counted,forward,0,gather,0,1000000,\n"
    "measured,forward,0,qkv,,,0.0125\n"
    "measured,forward,0,gather,,,0.0125\n";

static void put_profile(const char *ceilings, int threads, const char *dense,
                        const char *mod)
{
    char text[4096];

    cr_assert(file_make_directory(in_folder("profile"), NULL) == STATUS_OK);
    snprintf(text, sizeof text, "{\"schema\":\"isobath-run-1\",\"command\":"
             "\"profile\",\"status\":\"done\",%s\"provenance\":{\"threads\":"
             "%d},\"phases\":[{\"name\":\"prefill\",\"batch\":1,\"tokens\":8,"
             "\"arms\":[{\"name\":\"dense\",\"seconds\":0.05,\"totals\":"
             "{\"counted\":{\"flops\":4100000000}}},{\"name\":\"mod\","
             "\"seconds\":0.025,\"totals\":{\"counted\":{\"flops\":1000000000}"
             "}}]}]}", ceilings, threads);
    put("profile/summary.json", text);
    snprintf(text, sizeof text, "%s%s", head, dense);
    put("profile/ledger_prefill_dense.csv", text);
    snprintf(text, sizeof text, "%s%s", head, mod);
    put("profile/ledger_prefill.csv", text);
    report_of(in_folder("profile"));
}

Test(report_figures, an_op_stands_at_its_intensity_and_rate)
{
    const struct plot *p;
    put_profile(measured_ceilings, 2, dense_rows, mod_rows);
    p = drawn("roofline");
    has(p->data_text, "\n40 100 0.8 0.04 4000000000 100000000 \"qkv\"\n");
    has(p->data_text, "\n1 10 0.2 0.01 100000000 100000000 \"norm\"\n");
    has(p->data_text, "\n20 80 0.5 0.0125 1000000000 50000000 \"qkv\"\n");
    lacks(p->data_text, "\"gather\"");
    has(p->foot, "not drawn, under 0.02 FLOP a byte: gather");
    has(p->foot, "counted");
    has(p->foot, "time measured");
}

/* 4.1 GFLOP in 50 ms are 82 of 200 GFLOP/s; 1 in 25 ms are 40. */
Test(report_figures, the_share_of_the_peak_is_that_of_the_whole_phase)
{
    put_profile(measured_ceilings, 2, dense_rows, mod_rows);
    has(drawn("roofline")->head, "Share of the peak FLOP/s reached, dense and "
        "MoD: prefill 41 % and 20 %");
}

/* The frame starts at half the least intensity, 0.5; the slope of 20 GB/s
 * (10 to 40) meets the peak of 200 GFLOP/s at 10 (20 to 5) FLOP a byte. */
Test(report_figures, a_slope_meets_the_peak_where_it_should)
{
    const struct plot *p;
    put_profile(measured_ceilings, 2, dense_rows, mod_rows);
    p = drawn("roofline");
    has(p->data_text, "# ceiling DRAM, datasheet: ");
    has(p->data_text, "\n0.5 10\n10 200\n\n\n# DRAM, low to high\n0.5 5\n"
        "20 200\n5 200\n0.5 20\n");
    has(p->foot, "ceilings measured where solid, else of other origin (a "
        "machine)");
}

/* A rate of 0 is none; ends on the wrong side of the value are the value. */
Test(report_figures, senseless_ceilings_are_not_drawn)
{
    const struct plot *p;
    put_profile(measured_ceilings, 2, dense_rows, mod_rows);
    p = drawn("roofline");
    lacks(p->data_text, "# ceiling L1");
    lacks(p->data_text, "# ceiling L2");
    has(p->data_text, "# L3, low to high\n0.5 20\n5 200\n5 200\n0.5 20\n");
}

Test(report_figures, fewer_threads_than_cores_claim_no_share_of_the_peak)
{
    const struct plot *p;
    put_profile(measured_ceilings, 1, dense_rows, mod_rows);
    p = drawn("roofline");
    has(p->head, "FLOP/s reached, dense and MoD: prefill 82.0 G and 40.0 G");
    has(p->foot, "of all its cores, of which the run used fewer");
}

Test(report_figures, a_roofline_without_ceilings_says_so)
{
    const struct plot *p;
    put_profile("", 2, dense_rows, mod_rows);
    p = drawn("roofline");
    lacks(p->data_text, "# ceiling");
    has(p->foot, "no ceilings: the run states none");
    has(p->data_text, "\n40 100 0.8 ");
}

Test(report_figures, one_op_of_one_model_is_a_roofline)
{
    put_profile(measured_ceilings, 2,
                "counted,forward,0,head,1000000,500000,\n"
                "measured,forward,0,head,,,0.001\n", "");
    has(drawn("roofline")->data_text, "\n2 1 1 0.001 1000000 500000 \"head\"");
}

/* 2^63 FLOPs on one byte in a nanosecond. */
Test(report_figures, huge_counts_stay_what_they_are)
{
    put_profile("", 2, "", "counted,forward,0,qkv,9223372036854775808,1,\n"
                "measured,forward,0,qkv,,,1e-9\n");
    has(drawn("roofline")->data_text, "\n9.22337204e+18 9.22337204e+09 1 1e-09 "
        "9223372036854775808 1 \"qkv\"");
}

Test(report_figures, without_measured_times_there_is_no_roofline_but_a_reason)
{
    put_profile(measured_ceilings, 2, "counted,forward,0,qkv,10,10,\n",
                "counted,forward,0,qkv,10,10,\nmeasured,forward,0,qkv,,,0\n");
    cr_assert(figure("roofline") == NULL);
    has(gap("roofline"), "no op whose FLOPs and bytes were counted and whose "
        "time was measured");
}

/* ---- isoFLOP ---- */

enum { MAX_RUNS = 24 };
static struct run runs[MAX_RUNS];
static size_t n_runs;
static struct study study;
static struct plot plot;

static void trained(int layers, double capacity, double parameters, int seed,
                    double flops, double loss)
{
    struct run *run = &runs[n_runs++];
    *run = (struct run){ .kind = RUN_TRAIN };
    snprintf(run->path, sizeof run->path, "run-%zu", n_runs);
    run->summary = json_pack("{s:{s:{s:i,s:i},s:{s:f},s:{s:i,s:f}}}", "config",
        "model", "layers", layers, "channels", 8, "routing", "capacity",
        capacity, "train", "seed", seed, "budget_flops", flops);
    run->facts = (struct facts){ .dense = capacity >= 1, .n_layers = layers,
        .n_channels = 8, .n_routed = capacity < 1, .capacity = capacity,
        .n_parameters = parameters, .loss_causal = loss, .loss_topk = loss,
        .loss_train = loss, .flops_forward = 100 * layers * capacity,
        .tokens = 10, .seed = seed };
    run->totals.of[WITNESS_COUNTED][METRIC_FLOPS] =
        amount_of(flops, PROV_COUNTED);
}

static void draw(void)
{
    cr_assert(study_open(&study, runs, n_runs, NULL) == STATUS_OK);
    cr_assert(plot_open(&plot, "isoflop", PLOT_WIDE, &err) == STATUS_OK);
    figure_isoflop(&plot, &(struct report){ .study = study });
    fflush(plot.data);
    fflush(plot.script);
    if (plot.ready)
        cr_assert(plot_write(&plot, folder, plot_can_draw(), &err) ==
                  STATUS_OK, "%s", err.text);
    cr_assert(plot.drawn || !(plot.ready && plot_can_draw()), "%s",
              plot.reason);
}

static void put_away(void)
{
    plot_close(&plot);
    study_close(&study);
    for (size_t i = 0; i < n_runs; i++)
        json_decref(runs[i].summary);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(report_isoflop, .init = set_up, .fini = put_away);

/* The row of a setting among the means. */
struct mean {
    double x, mean, low, high, seeds, parameters;
};

static struct mean mean_of(const char *label)
{
    struct mean m = { .seeds = 0 };
    char end[64], *at;

    snprintf(end, sizeof end, " \"%s\"\n", label);
    at = strstr(plot.data_text, end);
    cr_assert(at != NULL, "no row %s in: %s", label, plot.data_text);
    while (at > plot.data_text && at[-1] != '\n')
        at--;
    cr_assert(eq(int, sscanf(at, "%lf %lf %lf %lf %lf %lf", &m.x, &m.mean,
                             &m.low, &m.high, &m.seeds, &m.parameters), 6));
    return m;
}

/* Three dense depths and one MoD model, 1 MFLOP each.  Of losses 1.1, 1.2, 1.3
 * the mean is 1.2, the sd 0.1, the half interval 4.303 * 0.1 / sqrt(3). */
static void three_depths(double flops)
{
    static const double loss[] = { 1.1, 1.2, 1.3 };
    for (int seed = 0; seed < 3; seed++) {
        trained(2, 1, 1000, seed + 1, flops, loss[seed]);
        trained(4, 1, 2000, seed + 1, flops, loss[seed] + 0.1);
        trained(6, 1, 3000, seed + 1, flops, loss[seed] + 0.2);
    }
}

/* Of dense models and mixtures, dense ones are not alone. */
Test(report_isoflop, modes_beside_dense_are_named_in_the_head)
{
    for (int seed = 1; seed < 4; seed++) {
        trained(2, 1, 1000, seed, 1e6, 2.0 + 0.1 * seed);
        trained(3, 1, 3000, seed, 1e6, 1.8 + 0.1 * seed);
        runs[n_runs - 1].facts.mode = "MoE";
    }
    cr_assert(study_open(&study, runs, n_runs, NULL) == STATUS_OK);
    cr_assert(plot_open(&plot, "compute-loss", PLOT_WIDE, &err) == STATUS_OK);
    figure_loss(&plot, &(struct report){ .study = study });
    has(plot.head, "dense and other modes, no MoD model was trained");
}

Test(report_isoflop, means_and_intervals_are_those_worked_by_hand)
{
    struct mean m;
    three_depths(1e6);
    draw();
    cr_assert(plot.ready);
    m = mean_of("2×8");
    cr_assert(epsilon_eq(dbl, m.mean, 1.2, 1e-8));
    cr_assert(epsilon_eq(dbl, m.low, 1.2 - 0.248434, 1e-5));
    cr_assert(epsilon_eq(dbl, m.high, 1.2 + 0.248434, 1e-5));
    cr_assert(epsilon_eq(dbl, m.seeds, 3, 0));
    cr_assert(epsilon_eq(dbl, m.x, 1000, 0));
    has(plot.data_text, "\n1000 1.1 1 1000\n");
    has(plot.data_text, "\n3000 1.5 3 3000\n");
    has(plot.data_text, "\n1000 1.2\n2000 1.3\n3000 1.4\n");
    has(plot.foot, "dense 2×8 (no shallower)");
}

/* The same words as on the page. */
Test(report_isoflop, the_figure_says_what_the_study_says)
{
    three_depths(1e6);
    for (int seed = 1; seed <= 5; seed++) {
        double dense = 1 + 0.1 * seed;
        if (seed > 3)
            trained(2, 1, 1000, seed, 1e6, dense);
        trained(4, 0.5, 2010, seed, 1e6, dense - 0.05 - 1e-4 * (seed % 2));
    }
    draw();
    cr_assert(eq(int, study.verdict, VERDICT_LOWER));
    has(plot.head, "At 1.00 MFLOP, dense is lowest at 2×8, MoD at 50% in 1, "
        "4×8: lower, beyond the seed noise");
    has(plot.foot, "MoD 50% in 1, 4×8 (one size)");
    cr_assert(epsilon_eq(dbl, mean_of("50% in 1, 4×8").mean,
                         study.mod->causal.mean, 1e-8));
}

/* 2000 and 2010 parameters would lie on each other: they part, each keeping
 * its own number in the last column. */
Test(report_isoflop, dots_of_one_size_stand_side_by_side)
{
    struct mean dense, mod;
    three_depths(1e6);
    trained(4, 0.5, 2010, 1, 1e6, 1.05);
    draw();
    dense = mean_of("4×8");
    mod = mean_of("50% in 1, 4×8");
    cr_assert(lt(dbl, dense.x, 2000));
    cr_assert(gt(dbl, mod.x, 2010));
    cr_assert(epsilon_eq(dbl, dense.parameters, 2000, 0));
    cr_assert(epsilon_eq(dbl, mod.parameters, 2010, 0));
    has(plot.data_text, " nan nan 1 2010 ");
}

Test(report_isoflop, every_budget_is_a_curve)
{
    three_depths(1e6);
    three_depths(3e6);
    draw();
    cr_assert(eq(sz, study.n_budgets, 2));
    has(plot.data_text, "# dense, 1.00 MFLOP, seeds");
    has(plot.data_text, "# dense, 3.00 MFLOP, seeds");
}

/* 1.5 % apart: neither budget has two sizes. */
Test(report_isoflop, unequal_flops_are_no_curve)
{
    trained(2, 1, 1000, 1, 1.000e6, 1.1);
    trained(4, 1, 2000, 1, 1.015e6, 1.2);
    draw();
    cr_assert(not(plot.ready));
    has(plot.reason, "no two sizes of one kind and capacity");
}

Test(report_isoflop, one_size_is_no_curve)
{
    trained(2, 1, 1000, 1, 1e6, 1.1);
    trained(2, 1, 1000, 2, 1e6, 1.2);
    draw();
    cr_assert(not(plot.ready));
    has(plot.reason, "no two sizes");
}

Test(report_isoflop, sizes_that_are_unknown_or_zero_have_no_place)
{
    trained(2, 1, 0, 1, 1e6, 1.1);
    trained(4, 1, (double)NAN, 1, 1e6, 1.2);
    trained(6, 1, 3000, 1, (double)NAN, 1.2);
    draw();
    cr_assert(not(plot.ready));
}

Test(report_isoflop, no_runs_no_figure)
{
    draw();
    cr_assert(not(plot.ready));
}

Test(report_isoflop, huge_models_keep_their_prefix)
{
    trained(2, 1, 1e12, 1, 1e24, 1.1);
    trained(4, 1, 1e13, 1, 1e24, 1.05);
    draw();
    cr_assert(plot.ready);
    has(plot.script_text, "'1 T' 1e+12");
    has(plot.script_text, "'10 T' 1e+13");
    has(plot.data_text, "\n1e+13 1.05 1 10000000000000\n");
}

/* ---- distributions ---- */

/* Eight steps each of 10 and 15 us, the dense twin's sixteen of 20. */
Test(report_figures, a_decode_step_counts_once_in_its_distribution)
{
    char profile[] = DATA "profile";
    const struct plot *p;
    report_of(profile);
    p = drawn("token-times");
    has(p->data_text, "# dense twin, n = 16: µseconds  share_at_or_below\n"
        "20 0\n20 1\n\n");
    has(p->data_text, "# MoD, n = 16: µseconds  "
        "share_at_or_below\n10 0\n10 0.5\n15 1\n20 1\n\n");
    has(p->data_text, "# kept by no block, n = 8: µseconds  "
        "share_at_or_below\n10 0\n10 1\n20 1\n\n");
    has(p->data_text, "# MoD: median µseconds  share\n12.5 0.5\n");
    has(p->head, "MoD decode steps: half within 12.5 µs, nine in ten 15.0 µs; "
        "dense 20.0 µs and 20.0 µs");
}

static void put_steps(const char *rows)
{
    char text[1024];
    put_profile("", 2, dense_rows, mod_rows);
    report_close(&report);
    snprintf(text, sizeof text, "model,tokens,kept,kept_1,seconds\n%s", rows);
    put("profile/tokens.csv", text);
    report_of(in_folder("profile"));
}

/* Sixteen tokens a step: their mean is no token's routing. */
Test(report_figures, steps_of_a_batch_are_not_told_apart_by_routing)
{
    const struct plot *p;
    put_steps("mod,16,8,8,1e-3\nmod,16,0,0,1e-3\nmod,16,0,0,1e-3\n"
              "mod,16,0,0,1e-3\nmod,16,0,0,1e-3\nmod,16,0,0,1e-3\n"
              "mod,16,0,0,1e-3\n");
    p = drawn("token-times");
    has(p->data_text, "# kept by no block, n = 0");
    has(p->sub, "a step decodes 16 tokens");
    has(drawn("token-cost")->script_text, "STEP = 'step'");
}

Test(report_figures, one_decode_step_is_a_distribution)
{
    put_steps("mod,1,1,1,1e-3\n");
    has(drawn("token-times")->data_text, "# MoD, n = 1: "
        "mseconds  share_at_or_below\n1 0\n1 1\n");
}

Test(report_figures, steps_that_took_no_time_are_left_out_with_a_reason)
{
    put_steps("mod,1,1,1,0\n");
    cr_assert(figure("token-times") == NULL);
    has(gap("token-times"), "no decode step has a measured time above "
        "0");
}

static void put_score(const char *tokens)
{
    cr_assert(file_make_directory(in_folder("run"), NULL) == STATUS_OK);
    put("run/summary.json", "{\"schema\":\"isobath-run-1\",\"status\":\"done\","
        "\"command\":\"run\"}");
    if (tokens)
        put("run/tokens.csv", tokens);
}

Test(report_figures, tokens_of_a_text_count_by_flops_and_by_loss)
{
    const struct plot *p;
    put_score("position,text,loss_nats,flops,block_1\n0,a,0,100,0\n"
              "1,b,2,200,0\n2,c,4,300,1\n3,d,,300,1\n");
    report_of(in_folder("run"));
    p = drawn("text-tokens");
    has(p->data_text, "# every token, n = 4: FLOP  share_at_or_below\n"
        "100 0\n100 0.25\n200 0.5\n300 1\n308 1\n");
    has(p->data_text, "# every token, n = 3: nats  share_at_or_below\n"
        "0 0\n0 0.333333\n2 0.666667\n4 1\n4.16 1\n");
    has(p->head, "Half of the tokens cost at most 250 FLOP, nine in ten "
        "300 FLOP");
}

Test(report_figures, a_text_without_numbers_is_left_out_with_a_reason)
{
    put_score("position,text,loss_nats,flops\n0,a,,\n1,b,nan,\n");
    report_of(in_folder("run"));
    cr_assert(figure("text-tokens") == NULL);
    has(gap("text-tokens"), "holds neither FLOPs nor losses");
}

/* Ranks evenly spaced: the last step is the largest, the file stays small. */
Test(report_figures, a_hundred_thousand_tokens_make_few_steps)
{
    const struct plot *p;
    FILE *file;
    put_score(NULL);
    file = fopen(in_folder("run/tokens.csv"), "w");
    fputs("position,text,flops\n", file);
    for (int i = 1; i <= 100000; i++)
        fprintf(file, "%d,a,%d000000000\n", i, i);
    fclose(file);
    report_of(in_folder("run"));
    p = drawn("text-tokens");
    has(p->data_text, "\n100 1\n");
    cr_assert(lt(sz, p->data_size, 20000));
}

Test(report_figures, figures_left_out_are_named_with_what_they_need)
{
    char *page = NULL;
    size_t size;
    put_score(NULL);
    report_of(in_folder("run"));
    has(gap("roofline"), "needs a profile with counted and measured ops");
    has(gap("isoflop"), "needs trained runs of several sizes");
    cr_assert(file_read(&page, &size, in_folder("out/index.html"), 1 << 24,
                        &err) == STATUS_OK);
    has(page, "Figures left out: 28, and why");
    has(page, "<li>token-times: nothing of that kind was given: it needs a "
        "profile of decoding</li>");
    has(page, "<li>routing: run is not enough; it needs a scored text with a "
        "routed layer</li>");
    free(page);
}

/* The ticks that gnuplot sets, each 0.2, 0.5 or 1 of the power of ten in the
 * range, are as many names: a range of a thousandth, too. */
Test(report_figures, no_two_ticks_have_one_name)
{
    struct random random = random_seeded(5);

    for (int i = 0; i < 1000; i++) {
        const double span = pow(10, 6 * random_uniform(&random) - 4);
        const double low = 10 * random_uniform(&random);
        const double ten = pow(10, floor(log10(span)));
        const double step = span / ten < 2 ? 0.2 * ten
                          : span / ten < 5 ? 0.5 * ten : ten;
        const int decimals = plot_decimals(low, low + span);
        char last[32] = "", name[32];
        for (double k = ceil(low / step); k * step <= low + span; k++) {
            snprintf(name, sizeof name, "%.*f", decimals, k * step);
            cr_assert(strcmp(name, last) != 0, "%s twice from %g to %g", name,
                      low, low + span);
            strcpy(last, name);
        }
        cr_expect(ge(dbl, 1.01 * pow(10, -decimals), fmin(1, step / 10)));
    }
}
