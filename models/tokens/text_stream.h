/* text_stream.h - bytes as they come, text as it goes out: always valid UTF-8.
 *
 * A token may end in the middle of a character: its bytes wait for the rest.
 * What can never become a character is U+FFFD, one for each longest part of one
 * (The Unicode Standard, section 3.9, U+FFFD substitution of maximal subparts). */
#ifndef TEXT_STREAM_H
#define TEXT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* {.file = ...} to begin with. */
struct text_stream {
    FILE *file;                  /* borrowed; a failed write shows in it */
    bool  escape;                /* for a terminal: what it would obey, control
                                  * characters but line ends and tabs, and
                                  * marks that turn the direction of writing,
                                  * as \x1b or \u202e */
    size_t held;
    unsigned char hold[4];       /* the beginning of a character */
};

void text_stream_put(struct text_stream *stream, const char *bytes, size_t n);
/* No more will come: what waits is U+FFFD. */
void text_stream_end(struct text_stream *stream);

#endif
