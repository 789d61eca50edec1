/* counter_recorded.c - Replay a recorded run in place of hardware.
 *
 * A text file; # starts a comment.  V... is a number for each column:
 *
 *   isobath-counters 2
 *   column flops 1 RETIRED_SSE_AVX_FLOPS:ANY   metric, times, event
 *   reason dram_bytes the guest had no DRAM events
 *
 * Then either by reading, the registers as the hardware shows them: the start
 * and every reading take the next line, of nanoseconds that the group was
 * enabled and running, and totals.  A register of energy says where it wraps:
 *
 *   column joules 1e-6 package-0 wrap 262143328850
 *   read 1000 1000 V...
 *
 * Or by op, whose turn it is being told (counter_tell):
 *
 *   empty V...                     what each reading adds to the registers
 *   kernel flops 0.9999            counted over expected in its known kernel
 *   cell forward/0/qkv V...        PASS/LAYER/OP; again: the next times, in
 *                                  turn
 *   repeat 3                       from here on: in that repeat of its pass
 *   running 0.6                    of the time that the group was enabled
 *   jump EVENT -1000               the register, at the first op
 *
 * Values that a repeat does not say again stand as before.  Either way,
 * registers go through the same checks as those of hardware. */
#include "hwprof/counters/counter.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hwprof/counters/counter_group.h"
#include "hwprof/counters/unwrap.h"
#include "sim/core/base/file.h"

enum { FILE_MOST = 1 << 26, LABEL_SIZE = 48, READ_NANOSECONDS = 1000 };

/* A cell, or a reading. */
struct entry {
    struct counter_raw raw;      /* of a cell its values alone */
    size_t next;                 /* whose turn it is then */
};

enum manner { EITHER, BY_OP, BY_READING };

/* The cells of one op, a ring. */
struct turns {
    char   label[LABEL_SIZE];
    bool   here;                 /* said for this repeat alone */
    size_t first, last, now;
};

struct recorded_session {
    struct counter_session base;           /* first: downcast */
    struct counter_group   group;
    char     path[512];
    int      line, repeat, section;        /* section -1: all repeats */
    uint32_t metrics;                      /* wanted */
    enum manner manner;                    /* as said so far */
    uint64_t empty[EVENT_GROUP_MAX];
    double   kernel[METRIC_COUNT];         /* counted / expected */
    double   running;
    int64_t  jump[EVENT_GROUP_MAX];
    size_t   n_entries, n_turns, now;
    struct entry *entry;                   /* [lines] */
    struct turns *turn;                    /* [lines] */
    bool     wraps[EVENT_GROUP_MAX];
    struct unwrap unwrap[EVENT_GROUP_MAX];
    struct counter_raw last;
    struct counter_note note;
    char     label[LABEL_SIZE];
};

static enum status bad_line(const struct recorded_session *s, struct error *err,
                            const char *what)
{
    return error_set(err, STATUS_BAD_FORMAT, "%s:%d:1: %s", s->path, s->line,
                     what);
}

/* A run is recorded in one manner. */
static enum status settle(struct recorded_session *s, enum manner manner,
                          struct error *err)
{
    if (manner == EITHER || s->manner == manner)
        return STATUS_OK;
    if (s->manner != EITHER)
        return bad_line(s, err, "a run is recorded by op or by reading, not"
                        " both");
    s->manner = manner;
    return STATUS_OK;
}

/* A count for every column. */
static enum status read_values(const struct recorded_session *s,
                               const char *text, uint64_t *value,
                               struct error *err)
{
    char *end;

    if (s->group.n_events == 0)
        return bad_line(s, err, "no column above");
    for (int e = 0; e < s->group.n_events; e++, text = end) {
        value[e] = strtoull(text, &end, 10);
        if (end == text)
            return bad_line(s, err, "fewer numbers than columns");
    }
    return text[strspn(text, " \t")]
        ? bad_line(s, err, "more numbers than columns") : STATUS_OK;
}

static enum status read_column(struct recorded_session *s, const char *rest,
                               struct error *err)
{
    char name[32], event[EVENT_NAME_SIZE], wrap[8];
    double times;
    uint64_t range = 0;
    int n = sscanf(rest, "%31s %lf %63s %7s %" SCNu64, name, &times, event,
                   wrap, &range);
    const bool wraps = n == 5 && strcmp(wrap, "wrap") == 0;
    int metric = n == 3 || wraps ? metric_find(name) : -1;

    if (metric < 0 || (metric >= METRIC_FIRST_REAL && !wraps) || times == 0)
        return bad_line(s, err, "expected `column METRIC TIMES EVENT`, of"
                        " energy and what else wraps with `wrap RANGE`");
    if (s->n_entries > 0)
        return bad_line(s, err, "columns come before all cells and readings");
    int e = counter_group_column(&s->group, &s->base, s->metrics,
                                 (enum metric)metric, times, event);
    if (e < 0)
        return bad_line(s, err, "too many columns");
    s->wraps[e] = wraps;
    s->unwrap[e].range = range;
    return wraps ? settle(s, BY_READING, err) : STATUS_OK;
}

static enum status read_reason(struct recorded_session *s, const char *rest,
                               struct error *err)
{
    char name[32];
    int at = 0, metric = -1;

    if (sscanf(rest, "%31s %n", name, &at) == 1 && at > 0)
        metric = metric_find(name);
    if (metric < 0)
        return bad_line(s, err, "expected `reason METRIC TEXT`");
    counter_set_reason(&s->base, (enum metric)metric, "%s", rest + at);
    return STATUS_OK;
}

static enum status read_kernel(struct recorded_session *s, const char *rest,
                               struct error *err)
{
    char name[32];
    double factor;
    int metric = sscanf(rest, "%31s %lf", name, &factor) == 2
                     ? metric_find(name) : -1;

    if (metric < 0 || !(factor >= 0))
        return bad_line(s, err, "expected `kernel METRIC FACTOR`");
    s->kernel[metric] = factor;
    return STATUS_OK;
}

static enum status read_jump(struct recorded_session *s, const char *rest,
                             struct error *err)
{
    char name[EVENT_NAME_SIZE];
    int64_t amount;

    if (sscanf(rest, "%63s %" SCNd64, name, &amount) == 2)
        for (int e = 0; e < s->group.n_events; e++)
            if (strcmp(s->group.event[e].name, name) == 0) {
                s->jump[e] = amount;
                return STATUS_OK;
            }
    return bad_line(s, err, "expected `jump EVENT AMOUNT`, of a column above");
}

static struct turns *find_turns(const struct recorded_session *s,
                                const char *label)
{
    for (size_t i = 0; i < s->n_turns; i++)
        if (strcmp(s->turn[i].label, label) == 0)
            return &s->turn[i];
    return NULL;
}

static enum status read_cell(struct recorded_session *s, const char *rest,
                             struct error *err)
{
    char label[LABEL_SIZE];
    bool here = s->section >= 0;
    size_t new = s->n_entries;
    int at = 0;

    if (sscanf(rest, "%47s %n", label, &at) != 1 || at == 0)
        return bad_line(s, err, "expected `cell PASS/LAYER/OP NUMBERS`");
    struct turns *turn = find_turns(s, label);
    if (!turn) {
        turn = &s->turn[s->n_turns++];
        *turn = (struct turns){ .here = here, .first = new, .last = new,
                                .now = new };
        memcpy(turn->label, label, sizeof label);
    } else if (here && !turn->here) {
        turn->here = true;
        turn->first = turn->last = turn->now = new;
    }
    s->entry[turn->last].next = new;
    s->entry[new].next = turn->first;
    turn->last = new;
    s->n_entries++;
    return read_values(s, rest + at, s->entry[new].raw.value, err);
}

static enum status read_reading(struct recorded_session *s, const char *rest,
                                struct error *err)
{
    struct counter_raw *next = &s->entry[s->n_entries].raw;
    int at = 0;

    next->n_events = (uint64_t)s->group.n_events;
    if (sscanf(rest, "%" SCNu64 " %" SCNu64 "%n", &next->enabled,
               &next->running, &at) != 2 || at == 0)
        return bad_line(s, err, "expected `read ENABLED RUNNING NUMBERS`");
    s->n_entries++;
    return read_values(s, rest + at, next->value, err);
}

static enum status read_empty(struct recorded_session *s, const char *rest,
                              struct error *err)
{
    return read_values(s, rest, s->empty, err);
}

static enum status read_running(struct recorded_session *s, const char *rest,
                                struct error *err)
{
    char *end;
    s->running = strtod(rest, &end);
    return end == rest || !(s->running >= 0 && s->running <= 1)
        ? bad_line(s, err, "expected `running SHARE`, 0 to 1") : STATUS_OK;
}

static enum status read_repeat(struct recorded_session *s, const char *rest,
                               struct error *err)
{
    char *end;
    s->section = (int)strtol(rest, &end, 10);
    return end == rest || s->section < 0
        ? bad_line(s, err, "expected `repeat NUMBER`, from 0") : STATUS_OK;
}

typedef enum status read_fn(struct recorded_session *s, const char *rest,
                            struct error *err);

static const struct {
    const char *word;
    read_fn    *read;
    enum manner manner;
} words[] = {
    { "column", read_column, EITHER },  { "reason", read_reason, EITHER },
    { "read", read_reading, BY_READING },
    { "empty", read_empty, BY_OP },     { "kernel", read_kernel, BY_OP },
    { "cell", read_cell, BY_OP },       { "repeat", read_repeat, BY_OP },
    { "running", read_running, BY_OP }, { "jump", read_jump, BY_OP },
};

/* Lines of another repeat are read, for their mistakes, and forgotten. */
static enum status read_line(struct recorded_session *s, char *line,
                             struct error *err)
{
    size_t n = strcspn(line, " \t");
    const char *rest = line + n + strspn(line + n, " \t");
    struct recorded_session other;

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i].word) != n || strncmp(words[i].word, line, n))
            continue;
        enum status status = settle(s, words[i].manner, err);
        if (status != STATUS_OK)
            return status;
        if (s->section < 0 || s->section == s->repeat ||
            words[i].read == read_repeat)
            return words[i].read(s, rest, err);
        if (words[i].read == read_cell)
            return STATUS_OK;
        other = *s;
        return words[i].read(&other, rest, err);
    }
    return bad_line(s, err, "expected column, reason, empty, kernel, cell,"
                    " repeat, running, jump or read");
}

static enum status read_lines(struct recorded_session *s, char *text,
                              struct error *err)
{
    enum status status = STATUS_OK;
    bool headed = false;
    size_t n = 1;

    for (const char *at = text; (at = strchr(at, '\n')); at++)
        n++;
    s->entry = calloc(n, sizeof *s->entry);
    s->turn = calloc(n, sizeof *s->turn);
    if (!s->entry || !s->turn)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %s", s->path);
    for (char *line; status == STATUS_OK && (line = strsep(&text, "\n"));) {
        s->line++;
        line[strcspn(line, "#\r")] = '\0';
        char *at = line + strspn(line, " \t");
        if (!*at)
            continue;
        if (headed)
            status = read_line(s, at, err);
        else if (strcmp(at, "isobath-counters 2") != 0)
            status = bad_line(s, err, "expected `isobath-counters 2`");
        headed = true;
    }
    if (status == STATUS_OK && !headed)
        status = bad_line(s, err, "expected `isobath-counters 2`");
    if (status == STATUS_OK && s->group.n_events == 0)
        status = bad_line(s, err, "no column");
    return status;
}

static void recorded_close(struct counter_session *session)
{
    struct recorded_session *s = (struct recorded_session *)session;

    free(s->turn);
    free(s->entry);
    free(s);
}

static enum status recorded_open(struct counter_session **out,
                                 const struct counter_options *options,
                                 struct error *err)
{
    struct recorded_session *s = calloc(1, sizeof *s);
    char *text = NULL;
    size_t size;

    if (!s)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a recorded run");
    s->metrics = options->metrics;
    s->repeat = options->repeat;
    s->section = -1;
    s->running = 1;
    if (!options->trace_path) {
        counter_unseen(&s->base, "no recorded run was named");
        *out = &s->base;
        return STATUS_OK;
    }
    counter_unseen(&s->base, "the recorded run does not hold it");
    for (int m = 0; m < METRIC_COUNT; m++)
        s->kernel[m] = 1;
    snprintf(s->path, sizeof s->path, "%s", options->trace_path);
    enum status status = file_read(&text, &size, s->path, FILE_MOST, err);
    if (status == STATUS_OK)
        status = strlen(text) == size ? read_lines(s, text, err)
            : error_set(err, STATUS_BAD_FORMAT, "%s: is no text", s->path);
    free(text);
    if (status != STATUS_OK)
        recorded_close(&s->base);
    else
        *out = &s->base;
    return status;
}

static void recorded_note(struct counter_session *session,
                          struct counter_note note)
{
    struct recorded_session *s = (struct recorded_session *)session;

    snprintf(s->label, sizeof s->label, "%s", note.label ? note.label : "");
    s->note = note;
}

static enum status next_reading(struct recorded_session *s,
                                struct counter_raw *out, struct error *err)
{
    if (s->now == s->n_entries)
        return error_set(err, STATUS_UNAVAILABLE,
                         "%s: the recorded run ends after %zu readings",
                         s->path, s->n_entries);
    *out = s->entry[s->now++].raw;
    return STATUS_OK;
}

static enum status recorded_start(struct counter_session *session,
                                  struct error *err)
{
    struct recorded_session *s = (struct recorded_session *)session;
    enum status status = STATUS_OK;

    s->last = (struct counter_raw){ .n_events = (uint64_t)s->group.n_events };
    s->label[0] = '\0';
    if (s->manner == BY_READING)
        status = next_reading(s, &s->last, err);
    for (int e = 0; e < s->group.n_events; e++)
        if (s->wraps[e]) {
            s->unwrap[e] = unwrap_start(s->unwrap[e].range, s->last.value[e]);
            s->last.value[e] = 0;
        }
    return status;
}

/* The first event of the metric counts all of it. */
static void count_kernel(const struct recorded_session *s, const char *name,
                         struct counter_raw *now)
{
    int metric = metric_find(name);

    for (int t = 0; t < s->group.n_terms; t++)
        if ((int)s->group.term[t].metric == metric) {
            now->value[s->group.term[t].event] += (uint64_t)llround(
                s->kernel[metric] * s->note.expected / s->group.term[t].times);
            return;
        }
}

static enum status count_cell(struct recorded_session *s,
                              struct counter_raw *now, struct error *err)
{
    struct turns *turn = find_turns(s, s->label);

    if (!turn)
        return error_set(err, STATUS_BAD_FORMAT, "%s: no cell %s: another model"
                         " or phase was recorded", s->path, s->label);
    for (int e = 0; e < s->group.n_events; e++) {
        now->value[e] += s->entry[turn->now].raw.value[e] +
                         (uint64_t)s->jump[e];
        s->jump[e] = 0;
    }
    turn->now = s->entry[turn->now].next;
    return STATUS_OK;
}

/* Add what the recording tells of the work noted since the last reading. */
static enum status add_told(struct recorded_session *s, struct counter_raw *now,
                            struct error *err)
{
    enum status status = STATUS_OK;

    *now = s->last;
    now->enabled += READ_NANOSECONDS;
    now->running = (uint64_t)(s->running * (double)now->enabled);
    for (int e = 0; e < s->group.n_events; e++)
        now->value[e] += s->empty[e];
    if (strncmp(s->label, "kernel/", 7) == 0)
        count_kernel(s, s->label + 7, now);
    else if (s->label[0])
        status = count_cell(s, now, err);
    s->label[0] = '\0';
    return status;
}

static enum status unwrap_all(struct recorded_session *s,
                              struct counter_raw *now, struct error *err)
{
    enum status status = STATUS_OK;

    for (int e = 0; status == STATUS_OK && e < s->group.n_events; e++)
        if (s->wraps[e]) {
            status = unwrap_step(&s->unwrap[e], now->value[e], UINT64_MAX, NULL,
                                 err);
            now->value[e] = s->unwrap[e].total;
        }
    return status;
}

static enum status recorded_read(struct counter_session *session,
                                 struct cost *since_last, struct error *err)
{
    struct recorded_session *s = (struct recorded_session *)session;
    uint64_t delta[EVENT_GROUP_MAX] = { 0 };
    struct counter_raw now = { 0 };
    enum status status = s->manner == BY_READING ? next_reading(s, &now, err)
                                                 : add_told(s, &now, err);

    if (status == STATUS_OK)
        status = unwrap_all(s, &now, err);
    if (status == STATUS_OK)
        status = counter_group_delta(&s->group, &s->last, &now, delta, err);
    if (status != STATUS_OK)
        return status;
    s->last = now;
    *since_last = counter_group_cost(&s->group, delta);
    return STATUS_OK;
}

const struct counter_backend counter_recorded = {
    .name = "recorded", .what = "a recorded run",
    .open = recorded_open, .start = recorded_start, .read = recorded_read,
    .close = recorded_close, .note = recorded_note,
};
