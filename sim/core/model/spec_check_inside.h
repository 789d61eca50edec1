/* spec_check_inside.h - Declare what spec_check.c takes from spec_check_routing.c,
 * and gives it. */
#ifndef SPEC_CHECK_INSIDE_H
#define SPEC_CHECK_INSIDE_H

#include "sim/core/model/spec_check.h"

/* Of one that routes any layer; of exits in training; of a frozen backbone. */
enum status spec_check_routing(const struct model_spec *spec,
                               struct error *err) MUST_CHECK;
enum status spec_check_exits(const struct model_spec *spec,
                             struct error *err) MUST_CHECK;
enum status spec_check_frozen(const struct model_spec *spec,
                              struct error *err) MUST_CHECK;

/* A loss's weight is a number that trains. */
enum status spec_check_weight(const char *key, double weight,
                              struct error *err) MUST_CHECK;

#endif
