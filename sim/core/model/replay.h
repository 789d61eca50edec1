/* replay.h - Set a spec's routed layers from a file of what a run kept: a run's
 * trace (trace.h) or that of a text (text_trace.h). */
#ifndef REPLAY_H
#define REPLAY_H

#include "sim/core/model/spec.h"

/* The layers that the file names are routed, each with the share that it kept
 * as its capacity; the file must be of the spec's part.  STATUS_BAD_FORMAT,
 * STATUS_BAD_VALUE: what is wrong, with the file's name. */
enum status replay_settle(struct model_spec *spec, const char *path,
                          struct error *err) MUST_CHECK;

#endif
