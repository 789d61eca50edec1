/* test_counter.c - Read event tables, groups and recorded runs; ask the real
 * back ends of this machine. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <pthread.h>
#include <sys/mman.h>

#include "hwprof/counters/counter.h"
#include "hwprof/counters/counter_group.h"
#include "hwprof/counters/event_table.h"
#include "tests/fake_tree.h"

#define ALL ((1u << METRIC_COUNT) - 1)

/* ---- recorded runs ---- */

static struct counter_session *replay(const struct fake_tree *tree,
                                      const char *text)
{
    char path[512];
    struct counter_session *session = NULL;
    struct error err = { 0 };

    fake_tree_write(tree, "trace", "%s", text);
    fake_tree_path(tree, path, "trace");
    struct counter_options options = { .trace_path = path, .metrics = ALL };
    cr_assert(eq(int, counter_open(&session, &counter_recorded, &options, &err),
                 STATUS_OK), "%s", err.text);
    return session;
}

static enum status replay_once(const char *text, struct cost *cost,
                               struct error *err)
{
    struct fake_tree tree = fake_tree_open();
    struct counter_session *s = replay(&tree, text);
    enum status status = counter_start(s, err);

    if (status == STATUS_OK)
        status = counter_read(s, cost, err);
    counter_close(s);
    fake_tree_close(&tree);
    return status;
}

/* flops 1600 - 0, l2 bytes 64 * (7 - 2) = 320. */
Test(replay, registers_become_metrics)
{
    struct cost cost;
    cr_assert(eq(int, replay_once("isobath-counters 2\n"
        "column flops 1 FP:ANY # a comment\n"
        "column l2_bytes 64 FILL\n"
        "\n"
        "read 10 10 0 2\n"
        "read 20 20 1600 7\n", &cost, NULL), STATUS_OK));
    cr_assert(eq(u64, cost.count[METRIC_FLOPS], 1600));
    cr_assert(eq(u64, cost.count[METRIC_L2_BYTES], 320));
    cr_assert(eq(int, cost.from[METRIC_FLOPS], PROV_MEASURED));
    cr_assert(eq(int, cost.from[METRIC_CYCLES], PROV_UNKNOWN));
}

/* 4 * 10 + 8 * 5 + 1 * 3 = 83. */
Test(replay, a_metric_is_a_weighted_sum)
{
    struct cost cost;
    cr_assert(eq(int, replay_once("isobath-counters 2\n"
        "column flops 1 SCALAR\ncolumn flops 4 P128\ncolumn flops 8 P256\n"
        "read 1 1 0 0 0\nread 2 2 3 10 5\n", &cost, NULL), STATUS_OK));
    cr_assert(eq(u64, cost.count[METRIC_FLOPS], 83));
}

Test(replay, a_difference_below_zero_is_noise_around_nothing)
{
    struct cost cost;
    cr_assert(eq(int, replay_once("isobath-counters 2\n"
        "column l3_bytes 64 IN\ncolumn l3_bytes -64 DRAM\n"
        "read 1 1 0 0\nread 2 2 10 12\n", &cost, NULL), STATUS_OK));
    cr_assert(eq(u64, cost.count[METRIC_L3_BYTES], 0));
    cr_assert(eq(int, cost.from[METRIC_L3_BYTES], PROV_MEASURED));
}

/* 5 J before the wrap at 100 J and 2 J after it. */
Test(replay, a_wrapping_register_is_unwrapped)
{
    struct cost cost;
    cr_assert(eq(int, replay_once("isobath-counters 2\n"
        "column joules 1e-6 package-0 wrap 100000000\n"
        "read 1 1 95000000\nread 2 2 2000000\n", &cost, NULL), STATUS_OK));
    cr_assert(epsilon_eq(dbl, cost_get(&cost, METRIC_JOULES), 7.0, 1e-9));
}

Test(replay, multiplexed_counts_are_rejected)
{
    struct cost cost;
    struct error err = { 0 };
    cr_assert(eq(int, replay_once("isobath-counters 2\n"
        "column flops 1 FP\nread 10 10 0\nread 2000000 1500000 1600\n", &cost,
        &err), STATUS_UNAVAILABLE));
    cr_assert(strstr(err.text, "1.500 of 2.000 ms") != NULL);
}

/* 2^47 + 1845980, as a virtual machine gave it. */
Test(replay, a_register_never_written_back_is_rejected)
{
    struct cost cost;
    struct error err = { 0 };
    cr_assert(eq(int, replay_once("isobath-counters 2\n"
        "column flops 1 FP\nread 1 1 0\nread 2 2 140737490201308\n", &cost,
        &err), STATUS_UNAVAILABLE));
    cr_assert(strstr(err.text, "140737490201308") != NULL);
}

Test(replay, a_count_that_goes_back_is_rejected)
{
    struct cost cost;
    struct error err = { 0 };
    cr_assert(eq(int, replay_once("isobath-counters 2\n"
        "column cycles 1 CYC\nread 1 1 500\nread 2 2 400\n", &cost, &err),
        STATUS_UNAVAILABLE));
    cr_assert(strstr(err.text, "CYC went back from 500 to 400") != NULL);
}

Test(replay, the_end_of_a_record_is_said)
{
    struct cost cost;
    struct error err = { 0 };
    cr_assert(eq(int, replay_once("isobath-counters 2\n"
        "column cycles 1 CYC\nread 1 1 500\n", &cost, &err),
        STATUS_UNAVAILABLE));
    cr_assert(strstr(err.text, "ends after 1 readings") != NULL);
}

Test(replay, recorded_reasons_are_kept)
{
    struct fake_tree tree = fake_tree_open();
    struct counter_session *s = replay(&tree, "isobath-counters 2\n"
        "column cycles 1 CYC\nreason dram_bytes the guest had no DRAM events\n"
        "read 1 1 0\n");

    cr_assert(eq(str, s->reason[METRIC_DRAM_BYTES],
                 "the guest had no DRAM events"));
    cr_assert(eq(str, s->source[METRIC_CYCLES], "CYC (recorded)"));
    counter_close(s);
    fake_tree_close(&tree);
}

static void refuses(const char *text, const char *says)
{
    struct fake_tree tree = fake_tree_open();
    struct counter_session *session = NULL;
    struct error err = { 0 };
    char path[512];

    fake_tree_write(&tree, "trace", "%s", text);
    fake_tree_path(&tree, path, "trace");
    struct counter_options options = { .trace_path = path, .metrics = ALL };
    cr_assert(eq(int, counter_open(&session, &counter_recorded, &options, &err),
                 STATUS_BAD_FORMAT));
    cr_assert(strstr(err.text, says) != NULL, "%s", err.text);
    fake_tree_close(&tree);
}

Test(replay, bad_records_are_refused_with_their_line)
{
    refuses("", "expected `isobath-counters 2`");
    refuses("isobath-counters 2\ncolumn flips 1 FP\n",
            ":2:1: expected `column");
    refuses("isobath-counters 2\ncolumn flops 1 FP warp 9\n", ":2:1:");
    refuses("isobath-counters 2\nread 1 1 1\n", "no column");
    refuses("isobath-counters 2\nwrite 1\n", ":2:1: expected column");
}

Test(replay, a_missing_record_is_the_users_mistake)
{
    struct counter_session *session = NULL;
    struct counter_options options = { .trace_path = "/nonexistent/trace" };
    struct error err = { 0 };

    cr_assert(eq(int, counter_open(&session, &counter_recorded, &options, &err),
                 STATUS_BAD_VALUE));
    cr_assert(strstr(err.text, "/nonexistent/trace") != NULL);
}

/* ---- event tables ---- */

static struct event_table find(const char *vendor, uint32_t family,
                               uint32_t model)
{
    struct cpu_id id = { .family = family, .model = model };
    struct event_table table = { 0 };
    struct error err = { 0 };

    snprintf(id.vendor, sizeof id.vendor, "%s", vendor);
    cr_assert(eq(int, event_table_find(&table, "configs", id, &err), STATUS_OK),
              "%s", err.text);
    return table;
}

Test(event_table, every_cpu_finds_its_own)
{
    cr_assert(eq(str, find("AuthenticAMD", 23, 0x31).name, "amd-zen2"));
    cr_assert(eq(str, find("AuthenticAMD", 25, 0x01).name, "amd-zen3"));
    cr_assert(eq(str, find("AuthenticAMD", 25, 0x11).name, "amd-zen4"));
    cr_assert(eq(str, find("AuthenticAMD", 26, 0x02).name, "amd-zen5"));
    cr_assert(eq(str, find("GenuineIntel", 6, 0x5e).name, "intel-skylake"));
    cr_assert(eq(str, find("GenuineIntel", 6, 0x55).name,
                 "intel-skylake-server"));
    cr_assert(eq(str, find("GenuineIntel", 6, 0x6a).name, "intel-icelake"));
    cr_assert(eq(str, find("GenuineIntel", 6, 0xcf).name,
                 "intel-sapphire-rapids"));
    cr_assert(eq(str, find("arm", 8, 0xd0c).name, "arm-neoverse-n1"));
    cr_assert(eq(str, find("arm", 8, 0xd40).name, "arm-neoverse-v1"));
    cr_assert(eq(str, find("arm", 8, 0xd4f).name, "arm-neoverse-n2"));
    cr_assert(eq(str, find("RiscV", 1, 1).name, "generic"));
}

/* The codes that were checked on a Zen 3 guest. */
Test(event_table, zen3_has_the_codes_that_were_checked)
{
    struct event_table t = find("AuthenticAMD", 25, 1);

    cr_assert(eq(u64, t.row[METRIC_FLOPS].event[0].code, 0x0f03));
    cr_assert(eq(int, t.row[METRIC_FLOPS].others_at_most, 2));
    cr_assert(eq(int, t.events_at_once, 5));
    cr_assert(eq(u64, t.row[METRIC_DRAM_BYTES].event[0].code, 0x0844));
    cr_assert(eq(u64, t.row[METRIC_DRAM_BYTES].event[2].code, 0x1f72));
    cr_assert(eq(u64, t.row[METRIC_L3_BYTES].event[1].code, 0x1f71));
    cr_assert(eq(i64, t.row[METRIC_L2_BYTES].event[0].times, 64));
}

/* FLOPs take two neighbours at most: instructions and cycles are behind
 * l2_bytes in the order, so l2_bytes comes along and one of the two waits. */
Test(event_table, groups_respect_the_merge_counter)
{
    struct event_table t = find("AuthenticAMD", 25, 1);
    uint32_t group[METRIC_FIRST_REAL];
    int n = event_table_groups(&t, ALL, group);

    cr_assert(eq(int, n, 3));
    cr_assert(eq(u32, group[0], counter_bit(METRIC_FLOPS) |
                 counter_bit(METRIC_L2_BYTES) |
                 counter_bit(METRIC_INSTRUCTIONS)));
    cr_assert(eq(u32, group[1], counter_bit(METRIC_L3_BYTES) |
                 counter_bit(METRIC_DRAM_BYTES)));
    cr_assert(eq(u32, group[2], counter_bit(METRIC_CYCLES)));
}

Test(event_table, a_row_says_why_there_is_no_event)
{
    struct event_table t = find("arm", 8, 0xd0c);

    cr_assert(eq(int, t.row[METRIC_FLOPS].n_events, 0));
    cr_assert(strstr(t.row[METRIC_FLOPS].missing, "VFP_SPEC") != NULL);
}

Test(event_table, no_directory_says_what_to_set)
{
    struct event_table t;
    struct error err = { 0 };

    cr_assert(eq(int, event_table_find(&t, "/nonexistent", (struct cpu_id){ 0 },
                                       &err), STATUS_UNAVAILABLE));
    cr_assert(strstr(err.text, "ISOBATH_CONFIGS") != NULL);
}

#define HEAD "table: x\nvendor: any\nevents_at_once: 4\n"
#define ROW(text) HEAD "metrics:\n  flops:\n" text
#define EVENT "      - {name: A, code: 0x1, times: 1}\n"

static void table_refuses(const char *text, const char *says)
{
    struct fake_tree tree = fake_tree_open();
    struct event_table table;
    struct error err = { 0 };
    char path[512];

    fake_tree_write(&tree, "t.yaml", "%s", text);
    fake_tree_path(&tree, path, "t.yaml");
    enum status status = event_table_load(&table, path, &err);
    cr_assert(status == STATUS_BAD_VALUE || status == STATUS_BAD_FORMAT);
    cr_assert(strstr(err.text, says) != NULL, "%s", err.text);
    fake_tree_close(&tree);
}

Test(event_table, mistakes_are_named_with_line_and_column)
{
    table_refuses(HEAD "metric: {}\n", ":4:1: unknown key metric: did you mean "
                  "metrics");
    table_refuses(HEAD, "metrics is missing");
    table_refuses(HEAD "vendor: any\nmetrics: {}\n", ":4:1: vendor is given "
                  "twice");
    table_refuses("table: x\nvendor: any\nevents_at_once: 99\nmetrics: {}\n",
                  ":3:17: expected a whole number from 0 to 8");
    table_refuses(HEAD "metrics:\n  joules: {missing: no}\n",
                  ":5:3: joules is no count");
    table_refuses(ROW("    events:\n      - {name: A, code: x, times: 1}\n"),
                  ":7:25: expected a whole number such as 0xc0");
    table_refuses(ROW("    events:\n      - {name: A, code: 1, times: 0}\n"),
                  "not 0");
    table_refuses(ROW("    events:\n      - {name: A, times: 1}\n"),
                  "code is missing");
    table_refuses(ROW("    events:\n" EVENT), "most_per_second and source");
    table_refuses(ROW("    events:\n" EVENT EVENT EVENT EVENT EVENT
                      "    most_per_second: 1\n    source: s\n"),
                  "flops takes 5 events, events_at_once is 4");
    table_refuses("models: [1-0]\n" HEAD "metrics: {}\n",
                  ":1:10: expected a model");
    table_refuses("models: [0x1", ":");
}

/* ---- what real back ends say ---- */

static struct counter_session *open_real(const struct counter_backend *backend,
                                         const struct fake_tree *tree,
                                         const struct event_table *table)
{
    struct counter_options options = { .sysfs_root = tree->root,
        .proc_root = tree->root, .events = table, .metrics = ALL };
    struct counter_session *session = NULL;
    struct error err = { 0 };

    cr_assert(eq(int, counter_open(&session, backend, &options, &err),
                 STATUS_OK), "%s", err.text);
    return session;
}

Test(perf, without_a_pmu_the_reason_is_the_tree_the_machine_or_the_kernel)
{
    struct fake_tree tree = fake_tree_open();
    struct event_table table = find("GenuineIntel", 6, 0xcf);

    fake_tree_write(&tree, "cpuinfo", "flags : fpu hypervisor lahf_lm\n");
    struct counter_session *s = open_real(&counter_perf, &tree, &table);
    cr_assert(strstr(s->reason[METRIC_FLOPS], "holds no devices") != NULL);
    counter_close(s);

    fake_tree_write(&tree, "bus/event_source/devices/software/type", "1\n");
    s = open_real(&counter_perf, &tree, &table);
    cr_assert(strstr(s->reason[METRIC_FLOPS], "virtual machine") != NULL);
    cr_assert(strstr(s->reason[METRIC_FLOPS], "pmu=on") != NULL);
    cr_assert(eq(u32, counter_seen(s), 0));
    counter_close(s);

    fake_tree_write(&tree, "cpuinfo", "flags : fpu lahf_lm\n");
    s = open_real(&counter_perf, &tree, &table);
    cr_assert(strstr(s->reason[METRIC_FLOPS], "the kernel knows no counters")
              != NULL);
    counter_close(s);
    fake_tree_close(&tree);
}

/* Type 4242 is no perf device: the kernel says that it knows no such event. */
Test(perf, an_event_the_kernel_does_not_know_is_said)
{
    struct fake_tree tree = fake_tree_open();
    struct event_table table = find("GenuineIntel", 6, 0xcf);

    fake_tree_write(&tree, "bus/event_source/devices/cpu/type", "4242\n");
    fake_tree_write(&tree, "sys/kernel/perf_event_paranoid", "2\n");
    struct counter_session *s = open_real(&counter_perf, &tree, &table);
    cr_assert(eq(u32, counter_seen(s), 0));
    cr_assert(s->reason[METRIC_CYCLES][0] != '\0');
    counter_close(s);
    fake_tree_close(&tree);
}

/* ---- perf for real, on the kernel's own event: a page fault ---- */

/* Stray faults: the test's own stack and code, seen for the first time. */
enum { PAGES = 100, PAGE_BYTES = 4096, STRAY = 50 };

/* A table whose events are software events, type 1: 2 is PAGE_FAULTS and 5 is
 * PAGE_FAULTS_MIN.  NULL: the kernel forbids even those. */
static struct counter_session *count_faults(struct fake_tree *tree)
{
    static const char text[] =
        "table: faults\nvendor: any\nevents_at_once: 2\nscrub: 2\nmetrics:\n"
        "  flops:\n    events: [{name: FAULTS, code: 2, times: 2}]\n"
        "    most_per_second: 1\n    source: test\n"
        "  cycles:\n    events: [{name: MINOR, code: 5, times: 1}]\n"
        "    most_per_second: 1\n    source: test\n";
    struct event_table table;
    struct error err = { 0 };
    char path[512];

    *tree = fake_tree_open();
    fake_tree_write(tree, "t.yaml", "%s", text);
    fake_tree_write(tree, "bus/event_source/devices/cpu/type", "1\n");
    fake_tree_path(tree, path, "t.yaml");
    cr_assert(eq(int, event_table_load(&table, path, &err), STATUS_OK), "%s",
              err.text);
    struct counter_session *s = open_real(&counter_perf, tree, &table);
    if (!counter_sees(s, METRIC_FLOPS))
        cr_skip("%s", s->reason[METRIC_FLOPS]);
    return s;
}

static void *touch(void *argument)
{
    char *page = mmap(NULL, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)argument;
    for (int i = 0; i < PAGES; i++)
        page[i * PAGE_BYTES] = 1;
    munmap(page, PAGES * PAGE_BYTES);
    return NULL;
}

/* 100 pages touched: 100 of the one metric, twice that of the other, and then
 * nothing more. */
Test(perf, a_group_counts_between_readings)
{
    struct fake_tree tree;
    struct counter_session *s = count_faults(&tree);
    struct cost cost;

    cr_assert(eq(int, counter_start(s, NULL), STATUS_OK));
    cr_assert(eq(int, counter_read(s, &cost, NULL), STATUS_OK));
    touch(NULL);
    cr_assert(eq(int, counter_read(s, &cost, NULL), STATUS_OK));
    cr_assert(cost.count[METRIC_CYCLES] >= PAGES);
    cr_assert(cost.count[METRIC_CYCLES] < PAGES + STRAY);
    cr_assert(eq(u64, cost.count[METRIC_FLOPS],
                 2 * cost.count[METRIC_CYCLES]));
    cr_assert(eq(int, counter_read(s, &cost, NULL), STATUS_OK));
    cr_assert(cost.count[METRIC_CYCLES] < STRAY);
    cr_assert(eq(str, s->source[METRIC_FLOPS], "2*FAULTS"));
    cr_assert(eq(int, counter_stop(s, NULL), STATUS_OK));
    counter_close(s);
    fake_tree_close(&tree);
}

struct worker {
    pthread_barrier_t go, done;
};

static void *work_when_told(void *argument)
{
    struct worker *worker = argument;

    touch(NULL);                 /* its stack and libraries have their pages */
    pthread_barrier_wait(&worker->go);
    pthread_barrier_wait(&worker->go);
    touch(NULL);
    pthread_barrier_wait(&worker->done);
    pthread_barrier_wait(&worker->go);
    return NULL;
}

Test(perf, threads_that_live_when_it_opens_are_counted_together)
{
    struct worker worker;
    struct fake_tree tree;
    struct cost cost;
    pthread_t thread;

    pthread_barrier_init(&worker.go, NULL, 2);
    pthread_barrier_init(&worker.done, NULL, 2);
    pthread_create(&thread, NULL, work_when_told, &worker);
    pthread_barrier_wait(&worker.go);
    struct counter_session *s = count_faults(&tree);
    cr_assert(eq(int, counter_start(s, NULL), STATUS_OK));
    pthread_barrier_wait(&worker.go);
    touch(NULL);
    pthread_barrier_wait(&worker.done);
    cr_assert(eq(int, counter_read(s, &cost, NULL), STATUS_OK));
    cr_assert(cost.count[METRIC_CYCLES] >= 2 * PAGES);
    cr_assert(cost.count[METRIC_CYCLES] < 2 * PAGES + STRAY);
    cr_assert(eq(int, counter_stop(s, NULL), STATUS_OK));
    pthread_barrier_wait(&worker.go);
    pthread_join(thread, NULL);
    counter_close(s);
    fake_tree_close(&tree);
}

Test(perf, a_thread_that_came_up_later_is_told_of)
{
    struct worker worker;
    struct fake_tree tree;
    struct error err = { 0 };
    pthread_t thread;

    pthread_barrier_init(&worker.go, NULL, 2);
    pthread_barrier_init(&worker.done, NULL, 2);
    struct counter_session *s = count_faults(&tree);
    cr_assert(eq(int, counter_start(s, NULL), STATUS_OK));
    pthread_create(&thread, NULL, work_when_told, &worker);
    pthread_barrier_wait(&worker.go);
    pthread_barrier_wait(&worker.go);
    pthread_barrier_wait(&worker.done);
    cr_assert(eq(int, counter_stop(s, &err), STATUS_UNAVAILABLE));
    cr_assert(strstr(err.text, "came up while counting") != NULL);
    pthread_barrier_wait(&worker.go);
    pthread_join(thread, NULL);
    counter_close(s);
    fake_tree_close(&tree);
}

Test(perf, a_session_that_sees_nothing_reads_nothing)
{
    struct fake_tree tree = fake_tree_open();
    struct counter_session *s = open_real(&counter_perf, &tree, NULL);
    struct cost cost;

    cr_assert(eq(int, counter_start(s, NULL), STATUS_OK));
    cr_assert(eq(int, counter_read(s, &cost, NULL), STATUS_OK));
    cr_assert(eq(int, cost.from[METRIC_FLOPS], PROV_UNKNOWN));
    cr_assert(eq(int, counter_stop(s, NULL), STATUS_OK));
    cr_assert(eq(str, s->reason[METRIC_FLOPS], "no event table for this CPU"));
    counter_close(s);
    fake_tree_close(&tree);
}

static bool left_out(const char *name)
{
    for (int i = 0; counter_left_out[i]; i++)
        if (strcmp(counter_left_out[i], name) == 0)
            return true;
    return false;
}

Test(counter, a_back_end_is_built_or_named_as_left_out)
{
    cr_assert(counter_find("perf") && !left_out("perf"));
    cr_assert(left_out("papi") == !counter_find("papi"));
    cr_assert(left_out("likwid") == !counter_find("likwid"));
    cr_assert(left_out("callgrind") == !counter_find("callgrind"));
#ifdef HAVE_ZYDIS
    cr_assert(not(left_out("zydis")));
#else
    cr_assert(left_out("zydis"));
#endif
}

Test(papi, sees_the_metrics_or_says_why_not)
{
    const struct counter_backend *papi = counter_find("papi");
    struct fake_tree tree = fake_tree_open();
    struct event_table table = find("RiscV", 1, 1);

    if (!papi)
        cr_skip("built without PAPI");
    struct counter_session *s = open_real(papi, &tree, &table);
    cr_assert(counter_sees(s, METRIC_CYCLES) ||
              strstr(s->reason[METRIC_CYCLES], "PAPI") != NULL);
    counter_close(s);
    fake_tree_close(&tree);
}

Test(likwid, outside_of_perfctr_it_is_silent_and_harmless)
{
    const struct counter_backend *likwid = counter_find("likwid");
    struct fake_tree tree = fake_tree_open();
    struct cost cost;

    if (!likwid)
        cr_skip("built without LIKWID");
    struct counter_session *s = open_real(likwid, &tree, NULL);
    cr_assert(eq(int, counter_start(s, NULL), STATUS_OK));
    cr_assert(eq(int, counter_read(s, &cost, NULL), STATUS_OK));
    cr_assert(eq(int, counter_stop(s, NULL), STATUS_OK));
    cr_assert(strstr(s->reason[METRIC_FLOPS], "likwid-perfctr") != NULL);
    counter_close(s);
    fake_tree_close(&tree);
}
