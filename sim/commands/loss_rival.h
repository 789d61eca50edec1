/* loss_rival.h - Find the dense model that a study says is as good. */
#ifndef LOSS_RIVAL_H
#define LOSS_RIVAL_H

#include "sim/price/rival.h"

/* The dense rival of equal loss, from `study`, a folder with the settings.csv of a
 * report of trainings at one budget: two parabolas of loss over the logarithm of
 * FLOPs a token, of its dense settings and of those that route at the model's
 * capacity, each size by its best setting.  The model's loss is read off the one
 * at its own FLOPs a token, forward over max_tokens; the cheaper dense model of
 * that loss off the other.  STATUS_BAD_VALUE: either lies outside the sizes that
 * were trained, or the study has too few, or no dense model there is as good. */
enum status loss_rival_make(struct rival *out, const char *study,
                            const struct model_spec *spec,
                            struct error *err) MUST_CHECK;

#endif
