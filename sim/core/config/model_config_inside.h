/* model_config_inside.h - Share what the two halves of a model's config need. */
#ifndef MODEL_CONFIG_INSIDE_H
#define MODEL_CONFIG_INSIDE_H

#include <stdint.h>

/* Indices into model_config_routers. */
enum { ROUTER_TRAIN, ROUTER_FROZEN, ROUTER_DETACHED, ROUTER_DRAWN };

/* Sizes that do not fit become ones that spec_check() refuses. */
static inline int32_t model_config_narrow(int64_t value)
{
    return value > INT32_MAX ? INT32_MAX : value < 0 ? 0 : (int32_t)value;
}

#endif
