/* json.h - Turn values that may be unknown into JSON; read and print a document.
 *
 * Unknown is null, never 0; json_t references are new and the caller's. */
#ifndef JSON_H
#define JSON_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include "sim/core/base/error.h"
#include "sim/core/ledger/cost.h"

json_t *json_number(double value);             /* null: not finite */
json_t *json_known(double value, bool known);  /* null: not known either */
json_t *json_whole(uint64_t value);            /* null: 0, which stands for
                                                * unknown in the callers */
/* null: not known, or below resolution; NULL: a count that JSON cannot hold. */
json_t *json_amount(const struct cost *cost, enum metric metric);
/* null: NULL.  Names of files may be any bytes, and JSON holds UTF-8 alone:
 * "(not UTF-8)" stands for the rest. */
json_t *json_text(const char *text);
json_t *json_reason(const char *text);         /* the same; null: NULL or "" */

/* From here on, jansson's lack of memory is noted (error.h): its setters are
 * called by the hundred, and one that fails leaves a member out.  Once memory
 * ran out, no document is read, printed or written any more. */
void json_watch(void);

/* STATUS_BAD_FORMAT: "name:line:column: what".  Keys must differ; a mark of byte
 * order is passed over; integers beyond 63 bits are reals. */
enum status json_parse(json_t **out, const char *text, size_t size,
                       const char *name, struct error *err) MUST_CHECK;
/* Two blanks a level, and a newline at the end; `json` is borrowed. */
enum status json_print(const json_t *json, FILE *file,
                       struct error *err) MUST_CHECK;
/* The same as a file that appears whole or not at all; NULL: no memory. */
enum status json_write(const json_t *json, const char *path,
                       struct error *err) MUST_CHECK;

#endif
