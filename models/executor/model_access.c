/* model_access.c - Hand out what a model holds. */
#include "models/executor/model_state.h"

#include <assert.h>

#include "models/executor/rotary.h"

size_t model_bytes(const struct model *m)
{
    return m->arena.size;
}

const char *model_kernels(const struct model *m)
{
    return m->ex.kernels->name;
}

const struct model_spec *model_spec(const struct model *m) { return &m->spec; }
const float *model_logits(const struct model *m) { return m->head.logits; }

const float *model_logits_of(const struct model *m, int32_t sequence,
                             int32_t token)
{
    /* A decode step has one row a sequence, whatever its token is. */
    const int32_t at = m->input.n_tokens == 1 ? 0 : token;
    int32_t row = m->input.last_only ? sequence : m->all_first[sequence] + at;
    return m->head.logits + (size_t)row * (size_t)m->spec.n_vocab;
}

const float *model_nats(const struct model *m) { return m->nats; }
const float *model_entropy(const struct model *m) { return m->entropy; }
double model_router_nats(const struct model *m) { return m->router_nats; }
double model_predictor_nats(const struct model *m) { return m->predictor_nats; }
double model_expert_balance(const struct model *m) { return m->expert_balance; }
double model_expert_square(const struct model *m) { return m->expert_square; }
const char *model_isa(const struct model *m) { return m->ex.kernels->name; }

const struct allocation *model_allocation(const struct model *m)
{
    return &m->allocation;
}

const char *model_overflow(const struct model *m, char out[OVERFLOW_SIZE])
{
    return overflow_text(out, &m->overflow);
}

enum status model_check(const struct model *m, const char *who,
                        struct error *err)
{
    char where[OVERFLOW_SIZE];

    return model_overflow(m, where)
               ? error_set(err, STATUS_FAILED, "%.300s: %s: weights are damaged"
                           " or overflow float32", who, where)
               : STATUS_OK;
}

struct tensor_list *model_tensors(struct model *m) { return &m->tensors; }
float *model_weights(struct model *m) { return m->weights; }
float *model_gradients(struct model *m) { return m->gradients; }
float *model_moments(struct model *m, int which) { return m->moment[which]; }
float *model_thresholds(struct model *m) { return m->threshold; }

struct pool *model_pool(struct model *m) { return m->pool; }

float *model_scratch(struct model *m, int part)
{
    return m->ex.scratch + (size_t)part * m->ex.scratch_floats;
}

void model_set_rope_factors(struct model *m, const float *factors)
{
    rotary_fill(m->rope, &m->spec, m->options.n_tokens, false, factors);
}

void model_take_table(struct model *m, struct route_table *table)
{
    route_table_close(m->table);
    m->table = table;
}

const struct route_table *model_table(const struct model *m)
{
    return m->table || !m->options.weights_of ? m->table
                                              : m->options.weights_of->table;
}

void model_set_capacity(struct model *m, int32_t layer, double capacity)
{
    assert(!m->options.train && m->spec.routed[layer]);
    m->spec.capacity[layer] = capacity;
}

void model_set_threshold_rate(struct model *m, float rate)
{
    m->threshold_rate = rate;
}
