/* cpus.c - Read the affinity, and the quotas of all control groups upward:
 * cpu.max of version 2, cpu.cfs_quota_us and cpu.cfs_period_us of version 1
 * (cgroups(7); cgroup-v2.rst and sched-bwc.rst of Linux). */
#include "sim/core/base/cpus.h"

#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 1024, LINE_SIZE = 512 };

/* The first line of root/folder/group/name; false: there is none. */
static bool first_line(char line[LINE_SIZE], const char *root,
                       const char *folder, const char *group, const char *name)
{
    char path[PATH_SIZE];
    int n = snprintf(path, sizeof path, "%s%s%s/%s", root, folder, group, name);
    FILE *file = n < (int)sizeof path ? fopen(path, "re") : NULL;
    bool read = file && fgets(line, LINE_SIZE, file);

    if (file)
        fclose(file);
    return read;
}

/* CPUs that one group's quota pays for; INFINITY: all. */
static double quota_of(const char *root, const char *folder, const char *group,
                       bool version2)
{
    char line[LINE_SIZE], period_line[LINE_SIZE];
    double quota, period;

    if (version2)
        return first_line(line, root, folder, group, "cpu.max") &&
                       sscanf(line, "%lf %lf", &quota, &period) == 2 &&
                       period > 0.0
                   ? quota / period : (double)INFINITY;
    if (!first_line(line, root, folder, group, "cpu.cfs_quota_us") ||
        !first_line(period_line, root, folder, group, "cpu.cfs_period_us") ||
        sscanf(line, "%lf", &quota) != 1 ||
        sscanf(period_line, "%lf", &period) != 1 || quota < 0.0 ||
        period <= 0.0)
        return (double)INFINITY;
    return quota / period;
}

/* The least of a group and those above it.  In a container the path may be that
 * outside: then only the last, "", is found here. */
static double least_quota(const char *root, const char *folder, char *group,
                          bool version2)
{
    double least = (double)INFINITY;

    for (;;) {
        least = fmin(least, quota_of(root, folder, group, version2));
        char *slash = strrchr(group, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

/* Is `cpu` among the names, with commas between? */
static bool controls_cpu(const char *names)
{
    for (; names; names = strchr(names, ',')) {
        names += *names == ',';
        size_t n = strcspn(names, ",");
        if (n == 3 && strncmp(names, "cpu", 3) == 0)
            return true;
    }
    return false;
}

static double quota(const char *root)
{
    static const char *const version2[] = { "/sys/fs/cgroup",
                                            "/sys/fs/cgroup/unified" };
    static const char *const version1[] = { "/sys/fs/cgroup/cpu",
                                            "/sys/fs/cgroup/cpu,cpuacct" };
    double least = (double)INFINITY;
    char path[PATH_SIZE], line[LINE_SIZE];

    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof line, file)) {
        char *names = strchr(line, ':');
        char *group = names ? strchr(names + 1, ':') : NULL;
        if (!group)
            continue;
        *group++ = '\0';
        group[strcspn(group, "\n")] = '\0';
        const bool two = names[1] == '\0';
        if (!two && !controls_cpu(names + 1))
            continue;
        for (int i = 0; i < 2; i++) {
            char copy[LINE_SIZE];
            memcpy(copy, group, strlen(group) + 1);
            least = fmin(least, least_quota(root, two ? version2[i]
                                                      : version1[i], copy, two));
        }
    }
    if (file)
        fclose(file);
    return least;
}

struct cpus cpus_allowed(const char *root)
{
    cpu_set_t set;
    struct cpus cpus = { 0, "CPU affinity" };

    if (sched_getaffinity(0, sizeof set, &set) == 0)
        cpus.n = CPU_COUNT(&set);
    if (cpus.n < 1) {                            /* over 1024 CPUs */
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        cpus.n = online > 0 ? (int)online : 1;
    }
    double paid = ceil(quota(root));
    if (paid < cpus.n)
        cpus = (struct cpus){ paid > 1.0 ? (int)paid : 1, "CPU quota" };
    return cpus;
}
