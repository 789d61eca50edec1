/* checkpoint.c - Read and write a model's tensors by their names in files of
 * Hugging Face. */
#include "models/files/checkpoint.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/files/fill.h"
#include "models/files/folding.h"
#include "models/files/hf_class.h"
#include "models/files/hf_tensors.h"
#include "models/files/shards.h"
#include "sim/core/answer/command.h"
#include "sim/core/base/file.h"
#include "sim/core/model/plan.h"

/* Older versions of the classes stored these tensors beside the weights; each
 * row says why nothing is lost without it. */
static const struct {
    const char *name;
    const char *why;
} harmless[] = {
    { "transformer.h.%d.attn.bias", "the causal mask" },
    { "transformer.h.%d.attn.masked_bias", "what masked scores became" },
    { "model.layers.%d.self_attn.rotary_emb.inv_freq",
      "worked out from rope_theta" },
    { "model.rotary_emb.inv_freq", "worked out from rope_theta" },
    { "gpt_neox.layers.%d.attention.rotary_emb.inv_freq",
      "worked out from rotary_emb_base" },
    { "gpt_neox.layers.%d.attention.bias", "the causal mask" },
    { "gpt_neox.layers.%d.attention.masked_bias", "what masked scores became" },
};

/* True where the tensor stands in layer l or, for l = -1, outside of layers. */
static bool is_of(const struct foreign *f, int32_t l)
{
    return tensor_outside(f->id) == (l < 0);
}

/* The tensor of ours that it is, or is a part of; NULL: none. */
static const struct tensor *own_tensor(const struct tensor_list *list,
                                       int32_t l, const struct foreign *f)
{
    return is_of(f, l) ? tensor_find(list, l, f->id) : NULL;
}

enum { NAME_SIZE = CHECKPOINT_NAME_SIZE };

/* One foreign tensor of one layer, with room for its name and numbers. */
struct record {
    char   name[NAME_SIZE];
    float *data;
};

static void describe(struct safetensors_tensor *out, struct record *record,
                     const struct foreign *f, const struct tensor *t,
                     int64_t width)
{
    *out = (struct safetensors_tensor){
        .name = record->name, .dtype = SAFETENSORS_F32,
        .rank = f->vector ? 1 : 2, .data = record->data,
        .shape = { (uint64_t)t->rows, (uint64_t)width },
    };
    if (f->vector)
        out->shape[0] = (uint64_t)width;
    else if (f->layout != LAYOUT_SAME) {
        out->shape[0] = (uint64_t)width;
        out->shape[1] = (uint64_t)t->rows;
    }
}

/* The names hold at most two %d each: a table says so. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void name_tensor(char *out, const struct foreign *f, int32_t layer,
                        int32_t expert)
{
    snprintf(out, NAME_SIZE, f->name, layer, expert);
}
#pragma GCC diagnostic pop

void checkpoint_name(char out[CHECKPOINT_NAME_SIZE],
                     const struct model_spec *spec, const struct tensor *tensor)
{
    const struct foreign *f = hf_tensors_of(spec);

    while (f->id != tensor->id && f->name)
        f++;
    assert(f->name);
    name_tensor(out, f, tensor->layer, 0);
}

/* Records of all layers' tensors, at most; of none, calloc() may give NULL. */
static size_t most_records(const struct model_spec *spec,
                           const struct tensor_list *list)
{
    size_t most = 1;

    for (int32_t l = -1; l < spec->n_layers; l++)
        for (int id = 0; id < TENSOR_COUNT; id++) {
            const struct tensor *t = tensor_find(list, l, (enum tensor_id)id);
            most += t ? 3 * (size_t)t->stacked : 0;
        }
    return most;
}

/* The numbers that the layer shares with an earlier one, as they were written
 * there; NULL: it shares none. */
static float *written_before(const struct record *record, size_t n,
                             const struct foreign *f, const struct tensor *t,
                             int32_t layer, int32_t expert)
{
    char name[NAME_SIZE];
    size_t i = 0;

    if (t->layer == layer)
        return NULL;
    name_tensor(name, f, t->layer, expert);
    while (i < n && strcmp(record[i].name, name) != 0)
        i++;
    return i < n ? record[i].data : NULL;
}

/* Gemma's scales are stored less one. */
static float less_of(const struct model_spec *spec, const struct tensor *t)
{
    const enum hf_names names = hf_names_of(spec);

    return (names == HF_NAMES_GEMMA || names == HF_NAMES_GEMMA1) &&
                   t->kind == TENSOR_SCALE ? 1.0f : 0.0f;
}

/* n numbers of a part as the class has them: what reading does to them, back. */
static void unfold(float *x, int64_t n, const struct model_spec *spec,
                   const struct hf_class *class, const struct foreign *f,
                   float less)
{
    struct model_spec written = *spec;
    float factor;

    written.fold = hf_class_folding(class, spec);
    factor = folding_factor(&written, f->id, f->span);
    for (int64_t i = 0; i < n && (factor > 0 || less > 0); i++)
        x[i] = (factor > 0 ? x[i] / factor : x[i]) - less;
}

enum status checkpoint_export(struct model *m,
                              const struct route_policy *policy,
                              const char *directory, struct error *err)
{
    const struct model_spec *spec = model_spec(m);
    const struct tensor_list *list = model_tensors(m);
    const struct hf_class *class = NULL;
    if (list->stored_bytes > 0)
        return error_set(err, STATUS_BAD_VALUE, "%s: weights kept as stored are"
                         " not exported: float32 weights are", directory);
    if (hf_class_of(&class, spec, directory, err) != STATUS_OK)
        return STATUS_BAD_VALUE;
    const size_t most = most_records(spec, list);
    size_t n = 0;
    struct record *record = calloc(most, sizeof *record);
    struct safetensors_tensor *tensor = calloc(most, sizeof *tensor);
    float *copies = malloc(list->floats * sizeof *copies), *next = copies;
    char path[FILE_PATH_SIZE];
    enum status status = STATUS_NO_MEMORY;

    if (!record || !tensor || !copies) {
        error_set(err, status, "no memory to write %s", directory);
        goto out;
    }
    for (int32_t l = -1; l < spec->n_layers; l++)
        for (const struct foreign *f = hf_tensors_of(spec); f->name; f++) {
            const struct tensor *all = own_tensor(list, l, f);
            if (!all || (f->span == SPAN_ALL && f->layout == LAYOUT_LINEAR &&
                         spec_gated(spec) &&
                         (f->id == TENSOR_QKV || f->id == TENSOR_UP)))
                continue;        /* the parts are written */
            for (int32_t e = 0; e < all->stacked; e++) {
                const struct tensor t = tensor_stacked(all, e);
                int64_t from, to;
                span_columns(spec, &t, f->span, &from, &to);
                name_tensor(record[n].name, f, l, e);
                record[n].data = written_before(record, n, f, &t, l, e);
                if (!record[n].data) {
                    record[n].data = next;
                    span_write(model_weights(m) + t.offset, &t, from, to,
                               f->layout, spec, next);
                    unfold(next, t.rows * (to - from), spec, class, f,
                           less_of(spec, &t));
                    next += t.rows * (to - from);
                }
                describe(&tensor[n], &record[n], f, &t, to - from);
                n++;
            }
        }
    const struct safetensors_note note = { "format", "pt" };
    struct hf_routing routing = { .policy = policy, .has_thresholds = true };
    for (int32_t c = 0; c < plan_n_choices(spec); c++)
        if (plan_choice(spec, c).routed) {
            routing.threshold[c] = model_thresholds(m)[c];
            routing.has_thresholds &= isfinite(routing.threshold[c]) != 0;
        }
    if ((status = file_join(path, directory, "model.safetensors", err)) ||
        (status = safetensors_write(path, tensor, n, &note, 1, err)) ||
        (status = file_join(path, directory, "config.json", err)))
        goto out;
    status = hf_config_write(path, spec, &routing, err);
out:
    free(copies);
    free(tensor);
    free(record);
    return status;
}

static bool shape_is(const struct safetensors_tensor *a,
                     const struct safetensors_tensor *b)
{
    return a->rank == b->rank && a->shape[0] == b->shape[0] &&
           (a->rank == 1 || a->shape[1] == b->shape[1]);
}

enum { SHAPE_SIZE = SAFETENSORS_MAX_RANK * 21 + 3 };

/* "[12,8]" */
static void shape_text(char out[SHAPE_SIZE], const struct safetensors_tensor *t)
{
    int at = snprintf(out, SHAPE_SIZE, "[");
    for (int32_t i = 0; i < t->rank; i++)
        at += snprintf(out + at, (size_t)(SHAPE_SIZE - at), "%s%" PRIu64,
                       i ? "," : "", t->shape[i]);
    snprintf(out + at, (size_t)(SHAPE_SIZE - at), "]");
}

static enum status fail_shape(const char *path,
                              const struct safetensors_tensor *have,
                              const struct safetensors_tensor *want,
                              struct error *err)
{
    char is[SHAPE_SIZE], should[SHAPE_SIZE];
    shape_text(is, have);
    shape_text(should, want);
    return error_set(err, STATUS_BAD_FORMAT, "%s: tensor '%s' is %s;"
                     " config.json calls for %s", path, want->name, is, should);
}

/* Names come with and without the prefix of the class around the layers; of a
 * tied head, either of the two tensors may be the one that is stored. */
static const struct safetensors_tensor *find_foreign(
    const struct model_spec *spec, const struct shards *files,
    const struct foreign *f, const char *name)
{
    const struct safetensors_tensor *found = shards_find(files, name);

    if (found)
        return found;
    const char *prefix = hf_tensors_prefix(spec);
    const size_t length = strlen(prefix);
    if (strncmp(name, prefix, length) == 0)
        found = shards_find(files, name + length);
    if (!found && f->id == TENSOR_WTE && spec->tied_head)
        found = shards_find(files, hf_tensors_head(spec));
    return found;
}

/* Queries, keys and values, or gate and up, stand in one tensor of the files, or
 * each in its own: rows of the others are not wanted. */
static bool is_wanted(const struct model_spec *spec, const struct shards *files,
                      const struct foreign *table, const struct foreign *f,
                      int32_t layer)
{
    char name[NAME_SIZE];
    bool whole = false;

    if ((f->id != TENSOR_QKV && f->id != TENSOR_UP) || !spec_gated(spec))
        return true;
    for (const struct foreign *g = table; g->name; g++)
        if (g->id == f->id && g->span == SPAN_ALL) {
            name_tensor(name, g, layer, 0);
            whole = find_foreign(spec, files, g, name) != NULL;
        }
    return (f->span == SPAN_ALL) == whole;
}

/* The file's tensor for columns [*from, *to) of ours, in the right shape. */
static enum status find_tensor(const struct safetensors_tensor **out,
                               const struct model_spec *spec,
                               const struct shards *files,
                               const struct foreign *f, const struct tensor *t,
                               int32_t expert, int64_t *from, int64_t *to,
                               struct error *err)
{
    struct record record = { .data = NULL };
    struct safetensors_tensor want;

    span_columns(spec, t, f->span, from, to);
    name_tensor(record.name, f, t->layer, expert);
    describe(&want, &record, f, t, *to - *from);
    *out = find_foreign(spec, files, f, record.name);
    if (!*out)
        return error_set(err, STATUS_BAD_FORMAT,
                         "%s: no tensor '%s', which config.json calls for",
                         shards_path(files), record.name);
    return shape_is(*out, &want)
               ? STATUS_OK : fail_shape(shards_path(files), *out, &want, err);
}

static bool same_tensor(const struct safetensors_tensor *a,
                        const struct safetensors_tensor *b)
{
    return a->dtype == b->dtype && a->bytes == b->bytes &&
           memcmp(a->data, b->data, a->bytes) == 0;
}

static void untie(struct model_spec *spec, const struct shards *files,
                  const char *directory)
{
    const struct foreign *table = hf_tensors_of(spec);
    const struct safetensors_tensor *head =
        shards_find(files, hf_tensors_head(spec));

    if (!spec->tied_head || !head ||
        same_tensor(head, find_foreign(spec, files, table, table->name)))
        return;
    spec->tied_head = false;
    command_warn("%s: its config ties the head to the embedding, but %s is"
                 " another tensor: the head is not tied", directory,
                 hf_tensors_head(spec));
}

enum status checkpoint_untie(struct model_spec *spec, const char *directory,
                             struct error *err)
{
    struct shards *files = NULL;
    enum status status = spec->tied_head ? shards_open(&files, directory, err)
                                         : STATUS_OK;

    if (files)
        untie(spec, files, directory);
    shards_close(files);
    return status;
}

enum status checkpoint_check(struct model_spec *spec, const char *directory,
                             struct error *err)
{
    const struct foreign *table = hf_tensors_of(spec);
    struct tensor_list list;
    struct shards *files = NULL;
    enum status status = shards_open(&files, directory, err);

    if (status != STATUS_OK)
        return status;
    untie(spec, files, directory);
    status = tensor_list_open(&list, spec, err);
    for (int32_t l = -1; l < spec->n_layers && status == STATUS_OK; l++)
        for (const struct foreign *f = table; f->name && status == STATUS_OK;
             f++) {
            const struct tensor *t = own_tensor(&list, l, f);
            const struct safetensors_tensor *have;
            int64_t from, to;
            const int32_t n = t && is_wanted(spec, files, table, f, l)
                                  ? t->stacked : 0;
            for (int32_t e = 0; e < n && status == STATUS_OK; e++)
                status = find_tensor(&have, spec, files, f, t, e, &from, &to,
                                     err);
        }
    tensor_list_close(&list);
    shards_close(files);
    return status;
}

/* F32, F16 or BF16. */
static enum status number_of(enum number *out, const char *path,
                             const struct safetensors_tensor *have,
                             struct error *err)
{
    static const uint8_t type[SAFETENSORS_DTYPE_COUNT] = {
        [SAFETENSORS_F32] = 1 + NUMBER_F32, [SAFETENSORS_F16] = 1 + NUMBER_F16,
        [SAFETENSORS_BF16] = 1 + NUMBER_BF16,
    };
    if (type[have->dtype] == 0)
        return error_set(err, STATUS_BAD_VALUE, "%s: tensor %.80s is %s:"
                         " supported are F32, F16 and BF16", path, have->name,
                         safetensors_dtype_names[have->dtype]);
    *out = (enum number)(type[have->dtype] - 1);
    return STATUS_OK;
}

static enum status import_tensor(struct model *m, const struct shards *files,
                                 const struct foreign *f,
                                 const struct tensor *t, int32_t expert,
                                 struct error *err)
{
    struct foreign_numbers numbers = { .span = f->span, .layout = f->layout,
                                       .mapped = true,
                                       .plus = less_of(model_spec(m), t),
                                       .factor = folding_factor(
                                           model_spec(m), f->id, f->span) };
    const struct safetensors_tensor *have;
    int64_t from, to;
    const struct tensor one = tensor_stacked(t, expert);
    enum status status = find_tensor(&have, model_spec(m), files, f, &one,
                                     expert, &from, &to, err);

    if (status == STATUS_OK)
        status = number_of(&numbers.type, shards_path(files), have, err);
    if (status != STATUS_OK)
        return status;
    struct error why;
    numbers.data = have->data;
    status = fill_tensor(m, &one, &numbers, &why);
    if (status != STATUS_OK)
        return error_set(err, status, "%s: tensor %.80s: %s",
                         shards_path(files), have->name, why.text);
    return STATUS_OK;
}

enum status checkpoint_keep(struct model_spec *spec, const char *directory,
                            struct error *err)
{
    struct shards *files = NULL;
    enum status status = shards_open(&files, directory, err);

    if (status != STATUS_OK)
        return status;
    for (int32_t l = -1; l < spec->n_layers && status == STATUS_OK; l++)
        for (const struct foreign *f = hf_tensors_of(spec);
             f->name && status == STATUS_OK; f++) {
            char name[NAME_SIZE];
            enum number type = NUMBER_F32;
            name_tensor(name, f, l, 0);
            const struct safetensors_tensor *have =
                is_of(f, l) ? find_foreign(spec, files, f, name) : NULL;
            if (!have)
                continue;        /* the import says which are missing */
            status = number_of(&type, shards_path(files), have, err);
            if (status == STATUS_OK)
                folding_note_type(spec, l, f->id, f->span, type);
        }
    for (int32_t l = 0; l < spec->n_layers; l++)
        memcpy(spec->stored[l], spec->stored[spec_owner(spec, l)],
               sizeof spec->stored[l]);
    shards_close(files);
    return status;
}

/* A number written plainly, so that no layer has two names, from *name on; -1:
 * there is none. */
static int32_t take_number(const char **name)
{
    const char *digits = *name;
    const size_t n = strspn(digits, "0123456789");

    if (n == 0 || n > 4 || (n > 1 && *digits == '0'))
        return -1;
    *name += n;
    return (int32_t)strtol(digits, NULL, 10);
}

/* True where `name`, with the prefix or without, is `pattern`, whose first %d
 * stands for a layer and second for an expert; those without are -1. */
static bool matches(const char *pattern, const char *name, const char *prefix,
                    int32_t number[2])
{
    const size_t length = strlen(prefix);
    int n = 0;

    number[0] = number[1] = -1;
    if (strncmp(pattern, prefix, length) == 0 &&
        strncmp(name, prefix, length) != 0)
        pattern += length;
    while (*pattern) {
        if (*pattern != '%') {
            if (*pattern++ != *name++)
                return false;
            continue;
        }
        number[n] = take_number(&name);
        if (number[n++] < 0)
            return false;
        pattern += 2;
    }
    return *name == '\0';
}

/* A dense model has none, and a dense twin needs none. */
static bool only_routes(enum tensor_id id)
{
    return tensor_routes(id) || tensor_predicts(id);
}

/* A tensor of the model; or one that it may do without: the second of a tied
 * head's two, the routers of a dense twin, a buffer from the table. */
static bool has_use(struct model *m, const struct foreign *table,
                    const char *prefix, const char *name,
                    const struct hf_routing *routing)
{
    const struct model_spec *spec = model_spec(m);
    int32_t at[2];

    for (const struct foreign *f = table; f->name; f++)
        if (matches(f->name, name, prefix, at)) {
            const struct tensor *t = at[0] < spec->n_layers
                ? tensor_find(model_tensors(m), at[0], f->id) : NULL;
            return at[0] < spec->n_layers &&
                   (t ? at[1] < t->stacked
                      : f->id == TENSOR_HEAD ||
                            (only_routes(f->id) && routing->policy->choose));
        }
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (matches(harmless[i].name, name, prefix, at))
            return true;
    return false;
}

/* Tensors left over could change the arithmetic: other biases, more layers. */
static enum status refuse_others(struct model *m,
                                 const struct shards *files,
                                 const struct hf_routing *routing,
                                 struct error *err)
{
    const struct foreign *table = hf_tensors_of(model_spec(m));
    const char *prefix = hf_tensors_prefix(model_spec(m));

    for (size_t i = 0; i < shards_count(files); i++)
        for (size_t j = 0; j < safetensors_count(shards_at(files, i)); j++) {
            const char *name = safetensors_at(shards_at(files, i), j)->name;
            if (!has_use(m, table, prefix, name, routing))
                return error_set(err, STATUS_BAD_VALUE, "%s: tensor '%.80s':"
                                 " not supported: config.json has no use for"
                                 " it", shards_path(files), name);
        }
    return STATUS_OK;
}

/* A layer that shares its weights may stand in the file once more, for readers
 * that know of no recursion: with the same numbers. */
static enum status check_copy(const struct model_spec *spec,
                              const struct shards *files,
                              const struct foreign *f, const struct tensor *t,
                              int32_t layer, struct error *err)
{
    char name[NAME_SIZE], first[NAME_SIZE];

    name_tensor(name, f, layer, 0);
    name_tensor(first, f, t->layer, 0);
    const struct safetensors_tensor *copy = find_foreign(spec, files, f, name),
        *of = find_foreign(spec, files, f, first);
    return !copy || !of || same_tensor(copy, of)
               ? STATUS_OK
               : error_set(err, STATUS_BAD_VALUE, "%s: tensor '%.80s' is not"
                           " '%.80s', whose weights isobath.recursion has it"
                           " run with", shards_path(files), name, first);
}

enum status checkpoint_import(struct model *m, const char *directory,
                              const struct hf_routing *routing,
                              struct error *err)
{
    const struct model_spec *spec = model_spec(m);
    const struct tensor_list *list = model_tensors(m);
    const struct foreign *table = hf_tensors_of(spec);
    struct shards *files = NULL;
    enum status status = shards_open(&files, directory, err);

    if (status != STATUS_OK)
        return status;
    for (int32_t l = -1; l < spec->n_layers && status == STATUS_OK; l++)
        for (const struct foreign *f = table; f->name && status == STATUS_OK;
             f++) {
            const struct tensor *t = own_tensor(list, l, f);
            /* A dense model that is to be routed has no routers yet. */
            const bool wanted =
                t && (!only_routes(t->id) || routing->policy->choose) &&
                is_wanted(spec, files, table, f, l);
            if (wanted && t->layer != l) {
                status = check_copy(spec, files, f, t, l, err);
                continue;
            }
            for (int32_t e = 0; wanted && e < t->stacked &&
                                status == STATUS_OK; e++)
                status = import_tensor(m, files, f, t, e, err);
        }
    if (status == STATUS_OK)
        status = refuse_others(m, files, routing, err);
    if (status == STATUS_OK && routing->has_thresholds)
        memcpy(model_thresholds(m), routing->threshold,
               (size_t)plan_n_choices(spec) * sizeof(float));
    shards_close(files);
    return status;
}
