/* gnuplot.h - Run gnuplot, and hear what it says. */
#ifndef GNUPLOT_H
#define GNUPLOT_H

#include "sim/core/base/error.h"

/* Run it in `folder`, without a shell, on at most 8 arguments (NULL after the
 * last); its standard output goes to `out`.  STATUS_IO: it ended with another
 * code than 0, or with 0 and a line on its standard error that says that its
 * output is not whole. */
enum status gnuplot_run(char *const *arguments, const char *folder, int out,
                        struct error *err) MUST_CHECK;

#endif
