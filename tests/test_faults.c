/* test_faults.c - Let one call fail, or a signal come at it: the answer is right,
 * or a message says why there is none; no file is left half written. */
#include <criterion/criterion.h>
#include "tests/cli.h"

#if defined(__SANITIZE_ADDRESS__)
enum { SANITIZED = 1 };          /* its malloc must come first */
#else
enum { SANITIZED = 0 };
#endif

static void set_up_faults(void)
{
    if (SANITIZED)
        cr_skip("sanitizers have an allocator of their own");
    set_up();
}

TestSuite(faults, .init = set_up_faults, .fini = leave_directory);

/* The program, whose n-th call of a kind fails with `cause` as in faults.c; 0:
 * none, and the numbers of them go to the file counts. */
static int with_cause(const char *kind, long n, int cause,
                      const char *const *arguments)
{
    char preload[PROGRAM_SIZE], fault[64];

    program_path(preload);
    strcpy(strrchr(preload, '/'), "/faults.so");
    snprintf(fault, sizeof fault, "%s:%ld:%d", kind, n, cause);
    setenv("LD_PRELOAD", preload, 1);
    setenv(n > 0 ? "FAULT" : "FAULT_COUNTS", n > 0 ? fault : "counts", 1);
    pid_t child = start(arguments, (struct limits){ 0 });
    unsetenv("LD_PRELOAD");
    unsetenv("FAULT");
    unsetenv("FAULT_COUNTS");
    return finish(child);
}

static int with_fault(const char *kind, long n, const char *const *arguments)
{
    return with_cause(kind, n, ENOSPC, arguments);
}

/* The number of calls of a kind; the answer goes to the file right. */
static long calls(const char *kind, const char *const *arguments)
{
    cr_assert(eq(int, with_fault(kind, 0, arguments), 0));
    char *text = read_file("counts", NULL), *at = strstr(text, kind);
    cr_assert(at != NULL, "%s", text);
    long n = strtol(at + strlen(kind), NULL, 10);
    cr_assert(gt(long, n, 0));
    free(text);
    cr_assert(rename("stdout", "right") == 0);
    return n;
}

/* Some 60 of them, spread over the whole of the command. */
static void expect_no_holes(const char *const *arguments)
{
    const long all = calls("memory", arguments);
    int said = 0;

    for (long n = 1; n <= all; n += all / 60 + 1) {
        int code = with_fault("memory", n, arguments);
        if (code == 0) {
            expect_same_file("stdout", "right");
            continue;
        }
        cr_expect(eq(int, code, 1), "allocation %ld", n);
        expect_said("stderr", "isobath: error: ");
        said += code == 1;
    }
    cr_expect(gt(int, said, 0));
}

static const char shape[] = "model:\n  family: llama\n  layers: 2\n"
    "  channels: 16\n  heads: 2\nrouting:\n  capacity: 0.25\n";

Test(faults, a_prediction_without_memory_is_whole_or_refused)
{
    put_file("model.yaml", shape);
    expect_no_holes(ARGUMENTS("predict", "model.yaml", "--by", "layer"));
    expect_no_holes(ARGUMENTS("predict", "model.yaml", "--explain", "attend"));
}

Test(faults, a_list_of_points_without_memory_is_whole_or_refused)
{
    put_file("study.yaml", "base: run.yaml\naxes:\n  train.seed: [1, 2]\n");
    expect_no_holes(ARGUMENTS("sweep", "study.yaml", "--list"));
}

/* One of several writes fails, and those after it do not. */
Test(faults, an_answer_with_a_hole_in_its_middle_is_no_success)
{
    const char *const *arguments = ARGUMENTS("predict", "model.yaml",
                                             "--format", "json");

    put_file("model.yaml", shape);
    const long all = calls("write", arguments);
    cr_expect(gt(long, all, 1));
    for (long n = 1; n <= all; n++) {
        cr_expect(eq(int, with_fault("write", n, arguments), 1), "write %ld of"
                  " %ld", n, all);
        expect_said("stderr", "isobath: error: ");
    }
}

/* Its times differ from run to run: the summary must have every key. */
static size_t n_values(const json_t *json)
{
    size_t n = 1, i;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(size_t)json, key, value)
        n += n_values(value);
    json_array_foreach(json, i, value)
        n += n_values(value);
    return n;
}

Test(faults, a_training_without_memory_leaves_a_whole_summary_or_none)
{
    const char *const *arguments = ARGUMENTS("train", "run.yaml", "-o", "out",
        "-q", "--threads", "1", "--set", "train.steps=2");
    const long all = calls("memory", arguments);
    json_t *right = summary_of("out");

    for (long n = 1; n <= all; n += all / 60 + 1) {
        cr_assert(system("rm -rf out") == 0);
        int code = with_fault("memory", n, arguments);
        cr_expect(code == 0 || code == 1, "allocation %ld: %d", n, code);
        if (code == 1)
            expect_said("stderr", "isobath: error: ");
        if (!there("out/summary.json"))
            continue;
        json_t *left = summary_of("out");
        cr_expect(eq(sz, n_values(left), n_values(right)), "allocation %ld", n);
        json_decref(left);
    }
    json_decref(right);
}

/* ---- signals ---- */

/* At the n-th call of a kind while the answer goes to the file `out`, which
 * holds an older one.  Returns whether the new one, `whole`, stands there. */
static bool interrupted(const char *kind, long n, int signal, const char *older,
                        const char *const *arguments)
{
    put_file("out", older);
    cr_expect(eq(int, with_cause(kind, n, -signal, arguments), 130),
              "%s %ld, signal %d", kind, n, signal);
    cr_expect(system("test -z \"$(find . -name '*.tmp')\"") == 0,
              "%s %ld, signal %d", kind, n, signal);
    expect_said("stderr", "isobath: error: interrupted");
    const bool done = system("cmp -s out whole") == 0;
    if (!done)
        expect_said("out", older);
    return done;
}

static const int signals[] = { SIGHUP, SIGINT, SIGTERM };
enum { SIGNALS = sizeof signals / sizeof *signals };

/* As nohup does not leave it, under which tests may run. */
static void hear_hangups(void)
{
    signal(SIGHUP, SIG_DFL);
}

Test(faults, a_signal_at_any_write_of_a_prediction_leaves_an_older_file_or_a_whole)
{
    /* The second sync is of the directory: the file is renamed by then. */
    static const char *const kinds[] = { "write", "sync", "rename" };
    const char *const *arguments = ARGUMENTS("predict", "model.yaml", "--by",
        "layer", "--format", "csv", "--set", "model.layers=200", "-o", "out");

    hear_hangups();
    put_file("model.yaml", shape);
    for (int k = 0; k < 3; k++) {
        const long all = calls(kinds[k], arguments);
        cr_assert(rename("out", "whole") == 0);
        for (long n = 1; n <= all; n++)
            for (int i = 0; i < SIGNALS; i++)
                cr_expect(not(interrupted(kinds[k], n, signals[i],
                                          "model,phase,older", arguments) &&
                              !(k == 1 && n == 2)));
    }
}

/* While it measures, and when it writes what it found. */
Test(faults, a_signal_at_work_on_a_machine_profile_leaves_the_older_file)
{
    static const char *const kinds[] = { "memory", "write", "rename" };
    const char *const *arguments = ARGUMENTS("machine", "--quick", "-o", "out",
                                             "-q", "--threads", "1");

    hear_hangups();
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < SIGNALS; i++)
            cr_expect(not(interrupted(kinds[k], k == 0 ? 100 : 1, signals[i],
                                      "# Written by `isobath machine`: older",
                                      arguments)));
}

#define OF_TEXT "--text", "text", "--window", "32", "--limit", "320", "-o", "out", \
                "-q", "--threads", "1"
#define SENSITIVITY ARGUMENTS("sensitivity", "a", "--capacities",              \
                              "0,0.2,0.4,0.6,0.8,1", OF_TEXT)

/* A trained model a. */
static void train_a(void)
{
    hear_hangups();
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "train.steps=4"), 0));
}

/* Whether a part was written when a signal came at the n-th allocation. */
static bool part_at(long n, const char *const *arguments)
{
    const int code = with_cause("memory", n, -signals[n % SIGNALS], arguments);

    cr_expect(code == 130 || code == 0, "%s, allocation %ld: %d", *arguments, n,
              code);
    return there("out/summary.json");
}

/* The first allocation at which a signal leaves a part, by halving; the whole
 * stands in the directory whole. */
static long first_part(const char *const *arguments)
{
    long none = 0, some = calls("memory", arguments);

    cr_assert(system("rm -rf whole && mv out whole") == 0);
    while (some - none > 1) {
        const long n = none + (some - none) / 2;
        if (part_at(n, arguments))
            some = n;
        else
            none = n;
        cr_assert(system("rm -rf out") == 0);
    }
    return some;
}

static void expect_part(long n, const char *const *arguments)
{
    cr_assert(part_at(n, arguments), "%s", *arguments);
    expect_said("stderr", "isobath: error: interrupted ");
    json_t *part = summary_of("out");
    cr_expect_str_eq(json_string_value(at(part, "status")), "interrupted",
                     "%s", *arguments);
    json_decref(part);
}

Test(faults, an_interrupted_command_keeps_what_it_had_finished)
{
    const char *const *const all[] = {
        ARGUMENTS("router", "a", "--positions", "8", OF_TEXT),
        ARGUMENTS("regret", "a", "--windows", "4", "--positions", "4", OF_TEXT),
        ARGUMENTS("allocate", "a", "--skip", "320", "--sensitivity", "table",
                  "--budget", "flops=95%", OF_TEXT),
        ARGUMENTS("profile", "a", "--tokens", "8", "--steps", "2", "--repeats",
                  "2", "--phases", "prefill,decode", "-o", "out", "-q",
                  "--threads", "1"),
        ARGUMENTS("sweep", "prices.yaml", "-o", "out", "-q"),
    };

    train_a();
    put_file("model.yaml", shape);
    put_file("prices.yaml", "base: model.yaml\ncommand: predict\naxes:"
                            " {predict.batch: [1, 2, 3, 4]}\n");
    cr_assert(eq(int, ISOBATH("sensitivity", "a", "--text", "text", "--window",
                              "32", "--limit", "320", "-o", "table", "-q"), 0));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const long n = first_part(all[i]);
        expect_part(n, all[i]);
        cr_assert(system("rm -r out") == 0);
    }
}

/* A part would pass for a table or a trace of the whole text. */
Test(faults, what_makes_no_sense_in_part_is_not_written_and_says_so)
{
    static const char *const olders[] = { "context,count,kept_0\r\n,4,1\r\n",
                                          "isobath-trace-1\nolder" };
    const char *const *const all[] = {
        ARGUMENTS("route-table", "a", "--text", "text", "--window", "32", "-o",
                  "out", "-q", "--threads", "1"),
        ARGUMENTS("route-trace", "a", "--text", "text", "--window", "32", "-o",
                  "out", "-q", "--threads", "1"),
    };

    train_a();
    for (int c = 0; c < 2; c++) {
        const long n = calls("memory", all[c]);
        cr_assert(rename("out", "whole") == 0);
        for (int i = 0; i < SIGNALS; i++) {
            cr_expect(not(interrupted("memory", n / (i + 2), signals[i],
                                      olders[c], all[c])));
            expect_said("stderr", "isobath: error: interrupted after ");
            expect_said("stderr", " windows; nothing is written, as a ");
        }
        cr_assert(unlink("out") == 0);
    }
}

Test(faults, an_interrupted_sensitivity_goes_on_and_is_no_table_to_choose_by)
{
    train_a();
    const long first = first_part(SENSITIVITY);
    for (long n = first; n < first + 6; n += 2) {
        expect_part(n, SENSITIVITY);
        cr_expect(eq(int, ISOBATH("allocate", "a", "--text", "text", "--skip",
                                  "320", "--window", "32", "--sensitivity",
                                  "out", "--budget", "flops=95%"), 2));
        expect_said("stderr", "--sensitivity out: it was interrupted");
        cr_assert(eq(int, finish(start(SENSITIVITY, (struct limits){ 0 })), 0));
        expect_same_file("out/sensitivity.csv", "whole/sensitivity.csv");
        cr_assert(system("rm -r out") == 0);
    }
}
