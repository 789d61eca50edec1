/* hf_parts.c - Read the numbers that classes have besides their sizes: caps, the
 * share of a head that is turned, factors (configuration_*.py of transformers). */
#include "models/files/hf_inside.h"

#include <math.h>

/* A cap's key may be null: there is none. */
static const struct hf_member caps[HF_CLASS_CAPS] = {
    HF_MEMBER(GEMMA, "attn_logit_softcapping", FLOAT, attention_cap, ""),
    HF_MEMBER(GEMMA, "final_logit_softcapping", FLOAT, logit_cap, ""),
};
static const struct hf_member local_theta =
    HF_MEMBER(GEMMA, "rope_local_base_freq", FLOAT, local_theta, "1e4");
static const struct hf_member query_scalar =
    HF_MEMBER(GEMMA, "query_pre_attn_scalar", FLOAT, fold.scores, "256.0");

/* What the class takes where the key is absent, as JSON; "": nothing. */
static enum status read_usual(struct model_spec *spec,
                              const struct hf_member *member, const char *usual,
                              const json_t *root, const char *name,
                              struct error *err)
{
    json_t *value = json_object_get(root, member->key);
    enum status status = STATUS_OK;

    if (json_is_null(value) || (!value && !*usual))
        return STATUS_OK;
    json_t *read = value ? json_incref(value) : hf_literal(usual);
    status = hf_read_member(spec, member, read, name, err);
    json_decref(read);
    return status;
}

/* Gemma: embeddings are multiplied by the root of their width, and later ones'
 * scores by that of 1 / query_pre_attn_scalar, where 1 / D stood. */
static enum status read_scaled(struct model_spec *spec,
                               const struct hf_class *class, const json_t *root,
                               const char *name, struct error *err)
{
    enum status status = STATUS_OK;

    const bool capped = class->usual_cap[0] != NULL;

    for (int i = 0; i < HF_CLASS_CAPS && capped && status == STATUS_OK; i++)
        status = read_usual(spec, &caps[i], class->usual_cap[i], root, name,
                            err);
    if (status == STATUS_OK && capped)
        status = read_usual(spec, &query_scalar, query_scalar.fallback, root,
                            name, err);
    if (status == STATUS_OK && class->local)
        status = read_usual(spec, &local_theta, local_theta.fallback, root,
                            name, err);
    const float scalar = spec->fold.scores;
    spec->fold = hf_class_folding(class, spec);
    if (status == STATUS_OK && scalar > 0)
        spec->fold.scores = sqrtf((float)spec->head_size / scalar);
    return status;
}

/* The share of a head that is turned; as int() of Python cuts it. */
static enum status read_share(struct model_spec *spec,
                              const struct hf_class *class, const json_t *root,
                              const char *name, struct error *err)
{
    json_t *value = hf_given(root, class->rotary_share);
    json_t *read = value ? json_incref(value)
                         : hf_literal(class->usual_share);
    const double share = json_number_value(read);
    const bool sound = json_is_number(read) && share > 0 && share <= 1;
    const int32_t size = spec->head_size > 0 ? spec->head_size
                         : spec->n_heads > 0 ? spec->n_channels / spec->n_heads
                                             : 0;
    const int32_t turned = sound ? (int32_t)(size * share) : 0;
    enum status status = STATUS_OK;

    if (!sound)
        status = hf_refuse(err, name, class->rotary_share, read, "must be a"
                           " number above 0, up to 1");
    else if (turned < 2)
        status = hf_refuse(err, name, class->rotary_share, read, "turns %d of"
                           " %d numbers of a head: at least 2 are turned",
                           turned, size);
    json_decref(read);
    spec->n_rotary = turned < size ? turned : 0;
    return status;
}

/* What the feed-forward part reads. */
static enum status place_parts(struct model_spec *spec,
                               const struct hf_class *class, const json_t *root,
                               const char *name, struct error *err)
{
    bool is = family_traits[class->family].parallel != PARALLEL_NONE;

    if (hf_read_flag(&is, root, "use_parallel_residual", name, err) !=
        STATUS_OK)
        return STATUS_BAD_VALUE;
    for (int p = 0; p <= PARALLEL_NORM; p++)
        if (class->parallel & 1u << p && (p != PARALLEL_NONE) == is)
            spec->traits.parallel = (enum parallel)p;
    return STATUS_OK;
}

/* Falcon: a decoder of its first kind has one key for all heads, or one for each,
 * and one norm; of its second, as many as it says, and a norm or two. */
static enum status read_falcon(struct model_spec *spec, const json_t *root,
                               const char *name, struct error *err)
{
    static const char *const flags[] = { "new_decoder_architecture",
                                         "multi_query", "parallel_attn" };
    json_t *norms = hf_given(root, "num_ln_in_parallel_attn");
    const json_int_t n = norms ? json_integer_value(norms) : 0;
    bool is[] = { false, true, true };

    for (int i = 0; i < 3; i++)
        if (hf_read_flag(&is[i], root, flags[i], name, err) != STATUS_OK)
            return STATUS_BAD_VALUE;
    if (!is[0] && !is[2])
        return hf_refuse(err, name, flags[2], hf_given(root, flags[2]),
                         "supported is true");
    if (norms && n != 1 && (n != 2 || !is[0]))
        return hf_refuse(err, name, "num_ln_in_parallel_attn", norms,
                         "supported is 1, and with %s true 2", flags[0]);
    spec->traits.parallel = is[0] && n != 1 ? PARALLEL_NORMS : PARALLEL_NORM;
    if (!is[0])
        spec->n_kv_heads = is[1] ? 1 : spec->n_heads;
    return STATUS_OK;
}

/* opt-350m has norms behind what its parts add to the stream, and a stream of
 * another width than its embeddings. */
static enum status check_opt(const struct model_spec *spec, const json_t *root,
                             const char *name, struct error *err)
{
    json_t *width = hf_given(root, "word_embed_proj_dim");
    bool before = true;
    enum status status = hf_read_flag(&before, root, "do_layer_norm_before",
                                      name, err);

    if (status == STATUS_OK && !before)
        status = hf_refuse(err, name, "do_layer_norm_before",
                           hf_given(root, "do_layer_norm_before"),
                           "supported is true: norms before parts, none behind"
                           " their sums with the stream");
    if (status == STATUS_OK && width &&
        json_integer_value(width) != spec->n_channels)
        status = hf_refuse(err, name, "word_embed_proj_dim", width,
                           "supported is hidden_size, %d: nothing is projected"
                           " between embeddings and the stream",
                           spec->n_channels);
    return status;
}

enum status hf_read_parts(struct model_spec *spec,
                          const struct hf_class *class, const json_t *root,
                          const char *name, struct error *err)
{
    enum status status = STATUS_OK;

    if (class->tied && !hf_given(root, "tie_word_embeddings"))
        spec->tied_head = true;
    if (class->scaled)
        status = read_scaled(spec, class, root, name, err);
    if (status == STATUS_OK && class->rotary_share)
        status = read_share(spec, class, root, name, err);
    if (status == STATUS_OK && class->names == HF_NAMES_FALCON)
        status = read_falcon(spec, root, name, err);
    else if (status == STATUS_OK && class->parallel)
        status = place_parts(spec, class, root, name, err);
    if (status == STATUS_OK && class->names == HF_NAMES_STABLELM)
        status = hf_read_flag(&spec->traits.qkv_bias, root, "use_qkv_bias",
                              name, err);
    if (status == STATUS_OK && class->norms_heads)
        status = hf_read_flag(&spec->traits.qk_norm, root, "qk_layernorm", name,
                              err);
    if (class->norm_epsilon > 0)
        spec->norm_epsilon = class->norm_epsilon;
    return status == STATUS_OK && class->names == HF_NAMES_OPT
               ? check_opt(spec, root, name, err) : status;
}

static void write_scaled(json_t *root, const struct hf_class *class,
                         const struct model_spec *spec)
{
    if (!class->usual_cap[0])
        return;
    for (int i = 0; i < HF_CLASS_CAPS; i++) {
        const float cap = i == 0 ? spec->attention_cap : spec->logit_cap;
        json_object_set_new(root, caps[i].key,
                            cap > 0 ? hf_member_json(spec, &caps[i])
                                    : json_null());
    }
    /* Queries are written as they are multiplied with keys. */
    json_object_set_new(root, query_scalar.key, json_integer(spec->head_size));
    if (class->local)
        json_object_set_new(root, local_theta.key, json_real(hf_short_decimal(
            spec->local_theta > 0 ? spec->local_theta : spec->rope_theta)));
}

void hf_write_parts(json_t *root, const struct hf_class *class,
                    const struct model_spec *spec)
{
    if (class->scaled)
        write_scaled(root, class, spec);
    if (class->rotary_share)
        json_object_set_new(root, class->rotary_share, json_real(
            (double)spec_rotary(spec) / spec->head_size));
    if (spec->rope_scaling.kind == ROPE_SCALING_LONG)
        json_object_set_new(root, "original_max_position_embeddings",
                            json_integer(spec->rope_scaling.original_tokens));
    if (class->names == HF_NAMES_FALCON) {
        json_object_set_new(root, "new_decoder_architecture", json_true());
        json_object_set_new(root, "num_ln_in_parallel_attn", json_integer(
            spec->traits.parallel == PARALLEL_NORMS ? 2 : 1));
    } else if (class->parallel) {
        json_object_set_new(root, "use_parallel_residual", json_boolean(
            spec->traits.parallel != PARALLEL_NONE));
    }
    if (class->names == HF_NAMES_STABLELM)
        json_object_set_new(root, "use_qkv_bias",
                            json_boolean(spec->traits.qkv_bias));
    if (class->norms_heads)
        json_object_set_new(root, "qk_layernorm",
                            json_boolean(spec->traits.qk_norm));
    if (class->names == HF_NAMES_OPT) {
        json_object_set_new(root, "do_layer_norm_before", json_true());
        json_object_set_new(root, "word_embed_proj_dim",
                            json_integer(spec->n_channels));
    }
}
