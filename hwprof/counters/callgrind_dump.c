/* callgrind_dump.c - Read lines of `key: value` until the summary. */
#include "hwprof/counters/callgrind_dump.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const event_names[CALLGRIND_EVENT_COUNT] = {
#define X(id, name) [CALLGRIND_##id] = name,
    CALLGRIND_EVENT_MAP(X)
#undef X
};

enum { COLUMNS_MAX = 32, NOT_OURS = -1,
       LINE_SIZE = 1024 };       /* the command's line may be longer, and is of
                                  * no use */

struct columns {
    int n;                       /* 0: no events line yet */
    int event[COLUMNS_MAX];      /* enum callgrind_event, or NOT_OURS */
};

/* Return what follows `key` on the line; NULL: it is another line. */
static const char *after(const char *line, const char *key)
{
    size_t n = strlen(key);

    return strncmp(line, key, n) == 0 ? line + n + strspn(line + n, " ") : NULL;
}

/* A decimal at *at, which moves behind it; false: there is none, or it does not
 * fit 64 bits. */
static bool take_number(uint64_t *out, const char **at)
{
    char *end;

    errno = 0;
    *out = strtoull(*at, &end, 10);
    bool right = isdigit((unsigned char)**at) && errno == 0;
    *at = right ? end : *at;
    return right;
}

static int find_event(const char *name, size_t n)
{
    for (int e = 0; e < CALLGRIND_EVENT_COUNT; e++)
        if (strlen(event_names[e]) == n && memcmp(event_names[e], name, n) == 0)
            return e;
    return NOT_OURS;
}

static enum status read_events(struct callgrind_dump *out,
                               struct columns *columns, const char *at,
                               struct error *err)
{
    if (columns->n)
        return error_set(err, STATUS_BAD_FORMAT, "two lines of events");
    while (*at) {
        size_t n = strcspn(at, " ");
        int event = find_event(at, n);
        if (columns->n == COLUMNS_MAX)
            return error_set(err, STATUS_BAD_FORMAT, "more than %d events",
                             COLUMNS_MAX);
        if (event != NOT_OURS && out->has[event])
            return error_set(err, STATUS_BAD_FORMAT, "event %s is there"
                             " twice", event_names[event]);
        if (event != NOT_OURS) {
            out->has[event] = true;
            out->column[event] = columns->n;
        }
        columns->event[columns->n++] = event;
        at += n + strspn(at + n, " ");
    }
    return columns->n ? STATUS_OK : error_set(err, STATUS_BAD_FORMAT,
                                              "the events line names none");
}

/* Zeros at the end are left out by callgrind. */
static enum status read_counts(struct callgrind_dump *out,
                               const struct columns *columns, const char *at,
                               struct error *err)
{
    if (columns->n == 0)
        return error_set(err, STATUS_BAD_FORMAT, "counts without an events"
                         " line before them");
    for (int c = 0; *at; c++) {
        uint64_t count;
        if (!take_number(&count, &at) || (*at && *at != ' '))
            return error_set(err, STATUS_BAD_FORMAT, "a count is no number"
                             " below 2^64: '%.20s'", at);
        if (c == columns->n)
            return error_set(err, STATUS_BAD_FORMAT, "more counts than the %d"
                             " events", columns->n);
        if (columns->event[c] != NOT_OURS)
            out->count[columns->event[c]] = count;
        at += strspn(at, " ");
    }
    return STATUS_OK;
}

/* "32768 B, 64 B, 8-way associative"; direct-mapped is one way. */
static enum status read_cache(struct callgrind_cache *out, const char *at,
                              struct error *err)
{
    uint64_t size = 0, line = 0, ways = 1;
    bool right = take_number(&size, &at) && (at = after(at, " B, ")) &&
                 take_number(&line, &at) && (at = after(at, " B, ")) && *at;

    if (right && isdigit((unsigned char)*at))
        right = take_number(&ways, &at);
    if (!right || size == 0 || line == 0 || line > 4096 || ways == 0 ||
        ways > 65536)
        return error_set(err, STATUS_BAD_FORMAT, "a cache is not described as"
                         " SIZE B, LINE B, N-way associative");
    *out = (struct callgrind_cache){ size, (int)line, (int)ways };
    return STATUS_OK;
}

/* "instr line": what a line of the list begins with. */
static void read_positions(struct callgrind_dump *out, const char *at)
{
    out->by_instruction = after(at, "instr") != NULL;
    for (out->n_positions = 0; *at; out->n_positions++) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
}

/* One line; *done when it was the counts. */
static enum status read_line(struct callgrind_dump *out,
                             struct columns *columns, const char *line,
                             bool *done, struct error *err)
{
    const char *at;

    if ((at = after(line, "pid:")))
        return take_number(&out->pid, &at) ? STATUS_OK
            : error_set(err, STATUS_BAD_FORMAT, "the pid is no number");
    if ((at = after(line, "part:")))
        return take_number(&out->part, &at) ? STATUS_OK
            : error_set(err, STATUS_BAD_FORMAT, "the part is no number");
    if ((at = after(line, "desc: D1 cache:")))
        return read_cache(&out->d1, at, err);
    if ((at = after(line, "desc: LL cache:")))
        return read_cache(&out->ll, at, err);
    if ((at = after(line, "desc: Trigger:")))
        snprintf(out->trigger, sizeof out->trigger, "%s", at);
    if ((at = after(line, "positions:")))
        read_positions(out, at);
    if ((at = after(line, "events:")))
        return read_events(out, columns, at, err);
    *done = (at = after(line, "summary:")) || (at = after(line, "totals:"));
    return *done ? read_counts(out, columns, at, err) : STATUS_OK;
}

enum status callgrind_dump_parse(struct callgrind_dump *out, const char *text,
                                 size_t size, struct error *err)
{
    static const char magic[] = "# callgrind format";
    const char *end = text + size;
    char line[LINE_SIZE];
    struct columns columns = { 0 };
    enum status status = STATUS_OK;
    bool done = false;

    *out = (struct callgrind_dump){ 0 };
    if (size < sizeof magic - 1 || memcmp(text, magic, sizeof magic - 1) != 0)
        return error_set(err, STATUS_BAD_FORMAT, "the first line is not '%s'",
                         magic);
    while (status == STATUS_OK && !done) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        if (!newline)
            return error_set(err, STATUS_BAD_FORMAT, "it ends before %s",
                             columns.n ? "the summary" : "the events line");
        snprintf(line, sizeof line, "%.*s", (int)(newline - text), text);
        status = read_line(out, &columns, line, &done, err);
        text = newline + 1;
    }
    return status;
}

/* A metric is the sum of the first and the last of these, each so many of it:
 * the bytes of a line of the cache that it is filled into. */
static const struct term {
    enum callgrind_event first, last;
    size_t      cache;           /* of struct callgrind_dump; 0: each is 1 */
    const char *what;            /* NULL: no events make it up */
} terms[METRIC_COUNT] = {
    [METRIC_INSTRUCTIONS] = { CALLGRIND_IR, CALLGRIND_IR, 0, "Ir" },
    [METRIC_L2_BYTES] = { CALLGRIND_D1MR, CALLGRIND_D1MW,
        offsetof(struct callgrind_dump, d1), "lines of D1mr + D1mw" },
    [METRIC_DRAM_BYTES] = { CALLGRIND_DLMR, CALLGRIND_DLMW,
        offsetof(struct callgrind_dump, ll), "lines of DLmr + DLmw" },
};

bool callgrind_dump_metric(const struct callgrind_dump *dump,
                           enum metric metric, uint64_t *count,
                           const char **what)
{
    const struct term *term = &terms[metric];
    const struct callgrind_cache *cache = (const struct callgrind_cache *)
        (const void *)((const char *)dump + term->cache);
    uint64_t each = term->cache ? (uint64_t)cache->line_bytes : 1;

    *what = term->what;
    *count = dump->count[term->first];
    if (term->last != term->first)
        *count += dump->count[term->last];
    *count *= each;
    return term->what && each > 0 && dump->has[term->first] &&
           dump->has[term->last];
}

enum status callgrind_dump_check(const struct callgrind_dump *dump,
                                 uint64_t pid, uint64_t part,
                                 struct error *err)
{
    if (dump->pid == pid && dump->part == part)
        return STATUS_OK;
    return error_set(err, STATUS_UNAVAILABLE, "part %" PRIu64 " of process %"
                     PRIu64 ", wanted is part %" PRIu64 " of %" PRIu64,
                     dump->part, dump->pid, part, pid);
}

/* Behind `key`, the last of valgrind's options that starts with it, which end
 * where the program is named; NULL: none. */
static const char *last_option(const char *command, size_t n, const char *key)
{
    const char *found = NULL;
    size_t length = strlen(key);

    for (size_t i = strlen(command) + 1; i < n && command[i] == '-';
         i += strlen(command + i) + 1)
        if (strncmp(command + i, key, length) == 0)
            found = command + i + length;
    return found;
}

void callgrind_dump_base(char *out, size_t size, const char *command, size_t n,
                         uint64_t pid, const char **why)
{
    bool whole = n > 0 && command[n - 1] == '\0';
    const char *tool = whole ? last_option(command, n, "--tool=") : NULL;
    const char *name = whole ? last_option(command, n, "--callgrind-out-file=")
                             : NULL;
    size_t used = 0;

    out[0] = '\0';
    *why = "";
    if (!tool || strcmp(tool, "callgrind") != 0) {
        *why = "valgrind's command line has no --tool=callgrind";
        return;
    }
    for (const char *at = name ? name : "callgrind.out.%p"; *at; at++) {
        if (*at == '%' && at[1] != 'p') {
            *why = "--callgrind-out-file: of the % only %p is followed";
            break;
        }
        used += (size_t)(*at == '%'
            ? snprintf(out + used, size - used, "%" PRIu64, pid)
            : snprintf(out + used, size - used, "%c", *at));
        at += *at == '%';
        if (used >= size) {
            *why = "--callgrind-out-file: the name is too long";
            break;
        }
    }
    if (**why)
        out[0] = '\0';
}
