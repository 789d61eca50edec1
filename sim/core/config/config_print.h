/* config_print.h - Print a section of a config as YAML. */
#ifndef CONFIG_PRINT_H
#define CONFIG_PRINT_H

#include "sim/core/config/config.h"

/* The section's keys that are required or differ from their defaults, of a target
 * of so many bytes; as config_load() reads them.  Nothing, if none does. */
enum status config_print(FILE *file, const void *target, size_t size,
                         const struct config_schema *schema,
                         const char *section, struct error *err) MUST_CHECK;

#endif
