/* counter_callgrind.c - Count on a simulated machine, where there is no PMU.
 *
 * Under `valgrind --tool=callgrind --cache-sim=yes` every instruction runs on a
 * simulated first and last data cache (LRU, write-allocate, no prefetching).
 * A reading asks callgrind for a dump, whose head says what was counted since
 * the dump before; the counts are then set to zero, so that reading costs the
 * next region nothing but the lines it pushed out of the caches.  What comes of
 * it is SIMULATED: a model of hardware that ran, not hardware.
 *
 * Under --dump-instr=yes the dump also lists how often each instruction ran,
 * and a decoder says how many flops each does.  Reading that list pushes out
 * what the caches hold, so flops are counted in a pass of their own.  Requests:
 * valgrind.org/docs/manual/cl-manual.html, client requests. */
#include "hwprof/counters/counter.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#include <valgrind/callgrind.h>
#pragma GCC diagnostic pop
#include "hwprof/counters/callgrind_dump.h"
#include "hwprof/counters/code_map.h"
#include "hwprof/counters/executed_flops.h"
#include "hwprof/counters/thread_group.h"
#include "hwprof/machine/topology.h"
#include "sim/core/base/file.h"

enum { HEAD_SIZE = 8192, COMMAND_SIZE = 65536, LABEL_SIZE = 32,
       DUMP_MOST = 1 << 28 };

/* Dumps are numbered through the life of the process. */
static uint64_t dumps_asked, dumps_seen;

struct callgrind_session {
    struct counter_session base;          /* first: downcast */
    struct callgrind_dump  about;         /* the first dump: caches, events */
    bool                   decodes;       /* from its start on */
    struct code_map        code;
    struct flop_mix        flops;         /* of the last dump */
};

/* Reasons for metrics that no events make up. */
static const char *const unseen[METRIC_COUNT] = {
    [METRIC_L3_BYTES] = "callgrind simulates two levels: what the first brings "
        "in is l2_bytes, what the last does not have dram_bytes",
    [METRIC_CYCLES] = "callgrind simulates caches, not time",
    [METRIC_SECONDS] = "callgrind simulates caches, not time",
    [METRIC_JOULES] = "callgrind simulates caches, not energy",
};

static char base_path[FILE_PATH_SIZE];    /* of dumps; "": see why_not() */

/* "" when callgrind runs this process.  Valgrind shows programs their own
 * command line as /proc/self/cmdline; the thread's is left as it is. */
static const char *why_not(void)
{
    char path[64], command[COMMAND_SIZE];
    const char *why = "this process does not run under valgrind "
                      "--tool=callgrind --cache-sim=yes";

    if (!RUNNING_ON_VALGRIND || base_path[0])
        return base_path[0] ? "" : why;
    snprintf(path, sizeof path, "/proc/self/task/%d/cmdline", (int)gettid());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, command, sizeof command);
    if (fd >= 0)
        close(fd);
    callgrind_dump_base(base_path, sizeof base_path, command,
                        n > 0 ? (size_t)n : 0, (uint64_t)getpid(), &why);
    return why;
}

static bool callgrind_hosts(void)
{
    return why_not()[0] == '\0';
}

#ifdef HAVE_ZYDIS
static const char no_decoder[] = "";

static const uint8_t *find_code(void *map, const char *object,
                                uint64_t address, size_t *n)
{
    return code_map_find(map, object, address, n);
}

static enum status read_flops(struct callgrind_session *s, const char *path,
                              struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    struct error why = { 0 };
    enum status status = file_read(&text, &size, path, DUMP_MOST, err);

    if (status != STATUS_OK)
        return status;
    status = executed_flops(&s->flops, text, size, find_code, &s->code, &why);
    free(text);
    return status == STATUS_OK ? STATUS_OK
        : error_set(err, STATUS_UNAVAILABLE, "%s: %s", path, why.text);
}
#else
static const char no_decoder[] = "built without a decoder of instructions: "
                                 "install libzydis-dev, make again";

static enum status read_flops(struct callgrind_session *s, const char *path,
                              struct error *err)
{
    (void)s;
    return error_set(err, STATUS_UNAVAILABLE, "%s: %s", path, no_decoder);
}
#endif

/* The head of dump number `part`, and its file gone if `label` is on it; with
 * its flops, if anybody wants them. */
static enum status read_dump(struct callgrind_session *s,
                             struct callgrind_dump *out, uint64_t part,
                             const char *label, bool *ours, struct error *err)
{
    static char head[HEAD_SIZE];
    char path[FILE_PATH_SIZE + 24];
    struct error why = { 0 };

    snprintf(path, sizeof path, "%s.%" PRIu64, base_path, part);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return error_set(err, STATUS_UNAVAILABLE, "callgrind left no dump %s: "
                         "%s; --combine-dumps is not followed", path,
                         strerror(errno));
    ssize_t n = read(fd, head, sizeof head);
    close(fd);
    enum status status = callgrind_dump_parse(out, head, n > 0 ? (size_t)n : 0,
                                              &why);
    if (status == STATUS_OK)
        status = callgrind_dump_check(out, (uint64_t)getpid(), part, &why);
    if (status != STATUS_OK)
        return error_set(err, STATUS_UNAVAILABLE, "%s: %s", path, why.text);
    *ours = strstr(out->trigger, label) != NULL;
    if (*ours && s->decodes)
        status = read_flops(s, path, err);
    if (*ours)
        unlink(path);
    return status;
}

/* The label of the next dump, made before it is needed: what comes between an
 * op and the request is counted with the op. */
static char next_label[LABEL_SIZE];

static void name_next(void)
{
    snprintf(next_label, sizeof next_label, "isobath %" PRIu64 ".",
             ++dumps_asked);
}

/* Counts since the last one.  Dumps that others asked for lie between. */
static enum status take_dump(struct callgrind_session *s,
                             struct callgrind_dump *out, struct error *err)
{
    enum status status = STATUS_OK;
    bool ours = false;

    CALLGRIND_DUMP_STATS_AT(next_label);
    while (status == STATUS_OK && !ours) {
        status = read_dump(s, out, dumps_seen + 1, next_label, &ours, err);
        dumps_seen += status == STATUS_OK || ours;
    }
    name_next();
    return status;
}

static void see(struct callgrind_session *s)
{
    const struct callgrind_dump *d = &s->about;
    uint64_t count;
    const char *what;

    for (int m = 0; m < METRIC_COUNT; m++) {
        bool counted = callgrind_dump_metric(d, (enum metric)m, &count, &what);
        counter_set_reason(&s->base, (enum metric)m, "%s", counted ? ""
                           : what ? "callgrind runs without --cache-sim=yes"
                           : unseen[m] ? unseen[m]
                           : "callgrind does not simulate it");
        if (what)
            snprintf(s->base.source[m], COUNTER_SOURCE_SIZE, "callgrind %s",
                     what);
    }
    counter_set_reason(&s->base, METRIC_FLOPS, "%s", no_decoder[0] ? no_decoder
                       : d->by_instruction ? ""
                       : "callgrind runs without --dump-instr=yes");
    snprintf(s->base.source[METRIC_FLOPS], COUNTER_SOURCE_SIZE,
             "callgrind Ir of each instruction, decoded by Zydis");
}

static enum status callgrind_open(struct counter_session **out,
                                  const struct counter_options *options,
                                  struct error *err)
{
    struct callgrind_session *s = calloc(1, sizeof *s);
    int tid[THREAD_LIST_MAX], n_threads = 0;
    struct error why = { 0 };

    if (!s)
        return error_set(err, STATUS_NO_MEMORY, "no memory for counters");
    *out = &s->base;
    counter_unseen(&s->base, why_not());
    if (!callgrind_hosts())
        return STATUS_OK;
    enum status status = thread_list(tid, &n_threads, &why);
    name_next();
    if (status == STATUS_OK)
        status = code_map_open(&s->code, &why);
    if (status == STATUS_OK)
        status = take_dump(s, &s->about, &why);
    if (status != STATUS_OK)
        counter_unseen(&s->base, why.text);
    else if (n_threads > 1)
        counter_unseen(&s->base, "callgrind runs threads in turns on one "
                       "simulated cache: give --threads 1");
    else
        see(s);
    for (int m = 0; m < METRIC_COUNT; m++)
        if (counter_sees(&s->base, (enum metric)m) &&
            !(options->metrics & counter_bit((enum metric)m)))
            counter_set_reason(&s->base, (enum metric)m, "not asked for");
    return STATUS_OK;
}

/* Starts with empty simulated caches. */
static enum status callgrind_start(struct counter_session *session,
                                   struct error *err)
{
    struct callgrind_session *s = (struct callgrind_session *)session;
    struct callgrind_dump ignored;

    CALLGRIND_START_INSTRUMENTATION;
    enum status status = take_dump(s, &ignored, err);
    CALLGRIND_ZERO_STATS;
    s->decodes = counter_sees(session, METRIC_FLOPS);
    s->base.mix = s->decodes ? &s->flops : NULL;
    return status;
}

static enum status callgrind_read(struct counter_session *session,
                                  struct cost *since_last, struct error *err)
{
    struct callgrind_session *s = (struct callgrind_session *)session;
    struct callgrind_dump dump;
    uint64_t count;
    const char *what;
    enum status status = take_dump(s, &dump, err);

    if (status != STATUS_OK)
        return status;
    *since_last = (struct cost){ 0 };
    for (int m = 0; m < METRIC_FIRST_REAL; m++)
        if (callgrind_dump_metric(&dump, (enum metric)m, &count, &what) &&
            counter_sees(session, (enum metric)m))
            cost_set_count(since_last, (enum metric)m, count, PROV_SIMULATED);
    if (counter_sees(session, METRIC_FLOPS))
        cost_set_count(since_last, METRIC_FLOPS, flop_mix_sum(&s->flops),
                       PROV_SIMULATED);
    CALLGRIND_ZERO_STATS;
    return STATUS_OK;
}

static enum status callgrind_stop(struct counter_session *session,
                                  struct error *err)
{
    int tid[THREAD_LIST_MAX] = { (int)gettid() };

    (void)session;
    CALLGRIND_STOP_INSTRUMENTATION;
    return thread_list_check(tid, 1, err);
}

static void callgrind_close(struct counter_session *session)
{
    CALLGRIND_STOP_INSTRUMENTATION;
    code_map_close(&((struct callgrind_session *)session)->code);
    free(session);
}

static void callgrind_caches(const struct counter_session *session,
                             struct cpu_topology *topology)
{
    const struct callgrind_session *s =
        (const struct callgrind_session *)session;
    const struct callgrind_cache *cache[] = { &s->about.d1, &s->about.ll };

    topology->n_caches = 0;
    for (int i = 0; i < 2; i++)
        if (cache[i]->size_bytes)
            topology->cache[topology->n_caches++] = (struct cache_level){
                .level = i + 1, .kind = i ? 'u' : 'd', .n_sharing = 1, .n = 1,
                .size_bytes = cache[i]->size_bytes,
                .line_bytes = cache[i]->line_bytes, .ways = cache[i]->ways };
}

const struct counter_backend counter_callgrind = {
    .name = "callgrind", .what = "caches simulated by valgrind's callgrind",
    .open = callgrind_open, .start = callgrind_start, .read = callgrind_read,
    .stop = callgrind_stop, .close = callgrind_close,
    .hosts = callgrind_hosts, .caches = callgrind_caches,
    .apart = UINT32_C(1) << METRIC_FLOPS,
};
