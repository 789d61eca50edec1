/* hf_config.c - classes, members and fixed keys, each a table, read and written
 * by the same rows. */
#include "models/hf_config.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/file.h"

enum { MAX_BYTES = 1 << 20 };    /* of a config.json; real ones have a few kB */

/* The classes of transformers that the executor computes: with a head, as
 * written, or without.  Of a family and its biases the first row is written. */
static const struct class {
    const char *type;            /* model_type */
    const char *head, *body;     /* architectures */
    enum family family;
    bool        qkv_bias;        /* of a llama */
    /* Where key/value heads are not given, other classes have one per head;
     * these assume 8 or 32 in silence (MistralConfig, Qwen2Config). */
    bool        says_kv_heads;
} classes[] = {
    { "gpt2", "GPT2LMHeadModel", "GPT2Model", FAMILY_GPT2, false, false },
    { "llama", "LlamaForCausalLM", "LlamaModel", FAMILY_LLAMA, false, false },
    { "mistral", "MistralForCausalLM", "MistralModel", FAMILY_LLAMA, false,
      true },
    { "qwen2", "Qwen2ForCausalLM", "Qwen2Model", FAMILY_LLAMA, true, true },
};
enum { N_CLASSES = sizeof classes / sizeof *classes };
static const char class_names[] = "gpt2, llama, mistral and qwen2";

enum kind { KIND_INT, KIND_FLOAT, KIND_BOOL };

/* A key that is a member of the spec. */
struct member {
    enum family family;
    const char *key;
    enum kind   kind;
    size_t      offset;
    const char *fallback;        /* JSON, the class's own default; NULL: needed;
                                  * "": worked out from the others */
};

#define MEMBER(family, key, kind, name, fallback)                              \
    { FAMILY_##family, key, KIND_##kind, offsetof(struct model_spec, name),    \
      fallback }
static const struct member members[] = {
    MEMBER(GPT2, "n_embd",             INT,   n_channels,   NULL),
    MEMBER(GPT2, "n_layer",            INT,   n_layers,     NULL),
    MEMBER(GPT2, "n_head",             INT,   n_heads,      NULL),
    MEMBER(GPT2, "n_inner",            INT,   n_ffn,        ""),
    MEMBER(GPT2, "n_positions",        INT,   max_tokens,   NULL),
    MEMBER(GPT2, "vocab_size",         INT,   n_vocab,      NULL),
    MEMBER(GPT2, "layer_norm_epsilon", FLOAT, norm_epsilon, "1e-5"),
    MEMBER(GPT2, "tie_word_embeddings", BOOL, tied_head,    "true"),

    MEMBER(LLAMA, "hidden_size",             INT,   n_channels,   NULL),
    MEMBER(LLAMA, "intermediate_size",       INT,   n_ffn,        NULL),
    MEMBER(LLAMA, "num_hidden_layers",       INT,   n_layers,     NULL),
    MEMBER(LLAMA, "num_attention_heads",     INT,   n_heads,      NULL),
    MEMBER(LLAMA, "num_key_value_heads",     INT,   n_kv_heads,   ""),
    MEMBER(LLAMA, "head_dim",                INT,   head_size,    ""),
    MEMBER(LLAMA, "max_position_embeddings", INT,   max_tokens,   NULL),
    MEMBER(LLAMA, "vocab_size",              INT,   n_vocab,      NULL),
    MEMBER(LLAMA, "rms_norm_eps",            FLOAT, norm_epsilon, "1e-6"),
    MEMBER(LLAMA, "rope_theta",              FLOAT, rope_theta,   "1e4"),
    MEMBER(LLAMA, "tie_word_embeddings",     BOOL,  tied_head,    "false"),
};
enum { N_MEMBERS = sizeof members / sizeof *members };

/* A key with one value that the executor computes.  Rows of one key: any of
 * them is read, the first is written.  Absent, classes mean the first. */
struct fixed {
    enum family family;
    const char *key;
    const char *value;           /* JSON */
};
static const struct fixed fixed[] = {
    { FAMILY_GPT2, "activation_function", "\"gelu_new\"" },
    { FAMILY_GPT2, "activation_function", "\"gelu_pytorch_tanh\"" },
    { FAMILY_GPT2, "scale_attn_weights",  "true" },
    { FAMILY_GPT2, "scale_attn_by_inverse_layer_idx", "false" },
    { FAMILY_GPT2, "add_cross_attention", "false" },

    { FAMILY_LLAMA, "hidden_act",     "\"silu\"" },
    { FAMILY_LLAMA, "hidden_act",     "\"swish\"" },
    { FAMILY_LLAMA, "mlp_bias",       "false" },
};
enum { N_FIXED = sizeof fixed / sizeof *fixed };

/* Keys that ask for more when they hold anything but null or the value.  They are
 * never written: the classes do not have them, or mean that by their absence. */
static const struct {
    const char *key;
    const char *value;           /* JSON; NULL: only null */
    const char *supported;
} refused[] = {
    { "quantization_config", NULL, "weights that are not quantized" },
    { "auto_map", NULL, "the classes of transformers, not code of the model" },
    { "rope_interleaved", "false", "false" },
    { "partial_rotary_factor", "1.0", "1.0" },
    { "use_sliding_window", "false", "false" },
};
enum { N_REFUSED = sizeof refused / sizeof *refused };

static json_t *literal(const char *text)
{
    return json_loads(text, JSON_DECODE_ANY, NULL);
}

/* A key's value as a message shows it. */
static void quote(char *out, size_t size, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY |
                                       JSON_ENSURE_ASCII);
    snprintf(out, size, "%s", text ? text : "?");
    free(text);
}

/* "file: key VALUE: what". */
__attribute__((format(printf, 5, 6)))
static enum status refuse(struct error *err, const char *name, const char *key,
                          const json_t *value, const char *format, ...)
{
    char what[200], shown[64];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    quote(shown, sizeof shown, value);
    return error_set(err, STATUS_BAD_VALUE, "%.160s: %s %s: %s", name, key,
                     shown, what);
}

/* An absent key and null both leave the class's default. */
static json_t *given(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static enum status read_value(struct model_spec *spec, const struct member *m,
                              const json_t *value, const char *name,
                              struct error *err)
{
    void *at = (char *)spec + m->offset;

    if (m->kind == KIND_INT) {
        if (!json_is_integer(value) || json_integer_value(value) < 1 ||
            json_integer_value(value) > INT32_MAX)
            return refuse(err, name, m->key, value,
                          "must be a whole number from 1 to %d", INT32_MAX);
        *(int32_t *)at = (int32_t)json_integer_value(value);
    } else if (m->kind == KIND_FLOAT) {
        float number = (float)json_number_value(value);
        if (!json_is_number(value) || !(number > 0.0f) || isinf(number))
            return refuse(err, name, m->key, value,
                          "must be a number above 0");
        *(float *)at = number;
    } else {
        if (!json_is_boolean(value))
            return refuse(err, name, m->key, value, "must be true or false");
        *(bool *)at = json_is_true(value);
    }
    return STATUS_OK;
}

static enum status read_members(struct model_spec *spec, const json_t *root,
                                const char *name, struct error *err)
{
    for (int i = 0; i < N_MEMBERS; i++) {
        const struct member *m = &members[i];
        if (m->family != spec->family)
            continue;
        json_t *value = given(root, m->key);
        if (!value && !m->fallback)
            return error_set(err, STATUS_BAD_VALUE,
                             "%.160s: %s is missing", name, m->key);
        if (!value && !*m->fallback)
            continue;
        json_t *used = value ? json_incref(value) : literal(m->fallback);
        enum status status = read_value(spec, m, used, name, err);
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

static enum status check_fixed(const struct model_spec *spec,
                               const json_t *root, const char *name,
                               struct error *err)
{
    for (int i = 0; i < N_FIXED;) {
        const struct fixed *first = &fixed[i];
        json_t *value = json_object_get(root, first->key);
        bool good = !value || first->family != spec->family;
        for (; i < N_FIXED && fixed[i].family == first->family &&
               strcmp(fixed[i].key, first->key) == 0; i++) {
            json_t *allowed = literal(fixed[i].value);
            good = good || json_equal(value, allowed);
            json_decref(allowed);
        }
        if (!good)
            return refuse(err, name, first->key, value, "supported is %s",
                          first->value);
    }
    return STATUS_OK;
}

static enum status check_refused(const json_t *root, const char *name,
                                 struct error *err)
{
    for (int i = 0; i < N_REFUSED; i++) {
        json_t *value = given(root, refused[i].key);
        json_t *allowed = refused[i].value ? literal(refused[i].value) : NULL;
        bool good = !value || json_equal(value, allowed) ||
                    (json_is_number(value) && json_is_number(allowed) &&
                     json_number_value(value) == json_number_value(allowed));
        json_decref(allowed);
        if (!good)
            return refuse(err, name, refused[i].key, value,
                          "supported is %s", refused[i].supported);
    }
    return STATUS_OK;
}

/* A key of rope_scaling, and the kinds that need it. */
static const struct {
    struct member member;
    bool linear, llama3;
} rope_members[] = {
    { MEMBER(LLAMA, "factor", FLOAT, rope_scaling.factor, NULL), true, true },
    { MEMBER(LLAMA, "low_freq_factor", FLOAT, rope_scaling.low_frequency,
             NULL), false, true },
    { MEMBER(LLAMA, "high_freq_factor", FLOAT, rope_scaling.high_frequency,
             NULL), false, true },
    { MEMBER(LLAMA, "original_max_position_embeddings", INT,
             rope_scaling.original_tokens, NULL), false, true },
};
enum { N_ROPE_MEMBERS = sizeof rope_members / sizeof *rope_members };

static bool rope_needs(enum rope_scaling_kind kind, int member)
{
    return (kind == ROPE_SCALING_LINEAR && rope_members[member].linear) ||
           (kind == ROPE_SCALING_LLAMA3 && rope_members[member].llama3);
}

/* "rope_type", or as older files have it, "type". */
static enum status read_rope_kind(enum rope_scaling_kind *out,
                                  const json_t *rope, const char *key,
                                  const char *name, struct error *err)
{
    json_t *type = given(rope, "rope_type");
    const char *word = "default";

    if (!type)
        type = given(rope, "type");
    if (type)
        word = json_string_value(type);
    for (int k = 0; k < ROPE_SCALING_FACTORS && word; k++)
        if (strcmp(word, rope_scaling_names[k]) == 0) {
            *out = (enum rope_scaling_kind)k;
            return STATUS_OK;
        }
    return refuse(err, name, key, rope, "supported are the types default,"
                  " linear and llama3");
}

/* The object under `key`: rope_scaling, or in transformers 5 rope_parameters,
 * which holds theta too.  A key that no supported type has is refused. */
static enum status read_rope(struct model_spec *spec, const json_t *root,
                             const char *key, const char *name,
                             struct error *err)
{
    static const struct member theta =
        MEMBER(LLAMA, "rope_theta", FLOAT, rope_theta, NULL);
    json_t *rope = given(root, key), *value;
    const char *inner;
    enum rope_scaling_kind kind = ROPE_SCALING_NONE;

    if (!rope || spec->family != FAMILY_LLAMA)
        return STATUS_OK;
    if (spec->rope_scaling.kind != ROPE_SCALING_NONE)
        return refuse(err, name, key, rope, "rope_scaling says it too");
    if (!json_is_object(rope))
        return refuse(err, name, key, rope, "must be an object");
    json_object_foreach(rope, inner, value) {
        bool known = json_is_null(value) || strcmp(inner, "rope_type") == 0 ||
                     strcmp(inner, "type") == 0 ||
                     strcmp(inner, theta.key) == 0;
        for (int i = 0; i < N_ROPE_MEMBERS; i++)
            known = known || strcmp(inner, rope_members[i].member.key) == 0;
        if (!known)
            return refuse(err, name, key, rope, "%.60s is not supported",
                          inner);
    }
    enum status status = read_rope_kind(&kind, rope, key, name, err);
    for (int i = 0; i < N_ROPE_MEMBERS && status == STATUS_OK; i++) {
        const struct member *m = &rope_members[i].member;
        if (!rope_needs(kind, i))
            continue;
        value = given(rope, m->key);
        status = value ? read_value(spec, m, value, name, err)
                       : refuse(err, name, key, rope, "%s is missing", m->key);
    }
    if (status == STATUS_OK && (value = given(rope, theta.key)))
        status = read_value(spec, &theta, value, name, err);
    if (status == STATUS_OK)
        spec->rope_scaling.kind = kind;
    return status;
}

/* A window is full attention where it spans every position.  Mistral's class
 * assumes one of 4096 in silence (transformers, MistralConfig); Qwen2's has one
 * only with use_sliding_window, which is refused. */
static enum status check_window(const struct class *class,
                                const struct model_spec *spec,
                                const json_t *root, const char *name,
                                struct error *err)
{
    json_t *window = json_object_get(root, "sliding_window");

    if (strcmp(class->type, "mistral") != 0)
        return STATUS_OK;
    if (!window)
        return error_set(err, STATUS_BAD_VALUE,
                         "%.160s: sliding_window is missing: a mistral without"
                         " it has one of 4096; supported is null", name);
    if (!json_is_null(window) &&
        !(json_is_integer(window) &&
          json_integer_value(window) >= spec->max_tokens))
        return refuse(err, name, "sliding_window", window, "supported are null,"
                      " and windows of max_position_embeddings or more");
    return STATUS_OK;
}

/* Attention layer by layer, where a file says so. */
static enum status check_layer_types(const json_t *root, const char *name,
                                     struct error *err)
{
    json_t *types = given(root, "layer_types");

    for (size_t i = 0; i < json_array_size(types); i++) {
        const char *word = json_string_value(json_array_get(types, i));
        if (!word || strcmp(word, "full_attention") != 0)
            return refuse(err, name, "layer_types", json_array_get(types, i),
                          "supported is \"full_attention\"");
    }
    return !types || json_is_array(types)
               ? STATUS_OK
               : refuse(err, name, "layer_types", types, "must be a list");
}

/* Llama's attention_bias is one of the output too, which the executor does not
 * have; Qwen2's class has its own biases, whatever the key says. */
static enum status check_class(const struct class *class,
                               const struct model_spec *spec,
                               const json_t *root, const char *name,
                               struct error *err)
{
    json_t *list = json_object_get(root, "architectures");
    json_t *bias = given(root, "attention_bias");
    const char *word = json_string_value(json_array_get(list, 0));

    if (list && !json_is_null(list) &&
        (json_array_size(list) != 1 || !word ||
         (strcmp(word, class->head) != 0 && strcmp(word, class->body) != 0)))
        return refuse(err, name, "architectures", list, "supported is [\"%s\"]",
                      class->head);
    if (bias && (class->qkv_bias ? !json_is_true(bias) : !json_is_false(bias)))
        return refuse(err, name, "attention_bias", bias, "supported is %s",
                      class->qkv_bias ? "true" : "false");
    if (class->says_kv_heads && !given(root, "num_key_value_heads"))
        return error_set(err, STATUS_BAD_VALUE,
                         "%.160s: num_key_value_heads is missing", name);
    enum status status = check_layer_types(root, name, err);
    return status == STATUS_OK ? check_window(class, spec, root, name, err)
                               : status;
}

static enum status read_class(const struct class **out,
                              struct model_spec *spec, const json_t *root,
                              const char *name, struct error *err)
{
    json_t *type = json_object_get(root, "model_type");
    const char *word = json_string_value(type);

    if (!word)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: no model_type:"
                         " supported are %s", name, class_names);
    for (int i = 0; i < N_CLASSES; i++)
        if (strcmp(word, classes[i].type) == 0) {
            *out = &classes[i];
            spec->family = classes[i].family;
            spec->qkv_bias = classes[i].qkv_bias;
            return STATUS_OK;
        }
    return refuse(err, name, "model_type", type, "supported are %s",
                  class_names);
}

/* The place of a key's text in a list of words. */
static enum status read_word(int *out, const json_t *object, const char *key,
                             const char *const *words, int n, const char *name,
                             struct error *err)
{
    json_t *value = json_object_get(object, key);
    const char *word = json_string_value(value);
    char allowed[128] = "";
    size_t used = 0;

    for (int i = 0; i < n; i++) {
        if (word && strcmp(word, words[i]) == 0) {
            *out = i;
            return STATUS_OK;
        }
        used += (size_t)snprintf(allowed + used, sizeof allowed - used, "%s%s",
                                 i ? ", " : "", words[i]);
    }
    return refuse(err, name, key, value, "supported are %s", allowed);
}

static enum status read_flag(bool *out, const json_t *object, const char *key,
                             const char *name, struct error *err)
{
    json_t *value = json_object_get(object, key);

    if (!json_is_boolean(value))
        return refuse(err, name, key, value, "must be true or false");
    *out = json_is_true(value);
    return STATUS_OK;
}

/* A list as long as `blocks`, of numbers. */
static enum status check_list(const json_t *object, const char *key, size_t n,
                              const char *name, struct error *err)
{
    json_t *list = json_object_get(object, key);
    bool good = json_is_array(list) && json_array_size(list) == n;

    for (size_t i = 0; good && i < n; i++)
        good = json_is_number(json_array_get(list, i));
    return good ? STATUS_OK
                : refuse(err, name, key, list, "must be a list of %zu numbers,"
                         " one for each of isobath.blocks", n);
}

static enum status read_blocks(struct model_spec *spec,
                               struct hf_routing *routing,
                               const json_t *object, const char *name,
                               struct error *err)
{
    json_t *blocks = json_object_get(object, "blocks");
    json_t *thresholds = given(object, "thresholds");
    size_t n = json_array_size(blocks);
    json_int_t before = -1;

    if (!json_is_array(blocks))
        return refuse(err, name, "isobath.blocks", blocks,
                      "must be a list of layers");
    enum status status = check_list(object, "capacity", n, name, err);
    if (status == STATUS_OK && thresholds)
        status = check_list(object, "thresholds", n, name, err);
    if (status != STATUS_OK)
        return status;
    routing->has_thresholds = thresholds != NULL;
    for (size_t i = 0; i < n; i++) {
        json_t *block = json_array_get(blocks, i);
        json_int_t l = json_integer_value(block);
        if (!json_is_integer(block) || l <= before || l >= spec->n_layers)
            return refuse(err, name, "isobath.blocks", blocks, "must be layers"
                          " from 0 to %d, ascending", spec->n_layers - 1);
        spec->routed[l] = true;
        spec->capacity[l] = json_number_value(
            json_array_get(json_object_get(object, "capacity"), i));
        routing->threshold[l] =
            (float)json_number_value(json_array_get(thresholds, i));
        before = l;
    }
    return STATUS_OK;
}

static enum status read_policy(struct hf_routing *routing, const json_t *object,
                               const char *name, struct error *err)
{
    json_t *value = json_object_get(object, "policy");
    const char *word = json_string_value(value);

    routing->policy = route_find(word ? word : "");
    return routing->policy ? STATUS_OK
                           : refuse(err, name, "isobath.policy", value,
                                    "no such routing policy");
}

/* Written where it is not 0. */
static enum status read_first(struct model_spec *spec,
                              const struct hf_routing *routing,
                              const json_t *object, const char *name,
                              struct error *err)
{
    json_t *value = json_object_get(object, "keep_first");

    if (value && !(json_is_integer(value) && json_integer_value(value) >= 0 &&
                   json_integer_value(value) <= INT32_MAX))
        return refuse(err, name, "isobath.keep_first", value, "must be a number"
                      " of tokens, from 0");
    route_keep_first(spec, routing->policy,
                     (int32_t)json_integer_value(value));
    return STATUS_OK;
}

static enum status read_isobath(struct model_spec *spec,
                                struct hf_routing *routing,
                                const json_t *object, const char *name,
                                struct error *err)
{
    static const char *const keys[] = {
        "blocks", "capacity", "policy", "gate", "router_input",
        "router_scores", "router_trained", "thresholds", "keep_first",
    };
    enum { N_KEYS = sizeof keys / sizeof *keys };
    size_t known = 0;
    int gate = 0, input = 0;

    if (!json_is_object(object))
        return refuse(err, name, "isobath", object, "must be an object");
    for (int i = 0; i < N_KEYS; i++)
        known += json_object_get(object, keys[i]) != NULL;
    if (known != json_object_size(object))
        return error_set(err, STATUS_BAD_VALUE, "%.160s: isobath holds a key of"
                         " another version", name);

    enum status status = read_policy(routing, object, name, err);
    if (status == STATUS_OK)
        status = read_blocks(spec, routing, object, name, err);
    if (status == STATUS_OK)
        status = read_first(spec, routing, object, name, err);
    if (status == STATUS_OK)
        status = read_word(&gate, object, "gate", gate_names, GATE_COUNT, name,
                           err);
    if (status == STATUS_OK)
        status = read_word(&input, object, "router_input", router_input_names,
                           ROUTER_INPUT_COUNT, name, err);
    if (status == STATUS_OK)
        status = read_flag(&spec->router_scores, object, "router_scores", name,
                           err);
    if (status == STATUS_OK)
        status = read_flag(&spec->router_trained, object, "router_trained",
                           name, err);
    spec->gate = (enum gate)gate;
    spec->router_input = (enum router_input)input;
    return status;
}

static enum status read_root(struct model_spec *out, struct hf_routing *routing,
                             const json_t *root, const char *name,
                             struct error *err)
{
    struct model_spec spec = {
        .gate = GATE_SIGMOID2, .router_input = ROUTER_INPUT_NORMALISED,
        .rope_theta = 10000.0f,  /* not read for gpt2, never zero */
    };
    struct hf_routing own = { .policy = route_find("dense") };
    json_t *isobath = json_object_get(root, "isobath");

    for (int l = 0; l < SPEC_MAX_LAYERS; l++)
        spec.capacity[l] = 1.0;
    const struct class *class = NULL;
    enum status status;
    if (!(status = read_class(&class, &spec, root, name, err)) &&
        !(status = check_fixed(&spec, root, name, err)) &&
        !(status = check_refused(root, name, err)) &&
        !(status = read_members(&spec, root, name, err)) &&
        !(status = check_class(class, &spec, root, name, err)) &&
        !(status = read_rope(&spec, root, "rope_scaling", name, err)) &&
        !(status = read_rope(&spec, root, "rope_parameters", name, err)))
        status = derive(&spec, name, err);
    if (status == STATUS_OK && spec.n_layers > SPEC_MAX_LAYERS)
        status = error_set(err, STATUS_BAD_VALUE, "%.160s: %d layers: allowed"
                           " are %d", name, spec.n_layers, SPEC_MAX_LAYERS);
    if (status == STATUS_OK && isobath)
        status = read_isobath(&spec, &own, isobath, name, err);
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
    json_error_t json;
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &json);
    enum status status;

    if (!root)
        return error_set(err, STATUS_BAD_FORMAT, "%.160s:%d:%d: %s", name,
                         json.line, json.column, json.text);
    if (json_is_object(root))
        status = read_root(spec, routing, root, name, err);
    else
        status = error_set(err, STATUS_BAD_FORMAT,
                           "%.160s:1:1: must be an object", name);
    json_decref(root);
    return status;
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
    return status;
}

/* The shortest decimal that reads back as this float: 1e-05, not
 * 9.9999997473787516e-06. */
static double short_decimal(float value)
{
    char text[32];

    for (int digits = 1; digits < 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            return strtod(text, NULL);
    }
    return (double)value;
}

static json_t *member_json(const struct model_spec *spec,
                           const struct member *m)
{
    const void *at = (const char *)spec + m->offset;

    if (m->kind == KIND_INT)
        return json_integer(*(const int32_t *)at);
    if (m->kind == KIND_FLOAT)
        return json_real(short_decimal(*(const float *)at));
    return json_boolean(*(const bool *)at);
}

static json_t *isobath_json(const struct model_spec *spec,
                            const struct hf_routing *routing)
{
    json_t *blocks = json_array(), *capacity = json_array();
    json_t *thresholds = routing->has_thresholds ? json_array() : json_null();

    for (int32_t l = 0; l < spec->n_layers; l++) {
        if (!spec->routed[l])
            continue;
        json_array_append_new(blocks, json_integer(l));
        json_array_append_new(capacity, json_real(spec->capacity[l]));
        if (routing->has_thresholds)
            json_array_append_new(thresholds, json_real(
                short_decimal(routing->threshold[l])));
    }
    json_t *out = json_pack("{s:o, s:o, s:s, s:s, s:s, s:b, s:b, s:o}",
                            "blocks", blocks, "capacity", capacity,
                            "policy", routing->policy->name,
                            "gate", gate_names[spec->gate], "router_input",
                            router_input_names[spec->router_input],
                            "router_scores", spec->router_scores,
                            "router_trained", spec->router_trained,
                            "thresholds", thresholds);
    if (spec->keep_first > 0)
        json_object_set_new(out, "keep_first",
                            json_integer(spec->keep_first));
    return out;
}

static json_t *rope_json(const struct model_spec *spec)
{
    const enum rope_scaling_kind kind = spec->rope_scaling.kind;
    json_t *rope;

    if (kind == ROPE_SCALING_NONE)
        return json_null();
    rope = json_pack("{s:s}", "rope_type", rope_scaling_names[kind]);
    for (int i = 0; i < N_ROPE_MEMBERS; i++)
        if (rope_needs(kind, i))
            json_object_set_new(rope, rope_members[i].member.key,
                                member_json(spec, &rope_members[i].member));
    return rope;
}

static void write_class(json_t *root, const struct model_spec *spec)
{
    const struct class *c = classes;

    while (c->family != spec->family ||
           (c->family == FAMILY_LLAMA && c->qkv_bias != spec->qkv_bias))
        c++;
    json_object_set_new(root, "model_type", json_string(c->type));
    json_object_set_new(root, "architectures", json_pack("[s]", c->head));
    if (spec->family != FAMILY_LLAMA)
        return;
    if (!c->qkv_bias)
        json_object_set_new(root, "attention_bias", json_false());
    json_object_set_new(root, "rope_scaling", rope_json(spec));
}

static json_t *root_json(const struct model_spec *spec,
                         const struct hf_routing *routing)
{
    json_t *root = json_object();

    write_class(root, spec);
    for (int i = 0; i < N_FIXED; i++)
        if (fixed[i].family == spec->family &&
            !json_object_get(root, fixed[i].key))
            json_object_set_new(root, fixed[i].key, literal(fixed[i].value));
    for (int i = 0; i < N_MEMBERS; i++)
        if (members[i].family == spec->family)
            json_object_set_new(root, members[i].key,
                                member_json(spec, &members[i]));
    json_object_set_new(root, "torch_dtype", json_string("float32"));
    json_object_set_new(root, "isobath", isobath_json(spec, routing));
    return root;
}

static enum status check_written(const struct model_spec *spec,
                                 const struct hf_routing *routing,
                                 const char *path, struct error *err)
{
    enum status status = spec_check(spec, err);

    if (status != STATUS_OK)
        return status;
    if (spec->rope_scaling.kind == ROPE_SCALING_FACTORS)
        return error_set(err, STATUS_BAD_VALUE, "%s: rotary factors of a GGUF"
                         " file have no place in a config.json", path);
    /* GPT2Config has no key for it. */
    if (spec->family == FAMILY_GPT2 &&
        spec->n_channels != spec->n_heads * spec->head_size)
        return error_set(err, STATUS_BAD_VALUE, "%s: gpt2 has head_size ="
                         " channels / heads, %d / %d, not %d", path,
                         spec->n_channels, spec->n_heads, spec->head_size);
    for (int32_t l = 0; l < spec->n_layers && routing->has_thresholds; l++)
        if (spec->routed[l] && !isfinite(routing->threshold[l]))
            return error_set(err, STATUS_BAD_VALUE, "%s: threshold %g of layer"
                             " %d is not finite", path,
                             (double)routing->threshold[l], l);
    return STATUS_OK;
}

enum status hf_config_write(const char *path, const struct model_spec *spec,
                            const struct hf_routing *routing,
                            struct error *err)
{
    struct file_writer writer;
    enum status status = check_written(spec, routing, path, err);

    if (status == STATUS_OK)
        status = file_create(&writer, path, err);
    if (status != STATUS_OK)
        return status;

    json_t *root = root_json(spec, routing);
    /* A failed write stays noted in the stream: file_commit() reports it. */
    bool complete = json_dumpf(root, writer.stream, JSON_INDENT(2)) == 0 ||
                    ferror(writer.stream);
    json_decref(root);
    if (!complete) {
        file_abandon(&writer);
        return error_set(err, STATUS_NO_MEMORY, "no memory to write %s", path);
    }
    fputc('\n', writer.stream);
    return file_commit(&writer, err);
}
