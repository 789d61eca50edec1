/* counter_perf.c - Read perf_event_open groups, one a thread, and sum them.
 *
 * Counters are enabled once and read at every boundary; nothing is reset or
 * multiplexed.  Some virtual machines keep stale counters: without care, 48 %
 * of the groups of two had a dead one.  A group of nothing but the scrub event
 * before each open, a first reading thrown away and a check against known
 * kernels left 0 bad measurements in 1200.
 *
 * Two back ends: `perf` reads with read(2); `rdpmc` reads the calling thread's
 * counters from the page that perf shares, other threads' with read(2). */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "hwprof/counters/perf_page.h"
#include "hwprof/counters/perf_pmu.h"
#include "hwprof/counters/thread_group.h"
#include "hwprof/machine/sysfs.h"

enum { SCRUB_EVENTS = 6, WARM_ITERATIONS = 1000 };

typedef int group_fds[EVENT_GROUP_MAX];     /* [0] leads; -1: not open */

struct perf_session {
    struct thread_group all;              /* first: downcast */
    group_fds fd[THREAD_LIST_MAX];
    struct perf_event_mmap_page *page[EVENT_GROUP_MAX];   /* of thread 0 */
    size_t page_size;                     /* 0: read(2) alone */
};

/* `wanted` of config1, where the kernel has to be asked for something. */
static int open_event(const struct event *event, const struct perf_pmu *pmu,
                      uint64_t wanted, int tid, int leader)
{
    bool generic = event->kind == EVENT_HARDWARE;
    struct perf_event_attr attr = {
        .type = generic ? PERF_TYPE_HARDWARE : pmu->type,
        .size = sizeof attr,
        .config = event->code | (generic ? pmu->hardware : 0),
        .config1 = event->extra | wanted,
        .read_format = PERF_FORMAT_GROUP | PERF_FORMAT_TOTAL_TIME_ENABLED |
                       PERF_FORMAT_TOTAL_TIME_RUNNING,
        .disabled = leader < 0,
        .exclude_kernel = 1,
        .exclude_hv = 1,
    };
    return (int)syscall(SYS_perf_event_open, &attr, tid, -1, leader,
                        PERF_FLAG_FD_CLOEXEC);
}

static void close_events(group_fds fd)
{
    for (int e = EVENT_GROUP_MAX - 1; e >= 0; e--)
        if (fd[e] >= 0) {
            close(fd[e]);
            fd[e] = -1;
        }
}

static int open_events(group_fds fd, const struct counter_group *group,
                       const struct perf_pmu *pmu, uint64_t wanted, int tid)
{
    for (int e = 0; e < EVENT_GROUP_MAX; e++)
        fd[e] = -1;
    for (int e = 0; e < group->n_events; e++) {
        fd[e] = open_event(&group->event[e], pmu, wanted, tid, e ? fd[0] : -1);
        if (fd[e] < 0) {
            int code = errno;
            close_events(fd);
            return code;
        }
    }
    return 0;
}

static enum status read_thread(const struct thread_group *all, int t,
                               struct counter_raw *out, struct error *err)
{
    const struct perf_session *s = (const struct perf_session *)all;
    ssize_t n = read(s->fd[t][0], out, sizeof *out);

    if (n < (ssize_t)(3 * sizeof(uint64_t)))
        return error_set(err, STATUS_UNAVAILABLE, "reading counters: %s",
                         n < 0 ? strerror(errno)
                               : "the kernel took the group off the PMU");
    return STATUS_OK;
}

static void enable(int leader, bool on)
{
    ioctl(leader, on ? PERF_EVENT_IOC_ENABLE : PERF_EVENT_IOC_DISABLE,
          PERF_IOC_FLAG_GROUP);
}

static void warm(void)
{
    for (volatile int i = 0; i < WARM_ITERATIONS; i++)
        ;
}

/* Take every counter once with a harmless event, so that none keeps what an
 * earlier group left in it. */
static void scrub(uint64_t code, const struct perf_pmu *pmu)
{
    struct counter_group group = { .n_events = SCRUB_EVENTS };
    group_fds fd;
    struct counter_raw ignored;

    for (int e = 0; e < SCRUB_EVENTS; e++)
        group.event[e] = (struct event){ .code = code };
    if (open_events(fd, &group, pmu, 0, 0) != 0)
        return;                           /* fewer counters: nothing stale */
    enable(fd[0], true);
    warm();
    enable(fd[0], false);
    (void)!read(fd[0], &ignored, sizeof ignored);
    close_events(fd);
}

static void no_pmu_reason(char *out, size_t size,
                          const struct counter_options *options)
{
    char cpuinfo[SYSFS_TEXT_SIZE], bus[SYSFS_PATH_SIZE];
    const char *sysfs = options->sysfs_root ? options->sysfs_root : "/sys";
    bool guest = sysfs_text(cpuinfo, sizeof cpuinfo, options->proc_root,
                            "cpuinfo") == SYSFS_READ &&
                 strstr(cpuinfo, " hypervisor");

    snprintf(bus, sizeof bus, "%s/bus", sysfs);
    if (access(bus, F_OK) != 0) {
        snprintf(out, size, "%s holds no devices, so no counter can be found: "
                 "mount -t sysfs sysfs /sys", sysfs);
        return;
    }
    snprintf(out, size, guest
        ? "this virtual machine exposes no counters: no CPU among the perf "
          "devices in /sys/bus/event_source/devices.  The host must pass a PMU "
          "through (KVM: -cpu host,pmu=on), or run on bare metal"
        : "the kernel knows no counters of this CPU: no CPU among the perf "
          "devices in /sys/bus/event_source/devices (kernel without "
          "CONFIG_PERF_EVENTS, or CPU newer than the kernel)");
}

/* Say as something to do what perf_event_open(2) answered. */
static void open_reason(char *out, size_t size, int code,
                        const char *proc_root)
{
    char paranoid[32] = "?";
    uint64_t watchdog = 0;

    sysfs_text(paranoid, sizeof paranoid, proc_root,
               "sys/kernel/perf_event_paranoid");
    sysfs_number(&watchdog, proc_root, "sys/kernel/nmi_watchdog");
    switch (code) {
    case EACCES:
    case EPERM:
        snprintf(out, size, atoi(paranoid) > 2
            ? "permission denied: perf_event_paranoid is %s.  As root: sysctl "
              "kernel.perf_event_paranoid=2, or setcap cap_perfmon+ep on the "
              "program"
            : "permission denied though perf_event_paranoid is %s: a "
              "container's seccomp profile blocks perf_event_open (docker run "
              "--cap-add PERFMON --security-opt seccomp=unconfined)", paranoid);
        return;
    case ENOENT:
    case EOPNOTSUPP:
    case ENODEV:
        snprintf(out, size, "the kernel does not know this event on this CPU "
                 "(perf_event_open: %s)", strerror(code));
        return;
    case EINVAL:
    case ENOSPC:
        snprintf(out, size, "the group does not fit on the counters%s "
                 "(perf_event_open: %s)", watchdog
                 ? "; the NMI watchdog holds one: sysctl kernel.nmi_watchdog=0"
                 : "", strerror(code));
        return;
    case EMFILE:
        snprintf(out, size, "too many open files: raise ulimit -n");
        return;
    default:
        snprintf(out, size, "perf_event_open: %s", strerror(code));
    }
}

static int open_threads(struct perf_session *s, const struct perf_pmu *pmu,
                        uint64_t user_read)
{
    for (int t = 0; t < s->all.n_threads; t++) {
        int code = open_events(s->fd[t], &s->all.group, pmu,
                               t == 0 ? user_read : 0, s->all.tid[t]);
        if (code == ESRCH) {              /* it ended since we listed it */
            s->all.tid[t] = s->all.tid[--s->all.n_threads];
            t--;
        } else if (code) {
            while (t-- > 0)
                close_events(s->fd[t]);
            return code;
        }
    }
    return 0;
}

static void unmap_pages(struct perf_session *s)
{
    for (int e = 0; e < EVENT_GROUP_MAX; e++)
        if (s->page[e])
            munmap(s->page[e], s->page_size);
}

/* "" or why the calling thread cannot look at its counters itself. */
static const char *map_pages(struct perf_session *s)
{
    s->page_size = (size_t)sysconf(_SC_PAGESIZE);
    for (int e = 0; e < s->all.group.n_events; e++) {
        void *page = mmap(NULL, s->page_size, PROT_READ, MAP_SHARED,
                          s->fd[0][e], 0);
        if (page == MAP_FAILED)
            return "perf does not share its page (mmap of the event failed)";
        s->page[e] = page;
        if (!s->page[e]->cap_user_rdpmc)
            return "the kernel keeps the counters from user space (x86: "
                   "/sys/bus/event_source/devices/cpu/rdpmc is 0; Arm: Linux "
                   "before 5.17)";
    }
    return "";
}

/* Return the error for which nobody can count the event; 0: it can be. */
static int try_event(const struct event *event, const struct perf_pmu *pmu)
{
    int fd = open_event(event, pmu, 0, 0, -1);

    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

/* The metrics of the group whose events can all be opened, one by one; the
 * session learns why not for the others. */
static uint32_t metrics_that_open(struct perf_session *s,
                                  const struct perf_pmu *pmu)
{
    uint32_t left = counter_seen(&s->all.base);

    for (int i = 0; i < s->all.group.n_terms; i++) {
        const struct counter_term *term = &s->all.group.term[i];
        const struct event *event = &s->all.group.event[term->event];
        int code = try_event(event, pmu);
        if (!code || !(left & counter_bit(term->metric)))
            continue;
        left &= ~counter_bit(term->metric);
        counter_set_reason(&s->all.base, term->metric, "the kernel does not"
                           " know the event %s on this CPU (perf_event_open:"
                           " %s)", event->name, strerror(code));
    }
    return left;
}

/* Count `metrics` of what the session sees; the others keep their reasons. */
static void plan_less(struct perf_session *s,
                      const struct counter_options *options, uint32_t metrics)
{
    struct counter_session *base = &s->all.base, before = *base;

    counter_group_plan(&s->all.group, options->events, metrics, base);
    for (int m = 0; m < METRIC_COUNT; m++)
        if (!counter_sees(base, (enum metric)m))
            memcpy(base->reason[m], before.reason[m],
                   sizeof before.reason[m]);
}

/* Open the group on every thread; without the metrics that have an event which
 * the kernel or the CPU does not have. */
static void open_group(struct perf_session *s,
                       const struct counter_options *options,
                       const struct perf_pmu *pmu, uint64_t user_read)
{
    char reason[COUNTER_REASON_SIZE];
    uint32_t seen = counter_seen(&s->all.base);
    int code = open_threads(s, pmu, user_read);

    if (code == 0)
        return;
    open_reason(reason, sizeof reason, code, options->proc_root);
    uint32_t left = metrics_that_open(s, pmu);
    if (left && left != seen) {
        plan_less(s, options, left);
        seen = left;
        code = open_threads(s, pmu, user_read);
        open_reason(reason, sizeof reason, code, options->proc_root);
    }
    if (code)
        thread_group_give_up(&s->all, seen, reason);
}

static enum status open_session(struct counter_session **out,
                                const struct counter_options *options,
                                bool user_reads, struct error *err)
{
    char reason[COUNTER_REASON_SIZE];
    struct perf_pmu pmu;
    struct thread_group *all = NULL;
    enum status status = thread_group_open(&all, sizeof(struct perf_session),
                                           options, options->metrics, err);

    if (status != STATUS_OK)
        return status;
    *out = &all->base;
    if (!perf_pmu_find(&pmu, options->sysfs_root)) {
        no_pmu_reason(reason, sizeof reason, options);
        thread_group_give_up(all, counter_seen(&all->base), reason);
    } else if (!pmu.covers) {
        snprintf(reason, sizeof reason, "the cores are of several kinds, with "
                 "counters of their own: %s counts on CPUs %s, and this program"
                 " may run on others.  Keep it there: taskset -c %s", pmu.name,
                 pmu.cpus, pmu.cpus);
        thread_group_give_up(all, counter_seen(&all->base), reason);
    } else if (all->group.n_events) {
        if (options->events->scrub)
            scrub(options->events->scrub, &pmu);
        open_group((struct perf_session *)all, options, &pmu,
                   user_reads ? pmu.user_read : 0);
    }
    return STATUS_OK;
}

static enum status perf_open(struct counter_session **out,
                             const struct counter_options *options,
                             struct error *err)
{
    return open_session(out, options, false, err);
}

/* Arm's switch is for all programs at once, and off at first. */
static bool is_switched_off(const char *proc_root)
{
    uint64_t on = 1;
    return sysfs_number(&on, proc_root, "sys/kernel/perf_user_access") ==
           SYSFS_READ && on == 0;
}

static enum status rdpmc_open(struct counter_session **out,
                              const struct counter_options *options,
                              struct error *err)
{
    enum status status = open_session(out, options, true, err);
    struct perf_session *s = (struct perf_session *)*out;

    if (status != STATUS_OK || s->all.group.n_events == 0)
        return status;
    const char *reason = !perf_page_pmc
        ? "this build knows no such instruction for this CPU"
        : is_switched_off(options->proc_root)
        ? "the kernel keeps the counters from user space: as root, sysctl "
          "kernel.perf_user_access=1" : map_pages(s);
    if (*reason) {
        for (int t = 0; t < s->all.n_threads; t++)
            close_events(s->fd[t]);
        thread_group_give_up(&s->all, counter_seen(&s->all.base), reason);
    }
    return STATUS_OK;
}

static void enable_all(const struct perf_session *s, bool on)
{
    for (int t = 0; s->all.group.n_events && t < s->all.n_threads; t++)
        enable(s->fd[t][0], on);
}

static enum status perf_start(struct counter_session *session,
                              struct error *err)
{
    struct perf_session *s = (struct perf_session *)session;

    enable_all(s, true);
    warm();
    enable_all(s, false);
    enable_all(s, true);
    return thread_group_start(&s->all, read_thread, err);
}

static enum status read_pages(const struct thread_group *all,
                              struct counter_raw *out, struct error *err)
{
    const struct perf_session *s = (const struct perf_session *)all;
    struct perf_page_value value;

    *out = (struct counter_raw){ .n_events = (uint64_t)all->group.n_events };
    for (int e = 0; e < all->group.n_events; e++) {
        if (!perf_page_read(s->page[e], perf_page_pmc, &value))
            return error_set(err, STATUS_UNAVAILABLE, "%s is not on a counter",
                             all->group.event[e].name);
        out->value[e] = value.count;
        if (e == 0) {
            out->enabled = value.enabled;
            out->running = value.running;
        }
    }
    return STATUS_OK;
}

/* The calling thread's counters from its pages, where it has them. */
static enum status read_nearest(const struct thread_group *all, int t,
                                struct counter_raw *out, struct error *err)
{
    return t == 0 && ((const struct perf_session *)all)->page_size
        ? read_pages(all, out, err) : read_thread(all, t, out, err);
}

/* Each counter lies between what read(2) says before and after. */
static enum status rdpmc_start(struct counter_session *session,
                               struct error *err)
{
    struct thread_group *all = (struct thread_group *)session;
    struct counter_raw before, here, after;
    enum status status = perf_start(session, err);

    if (all->group.n_events == 0 || status != STATUS_OK)
        return status;
    if ((status = read_thread(all, 0, &before, err)) ||
        (status = read_pages(all, &here, err)) ||
        (status = read_thread(all, 0, &after, err)))
        return status;
    for (int e = 0; e < all->group.n_events; e++)
        if (here.value[e] < before.value[e] || here.value[e] > after.value[e])
            return error_set(err, STATUS_UNAVAILABLE, "%s reads differently"
                             " from user space than by read(2)",
                             all->group.event[e].name);
    all->last[0] = here;
    return STATUS_OK;
}

static enum status perf_read(struct counter_session *session,
                             struct cost *since_last, struct error *err)
{
    return thread_group_read((struct thread_group *)session, since_last,
                             read_nearest, err);
}

static enum status perf_stop(struct counter_session *session,
                             struct error *err)
{
    enable_all((struct perf_session *)session, false);
    return thread_group_stop(session, err);
}

static void perf_close(struct counter_session *session)
{
    struct perf_session *s = (struct perf_session *)session;

    unmap_pages(s);
    for (int t = 0; s->all.group.n_events && t < s->all.n_threads; t++)
        close_events(s->fd[t]);
    free(s);
}

const struct counter_backend counter_rdpmc = {
    .name = "rdpmc", .what = "perf_event groups, read without a system call",
    .open = rdpmc_open, .start = rdpmc_start, .read = perf_read,
    .stop = perf_stop, .close = perf_close,
};

const struct counter_backend counter_perf = {
    .name = "perf", .what = "perf_event_open groups on every thread, summed",
    .open = perf_open, .start = perf_start, .read = perf_read,
    .stop = perf_stop, .close = perf_close,
};
