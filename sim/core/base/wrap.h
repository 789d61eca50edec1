/* wrap.h - Write a paragraph in lines of at most 78 columns. */
#ifndef WRAP_H
#define WRAP_H

#include <stdio.h>

/* The first line is indented by `first` blanks, every other one by `rest`.  A
 * word that is longer than a line stands in a line of its own; a newline of
 * `text` ends a line. */
void wrap_text(FILE *file, int first, int rest, const char *text);

#endif
