/* ops_experts.c - Run the ops of mixtures of experts and tally them. */
#include "models/executor/ops_experts.h"

#include "models/executor/ops_inside.h"

PARTS(softmax, expert_choice)
PARTS(choose_experts, expert_choice)
PARTS(choose_experts_backward, expert_choice)
PARTS(judge_experts, expert_judging)
PARTS(weigh, weighing)
PARTS(weigh_backward, weighing)
PARTS(seed, entries)
PARTS(combine, entries)

void op_softmax(struct executor *ex, struct place at,
                const struct expert_choice *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, softmax_part, o);
    uint64_t x = u(o->n_experts);
    /* Subtract, exp, sum; one division, and scale: in place. */
    op_end(ex, &run, at.token, o->n,
           (struct tally){ (1 + EXP + 1) * x + FOLD + 1 + x, 8 * x + 8 },
           (struct tally){ 0, 0 });
}

struct tally op_choose_experts(struct executor *ex,
                               const struct expert_choice *o)
{
    uint64_t a = u(o->n_active);

    op_parts(ex, choose_experts_part, o);
    return (struct tally){ o->normalised ? a - 1 + a : 0,
                           4 * u(o->n_experts) + 8 * a };
}

void op_choose_experts_backward(struct executor *ex, struct place at,
                                const struct expert_choice *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, choose_experts_backward_part, o);
    uint64_t x = u(o->n_experts), a = u(o->n_active);
    /* Of a weight over their sum: the sum, the mean, and what is above it. */
    const uint64_t normed = o->normalised ? (a - 1) + (2 * a - 1) + 2 * a : 0;
    const uint64_t mean = o->slope ? a + 2 * x - 1 : 2 * a - 1;
    const bool square = o->square > 0.0f;
    op_end(ex, &run, at.token, o->n,
           (struct tally){ normed + mean + (square ? 2 : 0) + 2 * x,
                           8 * x + 8 * a + (square ? 4 : 0) },
           (struct tally){ 0, o->slope ? 4 * x : 0 });
}

void op_judge_experts(struct executor *ex, struct place at,
                      const struct expert_judging *o, double *mean_square)
{
    struct op_run run = op_begin(ex, at);
    uint64_t x = u(o->n_experts);
    struct tally each = { o->sum ? x : 0, o->sum ? 4 * x : 0 };
    op_parts(ex, judge_experts_part, o);
    if (o->square) {
        *mean_square = ex->kernels->sum(0.0, o->square, (size_t)o->n) / o->n;
        each.flops += OP_FLOPS_LOG + 3;
        each.bytes += 16;
    }
    op_end(ex, &run, at.token, o->n, each,
           (struct tally){ 0, o->sum ? 4 * x : 0 });
}

void op_weigh(struct executor *ex, struct place at, const struct weighing *o)
{
    struct op_run run = op_begin(ex, at);
    const bool backward = ex->pass == PASS_BACKWARD;
    op_parts(ex, backward ? weigh_backward_part : weigh_part, o);
    uint64_t f = u(o->width);
    struct tally each = { f, 8 * f + 4 };
    if (backward)
        each = (struct tally){ 3 * f + FOLD + (o->sigmoid ? 3 : 0),
                               12 * f + 8 };
    else if (o->sigmoid)
        each = (struct tally){ f + EXP + 2, 8 * f + 8 };
    op_end(ex, &run, at.token, o->n, each, (struct tally){ 0, 0 });
}

/* Ends a bracket whose rows cost by their entries: `none` with none, `some` with
 * any, `entry` for each and `further` for all but the first. */
static void end_entries(struct executor *ex, struct op_run *run,
                        const int32_t *token, const struct entries *o,
                        struct tally none, struct tally some,
                        struct tally entry, struct tally further)
{
    struct tally sum = { 0, 0 };

    if (!ex->meter)
        return;
    for (int32_t r = 0; r < o->n; r++) {
        const int32_t *at = o->at + (size_t)r * (size_t)o->n_active;
        uint64_t k = 0;
        for (int32_t i = 0; i < o->n_active; i++)
            k += at[i] >= 0;
        struct tally row = k == 0 ? none : some;
        row.flops += k * entry.flops + (k > 1 ? k - 1 : 0) * further.flops;
        row.bytes += k * entry.bytes;
        ex->extra[r] = row;
        sum.flops += row.flops;
        sum.bytes += row.bytes;
    }
    run->extra = ex->meter->by_token ? ex->extra : NULL;
    op_end(ex, run, token, o->n, (struct tally){ 0, 0 }, sum);
}

void op_seed(struct executor *ex, struct place at, const struct entries *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, seed_part, o);
    uint64_t row = 4 * u(o->width);
    end_entries(ex, &run, at.token, o, (struct tally){ 0, 0 },
                (struct tally){ 0, row }, (struct tally){ 0, row },
                (struct tally){ 0, 0 });
}

void op_combine(struct executor *ex, struct place at, const struct entries *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, combine_part, o);
    uint64_t c = u(o->width);
    end_entries(ex, &run, at.token, o,
                (struct tally){ 0, o->from ? 8 * c : 4 * c },
                (struct tally){ 0, 4 * c }, (struct tally){ 0, 4 * c },
                (struct tally){ c, 0 });
}

/* Expert e's part of the product. */
static struct gemm product_of_expert(const struct expert_product *o, int32_t e)
{
    struct gemm g = o->all;
    const ptrdiff_t row = o->first[e];

    g.m = o->first[e + 1] - o->first[e];
    g.a += row * g.a_row;
    g.b += (ptrdiff_t)e * g.k * g.n;
    g.c += row * g.c_row;
    if (g.from)
        g.from += row * g.from_row;
    return g;
}

/* No expert waits for another: a thread takes its part of each in turn. */
static void expert_product_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct expert_product *o = call->operand;
    real *scratch = call->ex->scratch +
                    (size_t)part * call->ex->scratch_floats;

    for (int32_t e = 0; e < o->n_experts; e++) {
        const struct gemm g = product_of_expert(o, e);
        if (g.m > 0)
            call->ex->kernels->gemm(&g, part, parts, scratch);
    }
}

static uint64_t entered_by(const struct expert_product *o)
{
    uint64_t n = 0;

    for (int32_t e = 0; e < o->n_experts; e++)
        n += o->first[e] < o->first[e + 1];
    return n;
}

void op_expert_product(struct executor *ex, struct place at,
                       const struct expert_product *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, expert_product_part, o);
    uint64_t k = u(o->all.k), n = u(o->all.n);
    op_end(ex, &run, at.token, o->first[o->n_experts],
           (struct tally){ 2 * k * n, 4 * (k + n) + (o->all.from ? 4 * n : 0) },
           (struct tally){ 0, 4 * k * n * entered_by(o) });
}

static void expert_product_backward_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct expert_product_backward *o = call->operand;
    const struct kernels *k = call->ex->kernels;
    real *scratch = call->ex->scratch +
                    (size_t)part * call->ex->scratch_floats;

    for (int32_t e = 0; e < o->of->n_experts; e++) {
        const struct gemm g = product_of_expert(o->of, e);
        const ptrdiff_t row = o->of->first[e];
        const struct gemm dx = {
            .m = g.m, .n = g.k, .k = g.n, .a = o->dout + row * g.n,
            .a_row = g.n, .a_k = 1, .b = g.b, .b_k = 1, .b_col = g.n,
            .c = o->dx + row * g.k, .c_row = g.k,
        };
        const struct gemm dw = {
            .m = g.k, .n = g.n, .k = g.m, .a = g.a, .a_row = 1, .a_k = g.a_row,
            .b = o->dout + row * g.n, .b_k = g.n, .b_col = 1,
            .c = o->dw + (ptrdiff_t)e * g.k * g.n, .c_row = g.n,
            .from = o->sums ? o->dw + (ptrdiff_t)e * g.k * g.n : NULL,
            .from_row = g.n,
        };
        if (g.m > 0)
            k->gemm(&dx, part, parts, scratch);
        if (g.m > 0 || !o->sums)
            k->gemm(&dw, part, parts, scratch);
    }
}

void op_expert_product_backward(struct executor *ex, struct place at,
                                const struct expert_product_backward *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, expert_product_backward_part, o);
    uint64_t k = u(o->of->all.k), n = u(o->of->all.n);
    op_end(ex, &run, at.token, o->of->first[o->of->n_experts],
           (struct tally){ 4 * k * n, 4 * n + 8 * k },
           (struct tally){ 0, (o->sums ? 12 : 8) * k * n * entered_by(o->of) });
}
