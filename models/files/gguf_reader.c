/* gguf_reader.c - Take numbers and texts from a file, never past its end. */
#include "models/files/gguf_inside.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum status gguf_bad(struct error *err, const char *name,
                     struct gguf_text subject, const char *format, ...)
{
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);

    error_set(err, STATUS_BAD_FORMAT, "%.160s: %.*s%s%s", name,
              subject.size < 80 ? (int)subject.size : 80, subject.bytes,
              subject.size > 0 ? ": " : "", what);
    error_make_printable(err);
    return STATUS_BAD_FORMAT;
}

struct gguf_text gguf_text_of(const char *s)
{
    return (struct gguf_text){ s, strlen(s) };
}

static enum status cut_short(const struct gguf_reader *in, struct gguf_text
                             subject, uint64_t wanted, struct error *err)
{
    return gguf_bad(err, in->name, subject, "%" PRIu64 " bytes wanted at byte"
                    " %td, and %zu are left: the file is cut short or damaged",
                    wanted, in->at - in->start, in->left);
}

enum status gguf_take(void *out, struct gguf_reader *in, size_t size,
                      struct gguf_text subject, struct error *err)
{
    if (size > in->left)
        return cut_short(in, subject, size, err);
    memcpy(out, in->at, size);
    in->at += size;
    in->left -= size;
    return STATUS_OK;
}

enum status gguf_skip(struct gguf_reader *in, uint64_t size,
                      struct gguf_text subject, struct error *err)
{
    if (size > in->left)
        return cut_short(in, subject, size, err);
    in->at += size;
    in->left -= (size_t)size;
    return STATUS_OK;
}

enum status gguf_take_text(struct gguf_text *out, struct gguf_reader *in,
                           uint64_t limit, struct gguf_text subject,
                           struct error *err)
{
    uint64_t size = 0;
    enum status status = gguf_take(&size, in, sizeof size, subject, err);

    if (status != STATUS_OK)
        return status;
    if (size > limit)
        return gguf_bad(err, in->name, subject, "a text of %" PRIu64 " bytes at"
                        " byte %td: the limit is %" PRIu64, size,
                        in->at - in->start, limit);
    *out = (struct gguf_text){ (const char *)in->at, (size_t)size };
    return gguf_skip(in, size, subject, err);
}
