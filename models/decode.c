/* decode.c - one token at a time against the keys and values kept so far. */
#include <string.h>

#include "models/model_state.h"
#include "models/span.h"

static struct place place(enum op op, int32_t layer, const int32_t *token)
{
    return (struct place){ PASS_FORWARD, layer, op, token };
}

static int32_t *positions_of(const struct model *m, int32_t layer, int32_t b)
{
    return m->cached_position + ((size_t)layer * (size_t)m->options.n_sequences
                                 + (size_t)b) * (size_t)m->options.n_tokens;
}

/* A product with few rows reads its weight once, along its columns. */
static void turn_head(void *argument, int part, int parts)
{
    const struct model *m = argument;
    const real *head = weight_of(m, -1, m->spec.tied_head ? TENSOR_WTE
                                                          : TENSOR_HEAD);
    const int64_t c = m->spec.n_channels, v = m->spec.n_vocab, lots = v / 64;
    const int64_t from = lots * part / parts * 64;
    const int64_t to = part == parts - 1 ? v : lots * (part + 1) / parts * 64;

    for (int64_t i = from; i < to; i += 64)
        span_turn(m->head_columns + i, v, head + i * c, c,
                  to - i < 64 ? to - i : 64);
}

void model_decode_reset(struct model *m)
{
    m->decoded = 0;
    for (int32_t l = 0; l < m->spec.n_layers; l++)
        memset(m->cache[l].length, 0,
               (size_t)m->options.n_sequences * sizeof(int32_t));
    if (m->head_columns)
        pool_run(m->pool, turn_head, m);
}

void decode_note_prefill(struct model *m)
{
    const struct allocation *a = &m->allocation;
    for (int32_t l = 0; l < m->spec.n_layers; l++)
        for (int32_t b = 0; b < a->n_sequences; b++) {
            int32_t count = allocation_count(a, l, b);
            int32_t *to = positions_of(m, l, b) +
                          (m->cache[l].length[b] - count);
            for (int32_t i = 0; i < count; i++)
                to[i] = m->decoded + allocation_kept(a, l, b)[i];
        }
    m->decoded += a->n_tokens;
}

int32_t model_decoded(const struct model *m)
{
    return m->decoded;
}

void model_decode_allocation(const struct model *m, struct allocation *out)
{
    for (int32_t l = 0; l < m->spec.n_layers; l++)
        for (int32_t b = 0; b < out->n_sequences; b++) {
            int32_t n = m->cache[l].length[b];
            out->count[l * out->n_sequences + b] = n;
            memcpy(allocation_kept(out, l, b), positions_of(m, l, b),
                   (size_t)n * sizeof(int32_t));
        }
}

/* The layer's rows: sequences whose token it keeps, one row each. */
static void line_up(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    int32_t n = 0;
    for (int32_t s = 0; s < m->input.n_sequences; s++) {
        b->first[s] = n;
        if (!m->row_kept[s])
            continue;
        b->token[n] = s;
        b->position[n++] = m->decoded;
        positions_of(m, l, s)[m->cache[l].length[s]++] = m->decoded;
    }
    b->first[m->input.n_sequences] = n;
    b->n_rows = n;
    b->rows = (struct rows){ m->input.n_sequences, b->first, b->position,
                             b->token };
}

static void select_rows(struct model *m, int32_t l, const bool *keep)
{
    struct layer_buffers *b = &m->layer[l];
    const int32_t n = m->input.n_sequences;
    struct op_run run = op_begin(&m->ex, place(OP_SELECT, l, NULL));

    for (int32_t s = 0; s < n; s++)
        m->row_kept[s] = keep ? keep[l * n + s]
                              : b->score[s] >= m->threshold[l];
    line_up(m, l);
    memset(m->ex.extra, 0, (size_t)n * sizeof *m->ex.extra);
    for (int32_t i = 0; i < b->n_rows; i++)
        m->ex.extra[b->token[i]].bytes = 4;
    run.extra = m->ex.extra;
    op_end(&m->ex, &run, NULL, n,
           (struct tally){ 0, m->spec.router_scores ? 4 : 0 },
           (struct tally){ 0, 4 * (uint64_t)b->n_rows });
}

static void decode_routed(struct model *m, int32_t l, const bool *keep)
{
    forward_score(m, l, m->input.n_sequences);
    select_rows(m, l, keep);
    forward_kept(m, l);
}

static void decode_dense(struct model *m, int32_t l)
{
    struct layer_buffers *b = &m->layer[l];
    for (int32_t s = 0; s < m->input.n_sequences; s++)
        m->row_kept[s] = true;
    line_up(m, l);
    b->x = m->stream[l];
    b->y = m->stream[l + 1];
    forward_block(m, l);
}

static void decode_head(struct model *m)
{
    const int32_t n = m->input.n_sequences;
    forward_norm(m, -1, TENSOR_FINAL_GAMMA, m->stream[m->spec.n_layers],
                 m->final_normed, m->final_stats, n, NULL);
    struct gemm head = head_of(m, n);
    if (m->head_columns) {
        head.b = m->head_columns;
        head.b_k = m->spec.n_vocab;
        head.b_col = 1;
    }
    op_product(&m->ex, place(OP_HEAD, LEDGER_OUTSIDE, NULL), &head);
}

void model_decode(struct model *m, const int32_t *ids, const bool *keep,
                  struct meter *meter)
{
    m->decoded_step = true;
    m->ex.meter = meter;
    m->input = (struct model_input){ .ids = ids,
                                     .n_sequences = m->options.n_sequences,
                                     .n_tokens = 1 };
    for (int32_t s = 0; s < m->input.n_sequences; s++)
        m->all_position[s] = m->decoded;
    struct embedding embed = embedding_of(m, ids, m->input.n_sequences);
    op_embed(&m->ex, place(OP_EMBED, LEDGER_OUTSIDE, NULL), &embed);
    for (int32_t l = 0; l < m->spec.n_layers; l++)
        if (m->spec.routed[l])
            decode_routed(m, l, keep);
        else
            decode_dense(m, l);
    decode_head(m);
    m->decoded++;
}
