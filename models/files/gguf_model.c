/* gguf_model.c - Read models by three tables: of architectures, of their keys
 * (gguf_class.c) and of tensors (gguf_parts.c). */
#include "models/files/gguf_model.h"

#include <inttypes.h>
#include <string.h>

#include "models/files/fill.h"
#include "models/files/folding.h"
#include "models/files/gguf_parts.h"
#include "sim/core/model/spec_check.h"

const char *gguf_model_architecture(int i)
{
    const struct gguf_class *class = gguf_class_at(i);
    return class ? class->name : NULL;
}

/* ---- the shape ---- */

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

/* What some models of an architecture have, and others do not. */
static void read_parts(struct model_spec *spec, const struct gguf_class *class,
                       const struct gguf *file)
{
    if (class->norms_tell)
        spec->traits.qk_norm = gguf_find(file, "blk.0.attn_q_norm.weight");
    if (class->norms_tell && !gguf_find(file, "blk.0.ffn_norm.weight"))
        spec->traits.parallel = PARALLEL_NORM;
    if (class->norms_two)
        spec->traits.parallel = gguf_find(file, "blk.0.attn_norm_2.weight")
                                    ? PARALLEL_NORMS : PARALLEL_NORM;
    if (class->biases != GGUF_BIASES_TRAITS)
        spec->traits.qkv_bias = gguf_find(file, "blk.0.attn_v.bias") ||
                                (class->heads == LAYOUT_LINEAR &&
                                 gguf_find(file, "blk.0.attn_qkv.bias"));
    if (class->biases != GGUF_BIASES_ALL)
        return;
    spec->traits.project_bias = gguf_find(file, "blk.0.attn_output.bias");
    spec->traits.ffn_bias = gguf_find(file, "blk.0.ffn_down.bias");
}

/* Of files with experts all layers have them; the widths of some are that of a
 * feed-forward part (llama-model.cpp, n_ff_exp). */
static void settle_experts(struct model_spec *spec,
                           const struct gguf_class *class)
{
    struct experts *e = &spec->experts;

    if (class->norms_rows)
        spec->traits.qk_norm = spec->traits.qk_norm_rows = true;
    if (e->n == 0) {
        *e = (struct experts){ 0 };
        return;
    }
    if (e->width == 0)
        e->width = spec->n_ffn;
    e->normalised = class->experts_normalised;
    e->shared_gate = e->shared > 0;
    for (int32_t l = 0; l < spec->n_layers && l < SPEC_MAX_LAYERS; l++)
        spec->has_experts[l] = true;
}

/* A part may have all that its metadata calls for but the head. */
static enum status check_whole(const struct gguf *file, struct error *err)
{
    static const char key[] = "split.count";
    int64_t parts = 1;
    enum status status = gguf_has(file, key)
        ? gguf_integer(&parts, file, key, 0, UINT16_MAX, err) : STATUS_OK;

    if (status != STATUS_OK || parts <= (int64_t)gguf_part_count(file))
        return status;
    return error_set(err, STATUS_BAD_VALUE, "%.160s: %s %" PRId64 ": this file"
                     " is one part of a model: the others are not there",
                     gguf_name(file), key, parts);
}

/* Every tensor is there before memory for them is taken: metadata may claim any
 * size. */
static enum status check_tensors(const struct model_spec *spec,
                                 const struct gguf_class *class,
                                 const struct gguf *file, struct error *err)
{
    struct tensor_list list;
    enum status status = tensor_list_open(&list, spec, err);

    if (status != STATUS_OK)
        return status;
    for (int32_t l = -1; l < spec->n_layers; l++)
        for (const struct gguf_part *p = gguf_parts;
             p->name && status == STATUS_OK; p++) {
            const struct tensor *t =
                gguf_part_tensor(class, spec, file, &list, p, l);
            const struct gguf_tensor *have;
            const int32_t n = !t ? 0 : p->each ? t->stacked : 1;
            for (int32_t e = 0; e < n && status == STATUS_OK; e++)
                status = gguf_part_find(&have, class, spec, file, p, t, e, err);
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
    const struct gguf_class *class = NULL;
    struct error why;
    enum status status = gguf_class_find(&class, file, err);

    if (status == STATUS_OK)
        status = check_whole(file, err);
    if (status != STATUS_OK)
        return status;
    spec.traits = family_traits[class->family];
    for (int l = 0; l < SPEC_MAX_LAYERS; l++)
        spec.capacity[l] = 1.0;
    if ((status = gguf_read_keys(&spec, class, file, err)) ||
        (status = read_embedding(&spec, file, err)))
        return status;
    settle_experts(&spec, class);
    if (spec.traits.positions == POSITIONS_ROTARY &&
        (status = gguf_read_rope(&spec, class, file, err)))
        return status;
    read_parts(&spec, class, file);
    if (spec_check(&spec, &why) != STATUS_OK)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %s", gguf_name(file),
                         why.text);
    status = check_tensors(&spec, class, file, err);
    if (status == STATUS_OK)
        *out = spec;
    return status;
}

/* ---- the weights ---- */

/* A part, or that of one expert. */
static enum status import_part(struct model *m, const struct gguf_class *class,
                               const struct gguf *file,
                               const struct gguf_part *part,
                               const struct tensor *t, int32_t expert,
                               struct error *err)
{
    struct foreign_numbers from = {
        .span = part->span, .layout = gguf_part_layout(class, part),
        .mapped = gguf_mapped(file),
        .factor = folding_factor(model_spec(m), part->id, part->span),
    };
    const struct gguf_tensor *have;
    struct error why;
    enum status status = gguf_part_find(&have, class, model_spec(m), file, part,
                                        t, expert, err);

    if (status != STATUS_OK)
        return status;
    from.data = have->data;
    status = gguf_number(&from.type, have, &why);
    if (status != STATUS_OK)
        return error_set(err, status, "%.160s: %s", gguf_name(file), why.text);
    /* Its numbers are in another order, one by one. */
    if (part->vector && from.layout != LAYOUT_SAME &&
        number_table[from.type].block > 1)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: tensor %s is %s:"
                         " supported of vectors are F32, F16 and BF16",
                         gguf_name(file), have->name,
                         gguf_type_name(have->type));
    /* Of experts in one tensor each lies behind another. */
    const int32_t n = part->each ? 1 : t->stacked;
    for (int32_t e = 0; e < n && status == STATUS_OK; e++) {
        const struct tensor one = tensor_stacked(t, expert + e);
        from.data = (const char *)have->data +
                    have->bytes / (size_t)n * (size_t)e;
        status = fill_tensor(m, &one, &from, &why);
    }
    if (status != STATUS_OK)
        return error_set(err, status, "%.160s: tensor %s: %s", gguf_name(file),
                         have->name, why.text);
    return STATUS_OK;
}

/* Every tensor of the model, each once; returns how many there were. */
static enum status import_parts(struct model *m, const struct gguf_class *class,
                                const struct gguf *file, size_t *n,
                                struct error *err)
{
    const struct model_spec *spec = model_spec(m);
    enum status status = STATUS_OK;

    for (int32_t l = -1; l < spec->n_layers; l++)
        for (const struct gguf_part *p = gguf_parts;
             p->name && status == STATUS_OK; p++) {
            const struct tensor *t =
                gguf_part_tensor(class, spec, file, model_tensors(m), p, l);
            const int32_t tensors = !t ? 0 : p->each ? t->stacked : 1;
            for (int32_t e = 0; e < tensors && status == STATUS_OK; e++, ++*n)
                status = import_part(m, class, file, p, t, e, err);
        }
    return status;
}

enum status gguf_model_keep(struct model_spec *spec, const struct gguf *file,
                            struct error *err)
{
    const struct gguf_class *class = NULL;
    enum status status = gguf_class_find(&class, file, err);

    if (status != STATUS_OK)
        return status;
    for (int32_t l = -1; l < spec->n_layers; l++)
        for (const struct gguf_part *p = gguf_parts; p->name; p++) {
            char name[GGUF_MAX_NAME + 1];
            enum number type = NUMBER_F32;
            struct error why;
            gguf_part_name(name, p, l, 0);
            const struct gguf_tensor *have =
                gguf_part_wanted(class, spec, file, p, l)
                    ? gguf_find(file, name) : NULL;
            if (!have)
                continue;        /* the import says which are missing */
            if (gguf_number(&type, have, &why) != STATUS_OK)
                return error_set(err, STATUS_BAD_VALUE, "%.160s: %s",
                                 gguf_name(file), why.text);
            folding_note_type(spec, l, p->id, p->span, type);
        }
    return STATUS_OK;
}

static bool is_of(struct model *m, const struct gguf_class *class,
                  const struct gguf *file, const char *name)
{
    const struct model_spec *spec = model_spec(m);
    char known[GGUF_MAX_NAME + 1];

    if (gguf_is_rope(spec, name))
        return true;
    for (int32_t l = -1; l < spec->n_layers; l++)
        for (const struct gguf_part *p = gguf_parts; p->name; p++) {
            const struct tensor *t =
                gguf_part_tensor(class, spec, file, model_tensors(m), p, l);
            const int32_t tensors = !t ? 0 : p->each ? t->stacked : 1;
            for (int32_t e = 0; e < tensors; e++) {
                gguf_part_name(known, p, l, e);
                if (strcmp(known, name) == 0)
                    return true;
            }
        }
    return false;
}

/* More tensors than the model has: the first of them by name. */
static enum status refuse_others(struct model *m,
                                 const struct gguf_class *class,
                                 const struct gguf *file, struct error *err)
{
    for (size_t i = 0; i < gguf_tensor_count(file); i++)
        if (!is_of(m, class, file, gguf_tensor(file, i)->name))
            return error_set(err, STATUS_BAD_VALUE, "%.160s: tensor %s: not"
                             " supported in the architecture %s",
                             gguf_name(file), gguf_tensor(file, i)->name,
                             class->name);
    return STATUS_OK;
}

enum status gguf_model_import(struct model *m, const struct gguf *file,
                              struct error *err)
{
    const struct gguf_class *class = NULL;
    size_t n = gguf_rope_tensors(model_spec(m));
    enum status status = gguf_class_find(&class, file, err);

    if (status != STATUS_OK)
        return status;
    status = import_parts(m, class, file, &n, err);
    if (status == STATUS_OK)
        status = gguf_import_rope(m, file, err);
    if (status == STATUS_OK && n != gguf_tensor_count(file))
        status = refuse_others(m, class, file, err);
    return status;
}
