/* topology.h - Describe this machine as /sys and /proc tell it. */
#ifndef TOPOLOGY_H
#define TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>
#include "hwprof/machine/cpu_id.h"
#include "sim/core/base/error.h"

enum { TOPOLOGY_CACHE_MAX = 16, TOPOLOGY_KIND_MAX = 4,
       TOPOLOGY_LEVEL_MAX = 4, TOPOLOGY_TEXT_SIZE = 128 };

/* Caches of one level, kind and size. */
struct cache_level {
    int      level;              /* 1, 2, 3 */
    char     kind;               /* 'd'ata, 'i'nstruction, 'u'nified */
    uint64_t size_bytes;
    int      line_bytes, ways;   /* 0: the kernel does not say */
    int      n_sharing;          /* CPUs that share one */
    int      n;                  /* of them in the machine */
};

/* Cores of one make: of like caches and, on Arm, of one part number. */
struct core_kind {
    int      n_cores;
    int      first_cpu;
    double   max_hertz;          /* cpufreq; 0: not told */
    uint64_t part;               /* Arm: implementer and part; else 0 */
    uint64_t cache_bytes[TOPOLOGY_LEVEL_MAX];   /* data, of level i + 1 */
};

/* Instruction sets the program has code for.
 *   id       word        all of these flags in /proc/cpuinfo                */
#define ISA_MAP(X)                                                            \
    X(AVX2,   "avx2",     "avx2 fma")                                         \
    X(AVX512, "avx512",   "avx512f avx512bw avx512vl avx512dq")               \
    X(AMX,    "amx",      "amx_tile")                                         \
    X(NEON,   "neon",     "asimd")                                            \
    X(SVE,    "sve",      "sve")

enum isa {
#define X(id, word, flags) ISA_##id,
    ISA_MAP(X)
#undef X
    ISA_COUNT
};
extern const char *const isa_names[ISA_COUNT];

/* Numbers are 0 and texts "" where the machine does not say. */
struct cpu_topology {
    struct cpu_id id;
    char     model_name[TOPOLOGY_TEXT_SIZE];
    int      n_cpus;             /* online */
    int      n_cores, n_sockets, n_numa_nodes;
    int      cpus_per_core;      /* 2: SMT */
    int      n_kinds;            /* of cores; a fifth counts as a fourth */
    struct core_kind kind[TOPOLOGY_KIND_MAX];
    int      n_caches;           /* those of CPU 0 first */
    struct cache_level cache[TOPOLOGY_CACHE_MAX];
    uint64_t memory_bytes;
    bool     virtual_machine;
    bool     isa[ISA_COUNT];
    char     governor[32];       /* cpufreq */
    double   max_hertz;          /* cpufreq; the largest of any CPU */
    char     huge_pages[16];     /* transparent: always, madvise, never */
    char     kernel[TOPOLOGY_TEXT_SIZE];
    char     paranoid[16];       /* perf_event_paranoid */
};

/* NULL roots: "/sys", "/proc".  Where /sys is empty, as in a bare chroot, the
 * CPUs are those that this process may run on.  STATUS_UNAVAILABLE when not even
 * their number can be read. */
enum status cpu_topology_read(struct cpu_topology *out, const char *sysfs_root,
                              const char *proc_root,
                              struct error *err) MUST_CHECK;

/* Bytes of the data cache of a level as CPU 0 has it, 0 when there is none. */
uint64_t cpu_topology_cache(const struct cpu_topology *topology, int level);
/* The largest of them. */
uint64_t cpu_topology_last_cache(const struct cpu_topology *topology);
/* Number and bytes of all of a level together, 0 likewise. */
int      cpu_topology_caches(const struct cpu_topology *topology, int level,
                             uint64_t *bytes);

#endif
