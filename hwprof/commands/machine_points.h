/* machine_points.h - Gather the rates that ops of small models reached, and make
 * curves of them. */
#ifndef MACHINE_POINTS_H
#define MACHINE_POINTS_H

#include "hwprof/commands/machine_shape.h"
#include "hwprof/measure/machine_profile.h"
#include "sim/price/machine.h"

enum { MACHINE_POINTS_MAX = 768 };

/* Of one kind of work. */
struct machine_points {
    int    n;
    double size[MACHINE_POINTS_MAX];     /* flops_size_of() */
    double share[MACHINE_POINTS_MAX];    /* flop/s, until they are shares of the
                                          * peak */
    double seconds[MACHINE_POINTS_MAX];  /* of a step */
    double head[MACHINE_POINTS_MAX];     /* numbers of a head */
    double heads[MACHINE_POINTS_MAX];    /* of a sequence */
    bool   heads_vary[MACHINE_POINTS_MAX];   /* of shapes that differ in their
                                          * heads alone; of queries, in their keys
                                          * too */
    int    shape[MACHINE_POINTS_MAX];    /* of machine_shapes[] */
};

/* The median share of each half decade of flops, from a hundred on; of rows of each
 * number. */
void machine_points_curve(struct config_real_list *out,
                          const struct machine_points *points, enum work work);

/* The `half` of D / (D + half) that fits rates by the size D of heads best, and
 * those that fit not twice as badly. */
struct machine_range machine_points_half(const struct machine_points *points);
/* What the points would be if nothing but heads took time. */
void machine_points_level(struct machine_points *points, double half);

/* Of queries, before shares are divided by the peak: a head of F flops and size D
 * takes  head_seconds + F * (1 + half / D) / rate,  by the least squares of relative
 * errors; the range is what it is without one or another of the shapes.  The points
 * are then as without both, and those are left out that take little else. */
struct machine_query { struct machine_range half, head_seconds; };
struct machine_query machine_points_query(struct machine_points *points);

/* How far 80 % of the steps are off as wholes, when the curves price their
 * ops: the machine's coefficients err together. */
struct machine_range machine_points_scatter(
    const struct machine_points of[WORK_COUNT], const struct machine *machine);

#endif
