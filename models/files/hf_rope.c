/* hf_rope.c - Read and write rotary scaling by a table of its kinds and their
 * keys. */
#include "models/files/hf_inside.h"

#include <string.h>

/* A key of rope_scaling, and the kinds that need it. */
static const struct {
    struct hf_member member;
    bool linear, llama3;
} rope_members[] = {
    { HF_MEMBER(LLAMA, "factor", FLOAT, rope_scaling.factor, NULL),
      true, true },
    { HF_MEMBER(LLAMA, "low_freq_factor", FLOAT, rope_scaling.low_frequency,
                NULL), false, true },
    { HF_MEMBER(LLAMA, "high_freq_factor", FLOAT, rope_scaling.high_frequency,
                NULL), false, true },
    { HF_MEMBER(LLAMA, "original_max_position_embeddings", INT,
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
    json_t *type = hf_given(rope, "rope_type");
    const char *word = "default";

    if (!type)
        type = hf_given(rope, "type");
    if (type)
        word = json_string_value(type);
    for (int k = 0; k < ROPE_SCALING_FACTORS && word; k++)
        if (strcmp(word, rope_scaling_names[k]) == 0) {
            *out = (enum rope_scaling_kind)k;
            return STATUS_OK;
        }
    return hf_refuse(err, name, key, rope, "supported are the types default,"
                     " linear and llama3");
}

enum status hf_read_rope(struct model_spec *spec, const json_t *root,
                         const char *key, const char *name,
                         struct error *err)
{
    static const struct hf_member theta =
        HF_MEMBER(LLAMA, "rope_theta", FLOAT, rope_theta, NULL);
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
                     strcmp(inner, "type") == 0 ||
                     strcmp(inner, theta.key) == 0;
        for (int i = 0; i < N_ROPE_MEMBERS; i++)
            known = known || strcmp(inner, rope_members[i].member.key) == 0;
        if (!known)
            return hf_refuse(err, name, key, rope, "%.60s is not supported",
                             inner);
    }
    enum status status = read_rope_kind(&kind, rope, key, name, err);
    for (int i = 0; i < N_ROPE_MEMBERS && status == STATUS_OK; i++) {
        const struct hf_member *m = &rope_members[i].member;
        if (!rope_needs(kind, i))
            continue;
        value = hf_given(rope, m->key);
        status = value ? hf_read_member(spec, m, value, name, err)
                       : hf_refuse(err, name, key, rope, "%s is missing",
                                   m->key);
    }
    if (status == STATUS_OK && (value = hf_given(rope, theta.key)))
        status = hf_read_member(spec, &theta, value, name, err);
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
    rope = json_pack("{s:s}", "rope_type", rope_scaling_names[kind]);
    for (int i = 0; i < N_ROPE_MEMBERS; i++)
        if (rope_needs(kind, i))
            json_object_set_new(rope, rope_members[i].member.key,
                                hf_member_json(spec, &rope_members[i].member));
    return rope;
}
