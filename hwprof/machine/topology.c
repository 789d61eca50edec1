/* topology.c - Read CPUs, caches, memory and policies from /sys and /proc. */
#include "hwprof/machine/topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hwprof/machine/sysfs.h"

#define X(id, word, flags) [ISA_##id] = word,
const char *const isa_names[ISA_COUNT] = { ISA_MAP(X) };
#undef X
#define X(id, word, flags) [ISA_##id] = flags,
static const char *const isa_flags[ISA_COUNT] = { ISA_MAP(X) };
#undef X

/* True: `word` of `length` stands in a list separated by spaces. */
static bool has_word(const char *list, const char *word, size_t length)
{
    for (const char *at = list; (at = strstr(at, word)); at++)
        if ((at == list || at[-1] == ' ') &&
            (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

static bool has_flags(const char *list, const char *flags)
{
    char word[16];

    for (const char *at = flags; *at;) {
        size_t n = strcspn(at, " ");
        snprintf(word, sizeof word, "%.*s", (int)n, at);
        if (!has_word(list, word, n))
            return false;
        at += n + (at[n] == ' ');
    }
    return true;
}

static void read_cpuinfo(struct cpu_topology *t, const char *proc_root)
{
    char text[SYSFS_TEXT_SIZE], flags[SYSFS_TEXT_SIZE] = "";

    t->id = cpu_id_read(proc_root);
    sysfs_text(text, sizeof text, proc_root, "cpuinfo");
    if (!cpu_id_value(text, "model name", t->model_name, TOPOLOGY_TEXT_SIZE))
        snprintf(t->model_name, TOPOLOGY_TEXT_SIZE, "%s part 0x%x",
                 t->id.vendor, t->id.model);
    if (!cpu_id_value(text, "flags", flags, sizeof flags))
        cpu_id_value(text, "Features", flags, sizeof flags);
    t->virtual_machine = has_flags(flags, "hypervisor");
    for (int i = 0; i < ISA_COUNT; i++)
        t->isa[i] = has_flags(flags, isa_flags[i]);
}

/* Add what the list does not hold yet; returns how many it holds then. */
static int add_distinct(uint64_t *list, int n, uint64_t id)
{
    for (int i = 0; i < n; i++)
        if (list[i] == id)
            return n;
    list[n] = id;
    return n + 1;
}

/* Distinct (socket, core) and sockets among the CPUs online. */
static void count_cores(struct cpu_topology *t, const char *root,
                        const int *cpu, int n)
{
    uint64_t core[TOPOLOGY_CPU_MAX], socket[TOPOLOGY_CPU_MAX];
    int n_cores = 0, n_sockets = 0;

    for (int i = 0; i < n; i++) {
        uint64_t package = 0, id = 0;
        if (sysfs_number(&package, root, "devices/system/cpu/cpu%d/topology/"
                         "physical_package_id", cpu[i]) != SYSFS_READ ||
            sysfs_number(&id, root, "devices/system/cpu/cpu%d/topology/"
                         "core_id", cpu[i]) != SYSFS_READ)
            continue;
        n_cores = add_distinct(core, n_cores, package << 32 | id);
        n_sockets = add_distinct(socket, n_sockets, package);
    }
    t->n_cores = n_cores;
    t->n_sockets = n_sockets;
    t->cpus_per_core = n_cores > 0 ? n / n_cores : 0;
}

/* "48K" */
static uint64_t parse_size(const char *text)
{
    char *end;
    uint64_t size = strtoull(text, &end, 10);
    return *end == 'K' ? size << 10 : *end == 'M' ? size << 20 : size;
}

static void read_caches(struct cpu_topology *t, const char *root)
{
    for (int i = 0; t->n_caches < TOPOLOGY_CACHE_MAX; i++) {
        static const char folder[] = "devices/system/cpu/cpu0/cache/index";
        char text[64];
        uint64_t level = 0, line = 0, ways = 0;
        struct cache_level *cache = &t->cache[t->n_caches];

        if (sysfs_number(&level, root, "%s%d/level", folder, i) != SYSFS_READ)
            return;
        sysfs_number(&line, root, "%s%d/coherency_line_size", folder, i);
        sysfs_number(&ways, root, "%s%d/ways_of_associativity", folder, i);
        sysfs_text(text, sizeof text, root, "%s%d/size", folder, i);
        *cache = (struct cache_level){ .level = (int)level,
            .line_bytes = (int)line, .ways = (int)ways,
            .size_bytes = parse_size(text) };
        sysfs_text(text, sizeof text, root, "%s%d/type", folder, i);
        cache->kind = text[0] == 'D' ? 'd' : text[0] == 'I' ? 'i' : 'u';
        sysfs_text(text, sizeof text, root, "%s%d/shared_cpu_list", folder, i);
        cache->n_sharing = sysfs_list(text, NULL, 0);
        t->n_caches++;
    }
}

static void read_memory(struct cpu_topology *t, const char *sysfs_root,
                        const char *proc_root)
{
    char text[SYSFS_TEXT_SIZE], *at;

    sysfs_text(text, sizeof text, proc_root, "meminfo");
    if ((at = strstr(text, "MemTotal:")))
        t->memory_bytes = strtoull(at + 9, NULL, 10) << 10;   /* kB is KiB */
    sysfs_text(text, sizeof text, sysfs_root, "devices/system/node/online");
    t->n_numa_nodes = sysfs_list(text, NULL, 0);

    /* "always [madvise] never" */
    sysfs_text(text, sizeof text, sysfs_root,
               "kernel/mm/transparent_hugepage/enabled");
    if ((at = strchr(text, '[')))
        snprintf(t->huge_pages, sizeof t->huge_pages, "%.*s",
                 (int)strcspn(at + 1, "]"), at + 1);
}

static void read_policy(struct cpu_topology *t, const char *sysfs_root,
                        const char *proc_root)
{
    uint64_t kilohertz = 0;

    sysfs_text(t->governor, sizeof t->governor, sysfs_root,
               "devices/system/cpu/cpu0/cpufreq/scaling_governor");
    if (sysfs_number(&kilohertz, sysfs_root, "devices/system/cpu/cpu0/cpufreq/"
                     "cpuinfo_max_freq") == SYSFS_READ)
        t->max_hertz = 1e3 * (double)kilohertz;
    sysfs_text(t->kernel, sizeof t->kernel, proc_root, "sys/kernel/osrelease");
    sysfs_text(t->paranoid, sizeof t->paranoid, proc_root,
               "sys/kernel/perf_event_paranoid");
}

enum status cpu_topology_read(struct cpu_topology *out, const char *sysfs_root,
                              const char *proc_root, struct error *err)
{
    char text[SYSFS_TEXT_SIZE];
    const char *sysfs = sysfs_root ? sysfs_root : "/sys";
    const char *proc = proc_root ? proc_root : "/proc";
    int cpu[TOPOLOGY_CPU_MAX];
    struct cpu_topology t = { 0 };
    enum sysfs how = sysfs_text(text, sizeof text, sysfs,
                                "devices/system/cpu/online");

    t.n_cpus = sysfs_list(text, cpu, TOPOLOGY_CPU_MAX);
    if (t.n_cpus == 0 || t.n_cpus > TOPOLOGY_CPU_MAX)
        return error_set(err, STATUS_UNAVAILABLE,
                         "%s/devices/system/cpu/online: %s", sysfs,
                         how == SYSFS_READ ? "lists no CPU" : sysfs_words[how]);
    read_cpuinfo(&t, proc);
    count_cores(&t, sysfs, cpu, t.n_cpus);
    read_caches(&t, sysfs);
    read_memory(&t, sysfs, proc);
    read_policy(&t, sysfs, proc);
    *out = t;
    return STATUS_OK;
}

uint64_t cpu_topology_cache(const struct cpu_topology *topology, int level)
{
    for (int i = 0; i < topology->n_caches; i++)
        if (topology->cache[i].level == level && topology->cache[i].kind != 'i')
            return topology->cache[i].size_bytes;
    return 0;
}
