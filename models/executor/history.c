/* history.c - Remember which tokens each choice kept, and their scores. */
#include "models/executor/history.h"

#include <assert.h>
#include <string.h>

#include "models/executor/routing.h"

static int32_t *count_of(const struct model *m, int32_t choice, int32_t b)
{
    return m->kept_count + choice * m->options.n_sequences + b;
}

static int32_t *positions_of(const struct model *m, int32_t choice, int32_t b)
{
    return m->kept_position + ((size_t)choice * (size_t)m->options.n_sequences
                               + (size_t)b) * (size_t)m->options.n_tokens;
}

real *history_scores(const struct model *m, int32_t choice, int32_t b)
{
    return m->history + ((size_t)choice * (size_t)m->options.n_sequences +
                         (size_t)b) * (size_t)m->cache_capacity;
}

void history_reset(struct model *m)
{
    const size_t counts = (size_t)m->options.n_sequences * sizeof(int32_t);

    memset(m->decoded, 0, counts);
    memset(m->kept_count, 0, (size_t)plan_n_choices(&m->spec) * counts);
}

void history_keep(struct model *m, int32_t c, int32_t b)
{
    positions_of(m, c, b)[(*count_of(m, c, b))++] = m->decoded[b];
}

bool history_keeps_newest(const struct model *m, int32_t c, int32_t b)
{
    const int32_t n = *count_of(m, c, b);
    return n > 0 && positions_of(m, c, b)[n - 1] == m->decoded[b];
}

void history_take_scores(struct model *m, int32_t c,
                         const struct route_policy *policy)
{
    const real *score = routing_scores(m, plan_choice(&m->spec, c).layer,
                                       policy);

    for (int32_t s = 0; m->history && s < m->input.n_sequences; s++)
        memcpy(history_scores(m, c, s) + m->decoded[s],
               score + m->all_first[s],
               (size_t)(m->all_first[s + 1] - m->all_first[s]) * sizeof(real));
}

void history_take_prefill(struct model *m)
{
    const struct allocation *a = &m->allocation;
    for (int32_t b = 0; b < a->n_sequences; b++) {
        assert(m->decoded[b] == 0);     /* model_decode_reset() was forgotten */
        m->decoded[b] = allocation_length(a, b);
    }
    for (int32_t b = 0; b < a->n_sequences && m->past; b++)
        memcpy(m->past + (size_t)b * (size_t)m->options.n_tokens,
               m->input.ids + m->all_first[b],
               (size_t)m->decoded[b] * sizeof(int32_t));
    for (int32_t c = 0; c < a->n_choices; c++)
        for (int32_t b = 0; b < a->n_sequences; b++) {
            int32_t count = allocation_count(a, c, b);
            *count_of(m, c, b) = count;
            memcpy(positions_of(m, c, b), allocation_kept(a, c, b),
                   (size_t)count * sizeof(int32_t));
        }
}

int32_t model_decoded(const struct model *m, int32_t sequence)
{
    return m->decoded[sequence];
}

void model_decode_allocation(const struct model *m, const bool *active,
                             struct allocation *out)
{
    const struct dispatch *entered = &m->allocation.dispatch;
    int32_t to = 0;

    dispatch_begin(&out->dispatch, out->n_sequences, entered->n_tokens);
    for (int32_t b = 0; b < m->options.n_sequences; b++) {
        if (active && !active[b])
            continue;
        assert(to < out->n_sequences &&
               out->n_choices == plan_n_choices(&m->spec));
        out->length[to] = m->decoded[b];
        for (int32_t c = 0; c < plan_n_choices(&m->spec); c++) {
            int32_t n = *count_of(m, c, b);
            out->count[c * out->n_sequences + to] = n;
            memcpy(allocation_kept(out, c, to), positions_of(m, c, b),
                   (size_t)n * sizeof(int32_t));
        }
        if (out->dispatch.expert)
            dispatch_copy(&out->dispatch, to, entered, b);
        to++;
    }
}
