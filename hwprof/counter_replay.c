/* counter_replay.c - a recorded run in place of hardware.
 *
 * A text file; # starts a comment:
 *
 *   isobath-counters 1
 *   column flops 1 RETIRED_SSE_AVX_FLOPS:ANY        metric, times, event
 *   column joules 1e-6 package-0 wrap 262143328850  wraps at that value
 *   reason dram_bytes the guest had no DRAM events
 *   read 1000 1000 16000000 42                      enabled, running, registers
 *
 * A start and every read take the next `read` line; registers are totals, as
 * the hardware shows them, and go through the same checks. */
#include "hwprof/counter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hwprof/counter_group.h"
#include "hwprof/unwrap.h"

enum { LINE_SIZE = 1024 };

struct replay_session {
    struct counter_session base;          /* first: downcast */
    struct counter_group   group;
    char          path[512];
    FILE         *file;
    int           line, n_reads;
    uint32_t      metrics;                /* wanted */
    bool          wraps[EVENT_GROUP_MAX];
    struct unwrap unwrap[EVENT_GROUP_MAX];
    struct counter_raw last;
};

static enum status bad_line(const struct replay_session *s, struct error *err,
                            const char *what)
{
    return error_set(err, STATUS_BAD_FORMAT, "%s:%d:1: %s", s->path, s->line,
                     what);
}

/* The next line that says something, without comment and newline; NULL: end. */
static char *next_line(struct replay_session *s, char line[LINE_SIZE])
{
    while (fgets(line, LINE_SIZE, s->file)) {
        s->line++;
        line[strcspn(line, "#\r\n")] = '\0';
        if (line[strspn(line, " \t")])
            return line;
    }
    return NULL;
}

static enum status read_column(struct replay_session *s, const char *line,
                               struct error *err)
{
    char name[32], event[EVENT_NAME_SIZE], wrap[8];
    double times;
    uint64_t range = 0;
    int n = sscanf(line, "column %31s %lf %63s %7s %" SCNu64, name, &times,
                   event, wrap, &range);
    int metric = n >= 3 ? metric_find(name) : -1;

    if ((n != 3 && !(n == 5 && strcmp(wrap, "wrap") == 0)) || metric < 0)
        return bad_line(s, err, "expected `column METRIC TIMES EVENT "
                        "[wrap RANGE]`");
    int e = counter_group_column(&s->group, &s->base, s->metrics,
                                 (enum metric)metric, times, event);
    if (e < 0)
        return bad_line(s, err, "too many columns");
    s->wraps[e] = n == 5;
    s->unwrap[e].range = range;
    return STATUS_OK;
}

static enum status read_reason(struct replay_session *s, const char *line,
                               struct error *err)
{
    char name[32];
    int at = 0, metric = -1;

    if (sscanf(line, "reason %31s %n", name, &at) == 1 && at > 0)
        metric = metric_find(name);
    if (metric < 0)
        return bad_line(s, err, "expected `reason METRIC TEXT`");
    counter_set_reason(&s->base, (enum metric)metric, "%s", line + at);
    return STATUS_OK;
}

/* Everything before the first `read`, where the file is left. */
static enum status read_head(struct replay_session *s, struct error *err)
{
    char line[LINE_SIZE];
    enum status status = STATUS_OK;
    long here = 0;

    if (!next_line(s, line) || strcmp(line, "isobath-counters 1"))
        return bad_line(s, err, "expected `isobath-counters 1`");
    while (status == STATUS_OK) {
        here = ftell(s->file);
        if (!next_line(s, line) || strncmp(line, "read ", 5) == 0)
            break;
        if (strncmp(line, "column ", 7) == 0)
            status = read_column(s, line, err);
        else if (strncmp(line, "reason ", 7) == 0)
            status = read_reason(s, line, err);
        else
            status = bad_line(s, err, "expected column, reason or read");
    }
    if (status == STATUS_OK && s->group.n_events == 0)
        status = bad_line(s, err, "no column");
    if (status == STATUS_OK)
        fseek(s->file, here, SEEK_SET);
    return status;
}

static void replay_close(struct counter_session *session)
{
    struct replay_session *s = (struct replay_session *)session;

    if (s->file)
        fclose(s->file);
    free(s);
}

static enum status replay_open(struct counter_session **out,
                               const struct counter_options *options,
                               struct error *err)
{
    struct replay_session *s = calloc(1, sizeof *s);

    if (!s)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a recorded run");
    s->metrics = options->metrics;
    if (!options->trace_path) {
        counter_unseen(&s->base, "no recorded run was named");
        *out = &s->base;
        return STATUS_OK;
    }
    counter_unseen(&s->base, "the recorded run does not hold it");
    snprintf(s->path, sizeof s->path, "%s", options->trace_path);
    if (!(s->file = fopen(s->path, "r"))) {
        free(s);
        return error_set(err, STATUS_BAD_VALUE, "%s: %s", options->trace_path,
                         strerror(errno));
    }
    enum status status = read_head(s, err);
    if (status != STATUS_OK) {
        replay_close(&s->base);
        return status;
    }
    *out = &s->base;
    return STATUS_OK;
}

/* The registers as they stand in the next line. */
static enum status next_registers(struct replay_session *s,
                                  struct counter_raw *now, struct error *err)
{
    char line[LINE_SIZE], *at, *end;
    uint64_t number[EVENT_GROUP_MAX + 2];
    int n = s->group.n_events + 2;

    if (!next_line(s, line))
        return error_set(err, STATUS_UNAVAILABLE,
                         "%s: the recorded run ends after %d readings", s->path,
                         s->n_reads);
    at = line + strspn(line, " \t");
    if (strncmp(at, "read", 4) != 0)
        return bad_line(s, err, "expected `read ENABLED RUNNING REGISTERS`");
    at += 4;
    for (int i = 0; i < n; i++, at = end) {
        number[i] = strtoull(at, &end, 0);
        if (end == at)
            return bad_line(s, err, "too few registers for the columns");
    }
    if (at[strspn(at, " \t")])
        return bad_line(s, err, "more registers than columns");
    s->n_reads++;
    *now = (struct counter_raw){ (uint64_t)s->group.n_events, number[0],
                                 number[1], { 0 } };
    memcpy(now->value, number + 2,
           (size_t)s->group.n_events * sizeof *number);
    return STATUS_OK;
}

static enum status replay_start(struct counter_session *session,
                                struct error *err)
{
    struct replay_session *s = (struct replay_session *)session;

    if (!s->file)
        return STATUS_OK;
    enum status status = next_registers(s, &s->last, err);
    for (int e = 0; status == STATUS_OK && e < s->group.n_events; e++)
        if (s->wraps[e]) {
            s->unwrap[e] = unwrap_start(s->unwrap[e].range, s->last.value[e]);
            s->last.value[e] = 0;
        }
    return status;
}

static enum status replay_read(struct counter_session *session,
                               struct cost *since_last, struct error *err)
{
    struct replay_session *s = (struct replay_session *)session;
    uint64_t delta[EVENT_GROUP_MAX] = { 0 };
    struct counter_raw now = { 0 };
    enum status status = STATUS_OK;

    if (!s->file) {
        *since_last = (struct cost){ 0 };
        return STATUS_OK;
    }
    status = next_registers(s, &now, err);
    for (int e = 0; status == STATUS_OK && e < s->group.n_events; e++)
        if (s->wraps[e]) {
            status = unwrap_step(&s->unwrap[e], now.value[e], UINT64_MAX, NULL,
                                 err);
            now.value[e] = s->unwrap[e].total;
        }
    if (status == STATUS_OK)
        status = counter_group_delta(&s->group, &s->last, &now, delta, err);
    if (status == STATUS_OK) {
        s->last = now;
        *since_last = counter_group_cost(&s->group, delta);
    }
    return status;
}

static enum status replay_stop(struct counter_session *session,
                               struct error *err)
{
    (void)session;
    (void)err;
    return STATUS_OK;
}

const struct counter_backend counter_replay = {
    .name = "replay", .what = "a recorded run",
    .open = replay_open, .start = replay_start, .read = replay_read,
    .stop = replay_stop, .close = replay_close,
};
