/* sweep_price_part.h - Keep the prices of a study's points until all are there, so
 * that a later process goes on from them.
 *
 * DIR/prices.part, a line of JSON a point: {"program": XXH64 of the executable,
 * "request": as in a point.json, "files": {KEY: XXH64 of what its value names},
 * "figures": what points.csv has of it, "layers": its rows of layers.csv}.  A line
 * counts if all of the first three are as they would be now. */
#ifndef SWEEP_PRICE_PART_H
#define SWEEP_PRICE_PART_H

#include "sim/sweep/sweep_folder.h"

struct price_part {
    const struct sweep *sweep;
    char   path[FILE_PATH_SIZE];
    char   program[17];
    FILE  *file;                         /* whole lines are appended */
    off_t *at;                           /* [n_points] of the point's line; -1: there
                                          * is none */
    json_t *hashes;                      /* of the files that were asked for */
};

/* Reads what stands there.  Caller releases with price_part_close(), also after
 * a failure. */
enum status price_part_open(struct price_part *out,
                            const struct sweep *sweep, const char *directory,
                            struct error *err) MUST_CHECK;
/* Removes the file where all are there. */
void        price_part_close(struct price_part *part, bool all);

bool        price_part_have(const struct price_part *part, int32_t point);
/* The figures of such a point, new; its rows go to `layers`. */
enum status price_part_take(json_t **figures, FILE *layers,
                            struct price_part *part, int32_t point,
                            struct error *err) MUST_CHECK;
/* Borrows the figures. */
enum status price_part_add(struct price_part *part, int32_t point,
                           json_t *figures, const char *layers,
                           struct error *err) MUST_CHECK;

#endif
