/* sweep_folder.h - Own the directory of a point: whether it is done, and what it
 * was asked.
 *
 * A point is finished when its summary.json says "status": "done".  Its request,
 * point.json, holds its number, name, row, phase and settings, the command and
 * the base config with a hash of its contents; texts as the study has them, so
 * that it is the same from any directory. */
#ifndef SWEEP_FOLDER_H
#define SWEEP_FOLDER_H

#include "sim/sweep/sweep.h"

#define POINT_STATE_MAP(X)                                                     \
    X(POINT_DONE,     "done")                                                  \
    X(POINT_FAILED,   "failed")        /* in this process */                   \
    X(POINT_STARTED,  "unfinished")    /* ended early, or runs elsewhere */    \
    X(POINT_PENDING,  "pending")

enum point_state { POINT_STATE_MAP(NAMES_ID) POINT_STATE_COUNT };
extern const char *const point_state_names[];        /* NULL ends */

/* DIR/points/NNNNNN */
enum status sweep_point_path(char out[FILE_PATH_SIZE], const char *directory,
                             int32_t point, struct error *err) MUST_CHECK;

enum status sweep_point_state(enum point_state *out, const char *directory,
                              int32_t point, struct error *err) MUST_CHECK;

/* Of every point, state[n_points]; with no directory all are pending. */
enum status sweep_point_states(enum point_state *state,
                               const struct sweep *sweep, const char *directory,
                               struct error *err) MUST_CHECK;

/* Of the points that the filter lets through, those in that state; SWEEP_ANY: all
 * of them. */
enum { SWEEP_ANY = -1 };
int32_t sweep_count(const struct sweep *sweep, const char *filter,
                    const enum point_state *state, int wanted);

/* The request of a point; new, NULL: no memory. */
json_t *sweep_request(const struct sweep *sweep, int32_t point);

/* True if the point was asked something else by an older request; out then
 * says what: "was begun with KEY = 1, the study now says 2". */
enum { REQUEST_WORDS_SIZE = 320 };
bool sweep_request_differs(char out[REQUEST_WORDS_SIZE],
                           const struct sweep *sweep, int32_t point,
                           const json_t *older);

/* In the point's own directory, as point.json.  STATUS_BAD_VALUE: the point was
 * begun there, and was asked something else. */
enum status sweep_request_check(const struct sweep *sweep,
                                const char *directory, int32_t point,
                                struct error *err) MUST_CHECK;
/* Unless it stands there. */
enum status sweep_request_write(const struct sweep *sweep,
                                const char *directory, int32_t point,
                                struct error *err) MUST_CHECK;

#endif
