/* test_callgrind.c - Read dumps of callgrind written by hand; run callgrind
 * itself where it is installed. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hwprof/counters/callgrind_dump.h"
#include "hwprof/counters/counter.h"
#include "tests/words.h"

#define MAGIC "# callgrind format\nversion: 1\ncreator: callgrind-3.19.0\n"
#define HEAD MAGIC "pid: 4711\ncmd:  ./isobath profile m.yaml\npart: 3\n\n\n"  \
    "desc: I1 cache: 32768 B, 64 B, 8-way associative\n"                       \
    "desc: D1 cache: 49152 B, 64 B, 12-way associative\n"                      \
    "desc: LL cache: 98304 B, 32 B, direct-mapped\n\n"                         \
    "desc: Timerange: Basic block 1 - 1048698\n"                               \
    "desc: Trigger: Client Request: isobath 7.\n\npositions: line\n"
#define EVENTS "events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw\n"

static enum status parse(struct callgrind_dump *out, const char *text,
                         struct error *err)
{
    return callgrind_dump_parse(out, text, strlen(text), err);
}

static void expect_refused(const char *text, const char *words)
{
    struct callgrind_dump dump;
    struct error err = { 0 };

    cr_expect(eq(int, parse(&dump, text, &err), STATUS_BAD_FORMAT));
    cr_expect(strstr(err.text, words) != NULL, "'%s' does not say '%s'", err.text,
              words);
}

Test(callgrind_dump, the_head_says_all_that_is_wanted)
{
    struct callgrind_dump d;
    struct error err = { 0 };

    cr_assert(eq(int, parse(&d, HEAD EVENTS "summary: 100 40 30 5 4 3 2 1 9\n"
                 "\n\nob=(1) /bin/x\nfn=(0) main\n16 10 0 6 2", &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(eq(u64, d.pid, 4711));
    cr_expect(eq(u64, d.part, 3));
    cr_expect(eq(str, d.trigger, "Client Request: isobath 7."));
    cr_expect(eq(u64, d.count[CALLGRIND_IR], 100));
    cr_expect(eq(u64, d.count[CALLGRIND_D1MR], 4));
    cr_expect(eq(u64, d.count[CALLGRIND_D1MW], 3));
    cr_expect(eq(u64, d.count[CALLGRIND_DLMR], 1));
    cr_expect(eq(u64, d.count[CALLGRIND_DLMW], 9));
    cr_expect(eq(u64, d.d1.size_bytes, 49152));
    cr_expect(eq(int, d.d1.line_bytes, 64));
    cr_expect(eq(int, d.d1.ways, 12));
    cr_expect(eq(u64, d.ll.size_bytes, 98304));
    cr_expect(eq(int, d.ll.line_bytes, 32));
    cr_expect(eq(int, d.ll.ways, 1));
}

/* Other versions and options have other columns. */
Test(callgrind_dump, counts_go_by_the_names_of_their_events)
{
    struct callgrind_dump d;

    cr_assert(eq(int, parse(&d, HEAD "events: DLmw Bc D1mr sysTime Ir D1mw DLmr\n"
                 "totals: 1 2 3 4 5 6 7\n", NULL), STATUS_OK));
    cr_expect(eq(u64, d.count[CALLGRIND_DLMW], 1));
    cr_expect(eq(u64, d.count[CALLGRIND_D1MR], 3));
    cr_expect(eq(u64, d.count[CALLGRIND_IR], 5));
    cr_expect(eq(u64, d.count[CALLGRIND_D1MW], 6));
    cr_expect(eq(u64, d.count[CALLGRIND_DLMR], 7));
}

Test(callgrind_dump, zeros_at_the_end_are_left_out)
{
    struct callgrind_dump d;

    cr_assert(eq(int, parse(&d, HEAD EVENTS "summary: 8 0 0 0 2\n", NULL),
                 STATUS_OK));
    cr_expect(eq(u64, d.count[CALLGRIND_D1MR], 2));
    cr_expect(eq(u64, d.count[CALLGRIND_DLMW], 0));
    cr_expect(d.has[CALLGRIND_DLMW]);
}

/* Without --cache-sim=yes. */
Test(callgrind_dump, an_event_that_is_not_counted_is_not_zero)
{
    struct callgrind_dump d;

    cr_assert(eq(int, parse(&d, MAGIC "pid: 1\nevents: Ir\nsummary: 12\n", NULL),
                 STATUS_OK));
    cr_expect(d.has[CALLGRIND_IR]);
    cr_expect(not(d.has[CALLGRIND_D1MR]));
    cr_expect(not(d.has[CALLGRIND_DLMW]));
    cr_expect(eq(u64, d.d1.size_bytes, 0));
}

Test(callgrind_dump, a_dump_that_was_cut_is_refused_wherever_it_was)
{
    static const char whole[] = HEAD EVENTS "summary: 100 40 30 5 4 3 2 1 9\n";
    struct callgrind_dump d;

    for (size_t n = 0; n < sizeof whole - 1; n++)
        cr_expect(eq(int, callgrind_dump_parse(&d, whole, n, NULL),
                     STATUS_BAD_FORMAT), "%zu bytes were taken", n);
    cr_expect(eq(int, callgrind_dump_parse(&d, whole, sizeof whole - 1, NULL),
                 STATUS_OK));
    expect_refused(HEAD EVENTS "summary: 100 40", "before the summary");
    expect_refused(HEAD, "before the events line");
}

Test(callgrind_dump, numbers_end_at_64_bits)
{
    struct callgrind_dump d;

    cr_assert(eq(int, parse(&d, HEAD EVENTS "summary: 18446744073709551615\n",
                 NULL), STATUS_OK));
    cr_expect(eq(u64, d.count[CALLGRIND_IR], UINT64_MAX));
    expect_refused(HEAD EVENTS "summary: 18446744073709551616\n", "2^64");
    expect_refused(HEAD EVENTS "summary: 1 -4 2\n", "2^64");
    expect_refused(HEAD EVENTS "summary: 12x 4\n", "2^64");
}

Test(callgrind_dump, what_does_not_fit_together_is_refused)
{
    expect_refused("", "first line");
    expect_refused("version: 1\n" EVENTS "summary: 1\n", "first line");
    expect_refused(MAGIC "summary: 1\n", "without an events line");
    expect_refused(MAGIC "events:\nsummary: 1\n", "names none");
    expect_refused(MAGIC "events: Ir Ir\nsummary: 1 1\n", "twice");
    expect_refused(MAGIC EVENTS EVENTS "summary: 1\n", "two lines");
    expect_refused(MAGIC "events: Ir\nsummary: 1 2\n", "more counts");
    expect_refused(MAGIC "pid: none\n", "pid");
    expect_refused(MAGIC "part: x\n", "part");
    expect_refused(MAGIC "desc: D1 cache: large\n", "cache");
    expect_refused(MAGIC "desc: LL cache: 0 B, 64 B, 8-way associative\n",
                   "cache");
    expect_refused(MAGIC "desc: LL cache: 1024 B, 64 B\n", "cache");
}

Test(callgrind_dump, another_process_or_part_is_not_ours)
{
    struct callgrind_dump d = { .pid = 4711, .part = 3 };
    struct error err = { 0 };

    cr_expect(eq(int, callgrind_dump_check(&d, 4711, 3, &err), STATUS_OK));
    cr_expect(eq(int, callgrind_dump_check(&d, 4712, 3, &err),
                 STATUS_UNAVAILABLE));
    cr_expect(strstr(err.text, "process 4711") != NULL);
    cr_expect(eq(int, callgrind_dump_check(&d, 4711, 4, &err),
                 STATUS_UNAVAILABLE));
}

/* ---- where the dumps go ---- */

static void expect_base(const char *command, size_t n, const char *base)
{
    char out[64];
    const char *why = NULL;

    callgrind_dump_base(out, sizeof out, command, n, 4711, &why);
    cr_expect(eq(str, out, (char *)base), "%s", why);
    cr_expect(eq(int, *base != '\0', *why == '\0'));
}
#define BASE(command, base) expect_base(command, sizeof command, base)

Test(callgrind_dump, valgrinds_command_line_names_the_file)
{
    BASE("valgrind\0--tool=callgrind\0./isobath", "callgrind.out.4711");
    BASE("valgrind\0--tool=callgrind\0--callgrind-out-file=/t/a.%p\0./isobath",
         "/t/a.4711");
    BASE("valgrind\0--tool=callgrind\0--callgrind-out-file=a\0"
         "--callgrind-out-file=b\0./isobath", "b");
    /* the program's own words are not valgrind's */
    BASE("valgrind\0--tool=callgrind\0./isobath\0--callgrind-out-file=b",
         "callgrind.out.4711");
}

Test(callgrind_dump, another_tool_or_name_is_no_place)
{
    BASE("valgrind\0--tool=memcheck\0./isobath", "");
    BASE("./isobath\0--tool=callgrind2", "");
    BASE("valgrind\0./isobath\0--tool=callgrind", "");
    BASE("valgrind\0--tool=callgrind\0--callgrind-out-file=a.%q{X}\0./x", "");
    BASE("valgrind\0--tool=callgrind\0--callgrind-out-file=0123456789012345"
         "678901234567890123456789012345678901234567890123456789\0./x", "");
    expect_base("", 0, "");
    expect_base("valgrind\0--tool=callgrind", 25, "");      /* cut */
}

/* ---- the back end ---- */

Test(counter_callgrind, outside_of_valgrind_it_sees_nothing_and_says_why)
{
    const struct counter_backend *backend = counter_find("callgrind");
    struct counter_options options = { .metrics = (1u << METRIC_COUNT) - 1 };
    struct counter_session *session = NULL;
    struct error err = { 0 };

    cr_assert(counter_host() == NULL);
    if (!backend)
        cr_skip("built without valgrind's header");
    cr_assert(counter_simulates(backend));
    cr_assert(eq(int, counter_open(&session, backend, &options, &err),
                 STATUS_OK));
    cr_expect(eq(uint, counter_seen(session), 0));
    for (int m = 0; m < METRIC_COUNT; m++)
        cr_expect(strstr(session->reason[m], "valgrind --tool=callgrind "
                                             "--cache-sim=yes") != NULL);
    counter_close(session);
}

Test(counter_callgrind, hardware_back_ends_do_not_simulate)
{
    cr_expect(not(counter_simulates(&counter_perf)));
    cr_expect(not(counter_simulates(&counter_rapl)));
    cr_expect(not(counter_simulates(NULL)));
}

static char *text_of(const char *directory, const char *name)
{
    static char text[1 << 17];
    char path[128];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL, "%s", path);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* valgrind WATCHED build/isobath ARGUMENTS; its exit code. */
static int simulate(const char *directory, const char *watched,
                    const char *arguments)
{
    char command[1024];

    snprintf(command, sizeof command, "valgrind --tool=callgrind "
             "--cache-sim=yes --instr-atstart=no --D1=16384,8,64 "
             "--LL=131072,8,64 --callgrind-out-file=%s/cg.%%p %s "
             "build/isobath %s >%s/stdout 2>%s/stderr", directory, watched,
             arguments, directory, directory);
    int code = system(command);
    return code == -1 || code % 256 ? -1 : code / 256;
}

static int run(const char *directory, const char *options, const char *threads)
{
    char arguments[512];

    snprintf(arguments, sizeof arguments, "profile %s/m.yaml -o %s/out "
             "-p prefill --tokens 64 --threads %s "
             "--machine configs/machines/epyc-milan-2core.yaml %s", directory,
             directory, threads, options);
    return simulate(directory, "", arguments);
}

static void prepare(char directory[64])
{
    char path[128];

    if (!counter_find("callgrind"))
        cr_skip("built without valgrind's header");
    if (system("valgrind --version >/dev/null 2>&1") != 0)
        cr_skip("valgrind is not installed");
    if (access("build/isobath", X_OK) != 0)
        cr_skip("there is no build/isobath here");
    make_directory(directory);
    snprintf(path, sizeof path, "%s/m.yaml", directory);
    FILE *file = fopen(path, "w");
    fputs("model: {family: llama, layers: 1, channels: 80, heads: 5, "
          "max_tokens: 64}\n", file);
    fclose(file);
}

/* norm of 64 rows of 80: 20 KiB in and 20 out past a first cache of 16, two of
 * them and a last row.  Nothing is called measured, exit 0 or 1 by the budget. */
Test(counter_callgrind, a_profile_under_callgrind_is_simulated_and_says_so)
{
    char directory[64], *text;

    prepare(directory);
    cr_expect(run(directory, "--validate -r 2", "1") >= 0, "%s",
              text_of(directory, "stderr"));
    text = text_of(directory, "stdout");
    cr_expect(strstr(text, "simulated (callgrind, D1 16 KiB, 8 ways of 64 B, LL "
                           "128 KiB, 8 ways of 64 B)") != NULL, "%s", text);
    cr_expect(strstr(text, "not measured: seconds, joules: under a simulator") != NULL);
    text = text_of(directory, "out/validate.csv");
    cr_expect(strstr(text, "prefill,dense,forward,norm,l2_bytes,") != NULL);
    cr_expect(strstr(text, ",simulated,") != NULL);
    cr_expect(strstr(strchr(text, '\n'), ",measured,") == NULL);
    cr_expect(strstr(text, "\"callgrind, D1 16 KiB") != NULL);
    text = strstr(text, "prefill,dense,forward,norm,l2_bytes,");
    double predicted = 0, simulated = 0;
    cr_assert(sscanf(text, "prefill,dense,forward,norm,l2_bytes,%lf,,%lf,",
                     &predicted, &simulated) == 2, "%.80s", text);
    cr_expect(simulated > 0.95 * predicted && simulated < 1.05 * predicted);
    text = text_of(directory, "out/summary.json");
    cr_expect(strstr(text, "\"simulated\"") != NULL);
    cr_expect(strstr(text, "\"counters_read_by\": \"callgrind\"") != NULL);
    remove_directory(directory);
}

Test(counter_callgrind, threads_share_a_simulated_cache_and_are_refused)
{
    char directory[64], *text;

    prepare(directory);
    cr_expect(eq(int, run(directory, "-r 1", "2"), 0));
    text = text_of(directory, "stdout");
    cr_expect(strstr(text, "give --threads 1") != NULL, "%s", text);
    remove_directory(directory);
}

/* ---- executed flops ---- */

static bool decodes(void)
{
    for (int i = 0; counter_left_out[i]; i++)
        if (strcmp(counter_left_out[i], "zydis") == 0)
            return false;
    return true;
}

Test(counter_callgrind, a_fused_multiply_add_loop_is_counted_to_the_last_flop)
{
    char directory[64], *text;
    double error = -1, spread = -1;

    prepare(directory);
    if (!decodes())
        cr_skip("built without libzydis-dev");
    cr_assert(eq(int, simulate(directory, "--dump-instr=yes --dump-line=no",
                               "machine --quick --threads 1 --format json"),
                 0));
    text = strstr(text_of(directory, "stdout"), "\"flops\": {");
    cr_assert(text != NULL);
    cr_assert(strstr(text, "\"error\": ") != NULL);
    cr_assert(sscanf(strstr(text, "\"error\": "), "\"error\": %lf, "
                     "\"spread\": %lf", &error, &spread) == 2, "%.400s", text);
    cr_expect(eq(dbl, error, 0.0));
    cr_expect(eq(dbl, spread, 0.0));
    remove_directory(directory);
}

/* Of an op: what ran, less what was counted; 1/C of each of 3 norms and
 * 1/sqrt(D), 2 flops, are no ops, by op.h. */
static const struct executed_case {
    const char *op;
    double      more;
} executed_cases[] = {
    { "embed", 0 }, { "norm", 3 }, { "qkv", 0 }, { "rope", 0 },
    { "attend", 2 }, { "project", 0 }, { "ffn.up", 0 }, { "act", 0 },
    { "ffn.down", 0 }, { "head", 0 },
};

Test(counter_callgrind, every_op_runs_the_flops_that_were_counted)
{
    char directory[64], arguments[512], start[64], *text;

    prepare(directory);
    if (!decodes())
        cr_skip("built without libzydis-dev");
    snprintf(arguments, sizeof arguments, "profile %s/m.yaml -o %s/out "
             "-p prefill --tokens 64 --threads 1 --validate -r 1", directory,
             directory);
    cr_expect(simulate(directory, "--dump-instr=yes", arguments) >= 0, "%s",
              text_of(directory, "stderr"));
    text = text_of(directory, "out/validate.csv");
    for (size_t i = 0; i < sizeof executed_cases / sizeof *executed_cases;
         i++) {
        const struct executed_case *c = &executed_cases[i];
        double counted = 0, executed = 0;
        snprintf(start, sizeof start, "prefill,dense,forward,%s,flops,", c->op);
        const char *row = strstr(text, start);
        cr_assert(row != NULL, "%s", start);
        cr_assert(sscanf(row + strlen(start), "%*f,%lf,%lf,simulated", &counted,
                         &executed) == 2, "%.99s", row);
        cr_expect(eq(dbl, executed - counted, c->more), "%s", c->op);
    }
    remove_directory(directory);
}

Test(counter_callgrind, flops_want_a_dump_of_instructions)
{
    char directory[64], *text;

    prepare(directory);
    cr_expect(run(directory, "--validate -r 1", "1") >= 0);
    text = text_of(directory, "stdout");
    cr_expect(strstr(text, decodes() ? "without --dump-instr=yes"
                                     : "install libzydis-dev") != NULL);
    remove_directory(directory);
}
