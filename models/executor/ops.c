/* ops.c - Run each op's kernel on the pool, inside a bracket, and tally it.
 *
 * Every op is three steps: begin, run the kernel's parts, end with the cost of
 * a row and the cost that belongs to no row. */
#include "models/executor/ops_inside.h"

#include <string.h>

void op_parts(struct executor *ex, pool_fn *fn, const void *operand)
{
    struct op_call call = { ex, operand };
    pool_run(ex->pool, fn, &call);
}

struct op_run op_tell_begin(struct executor *ex, struct place at)
{
    struct op_run run = { .pass = ex->pass, .layer = at.layer, .op = at.op };
    ex->meter->begin(ex->meter, &run);
    return run;
}

void op_tell_end(struct executor *ex, struct op_run *run, const int32_t *token,
                 int32_t n_rows, struct tally each, struct tally shared)
{
    run->n_rows = n_rows;
    run->row = token;
    run->each = each;
    run->total.flops = (uint64_t)n_rows * each.flops + shared.flops;
    run->total.bytes = (uint64_t)n_rows * each.bytes + shared.bytes;
    meter_end(ex->meter, run);
}

PARTS_SCRATCH(gemm, gemm)
PARTS_SCRATCH(stored_gemm, gemm)
PARTS(norm, norm)
PARTS(norm_backward, norm)
PARTS(loss, loss)
PARTS(loss_backward, loss)
PARTS(entropy, loss)
PARTS(confidence, confidence)

/* A stored matrix costs its own bytes, and flops to widen whole groups. */
static struct tally widening(const struct stored *s)
{
    const struct number_info *info = &number_table[s->type];
    const uint64_t blocks = u(s->rows) / info->block;
    return (struct tally){
        u(stored_groups(s)) * OP_COLUMN_TILE * blocks * info->flops,
        u(s->columns) * blocks * info->bytes,
    };
}

/* The cost of a product's weight, whatever it is multiplied with. */
static struct tally weight_cost(const struct gemm *g)
{
    struct tally sum = { 0, 0 };
    if (g->n_stored == 0)
        sum.bytes = 4 * u(g->k) * u(g->n);
    for (int32_t i = 0; i < g->n_stored; i++) {
        struct tally t = widening(&g->stored[i]);
        sum.flops += t.flops;
        sum.bytes += t.bytes;
    }
    return sum;
}

void op_product(struct executor *ex, struct place at, const struct gemm *g)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, g->n_stored > 0 ? stored_gemm_part : gemm_part, g);
    struct tally each = { 2 * u(g->n) * u(g->k), 4 * (u(g->k) + u(g->n)) };
    struct tally shared = weight_cost(g);
    if (g->from)
        each.bytes += 4 * u(g->n);
    if (g->bias)
        shared.bytes += 4 * u(g->n);
    if (g->from && g->bias)
        each.flops += u(g->n);
    op_end(ex, &run, at.token, g->m, each, shared);
}

struct column_sum {
    const real *x;
    int32_t     stride, n, width;
    bool        adds;
    real       *out;
};

static void column_sum_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct column_sum *o = call->operand;
    call->ex->kernels->sum_columns(o->x, o->stride, o->n, o->width, o->adds,
                                   o->out, part, parts);
}

void op_product_backward(struct executor *ex, struct place at,
                         const struct gemm *g, const struct product_backward *d)
{
    struct op_run run = op_begin(ex, at);
    struct gemm dx = {
        .m = g->m, .n = g->k, .k = g->n, .a = d->dout, .a_row = g->c_row,
        .a_k = 1, .b = g->b, .b_k = g->b_col, .b_col = g->b_k, .c = d->dx,
        .c_row = g->k, .from = d->adds ? d->dx : NULL, .from_row = g->k,
    };
    /* dW [k,n] = x^T dout, or, stored transposed, dW [n,k] = dout^T x. */
    struct gemm dw = {
        .m = g->k, .n = g->n, .k = g->m, .a = g->a, .a_row = 1,
        .a_k = g->a_row, .b = d->dout, .b_k = g->c_row, .b_col = 1, .c = d->dw,
        .c_row = g->b_k, .from = d->sums ? d->dw : NULL, .from_row = g->b_k,
    };
    if (d->transposed)
        dw = (struct gemm){
            .m = g->n, .n = g->k, .k = g->m, .a = d->dout, .a_row = 1,
            .a_k = g->c_row, .b = g->a, .b_k = g->a_row, .b_col = 1, .c = d->dw,
            .c_row = g->k, .from = d->sums ? d->dw : NULL, .from_row = g->k,
        };
    struct tally each = { 0, 4 * u(g->n) }, shared = { 0, 0 };
    if (d->dx) {
        op_parts(ex, gemm_part, &dx);
        each.flops += 2 * u(dx.n) * u(dx.k);
        each.bytes += (d->adds ? 8 : 4) * u(g->k);
        shared.bytes += 4 * u(g->k) * u(g->n);
    }
    if (d->dw) {
        op_parts(ex, gemm_part, &dw);
        each.flops += 2 * u(dw.m) * u(dw.n);
        each.bytes += 4 * u(g->k);
        shared.bytes += (d->sums ? 8 : 4) * u(g->k) * u(g->n);
    }
    if (d->dbias) {
        struct column_sum sum = { d->dout, (int32_t)g->c_row, g->m, g->n,
                                  d->sums, d->dbias };
        op_parts(ex, column_sum_part, &sum);
        each.flops += u(g->n);
        shared.bytes += (d->sums ? 8 : 4) * u(g->n);
    }
    op_end(ex, &run, at.token, g->m, each, shared);
}

void op_norm(struct executor *ex, struct place at, const struct norm *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, norm_part, o);
    uint64_t c = u(o->width);
    /* Sum, deviations squared, scale and shift; or squares and scale. */
    struct tally each = { (c + FOLD + 1) + (3 * c + FOLD + 4) + 4 * c,
                          8 * c + 8 };
    struct tally shared = { 0, 8 * c };
    if (o->rms) {
        each = (struct tally){ (2 * c + FOLD + 4) + 2 * c, 8 * c + 4 };
        shared.bytes = 4 * c;
    }
    if (o->from) {
        each.flops += c;
        each.bytes += 4 * c;
    }
    op_end(ex, &run, at.token, o->n, each, shared);
}

void op_norm_backward(struct executor *ex, struct place at,
                      const struct norm *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, norm_backward_part, o);
    uint64_t c = u(o->width);
    /* First sweep, second sweep, then the columns. */
    struct tally each = { (3 * c + c + FOLD + 2 * c + FOLD + 2) + 8 * c,
                          16 * c + 8 };
    struct tally columns = { 5 * c, 8 * c }, shared = { 0, 4 * c };
    if (o->rms) {
        each = (struct tally){ (2 * c + 2 * c + FOLD + 1) + 6 * c,
                               16 * c + 4 };
        columns = (struct tally){ 3 * c, 4 * c };
    }
    if (o->dgamma) {
        each.flops += columns.flops;
        shared.bytes += (o->sums ? 2 : 1) * columns.bytes;
    }
    op_end(ex, &run, at.token, o->n, each, shared);
}

PARTS(qk_norm, qk_norm)
PARTS(qk_norm_dgamma, qk_norm)
PARTS(qk_norm_dx, qk_norm)

static uint64_t groups_of(const struct qk_norm *o)
{
    return u(o->n_groups[0]) + u(o->n_groups[1]);
}

/* Of a row. */
static uint64_t numbers_of(const struct qk_norm *o)
{
    return u(o->n_groups[0]) * u(o->size[0]) +
           u(o->n_groups[1]) * u(o->size[1]);
}

/* Bytes of the scales that each side reads. */
static uint64_t scale_bytes(const struct qk_norm *o)
{
    uint64_t sum = 0;
    for (int i = 0; i < 2; i++) {
        const int32_t own = o->centred ? o->n_groups[i] : o->n_groups[i] > 0;
        sum += 4 * u(own) * u(o->size[i]);
    }
    return sum;
}

void op_qk_norm(struct executor *ex, struct place at, const struct qk_norm *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, qk_norm_part, o);
    uint64_t groups = groups_of(o), numbers = numbers_of(o);
    struct tally each = { 4 * numbers + groups * (FOLD + 4),
                          8 * numbers + 4 * groups };
    if (o->centred)              /* the sum, its mean, what is less that */
        each.flops += 2 * numbers + groups * (FOLD + 1);
    if (o->unnormed)
        each.bytes += 4 * numbers;
    op_end(ex, &run, at.token, o->rows, each,
           (struct tally){ 0, scale_bytes(o) });
}

void op_qk_norm_backward(struct executor *ex, struct place at,
                         const struct qk_norm *o)
{
    struct op_run run = op_begin(ex, at);
    uint64_t groups = groups_of(o), numbers = numbers_of(o);
    /* First sweep, second sweep. */
    struct tally each = { (4 + 5) * numbers + groups * (FOLD + 1),
                          12 * numbers + 4 * groups };
    struct tally shared = { 0, scale_bytes(o) };
    if (o->centred)              /* the mean gradient, and what is less that */
        each.flops += 3 * numbers + groups * (FOLD + 2);
    if (o->dgamma[0]) {
        op_parts(ex, qk_norm_dgamma_part, o);
        each.flops += 3 * numbers;
        shared.bytes += (o->sums ? 2 : 1) * scale_bytes(o);
    }
    op_parts(ex, qk_norm_dx_part, o);
    op_end(ex, &run, at.token, o->rows, each, shared);
}

struct rope_call {
    const struct rope *o;
    bool               backward;
};

static void rope_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct rope_call *r = call->operand;
    const struct rope *o = r->o;
    call->ex->kernels->rope(o->qkv, o->rows, o->n, o->n_heads, o->head_size,
                            o->turned, o->stride, o->table, r->backward, part,
                            parts);
}

void op_rope(struct executor *ex, struct place at, const struct rope *o)
{
    struct op_run run = op_begin(ex, at);
    struct rope_call r = { o, ex->pass == PASS_BACKWARD };
    op_parts(ex, rope_part, &r);
    uint64_t turned = u(o->n_heads) * u(o->turned);
    op_end(ex, &run, at.token, o->n,
           (struct tally){ 3 * turned, 8 * turned + 4 * u(o->turned) },
           (struct tally){ 0, 0 });
}

static void activation_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct activation *o = call->operand;
    const struct kernels *k = call->ex->kernels;
    size_t n = (size_t)o->n * (size_t)o->width;
    const bool forward = o->out != NULL;

    switch (o->kind) {
    case ACTIVATION_GELU:
    case ACTIVATION_GELU_ERF:
    case ACTIVATION_RELU:
        if (forward)
            (o->kind == ACTIVATION_GELU   ? k->gelu
             : o->kind == ACTIVATION_RELU ? k->relu
                                          : k->gelu_erf)(
                o->x, o->out, n, part, parts);
        else
            (o->kind == ACTIVATION_GELU   ? k->gelu_backward
             : o->kind == ACTIVATION_RELU ? k->relu_backward
                                          : k->gelu_erf_backward)(
                o->x, o->dout, o->dx, n, part, parts);
        break;
    case ACTIVATION_SWIGLU:
    case ACTIVATION_GEGLU:
        if (forward)
            (o->kind == ACTIVATION_SWIGLU ? k->swiglu : k->geglu)(
                o->x, o->out, o->n, o->width, part, parts);
        else
            (o->kind == ACTIVATION_SWIGLU ? k->swiglu_backward
                                          : k->geglu_backward)(
                o->x, o->dout, o->dx, o->n, o->width, part, parts);
        break;
    }
}

void op_activation(struct executor *ex, struct place at,
                   const struct activation *o)
{
    static const struct { uint64_t flops, bytes; } cost[][2] = {
        [ACTIVATION_GELU]     = { { EXP + 6, 8 },  { EXP + 14, 12 } },
        [ACTIVATION_GELU_ERF] = { { EXP + 17, 8 }, { EXP + 23, 12 } },
        [ACTIVATION_RELU]     = { { 0, 8 },        { 0, 12 } },
        [ACTIVATION_SWIGLU]   = { { EXP + 3, 12 }, { EXP + 9, 20 } },
        [ACTIVATION_GEGLU]    = { { EXP + 7, 12 }, { EXP + 16, 20 } },
    };
    struct op_run run = op_begin(ex, at);
    op_parts(ex, activation_part, o);
    int backward = o->out == NULL;
    op_end(ex, &run, at.token, o->n,
           (struct tally){ cost[o->kind][backward].flops * u(o->width),
                           cost[o->kind][backward].bytes * u(o->width) },
           (struct tally){ 0, 0 });
}

struct capping {
    real  *x;
    size_t n;
    float  cap;
};

static void cap_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct capping *o = call->operand;
    call->ex->kernels->cap(o->x, o->n, o->cap, part, parts);
}

void op_cap(struct executor *ex, struct place at, real *logits, int32_t n,
            int32_t width, float cap)
{
    struct op_run run = op_begin(ex, at);
    const struct capping o = { logits, (size_t)n * (size_t)width, cap };
    op_parts(ex, cap_part, &o);
    op_end(ex, &run, at.token, n,
           (struct tally){ (EXP + 4) * u(width), 8 * u(width) },
           (struct tally){ 0, 0 });
}

static void embed_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct embedding *o = call->operand;
    const struct kernels *k = call->ex->kernels;
    real *dwpe = o->dwpe ? o->dwpe + (ptrdiff_t)o->first_position * o->width
                         : NULL;
    if (o->stored)
        k->stored_embed(o->ids, o->position, o->stored, o->scale, o->wpe,
                        o->out, o->n, part, parts);
    else if (o->out)
        k->embed(o->ids, o->position, o->wte, o->wpe, o->out, o->n, o->width,
                 part, parts);
    else
        k->embed_backward(o->ids, o->position, o->dout, o->dwte, dwpe, o->n,
                          o->width, part, parts);
}

void op_embed(struct executor *ex, struct place at, const struct embedding *o)
{
    struct op_run run = op_begin(ex, at);
    uint64_t c = u(o->width);
    struct tally each = { 0, 8 * c + 4 }, shared = { 0, 0 };
    bool position = o->out ? o->wpe != NULL : o->dwpe != NULL;
    if (o->out) {
        if (position)
            each = (struct tally){ c, 12 * c + 4 };
    } else {
        size_t row = (size_t)o->width * sizeof(real);
        each = (struct tally){ c, 12 * c + 4 };
        if (o->clear_dwte) {
            memset(o->dwte, 0, (size_t)o->n_vocab * row);
            shared.bytes += 4 * u(o->n_vocab) * c;
        }
        if (position) {
            memset(o->dwpe, 0, (size_t)o->n_positions * row);
            shared.bytes += 4 * u(o->n_positions) * c;
            each = (struct tally){ 2 * c, 20 * c + 4 };
        }
    }
    if (o->stored) {
        const struct number_info *info = &number_table[o->stored->type];
        const uint64_t blocks = c / info->block;
        each.flops += blocks * info->flops + (o->scale > 0.0f ? c : 0);
        each.bytes += blocks * info->bytes - 4 * c;
    }
    op_parts(ex, embed_part, o);
    op_end(ex, &run, at.token, o->n, each, shared);
}

void op_loss(struct executor *ex, struct place at, const struct loss *o,
             double *mean)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, loss_part, o);
    *mean = ex->kernels->sum(0.0, o->nats, (size_t)o->n) / o->n;
    uint64_t v = u(o->width);
    op_end(ex, &run, at.token, o->n,
           (struct tally){ (EXP + 2) * v + FOLD + OP_FLOPS_LOG + 2 + 1,
                           4 * v + 16 }, (struct tally){ 0, 0 });
}

void op_loss_backward(struct executor *ex, struct place at,
                      const struct loss *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, loss_backward_part, o);
    uint64_t v = u(o->width), slopes = o->cap > 0.0f ? 4 * (v + 1) : 0;
    op_end(ex, &run, at.token, o->n,
           (struct tally){ (EXP + 2) * v + 2 + slopes, 8 * v + 12 },
           (struct tally){ 0, 0 });
}

void op_entropy(struct executor *ex, struct place at, const struct loss *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, entropy_part, o);
    uint64_t v = u(o->width);
    op_end(ex, &run, at.token, o->n,
           (struct tally){ (EXP + 3) * v + FOLD + OP_FLOPS_LOG + 2,
                           4 * v + 12 }, (struct tally){ 0, 0 });
}

void op_confidence(struct executor *ex, struct place at,
                   const struct confidence *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, confidence_part, o);
    uint64_t v = u(o->width);
    op_end(ex, &run, at.token, o->n,
           (struct tally){ (EXP + 2) * v + FOLD + 1, 4 * v + 4 },
           (struct tally){ 0, 0 });
}

struct squares_call {
    const real *x;
    size_t      n;
    real       *partial;
};

static void squares_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct squares_call *o = call->operand;
    call->ex->kernels->squares(o->x, o->n, o->partial, part, parts);
}

void op_squares(struct executor *ex, struct place at, const real *x, size_t n,
                real *partial, double *total)
{
    struct op_run run = op_begin(ex, at);
    struct squares_call o = { x, n, partial };
    size_t chunks = (n + OP_CLIP_CHUNK - 1) / OP_CLIP_CHUNK;
    op_parts(ex, squares_part, &o);
    *total = ex->kernels->sum(*total, partial, chunks);
    op_end(ex, &run, NULL, 0, (struct tally){ 0, 0 },
           (struct tally){ 2 * n + chunks * (FOLD + 1), 4 * n });
}

double op_clip_scale(struct executor *ex, struct place at, double squares,
                     double limit)
{
    struct op_run run = op_begin(ex, at);
    double scale = ex->kernels->clip_scale(squares, limit);
    op_end(ex, &run, NULL, 0, (struct tally){ 0, 0 },
           (struct tally){ 2, 0 });
    return scale;
}

struct adamw_call {
    const struct adamw *o;
    real               *p, *m, *v;
    const real         *g;
    size_t              n;
};

static void adamw_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct adamw_call *a = call->operand;
    call->ex->kernels->adamw(a->o, a->p, a->g, a->m, a->v, a->n, part, parts);
}

void op_adamw(struct executor *ex, struct place at, const struct adamw *o,
              real *p, const real *g, real *m, real *v, size_t n)
{
    struct op_run run = op_begin(ex, at);
    struct adamw_call call = { o, p, m, v, g, n };
    op_parts(ex, adamw_part, &call);
    op_end(ex, &run, NULL, 0, (struct tally){ 0, 0 },
           (struct tally){ 17 * n, 28 * n });
}
