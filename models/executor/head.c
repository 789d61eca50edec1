/* head.c - Run the final norm, the head and the loss, forward and backward. */
#include "models/executor/head.h"

#include <string.h>

#include "models/executor/operands.h"

/* A loss does not tell of all of its logits: one of -Inf, where it is not the
 * target's, leaves the loss a number. */
static void look_at_logits(struct model *m, const struct head_buffers *b,
                           int32_t n, const int32_t *row)
{
    const struct seen_rows seen = {
        .op = OP_HEAD, .layer = LEDGER_OUTSIDE, .n = n,
        .width = m->spec.n_vocab, .x = b->logits, .position = m->all_position,
        .row = row,
    };

    overflow_look(&m->overflow, &seen);
}

static void read_stream(struct model *m, const struct head_buffers *b,
                        const real *stream, int32_t n, const int32_t *row,
                        const int32_t *token, bool few)
{
    struct norm norm = norm_of(m, -1, TENSOR_FINAL_GAMMA, stream, b->normed,
                               b->stats, n);
    norm.row = row;
    op_norm(&m->ex, place(OP_NORM, LEDGER_OUTSIDE, token), &norm);
    overflow_look_normed(&m->overflow, LEDGER_OUTSIDE, &norm, m->all_position);
    struct gemm head = head_of(m, b, n, few);
    op_product(&m->ex, place(OP_HEAD, LEDGER_OUTSIDE, token), &head);
    look_at_logits(m, b, n, row);
    if (m->spec.logit_cap > 0.0f)
        op_cap(&m->ex, place(OP_HEAD, LEDGER_OUTSIDE, token), b->logits, n,
               m->spec.n_vocab, m->spec.logit_cap);
}

static struct loss loss_of(const struct model *m, const struct head_buffers *b)
{
    return (struct loss){
        .n = m->n_rows, .width = m->spec.n_vocab, .logits = b->logits,
        .target = m->input.targets, .nats = m->nats, .stats = b->loss_stats,
        .entropy = m->entropy,
    };
}

/* The rows that a choice kept, into their places among the logits of all. */
static void read_kept(struct model *m, int32_t choice, const real *stream)
{
    const struct choice_buffers *b = &m->choice[choice];
    const int32_t n = b->first[m->input.n_sequences];
    const struct scattering o = {
        .row = b->row, .n = n, .width = m->spec.n_vocab,
        .stride = m->spec.n_vocab, .x = m->later.logits,
        .out = m->head.logits,
    };

    if (n == 0)
        return;
    read_stream(m, &m->later, stream, n, b->row, b->token, m->pass->past);
    op_scatter(&m->ex, place(OP_GATHER, LEDGER_OUTSIDE, b->token), &o);
}

void head_forward(struct model *m, int32_t n, const int32_t *row,
                  const int32_t *token, bool few)
{
    const real *stream = m->stream[m->spec.n_layers];

    if (spec_leaves(&m->spec) && !m->input.last_only)
        read_kept(m, m->spec.n_layers - 1, stream);
    else
        read_stream(m, &m->head, stream, n, row, token, few);
}

void head_read(struct model *m, int32_t n_layers, int32_t n,
               const int32_t *token)
{
    read_stream(m, &m->head, m->stream[n_layers], n, NULL, token,
                m->pass->past);
}

void head_judge(struct model *m, int32_t c)
{
    const int32_t l = plan_choice(&m->spec, c).layer;
    struct choice_buffers *b = &m->choice[c];
    const bool first = !m->spec.routed[l - 1];
    struct confidence o = {
        .n = first ? m->n_rows : b->first[m->input.n_sequences],
        .width = m->spec.n_vocab, .row = first ? NULL : b->row,
        .logits = first ? m->head.logits : m->later.logits, .score = b->score,
    };

    for (int32_t r = 0; r < m->n_rows && m->input.last_only; r++)
        b->score[r] = 0.0f;
    if (m->input.last_only || o.n == 0)
        return;
    if (first)
        read_stream(m, &m->head, m->stream[l], m->n_rows, NULL,
                    m->all_rows.token, m->pass->past);
    else
        read_kept(m, c - 1, m->stream[l]);
    op_confidence(&m->ex, place(OP_ROUTE, l, first ? m->all_rows.token
                                                   : b->token), &o);
}

/* Logits that are numbers may lie too far apart for a loss. */
static struct loss run_loss(struct model *m, const struct head_buffers *b,
                            double *mean_loss)
{
    const struct loss loss = loss_of(m, b);
    const struct seen_rows seen = {
        .op = OP_HEAD, .layer = LEDGER_OUTSIDE, .n = m->n_rows, .width = 1,
        .x = m->nats, .position = m->all_position,
    };

    op_loss(&m->ex, place(OP_LOSS, LEDGER_OUTSIDE, m->all_rows.token), &loss,
            mean_loss);
    overflow_look(&m->overflow, &seen);
    return loss;
}

void head_loss(struct model *m, double *mean_loss)
{
    const struct loss loss = run_loss(m, &m->head, mean_loss);

    if (m->input.entropy)
        op_entropy(&m->ex, place(OP_ENTROPY, LEDGER_OUTSIDE,
                                 m->all_rows.token), &loss);
}

void exit_forward(struct model *m, int32_t l)
{
    const struct head_buffers *b = &m->exit[l];
    double mean;

    read_stream(m, b, m->stream[l + 1], m->n_rows, NULL, m->all_rows.token,
                false);
    (void)run_loss(m, b, &mean);
}

/* Of a loss of that weight, onto dstream; `sums`: a head above left gradients of
 * the weights. */
static void read_backward(struct model *m, const struct head_buffers *b,
                          const real *stream, double weight, bool sums)
{
    const int32_t n = m->n_rows;
    const enum tensor_id id = m->spec.tied_head ? TENSOR_WTE : TENSOR_HEAD;

    struct loss loss = loss_of(m, b);
    loss.gradient = (float)weight / (float)n;
    loss.dlogits = b->logits;
    loss.cap = m->spec.logit_cap;
    op_loss_backward(&m->ex, place(OP_LOSS, LEDGER_OUTSIDE, NULL), &loss);
    const struct gemm head = head_of(m, b, n, false);
    struct product_backward d = { .dout = b->logits, .dx = m->dnormed,
                                  .dw = gradient_of(m, -1, id),
                                  .dbias = gradient_of(m, -1,
                                                       TENSOR_HEAD_BIAS),
                                  .transposed = true, .sums = sums };
    op_product_backward(&m->ex, place(OP_HEAD, LEDGER_OUTSIDE, NULL), &head,
                        &d);
    struct norm norm = norm_of(m, -1, TENSOR_FINAL_GAMMA, stream, NULL,
                               b->stats, n);
    norm.dgamma = gradient_of(m, -1, TENSOR_FINAL_GAMMA);
    norm.dbeta = gradient_of(m, -1, TENSOR_FINAL_BETA);
    norm.dout = m->dnormed;
    norm.dx = m->dstream;
    norm.sums = sums;
    op_norm_backward(&m->ex, place(OP_NORM, LEDGER_OUTSIDE, NULL), &norm);
}

void head_backward(struct model *m)
{
    memset(m->dstream, 0, (size_t)m->n_rows * (size_t)m->spec.n_channels *
                              sizeof(real));
    read_backward(m, &m->head, m->stream[m->spec.n_layers], 1.0, false);
}

void exit_backward(struct model *m, int32_t l)
{
    read_backward(m, &m->exit[l], m->stream[l + 1], m->spec.exit_weight[l],
                  true);
}
