/* flops_experts.c - Price mixtures of experts, and latent attention, which is
 * priced and never run: by the rules of sim/core/ledger/op.h. */
#include "sim/price/flops_inside.h"

/* Of the rows of a layer, of what they enter besides, of their entries, which
 * cost alike whatever the expert, and of each row's entries but its first.
 * Backward is two products for each of forward's.  The bytes of an expert's
 * matrices are read by each that any row enters.
 *  set, op,               flops per row, bytes per row,
 *                         shared bytes, bytes of each expert entered */
#define EXPERT_PRICE_MAP(X)                                                     \
  X(EXPERTS, ROUTE,        2*C*Xr + (EXP + 3)*Xr + FOLD + 1, 4*C + 12*Xr + 8,  \
                           4*C*Xr + 4*Xr*biased, 0)                            \
  X(EXPERTS, SELECT,       normed*(2*Xa - 1), 4*Xr + 8*Xa, 0, 0)               \
  X(EXPERTS, ROUTE_LOSS,   even*Xr + small*(LOG + 3), even*4*Xr + small*16,    \
                           even*4*Xr, 0)                                       \
  X(EXPERTS, GATE,         0, 8*C, 0, 0)                                       \
  X(BESIDES, ROUTE,        gated*(2*C + FOLD), gated*(4*C + 4), 4*C*gated, 0)  \
  X(BESIDES, FFN_UP,       4*C*Xs, 4*C + 8*Xs, 8*C*Xs, 0)                      \
  X(BESIDES, ACT,          (EXP + 3)*Xs, 12*Xs, 0, 0)                          \
  X(BESIDES, GATE,         gated*(Xs + EXP + 2), gated*(8*Xs + 8), 0, 0)       \
  X(BESIDES, FFN_DOWN,     2*C*Xs, 4*Xs + 8*C, 4*C*Xs, 0)                      \
  X(ENTRIES, GATHER,       0, 8*C, 0, 0)                                       \
  X(ENTRIES, FFN_UP,       4*C*Xw, 4*C + 8*Xw, 0, 8*C*Xw)                      \
  X(ENTRIES, ACT,          (EXP + 3)*Xw, 12*Xw, 0, 0)                          \
  X(ENTRIES, GATE,         Xw, 8*Xw + 4 + 8*C, 0, 0)                           \
  X(ENTRIES, FFN_DOWN,     2*C*Xw, 4*Xw + 8*C, 0, 4*C*Xw)                      \
  X(FURTHER, GATE,         C, 0, 0, 0)                                         \
  X(EXPERTS_BACK, ROUTE,   4*C*Xr + normed*(5*Xa - 2) + 2*Xa - 1 + 2*Xr +      \
                           even*(2*Xr - Xa) + small*2,                         \
                           12*C + 12*Xr + 8*Xa + small*4,                      \
                           8*C*Xr + 4*Xr*biased + even*4*Xr, 0)                \
  X(EXPERTS_BACK, GATHER,  0, 4*C, 0, 0)                                       \
  X(BESIDES_BACK, ROUTE,   gated*4*C, gated*(12*C + 4), 8*C*gated, 0)          \
  X(BESIDES_BACK, FFN_UP,  8*C*Xs, 12*C + 8*Xs, 16*C*Xs, 0)                    \
  X(BESIDES_BACK, ACT,     (EXP + 9)*Xs, 20*Xs, 0, 0)                          \
  X(BESIDES_BACK, GATE,    gated*(3*Xs + FOLD + 3), gated*(12*Xs + 8), 0, 0)   \
  X(BESIDES_BACK, FFN_DOWN, 4*C*Xs, 4*C + 8*Xs, 8*C*Xs, 0)                     \
  X(ENTRIES_BACK, GATHER,  0, 12*C, 0, 0)                                      \
  X(ENTRIES_BACK, FFN_UP,  8*C*Xw, 8*C + 8*Xw, 0, 16*C*Xw)                     \
  X(ENTRIES_BACK, ACT,     (EXP + 9)*Xw, 20*Xw, 0, 0)                          \
  X(ENTRIES_BACK, GATE,    3*Xw + FOLD, 12*Xw + 8, 0, 0)                       \
  X(ENTRIES_BACK, FFN_DOWN, 4*C*Xw, 4*C + 8*Xw, 0, 8*C*Xw)                     \
  X(FURTHER_BACK, GATHER,  C, 0, 0, 0)                                         \
  X(EXPERTS_SUMMED, ROUTE, 0, 0, 4*C*Xr, 0)                                    \
  X(BESIDES_SUMMED, FFN_UP, 0, 0, 8*C*Xs, 0)                                   \
  X(BESIDES_SUMMED, FFN_DOWN, 0, 0, 4*C*Xs, 0)                                 \
  X(ENTRIES_SUMMED, FFN_UP, 0, 0, 0, 8*C*Xw)                                   \
  X(ENTRIES_SUMMED, FFN_DOWN, 0, 0, 0, 4*C*Xw)

static const struct flops_rule expert_rules[] = {
#define X(set, op, flops, bytes, shared, each)                                 \
    { FLOPS_##set, OP_##op, #flops, "0", #bytes, #shared, NULL, #each },
    EXPERT_PRICE_MAP(X)
#undef X
};

void flops_list_experts(struct flops_list *list, const struct model_spec *spec)
{
    FLOPS_LETTER_MAP(FLOPS_LETTER)
    const struct flops_rule *rule = expert_rules;
    const uint64_t gated = spec->experts.shared_gate,
        normed = spec->experts.normalised, biased = spec->experts.biased;
    const bool EXPERTS = spec->experts.n > 0, ENTRIES = EXPERTS,
        FURTHER = EXPERTS, BESIDES = spec->experts.shared > 0,
        EXPERTS_BACK = EXPERTS, ENTRIES_BACK = EXPERTS, FURTHER_BACK = EXPERTS,
        BESIDES_BACK = BESIDES, EXPERTS_SUMMED = EXPERTS,
        BESIDES_SUMMED = BESIDES, ENTRIES_SUMMED = EXPERTS;

#define X(set, op, flops, bytes, shared, each)                                 \
    if (set)                                                                   \
        list->at[FLOPS_##set][OP_##op] = (struct flops_price){                 \
            flops, 0, bytes, shared, rule, 0, each };                          \
    rule++;
    EXPERT_PRICE_MAP(X)
#undef X
}

/* Latent attention (DeepSeek-AI 2024, arXiv 2405.04434, section 2.1): keys and
 * values are products of one vector of Lk a token, and Lr numbers turned that
 * all heads share; queries of one of Lq, or of the stream.  D is Ln + Lr.  Of
 * many rows they are made whole.  A decode step leaves them as they are cached:
 * queries are taken into the vector's space, and results out of it.
 *  set, op, holds,        flops per row, flops per row and key, bytes per row,
 *                         shared bytes */
#define LATENT_RULE_MAP(X)                                                     \
  X(FORWARD, QKV, any,     2*Mq + 2*C*(Lk + Lr) + 2*Mkv, 0,                    \
                           4*C + 8*Lq + 4*Q + 8*Lk + 4*Lr + 4*H*(Ln + Lv),     \
                           4*Mq + 4*C*(Lk + Lr) + 4*Mkv)                       \
  X(FORWARD, QK_NORM, any, 4*(Lq + Lk) + (1 + low)*(FOLD + 4), 0,              \
                           8*(Lq + Lk) + 4*(1 + low), 4*(Lq + Lk))             \
  X(FORWARD, ROPE, any,    3*(H + 1)*Lr, 0, 8*(H + 1)*Lr + 4*Lr, 0)            \
  X(FORWARD, ATTEND, any,  H*(D + Lv + FOLD + 1), H*(2*D + 2*Lv + EXP + 2),    \
                           4*H*(2*D + 2*Lv) + 8*H, 0)                          \
  X(FORWARD, PROJECT, any, 2*H*Lv*C, 0, 4*H*Lv + 8*C, 4*H*Lv*C)                \
  X(ABSORBED, QKV, any,    2*Mq + 2*C*(Lk + Lr) + 2*H*Ln*Lk, 0,                \
                           4*C + 8*Lq + 4*Q + 4*Lk + 4*Lr + 4*H*(Lk + Lr),     \
                           4*Mq + 4*C*(Lk + Lr) + 4*Lk*H*Ln)                   \
  X(ABSORBED, ATTEND, any, H*(2*Lk + Lr + FOLD + 1),                           \
                           H*(4*Lk + 2*Lr + EXP + 2), 0, 0)                    \
  X(ABSORBED, PROJECT, any, 2*H*Lk*Lv + 2*H*Lv*C, 0,                           \
                           4*H*Lk + 8*H*Lv + 8*C, 4*H*Lk*Lv + 4*H*Lv*C)        \
  X(BACKWARD, QKV, any,    4*Mq + 4*C*(Lk + Lr) + 4*Mkv, 0,                    \
                           8*C + 16*Lq + 4*Q + 16*Lk + 4*Lr + 4*H*(Ln + Lv),   \
                           8*Mq + 8*C*(Lk + Lr) + 8*Mkv)                       \
  X(BACKWARD, QK_NORM, any, 13*(Lq + Lk) + (1 + low)*(FOLD + 1), 0,            \
                           16*(Lq + Lk) + 4*(1 + low), 8*(Lq + Lk))            \
  X(BACKWARD, ROPE, any,   3*(H + 1)*Lr, 0, 8*(H + 1)*Lr + 4*Lr, 0)            \
  X(BACKWARD, ATTEND, any, H*(2*D + 2*Lv + FOLD), H*(6*D + 4*Lv + EXP + 4),    \
                           16*H*(D + Lv) + 8*H, 0)                             \
  X(BACKWARD, PROJECT, any, 4*H*Lv*C, 0, 4*C + 8*H*Lv, 8*H*Lv*C)

static const struct flops_rule latent_rules[] = {
#define X(set, op, holds, flops, per_key, bytes, shared)                       \
    { FLOPS_##set, OP_##op, #flops, #per_key, #bytes, #shared, NULL, NULL },
    LATENT_RULE_MAP(X)
#undef X
};

void flops_list_latent(struct flops_list *list, const struct model_spec *spec)
{
    FLOPS_LETTER_MAP(FLOPS_LETTER)
    const struct flops_rule *rule = latent_rules;
    const bool any = spec->latent.kv > 0;
    const uint64_t low = Lq > 0;

#define X(set, op, holds, flops, per_key, bytes, shared)                       \
    if (holds)                                                                 \
        list->at[FLOPS_##set][OP_##op] =                                       \
            (struct flops_price){ flops, per_key, bytes, shared, rule, 0, 0 }; \
    rule++;
    LATENT_RULE_MAP(X)
#undef X
}

/* ---- tensors ---- */

struct sized {
    const char *name;
    uint64_t    n;
};

static int list(struct flops_tensor *out, const struct model_spec *spec,
                const struct sized *all, int n)
{
    int listed = 0;

    for (int i = 0; i < n; i++)
        if (all[i].n > 0)
            out[listed++] = (struct flops_tensor){
                .name = all[i].name, .n = all[i].n,
                .trained = !spec->backbone_frozen, .clipped = true };
    return listed;
}

int flops_expert_tensors(struct flops_tensor *out,
                         const struct model_spec *spec)
{
    FLOPS_LETTER_MAP(FLOPS_LETTER)
    const struct sized all[] = {
        { "experts.router",      C * Xr },
        { "experts.router.bias", spec->experts.biased ? Xr : 0 },
        { "experts.up.weight",   2 * C * Xw * Xn },
        { "experts.down.weight", C * Xw * Xn },
        { "shared.up.weight",    2 * C * Xs },
        { "shared.down.weight",  C * Xs },
        { "shared.gate",         spec->experts.shared_gate ? C : 0 },
    };
    return list(out, spec, all, sizeof all / sizeof *all);
}

int flops_latent_tensors(struct flops_tensor *out,
                         const struct model_spec *spec)
{
    FLOPS_LETTER_MAP(FLOPS_LETTER)
    const struct sized all[] = {
        { "query.weight",   Mq },
        { "query.gamma",    Lq },
        { "latent.weight",  C * (Lk + Lr) },
        { "latent.gamma",   Lk },
        { "kv.weight",      Mkv },
        { "project.weight", H * Lv * C },
    };
    return list(out, spec, all, sizeof all / sizeof *all);
}
