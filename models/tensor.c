/* tensor.c - laying out the parameters. */
#include "models/tensor.h"

#include <stdlib.h>
#include <string.h>

struct extent {
    int64_t rows, columns;
    bool    decays;
};

static struct extent extent_of(enum tensor_id id, const struct model_spec *s,
                               int32_t layer)
{
    const bool gpt2 = s->family == FAMILY_GPT2, tied = s->tied_head;
    const bool biased = spec_qkv_bias(s);
    const bool routed = layer >= 0 && s->routed[layer] && s->router_scores;
    const int64_t V = s->n_vocab, C = s->n_channels, P = s->max_tokens;
    const int64_t Q = spec_q(s), E = spec_e(s), U = spec_up(s), F = s->n_ffn;
    const struct extent table[TENSOR_COUNT] = {
#define X(id, rows, columns, decays) [TENSOR_##id] = { rows, columns, decays },
        TENSOR_MAP(X)
#undef X
    };
    return table[id];
}

static void add(struct tensor_list *list, const struct model_spec *spec,
                int32_t layer, enum tensor_id id)
{
    struct extent e = extent_of(id, spec, layer);
    list->at[layer + 1][id] = -1;
    if (e.rows == 0)
        return;
    bool router = id == TENSOR_ROUTER;
    struct tensor *t = &list->tensor[list->n];
    *t = (struct tensor){
        .id = id, .layer = layer, .rows = e.rows, .columns = e.columns,
        .n = (size_t)(e.rows * e.columns), .offset = list->floats,
        .learned_at = spec->backbone_frozen ? list->learned : list->floats,
        .decays = e.decays,
        /* With gate one nothing flows back into a router. */
        .trained = router ? spec->router_trained && spec->gate != GATE_ONE
                          : !spec->backbone_frozen,
    };
    size_t floats = (t->n + 15) / 16 * 16;
    list->floats += floats;
    if (t->trained || !spec->backbone_frozen)
        list->learned += floats;
    list->at[layer + 1][id] = list->n++;
}

enum status tensor_list_open(struct tensor_list *out,
                             const struct model_spec *spec, struct error *err)
{
    size_t most = (size_t)(spec->n_layers + 1) * TENSOR_COUNT;
    *out = (struct tensor_list){ .tensor = calloc(most, sizeof *out->tensor) };
    if (!out->tensor)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu tensors",
                         most);
    for (int id = 0; id < TENSOR_FIRST_OF_LAYER; id++)
        add(out, spec, -1, (enum tensor_id)id);
    for (int32_t l = 0; l < spec->n_layers; l++)
        for (int id = TENSOR_FIRST_OF_LAYER; id < TENSOR_COUNT; id++)
            add(out, spec, l, (enum tensor_id)id);
    return STATUS_OK;
}

void tensor_list_close(struct tensor_list *list)
{
    free(list->tensor);
    list->tensor = NULL;
}

const struct tensor *tensor_find(const struct tensor_list *list, int32_t layer,
                                 enum tensor_id id)
{
    int32_t i = list->at[layer + 1][id];
    return i < 0 ? NULL : &list->tensor[i];
}

void tensor_copy_learned(const struct tensor_list *list, float *weights,
                         float *learned, bool back)
{
    for (int32_t i = 0; i < list->n; i++) {
        const struct tensor *t = &list->tensor[i];
        float *weight = weights + t->offset, *other = learned + t->learned_at;
        if (t->trained)
            memcpy(back ? weight : other, back ? other : weight,
                   t->n * sizeof *weight);
    }
}
