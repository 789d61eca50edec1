/* test_report_page.c - Report on run directories, from end to end, and on
 * broken ones. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/report_made.h"

TestSuite(report_page, .init = set_up, .fini = clean_up);

/* Two seeds are no verdict, and one dense depth was tried. */
Test(report_page, the_headline_claims_nothing_inside_the_noise)
{
    char *page;
    report_of_all();
    page = text_of("out/index.html");
    has(page, "no verdict: 2 seeds compared, 5 are needed");
    has(page, "Only one dense depth was tried");
    lacks(page, "tuned:");
    has(page, "lie within");
    has(page, "causal rule");
    has(page, "fewer FLOPs");
    free(page);
}

Test(report_page, the_page_is_whole_and_lets_nothing_in)
{
    char *page;
    report_of_all();
    page = text_of("out/index.html");
    has(page, "default-src 'none'; style-src 'unsafe-inline'; script-src");
    lacks(page, "<script>alert");
    lacks(page, "http-equiv=\"refresh");
    lacks(page, "src=\"http");
    has(page, "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;");
    has(page, "&lt;U+202E&gt;");
    free(page);
}

Test(report_page, counted_equals_predicted_is_said_with_its_number)
{
    char *page;
    report_of_all();
    cr_assert(report.compared > 0);
    cr_assert(eq(sz, report.mismatches, 0));
    page = text_of("out/index.html");
    has(page, "integer by integer: <b>0 of");
    has(page, "the power PMU reads 0.00 J always: a dead sensor");
    free(page);
}

Test(report_page, modelled_energy_is_called_modelled)
{
    char *page, *table;
    report_of_all();
    page = text_of("out/index.html");
    has(page, "Energy was not measured: it is modelled");
    table = text_of("out/tables/phases.csv");
    has(table, "energy,");
    has(table, ",modelled,");
    lacks(table, "energy,,,,measured");
    free(table);
    free(page);
}

Test(report_page, figures_are_drawn_and_no_token_runs_a_command)
{
    char *svg;
    if (!plot_can_draw())
        cr_skip("gnuplot is not installed");
    report_of_all();
    cr_assert(eq(sz, report.n_figures, 15));
    for (size_t i = 0; i < report.n_figures; i++) {
        cr_assert(report.figure[i].plot.drawn, "%s: %s",
                  report.figure[i].plot.name, report.figure[i].plot.reason);
        cr_assert(report.figure[i].narrow.drawn, "%s: %s",
                  report.figure[i].narrow.name, report.figure[i].narrow.reason);
    }
    svg = text_of("out/figures/compute-loss.svg");
    has(svg, "<title>Best MoD against best dense: no verdict");
    lacks(svg, "Gnuplot</title>");
    free(svg);
    cr_assert(not(file_exists(in_folder("out/figures/touched-by-a-token"))));
    cr_assert(not(file_exists("touched-by-a-token")));
}

/* Eight tokens each at 10 and 15 us, the dense twin's at 20 us. */
Test(report_page, a_token_is_priced_by_how_many_layers_kept_it)
{
    char *script, *data;
    report_of_all();
    script = text_of("out/figures/token-cost.gp");
    has(script, "Kept by no routed layer, a token takes 50 % of the dense time");
    has(script, "75 %");
    data = text_of("out/figures/token-cost.dat");
    has(data, "0.0000 10 10 10 8 1\n");
    has(data, "1.0000 15 15 15 8 1\n");
    has(data, "2.4000 20 20 20 16 0\n");
    free(data);
    free(script);
}

/* Each figure names the commit of the run it is drawn from. */
Test(report_page, a_figure_has_the_provenance_of_its_own_run)
{
    char sweep[] = DATA "sweep", *paths[] = { sweep, NULL }, *gp;
    make("p");
    put("p/summary.json", "{\"schema\":\"isobath-run-1\",\"command\":"
        "\"profile\",\"status\":\"done\",\"provenance\":{\"commit\":"
        "\"feedfacefeed\",\"cpu\":\"another CPU\"},\"phases\":[{\"name\":"
        "\"prefill\",\"arms\":[]}]}");
    put("p/ledger_prefill.csv", "witness,pass,layer,op,flops,bytes,seconds\n"
        "counted,forward,0,qkv,100,10,\nmeasured,forward,0,qkv,,,1e-6\n");
    paths[1] = strdup(in_folder("p"));
    cr_assert(report_open(&report, paths, 2, &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(report_write(&report, in_folder("out"), &err) == STATUS_OK, "%s",
              err.text);
    gp = text_of("out/figures/roofline.gp");
    has(gp, "isobath commit feedfacefeed, another CPU");
    free(gp);
    gp = text_of("out/figures/compute-loss.gp");
    has(gp, "isobath commit 55e8a25c0ffe, a CPU");
    free(gp);
    free(paths[1]);
}

Test(report_page, the_error_budget_is_summed_up)
{
    char *table;
    report_of_all();
    table = text_of("out/tables/validation.csv");
    has(table, "prefill,mod,bytes,1,1,0,0,0,0,0.01");
    has(table, "prefill,mod,flops,0,0,0,0,1,0,");
    has(table, "prefill,mod,l2_bytes,0,0,0,1,0,0,");
    free(table);
}

/* 2 scalar flops more than were counted; hardware has no widths to tell. */
Test(report_page, executed_flops_stand_by_width_where_a_simulator_told_them)
{
    char *path, *table, *page;

    make("p");
    put("p/summary.json", "{\"schema\":\"isobath-run-1\",\"command\":"
        "\"profile\",\"status\":\"done\",\"phases\":[{\"name\":\"prefill\","
        "\"arms\":[]}]}");
    put("p/validate.csv", "phase,model,pass,op,metric,predicted,counted,"
        "measured,measured_source,off,allowed,verdict,reason,simulator,"
        "flops_scalar,flops_128_bit,flops_256_bit,flops_512_bit,flops_fused\n"
        "prefill,dense,forward,attend,flops,100,100,102,simulated,0.02,0,"
        "within,2 more,callgrind,6,16,80,0,64\n"
        "prefill,dense,forward,attend,l2_bytes,64,,64,simulated,0,,shown,,"
        "callgrind,,,,,\n");
    path = strdup(in_folder("p"));
    report_of(path);
    table = text_of("out/tables/executed_flops.csv");
    has(table, "prefill,dense,forward,attend,100,102,simulated,6,16,80,0,64,"
        "2 more");
    lacks(table, "64,,64");
    page = text_of("out/index.html");
    has(page, "a fused multiply-add is two");
    free(page);
    free(table);
    free(path);
}

Test(report_page, without_gnuplot_the_tables_and_data_stay)
{
    char *page;
    setenv("PATH", "", 1);
    report_of_all();
    page = text_of("out/index.html");
    has(page, "This figure is not drawn: gnuplot is not installed");
    has(page, "# means, MoD");
    has(page, "<table>");
    cr_assert(file_exists(in_folder("out/figures/compute-loss.gp")));
    free(page);
}

/* A training of capacity 1/4 whose causal rule kept nearly all. */
static void put_trained(const char *name, const char *capacity,
                        const char *blocks, const char *realised,
                        const char *flops)
{
    char text[1024], path[64];

    make(name);
    snprintf(path, sizeof path, "%s/summary.json", name);
    snprintf(text, sizeof text, "{\"schema\": \"isobath-run-1\","
        " \"command\": \"train\", \"config\": {\"model\": {\"layers\": 2,"
        " \"channels\": 8},"
        " \"routing\": {\"policy\": \"expert_choice\", \"capacity\": %s},"
        " \"train\": {\"seed\": 1}}, \"loss\": {\"heldout_causal\": 2.5,"
        " \"heldout_topk\": 2.4, \"train\": 2.6}, \"tokens\": 100,"
        " \"routing\": {\"policy\": \"expert_choice\", \"blocks\": %s,"
        " \"capacity_nominal\": %s, \"capacity_realised\": %s},"
        " \"totals\": {\"counted\": {\"flops\": 1000000}, \"measured\":"
        " {\"seconds\": 3.5, \"sources\": {\"seconds\": \"busy\"}}}, %s}",
        capacity,
        blocks, capacity, realised, flops);
    put(path, text);
}

static void report_of_two(void)
{
    char a[FILE_PATH_SIZE], b[FILE_PATH_SIZE], *paths[] = { a, b };

    snprintf(a, sizeof a, "%s", in_folder("a"));
    snprintf(b, sizeof b, "%s", in_folder("b"));
    cr_assert(report_open(&report, paths, 2, &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(report_write(&report, in_folder("out"), &err) == STATUS_OK, "%s",
              err.text);
}

/* The summary says by its source that others ran meanwhile. */
Test(report_page, seconds_of_a_busy_training_are_marked)
{
    char *table;

    put_trained("a", "1.0", "[]", "1.0", "\"flops_per_token_forward\": 29000");
    put_trained("b", "0.25", "[1]", "0.25",
                "\"flops_per_token_forward\": 9000");
    report_of_two();
    table = text_of("out/tables/points.csv");
    has(table, ",3.5,busy,");
    free(table);
    table = text_of("out/tables/points.md");
    has(table, "| busy 3.5");
    free(table);
}

Test(report_page, a_loss_stands_with_the_flops_of_its_own_rule)
{
    char *page, *table;

    put_trained("a", "1.0", "[]", "1.0", "\"flops_per_token_forward\": 29000,"
                " \"flops_per_token_forward_topk\": 29000");
    put_trained("b", "0.25", "[1]", "0.994", "\"flops_per_token_forward\":"
                " 28900, \"flops_per_token_forward_topk\": 21000");
    report_of_two();
    page = text_of("out/index.html");
    has(page, "kept 99.4 % of tokens, not the nominal 25 %");
    table = text_of("out/tables/answer.md");
    has(table, "29.0 kFLOP | 28.9 kFLOP | 0.997 |");
    has(table, "tokens that routed blocks keep under that rule | 100 % |"
               " 99.4 %");
    free(table);
    free(page);
}

/* As such summaries once were. */
Test(report_page, flops_of_the_nominal_share_do_not_stand_with_another)
{
    char *table;

    put_trained("a", "1.0", "[]", "1.0", "\"flops_per_token_forward\": 29000");
    put_trained("b", "0.25", "[1]", "0.994",
                "\"flops_per_token_forward\": 21000");
    report_of_two();
    table = text_of("out/tables/answer.md");
    lacks(table, "21.0 kFLOP");
    free(table);
}

Test(report_page, a_single_point_makes_a_page_that_compares_nothing)
{
    char path[] = DATA "sweep/points/000002";
    char *page;
    report_of(path);
    page = text_of("out/index.html");
    lacks(page, "no verdict:");
    has(page, "best dense");
    free(page);
}

/* Eight points, each given three times, make the same page as once. */
Test(report_page, a_sweep_beside_its_own_points_counts_each_run_once)
{
    char sweep[] = DATA "sweep", again[] = "./" DATA "sweep/";
    char dense[] = DATA "sweep/points/000002";
    char mod[] = DATA "sweep/points/000004";
    char *paths[] = { mod, sweep, again, dense, mod }, *page;

    cr_assert(report_open(&report, paths, 5, &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(report_write(&report, in_folder("out"), &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(eq(sz, report.n_runs, 1));
    cr_assert(eq(sz, report.study.n_runs, report.run[0].n_points));
    cr_assert(eq(sz, report.n_twice, report.study.n_runs + 3));
    page = text_of("out/index.html");
    has(page, "runs were given more than once");
    free(page);
}

static void put_profile(const char *seconds)
{
    char text[1024];
    make("p");
    snprintf(text, sizeof text, "\"profile\",\"phases\":[{\"name\":"
             "\"prefill\",\"ratio\":{\"seconds\":%s},\"arms\":[{\"name\":"
             "\"dense\"},{\"name\":\"mod\"}]}]}", seconds);
    put_summary("p/summary.json", text);
}

Test(report_page, fewer_than_six_repeats_claim_no_time)
{
    char *page;
    put_profile("{\"median\":0.942,\"low\":null,\"high\":null,\"n\":3}");
    report_of(in_folder("p"));
    page = text_of("out/index.html");
    lacks(page, "% less time");
    has(page, "an unclear change in time (-5.8 %, from fewer than 6 repeats");
    has(page, "an unknown change in FLOPs (");
    lacks(page, "change in fewer");
    free(page);
}

Test(report_page, one_run_is_one)
{
    char *page;
    make("run");
    put_summary("run/summary.json", "\"train\"}");
    report_of(in_folder("run"));
    page = text_of("out/index.html");
    lacks(page, "1 runs");
    has(page, "1 run, without a held-out loss");
    free(page);
}

Test(report_page, six_repeats_claim_time_with_its_interval)
{
    char *page;
    put_profile("{\"median\":0.942,\"low\":0.93,\"high\":0.95,\"n\":6}");
    report_of(in_folder("p"));
    page = text_of("out/index.html");
    has(page, "5.8 % less time");
    free(page);
}

Test(report_page, busy_repeats_claim_no_time)
{
    char *page;
    put_profile("{\"median\":0.942,\"low\":0.93,\"high\":0.95,\"n\":6,"
                "\"busy\":true}");
    report_of(in_folder("p"));
    page = text_of("out/index.html");
    lacks(page, "% less time");
    has(page, "an unclear change in time (-5.8 %, measured while others ran)");
    free(page);
}

static void put_scored(const char *name, const char *policy,
                       const char *weights, const char *rest)
{
    char text[2048], file[64];
    make(name);
    snprintf(text, sizeof text, "\"run\",\"config\":{\"run\":{\"window\":32,"
             "\"weights\":\"%s\"},\"routing\":{\"policy\":\"%s\"}},"
             "\"provenance\":{\"data_hash\":\"%s\"},\"tokens\":10,"
             "\"routing\":{\"policy\":\"%s\",\"blocks\":[0]}%s}", weights,
             policy, "ab", policy, rest);
    snprintf(file, sizeof file, "%s/summary.json", name);
    put_summary(file, text);
    snprintf(file, sizeof file, "%s/ledger.csv", name);
    put(file, "witness,pass,layer,op,flops\ncounted,forward,0,norm,100\n");
    snprintf(file, sizeof file, "%s/tokens.csv", name);
    put(file, "position,text,block_0\n0,a,1\n");
}

static char *page_of_two(void)
{
    char dense[FILE_PATH_SIZE], mod[FILE_PATH_SIZE];
    char *paths[] = { dense, mod };

    strcpy(dense, in_folder("dense"));
    strcpy(mod, in_folder("mod"));
    cr_assert(report_open(&report, paths, 2, &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(report_write(&report, in_folder("out"), &err) == STATUS_OK, "%s",
              err.text);
    return text_of("out/index.html");
}

Test(report_page, runs_of_unlike_weights_are_two_runs_and_no_twins)
{
    char *page;
    put_scored("dense", "dense", "q4_1", "");
    put_scored("mod", "threshold", "f32", "");
    page = page_of_two();
    has(page, "They differ in weights q4_1 and f32.");
    has(page, "of two runs go, which are no twins");
    lacks(page, "MoD spends");
    free(page);
    page = text_of("out/figures/layers.gp");
    has(page, "the left bar is the dense run dense");
    free(page);
}

Test(report_page, the_same_model_with_nothing_routed_is_the_twin)
{
    char *page;
    put_scored("dense", "dense", "f32", "");
    put_scored("mod", "threshold", "f32", "");
    page = page_of_two();
    lacks(page, "no twins");
    has(page, "MoD spends 100.0 % of the dense FLOPs");
    free(page);
}

/* 5.1 nats less 5.0, of the same windows. */
Test(report_page, the_rival_that_a_run_had_beside_it_is_shown)
{
    char *table;
    put_scored("mod", "threshold", "f32", ",\"per_token\":{\"nats\":5.1,"
               "\"flops\":80},\"against\":{\"rival\":\"exit:2\",\"name\":"
               "\"exit after 2 of 4\",\"about\":\"left early\","
               "\"layers\":2,\"layers_run\":2,\"per_token\":{\"nats\":5.0,"
               "\"flops\":100},\"loss_increase\":{\"value\":0.02,\"low\":"
               "0.01,\"high\":0.03},\"ratio\":{\"flops\":0.8}}");
    report_of(in_folder("mod"));
    table = text_of("out/tables/against.csv");
    has(table, "mod,exit after 2 of 4,loss,5,measured,5.1,measured,1.02,");
    has(table, ",FLOPs of a token,100,counted,80,counted,0.8,");
    free(table);
    table = text_of("out/index.html");
    has(table, "The rival is left early. Against it, FLOPs ");
    free(table);
}

/* Sixteen tokens of a decoding are no single step. */
Test(report_page, decode_steps_are_called_as_many_as_they_are)
{
    char *table;
    make("p");
    put_summary("p/summary.json", "\"profile\",\"phases\":[{\"name\":"
                "\"decode step\",\"batch\":1,\"tokens\":8,\"steps\":64,"
                "\"arms\":[{\"name\":\"dense\"},{\"name\":\"mod\",\"totals\":"
                "{\"counted\":{\"flops\":100}}}]}]}");
    put("p/ledger_decode.csv", "witness,pass,layer,op,flops\n"
        "counted,forward,0,norm,100\n");
    report_of(in_folder("p"));
    table = text_of("out/tables/answer.csv");
    has(table, "\"FLOPs of one run of 64 decode steps, twins\"");
    free(table);
    table = text_of("out/tables/rates.csv");
    has(table, "\r\nrun of 64 decode steps,");
    free(table);
    table = text_of("out/tables/ops-decode.md");
    has(table, "One run of 64 decode steps, op by op");
    has(table, "adds up their medians");
    has(table, "| sum of ops |");
    free(table);
}

Test(report_page, silence_of_a_layer_has_the_reason_of_its_run)
{
    char *table;
    make("run");
    put_summary("run/summary.json", "\"run\",\"totals\":{\"predicted\":{"
                "\"reasons\":{\"joules\":\"no machine profile given\"}}}}");
    put("run/ledger.csv", "witness,pass,layer,op,flops,joules\n"
        "predicted,forward,0,norm,100,\ncounted,forward,0,norm,100,\n"
        "measured,forward,0,norm,,\n");
    report_of(in_folder("run"));
    table = text_of("out/tables/layers.json");
    has(table, "no machine profile given");
    lacks(table, "no reason was recorded");
    free(table);
}

/* A sweep is no run: its points are. */
Test(report_page, runs_are_counted_once_each)
{
    report_of_all();
    cr_assert(eq(sz, report.n_worked,
                 report.run[0].n_points + 2));
}
