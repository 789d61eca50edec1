/* tokenizer_parts.h - Hold the parts of a tokenizer, from whatever file. */
#ifndef TOKENIZER_PARTS_H
#define TOKENIZER_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "models/tokens/added.h"
#include "models/tokens/chat.h"
#include "models/tokens/join.h"
#include "models/tokens/normalizer.h"
#include "models/tokens/splitter.h"
#include "models/tokens/vocab.h"

enum tokenizer_kind {
    TOKENIZER_BYTES,             /* no vocabulary */
    TOKENIZER_BPE,
    TOKENIZER_SPM,
    TOKENIZER_UNIGRAM,
    TOKENIZER_KINDS
};

/* A text passes them in this order: added[0] is taken out of it, what remains is
 * normalised, added[1] taken out of that, the rest cut into words, and each word
 * encoded by the kind. */
struct tokenizer_parts {
    enum tokenizer_kind kind;
    bool whole_words;            /* a word that is a token stays whole */
    bool underline;              /* U+2581 in a word is a space */
    bool fuse_unknown;           /* neighbours without a token are one */
    bool spaced;                 /* a space is put before texts */
    bool narrow;                 /* UNIGRAM: scores are kept as float32 */
    bool literal;                /* UNIGRAM: a text may spell <0xAB>, <unk> */
    bool has_words;              /* SPM: no token crosses the start of a word */
    bool begins;                 /* a text has BOS before it */
    struct chat chat;            /* the file's template */
    int32_t n_model;             /* ids that the model knows; 0: not known */
    size_t  left;                /* bytes in memory that reading the file left
                                  * behind */
    struct added      added[2];
    struct normalizer normalizer;
    struct splitter   splitter;
    struct vocab      vocab;
    struct merges     merges;    /* SPM: empty where scores are used */
};
void tokenizer_parts_free(struct tokenizer_parts *parts);

/* A growing list; {0} to begin with, the caller frees `id`. */
struct ids {
    int32_t *id;
    size_t   n, room;
};
enum status ids_push(struct ids *ids, int32_t id, struct error *err) MUST_CHECK;

/* The encoding of a text; {parts, ids} to begin with. */
struct encoder {
    const struct tokenizer_parts *parts;
    struct ids  *ids;
    struct join  join;           /* scratch of the kinds, like the next */
    char        *scratch;
    size_t       room;           /* bytes of it */
};
void encoder_free(struct encoder *encoder);
/* At least so many bytes. */
enum status encoder_reserve(struct encoder *encoder, size_t bytes,
                            struct error *err) MUST_CHECK;

/* Append the ids of text[size]; `special`: special tokens in it are taken, not
 * spelled.  Of all kinds but bytes.  STATUS_BAD_VALUE: the tokenizer, or the
 * model, has no token for something in it. */
enum status tokenizer_encode_parts(const struct tokenizer_parts *parts,
                                   const char *text, size_t size, bool special,
                                   struct ids *ids,
                                   struct error *err) MUST_CHECK;

#endif
