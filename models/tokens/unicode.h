/* unicode.h - code points of UTF-8 and the classes that tokenizers ask for. */
#ifndef UNICODE_H
#define UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Unicode 16.0: scripts/unicode_tables. */
struct unicode_range {
    uint32_t first, last;
};
extern const struct unicode_range unicode_letters[];     /* \p{L} */
extern const size_t unicode_n_letters;
extern const struct unicode_range unicode_numbers[];     /* \p{N} */
extern const size_t unicode_n_numbers;
/* What normalisation form C may change, or join to what stands before it. */
extern const struct unicode_range unicode_not_nfc[];
extern const size_t unicode_n_not_nfc;

enum unicode_class {
    UNICODE_OTHER, UNICODE_LETTER, UNICODE_NUMBER,
    UNICODE_SPACE,               /* \s: White_Space, as Unicode defines it */
    UNICODE_NONE,                /* the text has ended */
};

/* Bytes of the code point at text[0], size > 0; 0: not well-formed UTF-8
 * (The Unicode Standard 16.0, table 3-7). */
size_t unicode_decode(uint32_t *code, const char *text, size_t size);

enum unicode_class unicode_class(uint32_t code);
/* false: normalisation form C leaves it and its neighbours as they are. */
bool unicode_may_compose(uint32_t code);

#endif
