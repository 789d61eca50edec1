/* test_train_resume.c - End isobath train at any moment, by signals, full disks and
 * sudden death, and go on. */
#include <criterion/criterion.h>
#include <fcntl.h>

#include "models/kernels/kernels.h"
#include "tests/cli.h"

TestSuite(train_resume, .init = set_up, .fini = leave_directory);

/* Until the directory is that process's own: from then on it heeds signals. */
static void wait_for_lock(const char *name, pid_t owner)
{
    for (int i = 0; i < 4000; i++, pause_milliseconds(5)) {
        long pid = 0;
        FILE *file = fopen(name, "r");
        if (file && fscanf(file, "%ld", &pid) != 1)
            pid = 0;
        if (file)
            fclose(file);
        if (pid == (long)owner)
            return;
    }
    cr_fatal("%s never came", name);
}

Test(train_resume, killed_at_any_moment_it_goes_on_to_the_same_weights)
{
    static const long moments[] = { 40, 75, 20, 110, 60, 90 };

    expect_no_harm_of_kills(moments, sizeof moments / sizeof *moments);
    /* Nothing half written is left. */
    cr_expect(system("ls parts | grep -q tmp") != 0);
}

Test(train_resume, interrupted_it_saves_and_goes_on)
{
    const char *out = "a", *steps = "train.steps=2000";
    pid_t child = start_long(out, steps);

    wait_for("a/state.safetensors");
    kill(child, SIGINT);
    cr_expect(eq(int, finish(child), 130));
    expect_said("stderr", "saved, go on with --resume");
    cr_expect(not(there("a/summary.json")));
    child = start_long(out, steps);
    wait_for_lock("a/.lock", child);
    kill(child, SIGTERM);
    cr_expect(eq(int, finish(child), 130));
    cr_expect(eq(int, ISOBATH("train", "run.yaml", "-o", out, "--resume",
                              "--set", "train.steps=2001"), 2));
    expect_said("stderr", "written with another config or other data");
}

Test(train_resume, two_do_not_share_a_directory)
{
    const char *out = "a", *steps = "train.steps=100000";
    pid_t first = start_long(out, steps);
    char said[64];

    wait_for("a/state.safetensors");
    cr_expect(eq(int, finish(start_long(out, steps)), 2));
    snprintf(said, sizeof said, "is in use by process %d", (int)first);
    expect_said("stderr", said);
    kill(first, SIGINT);
    cr_expect(eq(int, finish(first), 130));
}

/* An interrupted run in DIR a, and its state as it was. */
static char *interrupted(size_t *size)
{
    pid_t child = start_long("a", "train.steps=2000");
    wait_for("a/state.safetensors");
    kill(child, SIGINT);
    cr_assert(eq(int, finish(child), 130));
    return read_file("a/state.safetensors", size);
}

static int resume(struct limits limits)
{
    return finish(start(ARGUMENTS("train", "run.yaml", "-o", "a", "-q",
                                  "--resume", "--threads", "1", "--set",
                                  "train.steps=2000", "--set",
                                  "train.save_every=3"), limits));
}

Test(train_resume, a_full_disk_ends_it_and_leaves_the_checkpoint)
{
    size_t n, m;
    char *before = interrupted(&n);

    cr_expect(eq(int, resume((struct limits){ .file_bytes = 20000 }), 1));
    expect_said("stderr", "cannot write");
    char *after = read_file("a/state.safetensors", &m);
    cr_expect(n == m && memcmp(before, after, n) == 0);
    free(after);
    free(before);
}

Test(train_resume, a_damaged_checkpoint_is_told)
{
    size_t n;
    char *state = interrupted(&n);
    const char *path = "a/state.safetensors";
    FILE *file = fopen(path, "r+b");

    cr_assert(file != NULL);
    fseek(file, (long)n / 2, SEEK_SET);
    fputc(state[n / 2] ^ 1, file);
    fclose(file);
    cr_expect(eq(int, resume((struct limits){ 0 }), 2));
    expect_said("stderr", "state.safetensors: damaged");
    cr_assert(truncate(path, (off_t)n / 2) == 0);
    cr_expect(eq(int, resume((struct limits){ 0 }), 2));
    expect_said("stderr", "state.safetensors");
    free(state);
}

Test(train_resume, resuming_under_other_kernels_is_refused_unless_asked_for)
{
    if (strcmp(kernels_best()->name, "generic") == 0)
        cr_skip("this CPU runs the generic kernels alone");
    pid_t child = start_long("out", "train.steps=4000");
    wait_for("out/state.safetensors");
    kill(child, SIGINT);
    cr_assert(eq(int, finish(child), 130));
    setenv("ISOBATH_KERNELS", "generic", 1);
    cr_assert(eq(int, finish(start_long("out", "train.steps=4000")), 2));
    expect_said("stderr", "these are generic and come to other bits;"
                " ISOBATH_KERNELS=");
    expect_said("stderr", "--resume=anyway goes on under these");
    cr_assert(unlink("stderr") == 0);
    child = start(ARGUMENTS("train", "run.yaml", "-o", "out", "-q", "--threads",
                            "1", "--resume=anyway", "--set",
                            "train.steps=4000"), (struct limits){ 0 });
    wait_for("stderr");
    kill(child, SIGINT);
    cr_assert(eq(int, finish(child), 130));
    expect_said("stderr", "it goes on under generic, and not bit for bit");
}
