/* lent_keys.c - Hold the first recursion's keys and values for the later ones. */
#include "models/executor/lent_keys.h"

#include <string.h>

#include "models/executor/operands.h"

void lent_keys_take(struct model *m, size_t rows)
{
    const size_t n = rows * 2 * (size_t)spec_e(&m->spec);

    for (int32_t l = 0; l < m->spec.n_layers; l++) {
        struct layer_buffers *b = &m->layer[l];
        const struct layer_buffers *of = &m->layer[spec_owner(&m->spec, l)];
        if (spec_lends_keys(&m->spec, l)) {
            b->carried = arena_take(&m->arena, n, sizeof(real));
            if (m->options.train)
                b->dcarried = arena_take(&m->arena, n, sizeof(real));
        } else if (spec_borrows_keys(&m->spec, l)) {
            b->carried = of->carried;
            b->dcarried = of->dcarried;
        }
    }
}

void lent_keys_clear(struct model *m, int32_t l)
{
    static const enum tensor_id ids[] = { TENSOR_QKV, TENSOR_QKV_BIAS,
                                          TENSOR_KEY_GAMMA };
    const size_t n = (size_t)m->n_rows * 2 * (size_t)spec_e(&m->spec);

    memset(m->layer[l].dcarried, 0, n * sizeof(real));
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        const struct tensor *t = tensor_find(&m->tensors, l, ids[i]);
        if (t)
            memset(gradient_of(m, l, ids[i]), 0, t->n * sizeof(real));
    }
}
