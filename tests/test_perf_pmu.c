/* test_perf_pmu.c - Find the CPU's perf device; count what can be counted when
 * not everything that was asked for can be. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "hwprof/counters/counter.h"
#include "hwprof/counters/event_table.h"
#include "hwprof/measure/measure.h"
#include "hwprof/counters/perf_pmu.h"
#include "tests/fake_tree.h"

#define DEVICES "bus/event_source/devices/"

/* ---- the device ---- */

static struct perf_pmu find(const char *name, const char *format)
{
    struct fake_tree tree = fake_tree_open();
    struct perf_pmu pmu = { 0 };
    char path[128];

    fake_tree_write(&tree, DEVICES "software/type", "1\n");
    fake_tree_write(&tree, DEVICES "arm_spe_0/type", "7\n");
    snprintf(path, sizeof path, DEVICES "%s/type", name);
    fake_tree_write(&tree, path, "8\n");
    snprintf(path, sizeof path, DEVICES "%s/format/rdpmc", name);
    if (format)
        fake_tree_write(&tree, path, "%s", format);
    cr_assert(perf_pmu_find(&pmu, tree.root), "%s", name);
    cr_assert(eq(str, pmu.name, (char *)name));
    cr_assert(eq(u32, pmu.type, 8));
    fake_tree_close(&tree);
    return pmu;
}

Test(perf_pmu, is_found_under_any_name_of_a_core)
{
    cr_assert(eq(u64, find("cpu", NULL).user_read, 0));
    cr_assert(eq(u64, find("cpu_core", NULL).user_read, 0));
    cr_assert(eq(u64, find("armv8_pmuv3", NULL).user_read, 0));
    cr_assert(eq(u64, find("armv8_cortex_a72", NULL).user_read, 0));
    cr_assert(eq(u64, find("armv9_neoverse_v3", NULL).user_read, 0));
}

/* Bit 1 of config1, as Linux 6.1 has it on Arm. */
Test(perf_pmu, says_how_to_ask_for_a_counter_that_user_space_may_read)
{
    cr_assert(eq(u64, find("armv8_pmuv3_0", "config1:1\n").user_read, 2));
    cr_assert(eq(u64, find("armv8_pmuv3_0", "config:1\n").user_read, 0));
    cr_assert(eq(u64, find("armv8_pmuv3_0", "config1:64\n").user_read, 0));
}

static void allow(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    cr_assert(sched_setaffinity(0, sizeof set, &set) == 0);
}

static struct fake_tree two_kinds(const char *atom)
{
    struct fake_tree tree = fake_tree_open();

    fake_tree_write(&tree, DEVICES "cpu_core/type", "4\n");
    fake_tree_write(&tree, DEVICES "cpu_core/cpus", "0\n");
    fake_tree_write(&tree, DEVICES "cpu_atom/type", "10\n");
    fake_tree_write(&tree, DEVICES "cpu_atom/cpus", "%s\n", atom);
    return tree;
}

Test(perf_pmu, is_that_of_the_cores_that_we_may_run_on)
{
    struct fake_tree tree = two_kinds("1-31");
    struct perf_pmu pmu;

    allow(0);
    cr_assert(perf_pmu_find(&pmu, tree.root));
    cr_expect(eq(str, pmu.name, "cpu_core"));
    cr_expect(pmu.covers);
    cr_expect(eq(u64, pmu.hardware, UINT64_C(4) << 32));
    fake_tree_close(&tree);
    tree = two_kinds("0-31");
    fake_tree_write(&tree, DEVICES "cpu_core/cpus", "32\n");
    cr_assert(perf_pmu_find(&pmu, tree.root));
    cr_expect(eq(str, pmu.name, "cpu_atom"));
    cr_expect(pmu.covers);
    fake_tree_close(&tree);
}

Test(perf_pmu, is_not_what_counts_elsewhere)
{
    struct fake_tree tree = fake_tree_open();
    struct perf_pmu pmu;

    cr_assert(not(perf_pmu_find(&pmu, tree.root)));
    fake_tree_write(&tree, DEVICES "software/type", "1\n");
    fake_tree_write(&tree, DEVICES "arm_spe_0/type", "7\n");
    cr_assert(not(perf_pmu_find(&pmu, tree.root)));
    fake_tree_close(&tree);
}

/* ---- a part of what was asked for ---- */

enum { PAGES = 100, PAGE_BYTES = 4096, STRAY = 50 };

/* Software events, type 1: 5 is PAGE_FAULTS_MIN, 2 is PAGE_FAULTS; there is no
 * 999.  The table is where event_table_find() looks. */
static struct fake_tree tree_of(const char *instructions)
{
    struct fake_tree tree = fake_tree_open();

    fake_tree_write(&tree, "counters/t.yaml", "table: t\nvendor: any\n"
        "events_at_once: 2\nmetrics:\n"
        "  cycles:\n    events: [{name: MINOR, code: 5, times: 1}]\n"
        "    most_per_second: 1e15\n    source: test\n"
        "  instructions:\n    events: [%s]\n"
        "    most_per_second: 1e15\n    source: test\n", instructions);
    fake_tree_write(&tree, DEVICES "cpu/type", "1\n");
    fake_tree_write(&tree, "sys/kernel/perf_event_paranoid", "2\n");
    fake_tree_write(&tree, "devices/system/cpu/online", "0\n");
    return tree;
}

static struct counter_session *open_session(const struct fake_tree *tree,
                                            const struct counter_backend *how)
{
    static struct event_table table;
    struct counter_session *session = NULL;
    char path[512];

    fake_tree_path(tree, path, "counters/t.yaml");
    cr_assert(eq(int, event_table_load(&table, path, NULL), STATUS_OK));
    struct counter_options options = { .sysfs_root = tree->root,
        .proc_root = tree->root, .events = &table,
        .metrics = counter_bit(METRIC_CYCLES) |
                   counter_bit(METRIC_INSTRUCTIONS) };
    cr_assert(eq(int, counter_open(&session, how, &options, NULL), STATUS_OK));
    return session;
}

static void skip_without_perf(void)
{
    struct fake_tree tree = tree_of("{name: FAULTS, code: 2, times: 1}");
    struct counter_session *s = open_session(&tree, &counter_perf);
    char reason[COUNTER_REASON_SIZE];

    memcpy(reason, s->reason[METRIC_CYCLES], sizeof reason);
    counter_close(s);
    fake_tree_close(&tree);
    if (reason[0])
        cr_skip("%s", reason);
}

static void touch(void)
{
    char *page = mmap(NULL, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (int i = 0; i < PAGES; i++)
        page[i * PAGE_BYTES] = 1;
    munmap(page, PAGES * PAGE_BYTES);
}

/* A CPU without one of the events counts the others. */
Test(perf, an_event_that_is_not_there_takes_no_other_with_it)
{
    skip_without_perf();
    struct fake_tree tree = tree_of("{name: NOSUCH, code: 999, times: 1}");
    struct counter_session *s = open_session(&tree, &counter_perf);
    struct cost cost;

    cr_assert(strstr(s->reason[METRIC_INSTRUCTIONS], "does not know the event "
                     "NOSUCH") != NULL, "%s", s->reason[METRIC_INSTRUCTIONS]);
    cr_assert(eq(str, s->reason[METRIC_CYCLES], ""), "%s",
              s->reason[METRIC_CYCLES]);
    cr_assert(eq(str, s->reason[METRIC_FLOPS], "not asked for"));
    cr_assert(eq(int, counter_start(s, NULL), STATUS_OK));
    cr_assert(eq(int, counter_read(s, &cost, NULL), STATUS_OK));
    touch();
    cr_assert(eq(int, counter_read(s, &cost, NULL), STATUS_OK));
    cr_assert(cost.count[METRIC_CYCLES] >= PAGES);
    cr_assert(cost.count[METRIC_CYCLES] < PAGES + STRAY);
    cr_assert(not(cost_known(&cost, METRIC_INSTRUCTIONS)));
    counter_close(s);
    fake_tree_close(&tree);
}

/* Arm's sysctl, off as the kernel ships it. */
Test(rdpmc, switched_off_says_what_to_set)
{
    skip_without_perf();
    struct fake_tree tree = tree_of("{name: FAULTS, code: 2, times: 1}");
    fake_tree_write(&tree, "sys/kernel/perf_user_access", "0\n");
    struct counter_session *s = open_session(&tree, &counter_rdpmc);

    cr_assert(eq(u32, counter_seen(s), 0));
    cr_assert(strstr(s->reason[METRIC_CYCLES],
                     "sysctl kernel.perf_user_access=1") != NULL, "%s",
              s->reason[METRIC_CYCLES]);
    counter_close(s);
    fake_tree_close(&tree);
}

/* Half of a run on cores that another device counts would be left out. */
Test(perf, cores_of_two_kinds_are_counted_where_the_program_stays)
{
    struct fake_tree tree = tree_of("{name: FAULTS, code: 2, times: 1}");
    char path[512];

    allow(0);
    fake_tree_path(&tree, path, DEVICES "cpu/type");
    cr_assert(remove(path) == 0);
    fake_tree_write(&tree, DEVICES "cpu_core/type", "1\n");
    fake_tree_write(&tree, DEVICES "cpu_core/cpus", "2-17\n");
    struct counter_session *s = open_session(&tree, &counter_perf);
    cr_expect(eq(u32, counter_seen(s), 0));
    cr_expect(strstr(s->reason[METRIC_CYCLES], "taskset -c 2-17") != NULL,
              "%s", s->reason[METRIC_CYCLES]);
    counter_close(s);
    fake_tree_close(&tree);
}

/* From here on the kernel finds every group of two too large. */
static bool forbid_groups(void)
{
    const uint32_t group = offsetof(struct seccomp_data, args[3]);
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, group),   /* -1: none */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* A back end whose empty region counts 100 for each metric asked for, 1000 where
 * an op worked, and what is expected of a known kernel; of cycles, nothing. */
struct steady {
    struct counter_session base;         /* first: downcast */
    uint64_t empty, work;
};

static enum status steady_open(struct counter_session **out,
                               const struct counter_options *options,
                               struct error *err)
{
    struct steady *s = calloc(1, sizeof *s);

    (void)err;
    counter_unseen(&s->base, "not asked for");
    for (int m = 0; m < METRIC_FIRST_REAL; m++)
        if (options->metrics & counter_bit((enum metric)m)) {
            s->base.reason[m][0] = '\0';
            s->empty += 100;
        }
    *out = &s->base;
    return STATUS_OK;
}

static enum status steady_nothing(struct counter_session *session,
                                  struct error *err)
{
    (void)session;
    (void)err;
    return STATUS_OK;
}

static enum status steady_read(struct counter_session *session,
                               struct cost *cost, struct error *err)
{
    struct steady *s = (struct steady *)session;

    (void)err;
    *cost = (struct cost){ 0 };
    cost_set_count(cost, METRIC_INSTRUCTIONS, s->empty + s->work,
                   PROV_MEASURED);
    if (counter_sees(session, METRIC_CYCLES))
        cost_set_count(cost, METRIC_CYCLES, 0, PROV_MEASURED);
    s->work = 0;
    return STATUS_OK;
}

static void steady_close(struct counter_session *session)
{
    free(session);
}

static void steady_note(struct counter_session *session,
                        struct counter_note note)
{
    struct steady *s = (struct steady *)session;

    s->work = note.expected > 0 ? (uint64_t)note.expected
                                : note.label ? 1000 : 0;
}

static const struct counter_backend steady = {
    .name = "steady", .what = "steady", .open = steady_open,
    .start = steady_nothing, .read = steady_read, .stop = steady_nothing,
    .close = steady_close, .note = steady_note,
};

/* Cycles are dead and not read in the pass: what an empty region counts is that
 * of one metric, not of two. */
Test(measure, an_empty_region_is_that_of_the_metrics_that_are_read)
{
    struct fake_tree tree = tree_of("{name: FAULTS, code: 2, times: 1}");
    struct measure *m = NULL;
    struct measure_row row[METRIC_COUNT];
    struct error err = { 0 };
    struct op_run run = { .pass = PASS_FORWARD, .op = OP_NORM,
                          .layer = LEDGER_OUTSIDE };
    struct measure_options options = { .sysfs_root = tree.root,
        .proc_root = tree.root, .configs = tree.root, .backend = &steady,
        .n_repeats = 1, .metrics = counter_bit(METRIC_CYCLES) |
                                   counter_bit(METRIC_INSTRUCTIONS) };
    int pass;

    cr_assert(eq(int, measure_open(&m, &options, &err), STATUS_OK), "%s",
              err.text);
    while ((pass = measure_next(m)) >= 0) {
        cr_assert(eq(int, measure_begin(m, pass, &err), STATUS_OK), "%s",
                  err.text);
        meter_begin(measure_meter(m), &run);
        meter_end(measure_meter(m), &run);
        cr_assert(eq(int, measure_end(m, &err), STATUS_OK), "%s", err.text);
    }
    measure_report(m, row);
    cr_assert(not(row[METRIC_CYCLES].qualified));
    cr_assert(row[METRIC_INSTRUCTIONS].qualified, "%s",
              row[METRIC_INSTRUCTIONS].reason);
    cr_assert(eq(dbl, measure_range(m, PASS_FORWARD, LEDGER_ANY, LEDGER_ANY,
                                    OP_NORM, METRIC_INSTRUCTIONS).median,
                 1000.0));
    measure_close(m);
    fake_tree_close(&tree);
}

/* A known kernel objects to the single event (a page fault is no cycle), but
 * that is not what stopped the two. */
Test(measure, a_group_that_does_not_fit_is_counted_one_by_one)
{
    skip_without_perf();
    struct fake_tree tree = tree_of("{name: FAULTS, code: 2, times: 1}");
    struct measure *m = NULL;
    struct measure_row row[METRIC_COUNT];
    struct error err = { 0 };
    struct measure_options options = { .sysfs_root = tree.root,
        .proc_root = tree.root, .configs = tree.root,
        .metrics = counter_bit(METRIC_CYCLES) |
                   counter_bit(METRIC_INSTRUCTIONS) };

    if (!forbid_groups())
        cr_skip("no seccomp here");
    cr_assert(eq(int, measure_open(&m, &options, &err), STATUS_OK), "%s",
              err.text);
    measure_report(m, row);
    for (int i = 0; i < METRIC_COUNT; i++)
        if (options.metrics & counter_bit((enum metric)i)) {
            cr_expect(row[i].reason[0] != '\0');
            cr_expect(strstr(row[i].reason, "not fit") == NULL, "%s: %s",
                      metric_table[i].column, row[i].reason);
        }
    measure_close(m);
    fake_tree_close(&tree);
}
