/* tokens.h - Read the tokens of a scored text and the blocks they went
 * through, or the parts of blocks where those are routed apart. */
#ifndef TOKENS_H
#define TOKENS_H

#include "reports/read/csv.h"
#include "reports/read/run.h"
#include "sim/core/base/token_kind.h"
#include "sim/core/model/plan.h"

struct token {
    const char *text;          /* raw bytes, borrowed; \xHH of the file is one
                                * byte again */
    const char *target;        /* likewise, of the token that is predicted; "":
                                * the file does not say */
    double loss_nats, flops, joules;   /* or NAN; the loss is the target's */
};

struct tokens {
    struct csv     csv;        /* owns the text */
    struct token  *token;      /* [n] */
    size_t         n;
    int            n_blocks;   /* columns block_<layer>, or attention_<layer>
                                * and ffn_<layer>, in file order */
    int            layer[PLAN_MAX_CHOICES];     /* [n_blocks] */
    enum routed_part part[PLAN_MAX_CHOICES];    /* likewise */
    bool           apart;      /* some are attention or ffn */
    unsigned char *used;       /* [n][n_blocks] 1: the block worked on it */
};

/* tokens.csv; n is 0 when the run wrote none.  A value of a block column other
 * than 0, 1 or empty is STATUS_BAD_FORMAT. */
enum status tokens_read(struct tokens *out, const struct run *run,
                        struct error *err) MUST_CHECK;
void        tokens_close(struct tokens *tokens);

/* Blocks that worked on token i, of n_blocks. */
int         tokens_used(const struct tokens *tokens, size_t i);
/* The word for what n_blocks counts: "blocks" or "parts". */
const char *tokens_blocks(const struct tokens *tokens);

/* By its characters and those of the token before it. */
enum token_kind tokens_kind(const struct tokens *tokens, size_t i);

#endif
