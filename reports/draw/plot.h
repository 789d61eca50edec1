/* plot.h - Write a figure as a gnuplot script and its data; draw it as SVG and
 * PNG.
 *
 * NAME.gp holds its own style and reads NAME.dat from the same folder, so that
 * the two stand alone.  gnuplot is run directly, never through a shell.
 *
 * A figure is laid out twice, wide for a desk and narrow for a phone: what stands
 * side by side in the one stands below each other in the other, and no letter gets
 * smaller. */
#ifndef PLOT_H
#define PLOT_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "sim/core/base/error.h"

enum { PLOT_WIDE = 860, PLOT_NARROW = 360 };   /* CSS pixels */

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
    double width;              /* CSS pixels */
    double height;             /* likewise, before extra lines of text */
    double left, right, top, bottom;      /* margins, likewise */
    FILE  *script, *data;      /* write the body of .gp and all of .dat here */
    char  *script_text, *data_text;       /* what the two streams hold */
    size_t script_size, data_size;
    bool   ready;              /* there was something to draw */
    bool   drawn;              /* NAME.svg and NAME.png exist */
    char   reason[256];        /* for which it was not drawn */
};

/* Streams open, margins as in the style; caller closes with plot_close(). */
enum status plot_open(struct plot *out, const char *name, int width,
                      struct error *err) MUST_CHECK;
void        plot_close(struct plot *plot);
bool        plot_is_narrow(const struct plot *plot);

/* A key of n names, the longest of so many letters, above the frame: in as many
 * rows as it takes.  Once the height is set. */
void        plot_key(struct plot *plot, int n, size_t longest);

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

/* Panels in rows, the last of which may be shorter. */
struct grid {
    int    n, wide, narrow;    /* panels; so many beside each other */
    double gap, below;         /* pixels between them */
    double height;             /* pixels, of each */
};

/* Set the height of the plot, and in the script what PLACE of the style goes to the
 * k-th by, from 0; returns the width of each. */
double      plot_grid(struct plot *plot, struct grid grid);

/* Decimals that tell the ticks of a linear axis apart. */
int         plot_decimals(double low, double high);

/* About three steps to a range: 1, 2 or 5 times a power of ten. */
double      plot_step(double range);

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
