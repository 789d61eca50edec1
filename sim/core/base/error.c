/* error.c - Turn failures into messages and exit codes. */
#include "sim/core/base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/* Global, because what failed may have no way to tell its caller. */
static bool memory_ran_out;

bool error_memory_ran_out(void)
{
    return memory_ran_out;
}

void error_note_memory(void)
{
    memory_ran_out = true;
}

void error_note_errno(void)
{
    if (errno == ENOMEM)
        error_note_memory();
}

enum status error_set(struct error *err, enum status status,
                      const char *format, ...)
{
    if (status == STATUS_NO_MEMORY)
        error_note_memory();
    if (!err)
        return status;
    va_list args;
    va_start(args, format);
    err->status = status;
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return status;
}

void error_make_printable(struct error *err)
{
    for (char *c = err ? err->text : NULL; c && *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
}

const char *status_text(enum status status)
{
    static const char *const text[] = { STATUS_MAP(NAMES_WORD) };
    return (unsigned)status < STATUS_COUNT ? text[status] : "unknown status";
}

int status_exit_code(enum status status)
{
    static const int code[STATUS_COUNT] = {
        [STATUS_OK] = 0,          [STATUS_NO_MEMORY] = 1,
        [STATUS_BAD_VALUE] = 2,   [STATUS_BAD_FORMAT] = 2,
        [STATUS_IO] = 1,          [STATUS_UNAVAILABLE] = 1,
        [STATUS_OVERFLOWED] = 1,  [STATUS_FAILED] = 1,
        [STATUS_INTERRUPTED] = 130,
    };
    return (unsigned)status < STATUS_COUNT ? code[status] : 1;
}
