/* test_machine_command.c - Run `isobath machine --fit-energy` as a user does
 * where no sensor works: the reason, exit code 1, and no file touched. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <sys/wait.h>

#include "hwprof/counters/counter.h"
#include "sim/core/base/file.h"
#include "tests/fake_tree.h"
#include "tests/program.h"

enum { TEXT_SIZE = 16384 };

/* Both streams into text[]; returns the exit code. */
static int machine(const char *arguments, char text[TEXT_SIZE])
{
    char path[PROGRAM_SIZE], line[2048];

    program_path(path);
    snprintf(line, sizeof line, "'%s' machine %s 2>&1", path, arguments);
    FILE *pipe = popen(line, "r");
    cr_assert(pipe != NULL);
    text[fread(text, 1, TEXT_SIZE - 1, pipe)] = '\0';
    int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void write_zone(const struct fake_tree *tree)
{
    fake_tree_write(tree, "class/powercap/intel-rapl:0/name", "package-0\n");
    fake_tree_write(tree, "class/powercap/intel-rapl:0/energy_uj", "77\n");
    fake_tree_write(tree, "class/powercap/intel-rapl:0/max_energy_range_uj",
                    "262143328850\n");
}

Test(machine_command, without_a_sensor_nothing_is_fitted)
{
    struct fake_tree tree = fake_tree_open();
    char arguments[512], text[TEXT_SIZE];

    snprintf(arguments, sizeof arguments, "--fit-energy --sysfs-root %s",
             tree.root);
    cr_expect(eq(int, machine(arguments, text), 1));
    cr_expect(strstr(text, "no coefficients can be fitted: no energy sensor")
              != NULL, "%s", text);
    fake_tree_close(&tree);
}

Test(machine_command, a_dead_sensor_fits_nothing_and_leaves_the_file_alone)
{
    struct fake_tree tree = fake_tree_open();
    char arguments[512], text[TEXT_SIZE], path[512], *kept = NULL;
    size_t size = 0;

    write_zone(&tree);
    fake_tree_write(&tree, "old.yaml", "# Written by `isobath machine`\nname: old\n");
    snprintf(arguments, sizeof arguments,
             "--fit-energy --sysfs-root %s -o %s/old.yaml", tree.root,
             tree.root);
    cr_expect(eq(int, machine(arguments, text), 1));
    cr_expect(strstr(text, "intel-rapl:0 package-0: dead: its energy did not "
                     "change") != NULL, "%s", text);
    cr_expect(strstr(text, "0 J") == NULL, "%s", text);
    fake_tree_path(&tree, path, "old.yaml");
    cr_assert(eq(int, file_read(&kept, &size, path, 100, NULL), STATUS_OK));
    cr_expect(eq(str, kept, "# Written by `isobath machine`\nname: old\n"));
    free(kept);
    fake_tree_close(&tree);
}

Test(machine_command, a_setting_has_no_config_to_go_into)
{
    char text[TEXT_SIZE];

    cr_expect(eq(int, machine("--quick --set model.layers=2", text), 2));
    cr_expect(strstr(text, "unknown flag '--set': isobath machine takes --out")
              != NULL, "%s", text);
}

/* As on Arm boards whose firmware lists a cache and nothing about it. */
Test(machine_command, what_the_kernel_does_not_say_is_not_zero)
{
    struct fake_tree tree = fake_tree_open();
    char arguments[512], text[TEXT_SIZE];

    fake_tree_write(&tree, "devices/system/cpu/online", "0\n");
    fake_tree_write(&tree, "devices/system/cpu/cpu0/cache/index0/level", "1\n");
    fake_tree_write(&tree, "devices/system/cpu/cpu0/cache/index0/type",
                    "Data\n");
    snprintf(arguments, sizeof arguments, "--quick --sysfs-root %s", tree.root);
    cr_expect(eq(int, machine(arguments, text), 0));
    cr_expect(strstr(text, "L1d        the kernel does not say its size")
              != NULL, "%s", text);
    cr_expect(strstr(text, "\n  1 CPU, ") != NULL, "%s", text);
    cr_expect(strstr(text, " 0 ") == NULL, "%s", text);
    snprintf(arguments, sizeof arguments,
             "--quick --format json --sysfs-root %s | sed -n '/topology/,/peak/p'",
             tree.root);
    cr_expect(eq(int, machine(arguments, text), 0));
    cr_expect(strstr(text, "\"size_bytes\": null") != NULL, "%s", text);
    cr_expect(strstr(text, "\"sockets\": null") != NULL, "%s", text);
    cr_expect(strstr(text, "\"sockets\": \"/sys does not tell\"") != NULL, "%s",
              text);
    cr_expect(strstr(text, "\": 0,") == NULL, "%s", text);
    fake_tree_close(&tree);
}

/* One line says that cores are unlike. */
Test(machine_command, two_kinds_of_core_are_one_line)
{
    struct fake_tree tree = fake_tree_open();
    char arguments[512], text[TEXT_SIZE], path[128];

    fake_tree_write(&tree, "devices/system/cpu/online", "0-1\n");
    for (int cpu = 0; cpu < 2; cpu++) {
        snprintf(path, sizeof path, "devices/system/cpu/cpu%d/cpufreq/"
                 "cpuinfo_max_freq", cpu);
        fake_tree_write(&tree, path, "%d\n", cpu ? 1800000 : 2400000);
        snprintf(path, sizeof path, "devices/system/cpu/cpu%d/topology/"
                 "core_cpus_list", cpu);
        fake_tree_write(&tree, path, "%d\n", cpu);
        snprintf(path, sizeof path, "devices/system/cpu/cpu%d/regs/"
                 "identification/midr_el1", cpu);
        fake_tree_write(&tree, path, "0x410f%s\n", cpu ? "d034" : "d082");
    }
    snprintf(arguments, sizeof arguments, "--quick --sysfs-root %s", tree.root);
    cr_expect(eq(int, machine(arguments, text), 0));
    cr_expect(strstr(text, "\n  2 kinds of core: 1 like CPU 0, at most 2.40 "
                     "GHz; 1 like CPU 1, at most 1.80 GHz\n") != NULL, "%s",
              text);
    cr_expect(strstr(text, "\n  2 CPUs on 2 cores, ") != NULL, "%s", text);
    fake_tree_close(&tree);
}

/* Every back end says its events or why it has none. */
Test(machine_command, every_back_end_is_listed_with_its_reasons)
{
    struct fake_tree tree = fake_tree_open();
    char arguments[512], text[TEXT_SIZE];

    fake_tree_write(&tree, "devices/system/cpu/online", "0\n");
    snprintf(arguments, sizeof arguments, "--quick --format json --sysfs-root"
             " %s | sed -n '/\"counters\"/,$p' | grep -A9 '\"recorded\"'",
             tree.root);
    cr_expect(eq(int, machine(arguments, text), 0));
    cr_expect(strstr(text, "isobath profile --recorded DIR") != NULL, "%s",
              text);
    snprintf(arguments, sizeof arguments, "--quick --sysfs-root %s | sed -n"
             " '/^Ways to read/,/^Energy/p'", tree.root);
    cr_expect(eq(int, machine(arguments, text), 0));
    for (int i = 0; counter_backends[i]; i++)
        cr_expect(strstr(text, counter_backends[i]->name) != NULL, "%s: %s",
                  counter_backends[i]->name, text);
    cr_expect(strstr(text, "no energy sensor") != NULL, "%s", text);
    fake_tree_close(&tree);
}

Test(machine_command, help_says_what_it_takes)
{
    char text[TEXT_SIZE];

    cr_expect(eq(int, machine("--help", text), 0));
    cr_expect(strstr(text, "--fit-energy") != NULL);
}
