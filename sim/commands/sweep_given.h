/* sweep_given.h - Take the settings of a point as its command takes them. */
#ifndef SWEEP_GIVEN_H
#define SWEEP_GIVEN_H

#include "sim/core/answer/flags.h"
#include "sim/sweep/sweep.h"

struct sweep_given {
    struct config_setting setting[COMMAND_MAX_SETTINGS];   /* --set; owned texts,
                                  * borrowed places */
    size_t n;
    struct config_setting option[SWEEP_MAX_KEYS];          /* "--batch=8" */
    size_t n_options;
};

/* A setting that is still to be solved is left out.  Caller releases with
 * sweep_given_close(), also after a failure.
 *   STATUS_BAD_VALUE  a key stands for an option that the point's command does
 *                     not have, or that is the sweep's own */
enum status sweep_given_open(struct sweep_given *out, const struct sweep *sweep,
                             const struct sweep_point *point,
                             struct error *err) MUST_CHECK;
enum status sweep_given_add(struct sweep_given *given, const char *key,
                            const char *value, const char *place,
                            struct error *err) MUST_CHECK;
void        sweep_given_close(struct sweep_given *given);

/* Read the options, and the settings behind those that they stand for, into those
 * of the command, for its operand; argv[n_options + 3] is room that lives as long.
 * Release with flags_close(), also after a failure, which names the place of the
 * option. */
enum status sweep_given_read(struct command_options *out,
                             const struct command *command,
                             const struct sweep_given *given,
                             const char *operand, char **argv,
                             struct error *err) MUST_CHECK;

/* Put the place of the option that a message begins with before it; returns the
 * status. */
enum status sweep_given_blame(const struct sweep_given *given,
                              struct error *err);

#endif
