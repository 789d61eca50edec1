/* topology.c - Read CPUs, caches, memory and policies from /sys and /proc. */
#include "hwprof/machine/topology.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "hwprof/machine/sysfs.h"

#define X(id, word, flags) [ISA_##id] = word,
const char *const isa_names[ISA_COUNT] = { ISA_MAP(X) };
#undef X
#define X(id, word, flags) [ISA_##id] = flags,
static const char *const isa_flags[ISA_COUNT] = { ISA_MAP(X) };
#undef X

static const char cpus_online[] = "devices/system/cpu/online";

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

/* The first of the CPUs in a list of a CPU's folder; the CPU itself where there
 * is no list.  Lists part the CPUs: each set has one that leads it. */
static int leader(const char *root, int cpu, const char *list, int *n)
{
    int member[SYSFS_CPU_MAX];

    *n = sysfs_cpus(member, root, "devices/system/cpu/cpu%d/%s", cpu, list);
    return *n ? member[0] : cpu;
}

/* True where a CPU leads a set whose list has one name since Linux 5.3, and
 * another before; with neither file, no set is known. */
static bool leads(const char *root, int cpu, const char *name,
                  const char *old_name)
{
    int n, first = leader(root, cpu, name, &n);

    if (n == 0)
        first = leader(root, cpu, old_name, &n);
    return n > 0 && first == cpu;
}

/* "48K" */
static uint64_t parse_size(const char *text)
{
    char *end;
    uint64_t size = strtoull(text, &end, 10);
    return *end == 'K' ? size << 10 : *end == 'M' ? size << 20 : size;
}

/* The i-th cache of a CPU; n is 1 where it leads those that share it. */
static bool read_cache(struct cache_level *out, const char *root, int cpu,
                       int i)
{
    static const char format[] = "devices/system/cpu/cpu%d/cache/index%d/%s";
    char text[64];
    uint64_t level = 0, line = 0, ways = 0;

    if (sysfs_number(&level, root, format, cpu, i, "level") != SYSFS_READ)
        return false;
    sysfs_number(&line, root, format, cpu, i, "coherency_line_size");
    sysfs_number(&ways, root, format, cpu, i, "ways_of_associativity");
    sysfs_text(text, sizeof text, root, format, cpu, i, "size");
    *out = (struct cache_level){ .level = (int)level, .line_bytes = (int)line,
        .ways = (int)ways, .size_bytes = parse_size(text) };
    sysfs_text(text, sizeof text, root, format, cpu, i, "type");
    out->kind = text[0] == 'D' ? 'd' : text[0] == 'I' ? 'i' : 'u';
    snprintf(text, sizeof text, "cache/index%d/shared_cpu_list", i);
    out->n = leader(root, cpu, text, &out->n_sharing) == cpu;
    return true;
}

/* Count it with those that are like it. */
static void add_cache(struct cpu_topology *t, const struct cache_level *cache)
{
    int i = 0;

    while (i < t->n_caches && (t->cache[i].level != cache->level ||
                               t->cache[i].kind != cache->kind ||
                               t->cache[i].size_bytes != cache->size_bytes))
        i++;
    if (i == TOPOLOGY_CACHE_MAX)
        return;
    if (i < t->n_caches)
        t->cache[i].n += cache->n;
    else
        t->cache[t->n_caches++] = *cache;
}

static double read_hertz(const char *root, int cpu)
{
    uint64_t kilohertz = 0;

    sysfs_number(&kilohertz, root, "devices/system/cpu/cpu%d/cpufreq/"
                 "cpuinfo_max_freq", cpu);
    return 1e3 * (double)kilohertz;
}

/* Implementer and part of MIDR_EL1 (Arm Architecture Reference Manual). */
static uint64_t read_part(const char *root, int cpu)
{
    char text[32];

    sysfs_text(text, sizeof text, root, "devices/system/cpu/cpu%d/regs/"
               "identification/midr_el1", cpu);
    return strtoull(text, NULL, 16) & UINT64_C(0xff00fff0);
}

/* Count a core with those that are like it.  Clocks do not tell kinds apart:
 * some cores of one make may run faster than others. */
static void add_core(struct cpu_topology *t, const struct core_kind *core)
{
    int k = 0;

    while (k < t->n_kinds &&
           (t->kind[k].part != core->part ||
            memcmp(t->kind[k].cache_bytes, core->cache_bytes,
                   sizeof core->cache_bytes) != 0))
        k++;
    if (k == TOPOLOGY_KIND_MAX)
        k--;
    if (k == t->n_kinds)
        t->kind[t->n_kinds++] = (struct core_kind){ .first_cpu =
            core->first_cpu, .part = core->part };
    memcpy(t->kind[k].cache_bytes, core->cache_bytes,
           sizeof core->cache_bytes);
    t->kind[k].n_cores++;
    if (core->max_hertz > t->kind[k].max_hertz)
        t->kind[k].max_hertz = core->max_hertz;
    t->n_cores++;
}

/* Caches, clocks, cores and sockets are counted where a CPU leads them. */
static void read_cpu(struct cpu_topology *t, const char *root, int cpu)
{
    struct core_kind core = { .first_cpu = cpu, .part = read_part(root, cpu),
                              .max_hertz = read_hertz(root, cpu) };
    struct cache_level cache;

    for (int i = 0; read_cache(&cache, root, cpu, i); i++) {
        add_cache(t, &cache);
        if (cache.kind != 'i' && cache.level >= 1 &&
            cache.level <= TOPOLOGY_LEVEL_MAX)
            core.cache_bytes[cache.level - 1] = cache.size_bytes;
    }
    if (core.max_hertz > t->max_hertz)
        t->max_hertz = core.max_hertz;
    if (leads(root, cpu, "topology/core_cpus_list",
              "topology/thread_siblings_list"))
        add_core(t, &core);
    t->n_sockets += leads(root, cpu, "topology/package_cpus_list",
                          "topology/core_siblings_list");
}

static void read_memory(struct cpu_topology *t, const char *sysfs_root,
                        const char *proc_root)
{
    char text[SYSFS_TEXT_SIZE], *at;

    sysfs_text(text, sizeof text, proc_root, "meminfo");
    if ((at = strstr(text, "MemTotal:")))
        t->memory_bytes = strtoull(at + 9, NULL, 10) << 10;   /* kB is KiB */
    t->n_numa_nodes = sysfs_cpus(NULL, sysfs_root,
                                 "devices/system/node/online");

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
    sysfs_text(t->governor, sizeof t->governor, sysfs_root,
               "devices/system/cpu/cpu0/cpufreq/scaling_governor");
    sysfs_text(t->kernel, sizeof t->kernel, proc_root, "sys/kernel/osrelease");
    sysfs_text(t->paranoid, sizeof t->paranoid, proc_root,
               "sys/kernel/perf_event_paranoid");
}

/* The CPUs online.  Where /sys is there but empty, as in a bare chroot, those
 * that this process may run on. */
static int read_cpus(int cpu[SYSFS_CPU_MAX], const char *sysfs_root,
                     const char *proc_root)
{
    int n = sysfs_cpus(cpu, sysfs_root, cpus_online);
    char text[SYSFS_TEXT_SIZE], list[SYSFS_TEXT_SIZE];

    if (n > 0 || access(sysfs_root, F_OK) != 0)
        return n;
    sysfs_text(text, sizeof text, proc_root, "self/status");
    if (!cpu_id_value(text, "Cpus_allowed_list", list, sizeof list))
        return 0;
    return sysfs_list(list, cpu, SYSFS_CPU_MAX);
}

enum status cpu_topology_read(struct cpu_topology *out, const char *sysfs_root,
                              const char *proc_root, struct error *err)
{
    const char *sysfs = sysfs_root ? sysfs_root : "/sys";
    const char *proc = proc_root ? proc_root : "/proc";
    int cpu[SYSFS_CPU_MAX];
    struct cpu_topology t = { 0 };
    char text[64];

    t.n_cpus = read_cpus(cpu, sysfs, proc);
    if (t.n_cpus == 0) {
        enum sysfs how = sysfs_text(text, sizeof text, sysfs, cpus_online);
        return error_set(err, STATUS_UNAVAILABLE, "%s/%s: %s", sysfs,
                         cpus_online,
                         how == SYSFS_READ ? "lists no CPU" : sysfs_words[how]);
    }
    read_cpuinfo(&t, proc);
    for (int i = 0; i < t.n_cpus; i++)
        read_cpu(&t, sysfs, cpu[i]);
    t.cpus_per_core = t.n_cores > 0 ? t.n_cpus / t.n_cores : 0;
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

uint64_t cpu_topology_last_cache(const struct cpu_topology *topology)
{
    uint64_t last = 0;

    for (int level = 1; level <= TOPOLOGY_LEVEL_MAX; level++)
        if (cpu_topology_cache(topology, level) > last)
            last = cpu_topology_cache(topology, level);
    return last;
}

int cpu_topology_caches(const struct cpu_topology *topology, int level,
                        uint64_t *bytes)
{
    int n = 0;

    *bytes = 0;
    for (int i = 0; i < topology->n_caches; i++) {
        const struct cache_level *cache = &topology->cache[i];
        if (cache->level != level || cache->kind == 'i')
            continue;
        n += cache->n;
        *bytes += (uint64_t)cache->n * cache->size_bytes;
    }
    return n;
}
