/* config_value.h - Read one key's value from a YAML node; say what is
 * allowed. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <jansson.h>
#include "sim/core/config/config_key.h"
#include "sim/core/config/document.h"

/* Read `node` into the key's member of *target.  Messages begin with the key's
 * name and the value. */
enum status config_value_read(void *target, const struct config_key *key,
                              const struct document *document,
                              const yaml_node_t *node,
                              struct error *err) MUST_CHECK;

/* "an integer, 1 to 100, in tokens" */
enum { CONFIG_ALLOWED_SIZE = 256 };
void config_value_allowed(char out[CONFIG_ALLOWED_SIZE],
                          const struct config_key *key);

/* True if --set takes this value of the key as it stands, without YAML. */
bool config_value_literal(const struct config_key *key, const char *text);

/* A node as --set takes it: a scalar's own text, a list as [a, b]. */
enum status config_value_text(char out[CONFIG_TEXT_SIZE],
                              const struct document *document,
                              const yaml_node_t *node,
                              struct error *err) MUST_CHECK;

/* NULL: no memory. */
json_t *config_value_json(const void *target, const struct config_key *key);

#endif
