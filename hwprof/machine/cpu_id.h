/* cpu_id.h - Name a CPU as configs/counters/ does. */
#ifndef CPU_ID_H
#define CPU_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpu_id {
    char     vendor[16];         /* "GenuineIntel"; "arm" for Arm Ltd */
    uint32_t family, model;      /* Arm: architecture, part number */
};

/* From PROC_ROOT/cpuinfo; vendor "unknown" where it does not say. */
struct cpu_id cpu_id_read(const char *proc_root);

/* The value of the "key : value" line of the first processor that `text`, as in
 * /proc/cpuinfo, lists.  False: there is none, *out is unchanged. */
bool cpu_id_value(const char *text, const char *key, char *out, size_t size);

#endif
