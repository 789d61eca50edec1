/* gguf_model.c - keys and tensors, a table of each per architecture. */
#include "models/gguf_model.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/fill.h"

/* ---- keys ---- */

enum rule {
    RULE_INT,                    /* a member of the spec */
    RULE_FLOAT,
    RULE_SAME,                   /* an integer that must equal a member that is
                                  * read before it */
    RULE_ZERO,                   /* supported is 0 */
    RULE_ONE,                    /* supported is 1, and 0 for not given */
    RULE_NONE,                   /* supported is the text "none" */
    RULE_ANY,                    /* says nothing about the arithmetic */
};

/* A key behind "llama." or "gpt2.". */
struct key {
    enum family family;
    const char *name;
    enum rule   rule;
    bool        needed;
    size_t      offset;          /* of the member */
};

#define KEY(family, name, rule, needed, member)                                \
    { FAMILY_##family, name, RULE_##rule, needed,                              \
      offsetof(struct model_spec, member) }
#define FIXED(family, name, rule)                                              \
    { FAMILY_##family, name, RULE_##rule, false, 0 }
static const struct key keys[] = {
    KEY(GPT2, "context_length",       INT, true,  max_tokens),
    KEY(GPT2, "embedding_length",     INT, true,  n_channels),
    KEY(GPT2, "block_count",          INT, true,  n_layers),
    KEY(GPT2, "feed_forward_length",  INT, true,  n_ffn),
    KEY(GPT2, "attention.head_count", INT, true,  n_heads),
    KEY(GPT2, "attention.layer_norm_epsilon", FLOAT, true, norm_epsilon),
    FIXED(GPT2, "vocab_size", ANY),  /* the embedding says it */

    KEY(LLAMA, "context_length",          INT, true,  max_tokens),
    KEY(LLAMA, "embedding_length",        INT, true,  n_channels),
    KEY(LLAMA, "block_count",             INT, true,  n_layers),
    KEY(LLAMA, "feed_forward_length",     INT, true,  n_ffn),
    KEY(LLAMA, "attention.head_count",    INT, true,  n_heads),
    KEY(LLAMA, "attention.head_count_kv", INT, false, n_kv_heads),
    KEY(LLAMA, "attention.key_length",    INT, false, head_size),
    KEY(LLAMA, "attention.layer_norm_rms_epsilon", FLOAT, true, norm_epsilon),
    KEY(LLAMA, "rope.freq_base",          FLOAT, false, rope_theta),
    KEY(LLAMA, "attention.value_length",  SAME, false, head_size),
    KEY(LLAMA, "rope.dimension_count",    SAME, false, head_size),
    FIXED(LLAMA, "vocab_size", ANY),
    FIXED(LLAMA, "attention.sliding_window", ZERO),
    FIXED(LLAMA, "expert_count",             ZERO),
    FIXED(LLAMA, "expert_used_count",        ZERO),
    FIXED(LLAMA, "rope.scaling.type",        NONE),
    FIXED(LLAMA, "rope.scaling.factor",      ONE),
    FIXED(LLAMA, "rope.scale_linear",        ONE),
};
enum { N_KEYS = sizeof keys / sizeof *keys, KEY_SIZE = 80 };

static const char *full_name(char out[KEY_SIZE], const struct key *key)
{
    snprintf(out, KEY_SIZE, "%s.%s", family_names[key->family], key->name);
    return out;
}

static enum status read_int(struct model_spec *spec, const struct gguf *file,
                            const struct key *key, struct error *err)
{
    char name[KEY_SIZE];
    int64_t n = 0;
    enum status status = gguf_integer(&n, file, full_name(name, key), 1,
                                      INT32_MAX, err);
    if (status == STATUS_OK)
        *(int32_t *)(void *)((char *)spec + key->offset) = (int32_t)n;
    return status;
}

static enum status read_float(struct model_spec *spec, const struct gguf *file,
                              const struct key *key, struct error *err)
{
    char name[KEY_SIZE];
    double x = 0.0;
    enum status status = gguf_real(&x, file, full_name(name, key), err);

    if (status != STATUS_OK)
        return status;
    if (!((float)x > 0.0f) || isinf((float)x))
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %s %g: must be a"
                         " number above 0", gguf_name(file), name, x);
    *(float *)(void *)((char *)spec + key->offset) = (float)x;
    return STATUS_OK;
}

static enum status check_same(const struct model_spec *spec,
                              const struct gguf *file, const struct key *key,
                              struct error *err)
{
    const int32_t *want = (const void *)((const char *)spec + key->offset);
    char name[KEY_SIZE];
    int64_t n;
    return gguf_integer(&n, file, full_name(name, key), *want, *want, err);
}

/* A key whose other values change the arithmetic. */
static enum status check_fixed(const struct gguf *file, const struct key *key,
                               struct error *err)
{
    char name[KEY_SIZE];
    struct gguf_text text;
    double x = 0.0;
    enum status status;

    full_name(name, key);
    if (key->rule == RULE_NONE) {
        status = gguf_text(&text, file, name, err);
        if (status == STATUS_OK && !gguf_text_is(text, "none"))
            status = error_set(err, STATUS_BAD_VALUE, "%.160s: %s '%.*s':"
                               " supported is 'none'", gguf_name(file), name,
                               text.size < 32 ? (int)text.size : 32,
                               text.bytes);
        return status;
    }
    status = gguf_real(&x, file, name, err);
    if (status == STATUS_OK && x != 0.0 && !(key->rule == RULE_ONE && x == 1.0))
        status = error_set(err, STATUS_BAD_VALUE, "%.160s: %s %g: supported is"
                           " %d", gguf_name(file), name, x,
                           key->rule == RULE_ONE);
    return status;
}

/* Sizes that a file may leave out. */
static enum status derive(struct model_spec *spec, const struct gguf *file,
                          struct error *err)
{
    if (spec->n_kv_heads == 0)
        spec->n_kv_heads = spec->n_heads;
    if (spec->head_size != 0)
        return STATUS_OK;
    if (spec->n_channels % spec->n_heads != 0)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %d channels do not"
                         " divide among %d heads", gguf_name(file),
                         spec->n_channels, spec->n_heads);
    spec->head_size = spec->n_channels / spec->n_heads;
    return STATUS_OK;
}

/* In two rounds, since some keys are held against what others give. */
static enum status read_keys(struct model_spec *spec, const struct gguf *file,
                             struct error *err)
{
    enum status status = STATUS_OK;
    char name[KEY_SIZE];

    for (int i = 0; i < N_KEYS && status == STATUS_OK; i++) {
        const struct key *key = &keys[i];
        if (key->family != spec->family ||
            !(key->needed || gguf_has(file, full_name(name, key))))
            continue;
        if (key->rule == RULE_INT)
            status = read_int(spec, file, key, err);
        else if (key->rule == RULE_FLOAT)
            status = read_float(spec, file, key, err);
        else if (key->rule != RULE_ANY && key->rule != RULE_SAME)
            status = check_fixed(file, key, err);
    }
    if (status == STATUS_OK)
        status = derive(spec, file, err);
    for (int i = 0; i < N_KEYS && status == STATUS_OK; i++)
        if (keys[i].family == spec->family && keys[i].rule == RULE_SAME &&
            gguf_has(file, full_name(name, &keys[i])))
            status = check_same(spec, file, &keys[i], err);
    return status;
}

/* No key of the architecture that the table does not know. */
static enum status check_keys(const struct model_spec *spec,
                              const struct gguf *file, struct error *err)
{
    const char *prefix = family_names[spec->family];
    const size_t length = strlen(prefix);

    for (size_t i = 0; i < gguf_value_count(file); i++) {
        struct gguf_text key = gguf_key(file, i);
        bool known = key.size <= length || key.bytes[length] != '.' ||
                     memcmp(key.bytes, prefix, length) != 0;
        for (int k = 0; k < N_KEYS && !known; k++) {
            char name[KEY_SIZE];
            known = keys[k].family == spec->family &&
                    gguf_text_is(key, full_name(name, &keys[k]));
        }
        if (!known)
            return error_set(err, STATUS_BAD_VALUE, "%.160s: %.*s: not"
                             " supported", gguf_name(file),
                             key.size < 80 ? (int)key.size : 80, key.bytes);
    }
    return STATUS_OK;
}

/* ---- tensors ---- */

/* %d is the layer. */
struct part {
    enum tensor_id id;
    enum span      span;
    enum layout    layout;
    bool           vector;       /* one axis, not two */
    const char    *name;
};

#define TABLE(id, name)  { TENSOR_##id, SPAN_ALL, LAYOUT_SAME, false, name }
#define VECTOR(id, name) { TENSOR_##id, SPAN_ALL, LAYOUT_SAME, true, name }
#define LINEAR(id, span, layout, name)                                         \
    { TENSOR_##id, SPAN_##span, LAYOUT_##layout, false, name }

static const struct part gpt2_parts[] = {
    TABLE(WTE, "token_embd.weight"),
    TABLE(WPE, "position_embd.weight"),
    TABLE(HEAD, "output.weight"),
    VECTOR(FINAL_GAMMA, "output_norm.weight"),
    VECTOR(FINAL_BETA, "output_norm.bias"),
    VECTOR(NORM1_GAMMA, "blk.%d.attn_norm.weight"),
    VECTOR(NORM1_BETA, "blk.%d.attn_norm.bias"),
    LINEAR(QKV, ALL, LINEAR, "blk.%d.attn_qkv.weight"),
    VECTOR(QKV_BIAS, "blk.%d.attn_qkv.bias"),
    LINEAR(PROJECT, ALL, LINEAR, "blk.%d.attn_output.weight"),
    VECTOR(PROJECT_BIAS, "blk.%d.attn_output.bias"),
    VECTOR(NORM2_GAMMA, "blk.%d.ffn_norm.weight"),
    VECTOR(NORM2_BETA, "blk.%d.ffn_norm.bias"),
    LINEAR(UP, ALL, LINEAR, "blk.%d.ffn_up.weight"),
    VECTOR(UP_BIAS, "blk.%d.ffn_up.bias"),
    LINEAR(DOWN, ALL, LINEAR, "blk.%d.ffn_down.weight"),
    VECTOR(DOWN_BIAS, "blk.%d.ffn_down.bias"),
    TABLE(COUNT, NULL),
};

static const struct part llama_parts[] = {
    TABLE(WTE, "token_embd.weight"),
    TABLE(HEAD, "output.weight"),
    VECTOR(FINAL_GAMMA, "output_norm.weight"),
    VECTOR(NORM1_GAMMA, "blk.%d.attn_norm.weight"),
    LINEAR(QKV, Q, PAIRS, "blk.%d.attn_q.weight"),
    LINEAR(QKV, K, PAIRS, "blk.%d.attn_k.weight"),
    LINEAR(QKV, V, LINEAR, "blk.%d.attn_v.weight"),
    LINEAR(PROJECT, ALL, LINEAR, "blk.%d.attn_output.weight"),
    VECTOR(NORM2_GAMMA, "blk.%d.ffn_norm.weight"),
    LINEAR(UP, GATE, LINEAR, "blk.%d.ffn_gate.weight"),
    LINEAR(UP, UP, LINEAR, "blk.%d.ffn_up.weight"),
    LINEAR(DOWN, ALL, LINEAR, "blk.%d.ffn_down.weight"),
    TABLE(COUNT, NULL),
};

static const struct part *parts_of(const struct model_spec *spec)
{
    return spec->family == FAMILY_GPT2 ? gpt2_parts : llama_parts;
}

/* The names hold at most one %d each: a table above says so. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void name_part(char out[GGUF_MAX_NAME + 1], const struct part *part,
                      int32_t layer)
{
    snprintf(out, GGUF_MAX_NAME + 1, part->name, layer);
}
#pragma GCC diagnostic pop

/* Vocabulary and tied head are what the tensors say. */
static enum status read_embedding(struct model_spec *spec,
                                  const struct gguf *file, struct error *err)
{
    const struct gguf_tensor *t = gguf_find(file, "token_embd.weight");

    if (!t || t->rank != 2 || t->shape[0] > INT32_MAX)
        return error_set(err, STATUS_BAD_FORMAT, "%.160s: no tensor"
                         " token_embd.weight of two axes: this file holds a"
                         " vocabulary, or a part of a model", gguf_name(file));
    spec->n_vocab = (int32_t)t->shape[0];
    spec->tied_head = !gguf_find(file, "output.weight");
    return STATUS_OK;
}

static enum status read_family(struct model_spec *spec,
                               const struct gguf *file, struct error *err)
{
    struct gguf_text text;
    enum status status = gguf_text(&text, file, "general.architecture", err);

    if (status != STATUS_OK)
        return status;
    for (int f = 0; f < FAMILY_COUNT; f++)
        if (gguf_text_is(text, family_names[f])) {
            spec->family = (enum family)f;
            return STATUS_OK;
        }
    return error_set(err, STATUS_BAD_VALUE, "%.160s: general.architecture"
                     " '%.*s': supported are gpt2 and llama", gguf_name(file),
                     text.size < 32 ? (int)text.size : 32, text.bytes);
}

enum status gguf_model_spec(struct model_spec *out, const struct gguf *file,
                            struct error *err)
{
    struct model_spec spec = {
        .gate = GATE_SIGMOID2, .router_input = ROUTER_INPUT_NORMALISED,
        .rope_theta = 10000.0f,  /* where rope.freq_base is absent */
    };
    struct error why;
    enum status status;

    for (int l = 0; l < SPEC_MAX_LAYERS; l++)
        spec.capacity[l] = 1.0;
    if ((status = read_family(&spec, file, err)) ||
        (status = check_keys(&spec, file, err)) ||
        (status = read_keys(&spec, file, err)) ||
        (status = read_embedding(&spec, file, err)))
        return status;
    if (spec.n_layers > SPEC_MAX_LAYERS)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %d layers: allowed are"
                         " %d", gguf_name(file), spec.n_layers,
                         SPEC_MAX_LAYERS);
    if (spec_check(&spec, &why) != STATUS_OK)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %s", gguf_name(file),
                         why.text);
    *out = spec;
    return STATUS_OK;
}

static enum status check_shape(const struct gguf *file,
                               const struct gguf_tensor *have,
                               const struct part *part, const struct tensor *t,
                               int64_t width, struct error *err)
{
    const bool turned = part->layout != LAYOUT_SAME;
    const uint64_t rows = (uint64_t)(turned ? width : t->rows);
    const uint64_t columns = (uint64_t)(turned ? t->rows : width);

    if (part->vector ? have->rank == 1 && have->shape[0] == columns
                     : have->rank == 2 && have->shape[0] == rows &&
                           have->shape[1] == columns)
        return STATUS_OK;
    return error_set(err, STATUS_BAD_FORMAT, "%.160s: tensor %s has %d axes,"
                     " the first of %" PRIu64 ", and %" PRIu64 " numbers: its"
                     " metadata calls for %" PRIu64 " x %" PRIu64,
                     gguf_name(file), have->name, have->rank, have->shape[0],
                     have->n, part->vector ? 1 : rows, columns);
}

static enum status import_part(struct model *m, const struct gguf *file,
                               const struct part *part, const struct tensor *t,
                               struct error *err)
{
    struct foreign_numbers from = { .span = part->span,
                                    .layout = part->layout,
                                    .mapped = gguf_mapped(file) };
    char name[GGUF_MAX_NAME + 1];
    struct error why;
    int64_t first, end;

    name_part(name, part, t->layer);
    const struct gguf_tensor *have = gguf_find(file, name);
    if (!have)
        return error_set(err, STATUS_BAD_FORMAT, "%.160s: no tensor %s",
                         gguf_name(file), name);
    span_columns(model_spec(m), t, part->span, &first, &end);
    enum status status = check_shape(file, have, part, t, end - first, err);
    if (status != STATUS_OK)
        return status;
    from.data = have->data;
    status = gguf_number(&from.type, have, &why);
    if (status != STATUS_OK)
        return error_set(err, status, "%.160s: %s", gguf_name(file), why.text);
    status = fill_tensor(m, t, &from, &why);
    if (status != STATUS_OK)
        return error_set(err, status, "%.160s: tensor %s: %s", gguf_name(file),
                         name, why.text);
    return STATUS_OK;
}

/* Every tensor of the model, each once; returns how many there were. */
static enum status import_parts(struct model *m, const struct gguf *file,
                                size_t *n, struct error *err)
{
    const struct model_spec *spec = model_spec(m);
    enum status status = STATUS_OK;

    for (int32_t l = -1; l < spec->n_layers; l++)
        for (const struct part *p = parts_of(spec);
             p->name && status == STATUS_OK; p++) {
            bool outside = p->id < TENSOR_FIRST_OF_LAYER;
            const struct tensor *t =
                outside == (l < 0) ? tensor_find(model_tensors(m), l, p->id)
                                   : NULL;
            if (!t)
                continue;
            status = import_part(m, file, p, t, err);
            ++*n;
        }
    return status;
}

enum status gguf_model_keep(struct model_spec *spec, const struct gguf *file,
                            struct error *err)
{
    for (int32_t l = -1; l < spec->n_layers; l++)
        for (const struct part *p = parts_of(spec); p->name; p++) {
            char name[GGUF_MAX_NAME + 1];
            enum number type = NUMBER_F32;
            struct error why;
            name_part(name, p, l);
            const struct gguf_tensor *have =
                (p->id < TENSOR_FIRST_OF_LAYER) == (l < 0)
                    ? gguf_find(file, name) : NULL;
            if (!have)
                continue;        /* the import says which are missing */
            if (gguf_number(&type, have, &why) != STATUS_OK)
                return error_set(err, STATUS_BAD_VALUE, "%.160s: %s",
                                 gguf_name(file), why.text);
            fill_note_type(spec, l, p->id, p->span, type);
        }
    return STATUS_OK;
}

static bool is_of(const struct model_spec *spec, const char *name)
{
    char known[GGUF_MAX_NAME + 1];

    for (int32_t l = 0; l < spec->n_layers; l++)
        for (const struct part *p = parts_of(spec); p->name; p++) {
            name_part(known, p, l);
            if (strcmp(known, name) == 0)
                return true;
        }
    return false;
}

/* More tensors than the model has: the first of them by name. */
static enum status refuse_others(const struct model_spec *spec,
                                 const struct gguf *file, struct error *err)
{
    for (size_t i = 0; i < gguf_tensor_count(file); i++)
        if (!is_of(spec, gguf_tensor(file, i)->name))
            return error_set(err, STATUS_BAD_VALUE, "%.160s: tensor %s: not"
                             " supported in the architecture %s",
                             gguf_name(file), gguf_tensor(file, i)->name,
                             family_names[spec->family]);
    return STATUS_OK;
}

enum status gguf_model_import(struct model *m, const struct gguf *file,
                              struct error *err)
{
    size_t n = 0;
    enum status status = import_parts(m, file, &n, err);

    if (status == STATUS_OK && n != gguf_tensor_count(file))
        status = refuse_others(model_spec(m), file, err);
    return status;
}
