/* callgrind_dump.h - Read the head of a dump of valgrind's callgrind.
 *
 * A dump says on its first lines which process it is of, what caches were
 * simulated and, under `events:` and `summary:`, what was counted since the
 * dump before.  The list that follows is read by executed_flops.h.  Format:
 * Callgrind Format Specification, valgrind.org/docs/manual/cl-format.html. */
#ifndef CALLGRIND_DUMP_H
#define CALLGRIND_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/ledger/cost.h"

/* Those that are used here, by callgrind's names; others are read over. */
#define CALLGRIND_EVENT_MAP(X)                                                 \
    X(IR,   "Ir")            /* instructions that ran                       */ \
    X(D1MR, "D1mr")          /* lines that a load brought into the first    */ \
    X(D1MW, "D1mw")          /* data cache, and a store                     */ \
    X(DLMR, "DLmr")          /* of those, what the last cache did not have  */ \
    X(DLMW, "DLmw")

enum callgrind_event {
#define X(id, name) CALLGRIND_##id,
    CALLGRIND_EVENT_MAP(X)
#undef X
    CALLGRIND_EVENT_COUNT
};

struct callgrind_cache {
    uint64_t size_bytes;         /* 0: none was simulated */
    int      line_bytes, ways;
};

enum { CALLGRIND_TRIGGER_SIZE = 64 };

struct callgrind_dump {
    uint64_t pid, part;          /* dumps of a process are numbered from 1 */
    char     trigger[CALLGRIND_TRIGGER_SIZE];   /* why it was made */
    struct callgrind_cache d1, ll;
    bool     has[CALLGRIND_EVENT_COUNT];        /* the event was counted */
    uint64_t count[CALLGRIND_EVENT_COUNT];
    int      column[CALLGRIND_EVENT_COUNT];     /* of those that it has */
    bool     by_instruction;     /* the list is of instructions, not of lines */
    int      n_positions;        /* before the counts of a line of the list */
};

/* `text` is the dump or its beginning, as far as the summary (where there is
 * none, the totals that end a dump).  STATUS_BAD_FORMAT says what is missing or
 * wrong; the last line must be whole. */
enum status callgrind_dump_parse(struct callgrind_dump *out, const char *text,
                                 size_t size, struct error *err) MUST_CHECK;

/* What a dump counted of a metric that is a sum of events, in lines brought in
 * or in instructions.  *what says by which events; NULL: it is no such metric.
 * False: they were not simulated. */
bool callgrind_dump_metric(const struct callgrind_dump *dump,
                           enum metric metric, uint64_t *count,
                           const char **what);

/* STATUS_UNAVAILABLE unless it is this part of this process. */
enum status callgrind_dump_check(const struct callgrind_dump *dump,
                                 uint64_t pid, uint64_t part,
                                 struct error *err) MUST_CHECK;

/* The path of a process's dumps, less their ".PART", as valgrind's command line
 * (words with a NUL after each) tells it: the last --callgrind-out-file, with
 * %p as the pid, or callgrind.out.PID.  "" and *why when this is no callgrind,
 * or the name holds another % than %p. */
void callgrind_dump_base(char *out, size_t size, const char *command,
                         size_t n, uint64_t pid, const char **why);

#endif
