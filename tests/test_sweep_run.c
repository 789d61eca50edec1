/* test_sweep_run.c - See how far points at work are, and keep what they hold
 * together within bounds. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/sweep/sweep_run.h"
#include "tests/cli.h"

/* Stands in for the program: notes when it begins and ends, and says that it is
 * half done where x is told. */
static const char fake_program[] =
    "#!/bin/sh\n"
    "dir=$4\n"
    "echo \"$ISOBATH_PROGRESS\" >$dir/teller\n"
    "case \"$*\" in *x=told*) printf '0.500000\\n' >$ISOBATH_PROGRESS ;; esac\n"
    "echo begins ${dir##*/} >>events\n"
    "sleep 0.3\n"
    "echo ends ${dir##*/} >>events\n"
    "echo '{\"schema\": \"isobath-run-1\", \"status\": \"done\"}'"
    " >$dir/summary.json\n";

static void set_up_program(void)
{
    set_up();
    put_file("program", fake_program);
    cr_assert(eq(int, chmod("program", 0755), 0));
}

TestSuite(sweep_run, .init = set_up_program, .fini = leave_directory);

/* What the run told of its progress. */
struct told {
    double most_inside;          /* done, while no point had ended */
    double last, before;
    char   note[SWEEP_NOTE_SIZE];          /* of that moment */
};

static void note_progress(void *context, const struct sweep_progress *p)
{
    struct told *told = context;

    if (p->done < 1 && p->done > told->most_inside) {
        told->most_inside = p->done;
        strcpy(told->note, p->note);
    }
    told->last = p->done;
    told->before = p->before;
}

static void note_failure(void *context, const struct sweep_failure *failure)
{
    (void)context;
    cr_expect(false, "point %d failed: %s", failure->point, failure->log_tail);
}

static struct told run_points(const char *text, struct sweep_run run)
{
    struct error err = { STATUS_OK, "" };
    struct sweep *sweep = NULL;
    struct told told = { 0 };
    enum point_state state[8] = { POINT_PENDING };

    put_file("study.yaml", text);
    cr_assert(eq(int, sweep_open(&sweep, "study.yaml", NULL, 0, &err),
                 STATUS_OK), "%s", err.text);
    run.sweep = sweep;
    run.directory = "out";
    run.program = "./program";
    run.threads = 1;
    run.on_failure = note_failure;
    run.on_progress = note_progress;
    run.context = &told;
    cr_assert(eq(int, sweep_run_points(&run, 0, sweep->n_points, state, &err),
                 STATUS_OK), "%s", err.text);
    sweep_close(sweep);
    return told;
}

Test(sweep_run, points_at_work_count_for_what_is_done_of_them)
{
    setenv("ISOBATH_PROGRESS", "/nowhere", 1);   /* of the sweep itself */
    struct told told = run_points("base: run.yaml\naxes: {x: [told, silent]}\n",
                                  (struct sweep_run){ .n_jobs = 1 });

    cr_expect(eq(dbl, told.most_inside, 0.5));
    cr_expect_str_eq(told.note, "0 at 50 %");
    cr_expect(eq(dbl, told.last, 2.0));
    cr_expect(eq(dbl, told.before, 0.0));
    /* It lies in memory, and never beside results. */
    expect_said("out/points/000000/teller", "/proc/");
    cr_expect(eq(int, system("[ $(ls out/points/000000 | wc -l) = 4 ]"), 0));
}

Test(sweep_run, what_an_earlier_try_had_done_is_not_taken_for_speed)
{
    cr_assert(eq(int, system("mkdir -p out/points/000000"), 0));
    struct told told = run_points("base: run.yaml\naxes: {x: [told]}\n",
                                  (struct sweep_run){ .n_jobs = 1 });

    cr_expect(eq(dbl, told.before, 0.5));
}

Test(sweep_run, points_together_hold_no_more_than_they_may)
{
    const uint64_t memory_of[] = { 6, 6, 4, 10 };
    run_points("base: run.yaml\naxes: {x: [1, 2, 3, 4]}\n",
               (struct sweep_run){ .n_jobs = 4, .memory = 10,
                                   .memory_of = memory_of });

    /* 6 and 6 are too much, as is 10 beside any. */
    cr_expect(eq(int, system("head -n 2 events | tr '\\n' ' ' |"
                             " grep -q 'begins 000000 ends 000000'"), 0));
    cr_expect(eq(int, system("tail -n 2 events | tr '\\n' ' ' |"
                             " grep -q 'begins 000003 ends 000003'"), 0));
    cr_expect(eq(int, system("[ $(grep -c ends events) = 4 ]"), 0));
}

static const char *const study = "base: run.yaml\naxes: {train.seed: [1, 2]}\n";

struct refusal {
    char study[200], memory[16], says[120];
};

ParameterizedTestParameters(sweep_run, a_limit_that_cannot_be_kept_is_refused)
{
    static struct refusal refusals[] = {
        { "", "12X", "--memory 12X: allowed is a number of bytes, by thousands"
                     " with k, M, G or T: 16G" },
        { "", "-1", "--memory -1: allowed" },
        { "", "G", "--memory G: allowed" },
        { "", "1M", "--memory 1M: point 0 (seed=1) alone is predicted to hold" },
        { "base: model.yaml\ncommand: profile\npoints: [{name: a}]\n", "1G",
          "--memory: what a point of command: profile"
          " holds is not known before it runs; allowed are train and run" },
    };
    return cr_make_param_array(struct refusal, refusals,
                               sizeof refusals / sizeof *refusals);
}

ParameterizedTest(struct refusal *r, sweep_run,
                  a_limit_that_cannot_be_kept_is_refused)
{
    char text[400];

    snprintf(text, sizeof text, "%s%s", *r->study ? "" : study, r->study);
    put_file("model.yaml", "model: {family: llama, layers: 2, channels: 16,"
             " heads: 2, max_tokens: 64, vocab: 256}\n");
    put_file("study.yaml", text);
    cr_expect(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out", "--memory",
                              r->memory), 2));
    expect_said("stderr", r->says);
    cr_expect(not(there("out/points")));
}

/* What a dry run says a point holds is what the limit goes by. */
Test(sweep_run, a_study_within_its_limit_runs)
{
    put_file("study.yaml", study);
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "--dry-run", "--format",
                              "csv"), 0));
    expect_said("stdout", "bytes_kept,bytes_held\r\n");
    cr_expect(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out", "-q",
                              "--memory", "40M"), 0));
    cr_expect(there("out/points/000001/summary.json"));
}

Test(sweep_run, a_task_of_slurm_asks_for_the_memory)
{
    put_file("study.yaml", study);
    setenv("PATH", "/nowhere", 1);
    ISOBATH("sweep", "study.yaml", "-o", "out", "-q", "--memory", "1G",
            "--launcher", "slurm");
    setenv("PATH", "/usr/bin:/bin", 1);
    expect_said("out/array.sh", "#SBATCH --mem=976563K\n");     /* by 1024 */
}

/* What is asked of a study is in its tables; weights are most of its bytes. */
Test(sweep_run, weights_go_where_they_are_not_wanted)
{
    put_file("study.yaml", study);
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out", "-q",
                              "--drop-weights"), 0));
    cr_expect(not(there("out/points/000001/model.safetensors")));
    cr_expect(there("out/points/000001/curve.csv"));
    /* And it is still done. */
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "out"), 0));
    expect_said("stdout", "2 of 2 points done");
    cr_expect(not(there("out/points/000001/model.safetensors")));
    cr_assert(eq(int, STARTED("report", "out", "-o", "page", "-q"), 0));
    setenv("PATH", "/nowhere", 1);
    ISOBATH("sweep", "study.yaml", "-o", "slurm", "-q", "--drop-weights",
            "--launcher", "slurm");
    setenv("PATH", "/usr/bin:/bin", 1);
    expect_said("slurm/array.sh", " --batch 1 --drop-weights ");
}

static void expect_share_told(void)
{
    size_t n;
    char *share = read_file("share", &n);

    cr_expect(eq(sz, n, 9));
    cr_expect(strtod(share, NULL) > 0 && strtod(share, NULL) <= 1, "%s", share);
    free(share);
    put_file("share", "");
}

/* Each tells who started it how far it is, and makes no file for that. */
Test(sweep_run, commands_tell_their_share_where_they_are_asked)
{
    setenv("ISOBATH_PROGRESS", "share", 1);
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q"), 0));
    cr_expect(not(there("share")));
    put_file("share", "");
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "b", "-q"), 0));
    expect_share_told();
    cr_assert(eq(int, ISOBATH("profile", "b", "-o", "c", "-q", "-r", "2",
                              "--tokens", "8", "--steps", "2"), 0));
    expect_share_told();
    cr_assert(eq(int, ISOBATH("router", "b", "--text", "text", "-q",
                              "--positions", "2", "-o", "d"), 0));
    expect_share_told();
    unsetenv("ISOBATH_PROGRESS");
}
