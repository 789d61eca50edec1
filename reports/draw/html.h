/* html.h - Write the pieces of a page: its frame, text, figures and tables.
 *
 * One file: styles, script and figures inside, nothing fetched.
 */
#ifndef HTML_H
#define HTML_H

#include <stdio.h>
#include "sim/core/answer/amount.h"
#include "reports/draw/plot.h"
#include "sim/core/base/error.h"

void html_open(FILE *out, const char *title);
void html_close(FILE *out);

/* Escaped text; textf escapes what the format made of its arguments. */
void html_text(FILE *out, const char *text);
void html_textf(FILE *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void html_section_open(FILE *out, const char *anchor, const char *heading,
                       bool hidden_heading);
void html_section_close(FILE *out);

/* A bold part of a sentence, and the tag that says how the number is known. */
void html_fact(FILE *out, const char *text, struct amount known);

/* What the tags say, in a line. */
void html_badges(FILE *out);

/* The figure, its links and its data, or the reason it was not drawn; on a phone
 * the narrow one shows.  `folder` holds NAME.svg of both. */
enum status html_figure(FILE *out, const struct plot *plot,
                        const struct plot *narrow, const char *folder,
                        struct error *err) MUST_CHECK;

#endif
