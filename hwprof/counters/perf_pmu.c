/* perf_pmu.c - Look for the CPU's device in the kernel's list of perf
 * devices. */
#include "hwprof/counters/perf_pmu.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hwprof/machine/sysfs.h"
#include "sim/core/base/error.h"

static const char devices[] = "bus/event_source/devices";

/* "config1:1" in the device's format/rdpmc. */
static uint64_t user_read_bit(const char *sysfs_root, const char *name)
{
    char text[32];
    unsigned bit;

    if (sysfs_text(text, sizeof text, sysfs_root, "%s/%s/format/rdpmc",
                   devices, name) != SYSFS_READ ||
        sscanf(text, "config1:%u", &bit) != 1 || bit > 63)
        return 0;
    return UINT64_C(1) << bit;
}

/* Count the CPUs that we may run on and that are a device's: all of them where
 * it lists none. */
static int count_ours(const char *sysfs_root, const char *name,
                      const cpu_set_t *allowed)
{
    int cpu[SYSFS_CPU_MAX], n_ours = 0;
    int n = sysfs_cpus(cpu, sysfs_root, "%s/%s/cpus", devices, name);

    for (int i = 0; i < n; i++)
        n_ours += CPU_ISSET((size_t)cpu[i], allowed) != 0;
    return n ? n_ours : CPU_COUNT(allowed);
}

static bool take(struct perf_pmu *out, const char *sysfs_root,
                 const char *name)
{
    uint64_t type;

    if (sysfs_number(&type, sysfs_root, "%s/%s/type", devices, name) !=
        SYSFS_READ)
        return false;
    *out = (struct perf_pmu){ .type = (uint32_t)type,
        .user_read = user_read_bit(sysfs_root, name) };
    snprintf(out->name, sizeof out->name, "%.63s", name);
    sysfs_text(out->cpus, sizeof out->cpus, sysfs_root, "%s/%s/cpus", devices,
               name);
    return true;
}

/* cpu, cpu_core, cpu_atom; armv8_pmuv3_0, armv8_cortex_a72. */
static int is_core(const struct dirent *entry)
{
    return strcmp(entry->d_name, "cpu") == 0 ||
           strncmp(entry->d_name, "cpu_", 4) == 0 ||
           strncmp(entry->d_name, "armv", 4) == 0;
}

bool perf_pmu_find(struct perf_pmu *out, const char *sysfs_root)
{
    char path[SYSFS_PATH_SIZE];
    struct dirent **entry = NULL;
    struct perf_pmu pmu;
    cpu_set_t allowed;
    int found = 0, most = -1;

    CPU_ZERO(&allowed);          /* none: more CPUs than the set has room for */
    (void)sched_getaffinity(0, sizeof allowed, &allowed);
    snprintf(path, sizeof path, "%s/%s", sysfs_root, devices);
    int n = scandir(path, &entry, is_core, alphasort);
    if (n < 0)
        error_note_errno();
    for (int i = 0; i < n; i++) {
        int ours = count_ours(sysfs_root, entry[i]->d_name, &allowed);
        bool taken = take(&pmu, sysfs_root, entry[i]->d_name);
        found += taken;
        if (taken && ours >= most) {
            most = ours;
            *out = pmu;
        }
        free(entry[i]);
    }
    free(entry);
    if (found)
        out->covers = most == CPU_COUNT(&allowed);
    if (found > 1)
        out->hardware = (uint64_t)out->type << 32;
    return found > 0;
}
