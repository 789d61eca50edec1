/* utf8.h - Read the characters of UTF-8 and compose them. */
#ifndef UTF8_H
#define UTF8_H

#include <stddef.h>
#include <stdint.h>
#include "sim/core/base/error.h"

/* Bytes of the character at text[0], size > 0, whose code point goes to *code;
 * 0: the text begins with no well-formed character (The Unicode Standard,
 * table 3-7). */
size_t utf8_decode(uint32_t *code, const char *text, size_t size);

/* The text in normalisation form C; bytes of no character stay where they are.
 * *out is the caller's to free. */
enum status utf8_compose(char **out, size_t *n, const char *text, size_t size,
                         struct error *err) MUST_CHECK;

#endif
