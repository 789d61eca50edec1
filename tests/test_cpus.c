/* test_cpus.c - Expect no more CPUs than affinity and quotas leave. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/redirect.h>
#include <sched.h>
#include <string.h>

#include "sim/core/answer/command.h"
#include "sim/core/base/cpus.h"
#include "tests/fake_tree.h"

static int affinity(void)
{
    cpu_set_t set;

    cr_assert(sched_getaffinity(0, sizeof set, &set) == 0);
    return CPU_COUNT(&set);
}

/* Of any machine: one of the CPUs that this process has. */
static void keep_one_cpu(void)
{
    cpu_set_t set, one;
    size_t cpu = 0;

    cr_assert(sched_getaffinity(0, sizeof set, &set) == 0);
    while (!CPU_ISSET(cpu, &set))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    cr_assert(sched_setaffinity(0, sizeof one, &one) == 0);
}

static void expect_cpus(const struct fake_tree *tree, int n, const char *limit)
{
    struct cpus cpus = cpus_allowed(tree->root);

    cr_expect(eq(int, cpus.n, n));
    cr_expect_str_eq(cpus.limit, limit);
}

Test(cpus, without_control_groups_affinity_decides)
{
    struct fake_tree tree = fake_tree_open();

    expect_cpus(&tree, affinity(), "CPU affinity");
    keep_one_cpu();
    expect_cpus(&tree, 1, "CPU affinity");
    fake_tree_close(&tree);
}

Test(cpus, a_quota_of_one_cpu_leaves_one)
{
    struct fake_tree tree = fake_tree_open();

    if (affinity() < 2)
        cr_skip("one CPU already");
    fake_tree_write(&tree, "proc/self/cgroup", "0::/a/b\n");
    fake_tree_write(&tree, "sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    expect_cpus(&tree, affinity(), "CPU affinity");
    fake_tree_write(&tree, "sys/fs/cgroup/a/cpu.max", "100000 100000\n");
    expect_cpus(&tree, 1, "CPU quota");
    fake_tree_write(&tree, "sys/fs/cgroup/a/cpu.max", "110000 100000\n");
    expect_cpus(&tree, affinity(), "CPU affinity");
    fake_tree_write(&tree, "sys/fs/cgroup/a/b/cpu.max", "1000 100000\n");
    expect_cpus(&tree, 1, "CPU quota");
    fake_tree_close(&tree);
}

/* A container sees the path that the group has outside. */
Test(cpus, version_1_and_paths_of_outside_are_read_too)
{
    struct fake_tree tree = fake_tree_open();

    if (affinity() < 2)
        cr_skip("one CPU already");
    fake_tree_write(&tree, "proc/self/cgroup",
                    "9:name=systemd:/x\n4:cpuset,cpu,cpuacct:/outside/y\n0::/\n");
    fake_tree_write(&tree, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    fake_tree_write(&tree, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us",
                    "50000\n");
    expect_cpus(&tree, affinity(), "CPU affinity");
    fake_tree_write(&tree, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us",
                    "50000\n");
    expect_cpus(&tree, 1, "CPU quota");
    fake_tree_close(&tree);
}

Test(cpus, a_command_runs_on_as_many_threads_and_says_so)
{
    struct command_options options = { .threads = 2 };
    char text[512] = "";

    keep_one_cpu();
    cr_redirect_stderr();
    command_cap_threads(&options);
    fflush(stderr);
    cr_expect(eq(int, options.threads, 1));
    FILE *said = cr_get_redirected_stderr();
    cr_expect(fread(text, 1, sizeof text - 1, said) > 0);
    cr_expect(strstr(text, "--threads 2: this process may use 1 CPU") != NULL,
              "%s", text);
    options = (struct command_options){ .threads = 1 };
    command_cap_threads(&options);
    cr_expect(eq(int, options.threads, 1));
}
