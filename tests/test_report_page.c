/* test_report_page.c - Report on run directories, from end to end, and on
 * broken ones. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/report_folder.h"

TestSuite(report_page, .init = set_up, .fini = clean_up);

static char *text_of(const char *name)
{
    char *text = NULL;
    size_t size;
    cr_assert(file_read(&text, &size, in_folder(name), 1 << 26, &err) ==
              STATUS_OK, "%s", err.text);
    return text;
}

static void has(const char *text, const char *part)
{
    cr_assert(strstr(text, part) != NULL, "not there: %s", part);
}

static void lacks(const char *text, const char *part)
{
    cr_assert(strstr(text, part) == NULL, "there: %s", part);
}

static void put(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "w");
    cr_assert(file != NULL);
    fputs(text, file);
    fclose(file);
}

static void make(const char *name)
{
    cr_assert(file_make_directory(in_folder(name), NULL) == STATUS_OK);
}

static void report_of(char *path)
{
    cr_assert(report_open(&report, &path, 1, &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(report_write(&report, in_folder("out"), &err) == STATUS_OK, "%s",
              err.text);
}

static void report_of_all(void)
{
    char sweep[] = DATA "sweep", profile[] = DATA "profile";
    char score[] = DATA "score";
    char *paths[] = { sweep, profile, score };

    cr_assert(report_open(&report, paths, 3, &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(report_write(&report, in_folder("out"), &err) == STATUS_OK, "%s",
              err.text);
}

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

static const char head[] =
    "{\"schema\":\"isobath-run-1\",\"status\":\"done\",\"command\":";

static void put_summary(const char *name, const char *rest)
{
    char text[4096];
    snprintf(text, sizeof text, "%s%s", head, rest);
    put(name, text);
}

static void refused(char *path, const char *why)
{
    enum status status = report_open(&report, &path, 1, &err);
    cr_assert(eq(int, status_exit_code(status), 2));
    cr_assert(strstr(err.text, why) != NULL, "%s", err.text);
}

/* Names in figures/ and tables/ of a folder, a line each. */
static char *listing(const char *of)
{
    char command[2 * FILE_PATH_SIZE], *text = NULL;
    size_t size = 0;

    snprintf(command, sizeof command, "cd '%s' && ls figures tables",
             in_folder(of));
    FILE *shown = popen(command, "r"), *out = open_memstream(&text, &size);
    cr_assert(shown && out);
    for (int c; (c = fgetc(shown)) != EOF;)
        fputc(c, out);
    cr_assert(fclose(out) == 0 && pclose(shown) == 0);
    return text;
}

static void report_into(const char *of)
{
    char score[] = DATA "score", *path = score;

    report_close(&report);
    cr_assert(report_open(&report, &path, 1, &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(report_write(&report, in_folder(of), &err) == STATUS_OK, "%s",
              err.text);
}

static void expect_as_fresh(void)
{
    report_into("fresh");
    char *is = listing("out"), *fresh = listing("fresh");
    cr_expect_str_eq(is, fresh);
    free(fresh);
    free(is);
}

Test(report_page, nothing_of_an_older_report_stays_beside_a_newer)
{
    report_of_all();
    cr_assert(file_exists(in_folder("out/figures/compute-loss.svg")));
    cr_assert(file_exists(in_folder("out/tables/phases.csv")));
    report_into("out");
    expect_as_fresh();
    setenv("PATH", "", 1);                   /* a picture of older numbers */
    report_into("out");
    cr_expect(not(file_exists(in_folder("out/figures/routing.svg"))));
    cr_expect(file_exists(in_folder("out/figures/routing.dat")));
}

Test(report_page, what_a_killed_report_left_goes_and_what_others_laid_there_stays)
{
    static const char *const others[] = { "out/figures/mine.png",
        "out/figures/phases.txt", "out/tables/mine.csv", "victim.csv",
        "out/victim.csv" };

    make("out/figures");
    make("out/tables");
    put("out/figures/phases.svg", "half a report");
    put("out/tables/totals.md", "half a report");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        put(others[i], "precious");
    put("out/.contents", "figures/phases\ntables/totals\ntables/../../victim\n"
        "tables/../victim\n../victim\n/victim\ntables/\n\nfigures\n");
    report_into("out");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        cr_expect(file_exists(in_folder(others[i])), "%s", others[i]);
        unlink(in_folder(others[i]));
    }
    expect_as_fresh();
}

Test(report_page, a_cut_summary_is_named_by_line)
{
    make("run");
    put("run/summary.json", "{\"schema\": \"isobath-run-1\",\n \"comm");
    refused(in_folder("run"), "summary.json:2:");
}

Test(report_page, a_command_without_a_report_is_named)
{
    make("run");
    put_summary("run/summary.json", "\"predict\"}");
    refused(in_folder("run"), "command is 'predict', a report takes");
}

Test(report_page, a_directory_of_something_else_is_named)
{
    make("run");
    refused(in_folder("run"), "no run directory");
}

Test(report_page, a_ledger_without_its_columns_is_named)
{
    make("run");
    put_summary("run/summary.json", "\"run\"}");
    put("run/ledger.csv", "witness,pass,layer,flops\ncounted,forward,0,1\n");
    refused(in_folder("run"), "ledger.csv:1: column 'op' is missing");
}

Test(report_page, a_ledger_with_an_unknown_op_is_named)
{
    make("run");
    put_summary("run/summary.json", "\"run\"}");
    put("run/ledger.csv", "witness,pass,layer,op,flops\n"
        "counted,forward,0,norm,1\ncounted,forward,0,warp,1\n");
    refused(in_folder("run"), "ledger.csv:3: 'warp' is no op");
}

Test(report_page, a_repeated_cell_is_named)
{
    make("run");
    put_summary("run/summary.json", "\"run\"}");
    put("run/ledger.csv", "witness,pass,layer,op,flops\n"
        "counted,forward,0,norm,1\ncounted,forward,0,norm,1\n");
    refused(in_folder("run"), "ledger.csv:3: this witness");
}

Test(report_page, a_summary_with_nothing_in_it_makes_a_page)
{
    char *page;
    make("run");
    put_summary("run/summary.json", "\"train\",\"loss\":{\"train\":\"NaN\"}}");
    report_of(in_folder("run"));
    page = text_of("out/index.html");
    has(page, "all numbers on this page are predicted, or there are none");
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

Test(report_page, a_sweep_without_a_finished_point_makes_a_page)
{
    make("run/points/000000");
    report_of(in_folder("run"));
    cr_assert(eq(sz, report.study.n_unfinished, 1));
    cr_assert(eq(sz, report.study.n, 0));
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

Test(report_page, counted_that_differs_from_predicted_is_listed)
{
    char *page;
    make("run");
    put_summary("run/summary.json", "\"run\"}");
    put("run/ledger.csv", "witness,pass,layer,op,flops\n"
        "predicted,forward,0,norm,100\ncounted,forward,0,norm,101\n"
        "predicted,forward,0,qkv,7\ncounted,forward,0,qkv,7\n");
    report_of(in_folder("run"));
    cr_assert(eq(sz, report.mismatches, 1));
    cr_assert(eq(sz, report.compared, 2));
    page = text_of("out/tables/mismatches.csv");
    has(page, "forward,0,norm,flops,100,101");
    free(page);
}

Test(report_page, ten_thousand_tokens_are_cut_in_words)
{
    FILE *file;
    char *page;
    make("run");
    put_summary("run/summary.json", "\"run\"}");
    file = fopen(in_folder("run/tokens.csv"), "w");
    fputs("position,token,text,loss_nats,block_1\n", file);
    for (int i = 0; i < 10000; i++)
        fprintf(file, "%d,97,%s,NaN,%d\n", i, i % 5 ? "a" : "\" \"",
                i % 3 == 0);
    fclose(file);
    report_of(in_folder("run"));
    cr_assert(eq(sz, report.tokens.n, 10000));
    page = text_of("out/index.html");
    has(page, "The first and the last 2000 of 10000 tokens are shown");
    free(page);
}

/* Of layer 1's parts the first token passed both, the second one, the third
 * none. */
Test(report_page, tokens_of_parts_routed_apart_have_a_column_each)
{
    char *page, *data;
    make("run");
    put_summary("run/summary.json", "\"run\"}");
    put("run/tokens.csv", "position,text,target_text,loss_nats,attention_1,"
        "ffn_1\n0,a,b,1.5,1,1\n1,b,\"\"\"\",2.25,0,1\n2,c,\\x0a,,0,0\n");
    report_of(in_folder("run"));
    cr_assert(eq(int, report.tokens.n_blocks, 2));
    cr_expect(eq(int, report.tokens.part[0], PART_ATTENTION));
    cr_expect(eq(int, report.tokens.part[1], PART_FFN));
    cr_expect(eq(int, report.tokens.layer[1], 1));
    cr_expect(eq(int, tokens_used(&report.tokens, 1), 1));
    page = text_of("out/index.html");
    has(page, "share of the routed parts (2) that worked on the token");
    has(page, "data-what=\"parts\" data-layers=\"1 attention,1 ffn\"");
    has(page, "data-b=\"11\" data-l=\"1.500\" data-n=\"b\">a<");
    has(page, "data-b=\"01\" data-l=\"2.250\" data-n=\"&quot;\">b<");
    has(page, "Which kinds of token the routed parts (2) worked on, over all"
        " 3 tokens.");
    data = text_of("out/figures/routing.dat");
    has(data, "\"b\" 0 1\n");
    free(data);
    free(page);
}

Test(report_page, a_token_column_of_no_layer_is_named)
{
    make("run");
    put_summary("run/summary.json", "\"run\"}");
    put("run/tokens.csv", "position,text,ffn_one\n0,a,1\n");
    refused(in_folder("run"), "tokens.csv:1: column 'ffn_one' names no layer"
            " of 0..255");
}

Test(report_page, a_token_column_that_is_no_bit_is_named)
{
    make("run");
    put_summary("run/summary.json", "\"run\"}");
    put("run/tokens.csv", "position,text,block_1\n0,a,1\n1,b,2\n");
    refused(in_folder("run"), "tokens.csv:3: block_1 is '2'");
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
