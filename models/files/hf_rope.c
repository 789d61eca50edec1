/* hf_rope.c - Read and write rotary scaling by a table of its kinds and their
 * keys. */
#include "models/files/hf_inside.h"

#include <math.h>
#include <string.h>

/* A key of rope_scaling, and the kinds that have it: of a NULL fallback, need
 * it. */
#define KINDS(a, b, c)                                                         \
    { [ROPE_SCALING_LINEAR] = a, [ROPE_SCALING_DYNAMIC] = a,                   \
      [ROPE_SCALING_LLAMA3] = b, [ROPE_SCALING_YARN] = c }
static const struct {
    struct hf_member member;
    bool has[ROPE_SCALING_COUNT];
} rope_members[] = {
    { HF_MEMBER(LLAMA, "factor", FLOAT, rope_scaling.factor, NULL),
      KINDS(true, true, true) },
    { HF_MEMBER(LLAMA, "low_freq_factor", FLOAT, rope_scaling.low_frequency,
                NULL), KINDS(false, true, false) },
    { HF_MEMBER(LLAMA, "high_freq_factor", FLOAT, rope_scaling.high_frequency,
                NULL), KINDS(false, true, false) },
    { HF_MEMBER(LLAMA, "original_max_position_embeddings", INT,
                rope_scaling.original_tokens, NULL), KINDS(false, true, true) },
    { HF_MEMBER(LLAMA, "beta_slow", FLOAT, rope_scaling.low_frequency, "1.0"),
      KINDS(false, false, true) },
    { HF_MEMBER(LLAMA, "beta_fast", FLOAT, rope_scaling.high_frequency, "32.0"),
      KINDS(false, false, true) },
    { HF_MEMBER(LLAMA, "attention_factor", FLOAT, rope_scaling.amplitude, ""),
      KINDS(false, false, true) },
};
enum { N_ROPE_MEMBERS = sizeof rope_members / sizeof *rope_members };

/* As Phi-3's first files call it. */
static const char longrope_once[] = "su";
/* Lists that longrope alone has. */
static const char *const lists[] = { "short_factor", "long_factor" };

/* "rope_type", or as older files have it, "type". */
static enum status read_rope_kind(enum rope_scaling_kind *out,
                                  const json_t *rope, const char *key,
                                  const char *name, struct error *err)
{
    json_t *type = hf_given(rope, "rope_type");
    const char *word = "default";

    if (!type)
        type = hf_given(rope, "type");
    if (type)
        word = json_string_value(type);
    if (word && strcmp(word, longrope_once) == 0)
        word = rope_scaling_names[ROPE_SCALING_LONG];
    for (int k = 0; k < ROPE_SCALING_FACTORS && word; k++)
        if (strcmp(word, rope_scaling_names[k]) == 0) {
            *out = (enum rope_scaling_kind)k;
            return STATUS_OK;
        }
    return hf_refuse(err, name, key, rope, "supported are the types default,"
                     " dynamic, linear, llama3, yarn and longrope");
}

static enum status read_member(struct model_spec *spec,
                               const struct hf_member *m, const json_t *rope,
                               const char *key, const char *name,
                               struct error *err)
{
    json_t *value = hf_given(rope, m->key);

    if (!value && !m->fallback)
        return hf_refuse(err, name, key, rope, "%s is missing", m->key);
    if (!value && !*m->fallback)
        return STATUS_OK;
    json_t *read = value ? json_incref(value) : hf_literal(m->fallback);
    enum status status = hf_read_member(spec, m, read, name, err);
    json_decref(read);
    return status;
}

/* Gemma 3's object for each kind of layer: the windows' has a base of its own,
 * and no scaling. */
static enum status unfold_kinds(json_t *root, const char *key, const char *name,
                                struct error *err)
{
    json_t *rope = json_object_get(root, key), *value;
    json_t *local = json_object_get(rope, "sliding_attention");
    const json_t *type = json_object_get(local, "rope_type");
    const char *inner;
    bool known = json_object_size(rope) == (local ? 2 : 1);

    json_object_foreach(local, inner, value)
        known = known && (strcmp(inner, "rope_type") == 0 ||
                          strcmp(inner, "rope_theta") == 0);
    if (!known || (type && strcmp(json_string_value(type)
                                  ? json_string_value(type) : "", "default")))
        return hf_refuse(err, name, key, rope, "supported are full_attention,"
                         " and sliding_attention of the type default");
    value = hf_given(local, "rope_theta");
    if (value)
        json_object_set(root, "rope_local_base_freq", value);
    json_object_set(root, key, json_object_get(rope, "full_attention"));
    return STATUS_OK;
}

enum status hf_unfold_rope(json_t *root, const struct hf_class *class,
                           const char *key, const char *name, struct error *err)
{
    const char *const moved[][2] = {
        { "rope_theta", class->names == HF_NAMES_NEOX ? "rotary_emb_base"
                                                      : "rope_theta" },
        { "partial_rotary_factor", class->rotary_share
                                       ? class->rotary_share
                                       : "partial_rotary_factor" },
    };
    json_t *rope = hf_given(root, key);
    enum status status = STATUS_OK;

    if (class->local && json_object_get(rope, "full_attention"))
        status = unfold_kinds(root, key, name, err);
    rope = hf_given(root, key);
    for (int i = 0; i < 2 && status == STATUS_OK; i++) {
        json_t *value = hf_given(rope, moved[i][0]);
        if (value)
            json_object_set(root, moved[i][1], value);
        json_object_del(rope, moved[i][0]);
    }
    return status;
}

/* Dynamic scaling is for texts longer than the model says it takes: as long as the
 * factor says, as others that serve such models have it (vLLM,
 * DynamicNTKScalingRotaryEmbedding). */
static void lengthen(struct model_spec *spec)
{
    struct rope_scaling *r = &spec->rope_scaling;
    const double longest = (double)r->factor * spec->max_tokens;

    r->original_tokens = spec->max_tokens;
    if (longest > spec->max_tokens && spec->max_tokens < SPEC_MAX_TOKENS)
        spec->max_tokens = (int32_t)fmin(longest, SPEC_MAX_TOKENS);
}

enum status hf_read_rope(struct model_spec *spec, const json_t *root,
                         const char *key, const char *name,
                         struct error *err)
{
    json_t *rope = hf_given(root, key), *value;
    const char *inner;
    enum rope_scaling_kind kind = ROPE_SCALING_NONE;

    if (!rope || spec->traits.positions != POSITIONS_ROTARY)
        return STATUS_OK;
    if (spec->rope_scaling.kind != ROPE_SCALING_NONE)
        return hf_refuse(err, name, key, rope, "rope_scaling says it too");
    if (!json_is_object(rope))
        return hf_refuse(err, name, key, rope, "must be an object");
    json_object_foreach(rope, inner, value) {
        bool known = json_is_null(value) || strcmp(inner, "rope_type") == 0 ||
                     strcmp(inner, "type") == 0;
        for (int i = 0; i < N_ROPE_MEMBERS; i++)
            known = known || strcmp(inner, rope_members[i].member.key) == 0;
        for (int i = 0; i < 2; i++)
            known = known || strcmp(inner, lists[i]) == 0;
        if (!known)
            return hf_refuse(err, name, key, rope, "%.60s is not supported",
                             inner);
    }
    enum status status = read_rope_kind(&kind, rope, key, name, err);
    if (status == STATUS_OK && kind == ROPE_SCALING_LONG)
        status = hf_read_longrope(spec, root, rope, key, name, err);
    else if (status == STATUS_OK && (hf_given(rope, lists[0]) ||
                                     hf_given(rope, lists[1])))
        return hf_refuse(err, name, key, rope, "%s goes with the type longrope"
                         " alone", lists[0]);
    for (int i = 0; i < N_ROPE_MEMBERS && status == STATUS_OK; i++)
        if (rope_members[i].has[kind])
            status = read_member(spec, &rope_members[i].member, rope, key, name,
                                 err);
    if (status == STATUS_OK && kind == ROPE_SCALING_YARN &&
        !(spec->rope_scaling.amplitude > 0.0f))
        spec->rope_scaling.amplitude = 0.1f * logf(spec->rope_scaling.factor) +
                                       1.0f;
    if (status == STATUS_OK && kind == ROPE_SCALING_DYNAMIC)
        lengthen(spec);
    if (status == STATUS_OK)
        spec->rope_scaling.kind = kind;
    return status;
}

json_t *hf_rope_json(const struct model_spec *spec)
{
    const enum rope_scaling_kind kind = spec->rope_scaling.kind;
    json_t *rope;

    if (kind == ROPE_SCALING_NONE)
        return json_null();
    if (kind == ROPE_SCALING_LONG)
        return hf_longrope_json(spec);
    rope = json_pack("{s:s}", "rope_type", rope_scaling_names[kind]);
    for (int i = 0; i < N_ROPE_MEMBERS; i++)
        if (rope_members[i].has[kind])
            json_object_set_new(rope, rope_members[i].member.key,
                                hf_member_json(spec, &rope_members[i].member));
    return rope;
}
