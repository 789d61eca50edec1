/* test_report_input.c - Report on run directories that are broken, empty or unlike
 * others. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/report_made.h"

TestSuite(report_input, .init = set_up, .fini = clean_up);

Test(report_input, a_cut_summary_is_named_by_line)
{
    make("run");
    put("run/summary.json", "{\"schema\": \"isobath-run-1\",\n \"comm");
    refused(in_folder("run"), "summary.json:2:");
}

Test(report_input, a_command_without_a_report_is_named)
{
    make("run");
    put_summary("run/summary.json", "\"predict\"}");
    refused(in_folder("run"), "command is 'predict', a report takes");
}

Test(report_input, a_directory_of_something_else_is_named)
{
    make("run");
    refused(in_folder("run"), "no run directory");
    refused(in_folder("gone"), "gone: no such directory");
}

Test(report_input, a_ledger_without_its_columns_is_named)
{
    make("run");
    put_summary("run/summary.json", "\"run\"}");
    put("run/ledger.csv", "witness,pass,layer,flops\ncounted,forward,0,1\n");
    refused(in_folder("run"), "ledger.csv:1: column 'op' is missing");
}

Test(report_input, a_ledger_with_an_unknown_op_is_named)
{
    make("run");
    put_summary("run/summary.json", "\"run\"}");
    put("run/ledger.csv", "witness,pass,layer,op,flops\n"
        "counted,forward,0,norm,1\ncounted,forward,0,warp,1\n");
    refused(in_folder("run"), "ledger.csv:3: 'warp' is no op");
}

Test(report_input, a_repeated_cell_is_named)
{
    make("run");
    put_summary("run/summary.json", "\"run\"}");
    put("run/ledger.csv", "witness,pass,layer,op,flops\n"
        "counted,forward,0,norm,1\ncounted,forward,0,norm,1\n");
    refused(in_folder("run"), "ledger.csv:3: this witness");
}

Test(report_input, a_summary_with_nothing_in_it_makes_a_page)
{
    char *page;
    make("run");
    put_summary("run/summary.json", "\"train\",\"loss\":{\"train\":\"NaN\"}}");
    report_of(in_folder("run"));
    page = text_of("out/index.html");
    has(page, "all numbers on this page are predicted, or there are none");
    free(page);
}

Test(report_input, a_sweep_without_a_finished_point_makes_a_page)
{
    make("run/points/000000");
    report_of(in_folder("run"));
    cr_assert(eq(sz, report.study.n_unfinished, 1));
    cr_assert(eq(sz, report.study.n, 0));
}

Test(report_input, counted_that_differs_from_predicted_is_listed)
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

Test(report_input, ten_thousand_tokens_are_cut_in_words)
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
Test(report_input, tokens_of_parts_routed_apart_have_a_column_each)
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

Test(report_input, a_token_column_of_no_layer_is_named)
{
    make("run");
    put_summary("run/summary.json", "\"run\"}");
    put("run/tokens.csv", "position,text,ffn_one\n0,a,1\n");
    refused(in_folder("run"), "tokens.csv:1: column 'ffn_one' names no layer"
            " of 0..255");
}

Test(report_input, a_token_column_that_is_no_bit_is_named)
{
    make("run");
    put_summary("run/summary.json", "\"run\"}");
    put("run/tokens.csv", "position,text,block_1\n0,a,1\n1,b,2\n");
    refused(in_folder("run"), "tokens.csv:3: block_1 is '2'");
}
