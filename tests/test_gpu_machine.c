/* test_gpu_machine.c - Measure a simulated GPU whose rates and watts are known,
 * and read the profile by the code that prices with it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "sim/price/machine.h"
#include "tests/fake_tree.h"
#include "tests/fakes/gpu.h"
#include "tests/program.h"

/* build/gpu-machine-simulated FLAGS; returns its exit code. */
static int measure(const char *flags)
{
    char folder[PROGRAM_SIZE], line[4096];

    program_path(folder);
    *strrchr(folder, '/') = '\0';
    snprintf(line, sizeof line, "'%s/gpu-machine-simulated' --nvml"
             " '%s/fake_nvml.so' %s 2>/dev/null", folder, folder, flags);
    int status = system(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool near(const struct quantity *q, double truth, double share)
{
    return fabs(q->value - truth) <= share * truth && q->low <= q->value &&
           q->value <= q->high;
}

/* NVML counts in mJ, and windows of 1 s hold 50 J: what is fitted is right to a
 * percent; what a launch takes off the largest product is less. */
Test(gpu_machine, what_the_gpu_does_and_draws_comes_back)
{
    struct fake_tree tree = fake_tree_open();
    char path[512], flags[1024];
    static struct machine m;
    struct error err = { 0 };

    fake_tree_path(&tree, path, "gpu.yaml");
    snprintf(flags, sizeof flags, "--seconds 1 -o '%s'", path);
    cr_assert(eq(int, measure(flags), 0));
    cr_assert(eq(int, machine_load(&m, path, &err), STATUS_OK), "%s", err.text);
    for (int i = 0; i < FAKE_GPU_RATES; i++) {
        const struct fake_gpu_rate *rate = &fake_gpu_rates[i];
        int p = 0;
        while (strcmp(precision_names[p], rate->name) != 0)
            p++;
        cr_expect(near(machine_peak(&m, (enum precision)p),
                       rate->flops_per_second, 0.01), "%s: %g", rate->name,
                  machine_peak(&m, (enum precision)p)->value);
        cr_expect(near(&m.joules_per_flop[p], rate->joules_per_flop, 0.02),
                  "%s: %g", rate->name, m.joules_per_flop[p].value);
    }
    cr_expect(not(quantity_known(machine_peak(&m, PRECISION_INT8))));
    cr_expect(not(quantity_known(machine_peak(&m, PRECISION_FP8))));
    cr_expect(near(&m.level[LEVEL_DRAM].bytes_per_second,
                   FAKE_GPU_BYTES_PER_SECOND, 0.02));
    /* less the 8 pJ that are assumed for the cache */
    cr_expect(near(&m.level[LEVEL_DRAM].joules_per_byte,
                   FAKE_GPU_JOULES_PER_BYTE - 8e-12, 0.02));
    cr_expect(near(&m.watts.idle, FAKE_GPU_IDLE_WATTS, 0.01));
    cr_expect(near(&m.watts.standing, FAKE_GPU_AWAKE_WATTS, 0.01));
    cr_expect(eq(dbl, m.watts.cap.value, 300));
    /* half of a launch hides in a queue */
    cr_expect(near(&m.launch_seconds, FAKE_GPU_LAUNCH / 2, 0.01));
    cr_expect(near(&m.memory_bytes, (double)FAKE_GPU_TOTAL_BYTES, 1e-9));
    cr_expect(eq(i64, m.cores, FAKE_GPU_CORES));
    cr_expect(eq(str, m.name, "Fake GPU 0"));
    fake_tree_close(&tree);
}

/* The simulated GPU reaches its peak at any size, once launched. */
Test(gpu_machine, launches_are_no_part_of_the_shares)
{
    struct fake_tree tree = fake_tree_open();
    char path[512], flags[1024];
    static struct machine m;
    struct error err = { 0 };

    fake_tree_path(&tree, path, "gpu.yaml");
    snprintf(flags, sizeof flags, "--seconds 0.1 -o '%s'", path);
    cr_assert(eq(int, measure(flags), 0));
    cr_assert(eq(int, machine_load(&m, path, &err), STATUS_OK), "%s", err.text);
    for (double flops = 1e9; flops < 1e13; flops *= 10) {
        const struct flops_size size = { .flops = flops };
        cr_expect(gt(dbl, machine_efficiency(&m, WORK_MATMUL, &size), 0.97));
    }
    cr_expect(gt(dbl, machine_dram_share(&m, 1e9), 0.97));
    fake_tree_close(&tree);
}

Test(gpu_machine, without_a_file_or_a_library_nothing_is_written)
{
    char flags[512] = "--seconds 0.1";

    cr_expect(eq(int, measure(flags), 2));
    cr_expect(eq(int, measure("--seconds 99 -o /tmp/x"), 2));
    cr_expect(eq(int, measure("--nvml /nowhere.so -o /tmp/gpu-machine-x"), 1));
    cr_expect(ne(int, access("/tmp/gpu-machine-x", F_OK), 0));
}
