/* routes_flops.h - Count what a forward pass takes of routes that are known. */
#ifndef ROUTES_FLOPS_H
#define ROUTES_FLOPS_H

#include "sim/price/prediction.h"
#include "sim/price/routes.h"

/* FLOPs a token of a forward pass over each window by itself, with all its logits:
 * what RIVAL_FLOPS (rival.h) is equal in, of those that these routes keep. */
enum status routes_forward_flops(double *out, const struct routes *routes,
                                 const struct model_spec *spec,
                                 struct error *err) MUST_CHECK;

#endif
