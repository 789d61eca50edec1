/* run_source.h - Open the model that a job over a text or a prompt names. */
#ifndef RUN_SOURCE_H
#define RUN_SOURCE_H

#include "models/files/source.h"
#include "models/scoring/run_config.h"

/* Read the model with the settings of the job, its weights as run.weights says,
 * and check that it can follow the rule that is asked for (run_rule.h). */
enum status run_source_open(struct source *out, const struct run_config *config,
                            struct error *err) MUST_CHECK;

/* The same for a job that looks at routers: STATUS_BAD_VALUE, too, if no block
 * routes, or the rule that is asked for makes no choice. */
enum status run_source_open_routed(struct source *out,
                                   const struct run_config *config,
                                   struct error *err) MUST_CHECK;

/* The same for one that looks at each choice alone: nor if choices decide who is
 * there to be chosen by later ones. */
enum status run_source_open_alone(struct source *out,
                                  const struct run_config *config,
                                  struct error *err) MUST_CHECK;

/* The same for one that looks at routers of either kind: of blocks, or of
 * experts. */
enum status run_source_open_choosing(struct source *out,
                                     const struct run_config *config,
                                     struct error *err) MUST_CHECK;

#endif
