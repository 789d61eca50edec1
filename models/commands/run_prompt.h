/* run_prompt.h - isobath run --prompt: a text going on, and what each token of
 * it cost. */
#ifndef RUN_PROMPT_H
#define RUN_PROMPT_H

#include "models/executor/sampler.h"
#include "models/scoring/run_config.h"
#include "sim/core/answer/command.h"
#include "sim/core/model/route.h"

struct run_prompt_options {
    const char *prompt;              /* "-": stdin */
    int64_t     n_new;               /* 0: not given */
    struct sampling sampling;        /* without its seed */
};

/* The rest of the command line; all borrowed. */
struct run_prompt {
    const struct command_options *common;
    struct run_prompt_options options;
    const struct run_config *config;           /* model, tokenizer, machine,
                                                  * policy, seed, settings */
    int         argc;
    char      **argv;
};

/* Streams the text to stdout and the summary to stderr; -o DIR gets
 * summary.json, ledger.csv and tokens.csv.  STATUS_FAILED: a pass did not cost
 * what was predicted. */
enum status run_prompt(const struct run_prompt *job,
                       struct error *err) MUST_CHECK;

#endif
