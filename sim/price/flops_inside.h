/* flops_inside.h - Declare what flops.c, flops_letters.c
 * and flops_tensors.c take from
 * flops_experts.c and flops_stored.c, and flops_tensors.c. */
#ifndef FLOPS_INSIDE_H
#define FLOPS_INSIDE_H

#include "sim/price/flops.h"

/* Adds the prices of experts and of latent attention to the list, in the place
 * of those of heads with keys of their own. */
void flops_list_experts(struct flops_list *list, const struct model_spec *spec);
void flops_list_latent(struct flops_list *list, const struct model_spec *spec);

/* Tensors of a layer that has them; return how many. */
int flops_expert_tensors(struct flops_tensor *out,
                         const struct model_spec *spec);
int flops_latent_tensors(struct flops_tensor *out,
                         const struct model_spec *spec);

/* The letters of a layer's stored matrices. */
enum { FLOPS_STORED_LETTERS = 18 };
int flops_stored_letters(struct flops_letter *out /* [FLOPS_STORED_LETTERS] */,
                         const struct model_spec *spec, int32_t layer);

#endif
