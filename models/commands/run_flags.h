/* run_flags.h - the command line of isobath run: each flag is a key of its
 * config by another name, so that one table says what is allowed. */
#ifndef RUN_FLAGS_H
#define RUN_FLAGS_H

#include "models/commands/run_prompt.h"
#include "models/scoring/run_config.h"
#include "sim/core/answer/command.h"

struct run_flags {
    struct command_options common;
    struct run_prompt_options prompt;
    const char *model;                     /* or a config; NULL: run.model was
                                            * given */
    struct run_setting given[RUN_MAX_SETTINGS];    /* flags, then --set */
    size_t n_given;
    char  *made[RUN_MAX_SETTINGS];       /* texts of flags; owned */
    size_t n_made;
};

/* Ends the process, as argp does, where the command line makes no sense.  *out
 * is zero before; release it with run_flags_close(). */
void run_flags_read(struct run_flags *out, int argc, char **argv);
void run_flags_close(struct run_flags *flags);

/* MODEL may be the config, or one thing that a config says.  *out refers to
 * *flags: both stay where they are. */
enum status run_flags_config(struct run_flags *flags, struct run_config *out,
                             struct error *err) MUST_CHECK;

#endif
