/* config_inside.h - Share what reading a file of keys and reading a single value
 * need. */
#ifndef CONFIG_INSIDE_H
#define CONFIG_INSIDE_H

#include <stdbool.h>
#include "sim/core/config/config_key.h"
#include "sim/core/config/document.h"

enum { CONFIG_NAME_SIZE = 128 };

/* The value of a setting or a default as a document of one value; the caller
 * closes it. */
enum status config_value_document(struct document **out, const char *origin,
                                  const char *text, bool literal,
                                  struct error *err) MUST_CHECK;

/* A list may be given without its brackets: 0.1,0.33. */
bool config_lacks_brackets(const struct config_key *key, const char *value);

#endif
