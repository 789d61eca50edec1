/* tokenizer_parts.h - Hold the parts of a tokenizer, from whatever file. */
#ifndef TOKENIZER_PARTS_H
#define TOKENIZER_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "models/tokens/splitter.h"
#include "models/tokens/vocab.h"

enum tokenizer_kind {
    TOKENIZER_BYTES,             /* no vocabulary */
    TOKENIZER_BPE,
    TOKENIZER_SPM,
};

enum tokenizer_prefix {          /* a space before a text, and before what
                                  * follows an added token in it */
    PREFIX_NONE,
    PREFIX_ALWAYS,               /* unless it is empty */
    PREFIX_MISSING,              /* unless there is one, or it is empty */
};

struct tokenizer_parts {
    enum tokenizer_kind   kind;
    enum tokenizer_prefix prefix;
    bool whole_words;            /* BPE: a word that is a token stays whole */
    bool underline;              /* SPM: U+2581 in a text is a space */
    bool nfc;                    /* BPE: of the text in normalisation form C */
    bool has_words;              /* SPM: no token crosses the start of a word */
    bool begins;                 /* a text has BOS before it */
    struct splitter splitter;    /* BPE: no merge crosses a word's end */
    struct vocab    vocab;
    struct merges   merges;      /* SPM: empty where scores are used */
};
void tokenizer_parts_free(struct tokenizer_parts *parts);

/* A growing list; {0} to begin with, the caller frees `id`. */
struct ids {
    int32_t *id;
    size_t   n, room;
};
enum status ids_push(struct ids *ids, int32_t id, struct error *err) MUST_CHECK;

#endif
