/* checkpoint.c - tensors by name, in and out. */
#include "models/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "models/fill.h"
#include "models/shards.h"
#include "sim/core/file.h"

/* Foreign tensors, a row each; %d is the layer.  GPT-2's Conv1D keeps [in,out]
 * as we do; torch's Linear keeps [out,in]. */
struct foreign {
    enum tensor_id id;
    enum span      span;
    enum layout    layout;
    bool           vector;         /* one axis, not two */
    const char    *name;
};

/* As we keep it, with so many axes; or a torch Linear, or its bias, of some
 * columns. */
#define PLAIN(axes)  SPAN_ALL, LAYOUT_SAME, (axes) == 1
#define LINEAR(span) SPAN_##span, LAYOUT_LINEAR, false
#define VECTOR(span) SPAN_##span, LAYOUT_SAME, true

static const struct foreign gpt2_names[] = {
    { TENSOR_WTE, PLAIN(2), "transformer.wte.weight" },
    { TENSOR_WPE, PLAIN(2), "transformer.wpe.weight" },
    { TENSOR_HEAD, PLAIN(2), "lm_head.weight" },
    { TENSOR_FINAL_GAMMA, PLAIN(1), "transformer.ln_f.weight" },
    { TENSOR_FINAL_BETA, PLAIN(1), "transformer.ln_f.bias" },
    { TENSOR_NORM1_GAMMA, PLAIN(1), "transformer.h.%d.ln_1.weight" },
    { TENSOR_NORM1_BETA, PLAIN(1), "transformer.h.%d.ln_1.bias" },
    { TENSOR_QKV, PLAIN(2), "transformer.h.%d.attn.c_attn.weight" },
    { TENSOR_QKV_BIAS, PLAIN(1), "transformer.h.%d.attn.c_attn.bias" },
    { TENSOR_PROJECT, PLAIN(2), "transformer.h.%d.attn.c_proj.weight" },
    { TENSOR_PROJECT_BIAS, PLAIN(1), "transformer.h.%d.attn.c_proj.bias" },
    { TENSOR_NORM2_GAMMA, PLAIN(1), "transformer.h.%d.ln_2.weight" },
    { TENSOR_NORM2_BETA, PLAIN(1), "transformer.h.%d.ln_2.bias" },
    { TENSOR_UP, PLAIN(2), "transformer.h.%d.mlp.c_fc.weight" },
    { TENSOR_UP_BIAS, PLAIN(1), "transformer.h.%d.mlp.c_fc.bias" },
    { TENSOR_DOWN, PLAIN(2), "transformer.h.%d.mlp.c_proj.weight" },
    { TENSOR_DOWN_BIAS, PLAIN(1), "transformer.h.%d.mlp.c_proj.bias" },
    { TENSOR_ROUTER, PLAIN(2), "transformer.h.%d.mod_router.weight" },
    { TENSOR_COUNT, PLAIN(1), NULL },
};

static const struct foreign llama_names[] = {
    { TENSOR_WTE, PLAIN(2), "model.embed_tokens.weight" },
    { TENSOR_HEAD, PLAIN(2), "lm_head.weight" },
    { TENSOR_FINAL_GAMMA, PLAIN(1), "model.norm.weight" },
    { TENSOR_NORM1_GAMMA, PLAIN(1), "model.layers.%d.input_layernorm.weight" },
    { TENSOR_QKV, LINEAR(Q), "model.layers.%d.self_attn.q_proj.weight" },
    { TENSOR_QKV, LINEAR(K), "model.layers.%d.self_attn.k_proj.weight" },
    { TENSOR_QKV, LINEAR(V), "model.layers.%d.self_attn.v_proj.weight" },
    { TENSOR_QKV_BIAS, VECTOR(Q), "model.layers.%d.self_attn.q_proj.bias" },
    { TENSOR_QKV_BIAS, VECTOR(K), "model.layers.%d.self_attn.k_proj.bias" },
    { TENSOR_QKV_BIAS, VECTOR(V), "model.layers.%d.self_attn.v_proj.bias" },
    { TENSOR_PROJECT, LINEAR(ALL), "model.layers.%d.self_attn.o_proj.weight" },
    { TENSOR_NORM2_GAMMA, PLAIN(1),
      "model.layers.%d.post_attention_layernorm.weight" },
    { TENSOR_UP, LINEAR(GATE), "model.layers.%d.mlp.gate_proj.weight" },
    { TENSOR_UP, LINEAR(UP), "model.layers.%d.mlp.up_proj.weight" },
    { TENSOR_DOWN, LINEAR(ALL), "model.layers.%d.mlp.down_proj.weight" },
    { TENSOR_ROUTER, PLAIN(2), "model.layers.%d.mod_router.weight" },
    { TENSOR_COUNT, PLAIN(1), NULL },
};

/* What older versions of the classes stored beside the weights, and why nothing
 * is lost with it. */
static const struct {
    const char *name;
    const char *why;
} harmless[] = {
    { "transformer.h.%d.attn.bias", "the causal mask" },
    { "transformer.h.%d.attn.masked_bias", "what masked scores became" },
    { "model.layers.%d.self_attn.rotary_emb.inv_freq",
      "worked out from rope_theta" },
    { "model.rotary_emb.inv_freq", "worked out from rope_theta" },
};

static const struct foreign *names_of(const struct model_spec *spec)
{
    return spec->family == FAMILY_GPT2 ? gpt2_names : llama_names;
}

enum { NAME_SIZE = 96 };

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
    else if (f->layout == LAYOUT_LINEAR) {
        out->shape[0] = (uint64_t)width;
        out->shape[1] = (uint64_t)t->rows;
    }
}

/* The names hold at most one %d each: a table above says so. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void name_tensor(char *out, const struct foreign *f, int32_t layer)
{
    snprintf(out, NAME_SIZE, f->name, layer);
}
#pragma GCC diagnostic pop

enum status checkpoint_export(struct model *m,
                              const struct route_policy *policy,
                              const char *directory, struct error *err)
{
    const struct model_spec *spec = model_spec(m);
    const struct tensor_list *list = model_tensors(m);
    if (list->stored_bytes > 0)
        return error_set(err, STATUS_BAD_VALUE, "%s: weights kept as stored are"
                         " not exported: float32 weights are", directory);
    size_t most = (size_t)list->n * 3, n = 0;
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
        for (const struct foreign *f = names_of(spec); f->name; f++) {
            int64_t from, to;
            bool outside = f->id < TENSOR_FIRST_OF_LAYER;
            const struct tensor *t =
                outside == (l < 0) ? tensor_find(list, l, f->id) : NULL;
            if (!t)
                continue;
            span_columns(spec, t, f->span, &from, &to);
            name_tensor(record[n].name, f, l);
            record[n].data = next;
            span_write(model_weights(m) + t->offset, t, from, to, f->layout,
                       spec->head_size, next);
            describe(&tensor[n], &record[n], f, t, to - from);
            next += t->rows * (to - from);
            n++;
        }
    const struct safetensors_note note = { "format", "pt" };
    struct hf_routing routing = { .policy = policy, .has_thresholds = true };
    for (int32_t l = 0; l < spec->n_layers; l++)
        if (spec->routed[l]) {
            routing.threshold[l] = model_thresholds(m)[l];
            routing.has_thresholds &= isfinite(routing.threshold[l]) != 0;
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

static const char *prefix_of(const struct model_spec *spec)
{
    return spec->family == FAMILY_GPT2 ? "transformer." : "model.";
}

/* Names come with and without the prefix of the class around the layers; of a
 * tied head, either of the two tensors may be the one that is stored. */
static const struct safetensors_tensor *find_foreign(
    const struct model_spec *spec, const struct shards *files,
    const struct foreign *f, const char *name)
{
    const char *prefix = prefix_of(spec);
    const size_t length = strlen(prefix);
    const struct safetensors_tensor *found = shards_find(files, name);

    if (!found && strncmp(name, prefix, length) == 0)
        found = shards_find(files, name + length);
    if (!found && f->id == TENSOR_WTE && spec->tied_head)
        found = shards_find(files, "lm_head.weight");
    return found;
}

/* The file's tensor for columns [*from, *to) of ours, in the right shape. */
static enum status find_tensor(const struct safetensors_tensor **out,
                               const struct model_spec *spec,
                               const struct shards *files,
                               const struct foreign *f, const struct tensor *t,
                               int64_t *from, int64_t *to, struct error *err)
{
    struct record record = { .data = NULL };
    struct safetensors_tensor want;

    span_columns(spec, t, f->span, from, to);
    name_tensor(record.name, f, t->layer);
    describe(&want, &record, f, t, *to - *from);
    *out = find_foreign(spec, files, f, record.name);
    if (!*out)
        return error_set(err, STATUS_BAD_FORMAT,
                         "%s: no tensor '%s', which config.json calls for",
                         shards_path(files), record.name);
    return shape_is(*out, &want)
               ? STATUS_OK : fail_shape(shards_path(files), *out, &want, err);
}

enum status checkpoint_check(const struct model_spec *spec,
                             const char *directory, struct error *err)
{
    struct tensor_list list;
    struct shards *files = NULL;
    enum status status = shards_open(&files, directory, err);

    if (status != STATUS_OK)
        return status;
    status = tensor_list_open(&list, spec, err);
    for (int32_t l = -1; l < spec->n_layers && status == STATUS_OK; l++)
        for (const struct foreign *f = names_of(spec);
             f->name && status == STATUS_OK; f++) {
            bool outside = f->id < TENSOR_FIRST_OF_LAYER;
            const struct tensor *t =
                outside == (l < 0) ? tensor_find(&list, l, f->id) : NULL;
            const struct safetensors_tensor *have;
            int64_t from, to;
            if (t)
                status = find_tensor(&have, spec, files, f, t, &from, &to, err);
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
                                 const struct tensor *t, struct error *err)
{
    struct foreign_numbers numbers = { .span = f->span, .layout = f->layout,
                                       .mapped = true };
    const struct safetensors_tensor *have;
    int64_t from, to;
    enum status status = find_tensor(&have, model_spec(m), files, f, t, &from,
                                     &to, err);

    if (status == STATUS_OK)
        status = number_of(&numbers.type, shards_path(files), have, err);
    if (status != STATUS_OK)
        return status;
    struct error why;
    numbers.data = have->data;
    status = fill_tensor(m, t, &numbers, &why);
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
        for (const struct foreign *f = names_of(spec);
             f->name && status == STATUS_OK; f++) {
            char name[NAME_SIZE];
            enum number type = NUMBER_F32;
            name_tensor(name, f, l);
            const struct safetensors_tensor *have =
                (f->id < TENSOR_FIRST_OF_LAYER) == (l < 0)
                    ? find_foreign(spec, files, f, name) : NULL;
            if (!have)
                continue;        /* the import says which are missing */
            status = number_of(&type, shards_path(files), have, err);
            if (status == STATUS_OK)
                fill_note_type(spec, l, f->id, f->span, type);
        }
    shards_close(files);
    return status;
}

/* Whether `name`, with the prefix or without, is `pattern`, whose %d stands for
 * a layer; *layer is then that layer, or -1. */
static bool matches(const char *pattern, const char *name, const char *prefix,
                    int32_t *layer)
{
    const char *mark = strstr(pattern, "%d");
    const size_t length = strlen(prefix);

    if (strncmp(pattern, prefix, length) == 0 &&
        strncmp(name, prefix, length) != 0) {
        if (mark)
            mark = strstr(pattern + length, "%d");
        pattern += length;
    }
    *layer = -1;
    if (!mark)
        return strcmp(pattern, name) == 0;
    const size_t before = (size_t)(mark - pattern);
    if (strncmp(pattern, name, before) != 0)
        return false;
    const char *digits = name + before;
    const size_t n = strspn(digits, "0123456789");
    /* Written plainly: no layer has two names. */
    if (n == 0 || n > 4 || (n > 1 && *digits == '0') ||
        strcmp(mark + 2, digits + n) != 0)
        return false;
    *layer = (int32_t)strtol(digits, NULL, 10);
    return true;
}

/* A tensor of the model; or one that it may do without: the second of a tied
 * head's two, the routers of a dense twin, a buffer from the table. */
static bool has_use(struct model *m, const char *name,
                    const struct hf_routing *routing)
{
    const struct model_spec *spec = model_spec(m);
    const char *prefix = prefix_of(spec);
    int32_t layer;

    for (const struct foreign *f = names_of(spec); f->name; f++)
        if (matches(f->name, name, prefix, &layer))
            return layer < spec->n_layers &&
                   (tensor_find(model_tensors(m), layer, f->id) ||
                    f->id == TENSOR_HEAD ||
                    (f->id == TENSOR_ROUTER && routing->policy->choose));
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (matches(harmless[i].name, name, prefix, &layer))
            return true;
    return false;
}

/* What is left over could change the arithmetic: other biases, more layers. */
static enum status refuse_others(struct model *m,
                                 const struct shards *files,
                                 const struct hf_routing *routing,
                                 struct error *err)
{
    for (size_t i = 0; i < shards_count(files); i++)
        for (size_t j = 0; j < safetensors_count(shards_at(files, i)); j++) {
            const char *name = safetensors_at(shards_at(files, i), j)->name;
            if (!has_use(m, name, routing))
                return error_set(err, STATUS_BAD_VALUE, "%s: tensor '%.80s':"
                                 " not supported: config.json has no use for"
                                 " it", shards_path(files), name);
        }
    return STATUS_OK;
}

enum status checkpoint_import(struct model *m, const char *directory,
                              const struct hf_routing *routing,
                              struct error *err)
{
    const struct model_spec *spec = model_spec(m);
    const struct tensor_list *list = model_tensors(m);
    struct shards *files = NULL;
    enum status status = shards_open(&files, directory, err);

    if (status != STATUS_OK)
        return status;
    for (int32_t l = -1; l < spec->n_layers && status == STATUS_OK; l++)
        for (const struct foreign *f = names_of(spec);
             f->name && status == STATUS_OK; f++) {
            bool outside = f->id < TENSOR_FIRST_OF_LAYER;
            const struct tensor *t =
                outside == (l < 0) ? tensor_find(list, l, f->id) : NULL;
            /* A dense model that is to be routed has no routers yet. */
            if (t && (t->id != TENSOR_ROUTER || routing->policy->choose))
                status = import_tensor(m, files, f, t, err);
        }
    if (status == STATUS_OK)
        status = refuse_others(m, files, routing, err);
    if (status == STATUS_OK && routing->has_thresholds)
        memcpy(model_thresholds(m), routing->threshold,
               (size_t)spec->n_layers * sizeof(float));
    shards_close(files);
    return status;
}

/* Touched cells as [pass,layer + 1,op] pairs of flops and bytes. */
static size_t ledger_pairs(const struct model *m)
{
    return (size_t)PASS_COUNT * ((size_t)model_spec(m)->n_layers + 1) *
           OP_COUNT;
}

static struct ledger_key pair_key(size_t i, int32_t n_layers)
{
    size_t op = i % OP_COUNT, rest = i / OP_COUNT;
    return (struct ledger_key){
        .pass = (enum pass)(rest / ((size_t)n_layers + 1)),
        .layer = (int32_t)(rest % ((size_t)n_layers + 1)) - 1,
        .token = LEDGER_SHARED, .op = (enum op)op,
    };
}

static void ledger_to_pairs(const struct model *m, const struct ledger *ledger,
                            uint64_t *pair)
{
    for (size_t i = 0; i < ledger_pairs(m); i++) {
        struct ledger_key key = pair_key(i, model_spec(m)->n_layers);
        const struct cost *cost = ledger_at(ledger, key);
        bool touched = ledger_touched(ledger, key);
        pair[2 * i] = touched ? cost->count[METRIC_FLOPS] : 0;
        pair[2 * i + 1] = touched ? cost->count[METRIC_BYTES] : 0;
    }
}

/* Charged, as the meter did it: of a cell, only flops and bytes are known. */
static enum status ledger_from_pairs(const struct model *m,
                                     struct ledger *ledger,
                                     const uint64_t *pair)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < ledger_pairs(m) && status == STATUS_OK; i++) {
        struct ledger_key key = pair_key(i, model_spec(m)->n_layers);
        struct cost cost = { .from = { PROV_UNKNOWN } };
        if (pair[2 * i] == 0 && pair[2 * i + 1] == 0)
            continue;
        cost_set_count(&cost, METRIC_FLOPS, pair[2 * i], PROV_COUNTED);
        cost_set_count(&cost, METRIC_BYTES, pair[2 * i + 1], PROV_COUNTED);
        status = ledger_charge(ledger, key, &cost);
    }
    return status;
}

/* Memory of a save or resume that the model does not have itself. */
struct state_memory {
    uint64_t *pairs;               /* of the ledger */
    float    *routers;             /* [learned]; NULL: all weights learn */
};

static enum status take_memory(struct state_memory *memory, struct model *m,
                               const char *path, struct error *err)
{
    const size_t learned = model_tensors(m)->learned;
    const bool frozen = model_spec(m)->backbone_frozen;

    memory->pairs = malloc(2 * ledger_pairs(m) * sizeof *memory->pairs);
    memory->routers = frozen ? calloc(learned, sizeof(float)) : NULL;
    return memory->pairs && (memory->routers || !frozen)
               ? STATUS_OK
               : error_set(err, STATUS_NO_MEMORY, "no memory for %s", path);
}

static void free_memory(struct state_memory *memory)
{
    free(memory->pairs);
    free(memory->routers);
}

/* XXH64 of the weights that do not learn; "" where all do. */
static void frozen_sum(char out[17], struct model *m)
{
    const struct tensor_list *list = model_tensors(m);
    XXH64_hash_t hash = 0;
    *out = '\0';
    if (!model_spec(m)->backbone_frozen)
        return;
    for (int32_t i = 0; i < list->n; i++) {
        const struct tensor *t = &list->tensor[i];
        if (!t->trained)
            hash = XXH64(model_weights(m) + t->offset, t->n * sizeof(float),
                         hash);
    }
    snprintf(out, 17, "%016" PRIx64, (uint64_t)hash);
}

/* The three blocks, thresholds, the curve and the ledger, as flat tensors. */
enum {
    STATE_WEIGHTS, STATE_M, STATE_V, STATE_THRESHOLDS, STATE_CURVE,
    STATE_LEDGER, STATE_N
};

static void state_tensors(struct model *m, const struct training_state *state,
                          const struct state_memory *memory,
                          struct safetensors_tensor *out)
{
    const uint64_t floats = model_tensors(m)->learned;
    static const char *const name[STATE_N] = {
        "weights", "adamw.m", "adamw.v", "thresholds", "curve", "ledger"
    };
    const void *data[STATE_N] = {
        memory->routers ? memory->routers : model_weights(m),
        model_moments(m, 0), model_moments(m, 1), model_thresholds(m),
        state->curve, memory->pairs
    };
    for (int i = 0; i < STATE_N; i++)
        out[i] = (struct safetensors_tensor){
            .name = name[i], .dtype = SAFETENSORS_F32, .rank = 1,
            .shape = { floats }, .data = data[i],
        };
    out[STATE_THRESHOLDS].shape[0] = (uint64_t)model_spec(m)->n_layers;
    out[STATE_CURVE].dtype = SAFETENSORS_F64;
    out[STATE_CURVE].rank = 2;
    out[STATE_CURVE].shape[0] = (uint64_t)state->n_curve;
    out[STATE_CURVE].shape[1] = TRAINING_CURVE_COLUMNS;
    out[STATE_LEDGER].dtype = SAFETENSORS_U64;
    out[STATE_LEDGER].shape[0] = 2 * ledger_pairs(m);
}

/* XXH64 of the tensors' bytes, each seeded with the sum before: a disk that
 * lies is found out. */
static void checksum(char out[17], const struct safetensors_tensor *const *t)
{
    XXH64_hash_t hash = 0;
    for (int i = 0; i < STATE_N; i++) {
        uint64_t bytes = 0;
        if (safetensors_size(&bytes, t[i]))
            hash = XXH64(t[i]->data, bytes, hash);
    }
    snprintf(out, 17, "%016" PRIx64, (uint64_t)hash);
}

enum status checkpoint_save(struct model *m, const struct training_state *state,
                            const char *path, struct error *err)
{
    struct safetensors_tensor tensor[STATE_N];
    const struct safetensors_tensor *all[STATE_N];
    struct state_memory memory = { NULL, NULL };
    char step[32], seconds[32], random[4 * 17], sum[17], frozen[17];
    snprintf(step, sizeof step, "%" PRId64, state->step);
    snprintf(seconds, sizeof seconds, "%a", state->seconds);
    snprintf(random, sizeof random, "%" PRIx64 " %" PRIx64 " %" PRIx64
             " %" PRIx64, state->random.state[0], state->random.state[1],
             state->random.state[2], state->random.state[3]);
    const struct safetensors_note note[] = {
        { "format", "isobath-state-1" }, { "step", step },
        { "seconds", seconds }, { "random", random },
        { "fingerprint", state->fingerprint }, { "checksum", sum },
        { "frozen", frozen },
    };
    enum status status = take_memory(&memory, m, path, err);
    if (status != STATUS_OK)
        goto out;
    ledger_to_pairs(m, state->counted, memory.pairs);
    if (memory.routers)
        tensor_copy_learned(model_tensors(m), model_weights(m), memory.routers,
                            false);
    frozen_sum(frozen, m);
    state_tensors(m, state, &memory, tensor);
    for (int i = 0; i < STATE_N; i++)
        all[i] = &tensor[i];
    checksum(sum, all);
    size_t notes = sizeof note / sizeof *note - (*frozen == '\0');
    status = safetensors_write(path, tensor, STATE_N, note, notes, err);
out:
    free_memory(&memory);
    return status;
}

static const char *note_of(const struct safetensors *file, const char *key)
{
    const char *text = safetensors_metadata(file, key);
    return text ? text : "";
}

static enum status read_notes(const struct safetensors *file, struct model *m,
                              struct training_state *state, const char *path,
                              struct error *err)
{
    uint64_t *r = state->random.state;
    char frozen[17];
    if (strcmp(note_of(file, "format"), "isobath-state-1") != 0)
        return error_set(err, STATUS_BAD_FORMAT,
                         "%s: not a training state of this program", path);
    if (strcmp(note_of(file, "fingerprint"), state->fingerprint) != 0)
        return error_set(err, STATUS_BAD_VALUE,
                         "%s: written with another config or other data, so"
                         " training cannot go on from it; use another"
                         " directory, or give the old config", path);
    frozen_sum(frozen, m);
    if (strcmp(note_of(file, "frozen"), frozen) != 0)
        return error_set(err, STATUS_BAD_VALUE,
                         "%s: written beside other frozen weights: what"
                         " train.init names has changed; use another directory,"
                         " or the old weights", path);
    if (sscanf(note_of(file, "step"), "%" SCNd64, &state->step) != 1 ||
        state->step < 0 ||
        sscanf(note_of(file, "seconds"), "%la", &state->seconds) != 1 ||
        sscanf(note_of(file, "random"), "%" SCNx64 " %" SCNx64 " %" SCNx64
               " %" SCNx64, &r[0], &r[1], &r[2], &r[3]) != 4)
        return error_set(err, STATUS_BAD_FORMAT,
                         "%s: its notes do not parse", path);
    return STATUS_OK;
}

/* All tensors of the state into the memory of `want`, or none of them. */
static enum status read_state(struct safetensors_tensor *want,
                              const struct safetensors *file,
                              int64_t most_curve, const char *path,
                              struct error *err)
{
    const struct safetensors_tensor *found[STATE_N];
    char sum[17];
    for (int i = 0; i < STATE_N; i++) {
        const struct safetensors_tensor *t =
            safetensors_find(file, want[i].name);
        bool curve = i == STATE_CURVE;
        if (!t || t->dtype != want[i].dtype || t->rank != want[i].rank ||
            (curve ? t->shape[0] > (uint64_t)most_curve ||
                         t->shape[1] != TRAINING_CURVE_COLUMNS
                   : t->shape[0] != want[i].shape[0]))
            return error_set(err, STATUS_BAD_FORMAT,
                             "%s: tensor '%s' does not fit this model", path,
                             want[i].name);
        found[i] = t;
    }
    checksum(sum, found);
    if (strcmp(sum, note_of(file, "checksum")) != 0)
        return error_set(err, STATUS_BAD_FORMAT,
                         "%s: damaged: its numbers do not match their checksum;"
                         " remove it to begin anew", path);
    for (int i = 0; i < STATE_N; i++)
        if (found[i]->bytes > 0)
            memcpy((void *)(uintptr_t)want[i].data, found[i]->data,
                   found[i]->bytes);
    want[STATE_CURVE].shape[0] = found[STATE_CURVE]->shape[0];
    return STATUS_OK;
}

enum status checkpoint_resume(struct model *m, struct training_state *state,
                              int64_t most_curve, const char *path,
                              struct error *err)
{
    struct safetensors_tensor want[STATE_N];
    struct training_state next = *state;
    struct safetensors *file = NULL;
    struct state_memory memory = { NULL, NULL };
    enum status status = take_memory(&memory, m, path, err);
    if (status == STATUS_OK)
        status = safetensors_open(&file, path, err);
    if (status == STATUS_OK)
        status = read_notes(file, m, &next, path, err);
    if (status == STATUS_OK) {
        state_tensors(m, state, &memory, want);
        status = read_state(want, file, most_curve, path, err);
    }
    if (status == STATUS_OK) {
        next.n_curve = (int64_t)want[STATE_CURVE].shape[0];
        *state = next;
        if (memory.routers)
            tensor_copy_learned(model_tensors(m), model_weights(m),
                                memory.routers, true);
        /* Into a ledger as it was opened this cannot overflow. */
        status = ledger_from_pairs(m, state->counted, memory.pairs);
    }
    free_memory(&memory);
    safetensors_close(file);
    return status;
}
