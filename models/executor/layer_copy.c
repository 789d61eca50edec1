/* layer_copy.c - Copy weights between models, tensor by tensor. */
#include "models/executor/layer_copy.h"

#include <assert.h>
#include <string.h>

#include "models/executor/model_state.h"

static void copy_tensor(struct model *m, const struct tensor *to,
                        const struct model *from, const struct tensor *t)
{
    assert(t && t->n == to->n && t->n_ranges == to->n_ranges);
    if (to->n_ranges == 0)
        memcpy(m->weights + to->offset, from->weights + t->offset,
               to->n * sizeof *m->weights);
    for (int32_t i = 0; i < to->n_ranges; i++) {
        const struct stored *range = &to->range[i];
        assert(range->type == t->range[i].type);
        memcpy(m->stored + (range->data - m->stored), t->range[i].data,
               (size_t)stored_groups(range) * stored_group_bytes(range));
    }
}

void model_copy_layers(struct model *m, const struct model *from,
                       const int32_t layer_of[SPEC_MAX_LAYERS])
{
    const size_t turns = (size_t)m->options.n_tokens *
                         (size_t)spec_rotary(&m->spec);

    for (int32_t i = 0; i < m->tensors.n; i++) {
        const struct tensor *to = &m->tensors.tensor[i];
        copy_tensor(m, to, from,
                    tensor_find(&from->tensors,
                                to->layer < 0 ? -1 : layer_of[to->layer],
                                to->id));
    }
    assert(m->options.n_tokens == from->options.n_tokens);
    if (m->rope)                  /* a file's own factors are in it */
        memcpy(m->rope, from->rope, turns * sizeof *m->rope);
}
