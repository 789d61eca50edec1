/* op.h - Name the ops, the kinds of work a step consists of, and define how
 * their FLOPs and bytes are counted.
 *
 * The FLOP convention, written once
 *   A multiply-add is 2.  Add, subtract, multiply, divide, square root: 1 each.
 *   Max, compare, select, negate, convert, round to integer, bit tricks, moves
 *   and gathers: 0.  This is what the FP counters of a CPU see.
 *   A transcendental is the arithmetic of the code that runs: exp is
 *   OP_FLOPS_EXP, log is OP_FLOPS_LOG (polynomials of fixed length).
 *   A sum over n numbers runs on 16 partial sums that start at zero and are then
 *   folded: n + OP_FLOPS_FOLD, whatever n is.
 *   A product [M,K] x [K,N] is 2MNK, exactly: bias, residual or the previous
 *   contents are where its accumulators start.  Where a bias AND a residual
 *   start it, the sum of the two is 1 per element.
 *   Attention works on tiles of OP_KEY_TILE keys: the query at index i of its
 *   sequence's kept tokens (i = 0, 1, ...) runs over
 *       n(i) = OP_KEY_TILE * ceil((i + 1) / OP_KEY_TILE)
 *   keys; the masked ones of the last tile are executed, so they are counted.
 *   With a window of w tokens (spec.h) it passes over whole tiles that none of
 *   its tile's queries sees: OP_KEY_TILE * floor((j + 1 - w) / OP_KEY_TILE) keys,
 *   where that is above 0, j being the first index of i's tile; in a decode step
 *   j is i, and the window's keys alone are read.
 *   A token that a layer skips counts nothing there but its score and select
 *   (with skipped keys computed or carried: see below).
 *   Scalars worked out once a step (learning rate, bias corrections) or from a
 *   shape alone (1/C, 1/sqrt(D)) and tables made once a run (RoPE angles) are not
 *   ops.
 *
 * Bytes: every operand an op reads and every result it writes, once per op,
 *   float32 unless said.  Operands that belong to no single token (weights,
 *   biases, their gradients and optimizer state) are charged to the op but to no
 *   token: "shared" below.
 *
 * The formulas are the rows of sim/price/flops.c, in the letters of spec.h;
 *   `isobath predict MODEL --explain OP` prints them with the model's numbers put
 *   in.  A row of an op is one token that it works on.  What rows do not say:
 *   Select writes 4 bytes more for each row that is kept.
 *   The threshold update of a training step is B + 4 flops a choice, no bytes,
 *   shared, under (forward, layer, select), where the policy scores.
 *   Where only each sequence's last token is wanted (a prompt before generation),
 *   the final norm and head have B rows, one a sequence, read where they are.
 *   The residual's gradient rides in the norms' backward: no op of its own.
 *   Clip and adamw go over each tensor once, and clip is 2 flops more once.
 *
 * Norms of queries and keys.  Each head, or all heads together, is normalised on
 *   top of itself and leaves its scale.  In training a copy of what came in is left
 *   too, for backward.
 *
 * Norms of what parts add.  Project and ffn.down then write what the part gives,
 *   and add nothing to it; the norm, under `norm`, adds the stream: 1 flop and 4
 *   bytes more for each number.  Backward, its dx is what those products come
 *   back from.  Where a part reads the stream without a norm, or both parts read
 *   one, the dx of qkv (and of ffn.up) starts from the gradient that is there: 4C
 *   bytes a row more.
 *
 * Caps.  cap tanh(x / cap) is EXP + 4.  Of attention's scores it is that for each
 *   key, and backward EXP + 8 more, as the score is worked out again and its slope
 *   is 3 and a product; of logits, under `head`, in place, and backward, under
 *   `loss`, slope and product are 4 for each logit and 4 once for the target's.
 *
 * Exits.  At a layer's exit, in training: the final norm, head and loss again, of
 *   all rows, and backward, outside layers like the last; the gradients of their
 *   weights start from those that are there, which are read: 4 bytes more a number
 *   of them, and no flops.
 *   Where tokens leave there, outside training: norm and head of the rows that are
 *   still there, under their own ops, and under `route` the largest probability
 *   (EXP + 2 a logit, FOLD + 1); from the second exit on, and at the last layer,
 *   logits are put among those of all, under `gather`: 8V bytes a row.  Layers up
 *   to the next exit choose nothing anew: no route and no select.  Of a prompt the
 *   last logits alone are wanted, and nobody leaves.
 *
 * Shared weights.  A layer that runs with an earlier one's weights costs what that
 *   costs: its ops read them again, once each.  Backward, the last of such layers
 *   writes their gradients and the others add to them, as at exits: 4 bytes more a
 *   number, and no flops.  Clip and adamw go over them once, under the layer that
 *   has them.  Where a cache holds them from one to the next is a matter of
 *   dram_bytes (sim/price/roofline.h).
 *
 * Frozen backbone.  Only the routers learn (spec.h: backbone_frozen).  Forward is
 *   as above, threshold update included.  Backward goes from the loss down to
 *   the lowest routed layer and ends there with gate and route: that layer's
 *   block, what lies below it and embed have no backward.  No weight but a
 *   router has a gradient, so products work out dx alone and norms neither scale
 *   nor shift, with biases or without.  Loss, act, attend, rope, gate, gather and
 *   route are as ever.  Clip and adamw touch the routers, and no other tensor.
 *
 * Drawn routers.  Scores that are drawn in place of a router's are integers of
 *   a generator, turned into floats: no flops, 4 bytes a row, under `route`.
 *
 * Losses of routers.  A training step may ask of the scores of all rows, kept or
 *   not, under `route.loss`: to say who is kept (cross-entropy of sigmoid(score),
 *   forward and backward), to stay small (their squares, backward alone) and to
 *   keep as many as the capacity says (backward alone: the share that is kept
 *   stands, its slope is the sigmoid's).
 *   Route then goes backward on all rows, and gate adds to their gradients and
 *   puts the inputs of the kept ones back onto the stream, for route to read.
 *
 * Nested choices.  All rows are scored, and those that the choice before skips are
 *   not chosen.  A span of shared layers that is routed as one has route and select
 *   in its first layer, gather there, gate (and the routers' losses, backward) in
 *   its last, and route backward in its first; between them rows stay gathered.
 *
 * Depths.  Before the first recursion all rows are scored by the routers of all R,
 *   each under its own layer's route, and under the first's those scores become
 *   their softmax, which gates take, and by how much the best of those at least as
 *   deep is above the rest, which select goes by: R(EXP + 4) - 2.  Backward, once
 *   the first recursion's block has gone back: 4R - 1, and R more where shares are
 *   held to capacities; then route of all R, on all rows.
 *
 * Gated output.  A gate that takes what the block gives, and not its change, does
 *   not subtract: 2C and the gate's value; backward C, and C + FOLD and the slope
 *   that learns.  Of depths, recursions hand on what they give, by gate one; the
 *   stream is copied before the first, under `gather`, 8C a row, and once the last
 *   is through the deepest one's chance gates all rows onto that copy, by 2C;
 *   backward C to the stream under `gather`, before route goes back.
 *
 * Keys of the first recursion.  Later ones make queries alone: qkv, qk.norm and
 *   rope as they are of kept rows (see below, computed), and attend as there, over
 *   the keys of all tokens.  The first puts its keys into a table, under `gather`,
 *   from which it takes their gradients, to which all attends have added, and
 *   leaves zeros.  In a decode step they lie in one cache.
 *
 * Bypass.  Tokens that a layer skips may be gated too: under `gate`, in a bracket
 *   of its own after that of the kept ones, each is multiplied by its gate.  In
 *   training skipped rows are gathered first, for backward, which puts them back
 *   onto the stream before route goes backward on all rows.
 *
 * Predictors.  Under `predict`, on all rows, in training and where the choice goes
 *   by them: the router's input, max(0, its product with a matrix [C,W] plus a
 *   bias), and the sum of that with a vector [W] plus a number.  Their loss is the
 *   routers' cross-entropy, under `route.loss`; backward works the input out
 *   again, from the stream as gate put it back, hands no gradient to it, and the
 *   predictors' gradients are not clipped: no other weight moves by a bit.
 *
 * Signals.  A routed layer may choose by one of these instead of its router,
 *   under `route`, on all rows, beside the router's score, where the gate takes
 *   that: `norm`, the sum of the squares of the stream's row;
 *   `change`, that of its difference to the copy that the routed layer before
 *   left (nothing: zeros, in the first), which it then replaces; `received`, the
 *   attention that the token drew in the layer before, summed over heads and
 *   queries: scores worked out again from queries and keys there, with n(i) as in
 *   that layer's attend; `hash`, a number in [0,1) from the token's id;
 *   `table`, what a table says of the last tokens' ids: the id, an entry, and the
 *   score; `confidence`: see Exits.
 *
 * Parts.  A layer that routes only its attention gathers and gates kept rows
 *   around norm, qkv, qk.norm, rope, attend and project, and runs the rest on all
 *   rows; one that routes only its feed-forward part, the other way round.
 *   Apart: both, one after the other, each with a route, select, gather and gate
 *   of its own, charged to the layer; the second scores the stream as attention
 *   left it, and `change` compares what it sees to what its like left,
 *   attention's choice to attention's, feed-forward's to feed-forward's.
 *
 *   Backward goes stage by stage from the last; a choice's route goes backward once
 *   the stage that it was made in did.
 *
 * Keys of skipped tokens.  Absent: nothing.  Computed: the first norm runs on
 *   all rows; kept rows gather both their stream and their normed row; and qkv,
 *   qk.norm and rope have two brackets each: the queries of kept rows, the keys
 *   (and values) of all rows.
 *   Carried: a skipped token has the keys and values it had in the layer before.
 *   Every layer that a routed one follows, and every routed layer, puts those of
 *   its rows into a table of the sequence, under `gather`.  A layer without one
 *   before it cannot carry.
 *   With both, attend's queries go in strips of OP_KEY_TILE kept ones, and all
 *   of a strip run over the keys up to its last query's own, at position t:
 *   n = OP_KEY_TILE * ceil((t + 1) / OP_KEY_TILE); keys and values are read once
 *   a row of all.  In a decode step keys and values lie in the cache: the new
 *   ones of carried rows are copied there, under `gather`; attend's query reads
 *   8E bytes for each of the t + 1.
 *   In training each layer has a table of its own, where keys that are carried are
 *   copied, under `gather`, from that of the layer before.  Backward, of computed
 *   keys, both brackets come back; the gradients of the queries' normed rows are
 *   added to those of the keys', under `gather`; and the norm of all rows comes
 *   last, over the stream as gate put it back.  Of carried keys, attend adds to one
 *   table of gradients, of all layers that use it or fill it; each takes those of
 *   its own rows out of it, under `gather`, and leaves zeros.
 *
 * Experts.  In a layer that has them the feed-forward part's ops are these.
 *   Route, on all rows: a product with [C,X] and its softmax, in place (exp, the
 *   largest subtracted, a sum, a division, a scale: EXP + 3 a score and FOLD + 1),
 *   which leaves the largest and the sum.
 *   Select: reads the scores and writes A experts and weights; weights that are to
 *   sum to 1 are 2A - 1 flops.  What all rows enter besides comes first, as a part
 *   of that width; its gate is a score of 2C + FOLD under route, and under gate a
 *   sigmoid and a product with each number of act.
 *   Then entries: each row once for each expert that it enters, in the order of
 *   the experts.  Gather copies their rows; ffn.up, act and ffn.down work on
 *   entries, and read the matrices of an expert if it has any; under gate act is
 *   multiplied by the entry's weight, a row's first entry starts from the stream
 *   and the others from zero (8C bytes a row and 8C an entry with what follows),
 *   and a row is put together of its entries: C flops for each but the first.
 *   Backward goes the same way back: gather copies a row's gradient to its entries
 *   and sums theirs up, C flops for each but the first; gate is the gradients of
 *   weights and of act, 3 flops a number and FOLD; route takes those of the
 *   weights to the scores (2A - 1 + 2X, and 5A - 2 where weights sum to 1) and
 *   through the product.
 *   In training, route.loss: to be entered alike, each expert's chances are summed
 *   over the rows, X a row; for small scores a row's log-sum-exp, its square and
 *   their sum, LOG + 3.  Backward, under route: the softmax's gradient then takes
 *   the slopes of all X chances, 2X - A more, and that of the square, 2.
 *
 * Stored weights (number.h).  A matrix that is kept as stored is read as such
 *   and widened once per op, in whole columns of blocks, the columns rounded up
 *   to OP_COLUMN_TILE: its shared bytes are the stored ones of its own columns,
 *   and the op's shared flops those of widening.  A row of a stored embedding is
 *   widened alone: 4 + 4C and its stored bytes, and the flops of its blocks.
 *   Products then cost what they cost in float32.
 *
 * A worked example, gpt2, C = 64, Q = E = 64, H = 2, D = 32, F = 256, one row,
 * first token (i = 0, n = 16):
 *   norm 8*64 + 35 = 547; qkv 2*64*192 = 24576;
 *   attend 2(4*32*16 + 20*16 + 64 + 16) = 2(2048 + 320 + 80) = 4896;
 *   project 2*64*64 + 64 = 8256; ffn.up 2*64*256 = 32768; act 24*256 = 6144;
 *   ffn.down 2*256*64 + 64 = 32832; two norms, so a layer is
 *   2*547 + 24576 + 4896 + 8256 + 32768 + 6144 + 32832 = 110566 flops. */
#ifndef OP_H
#define OP_H

#include "sim/core/base/names.h"

enum {
    OP_FLOPS_EXP  = 18,     /* x*log2(e); round; x - n ln2 in two parts; a
                             * polynomial of degree 6; exponent bits */
    OP_FLOPS_LOG  = 27,     /* Cephes logf: degree 8 and its corrections */
    OP_FLOPS_FOLD = 15,     /* 16 partial sums into one */
    OP_KEY_TILE   = 16,
    OP_COLUMN_TILE = 16,
    OP_CLIP_CHUNK = 4096,
};

/* Row order is report order.
 *   work    the curve of a machine that prices the op (sim/price/flops.h)
 *   stack   the part of a layer's bar that the op is drawn in
 *           (reports/figures/figure_layers.c)
 *   writes  a result with a place of its own in every layer (sim/price/lines.c);
 *           NONE: the op works in place, or its result is small
 *   id        name        work    stack       writes
 *     what it is                                                             */
#define OP_MAP(X)                                                              \
    X(EMBED,    "embed",    STREAM, OTHER,      EMBED,                         \
      "token embedding, learned position added")                               \
    X(NORM,     "norm",     NORM,   NORM,       NORM,                          \
      "layer norm or RMS norm")                                                \
    X(QKV,      "qkv",      MATMUL, PROJECTION, QKV,                           \
      "query, key and value projections")                                      \
    X(QK_NORM,  "qk.norm",  NORM,   NORM,       HEADS,                         \
      "norm of each head of queries and keys")                             \
    X(ROPE,     "rope",     STREAM, MIX,        NONE,                          \
      "rotary positions on queries and keys")                                  \
    X(ATTEND,   "attend",   ATTEND, MIX,        ATTEND,                        \
      "fused causal attention: scores, softmax, mix")                          \
    X(PROJECT,  "project",  MATMUL, PROJECTION, STREAM,                        \
      "attention output projection and residual")                              \
    X(FFN_UP,   "ffn.up",   MATMUL, UP,         UP,                            \
      "first feed-forward product (and gate product)")                         \
    X(ACT,      "act",      ACT,    NORM,       ACT,                           \
      "GELU, SwiGLU and their likes")                                                        \
    X(FFN_DOWN, "ffn.down", MATMUL, DOWN,       STREAM,                        \
      "second feed-forward product and residual")                              \
    X(ROUTE,    "route",    NORM,   ROUTING,    NONE,                          \
      "score of every token: the router's, or a signal")                       \
    X(SELECT,   "select",   STREAM, ROUTING,    NONE,                          \
      "which tokens are kept: top-k or threshold")                             \
    X(ROUTE_LOSS, "route.loss", LOSS,   ROUTING,    NONE,                      \
      "what scores are to learn besides the gate's gradient")                  \
    X(PREDICT,  "predict",  MATMUL, ROUTING,    NONE,                          \
      "predictor of who is kept: a hidden layer on the router's input")        \
    X(GATHER,   "gather",   STREAM, ROUTING,    STREAM,                        \
      "kept rows into a dense matrix")                                         \
    X(GATE,     "gate",     STREAM, ROUTING,    NONE,                          \
      "gate the block's change and scatter it back")                           \
    X(HEAD,     "head",     MATMUL, OTHER,      HEAD,                          \
      "unembedding")                                                           \
    X(LOSS,     "loss",     LOSS,   OTHER,      NONE,                          \
      "softmax cross-entropy")                                                 \
    X(ENTROPY,  "entropy",  LOSS,   OTHER,      NONE,                          \
      "entropy of the prediction, when scoring text")                          \
    X(CLIP,     "clip",     UPDATE, OTHER,      NONE,                          \
      "norm of the gradients")                                                 \
    X(ADAMW,    "adamw",    UPDATE, OTHER,      NONE,                          \
      "optimizer update")

enum op {
#define X(id, ...) OP_##id,
    OP_MAP(X)
#undef X
    OP_COUNT
};

struct op_info {
    const char *name;   /* in tables, ledgers and configs */
    const char *what;
};
extern const struct op_info op_table[OP_COUNT];

#define PASS_MAP(X)                                                            \
    X(PASS_FORWARD,  "forward")                                                \
    X(PASS_BACKWARD, "backward")                                               \
    X(PASS_UPDATE,   "update")

enum pass { PASS_MAP(NAMES_ID) PASS_COUNT };
extern const char *const pass_names[];               /* NULL ends */

#endif
