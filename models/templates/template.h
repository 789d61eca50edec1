/* template.h - Fill in a chat template: the part of Jinja that templates of chat
 * models use, as transformers sets it up (trim_blocks, lstrip_blocks).
 *
 * Known are text, {{ expressions }}, for over lists with `loop`, break and
 * continue, if, set (also of a namespace, also as a block), macros, generation;
 * operators, indices and slices, and the filters, tests, functions and methods of
 * template_builtins.c.  What is not known is STATUS_BAD_FORMAT with its line: of
 * the language at once, of names when they are reached.
 *
 * A template is a stranger's: nesting, steps and bytes are bounded. */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <jansson.h>
#include <stddef.h>
#include "sim/core/base/error.h"

enum { TEMPLATE_MAX_BYTES = 1 << 20, TEMPLATE_MAX_DEPTH = 100,
       TEMPLATE_MAX_STEPS = 1 << 20, TEMPLATE_MAX_RANGE = 100000 };

struct template;

/* text[size] need not be NUL-ended.  Caller releases with template_close(); NULL
 * is fine. */
enum status template_open(struct template **out, const char *text, size_t size,
                          struct error *err) MUST_CHECK;
void        template_close(struct template *t);

/* *out, NUL-ended, is the caller's to free.  `variables` is an object; names that
 * it lacks are undefined.  STATUS_BAD_VALUE: the template refuses what it was
 * given (raise_exception), in its words. */
enum status template_fill(char **out, size_t *size, const struct template *t,
                          const json_t *variables,
                          struct error *err) MUST_CHECK;

#endif
