/* utf8.c - Adapt utf8proc to texts that may hold bytes of no character. */
#include "models/tokens/utf8.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

size_t utf8_decode(uint32_t *code, const char *text, size_t size)
{
    utf8proc_int32_t c;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text,
                                          (utf8proc_ssize_t)size, &c);

    if (n <= 0)
        return 0;
    *code = (uint32_t)c;
    return (size_t)n;
}

/* The end of the characters that begin at `at`, one after another. */
static size_t end_of_valid(const char *text, size_t at, size_t size)
{
    uint32_t code;

    for (size_t n = 1; at < size && n > 0; at += n)
        n = utf8_decode(&code, text + at, size - at);
    return at;
}

/* Characters in form C to out[]; false: no memory. */
static bool compose(char *out, size_t *n, const char *text, size_t size)
{
    utf8proc_uint8_t *composed = NULL;
    utf8proc_ssize_t got = utf8proc_map((const utf8proc_uint8_t *)text,
                                        (utf8proc_ssize_t)size, &composed,
                                        UTF8PROC_STABLE | UTF8PROC_COMPOSE);

    if (got > 0)
        memcpy(out + *n, composed, (size_t)got);
    *n += got > 0 ? (size_t)got : 0;
    free(composed);
    return got >= 0;
}

enum status utf8_compose(char **out, size_t *n, const char *text, size_t size,
                         struct error *err)
{
    /* No text grows more: unicode.org/faq/normalization.html. */
    enum { GROWTH = 3 };
    bool done = (*out = malloc(GROWTH * size + 1)) != NULL;

    *n = 0;
    for (size_t at = 0, end; at < size && done; at = end) {
        end = end_of_valid(text, at, size);
        done = compose(*out, n, text + at, end - at);
        if (done && end < size)
            (*out)[(*n)++] = text[end++];
    }
    if (done)
        return STATUS_OK;
    free(*out);
    *out = NULL;
    return error_set(err, STATUS_NO_MEMORY, "to normalise a text of %zu bytes",
                     size);
}
