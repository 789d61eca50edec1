/* llama2c.c - Read the tensors in the order of one table, which is the
 * file's. */
#include "models/files/llama2c.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/checkpoint.h"
#include "models/files/fill.h"
#include "sim/core/base/file.h"

enum {
    DIM, HIDDEN_DIM, N_LAYERS, N_HEADS, N_KV_HEADS, VOCAB_SIZE, SEQ_LEN,
    HEADER_N
};

/* A tensor of the file; of a layer, all layers in a row. */
struct part {
    enum tensor_id id;
    enum span      span;
    enum layout    layout;
};
static const struct part parts[] = {
    { TENSOR_WTE,         SPAN_ALL,  LAYOUT_SAME },
    { TENSOR_NORM1_GAMMA, SPAN_ALL,  LAYOUT_SAME },
    { TENSOR_QKV,         SPAN_Q,    LAYOUT_PAIRS },
    { TENSOR_QKV,         SPAN_K,    LAYOUT_PAIRS },
    { TENSOR_QKV,         SPAN_V,    LAYOUT_LINEAR },
    { TENSOR_PROJECT,     SPAN_ALL,  LAYOUT_LINEAR },
    { TENSOR_NORM2_GAMMA, SPAN_ALL,  LAYOUT_SAME },
    { TENSOR_UP,          SPAN_GATE, LAYOUT_LINEAR },
    { TENSOR_DOWN,        SPAN_ALL,  LAYOUT_LINEAR },
    { TENSOR_UP,          SPAN_UP,   LAYOUT_LINEAR },
    { TENSOR_FINAL_GAMMA, SPAN_ALL,  LAYOUT_SAME },
    { TENSOR_COUNT,       SPAN_ALL,  LAYOUT_SAME },   /* RoPE's two tables */
    { TENSOR_HEAD,        SPAN_ALL,  LAYOUT_SAME },
};
enum { N_PARTS = sizeof parts / sizeof *parts };

static enum status read_header(struct model_spec *out,
                               const struct file_map *map, const char *path,
                               struct error *err)
{
    int32_t h[HEADER_N];

    if (map->size < sizeof h)
        return error_set(err, STATUS_BAD_FORMAT, "%s: %zu bytes: too short for"
                         " the header of a llama2.c model", path, map->size);
    memcpy(h, map->data, sizeof h);
    for (int i = 0; i < HEADER_N; i++)
        if (h[i] == 0 || h[i] == INT32_MIN || (h[i] < 0 && i != VOCAB_SIZE))
            return error_set(err, STATUS_BAD_FORMAT, "%s: number %d of the"
                             " header is %" PRId32 ": this is no llama2.c model"
                             " of version 0", path, i + 1, h[i]);
    if (h[N_LAYERS] > SPEC_MAX_LAYERS || h[DIM] % h[N_HEADS] != 0)
        return error_set(err, STATUS_BAD_FORMAT, "%s: %d layers of %d channels"
                         " and %d heads: allowed are %d layers, and a multiple"
                         " of the heads", path, h[N_LAYERS], h[DIM], h[N_HEADS],
                         SPEC_MAX_LAYERS);
    *out = (struct model_spec){
        .traits = family_traits[FAMILY_LLAMA],
        .n_layers = h[N_LAYERS], .n_channels = h[DIM],
        .n_heads = h[N_HEADS], .n_kv_heads = h[N_KV_HEADS],
        .head_size = h[DIM] / h[N_HEADS], .n_ffn = h[HIDDEN_DIM],
        .n_vocab = abs(h[VOCAB_SIZE]), .max_tokens = h[SEQ_LEN],
        .tied_head = h[VOCAB_SIZE] > 0, .norm_epsilon = 1e-5f,
        .rope_theta = 10000.0f, .gate = GATE_SIGMOID2,
        .router_input = ROUTER_INPUT_NORMALISED,
    };
    for (int l = 0; l < SPEC_MAX_LAYERS; l++)
        out->capacity[l] = 1.0;
    struct error why;
    return spec_check(out, &why) == STATUS_OK
               ? STATUS_OK
               : error_set(err, STATUS_BAD_FORMAT, "%s: %s", path, why.text);
}

/* Floats behind the header: spec_check() keeps them far below 2^62. */
static uint64_t floats_of(const struct model_spec *s)
{
    const uint64_t c = (uint64_t)s->n_channels, v = (uint64_t)s->n_vocab,
                   q = (uint64_t)spec_q(s), e = (uint64_t)spec_e(s),
                   f = (uint64_t)s->n_ffn;
    const uint64_t layer = 2 * c + 2 * c * q + 2 * c * e + 3 * c * f;

    return v * c * (s->tied_head ? 1 : 2) + c + (uint64_t)s->n_layers * layer +
           (uint64_t)s->max_tokens * (uint64_t)s->head_size;
}

/* The whole file mapped, its length checked. */
static enum status open_file(struct file_map *map, struct model_spec *spec,
                             const char *path, struct error *err)
{
    const size_t header = HEADER_N * sizeof(int32_t);
    enum status status = file_map(map, path, err);

    if (status != STATUS_OK)
        return status;
    status = read_header(spec, map, path, err);
    if (status == STATUS_OK &&
        floats_of(spec) * sizeof(float) != map->size - header)
        status = error_set(err, STATUS_BAD_FORMAT, "%s: %zu bytes are not what"
                           " its header says: %d layers of %d channels, %d"
                           " tokens; this is no llama2.c model of version 0,"
                           " or it is cut short", path, map->size,
                           spec->n_layers, spec->n_channels, spec->n_vocab);
    if (status != STATUS_OK)
        file_unmap(map);
    return status;
}

enum status llama2c_spec(struct model_spec *out, const char *path,
                         struct error *err)
{
    struct file_map map;
    struct model_spec spec = { .n_layers = 0 };
    enum status status = open_file(&map, &spec, path, err);

    if (status != STATUS_OK)
        return status;
    file_unmap(&map);
    *out = spec;
    return STATUS_OK;
}

/* One part of one layer, from *at on, which moves behind it. */
static enum status read_part(struct model *m, const struct part *part,
                             int32_t layer, const float **at, struct error *err)
{
    char name[CHECKPOINT_NAME_SIZE];
    struct error why;
    const struct tensor *t = tensor_find(model_tensors(m), layer, part->id);
    const struct foreign_numbers numbers = {
        .type = NUMBER_F32, .span = part->span, .layout = part->layout,
        .data = *at, .mapped = true,
    };
    int64_t from, to;

    if (!t)
        return STATUS_OK;
    span_columns(model_spec(m), t, part->span, &from, &to);
    enum status status = fill_tensor(m, t, &numbers, &why);
    *at += t->rows * (to - from);
    if (status == STATUS_OK)
        return STATUS_OK;
    checkpoint_name(name, model_spec(m), t);
    error_set(err, status, "tensor %s: %s", name, why.text);
    return status;
}

static bool same_shape(const struct model_spec *a, const struct model_spec *b)
{
    return spec_family(a) == spec_family(b) && a->n_layers == b->n_layers &&
           a->n_channels == b->n_channels && a->n_heads == b->n_heads &&
           a->n_kv_heads == b->n_kv_heads && a->head_size == b->head_size &&
           a->n_ffn == b->n_ffn && a->n_vocab == b->n_vocab &&
           a->tied_head == b->tied_head;
}

enum status llama2c_import(struct model *m, const char *path,
                           struct error *err)
{
    struct file_map map;
    struct model_spec spec = { .n_layers = 0 };
    struct error why;
    enum status status = open_file(&map, &spec, path, err);

    if (status != STATUS_OK)
        return status;
    if (!same_shape(&spec, model_spec(m)))
        status = error_set(err, STATUS_BAD_VALUE, "%s: not of the shape of the"
                           " model that it should fill", path);
    /* The header has 28 bytes, so floats are aligned. */
    const float *at = (const float *)(const void *)(map.data + HEADER_N *
                                                    sizeof(int32_t));
    for (int i = 0; i < N_PARTS && status == STATUS_OK; i++) {
        const struct part *part = &parts[i];
        if (part->id == TENSOR_COUNT)
            at += (size_t)spec.max_tokens * (size_t)spec.head_size;
        else if (part->id < TENSOR_FIRST_OF_LAYER)
            status = read_part(m, part, -1, &at, &why);
        else
            for (int32_t l = 0; l < spec.n_layers && status == STATUS_OK; l++)
                status = read_part(m, part, l, &at, &why);
        if (status != STATUS_OK)
            error_set(err, status, "%s: %s", path, why.text);
    }
    file_unmap(&map);
    return status;
}
