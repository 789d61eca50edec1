/* convention.c - Count the FLOPs of a training step as papers count them. */
#include "sim/price/predict.h"

#include <string.h>

#include "sim/price/flops.h"

/* The query-key pairs of a sequence of S tokens. */
static double pairs_of(double S, enum convention_pairs pairs)
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

/* Each parameter counted once per row that uses it: N*D where nothing is
 * routed. */
static double parameter_rows(const struct model_spec *s,
                             const struct allocation *a, bool embeddings)
{
    struct flops_tensor tensors[FLOPS_TENSORS_MAX];
    double sum = 0;

    for (int32_t l = LEDGER_OUTSIDE; l < s->n_layers; l++) {
        int n = flops_tensors(tensors, s, l);
        double rows = l == LEDGER_OUTSIDE ? allocation_tokens(a)
                                          : allocation_rows(a, l);
        for (int i = 0; i < n; i++)
            if (embeddings || !tensors[i].embeds)
                sum += (double)tensors[i].n * rows;
    }
    return sum;
}

double predict_train_flops(const struct predict_convention *c,
                           const struct model_spec *s,
                           const struct allocation *a)
{
    const double embed = 2.0 * s->n_channels * s->n_vocab *
                         allocation_tokens(a);
    double sum = embed * (c->head + c->embed);

    for (int32_t l = 0; l < s->n_layers; l++) {
        sum += c->matrices ? 2 * block_weights(s) * allocation_rows(a, l) : 0;
        for (int32_t b = 0; b < a->n_sequences; b++)
            sum += (4.0 * spec_q(s) + (c->softmax ? 3.0 * s->n_heads : 0)) *
                   pairs_of(allocation_count(a, l, b), c->pairs);
    }
    sum *= 3;
    return c->parameters == PARAMETERS_NONE ? sum
        : sum + 6 * parameter_rows(s, a, c->parameters == PARAMETERS_ALL);
}

const struct predict_convention predict_conventions[] = {
    { "matmul",
      "3 x products, head, causal pairs S(S+1)/2",
      "work that is of use; backward is two products for each of forward's",
      .matrices = true, .pairs = PAIRS_EXACT, .head = true },
    { "matmul-half",
      "3 x products, head, S*S/2 pairs",
      "FlashAttention's benchmarks halve S*S where causal",
      .matrices = true, .pairs = PAIRS_HALF, .head = true },
    { "matmul-full",
      "3 x products, head, S*S pairs",
      "counters that take attention as two square products",
      .matrices = true, .pairs = PAIRS_FULL, .head = true },
    { "matmul-no-head",
      "matmul without the unembedding",
      "the blocks alone",
      .matrices = true, .pairs = PAIRS_EXACT },
    { "6n",
      "6 x parameters x rows, no attention",
      "Kaplan et al. 2020, section 2.1, with embeddings",
      .parameters = PARAMETERS_ALL },
    { "6n-blocks",
      "6n without embeddings and head",
      "Kaplan et al. 2020, section 2.1",
      .parameters = PARAMETERS_BLOCKS },
    { "kaplan",
      "6 x block matrices x rows, S*S/2 pairs",
      "Kaplan et al. 2020, table 1: C_forward = 2N + 2 n_layer n_ctx d_attn",
      .matrices = true, .pairs = PAIRS_HALF },
    { "palm",
      "6n and 12 L H D T a token",
      "Chowdhery et al. 2022, appendix B",
      .parameters = PARAMETERS_ALL, .pairs = PAIRS_FULL },
    { "chinchilla",
      "matmul-full, softmax, embedding",
      "Hoffmann et al. 2022, appendix F: 3 H S*S for softmax, the embedding as"
      " a product",
      .matrices = true, .pairs = PAIRS_FULL, .head = true, .softmax = true,
      .embed = true },
    { .name = NULL },
};

const struct predict_convention *predict_convention_find(const char *name)
{
    for (const struct predict_convention *c = predict_conventions; c->name; c++)
        if (strcmp(c->name, name) == 0)
            return c;
    return NULL;
}
