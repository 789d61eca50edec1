/* run_prompt.h - Run isobath run --prompt: continue a text, and tell the cost
 * of each token. */
#ifndef RUN_PROMPT_H
#define RUN_PROMPT_H

#include "models/commands/run_prompt_answer.h"

/* Streams the text to stdout and the summary to stderr; -o DIR gets
 * summary.json, ledger.csv and tokens.csv.  STATUS_FAILED: a pass did not cost
 * what was predicted. */
enum status run_prompt(const struct run_prompt *job,
                       struct error *err) MUST_CHECK;

#endif
