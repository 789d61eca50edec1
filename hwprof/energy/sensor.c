/* sensor.c - Find and read energy sensors. */
#include "hwprof/energy/sensor.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "hwprof/machine/sysfs.h"
#include "sim/core/base/clock.h"

const char *const sensor_scope_names[SENSOR_SCOPE_COUNT] = {
    [SENSOR_PACKAGE]  = "package",
    [SENSOR_PLATFORM] = "whole platform",
    [SENSOR_PART]     = "part of a package, or DRAM beside it",
};

/* More than any socket draws; what is past it is no reading. */
static const double most_watts = 2000;
/* One update may post this much on top, whatever the clock says. */
static const double slack_joules = 10;

static void set_reason(struct sensor *sensor, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void set_reason(struct sensor *sensor, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vsnprintf(sensor->reason, sizeof sensor->reason, format, list);
    va_end(list);
}

static double now_of(const struct sensor_list *list)
{
    return list->clock.now ? list->clock.now(list->clock.context)
                           : clock_seconds();
}

static struct sensor *add(struct sensor_list *list, enum sensor_scope scope)
{
    if (list->n == SENSOR_MAX)
        return NULL;
    struct sensor *sensor = &list->sensor[list->n++];
    *sensor = (struct sensor){ .scope = scope };
    return sensor;
}

/* Say how a read of energy_uj failed, and what to do about it. */
static void zone_reason(struct sensor *sensor, enum sysfs how, const char *root)
{
    if (how == SYSFS_DENIED)
        set_reason(sensor, "permission denied: only root may read energy_uj "
                   "since Linux 5.10 (CVE-2020-8694).  As root: chmod a+r "
                   "%s/class/powercap/%s/energy_uj", root, sensor->zone);
    else
        set_reason(sensor, "energy_uj: %s", sysfs_words[how]);
}

static enum sensor_scope zone_scope(const char *zone, const char *name)
{
    if (strcmp(name, "psys") == 0)
        return SENSOR_PLATFORM;
    return strchr(strchr(zone, ':') + 1, ':') ? SENSOR_PART : SENSOR_PACKAGE;
}

/* intel-rapl:N and intel-rapl:N:M; AMD's are called so too.  intel-rapl-mmio is
 * a second road to the same package counter. */
static int is_zone(const struct dirent *entry)
{
    return strncmp(entry->d_name, "intel-rapl:", 11) == 0 &&
           strlen(entry->d_name) < 24;
}

static void open_zone(struct sensor_list *list, const char *zone)
{
    char name[32] = "";
    uint64_t energy = 0, range = 0;

    enum sysfs how = sysfs_text(name, sizeof name, list->root,
                                "class/powercap/%s/name", zone);
    struct sensor *sensor = add(list, zone_scope(zone, name));
    if (!sensor)
        return;
    snprintf(sensor->zone, sizeof sensor->zone, "%.23s", zone);
    snprintf(sensor->name, sizeof sensor->name, "%.23s %s", zone,
             name);
    sensor->joules_per_unit = 1e-6;

    if (how != SYSFS_READ) {
        set_reason(sensor, "name: %s", sysfs_words[how]);
        return;
    }
    how = sysfs_number(&energy, list->root, "class/powercap/%s/energy_uj",
                       zone);
    if (how != SYSFS_READ) {
        zone_reason(sensor, how, list->root);
        return;
    }
    how = sysfs_number(&range, list->root,
                       "class/powercap/%s/max_energy_range_uj", zone);
    if (how != SYSFS_READ)
        set_reason(sensor, "max_energy_range_uj: %s", sysfs_words[how]);
    else if (range == 0)
        set_reason(sensor, "max_energy_range_uj is 0: a wrap-around could not "
                   "be undone");
    sensor->unwrap = unwrap_start(range, energy);
    sensor->seconds = now_of(list);
}

static void open_zones(struct sensor_list *list)
{
    char path[SYSFS_PATH_SIZE];
    struct dirent **entry = NULL;

    snprintf(path, sizeof path, "%s/class/powercap", list->root);
    int n = scandir(path, &entry, is_zone, alphasort);
    for (int i = 0; i < n; i++) {
        open_zone(list, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
}

/* perf extends its counters to 64 bits itself: nothing to unwrap, and the sum
 * over packages stays in range. */
static enum sysfs read_fds(const struct sensor *sensor, uint64_t *total)
{
    *total = 0;
    for (int i = 0; i < sensor->n_fds; i++) {
        uint64_t value = 0;
        if (read(sensor->fd[i], &value, sizeof value) != sizeof value)
            return SYSFS_FAILED;
        *total += value;
    }
    return SYSFS_READ;
}

static void open_power_fds(struct sensor *sensor, uint32_t type,
                           uint64_t config, const char *cpumask)
{
    int cpu[SENSOR_CPU_MAX];
    int n = sysfs_list(cpumask, cpu, SENSOR_CPU_MAX);
    struct perf_event_attr attr = { .type = type, .size = sizeof attr,
                                    .config = config };

    for (int i = 0; i < n && i < SENSOR_CPU_MAX; i++) {
        int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu[i], -1,
                              PERF_FLAG_FD_CLOEXEC);
        if (fd < 0) {
            if (errno == EACCES || errno == EPERM)
                set_reason(sensor, "permission denied: needs root, CAP_PERFMON "
                           "or kernel.perf_event_paranoid <= 0");
            else
                set_reason(sensor, "perf_event_open: %s", strerror(errno));
            return;
        }
        sensor->fd[sensor->n_fds++] = fd;
    }
    if (sensor->n_fds == 0)
        set_reason(sensor, "its cpumask names no CPU");
}

static void open_power_event(struct sensor_list *list, uint32_t type,
                             const char *cpumask, const char *event)
{
    static const char folder[] = "bus/event_source/devices/power/events";
    char text[64], unit[32] = "", *end;
    uint64_t total = 0;

    struct sensor *sensor = add(list,
        strcmp(event, "energy-pkg") == 0 ? SENSOR_PACKAGE :
        strcmp(event, "energy-psys") == 0 ? SENSOR_PLATFORM : SENSOR_PART);
    if (!sensor)
        return;
    snprintf(sensor->name, sizeof sensor->name, "perf power/%.40s", event);

    enum sysfs how = sysfs_text(text, sizeof text, list->root, "%s/%s", folder,
                                event);
    uint64_t config = strncmp(text, "event=", 6) == 0
                          ? strtoull(text + 6, &end, 0) : 0;
    sysfs_text(unit, sizeof unit, list->root, "%s/%s.unit", folder, event);
    sysfs_text(text, sizeof text, list->root, "%s/%s.scale", folder, event);
    sensor->joules_per_unit = strtod(text, &end);
    if (how != SYSFS_READ || config == 0 || strcmp(unit, "Joules") ||
        !(sensor->joules_per_unit > 0)) {
        set_reason(sensor, "its event, scale or unit is missing or is not in "
                   "Joules");
        return;
    }
    open_power_fds(sensor, type, config, cpumask);
    if (!sensor->reason[0] && read_fds(sensor, &total) != SYSFS_READ)
        set_reason(sensor, "%s", sysfs_words[SYSFS_FAILED]);
    sensor->unwrap = unwrap_start(0, total);
    sensor->seconds = now_of(list);
}

/* Events are files without a dot: energy-pkg, beside energy-pkg.scale. */
static int is_event(const struct dirent *entry)
{
    return strncmp(entry->d_name, "energy-", 7) == 0 &&
           !strchr(entry->d_name, '.');
}

static void open_power(struct sensor_list *list)
{
    static const char device[] = "bus/event_source/devices/power";
    char path[SYSFS_PATH_SIZE], cpumask[128];
    struct dirent **entry = NULL;
    uint64_t type = 0;

    if (sysfs_number(&type, list->root, "%s/type", device) != SYSFS_READ)
        return;
    sysfs_text(cpumask, sizeof cpumask, list->root, "%s/cpumask", device);
    snprintf(path, sizeof path, "%s/%s/events", list->root, device);
    int n = scandir(path, &entry, is_event, alphasort);
    for (int i = 0; i < n; i++) {
        open_power_event(list, (uint32_t)type, cpumask, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
}

void sensor_list_open(struct sensor_list *out, const char *sysfs_root)
{
    sensor_list_open_by(out, sysfs_root, (struct sensor_clock){ 0 });
}

void sensor_list_open_by(struct sensor_list *out, const char *sysfs_root,
                         struct sensor_clock clock)
{
    *out = (struct sensor_list){ .clock = clock };
    snprintf(out->root, sizeof out->root, "%s", sysfs_root);
    open_zones(out);
    open_power(out);
    if (out->n == 0)
        snprintf(out->reason, sizeof out->reason,
                 "no energy sensor: neither %.200s/class/powercap/intel-rapl:* "
                 "(modprobe intel_rapl_msr) nor the perf device `power`; a "
                 "virtual machine usually has none", out->root);
}

void sensor_list_close(struct sensor_list *list)
{
    for (int i = 0; i < list->n; i++)
        for (int f = 0; f < list->sensor[i].n_fds; f++)
            close(list->sensor[i].fd[f]);
}

static enum sysfs read_total(const struct sensor_list *list,
                             const struct sensor *sensor, uint64_t *now)
{
    return sensor->zone[0]
        ? sysfs_number(now, list->root, "class/powercap/%s/energy_uj",
                       sensor->zone)
        : read_fds(sensor, now);
}

enum status sensor_start(struct sensor_list *list, int i, struct error *err)
{
    struct sensor *sensor = &list->sensor[i];
    uint64_t now = 0;

    if (!sensor->reason[0]) {
        enum sysfs how = read_total(list, sensor, &now);
        if (how != SYSFS_READ)
            zone_reason(sensor, how, list->root);
    }
    if (sensor->reason[0])
        return error_set(err, STATUS_UNAVAILABLE, "%s: %s", sensor->name,
                         sensor->reason);
    sensor->unwrap = unwrap_start(sensor->unwrap.range, now);
    sensor->seconds = now_of(list);
    sensor->joules = 0;
    return STATUS_OK;
}

enum status sensor_read(struct sensor_list *list, int i, struct error *err)
{
    struct sensor *sensor = &list->sensor[i];
    uint64_t now = 0, step = 0;
    struct error why = { 0 };

    if (sensor->reason[0])
        return error_set(err, STATUS_UNAVAILABLE, "%s: %s", sensor->name,
                         sensor->reason);
    enum sysfs how = read_total(list, sensor, &now);
    double seconds = now_of(list);
    double most = most_watts * (seconds - sensor->seconds);

    if (how != SYSFS_READ)
        zone_reason(sensor, how, list->root);
    else if (sensor->unwrap.range &&
             most > (double)sensor->unwrap.range * sensor->joules_per_unit)
        set_reason(sensor, "not read for %.0f s: it may have wrapped around "
                   "more than once", seconds - sensor->seconds);
    else if (unwrap_step(&sensor->unwrap, now,
                         (uint64_t)llround((most + slack_joules) /
                                           sensor->joules_per_unit),
                         &step, &why) != STATUS_OK)
        set_reason(sensor, "%s", why.text);
    if (sensor->reason[0])
        return error_set(err, STATUS_UNAVAILABLE, "%s: %s", sensor->name,
                         sensor->reason);
    sensor->seconds = seconds;
    sensor->joules = (double)step * sensor->joules_per_unit;
    return STATUS_OK;
}

/* 0.1 s of arithmetic: a hundred updates of a sensor that lives. */
static void spin(void *context)
{
    double end = clock_seconds() + 0.1;
    volatile double x = 1;

    (void)context;
    while (clock_seconds() < end)
        for (int i = 0; i < 1000; i++)
            x = x * 0.999 + 0.001;
}

void sensor_list_probe(struct sensor_list *list, void (*busy)(void *),
                       void *context)
{
    (busy ? busy : spin)(context);
    for (int i = 0; i < list->n; i++) {
        struct sensor *sensor = &list->sensor[i];
        double before = sensor->seconds;
        if (sensor_read(list, i, NULL) == STATUS_OK && sensor->joules <= 0)
            set_reason(sensor, "dead: its energy did not change over %.0f ms "
                       "of work", 1e3 * (sensor->seconds - before));
    }
}
