/* lines.c - Count lines that ops rewrite, read again, or find cold. */
#include "sim/price/lines.h"

#include <math.h>

/* Bytes per row; q and k are 1 where the run is of queries, and of keys.
 *  pass, op,           a result on top of its operand, gone over once more  */
#define ROW_MAP(X)                                                             \
    X(FORWARD,  QK_NORM,  4 * (q * Q + k * E),      0)                         \
    X(FORWARD,  ROPE,     4 * (q * H + k * G) * R,  0)                         \
    X(FORWARD,  GATE,     4 * C,                      0)                       \
    X(BACKWARD, LOSS,     4 * V,                      0)                       \
    X(BACKWARD, ROPE,     4 * (q * H + k * G) * R,  0)                         \
    X(BACKWARD, ROUTE,    4 * C,                      0)                       \
    X(BACKWARD, EMBED,    4 * C * (1 + learned), 0)                            \
    /* dx first, then dgamma (and dbeta): x, dout and statistics twice */      \
    X(BACKWARD, NORM,     4 * C,                                               \
      learns_scale ? 8 * C + (shifted ? 8 : 4) : 0)                            \
    /* dgamma first, then dx over dout: both, and statistics, twice */         \
    X(BACKWARD, QK_NORM,  4 * (q * Q + k * E),                                 \
      learns_scale ? 8 * (q * Q + k * E) + 4 * (q * Nq + k * Nk) : 0)

/* Of adamw's 7 passes over n numbers, 3 write where 3 of the others read. */
static const double update_rewritten = 3.0 / 7.0;

struct row_lines { uint64_t rewritten, again; };

static struct row_lines row_lines(const struct lines_op *o)
{
    const struct model_spec *spec = o->spec;
    FLOPS_LETTER_MAP(FLOPS_LETTER)
    const bool shifted = spec->traits.norm == NORM_LAYER,
        learns_scale = !spec->backbone_frozen,
        q = o->side != LINES_KEYS, k = o->side != LINES_QUERIES;

#define X(in_pass, in_op, over, again)                                         \
    if (o->pass == PASS_##in_pass && o->op == OP_##in_op)                      \
        return (struct row_lines){ over, again };
    ROW_MAP(X)
#undef X
    return (struct row_lines){ 0, 0 };
}

/* Bytes that a cache holds of a table: the rows that are wanted once more (each
 * token is taken to differ from the last n_vocab), and the zeros that backward
 * wrote before it adds to them. */
static double rows_held(const struct lines_op *o, double size)
{
    const double row = 4.0 * o->spec->n_channels;
    const double length[] = { o->spec->n_vocab, spec_position_rows(o->spec) };
    const double wanted[] = { o->spec->n_vocab, o->tokens };
    const int n_tables = length[1] > 0 ? 2 : 1;
    double held = 0;

    for (int t = 0; o->op == OP_EMBED && t < n_tables; t++)
        if (row * length[t] <= size)
            held += row * fmax((double)o->rows - wanted[t], 0);
    if (held > 0 && n_tables == 2 && o->pass == PASS_BACKWARD)
        held += row * length[1];
    return held;
}

/* A byte that is rewritten is two of the operands: it is read and written.  An op
 * may have rows beside those of the map, which are less wide, as the scores of
 * depths are than the router's stream. */
uint64_t lines_rewritten(const struct lines_op *o)
{
    if (o->pass == PASS_UPDATE)
        return o->op == OP_ADAMW
                   ? (uint64_t)((double)o->bytes * update_rewritten) : 0;
    const uint64_t rewritten = row_lines(o).rewritten * o->rows;
    return rewritten < o->bytes / 2 ? rewritten : o->bytes / 2;
}

/* Of a forward op's row: the result that the op's line names. */
static uint64_t cold_row(const struct lines_op *o)
{
    const struct model_spec *spec = o->spec;
    FLOPS_LETTER_MAP(FLOPS_LETTER)
    const uint64_t NONE = 0, STREAM = 4 * C, EMBED = 8 * C + 4 * C * learned,
        NORM = 4 * C + (spec->traits.norm == NORM_LAYER ? 8 : 4),
        QKV = 4 * (Q + 2 * E), HEADS = 4 * (Nq + Nk) + 4 * (Q + E) * o->training,
        ATTEND = 4 * Q + 8 * H, UP = 4 * U, ACT = 4 * F, HEAD = 4 * V;

#define X(id, name, work, stack, writes, what)                                 \
    if (o->op == OP_##id)                                                      \
        return writes;
    OP_MAP(X)
#undef X
    return NONE;
}

uint64_t lines_cold(const struct lines_op *o)
{
    return o->pass == PASS_FORWARD ? cold_row(o) * o->rows : 0;
}

/* ---- products ---- */

/* c [m,n] = a [m,k] b [k,n].  Turned: the operand's rows lie along its columns
 * in memory.  Adds: to something that lies elsewhere. */
struct product {
    double m, n, k;
    bool   a_turned, b_turned, adds;
};

/* The block sizes of models/kernels/gemm.c: Goto and van de Geijn 2008. */
enum { DEPTH = 256, ROWS = 256, VECTORS = 3, FEW_ROWS = 4, FEW_TILES = 16,
       FEW_COLUMNS = 64 };
static const double line = 64;

static double tile_rows(int lanes)
{
    return lanes == 16 ? 8 : 4;
}

/* Bytes of lines for each byte of a row that is cut into panels of `width`
 * floats: a panel's end shares its line with the next, a row of panels starts a
 * line. */
static double cut(double n, double width)
{
    const int panels = (int)ceil(n / width);
    double lines = 0;

    for (int p = 0; p < panels; p++)
        lines += ceil(4 * fmin((p + 1) * width, n) / line) -
                 floor(4 * p * width / line);
    return lines * line / (4 * n);
}

/* Bytes beyond reading or writing a, b and c once.  A panel's rows of a are
 * used again after a block of them and of c; a packed panel after all of a
 * block of rows; the packed copies and c after all of a block of k. */
static double product_again(const struct product *p, int lanes, double size)
{
    const double a = 4 * p->m * p->k, b = 4 * p->k * p->n, c = 4 * p->m * p->n;
    const double depth = fmin(p->k, DEPTH), rows = fmin(p->m, ROWS);
    const double width = VECTORS * lanes, edge = cut(p->n, width) - 1;
    const double a_block = 4 * rows * depth, packed = 4 * depth * p->n;
    const bool many = p->m > FEW_TILES * tile_rows(lanes);
    const bool packs = many || p->b_turned;
    const bool slivers = p->a_turned && many && p->n > FEW_COLUMNS;
    const bool far = a_block + 4 * depth * width + 4 * rows * width > size;
    const bool rows_far = a_block * (slivers ? 2 : 1) + packed +
                          4 * rows * p->n * (p->adds ? 2 : 1) > size;
    const bool depth_far = 4 * p->m * depth + 2 * packed + c > size;
    double again = 0;

    if (p->m <= FEW_ROWS && !p->b_turned)
        return 0;
    if (far)
        again += a * (ceil(p->n / width) - 1) + c * edge;
    if (slivers)                     /* written, and then read from there */
        again += (rows_far ? a : a_block) + (far ? a : 0);
    if (packs && rows_far)
        again += b * (ceil(p->m / ROWS) - 1);
    if (packs)
        again += depth_far ? b : packed;
    else if (far)
        again += b * edge;
    if (depth_far)
        again += c * (ceil(p->k / DEPTH) - 1);
    return again;
}

/* Find the inputs and outputs of a product's weight; false: the op has none. */
static bool weight_of(const struct lines_op *o, double *k, double *n)
{
    const struct model_spec *s = o->spec;
    const int32_t C = s->n_channels;
    const struct { int32_t k, n; } of[OP_COUNT] = {
        [OP_QKV] = { C, spec_q(s) + 2 * spec_e(s) },
        [OP_PROJECT] = { spec_q(s), C },   [OP_FFN_UP] = { C, spec_up(s) },
        [OP_FFN_DOWN] = { s->n_ffn, C },   [OP_HEAD] = { C, s->n_vocab },
    };

    *k = of[o->op].k;
    *n = of[o->op].n;
    return of[o->op].k > 0;
}

static double products_again(const struct lines_op *o, double size)
{
    const double m = (double)o->rows;
    const bool head = o->op == OP_HEAD;    /* stored as [n,k] */
    double k, n;

    if (o->product_lanes == 0 || o->plain || !weight_of(o, &k, &n))
        return 0;
    if (o->pass == PASS_FORWARD)
        return product_again(&(struct product){ m, n, k, false,
            head && !o->head_turned, o->op == OP_PROJECT ||
                                     o->op == OP_FFN_DOWN },
            o->product_lanes, size);
    double again = product_again(&(struct product){ m, k, n, false, !head,
                                                    false },
                                 o->product_lanes, size);
    if (o->spec->backbone_frozen)
        return again;
    /* The weight's gradient reads dout once more, and so do the biases'. */
    const struct product dw = head
        ? (struct product){ n, k, m, true, false, false }
        : (struct product){ k, n, m, true, false, false };
    const struct traits *traits = &o->spec->traits;
    const bool biased = o->op == OP_QKV       ? traits->qkv_bias
                        : o->op == OP_PROJECT ? traits->project_bias
                                              : !head && traits->ffn_bias;
    if (4 * m * (n + k) > size)
        again += 4 * m * n * (biased ? 2 : 1);
    return again + product_again(&dw, o->product_lanes, size);
}

double lines_again(const struct lines_op *o, double size)
{
    double own = (double)o->bytes;

    if (own <= size)
        return 0;
    return products_again(o, size) + (double)(row_lines(o).again * o->rows) -
           rows_held(o, size);
}
