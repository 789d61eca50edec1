/* test_utf8.c - Code points and their composition are what Unicode says. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "models/tokens/utf8.h"

Test(utf8, code_points_are_what_unicode_says)
{
    uint32_t c = 0;

    cr_assert(eq(sz, utf8_decode(&c, "\xf4\x8f\xbf\xbf", 4), 4));
    cr_assert(eq(u32, c, 0x10ffff));
    cr_assert(eq(sz, utf8_decode(&c, "\xf4\x90\x80\x80", 4), 0));
    cr_assert(eq(sz, utf8_decode(&c, "\xed\xa0\x80", 3), 0));     /* D800 */
    cr_assert(eq(sz, utf8_decode(&c, "\xc0\x80", 2), 0));         /* overlong */
    cr_assert(eq(sz, utf8_decode(&c, "\xe2\x82", 2), 0));
    cr_assert(eq(sz, utf8_decode(&c, "\0a", 2), 1));
    cr_assert(eq(u32, c, 0));
}

static void expect_composed(const char *text, size_t size, const char *want,
                            size_t n_want)
{
    char *out;
    size_t n;

    cr_assert(utf8_normalise(&out, &n, text, size, UTF8_NFC, NULL) == STATUS_OK);
    cr_expect(n == n_want && memcmp(out, want, n) == 0, "%s", text);
    free(out);
}

/* The Unicode Standard, annex 15: canonical order, composition, exclusions;
 * U+1D160 becomes three, of 4 bytes each. */
Test(utf8, characters_compose_and_bytes_of_none_stay)
{
    expect_composed("", 0, "", 0);
    expect_composed("e\xcc\x81\0x", 5, "\xc3\xa9\0x", 4);
    expect_composed("a\xcc\x81\xcc\xa3", 5, "\xe1\xba\xa1\xcc\x81", 5);
    expect_composed("\xe0\xa5\x98", 3, "\xe0\xa4\x95\xe0\xa4\xbc", 6);
    expect_composed("\xf0\x9d\x85\xa0", 4, "\xf0\x9d\x85\x98\xf0\x9d\x85\xa5"
                    "\xf0\x9d\x85\xae", 12);
    expect_composed("\xff" "e\xcc\x81\xe2\x82", 6, "\xff\xc3\xa9\xe2\x82", 5);
    expect_composed("e\xff\xcc\x81", 4, "e\xff\xcc\x81", 4);
}
