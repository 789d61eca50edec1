/* pattern.h - Match a tokenizer's patterns in a text, within bounds of work and
 * memory. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include "sim/core/base/error.h"

struct pattern;                  /* a pcre2_code */

/* `regex` as Oniguruma reads it: models/tokens/oniguruma.h.  Caller releases
 * with pattern_free(); NULL is fine.
 * STATUS_BAD_VALUE: it is no pattern; the message says where. */
enum status pattern_open(struct pattern **out, const char *regex,
                         struct error *err) MUST_CHECK;
/* One that matches `text` and nothing else. */
enum status pattern_open_text(struct pattern **out, const char *text,
                              struct error *err) MUST_CHECK;
void        pattern_free(struct pattern *pattern);

/* Scratch of the matches in texts of up to so many bytes. */
struct matcher;
enum status matcher_open(struct matcher **out, size_t size,
                         struct error *err) MUST_CHECK;
void        matcher_close(struct matcher *matcher);

/* The first match from `look` on in text[size], valid UTF-8; found[0] > size:
 * there is none.
 * STATUS_BAD_VALUE: it needs too many steps or too much memory. */
enum status matcher_find(size_t found[2], struct matcher *matcher,
                         const struct pattern *pattern, const char *text,
                         size_t size, size_t look,
                         struct error *err) MUST_CHECK;

/* A copy in which a byte of no UTF-8 is a control character; NULL: no memory. */
char       *pattern_valid(const char *text, size_t size);

#endif
