/* plot.h - Write a figure as a gnuplot script and its data; draw it as SVG and
 * PNG.
 *
 * NAME.gp holds its own style and reads NAME.dat from the same folder, so that
 * the two stand alone.  gnuplot is run directly, never through a shell. */
#ifndef PLOT_H
#define PLOT_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "sim/core/base/error.h"

enum { PLOT_WIDTH = 860 };     /* CSS pixels */

/* Write a text of the plot, or more behind it. */
#define TEXT_SET(to, ...) snprintf(to, sizeof (to), __VA_ARGS__)
#define TEXT_ADD(to, ...)                                                      \
    snprintf((to) + strlen(to), sizeof (to) - strlen(to), __VA_ARGS__)

struct plot {
    const char *name;          /* file stem; chosen by the program, never by
                                * foreign text */
    char   head[200];          /* the finding, in words */
    char   sub[400];           /* what is drawn, with units */
    char   foot[480];          /* provenance */
    char   alt[1200];          /* for readers who cannot see it */
    double height;             /* CSS pixels, before extra lines of text */
    double left, right, top, bottom;      /* margins, likewise */
    FILE  *script, *data;      /* write the body of .gp and all of .dat here */
    char  *script_text, *data_text;       /* what the two streams hold */
    size_t script_size, data_size;
    bool   ready;              /* there was something to draw */
    bool   drawn;              /* NAME.svg and NAME.png exist */
    char   reason[256];        /* for which it was not drawn */
};

/* Streams open, margins as in the style; caller closes with plot_close(). */
enum status plot_open(struct plot *out, const char *name,
                      struct error *err) MUST_CHECK;
void        plot_close(struct plot *plot);

/* Pixels that the plot's frame spans. */
double      plot_frame_width(const struct plot *plot);
double      plot_frame_height(const struct plot *plot);

/* From the least to the largest of known values; empty: RANGE_EMPTY. */
struct range {
    double low, high;
};
#define RANGE_EMPTY { HUGE_VAL, -HUGE_VAL }
void        range_add(struct range *range, double value);
/* Room on both sides: that share of the range, or `least` if that is more. */
void        range_widen(struct range *range, double share, double least);

/* The frame's axes, and its size on the page. */
struct frame {
    double x0, x1, y0, y1;
    bool   log_x, log_y;
    double width, height;      /* pixels */
    double rule;               /* a horizontal line to keep clear of; NAN */
};

/* Decimals that tell the ticks of a linear axis apart. */
int         plot_decimals(double low, double high);

/* Set the axes in the script, and the decimals of a linear y axis. */
void        plot_axes(struct plot *plot, struct frame frame);

/* Write .gp and .dat into `folder`; with `draw`, run gnuplot for .svg and
 * .png. A figure that gnuplot cannot draw is no failure: plot->drawn is false
 * and plot->reason says why. */
enum status plot_write(struct plot *plot, const char *folder, bool draw,
                       struct error *err) MUST_CHECK;

/* True when there is a gnuplot to run. */
bool        plot_can_draw(void);

/* Ticks of a logarithmic axis ('x', 'y') from low to high, both above 0: a few
 * to the decade where there are few of those.  Named as they are or,
 * `prefixed`, with an SI letter. */
void        plot_log_tics(struct plot *plot, char axis, double low, double high,
                          bool prefixed);

/* Text for a label of the script, in its quotes. */
void        plot_quote(struct plot *plot, const char *text);

#endif
