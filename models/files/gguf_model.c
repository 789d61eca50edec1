/* gguf_model.c - Read models by two tables per architecture: its keys and its
 * tensors. */
#include "models/files/gguf_model.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "models/files/fill.h"
#include "sim/core/model/spec_check.h"

/* A value of general.architecture. */
struct architecture {
    const char        *name;
    enum family        family;
    const struct key  *keys;         /* ended by one without a name */
    const struct part *parts;        /* likewise */
    enum layout        heads;        /* of queries and of keys */
};

/* [D/2] numbers that frequencies are divided by. */
static const char factors_name[] = "rope_freqs.weight";

/* ---- keys ---- */

enum rule {
    RULE_INT,                    /* a member of the spec */
    RULE_FLOAT,
    RULE_SAME,                   /* an integer that must equal a member that is
                                  * read before it */
    RULE_ZERO,                   /* supported is 0 */
    RULE_ONE,                    /* supported is 1, and 0 for not given */
    RULE_WINDOW,                 /* 0 for none, or one that spans all */
    RULE_SCALING,                /* read by read_scaling() */
    RULE_ANY,                    /* says nothing about the arithmetic */
};

/* A key behind "llama.", "gpt2.", ... */
struct key {
    const char *name;
    enum rule   rule;
    bool        needed;
    size_t      offset;          /* of the member */
};

#define KEY(name, rule, needed, member)                                        \
    { name, RULE_##rule, needed, offsetof(struct model_spec, member) }
#define FIXED(name, rule) { name, RULE_##rule, false, 0 }
static const struct key gpt2_keys[] = {
    KEY("context_length",       INT, true,  max_tokens),
    KEY("embedding_length",     INT, true,  n_channels),
    KEY("block_count",          INT, true,  n_layers),
    KEY("feed_forward_length",  INT, true,  n_ffn),
    KEY("attention.head_count", INT, true,  n_heads),
    KEY("attention.layer_norm_epsilon", FLOAT, true, norm_epsilon),
    FIXED("vocab_size", ANY),  /* the embedding says it */
    { .name = NULL },
};

static const struct key llama_keys[] = {
    KEY("context_length",          INT, true,  max_tokens),
    KEY("embedding_length",        INT, true,  n_channels),
    KEY("block_count",             INT, true,  n_layers),
    KEY("feed_forward_length",     INT, true,  n_ffn),
    KEY("attention.head_count",    INT, true,  n_heads),
    KEY("attention.head_count_kv", INT, false, n_kv_heads),
    KEY("attention.key_length",    INT, false, head_size),
    KEY("attention.layer_norm_rms_epsilon", FLOAT, true, norm_epsilon),
    KEY("rope.freq_base",          FLOAT, false, rope_theta),
    KEY("attention.value_length",  SAME, false, head_size),
    KEY("rope.dimension_count",    SAME, false, head_size),
    FIXED("vocab_size", ANY),
    FIXED("attention.sliding_window", WINDOW),
    FIXED("expert_count",             ZERO),
    FIXED("expert_used_count",        ZERO),
    FIXED("rope.scaling.type",        SCALING),
    FIXED("rope.scaling.factor",      SCALING),
    FIXED("rope.scale_linear",        SCALING),   /* its older name */
    FIXED("rope.scaling.attn_factor", ONE),
    FIXED("rope.scaling.original_context_length", ANY),
    FIXED("rope.scaling.finetuned",   ANY),
    { .name = NULL },
};
enum { KEY_SIZE = 80 };

static const char *full_name(char out[KEY_SIZE],
                             const struct architecture *architecture,
                             const char *name)
{
    snprintf(out, KEY_SIZE, "%s.%s", architecture->name, name);
    return out;
}

static enum status read_int(struct model_spec *spec, const struct gguf *file,
                            const struct key *key, const char *name,
                            struct error *err)
{
    int64_t n = 0;
    enum status status = gguf_integer(&n, file, name, 1, INT32_MAX, err);
    if (status == STATUS_OK)
        *(int32_t *)(void *)((char *)spec + key->offset) = (int32_t)n;
    return status;
}

static enum status read_float(struct model_spec *spec, const struct gguf *file,
                              const struct key *key, const char *name,
                              struct error *err)
{
    double x = 0.0;
    enum status status = gguf_real(&x, file, name, err);

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
                              const char *name, struct error *err)
{
    const int32_t *want = (const void *)((const char *)spec + key->offset);
    int64_t n;
    return gguf_integer(&n, file, name, *want, *want, err);
}

/* A key whose other values change the arithmetic. */
static enum status check_fixed(const struct gguf *file, enum rule rule,
                               const char *name, struct error *err)
{
    double x = 0.0;
    enum status status = gguf_real(&x, file, name, err);

    if (status == STATUS_OK && x != 0.0 && !(rule == RULE_ONE && x == 1.0))
        status = error_set(err, STATUS_BAD_VALUE, "%.160s: %s %g: supported is"
                           " %d", gguf_name(file), name, x, rule == RULE_ONE);
    return status;
}

static enum status check_window(const struct model_spec *spec,
                                const struct gguf *file, const char *name,
                                struct error *err)
{
    int64_t n = 0;
    enum status status = gguf_integer(&n, file, name, 0, INT64_MAX, err);

    if (status == STATUS_OK && n != 0 && n < spec->max_tokens)
        status = error_set(err, STATUS_BAD_VALUE, "%.160s: %s %" PRId64
                           ": supported are 0, and windows of the context"
                           " length, %d, or more", gguf_name(file), name, n,
                           spec->max_tokens);
    return status;
}

/* Rotary frequencies are stretched as llama.cpp reads it: a factor means linear
 * if no type is given, and nothing if the type is "none". */
static enum status read_scaling(struct model_spec *spec,
                                const struct architecture *architecture,
                                const struct gguf *file, struct error *err)
{
    static const char *const factors[] = { "rope.scaling.factor",
                                           "rope.scale_linear" };
    struct gguf_text type = { "linear", 6 };
    char name[KEY_SIZE];
    double factor = 0.0;
    enum status status = STATUS_OK;

    if (gguf_has(file, full_name(name, architecture, "rope.scaling.type")))
        status = gguf_text(&type, file, name, err);
    const bool linear = gguf_text_is(type, "linear");
    if (status == STATUS_OK && !linear && !gguf_text_is(type, "none"))
        status = error_set(err, STATUS_BAD_VALUE, "%.160s: %s '%.*s':"
                           " supported are 'none' and 'linear'",
                           gguf_name(file), name,
                           type.size < 32 ? (int)type.size : 32, type.bytes);
    for (int i = 0; i < 2 && status == STATUS_OK && factor == 0.0; i++)
        if (gguf_has(file, full_name(name, architecture, factors[i])))
            status = gguf_real(&factor, file, name, err);
    if (status != STATUS_OK || !linear || factor == 0.0 || factor == 1.0)
        return status;
    spec->rope_scaling.kind = ROPE_SCALING_LINEAR;
    spec->rope_scaling.factor = (float)factor;
    return STATUS_OK;
}

/* Llama 3's stretching comes as factors, worked out when the file was made. */
static enum status read_factors(struct model_spec *spec,
                                const struct gguf *file, struct error *err)
{
    if (!gguf_find(file, factors_name))
        return STATUS_OK;
    if (spec->rope_scaling.kind != ROPE_SCALING_NONE)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: tensor %s beside a"
                         " linear rope.scaling: supported is one of them",
                         gguf_name(file), factors_name);
    spec->rope_scaling.kind = ROPE_SCALING_FACTORS;
    return STATUS_OK;
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
static enum status read_keys(struct model_spec *spec,
                             const struct architecture *architecture,
                             const struct gguf *file, struct error *err)
{
    enum status status = STATUS_OK;
    char name[KEY_SIZE];

    for (const struct key *key = architecture->keys;
         key->name && status == STATUS_OK; key++) {
        if (!gguf_has(file, full_name(name, architecture, key->name)) &&
            !key->needed)
            continue;
        if (key->rule == RULE_INT)
            status = read_int(spec, file, key, name, err);
        else if (key->rule == RULE_FLOAT)
            status = read_float(spec, file, key, name, err);
        else if (key->rule == RULE_ZERO || key->rule == RULE_ONE)
            status = check_fixed(file, key->rule, name, err);
    }
    if (status == STATUS_OK)
        status = derive(spec, file, err);
    for (const struct key *key = architecture->keys;
         key->name && status == STATUS_OK; key++) {
        if (!gguf_has(file, full_name(name, architecture, key->name)))
            continue;
        if (key->rule == RULE_SAME)
            status = check_same(spec, file, key, name, err);
        else if (key->rule == RULE_WINDOW)
            status = check_window(spec, file, name, err);
    }
    return status;
}

/* No key of the architecture that the table does not know. */
static enum status check_keys(const struct architecture *architecture,
                              const struct gguf *file, struct error *err)
{
    const char *prefix = architecture->name;
    const size_t length = strlen(prefix);

    for (size_t i = 0; i < gguf_value_count(file); i++) {
        struct gguf_text key = gguf_key(file, i);
        bool known = key.size <= length || key.bytes[length] != '.' ||
                     memcmp(key.bytes, prefix, length) != 0;
        for (const struct key *k = architecture->keys; k->name && !known; k++) {
            char name[KEY_SIZE];
            known = gguf_text_is(key, full_name(name, architecture, k->name));
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
#define BIAS(span, name)                                                       \
    { TENSOR_QKV_BIAS, SPAN_##span, LAYOUT_SAME, true, name }
#define LINEAR(id, span, name)                                                 \
    { TENSOR_##id, SPAN_##span, LAYOUT_LINEAR, false, name }

static const struct part gpt2_parts[] = {
    TABLE(WTE, "token_embd.weight"),
    TABLE(WPE, "position_embd.weight"),
    TABLE(HEAD, "output.weight"),
    VECTOR(FINAL_GAMMA, "output_norm.weight"),
    VECTOR(FINAL_BETA, "output_norm.bias"),
    VECTOR(NORM1_GAMMA, "blk.%d.attn_norm.weight"),
    VECTOR(NORM1_BETA, "blk.%d.attn_norm.bias"),
    LINEAR(QKV, ALL, "blk.%d.attn_qkv.weight"),
    VECTOR(QKV_BIAS, "blk.%d.attn_qkv.bias"),
    LINEAR(PROJECT, ALL, "blk.%d.attn_output.weight"),
    VECTOR(PROJECT_BIAS, "blk.%d.attn_output.bias"),
    VECTOR(NORM2_GAMMA, "blk.%d.ffn_norm.weight"),
    VECTOR(NORM2_BETA, "blk.%d.ffn_norm.bias"),
    LINEAR(UP, ALL, "blk.%d.ffn_up.weight"),
    VECTOR(UP_BIAS, "blk.%d.ffn_up.bias"),
    LINEAR(DOWN, ALL, "blk.%d.ffn_down.weight"),
    VECTOR(DOWN_BIAS, "blk.%d.ffn_down.bias"),
    TABLE(COUNT, NULL),
};

static const struct part llama_parts[] = {
    TABLE(WTE, "token_embd.weight"),
    TABLE(HEAD, "output.weight"),
    VECTOR(FINAL_GAMMA, "output_norm.weight"),
    VECTOR(NORM1_GAMMA, "blk.%d.attn_norm.weight"),
    LINEAR(QKV, Q, "blk.%d.attn_q.weight"),
    LINEAR(QKV, K, "blk.%d.attn_k.weight"),
    LINEAR(QKV, V, "blk.%d.attn_v.weight"),
    BIAS(Q, "blk.%d.attn_q.bias"),
    BIAS(K, "blk.%d.attn_k.bias"),
    BIAS(V, "blk.%d.attn_v.bias"),
    VECTOR(QUERY_GAMMA, "blk.%d.attn_q_norm.weight"),
    VECTOR(KEY_GAMMA, "blk.%d.attn_k_norm.weight"),
    LINEAR(PROJECT, ALL, "blk.%d.attn_output.weight"),
    VECTOR(NORM2_GAMMA, "blk.%d.ffn_norm.weight"),
    LINEAR(UP, GATE, "blk.%d.ffn_gate.weight"),
    LINEAR(UP, UP, "blk.%d.ffn_up.weight"),
    LINEAR(DOWN, ALL, "blk.%d.ffn_down.weight"),
    TABLE(COUNT, NULL),
};

/* llama.cpp turns neighbours in llama's heads, so its files have the rows of
 * queries and keys in another order, and halves in Qwen's (llama-model.cpp,
 * llama_model_rope_type: NORM and NEOX). */
static const struct architecture architectures[] = {
    { "llama",   FAMILY_LLAMA, llama_keys, llama_parts, LAYOUT_PAIRS },
    { "mistral", FAMILY_LLAMA, llama_keys, llama_parts, LAYOUT_PAIRS },
    { "qwen2",   FAMILY_QWEN2, llama_keys, llama_parts, LAYOUT_LINEAR },
    { "qwen3",   FAMILY_QWEN3, llama_keys, llama_parts, LAYOUT_LINEAR },
    { "gpt2",    FAMILY_GPT2,  gpt2_keys,  gpt2_parts,  LAYOUT_LINEAR },
};
enum { N_ARCHITECTURES = sizeof architectures / sizeof *architectures };

const char *gguf_model_architecture(int i)
{
    return i < N_ARCHITECTURES ? architectures[i].name : NULL;
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

/* A part may have all that its metadata calls for but the head. */
static enum status check_whole(const struct gguf *file, struct error *err)
{
    static const char key[] = "split.count";
    int64_t parts = 1;
    enum status status = gguf_has(file, key)
        ? gguf_integer(&parts, file, key, 0, UINT16_MAX, err) : STATUS_OK;

    if (status != STATUS_OK || parts <= 1)
        return status;
    return error_set(err, STATUS_BAD_VALUE, "%.160s: %s %" PRId64 ": this file"
                     " is one part of a model; `llama-gguf-split --merge` makes"
                     " one file of them, which is read", gguf_name(file), key,
                     parts);
}

static enum status find_architecture(const struct architecture **out,
                                     const struct gguf *file,
                                     struct error *err)
{
    struct gguf_text text;
    enum status status = gguf_text(&text, file, "general.architecture", err);

    if (status != STATUS_OK)
        return status;
    for (int i = 0; i < N_ARCHITECTURES; i++)
        if (gguf_text_is(text, architectures[i].name)) {
            *out = &architectures[i];
            return STATUS_OK;
        }
    return error_set(err, STATUS_BAD_VALUE, "%.160s: general.architecture"
                     " '%.*s': supported are gpt2, llama, mistral, qwen2 and"
                     " qwen3", gguf_name(file),
                     text.size < 32 ? (int)text.size : 32, text.bytes);
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

/* The file's tensor for a part of ours, in the right shape; *from and *to are
 * the columns that it is. */
static enum status find_part(const struct gguf_tensor **out,
                             const struct model_spec *spec,
                             const struct gguf *file, const struct part *part,
                             const struct tensor *t, int64_t *from,
                             int64_t *to, struct error *err)
{
    char name[GGUF_MAX_NAME + 1];

    name_part(name, part, t->layer);
    *out = gguf_find(file, name);
    if (!*out)
        return error_set(err, STATUS_BAD_FORMAT, "%.160s: no tensor %s",
                         gguf_name(file), name);
    span_columns(spec, t, part->span, from, to);
    return check_shape(file, *out, part, t, *to - *from, err);
}

/* Every tensor is there before memory for them is taken: metadata may claim any
 * size. */
static enum status check_tensors(const struct model_spec *spec,
                                 const struct architecture *architecture,
                                 const struct gguf *file, struct error *err)
{
    struct tensor_list list;
    enum status status = tensor_list_open(&list, spec, err);

    if (status != STATUS_OK)
        return status;
    for (int32_t l = -1; l < spec->n_layers; l++)
        for (const struct part *p = architecture->parts;
             p->name && status == STATUS_OK; p++) {
            const bool outside = tensor_outside(p->id);
            const struct tensor *t =
                outside == (l < 0) ? tensor_find(&list, l, p->id) : NULL;
            const struct gguf_tensor *have;
            int64_t from, to;
            if (t)
                status = find_part(&have, spec, file, p, t, &from, &to, err);
        }
    tensor_list_close(&list);
    return status;
}

enum status gguf_model_spec(struct model_spec *out, const struct gguf *file,
                            struct error *err)
{
    struct model_spec spec = {
        .gate = GATE_SIGMOID2, .router_input = ROUTER_INPUT_NORMALISED,
        .rope_theta = 10000.0f,  /* where rope.freq_base is absent */
    };
    const struct architecture *architecture = NULL;
    struct error why;
    enum status status = find_architecture(&architecture, file, err);

    if (status == STATUS_OK)
        status = check_whole(file, err);
    if (status != STATUS_OK)
        return status;
    spec.traits = family_traits[architecture->family];
    for (int l = 0; l < SPEC_MAX_LAYERS; l++)
        spec.capacity[l] = 1.0;
    if ((status = check_keys(architecture, file, err)) ||
        (status = read_keys(&spec, architecture, file, err)) ||
        (status = read_embedding(&spec, file, err)))
        return status;
    if (spec.traits.positions == POSITIONS_ROTARY &&
        ((status = read_scaling(&spec, architecture, file, err)) ||
         (status = read_factors(&spec, file, err))))
        return status;
    if (spec.n_layers > SPEC_MAX_LAYERS)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %d layers: allowed are"
                         " %d", gguf_name(file), spec.n_layers,
                         SPEC_MAX_LAYERS);
    if (spec_check(&spec, &why) != STATUS_OK)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %s", gguf_name(file),
                         why.text);
    status = check_tensors(&spec, architecture, file, err);
    if (status == STATUS_OK)
        *out = spec;
    return status;
}

static enum layout layout_of(const struct architecture *architecture,
                             const struct part *part)
{
    const bool heads = part->id == TENSOR_QKV &&
                       (part->span == SPAN_Q || part->span == SPAN_K);
    return heads ? architecture->heads : part->layout;
}

static enum status import_part(struct model *m,
                               const struct architecture *architecture,
                               const struct gguf *file,
                               const struct part *part, const struct tensor *t,
                               struct error *err)
{
    struct foreign_numbers from = { .span = part->span,
                                    .layout = layout_of(architecture, part),
                                    .mapped = gguf_mapped(file) };
    const struct gguf_tensor *have;
    struct error why;
    int64_t first, end;
    enum status status = find_part(&have, model_spec(m), file, part, t, &first,
                                   &end, err);

    if (status != STATUS_OK)
        return status;
    from.data = have->data;
    status = gguf_number(&from.type, have, &why);
    if (status != STATUS_OK)
        return error_set(err, status, "%.160s: %s", gguf_name(file), why.text);
    status = fill_tensor(m, t, &from, &why);
    if (status != STATUS_OK)
        return error_set(err, status, "%.160s: tensor %s: %s", gguf_name(file),
                         have->name, why.text);
    return STATUS_OK;
}

/* Every tensor of the model, each once; returns how many there were. */
static enum status import_parts(struct model *m,
                                const struct architecture *architecture,
                                const struct gguf *file,
                                size_t *n, struct error *err)
{
    const struct model_spec *spec = model_spec(m);
    enum status status = STATUS_OK;

    for (int32_t l = -1; l < spec->n_layers; l++)
        for (const struct part *p = architecture->parts;
             p->name && status == STATUS_OK; p++) {
            bool outside = tensor_outside(p->id);
            const struct tensor *t =
                outside == (l < 0) ? tensor_find(model_tensors(m), l, p->id)
                                   : NULL;
            if (!t)
                continue;
            status = import_part(m, architecture, file, p, t, err);
            ++*n;
        }
    return status;
}

enum status gguf_model_keep(struct model_spec *spec, const struct gguf *file,
                            struct error *err)
{
    const struct architecture *architecture = NULL;
    enum status status = find_architecture(&architecture, file, err);

    if (status != STATUS_OK)
        return status;
    for (int32_t l = -1; l < spec->n_layers; l++)
        for (const struct part *p = architecture->parts; p->name; p++) {
            char name[GGUF_MAX_NAME + 1];
            enum number type = NUMBER_F32;
            struct error why;
            name_part(name, p, l);
            const struct gguf_tensor *have =
                tensor_outside(p->id) == (l < 0)
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

/* The numbers that rotary frequencies are divided by. */
static enum status import_factors(struct model *m, const struct gguf *file,
                                  struct error *err)
{
    const struct gguf_tensor *have = gguf_find(file, factors_name);
    const int32_t n = model_spec(m)->head_size / 2;
    float buffer[SPEC_MAX_HEAD_SIZE / 2];
    struct error why;

    if (!have || have->rank != 1 || have->n != (uint64_t)n)
        return error_set(err, STATUS_BAD_FORMAT, "%.160s: tensor %s: must be"
                         " %d numbers in a row, half a head", gguf_name(file),
                         factors_name, n);
    enum status status = gguf_floats(buffer, (size_t)n, have, &why);
    if (status != STATUS_OK)
        return error_set(err, status, "%.160s: %s", gguf_name(file), why.text);
    for (int32_t i = 0; i < n; i++)
        if (!(buffer[i] > 0.0f) || isinf(buffer[i]))
            return error_set(err, STATUS_BAD_VALUE, "%.160s: tensor %s: number"
                             " %d is %g: must be above 0", gguf_name(file),
                             factors_name, i, (double)buffer[i]);
    model_set_rope_factors(m, buffer);
    return STATUS_OK;
}

static bool is_of(struct model *m, const struct architecture *architecture,
                  const char *name)
{
    const struct model_spec *spec = model_spec(m);
    char known[GGUF_MAX_NAME + 1];

    if (strcmp(name, factors_name) == 0)
        return spec->rope_scaling.kind == ROPE_SCALING_FACTORS;
    for (int32_t l = -1; l < spec->n_layers; l++)
        for (const struct part *p = architecture->parts; p->name; p++) {
            name_part(known, p, l);
            if (strcmp(known, name) == 0 &&
                tensor_find(model_tensors(m), l, p->id))
                return true;
        }
    return false;
}

/* More tensors than the model has: the first of them by name. */
static enum status refuse_others(struct model *m,
                                 const struct architecture *architecture,
                                 const struct gguf *file, struct error *err)
{
    for (size_t i = 0; i < gguf_tensor_count(file); i++)
        if (!is_of(m, architecture, gguf_tensor(file, i)->name))
            return error_set(err, STATUS_BAD_VALUE, "%.160s: tensor %s: not"
                             " supported in the architecture %s",
                             gguf_name(file), gguf_tensor(file, i)->name,
                             architecture->name);
    return STATUS_OK;
}

enum status gguf_model_import(struct model *m, const struct gguf *file,
                              struct error *err)
{
    const struct architecture *architecture = NULL;
    size_t n = 0;
    enum status status = find_architecture(&architecture, file, err);

    if (status != STATUS_OK)
        return status;
    status = import_parts(m, architecture, file, &n, err);
    if (status == STATUS_OK &&
        model_spec(m)->rope_scaling.kind == ROPE_SCALING_FACTORS) {
        status = import_factors(m, file, err);
        n++;
    }
    if (status == STATUS_OK && n != gguf_tensor_count(file))
        status = refuse_others(m, architecture, file, err);
    return status;
}
