/* flops_stored.c - Price ops whose weights are kept as a file stores them: their
 * bytes, and the arithmetic of widening them. */
#include "sim/price/flops_inside.h"

#include <string.h>

/* Forward ops with stored weights, and those in their place where keys of
 * skipped tokens are computed.  B is a matrix' bytes as stored and W what
 * widening it takes: of queries, keys, values, project, gate, up, down, head;
 * Be and We are of one row of the embedding.  A matrix that the model lacks has
 * none of either.
 *  set, op, holds,            flops per row, bytes per row,
 *                             shared bytes, shared flops */
#define STORED_RULE_MAP(X)                                                     \
  X(FORWARD, EMBED, any,       We + C*learned, 4 + 4*C + Be + 4*C*learned,     \
                               0, 0)                                           \
  X(FORWARD, EMBED, scales,    We + C + C*learned, 4 + 4*C + Be + 4*C*learned, \
                               0, 0)                                           \
  X(FORWARD, QKV, any,         2*C*(Q + 2*E), 4*C + 4*(Q + 2*E),               \
                               Bq + Bk + Bv + 4*bq*(Q + 2*E), Wq + Wk + Wv)    \
  X(FORWARD, PROJECT, any,     2*Q*C + bp*C, 4*Q + 8*C,                        \
                               Bp + 4*bp*C, Wp)                                \
  X(FORWARD, PROJECT, after,   2*Q*C, 4*Q + 4*C,                               \
                               Bp + 4*bp*C, Wp)                                \
  X(FORWARD, FFN_UP, any,      2*C*U, 4*C + 4*U,                               \
                               Bg + Bu + 4*bf*U, Wg + Wu)                      \
  X(FORWARD, FFN_DOWN, any,    2*F*C + bf*C, 4*F + 8*C,                        \
                               Bd + 4*bf*C, Wd)                                \
  X(FORWARD, FFN_DOWN, after,  2*F*C, 4*F + 4*C,                               \
                               Bd + 4*bf*C, Wd)                                \
  X(FORWARD, HEAD, any,        2*C*V, 4*C + 4*V,                               \
                               Bh, Wh)                                         \
  X(FORWARD, HEAD, head_bias,  2*C*V, 4*C + 4*V,                               \
                               Bh + 4*V, Wh)                                   \
  X(FORWARD, HEAD, bounded && !head_bias, 2*C*V + (EXP + 4)*V, 4*C + 12*V,     \
                               Bh, Wh)                                         \
  X(FORWARD, HEAD, bounded && head_bias, 2*C*V + (EXP + 4)*V, 4*C + 12*V,      \
                               Bh + 4*V, Wh)                                   \
  X(OF_KEPT, QKV, computed,    2*C*Q, 4*C + 4*Q,                               \
                               Bq + 4*bq*Q, Wq)                                \
  X(OF_ALL, QKV, computed,     4*C*E, 4*C + 8*E,                               \
                               Bk + Bv + 8*bq*E, Wk + Wv)

static const struct flops_rule stored_rules[] = {
#define X(set, op, holds, flops, bytes, shared_bytes, shared_flops)            \
    { FLOPS_##set, OP_##op, #flops, "0", #bytes, #shared_bytes,                \
      #shared_flops, NULL },
    STORED_RULE_MAP(X)
#undef X
};

/* The letters of a layer's stored matrices `m`. */
#define STORED_LETTER_MAP(X)                                                   \
    X(Bq, m.bytes[MATRIX_QUERY], "stored bytes of queries")                    \
    X(Wq, m.widening[MATRIX_QUERY], "flops of widening them")                  \
    X(Bk, m.bytes[MATRIX_KEY], "stored bytes of keys")                         \
    X(Wk, m.widening[MATRIX_KEY], "flops of widening them")                    \
    X(Bv, m.bytes[MATRIX_VALUE], "stored bytes of values")                     \
    X(Wv, m.widening[MATRIX_VALUE], "flops of widening them")                  \
    X(Bp, m.bytes[MATRIX_PROJECT], "stored bytes of project")                  \
    X(Wp, m.widening[MATRIX_PROJECT], "flops of widening them")                \
    X(Bg, m.bytes[MATRIX_GATE], "stored bytes of gate")                        \
    X(Wg, m.widening[MATRIX_GATE], "flops of widening them")                   \
    X(Bu, m.bytes[MATRIX_UP], "stored bytes of up")                            \
    X(Wu, m.widening[MATRIX_UP], "flops of widening them")                     \
    X(Bd, m.bytes[MATRIX_DOWN], "stored bytes of down")                        \
    X(Wd, m.widening[MATRIX_DOWN], "flops of widening them")                   \
    X(Be, m.row_bytes, "stored bytes of a row of the embedding")               \
    X(We, m.row_widening, "flops of widening it")                              \
    X(Bh, m.head_bytes, "stored bytes of the head")                            \
    X(Wh, m.head_widening, "flops of widening it")

uint64_t flops_stored_bytes(enum number type, uint64_t inputs,
                            uint64_t outputs)
{
    const struct number_info *info = &number_table[type];
    return inputs / info->block * outputs * info->bytes;
}

/* Flops of widening a stored matrix, whole tiles of columns. */
static uint64_t widening_of(enum number type, uint64_t inputs, uint64_t outputs)
{
    const struct number_info *info = &number_table[type];
    uint64_t tiles = (outputs + OP_COLUMN_TILE - 1) / OP_COLUMN_TILE;
    return inputs / info->block * tiles * OP_COLUMN_TILE * info->flops;
}

/* The values of the stored matrices' letters in a layer. */
struct matrices {
    uint64_t bytes[MATRIX_COUNT], widening[MATRIX_COUNT];
    uint64_t row_bytes, row_widening;    /* embedding */
    uint64_t head_bytes, head_widening;
    bool stored[OP_COUNT];               /* an op has a stored matrix */
};

static struct matrices matrices_of(const struct model_spec *spec,
                                   int32_t layer)
{
    static const enum op op[MATRIX_COUNT] = {
        [MATRIX_QUERY] = OP_QKV,      [MATRIX_KEY] = OP_QKV,
        [MATRIX_VALUE] = OP_QKV,      [MATRIX_PROJECT] = OP_PROJECT,
        [MATRIX_GATE] = OP_FFN_UP,    [MATRIX_UP] = OP_FFN_UP,
        [MATRIX_DOWN] = OP_FFN_DOWN,
    };
    const enum number row = (enum number)spec->stored_embedding;
    const enum number head = spec->tied_head
                                 ? row : (enum number)spec->stored_head;
    const uint64_t C = (uint64_t)spec->n_channels, V = (uint64_t)spec->n_vocab;
    struct matrices m = {
        .row_bytes = flops_stored_bytes(row, C, 1),
        .row_widening = C / number_table[row].block * number_table[row].flops,
        .head_bytes = spec->packed_head ? packing_bytes(&spec->packing, C, V)
                                        : flops_stored_bytes(head, C, V),
        .head_widening = spec->packed_head ? PACKING_FLOPS * C * V
                                           : widening_of(head, C, V),
    };

    m.stored[OP_EMBED] = row != NUMBER_F32;
    m.stored[OP_HEAD] = head != NUMBER_F32 || spec->packed_head;
    for (int i = 0; i < MATRIX_COUNT; i++) {
        const int32_t of = layer < 0 ? 0 : layer;
        const enum number type = (enum number)spec->stored[of][i];
        const bool packed = spec->packed[of][i];
        if (!spec_has_matrix(spec, (enum matrix)i))
            continue;
        const uint64_t K = (uint64_t)spec_inputs(spec, (enum matrix)i);
        const uint64_t N = (uint64_t)spec_outputs(spec, (enum matrix)i);
        m.bytes[i] = packed ? packing_bytes(&spec->packing, K, N)
                            : flops_stored_bytes(type, K, N);
        m.widening[i] = packed ? PACKING_FLOPS * K * N
                               : widening_of(type, K, N);
        m.stored[op[i]] |= type != NUMBER_F32 || packed;
    }
    return m;
}

void flops_store(struct flops_list *list, const struct model_spec *spec,
                 int32_t layer)
{
    const struct matrices m = matrices_of(spec, layer);
    FLOPS_LETTER_MAP(FLOPS_LETTER)
    STORED_LETTER_MAP(FLOPS_LETTER)
    const bool any = true, after = spec_norms_after(spec),
        scales = spec->embedding_scale > 0.0f,
        head_bias = spec->traits.head_bias, bounded = spec->logit_cap > 0.0f,
        computed = spec->skipped_keys == SKIPPED_KEYS_COMPUTED;
    const struct flops_rule *rule = stored_rules;

#define X(set, op, holds, flops, bytes, shared_bytes, shared_flops)            \
    if (holds && m.stored[OP_##op])                                            \
        list->at[FLOPS_##set][OP_##op] = (struct flops_price){                 \
            flops, 0, bytes, shared_bytes, rule, shared_flops, 0 };            \
    rule++;
    STORED_RULE_MAP(X)
#undef X
}

int flops_stored_letters(struct flops_letter *out,
                         const struct model_spec *spec, int32_t layer)
{
    const struct matrices m = matrices_of(spec, layer);
    const struct flops_letter letters[] = {
#define X(letter, value, meaning) { #letter, (uint64_t)(value), meaning },
        STORED_LETTER_MAP(X)
#undef X
    };
    _Static_assert(sizeof letters == FLOPS_STORED_LETTERS * sizeof *letters,
                   "the letters of flops_inside.h");
    memcpy(out, letters, sizeof letters);
    return FLOPS_STORED_LETTERS;
}
