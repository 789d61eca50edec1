/* added.h - Find the tokens that are taken out of a text before all others, as
 * added_vocabulary.rs of github.com/huggingface/tokenizers does. */
#ifndef ADDED_H
#define ADDED_H

#include "models/tokens/vocab.h"

struct added_token {
    int32_t id;
    bool special;                /* only where special tokens are taken */
    bool left, right;            /* with the white space before, behind it */
    bool single_word;            /* not next to a character of a word */
};

/* {0} to begin with. */
struct added {
    struct vocab pattern;        /* pattern i is what token[i] looks like */
    struct added_token *token;
    bool begins[256];            /* a pattern, by its first byte */
};

/* Room for n tokens, whose patterns have `bytes` bytes together. */
enum status added_create(struct added *added, size_t n, size_t bytes,
                         struct error *err) MUST_CHECK;
void        added_free(struct added *added);
/* Within the room given; a pattern of no bytes is never found. */
void        added_put(struct added *added, const char *bytes, size_t size,
                      struct added_token token);
/* After the last; false: two patterns are the same, those of twice[2]. */
bool        added_index(struct added *added, int32_t twice[2]);

/* {0} to begin with. */
struct added_match {
    int32_t id;
    size_t  at, end;             /* with the white space that it takes */
    size_t  look;                /* where the next is looked for */
};

/* The next one, of those that begin first the longest; false: none.  A token that
 * takes the white space behind it does not hide another in there, which then
 * begins before its end; one that would take what is before it too is left with
 * nothing, and is none: at == end. */
bool        added_next(struct added_match *match, const struct added *added,
                       const char *text, size_t size, bool special);

#endif
