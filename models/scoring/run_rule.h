/* run_rule.h - Choose the rule that decides which tokens a routed block keeps
 * while a text is scored. */
#ifndef RUN_RULE_H
#define RUN_RULE_H

#include "models/scoring/run_config.h"
#include "models/files/source.h"

/* Check that run.policy, where it was given, is a rule, and that the model has
 * the values that the rule goes by: scores need a router, a threshold the mean
 * that training keeps, a prediction a predictor. */
enum status run_rule_check(const struct run_config *config,
                           const struct source *source,
                           struct error *err) MUST_CHECK;

/* The same for a job that looks at choices: a rule that makes none, and a
 * model that replays a trace, are refused, too. */
enum status run_rule_check_routed(const struct run_config *config,
                                  const struct source *source,
                                  struct error *err) MUST_CHECK;

/* The causal rule that belongs to a model; if there is none, the model's own
 * rule. */
const struct route_policy *run_rule_usual(const struct source *source);

#endif
