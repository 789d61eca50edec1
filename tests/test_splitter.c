/* test_splitter.c - Texts are cut as the `tokenizers` library cuts them; a
 * pattern that PCRE2 cannot run, or would read in another way, is refused. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "models/tokens/splitter.h"
#include "sim/core/base/file.h"

/* The ends of words; take() checks that they stand in the text, one behind the
 * other. */
struct ends {
    const char *text;
    size_t end[256], n;
};
static enum status take(void *user, const char *word, size_t size,
                        struct error *err)
{
    struct ends *ends = user;
    const size_t at = ends->n ? ends->end[ends->n - 1] : 0;

    (void)err;
    cr_assert(size > 0 && memcmp(word, ends->text + at, size) == 0);
    ends->end[ends->n++] = at + size;
    return STATUS_OK;
}

static enum status add(struct splitter *splitter, const char *pattern,
                       struct error *err)
{
    return splitter_add_pattern(splitter, pattern, SPLITTER_ISOLATED, false,
                                err);
}

static void expect_ends(const struct splitter *splitter, const char *text,
                        size_t size, const json_t *want, const char *pattern)
{
    struct ends ends = { .text = text };
    struct error err = { STATUS_OK, "" };

    cr_assert(splitter_cut(splitter, text, size, true, take, &ends, &err) ==
              STATUS_OK, "%s", err.text);
    cr_expect(ends.n == json_array_size(want), "%zu words, not %zu, by %s in"
              " \"%s\"", ends.n, json_array_size(want), pattern, text);
    for (size_t i = 0; i < ends.n && i < json_array_size(want); i++) {
        size_t end = (size_t)json_integer_value(json_array_get(want, i));
        cr_expect(ends.end[i] == end, "word %zu ends at %zu, not at %zu, by %s"
                  " in \"%s\"", i, ends.end[i], end, pattern, text);
    }
}

/* tests/compare/token_vectors.py wrote them. */
Test(splitter, words_are_those_of_the_tokenizers_library)
{
    char *file;
    size_t size, i, k, n = 0;
    json_t *split, *text, *pattern;

    cr_assert(file_read(&file, &size, "tests/data/tokens/vectors.json", 1 << 20,
                        NULL) == STATUS_OK);
    json_t *root = json_loadb(file, size, JSON_ALLOW_NUL, NULL);
    json_array_foreach(json_object_get(root, "splits"), i, split) {
        struct splitter splitter = { 0 };
        struct error err = { STATUS_OK, "" };
        const json_t *patterns = json_object_get(split, "patterns");
        json_array_foreach(patterns, k, pattern)
            cr_assert(add(&splitter, json_string_value(pattern), &err) ==
                      STATUS_OK, "%s", err.text);
        json_array_foreach(json_object_get(root, "texts"), k, text) {
            expect_ends(&splitter, json_string_value(text),
                        json_string_length(text),
                        json_array_get(json_object_get(split, "ends"), k),
                        json_string_value(json_array_get(patterns, 0)));
            n++;
        }
        splitter_free(&splitter);
    }
    cr_assert(eq(sz, n, 29 * 17));
    json_decref(root);
    free(file);
}

static void expect_words(const char *pattern, const char *text, size_t size,
                         const size_t *want, size_t n)
{
    struct splitter splitter = { 0 };
    struct ends ends = { .text = text };

    cr_assert(add(&splitter, pattern, NULL) == STATUS_OK);
    cr_assert(splitter_cut(&splitter, text, size, true, take, &ends, NULL) ==
              STATUS_OK);
    cr_expect(ends.n == n && memcmp(ends.end, want, n * sizeof *want) == 0,
              "by %s", pattern);
    splitter_free(&splitter);
}
#define ENDS(...) (const size_t[]){ __VA_ARGS__ }, \
    sizeof (size_t[]){ __VA_ARGS__ } / sizeof(size_t)

/* A byte of no character is neither letter, number nor blank; bytes of
 * surrogates, of too long forms and of what is cut short are such. */
Test(splitter, bytes_that_are_no_utf_8_are_characters_of_their_own)
{
    expect_words(splitter_gpt2, "\xff\xff a", 4, ENDS(2, 4));
    expect_words(splitter_gpt2, "a \xe2\x82z", 5, ENDS(1, 4, 5));
    expect_words(splitter_gpt2, "a\xed\xa0\x80", 4, ENDS(1, 4));
    expect_words(splitter_gpt2, "1\xc0\xb1", 3, ENDS(1, 3));
    expect_words(splitter_gpt2, "  \x80", 3, ENDS(1, 3));
    expect_words("\\O", "\xf4\x90\x80\x80", 4, ENDS(1, 2, 3, 4));
}

Test(splitter, without_a_pattern_a_text_is_one_word)
{
    struct splitter splitter = { 0 };
    struct ends ends = { .text = "a b" };

    cr_assert(splitter_cut(&splitter, "a b", 3, true, take, &ends, NULL) ==
              STATUS_OK);
    cr_assert(ends.n == 1 && ends.end[0] == 3);
    cr_assert(splitter_cut(&splitter, "", 0, true, take, &ends, NULL) == STATUS_OK);
    cr_assert(eq(sz, ends.n, 1));
}

/* Patterns that PCRE2 refuses, or would read in another way than Oniguruma. */
Test(splitter, a_pattern_that_is_none_is_refused_with_its_place)
{
    static const struct { const char *pattern, *words; } refusals[] = {
        { "(?:ab", "missing closing parenthesis, at 5 of the pattern (?:ab" },
        { "a)", "unmatched closing parenthesis, at 1 " },
        { "[a", "missing terminating ]" },
        { "a\\", "\\ at end of pattern" },
        { "\\p{Foo}", "unknown property" },
        { "(?<!a+)b", "lookbehind" },
        { "x\\pL", "\\pL" },             /* Oniguruma: the letter p */
        { "\\p{", "\\p{" },
        { "[a-z&&[^b]]", "&&" },
        { "[a[bc]]", "[bc]]" },
        { "[[:punct:]]", "[:punct:]]" },
        { "[\\W]", "\\W]" },
        { "\\N{2}\\V", "\\V" },
        { "\\Qa\\E", "\\Q" },
        { "\\C", "\\C" },
        { "(a)\\1", "\\1" },
        { "\\xe9", "\\xe9" },
        { "\\u12", "\\u12" },
        { "\\p{N}{1,3}+", "{1,3}+" },
        { "a{2}?", "{2}?" },
        { "a(?i)b|c", "(?i)b|c" },
        { "(?s).", "(?s)." },
        { "(?R)", "(?R)" },
        { "(*UTF)a", "(*UTF)a" },
        { "(?", "(?" },
    };

    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct splitter splitter = { 0 };
        struct error err = { STATUS_OK, "" };
        cr_expect(add(&splitter, refusals[i].pattern, &err) ==
                  STATUS_BAD_VALUE, "%s", refusals[i].pattern);
        cr_expect(strstr(err.text, refusals[i].words) != NULL, "%s: %s",
                  refusals[i].pattern, err.text);
        cr_expect(eq(sz, splitter.n, 0));
    }
}

Test(splitter, there_are_no_more_steps_than_there_is_room_for)
{
    struct splitter splitter = { 0 };

    for (int i = 0; i < SPLITTER_STEPS; i++)
        cr_assert(add(&splitter, "a", NULL) == STATUS_OK);
    cr_assert(add(&splitter, "a", NULL) == STATUS_BAD_VALUE);
    splitter_free(&splitter);
    cr_assert(eq(sz, splitter.n, 0));
}

/* Fibonacci's number of ways to read the a's: PCRE2 gives up in the end. */
Test(splitter, a_pattern_without_end_is_an_error)
{
    struct splitter splitter = { 0 };
    struct error err = { STATUS_OK, "" };
    char text[202];
    struct ends ends = { .text = text };

    memset(text, 'a', 200);
    strcpy(text + 200, "c");
    cr_assert(add(&splitter, "(?:a|aa)+$", NULL) == STATUS_OK);
    cr_assert(splitter_cut(&splitter, text, 201, true, take, &ends, &err) ==
              STATUS_BAD_VALUE);
    cr_assert(strstr(err.text, "at 0 of the text: match limit exceeded") !=
              NULL, "%s", err.text);
    splitter_free(&splitter);
}

/* A group that is repeated takes memory for every turn; blanks with no end of
 * line behind them are tried from the last to the first. */
Test(splitter, a_word_of_a_million_characters_is_found)
{
    enum { N = 1000000 };
    char *text = malloc(N);

    memset(text, 'a', N);
    expect_words("(?:\\p{L}\\p{M}*)+", text, N, ENDS(N));
    memset(text, ' ', N);
    expect_words("\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+", text, N, ENDS(N));
    free(text);
}

static enum status stop(void *user, const char *word, size_t size,
                        struct error *err)
{
    (void)size;
    ++*(size_t *)user;
    return *word == 'c' ? error_set(err, STATUS_FAILED, "enough") : STATUS_OK;
}

Test(splitter, an_error_of_a_word_ends_the_cutting)
{
    struct splitter splitter = { 0 };
    struct error err = { STATUS_OK, "" };
    size_t n = 0;

    cr_assert(add(&splitter, "\\w", NULL) == STATUS_OK);
    cr_assert(splitter_cut(&splitter, "abcdef", 6, true, stop, &n, &err) ==
              STATUS_FAILED);
    cr_assert(eq(sz, n, 3));
    cr_assert_str_eq(err.text, "enough");
    splitter_free(&splitter);
}
