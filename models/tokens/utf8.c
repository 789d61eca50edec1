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

/* Letters, marks, digits, connectors and joiners are words'; so are the circled
 * and squared letters, symbols that PropList.txt calls Other_Alphabetic. */
bool utf8_is_word(uint32_t code)
{
    static const uint32_t others[][2] = {
        { 0x200c, 0x200d }, { 0x24b6, 0x24e9 }, { 0x1f130, 0x1f149 },
        { 0x1f150, 0x1f169 }, { 0x1f170, 0x1f189 },
    };
    const int c = utf8proc_category((utf8proc_int32_t)code);

    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (code >= others[i][0] && code <= others[i][1])
            return true;
    return (c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_NL) ||
           c == UTF8PROC_CATEGORY_PC;
}

/* The end of the characters that begin at `at`, one after another. */
static size_t end_of_valid(const char *text, size_t at, size_t size)
{
    uint32_t code;

    for (size_t n = 1; at < size && n > 0; at += n)
        n = utf8_decode(&code, text + at, size - at);
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
        end = end_of_valid(text, at, size);
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
