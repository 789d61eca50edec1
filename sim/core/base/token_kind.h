/* token_kind.h - Tell a rough kind of a token by its characters and those
 * before it. */
#ifndef TOKEN_KIND_H
#define TOKEN_KIND_H

#include <stddef.h>

#define TOKEN_KIND_MAP(X)                                                      \
    X(SPACE,       "space or line end")                                        \
    X(PUNCTUATION, "punctuation")                                              \
    X(DIGIT,       "digit")                                                    \
    X(START,       "start of a word")                                          \
    X(INSIDE,      "inside a word")

enum token_kind {
#define X(id, name) TOKEN_##id,
    TOKEN_KIND_MAP(X)
#undef X
    TOKEN_KIND_COUNT
};
extern const char *const token_kind_names[TOKEN_KIND_COUNT];

/* Bytes of the token and of the one before it, of which there are none at the
 * start of a text.  Bytes beyond ASCII are letters; the locale does not
 * matter. */
enum token_kind token_kind(const char *text, size_t size, const char *before,
                           size_t size_before);

#endif
