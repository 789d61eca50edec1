/* test_share.c - Let several sweeps work on one directory: each point is run
 * once. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "sim/commands/commands.h"
#include "sim/core/base/file.h"
#include "tests/directory.h"

enum { POINTS = 24 };

/* Notes that it ran, and which sweep started it. */
static const char fake_program[] =
    "#!/bin/sh\n"
    "dir=$4\n"
    "echo $PPID >> $dir/runs\n"
    "sleep 0.05\n"
    "echo '{\"schema\": \"isobath-run-1\", \"status\": \"done\"}' > $dir/tmp\n"
    "mv $dir/tmp $dir/summary.json\n";

static void set_up(void)
{
    char study[512] = "base: base.yaml\naxes: {x: [0";

    enter_directory();
    put_file("base.yaml", "train: {steps: 1}\n");
    put_file("program", fake_program);
    cr_assert(eq(int, chmod("program", 0755), 0));
    for (int i = 1; i < POINTS; i++)
        snprintf(study + strlen(study), sizeof study - strlen(study), ", %d", i);
    put_file("study.yaml", strcat(study, "]}\n"));
}

TestSuite(share, .init = set_up, .fini = leave_directory);

/* A sweep of one job a time, in a process of its own. */
static pid_t start(const char *option)
{
    const char *arguments[] = { "isobath sweep", "study.yaml", "-o", "out",
                                "--program", "./program", "--quiet", "--jobs",
                                "1", option, NULL };
    char *argv[sizeof arguments / sizeof *arguments];
    int argc = 0;
    pid_t child = fork();

    cr_assert(child >= 0);
    if (child > 0)
        return child;
    for (; arguments[argc]; argc++)
        argv[argc] = strdup(arguments[argc]);
    argv[argc] = NULL;
    _exit(command_run(&sweep_command, argc, argv));
}

static int end(pid_t child)
{
    int how;
    cr_assert(waitpid(child, &how, 0) == child);
    return WIFEXITED(how) ? WEXITSTATUS(how) : 1000;
}

/* The sweep that ran the point; fails where two did, or one twice. */
static long runner_of(int point)
{
    char path[64];
    long pid = 0, second;

    snprintf(path, sizeof path, "out/points/%06d/runs", point);
    FILE *file = fopen(path, "r");
    cr_assert(file != NULL, "%s", path);
    cr_expect(eq(int, fscanf(file, "%ld %ld", &pid, &second), 1), "%s", path);
    fclose(file);
    return pid;
}

Test(share, two_sweeps_split_the_points)
{
    pid_t a = start("--share"), b = start("--share");
    int of_a = 0, of_b = 0;

    cr_expect(eq(int, end(a), 0));
    cr_expect(eq(int, end(b), 0));
    for (int i = 0; i < POINTS; i++) {
        const long pid = runner_of(i);
        of_a += pid == a;
        of_b += pid == b;
    }
    cr_expect(eq(int, of_a + of_b, POINTS));
    cr_expect(of_a > 2 && of_b > 2, "%d and %d", of_a, of_b);
    cr_expect(system("test $(grep -c ',done,' out/points.csv) = 24") == 0);
}

Test(share, one_that_is_killed_leaves_its_points_to_the_other)
{
    pid_t a = start("--share"), b = start("--share");

    while (!file_exists("out/points/000004"))
        usleep(5000);
    kill(a, SIGKILL);
    cr_expect(eq(int, end(a), 1000));
    cr_expect(eq(int, end(b), 0));
    cr_expect(system("test $(grep -c ',done,' out/points.csv) = 24") == 0);
}

Test(share, who_does_not_share_is_told_who_is_there)
{
    pid_t a = start("--share");

    while (!file_exists("out/points/000001"))
        usleep(5000);
    cr_expect(eq(int, end(start("--quiet")), 2));
    cr_expect(eq(int, end(start("--share")), 0));
    cr_expect(eq(int, end(a), 0));
    a = start("--quiet");           /* nothing is left to do */
    cr_expect(eq(int, end(a), 0));
    for (int i = 0; i < POINTS; i++)
        runner_of(i);
}
