/* test_power_device.c - Read the energy events of perf's power device on every
 * CPU that it names. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sched.h>
#include <sys/mman.h>

#include "hwprof/energy/sensor.h"
#include "tests/fake_tree.h"

Test(power_device, a_power_device_that_is_not_in_joules_is_refused)
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

Test(power_device, every_cpu_of_a_cpumask_is_read)
{
    struct fake_tree tree = faults_as_joules();

    skip_without_perf(&tree);
    cr_expect(eq(int, n_that_work(&tree), DIES));
    fake_tree_close(&tree);
}

Test(power_device, the_cpus_of_one_package_that_count_alike_are_one_sensor)
{
    struct fake_tree tree = faults_as_joules();

    skip_without_perf(&tree);
    fake_tree_write(&tree, "devices/system/cpu/cpu0/topology/"
                    "physical_package_id", "0\n");
    cr_expect(eq(int, n_that_work(&tree), 1));
    fake_tree_close(&tree);
}
