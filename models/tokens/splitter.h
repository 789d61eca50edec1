/* splitter.h - Cut a text into words by the patterns of a tokenizer. */
#ifndef SPLITTER_H
#define SPLITTER_H

#include <stddef.h>
#include "sim/core/base/error.h"

/* Patterns that files of tokenizers mean without spelling them. */
extern const char splitter_gpt2[];      /* ByteLevel */
extern const char splitter_digit[];     /* Digits: each by itself */
extern const char splitter_digits[];    /* Digits together */

/* The steps known to be in use are 6 (DeepSeek LLM). */
enum { SPLITTER_STEPS = 8 };

/* {0} to begin with.  Each step cuts the words of the step before, each of them
 * as if it were a text of its own; matches and what lies between them are words
 * alike (`Split`, "Isolated", of github.com/huggingface/tokenizers). */
struct splitter {
    size_t n;
    struct pcre2_real_code_8 *step[SPLITTER_STEPS];
};

/* `pattern` as Oniguruma reads it: models/tokens/oniguruma.h.
 * STATUS_BAD_VALUE: it is no pattern; the message says where. */
enum status splitter_add(struct splitter *splitter, const char *pattern,
                         struct error *err) MUST_CHECK;
void        splitter_free(struct splitter *splitter);

/* Told of each word, [at, end) of the text, in order; none is empty. */
typedef enum status splitter_word(void *user, size_t at, size_t end,
                                  struct error *err);

/* A byte of no UTF-8 counts as a control character.
 * STATUS_BAD_VALUE: a pattern needs too many steps or too much memory for this
 * text. */
enum status splitter_cut(const struct splitter *splitter, const char *text,
                         size_t size, splitter_word *word, void *user,
                         struct error *err) MUST_CHECK;

#endif
