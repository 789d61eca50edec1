/* claims.h - Read what a study claims, and fix it before the study runs.
 *
 *     claims:                        each one mapping
 *       - name: P1
 *         claim: two full and two routed blocks do better than three full ones
 *         a: mod-2x2                 a row of settings, or a list of them, of which
 *         b: [dense-3, dense-4]      the best in the other phases is taken
 *         is: lower                  a's loss less b's: lower, higher or same
 *         metric: causal             the held-out loss: causal (default) or topk
 *         margin: 0.005              share of b's loss that is no difference (this
 *                                    is the default)
 *         test: auto                 paired by seed, unpaired, or auto (default):
 *                                    whichever the arms' correlation makes narrower
 *         phase: confirmation        whose points judge; needed where the study has
 *                                    phases */
#ifndef CLAIMS_H
#define CLAIMS_H

#include "sim/sweep/study.h"

/* What may stand in one. */
extern const struct file_key claims_keys[];

/* Into s->sweep.claims; rows and phases are read by then. */
enum status claims_read(struct study *s, const yaml_node_t *node,
                        struct error *err) MUST_CHECK;

#endif
