/* run_flags.h - Read the command line of isobath run; make a config of it. */
#ifndef RUN_FLAGS_H
#define RUN_FLAGS_H

#include "models/scoring/run_config.h"
#include "sim/core/answer/flags.h"

struct run_flags {
    struct command_options common;
    const char *prompt;              /* NULL: a text is scored */
    bool        chat;
    int64_t     n_new, top_k;        /* 0: not given */
    int64_t     draft_layers, drafts;
    double      temperature, top_p;  /* likewise */
};
extern const struct flag run_flags[];

/* Check what the flags say together, and make a config of them: MODEL may be
 * the config, or one thing that a config says.  *out refers to *flags: both
 * stay where they are. */
enum status run_flags_config(struct run_flags *flags, struct run_config *out,
                             struct error *err) MUST_CHECK;

/* Likewise of commands whose MODEL is no config, and that need a text "to record"
 * or the like. */
enum status run_flags_model(struct command_options *options,
                            struct run_config *out, const char *why,
                            struct error *err) MUST_CHECK;

#endif
