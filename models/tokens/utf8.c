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

bool utf8_is_space(uint32_t code)
{
    const int c = utf8proc_category((utf8proc_int32_t)code);

    return (code >= 0x09 && code <= 0x0d) || code == 0x85 ||
           c == UTF8PROC_CATEGORY_ZS || c == UTF8PROC_CATEGORY_ZL ||
           c == UTF8PROC_CATEGORY_ZP;
}

struct range {
    uint32_t first, last;
};

static bool is_among(uint32_t code, const struct range *range, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (code >= range[i].first && code <= range[i].last)
            return true;
    return false;
}

/* Letters, marks, digits, connectors and joiners are words'; so are the circled
 * and squared letters, symbols that PropList.txt calls Other_Alphabetic. */
bool utf8_is_word(uint32_t code)
{
    static const struct range others[] = {
        { 0x200c, 0x200d }, { 0x24b6, 0x24e9 }, { 0x1f130, 0x1f149 },
        { 0x1f150, 0x1f169 }, { 0x1f170, 0x1f189 },
    };
    const int c = utf8proc_category((utf8proc_int32_t)code);

    return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_NL) ||
           c == UTF8PROC_CATEGORY_PC ||
           is_among(code, others, sizeof others / sizeof *others);
}

/* Characters that decompose since Unicode 13 or 14.  The tokenizers library leaves
 * them as they are, and so do we; none joins another.  Seen with 0.23.3, each
 * character of Unicode 14 in each form. */
static bool is_late(uint32_t code)
{
    static const struct range late[] = {
        { 0xa7f2, 0xa7f4 }, { 0xab69, 0xab69 }, { 0x10781, 0x107ba },
        { 0x11938, 0x11938 }, { 0x1f16c, 0x1f16c }, { 0x1fbf0, 0x1fbf9 },
    };

    return code >= late[0].first &&
           is_among(code, late, sizeof late / sizeof *late);
}

/* The end of the characters that begin at `at`, one after another, and are not
 * late. */
static size_t end_of_known(const char *text, size_t at, size_t size)
{
    uint32_t code;
    size_t n;

    while (at < size && (n = utf8_decode(&code, text + at, size - at)) > 0 &&
           !is_late(code))
        at += n;
    return at;
}

static const struct {
    int options;
    size_t growth;               /* unicode.org/faq/normalization.html */
} forms[] = {
    [UTF8_NFC]  = { UTF8PROC_STABLE | UTF8PROC_COMPOSE, 3 },
    [UTF8_NFD]  = { UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, 3 },
    [UTF8_NFKC] = { UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT, 11 },
    [UTF8_NFKD] = { UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT,
                    11 },
};

/* Characters in a form to out[]; false: no memory. */
static bool normalise(char *out, size_t *n, const char *text, size_t size,
                      enum utf8_form form)
{
    utf8proc_uint8_t *made = NULL;
    utf8proc_ssize_t got = utf8proc_map((const utf8proc_uint8_t *)text,
                                        (utf8proc_ssize_t)size, &made,
                                        (utf8proc_option_t)forms[form].options);

    if (got > 0)
        memcpy(out + *n, made, (size_t)got);
    *n += got > 0 ? (size_t)got : 0;
    free(made);
    return got >= 0;
}

enum status utf8_normalise(char **out, size_t *n, const char *text,
                           size_t size, enum utf8_form form, struct error *err)
{
    bool done = (*out = malloc(forms[form].growth * size + 1)) != NULL;

    *n = 0;
    for (size_t at = 0, end; at < size && done; at = end) {
        end = end_of_known(text, at, size);
        done = normalise(*out, n, text + at, end - at, form);
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
