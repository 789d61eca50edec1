/* cpu_id.c - Read vendor, family and model from /proc/cpuinfo. */
#include "hwprof/machine/cpu_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

struct cpu_id cpu_id_read(const char *proc_root)
{
    struct cpu_id id = { .vendor = "unknown" };
    char path[512], text[4096], value[64];

    snprintf(path, sizeof path, "%s/cpuinfo", proc_root);
    FILE *file = fopen(path, "rb");
    if (!file)
        return id;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);

    if (cpu_id_value(text, "vendor_id", value, sizeof value)) {
        snprintf(id.vendor, sizeof id.vendor, "%.15s", value);
        if (cpu_id_value(text, "cpu family", value, sizeof value))
            id.family = (uint32_t)strtoul(value, NULL, 0);
        if (cpu_id_value(text, "model", value, sizeof value))
            id.model = (uint32_t)strtoul(value, NULL, 0);
    } else if (cpu_id_value(text, "CPU implementer", value, sizeof value)) {
        /* 0x41 is Arm Ltd: Arm Architecture Reference Manual, MIDR_EL1. */
        snprintf(id.vendor, sizeof id.vendor, "%.15s",
                 strtoul(value, NULL, 0) == 0x41 ? "arm" : value);
        if (cpu_id_value(text, "CPU architecture", value, sizeof value))
            id.family = (uint32_t)strtoul(value, NULL, 0);
        if (cpu_id_value(text, "CPU part", value, sizeof value))
            id.model = (uint32_t)strtoul(value, NULL, 0);
    }
    return id;
}
