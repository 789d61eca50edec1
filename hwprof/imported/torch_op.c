/* torch_op.c - List the ops of PyTorch, and work out calls by their shapes. */
#include "hwprof/imported/torch_op.h"

#include <math.h>
#include <string.h>

#include "sim/core/ledger/op.h"

/* Of a number: layer norm 8, tanh GELU 24 (op.h's worked example); a softmax
 * subtracts, takes exp, sums and divides; its cross-entropy likewise. */
enum { NORM_FLOPS = 8, ACT_FLOPS = 24, SOFTMAX_FLOPS = OP_FLOPS_EXP + 3,
       BACK = 2 /* times forward's, of what is no product */ };

#define NO CHROME_NONE
static const struct torch_op ops[] = {
    { "aten::mm",      TORCH_PRODUCT, 0, NO, 0 },
    { "aten::addmm*",  TORCH_PRODUCT, 1, NO, 0 },
    { "aten::_addmm_activation", TORCH_PRODUCT, 1, NO, 0 },
    { "aten::_scaled_mm", TORCH_PRODUCT, 0, NO, 0 },
    { "aten::_int_mm", TORCH_PRODUCT, 0, NO, 0 },
    { "aten::bmm",     TORCH_BATCH_PRODUCT, 0, NO, 0 },
    { "aten::baddbmm", TORCH_BATCH_PRODUCT, 1, NO, 0 },

    { "aten::scaled_dot_product_attention", TORCH_ATTENTION, 0, 5, 0 },
    { "aten::_scaled_dot_product_flash_attention_for_cpu", TORCH_ATTENTION, 0,
      4, 0 },
    { "aten::_scaled_dot_product_flash_attention", TORCH_ATTENTION, 0, 4, 0 },
    { "aten::_scaled_dot_product_efficient_attention", TORCH_ATTENTION, 0, 6,
      0 },
    { "aten::_scaled_dot_product_cudnn_attention", TORCH_ATTENTION, 0, 6, 0 },
    { "aten::_scaled_dot_product_attention_math", TORCH_ATTENTION, 0, 5, 0 },
    { "aten::_scaled_dot_product_flash_attention_for_cpu_backward",
      TORCH_ATTENTION_BACK, 1, 7, 0 },
    { "aten::_scaled_dot_product_flash_attention_backward",
      TORCH_ATTENTION_BACK, 1, 11, 0 },
    { "aten::_scaled_dot_product_efficient_attention_backward",
      TORCH_ATTENTION_BACK, 1, 11, 0 },
    { "aten::_scaled_dot_product_cudnn_attention_backward",
      TORCH_ATTENTION_BACK, 1, 14, 0 },
    { "aten::_softmax", TORCH_SOFTMAX, 0, NO, SOFTMAX_FLOPS },
    { "aten::_softmax_backward_data", TORCH_SOFTMAX, 0, NO, 4 },

    { "aten::native_layer_norm", TORCH_NORM, 0, NO, NORM_FLOPS },
    { "aten::native_layer_norm_backward", TORCH_NORM_BACK, 0, NO,
      BACK * NORM_FLOPS },
    { "aten::rms_norm", TORCH_NORM, 0, NO, 4 },
    { "aten::_fused_rms_norm", TORCH_NORM, 0, NO, 4 },
    { "aten::_fused_rms_norm_backward", TORCH_NORM_BACK, 0, NO, BACK * 4 },

    { "aten::gelu", TORCH_ACT, 0, NO, ACT_FLOPS },
    { "aten::gelu_backward", TORCH_ACT_BACK, 0, NO, BACK * ACT_FLOPS },
    { "aten::silu*", TORCH_ACT, 0, NO, OP_FLOPS_EXP + 3 },
    { "aten::silu_backward", TORCH_ACT_BACK, 0, NO, BACK * (OP_FLOPS_EXP + 3) },
    { "aten::relu*", TORCH_ACT, 0, NO, 0 },
    { "aten::threshold_backward", TORCH_ACT_BACK, 0, NO, 0 },
    { "aten::sigmoid*", TORCH_ACT, 0, NO, OP_FLOPS_EXP + 2 },
    { "aten::tanh*", TORCH_ACT, 0, NO, OP_FLOPS_EXP + 4 },

    { "aten::embedding", TORCH_EMBED, 0, NO, 0 },
    { "aten::embedding_dense_backward", TORCH_EMBED_BACK, 0, NO, 1 },
    { "aten::cross_entropy_loss", TORCH_LOSS, 0, NO, SOFTMAX_FLOPS },
    { "aten::_log_softmax", TORCH_LOSS, 0, NO, SOFTMAX_FLOPS },
    { "aten::nll_loss*", TORCH_LOSS, 0, NO, 0 },
    { "aten::_log_softmax_backward_data", TORCH_LOSS_BACK, 0, NO,
      OP_FLOPS_EXP + 2 },
    { "aten::nll_loss_backward", TORCH_LOSS_BACK, 0, NO, 0 },

    { "aten::topk", TORCH_SELECT, 0, NO, 0 },
    { "aten::sort", TORCH_SELECT, 0, NO, 0 },
    { "aten::argsort", TORCH_SELECT, 0, NO, 0 },
    { "aten::nonzero", TORCH_SELECT, 0, NO, 0 },
    { "aten::gather", TORCH_GATHER, 0, NO, 0 },
    { "aten::index", TORCH_GATHER, 0, NO, 0 },
    { "aten::index_select", TORCH_GATHER, 0, NO, 0 },
    { "aten::masked_select", TORCH_GATHER, 0, NO, 0 },
    { "aten::scatter*", TORCH_SCATTER, 0, NO, 1 },
    { "aten::index_add*", TORCH_SCATTER, 0, NO, 1 },
    { "aten::index_put*", TORCH_SCATTER, 0, NO, 0 },
    { "aten::index_copy*", TORCH_SCATTER, 0, NO, 0 },
    { "aten::_fused_adamw_", TORCH_UPDATE, 0, NO, 0 },
    { "aten::_fused_adam_", TORCH_UPDATE, 0, NO, 0 },

    { "aten::addcmul*", TORCH_ELEMENTS, 0, NO, 3 },
    { "aten::addcdiv*", TORCH_ELEMENTS, 0, NO, 3 },
    { "aten::add", TORCH_ELEMENTS, 0, NO, 1 },
    { "aten::add_", TORCH_ELEMENTS, 0, NO, 1 },
    { "aten::sub*", TORCH_ELEMENTS, 0, NO, 1 },
    { "aten::rsub", TORCH_ELEMENTS, 0, NO, 1 },
    { "aten::mul*", TORCH_ELEMENTS, 0, NO, 1 },
    { "aten::div*", TORCH_ELEMENTS, 0, NO, 1 },
    { "aten::lerp*", TORCH_ELEMENTS, 0, NO, 3 },
    { "aten::sqrt*", TORCH_ELEMENTS, 0, NO, 1 },
    { "aten::rsqrt*", TORCH_ELEMENTS, 0, NO, 2 },
    { "aten::exp*", TORCH_ELEMENTS, 0, NO, OP_FLOPS_EXP },
    { "aten::pow*", TORCH_ELEMENTS, 0, NO, 1 },
    { "aten::mean", TORCH_ELEMENTS, 0, NO, 1 },
    { "aten::sum", TORCH_ELEMENTS, 0, NO, 1 },
    { "aten::where", TORCH_ELEMENTS, 0, NO, 0 },
    { "aten::masked_fill*", TORCH_ELEMENTS, 0, NO, 0 },
    { "aten::neg*", TORCH_ELEMENTS, 0, NO, 0 },
    { "aten::cat", TORCH_ELEMENTS, 0, NO, 0 },
    { "aten::copy_", TORCH_ELEMENTS, 0, NO, 0 },
    { "aten::clone", TORCH_ELEMENTS, 0, NO, 0 },
    { "aten::fill_", TORCH_ELEMENTS, 0, NO, 0 },
    { "aten::zero_", TORCH_ELEMENTS, 0, NO, 0 },
    { "aten::_foreach_addc*", TORCH_ELEMENTS, 0, NO, 3 },
    { "aten::_foreach_lerp*", TORCH_ELEMENTS, 0, NO, 3 },
    { "aten::_foreach_*", TORCH_ELEMENTS, 0, NO, 1 },
    { "aten::linalg_vector_norm", TORCH_ELEMENTS, 0, NO, 2 },
};
enum { N_OPS = sizeof ops / sizeof *ops };

static bool fits(const char *name, const char *pattern)
{
    const size_t n = strlen(pattern);

    return pattern[n - 1] == '*' ? strncmp(name, pattern, n - 1) == 0
                                 : strcmp(name, pattern) == 0;
}

/* A row that names the op outweighs one that names how it begins. */
const struct torch_op *torch_op_find(const char *name)
{
    const struct torch_op *found = NULL;

    for (int i = 0; i < N_OPS; i++) {
        if (strcmp(name, ops[i].name) == 0)
            return &ops[i];
        if (!found && fits(name, ops[i].name))
            found = &ops[i];
    }
    return found;
}

/* ---- calls ---- */

static double numbers(const struct chrome_input *input)
{
    double n = 1;

    for (int i = 0; i < input->n_dims; i++)
        n *= (double)input->dim[i];
    return input->n_dims > 0 || input->bytes > 0 ? n : 0;
}

/* Of a list of tensors, and of types that are not known here, nobody can say the
 * bytes. */
static bool has_types(const struct chrome_input *in, int n)
{
    for (int i = 0; i < n; i++)
        if (in[i].n_dims > 0 && in[i].bytes == 0)
            return false;
    return true;
}

static double side(const struct chrome_input *input, int from_end)
{
    return input->n_dims >= from_end
               ? (double)input->dim[input->n_dims - from_end] : 1;
}

/* Of all operands, and a result of so many numbers. */
static double all_bytes(const struct chrome_input *input, int n, double result,
                        int bytes)
{
    double sum = result * bytes;

    for (int i = 0; i < n; i++)
        sum += numbers(&input[i]) * input[i].bytes;
    return sum;
}

static void product(struct torch_work *w, const struct torch_op *op,
                    const struct chrome_input *in, int n, double stacks)
{
    const struct chrome_input *a = &in[op->first], *b = a + 1;

    if (n < op->first + 2 || a->n_dims < 2 || b->n_dims < 2)
        return;
    w->rows = side(a, 2);
    w->in = side(a, 1);
    w->out = side(b, 1);
    w->flops = 2 * stacks * w->rows * w->in * w->out;
    w->bytes = all_bytes(in, n, stacks * w->rows * w->out, a->bytes);
}

/* Pairs of a query and a key that a causal mask leaves: the first T keys are
 * those of the queries, as PyTorch aligns them. */
static double pairs(double T, double S, bool causal)
{
    if (!causal)
        return T * S;
    return T <= S ? T * (T + 1) / 2 : S * (S + 1) / 2 + (T - S) * S;
}

static void attention(struct torch_work *w, const struct torch_op *op,
                      const struct chrome_event *event,
                      const struct chrome_input *in, int n, bool back)
{
    const struct chrome_input *q = &in[op->first], *k = q + 1, *v = q + 2;

    if (n < op->first + 3 || q->n_dims < 3 || k->n_dims < 3 || v->n_dims < 3)
        return;
    const double T = side(q, 2), D = side(q, 1), Dv = side(v, 1);
    const double heads = T * D > 0 ? numbers(q) / (T * D) : 0;
    const bool causal = op->causal >= 0 &&
                        event->true_inputs >> op->causal & 1;
    const double met = heads * pairs(T, side(k, 2), causal);
    /* Backward works scores out again, and has four products more. */
    w->flops = met * (back ? 6 * D + 4 * Dv + OP_FLOPS_EXP + 5
                           : 2 * D + 2 * Dv + OP_FLOPS_EXP + 3);
    w->bytes = all_bytes(in, n, back ? numbers(q) + numbers(k) + numbers(v)
                                     : heads * T * Dv, q->bytes);
    w->sequences = q->n_dims > 3 ? (double)q->dim[0] : 1;
}

static double largest(const struct chrome_input *in, int n)
{
    double most = 0;

    for (int i = 0; i < n; i++)
        most = fmax(most, numbers(&in[i]));
    return most;
}

/* Rows that numbers name: the table itself is not read. */
static void rows_by_number(struct torch_work *w, const struct chrome_input *in,
                           int n)
{
    if (n < 2)
        return;
    const struct chrome_input *ids = n > 2 && in[2].n_dims > 0 &&
                                     in[1].n_dims == 0 ? &in[2] : &in[1];
    const double moved = numbers(ids) *
                         (in->n_dims > 1 && ids->n_dims < in->n_dims + 1
                              ? side(in, 1) : 1);
    w->flops = 0;
    w->bytes = numbers(ids) * ids->bytes + 2 * moved * in->bytes;
}

static void elements(struct torch_work *w, const struct torch_op *op,
                     const struct chrome_input *in, int n)
{
    const double most = largest(in, n);

    if (most > 0 || op->flops <= 0)
        w->flops = op->flops * most;
    if (most > 0)
        w->bytes = all_bytes(in, n, most, in[op->first].bytes);
}

void torch_op_work(struct torch_work *out, const struct torch_op *op,
                   const struct chrome_trace *trace,
                   const struct chrome_event *event)
{
    const struct chrome_input *in = chrome_inputs(trace, event);
    const int n = event->n_inputs;

    *out = (struct torch_work){ .flops = (double)NAN, .bytes = (double)NAN,
                                .format = CHROME_NONE, .sequences = 1 };
    if (n <= op->first)
        return;
    out->format = in[op->first].format;
    switch (op->form) {
    case TORCH_PRODUCT:
        product(out, op, in, n, 1);
        break;
    case TORCH_BATCH_PRODUCT:
        product(out, op, in, n, in[op->first].n_dims > 2
                                    ? (double)in[op->first].dim[0] : 1);
        break;
    case TORCH_ATTENTION:
    case TORCH_ATTENTION_BACK:
        attention(out, op, event, in, n, op->form == TORCH_ATTENTION_BACK);
        break;
    case TORCH_EMBED:
    case TORCH_GATHER:
        rows_by_number(out, in, n);
        break;
    case TORCH_UPDATE:               /* lists of lists: not told apart */
        break;
    default:
        elements(out, op, in, n);
    }
    if (!has_types(in, n))
        out->bytes = (double)NAN;
}
