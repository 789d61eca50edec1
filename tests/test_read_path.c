/* test_read_path.c - Choose among the ways to read counters: the page that perf
 * shares, the cheapest way, and what perf_event_open() refuses. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hwprof/counters/event_table.h"
#include "hwprof/counters/perf_page.h"
#include "hwprof/counters/read_path.h"
#include "tests/fake_tree.h"

/* ---- the page ---- */

static uint64_t raw;             /* what the counter's register holds */
static uint32_t asked;

static uint64_t fake_pmc(uint32_t index)
{
    asked = index;
    return raw;
}

static struct perf_event_mmap_page page_of(uint32_t index, int64_t offset)
{
    struct perf_event_mmap_page page = { .index = index, .offset = offset,
        .pmc_width = 48, .time_enabled = 70, .time_running = 60 };
    page.cap_user_rdpmc = 1;
    return page;
}

/* perf starts a register at -2^47 and notes 2^47 as what to add: after 1234
 * events it holds 2^48 - 2^47 + 1234. */
Test(perf_page, a_register_runs_up_from_a_negative_number)
{
    struct perf_event_mmap_page page = page_of(3, INT64_C(1) << 47);
    struct perf_page_value value;

    raw = (UINT64_C(1) << 47) + 1234;
    cr_assert(perf_page_read(&page, fake_pmc, &value));
    cr_assert(eq(u64, value.count, 1234));
    cr_assert(eq(u32, asked, 2));
    cr_assert(eq(u64, value.enabled, 70));
    cr_assert(eq(u64, value.running, 60));
}

Test(perf_page, a_positive_register_is_added)
{
    struct perf_event_mmap_page page = page_of(1, 1000);
    struct perf_page_value value;

    raw = 5;
    cr_assert(perf_page_read(&page, fake_pmc, &value));
    cr_assert(eq(u64, value.count, 1005));
}

Test(perf_page, an_event_off_its_counter_is_told)
{
    struct perf_event_mmap_page page = page_of(0, 1000);
    struct perf_page_value value;

    cr_assert(not(perf_page_read(&page, fake_pmc, &value)));
    page.index = 1;
    page.cap_user_rdpmc = 0;
    cr_assert(not(perf_page_read(&page, fake_pmc, &value)));
}

/* ---- which way ---- */

static enum status fake_open(struct counter_session **out,
                             const struct counter_options *options,
                             struct error *err)
{
    (void)options;
    (void)err;
    *out = calloc(1, sizeof **out);
    return STATUS_OK;
}

static enum status blind_open(struct counter_session **out,
                              const struct counter_options *options,
                              struct error *err)
{
    enum status status = fake_open(out, options, err);
    counter_unseen(*out, "blind here");
    return status;
}

static enum status fake_nothing(struct counter_session *session,
                                struct error *err)
{
    (void)session;
    (void)err;
    return STATUS_OK;
}

static enum status fake_fail(struct counter_session *session,
                             struct error *err)
{
    (void)session;
    return error_set(err, STATUS_UNAVAILABLE, "it does not start");
}

static enum status quick_read(struct counter_session *session,
                              struct cost *cost, struct error *err)
{
    *cost = (struct cost){ 0 };
    return fake_nothing(session, err);
}

static enum status slow_read(struct counter_session *session,
                             struct cost *cost, struct error *err)
{
    usleep(2000);
    return quick_read(session, cost, err);
}

static void fake_close(struct counter_session *session)
{
    free(session);
}

#define BACKEND(id, opens, starts, reads) { .name = id, .what = id,            \
    .open = opens, .start = starts, .read = reads, .stop = fake_nothing,       \
    .close = fake_close }
static const struct counter_backend
    slow  = BACKEND("slow", fake_open, fake_nothing, slow_read),
    quick = BACKEND("quick", fake_open, fake_nothing, quick_read),
    blind = BACKEND("blind", blind_open, fake_nothing, quick_read),
    lame  = BACKEND("lame", fake_open, fake_fail, quick_read);

Test(read_path, the_cheapest_that_sees_comes_first)
{
    const struct counter_backend *const backends[] = { &lame, &blind, &slow,
                                                       &quick, NULL };
    struct counter_options options = { .metrics = counter_bit(METRIC_FLOPS) };
    struct read_path path[READ_PATH_MAX];
    enum status status;
    int n = read_path_survey(path, backends, &options, &status, NULL);

    cr_assert(eq(int, n, 4));
    cr_assert(eq(int, status, STATUS_OK));
    cr_assert(eq(str, (char *)path[0].backend->name, "quick"));
    cr_assert(eq(str, (char *)path[1].backend->name, "slow"));
    cr_assert(path[1].seconds > path[0].seconds);
    cr_assert(eq(str, (char *)path[2].backend->name, "lame"));
    cr_assert(eq(str, path[2].reason, "it does not start"));
    cr_assert(eq(u32, path[2].seen, 0));
    cr_assert(eq(str, path[3].reason, "blind here"));
}

/* ---- perf, on the kernel's own event, a page fault ---- */

enum { PAGES = 100, PAGE_BYTES = 4096, STRAY = 50 };

static struct counter_session *count_faults(const struct counter_backend *how,
                                            struct fake_tree *tree)
{
    static struct event_table table;
    struct counter_session *session = NULL;
    char path[512];

    *tree = fake_tree_open();
    fake_tree_write(tree, "t.yaml", "table: faults\nvendor: any\n"
        "events_at_once: 2\nmetrics:\n"
        "  cycles:\n    events: [{name: FAULTS, code: 5, times: 1}]\n"
        "    most_per_second: 1\n    source: test\n");
    fake_tree_write(tree, "bus/event_source/devices/cpu/type", "1\n");
    fake_tree_write(tree, "sys/kernel/perf_event_paranoid", "3\n");
    fake_tree_path(tree, path, "t.yaml");
    cr_assert(eq(int, event_table_load(&table, path, NULL), STATUS_OK));
    struct counter_options options = { .sysfs_root = tree->root,
        .proc_root = tree->root, .events = &table,
        .metrics = counter_bit(METRIC_CYCLES) };
    cr_assert(eq(int, counter_open(&session, how, &options, NULL), STATUS_OK));
    return session;
}

/* perf_event_open() fails with `code` from here on, in this process. */
static bool forbid_perf(unsigned code)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_perf_event_open, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static void expect_reason(unsigned code, const char *needle)
{
    struct fake_tree tree;

    if (!forbid_perf(code))
        cr_skip("no seccomp here");
    struct counter_session *s = count_faults(&counter_perf, &tree);
    bool said = strstr(s->reason[METRIC_CYCLES], needle) != NULL;
    cr_assert(said, "%s", s->reason[METRIC_CYCLES]);
    cr_assert(eq(u32, counter_seen(s), 0));
    counter_close(s);
    fake_tree_close(&tree);
}

Test(perf, permission_denied_says_what_to_set)
{
    expect_reason(EACCES, "permission denied: perf_event_paranoid is 3");
}

Test(perf, an_unknown_event_is_another_reason_than_a_forbidden_one)
{
    expect_reason(ENOENT, "the kernel does not know this event on this CPU");
}

Test(perf, a_group_too_large_is_a_third)
{
    expect_reason(EINVAL, "the group does not fit on the counters");
}

Test(perf, too_many_open_files_is_a_fourth)
{
    expect_reason(EMFILE, "raise ulimit -n");
}

static void touch(void)
{
    char *page = mmap(NULL, PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    for (int i = 0; i < PAGES; i++)
        page[i * PAGE_BYTES] = 1;
    munmap(page, PAGES * PAGE_BYTES);
}

/* From CPU to CPU between any two rounds. */
Test(perf, a_thread_that_migrates_loses_nothing)
{
    struct fake_tree tree;
    struct cost cost;
    cpu_set_t all, one;
    struct counter_session *s = count_faults(&counter_perf, &tree);

    if (!counter_sees(s, METRIC_CYCLES))
        cr_skip("%s", s->reason[METRIC_CYCLES]);
    sched_getaffinity(0, sizeof all, &all);
    if (CPU_COUNT(&all) < 2)
        cr_skip("one CPU");
    cr_assert(eq(int, counter_start(s, NULL), STATUS_OK));
    cr_assert(eq(int, counter_read(s, &cost, NULL), STATUS_OK));
    for (int round = 0, cpu = 0; round < 4; cpu = (cpu + 1) % CPU_SETSIZE) {
        if (!CPU_ISSET(cpu, &all))
            continue;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        cr_assert(eq(int, sched_setaffinity(0, sizeof one, &one), 0));
        touch();
        round++;
    }
    cr_assert(eq(int, counter_read(s, &cost, NULL), STATUS_OK));
    cr_assert(cost.count[METRIC_CYCLES] >= 4 * PAGES);
    cr_assert(cost.count[METRIC_CYCLES] < 4 * PAGES + STRAY);
    counter_close(s);
    fake_tree_close(&tree);
}

/* A page fault has no register to look at. */
Test(rdpmc, an_event_without_a_register_is_refused_with_a_reason)
{
    struct fake_tree tree;
    struct cost cost;
    struct counter_session *s = count_faults(&counter_rdpmc, &tree);
    struct error err = { 0 };

    if (counter_sees(s, METRIC_CYCLES)) {
        enum status status = counter_start(s, &err);
        cr_assert(eq(int, status, STATUS_UNAVAILABLE), "%s", err.text);
        cr_assert(err.text[0] != '\0');
    } else {
        cr_assert(s->reason[METRIC_CYCLES][0] != '\0');
        cr_assert(eq(int, counter_start(s, NULL), STATUS_OK));
        cr_assert(eq(int, counter_read(s, &cost, NULL), STATUS_OK));
        cr_assert(not(cost_known(&cost, METRIC_CYCLES)));
    }
    counter_close(s);
    fake_tree_close(&tree);
}
