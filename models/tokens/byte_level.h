/* byte_level.h - Write bytes as the printable characters that GPT-2 has for
 * them. */
#ifndef BYTE_LEVEL_H
#define BYTE_LEVEL_H

#include <stdbool.h>
#include <stddef.h>

/* text[size] so into out[2 * size]; returns the bytes written. */
size_t byte_level_spell(char *out, const char *text, size_t size);
/* The bytes that such characters stand for, into out[size]; false: some
 * character is none of those. */
bool   byte_level_bytes(char *out, size_t *n, const char *text, size_t size);

#endif
