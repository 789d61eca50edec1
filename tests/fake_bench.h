/* fake_bench.h - Fake a machine and a model of two ops, to measure. */
#ifndef FAKE_BENCH_H
#define FAKE_BENCH_H

#include "hwprof/measure/measure.h"
#include "tests/fake_counter.h"
#include "tests/fake_tree.h"

/* A tree with one CPU, and one package whose energy `busy` moves. */
struct bench {
    struct fake fake;            /* first: busy_context is both */
    struct fake_tree tree;
    uint64_t microjoules;
    bool sensor;
    double now, idle_watts;      /* by a clock of its own */
};

static inline void post_energy(struct bench *bench, uint64_t microjoules)
{
    bench->microjoules += microjoules;
    fake_tree_write(&bench->tree, "class/powercap/intel-rapl:0/energy_uj",
                    "%llu\n", (unsigned long long)bench->microjoules);
}

static inline void busy(void *context)
{
    struct bench *bench = context;
    if (bench->sensor)
        post_energy(bench, 1000);
}

static inline struct bench make_bench(bool sensor)
{
    struct bench bench = { .fake = { .factor = 1, .check_factor = 1 },
                           .tree = fake_tree_open(), .sensor = sensor };

    fake_tree_write(&bench.tree, "devices/system/cpu/online", "0\n");
    fake_tree_write(&bench.tree, "devices/system/cpu/cpu0/cache/index0/level",
                    "2\n");
    fake_tree_write(&bench.tree, "devices/system/cpu/cpu0/cache/index0/size",
                    "1024K\n");
    fake_tree_write(&bench.tree, "devices/system/cpu/cpu0/cache/index0/type",
                    "Unified\n");
    fake_tree_write(&bench.tree, "meminfo", "MemTotal: 8388608 kB\n");
    if (!sensor)
        return bench;
    fake_tree_write(&bench.tree, "class/powercap/intel-rapl:0/name",
                    "package-0\n");
    fake_tree_write(&bench.tree,
                    "class/powercap/intel-rapl:0/max_energy_range_uj",
                    "262143328850\n");
    post_energy(&bench, 1000);
    return bench;
}

static inline struct measure *open_on(const struct counter_backend *backend,
                                      struct bench *bench, int n_repeats)
{
    struct measure *m = NULL;
    struct error err = { 0 };
    struct measure_options options = {
        .sysfs_root = bench->tree.root, .proc_root = bench->tree.root,
        .configs = "/nonexistent", .backend = backend, .n_layers = 2,
        .n_repeats = n_repeats, .busy = busy, .busy_context = bench,
    };
    cr_assert(eq(int, measure_open(&m, &options, &err), STATUS_OK), "%s",
              err.text);
    return m;
}

static inline struct measure *open_measure(struct bench *bench, int n_repeats)
{
    return open_on(&fake_backend, bench, n_repeats);
}

/* A model of two ops: 1000 + extra flops in layer 0, 3000 in layer 1. */
static inline enum status run_repeat(struct measure *m, struct bench *bench,
                                     int pass, uint64_t extra,
                                     struct error *err)
{
    enum status status = measure_begin(m, pass, err);

    if (status != STATUS_OK)
        return status;
    run_op(measure_meter(m), &bench->fake, 0, OP_QKV, 1000 + extra);
    run_op(measure_meter(m), &bench->fake, 1, OP_QKV, 3000);
    bench->fake.mode = FAKE_CHECK;
    bench->fake.n_read = 0;
    return measure_end(m, err);
}

static inline void run_all(struct measure *m, struct bench *bench)
{
    for (int pass; (pass = measure_next(m)) >= 0;)
        run_repeat(m, bench, pass, 0, NULL);
}

static inline struct ledger *finish(struct measure *m)
{
    struct ledger *ledger = open_ledger(2, 0);
    measure_finish(m, ledger, NULL);
    return ledger;
}

#endif
