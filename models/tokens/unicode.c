/* unicode.c - binary search in tables of ranges. */
#include "models/tokens/unicode.h"

static bool in_ranges(const struct unicode_range *range, size_t n,
                      uint32_t code)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (code > range[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && code >= range[low].first;
}

size_t unicode_decode(uint32_t *code, const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t n = at[0] < 0x80 ? 1 : at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 :
               at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint32_t c = n == 1 ? at[0] : at[0] & (0x7fu >> n);

    if (n == 0 || n > size)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (at[i] & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return 0;
    *code = c;
    return n;
}

static bool is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0d) || c == ' ' || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

enum unicode_class unicode_class(uint32_t c)
{
    if (c < 0x80)
        return (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? UNICODE_LETTER :
               c >= '0' && c <= '9' ? UNICODE_NUMBER :
               is_space(c) ? UNICODE_SPACE : UNICODE_OTHER;
    if (is_space(c))
        return UNICODE_SPACE;
    if (in_ranges(unicode_letters, unicode_n_letters, c))
        return UNICODE_LETTER;
    if (in_ranges(unicode_numbers, unicode_n_numbers, c))
        return UNICODE_NUMBER;
    return UNICODE_OTHER;
}

bool unicode_may_compose(uint32_t c)
{
    return c >= 0x80 && in_ranges(unicode_not_nfc, unicode_n_not_nfc, c);
}
