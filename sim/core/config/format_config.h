/* format_config.h - Read the `formats:` section of a model file: the number
 * formats that it would be run in, to price them.
 *
 *     formats: {activations: bf16, kv: fp8} */
#ifndef FORMAT_CONFIG_H
#define FORMAT_CONFIG_H

#include "sim/core/base/precision.h"
#include "sim/core/config/config.h"

/* enum precision; but of kv and weights 0 is the default, else 1 more. */
struct format_config {
    int activations, kv, weights, gradients, optimizer;
};

extern const char *const format_config_choices[];  /* "default", then formats */

/* clang-format off */
#define FORMAT_CONFIG_ROW(base, name, member, fallback, choices, help)         \
    { "formats." name, CONFIG_CHOICE, (base) +                                 \
      offsetof(struct format_config, member), 0, 0, fallback, choices, "",     \
      help },
/* The rows of a struct format_config that lies `base` bytes into the target. */
#define FORMAT_CONFIG_KEYS(base)                                               \
    FORMAT_CONFIG_ROW(base, "activations", activations, "fp32",                \
        precision_names, "for predict: the format that products multiply in"   \
        " and that ops read and write rows in")                                \
    FORMAT_CONFIG_ROW(base, "kv", kv, "default", format_config_choices,        \
        "of cached keys and values; default: as activations")                  \
    FORMAT_CONFIG_ROW(base, "weights", weights, "default",                     \
        format_config_choices, "of parameters that the weights section leaves" \
        " at f32; default: fp32 in training, else as activations")             \
    FORMAT_CONFIG_ROW(base, "gradients", gradients, "fp32", precision_names,   \
        "of the parameters' gradients")                                        \
    FORMAT_CONFIG_ROW(base, "optimizer", optimizer, "fp32", precision_names,   \
        "of the optimizer's two moments")
/* clang-format on */

#endif
