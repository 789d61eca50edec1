/* test_text_stream.c - Expect UTF-8 to come out, whatever comes in and in
 * whatever pieces. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/tokens/text_stream.h"

#define BAD "\xef\xbf\xbd"

/* In pieces of `step` bytes. */
static char *through(const char *bytes, size_t n, size_t step, bool escape)
{
    char *out = NULL;
    size_t size;
    FILE *file = open_memstream(&out, &size);
    struct text_stream s = { .file = file, .escape = escape };

    for (size_t i = 0; i < n; i += step)
        text_stream_put(&s, bytes + i, n - i < step ? n - i : step);
    text_stream_end(&s);
    fclose(file);
    return out;
}

Test(text_stream, pieces_of_characters_wait_and_the_rest_is_replaced)
{
    static const struct { const char *in, *out; } cases[] = {
        { "plain\n", "plain\n" },
        { "\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9" },
        { "\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80" },
        { "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },       /* U+10FFFF */
        { "\x80", BAD },                                    /* nothing begun */
        { "a\xc3", "a" BAD },                               /* cut off */
        { "\xc3(", BAD "(" },
        { "\xc3\xc3\xa9", BAD "\xc3\xa9" },
        { "\xc0\xaf", BAD BAD },                            /* '/' in two */
        { "\xe0\x80\xaf", BAD BAD BAD },                    /* and in three */
        { "\xed\xa0\x80", BAD BAD BAD },                    /* a surrogate */
        { "\xf4\x90\x80\x80", BAD BAD BAD BAD },            /* above all */
        { "\xff\xfe", BAD BAD },
        /* The standard's own example, table 3-8: one for each maximal part. */
        { "a\xf1\x80\x80\xe1\x80\xc2" "b\x80" "c\x80\xbf" "d",
          "a" BAD BAD BAD "b" BAD "c" BAD BAD "d" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t step = 1; step < 6; step++) {
            char *out = through(cases[i].in, strlen(cases[i].in), step, false);
            cr_expect_str_eq(out, cases[i].out, "case %zu by %zu", i, step);
            free(out);
        }
}

Test(text_stream, what_a_terminal_would_obey_is_spelt_out)
{
    static const char in[] = "a\x1b[31m\r\n\tb\x7f\xc2\x9b\xe2\x80\xae.\0.";
    char *out = through(in, sizeof in - 1, 3, true);

    cr_expect_str_eq(out, "a\\x1b[31m\\x0d\n\tb\\x7f\\x9b\\u202e.\\x00.");
    free(out);
    out = through("\x1b\xc2\x9b", 3, 1, false);
    cr_expect_str_eq(out, "\x1b\xc2\x9b");
    free(out);
}
