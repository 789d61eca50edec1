/* normalizer.h - Change a text before it is cut: the steps of a normalizer, one
 * after the other, as github.com/huggingface/tokenizers has them. */
#ifndef NORMALIZER_H
#define NORMALIZER_H

#include "models/tokens/charsmap.h"
#include "models/tokens/pattern.h"
#include "models/tokens/utf8.h"

enum normal_kind {
    NORMAL_FORM,                 /* a normalisation form of Unicode */
    NORMAL_REPLACE,              /* every match by a text */
    NORMAL_PREPEND,              /* a text, before one that is not empty */
    NORMAL_STRIP,                /* white space at the ends */
    NORMAL_CHARSMAP,             /* charsmap.h */
};

struct normal_step {
    enum normal_kind kind;
    enum utf8_form   form;
    struct pattern  *pattern;    /* REPLACE; NULL: a space */
    char *text;                  /* REPLACE, PREPEND */
    size_t size;
    bool left, right;            /* STRIP */
    bool graphemes;              /* CHARSMAP: of whole ones, too */
    struct charsmap  map;
};

/* The steps known to be in use are 5 (Gemma, T5). */
enum { NORMALIZER_STEPS = 8 };

/* {0} to begin with. */
struct normalizer {
    size_t n;
    struct normal_step step[NORMALIZER_STEPS];
};

/* What the step owns is the normalizer's from here on, also where it fails. */
enum status normalizer_add(struct normalizer *normalizer,
                           struct normal_step step,
                           struct error *err) MUST_CHECK;
void        normalizer_free(struct normalizer *normalizer);

/* *out is the caller's to free.  STATUS_BAD_VALUE: as matcher_find(). */
enum status normalizer_run(const struct normalizer *normalizer, char **out,
                           size_t *n, const char *text, size_t size,
                           struct error *err) MUST_CHECK;

#endif
