/* test_machine.c - Expect shipped profiles to be sane, and mistakes in others
 * to be named. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <dirent.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/core/base/file.h"
#include "sim/core/ledger/ledger.h"
#include "sim/price/machine.h"
#include "tests/full_watts.h"

enum { TEXT_SIZE = 16384 };
static const char directory[] = "configs/machines";

/* Calls `check` on every profile in the tree; returns how many. */
static int for_each_profile(void (*check)(const char *path,
                                          const struct machine *machine))
{
    DIR *dir = opendir(directory);
    int n = 0;

    cr_assert(ne(ptr, dir, NULL), "%s: run the tests from the root", directory);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[FILE_PATH_SIZE];
        struct machine machine;
        struct error err = { 0 };
        if (!strstr(entry->d_name, ".yaml"))
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        cr_assert(eq(int, machine_load(&machine, path, &err), STATUS_OK), "%s",
                  err.text);
        check(path, &machine);
        n++;
    }
    closedir(dir);
    return n;
}

/* No key sets the lanes or the size of the memory as a level, and callers of
 * machine_load() do not clear theirs. */
Test(machine, what_no_key_sets_is_nothing)
{
    struct machine machine;

    memset(&machine, 0xff, sizeof machine);
    cr_assert(eq(int, machine_load(&machine, "configs/machines/a100-80.yaml",
                                   NULL), STATUS_OK));
    cr_expect(eq(int, machine.product_lanes, 0));
    cr_expect(eq(dbl, machine.level[LEVEL_DRAM].size_bytes.low, 0));
    cr_expect(eq(dbl, machine.level[LEVEL_DRAM].size_bytes.value, 0));
    cr_expect(eq(dbl, machine.level[LEVEL_DRAM].size_bytes.high, 0));
}

static void below_cap(const char *path, const struct machine *m)
{
    double cap = m->watts.cap.value, memory = full_memory_watts(m);

    if (!isnan(cap) && !isnan(memory))
        cr_expect(le(dbl, memory, cap), "%s: %g W", path, memory);
    for (int p = 0; p < PRECISION_COUNT; p++) {
        double watts = full_compute_watts(m, (enum precision)p);
        if (isnan(watts) || isnan(cap))
            continue;
        cr_expect(le(dbl, watts, cap), "%s, %s: %g W", path, precision_names[p],
                  watts);
        /* A coefficient a thousand times too small would pass the bound
         * above. */
        cr_expect(ge(dbl, watts, cap / 4), "%s, %s: %g W", path,
                  precision_names[p], watts);
    }
}

Test(machine, shipped_profiles_run_flat_out_within_their_design_power)
{
    cr_assert(ge(int, for_each_profile(below_cap), 30));
}

/* Watts that were seen: what a profile draws flat out cannot be below.  H100: a
 * board that decodes Llama-3.1-8B, 8 at once, and waits for its memory
 * (ml-energy/leaderboard@0cd52da).  Raspberry Pi 5: at the wall while decoding
 * (geerlingguy/ai-benchmarks). */
Test(machine, shipped_profiles_draw_at_least_what_was_measured)
{
    static const struct { const char *path; double watts; } seen[] = {
        { "configs/machines/h100-sxm.yaml", 486 },
        { "configs/machines/raspberry-pi-5.yaml", 10.9 },
    };
    for (size_t i = 0; i < sizeof seen / sizeof *seen; i++) {
        struct machine m;
        struct error err = { 0 };
        cr_assert(eq(int, machine_load(&m, seen[i].path, &err), STATUS_OK),
                  "%s", err.text);
        double watts = fmax(full_memory_watts(&m),
                            full_compute_watts(&m, PRECISION_FP32));
        cr_expect(ge(dbl, watts, seen[i].watts), "%s: %g W", seen[i].path,
                  watts);
    }
}

static void told(const char *path, const char *key, const json_t *value)
{
    const char *source = json_string_value(json_object_get(value, "source"));
    const char *inner;
    const json_t *below;

    if (source) {
        cr_expect(gt(sz, strlen(source), 3), "%s, %s: %s", path, key, source);
        /* what nobody vouches for is no fact, whatever it is graded */
        cr_expect(strstr(source, "unsourced") == NULL &&
                  strstr(source, "[M]") == NULL &&
                  strstr(source, "memory:") == NULL, "%s, %s: %s", path, key,
                  source);
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)value, inner, below)
        told(path, inner, below);
}

static void says_its_sources(const char *path, const struct machine *m)
{
    json_t *all = config_json(m, &machine_schema);
    told(path, "", all);
    json_decref(all);
}

Test(machine, shipped_profiles_say_where_each_number_comes_from)
{
    for_each_profile(says_its_sources);
}

/* Traps of published tables. */
Test(machine, shipped_profiles_hold_no_number_that_is_known_to_be_wrong)
{
    static const struct {
        const char *path;
        enum precision precision;
        double peak;                     /* NAN: unknown */
    } right[] = {
        { "a100-80", PRECISION_FP8, NAN },          /* it has none */
        { "h200", PRECISION_FP16, 989e12 },         /* not 1.97e15, sparse */
        { "gaudi3", PRECISION_BF16, 1677e12 },      /* not 1835e12, on paper */
        { "l4", PRECISION_BF16, 121e12 },           /* not 242e12, sparse */
        { "mi300x", PRECISION_BF16, 1307.4e12 },    /* not 2615e12, sparse */
        { "v100", PRECISION_BF16, NAN },
        { "tpu-v5e", PRECISION_FP32, NAN },
    };
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        char path[128];
        struct machine m;
        snprintf(path, sizeof path, "%s/%s.yaml", directory, right[i].path);
        cr_assert(eq(int, machine_load(&m, path, NULL), STATUS_OK));
        double peak = machine_peak(&m, right[i].precision)->value;
        cr_expect(isnan(right[i].peak) ? isnan(peak)
                                       : !(fabs(peak - right[i].peak) > 0),
                  "%s: %g", path, peak);
    }
    struct machine m;
    cr_assert(eq(int, machine_load(&m, "configs/machines/tpu-v6e.yaml", NULL),
                 STATUS_OK));
    cr_expect(not(quantity_known(&m.watts.cap)));
    cr_expect(ne(ptr, strstr(m.watts.cap.source, "publishes no power"), NULL));
}

/* DRAM, device to core: 28 (HBM3) to 200 (DDR4) pJ a byte, cost tables of 2014
 * to 2021; the same numbers per bit are 3.5 to 25. */
static void bytes_not_bits(const char *path, const struct machine *m)
{
    double joules = m->level[LEVEL_DRAM].joules_per_byte.value;
    if (isnan(joules))
        return;
    cr_expect(ge(dbl, joules, 28e-12), "%s", path);
    cr_expect(le(dbl, joules, 200e-12), "%s", path);
}

Test(machine, shipped_profiles_count_joules_per_byte_not_per_bit)
{
    for_each_profile(bytes_not_bits);
}

struct mistake {
    char from[128], to[80], message[96];
};

/* The first of two shipped profiles that has `from`, with the mistake in its
 * place. */
static enum status load_changed(const struct mistake *m, struct machine *out,
                                struct error *err)
{
    static const char *const shipped[] = {
        "configs/machines/a100-80.yaml",
        "configs/machines/epyc-milan-2core.yaml" };
    char path[] = "/tmp/test_machine.XXXXXX", *text = NULL, *at = NULL;
    size_t size;

    for (int i = 0; i < 2 && !at; i++) {
        free(text);
        cr_assert(eq(int, file_read(&text, &size, shipped[i], TEXT_SIZE, NULL),
                     STATUS_OK));
        at = strstr(text, m->from);
    }
    cr_assert(ne(ptr, at, NULL), "%s", m->from);
    int fd = mkstemp(path);
    cr_assert(ge(int, fd, 0));
    FILE *file = fdopen(fd, "w");
    fprintf(file, "%.*s%s%s", (int)(at - text), text, m->to,
            at + strlen(m->from));
    fclose(file);
    free(text);
    enum status status = machine_load(out, path, err);
    unlink(path);
    return status;
}

static struct mistake mistakes[] = {
    /* 5 pJ a bit in a field of joules per byte, below and above the L2's */
    { "{value: 100e-12, low: 31e-12", "{value: 5e-12, low: 4e-12",
      "dram.joules_per_byte 5e-12" },
    { "{value: 100e-12, low: 31e-12", "{value: 25e-12, low: 20e-12",
      "per bit, write 8 times as much" },
    /* picojoules where joules belong */
    { "fp32: {value: 9.8e-12, low: 4.9e-12, high: 13e-12",
      "fp32: {value: 9.8, low: 4.9, high: 13", "1e-09" },
    { "{value: 24.6e9, low: 20e9, high: 32.1e9",
      "{value: 24.6e12, low: 20e12, high: 32.1e12",
      "dram.bytes_per_second 2.46e+13: allowed is at most" },
    { "[1e6, 0.05, 1e9, 0.25]", "[1e6, 0.05, 1e9]", "efficiency.vector" },
    { "[1e6, 0.05, 1e9, 0.25]", "[1e9, 0.05, 1e6, 0.25]", "rising sizes" },
    { "[1e6, 0.05, 1e9, 0.25]", "[1e6, 0.05, 1e9, 25]", "shares in (0, 1]" },
    /* peaks that count 2:4 sparsity, as the data sheet's right column */
    { "int8: {value: 624e12, low: 624e12, high: 624e12",
      "int8: {value: 1248e12, low: 624e12, high: 1248e12",
      "int8 1.248e+15: allowed is at most twice that of fp16 or bf16; if" },
    { "bf16: {value: 312e12, low: 312e12, high: 312e12",
      "bf16: {value: 624e12, low: 312e12, high: 624e12",
      "bf16 6.24e+14: allowed is at most twice that of tf32" },
    /* 80 GB is 80 GiB */
    { "{value: 85899345920, low: 80e9, high: 85899345920",
      "{value: 80e9, low: 80e9, high: 80e9", "write 80 GiB as 85899345920" },
    { "cores: 108\n", "", "cores" },
    /* what has to be known */
    { "scale: {value: 1, low: 0.6, high: 1.1, grade: assumed,\n"
      "    source: \"rooflines err by 29 to 48% (inference-sim issue 436)\"}",
      "scale: {unknown: nobody knows}", "efficiency.scale is unknown" },
    { "fp8: {unknown: \"the A100 has no fp8, though one table prints a rate\"}",
      "fp8: {unknown: \"\"}", "allowed are 1 to 255 bytes" },
};

ParameterizedTestParameters(machine, mistakes_are_named_with_their_place)
{
    return cr_make_param_array(struct mistake, mistakes,
                               sizeof mistakes / sizeof *mistakes);
}

ParameterizedTest(struct mistake *m, machine,
                  mistakes_are_named_with_their_place)
{
    struct machine machine;
    struct error err = { 0 };
    enum status status = load_changed(m, &machine, &err);

    cr_expect(eq(int, status_exit_code(status), 2));
    cr_expect(ne(ptr, strstr(err.text, "/tmp/test_machine."), NULL), "%s",
              err.text);
    cr_expect(ne(ptr, strstr(err.text, m->message), NULL), "%s", err.text);
}

Test(machine, a_peak_is_of_its_format_or_unknown_with_the_reason)
{
    struct machine m;
    cr_assert(eq(int, machine_load(&m, "configs/machines/a100-80.yaml", NULL),
                 STATUS_OK));
    cr_expect(eq(dbl, machine_peak(&m, PRECISION_FP32)->value, 19.5e12));
    cr_expect(eq(dbl, machine_peak(&m, PRECISION_BF16)->value, 312e12));
    cr_expect(eq(dbl, machine_peak(&m, PRECISION_INT8)->value, 624e12));
    const struct quantity *fp8 = machine_peak(&m, PRECISION_FP8);
    cr_expect(not(quantity_known(fp8)));
    cr_expect(isnan(fp8->low) && isnan(fp8->high));
    cr_expect(eq(str, (char *)fp8->grade, "unknown"));
    cr_expect(ne(ptr, strstr(fp8->source, "has no fp8"), NULL));
    /* left out of the file */
    cr_expect(not(quantity_known(&m.price_per_hour)));
    cr_expect(ne(ptr, strstr(m.price_per_hour.source, "does not say"), NULL));
}

Test(machine, a_gpu_has_no_l3)
{
    struct machine m;
    cr_assert(eq(int, machine_load(&m, "configs/machines/a100-80.yaml", NULL),
                 STATUS_OK));
    cr_expect(not(machine_has_level(&m, LEVEL_L3)));
    cr_expect(machine_has_level(&m, LEVEL_DRAM));
}

static double share_at(const struct machine *m, enum work work, double flops)
{
    const struct flops_size size = { .flops = flops, .sequences = 1 };
    return machine_efficiency(m, work, &size);
}

Test(machine, efficiency_is_linear_in_the_logarithm_and_flat_outside)
{
    struct machine m = { .efficiency[WORK_MATMUL] = {
        4, { 1e3, 0.1, 1e5, 0.5 } } };

    cr_expect(eq(dbl, share_at(&m, WORK_MATMUL, 0), 0.1));
    cr_expect(eq(dbl, share_at(&m, WORK_MATMUL, 1000), 0.1));
    cr_expect(epsilon_eq(dbl, share_at(&m, WORK_MATMUL, 10000), 0.3,
                         1e-12));
    cr_expect(eq(dbl, share_at(&m, WORK_MATMUL, 100000000), 0.5));
}

Test(machine, work_without_a_curve_of_its_own_has_that_of_its_like)
{
    struct machine m = { .efficiency = {
        [WORK_ATTEND] = { 2, { 1e3, 0.3 } }, [WORK_VECTOR] = { 2, { 1e3, 0.2 } },
        [WORK_LOSS] = { 2, { 1e3, 0.1 } } } };

    cr_expect(eq(dbl, share_at(&m, WORK_QUERY, 1e3), 0.3));
    cr_expect(eq(dbl, share_at(&m, WORK_NORM, 1e3), 0.2));
    cr_expect(eq(dbl, share_at(&m, WORK_LOSS, 1e3), 0.1));
    cr_expect(eq(dbl, share_at(&m, WORK_ATTEND_BACK, 1e3), 0.3));
}

/* Of few rows a curve of its own is read at the rows, that of products at the
 * flops. */
Test(machine, few_rows_are_read_by_their_number)
{
    struct machine m = { .efficiency = {
        [WORK_MATMUL] = { 4, { 1e3, 0.1, 1e6, 0.4 } } } };
    const struct flops_size size = { .flops = 1e6, .rows = 4, .sequences = 4 };

    cr_expect(eq(dbl, machine_efficiency(&m, WORK_FEW, &size), 0.4));
    m.efficiency[WORK_FEW] = (struct config_real_list){
        6, { 1, 0.2, 4, 0.6, 8, 0.8 } };
    cr_expect(eq(dbl, machine_efficiency(&m, WORK_FEW, &size), 0.6));
}

Test(machine, short_heads_keep_their_share_of_attention)
{
    struct machine m = {
        .efficiency[WORK_ATTEND] = { 2, { 1e3, 0.8 } },
        .half_head.value = 16, .half_head_backward.value = 48,
    };
    struct flops_size size = { .flops = 1e6, .sequences = 1, .head = 16 };

    cr_expect(eq(dbl, machine_efficiency(&m, WORK_ATTEND, &size), 0.4));
    cr_expect(eq(dbl, machine_efficiency(&m, WORK_ATTEND_BACK, &size), 0.2));
    /* older profiles tell of no query's */
    m.half_head_query.value = NAN;
    cr_expect(eq(dbl, machine_efficiency(&m, WORK_QUERY, &size), 0.8));
    m.half_head_query.value = 4;
    cr_expect(epsilon_eq(dbl, machine_efficiency(&m, WORK_QUERY, &size), 0.64,
                         1e-12));
    m.half_head.value = NAN;
    cr_expect(eq(dbl, machine_efficiency(&m, WORK_ATTEND, &size), 0.8));
    m.half_head.value = 16;
    size.head = 0;
    cr_expect(eq(dbl, machine_efficiency(&m, WORK_ATTEND, &size), 0.8));
}

Test(machine, what_comes_from_memory_is_as_measured_or_as_the_size_leaves)
{
    struct machine m = { .level[LEVEL_L3].size_bytes.value = 100 };

    cr_expect(eq(dbl, machine_dram_reached(&m, 80, 100), 0));
    cr_expect(eq(dbl, machine_dram_reached(&m, 200, 100), 0.5));
    m.dram_reached = (struct config_real_list){ 4, { 40, 0.1, 160, 0.9 } };
    cr_expect(eq(dbl, machine_dram_reached(&m, 40, 100), 0.1));
    cr_expect(epsilon_eq(dbl, machine_dram_reached(&m, 80, 100), 0.5, 1e-12));
    /* half the cache loses at half the distance */
    cr_expect(epsilon_eq(dbl, machine_dram_reached(&m, 40, 50), 0.5, 1e-12));
    cr_expect(eq(dbl, machine_dram_reached(&m, 1e9, 100), 0.9));
}

Test(machine, an_op_is_of_a_kind_by_its_pass_and_rows)
{
    cr_expect(eq(int, flops_work(OP_QKV, PASS_FORWARD, false, 0),
                 WORK_MATMUL));
    cr_expect(eq(int, flops_work(OP_QKV, PASS_BACKWARD, false, 1),
                 WORK_MATMUL_BACK));
    cr_expect(eq(int, flops_work(OP_QKV, PASS_FORWARD, true, 1), WORK_ROW));
    cr_expect(eq(int, flops_work(OP_QKV, PASS_FORWARD, false, FLOPS_FEW_ROWS),
                 WORK_FEW));
    cr_expect(eq(int, flops_work(OP_QKV, PASS_FORWARD, true, FLOPS_FEW_ROWS + 1),
                 WORK_MATMUL));
    cr_expect(eq(int, flops_work(OP_ATTEND, PASS_FORWARD, true, 1),
                 WORK_QUERY));
    cr_expect(eq(int, flops_work(OP_EMBED, PASS_BACKWARD, false, 0),
                 WORK_STREAM));
    /* every op of a backward pass has a kind of its own nature */
    for (int o = 0; o < OP_COUNT; o++)
        cr_expect(eq(int, flops_multiplies(flops_work((enum op)o, PASS_FORWARD,
                                                      false, 0)),
                     o == OP_CLIP || o == OP_ADAMW
                         ? 0 : flops_multiplies(flops_work((enum op)o,
                                   PASS_BACKWARD, false, 0))), "%s",
                  op_table[o].name);
}

Test(machine, the_share_of_memory_is_read_by_bytes)
{
    struct machine m = { .dram_share = { 4, { 1e6, 0.6, 1e8, 0.9 } } };

    cr_expect(eq(dbl, machine_dram_share(&m, 1.0), 0.6));
    cr_expect(epsilon_eq(dbl, machine_dram_share(&m, 1e7), 0.75, 1e-12));
    cr_expect(eq(dbl, machine_dram_share(&m, 1e12), 0.9));
}

/* Of weights in blocks, by their bits; wider numbers are widened by a shift. */
Test(machine, products_by_stored_weights_are_work_of_their_own)
{
    static struct model_spec spec;

    spec = (struct model_spec){ .traits = family_traits[FAMILY_LLAMA],
                                .n_layers = 2, .tied_head = true,
                                .stored_embedding = NUMBER_Q6_K };
    memset(spec.stored[0], NUMBER_Q4_1, sizeof spec.stored[0]);
    memset(spec.stored[1], NUMBER_F16, sizeof spec.stored[1]);
    cr_expect(eq(int, flops_work_stored(WORK_ROW, &spec, 0, OP_QKV),
                 WORK_STORED4));
    cr_expect(eq(int, flops_work_stored(WORK_FEW, &spec, 0, OP_FFN_DOWN),
                 WORK_STORED4));
    cr_expect(eq(int, flops_work_stored(WORK_MATMUL, &spec, 0, OP_QKV),
                 WORK_MATMUL));
    cr_expect(eq(int, flops_work_stored(WORK_FEW, &spec, 1, OP_QKV), WORK_FEW));
    cr_expect(eq(int, flops_work_stored(WORK_ROW, &spec, LEDGER_OUTSIDE, OP_HEAD),
                 WORK_STORED8));
    cr_expect(eq(int, flops_work_stored(WORK_QUERY, &spec, 0, OP_ATTEND),
                 WORK_QUERY));
}
