/* jsonpath.h - Find values of a JSON tree by dotted path, such as
 * "totals.counted.flops". */
#ifndef JSONPATH_H
#define JSONPATH_H

#include <jansson.h>
#include "sim/core/answer/amount.h"

/* Borrowed; NULL when any step is absent or no object. */
json_t     *jsonpath_at(const json_t *root, const char *path);
/* NAN when absent, null, or no number. */
double      jsonpath_number(const json_t *root, const char *path);
/* Borrowed; NULL when absent or no string. */
const char *jsonpath_text(const json_t *root, const char *path);

/* A number, or {"value", "low", "high"}; unknown when absent. */
struct amount jsonpath_amount(const json_t *root, const char *path,
                              enum provenance from);

#endif
