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

__attribute__((format(printf, 2, 3)))
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
    if (list->n == SENSOR_MAX) {
        list->n_left_out++;
        return NULL;
    }
    struct sensor *sensor = &list->sensor[list->n++];
    *sensor = (struct sensor){ .scope = scope, .package = -1, .fd = -1 };
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
    sscanf(name, "package-%d", &sensor->package);

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
    if (n < 0)
        error_note_errno();
    for (int i = 0; i < n; i++) {
        open_zone(list, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
}

/* perf extends its counters to 64 bits itself: nothing to unwrap. */
static enum sysfs read_fd(const struct sensor *sensor, uint64_t *now)
{
    return read(sensor->fd, now, sizeof *now) == sizeof *now ? SYSFS_READ
                                                             : SYSFS_FAILED;
}

/* An event of perf's power device, as its files describe it. */
struct power_event {
    const char *name;                      /* "energy-pkg" */
    uint32_t    type;
    uint64_t    config;                    /* 0: not in Joules */
    double      joules_per_unit;
    int         n_cpus;
    int         cpu[SYSFS_CPU_MAX];        /* a CPU for each register */
};

static void open_fd(struct sensor *sensor, const struct power_event *event,
                    int cpu)
{
    struct perf_event_attr attr = { .type = event->type, .size = sizeof attr,
                                    .config = event->config };
    uint64_t first = 0;

    sensor->fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1,
                              PERF_FLAG_FD_CLOEXEC);
    if (sensor->fd < 0 && (errno == EACCES || errno == EPERM))
        set_reason(sensor, "permission denied: needs root, CAP_PERFMON or "
                   "kernel.perf_event_paranoid <= 0");
    else if (sensor->fd < 0)
        set_reason(sensor, "perf_event_open: %s", strerror(errno));
    else if (read_fd(sensor, &first) != SYSFS_READ)
        set_reason(sensor, "%s", sysfs_words[SYSFS_FAILED]);
    sensor->unwrap = unwrap_start(0, first);
}

static void read_power_event(struct power_event *out, const char *root)
{
    static const char folder[] = "bus/event_source/devices/power/events";
    char text[64], unit[32];

    sysfs_text(text, sizeof text, root, "%s/%s", folder, out->name);
    out->config = strncmp(text, "event=", 6) == 0
                      ? strtoull(text + 6, NULL, 0) : 0;
    sysfs_text(unit, sizeof unit, root, "%s/%s.unit", folder, out->name);
    sysfs_text(text, sizeof text, root, "%s/%s.scale", folder, out->name);
    out->joules_per_unit = strtod(text, NULL);
    if (strcmp(unit, "Joules") || !(out->joules_per_unit > 0))
        out->config = 0;
}

/* The i-th register of the event. */
static void open_power_event(struct sensor_list *list,
                             const struct power_event *event, int i)
{
    uint64_t package = 0;
    struct sensor *sensor = add(list,
        strcmp(event->name, "energy-pkg") == 0 ? SENSOR_PACKAGE :
        strcmp(event->name, "energy-psys") == 0 ? SENSOR_PLATFORM
                                                : SENSOR_PART);

    if (!sensor)
        return;
    snprintf(sensor->name, sizeof sensor->name, "perf power/%.30s",
             event->name);
    if (event->n_cpus > 1)
        snprintf(sensor->name, sizeof sensor->name,
                 "perf power/%.30s of CPU %d", event->name, event->cpu[i]);
    sensor->joules_per_unit = event->joules_per_unit;
    sensor->seconds = now_of(list);
    if (event->config == 0) {
        set_reason(sensor, "its event, scale or unit is missing or is not in "
                   "Joules");
    } else if (event->n_cpus == 0) {
        set_reason(sensor, "its cpumask names no CPU");
    } else {
        if (sysfs_number(&package, list->root, "devices/system/cpu/cpu%d/"
                         "topology/physical_package_id", event->cpu[i]) ==
            SYSFS_READ)
            sensor->package = (int)package;
        open_fd(sensor, event, event->cpu[i]);
    }
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
    char path[SYSFS_PATH_SIZE];
    struct dirent **entry = NULL;
    struct power_event event;
    uint64_t type = 0;

    if (sysfs_number(&type, list->root, "%s/type", device) != SYSFS_READ)
        return;
    event.type = (uint32_t)type;
    event.n_cpus = sysfs_cpus(event.cpu, list->root, "%s/cpumask", device);
    snprintf(path, sizeof path, "%s/%s/events", list->root, device);
    int n = scandir(path, &entry, is_event, alphasort);
    if (n < 0)
        error_note_errno();
    for (int e = 0; e < n; e++) {
        event.name = entry[e]->d_name;
        read_power_event(&event, list->root);
        for (int i = 0; i == 0 || i < event.n_cpus; i++)
            open_power_event(list, &event, i);
        free(entry[e]);
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
        if (list->sensor[i].fd >= 0)
            close(list->sensor[i].fd);
}

static enum sysfs read_total(const struct sensor_list *list,
                             const struct sensor *sensor, uint64_t *now)
{
    return sensor->zone[0]
        ? sysfs_number(now, list->root, "class/powercap/%s/energy_uj",
                       sensor->zone)
        : read_fd(sensor, now);
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

/* ---- mirrors ---- */

/* Three readings in a row: of one sensor, of another, of the first. */
struct bracket {
    uint64_t before, between, after;
};

/* The first sensor by the same road that counts the same package; NULL: there
 * is none before it. */
static const struct sensor *find_twin(const struct sensor_list *list, int i)
{
    const struct sensor *sensor = &list->sensor[i];

    for (int k = 0; k < i && sensor->package >= 0; k++)
        if (list->sensor[k].scope == SENSOR_PACKAGE &&
            sensor->scope == SENSOR_PACKAGE &&
            list->sensor[k].package == sensor->package &&
            !list->sensor[k].zone[0] == !sensor->zone[0])
            return &list->sensor[k];
    return NULL;
}

static void take_brackets(const struct sensor_list *list, struct bracket *out)
{
    for (int i = 0; i < list->n; i++) {
        const struct sensor *twin = find_twin(list, i);
        out[i] = (struct bracket){ .after = 0 };
        if (twin && !twin->reason[0] && !list->sensor[i].reason[0]) {
            read_total(list, twin, &out[i].before);
            read_total(list, &list->sensor[i], &out[i].between);
            read_total(list, twin, &out[i].after);
        }
    }
}

/* From one reading to a later one, over a wrap at `range`. */
static uint64_t ahead(uint64_t from, uint64_t to, uint64_t range)
{
    return to >= from ? to - from : to + (range - from);
}

/* A zone tells its register itself, perf what it counted since it was opened:
 * either way one register lies between two readings of itself, and the reads
 * are microseconds apart, in which another's would have to agree to a few
 * units in millions. */
static bool is_mirror(const struct sensor *sensor, const struct bracket *then,
                      const struct bracket *now)
{
    uint64_t range = sensor->unwrap.range;

    if (sensor->zone[0])
        return ahead(then->before, then->between, range) <=
                   ahead(then->before, then->after, range) &&
               ahead(now->before, now->between, range) <=
                   ahead(now->before, now->after, range);
    uint64_t step = now->between - then->between;
    return step >= now->before - then->after &&
           step <= now->after - then->before;
}

void sensor_list_probe(struct sensor_list *list, void (*busy)(void *),
                       void *context)
{
    struct bracket then[SENSOR_MAX], now[SENSOR_MAX];

    take_brackets(list, then);
    (busy ? busy : spin)(context);
    take_brackets(list, now);
    for (int i = 0; i < list->n; i++) {
        struct sensor *sensor = &list->sensor[i];
        const struct sensor *twin = find_twin(list, i);
        double before = sensor->seconds;
        if (sensor_read(list, i, NULL) != STATUS_OK)
            continue;
        sensor->mirror = twin && !twin->reason[0] &&
                         sensor->joules > 0 &&
                         is_mirror(sensor, &then[i], &now[i]);
        if (sensor->joules <= 0)
            set_reason(sensor, "dead: its energy did not change over %.0f ms "
                       "of work", 1e3 * (sensor->seconds - before));
        else if (sensor->mirror)
            set_reason(sensor, "a mirror: it reads the register of %s, which "
                       "is counted once", twin->name);
    }
}
