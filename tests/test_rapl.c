/* test_rapl.c - Read an energy counter in every state that it can be in, on
 * trees made for the test. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include "hwprof/energy/sensor.h"
#include "tests/powercap_tree.h"

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

Test(rapl, only_joules_are_seen)
{
    struct fake_tree tree = one_package();
    struct busy busy = alive;
    struct counter_session *s = open_session(&tree, &busy);

    cr_assert(eq(u32, counter_seen(s), counter_bit(METRIC_JOULES)));
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

/* The sensor says so, and the others are read. */
Test(rapl, a_zone_whose_energy_is_a_pipe_says_so)
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
