/* hf_layers.c - Read what tells the layers of a model apart, and the parts that
 * classes may have: configuration_*.py of transformers. */
#include "models/files/hf_inside.h"

#include <math.h>
#include <string.h>

/* Of each layer by layer_types; else of those from max_window_layers on, where
 * the class counts so, or of all. */
static enum status read_windowed(struct model_spec *spec,
                                 const struct hf_class *class,
                                 const json_t *root, const char *name,
                                 struct error *err)
{
    json_t *types = hf_given(root, "layer_types"), *type;
    json_t *pattern = hf_given(root, "sliding_window_pattern");
    json_t *from = hf_given(root, "max_window_layers");
    const json_int_t first = class->window == HF_WINDOW_USED
                                 ? json_integer_value(from) : 0;
    json_int_t step = class->window_step;
    size_t i;

    if (!pattern)
        pattern = hf_given(root, "_sliding_window_pattern");
    if (pattern && class->local)
        step = json_integer_value(pattern);
    if (pattern && class->local && step < 1)
        return hf_refuse(err, name, "sliding_window_pattern", pattern,
                         "must be a whole number above 0");

    if (class->window == HF_WINDOW_USED && spec->window > 0 && !types &&
        !json_is_integer(from))
        return error_set(err, STATUS_BAD_VALUE, "%.160s: max_window_layers is"
                         " missing, or no whole number", name);

    for (int32_t l = 0; l < spec->n_layers && l < SPEC_MAX_LAYERS; l++)
        spec->windowed[l] = spec->window > 0 && !types && l >= first &&
                            (step == 0 || (l + 1) % step != 0);
    if (types && (!json_is_array(types) ||
                  json_array_size(types) != (size_t)spec->n_layers))
        return hf_refuse(err, name, "layer_types", types, "must be a list of"
                         " %d", spec->n_layers);
    json_array_foreach(types, i, type) {
        const char *word = json_string_value(type);
        const bool slides = word && strcmp(word, "sliding_attention") == 0;
        if (i >= SPEC_MAX_LAYERS)
            break;               /* more layers than are allowed */
        if (!slides && (!word || strcmp(word, "full_attention") != 0))
            return hf_refuse(err, name, "layer_types", type, "supported are"
                             " \"full_attention\" and, with a window,"
                             " \"sliding_attention\"");
        if (slides && spec->window == 0)
            return hf_refuse(err, name, "layer_types", type, "no window is given"
                             " for it: supported is \"full_attention\"");
        spec->windowed[i] = slides;
    }
    return STATUS_OK;
}

static enum status read_window(struct model_spec *spec,
                               const struct hf_class *class,
                               const json_t *root, const char *name,
                               struct error *err)
{
    static const struct hf_member member =
        HF_MEMBER(LLAMA, "sliding_window", INT, window, NULL);
    json_t *window = json_object_get(root, member.key);
    json_t *used = hf_given(root, "use_sliding_window");
    enum status status = STATUS_OK;

    if (class->window == HF_WINDOW_NONE && used && !json_is_false(used))
        return hf_refuse(err, name, "use_sliding_window", used,
                         "supported is false");
    const bool has = class->window == HF_WINDOW_GIVEN ||
                     class->window == HF_WINDOW_PATTERN ||
                     (class->window == HF_WINDOW_USED && json_is_true(used));
    if (has && !window)
        spec->window = class->usual_window;
    else if (has && !json_is_null(window))
        status = hf_read_member(spec, &member, window, name, err);
    return status == STATUS_OK ? read_windowed(spec, class, root, name, err)
                               : status;
}

/* no_rope_layers has 1 for a layer with positions; without it every fourth, or
 * of another interval, has none. */
static enum status read_positions(struct model_spec *spec, const json_t *root,
                                  const char *name, struct error *err)
{
    json_t *list = hf_given(root, "no_rope_layers");
    json_t *every = hf_given(root, "no_rope_layer_interval");
    const json_int_t interval = every ? json_integer_value(every) : 4;

    if (interval < 1)
        return hf_refuse(err, name, "no_rope_layer_interval", every,
                         "must be a whole number above 0");
    if (list && json_array_size(list) != (size_t)spec->n_layers)
        return hf_refuse(err, name, "no_rope_layers", list, "must be a list of"
                         " %d", spec->n_layers);
    for (int32_t l = 0; l < spec->n_layers && l < SPEC_MAX_LAYERS; l++) {
        const json_t *turns = json_array_get(list, (size_t)l);
        if (turns && !json_is_integer(turns) && !json_is_boolean(turns))
            return hf_refuse(err, name, "no_rope_layers", turns,
                             "must be 0 or 1");
        spec->unturned[l] = turns ? json_is_false(turns) ||
                                        (json_is_integer(turns) &&
                                         json_integer_value(turns) == 0)
                                  : (l + 1) % interval == 0;
    }
    return STATUS_OK;
}

static enum status read_biases(struct model_spec *spec,
                               const struct hf_class *class,
                               const json_t *root, const char *name,
                               struct error *err)
{
    bool attention = false, ffn = false;
    enum status status = hf_read_flag(&attention, root, "attention_bias", name,
                                      err);

    if (status == STATUS_OK)
        status = hf_read_flag(&ffn, root, "mlp_bias", name, err);
    if (status == STATUS_OK && ffn && !class->biases)
        return hf_refuse(err, name, "mlp_bias", hf_given(root, "mlp_bias"),
                         "supported is false");
    if (status == STATUS_OK && class->biases) {
        spec->traits.qkv_bias = spec->traits.project_bias = attention;
        spec->traits.ffn_bias = ffn;
    }
    return status;
}

/* attention_multiplier stands where 1 / sqrt(D) stood. */
static enum status read_factors(struct model_spec *spec, const json_t *root,
                                const char *name, struct error *err)
{
    static const struct hf_member factors[] = {
        HF_MEMBER(LLAMA, "embedding_multiplier", FLOAT, fold.embedding, "1.0"),
        HF_MEMBER(LLAMA, "residual_multiplier", FLOAT, fold.residual, "1.0"),
        HF_MEMBER(LLAMA, "attention_multiplier", FLOAT, fold.scores, "1.0"),
        HF_MEMBER(LLAMA, "logits_scaling", FLOAT, fold.logits, "1.0"),
    };
    const int32_t size = spec->head_size > 0
                             ? spec->head_size : spec->n_channels /
                                                     spec->n_heads;
    enum status status = STATUS_OK;

    for (size_t i = 0; i < sizeof factors / sizeof *factors &&
                       status == STATUS_OK; i++) {
        json_t *value = hf_given(root, factors[i].key);
        json_t *read = value ? json_incref(value)
                             : hf_literal(factors[i].fallback);
        status = hf_read_member(spec, &factors[i], read, name, err);
        json_decref(read);
    }
    spec->fold.scores *= sqrtf((float)size);
    return status;
}

enum status hf_read_layers(struct model_spec *spec,
                           const struct hf_class *class, const json_t *root,
                           const char *name, struct error *err)
{
    enum status status = hf_read_parts(spec, class, root, name, err);

    if (status == STATUS_OK)
        status = read_window(spec, class, root, name, err);
    if (status == STATUS_OK && class->skips_positions)
        status = read_positions(spec, root, name, err);
    if (status == STATUS_OK && class->names == HF_NAMES_LLAMA)
        status = read_biases(spec, class, root, name, err);
    return status == STATUS_OK && class->factors
               ? read_factors(spec, root, name, err) : status;
}

void hf_write_layers(json_t *root, const struct hf_class *class,
                     const struct model_spec *spec)
{
    json_t *list;

    hf_write_parts(root, class, spec);
    if (class->window == HF_WINDOW_PATTERN) {
        list = json_array();
        for (int32_t l = 0; l < spec->n_layers; l++)
            json_array_append_new(list, json_string(
                spec->windowed[l] ? "sliding_attention" : "full_attention"));
        json_object_set_new(root, "layer_types", list);
    }
    if (class->window == HF_WINDOW_GIVEN || class->window == HF_WINDOW_PATTERN)
        json_object_set_new(root, "sliding_window", spec->window > 0
                                ? json_integer(spec->window) : json_null());
    if (!class->skips_positions)
        return;
    list = json_array();
    for (int32_t l = 0; l < spec->n_layers; l++)
        json_array_append_new(list, json_integer(!spec->unturned[l]));
    json_object_set_new(root, "no_rope_layers", list);
}
