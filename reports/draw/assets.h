/* assets.h - Hold the style of the figures, and the style and script of the
 * page. */
#ifndef ASSETS_H
#define ASSETS_H

#include <stdio.h>

/* Lines, each with its newline; NULL ends. */
extern const char *const assets_gnuplot[];
extern const char *const assets_css[];
extern const char *const assets_script[];

void assets_write(const char *const *lines, FILE *out);

#endif
