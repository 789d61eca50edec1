/* llama2c.c - Read the tensors in the order of a table for each version of the
 * format. */
#include "models/files/llama2c.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/checkpoint.h"
#include "models/files/fill.h"
#include "sim/core/base/file.h"
#include "sim/core/model/spec_check.h"

enum {
    DIM, HIDDEN_DIM, N_LAYERS, N_HEADS, N_KV_HEADS, VOCAB_SIZE, SEQ_LEN,
    HEADER_N,
    MAGIC = 0x616b3432,          /* version 0 has none */
    HEADER_BYTES = 256,          /* of versions 1 and 2 */
    NUMBERS_AT = 8, SHARED_AT = 36, GROUP_AT = 37,    /* bytes of that header */
};

/* A tensor of the file; of a layer, all layers in a row. */
struct part {
    enum tensor_id id;           /* COUNT: RoPE's two tables, not used */
    enum span      span;
    enum layout    layout;
};
#define PART(id, span, layout) { TENSOR_##id, SPAN_##span, LAYOUT_##layout }
#define MATRICES                                                               \
    PART(QKV, Q, PAIRS), PART(QKV, K, PAIRS), PART(QKV, V, LINEAR),            \
    PART(PROJECT, ALL, LINEAR), PART(UP, GATE, LINEAR),                        \
    PART(DOWN, ALL, LINEAR), PART(UP, UP, LINEAR), PART(HEAD, ALL, SAME)
enum { MAX_PARTS = 13 };
static const struct version {
    int         n, n_float;      /* parts, and how many of them are float32: the
                                  * rest are int8 with a float32 a group */
    struct part part[MAX_PARTS];
} versions[] = {
    { 13, 13, { PART(WTE, ALL, SAME), PART(NORM1_GAMMA, ALL, SAME),
                PART(QKV, Q, PAIRS), PART(QKV, K, PAIRS), PART(QKV, V, LINEAR),
                PART(PROJECT, ALL, LINEAR), PART(NORM2_GAMMA, ALL, SAME),
                PART(UP, GATE, LINEAR), PART(DOWN, ALL, LINEAR),
                PART(UP, UP, LINEAR), PART(FINAL_GAMMA, ALL, SAME),
                PART(COUNT, ALL, SAME), PART(HEAD, ALL, SAME) } },
    { 12, 12, { PART(NORM1_GAMMA, ALL, SAME), PART(NORM2_GAMMA, ALL, SAME),
                PART(FINAL_GAMMA, ALL, SAME), PART(WTE, ALL, SAME),
                MATRICES } },
    { 12, 3,  { PART(NORM1_GAMMA, ALL, SAME), PART(NORM2_GAMMA, ALL, SAME),
                PART(FINAL_GAMMA, ALL, SAME), PART(WTE, ALL, SAME),
                MATRICES } },
};
enum { VERSIONS = sizeof versions / sizeof *versions };

/* An open file. */
struct llama2c {
    const char *path;
    struct file_map map;
    const struct version *version;
    int32_t group;               /* numbers of a scale */
    size_t  data_at;
    struct model_spec  spec;
    struct tensor_list list;     /* of that spec */
};

static enum status check_numbers(const int32_t h[HEADER_N], bool signs,
                                 const char *path, struct error *err)
{
    for (int i = 0; i < HEADER_N; i++)
        if (h[i] == 0 || h[i] == INT32_MIN ||
            (h[i] < 0 && !(signs && i == VOCAB_SIZE)))
            return error_set(err, STATUS_BAD_FORMAT, "%s: number %d of the"
                             " header is %" PRId32 ": this is no llama2.c model"
                             " of versions 0 to 2", path, i + 1, h[i]);
    if (h[N_LAYERS] > SPEC_MAX_LAYERS || h[DIM] % h[N_HEADS] != 0)
        return error_set(err, STATUS_BAD_FORMAT, "%s: %d layers of %d channels"
                         " and %d heads: allowed are %d layers, and a multiple"
                         " of the heads", path, h[N_LAYERS], h[DIM], h[N_HEADS],
                         SPEC_MAX_LAYERS);
    return STATUS_OK;
}

/* The version and what else a header with one says; *tied only then. */
static enum status read_version(struct llama2c *f, bool *tied, int32_t *h,
                                struct error *err)
{
    int32_t first[2] = { 0 };

    if (f->map.size < HEADER_N * sizeof *h) {
        error_set(err, STATUS_BAD_FORMAT, "%s: %zu bytes: too short for the"
                  " header of a llama2.c model", f->path, f->map.size);
        return STATUS_BAD_FORMAT;
    }
    memcpy(first, f->map.data, sizeof first);
    f->version = versions;
    f->data_at = HEADER_N * sizeof *h;
    memcpy(h, f->map.data, f->data_at);
    if (first[0] != MAGIC)
        return STATUS_OK;
    if (first[1] < 1 || first[1] >= VERSIONS || f->map.size < HEADER_BYTES)
        return error_set(err, STATUS_BAD_FORMAT, "%s: version %" PRId32 " of"
                         " llama2.c's format: supported are 0 to 2", f->path,
                         first[1]);
    f->version = &versions[first[1]];
    f->data_at = HEADER_BYTES;
    memcpy(h, f->map.data + NUMBERS_AT, HEADER_N * sizeof *h);
    memcpy(&f->group, f->map.data + GROUP_AT, sizeof f->group);
    *tied = f->map.data[SHARED_AT] != 0;
    if (first[1] == 2 && f->group < 1)
        return error_set(err, STATUS_BAD_FORMAT, "%s: groups of %" PRId32
                         " numbers", f->path, f->group);
    return STATUS_OK;
}

static enum status read_header(struct llama2c *f, struct error *err)
{
    int32_t h[HEADER_N] = { 0 };
    bool tied = false;
    enum status status = read_version(f, &tied, h, err);
    const bool signs = f->version == versions;

    if (status == STATUS_OK)
        status = check_numbers(h, signs, f->path, err);
    if (status != STATUS_OK)
        return status;
    f->spec = (struct model_spec){
        .traits = family_traits[FAMILY_LLAMA],
        .n_layers = h[N_LAYERS], .n_channels = h[DIM],
        .n_heads = h[N_HEADS], .n_kv_heads = h[N_KV_HEADS],
        .head_size = h[DIM] / h[N_HEADS], .n_ffn = h[HIDDEN_DIM],
        .n_vocab = abs(h[VOCAB_SIZE]), .max_tokens = h[SEQ_LEN],
        .tied_head = signs ? h[VOCAB_SIZE] > 0 : tied, .norm_epsilon = 1e-5f,
        .rope_theta = 10000.0f, .gate = GATE_SIGMOID2,
        .router_input = ROUTER_INPUT_NORMALISED,
    };
    for (int l = 0; l < SPEC_MAX_LAYERS; l++)
        f->spec.capacity[l] = 1.0;
    struct error why;
    return spec_check(&f->spec, &why) == STATUS_OK
               ? STATUS_OK
               : error_set(err, STATUS_BAD_FORMAT, "%s: %s", f->path, why.text);
}

/* A tensor of a part: its numbers start at data[at]. */
struct place {
    const struct part   *part;
    const struct tensor *tensor; /* NULL: tables, or a head that is tied */
    int64_t numbers;
    bool    grouped;
    size_t  at, bytes;
};

/* Told of each in the order of the file. */
typedef enum status visitor(void *user, const struct llama2c *f,
                            const struct place *place, struct error *err);

static enum status visit(const struct llama2c *f, size_t *at, int i,
                         int32_t layer, visitor *told, void *user,
                         struct error *err)
{
    struct place place = { .part = &f->version->part[i], .at = *at,
                           .grouped = i >= f->version->n_float };
    int64_t from, to;

    if (place.part->id == TENSOR_COUNT)
        place.numbers = (int64_t)f->spec.max_tokens * f->spec.head_size;
    else
        place.tensor = tensor_find(&f->list, layer, place.part->id);
    if (place.tensor) {
        span_columns(&f->spec, place.tensor, place.part->span, &from, &to);
        place.numbers = place.tensor->rows * (to - from);
    }
    if (place.grouped && place.numbers % f->group != 0)
        return error_set(err, STATUS_BAD_FORMAT, "%s: groups of %" PRId32
                         " numbers do not divide a tensor of %" PRId64, f->path,
                         f->group, place.numbers);
    place.bytes = place.grouped
                      ? (size_t)place.numbers +
                            (size_t)(place.numbers / f->group) * sizeof(float)
                      : (size_t)place.numbers * sizeof(float);
    *at += place.bytes;
    return place.tensor && told ? told(user, f, &place, err) : STATUS_OK;
}

/* Through all parts; *at ends behind the last. */
static enum status walk(const struct llama2c *f, size_t *at, visitor *told,
                        void *user, struct error *err)
{
    enum status status = STATUS_OK;

    *at = f->data_at;
    for (int i = 0; i < f->version->n && status == STATUS_OK; i++) {
        const enum tensor_id id = f->version->part[i].id;
        if (id == TENSOR_COUNT || tensor_outside(id))
            status = visit(f, at, i, -1, told, user, err);
        else
            for (int32_t l = 0; l < f->spec.n_layers && status == STATUS_OK;
                 l++)
                status = visit(f, at, i, l, told, user, err);
    }
    return status;
}

static void close_file(struct llama2c *f)
{
    tensor_list_close(&f->list);
    file_unmap(&f->map);
}

/* The whole file mapped, its length checked: spec_check() keeps sizes far below
 * 2^62. */
static enum status open_file(struct llama2c *f, const char *path,
                             struct error *err)
{
    size_t end = 0;

    *f = (struct llama2c){ .path = path };
    enum status status = file_map(&f->map, path, err);

    if (status != STATUS_OK)
        return status;
    status = read_header(f, err);
    if (status == STATUS_OK)
        status = tensor_list_open(&f->list, &f->spec, err);
    if (status == STATUS_OK)
        status = walk(f, &end, NULL, NULL, err);
    if (status == STATUS_OK && end != f->map.size)
        status = error_set(err, STATUS_BAD_FORMAT, "%s: %zu bytes are not what"
                           " its header says: %d layers of %d channels, %d"
                           " tokens; this is no llama2.c model of versions 0 to"
                           " 2, or it is cut short", path, f->map.size,
                           f->spec.n_layers, f->spec.n_channels,
                           f->spec.n_vocab);
    if (status != STATUS_OK)
        close_file(f);
    return status;
}

enum status llama2c_spec(struct model_spec *out, const char *path,
                         struct error *err)
{
    struct llama2c file;
    enum status status = open_file(&file, path, err);

    if (status != STATUS_OK)
        return status;
    *out = file.spec;
    close_file(&file);
    return STATUS_OK;
}

/* Groups of int8 numbers, all in a row, then their scales, as float32. */
static float *widen(const struct llama2c *f, const struct place *place)
{
    const unsigned char *bytes = f->map.data + place->at;
    float *out = malloc((size_t)place->numbers * sizeof *out), scale;

    for (int64_t i = 0; out && i < place->numbers; i++) {
        memcpy(&scale, bytes + place->numbers +
                           (size_t)(i / f->group) * sizeof scale, sizeof scale);
        out[i] = (float)(int8_t)bytes[i] * scale;
    }
    return out;
}

static enum status fill_place(void *model, const struct llama2c *f,
                              const struct place *place, struct error *err)
{
    struct model *m = model;
    const struct tensor *t = tensor_find(model_tensors(m), place->tensor->layer,
                                         place->part->id);
    char name[CHECKPOINT_NAME_SIZE];
    struct error why = { STATUS_OK, "" };
    float *widened = place->grouped ? widen(f, place) : NULL;
    const struct foreign_numbers numbers = {
        .type = NUMBER_F32, .span = place->part->span,
        .layout = place->part->layout, .mapped = !place->grouped,
        .data = widened ? (const void *)widened : f->map.data + place->at,
    };

    if (place->grouped && !widened)
        return error_set(err, STATUS_NO_MEMORY, "no memory to read %s",
                         f->path);
    enum status status = fill_tensor(m, t, &numbers, &why);
    free(widened);
    if (status == STATUS_OK)
        return STATUS_OK;
    checkpoint_name(name, model_spec(m), t);
    return error_set(err, status, "%s: tensor %s: %s", f->path, name, why.text);
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
    struct llama2c file;
    size_t end;
    enum status status = open_file(&file, path, err);

    if (status != STATUS_OK)
        return status;
    status = same_shape(&file.spec, model_spec(m))
                 ? walk(&file, &end, fill_place, m, err)
                 : error_set(err, STATUS_BAD_VALUE, "%s: not of the shape of the"
                             " model that it should fill", path);
    close_file(&file);
    return status;
}
