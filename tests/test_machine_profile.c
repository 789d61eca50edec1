/* test_machine_profile.c - Read back what `isobath machine -o` writes, by the
 * code that prices with it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "hwprof/measure/machine_profile.h"
#include "sim/price/machine.h"
#include "tests/full_watts.h"
#include "tests/fake_tree.h"

static struct peak_rate rate(double best, double worst)
{
    return (struct peak_rate){ .per_second = best, .worst = worst, .n_runs = 5,
                               .share = 1 };
}

/* Two cores: 100 GFLOP/s each, 190 together; 1000, 500, 250, 20 GB/s. */
static struct peak make_peak(void)
{
    struct peak p = { .kernel = "a \"test\" kernel", .n_threads = 2 };

    p.flops_one = rate(100e9, 95e9);
    p.flops_all = rate(190e9, 180e9);
    p.read_all[PEAK_L1] = rate(1000e9, 900e9);
    p.read_all[PEAK_L2] = rate(500e9, 400e9);
    p.read_all[PEAK_L3] = rate(250e9, 200e9);
    p.read_all[PEAK_DRAM] = rate(20e9, 18e9);
    return p;
}

static struct cpu_topology make_topology(void)
{
    return (struct cpu_topology){
        .model_name = "Test \\ \"CPU\"", .n_cpus = 2, .n_cores = 2,
        .cpus_per_core = 1, .n_caches = 3,
        .cache = { { 1, 'd', 32 << 10, 64, 8, 1, 2 },
                   { 2, 'u', 512 << 10, 64, 8, 1, 2 },
                   { 3, 'u', 32 << 20, 64, 16, 2, 1 } },
    };
}

/* Half of the peak at any size, and 1 us to start an op. */
static struct machine_shares make_shares(void)
{
    return (struct machine_shares){
        .n_curves = 4,
        .curve = { { "matmul", { 4, { 1e3, 0.1, 1e9, 0.5 } } },
                   { "attend", { 2, { 1e3, 0.5 } } },
                   { "vector", { 2, { 1e3, 0.5 } } },
                   { "loss",   { 2, { 1e4, 0.25 } } } },
        .half_head = { 8, 4, 16, false },
        .half_head_backward = { 4, 2, 8, false },
        .half_head_query = { 2, 1, 4, false },
        .query_head_seconds = { 2e-7, 1e-7, 4e-7, false },
        .aging = MACHINE_RANGE_UNKNOWN,
        .scale = { 1, 0.8, 1.25, false },
        .launch_seconds = { 1e-6, 0.5e-6, 2e-6, false },
        .select_rows = { 2e7, 1e7, 3e7, false } };
}

static struct machine_shares shares_used;

static enum status round_trip_of(struct cpu_topology topology,
                                 const struct peak *peak,
                                 const struct machine_fit *fit,
                                 struct machine *machine, struct error *err)
{
    struct fake_tree tree = fake_tree_open();
    char path[512];

    fake_tree_path(&tree, path, "machine.yaml");
    FILE *file = fopen(path, "w");
    enum status status = machine_profile_write(file, &topology, peak,
                                               &shares_used, fit, err);
    fclose(file);
    if (status == STATUS_OK)
        status = machine_load(machine, path, err);
    fake_tree_close(&tree);
    return status;
}

static double share_at(const struct machine *m, enum work work, double flops)
{
    const struct flops_size size = { .flops = flops, .sequences = 1 };
    return machine_efficiency(m, work, &size);
}

static enum status round_trip_fit(const struct peak *peak,
                                  const struct machine_fit *fit,
                                  struct machine *machine, struct error *err)
{
    return round_trip_of(make_topology(), peak, fit, machine, err);
}

static enum status round_trip(const struct peak *peak, struct machine *machine,
                              struct error *err)
{
    return round_trip_fit(peak, NULL, machine, err);
}

static void set_up(void)
{
    shares_used = make_shares();
}

TestSuite(machine_profile, .init = set_up);

Test(machine_profile, what_was_measured_comes_back)
{
    struct peak peak = make_peak();
    struct machine m;
    struct error err = { 0 };

    cr_assert(eq(int, round_trip(&peak, &m, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(str, m.name, "Test \\ \"CPU\""));
    cr_assert(eq(i64, m.cores, 2));
    cr_assert(eq(dbl, machine_peak(&m, PRECISION_FP32)->value, 190e9));
    cr_assert(eq(dbl, machine_peak(&m, PRECISION_FP32)->low, 180e9));
    cr_assert(eq(str, (char *)machine_peak(&m, PRECISION_FP32)->grade, "measured"));
    cr_assert(eq(dbl, m.level[LEVEL_DRAM].bytes_per_second.value, 20e9));
    /* two L1 and L2, one shared L3 */
    cr_assert(eq(dbl, m.level[LEVEL_L1].size_bytes.value, 65536.0));
    cr_assert(eq(dbl, m.level[LEVEL_L2].size_bytes.value, 1048576.0));
    cr_assert(eq(dbl, m.level[LEVEL_L3].size_bytes.value, 33554432.0));
}

Test(machine_profile, what_work_reaches_comes_back)
{
    struct peak peak = make_peak();
    struct machine m;
    struct error err = { 0 };

    cr_assert(eq(int, round_trip(&peak, &m, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(dbl, share_at(&m, WORK_MATMUL, 1e9), 0.5));
    cr_expect(eq(dbl, share_at(&m, WORK_MATMUL, 1e2), 0.1));
    cr_expect(eq(dbl, share_at(&m, WORK_LOSS, 1e5), 0.25));
    cr_expect(eq(dbl, share_at(&m, WORK_ACT, 1e5), 0.5));
    cr_expect(eq(dbl, m.efficiency_scale.low, 0.8));
    cr_expect(eq(dbl, m.half_head.value, 8));
    cr_expect(eq(dbl, m.half_head_backward.high, 8));
    cr_expect(eq(dbl, m.half_head_query.value, 2));
    cr_expect(eq(dbl, m.query_head_seconds.high, 4e-7));
    cr_expect(eq(dbl, m.launch_seconds.value, 1e-6));
    cr_expect(eq(str, m.launch_seconds.grade, "measured"));
    cr_expect(eq(dbl, m.select_rows_per_second.value, 2e7));
}

/* What shares and steps found of waiting; without them a profile does not say, and
 * is read all the same. */
Test(machine_profile, what_work_waits_for_comes_back)
{
    struct peak peak = make_peak();
    static struct machine m;
    struct error err = { 0 };

    cr_assert(eq(int, round_trip(&peak, &m, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(i32, m.dram_reached.n, 0));
    cr_expect(not(quantity_known(&m.aging_bytes)));
    cr_expect(not(quantity_known(&m.wait[WAIT_FEW].memory)));
    shares_used.n_serial = 4;
    shares_used.serial[0] =
        (struct machine_number){ "caches", { 0.25, 0.125, 0.5, false } };
    shares_used.serial[1] =
        (struct machine_number){ "memory", { 0.75, 0.5, 1, false } };
    shares_used.serial[2] =
        (struct machine_number){ "query_memory", { 1.5, 1, 2, true } };
    shares_used.serial[3] = (struct machine_number){ "rows", { 4, 4, 7, false } };
    shares_used.reached = (struct config_real_list){ 4, { 1e6, 0.5, 2e6, 1 } };
    shares_used.aging = (struct machine_range){ 4e7, 2e7, 8e7, false };
    cr_assert(eq(int, round_trip(&peak, &m, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(dbl, m.wait[WAIT_FEW].caches.value, 0.25));
    cr_expect(eq(dbl, m.wait[WAIT_FEW].memory.high, 1));
    cr_expect(eq(str, m.wait[WAIT_FEW].memory.grade, "measured"));
    cr_expect(eq(dbl, m.wait[WAIT_QUERY].memory.value, 1.5));
    cr_expect(eq(str, m.wait[WAIT_QUERY].memory.grade, "assumed"));
    cr_expect(eq(dbl, m.serial_rows.high, 7));
    cr_assert(eq(i32, m.dram_reached.n, 4));
    cr_expect(eq(dbl, m.dram_reached.value[1], 0.5));
    cr_expect(eq(dbl, m.aging_bytes.low, 2e7));
}

/* A peak that an op exceeds was measured beside other work. */
Test(machine_profile, no_op_runs_faster_than_the_peak)
{
    struct peak peak = make_peak();
    struct machine m;
    struct error err = { 0 };

    shares_used.flops_per_second = 250e9;
    cr_assert(eq(int, round_trip(&peak, &m, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(dbl, machine_peak(&m, PRECISION_FP32)->value, 250e9));
    cr_expect(eq(dbl, machine_peak(&m, PRECISION_FP32)->high, 250e9));
}

/* What was not seen is left out; what others ran beside is no measurement. */
Test(machine_profile, a_busy_machine_measures_no_shares)
{
    struct peak peak = make_peak();
    struct machine m;
    struct error err = { 0 };

    shares_used.launch_seconds.busy = shares_used.scale.busy = true;
    shares_used.select_rows.value = NAN;
    cr_assert(eq(int, round_trip(&peak, &m, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(str, m.launch_seconds.grade, "assumed"));
    cr_expect(eq(str, m.efficiency_scale.grade, "assumed"));
    cr_expect(eq(str, m.half_head.grade, "measured"));
    cr_expect(not(quantity_known(&m.select_rows_per_second)));
}

/* A guest is told of all of a cache that other guests use too. */
Test(machine_profile, a_guest_may_have_less_of_the_last_cache)
{
    struct cpu_topology topology = make_topology();
    struct peak peak = make_peak();
    struct machine m;
    struct error err = { 0 };

    topology.virtual_machine = true;
    cr_assert(eq(int, round_trip_of(topology, &peak, NULL, &m, &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(eq(dbl, m.level[LEVEL_L3].size_bytes.value, 33554432.0));
    cr_expect(lt(dbl, m.level[LEVEL_L3].size_bytes.low, 33554432.0));
    cr_expect(eq(dbl, m.level[LEVEL_L2].size_bytes.low, 1048576.0));
}

/* One core with 1 MiB of L2, one with 512 KiB. */
Test(machine_profile, unlike_caches_are_summed)
{
    struct cpu_topology topology = make_topology();
    struct peak peak = make_peak();
    struct machine m;
    struct error err = { 0 };

    topology.cache[1].n = 1;
    topology.cache[topology.n_caches++] =
        (struct cache_level){ 2, 'u', 1 << 20, 64, 8, 1, 1 };
    cr_assert(eq(int, round_trip_of(topology, &peak, NULL, &m, &err),
                 STATUS_OK), "%s", err.text);
    cr_expect(eq(dbl, m.level[LEVEL_L2].size_bytes.value, 1572864.0));
}

/* 137 GFLOP/s were once written as measured, where one core does 254. */
Test(machine_profile, a_rate_that_others_ran_beside_is_not_graded_measured)
{
    struct peak peak = make_peak();
    struct machine m;
    struct error err = { 0 };

    peak.flops_all.share = 0.5;
    cr_assert(eq(int, round_trip(&peak, &m, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(str, (char *)machine_peak(&m, PRECISION_FP32)->grade, "assumed"));
    cr_expect(eq(dbl, machine_peak(&m, PRECISION_FP32)->value, 190e9));
    cr_expect(eq(dbl, machine_peak(&m, PRECISION_FP32)->high, 380e9));
    cr_expect(eq(str, m.level[LEVEL_DRAM].bytes_per_second.grade, "measured"));
}

Test(machine_profile, joules_are_priors_and_say_so)
{
    struct peak peak = make_peak();
    struct machine m;
    struct error err = { 0 };

    cr_assert(eq(int, round_trip(&peak, &m, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(str, m.joules_per_flop[PRECISION_FP32].grade, "assumed"));
    cr_assert(eq(str, m.level[LEVEL_DRAM].joules_per_byte.grade, "assumed"));
    cr_assert(full_compute_watts(&m, PRECISION_FP32) <= m.watts.cap.value);
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

/* ---- a fit ---- */

static struct energy_coefficient found(double value)
{
    return (struct energy_coefficient){ value, 0.9 * value, 1.2 * value, true,
                                        "" };
}

/* A load costs more than what L2 adds to it: no order to keep. */
static struct energy_fit make_fit(void)
{
    struct energy_fit fit = { .standing = found(25) };

    fit.term[ENERGY_IDLE] = found(20);
    fit.term[ENERGY_AWAKE] = found(2.5);
    fit.term[ENERGY_FLOP] = found(11e-12);
    fit.term[ENERGY_L1] = found(5e-12);
    fit.term[ENERGY_L2] = found(3e-12);
    fit.term[ENERGY_L3] = (struct energy_coefficient){ 0, 0, 0, false,
                                                       "at its bound of 0" };
    fit.term[ENERGY_DRAM] = found(90e-12);
    return fit;
}

Test(machine_profile, fitted_joules_replace_priors_with_their_interval)
{
    struct peak peak = make_peak();
    struct energy_fit fit = make_fit();
    struct machine_fit machine_fit = { &fit, "isobath machine --fit-energy, "
                                       "2026-01-02: \"here\"", true };
    struct machine m;
    struct error err = { 0 };

    cr_assert(eq(int, round_trip_fit(&peak, &machine_fit, &m, &err), STATUS_OK),
              "%s", err.text);
    cr_expect(eq(dbl, m.joules_per_flop[PRECISION_FP32].value, 11e-12));
    cr_expect(ieee_ulp_eq(dbl, m.joules_per_flop[PRECISION_FP32].low, 9.9e-12, 4));
    cr_expect(ieee_ulp_eq(dbl, m.joules_per_flop[PRECISION_FP32].high, 13.2e-12, 4));
    cr_expect(eq(str, m.joules_per_flop[PRECISION_FP32].grade, "fitted"));
    cr_expect(strstr(m.joules_per_flop[PRECISION_FP32].source, "2026-01-02: \"here\"") != NULL);
    cr_expect(eq(dbl, m.watts.standing.value, 25));
    cr_expect(eq(str, m.watts.standing.grade, "fitted"));
    cr_expect(eq(dbl, m.level[LEVEL_L1].joules_per_byte.value, 5e-12));
    cr_expect(eq(dbl, m.level[LEVEL_L2].joules_per_byte.value, 3e-12));
    cr_expect(eq(dbl, m.level[LEVEL_DRAM].joules_per_byte.value, 90e-12));
    cr_expect(full_compute_watts(&m, PRECISION_FP32) <= m.watts.cap.value);
}

Test(machine_profile, what_the_fit_does_not_resolve_keeps_its_prior)
{
    struct peak peak = make_peak();
    struct energy_fit fit = make_fit();
    struct machine_fit machine_fit = { &fit, "fit", false };
    struct machine m, prior;
    struct error err = { 0 };
    char reason[ENERGY_REASON_SIZE];

    cr_assert(eq(int, round_trip(&peak, &prior, &err), STATUS_OK));
    cr_assert(eq(int, round_trip_fit(&peak, &machine_fit, &m, &err), STATUS_OK),
              "%s", err.text);
    cr_expect(eq(dbl, m.level[LEVEL_L3].joules_per_byte.value,
                 prior.level[LEVEL_L3].joules_per_byte.value));
    cr_expect(eq(str, m.level[LEVEL_L3].joules_per_byte.grade, "assumed"));
    cr_expect(not(machine_profile_takes(&machine_fit, ENERGY_L3, reason)));
    cr_expect(eq(str, reason, "at its bound of 0"));
    /* package sensors do not see the memory */
    cr_expect(eq(str, m.level[LEVEL_DRAM].joules_per_byte.grade, "assumed"));
    cr_expect(not(machine_profile_takes(&machine_fit, ENERGY_DRAM, reason)));
    cr_expect(strstr(reason, "do not cover the memory") != NULL);
    cr_expect(machine_profile_takes(&machine_fit, ENERGY_FLOP, reason));
    cr_expect(eq(str, reason, ""));
}

/* No memory draws 5 pJ a byte, and no flop takes a nanojoule and more. */
Test(machine_profile, what_a_profile_may_not_hold_keeps_its_prior)
{
    struct peak peak = make_peak();
    struct energy_fit fit = make_fit();
    struct machine_fit machine_fit = { &fit, "fit", true };
    struct machine m;
    struct error err = { 0 };

    fit.term[ENERGY_DRAM] = found(5e-12);
    fit.term[ENERGY_FLOP] = found(2e-9);
    fit.standing.resolved = false;
    cr_assert(eq(int, round_trip_fit(&peak, &machine_fit, &m, &err), STATUS_OK),
              "%s", err.text);
    cr_expect(eq(str, m.level[LEVEL_DRAM].joules_per_byte.grade, "assumed"));
    cr_expect(eq(str, m.joules_per_flop[PRECISION_FP32].grade, "assumed"));
    cr_expect(eq(str, m.watts.standing.grade, "assumed"));
}
