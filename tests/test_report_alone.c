/* test_report_alone.c - A page of one run of a kind says what that run was, and two
 * profiles are compared. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/read/profiles.h"
#include "tests/report_folder.h"

TestSuite(report_alone, .init = set_up, .fini = clean_up);

static void put(const char *name, const char *text)
{
    FILE *file = fopen(in_folder(name), "w");
    cr_assert(file != NULL);
    fputs(text, file);
    fclose(file);
}

static char *page_of(char *const *paths, size_t n)
{
    char *text = NULL;
    size_t size;

    cr_assert(report_open(&report, paths, n, &err) == STATUS_OK, "%s", err.text);
    cr_assert(report_write(&report, in_folder("out"), &err) == STATUS_OK, "%s",
              err.text);
    cr_assert(file_read(&text, &size, in_folder("out/index.html"), 1 << 26,
                        &err) == STATUS_OK);
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

/* A prefill of 10 tokens in `seconds` of the dense arm alone: 1000 flops, of which
 * 700 in the feed-forward part; `weights` are members of its config. */
static void put_kept(const char *name, const char *weights, const char *seconds,
                     int threads, int tokens)
{
    char text[2048], file[64];

    cr_assert(file_make_directory(in_folder(name), NULL) == STATUS_OK);
    snprintf(text, sizeof text, "{\"schema\":\"isobath-run-1\",\"status\":\"done\","
             "\"command\":\"profile\",\"config\":{\"model\":\"models/tiny-7.gguf\","
             "%s},\"parameters\":1234567,\"provenance\":"
             "{\"threads\":%d},\"phases\":[{\"name\":\"prefill\",\"batch\":1,"
             "\"tokens\":%d,\"steps\":1,\"policy\":\"random\",\"arms\":[{\"name\":"
             "\"dense\",\"seconds\":%s,\"totals\":{\"counted\":{\"flops\":1000,"
             "\"bytes\":500}}}]}]}", weights, threads, tokens, seconds);
    snprintf(file, sizeof file, "%s/summary.json", name);
    put(file, text);
    snprintf(file, sizeof file, "%s/ledger_prefill_dense.csv", name);
    put(file, "witness,pass,layer,op,flops,bytes,seconds\n"
        "counted,forward,0,ffn.up,700,300,\ncounted,forward,0,attend,300,200,\n"
        "measured,forward,0,ffn.up,,,0.6\nmeasured,forward,0,attend,,,0.4\n");
}

static void put_dense(const char *name, const char *seconds, int threads,
                      int tokens)
{
    put_kept(name, "\"weights\":\"q4_1\",\"stored_weights\":\"q4_1\"", seconds,
             threads, tokens);
}

static const char a_second[] = "{\"median\":1,\"low\":0.8,\"high\":1.25,\"n\":9}";

Test(report_alone, a_dense_profile_is_named_and_priced_by_the_token)
{
    char *path, *page;

    put_dense("p", a_second, 2, 10);
    path = strdup(in_folder("p"));
    page = page_of(&path, 1);
    has(page, "<h1>tiny-7, dense, profiled</h1>");
    has(page, "1.23 M parameters, weights q4_1, batch 1.");
    has(page, "A prefill of 10 tokens: <b>1.00 kFLOP</b>");
    has(page, "feed-forward takes 70 % of the FLOPs");
    lacks(page, "MoD<");
    lacks(page, "tokens kept by");
    lacks(page, "an unknown change");
    free(page);
    free(path);
}

Test(report_alone, widened_weights_are_told_from_those_of_the_file)
{
    char *path, *page;

    put_kept("w", "\"weights\":\"f32\",\"stored_weights\":\"q4_1 81 %, q8_0 19 %\"",
             a_second, 2, 10);
    path = strdup(in_folder("w"));
    page = page_of(&path, 1);
    has(page, "parameters, weights of q4_1 81 %, q8_0 19 % widened to f32, batch 1.");
    free(page);
    free(path);
}

/* Its FLOPs are of that share, and what was asked for was another. */
Test(report_alone, a_profile_says_what_share_was_kept)
{
    char *path, *page;

    cr_assert(file_make_directory(in_folder("m"), NULL) == STATUS_OK);
    put("m/summary.json", "{\"schema\":\"isobath-run-1\",\"status\":\"done\","
        "\"command\":\"profile\",\"config\":{\"model\":\"m\"},\"phases\":[{"
        "\"name\":\"prefill\",\"batch\":1,\"tokens\":10,\"steps\":1,\"policy\":"
        "\"threshold\",\"arms\":[{\"name\":\"dense\",\"totals\":{\"counted\":{"
        "\"flops\":1000}}},{\"name\":\"mod\",\"capacity_nominal\":0.25,"
        "\"capacity_realised\":0.672,\"totals\":{\"counted\":{\"flops\":820}}}]}]}");
    path = strdup(in_folder("m"));
    page = page_of(&path, 1);
    has(page, "(tokens kept by threshold: 67.2 %, not the nominal 25 %)");
    has(page, "tokens kept");
    free(page);
    free(path);
}

Test(report_alone, a_dense_profile_draws_one_bar_a_layer)
{
    char *path, *page;

    put_dense("p", a_second, 2, 10);
    path = strdup(in_folder("p"));
    page = page_of(&path, 1);
    cr_assert(eq(sz, report.n_figures, 3));         /* shares, layers, roofline */
    has(report.figure[0].plot.head,
        "Prefill: feed-forward takes 70 % of the FLOPs and 60 % of the time");
    has(report.figure[1].plot.script_text, "PAIR = 0");
    free(page);
    free(path);
}

/* Twice the tokens in twice the time is the same for a token. */
Test(report_alone, profiles_are_compared_by_the_token)
{
    struct amount ratio;
    char *paths[2], *page;

    put_dense("a", a_second, 2, 10);
    put_dense("b", "{\"median\":4,\"low\":3.2,\"high\":5,\"n\":9}", 1, 20);
    paths[0] = strdup(in_folder("a"));
    paths[1] = strdup(in_folder("b"));
    page = page_of(paths, 2);
    has(page, "<h1>tiny-7: b against a</h1>");
    has(page, "threads 2 and 1");
    has(page, "time <b>+100.0 %</b>");
    lacks(page, ",.</p>");
    ratio = profiles_ratio(&report.run[0].phase[0], &report.run[1].phase[0],
                           METRIC_SECONDS);
    cr_expect(ieee_ulp_eq(dbl, ratio.value, 2, 4));
    /* Each end is 1.25 away, apart: exp(sqrt(2) log 1.25). */
    cr_expect(epsilon_eq(dbl, ratio.high, 2 * exp(sqrt(2) * log(1.25)), 1e-12));
    cr_expect(epsilon_eq(dbl, ratio.low, 2 / exp(sqrt(2) * log(1.25)), 1e-12));
    ratio = profiles_ratio(&report.run[0].phase[0], &report.run[1].phase[0],
                           METRIC_FLOPS);
    cr_expect(ieee_ulp_eq(dbl, ratio.value, 0.5, 4));
    cr_expect(isnan(ratio.low));                    /* counted: exact */
    free(page);
    free(paths[0]);
    free(paths[1]);
}

Test(report_alone, one_training_is_no_comparison)
{
    char *path, *page;

    cr_assert(file_make_directory(in_folder("t"), NULL) == STATUS_OK);
    put("t/summary.json", "{\"schema\":\"isobath-run-1\",\"status\":\"done\","
        "\"command\":\"train\",\"config\":{\"model\":{\"layers\":2,\"channels\":"
        "8}},\"totals\":{\"counted\":{\"flops\":4000}},\"tokens\":10,\"seed\":1,"
        "\"loss\":{\"heldout_causal\":2.5}}");
    put("t/ledger.csv", "witness,pass,layer,op,flops\n"
        "counted,forward,0,ffn.up,1000\ncounted,backward,0,ffn.up,3000\n");
    put("t/curve.csv", "step,flops,train_loss,heldout_loss\n1,1000,3,\n"
        "2,2000,2.8,\n3,3000,2.7,\n4,4000,2.6,\n");
    path = strdup(in_folder("t"));
    page = page_of(&path, 1);
    has(page, "trained for <b>4.00 kFLOP</b>");
    has(page, "forward took 25 %, backward took 75 %");
    lacks(page, "the best");
    lacks(page, "of each other");
    has(report.figure[0].plot.name, "curves");
    free(page);
    free(path);
}

Test(report_alone, a_scored_text_says_its_loss_and_what_was_kept)
{
    char path[] = DATA "score", *paths[] = { path }, *page;

    page = page_of(paths, 1);
    has(page, "routed layers kept <b>13.1 %</b>");
    has(page, "(nominal 12.5 %)");
    has(report.figure[0].plot.name, "routing");
    free(page);
}

/* The loss is no part of a token's price: 60 FLOPs of the totals' 100; but the
 * table beside it has all that was done. */
Test(report_alone, a_scored_token_costs_what_its_tables_say)
{
    char *path, *page;

    cr_assert(file_make_directory(in_folder("s"), NULL) == STATUS_OK);
    put("s/summary.json", "{\"schema\":\"isobath-run-1\",\"status\":\"done\","
        "\"command\":\"run\",\"config\":{\"run\":{\"model\":\"m/a.bin\","
        "\"text\":\"t\"}},\"totals\":{\"counted\":{\"flops\":1000}},"
        "\"tokens\":10,\"flops_per_token_forward\":60,\"loss\":{"
        "\"nats_per_token\":2.5}}");
    path = strdup(in_folder("s"));
    page = page_of(&path, 1);
    has(page, "A token costs <b>60.0 FLOP</b>");
    has(page, ", <b>100 FLOP</b>");
    has(page, "with its scoring");
    has(page, "took, its scoring included.");
    free(page);
    free(path);
}

/* 29 % where a quarter was asked for, and half of the new ones. */
Test(report_alone, a_prompt_says_what_was_kept_of_it)
{
    char *path, *page;

    cr_assert(file_make_directory(in_folder("k"), NULL) == STATUS_OK);
    put("k/summary.json", "{\"schema\":\"isobath-run-1\",\"status\":\"done\","
        "\"command\":\"run\",\"config\":{\"run\":{\"model\":\"m/a.bin\","
        "\"prompt\":\"Once\"}},\"routing\":{\"policy\":\"threshold\",\"blocks\":"
        "[1],\"capacity_nominal\":0.25,\"capacity_realised\":0.5,"
        "\"capacity_realised_prompt\":0.286},\"generation\":{\"prompt_tokens\":7,"
        "\"new_tokens\":2,\"text\":\" a\",\"decode_tokens_per_second\":12.5}}");
    path = strdup(in_folder("k"));
    page = page_of(&path, 1);
    has(page, "routed layers kept <b>28.6 %</b>");
    has(page, " of the prompt, <b>50.0 %</b>");
    has(page, " of the new tokens (nominal 25 %).");
    has(page, "of them kept");
    free(page);
    free(path);
}

Test(report_alone, a_prompt_and_what_came_of_it_are_shown)
{
    char *path, *page;

    cr_assert(file_make_directory(in_folder("g"), NULL) == STATUS_OK);
    put("g/summary.json", "{\"schema\":\"isobath-run-1\",\"status\":\"done\","
        "\"command\":\"run\",\"config\":{\"run\":{\"model\":\"m/a.bin\","
        "\"prompt\":\"Once <upon\"}},\"generation\":{\"prompt_tokens\":3,"
        "\"new_tokens\":2,\"text\":\" a time\",\"decode_tokens_per_second\":12.5,"
        "\"decode_flops_per_token\":2000}}");
    path = strdup(in_folder("g"));
    page = page_of(&path, 1);
    has(page, "went on from a prompt of 3 tokens with 2 new ones: "
        "<b>12.5 tokens/s</b>");
    has(page, "<b>Once &lt;upon</b> a time");
    free(page);
    free(path);
}
