/* test_profile_counters.c - `isobath profile --counters NAME` as a user meets
 * it: one back end and no other, and what to do where it cannot be read. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sys/wait.h>

#include "hwprof/counters/counter.h"
#include "tests/fake_tree.h"
#include "tests/program.h"

enum { TEXT_SIZE = 16384 };

/* Both streams of a profile of one prefill into text[]; returns the exit
 * code. */
static int profile(const char *arguments, char text[TEXT_SIZE])
{
    struct fake_tree tree = fake_tree_open();
    char path[PROGRAM_SIZE], line[4096];

    program_path(path);
    snprintf(line, sizeof line, "'%s' profile tests/data/counters/model.yaml"
             " --tokens 16 --steps 2 -p prefill -r 1 --threads 1 -o %s/out %s"
             " 2>&1", path, tree.root, arguments);
    FILE *pipe = popen(line, "r");
    cr_assert(pipe != NULL);
    text[fread(text, 1, TEXT_SIZE - 1, pipe)] = '\0';
    int status = pclose(pipe);
    fake_tree_close(&tree);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect_said(const char *arguments, int code, const char *words)
{
    char text[TEXT_SIZE];

    cr_expect(eq(int, profile(arguments, text), code), "%s: %s", arguments,
              text);
    cr_expect(strstr(text, words) != NULL, "%s: no '%s' in %s", arguments,
              words, text);
}

Test(profile_counters, a_back_end_is_one_of_those_there_are)
{
    expect_said("--counters abacus", 2, "perf, rdpmc, papi, likwid, callgrind");
}

Test(profile_counters, what_is_recorded_needs_its_recording)
{
    expect_said("--counters recorded", 2, "go together");
    expect_said("--counters perf --recorded tests/data/counters", 2,
                "go together");
    expect_said("--counters recorded --recorded tests/data/counters --tokens 64"
                " --steps 8", 0, "read by recorded");
}

/* LIKWID and perf would both program the counters. */
Test(profile_counters, under_likwid_nobody_else_reads)
{
    if (!counter_find("likwid"))
        cr_skip("built without LIKWID");
    expect_said("--counters likwid", 0, "run under likwid-perfctr");
}

Test(profile_counters, callgrind_has_to_run_the_process)
{
    if (!counter_find("callgrind"))
        cr_skip("built without callgrind");
    expect_said("--counters callgrind", 2, "valgrind --tool=callgrind");
}

Test(profile_counters, one_that_sees_nothing_says_why)
{
    struct fake_tree tree = fake_tree_open();
    char arguments[256];

    fake_tree_write(&tree, "devices/system/cpu/online", "0\n");
    snprintf(arguments, sizeof arguments, "--counters perf --sysfs-root %s",
             tree.root);
    expect_said(arguments, 0, "holds no devices, so no counter can be found");
    fake_tree_write(&tree, "bus/event_source/devices/software/type", "1\n");
    expect_said(arguments, 0, "no CPU among the perf devices");
    fake_tree_close(&tree);
}
