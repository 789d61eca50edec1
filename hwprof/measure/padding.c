/* padding.c - Round the columns of every product up to whole registers. */
#include "hwprof/measure/padding.h"

#include "sim/core/ledger/op.h"

/* [rows,inputs] times [inputs,outputs].  `columns`: of the weights' gradient, a
 * matrix with the rest as its rows. */
struct product {
    int     op;
    int64_t inputs, outputs, columns;
    bool    bias;
};

enum { PRODUCTS = 5 };

static void list_products(struct product out[PRODUCTS],
                          const struct model_spec *s)
{
    const int64_t c = s->n_channels, q = spec_q(s), e = spec_e(s),
                  u = spec_up(s), f = s->n_ffn;
    const struct product all[PRODUCTS] = {
        { OP_QKV,      c, q + 2 * e,  q + 2 * e, s->traits.qkv_bias },
        { OP_PROJECT,  q, c,          c,         s->traits.project_bias },
        { OP_FFN_UP,   c, u,          u,         s->traits.ffn_bias },
        { OP_FFN_DOWN, f, c,          c,         s->traits.ffn_bias },
        { OP_HEAD,     c, s->n_vocab, c,         s->traits.head_bias },
                                                 /* stored [V,C] */
    };

    for (int i = 0; i < PRODUCTS; i++)
        out[i] = all[i];
}

static double pad(int64_t columns, int lanes)
{
    return (double)((lanes - columns % lanes) % lanes);
}

static double flops_of(const struct ledger *counted, int pass, int op)
{
    const struct cost sum = ledger_sum(counted, pass, LEDGER_ANY, LEDGER_ANY,
                                       op);
    return (double)sum.count[METRIC_FLOPS];
}

/* Forward, each column costs the same.  Backward, a row has 4 flops for each
 * input and output and one for a bias: 2 of the 4 are for the inputs' gradient,
 * whose columns are the inputs, and 2 for the weights'. */
static double of_product(const struct product *p, double flops, int pass,
                         int lanes)
{
    const double k = (double)p->inputs, n = (double)p->outputs;

    if (pass == PASS_FORWARD)
        return flops * pad(p->outputs, lanes) / n;
    const double rows = flops / (n * (4 * k + p->bias));
    return 2 * rows * n * pad(p->inputs, lanes) +
           2 * rows * k * n / (double)p->columns * pad(p->columns, lanes);
}

/* Of the products of a head's query and key, one forward and three backward have
 * its size for columns; keys come in whole tiles. */
static double of_attention(const struct model_spec *s,
                           const struct ledger *counted, int pass, int lanes)
{
    const double d = s->head_size, h = s->n_heads, c = s->n_channels;
    const bool biased = s->traits.project_bias && !spec_norms_after(s);
    const double rows = flops_of(counted, PASS_FORWARD, OP_PROJECT) /
                        (c * (2 * h * d + biased));
    const double capped = s->attention_cap > 0.0f;
    const double flops = flops_of(counted, pass, OP_ATTEND);

    if (flops == 0)
        return 0;
    if (pass == PASS_FORWARD)
        return (flops - rows * h * (2 * d + OP_FLOPS_FOLD + 1)) /
               (4 * d + OP_FLOPS_EXP + 2 + capped * (OP_FLOPS_EXP + 4)) * 2 *
               pad(s->head_size, lanes);
    return (flops - rows * h * (4 * d + OP_FLOPS_FOLD)) /
           (10 * d + OP_FLOPS_EXP + 4 + capped * (OP_FLOPS_EXP + 8)) * 6 *
           pad(s->head_size, lanes);
}

static double of_op(const struct model_spec *s, const struct ledger *counted,
                    int pass, int op, int lanes)
{
    struct product products[PRODUCTS];

    if (pass != PASS_FORWARD && pass != PASS_BACKWARD)
        return 0;
    list_products(products, s);
    for (int i = 0; i < PRODUCTS; i++)
        if (products[i].op == op)
            return of_product(&products[i], flops_of(counted, pass, op), pass,
                              lanes);
    return op == OP_ATTEND ? of_attention(s, counted, pass, lanes) : 0;
}

double padding_flops(const struct model_spec *s, const struct ledger *counted,
                     int pass, int op, int lanes)
{
    double sum = 0;

    if (op != LEDGER_ANY)
        return of_op(s, counted, pass, op, lanes);
    for (int p = 0; p < PASS_COUNT; p++)
        for (int o = 0; o < OP_COUNT; o++)
            sum += of_op(s, counted, p, o, lanes);
    return sum;
}
