/* tensor.c - Lay out the parameters of a model. */
#include "models/executor/tensor.h"

#include <stdlib.h>
#include <string.h>

struct extent {
    int64_t rows, columns;
    enum tensor_kind kind;
};

static struct extent extent_of(enum tensor_id id, const struct model_spec *s,
                               int32_t layer)
{
    const struct traits *has = &s->traits;
    const bool shifted = has->norm == NORM_LAYER, tied = s->tied_head;
    const bool routed = layer >= 0 && s->routed[layer] && spec_has_router(s) &&
                        !spec_follows(s, layer);
    const int64_t V = s->n_vocab, C = s->n_channels, P = spec_position_rows(s);
    const int64_t Q = spec_q(s), E = spec_e(s), U = spec_up(s), F = s->n_ffn;
    const int64_t D = s->head_size, W = s->n_predictor;
    const bool predicts = routed && W > 0;
    const bool before = spec_norms_before(s), after = spec_norms_after(s);
    const bool own = before && has->parallel != PARALLEL_NORM;
    const bool apart = routed && s->part == PART_APART;
    const bool foresees = apart && W > 0;
    const struct experts *x = &s->experts;
    const bool some = layer >= 0 && s->has_experts[layer], one = !some;
    const bool shared = some && x->shared > 0;
    const struct extent table[TENSOR_COUNT] = {
#define X(id, rows, columns, kind)                                             \
        [TENSOR_##id] = { rows, columns, TENSOR_##kind },
        TENSOR_MAP(X)
#undef X
    };
    return table[id];
}

int tensor_matrices(struct tensor_matrix out[3], struct model_spec *s,
                    int32_t layer, enum tensor_id id)
{
    uint8_t *of = s->stored[layer < 0 ? 0 : layer];
    const int64_t c = s->n_channels, q = spec_q(s), e = spec_e(s),
                  f = s->n_ffn, v = s->n_vocab;
    int n = 0;

    switch ((int)id) {
    case TENSOR_WTE:
        out[n++] = (struct tensor_matrix){ &s->stored_embedding, v };
        break;
    case TENSOR_HEAD:
        out[n++] = (struct tensor_matrix){ &s->stored_head, v };
        break;
    case TENSOR_QKV:
        out[n++] = (struct tensor_matrix){ &of[MATRIX_QUERY], q };
        out[n++] = (struct tensor_matrix){ &of[MATRIX_KEY], e };
        out[n++] = (struct tensor_matrix){ &of[MATRIX_VALUE], e };
        break;
    case TENSOR_PROJECT:
        out[n++] = (struct tensor_matrix){ &of[MATRIX_PROJECT], c };
        break;
    case TENSOR_UP:
        if (spec_gated(s))
            out[n++] = (struct tensor_matrix){ &of[MATRIX_GATE], f };
        out[n++] = (struct tensor_matrix){ &of[MATRIX_UP], f };
        break;
    case TENSOR_DOWN:
        out[n++] = (struct tensor_matrix){ &of[MATRIX_DOWN], c };
        break;
    default:
        break;
    }
    return n;
}

/* The tensor's ranges, where the spec stores any of its matrices. */
static void divide(struct tensor_list *list, struct tensor *t,
                   struct model_spec *spec)
{
    struct tensor_matrix matrix[3];
    const int n = tensor_matrices(matrix, spec, t->layer, t->id);
    const bool by_tokens = t->id == TENSOR_WTE || t->id == TENSOR_HEAD;
    bool stored = false;

    for (int i = 0; i < n; i++)
        stored |= *matrix[i].type != NUMBER_F32;
    for (int i = 0; i < n && stored; i++) {
        struct stored *s = &t->range[t->n_ranges++];
        *s = (struct stored){
            .type = (enum number)*matrix[i].type,
            .columns = (int32_t)matrix[i].columns,
            .rows = (int32_t)(by_tokens ? t->columns : t->rows),
        };
        list->stored_bytes += (size_t)stored_groups(s) * stored_group_bytes(s);
    }
}

void tensor_list_place(struct tensor_list *list, const uint8_t *base)
{
    for (int32_t i = 0; i < list->n; i++)
        for (int32_t r = 0; r < list->tensor[i].n_ranges; r++) {
            struct stored *s = &list->tensor[i].range[r];
            s->data = base;
            if (base)
                base += (size_t)stored_groups(s) * stored_group_bytes(s);
        }
}

static int32_t stacked_of(enum tensor_id id, const struct model_spec *s)
{
    const bool apart = traits_centres_heads(&s->traits) &&
                       !s->traits.qk_norm_rows;

    return tensor_stacks(id)                   ? s->experts.n
           : apart && id == TENSOR_QUERY_GAMMA ? s->n_heads
           : apart && id == TENSOR_KEY_GAMMA   ? s->n_kv_heads : 1;
}

static void add(struct tensor_list *list, struct model_spec *spec,
                int32_t layer, enum tensor_id id)
{
    struct extent e = extent_of(id, spec, layer);
    list->at[layer + 1][id] = -1;
    if (e.rows == 0)
        return;
    if (layer >= 0 && tensor_shared(id) && spec_shares(spec, layer)) {
        list->at[layer + 1][id] = list->at[spec_owner(spec, layer) + 1][id];
        return;
    }
    bool router = tensor_routes(id), predicts = tensor_predicts(id);
    const int32_t stacked = stacked_of(id, spec);
    struct tensor *t = &list->tensor[list->n];
    *t = (struct tensor){
        .id = id, .layer = layer, .rows = e.rows, .columns = e.columns,
        .stacked = stacked,
        .n = (size_t)(e.rows * e.columns * stacked), .offset = list->floats,
        .learned_at = spec->backbone_frozen ? list->learned : list->floats,
        .kind = e.kind,
        .trained = router ? spec->router_trained && spec_scores_learn(spec)
                          : predicts || !spec->backbone_frozen,
        .clipped = !predicts,
    };
    divide(list, t, spec);
    size_t floats = t->n_ranges == 0 ? (t->n + 15) / 16 * 16 : 0;
    list->floats += floats;
    if (t->trained || !spec->backbone_frozen)
        list->learned += floats;
    list->at[layer + 1][id] = (int16_t)list->n++;
}

enum status tensor_list_open(struct tensor_list *out,
                             const struct model_spec *spec, struct error *err)
{
    size_t most = (size_t)(spec->n_layers + 1) * TENSOR_COUNT;
    struct model_spec copy = *spec;      /* tensor_matrices() gives places in it */
    out->n = 0;
    out->floats = out->learned = out->stored_bytes = 0;
    out->tensor = calloc(most, sizeof *out->tensor);
    if (!out->tensor)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu tensors",
                         most);
    for (int32_t l = -1; l < spec->n_layers; l++)
        for (int id = 0; id < TENSOR_COUNT; id++)
            if (tensor_outside((enum tensor_id)id) == (l < 0))
                add(out, &copy, l, (enum tensor_id)id);
            else
                out->at[l + 1][id] = -1;
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

struct tensor tensor_stacked(const struct tensor *tensor, int32_t i)
{
    struct tensor one = *tensor;

    one.stacked = 1;
    one.n = tensor->n / (size_t)tensor->stacked;
    one.offset += (size_t)i * one.n;
    one.learned_at += (size_t)i * one.n;
    return one;
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

/* A tile at a time, so that each line of either side is used while it is at
 * hand: 16 floats of a cache line. */
void transpose(float *to, int64_t stride, const float *rows, int64_t k,
               int64_t n)
{
    enum { TILE = 16 };

    for (int64_t k0 = 0; k0 < k; k0 += TILE)
        for (int64_t c0 = 0; c0 < n; c0 += TILE) {
            const int64_t k1 = k0 + TILE < k ? k0 + TILE : k;
            const int64_t c1 = c0 + TILE < n ? c0 + TILE : n;
            for (int64_t r = k0; r < k1; r++)
                for (int64_t c = c0; c < c1; c++)
                    to[r * stride + c] = rows[c * k + r];
        }
}
