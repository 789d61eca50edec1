/* test_directories.c - No command writes over what another left, or deletes
 * what it did not make. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <glob.h>
#include <sys/file.h>
#include "tests/cli.h"

#include "sim/core/answer/rundir.h"

TestSuite(directories, .init = set_up, .fini = leave_directory);

static const char model_yaml[] =
    "model:\n"
    "  family: llama\n"
    "  layers: 2\n"
    "  channels: 16\n"
    "  heads: 2\n"
    "  max_tokens: 64\n"
    "routing:\n"
    "  capacity: 0.25\n";

static void train(const char *out)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", out, "-q", "--set",
                              "train.steps=4"), 0));
}

static int profile(const char *out, const char *phases)
{
    put_file("model.yaml", model_yaml);
    return ISOBATH("profile", "model.yaml", "-o", out, "-q", "--tokens", "16",
                   "--steps", "4", "--repeats", "2", "--phases", phases);
}

static int score(const char *out)
{
    return ISOBATH("run", "run", "--text", "text", "-o", out, "-q", "--limit",
                   "64");
}

Test(directories, a_profile_or_sweep_over_a_training_run_is_refused)
{
    train("run");
    cr_expect(eq(int, profile("run", "decode"), 2));
    expect_said("stderr", "-o run: holds the results of isobath train");
    put_file("study.yaml", "base: run.yaml\naxes:\n  train.seed: [1, 2]\n");
    cr_expect(eq(int, ISOBATH("sweep", "study.yaml", "-o", "run", "-q"), 2));
    expect_said("stderr", "-o run: holds the results of isobath train");
    json_t *summary = summary_of("run");
    cr_expect(eq(str, (char *)json_string_value(at(summary, "command")),
                 "train"));
    json_decref(summary);
    cr_expect(not(there("run/points")));
    cr_expect(not(there("run/ledger_decode.csv")));
}

Test(directories, a_begun_training_is_not_written_over_either)
{
    train("run");
    cr_assert(rename("run/state.safetensors", "state") == 0);
    cr_assert(system("rm -r run/* && mv state run/state.safetensors") == 0);
    cr_expect(eq(int, profile("run", "decode"), 2));
    expect_said("stderr", "-o run: holds the results of isobath train");
}

Test(directories, a_file_that_isobath_did_not_write_stays)
{
    train("run");
    cr_assert(mkdir("mine", 0777) == 0);
    put_file("mine/tokens.csv", "of somebody\n");
    cr_expect(eq(int, score("mine"), 2));
    expect_said("stderr", "-o mine: holds 'tokens.csv', which isobath did not"
                " write");
    expect_said("mine/tokens.csv", "of somebody");
    cr_expect(not(there("mine/.lock")));
    cr_expect(eq(int, score("mine"), 2));
    /* Nor where it was, and wrote other results. */
    cr_assert(eq(int, score("ours"), 0));
    put_file("ours/curve.csv", "of somebody\n");
    cr_expect(eq(int, score("ours"), 2));
    expect_said("stderr", "-o ours: holds 'curve.csv', which isobath did not"
                " write");
    expect_said("ours/curve.csv", "of somebody");
    cr_assert(rename("ours/curve.csv", "ours/mine.csv") == 0);
    cr_expect(eq(int, score("ours"), 0));
    expect_said("ours/mine.csv", "of somebody");
    cr_assert(mkdir("hf", 0777) == 0);
    put_file("hf/config.json", "{}\n");
    cr_expect(eq(int, ISOBATH("train", "run.yaml", "-o", "hf"), 2));
    expect_said("hf/config.json", "{}");
}

Test(directories, a_profile_leaves_no_phase_of_an_older_one)
{
    cr_assert(eq(int, profile("profile", "prefill,decode"), 0));
    cr_assert(there("profile/ledger_prefill.csv"));
    cr_assert(eq(int, profile("profile", "decode"), 0));
    cr_expect(not(there("profile/ledger_prefill.csv")));
    cr_expect(not(there("profile/ledger_prefill_dense.csv")));
    cr_expect(there("profile/ledger_decode.csv"));
}

static int report(const char *run, const char *out)
{
    return STARTED("report", run, "-o", out, "-q");
}

Test(directories, a_report_refuses_a_mixture_of_two_runs)
{
    train("run");
    cr_assert(eq(int, score("a"), 0));
    cr_assert(eq(int, ISOBATH("run", "run", "--text", "text", "-o", "b", "-q",
                              "--limit", "96"), 0));
    cr_assert(eq(int, report("a", "page"), 0));
    cr_assert(system("cp b/ledger.csv a/ledger.csv") == 0);
    cr_expect(eq(int, report("a", "page"), 2));
    expect_said("stderr", "a/ledger.csv: not the file that summary.json was"
                " written with");
    cr_assert(system("cp b/summary.json b/ledger.csv a") == 0);
    cr_expect(eq(int, report("a", "page"), 2));
    expect_said("stderr", "a/tokens.csv: not the file");
}

Test(directories, two_reports_do_not_write_into_one)
{
    struct rundir rundir;

    train("run");
    cr_assert(eq(int, rundir_open(&rundir, "page", NULL), STATUS_OK));
    cr_expect(eq(int, report("run", "page"), 2));
    expect_said("stderr", "'page' is in use by process");
    rundir_close(&rundir);
    cr_expect(eq(int, report("run", ""), 2));
    cr_expect(not(there("/index.html")));
}

Test(directories, a_report_into_a_run_is_refused)
{
    train("run");
    cr_expect(eq(int, report("run", "run"), 2));
    expect_said("stderr", "-o run: holds the results of isobath train");
    cr_expect(not(there("run/index.html")));
    cr_expect(not(there("run/figures")));
    cr_assert(eq(int, report("run", "page"), 0));
    cr_expect(eq(int, report("run", "page"), 0));
}

/* Else the report could not be made anew there. */
Test(directories, a_run_into_a_report_is_refused)
{
    train("run");
    cr_assert(eq(int, report("run", "page"), 0));
    cr_expect(eq(int, profile("page", "decode"), 2));
    expect_said("stderr", "-o page: holds the results of isobath report");
    cr_expect(eq(int, score("page"), 2));
    cr_expect(eq(int, ISOBATH("train", "run.yaml", "-o", "page", "-q"), 2));
    expect_said("stderr", "-o page: holds the results of isobath report");
    cr_expect(not(there("page/summary.json")));
    cr_expect(eq(int, report("run", "page"), 0));
}

/* The gnuplot of this test hangs up on the report that started it. */
Test(directories, a_hangup_ends_a_report_and_leaves_nothing_half_written)
{
    train("run");
    signal(SIGHUP, SIG_DFL);               /* as nohup does not leave it */
    put_file("gnuplot", "#!/bin/sh\n[ $1 = --version ] && exit 0\n"
             "kill -HUP $PPID\nsleep 1\n");
    cr_assert(chmod("gnuplot", 0755) == 0);
    cr_assert(system("echo \"PATH=$PWD:$PATH exec \\\"\\$@\\\"\" >run.sh") == 0);
    char program[PROGRAM_SIZE], command[PROGRAM_SIZE + 64];
    program_path(program);
    snprintf(command, sizeof command, "sh run.sh %s report run -o page -q",
             program);
    int how = system(command);
    cr_expect(eq(int, WEXITSTATUS(how), 130));
    cr_expect(system("test -z \"$(find page -name '*.tmp')\"") == 0);
    cr_expect(system("test -n \"$(find page -name '*.gp')\"") == 0);
}

Test(directories, what_a_killed_report_left_half_written_goes)
{
    static const char *const litter[] = { "page/index.html.77.tmp",
        "page/tables/runs.csv.77.tmp", "page/figures/loss.gp.77.tmp" };

    train("run");
    cr_assert(system("mkdir -p page/tables page/figures") == 0);
    put_file("page/.lock", "77\n");
    for (int i = 0; i < 3; i++)
        put_file(litter[i], "half");
    cr_assert(eq(int, report("run", "page"), 0));
    for (int i = 0; i < 3; i++)
        cr_expect(not(there(litter[i])), "%s", litter[i]);
}

Test(directories, what_a_killed_profile_left_half_written_goes)
{
    cr_assert(mkdir("profile", 0777) == 0);
    put_file("profile/ledger_decode.csv.77.tmp", "half");
    cr_assert(eq(int, profile("profile", "decode"), 0));
    cr_expect(not(there("profile/ledger_decode.csv.77.tmp")));
}

/* The child of a killed sweep saves and ends while the next sweep starts: until
 * then it holds its directory, and the lock of the log that it inherited. */
Test(directories, a_sweep_waits_for_a_point_that_is_let_go)
{
    struct rundir rundir;

    put_file("study.yaml", "base: run.yaml\naxes:\n  train.seed: [1]\n"
             "set:\n  train.steps: 2\n");
    pid_t child = fork();
    if (child == 0) {
        bool held = file_make_directory("out/points/000000", NULL) ==
                    STATUS_OK;
        int log = open("out/points/000000/log.txt", O_WRONLY | O_CREAT, 0666);
        held &= log >= 0 && flock(log, LOCK_EX) == 0;
        held &= rundir_open(&rundir, "out/points/000000", NULL) == STATUS_OK;
        pause_milliseconds(1500);
        _exit(held ? 0 : 1);
    }
    wait_for("out/points/000000/.lock");
    cr_expect(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out", "-q"), 0));
    cr_expect(eq(int, finish(child), 0));
}

/* ---- a full disk ---- */

static bool ends_whole(const char *path)
{
    static const char end[] = "IEND\xae\x42\x60\x82";
    size_t n;
    char *text = read_file(path, &n);
    bool whole = n > 8 && memcmp(text + n - 8, end, 8) == 0;
    free(text);
    return whole;
}

static void expect_no_cut_figure(void)
{
    glob_t found;

    if (glob("page/figures/*.png", 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; i++)
            cr_expect(ends_whole(found.gl_pathv[i]), "%s is cut",
                      found.gl_pathv[i]);
    globfree(&found);
}

Test(directories, a_full_disk_leaves_no_cut_figure)
{
    train("run");
    cr_expect(eq(int, finish(start(ARGUMENTS("report", "run", "-o", "page",
                                             "-q"),
                                   (struct limits){ .file_bytes = 30000 })),
                 1));
    expect_said("stderr", "cannot write 'page/");
    expect_said("stderr", "File too large");
    expect_no_cut_figure();
}

/* Which of the files, and why, whatever part of the command wrote it. */
Test(directories, a_full_disk_is_said_of_the_file_that_did_not_fit)
{
    static const char *const parts[] = { "trace.csv", "tokens.csv", "price",
        "table", "kept.trace", "agreement.csv", "blocks.csv",
        "sensitivity.csv", "ledger_prefill_dense.csv" };
    const char *const *const all[] = {
        ARGUMENTS("run", "run", "--text", "text", "-o", "out", "-q"),
        ARGUMENTS("run", "run", "--prompt", "the ", "-n", "40", "-o", "out",
                  "-q"),
        ARGUMENTS("predict", "run.yaml", "--format", "json", "-o", "out/price"),
        ARGUMENTS("route-table", "run", "--text", "text", "-o", "out/table"),
        ARGUMENTS("route-trace", "run", "--text", "text", "-o",
                  "out/kept.trace"),
        ARGUMENTS("router", "run", "--text", "text", "--limit", "600", "-o",
                  "out", "-q"),
        ARGUMENTS("regret", "run", "--text", "text", "--limit", "300", "-o",
                  "out", "-q"),
        ARGUMENTS("sensitivity", "run", "--text", "text", "--limit", "300",
                  "-o", "out", "-q"),
        ARGUMENTS("profile", "run", "--tokens", "8", "--repeats", "1",
                  "--phases", "prefill", "-o", "out", "-q"),
    };

    train("run");
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char said[64];
        cr_assert(system("rm -rf out && mkdir out") == 0);
        cr_expect(eq(int, finish(start(all[i], (struct limits){
                                               .file_bytes = 600 })), 1), "%s",
                  parts[i]);
        snprintf(said, sizeof said, "%s': File too large", parts[i]);
        expect_said("stderr", "cannot write '");
        expect_said("stderr", said);
        cr_expect(eq(int, system("test -z \"$(find out -name '*.tmp')\""), 0));
    }
}

/* What this test's gnuplot does for a figure, with exit code 0. */
static void put_gnuplot(const char *does)
{
    char script[1024], path[1024];

    snprintf(script, sizeof script, "#!/bin/sh\ncase \"$*\" in *--version*)"
             " exit 0 ;; esac\n%s\n", does);
    put_file("gnuplot", script);
    cr_assert(chmod("gnuplot", 0755) == 0);
    snprintf(path, sizeof path, "%s:%s", entered_directory, getenv("PATH"));
    setenv("PATH", path, 1);
}

/* Half a PNG, and all is well. */
static const char half[] =
    "printf '\\211PNG half'; o=${3#*OUT=\\'}; o=${o%%\\'*}\n"
    "test -z \"$o\" || printf half >\"$o.png\"";

Test(directories, a_figure_that_gnuplot_drew_in_part_is_left_out)
{
    train("run");
    put_gnuplot(half);
    cr_expect(eq(int, report("run", "page"), 1));
    expect_said("stderr", ".svg: gnuplot drew it in part");
    expect_said("stderr", "figures are not drawn, and the page lacks them");
    expect_no_cut_figure();
    cr_expect(system("test -s page/index.html") == 0);
}

/* The end of an SVG, and this on standard error. */
#define SAYING(text) "printf '<svg>\n</svg>\n'; printf '%s\\n' " text " >&2"

Test(directories, a_figure_that_gnuplot_says_is_wrong_is_left_out)
{
    static const struct { const char *does, *said; } faults[] = {
        { SAYING("'drawing' '\"a.gp\" line 3: warning: no output here'"),
          ".svg: gnuplot says: \"a.gp\" line 3: warning: no output here" },
        { SAYING("'Cairo reports: out of memory'"),
          ".svg: gnuplot says: Cairo reports: out of memory" },
        { SAYING("'Error re-writing a file'"),
          ".svg: gnuplot says: Error re-writing a file" },
    };

    train("run");
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        put_gnuplot(faults[i].does);
        cr_expect(eq(int, report("run", "page"), 1));
        expect_said("stderr", faults[i].said);
        cr_expect(system("test -z \"$(find page -name '*.svg')\"") == 0);
    }
}

Test(directories, what_libraries_say_while_gnuplot_draws_is_no_fault)
{
    train("run");
    put_gnuplot("case \"$*\" in *svg*) " SAYING("'Fontconfig error: Cannot load"
                " default config file' 'Could not find/open font' "
                "'(process:7): Pango-WARNING **: error'") " ;; *) printf "
                "'IEND\\256\\102\\140\\202' ;; esac");
    cr_expect(eq(int, report("run", "page"), 0));
    cr_expect(system("test -n \"$(find page -name '*.svg')\"") == 0);
    cr_expect(system("test -n \"$(find page -name '*.png')\"") == 0);
}
