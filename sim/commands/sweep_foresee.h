/* sweep_foresee.h - Resolve a study without running it, and tell whether a point
 * would run as it did elsewhere. */
#ifndef SWEEP_FORESEE_H
#define SWEEP_FORESEE_H

#include "sim/core/answer/format.h"
#include "sim/sweep/sweep.h"

/* Resolve the config of every point that the filter lets through as its command
 * would, down to the text, and print steps, tokens and flops; warn of each point
 * that cannot run, by the place of its mistake.  STATUS_BAD_VALUE: there are
 * some. */
enum status sweep_foresee(const struct sweep *sweep, const char *filter,
                          enum format format, struct error *err) MUST_CHECK;

/* A sweep_record_check(): by data and resolved config; the second by the kernels
 * too. */
enum status sweep_would_repeat(const struct sweep *sweep, int32_t point,
                               const json_t *summary,
                               struct error *err) MUST_CHECK;
enum status sweep_would_repeat_bits(const struct sweep *sweep, int32_t point,
                                    const json_t *summary,
                                    struct error *err) MUST_CHECK;

#endif
