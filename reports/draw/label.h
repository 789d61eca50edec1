/* label.h - Place names beside points so that they cover nothing. */
#ifndef LABEL_H
#define LABEL_H

#include "reports/draw/plot.h"

enum { LABEL_TEXT_SIZE = 80, LABEL_MAX = 64 };

struct label {
    double x, y;               /* the point, in axis units */
    double rise;               /* of its error bar, in axis units; 0: none */
    double px, py;             /* filled: pixels from the frame's lower left */
    double prise;              /* filled: pixels */
    char   text[LABEL_TEXT_SIZE];
    const char *colour;        /* gnuplot expression: "INK", "C_MOD" */
    int    rank;               /* lower is placed first */
    int    place;              /* filled: index of the side; -1: left out */
};

/* Choose a side for every label, or none where all sides cover a point or
 * another label (rank 0 and below is always placed, below 0 further off if need
 * be); one without text only keeps its place free.  Then write `set label`
 * commands from tag `first` on.  Placing sorts the labels. */
void label_place(struct label *labels, int n, struct frame frame);
void label_write(const struct label *labels, int n, int first,
                 struct plot *plot);

/* Pixels from the lower left corner of the frame. */
double frame_px(struct frame frame, double x);
double frame_py(struct frame frame, double y);

#endif
