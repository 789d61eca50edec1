/* test_sweep_slurm.c - Hand a study to Slurm: what the scripts say, and what
 * they do with an sbatch that only notes it.  scripts/slurm-test runs them on a
 * real one. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/sweep/sweep_slurm.h"
#include "tests/directory.h"

/* Notes its arguments, answers with the number of the call. */
static const char fake_sbatch[] =
    "#!/bin/sh\n"
    "echo \"$@\" >> calls\n"
    "echo \"$(wc -l < calls);cluster\"\n";

static void set_up(void)
{
    enter_directory();
    put_file("base.yaml", "train: {steps: 1}\n");
    cr_assert(mkdir("out", 0777) == 0);
    put_file("sbatch", fake_sbatch);
    put_file("scontrol", "#!/bin/sh\n"
             "echo 'MailProg                = /bin/mail'\n"
             "echo 'MaxArraySize            = 4'\n");
    cr_assert(system("chmod +x sbatch scontrol") == 0);
    setenv("PATH", ".:..:/usr/bin:/bin", 1);    /* submit.sh runs in out/ */
}

TestSuite(sweep_slurm, .init = set_up, .fini = leave_directory);

static struct error err;

static struct sweep *open_study(void)
{
    struct sweep *sweep = NULL;

    put_file("study.yaml", "base: base.yaml\n"
             "axes: {x: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}\n");
    cr_assert(eq(int, sweep_open(&sweep, "study.yaml", NULL, 0, &err),
                 STATUS_OK), "%s", err.text);
    return sweep;
}

static void write_scripts(const struct sweep_slurm *given)
{
    struct sweep_slurm slurm = *given;
    struct sweep *sweep = open_study();

    slurm.sweep = sweep;
    slurm.directory = "out";
    cr_assert(eq(int, sweep_slurm_write(&slurm, &err), STATUS_OK), "%s",
              err.text);
    sweep_close(sweep);
}

static void expect_holds(const char *path, const char *needle)
{
    char *text = NULL;
    size_t size;

    cr_assert(file_read(&text, &size, path, 1 << 20, &err) == STATUS_OK);
    cr_expect(strstr(text, needle) != NULL, "no '%s' in: %s", needle, text);
    free(text);
}

Test(sweep_slurm, a_task_runs_its_batch_with_as_many_cpus_as_threads)
{
    const struct config_setting setting = { .text = "s=it's 1" };

    write_scripts(&(struct sweep_slurm){ .threads = 3, .batch = 4,
        .options = "--partition=long  --time=60", .settings = &setting,
        .n_settings = 1 });
    expect_holds("out/array.sh", "\n#SBATCH --cpus-per-task=3\n");
    expect_holds("out/array.sh", "\n#SBATCH --partition=long\n"
                                 "#SBATCH --time=60\n");
    expect_holds("out/array.sh", "/out/slurm/%A_%a.txt'\n");
    expect_holds("out/array.sh", " --set 's=it'\\''s 1' ");
    expect_holds("out/array.sh", " --threads 3 --batch 4 ");
    expect_holds("out/merge.sh", "#SBATCH --partition=long\n");
    expect_holds("out/merge.sh", " --merge\n");
    expect_holds("out/report.sh", "/out'/report\n");
    cr_expect(system("test -d out/slurm && sh -n out/array.sh && sh -n"
                     " out/merge.sh && sh -n out/report.sh") == 0);
}

/* 11 points in batches of 2 are 6 tasks, of which an array takes 4. */
Test(sweep_slurm, tasks_beyond_the_largest_array_go_into_more_of_them)
{
    char said[128];

    write_scripts(&(struct sweep_slurm){ .threads = 1, .batch = 2 });
    cr_assert(eq(int, sweep_slurm_submit(said, sizeof said, "out", &err),
                 STATUS_OK), "%s", err.text);
    cr_expect_str_eq(said, "1:2, merged by 3, reported by 4");
    expect_holds("out/calls", "--parsable --array=0-3 array.sh 0\n"
                 "--parsable --array=0-1 array.sh 4\n"
                 "--parsable --dependency=afterany:1:2 merge.sh\n"
                 "--parsable --dependency=afterok:3 report.sh\n");
}

/* The shell works out what each task is handed: every point once. */
Test(sweep_slurm, tasks_are_handed_every_point_once)
{
    write_scripts(&(struct sweep_slurm){ .threads = 1, .batch = 2 });
    cr_assert(system("sed -n 's/^ *--point \\(.*\\)$/echo \\1/p' out/array.sh"
                     " >point; for t in '0 0' '1 0' '2 0' '3 0' '0 4' '1 4';"
                     " do set -- $t; SLURM_ARRAY_TASK_ID=$1 sh point $2;"
                     " done >points") == 0);
    expect_holds("points", "0\n2\n4\n6\n8\n10\n");
}

Test(sweep_slurm, arrays_wait_for_each_other_where_only_some_tasks_may_run)
{
    char said[128];

    write_scripts(&(struct sweep_slurm){ .threads = 1, .batch = 2, .n_jobs = 3 });
    cr_assert(eq(int, sweep_slurm_submit(said, sizeof said, "out", &err),
                 STATUS_OK), "%s", err.text);
    expect_holds("out/calls", "--parsable --array=0-3%3 array.sh 0\n"
                 "--parsable --dependency=afterany:1 --array=0-1%3 array.sh 4\n");
}

Test(sweep_slurm, without_sbatch_the_scripts_are_kept_and_the_way_is_told)
{
    char said[128];

    write_scripts(&(struct sweep_slurm){ .threads = 1, .batch = 1 });
    setenv("PATH", "/nowhere", 1);
    const enum status status = sweep_slurm_submit(said, sizeof said, "out",
                                                  &err);
    setenv("PATH", "/usr/bin:/bin", 1);
    cr_expect(eq(int, status, STATUS_UNAVAILABLE));
    cr_expect(strstr(err.text, "sh out/submit.sh") != NULL, "%s", err.text);
}

Test(sweep_slurm, an_sbatch_that_refuses_fails_the_launch)
{
    char said[128];

    put_file("sbatch", "#!/bin/sh\necho 'Invalid partition' >&2\nexit 1\n");
    write_scripts(&(struct sweep_slurm){ .threads = 1, .batch = 1 });
    cr_expect(eq(int, sweep_slurm_submit(said, sizeof said, "out", &err),
                 STATUS_IO));
    cr_expect(strstr(err.text, "'out/submit.sh' failed") != NULL, "%s", err.text);
}
