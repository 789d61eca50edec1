/* oniguruma.h - Spell a pattern of Oniguruma's in PCRE2's syntax.
 *
 * The `tokenizers` library runs the patterns of a tokenizer.json by Oniguruma
 * (its own syntax, doc/RE of github.com/kkos/oniguruma), which reads some of
 * them otherwise than PCRE2 does.  The pattern that comes out is for a compiler
 * set to UTF, UCP and MULTILINE. */
#ifndef ONIGURUMA_H
#define ONIGURUMA_H

#include "sim/core/base/error.h"

/* *out is the caller's to free.  STATUS_BAD_VALUE: the pattern has a construct
 * that means something else to PCRE2 and has no short spelling there. */
enum status oniguruma_spell(char **out, const char *pattern,
                            struct error *err) MUST_CHECK;

#endif
