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

static void write_cpu(const struct fake_tree *tree, int cpu, const char *file,
                      const char *text)
{
    char name[128];

    snprintf(name, sizeof name, CPU "cpu%d/%s", cpu, file);
    fake_tree_write(tree, name, "%s\n", text);
}

/* Two sockets of two cores of two threads, Zen 3. */
static struct fake_tree two_sockets(void)
{
    static const char *const core[] = { "0,4", "1,5", "2,6", "3,7" };
    static const char *const socket[] = { "0-1,4-5", "2-3,6-7" };
    struct fake_tree tree = fake_tree_open();

    for (int cpu = 0; cpu < 8; cpu++) {
        write_cpu(&tree, cpu, "topology/core_cpus_list", core[cpu % 4]);
        write_cpu(&tree, cpu, "topology/package_cpus_list",
                  socket[cpu / 2 % 2]);
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

Test(topology, an_empty_tree_leaves_the_cpus_that_may_be_run_on)
{
    struct fake_tree tree = fake_tree_open();
    struct cpu_topology t;

    fake_tree_write(&tree, "sys/kernel/mm/ksm/run", "0\n");
    fake_tree_write(&tree, "proc/self/status",
                    "Name:\tisobath\nCpus_allowed_list:\t0-2,5\n");
    t = read_tree(&tree);
    cr_assert(eq(int, t.n_cpus, 4));
    cr_assert(eq(int, t.n_cores, 0));           /* not told */
    cr_assert(eq(int, t.n_caches, 0));
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

Test(topology, a_list_may_be_longer_than_a_buffer)
{
    struct fake_tree tree = fake_tree_open();
    char list[8192] = "0";

    for (int i = 2; i < 2048; i += 2)
        snprintf(list + strlen(list), sizeof list - strlen(list), ",%d", i);
    fake_tree_write(&tree, CPU "online", "%s\n", list);
    write_cache(&tree, 0, "3", "Unified", "32M", "0,2,4,6,8,10,12,14,16,18,20,"
                "22,24,26,28,30,32,34,36,38,40,42,44,46,48,50,52,54,56,58,60,"
                "62,64,66,68,70,72,74,76,78");
    struct cpu_topology t = read_tree(&tree);
    cr_expect(eq(int, t.n_cpus, 1024));
    cr_expect(eq(int, t.cache[0].n_sharing, 40));
}

/* As on Arm servers, whose core_id starts over in every cluster. */
Test(topology, cores_whose_numbers_repeat_are_still_so_many)
{
    struct fake_tree tree = fake_tree_open();
    char text[16];

    fake_tree_write(&tree, CPU "online", "0-63\n");
    for (int cpu = 0; cpu < 64; cpu++) {
        snprintf(text, sizeof text, "%d", cpu % 4);
        write_cpu(&tree, cpu, "topology/core_id", text);
        write_cpu(&tree, cpu, "topology/physical_package_id", "0");
        snprintf(text, sizeof text, "%d", cpu);
        write_cpu(&tree, cpu, "topology/thread_siblings_list", text);
        write_cpu(&tree, cpu, "topology/core_siblings_list", "0-63");
    }
    struct cpu_topology t = read_tree(&tree);
    cr_expect(eq(int, t.n_cores, 64));
    cr_expect(eq(int, t.n_sockets, 1));
    cr_expect(eq(int, t.cpus_per_core, 1));
}

/* A cache of a CPU, as the kernel lists it. */
static void add_cache(const struct fake_tree *tree, int cpu, int index,
                      const char *level, const char *size, const char *shared)
{
    static const char *const file[] = { "level", "type", "size",
                                        "shared_cpu_list" };
    const char *const text[] = { level, "Unified", size, shared };
    char name[64];

    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "cache/index%d/%s", index, file[i]);
        write_cpu(tree, cpu, name, text[i]);
    }
}

/* Two fast cores of two threads, four slow cores that share an L2. */
static struct fake_tree hybrid(void)
{
    struct fake_tree tree = fake_tree_open();
    char core[32];

    fake_tree_write(&tree, CPU "online", "0-7\n");
    for (int cpu = 0; cpu < 8; cpu++) {
        bool fast = cpu < 4;
        if (fast)
            snprintf(core, sizeof core, "%d-%d", cpu / 2 * 2, cpu / 2 * 2 + 1);
        else
            snprintf(core, sizeof core, "%d", cpu);
        write_cpu(&tree, cpu, "topology/core_cpus_list", core);
        write_cpu(&tree, cpu, "topology/package_cpus_list", "0-7");
        write_cpu(&tree, cpu, "cpufreq/cpuinfo_max_freq",
                  cpu == 2 ? "5200000" : fast ? "5000000" : "3900000");
        add_cache(&tree, cpu, 0, "1", fast ? "48K" : "32K", core);
        add_cache(&tree, cpu, 1, "2", fast ? "1280K" : "2048K",
                  fast ? core : "4-7");
        add_cache(&tree, cpu, 2, "3", "30M", "0-7");
    }
    return tree;
}

Test(topology, unlike_cores_are_kinds_and_their_caches_are_summed)
{
    struct fake_tree tree = hybrid();
    struct cpu_topology t = read_tree(&tree);
    uint64_t bytes;

    cr_expect(eq(int, t.n_cores, 6));
    cr_expect(eq(int, t.n_kinds, 2));
    cr_expect(eq(int, t.kind[0].n_cores, 2));
    cr_expect(eq(int, t.kind[1].n_cores, 4));
    cr_expect(eq(int, t.kind[1].first_cpu, 4));
    cr_expect(eq(dbl, t.kind[1].max_hertz, 3.9e9));
    cr_expect(eq(dbl, t.max_hertz, 5.2e9));
    cr_expect(eq(int, cpu_topology_caches(&t, 1, &bytes), 6));
    cr_expect(eq(u64, bytes, (2 * 48 + 4 * 32) << 10));
    cr_expect(eq(int, cpu_topology_caches(&t, 2, &bytes), 3));
    cr_expect(eq(u64, bytes, (2 * 1280 + 2048) << 10));
    cr_expect(eq(int, cpu_topology_caches(&t, 3, &bytes), 1));
    cr_expect(eq(u64, bytes, 30 << 20));
}

/* Two Cortex-A72 and four A53, on a board that lists no cache. */
Test(topology, arm_cores_are_told_apart_by_their_part)
{
    struct fake_tree tree = fake_tree_open();
    char core[32];

    fake_tree_write(&tree, CPU "online", "0-5\n");
    for (int cpu = 0; cpu < 6; cpu++) {
        snprintf(core, sizeof core, "%d", cpu);
        write_cpu(&tree, cpu, "topology/core_cpus_list", core);
        write_cpu(&tree, cpu, "regs/identification/midr_el1",
                  cpu < 2 ? "0x00000000410fd082" : "0x00000000410fd034");
    }
    struct cpu_topology t = read_tree(&tree);
    cr_expect(eq(int, t.n_kinds, 2));
    cr_expect(eq(int, t.kind[1].n_cores, 4));
}
