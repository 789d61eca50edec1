/* vocab.h - Look up the tokens of a tokenizer: bytes by id, ids by bytes, and
 * the pairs of tokens that merge into one. */
#ifndef VOCAB_H
#define VOCAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/base/error.h"

enum vocab_role {
    VOCAB_NORMAL,
    VOCAB_BYTE,                  /* for one byte, where nothing else fits */
    VOCAB_NEVER,                 /* no text has it */
    VOCAB_SPECIAL,               /* begins, ends, parts texts: added.h takes it
                                  * from a text, where texts may have such */
    VOCAB_ADDED,                 /* taken from a text in any case */
};

struct vocab {
    int32_t  n;                  /* tokens so far */
    char    *bytes;              /* of all tokens */
    uint32_t *at;                /* [n+1] where a token's bytes begin */
    uint8_t *role;               /* [n] enum vocab_role */
    bool    *in_words;           /* [n] vocab_find() finds it: normal tokens,
                                  * and others that readers mark */
    double  *score;              /* [n]; NULL: merges have ranks */
    double   least;              /* of the scores */
    int32_t  byte_id[256];       /* the token for a byte, -1: none */
    int32_t  bos, eos, unknown;  /* -1: none */
    uint32_t longest;            /* bytes, of the tokens in the table */
    int32_t *slot;               /* hash table of them */
    uint32_t mask;
};

/* The byte that a token "<0xAB>" stands for; -1: it is spelled otherwise. */
int         vocab_byte_of(const char *text, size_t size);

/* Room for n tokens of `bytes` bytes together. */
enum status vocab_create(struct vocab *vocab, size_t n, size_t bytes,
                         bool scored, struct error *err) MUST_CHECK;
void        vocab_free(struct vocab *vocab);
/* Bytes of its tables, as those of merges. */
size_t      vocab_memory(const struct vocab *vocab);
/* The next id, within the room given.  Its score is 0. */
void        vocab_add(struct vocab *vocab, const char *bytes, size_t size,
                      enum vocab_role role);

/* After the last token.  false: the same bytes stand under ids twice[2]. */
bool        vocab_index(struct vocab *vocab, int32_t twice[2]);
/* -1: no such token has these bytes. */
int32_t     vocab_find(const struct vocab *vocab, const char *bytes,
                       size_t size);

/* The next longer token that text[size] begins with; {0} to begin with.
 * -1: no more. */
struct vocab_prefix {
    uint32_t size, hash;
};
int32_t     vocab_next_prefix(const struct vocab *vocab, const char *text,
                              size_t size, struct vocab_prefix *prefix);
static inline uint32_t vocab_size_of(const struct vocab *vocab, int32_t id)
{
    return vocab->at[id + 1] - vocab->at[id];
}

struct merge {
    uint64_t pair;               /* left id, right id + 1: 0 is an empty slot */
    uint32_t rank;               /* the lowest goes first */
    int32_t  id;                 /* what they become */
};
struct merges {
    size_t   n;
    uint32_t shift;
    struct merge *slot;
};

enum status merges_create(struct merges *merges, size_t n,
                          struct error *err) MUST_CHECK;
void        merges_free(struct merges *merges);
size_t      merges_memory(const struct merges *merges);
/* Ranked in the order of adding, within the room given; false: twice. */
bool        merges_add(struct merges *merges, int32_t left, int32_t right,
                       int32_t id);
const struct merge *merges_find(const struct merges *merges, int32_t left,
                                int32_t right);

#endif
