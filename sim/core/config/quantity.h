/* quantity.h - State a number with its uncertainty and where it comes from.
 *
 * In YAML, with low <= value <= high, and all five required:
 *   {value: 15, low: 8, high: 30, grade: assumed, source: "..."}
 * or, of a key that may be left out, why there is no number:
 *   {unknown: "the maker publishes none"} */
#ifndef QUANTITY_H
#define QUANTITY_H

#include <jansson.h>
#include <stdbool.h>

#include "sim/core/base/names.h"

/* How a number is known; "unknown" is no number. */
#define GRADE_MAP(X)                                                           \
    X(GRADE_MEASURED,  "measured")  X(GRADE_FITTED,    "fitted")               \
    X(GRADE_DATASHEET, "datasheet") X(GRADE_PUBLISHED, "published")            \
    X(GRADE_DERIVED,   "derived")   X(GRADE_ASSUMED,   "assumed")

enum grade { GRADE_MAP(NAMES_ID) GRADE_COUNT };
extern const char *const grade_names[];                 /* NULL ends */

struct quantity {
    double value, low, high;     /* NAN: unknown */
    char   grade[16];            /* of grade_names, or "unknown" */
    char   source[256];          /* of an unknown: why it is */
};

bool quantity_known(const struct quantity *quantity);

/* With its five keys; numbers that are unknown are null.  NULL: no memory. */
json_t *quantity_json(const struct quantity *quantity);

#endif
