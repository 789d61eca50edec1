/* sweep_request.h - Say what a point is run for, and tell it from what it was
 * run for before.
 *
 * A request holds the point's number, name, row, phase and settings, the command
 * and the base config with a hash of its contents; texts as the study has them,
 * so that it is the same from any directory. */
#ifndef SWEEP_REQUEST_H
#define SWEEP_REQUEST_H

#include "sim/sweep/sweep.h"

/* New; NULL: no memory. */
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
enum status sweep_request_write(const struct sweep *sweep,
                                const char *directory, int32_t point,
                                struct error *err) MUST_CHECK;

#endif
