/* sensor.h - Read energy sensors: the powercap tree, and perf's `power` device.
 *
 * Sources: Linux Documentation/power/powercap/powercap.rst and
 * Documentation/ABI/testing/sysfs-class-powercap; arch/x86/events/rapl.c. */
#ifndef SENSOR_H
#define SENSOR_H

#include <stdbool.h>
#include "hwprof/counters/counter.h"
#include "hwprof/counters/unwrap.h"

/* Eight sockets of 12 dies, each a zone and a CPU of perf's cpumask, and their
 * parts.  A list that is longer says so, and no sum is made of it. */
enum { SENSOR_MAX = 512, SENSOR_NAME_SIZE = 64 };

/* The scope that a sensor covers.  Only one scope is ever added up: a platform
 * holds its packages, and a package its parts; DRAM stands beside a server's
 * package and is listed, not added. */
enum sensor_scope { SENSOR_PACKAGE, SENSOR_PLATFORM, SENSOR_PART,
                    SENSOR_SCOPE_COUNT };
extern const char *const sensor_scope_names[SENSOR_SCOPE_COUNT];

/* One register, by one of the two roads. */
struct sensor {
    char   name[SENSOR_NAME_SIZE];         /* "intel-rapl:0 package-0" */
    enum sensor_scope scope;
    int    package;                        /* that it counts; -1: not told */
    bool   mirror;                         /* reads another's register; its
                                            * reason says whose */
    char   reason[COUNTER_REASON_SIZE];    /* "" while it can be trusted */
    double seconds;                        /* by the clock, at last reading */
    double joules;                         /* counted between the last two */

    char          zone[SENSOR_NAME_SIZE];  /* powercap: "intel-rapl:0"; or "" */
    struct unwrap unwrap;                  /* uJ; perf: raw units */

    int    fd;                             /* perf; -1: none */
    double joules_per_unit;
};

/* The clock to go by; now NULL: CLOCK_MONOTONIC. */
struct sensor_clock {
    double (*now)(void *context);
    void    *context;
};

struct sensor_list {
    char root[400];
    struct sensor_clock clock;
    int  n;
    struct sensor sensor[SENSOR_MAX];
    int  n_left_out;                       /* found past SENSOR_MAX */
    char reason[COUNTER_REASON_SIZE];      /* why n is 0 */
};

/* Find every sensor under sysfs_root and read it once.  Each has either a first
 * reading or its reason: no permission (since Linux 5.10, CVE-2020-8694, only
 * root reads energy_uj), no such file, a read error, garbage, a range of 0. */
void sensor_list_open(struct sensor_list *out, const char *sysfs_root);
void sensor_list_open_by(struct sensor_list *out, const char *sysfs_root,
                         struct sensor_clock clock);
/* Gives up file descriptors; names and reasons stay to be read. */
void sensor_list_close(struct sensor_list *list);

/* Read it as the start of what is counted: however long ago the last reading
 * was, no wrap can hide before it.  STATUS_UNAVAILABLE: it has a reason. */
enum status sensor_start(struct sensor_list *list, int i,
                         struct error *err) MUST_CHECK;

/* Read again.  A sensor that goes back, jumps by more than 2 kW allow, was not
 * read for so long that a second wrap could hide, or vanished, gets a reason
 * and STATUS_UNAVAILABLE; sensors with a reason are not read. */
enum status sensor_read(struct sensor_list *list, int i,
                        struct error *err) MUST_CHECK;

/* Keep the machine busy and give every sensor that did not move its reason:
 * dead, which is not 0 J.  Give one to each mirror as well: Linux 6.9 to 6.12
 * list a zone, and a CPU of perf's, for every core die of AMD's packages, and
 * all of them read the one register of the package.  Sockets are never taken
 * for mirrors, however like their load; nor are dies that count apart. */
void sensor_list_probe(struct sensor_list *list, void (*busy)(void *),
                       void *context);

#endif
