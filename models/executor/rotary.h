/* rotary.h - Tabulate the angles by which positions turn queries and keys. */
#ifndef ROTARY_H
#define ROTARY_H

#include "sim/core/model/spec.h"

/* The radians by which pair i of a head, 0..R/2-1, turns from token to token:
 * theta^(-2i/R) (Su et al. 2021), changed as spec->rope_scaling says.  Its
 * factors, if each has one, are [R/2]; otherwise NULL.  Of dynamic scaling, within
 * the original length. */
double rotary_frequency(const struct model_spec *spec, const float *factors,
                        int32_t i);

/* Fill table [n,R], n being the room for tokens, which longrope and dynamic
 * scaling go by (as llama.cpp does; transformers, by the longest text of a call): a
 * row holds the cosines of its position's R/2 angles, then the sines, times the
 * amplitude of a scaling that has one.  `local`: as windowed layers with a base of
 * their own turn. */
void rotary_fill(float *table, const struct model_spec *spec, int32_t n,
                 bool local, const float *factors);

#endif
