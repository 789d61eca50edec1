/* What `isobath machine -o` writes, read back by what prices with it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "hwprof/machine_profile.h"
#include "sim/machine.h"
#include "tests/fake_tree.h"

/* Two cores: 100 GFLOP/s each, 190 together; 1000, 500, 250, 20 GB/s. */
static struct peak make_peak(void)
{
    struct peak p = { .kernel = "a \"test\" kernel", .n_threads = 2 };

    p.flops_one = (struct peak_rate){ 100e9, 95e9, 5, "" };
    p.flops_all = (struct peak_rate){ 190e9, 180e9, 5, "" };
    p.read_all[PEAK_L1] = (struct peak_rate){ 1000e9, 900e9, 5, "" };
    p.read_all[PEAK_L2] = (struct peak_rate){ 500e9, 400e9, 5, "" };
    p.read_all[PEAK_L3] = (struct peak_rate){ 250e9, 200e9, 5, "" };
    p.read_all[PEAK_DRAM] = (struct peak_rate){ 20e9, 18e9, 5, "" };
    return p;
}

static struct cpu_topology make_topology(void)
{
    return (struct cpu_topology){
        .model_name = "Test \\ \"CPU\"", .n_cpus = 2, .n_cores = 2,
        .cpus_per_core = 1, .n_caches = 3,
        .cache = { { 1, 'd', 32 << 10, 64, 8, 1 },
                   { 2, 'u', 512 << 10, 64, 8, 1 },
                   { 3, 'u', 32 << 20, 64, 16, 2 } },
    };
}

static enum status round_trip(const struct peak *peak, struct machine *machine,
                              struct error *err)
{
    struct fake_tree tree = fake_tree_open();
    struct cpu_topology topology = make_topology();
    char path[512];

    fake_tree_path(&tree, path, "machine.yaml");
    FILE *file = fopen(path, "w");
    enum status status = machine_profile_write(file, &topology, peak, err);
    fclose(file);
    if (status == STATUS_OK)
        status = machine_load(machine, path, err);
    fake_tree_close(&tree);
    return status;
}

Test(machine_profile, what_was_measured_comes_back)
{
    struct peak peak = make_peak();
    struct machine m;
    struct error err = { 0 };

    cr_assert(eq(int, round_trip(&peak, &m, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(str, m.name, "Test \\ \"CPU\""));
    cr_assert(eq(i64, m.cores, 2));
    cr_assert(eq(dbl, m.peak_flops_per_second.value, 190e9));
    cr_assert(eq(dbl, m.peak_flops_per_second.low, 180e9));
    cr_assert(eq(str, m.peak_flops_per_second.grade, "measured"));
    cr_assert(eq(dbl, m.level[LEVEL_DRAM].bytes_per_second.value, 20e9));
    /* two L1 and L2, one shared L3 */
    cr_assert(eq(dbl, m.level[LEVEL_L1].size_bytes.value, 65536.0));
    cr_assert(eq(dbl, m.level[LEVEL_L2].size_bytes.value, 1048576.0));
    cr_assert(eq(dbl, m.level[LEVEL_L3].size_bytes.value, 33554432.0));
}

Test(machine_profile, joules_are_priors_and_say_so)
{
    struct peak peak = make_peak();
    struct machine m;
    struct error err = { 0 };

    cr_assert(eq(int, round_trip(&peak, &m, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(str, m.joules_per_flop.grade, "assumed"));
    cr_assert(eq(str, m.level[LEVEL_DRAM].joules_per_byte.grade, "assumed"));
    cr_assert(machine_full_watts(&m) <= m.tdp_watts.value);
}

/* A neighbour took the machine while L1 was measured. */
Test(machine_profile, noise_cannot_make_a_far_level_the_faster_one)
{
    struct peak peak = make_peak();
    struct machine m;
    struct error err = { 0 };

    peak.read_all[PEAK_L1].per_second = 300e9;
    peak.read_all[PEAK_L1].worst = 290e9;
    peak.flops_all.per_second = 230e9;
    cr_assert(eq(int, round_trip(&peak, &m, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(dbl, m.level[LEVEL_L2].bytes_per_second.value, 300e9));
}

Test(machine_profile, a_machine_without_l3_has_none)
{
    struct peak peak = make_peak();
    struct machine m;
    struct error err = { 0 };

    peak.read_all[PEAK_L3] = (struct peak_rate){ 0 };
    cr_assert(eq(int, round_trip(&peak, &m, &err), STATUS_OK), "%s", err.text);
    cr_assert(not(machine_has_level(&m, LEVEL_L3)));
}

Test(machine_profile, without_cache_sizes_there_is_no_profile)
{
    struct peak peak = make_peak();
    struct machine m;
    struct error err = { 0 };

    peak.read_all[PEAK_L1] = (struct peak_rate){ 0 };
    cr_assert(eq(int, round_trip(&peak, &m, &err), STATUS_UNAVAILABLE));
    cr_assert(strstr(err.text, "sizes of L1 and L2") != NULL);
}
