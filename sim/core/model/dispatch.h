/* dispatch.h - Say which experts of a layer each token enters. */
#ifndef DISPATCH_H
#define DISPATCH_H

#include <stdint.h>
#include "sim/core/base/error.h"

/* A record of a run.  An entry is a token in an expert.  What a token chose and
 * did not enter, an expert that was full or a no-op, comes behind its entries:
 * expert e as DISPATCH_MISSED - e. */
enum { DISPATCH_MISSED = -2 };
struct dispatch {
    int32_t n_layers, n_sequences, n_active;     /* L, B, most entries a token */
    int32_t n_tokens;        /* T; 1: of each sequence's newest token alone, as
                              * a decode step knows it */
    int32_t *expert;         /* [L,B,T,n_active] entries ascending; -1 behind
                              * the last; NULL: nothing is known */
};

/* Nobody enters any.  Caller releases with dispatch_close(). */
enum status dispatch_open(struct dispatch *out, int32_t n_layers,
                          int32_t n_sequences, int32_t n_tokens,
                          int32_t n_active, struct error *err) MUST_CHECK;
void        dispatch_close(struct dispatch *dispatch);

/* Begins a pass over so many, of a dispatch that has room for them: nobody enters
 * any. */
void        dispatch_begin(struct dispatch *dispatch, int32_t n_sequences,
                           int32_t n_tokens);
/* What is known of sequence `of`, of a pass over as many tokens. */
void        dispatch_copy(struct dispatch *to, int32_t sequence,
                          const struct dispatch *from, int32_t of);

/* The [n_active] of one token. */
int32_t *dispatch_of(const struct dispatch *dispatch, int32_t layer,
                     int32_t sequence, int32_t token);
/* How many of them it enters. */
int32_t  dispatch_entries(const struct dispatch *dispatch, int32_t layer,
                          int32_t sequence, int32_t token);

/* Over all tokens of a layer. */
struct dispatch_count {
    uint64_t entries;
    uint64_t tokens;         /* that enter any */
    uint64_t experts;        /* that any token enters */
};
struct dispatch_count dispatch_count(const struct dispatch *dispatch,
                                     int32_t layer);

/* Adds a layer's entries to those of each expert, and what tokens missed to
 * that; both have room for all ids. */
void dispatch_loads(const struct dispatch *dispatch, int32_t layer,
                    uint64_t *entered, uint64_t *missed);

#endif
