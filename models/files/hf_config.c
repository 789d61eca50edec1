/* hf_config.c - Read and write a config.json by the same tables: members of the
 * spec, and keys with one value. */
#include "models/files/hf_inside.h"
#include "models/files/sniff.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/answer/json.h"
#include "sim/core/base/file.h"
#include "sim/core/model/spec_check.h"

enum { MAX_BYTES = 1 << 20 };    /* of a config.json; real ones have a few kB */

/* Sizes, as most vocabularies name them. */
#define SHAPE(names)                                                           \
    HF_MEMBER(names, "hidden_size",             INT, n_channels, NULL),        \
    HF_MEMBER(names, "intermediate_size",       INT, n_ffn,      NULL),        \
    HF_MEMBER(names, "num_hidden_layers",       INT, n_layers,   NULL),        \
    HF_MEMBER(names, "num_attention_heads",     INT, n_heads,    NULL),        \
    HF_MEMBER(names, "num_key_value_heads",     INT, n_kv_heads, ""),          \
    HF_MEMBER(names, "head_dim",                INT, head_size,  ""),          \
    HF_MEMBER(names, "max_position_embeddings", INT, max_tokens, NULL),        \
    HF_MEMBER(names, "vocab_size",              INT, n_vocab,    NULL)

/* Those of them that all vocabularies name so but GPT-2's. */
#define TRUNK(names)                                                           \
    HF_MEMBER(names, "hidden_size",             INT, n_channels, NULL),        \
    HF_MEMBER(names, "num_hidden_layers",       INT, n_layers,   NULL),        \
    HF_MEMBER(names, "num_attention_heads",     INT, n_heads,    NULL),        \
    HF_MEMBER(names, "vocab_size",              INT, n_vocab,    NULL)

/* And what else most have: epsilon's key, and what their classes take where it,
 * the base of rotary positions and that of heads are absent. */
#define REST(names, key, epsilon, theta, tied)                                 \
    HF_MEMBER(names, key,                       FLOAT, norm_epsilon, epsilon), \
    HF_MEMBER(names, "rope_theta",              FLOAT, rope_theta,   theta),   \
    HF_MEMBER(names, "tie_word_embeddings",     BOOL,  tied_head,    tied)

static const struct hf_member members[] = {
    HF_MEMBER(GPT2, "n_embd",             INT,   n_channels,   NULL),
    HF_MEMBER(GPT2, "n_layer",            INT,   n_layers,     NULL),
    HF_MEMBER(GPT2, "n_head",             INT,   n_heads,      NULL),
    HF_MEMBER(GPT2, "n_inner",            INT,   n_ffn,        ""),
    HF_MEMBER(GPT2, "n_positions",        INT,   max_tokens,   NULL),
    HF_MEMBER(GPT2, "vocab_size",         INT,   n_vocab,      NULL),
    HF_MEMBER(GPT2, "layer_norm_epsilon", FLOAT, norm_epsilon, "1e-5"),
    HF_MEMBER(GPT2, "tie_word_embeddings", BOOL, tied_head,    "true"),

    SHAPE(LLAMA),      REST(LLAMA, "rms_norm_eps", "1e-6", "1e4", "false"),
    SHAPE(MIXTRAL),    REST(MIXTRAL, "rms_norm_eps", "1e-5", "1e6", "false"),
    SHAPE(MOE),        REST(MOE, "rms_norm_eps", NULL, "1e4", "false"),
    SHAPE(STARCODER2), REST(STARCODER2, "norm_epsilon", "1e-5", "1e4", "true"),
    SHAPE(GEMMA),      REST(GEMMA, "rms_norm_eps", "1e-6", "1e4", "true"),
    SHAPE(GEMMA1),     REST(GEMMA1, "rms_norm_eps", "1e-6", "1e4", "true"),
    SHAPE(OLMO2),      REST(OLMO2, "rms_norm_eps", "1e-5", "1e4", "false"),
    SHAPE(STABLELM),   REST(STABLELM, "layer_norm_eps", "1e-5", "1e4", "false"),
    SHAPE(PHI),        REST(PHI, "layer_norm_eps", "1e-5", "1e4", "false"),

    TRUNK(NEOX),
    HF_MEMBER(NEOX, "intermediate_size",        INT,   n_ffn,        NULL),
    HF_MEMBER(NEOX, "max_position_embeddings",  INT,   max_tokens,   NULL),
    HF_MEMBER(NEOX, "layer_norm_eps",           FLOAT, norm_epsilon, "1e-5"),
    HF_MEMBER(NEOX, "rotary_emb_base",          FLOAT, rope_theta,   "1e4"),
    HF_MEMBER(NEOX, "tie_word_embeddings",      BOOL,  tied_head,    "false"),

    TRUNK(FALCON),
    HF_MEMBER(FALCON, "ffn_hidden_size",        INT,   n_ffn,        ""),
    HF_MEMBER(FALCON, "num_kv_heads",           INT,   n_kv_heads,   ""),
    HF_MEMBER(FALCON, "max_position_embeddings", INT,  max_tokens,   "2048"),
    HF_MEMBER(FALCON, "layer_norm_epsilon",     FLOAT, norm_epsilon, "1e-5"),
    HF_MEMBER(FALCON, "rope_theta",             FLOAT, rope_theta,   "1e4"),
    HF_MEMBER(FALCON, "tie_word_embeddings",    BOOL,  tied_head,    "true"),

    TRUNK(OPT),
    HF_MEMBER(OPT, "ffn_dim",                   INT,   n_ffn,        NULL),
    HF_MEMBER(OPT, "max_position_embeddings",   INT,   max_tokens,   NULL),
    HF_MEMBER(OPT, "tie_word_embeddings",       BOOL,  tied_head,    "true"),
};
enum { N_MEMBERS = sizeof members / sizeof *members };

/* A key with one value that the executor computes.  Rows of one key: any of
 * them is read, the first is written.  Absent, classes mean the first. */
struct fixed {
    enum hf_names names;
    const char *key;
    const char *value;           /* JSON */
};
static const struct fixed fixed[] = {
    { HF_NAMES_GPT2, "scale_attn_weights",  "true" },
    { HF_NAMES_GPT2, "scale_attn_by_inverse_layer_idx", "false" },
    { HF_NAMES_GPT2, "add_cross_attention", "false" },

    { HF_NAMES_STARCODER2, "use_bias",   "true" },

    { HF_NAMES_GEMMA1, "hidden_activation", "null" },
    { HF_NAMES_GEMMA1, "hidden_activation", "\"gelu_pytorch_tanh\"" },
    { HF_NAMES_GEMMA1, "use_bidirectional_attention", "null" },
    { HF_NAMES_GEMMA1, "use_bidirectional_attention", "false" },

    { HF_NAMES_GEMMA, "use_bidirectional_attention", "false" },
    { HF_NAMES_GEMMA, "use_bidirectional_attention", "null" },

    { HF_NAMES_FALCON, "alibi",         "false" },
    { HF_NAMES_FALCON, "bias",          "false" },

    { HF_NAMES_PHI, "qk_layernorm",     "false" },

    { HF_NAMES_OPT, "enable_bias",      "true" },
    { HF_NAMES_OPT, "layer_norm_elementwise_affine", "true" },
    { HF_NAMES_OPT, "_remove_final_layer_norm", "false" },
};
enum { N_FIXED = sizeof fixed / sizeof *fixed };

/* Keys that ask for more when they hold anything but null or the value.  They
 * are never written: the classes do not have them, or mean that by their
 * absence. */
static const struct {
    const char *key;
    const char *value;           /* JSON; NULL: only null */
    const char *supported;
} refused[] = {
    { "rope_interleaved", "false", "false" },
    { "partial_rotary_factor", "1.0", "1.0" },
    { "clip_qkv", NULL, "queries and keys that are not clipped" },
    { "qkv_bias", "true", "true" },
};
enum { N_REFUSED = sizeof refused / sizeof *refused };

static enum status read_members(struct model_spec *spec,
                                const struct hf_class *class,
                                const json_t *root, const char *name,
                                struct error *err)
{
    for (int i = 0; i < N_MEMBERS; i++) {
        const struct hf_member *m = &members[i];
        if (m->names != class->names)
            continue;
        json_t *value = hf_given(root, m->key);
        if (!value && !m->fallback)
            return error_set(err, STATUS_BAD_VALUE,
                             "%.160s: %s is missing", name, m->key);
        if (!value && !*m->fallback)
            continue;
        json_t *used = value ? json_incref(value) : hf_literal(m->fallback);
        enum status status = hf_read_member(spec, m, used, name, err);
        json_decref(used);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

/* Sizes that a file may leave out. */
static enum status derive(struct model_spec *spec, const char *name,
                          struct error *err)
{
    if (spec->n_ffn == 0) {
        int64_t wide = 4 * (int64_t)spec->n_channels;
        spec->n_ffn = wide > INT32_MAX ? INT32_MAX : (int32_t)wide;
    }
    if (spec->n_kv_heads == 0)
        spec->n_kv_heads = spec->n_heads;
    if (spec->head_size != 0)
        return STATUS_OK;
    if (spec->n_channels % spec->n_heads != 0)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %d channels do not"
                         " divide among %d heads", name, spec->n_channels,
                         spec->n_heads);
    spec->head_size = spec->n_channels / spec->n_heads;
    return STATUS_OK;
}

static enum status check_fixed(const struct hf_class *class,
                               const json_t *root, const char *name,
                               struct error *err)
{
    for (int i = 0; i < N_FIXED;) {
        const struct fixed *first = &fixed[i];
        json_t *value = json_object_get(root, first->key);
        bool good = !value || first->names != class->names;
        for (; i < N_FIXED && fixed[i].names == first->names &&
               strcmp(fixed[i].key, first->key) == 0; i++) {
            json_t *allowed = hf_literal(fixed[i].value);
            good = good || json_equal(value, allowed);
            json_decref(allowed);
        }
        if (!good)
            return hf_refuse(err, name, first->key, value, "supported is %s",
                             first->value);
    }
    return STATUS_OK;
}

static enum status check_refused(const struct hf_class *class,
                                 const json_t *root, const char *name,
                                 struct error *err)
{
    for (int i = 0; i < N_REFUSED; i++) {
        const bool shares = class->rotary_share &&
                            strcmp(refused[i].key, "partial_rotary_factor") == 0;
        json_t *value = shares ? NULL : hf_given(root, refused[i].key);
        json_t *allowed =
            refused[i].value ? hf_literal(refused[i].value) : NULL;
        bool good = !value || json_equal(value, allowed) ||
                    (json_is_number(value) && json_is_number(allowed) &&
                     json_number_value(value) == json_number_value(allowed));
        json_decref(allowed);
        if (!good)
            return hf_refuse(err, name, refused[i].key, value,
                             "supported is %s", refused[i].supported);
    }
    return STATUS_OK;
}

/* Qwen2's class has its own biases, whatever the key says. */
static enum status check_class(const struct hf_class *class,
                               struct model_spec *spec, const json_t *root,
                               const char *name, struct error *err)
{
    json_t *list = json_object_get(root, "architectures");
    json_t *bias = hf_given(root, "attention_bias");
    const char *word = json_string_value(json_array_get(list, 0));

    if (list && !json_is_null(list) &&
        (json_array_size(list) != 1 || !word ||
         (strcmp(word, class->head) != 0 && strcmp(word, class->body) != 0)))
        return hf_refuse(err, name, "architectures", list, "supported is"
                         " [\"%s\"]", class->head);
    const bool biased = spec->traits.qkv_bias;
    if (bias && !class->biases &&
        (biased ? !json_is_true(bias) : !json_is_false(bias)))
        return hf_refuse(err, name, "attention_bias", bias, "supported is %s",
                         biased ? "true" : "false");
    for (int i = 0; i < HF_CLASS_NEEDS && class->needs[i]; i++)
        if (!hf_given(root, class->needs[i]))
            return error_set(err, STATUS_BAD_VALUE, "%.160s: %s is missing",
                             name, class->needs[i]);
    return hf_read_layers(spec, class, root, name, err);
}

static enum status read_class(const struct hf_class **out,
                              struct model_spec *spec, const json_t *root,
                              const char *name, struct error *err)
{
    json_t *type = json_object_get(root, "model_type");
    const char *word = json_string_value(type);

    if (!word)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: no model_type:"
                         " supported are %s", name, hf_class_types);
    *out = hf_class_find(word);
    if (!*out)
        return hf_refuse(err, name, "model_type", type, "supported are %s;"
                         " priced are %s", hf_class_types, hf_class_priced);
    spec->traits = hf_class_traits(*out);
    return STATUS_OK;
}

/* Of a class that is priced alone, keys that change values and no cost are passed
 * over. */
static enum status read_shape(struct model_spec *spec,
                              const struct hf_class *class, json_t *root,
                              const char *name, struct error *err)
{
    enum status status;

    if (class->priced)
        return read_members(spec, class, root, name, err);
    if (!(status = hf_unfold_rope(root, class, "rope_scaling", name, err)) &&
        !(status = hf_unfold_rope(root, class, "rope_parameters", name, err)) &&
        !(status = check_fixed(class, root, name, err)) &&
        !(status = hf_read_activation(spec, class, root, name, err)) &&
        !(status = check_refused(class, root, name, err)) &&
        !(status = read_members(spec, class, root, name, err)) &&
        !(status = check_class(class, spec, root, name, err)) &&
        !(status = hf_read_rope(spec, root, "rope_scaling", name, err)))
        status = hf_read_rope(spec, root, "rope_parameters", name, err);
    if (status == STATUS_OK)
        spec_settle_windows(spec);   /* the length is known */
    return status;
}

static enum status read_root(struct model_spec *out, struct hf_routing *routing,
                             json_t *root, const char *name, struct error *err)
{
    struct model_spec spec = {
        .gate = GATE_SIGMOID2, .router_input = ROUTER_INPUT_NORMALISED,
        .rope_theta = 10000.0f,  /* not read for gpt2, never zero */
    };
    struct hf_routing own = { .policy = route_find("dense") };
    json_t *isobath = json_object_get(root, "isobath");

    for (int l = 0; l < SPEC_MAX_LAYERS; l++)
        spec.capacity[l] = 1.0;
    const struct hf_class *class = NULL;
    enum status status;
    if (!(status = read_class(&class, &spec, root, name, err)) &&
        !(status = read_shape(&spec, class, root, name, err)))
        status = derive(&spec, name, err);
    if (status == STATUS_OK)
        status = hf_read_experts(&spec, class, root, name, err);
    if (status == STATUS_OK && spec.n_layers <= SPEC_MAX_LAYERS)
        status = hf_read_quantized(&spec, class, root, name, err);
    if (status == STATUS_OK && spec.n_layers > SPEC_MAX_LAYERS)
        status = error_set(err, STATUS_BAD_VALUE, "%.160s: %d layers: allowed"
                           " are %d", name, spec.n_layers, SPEC_MAX_LAYERS);
    if (status == STATUS_OK && isobath)
        status = hf_read_routing(&spec, &own, isobath, name, err);
    if (status != STATUS_OK)
        return status;

    struct error why;
    if (spec_check(&spec, &why) != STATUS_OK)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %s", name, why.text);
    *out = spec;
    if (routing)
        *routing = own;
    return STATUS_OK;
}

enum status hf_config_parse(struct model_spec *spec, struct hf_routing *routing,
                            const char *text, size_t size, const char *name,
                            struct error *err)
{
    json_t *root = NULL;
    enum status status = json_parse(&root, text, size, name, err);

    if (status != STATUS_OK)
        return status;
    if (json_is_object(root))
        status = read_root(spec, routing, root, name, err);
    else
        status = error_set(err, STATUS_BAD_FORMAT,
                           "%.160s:1:1: must be an object", name);
    json_decref(root);
    /* A default that jansson had no memory for is none. */
    return error_memory_ran_out() && status == STATUS_OK
               ? error_set(err, STATUS_NO_MEMORY, "no memory to read %s", name)
               : status;
}

enum status hf_config_read(struct model_spec *spec, struct hf_routing *routing,
                           const char *path, struct error *err)
{
    char *text;
    size_t size;
    enum status status = file_read(&text, &size, path, MAX_BYTES, err);

    if (status != STATUS_OK)
        return status;
    status = hf_config_parse(spec, routing, text, size, path, err);
    free(text);
    return sniff_refusal(NULL, status, path, err);
}

static void write_class(json_t *root, const struct hf_class *class,
                        const struct model_spec *spec)
{
    json_object_set_new(root, "model_type", json_string(class->type));
    json_object_set_new(root, "architectures", json_pack("[s]", class->head));
    if (class->names == HF_NAMES_GPT2)
        return;
    if (!spec->traits.qkv_bias)
        json_object_set_new(root, "attention_bias", json_false());
    if (spec->traits.positions == POSITIONS_ROTARY)
        json_object_set_new(root, "rope_scaling", hf_rope_json(spec));
    if (class->names == HF_NAMES_LLAMA)
        json_object_set_new(root, "mlp_bias", json_false());
    hf_write_layers(root, class, spec);
}

static json_t *root_json(const struct hf_class *class,
                         const struct model_spec *spec,
                         const struct hf_routing *routing)
{
    json_t *root = json_object();
    struct model_spec said = *spec;

    if (spec->rope_scaling.kind == ROPE_SCALING_DYNAMIC)
        said.max_tokens = spec->rope_scaling.original_tokens;
    write_class(root, class, spec);
    hf_write_activation(root, class, spec);
    for (int i = 0; i < N_FIXED; i++)
        if (fixed[i].names == class->names &&
            !json_object_get(root, fixed[i].key))
            json_object_set_new(root, fixed[i].key, hf_literal(fixed[i].value));
    for (int i = 0; i < N_MEMBERS; i++)
        if (members[i].names == class->names)
            json_object_set_new(root, members[i].key,
                                hf_member_json(&said, &members[i]));
    hf_write_experts(root, class, spec);
    json_object_set_new(root, "torch_dtype", json_string("float32"));
    json_object_set_new(root, "isobath", hf_routing_json(spec, routing));
    return root;
}

/* GPT2Config and GPTNeoXConfig have no key for it. */
static bool names_head_size(enum hf_names names)
{
    for (int i = 0; i < N_MEMBERS; i++)
        if (members[i].names == names && strcmp(members[i].key, "head_dim") == 0)
            return true;
    return false;
}

enum status hf_config_holds(const struct hf_class **out,
                            const struct model_spec *spec, const char *path,
                            struct error *err)
{
    enum status status = hf_class_of(out, spec, path, err);

    if (status == STATUS_OK)
        status = spec_check(spec, err);
    if (status == STATUS_OK)
        status = spec_check_runs(spec, err);
    if (status != STATUS_OK)
        return status;
    if (spec->rope_scaling.kind == ROPE_SCALING_FACTORS)
        return error_set(err, STATUS_BAD_VALUE, "%s: rotary factors of a GGUF"
                         " file have no place in a config.json", path);
    if ((*out)->norm_epsilon > 0 && spec->norm_epsilon != (*out)->norm_epsilon)
        return error_set(err, STATUS_BAD_VALUE, "%s: %s has norm_epsilon %g,"
                         " not %g", path, (*out)->type,
                         (double)(*out)->norm_epsilon,
                         (double)spec->norm_epsilon);
    if (!names_head_size((*out)->names) &&
        spec->n_channels != spec->n_heads * spec->head_size)
        return error_set(err, STATUS_BAD_VALUE, "%s: %s has head_size ="
                         " channels / heads, %d / %d, not %d", path,
                         (*out)->type, spec->n_channels, spec->n_heads,
                         spec->head_size);
    return STATUS_OK;
}

static enum status check_thresholds(const struct model_spec *spec,
                                    const struct hf_routing *routing,
                                    const char *path, struct error *err)
{
    for (int32_t c = 0; c < plan_n_choices(spec) && routing->has_thresholds;
         c++) {
        const struct plan_choice made = plan_choice(spec, c);
        if (made.routed && !isfinite(routing->threshold[c]))
            return error_set(err, STATUS_BAD_VALUE, "%s: threshold %g of layer"
                             " %d is not finite", path,
                             (double)routing->threshold[c], made.layer);
    }
    return STATUS_OK;
}

enum status hf_config_write(const char *path, const struct model_spec *spec,
                            const struct hf_routing *routing,
                            struct error *err)
{
    const struct hf_class *class = NULL;
    enum status status = hf_config_holds(&class, spec, path, err);

    if (status == STATUS_OK)
        status = check_thresholds(spec, routing, path, err);
    if (status != STATUS_OK)
        return status;
    json_t *root = root_json(class, spec, routing);
    status = json_write(root, path, err);
    json_decref(root);
    return status;
}
