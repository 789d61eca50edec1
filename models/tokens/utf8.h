/* utf8.h - Read the characters of UTF-8, tell their kinds, normalise them. */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/base/error.h"

/* Bytes of the character at text[0], size > 0, whose code point goes to *code;
 * 0: the text begins with no well-formed character (The Unicode Standard,
 * table 3-7). */
size_t utf8_decode(uint32_t *code, const char *text, size_t size);

/* White_Space, and what regular expressions take for part of a word: UTS #18,
 * annex C. */
bool utf8_is_space(uint32_t code);
bool utf8_is_word(uint32_t code);

enum utf8_form { UTF8_NFC, UTF8_NFD, UTF8_NFKC, UTF8_NFKD };

/* The text in a normalisation form; bytes of no character stay where they are.
 * *out is the caller's to free. */
enum status utf8_normalise(char **out, size_t *n, const char *text,
                           size_t size, enum utf8_form form,
                           struct error *err) MUST_CHECK;

#endif
