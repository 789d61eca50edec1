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
};

/* "cpu" on x86 ("cpu_core" where cores differ), one named for the architecture
 * or the core on Arm.  false: none in sysfs_root/bus/event_source/devices. */
bool perf_pmu_find(struct perf_pmu *out, const char *sysfs_root);

#endif
