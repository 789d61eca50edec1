/* text_stream.h - Write bytes as they come, as text that is always valid UTF-8.
 *
 * A token may end in the middle of a character: its bytes wait for the rest.
 * Bytes that can never become a character are written as U+FFFD, one for each
 * longest part of a character (The Unicode Standard, section 3.9, U+FFFD
 * substitution of maximal subparts). */
#ifndef TEXT_STREAM_H
#define TEXT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* {.file = ...} to begin with. */
struct text_stream {
    FILE *file;                  /* borrowed; a failed write shows in it */
    bool  escape;                /* for a terminal: control characters but line
                                  * ends and tabs, and marks that turn the
                                  * direction of writing, which it would obey,
                                  * are written as \x1b or \u202e */
    size_t held;
    unsigned char hold[4];       /* the beginning of a character */
};

void text_stream_put(struct text_stream *stream, const char *bytes, size_t n);
/* No more will come: bytes that wait are written as U+FFFD. */
void text_stream_end(struct text_stream *stream);

#endif
