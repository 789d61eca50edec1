/* escape.h - Escape foreign text where it could become something else.
 *
 * Tokens, file names, model names, command lines and error texts are kept raw
 * and escaped once, at the border, by writing them through here. */
#ifndef ESCAPE_H
#define ESCAPE_H

#include <stdio.h>

/* Quotes added, and what no text can then do. */
enum border {
    BORDER_HTML,       /* none: text and "..." attributes; no tag, no entity */
    BORDER_GNUPLOT,    /* '...': no backquote substitution, no end of the
                        * string */
    BORDER_TIC,        /* '...': the same where gnuplot also reads % as a
                        * format */
    BORDER_DATA,       /* "...": one field of a gnuplot data file */
    BORDER_CSV,        /* as needed, RFC 4180; no formula in a spreadsheet */
    BORDER_MARKDOWN,   /* none: no markup, no end of a table cell */
    BORDER_TERMINAL,   /* none: no control sequence */
    BORDER_COUNT
};

/* Bytes that are not UTF-8 come out as U+FFFD.  Control characters come out
 * visible: U+00B6 for a newline, U+21E5 for a tab, control pictures, <U+202E>
 * for characters that turn or hide text; \x1b on a terminal.  CSV keeps newline
 * and tab, inside quotes.  In figures, characters that common fonts lack come
 * out as U+25A1 and a tab as U+00BB. */
void escape_write(FILE *out, enum border border, const char *text);

/* Decode one character of UTF-8: return its code, 0xFFFD when the bytes are no
 * character, and move *text past it, by at least one byte unless at the end
 * (0). */
unsigned escape_next(const char **text);

/* The number of characters that the text shows. */
int escape_width(const char *text);

#endif
