/* test_topology.c - Read the CPU's topology from trees made for the test. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "hwprof/machine/sysfs.h"
#include "hwprof/machine/topology.h"
#include "tests/fake_tree.h"

#define CPU "sys/devices/system/cpu/"

static void write_cache(const struct fake_tree *tree, int index,
                        const char *level, const char *type, const char *size,
                        const char *shared)
{
    char name[128];

    snprintf(name, sizeof name, CPU "cpu0/cache/index%d/level", index);
    fake_tree_write(tree, name, "%s\n", level);
    snprintf(name, sizeof name, CPU "cpu0/cache/index%d/type", index);
    fake_tree_write(tree, name, "%s\n", type);
    snprintf(name, sizeof name, CPU "cpu0/cache/index%d/size", index);
    fake_tree_write(tree, name, "%s\n", size);
    snprintf(name, sizeof name, CPU "cpu0/cache/index%d/shared_cpu_list",
             index);
    fake_tree_write(tree, name, "%s\n", shared);
    snprintf(name, sizeof name,
             CPU "cpu0/cache/index%d/coherency_line_size", index);
    fake_tree_write(tree, name, "64\n");
    snprintf(name, sizeof name,
             CPU "cpu0/cache/index%d/ways_of_associativity", index);
    fake_tree_write(tree, name, "8\n");
}

/* Two sockets of two cores of two threads, Zen 3. */
static struct fake_tree two_sockets(void)
{
    struct fake_tree tree = fake_tree_open();
    char name[128];

    for (int cpu = 0; cpu < 8; cpu++) {
        snprintf(name, sizeof name,
                 CPU "cpu%d/topology/physical_package_id", cpu);
        fake_tree_write(&tree, name, "%d\n", cpu / 2 % 2);
        snprintf(name, sizeof name, CPU "cpu%d/topology/core_id", cpu);
        fake_tree_write(&tree, name, "%d\n", cpu % 2);
    }
    fake_tree_write(&tree, CPU "online", "0-7\n");
    write_cache(&tree, 0, "1", "Data", "32K", "0,4");
    write_cache(&tree, 1, "1", "Instruction", "32K", "0,4");
    write_cache(&tree, 2, "2", "Unified", "512K", "0,4");
    write_cache(&tree, 3, "3", "Unified", "32M", "0-1,4-5");
    fake_tree_write(&tree, CPU "cpu0/cpufreq/scaling_governor",
                    "performance\n");
    fake_tree_write(&tree, CPU "cpu0/cpufreq/cpuinfo_max_freq", "3675000\n");
    fake_tree_write(&tree, "sys/devices/system/node/online", "0-1\n");
    fake_tree_write(&tree, "sys/kernel/mm/transparent_hugepage/enabled",
                    "always [madvise] never\n");
    fake_tree_write(&tree, "proc/cpuinfo",
        "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\n"
        "model\t\t: 1\nmodel name\t: AMD EPYC 7763\n"
        "flags\t\t: fpu avx2 fma avx512fake\n\nprocessor\t: 1\n");
    fake_tree_write(&tree, "proc/meminfo", "MemTotal:       1024 kB\n");
    fake_tree_write(&tree, "proc/sys/kernel/perf_event_paranoid", "4\n");
    return tree;
}

static struct cpu_topology read_tree(struct fake_tree *tree)
{
    struct cpu_topology t = { 0 };
    struct error err = { 0 };
    char sysfs[512], proc[512];

    fake_tree_path(tree, sysfs, "sys");
    fake_tree_path(tree, proc, "proc");
    cr_assert(eq(int, cpu_topology_read(&t, sysfs, proc, &err), STATUS_OK),
              "%s", err.text);
    fake_tree_close(tree);
    return t;
}

Test(topology, cores_and_sockets_are_counted_once)
{
    struct fake_tree tree = two_sockets();
    struct cpu_topology t = read_tree(&tree);

    cr_assert(eq(int, t.n_cpus, 8));
    cr_assert(eq(int, t.n_cores, 4));
    cr_assert(eq(int, t.n_sockets, 2));
    cr_assert(eq(int, t.cpus_per_core, 2));
    cr_assert(eq(int, t.n_numa_nodes, 2));
}

Test(topology, caches_have_size_line_ways_and_sharing)
{
    struct fake_tree tree = two_sockets();
    struct cpu_topology t = read_tree(&tree);

    cr_assert(eq(int, t.n_caches, 4));
    cr_assert(eq(u64, cpu_topology_cache(&t, 1), 32768));
    cr_assert(eq(u64, cpu_topology_cache(&t, 2), 524288));
    cr_assert(eq(u64, cpu_topology_cache(&t, 3), 33554432));
    cr_assert(eq(u64, cpu_topology_cache(&t, 4), 0));
    cr_assert(eq(int, t.cache[3].n_sharing, 4));
    cr_assert(eq(int, t.cache[0].line_bytes, 64));
    cr_assert(eq(int, t.cache[0].ways, 8));
    cr_assert(eq(chr, t.cache[1].kind, 'i'));
}

Test(topology, policies_and_identity_are_read)
{
    struct fake_tree tree = two_sockets();
    struct cpu_topology t = read_tree(&tree);

    cr_assert(eq(str, t.model_name, "AMD EPYC 7763"));
    cr_assert(eq(str, t.id.vendor, "AuthenticAMD"));
    cr_assert(eq(u32, t.id.family, 25));
    cr_assert(eq(u32, t.id.model, 1));
    cr_assert(eq(str, t.governor, "performance"));
    cr_assert(eq(dbl, t.max_hertz, 3.675e9));
    cr_assert(eq(str, t.huge_pages, "madvise"));
    cr_assert(eq(str, t.paranoid, "4"));
    cr_assert(eq(u64, t.memory_bytes, 1048576));
}

Test(topology, a_flag_counts_only_as_a_whole_word)
{
    struct fake_tree tree = two_sockets();
    struct cpu_topology t = read_tree(&tree);

    cr_assert(t.isa[ISA_AVX2]);
    cr_assert(not(t.isa[ISA_AVX512]));
    cr_assert(not(t.virtual_machine));
}

Test(topology, what_the_machine_does_not_say_stays_empty)
{
    struct fake_tree tree = fake_tree_open();

    fake_tree_write(&tree, CPU "online", "0\n");
    struct cpu_topology t = read_tree(&tree);
    cr_assert(eq(int, t.n_cpus, 1));
    cr_assert(eq(int, t.n_caches, 0));
    cr_assert(eq(str, t.governor, ""));
    cr_assert(eq(u64, t.memory_bytes, 0));
    cr_assert(eq(str, t.id.vendor, "unknown"));
}

Test(topology, arm_is_known_by_its_part)
{
    struct fake_tree tree = fake_tree_open();

    fake_tree_write(&tree, CPU "online", "0-3\n");
    fake_tree_write(&tree, "proc/cpuinfo",
        "processor\t: 0\nFeatures\t: fp asimd sve\nCPU implementer\t: 0x41\n"
        "CPU architecture: 8\nCPU part\t: 0xd40\n\n");
    struct cpu_topology t = read_tree(&tree);
    cr_assert(eq(str, t.id.vendor, "arm"));
    cr_assert(eq(u32, t.id.family, 8));
    cr_assert(eq(u32, t.id.model, 0xd40));
    cr_assert(t.isa[ISA_NEON]);
    cr_assert(t.isa[ISA_SVE]);
}

Test(topology, no_tree_is_an_error_that_names_the_file)
{
    struct cpu_topology t;
    struct error err = { 0 };

    cr_assert(eq(int, cpu_topology_read(&t, "/nonexistent", NULL, &err),
                 STATUS_UNAVAILABLE));
    cr_assert(strstr(err.text, "/nonexistent/devices/system/cpu/online") !=
              NULL);
}

Test(topology, lists_of_cpus)
{
    int cpu[4] = { 0 };

    cr_assert(eq(int, sysfs_list("0-1,8", cpu, 4), 3));
    cr_assert(eq(int, cpu[2], 8));
    cr_assert(eq(int, sysfs_list("0-63", cpu, 4), 64));
    cr_assert(eq(int, sysfs_list("3-1", NULL, 0), 0));
    cr_assert(eq(int, sysfs_list("a", NULL, 0), 0));
    cr_assert(eq(int, sysfs_list("", NULL, 0), 0));
}
