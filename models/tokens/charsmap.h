/* charsmap.h - Replace characters by a table that SentencePiece compiled: a
 * trie of what is replaced, as a double array (github.com/s-yata/darts-clone),
 * and the texts that take its place (src/normalizer.cc of
 * github.com/google/sentencepiece). */
#ifndef CHARSMAP_H
#define CHARSMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/base/error.h"

/* {0}: nothing is replaced. */
struct charsmap {
    uint32_t *unit;              /* [n] */
    size_t    n;
    char     *texts;             /* NUL-ended, one behind the other */
    size_t    size;
};

/* From bytes of a file: u32 bytes of the trie, the trie, the texts.
 * STATUS_BAD_FORMAT: they are cut short. */
enum status charsmap_open(struct charsmap *map, const unsigned char *bytes,
                          size_t size, struct error *err) MUST_CHECK;
void        charsmap_free(struct charsmap *map);

/* What takes the place of the `*n` bytes at text[0]: of the longest, or of the
 * shortest, that the table has.  NULL: it has none. */
const char *charsmap_find(const struct charsmap *map, const char *text,
                          size_t size, bool longest, size_t *n);

#endif
