/* token_kind.c - Tell a rough kind of a token. */
#include "sim/core/base/token_kind.h"

#include <stdbool.h>
#include <string.h>

const char *const token_kind_names[TOKEN_KIND_COUNT] = {
#define X(id, name) [TOKEN_##id] = name,
    TOKEN_KIND_MAP(X)
#undef X
};

static bool is_space(char c)
{
    return c && strchr(" \t\n\v\f\r", c);
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80;
}

enum token_kind token_kind(const char *text, size_t size, const char *before,
                           size_t size_before)
{
    size_t i = 0;

    while (i < size && is_space(text[i]))
        i++;
    if (i == size)
        return TOKEN_SPACE;
    if (text[i] >= '0' && text[i] <= '9')
        return TOKEN_DIGIT;
    if (!is_letter(text[i]))
        return TOKEN_PUNCTUATION;
    return i > 0 || size_before == 0 || !is_letter(before[size_before - 1])
               ? TOKEN_START : TOKEN_INSIDE;
}
