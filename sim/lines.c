/* lines.c - in place, gone over twice, and panels of products. */
#include "sim/lines.h"

#include <math.h>

/* The letters of spec.h. */
struct letters {
    double C, Q, E, F, U, V;
    bool   gpt2, learns_scale;
};

static struct letters letters_of(const struct model_spec *spec)
{
    return (struct letters){
        .C = spec->n_channels, .Q = spec_q(spec), .E = spec_e(spec),
        .F = spec->n_ffn, .U = spec_up(spec), .V = spec->n_vocab,
        .gpt2 = spec->family == FAMILY_GPT2,
        .learns_scale = !spec->backbone_frozen,
    };
}

/* Bytes per row.
 *  pass, op,           a result on top of its operand, gone over once more  */
#define ROW_MAP(X)                                                             \
    X(FORWARD,  ROPE,     4 * (s.Q + s.E),              0)                     \
    X(FORWARD,  GATE,     4 * s.C,                      0)                     \
    X(BACKWARD, LOSS,     4 * s.V,                      0)                     \
    X(BACKWARD, ROPE,     4 * (s.Q + s.E),              0)                     \
    X(BACKWARD, ROUTE,    4 * s.C,                      0)                     \
    X(BACKWARD, EMBED,    4 * s.C * (s.gpt2 ? 2 : 1),   0)                     \
    /* dx first, then dgamma (and dbeta): x, dout and their statistics twice */ \
    X(BACKWARD, NORM,     4 * s.C,                                             \
      s.learns_scale ? 8 * s.C + (s.gpt2 ? 8 : 4) : 0)

/* Of adamw's 7 passes over n numbers, 3 write where 3 of the others read. */
static const double update_rewritten = 3.0 / 7.0;

struct row_lines { double rewritten, again; };

static struct row_lines row_lines(const struct lines_op *o)
{
    const struct letters s = letters_of(o->spec);

#define X(in_pass, in_op, over, again)                                         \
    if (o->pass == PASS_##in_pass && o->op == OP_##in_op)                      \
        return (struct row_lines){ over, again };
    ROW_MAP(X)
#undef X
    /* The residual: read, and the sum written. */
    if (o->in_place && o->pass == PASS_FORWARD &&
        (o->op == OP_PROJECT || o->op == OP_FFN_DOWN))
        return (struct row_lines){ 4 * s.C, 0 };
    return (struct row_lines){ 0, 0 };
}

uint64_t lines_rewritten(const struct lines_op *o)
{
    if (o->pass == PASS_UPDATE)
        return o->op == OP_ADAMW
                   ? (uint64_t)((double)o->bytes * update_rewritten) : 0;
    return (uint64_t)(row_lines(o).rewritten * (double)o->rows);
}

/* ---- products ---- */

/* c [m,n] = a [m,k] b [k,n].  Turned: the operand's rows lie along its columns
 * in memory. */
struct product {
    double m, n, k;
    bool   a_turned, b_turned;
};

/* How models/kernels/gemm.c cuts one up: Goto and van de Geijn 2008. */
enum { DEPTH = 256, ROWS = 256, VECTORS = 3, FEW_ROWS = 4, FEW_TILES = 16,
       FEW_COLUMNS = 64 };
static const double line = 64;

static double tile_rows(int lanes)
{
    return lanes == 16 ? 8 : 4;
}

/* Bytes of lines for each byte of a row that panels of `width` floats cut: a
 * panel's ends share their line with the next, a row of panels starts a line. */
static double cut(double n, double width)
{
    double lines = 0;

    for (double at = 0; at < n; at += width)
        lines += ceil(4 * fmin(at + width, n) / line) - floor(4 * at / line);
    return lines * line / (4 * n);
}

/* Beyond a, b and c once. */
static double product_again(const struct product *p, int lanes, double size)
{
    const double a = 4 * p->m * p->k, b = 4 * p->k * p->n, c = 4 * p->m * p->n;
    const double depth = fmin(p->k, DEPTH), rows = fmin(p->m, ROWS);
    const double width = VECTORS * lanes, panels = ceil(p->n / width);
    const double panel = 4 * depth * width, scratch = 4 * depth * p->n;
    const bool many = p->m > FEW_TILES * tile_rows(lanes);
    const bool slivers = p->a_turned && many && p->n > FEW_COLUMNS;
    const double sliver_bytes = 4 * rows * depth;
    /* Between a panel and the next: a block of a, and the panel's c. */
    const bool far = sliver_bytes + panel + 4 * rows * width > size;
    double again = 0;

    if (p->m <= FEW_ROWS && !p->b_turned)
        return 0;
    if (far)
        again += a * (panels - 1) + c * (cut(p->n, width) - 1);
    if (c > size)
        again += c * (ceil(p->k / DEPTH) - 1);
    if (slivers)                     /* written, and then read from there */
        again += sliver_bytes > size ? (far ? 2 * a : a) : sliver_bytes;
    if (many || p->b_turned) {
        again += scratch > size ? b : scratch;
        if (scratch + sliver_bytes > size)
            again += b * (ceil(p->m / ROWS) - 1);
    } else if (far) {
        again += b * (cut(p->n, width) - 1);
    }
    return again;
}

/* Inputs and outputs of a product's weight; false: the op is none. */
static bool weight_of(const struct lines_op *o, double *k, double *n)
{
    const struct letters s = letters_of(o->spec);

    switch (o->op) {
    case OP_QKV:      *k = s.C; *n = s.Q + 2 * s.E; return true;
    case OP_PROJECT:  *k = s.Q; *n = s.C;           return true;
    case OP_FFN_UP:   *k = s.C; *n = s.U;           return true;
    case OP_FFN_DOWN: *k = s.F; *n = s.C;           return true;
    case OP_HEAD:     *k = s.C; *n = s.V;           return true;
    default:          return false;
    }
}

static double products_again(const struct lines_op *o, double size)
{
    const double m = (double)o->rows;
    const bool head = o->op == OP_HEAD;    /* stored as [n,k] */
    double k, n;

    if (o->product_lanes == 0 || o->plain || !weight_of(o, &k, &n))
        return 0;
    if (o->pass == PASS_FORWARD)           /* few rows: a head turned before */
        return product_again(&(struct product){ m, n, k, false,
            head && m > FEW_ROWS }, o->product_lanes, size);
    double again = product_again(&(struct product){ m, k, n, false, !head },
                                 o->product_lanes, size);
    if (o->spec->backbone_frozen)
        return again;
    /* The weight's gradient reads dout once more, and so do the biases'. */
    const struct product dw = head ? (struct product){ n, k, m, true, false }
                                   : (struct product){ k, n, m, true, false };
    const bool biased = !head && (o->op == OP_QKV ? spec_qkv_bias(o->spec)
                                  : o->spec->family == FAMILY_GPT2);
    if (4 * m * n > size)
        again += 4 * m * n * (biased ? 2 : 1);
    return again + product_again(&dw, o->product_lanes, size);
}

double lines_again(const struct lines_op *o, double size)
{
    double own = (double)o->bytes;

    if (own <= size)
        return 0;
    return products_again(o, size) + row_lines(o).again * (double)o->rows;
}
