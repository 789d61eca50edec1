/* test_rapl_zones.c - Tell which zones of a tree are sensors of their own, and add
 * no joule twice. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include "hwprof/energy/sensor.h"
#include "tests/powercap_tree.h"

Test(rapl_zones, no_tree_says_so)
{
    struct fake_tree tree = fake_tree_open();
    struct busy busy = { 0 };
    struct counter_session *s = open_session(&tree, &busy);

    cr_assert(strstr(reason(s), "no energy sensor") != NULL);
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl_zones, an_empty_powercap_directory_is_no_sensor)
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
Test(rapl_zones, parts_are_never_added_to_their_package)
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

Test(rapl_zones, two_packages_are_added)
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

Test(rapl_zones, the_platform_is_not_added_to_its_packages)
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

Test(rapl_zones, the_platform_alone_will_do)
{
    struct fake_tree tree = fake_tree_open();
    struct busy busy = { NULL, { "intel-rapl:0" }, { "500000\n" } };

    write_zone(&tree, "intel-rapl:0", "psys", "0\n", BIG);
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(eq(str, s->source[METRIC_JOULES], "intel-rapl:0 psys"));
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl_zones, the_mmio_road_to_the_same_counter_is_ignored)
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

/* Half of a machine's packages are not the machine. */
Test(rapl_zones, one_dead_package_of_two_spoils_the_sum)
{
    struct fake_tree tree = one_package();
    struct busy busy = alive;

    write_zone(&tree, "intel-rapl:1", "package-1", "0\n", BIG);
    struct counter_session *s = open_session(&tree, &busy);
    cr_assert(strstr(reason(s), "intel-rapl:1 package-1: dead") != NULL);
    counter_close(s);
    fake_tree_close(&tree);
}

Test(rapl_zones, a_powercap_directory_with_nothing_in_it_is_no_sensor)
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
Test(rapl_zones, control_types_are_no_zones_and_limits_do_not_matter)
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
Test(rapl_zones, zones_are_links)
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
Test(rapl_zones, dies_are_added_and_their_cores_are_not)
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

Test(rapl_zones, one_vanished_zone_of_two_spoils_the_sum)
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

Test(rapl_zones, dies_that_read_one_register_are_one_sensor)
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

Test(rapl_zones, a_mirror_is_listed_with_its_reason)
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

Test(rapl_zones, two_sockets_of_like_load_are_two)
{
    struct fake_tree tree = two_zones("package-0", "package-1", "7000000\n");
    struct busy busy = { NULL, { "intel-rapl:0", "intel-rapl:1" },
                         { "9000000\n", "9000000\n" } };
    char source[COUNTER_SOURCE_SIZE];

    cr_expect(ieee_ulp_eq(dbl, gain_of_two(&tree, &busy, "15800000\n",
                                           "15800000\n", source), 13.6, 4));
}

/* As of Cascade Lake-AP: each die has counted its own since the start. */
Test(rapl_zones, two_dies_of_like_load_that_count_apart_are_two)
{
    struct fake_tree tree = two_zones("package-0-die-0", "package-0-die-1",
                                      "7100000\n");
    struct busy busy = { NULL, { "intel-rapl:0", "intel-rapl:1" },
                         { "9000000\n", "9100000\n" } };
    char source[COUNTER_SOURCE_SIZE];

    cr_expect(ieee_ulp_eq(dbl, gain_of_two(&tree, &busy, "15800000\n",
                                           "15900000\n", source), 13.6, 4));
}

/* A zone that does not fit in the list would be left out of the sum. */
Test(rapl_zones, a_list_that_is_full_gives_no_sum)
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
