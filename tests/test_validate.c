/* test_validate.c - Judge the error budget figure by figure; run isobath
 * profile --validate on recorded counters. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hwprof/measure/validate.h"
#include "tests/fake_tree.h"
#include "tests/program.h"

/* ---- one figure ---- */

/* 1000 regions of one thread that counted a million flops, as they should. */
static struct validate_facts facts(int op, enum metric metric, double measured)
{
    return (struct validate_facts){
        .op = op, .metric = metric, .predicted = 1e6, .counted = 1e6,
        .qualified = true, .why_not = "",
        .measured = { measured, measured, measured, 5, PROV_MEASURED },
        .regions = 1000, .n_threads = 1,
    };
}

static enum validate_verdict verdict(int op, enum metric metric,
                                     double measured)
{
    struct validate_facts f = facts(op, metric, measured);
    return validate_judge(&f).verdict;
}

/* op.h leaves out scalars: 64 a region and thread are let pass, 64000 here. */
Test(validate, an_op_of_own_kernels_is_exact_but_for_scalars)
{
    struct validate_facts f = facts(OP_QKV, METRIC_FLOPS, 1e6 + 64001);

    cr_expect(eq(int, verdict(OP_QKV, METRIC_FLOPS, 1e6), VALIDATE_WITHIN));
    cr_expect(eq(int, verdict(OP_QKV, METRIC_FLOPS, 1e6 + 64000),
                 VALIDATE_WITHIN));
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_OUTSIDE));
    cr_expect(eq(dbl, validate_judge(&f).allowed, 0.0));
    f.n_threads = 2;
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_WITHIN));
    f = facts(OP_QKV, METRIC_FLOPS, 1e6 - 65);
    f.regions = 1;
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_OUTSIDE));
}

Test(validate, a_phase_is_within_two_percent)
{
    cr_expect(eq(int, verdict(LEDGER_ANY, METRIC_FLOPS, 1.0199e6),
                 VALIDATE_WITHIN));
    cr_expect(eq(int, verdict(LEDGER_ANY, METRIC_FLOPS, 0.9801e6),
                 VALIDATE_WITHIN));
    cr_expect(eq(int, verdict(LEDGER_ANY, METRIC_FLOPS, 1.0201e6),
                 VALIDATE_OUTSIDE));
    cr_expect(eq(int, verdict(LEDGER_ANY, METRIC_FLOPS, 0.9799e6),
                 VALIDATE_OUTSIDE));
}

/* Half of the work and repeats that differ: a lower bound.  More than the work
 * is none. */
Test(validate, repeats_that_differ_make_a_lower_bound)
{
    struct validate_facts f = facts(OP_QKV, METRIC_FLOPS, 5e5);

    f.measured.high = 5.1e5;
    struct validate_row row = validate_judge(&f);
    cr_expect(eq(int, row.verdict, VALIDATE_LOWER_BOUND));
    cr_expect(eq(int, row.measured_from, PROV_AT_LEAST));
    f.measured = (struct measure_range){ 1.2e6, 1.1e6, 1.3e6, 5,
        PROV_MEASURED };
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_OUTSIDE));
}

/* A simulator loses nothing: fewer is wrong, and what is more has to be scalar,
 * in an op and in a phase.  13 more in 10 regions, 20 of all scalar. */
Test(validate, executed_flops_are_exact_or_explained_by_scalars)
{
    static const int op[] = { OP_ATTEND, LEDGER_ANY };

    for (int i = 0; i < 2; i++) {
        struct validate_facts f = facts(op[i], METRIC_FLOPS, 1e6);
        f.measured.from = PROV_SIMULATED;
        f.regions = 10;
        f.has_mix = true;
        f.mix = (struct flop_mix){ { 20, 100, 999893, 0 }, 900000 };
        struct validate_row row = validate_judge(&f);
        cr_expect(eq(int, row.verdict, VALIDATE_WITHIN));
        cr_expect(eq(dbl, row.allowed, 0.0));
        cr_expect(eq(str, row.reason, ""));
        f.measured.median = f.measured.low = f.measured.high = 1e6 + 13;
        row = validate_judge(&f);
        cr_expect(eq(int, row.verdict, VALIDATE_WITHIN));
        cr_expect(strstr(row.reason, "13 more, 1.3 a region: scalars") != NULL,
                  "%s", row.reason);
        cr_expect(eq(u64, row.mix.of[FLOPS_SCALAR], 20));
        f.measured.median = 1e6 + 21;
        row = validate_judge(&f);
        cr_expect(eq(int, row.verdict, VALIDATE_OUTSIDE));
        f.measured.median = 1e6 - 1;
        row = validate_judge(&f);
        cr_expect(eq(int, row.verdict, VALIDATE_OUTSIDE));
        cr_expect(strstr(row.reason, "fewer flops") != NULL);
        f.measured.median = 1e6 + 641;       /* without a mix, 64 a region */
        f.has_mix = false;
        cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_OUTSIDE));
    }
}

/* 4 of 12 lanes had no column: what they did is no fault, and explains no more. */
Test(validate, executed_flops_are_explained_by_whole_registers_to_the_last_one)
{
    struct validate_facts f = facts(OP_QKV, METRIC_FLOPS, 1.5e6 + 2);

    f.measured.from = PROV_SIMULATED;
    f.regions = 10;
    f.padding = 5e5;
    struct validate_row row = validate_judge(&f);
    cr_expect(eq(int, row.verdict, VALIDATE_WITHIN));
    cr_expect(ieee_ulp_eq(dbl, row.off, 0.500002, 4));
    cr_expect(strstr(row.reason, "500000 more in registers whose last lanes have"
                     " no column; 2 more, 0.2 a region: scalars") != NULL, "%s",
              row.reason);
    f.measured.median = 1.5e6 - 1;
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_OUTSIDE));
    f.measured.median = 1.5e6 + 641;
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_OUTSIDE));
}

Test(validate, counted_and_predicted_have_to_be_equal)
{
    struct validate_facts f = facts(OP_QKV, METRIC_FLOPS, 1e6);

    f.predicted = 1e6 + 1;
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_OUTSIDE));
    f.metric = METRIC_BYTES;
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_OUTSIDE));
    f.predicted = 1e6;
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_WITHIN));
}

/* Whatever the counters say of it. */
Test(validate, counted_and_predicted_are_checked_without_counters)
{
    struct validate_facts f = facts(OP_QKV, METRIC_FLOPS, 1e6);

    f.qualified = false;
    f.why_not = "no PMU";
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_NOT_MEASURED));
    struct validate_row row = validate_judge(&f);
    cr_expect(eq(str, row.reason, "no PMU"));
    cr_expect(isnan(validate_judge(&f).measured));
    f.counted = 1e6 - 1;
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_OUTSIDE));
}

struct bytes_case { int op; bool decode; double share; int verdict; };

ParameterizedTestParameters(validate, bytes_have_a_budget_by_kind_of_op)
{
    static struct bytes_case cases[] = {
        { OP_NORM,   false, 1.049, VALIDATE_WITHIN },
        { OP_NORM,   false, 1.051, VALIDATE_OUTSIDE },
        { OP_EMBED,  false, 0.949, VALIDATE_OUTSIDE },
        { OP_ADAMW,  false, 0.951, VALIDATE_WITHIN },
        { OP_CLIP,   false, 1.051, VALIDATE_OUTSIDE },
        { OP_ATTEND, true,  0.951, VALIDATE_WITHIN },
        { OP_ATTEND, true,  0.949, VALIDATE_OUTSIDE },
        { OP_ATTEND, false, 2.000, VALIDATE_NOT_JUDGED },
        { OP_QKV,    false, 1.149, VALIDATE_WITHIN },
        { OP_HEAD,   false, 1.151, VALIDATE_OUTSIDE },
        { OP_FFN_UP, true,  0.849, VALIDATE_OUTSIDE },
        { OP_ROPE,   false, 9.000, VALIDATE_NOT_JUDGED },
    };
    return cr_make_param_array(struct bytes_case, cases,
                               sizeof cases / sizeof *cases);
}

ParameterizedTest(struct bytes_case *c, validate,
                  bytes_have_a_budget_by_kind_of_op)
{
    static const enum metric levels[] = { METRIC_L2_BYTES, METRIC_L3_BYTES,
                                          METRIC_DRAM_BYTES };

    for (int i = 0; i < 3; i++) {
        struct validate_facts f = facts(c->op, levels[i], c->share * 1e6);
        f.decode = c->decode;
        f.counted = (double)NAN;
        cr_expect(eq(int, validate_judge(&f).verdict, c->verdict), "%s x %g",
                  op_table[c->op].name, c->share);
    }
}

Test(validate, without_a_byte_model_bytes_are_shown)
{
    struct validate_facts f = facts(OP_NORM, METRIC_DRAM_BYTES, 123);

    f.predicted = (double)NAN;
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_NOT_JUDGED));
    f.predicted = 0;
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_NOT_JUDGED));
    cr_expect(isnan(validate_judge(&f).off));
}

Test(validate, instructions_and_cycles_repeat_within_half_a_percent)
{
    struct validate_facts f = facts(LEDGER_ANY, METRIC_CYCLES, 1e6);

    f.measured = (struct measure_range){ 1e6, 0.9951e6, 1.0049e6, 5,
        PROV_MEASURED };
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_WITHIN));
    f.measured.high = 1.0051e6;
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_OUTSIDE));
    f.measured.n = 1;
    cr_expect(eq(int, validate_judge(&f).verdict, VALIDATE_NOT_JUDGED));
}

/* 1000 regions of 999 each, where one has to be 1000 to be told. */
Test(validate, an_amount_too_small_to_be_told_is_not_shown)
{
    struct validate_facts f = facts(OP_SELECT, METRIC_L2_BYTES, 999e3);

    f.resolution = 1000;
    struct validate_row row = validate_judge(&f);
    cr_expect(eq(int, row.verdict, VALIDATE_BELOW));
    cr_expect(eq(int, row.measured_from, PROV_BELOW));
    cr_expect(isnan(row.measured));
    f.resolution = 998;
    cr_expect(ne(int, validate_judge(&f).verdict, VALIDATE_BELOW));
}

/* ---- the command, on the recordings of tests/data/counters ---- */

static struct fake_tree tree;
static char data[400];

/* Called over and over while the command runs; NULL: wait. */
static void (*meanwhile)(pid_t child);

static void set_up(void)
{
    cr_assert_not_null(realpath("tests/data/counters", data));
    tree = fake_tree_open();
}

static void tear_down(void)
{
    fake_tree_close(&tree);
}

TestSuite(profile, .init = set_up, .fini = tear_down);

static char *text_of(const char *name)
{
    char path[512];
    struct stat info;

    fake_tree_path(&tree, path, name);
    FILE *file = fopen(path, "rb");
    cr_assert(file != NULL, "%s: %s", path, strerror(errno));
    fstat(fileno(file), &info);
    char *text = calloc(1, (size_t)info.st_size + 1);
    size_t n = fread(text, 1, (size_t)info.st_size, file);
    cr_assert(n == (size_t)info.st_size);
    fclose(file);
    return text;
}

static void expect_said(const char *name, const char *needle, bool wanted)
{
    char *text = text_of(name);
    bool found = strstr(text, needle) != NULL;
    cr_expect(found == wanted, "%s'%s' in %s: %s", wanted ? "no " : "", needle,
              name, text);
    free(text);
}

/* The exit code of isobath profile --validate --phases PHASES, with recordings
 * in `record`; out/ and stdout, stderr lie in the tree. */
static int profile(const char *phases, const char *record, const char *repeats)
{
    char program[PROGRAM_SIZE], model[512], machine[512], out[512], path[512];
    int how;

    program_path(program);
    snprintf(model, sizeof model, "%s/model.yaml", data);
    snprintf(machine, sizeof machine, "%s/machine.yaml", data);
    fake_tree_path(&tree, out, "out");
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        fake_tree_path(&tree, path, "stdout");
        bool open = freopen(path, "w", stdout) != NULL;
        fake_tree_path(&tree, path, "stderr");
        if (!open || !freopen(path, "w", stderr))
            _exit(99);
        execl(program, program, "profile", model, "-o", out, "--tokens", "64",
              "--steps", "8", "-r", repeats, "-p", phases, "--threads", "1",
              "--machine", machine, "--recorded", record, "--validate", (char *)NULL);
        _exit(98);
    }
    while (meanwhile && waitpid(child, &how, WNOHANG) == 0)
        meanwhile(child);
    if (!meanwhile)
        cr_assert(waitpid(child, &how, 0) == child);
    return WIFEXITED(how) ? WEXITSTATUS(how) : 1000 + WTERMSIG(how);
}

/* The recordings once more, in the tree, where `more` follows that of the
 * dense prefill. */
static const char *record_with(const char *more)
{
    static const char *const files[] = { "prefill_dense.counters",
        "prefill_mod.counters", "decode_dense.counters",
        "decode_mod.counters", "proc/meminfo", "proc/cpuinfo",
        "sys/devices/system/cpu/online" };
    static char record[512];
    char path[600], *text;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t n = 0, room = 1 << 16;
        snprintf(path, sizeof path, "%s/%s", data, files[i]);
        FILE *file = fopen(path, "r");
        cr_assert(file != NULL, "%s", path);
        text = calloc(1, room);
        n = fread(text, 1, room - 1, file);
        fclose(file);
        snprintf(path, sizeof path, "record/%s", files[i]);
        text[n] = '\0';
        fake_tree_write(&tree, path, "%s%s", text, i == 0 ? more : "");
        free(text);
    }
    for (int i = 0; i < 3; i++) {
        static const char *const size[] = { "32K", "512K", "4096K" };
        static const char *const type[] = { "Data", "Unified", "Unified" };
        const char *cache = "record/sys/devices/system/cpu/cpu0/cache/index";
        snprintf(path, sizeof path, "%s%d/level", cache, i);
        fake_tree_write(&tree, path, "%d\n", i + 1);
        snprintf(path, sizeof path, "%s%d/size", cache, i);
        fake_tree_write(&tree, path, "%s\n", size[i]);
        snprintf(path, sizeof path, "%s%d/type", cache, i);
        fake_tree_write(&tree, path, "%s\n", type[i]);
    }
    fake_tree_path(&tree, record, "record");
    return record;
}

Test(profile, counters_that_say_what_op_h_says_pass)
{
    cr_assert(eq(int, profile("train,prefill,decode", data, "3"), 0));
    expect_said("stdout", "0 OUTSIDE", true);
    expect_said("out/validate.csv", "prefill,mod,forward,qkv,flops,1966080,"
                "1966080,1966080,measured,0,0,within,,,,,,,\r\n", true);
    /* 114688 + 65536 bytes past L2: none from L3, all from memory. */
    expect_said("out/validate.csv", "prefill,mod,forward,qkv,l3_bytes,", true);
    expect_said("out/validate.csv", ",,180224,measured,", true);
    expect_said("out/validate.csv", "decode step,dense,all,all,l2_bytes", true);
    expect_said("out/validate.csv", "not recorded in decoding", true);
    expect_said("out/ledger_prefill.csv", "measured,forward,0,qkv,1572864,"
                "measured,,unknown,114688,measured", true);
}

/* select moves 256 bytes to and fro and reading costs two lines: not told. */
Test(profile, what_is_below_resolution_is_no_number_anywhere)
{
    cr_assert(eq(int, profile("prefill", data, "2"), 0));
    expect_said("out/ledger_prefill.csv", "measured,forward,1,select,0,"
                "measured,,unknown,,below_resolution,,below_resolution", true);
    expect_said("out/validate.csv", "prefill,mod,forward,select,l2_bytes,0,,,"
                "below_resolution,,,below resolution,", true);
    expect_said("out/summary.json", "\"below_resolution_at_most\"", true);
    expect_said("out/summary.json", "\"of\": \"whole repeats, without a "
                "clock\"", true);
}

/* 70 flops more in each of one op's regions than the work holds. */
Test(profile, a_counter_that_sees_more_work_fails)
{
    const char *record = record_with(
        "repeat 0\ncell forward/0/qkv 1572934 1 1 1 1 1\n"
        "repeat 1\ncell forward/0/qkv 1572934 1 1 1 1 1\n");

    cr_assert(eq(int, profile("prefill", record, "2"), 1));
    expect_said("stdout", "OUTSIDE: prefill, dense, l2_bytes of qkv", true);
    expect_said("stderr", "outside of the error budget", true);
    expect_said("stderr", "validate.csv", true);
    expect_said("out/summary.json", "\"op\": \"qkv\"", true);
}

/* In repeat 1 qkv's counter of flops lost half of them; the median of the two
 * repeats, 3/4, is a bound all the same. */
Test(profile, a_lower_bound_is_called_one_everywhere)
{
    const char *record = record_with(
        "repeat 1\ncell forward/0/qkv 786432 1792 0 1792 197608 99304\n");

    cr_assert(eq(int, profile("prefill", record, "2"), 0));
    expect_said("out/ledger_prefill_dense.csv",
                "measured,forward,0,qkv,1179648,at_least", true);
    expect_said("out/ledger_prefill_dense.csv",
                "measured,forward,1,qkv,1572864,measured", true);
    expect_said("out/summary.json", "\"flops\": \"at_least\"", true);
    expect_said("out/validate.csv", "lower bound", true);
    expect_said("stdout", ">=2752512", true);
    expect_said("stdout", "OUTSIDE:", false);
}

/* Another user of the PMU spoils repeats 0 to 3, each in its way. */
Test(profile, bad_passes_are_rejected_and_said)
{
    const char *record = record_with(
        "repeat 0\nrunning 0.6\n"
        "repeat 1\njump FLOPS 140737488355328\n"
        "repeat 2\njump CYCLES -100000\n"
        "repeat 3\nkernel flops 0\n");

    cr_assert(eq(int, profile("prefill", record, "2"), 0));
    expect_said("stderr", "takes turns with us", true);
    expect_said("stderr", "not written back", true);
    expect_said("stderr", "CYCLES went back", true);
    expect_said("stderr", "dead: counted 0", true);
    expect_said("stdout", "pass: 4 repeats rejected", true);
    expect_said("out/validate.csv", "prefill,dense,all,all,flops,12518419,"
                "12518419,12518419,measured", true);
}

Test(profile, nothing_is_measured_when_every_pass_is_bad)
{
    const char *record = record_with("running 0.5\n");

    cr_assert(eq(int, profile("prefill", record, "2"), 0));
    expect_said("out/validate.csv", "prefill,dense,all,all,flops,12518419,"
                "12518419,,unknown,,,not measured,", true);
    expect_said("out/ledger_prefill_dense.csv",
                "measured,forward,0,qkv,,unknown", true);
}

Test(profile, twenty_runs_in_a_row_say_the_same)
{
    char *first = NULL;

    for (int i = 0; i < 20; i++) {
        cr_assert(eq(int, profile("prefill", data, "1"), 0), "run %d", i);
        char *text = text_of("out/validate.csv");
        if (first)
            cr_assert(eq(str, text, first), "run %d", i);
        else
            first = strdup(text);
        free(text);
    }
    free(first);
}

/* Steps beside their routing: the second kept by layer 1, the sixth not, as the
 * recording holds it. */
Test(profile, a_token_has_its_row)
{
    cr_assert(eq(int, profile("decode", data, "2"), 0));
    expect_said("out/tokens.csv", "model,step,position,tokens,kept,kept_1,"
                "flops_counted,bytes_counted,flops,flops_source", true);
    expect_said("out/tokens.csv", "\r\nmod,1,57,1,1,1,228631,453200,228631,"
                "measured,0,,,unknown,,", true);
    expect_said("out/tokens.csv", "\r\nmod,5,61,1,0,0,137980,273068,137980,"
                "measured,0,,,unknown,,", true);
    expect_said("out/tokens.csv", "\r\ndense,5,61,1,1,1,242335,", true);
    expect_said("stdout", "how many of the 1 routed layers kept it", true);
}

Test(profile, a_recording_of_another_model_is_refused_by_its_op)
{
    const char *record = record_with("");
    fake_tree_write(&tree, "record/prefill_dense.counters",
                    "isobath-counters 2\ncolumn flops 1 FLOPS\n"
                    "cell forward/9/qkv 1\n");

    cr_assert(eq(int, profile("prefill", record, "1"), 0));
    expect_said("stdout", "no cell forward/outside/embed: another model", true);
}

/* ---- energy: a package that draws 20 W, and 200 J more a second of the
 * command's work ---- */

static double seconds_of(clockid_t clock)
{
    struct timespec t = { 0 };

    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* In one step, as a kernel does. */
static void post_energy(pid_t child)
{
    static const char new[] = "record/sys/class/powercap/intel-rapl:0/new";
    static const char zone[] =
        "record/sys/class/powercap/intel-rapl:0/energy_uj";
    char from[512], to[512];
    clockid_t work;

    if (child && clock_getcpuclockid(child, &work) != 0)
        return;
    double joules = 20 * seconds_of(CLOCK_MONOTONIC) +
                    (child ? 200 * seconds_of(work) : 0);
    fake_tree_write(&tree, new, "%.0f\n", 1e6 * joules);
    fake_tree_path(&tree, from, new);
    fake_tree_path(&tree, to, zone);
    cr_assert(rename(from, to) == 0);
    usleep(500);
}

static const char *record_with_sensor(void)
{
    const char *record = record_with("");

    fake_tree_write(&tree, "record/sys/class/powercap/intel-rapl:0/name",
                    "package-0\n");
    fake_tree_write(&tree, "record/sys/class/powercap/intel-rapl:0/"
                    "max_energy_range_uj", "1000000000000000000\n");
    post_energy(0);
    meanwhile = post_energy;
    return record;
}

static double in_energy(const json_t *arm, const char *name)
{
    const json_t *value = json_object_get(json_object_get(arm, "energy"), name);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static json_t *summary_of_run(void)
{
    char *text = text_of("out/summary.json");
    json_t *summary = json_loads(text, 0, NULL);

    free(text);
    cr_assert_not_null(summary);
    return summary;
}

/* Sensor and clock are live: on cores that others keep busy the program may
 * find, and must say, that it could not tell. */
static void skip_if_busy(const json_t *arm)
{
    static const char *const reasons[] = {
        "the work is too short for a sensor", "not told from idling",
        "its energy did not change", "stood still",
    };
    const char *said = json_string_value(json_object_get(json_object_get(
        arm, "energy"), "reason"));

    for (size_t i = 0; said && i < sizeof reasons / sizeof *reasons; i++)
        if (strstr(said, reasons[i]))
            cr_skip("other work keeps the cores busy: %s", said);
}

/* n_output: of all tokens, those generated. */
static void expect_energy(const json_t *arm, double n_output, double n_tokens)
{
    double gross = in_energy(arm, "gross_joules");
    double net = in_energy(arm, "net_joules");
    double seconds = in_energy(arm, "seconds");
    const json_t *sum = json_object_get(json_object_get(json_object_get(arm,
        "totals"), "measured"), "joules");

    skip_if_busy(arm);
    cr_expect(gross > 0 && net > 0, "%g %g", gross, net);
    cr_expect(epsilon_eq(dbl, net, gross - seconds *
                         in_energy(arm, "idle_watts"), 1e-9));
    cr_expect(epsilon_eq(dbl, in_energy(arm, "gross_joules_per_token"),
                         gross / n_tokens, 1e-9));
    if (n_output > 0)
        cr_expect(epsilon_eq(dbl, in_energy(arm,
            "net_joules_per_output_token"), net / n_output, 1e-9));
    else
        cr_expect(isnan(in_energy(arm, "net_joules_per_output_token")));
    /* one work is a few ms at most, and a window 0.1 s */
    cr_expect(in_energy(arm, "times") >= 2);
    cr_expect(in_energy(arm, "idle_watts") > 10);
    cr_expect(epsilon_eq(dbl, json_number_value(sum), gross, 1e-9));
}

Test(profile, energy_is_told_gross_and_net_and_by_token)
{
    const char *record = record_with_sensor();
    json_t *phase, *arm;
    size_t p, a;

    cr_assert(eq(int, profile("prefill,decode", record, "2"), 0));
    json_t *summary = summary_of_run();
    cr_assert(eq(sz, json_array_size(json_object_get(summary, "phases")), 2));
    json_array_foreach(json_object_get(summary, "phases"), p, phase) {
        const json_t *ratio = json_object_get(phase, "ratio");
        json_array_foreach(json_object_get(phase, "arms"), a, arm)
            expect_energy(arm, p == 1 ? 8 : 0, p == 1 ? 8 : 64);
        cr_expect(eq(sz, a, 2));
        bool paired = json_is_object(json_object_get(json_object_get(ratio,
                                         "paired"), "joules"));
        bool told = json_is_number(json_object_get(json_object_get(ratio,
                                       "joules"), "median"));
        cr_expect(paired && told);
    }
    expect_said("stdout", " J gross, ", true);
    expect_said("stdout", "what the model says of each", true);
    expect_said("stdout", "(measured", true);    /* or "measured, busy" */
    json_decref(summary);
}

Test(profile, no_sensor_leaves_energy_unknown_with_its_reason)
{
    cr_assert(eq(int, profile("prefill", record_with(""), "1"), 0));
    json_t *summary = summary_of_run();
    const json_t *phase = json_array_get(json_object_get(summary, "phases"), 0);
    const json_t *arm = json_array_get(json_object_get(phase, "arms"), 1);
    const char *reason = json_string_value(json_object_get(
        json_object_get(arm, "energy"), "reason"));

    cr_expect(isnan(in_energy(arm, "gross_joules")));
    cr_expect(isnan(in_energy(arm, "net_joules")));
    cr_expect(isnan(in_energy(arm, "times")));
    cr_expect(reason && strstr(reason, "no energy sensor"));
    expect_said("stdout", "J gross", false);
    json_decref(summary);
}
