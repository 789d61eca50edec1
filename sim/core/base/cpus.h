/* cpus.h - Say how many CPUs this process may keep busy: those of its affinity,
 * and no more than the quotas of its control groups pay for. */
#ifndef CPUS_H
#define CPUS_H

struct cpus {
    int n;                       /* at least 1; a part of a CPU counts as one */
    const char *limit;           /* what held it: "CPU affinity" or "CPU quota" of
                                  * a control group */
};

/* `root` stands before /proc and /sys; "": this system's. */
struct cpus cpus_allowed(const char *root);

#endif
