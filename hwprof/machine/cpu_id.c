/* cpu_id.c - Read vendor, family and model from /proc/cpuinfo. */
#include "hwprof/machine/cpu_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hwprof/machine/sysfs.h"

bool cpu_id_value(const char *text, const char *key, char *out, size_t size)
{
    size_t length = strlen(key);

    for (const char *line = text; *line && *line != '\n';) {
        const char *end = line + strcspn(line, "\n");
        const char *colon = memchr(line, ':', (size_t)(end - line));
        if (colon && strncmp(line, key, length) == 0 &&
            strspn(line + length, " \t") == (size_t)(colon - line) - length) {
            colon += strspn(colon + 1, " \t") + 1;
            snprintf(out, size, "%.*s", (int)(end - colon), colon);
            return true;
        }
        line = *end ? end + 1 : end;
    }
    return false;
}

/* Of Arm Ltd: Arm Architecture Reference Manual, MIDR_EL1. */
enum { ARM_IMPLEMENTER = 0x41 };

static uint32_t number_of(const char *text, const char *key)
{
    char value[64];

    return cpu_id_value(text, key, value, sizeof value)
               ? (uint32_t)strtoul(value, NULL, 0) : 0;
}

struct cpu_id cpu_id_read(const char *proc_root)
{
    struct cpu_id id = { .vendor = "unknown" };
    char text[SYSFS_TEXT_SIZE];

    sysfs_text(text, sizeof text, proc_root, "cpuinfo");
    if (cpu_id_value(text, "vendor_id", id.vendor, sizeof id.vendor)) {
        id.family = number_of(text, "cpu family");
        id.model = number_of(text, "model");
    } else if (cpu_id_value(text, "CPU implementer", id.vendor,
                            sizeof id.vendor)) {
        if (number_of(text, "CPU implementer") == ARM_IMPLEMENTER)
            snprintf(id.vendor, sizeof id.vendor, "arm");
        id.family = number_of(text, "CPU architecture");
        id.model = number_of(text, "CPU part");
    }
    return id;
}
