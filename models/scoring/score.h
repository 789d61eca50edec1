/* score.h - Measure how well a model predicts a text: cut it into windows, add
 * up their losses, and write the table of tokens.
 *
 * A row t of a window has byte t as input and is judged by how well it predicts
 * byte t + 1: its loss, its entropy and its cost belong to the position of the
 * input. */
#ifndef SCORE_H
#define SCORE_H

#include <stdio.h>
#include "models/training/data.h"
#include "models/executor/model.h"
#include "models/tokens/tokenizer.h"
#include "sim/core/ledger/ledger.h"

/* The source of the windows; all borrowed. */
struct score_text {
    const unsigned char *bytes;   /* a whole text of `size` bytes, or NULL: */
    const int32_t *ids;           /* a whole text of `size` tokens, or NULL: */
    int64_t size;
    int32_t bos;                  /* of tokens: the first input of every window,
                                   * so that its first token is predicted too;
                                   * -1: nothing */
    const struct data *data;      /* the fixed windows of a split (data.h) */
    enum split split;
    int32_t window, stride;       /* T and S, S <= T; of a split S == T */
    int64_t limit;                /* bytes or tokens, at most; 0: all; of a
                                   * split, whole windows, at least one */
};

struct score_window {
    const struct tokenizer *tokenizer;   /* says the text of an id; NULL: the id
                                   * is the byte; borrowed */
    int32_t *ids, *targets;       /* [T], room given by the caller */
    int64_t  bytes;               /* that its targets hold; of a split */
    int32_t  n_tokens;            /* <= T: a text may end early */
    int32_t  first;               /* rows before it are context: the window
                                   * before has scored them */
    int64_t  position;            /* in the text, of row 0, and one before that
                                   * of its target; in a split, counted over
                                   * its windows */
};

/* Room for the ids and targets of T rows. */
enum status score_window_open(struct score_window *out, int64_t n_tokens,
                              struct error *err) MUST_CHECK;
void        score_window_close(struct score_window *window);

/* A window starts every S bytes and runs over T, fewer at the end of the text;
 * of all but the first the last S rows are scored, so every byte but the first
 * is a scored target once (strided perplexity, as in the documentation of
 * transformers).  With a `bos`, row 0 of a window holds it in place of the
 * token there, which at the start is position -1, and no target is left out.
 * Returns the number of windows; 0 if there is nothing to predict. */
int64_t score_windows(const struct score_text *text);
void    score_window(const struct score_text *text, int64_t i,
                     struct score_window *out);

/* The sums over the windows scored so far, under one rule. */
struct score {
    const struct route_policy *policy;
    double  nats, entropy;        /* over scored rows */
    int64_t scored;               /* rows that count: bytes predicted */
    int64_t rows;                 /* rows run, context included */
    int64_t kept, seen;           /* rows that choices of routed layers kept, and
                                   * saw */
    uint64_t flops;               /* counted, of the forwards, loss and entropy
                                   * left out; not of the metered rule, which
                                   * has a ledger */
};
/* Add a window after its forward with entropy. */
void   score_add(struct score *score, const struct model *model,
                 const struct score_window *window);
double score_nats(const struct score *score);       /* per byte; NAN: none */
double score_capacity(const struct score *score);   /* NAN: nothing routes */

/* tokens.csv (RFC 4180):
 *   position,token,text,target,target_text,loss_nats,entropy_nats,blocks_used,
 *   flops,bytes,joules
 * and for every routed block whether it was kept, 0 or 1: block_<layer>, or
 * with parts apart attention_<layer> and ffn_<layer>; where those choices went
 * by scores, the scores too: score_block_<layer> and so on.  A row's token is
 * what went in, at its position; its target is the token after it, whose loss the
 * row carries: -ln of the probability it was given.  blocks_used counts those
 * that worked on the token with both their parts, the dense ones too.  In the
 * texts, control bytes, the backslash and bytes beyond ASCII are \xNN.  Joules
 * stay empty where `predicted` does not know them. */
void score_write_header(FILE *file, const struct model_spec *spec);
/* Write ",block_1,block_3": those last columns of a table of tokens. */
void score_write_choices(FILE *file, const struct model_spec *spec);
/* Write a cell of text, quoted where it must be. */
void score_write_text(FILE *file, const char *text, size_t size);
/* What else is known of a window after its forward; ledgers resolve tokens. */
struct score_known {
    const struct ledger *counted;
    const struct ledger *predicted;      /* NULL: nothing */
    const float *scores;                 /* [choices,T] as of struct
                                          * model_input, if choices have any */
};
/* Write the scored rows of a window.  A failed write shows in the stream. */
void score_write_tokens(FILE *file, const struct model *model,
                        const struct score_window *window,
                        const struct score_known *known);

#endif
