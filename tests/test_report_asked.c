/* test_report_asked.c - A page of isobath answer has its words and its tables. */
#include <criterion/criterion.h>

#include "tests/cli.h"

TestSuite(report_asked, .init = set_up, .fini = leave_directory);

static void expect_words(const char *path, const char *const *words)
{
    const char *text = read_file(path, NULL);

    for (; *words; words++)
        cr_expect(strstr(text, *words) != NULL, "%s: no '%s'", path, *words);
}
#define EXPECT(path, ...) \
    expect_words(path, (const char *const[]){ __VA_ARGS__, NULL })

static void ask(void)
{
    put_file("m.yaml", "model: {family: llama, layers: 6, channels: 64,"
             " heads: 4, kv_heads: 2, ffn: 128, vocab: 100, max_tokens: 256}\n"
             "routing: {gate: one, capacity: 0.25}\n");
    cr_assert(eq(int, STARTED("answer", "m.yaml", "--machine", "l4", "--machine",
        "tpu-v5e", "--context", "64", "--batch", "1,8", "-o", "asked"), 0),
              "%s", read_file("stderr", NULL));
}

Test(report_asked, the_page_says_whom_it_is_held_against)
{
    ask();
    cr_assert(eq(int, STARTED("report", "asked", "-o", "page"), 0), "%s",
              read_file("stderr", NULL));
    EXPECT("page/index.html", "m: does it save, where, and against whom?",
           "Nothing here was executed: all numbers on this page are"
           " predicted.", "Against its dense twin: the same 6"
           " layers", "Decode, against equal-FLOP dense.", "Does it save?",
           "A mix of requests");
    cr_expect(strstr(read_file("page/index.html", NULL), "not asked for") ==
              NULL);
    EXPECT("page/tables/asked.csv", "model,phase,rival,", "m,train,dense,",
           "m,decode,equal-flops,");
    EXPECT("page/tables/asked-cells.csv", "L4,prefill,64,8,dense,");
    EXPECT("page/tables/asked-mix.csv", "TPU v5e,dense twin,16,");
}

/* Of the second machine no joules are known. */
Test(report_asked, it_says_what_is_left_and_what_flips)
{
    ask();
    cr_assert(eq(int, STARTED("report", "asked", "-o", "page"), 0), "%s",
              read_file("stderr", NULL));
    EXPECT("page/index.html", "Where the answer flips", "What is left of the saving,"
           " against equal-FLOP dense, decoding at B 16", "What flips, against"
           " dense twin: the interval holds 1 in", "of the variance");
    EXPECT("page/tables/asked-waterfall.csv", "machine,rival,nominal_flops,",
           "L4,equal-flops,");
    EXPECT("page/tables/asked-plane.csv", "L4,train,dense,256,",
           "L4,prefill,dense,256,", "TPU v5e,decode,dense,4,", "1 to 256");
    EXPECT("page/tables/asked-doubts.csv", "rival,number,time_cells,");
    EXPECT("page/figures/survives.dat", "\"unknown\"", "1 ");
    EXPECT("page/figures/survives.gp", "RIVAL[1] = 'against dense twin'",
           "RIVAL[2] = 'against equal-FLOP dense'", "MACHINE[2] = 'TPU v5e'");
    EXPECT("page/figures/flips-decode.dat", "\"costs\"", "\"unknown\"");
    EXPECT("page/figures/flips-decode.gp", "MACHINE[2] = 'TPU v5e'",
           "BATCH[9] = '256'");
}

/* Each phase has its map, and in it each rival. */
Test(report_asked, what_flips_is_drawn_of_each_phase_and_rival)
{
    static const char *const figures[][2] = {
        { "page/figures/flips-train.gp", "Training takes less time than" },
        { "page/figures/flips-prefill.gp", "Prefill takes less time than" },
        { "page/figures/flips-decode.gp", "Decoding takes less time than" } };

    ask();
    cr_assert(eq(int, STARTED("report", "asked", "-o", "page"), 0), "%s",
              read_file("stderr", NULL));
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        EXPECT(figures[i][0], figures[i][1],
               "GROUP[1] = 'time, against dense twin'",
               "GROUP[2] = 'energy, against dense twin'",
               "GROUP[3] = 'time, against equal-FLOP dense'",
               "GROUP[4] = 'energy, against equal-FLOP dense'");
}

/* Beside other runs the other page stays what it was, and the answer joins it. */
Test(report_asked, it_stands_beside_a_profile)
{
    ask();
    cr_assert(eq(int, ISOBATH("profile", "m.yaml", "-o", "profile", "-p",
        "prefill", "-r", "2", "-q", "--tokens", "32"), 0));
    cr_assert(eq(int, STARTED("report", "asked", "profile", "-o", "page"), 0),
              "%s", read_file("stderr", NULL));
    EXPECT("page/index.html", "Against its dense twin: the same 6 layers",
           "against its dense twin", "By phase");
}
