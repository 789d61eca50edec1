/* test_known_kernel.c - Have every back end count known kernels, from recorded
 * registers: right, wrong by half, and dead.
 *
 * What the back ends ask of the kernel and of libraries is answered here:
 * perf_event_open() with a socket whose packets are the readings of a group,
 * PAPI by functions of its names that take the place of the library's. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <math.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef HAVE_PAPI
#include <papi.h>
#endif

#include "hwprof/counters/calibrate.h"
#include "hwprof/counters/callgrind_dump.h"
#include "hwprof/counters/event_table.h"
#include "hwprof/counters/executed_flops.h"
#include "tests/fake_tree.h"

/* A metric is `times` of what its one event counts. */
static const struct event_known {
    enum metric metric;
    int times;
} events[] = { { METRIC_FLOPS, 1 }, { METRIC_L2_BYTES, 64 },
               { METRIC_INSTRUCTIONS, 1 }, { METRIC_CYCLES, 1 } };
enum { EVENTS = sizeof events / sizeof *events, EMPTY = 12,
       READINGS = 2 + CALIBRATE_EMPTY + 2 * CALIBRATE_REPEATS * EVENTS };

/* ---- the recording ---- */

static uint64_t recorded[READINGS][EVENTS];

static double truth(enum metric metric)
{
    const struct known_kernel *kernel = known_kernel_for(metric);
    struct known_input in = { .n = kernel->n, .n_bytes = 128 << 10 };
    return known_kernel_expected(kernel, &in);
}

/* True where `metric`'s kernel ran before the k-th reading: the first starts,
 * the next ones are empty; then two for each repeat, of `metrics` in turn. */
static bool ran_before(int k, uint32_t metrics, enum metric metric)
{
    int at = k - 2 - CALIBRATE_EMPTY, n = 0;

    for (int m = 0; m < (int)metric; m++)
        n += (metrics & counter_bit((enum metric)m)) != 0;
    return at >= 0 && at % 2 && at / 2 / CALIBRATE_REPEATS == n;
}

/* Registers run up, by a little with each reading; kernels counted `factor` of
 * the truth.  Those that are dead stand still. */
static int empty_of(double factor)
{
    return factor > 0 ? EMPTY : 0;
}

static void record(double factor, uint32_t metrics)
{
    for (int k = 0; k < READINGS; k++)
        for (int e = 0; e < EVENTS; e++) {
            bool ran = ran_before(k, metrics, events[e].metric);
            double counted = factor * truth(events[e].metric);
            recorded[k][e] = (k ? recorded[k - 1][e] : 1000) +
                (uint64_t)empty_of(factor) +
                (ran ? (uint64_t)llround(counted / events[e].times) : 0);
        }
}

static uint32_t all_metrics(void)
{
    uint32_t metrics = 0;

    for (int e = 0; e < EVENTS; e++)
        metrics |= counter_bit(events[e].metric);
    return metrics;
}

/* ---- perf_event_open() ---- */

static bool perf_answers;

/* The readings of a group, of a thread that does nothing where it is idle. */
static int readings_of(bool idle)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
        return -1;
    for (uint64_t k = 0; k < READINGS; k++) {
        uint64_t packet[3 + EVENTS] = { EVENTS, 1000 * (k + 1),
                                        1000 * (k + 1) };
        for (int e = 0; e < EVENTS && !idle; e++)
            packet[3 + e] = recorded[k][e];
        if (send(pair[1], packet, sizeof packet, MSG_DONTWAIT) !=
            sizeof packet)
            return -1;
    }
    return pair[0];
}

/* In place of the C library's. */
long syscall(long number, ...)
{
    long argument[6];
    va_list list;

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        argument[i] = va_arg(list, long);
    va_end(list);
    if (number == SYS_perf_event_open && perf_answers)
        return (int)argument[3] < 0 ? readings_of((int)argument[1] != gettid())
                                    : open("/dev/null", O_RDONLY);
    long (*real)(long, ...);
    *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    return real(number, argument[0], argument[1], argument[2], argument[3],
                argument[4], argument[5]);
}

/* ---- PAPI ---- */

#ifdef HAVE_PAPI
static int papi_sets, papi_reading;

int PAPI_is_initialized(void) { return PAPI_NOT_INITED; }
int PAPI_library_init(int version) { return version; }
int PAPI_num_cmp_hwctrs(int component) { return component == 0 ? 8 : 0; }
int PAPI_assign_eventset_component(int set, int component)
{
    return set + component < 0 ? PAPI_EINVAL : PAPI_OK;
}
int PAPI_attach(int set, unsigned long tid)
{
    return set < 0 || tid == 0 ? PAPI_EINVAL : PAPI_OK;
}
int PAPI_add_named_event(int set, const char *name)
{
    return set < 0 || !*name ? PAPI_ENOEVNT : PAPI_OK;
}
int PAPI_start(int set) { return set < 0 ? PAPI_EINVAL : PAPI_OK; }
int PAPI_stop(int set, long long *values)
{
    (void)values;
    return set < 0 ? PAPI_EINVAL : PAPI_OK;
}
int PAPI_cleanup_eventset(int set) { return PAPI_start(set); }

int PAPI_create_eventset(int *set)
{
    *set = papi_sets++;
    return PAPI_OK;
}

int PAPI_destroy_eventset(int *set)
{
    *set = PAPI_NULL;
    return PAPI_OK;
}

/* The first set is attached to the thread that works. */
int PAPI_read(int set, long long *values)
{
    for (int e = 0; e < EVENTS; e++)
        values[e] = set == 0 ? (long long)recorded[papi_reading][e] : 0;
    papi_reading += set == 0;
    return PAPI_OK;
}
#endif

/* ---- callgrind: a dump for each reading ---- */

static int dump_reading;

/* A chained multiply-add of 8 floats, or an add of 4, as the kernel has it. */
static const uint8_t *kernel_code(void *context, const char *object,
                                  uint64_t address, size_t *n)
{
    static const uint8_t fused[] = { 0xc4, 0xe2, 0x75, 0xb8, 0xc1 },
                         add[] = { 0x0f, 0x58, 0xc0 };

    (void)context, (void)object, (void)address;
    bool wide = known_kernel_for(METRIC_FLOPS)->each > 4;
    *n = wide ? sizeof fused : sizeof add;
    return wide ? fused : add;
}

static enum status dump_open(struct counter_session **out,
                             const struct counter_options *options,
                             struct error *err)
{
    (void)options, (void)err;
    *out = calloc(1, sizeof **out);
    counter_set_reason(*out, METRIC_CYCLES, "callgrind simulates no time");
    counter_set_reason(*out, METRIC_SECONDS, "callgrind simulates no time");
    counter_set_reason(*out, METRIC_BYTES, "callgrind sees no operands");
    counter_set_reason(*out, METRIC_L3_BYTES, "callgrind has two levels");
    counter_set_reason(*out, METRIC_DRAM_BYTES, "not recorded");
    counter_set_reason(*out, METRIC_JOULES, "callgrind simulates no energy");
    return STATUS_OK;
}

static enum status dump_start(struct counter_session *session,
                              struct error *err)
{
    (void)session, (void)err;
    dump_reading++;
    return STATUS_OK;
}

/* The flops' list of instructions adds up to its own total. */
static enum status dump_read(struct counter_session *session,
                             struct cost *cost, struct error *err)
{
    const uint64_t *now = recorded[dump_reading], *then = now - EVENTS;
    uint64_t each = (uint64_t)known_kernel_for(METRIC_FLOPS)->each, count;
    uint64_t times = (now[0] - then[0]) / each;
    char head[512], list[512];
    struct callgrind_dump dump;
    struct flop_mix mix = { .fused = 0 };
    const char *what;

    (void)session;
    dump_reading++;
    snprintf(head, sizeof head, "# callgrind format\npid: 1\npart: 1\n"
             "desc: D1 cache: 32768 B, 64 B, 8-way associative\n"
             "desc: LL cache: 1048576 B, 64 B, 16-way associative\n"
             "positions: line\nevents: Ir D1mr D1mw\nsummary: %llu %llu 0\n",
             (unsigned long long)(now[2] - then[2]),
             (unsigned long long)(now[1] - then[1]));
    snprintf(list, sizeof list, "# callgrind format\npid: 1\npart: 1\n"
             "positions: instr line\nevents: Ir\nsummary: %llu\n\n"
             "ob=/kernel\nfn=run\n0x100 0 %llu\n\ntotals: %llu\n",
             (unsigned long long)times, (unsigned long long)times,
             (unsigned long long)times);
    *cost = (struct cost){ 0 };
    enum status status = callgrind_dump_parse(&dump, head, strlen(head), err);
    if (status == STATUS_OK)
        status = executed_flops(&mix, list, strlen(list), kernel_code, NULL,
                                err);
    for (int m = 0; m < METRIC_FIRST_REAL; m++)
        if (callgrind_dump_metric(&dump, (enum metric)m, &count, &what))
            cost_set_count(cost, (enum metric)m, count, PROV_SIMULATED);
    cost_set_count(cost, METRIC_FLOPS, flop_mix_sum(&mix), PROV_SIMULATED);
    return status;
}

static void dump_close(struct counter_session *session)
{
    free(session);
}

static const struct counter_backend dumps = {
    .name = "callgrind", .what = "recorded dumps", .open = dump_open,
    .start = dump_start, .read = dump_read, .close = dump_close,
};

/* ---- the back ends ---- */

/* What a back end can count of these; likwid-perfctr counts for LIKWID. */
struct sight {
    char name[16];               /* no pointers: it goes to another process */
    bool sees[EVENTS];
    char why[32];                /* in the reason of what it does not see */
};

ParameterizedTestParameters(known_kernel, every_back_end_is_judged_by_it)
{
    static struct sight sights[] = {
        { "perf", { true, true, true, true }, "" },
#ifdef HAVE_PAPI
        { "papi", { true, true, true, true }, "" },
#endif
#ifdef HAVE_LIKWID
        { "likwid", { false, false, false, false }, "likwid-perfctr" },
#endif
#ifdef HAVE_ZYDIS
        { "callgrind", { true, true, true, false }, "no time" },
#endif
        { "recorded", { true, true, true, true }, "" },
    };
    return cr_make_param_array(struct sight, sights,
                               sizeof sights / sizeof *sights);
}

static void write_table(const struct fake_tree *tree)
{
    static const char row[] = "    events: [{name: %s, code: %d, times: %d, "
                              "papi: %s}]\n    most_per_second: 1e12\n"
                              "    source: test\n";
    char text[2048];
    size_t used = (size_t)snprintf(text, sizeof text, "table: all\n"
                                   "vendor: any\nevents_at_once: 8\n"
                                   "metrics:\n");

    for (int e = 0; e < EVENTS; e++) {
        const char *name = metric_table[events[e].metric].column;
        used += (size_t)snprintf(text + used, sizeof text - used, "  %s:\n",
                                 name);
        used += (size_t)snprintf(text + used, sizeof text - used, row, name,
                                 e + 1, events[e].times, name);
    }
    fake_tree_write(tree, "all.yaml", "%s", text);
    fake_tree_write(tree, "bus/event_source/devices/cpu/type", "4\n");
}

static void write_recording(const struct fake_tree *tree, double factor)
{
    char text[2048];
    size_t used = (size_t)snprintf(text, sizeof text, "isobath-counters 2\n");

    for (int e = 0; e < EVENTS; e++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "column %s %d EVENT_%d\n",
                                 metric_table[events[e].metric].column,
                                 events[e].times, e);
    int n = empty_of(factor);
    used += (size_t)snprintf(text + used, sizeof text - used,
                             "empty %d %d %d %d\n", n, n, n, n);
    for (int e = 0; e < EVENTS; e++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "kernel %s %g\n",
                                 metric_table[events[e].metric].column, factor);
    fake_tree_write(tree, "run.counters", "%s", text);
}

/* Calibrate as `measure` does, on a machine whose caches hold the data. */
static struct calibration_set judge(const struct sight *sight, double factor)
{
    struct fake_tree tree = fake_tree_open();
    struct cpu_topology topology = { .n_caches = 2, .memory_bytes = 1 << 30,
        .cache = { { .level = 1, .kind = 'd', .size_bytes = 32 << 10 },
                   { .level = 2, .kind = 'u', .size_bytes = 1 << 20 } } };
    const struct counter_backend *backend =
        strcmp(sight->name, "callgrind") == 0 ? &dumps
                                              : counter_find(sight->name);
    struct counter_session *session = NULL;
    struct calibration_set set = { 0 };
    struct event_table table;
    struct error err = { 0 };
    char path[512], trace[512];
    uint32_t metrics = all_metrics();

    for (int e = 0; e < EVENTS; e++)
        if (!sight->sees[e])
            metrics &= ~counter_bit(events[e].metric);
    record(factor, metrics);
    write_table(&tree);
    write_recording(&tree, factor);
    fake_tree_path(&tree, path, "all.yaml");
    fake_tree_path(&tree, trace, "run.counters");
    cr_assert(eq(int, event_table_load(&table, path, &err), STATUS_OK), "%s",
              err.text);
    const struct counter_options options = { .sysfs_root = tree.root,
        .proc_root = tree.root, .trace_path = trace, .repeat = -1,
        .events = &table, .metrics = all_metrics() };
    perf_answers = true;
    dump_reading = 0;
#ifdef HAVE_PAPI
    papi_sets = papi_reading = 0;
#endif
    cr_assert(eq(int, counter_open(&session, backend, &options, &err),
                 STATUS_OK), "%s", err.text);
    cr_assert(eq(int, counter_start(session, &err), STATUS_OK), "%s", err.text);
    cr_assert(eq(int, calibrate_session(&set, session, &topology, &err),
                 STATUS_OK), "%s: %s", sight->name, err.text);
    counter_close(session);
    perf_answers = false;
    fake_tree_close(&tree);
    return set;
}

/* The words that a verdict on a counter holds; "": it is trusted. */
static void expect(const struct sight *sight, double factor, const char *words)
{
    struct calibration_set set = judge(sight, factor);

    for (int e = 0; e < EVENTS; e++) {
        const struct calibration *c = &set.metric[events[e].metric];
        const char *wanted = sight->sees[e] ? words : sight->why;
        cr_expect(eq(int, c->qualified, sight->sees[e] && !*words),
                  "%s, %s: %s", sight->name,
                  metric_table[events[e].metric].column, c->reason);
        cr_expect(strstr(c->reason, wanted) != NULL, "%s, %s: '%s' says no"
                  " '%s'", sight->name, metric_table[events[e].metric].column,
                  c->reason, wanted);
    }
}

ParameterizedTest(struct sight *sight, known_kernel,
                  every_back_end_is_judged_by_it)
{
#ifndef __x86_64__
    cr_skip("the instructions of the kernels are those of x86-64");
#endif
    expect(sight, 1, "");
    expect(sight, 0.5, "wrong: counted");
    expect(sight, 0, "dead: counted 0");
}
