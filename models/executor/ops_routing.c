/* ops_routing.c - Run the ops by which tokens are chosen, taken out of the stream
 * and put back, and tally them. */
#include "models/executor/ops_inside.h"

#include "sim/core/base/random.h"

PARTS(route, router)
PARTS(route_backward, router)
PARTS(predict, predictor)
PARTS(predict_backward, predictor)
PARTS(depths, depths)
PARTS(depths_backward, depths)
PARTS(route_loss, router_loss)
PARTS(route_loss_backward, router_loss)
PARTS(stream_signal, stream_signal)
PARTS(carry, carrying)
PARTS(gate, gating)
PARTS(gate_backward, gating)
PARTS(bypass, gating)
PARTS(bypass_backward, gating)

void op_route(struct executor *ex, struct place at, const struct router *o)
{
    struct op_run run = op_begin(ex, at);
    bool backward = ex->pass == PASS_BACKWARD;
    op_parts(ex, backward ? route_backward_part : route_part, o);
    uint64_t c = u(o->width);
    const struct tally each[3][2] = {
        [ROUTER_RAW] = {
            { 2 * c + FOLD, 4 * c + 4 },
            { 2 * c + 2 * c, 12 * c + 4 } },
        [ROUTER_RMS] = {
            { (2 * c + FOLD + 4) + (2 * c + FOLD + 1), 4 * c + 8 },
            { (4 * c + FOLD + 1) + 6 * c + 3 * c, 12 * c + 8 } },
        [ROUTER_LAYER_NORM] = {
            { (c + FOLD + 1) + (3 * c + FOLD + 4) + (3 * c + FOLD + 1),
              4 * c + 12 },
            { (6 * c + 2 * FOLD + 2) + 8 * c + 4 * c, 12 * c + 12 } },
    };
    op_end(ex, &run, at.token, o->n, each[o->input][backward],
           (struct tally){ 0, (backward ? 8 : 4) * c });
}

void op_depths(struct executor *ex, struct place at, const struct depths *o)
{
    struct op_run run = op_begin(ex, at);
    const bool backward = ex->pass == PASS_BACKWARD;
    op_parts(ex, backward ? depths_backward_part : depths_part, o);
    const uint64_t n = u(o->n_depths);
    /* Softmax and margins; gradients, their mean by chances, what is above it. */
    struct tally each = { n * (EXP + 1) + (n - 1) + n + (n - 1), 12 * n };
    if (backward)
        each.flops = (o->slope ? n : 0) + (2 * n - 1) + 2 * n;
    op_end(ex, &run, at.token, o->n, each, (struct tally){ 0, 0 });
}

struct input_call {
    const struct router *o;
    real                *out;
};

static void router_input_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct input_call *i = call->operand;
    call->ex->kernels->router_input(i->o, i->out, part, parts);
}

void op_router_input(struct executor *ex, struct place at,
                     const struct router *o, real *out)
{
    struct op_run run = op_begin(ex, at);
    struct input_call call = { o, out };
    const bool centred = o->input == ROUTER_LAYER_NORM;
    op_parts(ex, router_input_part, &call);
    uint64_t c = u(o->width);
    op_end(ex, &run, at.token, o->n,
           (struct tally){ centred ? 2 * c : c, 8 * c + (centred ? 8 : 4) },
           (struct tally){ 0, 0 });
}

void op_predict(struct executor *ex, struct place at,
                const struct predictor *o)
{
    struct op_run run = op_begin(ex, at);
    uint64_t w = u(o->width);
    struct tally each = { 2 * w + FOLD + 1, 4 * w + 4 };
    struct tally shared = { 0, 4 * w + 4 };
    if (ex->pass == PASS_BACKWARD) {
        op_parts(ex, predict_backward_part, o);
        each = (struct tally){ 3 * w + 1, 8 * w + 4 };
        shared.bytes = 8 * w + 4;
    } else {
        op_parts(ex, predict_part, o);
    }
    op_end(ex, &run, at.token, o->n, each, shared);
}

void op_route_loss(struct executor *ex, struct place at,
                   const struct router_loss *o, double *mean)
{
    struct op_run run = op_begin(ex, at);
    struct tally each = { EXP + OP_FLOPS_LOG + 2 + 1, 12 };
    if (ex->pass == PASS_BACKWARD) {
        op_parts(ex, route_loss_backward_part, o);
        const bool entropy = o->entropy > 0.0f, square = o->square > 0.0f;
        const int n = entropy + square + o->balanced;
        each.flops = (entropy || o->balanced ? u(EXP + 2) : 0) +
                     (entropy ? u(2) : 0) + (o->balanced ? u(3) : 0) +
                     (square ? u(1) : 0) + u(n - 1);
        each.bytes = entropy ? 12 : 8;
    } else {
        op_parts(ex, route_loss_part, o);
        *mean = ex->kernels->sum(0.0, o->nats, (size_t)o->n) / o->n;
    }
    op_end(ex, &run, at.token, o->n, each, (struct tally){ 0, 0 });
}

void op_stream_signal(struct executor *ex, struct place at,
                      const struct stream_signal *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, stream_signal_part, o);
    uint64_t c = u(o->width);
    struct tally each = { 2 * c + FOLD, 4 * c + 4 };
    if (o->left)
        each = (struct tally){ 3 * c + FOLD, 12 * c + 4 };
    op_end(ex, &run, at.token, o->n, each, (struct tally){ 0, 0 });
}

void op_hash(struct executor *ex, struct place at, int32_t choice,
             const int32_t *ids, int32_t n, real *score)
{
    struct op_run run = op_begin(ex, at);
    for (int32_t r = 0; r < n; r++) {
        uint64_t bits = random_mix((uint64_t)ids[r], (uint64_t)choice, 0, 2);
        score[r] = (real)(bits >> 40) * 0x1p-24f;
    }
    op_end(ex, &run, at.token, n, (struct tally){ 0, 8 },
           (struct tally){ 0, 0 });
}

void op_look_up(struct executor *ex, struct place at,
                const struct looking_up *o)
{
    struct op_run run = op_begin(ex, at);
    const struct rows *rows = o->rows;

    for (int32_t s = 0; s < rows->n_sequences; s++)
        for (int32_t r = rows->first[s]; r < rows->first[s + 1]; r++) {
            const int32_t p = rows->position[r];
            const int32_t *id = o->ids + (o->stride ? s * o->stride + p : r);
            o->score[r] = (real)route_table_score(o->table, at.layer,
                                                  o->part, id, p);
        }
    op_end(ex, &run, at.token, rows->first[rows->n_sequences],
           (struct tally){ 0, 12 }, (struct tally){ 0, 0 });
}

void op_draw(struct executor *ex, struct place at, const struct drawing *o)
{
    struct op_run run = op_begin(ex, at);
    const struct rows *rows = o->rows;
    const int32_t n = rows->first[rows->n_sequences];

    for (int32_t s = 0; s < rows->n_sequences; s++)
        for (int32_t r = rows->first[s]; r < rows->first[s + 1]; r++) {
            int32_t sum = -6 * (1 << 16);
            for (uint64_t i = 0; i < 3; i++) {
                uint64_t bits = random_mix(o->seed, (uint64_t)s,
                                           (uint64_t)rows->position[r], i);
                for (; bits > 0; bits >>= 16)
                    sum += (int32_t)(bits & 0xffff);
            }
            o->score[r] = (real)sum * 0x1p-16f;
        }
    op_end(ex, &run, at.token, n, (struct tally){ 0, 4 },
           (struct tally){ 0, 0 });
}

static void gather_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct gathering *o = call->operand;
    for (int i = 0; i < 2 && o->x[i]; i++)
        call->ex->kernels->gather(o->x[i], o->row, o->out[i], o->n, o->width,
                                  part, parts);
}

void op_gather(struct executor *ex, struct place at, const struct gathering *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, gather_part, o);
    op_end(ex, &run, at.token, o->n,
           (struct tally){ 0, (o->x[1] ? 16 : 8) * u(o->width) },
           (struct tally){ 0, 0 });
}

static void scatter_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct scattering *o = call->operand;
    call->ex->kernels->scatter(o->x, o->stride, o->row, o->from_there, o->out,
                               o->n, o->width, part, parts);
}

void op_scatter(struct executor *ex, struct place at,
                const struct scattering *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, scatter_part, o);
    op_end(ex, &run, at.token, o->n, (struct tally){ 0, 8 * u(o->width) },
           (struct tally){ 0, 0 });
}

static void scatter_add_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct scattering *o = call->operand;
    call->ex->kernels->scatter_add(o->x, o->row, o->out, o->n, o->width, part,
                                   parts);
}

void op_scatter_add(struct executor *ex, struct place at,
                    const struct scattering *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, scatter_add_part, o);
    op_end(ex, &run, at.token, o->n,
           (struct tally){ u(o->width), 12 * u(o->width) },
           (struct tally){ 0, 0 });
}

static void take_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct taking *o = call->operand;
    call->ex->kernels->take(o->x, o->row, o->out, o->stride, o->n, o->width,
                            part, parts);
}

void op_take(struct executor *ex, struct place at, const struct taking *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, take_part, o);
    op_end(ex, &run, at.token, o->n, (struct tally){ 0, 12 * u(o->width) },
           (struct tally){ 0, 0 });
}

void op_carry(struct executor *ex, struct place at, const struct carrying *o)
{
    struct op_run run = op_begin(ex, at);
    op_parts(ex, carry_part, o);
    op_end(ex, &run, at.token, o->n,
           (struct tally){ 0, 16 * u(o->n_kv_heads) * u(o->head_size) },
           (struct tally){ 0, 0 });
}

struct gather_back {
    const real    *from, *pass;
    const int32_t *token;
    real          *to;
    int32_t        n, width;
};

static void gather_back_part(void *argument, int part, int parts)
{
    const struct op_call *call = argument;
    const struct gather_back *o = call->operand;
    call->ex->kernels->gather_backward(o->from, o->pass, o->token, o->to, o->n,
                                       o->width, part, parts);
}

void op_gather_backward(struct executor *ex, struct place at, const real *dx,
                        const real *dpass, real *dstream, int32_t n,
                        int32_t width)
{
    struct op_run run = op_begin(ex, at);
    struct gather_back o = { dx, dpass, at.token, dstream, n, width };
    op_parts(ex, gather_back_part, &o);
    struct tally each = { 0, 8 * u(width) };
    if (dpass)
        each = (struct tally){ u(width), 12 * u(width) };
    op_end(ex, &run, at.token, n, each, (struct tally){ 0, 0 });
}

/* Of one gate and of its slope. */
static uint64_t value_flops(const struct gating *o)
{
    static const uint64_t value[] = { [GATING_RAW] = 0,
        [GATING_SIGMOID] = EXP + 2, [GATING_TANH] = EXP + 4 };
    return value[o->gate] + (o->scale < 1.0f || o->scale > 1.0f);
}

static uint64_t slope_flops(const struct gating *o)
{
    static const uint64_t slope[] = { [GATING_RAW] = 0, [GATING_SIGMOID] = 3,
        [GATING_TANH] = 3 };
    return slope[o->gate] + (o->scale < 1.0f || o->scale > 1.0f) + o->adds;
}

void op_gate(struct executor *ex, struct place at, const struct gating *o)
{
    struct op_run run = op_begin(ex, at);
    bool backward = ex->pass == PASS_BACKWARD;
    op_parts(ex, backward ? gate_backward_part : gate_part, o);
    const uint64_t c = u(o->width), apart = o->whole ? 0 : c;
    struct tally each = { 0, 8 * c };
    if (o->gate != GATING_ONE && !backward)
        each = (struct tally){ 2 * c + apart + value_flops(o), 12 * c + 8 };
    else if (o->gate != GATING_ONE && o->trained)
        each = (struct tally){ c + 2 * c + FOLD + slope_flops(o),
                               16 * c + 8 + 4 * apart };
    else if (o->gate != GATING_ONE)
        each = (struct tally){ c, 12 * c + 4 };
    const bool learns = backward && o->gate != GATING_ONE && o->trained;
    /* What is handed on is (1 - g) of it; of a gradient of scores, y - x. */
    if (backward && o->gate != GATING_ONE && !o->whole)
        each.flops += c + 1 + (learns ? c : 0);
    if (learns && o->adds)
        each.bytes += 4;
    if (backward && o->restores)
        each.bytes += learns && !o->whole ? 4 * c : 8 * c;
    op_end(ex, &run, at.token, o->n, each, (struct tally){ 0, 0 });
}

void op_bypass(struct executor *ex, struct place at, const struct gating *o)
{
    struct op_run run = op_begin(ex, at);
    bool backward = ex->pass == PASS_BACKWARD;
    uint64_t c = u(o->width);
    struct tally each = { c + value_flops(o), 8 * c + 8 };
    op_parts(ex, backward ? bypass_backward_part : bypass_part, o);
    if (backward)
        each = (struct tally){ c, 8 * c + 4 };
    if (backward && o->trained) {
        each.flops += 2 * c + FOLD + slope_flops(o);
        each.bytes += 4 * c + 4 + (o->adds ? 4 : 0);
    }
    if (backward && o->restores)
        each.bytes += o->trained ? 4 * c : 8 * c;
    op_end(ex, &run, at.token, o->n, each, (struct tally){ 0, 0 });
}
