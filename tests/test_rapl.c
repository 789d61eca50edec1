/* test_rapl.c - Meet every situation of an energy sensor, on trees made for the
 * test. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sched.h>
#include <sys/mman.h>

#include "hwprof/counters/counter.h"
#include "hwprof/energy/sensor.h"
#include "hwprof/machine/sysfs.h"
#include "tests/fake_tree.h"

#define CAP "class/powercap/"

static void write_zone(const struct fake_tree *tree, const char *zone,
                       const char *name, const char *energy, const char *range)
{
    char path[256];

    snprintf(path, sizeof path, CAP "%s/name", zone);
    fake_tree_write(tree, path, "%s\n", name);
    snprintf(path, sizeof path, CAP "%s/energy_uj", zone);
    fake_tree_write(tree, path, "%s", energy);
    snprintf(path, sizeof path, CAP "%s/max_energy_range_uj", zone);
    fake_tree_write(tree, path, "%s\n", range);
}

static void set_energy(const struct fake_tree *tree, const char *zone,
                       const char *energy)
{
    char path[256];

    snprintf(path, sizeof path, CAP "%s/energy_uj", zone);
    fake_tree_write(tree, path, "%s", energy);
}

/* Changes to the zones while the sensors prove that they live. */
struct busy {
    const struct fake_tree *tree;
    const char *zone[4], *energy[4];
};

static void work(void *context)
{
    struct busy *busy = context;

    for (int i = 0; i < 4 && busy->zone[i]; i++)
        set_energy(busy->tree, busy->zone[i], busy->energy[i]);
}

static struct counter_session *open_session(const struct fake_tree *tree,
                                            struct busy *busy)
{
    struct counter_options options = { .sysfs_root = tree->root,
        .metrics = counter_bit(METRIC_JOULES), .busy = work,
        .busy_context = busy };
    struct counter_session *session = NULL;

    busy->tree = tree;
    cr_assert(eq(int, counter_open(&session, &counter_rapl, &options, NULL),
                 STATUS_OK));
    return session;
}

static const char *reason(const struct counter_session *session)
{
    return session->reason[METRIC_JOULES];
}

static double joules(struct counter_session *session)
{
    struct cost cost;
    struct error err = { 0 };

    cr_assert(eq(int, counter_read(session, &cost, &err), STATUS_OK), "%s",
              err.text);
    return cost_get(&cost, METRIC_JOULES);
}

#define BIG "262143328850"

/* One package: 3 J more while it is read. */
static struct fake_tree one_package(void)
{
    struct fake_tree tree = fake_tree_open();
    write_zone(&tree, "intel-rapl:0", "package-0", "1000000\n", BIG);
    return tree;
}
static const struct busy alive = { NULL, { "intel-rapl:0" }, { "1500000\n" } };

Test(rapl, a_package_counts_joules)
{
    struct fake_tree tree = one_package();
    struct busy busy = alive;
    struct counter_session *s = open_session(&tree, &busy);

    cr_assert(eq(str, (char *)reason(s), ""));
    cr_assert(eq(str, s->source[METRIC_JOULES], "intel-rapl:0 package-0"));
    cr_assert(eq(int, counter_start(s, NULL), STATUS_OK));
    set_energy(&tree, "intel-rapl:0", "4500000\n");
    cr_assert(ieee_ulp_eq(dbl, joules(s), 3.0, 4));
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl, no_tree_says_so)
{
    struct fake_tree tree = fake_tree_open();
    struct busy busy = { 0 };
    struct counter_session *s = open_session(&tree, &busy);

    cr_assert(strstr(reason(s), "no energy sensor") != NULL);
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl, an_empty_powercap_directory_is_no_sensor)
{
    struct fake_tree tree = fake_tree_open();
    struct busy busy = { 0 };

    fake_tree_write(&tree, CAP "dtpm/name", "dtpm\n");
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(strstr(reason(s), "no energy sensor") != NULL);
    counter_close(s);
    fake_tree_close(&tree);
}

/* core and dram grow by 9 J as well: none of it is added. */
Test(rapl, parts_are_never_added_to_their_package)
{
    struct fake_tree tree = one_package();
    struct busy busy = { NULL,
        { "intel-rapl:0", "intel-rapl:0:0", "intel-rapl:0:1" },
        { "1500000\n", "500000\n", "500000\n" } };

    write_zone(&tree, "intel-rapl:0:0", "core", "0\n", BIG);
    write_zone(&tree, "intel-rapl:0:1", "dram", "0\n", BIG);
    struct counter_session *s = open_session(&tree, &busy);
    set_energy(&tree, "intel-rapl:0", "2500000\n");
    set_energy(&tree, "intel-rapl:0:0", "9500000\n");
    set_energy(&tree, "intel-rapl:0:1", "9500000\n");
    cr_assert(ieee_ulp_eq(dbl, joules(s), 1.0, 4));
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl, two_packages_are_added)
{
    struct fake_tree tree = one_package();
    struct busy busy = { NULL, { "intel-rapl:0", "intel-rapl:1" },
                         { "1500000\n", "100000\n" } };

    write_zone(&tree, "intel-rapl:1", "package-1", "0\n", BIG);
    struct counter_session *s = open_session(&tree, &busy);
    set_energy(&tree, "intel-rapl:0", "2500000\n");
    set_energy(&tree, "intel-rapl:1", "2100000\n");
    cr_assert(ieee_ulp_eq(dbl, joules(s), 3.0, 4));
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl, the_platform_is_not_added_to_its_packages)
{
    struct fake_tree tree = one_package();
    struct busy busy = { NULL, { "intel-rapl:0", "intel-rapl:1" },
                         { "1500000\n", "800000\n" } };

    write_zone(&tree, "intel-rapl:1", "psys", "0\n", BIG);
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(eq(str, s->source[METRIC_JOULES], "intel-rapl:0 package-0"));
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl, the_platform_alone_will_do)
{
    struct fake_tree tree = fake_tree_open();
    struct busy busy = { NULL, { "intel-rapl:0" }, { "500000\n" } };

    write_zone(&tree, "intel-rapl:0", "psys", "0\n", BIG);
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(eq(str, s->source[METRIC_JOULES], "intel-rapl:0 psys"));
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl, the_mmio_road_to_the_same_counter_is_ignored)
{
    struct fake_tree tree = one_package();
    struct busy busy = { NULL, { "intel-rapl:0", "intel-rapl-mmio:0" },
                         { "1500000\n", "1500000\n" } };
    struct sensor_list list;

    write_zone(&tree, "intel-rapl-mmio:0", "package-0", "1000000\n", BIG);
    sensor_list_open(&list, tree.root);
    cr_assert(eq(int, list.n, 1));
    sensor_list_close(&list);
    struct counter_session *s = open_session(&tree, &busy);
    set_energy(&tree, "intel-rapl:0", "2500000\n");
    set_energy(&tree, "intel-rapl-mmio:0", "2500000\n");
    cr_assert(ieee_ulp_eq(dbl, joules(s), 1.0, 4));
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl, permission_denied_says_who_may_and_how)
{
    struct fake_tree tree = one_package();
    struct busy busy = { 0 };
    char path[512];

    fake_tree_path(&tree, path, CAP "intel-rapl:0/energy_uj");
    cr_assert(chmod(path, 0) == 0);
    if (geteuid() == 0)
        cr_assert(seteuid(65534) == 0);
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(strstr(reason(s), "permission denied") != NULL);
    cr_assert(strstr(reason(s), "CVE-2020-8694") != NULL);
    cr_assert(strstr(reason(s), "chmod a+r") != NULL);
    counter_close(s);
    if (getuid() == 0)
        cr_assert(seteuid(0) == 0);
    fake_tree_close(&tree);
}

Test(rapl, a_missing_counter_is_another_reason_than_a_forbidden_one)
{
    struct fake_tree tree = fake_tree_open();
    struct busy busy = { 0 };

    fake_tree_write(&tree, CAP "intel-rapl:0/name", "package-0\n");
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(strstr(reason(s), "no such file") != NULL);
    cr_assert(strstr(reason(s), "permission") == NULL);
    counter_close(s);
    fake_tree_close(&tree);
}

/* EISDIR stands in for the EIO and ENODATA of a driver. */
Test(rapl, a_read_error_is_said)
{
    struct fake_tree tree = fake_tree_open();
    struct busy busy = { 0 };

    fake_tree_write(&tree, CAP "intel-rapl:0/name", "package-0\n");
    fake_tree_write(&tree, CAP "intel-rapl:0/energy_uj/x", "\n");
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(strstr(reason(s), "read error") != NULL);
    counter_close(s);
    fake_tree_close(&tree);
}

/* 262143328850 uJ, wraps from 500000 below the top to 700000: 1.2 J. */
Test(rapl, a_wrap_is_undone)
{
    struct fake_tree tree = fake_tree_open();
    struct busy busy = { NULL, { "intel-rapl:0" }, { "262142828850\n" } };

    write_zone(&tree, "intel-rapl:0", "package-0", "262142328850\n", BIG);
    struct counter_session *s = open_session(&tree, &busy);
    set_energy(&tree, "intel-rapl:0", "700000\n");
    cr_assert(ieee_ulp_eq(dbl, joules(s), 1.2, 4));
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl, a_range_of_zero_is_refused)
{
    struct fake_tree tree = fake_tree_open();
    struct busy busy = alive;

    write_zone(&tree, "intel-rapl:0", "package-0", "1000000\n", "0");
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(strstr(reason(s), "max_energy_range_uj is 0") != NULL);
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl, garbage_is_no_number)
{
    struct fake_tree tree = fake_tree_open();
    struct busy busy = { 0 };

    write_zone(&tree, "intel-rapl:0", "package-0", "12 apples\n", BIG);
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(strstr(reason(s), "does not hold a number") != NULL);
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl, a_number_without_newline_is_fine)
{
    struct fake_tree tree = fake_tree_open();
    struct busy busy = { NULL, { "intel-rapl:0" }, { "1500000" } };

    write_zone(&tree, "intel-rapl:0", "package-0", "1000000", BIG);
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(eq(str, (char *)reason(s), ""));
    counter_close(s);
    fake_tree_close(&tree);
}

/* 2 J back is no wrap of 262 kJ in a millisecond. */
Test(rapl, going_back_twice_is_refused_both_times)
{
    struct fake_tree tree = one_package();
    struct busy busy = { NULL, { "intel-rapl:0" }, { "8000000\n" } };
    struct counter_session *s = open_session(&tree, &busy);
    struct cost cost;
    struct error err = { 0 };

    set_energy(&tree, "intel-rapl:0", "6000000\n");
    cr_assert(eq(int, counter_read(s, &cost, &err), STATUS_UNAVAILABLE));
    cr_assert(strstr(err.text, "jumped") != NULL);
    set_energy(&tree, "intel-rapl:0", "4000000\n");
    cr_assert(eq(int, counter_read(s, &cost, &err), STATUS_UNAVAILABLE));
    cr_assert(eq(int, cost.from[METRIC_JOULES], PROV_UNKNOWN));
    counter_close(s);
    fake_tree_close(&tree);
}

/* 5 kJ in a millisecond are 5 MW, more than any package draws. */
Test(rapl, more_than_two_kilowatts_is_refused)
{
    struct fake_tree tree = one_package();
    struct busy busy = alive;
    struct counter_session *s = open_session(&tree, &busy);
    struct cost cost;

    set_energy(&tree, "intel-rapl:0", "5000000000\n");
    cr_assert(eq(int, counter_read(s, &cost, NULL), STATUS_UNAVAILABLE));
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl, a_vanished_zone_is_an_error_not_zero)
{
    struct fake_tree tree = one_package();
    struct busy busy = alive;
    struct counter_session *s = open_session(&tree, &busy);
    struct cost cost;
    struct error err = { 0 };

    fake_tree_close(&tree);
    cr_assert(eq(int, counter_read(s, &cost, &err), STATUS_UNAVAILABLE));
    cr_assert(strstr(err.text, "no such file") != NULL);
    counter_close(s);
}

Test(rapl, a_sensor_that_stands_still_is_dead_not_zero)
{
    struct fake_tree tree = one_package();
    struct busy busy = { 0 };
    struct counter_session *s = open_session(&tree, &busy);
    struct cost cost;

    cr_assert(strstr(reason(s), "dead: its energy did not change") != NULL);
    cr_assert(eq(int, counter_read(s, &cost, NULL), STATUS_OK));
    cr_assert(eq(int, cost.from[METRIC_JOULES], PROV_UNKNOWN));
    counter_close(s);
    fake_tree_close(&tree);
}

/* Half of a machine's packages are not the machine. */
Test(rapl, one_dead_package_of_two_spoils_the_sum)
{
    struct fake_tree tree = one_package();
    struct busy busy = alive;

    write_zone(&tree, "intel-rapl:1", "package-1", "0\n", BIG);
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(strstr(reason(s), "intel-rapl:1 package-1: dead") != NULL);
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl, a_power_device_that_is_not_in_joules_is_refused)
{
    struct fake_tree tree = fake_tree_open();
    struct sensor_list list;

    fake_tree_write(&tree, "bus/event_source/devices/power/type", "9\n");
    fake_tree_write(&tree, "bus/event_source/devices/power/cpumask", "0\n");
    fake_tree_write(&tree,
                    "bus/event_source/devices/power/events/energy-pkg",
                    "event=0x02\n");
    sensor_list_open(&list, tree.root);
    cr_assert(eq(int, list.n, 1));
    cr_assert(strstr(list.sensor[0].reason, "not in Joules") != NULL);
    sensor_list_close(&list);
    fake_tree_close(&tree);
}

Test(rapl, only_joules_are_seen)
{
    struct fake_tree tree = one_package();
    struct busy busy = alive;
    struct counter_session *s = open_session(&tree, &busy);

    cr_assert(eq(u32, counter_seen(s), counter_bit(METRIC_JOULES)));
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl, a_powercap_directory_with_nothing_in_it_is_no_sensor)
{
    struct fake_tree tree = fake_tree_open();
    struct busy busy = { 0 };
    char path[512];

    fake_tree_write(&tree, CAP "x", "\n");
    fake_tree_path(&tree, path, CAP "x");
    cr_assert(remove(path) == 0);
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(strstr(reason(s), "no energy sensor") != NULL);
    counter_close(s);
    fake_tree_close(&tree);
}

/* `intel-rapl` is the control type, not a zone; `enabled` says whether limits
 * are enforced, not whether energy is counted; other types cap, and count
 * nothing. */
Test(rapl, control_types_are_no_zones_and_limits_do_not_matter)
{
    struct fake_tree tree = one_package();
    struct busy busy = alive;
    struct sensor_list list;

    fake_tree_write(&tree, CAP "intel-rapl/enabled", "0\n");
    fake_tree_write(&tree, CAP "intel-rapl/energy_uj", "5\n");
    fake_tree_write(&tree, CAP "intel-rapl:0/enabled", "0\n");
    fake_tree_write(&tree, CAP "idle-injection:0/name", "idle\n");
    sensor_list_open(&list, tree.root);
    cr_assert(eq(int, list.n, 1));
    sensor_list_close(&list);
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(eq(str, (char *)reason(s), ""));
    counter_close(s);
    fake_tree_close(&tree);
}

/* As in the real tree, where the class directory holds links. */
Test(rapl, zones_are_links)
{
    struct fake_tree tree = fake_tree_open();
    struct busy busy = alive;
    char path[512];

    write_zone(&tree, "../../devices/virtual/powercap/intel-rapl:0",
               "package-0", "1000000\n", BIG);
    fake_tree_write(&tree, CAP "dtpm/name", "dtpm\n");
    fake_tree_path(&tree, path, CAP "intel-rapl:0");
    cr_assert(symlink("../../devices/virtual/powercap/intel-rapl:0", path)
              == 0);
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(eq(str, (char *)reason(s), ""), "%s", reason(s));
    set_energy(&tree, "intel-rapl:0", "3500000\n");
    cr_assert(ieee_ulp_eq(dbl, joules(s), 2.0, 4));
    counter_close(s);
    fake_tree_close(&tree);
}

/* Two dies of one package count apart, each with its cores inside (AMD has no
 * other part, no DRAM). */
Test(rapl, dies_are_added_and_their_cores_are_not)
{
    struct fake_tree tree = fake_tree_open();
    struct busy busy = { NULL,
        { "intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1", "intel-rapl:1:0" },
        { "1000000\n", "700000\n", "2000000\n", "700000\n" } };

    write_zone(&tree, "intel-rapl:0", "package-0-die-0", "0\n", BIG);
    write_zone(&tree, "intel-rapl:0:0", "core", "0\n", BIG);
    write_zone(&tree, "intel-rapl:1", "package-0-die-1", "0\n", BIG);
    write_zone(&tree, "intel-rapl:1:0", "core", "0\n", BIG);
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(eq(str, s->source[METRIC_JOULES], "intel-rapl:0 package-0-die-0 "
                 "+ intel-rapl:1 package-0-die-1"));
    set_energy(&tree, "intel-rapl:0", "1500000\n");
    set_energy(&tree, "intel-rapl:0:0", "900000\n");
    set_energy(&tree, "intel-rapl:1", "2250000\n");
    cr_assert(ieee_ulp_eq(dbl, joules(s), 0.75, 4));
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl, one_vanished_zone_of_two_spoils_the_sum)
{
    struct fake_tree tree = one_package();
    struct busy busy = { NULL, { "intel-rapl:0", "intel-rapl:1" },
                         { "1500000\n", "100000\n" } };
    struct cost cost;
    struct error err = { 0 };
    char path[512];

    write_zone(&tree, "intel-rapl:1", "package-1", "0\n", BIG);
    struct counter_session *s = open_session(&tree, &busy);
    fake_tree_path(&tree, path, CAP "intel-rapl:1/energy_uj");
    cr_assert(remove(path) == 0);
    cr_assert(eq(int, counter_read(s, &cost, &err), STATUS_UNAVAILABLE));
    cr_assert(strstr(err.text, "intel-rapl:1 package-1: energy_uj: no such "
                     "file") != NULL, "%s", err.text);
    cr_assert(eq(int, cost.from[METRIC_JOULES], PROV_UNKNOWN));
    counter_close(s);
    fake_tree_close(&tree);
}

static double told(void *context)
{
    return *(double *)context;
}

/* A start after a gap that no reading would survive: what came before it does
 * not count. */
Test(rapl, a_start_counts_from_here_however_long_the_gap)
{
    struct fake_tree tree = fake_tree_open();
    struct sensor_list list;
    struct error err = { 0 };
    double now = 100;

    write_zone(&tree, "intel-rapl:0", "package-0", "9000000\n", "65532610987");
    sensor_list_open_by(&list, tree.root, (struct sensor_clock){ told, &now });
    now += 4000;
    set_energy(&tree, "intel-rapl:0", "3000000\n");
    cr_assert(eq(int, sensor_start(&list, 0, &err), STATUS_OK), "%s", err.text);
    now += 1;
    set_energy(&tree, "intel-rapl:0", "5000000\n");
    cr_assert(eq(int, sensor_read(&list, 0, &err), STATUS_OK), "%s", err.text);
    cr_assert(ieee_ulp_eq(dbl, list.sensor[0].joules, 2.0, 4));
    sensor_list_close(&list);
    fake_tree_close(&tree);
}

/* AMD's range: 65532.61 J, which 2 kW fill in 32.8 s.  After 30 s a step of
 * 3 kJ is one; after 40 s it could be that, or that and a wrap. */
Test(rapl, a_gap_that_can_hide_a_second_wrap_is_refused)
{
    struct fake_tree tree = fake_tree_open();
    struct sensor_list list;
    struct error err = { 0 };
    double now = 100;

    write_zone(&tree, "intel-rapl:0", "package-0", "1000000\n", "65532610987");
    sensor_list_open_by(&list, tree.root, (struct sensor_clock){ told, &now });
    now += 30;
    set_energy(&tree, "intel-rapl:0", "3001000000\n");
    cr_assert(eq(int, sensor_read(&list, 0, &err), STATUS_OK), "%s", err.text);
    cr_assert(ieee_ulp_eq(dbl, list.sensor[0].joules, 3000.0, 4));
    now += 40;
    set_energy(&tree, "intel-rapl:0", "6001000000\n");
    cr_assert(eq(int, sensor_read(&list, 0, &err), STATUS_UNAVAILABLE));
    cr_assert(strstr(err.text, "not read for 40 s") != NULL, "%s", err.text);
    sensor_list_close(&list);
    fake_tree_close(&tree);
}

/* Root gave the right to read away in the middle of it. */
Test(rapl, permission_lost_on_the_way_is_a_reason_of_its_own)
{
    struct fake_tree tree = one_package();
    struct busy busy = alive;
    struct counter_session *s = open_session(&tree, &busy);
    struct cost cost;
    struct error err = { 0 };
    char path[512];

    fake_tree_path(&tree, path, CAP "intel-rapl:0/energy_uj");
    cr_assert(chmod(path, 0) == 0);
    if (geteuid() == 0)
        cr_assert(seteuid(65534) == 0);
    cr_assert(eq(int, counter_read(s, &cost, &err), STATUS_UNAVAILABLE));
    if (getuid() == 0)
        cr_assert(seteuid(0) == 0);
    cr_assert(strstr(err.text, "CVE-2020-8694") != NULL, "%s", err.text);
    counter_close(s);
    fake_tree_close(&tree);
}

/* ---- one register under several names ---- */

/* Linux 6.9 to 6.12 on AMD: a zone for every core die, and one register. */
static struct fake_tree two_zones(const char *first, const char *second,
                                  const char *energy)
{
    struct fake_tree tree = fake_tree_open();

    write_zone(&tree, "intel-rapl:0", first, "7000000\n", BIG);
    write_zone(&tree, "intel-rapl:1", second, energy, BIG);
    return tree;
}

/* Both gain 6.8 J: 0.1 s of 68 W. */
static double gain_of_two(struct fake_tree *tree, struct busy *busy,
                          const char *first, const char *second,
                          char source[COUNTER_SOURCE_SIZE])
{
    struct counter_session *s = open_session(tree, busy);
    double gain;

    cr_assert(eq(str, (char *)reason(s), ""), "%s", reason(s));
    set_energy(tree, "intel-rapl:0", first);
    set_energy(tree, "intel-rapl:1", second);
    gain = joules(s);
    snprintf(source, COUNTER_SOURCE_SIZE, "%s", s->source[METRIC_JOULES]);
    counter_close(s);
    fake_tree_close(tree);
    return gain;
}

Test(rapl, dies_that_read_one_register_are_one_sensor)
{
    struct fake_tree tree = two_zones("package-0-die-0", "package-0-die-1",
                                      "7000000\n");
    struct busy busy = { NULL, { "intel-rapl:0", "intel-rapl:1" },
                         { "9000000\n", "9000000\n" } };
    char source[COUNTER_SOURCE_SIZE];

    cr_expect(ieee_ulp_eq(dbl, gain_of_two(&tree, &busy, "15800000\n",
                                           "15800000\n", source), 6.8, 4));
    cr_expect(eq(str, source, "intel-rapl:0 package-0-die-0"));
}

Test(rapl, a_mirror_is_listed_with_its_reason)
{
    struct fake_tree tree = two_zones("package-0-die-0", "package-0-die-1",
                                      "7000000\n");
    struct busy busy = { &tree, { "intel-rapl:0", "intel-rapl:1" },
                         { "9000000\n", "9000000\n" } };
    struct sensor_list list;

    sensor_list_open(&list, tree.root);
    sensor_list_probe(&list, work, &busy);
    cr_expect(eq(str, list.sensor[0].reason, ""));
    cr_expect(strstr(list.sensor[1].reason, "a mirror: it reads the register of"
                     " intel-rapl:0 package-0-die-0") != NULL, "%s",
              list.sensor[1].reason);
    sensor_list_close(&list);
    fake_tree_close(&tree);
}

Test(rapl, two_sockets_of_like_load_are_two)
{
    struct fake_tree tree = two_zones("package-0", "package-1", "7000000\n");
    struct busy busy = { NULL, { "intel-rapl:0", "intel-rapl:1" },
                         { "9000000\n", "9000000\n" } };
    char source[COUNTER_SOURCE_SIZE];

    cr_expect(ieee_ulp_eq(dbl, gain_of_two(&tree, &busy, "15800000\n",
                                           "15800000\n", source), 13.6, 4));
}

/* As of Cascade Lake-AP: each die has counted its own since the start. */
Test(rapl, two_dies_of_like_load_that_count_apart_are_two)
{
    struct fake_tree tree = two_zones("package-0-die-0", "package-0-die-1",
                                      "7100000\n");
    struct busy busy = { NULL, { "intel-rapl:0", "intel-rapl:1" },
                         { "9000000\n", "9100000\n" } };
    char source[COUNTER_SOURCE_SIZE];

    cr_expect(ieee_ulp_eq(dbl, gain_of_two(&tree, &busy, "15800000\n",
                                           "15900000\n", source), 13.6, 4));
}

/* ---- more registers than an old limit ---- */

enum { DIES = 24 };              /* of two sockets of 12 */

/* Minor page faults, as joules; the mask names CPU 0 24 times, since a test
 * cannot have more CPUs. */
static struct fake_tree faults_as_joules(void)
{
    struct fake_tree tree = fake_tree_open();
    static const char device[] = "bus/event_source/devices/power/";
    char path[128], mask[2 * DIES + 1] = "";

    for (int i = 0; i < DIES; i++)
        strcat(mask, i ? ",0" : "0");
    snprintf(path, sizeof path, "%stype", device);
    fake_tree_write(&tree, path, "1\n");
    snprintf(path, sizeof path, "%scpumask", device);
    fake_tree_write(&tree, path, "%s\n", mask);
    snprintf(path, sizeof path, "%sevents/energy-pkg", device);
    fake_tree_write(&tree, path, "event=0x02\n");
    snprintf(path, sizeof path, "%sevents/energy-pkg.unit", device);
    fake_tree_write(&tree, path, "Joules\n");
    snprintf(path, sizeof path, "%sevents/energy-pkg.scale", device);
    fake_tree_write(&tree, path, "1e-6\n");
    return tree;
}

static void skip_without_perf(const struct fake_tree *tree)
{
    struct sensor_list list;
    bool denied;

    sensor_list_open(&list, tree->root);
    denied = list.n && list.sensor[0].reason[0];
    sensor_list_close(&list);
    if (denied)
        cr_skip("%s", list.sensor[0].reason);
}

/* Fault pages in on CPU 0, where the events count. */
static void fault(void *context)
{
    cpu_set_t cpu;

    (void)context;
    CPU_ZERO(&cpu);
    CPU_SET(0, &cpu);
    cr_assert(sched_setaffinity(0, sizeof cpu, &cpu) == 0);
    char *page = mmap(NULL, 100 * 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 100; i++)
        page[4096 * i] = 1;
    munmap(page, 100 * 4096);
}

static int n_that_work(const struct fake_tree *tree)
{
    struct sensor_list list;
    int n = 0;

    sensor_list_open(&list, tree->root);
    sensor_list_probe(&list, fault, NULL);
    sensor_list_close(&list);
    for (int i = 0; i < list.n; i++)
        n += !list.sensor[i].reason[0];
    return n;
}

Test(rapl, every_cpu_of_a_cpumask_is_read)
{
    struct fake_tree tree = faults_as_joules();

    skip_without_perf(&tree);
    cr_expect(eq(int, n_that_work(&tree), DIES));
    fake_tree_close(&tree);
}

Test(rapl, the_cpus_of_one_package_that_count_alike_are_one_sensor)
{
    struct fake_tree tree = faults_as_joules();

    skip_without_perf(&tree);
    fake_tree_write(&tree, "devices/system/cpu/cpu0/topology/"
                    "physical_package_id", "0\n");
    cr_expect(eq(int, n_that_work(&tree), 1));
    fake_tree_close(&tree);
}

/* A zone that does not fit in the list would be left out of the sum. */
Test(rapl, a_list_that_is_full_gives_no_sum)
{
    struct fake_tree tree = fake_tree_open();
    struct busy busy = { 0 };
    char zone[64];

    for (int i = 0; i <= SENSOR_MAX; i++) {
        snprintf(zone, sizeof zone, "intel-rapl:%d", i);
        write_zone(&tree, zone, "package-0", "1000000\n", BIG);
    }
    struct counter_session *s = open_session(&tree, &busy);
    cr_expect(strstr(reason(s), "more sensors than") != NULL, "%s",
              reason(s));
    counter_close(s);
    fake_tree_close(&tree);
}

/* ---- trees that somebody else filled ---- */

/* Nobody writes into the pipe: whoever opens it to read would wait for ever. */
Test(sysfs, a_pipe_in_place_of_a_file_is_not_waited_for, .timeout = 20)
{
    struct fake_tree tree = fake_tree_open();
    char path[512], text[8] = "old";

    fake_tree_path(&tree, path, "energy_uj");
    cr_assert(eq(int, mkfifo(path, 0600), 0));
    cr_expect(eq(int, (int)sysfs_text(text, sizeof text, tree.root,
                                      "energy_uj"), (int)SYSFS_OTHER));
    cr_expect(eq(str, text, ""));
    fake_tree_close(&tree);
}

/* Folders of the real tree are links; what is read in them is none. */
Test(sysfs, a_link_is_followed_to_a_folder_and_not_to_a_file)
{
    struct fake_tree tree = fake_tree_open();
    char link[512], elsewhere[512];
    uint64_t number = 7;

    fake_tree_write(&tree, "devices/zone/energy_uj", "1234\n");
    fake_tree_path(&tree, elsewhere, "devices/zone");
    fake_tree_path(&tree, link, "zone");
    cr_assert(eq(int, symlink(elsewhere, link), 0));
    cr_expect(eq(int, (int)sysfs_number(&number, tree.root, "zone/energy_uj"),
                 (int)SYSFS_READ));
    cr_expect(eq(u64, number, 1234));
    fake_tree_path(&tree, elsewhere, "devices/zone/energy_uj");
    fake_tree_path(&tree, link, "planted");
    cr_assert(eq(int, symlink(elsewhere, link), 0));
    cr_expect(eq(int, (int)sysfs_number(&number, tree.root, "planted"),
                 (int)SYSFS_OTHER));
    fake_tree_close(&tree);
}

/* The sensor says so, and the others are read. */
Test(rapl, a_zone_whose_energy_is_a_pipe_says_so, .timeout = 20)
{
    struct fake_tree tree = fake_tree_open();
    struct sensor_list list;
    char path[512];

    write_zone(&tree, "intel-rapl:0", "package-0", "1", "1000000");
    write_zone(&tree, "intel-rapl:1", "package-1", "1", "1000000");
    fake_tree_path(&tree, path, CAP "intel-rapl:0/energy_uj");
    cr_assert(eq(int, unlink(path), 0));
    cr_assert(eq(int, mkfifo(path, 0600), 0));
    sensor_list_open(&list, tree.root);
    cr_assert(eq(int, list.n, 2));
    cr_expect(eq(str, list.sensor[0].reason, "energy_uj: is no plain file"));
    cr_expect(eq(str, list.sensor[1].reason, ""));
    sensor_list_close(&list);
    fake_tree_close(&tree);
}
