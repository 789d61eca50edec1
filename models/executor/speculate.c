/* speculate.c - Draft tokens by the first layers, verify them by the others. */
#include <assert.h>

#include "models/executor/decode.h"
#include "models/executor/head.h"
#include "models/executor/history.h"
#include "models/executor/layer.h"
#include "models/executor/sampler.h"

/* Each row's own key is put behind those before it, and its query looks no
 * further. */
static void attend_in_turn(struct model *m, int32_t l)
{
    for (int32_t r = 0; r < m->layer[l].n_rows; r++) {
        m->cache[l].length[0]++;
        decode_attend(m, l, r, 1, false);
    }
}

static const struct pass_functions one_after_another = {
    .attend = attend_in_turn, .past = true
};

/* Makes n tokens from `position` on the rows of the stream, which lies there. */
static void line_up(struct model *m, const struct pass_functions *pass,
                    const int32_t *ids, int32_t n, int32_t position,
                    real *stream)
{
    m->pass = pass;
    for (int32_t l = 0; l <= m->spec.n_layers; l++)
        m->stream[l] = stream;
    for (int32_t r = 0; r < n; r++) {
        m->all_ids[r] = ids[r];
        m->all_token[r] = 0;
        m->all_position[r] = position + r;
    }
    m->all_first[0] = 0;
    m->all_first[1] = n;
    m->n_rows = n;
    m->all_rows = (struct rows){ 1, m->all_first, m->all_position,
                                 m->all_token };
    m->input = (struct model_input){ .ids = m->all_ids, .n_tokens = 1,
                                     .n_sequences = 1 };
}

/* The stream of each token is left where it is verified from; the last draft
 * follows from the one before. */
static void draft(struct model *m, const struct speculation *how, int32_t *ids)
{
    const int32_t at = m->decoded[0], c = m->spec.n_channels;

    for (int32_t i = 0; i <= how->n_drafts; i++) {
        line_up(m, &decode_pass, &ids[i], 1, at + i,
                m->drafted + (size_t)i * (size_t)c);
        embed_forward(m);
        for (int32_t l = 0; l < how->n_layers; l++)
            layer_forward(m, l);
        if (i == how->n_drafts)
            return;
        head_read(m, how->n_layers, 1, m->all_token);
        ids[i + 1] = sampler_likeliest(m->head.logits, m->spec.n_vocab);
    }
}

static void verify(struct model *m, const struct speculation *how,
                   const int32_t *ids)
{
    const int32_t n = how->n_drafts + 1;

    line_up(m, &one_after_another, ids, n, m->decoded[0], m->drafted);
    for (int32_t l = how->n_layers; l < m->spec.n_layers; l++)
        layer_forward(m, l);
    head_read(m, m->spec.n_layers, n, m->all_token);
}

/* Forgets all tokens of the round but the first n. */
static void keep(struct model *m, int32_t n)
{
    const int32_t end = m->decoded[0] + n;

    for (int32_t l = 0; l < m->spec.n_layers; l++)
        m->cache[l].length[0] = end;
    for (; m->decoded[0] < end; m->decoded[0]++)
        for (int32_t c = 0; c < plan_n_choices(&m->spec); c++)
            history_keep(m, c, 0);
}

int32_t model_speculate(struct model *m, const struct speculation *how,
                        int32_t id, int32_t *next, struct meter *meter)
{
    real *own = m->stream[0];
    int32_t ids[SPECULATION_MAX] = { id }, n = 0;

    assert(how->n_drafts < m->options.n_verified &&
           how->n_drafts < SPECULATION_MAX &&
           m->decoded[0] + how->n_drafts < m->options.n_tokens);
    m->ex.pass = PASS_FORWARD;
    m->ex.meter = meter;
    draft(m, how, ids);
    verify(m, how, ids);
    for (int32_t l = 0; l <= m->spec.n_layers; l++)
        m->stream[l] = own;
    do
        next[n] = sampler_likeliest(m->head.logits + (size_t)n *
                                    (size_t)m->spec.n_vocab, m->spec.n_vocab);
    while (++n <= how->n_drafts && next[n - 1] == ids[n]);
    keep(m, n);
    return n;
}
