/* error.h - Give all functions that can fail one status type and a message. */
#ifndef ERROR_H
#define ERROR_H

#include <stdbool.h>

#include "sim/core/base/names.h"

#define STATUS_MAP(X)                                         \
    X(STATUS_OK,          "success")                          \
    X(STATUS_NO_MEMORY,   "out of memory")                    \
    X(STATUS_BAD_VALUE,   "value outside its allowed range")  \
    X(STATUS_BAD_FORMAT,  "file does not parse")              \
    X(STATUS_IO,          "read or write failed")             \
    X(STATUS_UNAVAILABLE, "this machine cannot measure that") \
    X(STATUS_OVERFLOWED,  "count does not fit in 64 bits")    \
    X(STATUS_FAILED,      "did not succeed")                  \
    X(STATUS_INTERRUPTED, "interrupted")

enum status { STATUS_MAP(NAMES_ID) STATUS_COUNT };

#define MUST_CHECK __attribute__((warn_unused_result))

/* The message: what went wrong and where, in words a user can act on.  Owned by
 * the caller, usually on a command's stack; NULL is accepted and ignored. */
struct error {
    enum status status;
    char        text[512];   /* "a.yaml:12:5: model.capacity 1.4: allowed is (0, 1]" */
};

/* Fill *err and return `status`, so that callers can write
 *     return error_set(err, STATUS_BAD_VALUE, "capacity %g > 1", c);  */
enum status error_set(struct error *err, enum status status,
                      const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Whether this process ever ran out of memory: error_set() notes every
 * STATUS_NO_MEMORY, and who learns of it otherwise says so.  A command that has
 * gone on since may have left something out, and does not end as success. */
bool  error_memory_ran_out(void);
void  error_note_memory(void);
void  error_note_errno(void);           /* if errno says so */
/* If it is NULL; returns it. */
static inline void *error_noted(void *memory)
{
    if (!memory)
        error_note_memory();
    return memory;
}

/* Replace control characters by "?": the text holds names from outside, and a
 * terminal would obey them. */
void error_make_printable(struct error *err);

const char *status_text(enum status status);

/* The process exit code for a status: 0 done, 2 the user can mend the input,
 * 130 interrupted, 1 everything else. */
int status_exit_code(enum status status);

#endif
