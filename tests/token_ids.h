/* token_ids.h - Open a tokenizer of bytes at hand, and expect ids of it. */
#ifndef TOKEN_IDS_H
#define TOKEN_IDS_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include "models/tokens/tokenizer.h"
#include "sim/core/base/file.h"

/* A file of tests/data/tokens, which a script of tests/compare wrote; the
 * caller's. */
static inline json_t *token_vectors(const char *name)
{
    char path[64], *text;
    size_t size;

    snprintf(path, sizeof path, "tests/data/tokens/%s", name);
    cr_assert(file_read(&text, &size, path, 1 << 20, NULL) == STATUS_OK);
    json_t *root = json_loadb(text, size, JSON_ALLOW_NUL, NULL);
    free(text);
    cr_assert(root != NULL);
    return root;
}

/* Written under a name that ends in `end`, opened, removed. */
static inline enum status open_bytes(struct tokenizer **out, const char *end,
                                     const void *bytes, size_t size,
                                     int32_t n_vocab, struct error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/isobath-tokenizer-XXXXXX%s", end);
    int fd = mkstemps(path, (int)strlen(end));
    cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
    enum status status = tokenizer_open(out, path, n_vocab, err);
    unlink(path);
    return status;
}

/* Ends the test where the text has other ids. */
static inline void expect_ids(const struct tokenizer *tokenizer,
                              const char *text, size_t size, bool bos,
                              const int32_t *want, size_t n)
{
    int32_t *ids;
    size_t got;
    struct error err = { STATUS_OK, "" };

    cr_assert(tokenizer_encode(tokenizer, text, size, bos, TOKENIZER_TEXT,
                               &ids, &got, &err) == STATUS_OK, "%s", err.text);
    cr_assert(got == n, "%zu ids, not %zu, for \"%s\"", got, n, text);
    for (size_t i = 0; i < n; i++)
        cr_assert(ids[i] == want[i], "id %zu is %d, not %d, in \"%s\"", i,
                  ids[i], want[i], text);
    free(ids);
}
#define EXPECT(tokenizer, text, bos, ...) do { \
        const int32_t want_[] = { __VA_ARGS__ }; \
        expect_ids(tokenizer, text, strlen(text), bos, want_, \
                   sizeof want_ / sizeof *want_); \
    } while (0)

/* Ends the test where the bytes of the text's tokens are not the text. */
static inline void expect_round_trip(const struct tokenizer *tokenizer,
                                     const char *text, size_t size)
{
    int32_t *ids;
    size_t n, at = 0, m;

    cr_assert(tokenizer_encode(tokenizer, text, size, false, TOKENIZER_TEXT,
                               &ids, &n, NULL) == STATUS_OK);
    for (size_t i = 0; i < n; i++, at += m) {
        const char *bytes = tokenizer_bytes(tokenizer, ids[i], i == 0, &m);
        cr_assert(at + m <= size && memcmp(text + at, bytes, m) == 0,
                  "token %zu does not stand at %zu", i, at);
    }
    cr_assert(eq(sz, at, size));
    free(ids);
}

#endif
