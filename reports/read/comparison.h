/* comparison.h - Compare the losses of two settings, over seeds and over blocks
 * of the held-out text.
 *
 * Both vary: another seed would give another model, another text another mean.
 * Runs that recorded their loss of each block (loss.blocks of summary.json), all
 * of one text, have both in the interval; of others seeds alone. */
#ifndef COMPARISON_H
#define COMPARISON_H

#include "reports/read/study.h"

enum { COMPARISON_BLOCKS = 64 };       /* the most that are read */

struct comparison {
    double *x;                 /* [2 * room], borrowed: losses of pairs */
    size_t  room, n;
    size_t  n_blocks;          /* of the first run; 0: it recorded none, or
                                * another run not the same */
    bool    some;              /* a run was added */
    double  bytes[COMPARISON_BLOCKS], nats[2][COMPARISON_BLOCKS];   /* sums */
    double  n_seeds[2];        /* that went into nats */
};

/* x[2 * room]: room for so many pairs. */
struct comparison comparison_open(double *x, size_t room);
/* Add a pair, if both settings know the loss of that seed. */
void        comparison_add(struct comparison *comparison,
                           const struct setting *a, const struct setting *b,
                           double seed);

/* a less b of the pairs added. */
struct compared comparison_paired(struct comparison *comparison);
/* a less b over the seeds that both have, if those are two or more and `paired`;
 * over all seeds of each otherwise. */
struct compared compare_settings(const struct setting *a,
                                 const struct setting *b, bool paired,
                                 double *x, size_t room);

/* True if pairing the seeds narrows the interval: what it cancels, told by the
 * correlation of the losses, outweighs the degrees of freedom that it costs. */
bool        comparison_gains(const struct setting *a, const struct setting *b,
                             double *x, size_t room);

#endif
