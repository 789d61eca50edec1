/* rotary.h - Tabulate the angles by which positions turn queries and keys. */
#ifndef ROTARY_H
#define ROTARY_H

#include "sim/core/model/spec.h"

/* The radians by which pair i of a head, 0..D/2-1, turns from token to token:
 * theta^(-2i/D) (Su et al. 2021), changed as spec->rope_scaling says.  Its
 * factors, if they come from the file, are [D/2]; otherwise NULL. */
double rotary_frequency(const struct model_spec *spec, const float *factors,
                        int32_t i);

/* Fill table [n,D]: a row holds the cosines of its position's D/2 angles, then
 * the sines, times the amplitude of a scaling that has one. */
void rotary_fill(float *table, const struct model_spec *spec, int32_t n,
                 const float *factors);

#endif
