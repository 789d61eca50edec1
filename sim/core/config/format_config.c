/* format_config.c - Hold the choices of a `formats:` section. */
#include "sim/core/config/format_config.h"

const char *const format_config_choices[] = { "default",
                                              PRECISION_MAP(NAMES_WORD) NULL };
