/* test_recorded.c - Replay recorded runs by op (by reading: test_counter.c):
 * turns, what a repeat changes, and mistakes. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "hwprof/counters/counter.h"
#include "hwprof/counters/region_count.h"
#include "tests/fake_tree.h"

#define HEAD "isobath-counters 2\ncolumn flops 2 PAIRS\ncolumn cycles 1 CYC\n"

static enum status try_open(struct counter_session **out, const char *text,
                            int repeat, struct error *err)
{
    struct fake_tree tree = fake_tree_open();
    char path[512];

    fake_tree_write(&tree, "run", "%s", text);
    fake_tree_path(&tree, path, "run");
    struct counter_options options = { .trace_path = path, .repeat = repeat,
        .metrics = (1u << METRIC_COUNT) - 1 };
    enum status status = counter_open(out, &counter_recorded, &options, err);
    fake_tree_close(&tree);
    return status;
}

static struct counter_session *open_run(const char *text, int repeat)
{
    struct counter_session *session = NULL;
    struct error err = { 0 };

    cr_assert(eq(int, try_open(&session, text, repeat, &err), STATUS_OK), "%s",
              err.text);
    cr_assert(eq(int, counter_start(session, &err), STATUS_OK));
    return session;
}

static uint64_t count(struct counter_session *s, const char *label,
                      double expected, enum metric metric)
{
    struct cost cost = { 0 };
    struct error err = { 0 };

    counter_tell(s, (struct counter_note){ label, expected });
    cr_assert(eq(int, counter_read(s, &cost, &err), STATUS_OK), "%s", err.text);
    return cost.count[metric];
}

/* 2 flops a pair; what was told lasts for one reading. */
Test(recorded, an_op_counts_what_its_cell_says)
{
    struct counter_session *s = open_run(HEAD "cell forward/0/qkv 50 9\n", -1);

    cr_assert(eq(u64, count(s, "forward/0/qkv", 0, METRIC_FLOPS), 100));
    cr_assert(eq(u64, count(s, "forward/0/qkv", 0, METRIC_CYCLES), 9));
    cr_assert(eq(u64, count(s, NULL, 0, METRIC_FLOPS), 0));
    counter_close(s);
}

Test(recorded, cells_of_one_op_take_turns)
{
    struct counter_session *s = open_run(HEAD
        "cell forward/0/norm 1 0\ncell forward/0/qkv 7 0\n"
        "cell forward/0/norm 2 0\ncell forward/0/norm 3 0\n", -1);
    const uint64_t wanted[] = { 2, 4, 6, 2, 4 };

    for (int i = 0; i < 5; i++) {
        cr_assert(eq(u64, count(s, "forward/0/norm", 0, METRIC_FLOPS),
                     wanted[i]));
        cr_assert(eq(u64, count(s, "forward/0/qkv", 0, METRIC_FLOPS), 14));
    }
    counter_close(s);
}

/* 0.99 of 1000 flops, and the 12 cycles that each reading takes. */
Test(recorded, kernels_count_their_share_and_readings_their_cost)
{
    struct counter_session *s = open_run(HEAD "empty 0 12\nkernel flops 0.99\n",
                                         -1);

    cr_assert(eq(u64, count(s, "kernel/flops", 1000, METRIC_FLOPS), 990));
    cr_assert(eq(u64, count(s, "kernel/cycles", 500, METRIC_CYCLES), 512));
    cr_assert(eq(u64, count(s, NULL, 0, METRIC_CYCLES), 12));
    counter_close(s);
}

/* Repeat 1 has a cell of its own in place of all of the others. */
Test(recorded, a_repeat_changes_what_it_says_and_nothing_else)
{
    static const char text[] = HEAD
        "cell forward/0/qkv 1 0\ncell forward/0/qkv 2 0\n"
        "cell forward/0/norm 5 0\n"
        "repeat 1\ncell forward/0/qkv 10 0\nkernel flops 0\n"
        "repeat 2\ncell forward/0/qkv 99 0\n";
    struct counter_session *s = open_run(text, 1);

    for (int i = 0; i < 2; i++)
        cr_assert(eq(u64, count(s, "forward/0/qkv", 0, METRIC_FLOPS), 20));
    cr_assert(eq(u64, count(s, "forward/0/norm", 0, METRIC_FLOPS), 10));
    cr_assert(eq(u64, count(s, "kernel/flops", 1000, METRIC_FLOPS), 0));
    counter_close(s);
    s = open_run(text, 0);
    cr_assert(eq(u64, count(s, "forward/0/qkv", 0, METRIC_FLOPS), 2));
    cr_assert(eq(u64, count(s, "forward/0/qkv", 0, METRIC_FLOPS), 4));
    cr_assert(eq(u64, count(s, "kernel/flops", 1000, METRIC_FLOPS), 1000));
    counter_close(s);
}

static void expect_rejected(const char *text, const char *needle)
{
    struct counter_session *s = open_run(text, -1);
    struct error err = { 0 };
    struct cost cost;
    enum status status = STATUS_OK;

    for (int i = 0; i < 3 && status == STATUS_OK; i++) {
        counter_tell(s, (struct counter_note){ .label = "forward/0/qkv" });
        status = counter_read(s, &cost, &err);
    }
    bool said = strstr(err.text, needle) != NULL;
    cr_assert(said, "%s", err.text);
    counter_close(s);
}

Test(recorded, readings_go_through_the_checks_of_hardware)
{
    expect_rejected(HEAD "cell forward/0/qkv 1 1\nrunning 0.5\n",
                    "multiplexed counts are guesses");
    expect_rejected(HEAD "empty 900 900\ncell forward/0/qkv 1 1\n"
                    "jump PAIRS 140737488355328\n", "not written back");
    expect_rejected(HEAD "cell forward/0/norm 1 1\n",
                    "no cell forward/0/qkv: another model or phase");
}

/* The register stands at 1000 when it jumps back by 600. */
Test(recorded, a_register_that_goes_back_is_rejected)
{
    struct counter_session *s = open_run(HEAD "cell forward/0/qkv 1 1\n"
        "kernel flops 1\njump PAIRS -600\n", -1);
    struct error err = { 0 };
    struct cost cost;

    count(s, "kernel/flops", 2000, METRIC_FLOPS);
    counter_tell(s, (struct counter_note){ .label = "forward/0/qkv" });
    cr_assert(eq(int, counter_read(s, &cost, &err), STATUS_UNAVAILABLE));
    bool said = strstr(err.text, "PAIRS went back from 1000 to 401") != NULL;
    cr_assert(said, "%s", err.text);
    counter_close(s);
}

Test(recorded, reasons_and_sources_are_kept)
{
    struct counter_session *s = open_run(HEAD "reason joules no sensor there\n",
                                         -1);

    cr_assert(eq(str, s->reason[METRIC_JOULES], "no sensor there"));
    cr_assert(eq(str, s->source[METRIC_FLOPS], "PAIRS (recorded)"));
    cr_assert(eq(str, s->reason[METRIC_L2_BYTES],
                 "the recorded run does not hold it"));
    counter_close(s);
}

static void refuses(const char *text, const char *needle)
{
    struct counter_session *session = NULL;
    struct error err = { 0 };

    cr_expect(eq(int, try_open(&session, text, -1, &err), STATUS_BAD_FORMAT));
    bool said = strstr(err.text, needle) != NULL;
    cr_expect(said, "'%s' said: %s", text, err.text);
}

Test(recorded, mistakes_are_named_with_their_line)
{
    refuses("isobath-counters 1\n", ":1:1: expected `isobath-counters 2`");
    refuses("isobath-counters 2\n", "no column");
    refuses(HEAD "cell forward/0/qkv 1\n", ":4:1: fewer numbers than columns");
    refuses(HEAD "empty 1 2 3\n", ":4:1: more numbers than columns");
    refuses(HEAD "cell\n", ":4:1: expected `cell PASS/LAYER/OP NUMBERS`");
    refuses(HEAD "kernel speed 1\n", ":4:1: expected `kernel METRIC FACTOR`");
    refuses(HEAD "jump NOBODY 1\n", ":4:1: expected `jump EVENT AMOUNT`");
    refuses(HEAD "running 2\n", ":4:1: expected `running SHARE`, 0 to 1");
    refuses(HEAD "repeat -1\n", ":4:1: expected `repeat NUMBER`, from 0");
    refuses(HEAD "repeat 7\nkernel flops x\n", ":5:1: expected `kernel");
    refuses(HEAD "walk 1\n", ":4:1: expected column, reason, empty, kernel");
    refuses("isobath-counters 2\ncolumn joules 1 J\n", ":2:1: expected `column");
    refuses(HEAD "read 1\n", ":4:1: expected `read ENABLED RUNNING NUMBERS`");
    refuses(HEAD "read 1 1 5\n", ":4:1: fewer numbers than columns");
    refuses(HEAD "read 1 1 5 5\ncolumn l2_bytes 1 X\n", ":5:1: columns come");
}

Test(recorded, a_run_is_recorded_by_op_or_by_reading)
{
    static const char not_both[] = "by op or by reading, not both";

    refuses(HEAD "cell forward/0/qkv 1 1\nread 1 1 1 1\n", not_both);
    refuses(HEAD "read 1 1 1 1\nrepeat 1\n", not_both);
    refuses("isobath-counters 2\ncolumn joules 1 J wrap 9\nempty 1\n",
            not_both);
}

/* ---- regions ---- */

Test(region_count, regions_are_counted_by_pass_layer_and_op)
{
    struct region_count c;

    cr_assert(eq(int, region_count_open(&c, 2, NULL), STATUS_OK));
    for (int i = 0; i < 3; i++)
        region_count_add(&c, (struct ledger_key){ PASS_FORWARD, 1,
                                                  LEDGER_SHARED, OP_QKV });
    region_count_add(&c, (struct ledger_key){ PASS_BACKWARD, LEDGER_OUTSIDE,
                                              LEDGER_SHARED, OP_HEAD });
    region_count_add(NULL, (struct ledger_key){ .op = OP_QKV });
    cr_assert(eq(u64, region_count_sum(&c, PASS_FORWARD, 1, OP_QKV), 3));
    cr_assert(eq(u64, region_count_sum(&c, PASS_FORWARD, 0, OP_QKV), 0));
    cr_assert(eq(u64, region_count_sum(&c, PASS_BACKWARD, LEDGER_OUTSIDE,
                                       LEDGER_ANY), 1));
    cr_assert(eq(u64, region_count_sum(&c, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY),
                 4));
    region_count_clear(&c);
    cr_assert(eq(u64, region_count_sum(&c, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY),
                 0));
    region_count_close(&c);
}
