/* convention.c - Count the FLOPs of a training step as papers count them. */
#include "sim/price/predict.h"

#include <string.h>

#include "sim/price/flops.h"

/* The way in which the query-key pairs of a sequence of S tokens are
 * counted. */
enum pairs { PAIRS_NONE, PAIRS_FULL, PAIRS_HALF, PAIRS_EXACT };

static double pairs_of(double S, enum pairs pairs)
{
    static const struct { double square, linear; } rule[] = {
        [PAIRS_NONE] = { 0, 0 },    [PAIRS_FULL]  = { 1, 0 },
        [PAIRS_HALF] = { 0.5, 0 },  [PAIRS_EXACT] = { 0.5, 0.5 },
    };
    return rule[pairs].square * S * S + rule[pairs].linear * S;
}

/* Numbers in a block's weight matrices. */
static double block_weights(const struct model_spec *s)
{
    double C = s->n_channels, Q = spec_q(s), E = spec_e(s), F = s->n_ffn,
           U = spec_up(s);
    return C * (Q + 2 * E) + Q * C + C * U + F * C;
}

static double rows_of_all(const struct allocation *a)
{
    return (double)allocation_tokens(a);
}

/* The FLOPs of forward's products: linear layers, QK^T and PV; the head on
 * request. */
static double products(const struct model_spec *s, const struct allocation *a,
                       enum pairs pairs, bool head)
{
    double Q = spec_q(s), sum = 0;

    for (int32_t l = 0; l < s->n_layers; l++) {
        sum += 2 * block_weights(s) * allocation_rows(a, l);
        for (int32_t b = 0; b < a->n_sequences; b++)
            sum += 4 * Q * pairs_of(allocation_count(a, l, b), pairs);
    }
    if (head)
        sum += 2.0 * s->n_channels * s->n_vocab * rows_of_all(a);
    return sum;
}

/* Each parameter counted once per row that uses it: N*D where nothing is
 * routed. */
static double parameter_rows(const struct model_spec *s,
                             const struct allocation *a, bool embeddings)
{
    struct flops_tensor tensors[FLOPS_TENSORS_MAX];
    double sum = 0;

    for (int32_t l = LEDGER_OUTSIDE; l < s->n_layers; l++) {
        int n = flops_tensors(tensors, s, l);
        double rows = l == LEDGER_OUTSIDE ? rows_of_all(a)
                                          : (double)allocation_rows(a, l);
        for (int i = 0; i < n; i++)
            if (embeddings || !tensors[i].embeds)
                sum += (double)tensors[i].n * rows;
    }
    return sum;
}

/* The FLOPs of forward's QK^T and PV alone. */
static double attention(const struct model_spec *s, const struct allocation *a,
                        enum pairs pairs)
{
    return products(s, a, pairs, false) - products(s, a, PAIRS_NONE, false);
}

static double matmul_full(const struct model_spec *s,
                          const struct allocation *a)
{
    return 3 * products(s, a, PAIRS_FULL, true);
}

static double matmul_half(const struct model_spec *s,
                          const struct allocation *a)
{
    return 3 * products(s, a, PAIRS_HALF, true);
}

static double matmul_no_head(const struct model_spec *s,
                             const struct allocation *a)
{
    return 3 * products(s, a, PAIRS_EXACT, false);
}

static double six_n(const struct model_spec *s, const struct allocation *a)
{
    return 6 * parameter_rows(s, a, true);
}

static double six_n_blocks(const struct model_spec *s,
                           const struct allocation *a)
{
    return 6 * parameter_rows(s, a, false);
}

static double kaplan(const struct model_spec *s, const struct allocation *a)
{
    double sum = 3 * attention(s, a, PAIRS_HALF);
    for (int32_t l = 0; l < s->n_layers; l++)
        sum += 6 * block_weights(s) * allocation_rows(a, l);
    return sum;
}

static double palm(const struct model_spec *s, const struct allocation *a)
{
    return six_n(s, a) + 3 * attention(s, a, PAIRS_FULL);
}

static double chinchilla(const struct model_spec *s, const struct allocation *a)
{
    double softmax = 0;
    for (int32_t l = 0; l < s->n_layers; l++)
        for (int32_t b = 0; b < a->n_sequences; b++)
            softmax += 3.0 * s->n_heads *
                       pairs_of(allocation_count(a, l, b), PAIRS_FULL);
    double embed = 2.0 * s->n_channels * s->n_vocab * rows_of_all(a);
    return 3 * (products(s, a, PAIRS_FULL, true) + softmax + embed);
}

double predict_useful_train_flops(const struct model_spec *spec,
                                  const struct allocation *allocation)
{
    return 3 * products(spec, allocation, PAIRS_EXACT, true);
}

const struct predict_convention predict_conventions[] = {
    { "matmul", predict_useful_train_flops,
      "3 x products, head, causal pairs S(S+1)/2",
      "work that is of use; backward is two products for each of forward's" },
    { "matmul-half", matmul_half,
      "3 x products, head, S*S/2 pairs",
      "FlashAttention's benchmarks halve S*S where causal" },
    { "matmul-full", matmul_full,
      "3 x products, head, S*S pairs",
      "counters that take attention as two square products" },
    { "matmul-no-head", matmul_no_head,
      "matmul without the unembedding",
      "the blocks alone" },
    { "6n", six_n,
      "6 x parameters x rows, no attention",
      "Kaplan et al. 2020, section 2.1, with embeddings" },
    { "6n-blocks", six_n_blocks,
      "6n without embeddings and head",
      "Kaplan et al. 2020, section 2.1" },
    { "kaplan", kaplan,
      "6 x block matrices x rows, S*S/2 pairs",
      "Kaplan et al. 2020, table 1: C_forward = 2N + 2 n_layer n_ctx d_attn" },
    { "palm", palm,
      "6n and 12 L H D T a token",
      "Chowdhery et al. 2022, appendix B" },
    { "chinchilla", chinchilla,
      "matmul-full, softmax, embedding",
      "Hoffmann et al. 2022, appendix F: 3 H S*S for softmax, the embedding as"
      " a product" },
    { NULL, NULL, NULL, NULL },
};

const struct predict_convention *predict_convention_find(const char *name)
{
    for (const struct predict_convention *c = predict_conventions; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}
