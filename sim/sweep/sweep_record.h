/* sweep_record.h - Keep what the points of a study found in one small file, and
 * go on from it where their directories are gone.
 *
 * DIR/records.json: {"schema": "isobath-records-2", "like": R, "columns": [...],
 * "points": [[...], ...]}, a line a finished point.  A point's R is {"request": its
 * point.json, "summary": its summary.json}; the lines are what differs between
 * them (record_table.h).  Read, they are what they were. */
#ifndef SWEEP_RECORD_H
#define SWEEP_RECORD_H

#include "sim/sweep/sweep_folder.h"

extern const char sweep_record_name[];           /* "records.json" */

/* Of all points that are done; nothing, where none is. */
enum status sweep_record_write(const struct sweep *sweep, const char *directory,
                               const enum point_state *state,
                               struct error *err) MUST_CHECK;

/* Whether the point would be run as the summary says it was: same resolved
 * config, data and kernels.  STATUS_BAD_VALUE: it would not. */
typedef enum status sweep_record_check(const struct sweep *sweep, int32_t point,
                                       const json_t *summary,
                                       struct error *err);

/* Lay into DIRECTORY what FROM/records.json has of the points of this study that
 * are not done there; point.json and summary.json alone, so that such a point has
 * no curve and no weights.  FROM/claims.json comes along.
 *   *n                taken over
 *   STATUS_BAD_VALUE  FROM has no records; or one of them, which the message
 *                     names, is of a point that is asked something else now, or
 *                     does not pass the check (NULL: all pass) */
enum status sweep_record_adopt(int32_t *n, const struct sweep *sweep,
                               const char *directory, const char *from,
                               sweep_record_check *check,
                               struct error *err) MUST_CHECK;

#endif
