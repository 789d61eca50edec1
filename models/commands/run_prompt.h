/* run_prompt.h - isobath run --prompt: a text going on, and what each token of
 * it cost. */
#ifndef RUN_PROMPT_H
#define RUN_PROMPT_H

#include "models/executor/sampler.h"
#include "models/scoring/run_config.h"
#include "sim/core/answer/command.h"
#include "sim/core/model/route.h"

struct run_prompt_options {
    const char *prompt;              /* NULL: not asked for; "-": stdin */
    int64_t     n_new;               /* 0: not given */
    struct sampling sampling;        /* without its seed */
    const char *first;               /* the first option given of those that only
                                      * go with a prompt; NULL: none */
};
/* Its options, for a child of a command's argp; the input is a struct
 * run_prompt_options, zero. */
extern const struct argp run_prompt_argp;

/* What else was said; all borrowed. */
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
