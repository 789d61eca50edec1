/* spec_check.h - Check the rules that a shape must keep. */
#ifndef SPEC_CHECK_H
#define SPEC_CHECK_H

#include "sim/core/model/spec.h"

/* STATUS_BAD_VALUE with the first rule broken, and what is allowed; the text
 * begins with the config key to blame. */
enum status spec_check(const struct model_spec *spec,
                       struct error *err) MUST_CHECK;

/* STATUS_BAD_VALUE where a sound spec has other parts than one feed-forward part
 * a layer and keys of heads: what formulas of papers, explanations and stored
 * weights are of. */
enum status spec_check_plain(const struct model_spec *spec,
                             struct error *err) MUST_CHECK;

/* STATUS_BAD_VALUE where a sound spec is one that only predict knows. */
enum status spec_check_runs(const struct model_spec *spec,
                            struct error *err) MUST_CHECK;

/* STATUS_BAD_VALUE where a sound spec cannot be trained: backward knows float32
 * weights. */
enum status spec_check_training(const struct model_spec *spec,
                                struct error *err) MUST_CHECK;

#endif
