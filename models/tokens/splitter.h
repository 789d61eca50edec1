/* splitter.h - Cut a text into the words that a model encodes one by one: the
 * steps of a pre_tokenizer, as github.com/huggingface/tokenizers has them. */
#ifndef SPLITTER_H
#define SPLITTER_H

#include <stdbool.h>
#include <stddef.h>
#include "models/tokens/pattern.h"

/* Patterns that files of tokenizers mean without spelling them. */
extern const char splitter_gpt2[];      /* ByteLevel */
extern const char splitter_digit[];     /* Digits: each by itself */
extern const char splitter_digits[];    /* Digits together */

/* What becomes of the matches of a pattern, and of what lies between. */
enum splitter_matches {
    SPLITTER_ISOLATED,           /* words alike */
    SPLITTER_REMOVED,            /* the matches are no words */
    SPLITTER_MERGED_PREVIOUS,    /* a match belongs to what is before it */
    SPLITTER_MERGED_NEXT,        /* or behind it */
    SPLITTER_CONTIGUOUS,         /* matches next to one another are one word */
};

enum splitter_kind {
    SPLITTER_CUT,                /* by a pattern */
    SPLITTER_SPACE,              /* put `text` before a word that does not begin
                                  * with it */
    SPLITTER_REPLACE,            /* `text` for every space */
    SPLITTER_MAP,                /* bytes as GPT-2 writes them, by characters:
                                  * models/tokens/byte_level.h */
    SPLITTER_UNMAP,              /* and back */
};

struct splitter_step {
    enum splitter_kind    kind;
    enum splitter_matches matches;
    bool            invert;      /* matches and what lies between change roles */
    bool            first;       /* SPACE: before the text's first word alone */
    struct pattern *pattern;     /* CUT: owned */
    const char     *text;        /* of static storage */
};

/* The steps known to be in use are 6 (DeepSeek LLM). */
enum { SPLITTER_STEPS = 16 };

/* {0} to begin with.  Each step works on the words of the step before, each of
 * them as if it were a text of its own. */
struct splitter {
    size_t n;
    struct splitter_step step[SPLITTER_STEPS];
};

/* What the step owns is the splitter's from here on, also where it fails. */
enum status splitter_add(struct splitter *splitter, struct splitter_step step,
                         struct error *err) MUST_CHECK;
/* Cut by a pattern: `pattern` as pattern_open() reads it. */
enum status splitter_add_pattern(struct splitter *splitter, const char *pattern,
                                 enum splitter_matches matches, bool invert,
                                 struct error *err) MUST_CHECK;
void        splitter_free(struct splitter *splitter);

/* Told of each word, in order; none is empty. */
typedef enum status splitter_word(void *user, const char *word, size_t size,
                                  struct error *err);

/* `first`: the text is not what follows an added token.  A byte of no UTF-8
 * counts as a control character.  STATUS_BAD_VALUE: as matcher_find(). */
enum status splitter_cut(const struct splitter *splitter, const char *text,
                         size_t size, bool first, splitter_word *word,
                         void *user, struct error *err) MUST_CHECK;

#endif
