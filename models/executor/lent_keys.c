/* lent_keys.c - Let later recursions see the first's keys and values. */
#include "models/executor/lent_keys.h"

#include <string.h>

#include "models/executor/operands.h"

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
