/* flops.h - Price every op: the convention of sim/core/ledger/op.h as formulas.
 *
 * A price list is worked out once from a model's shape; what a pass costs is
 * then rows times price.  Every rule keeps its own text, so that an explanation
 * shows the very expression that was evaluated. */
#ifndef FLOPS_H
#define FLOPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/ledger/op.h"
#include "sim/core/model/spec.h"

/* The letters that formulas are written in, in the order of explanations, of a
 * `spec`; and what makes numbers of them:
 *     FLOPS_LETTER_MAP(FLOPS_LETTER)                                         */
#define FLOPS_LETTER_MAP(X)                                                    \
    X(C, spec->n_channels, "channels")                                         \
    X(H, spec->n_heads, "heads")                                               \
    X(G, spec->n_kv_heads, "key/value heads")                                  \
    X(D, spec->head_size, "head size")                                         \
    X(R, spec_rotary(spec), "numbers of a head that positions turn")           \
    X(Q, spec_q(spec), "H*D")                                                  \
    X(E, spec_e(spec), "key/value heads * D")                                  \
    X(F, spec->n_ffn, "feed-forward width")                                    \
    X(U, spec_up(spec), "width of the first product")                          \
    X(V, spec->n_vocab, "vocabulary")                                          \
    X(P, spec_position_rows(spec), "rows of the table of positions")           \
    X(L, spec->n_layers, "layers")                                             \
    X(EXP, OP_FLOPS_EXP, "flops of one exp")                                   \
    X(LOG, OP_FLOPS_LOG, "flops of one log")                                   \
    X(FOLD, OP_FLOPS_FOLD, "16 partial sums into one")                         \
    X(scored, spec_scored(spec), "1 if there are scores")                      \
    X(untied, !spec->tied_head, "1 if the head is its own tensor")             \
    X(learned, spec->traits.positions != POSITIONS_ROTARY,                     \
      "1 if positions have weights")                                           \
    X(bq, spec->traits.qkv_bias, "1 if queries, keys, values have biases")     \
    X(bp, spec->traits.project_bias, "1 if project has a bias")                \
    X(bf, spec->traits.ffn_bias, "1 if feed-forward products have biases")     \
    X(Nq, spec_head_norms(spec, spec->n_heads), "norms of a row's queries")    \
    X(Nk, spec_head_norms(spec, spec->n_kv_heads), "norms of its keys")        \
    X(Sq, spec_head_scales(spec, spec->n_heads), "scales of queries' norms")   \
    X(Sk, spec_head_scales(spec, spec->n_kv_heads), "scales of keys' norms")   \
    X(judged, spec_router_losses(spec),                                        \
      "1 if routers have losses of their own")                                 \
    X(entropy, spec->aux_loss > 0.0, "1 if scores are to say who is kept")     \
    X(square, spec->z_loss > 0.0, "1 if scores are to stay small")             \
    X(balance, spec->balance_loss > 0.0,                                       \
      "1 if scores are to keep to the capacity")                               \
    X(scaled, spec_gate_scaled(spec),                                          \
      "1 if the gate is multiplied by a constant")                             \
    X(again, spec_puts_back(spec),                                             \
      "1 if the stream is put back as the layer found it")                     \
    X(Rn, spec_depths(spec), "depths that a router scores")                    \
    X(predicts, spec->n_predictor > 0, "1 if there are predictors")            \
    X(W, spec->n_predictor, "width of predictors")                             \
    X(Xn, spec->experts.n, "experts")                                          \
    X(Xr, spec_expert_scores(spec), "experts and no-ops that a router scores") \
    X(Xa, spec_expert_slots(spec), "experts that a token enters at most")      \
    X(Xw, spec->experts.width, "width of an expert")                           \
    X(Xs, spec->experts.shared, "width of what all tokens enter besides")      \
    X(even, spec->experts.balance_loss > 0.0,                                  \
      "1 if experts are to be entered alike")                                  \
    X(small, spec->experts.z_loss > 0.0,                                       \
      "1 if experts' scores are to stay small")                                \
    X(Lk, spec->latent.kv, "width of the cached vector")                       \
    X(Lq, spec->latent.query, "width of what queries are made of")             \
    X(Lr, spec->latent.rotary, "numbers of a key that all heads share")        \
    X(Lv, spec->latent.value, "value size")                                    \
    X(Ln, spec->head_size - spec->latent.rotary, "D - Lr")                     \
    X(Mq, spec_query_weights(spec), "numbers that make queries")               \
    X(Mkv, (uint64_t)spec->latent.kv * (uint64_t)spec->n_heads *               \
      (uint64_t)(spec->head_size - spec->latent.rotary + spec->latent.value),  \
      "Lk*H*(Ln + Lv)")
#define FLOPS_LETTER(letter, value, meaning)                                   \
    const uint64_t letter = (uint64_t)(value); (void)letter;

/* The kinds of work that a machine has a curve for: the share of its peak that
 * they reach, by size: FLOPs, or rows.  A kind without a curve of its own has
 * that of another, at its size there.
 *    id           name      has the curve of  what it is, and its size        */
#define WORK_MAP(X)                                                            \
    X(WORK_MATMUL, "matmul", WORK_MATMUL, "products; all of an op")            \
    X(WORK_MATMUL_BACK, "matmul_backward", WORK_MATMUL,                        \
      "products of gradients; all of an op")                                   \
    X(WORK_ROW,    "row",    WORK_MATMUL, "products of one row; all of an op") \
    X(WORK_FEW,    "few",    WORK_MATMUL,                                      \
      "products of 2 to 64 rows; its rows")                                    \
    X(WORK_STORED8, "stored_8", WORK_MATMUL,                                   \
      "products of up to 64 rows by weights stored in 6 bits and more; its"    \
      " rows")                                                                 \
    X(WORK_STORED4, "stored_4", WORK_MATMUL,                                   \
      "products of up to 64 rows by weights stored in fewer bits; its rows")   \
    X(WORK_ATTEND, "attend", WORK_ATTEND, "attention; one sequence of an op")  \
    X(WORK_ATTEND_BACK, "attend_backward", WORK_ATTEND,                        \
      "attention of gradients; one sequence of an op")                         \
    X(WORK_QUERY,  "query",  WORK_ATTEND,                                      \
      "attention of one new token over cached keys; one sequence of an op")    \
    X(WORK_VECTOR, "vector", WORK_VECTOR, "all of those below; all of an op")  \
    X(WORK_NORM,   "norm",   WORK_VECTOR, "norms and scores of rows")          \
    X(WORK_NORM_BACK, "norm_backward", WORK_VECTOR, "their gradients")         \
    X(WORK_ACT,    "act",    WORK_VECTOR, "GELU, SwiGLU")                      \
    X(WORK_ACT_BACK, "act_backward", WORK_VECTOR, "their gradients")           \
    X(WORK_LOSS,   "loss",   WORK_VECTOR, "softmax cross-entropy, entropy")    \
    X(WORK_LOSS_BACK, "loss_backward", WORK_VECTOR, "its gradient")            \
    X(WORK_STREAM, "stream", WORK_VECTOR, "rows copied, added, turned")        \
    X(WORK_UPDATE, "update", WORK_VECTOR, "clipping, optimizer")

enum work { WORK_MAP(NAMES_ID) WORK_COUNT };
extern const char *const work_names[];        /* NULL ends */
/* Rows that are few: a kernel's rate depends on how many share each number that it
 * loads. */
enum { FLOPS_FEW_ROWS = 64 };
/* `one_query`: attention is that of one new token a sequence; `rows`: that the op
 * works on, 0: not known to be few. */
enum work flops_work(enum op op, enum pass pass, bool one_query, uint64_t rows);
/* What the work of products is where the op's weights in the layer, or in
 * LEDGER_OUTSIDE, are stored in blocks that share scales; else the work. */
enum work flops_work_stored(enum work work, const struct model_spec *spec,
                            int32_t layer, enum op op);
/* True if its curve is read at the flops of one sequence. */
bool flops_attends(enum work work);
/* It uses what it streams by a few times alone: weights, or cached keys.  Where a
 * machine tells its serial shares, its curve is of near operands, and what waiting
 * for far ones adds is priced by those. */
bool flops_streams(enum work work);

/* How large an op is. */
struct flops_size {
    double flops;             /* all of the op */
    double rows;              /* that it works on */
    double sequences;         /* among which attention's flops are shared */
    double head;              /* size of attention's heads; 0: not told */
};
/* Where the curve of `work` is read. */
double flops_size_of(enum work work, const struct flops_size *size);
/* Products and attention, which machines have units for, a number format each. */
bool flops_multiplies(enum work work);

/* Prices of a pass; and those that stand in forward's place: in training, of
 * ops that keep something for backward; and in a layer whose attention skips
 * tokens but sees their keys, of kept rows and of all; those two in training
 * where it keeps more, and backward; and of attention backward that adds to the
 * keys of a table.  Route has a second: that
 * of the signal, beside the router's; and so has gate, in both passes: that of
 * the rows that a layer skips. */
enum flops_set {
    FLOPS_FORWARD = PASS_FORWARD, FLOPS_BACKWARD = PASS_BACKWARD,
    FLOPS_UPDATE = PASS_UPDATE,
    FLOPS_TRAINING, FLOPS_OF_SIGNAL, FLOPS_OF_SKIPPED, FLOPS_BACK_SKIPPED,
    FLOPS_OF_DEPTHS, FLOPS_BACK_DEPTHS,  /* of route, where depths are scored */
    FLOPS_OF_KEPT, FLOPS_OF_ALL, FLOPS_TRAINED_KEPT, FLOPS_TRAINED_ALL,
    FLOPS_BACK_KEPT, FLOPS_BACK_ALL, FLOPS_BACK_TABLED,
    FLOPS_ADDED,                         /* norms of what parts add */
    FLOPS_SUMMED,                        /* backward besides, where gradients of
                                          * weights are added to those of an
                                          * exit or layer above */
    FLOPS_SUMMED_KEPT,                   /* likewise, of queries alone */
    /* Of layers with experts: of their rows, of what these enter besides, of
     * each entry of a row, and of each but its first. */
    FLOPS_EXPERTS, FLOPS_BESIDES, FLOPS_ENTRIES, FLOPS_FURTHER,
    FLOPS_EXPERTS_BACK, FLOPS_BESIDES_BACK, FLOPS_ENTRIES_BACK,
    FLOPS_FURTHER_BACK,
    FLOPS_EXPERTS_SUMMED, FLOPS_BESIDES_SUMMED,   /* as FLOPS_SUMMED */
    FLOPS_ENTRIES_SUMMED,
    FLOPS_ABSORBED,                      /* decode with latent keys */
    FLOPS_SETS
};

/* One row of the convention, as text in the letters of spec.h. */
struct flops_rule {
    enum flops_set set;
    enum op     op;
    const char *flops;            /* per row: "2*C*(Q + 2*E)" */
    const char *flops_per_key;    /* per row and key it runs over; "0" */
    const char *bytes;            /* per row */
    const char *shared_bytes;     /* once, if there is any row */
    const char *shared_flops;     /* likewise; NULL: 0 */
    const char *expert_bytes;     /* once for each expert that any row enters;
                                   * NULL: 0 */
};

/* That rule evaluated.  An op over N rows that run over S keys between them
 * costs  N*flops + S*flops_per_key + shared_flops  and  N*bytes +
 * shared_bytes;  no row, no cost.  rule == NULL: the model does not have that
 * op in that pass. */
struct flops_price {
    uint64_t flops, flops_per_key, bytes, shared_bytes;
    const struct flops_rule *rule;
    uint64_t shared_flops, expert_bytes;
};

/* clip and adamw have no rows: see below. */
struct flops_list {
    struct flops_price at[FLOPS_SETS][OP_COUNT];   /* a pass is a set */
};
struct flops_list flops_list(const struct model_spec *spec);

/* The list's forward prices as they are in one layer, or in LEDGER_OUTSIDE, of
 * a spec with stored weights (sim/core/ledger/op.h, "Stored weights"): of the ops
 * whose matrices there are stored.  `list` is flops_list(spec), which knows
 * nothing of them. */
void flops_store(struct flops_list *list, const struct model_spec *spec,
                 int32_t layer);

/* Bytes of a matrix of so many inputs and outputs as stored. */
uint64_t flops_stored_bytes(enum number type, uint64_t inputs,
                            uint64_t outputs);

enum {
    FLOPS_SELECT_BYTES_PER_KEPT = 4,    /* of select, beside its bytes a row */
    FLOPS_CLIP_ONCE = 2,                /* under (update, outside, clip) */
    FLOPS_THRESHOLD_BEYOND_B = 4,       /* threshold update: B + 4 flops */
};

/* n(i) of op.h, and its sum over the first `n_rows` queries of a sequence. */
uint64_t flops_keys(uint64_t i);
uint64_t flops_keys_sum(uint64_t n_rows);
/* Of those the ones before the tile that holds the first key in the window of the
 * first query of i's strip; window 0: none. */
uint64_t flops_keys_passed(uint64_t i, uint64_t window);
uint64_t flops_keys_passed_sum(uint64_t n_rows, uint64_t window);

/* The same over queries at positions kept[n], ascending, that see the keys of
 * skipped tokens: in strips of OP_KEY_TILE, each as far as its last one. */
uint64_t flops_keys_seen(const int32_t *kept, int32_t n, int32_t i);
uint64_t flops_keys_seen_sum(const int32_t *kept, int32_t n);

/* Bytes of one query of a decode step over m cached keys, its own included:
 * what `attend` costs per row, but the m keys and values it alone reads come
 * from the cache, 8E*m instead of 8E. */
uint64_t flops_attend_cached_bytes(const struct model_spec *spec, uint64_t m);

/* A parameter tensor of n numbers. */
struct flops_tensor {
    const char *name;             /* "qkv.weight" */
    uint64_t    n;
    bool        trained;          /* has a gradient and is updated */
    bool        clipped;          /* its gradient counts in their norm */
    bool        embeds;           /* embedding or unembedding */
    bool        shared;           /* it is that of an earlier layer */
};
enum { FLOPS_TENSORS_MAX = 40 };

/* The tensors that one layer, or LEDGER_OUTSIDE, runs with, into
 * out[FLOPS_TENSORS_MAX]; returns how many.  Their numbers together, and without
 * those that it shares with an earlier layer. */
int flops_tensors(struct flops_tensor *out, const struct model_spec *spec,
                  int32_t layer);
uint64_t flops_parameters(const struct model_spec *spec, int32_t layer);
uint64_t flops_own_parameters(const struct model_spec *spec, int32_t layer);
/* Clip and adamw go over each number of a tensor: bytes, flops of adamw. */
enum { FLOPS_CLIP_BYTES = 4, FLOPS_ADAMW = 17, FLOPS_ADAMW_BYTES = 28 };
uint64_t flops_clip(uint64_t n);

/* A letter of the formulas: "C", its value in this model, "channels". */
struct flops_letter {
    const char *name;
    uint64_t    value;
    const char *meaning;
};
enum { FLOPS_LETTERS_MAX = 80 };
/* Into out[FLOPS_LETTERS_MAX]; returns how many.  Those of stored matrices (Bq,
 * Mq, ...) are that layer's. */
int flops_letters(struct flops_letter *out, const struct model_spec *spec,
                  int32_t layer);

/* `formula` with numbers put in: "2*64*(64 + 2*64)"; cut at `size`. */
void flops_spell(char *out, size_t size, const char *formula,
                 const struct model_spec *spec, int32_t layer);

#endif
