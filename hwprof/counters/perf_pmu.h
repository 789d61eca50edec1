/* perf_pmu.h - Find which of the kernel's perf devices is the CPU's. */
#ifndef PERF_PMU_H
#define PERF_PMU_H

#include <stdbool.h>
#include <stdint.h>

enum { PERF_PMU_NAME_SIZE = 64 };

struct perf_pmu {
    char     name[PERF_PMU_NAME_SIZE];   /* "cpu", "armv8_pmuv3_0" */
    uint32_t type;                       /* for perf_event_attr */
    /* Of config1: asks for a counter that user space may read.  0: the kernel
     * needs no asking. */
    uint64_t user_read;
    /* Of the config of a generic hardware event: asks for this device where the
     * cores are of several kinds (PERF_TYPE_HARDWARE in linux/perf_event.h). */
    uint64_t hardware;
    char     cpus[PERF_PMU_NAME_SIZE];   /* "0-15"; "": all */
    bool     covers;                     /* all CPUs that we may run on */
};

/* The one with most of the CPUs that the calling thread may run on: "cpu" on
 * x86, "cpu_core" or "cpu_atom" where cores differ, one named for the
 * architecture or the core on Arm.  false: none in
 * sysfs_root/bus/event_source/devices. */
bool perf_pmu_find(struct perf_pmu *out, const char *sysfs_root);

#endif
