/* perf_pmu.c - Look for the CPU's device in the kernel's list of perf
 * devices. */
#include "hwprof/counters/perf_pmu.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hwprof/machine/sysfs.h"

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

static bool take(struct perf_pmu *out, const char *sysfs_root,
                 const char *name)
{
    uint64_t type;

    if (sysfs_number(&type, sysfs_root, "%s/%s/type", devices, name) !=
        SYSFS_READ)
        return false;
    snprintf(out->name, sizeof out->name, "%s", name);
    out->type = (uint32_t)type;
    out->user_read = user_read_bit(sysfs_root, name);
    return true;
}

/* armv8_pmuv3_0, armv8_cortex_a72, armv9_cortex_a510. */
static int is_arm(const struct dirent *entry)
{
    return strncmp(entry->d_name, "armv", 4) == 0;
}

bool perf_pmu_find(struct perf_pmu *out, const char *sysfs_root)
{
    char path[SYSFS_PATH_SIZE];
    struct dirent **entry = NULL;
    bool found = take(out, sysfs_root, "cpu") ||
                 take(out, sysfs_root, "cpu_core");

    if (found)
        return true;
    snprintf(path, sizeof path, "%s/%s", sysfs_root, devices);
    int n = scandir(path, &entry, is_arm, alphasort);
    for (int i = 0; i < n; i++) {
        found = found || take(out, sysfs_root, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    return found;
}
