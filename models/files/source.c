/* source.c - Open the model that the user names, whatever format it has. */
#include "models/files/source.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "models/files/checkpoint.h"
#include "models/files/gguf_model.h"
#include "models/files/llama2c.h"
#include "models/files/sniff.h"
#include "models/files/tokenizer_copy.h"
#include "sim/core/config/model_config.h"
#include "sim/core/model/spec_check.h"

#define X(id, name) [WEIGHTS_##id] = name,
const char *const weights_names[WEIGHTS_COUNT + 1] = { WEIGHTS_MAP(X) };
#undef X

static bool ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n > m && strcmp(path + n - m, end) == 0;
}

/* What the name of a model says it is. */
static enum source_kind named_kind(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode) ? SOURCE_DIRECTORY :
           ends_in(path, ".gguf") ? SOURCE_GGUF :
           ends_in(path, ".bin") ? SOURCE_LLAMA2C :
           ends_in(path, ".safetensors") ? SOURCE_DIRECTORY : SOURCE_SHAPE;
}

/* A file of weights stands for the directory that it lies in. */
static enum status use_directory(struct source *s, struct error *err)
{
    const char *slash = strrchr(s->path, '/');
    const char *name = slash ? slash + 1 : s->path;
    struct stat info;

    if (stat(s->path, &info) != 0 || S_ISDIR(info.st_mode))
        return STATUS_OK;
    if (strcmp(name, "model.safetensors") != 0)
        return error_set(err, STATUS_BAD_VALUE, "%.200s: weights of a directory"
                         " are in model.safetensors, or in the files that"
                         " model.safetensors.index.json names: give the"
                         " directory", s->path);
    if (slash && slash != s->path)
        s->path[slash - s->path] = '\0';
    else
        strcpy(s->path, slash ? "/" : ".");
    return STATUS_OK;
}

static enum status read_directory(struct source *s, struct error *err)
{
    char config[FILE_PATH_SIZE];
    enum status status = file_join(config, s->path, "config.json", err);

    if (status == STATUS_OK && !file_exists(config))
        return error_set(err, STATUS_BAD_VALUE, "%s: no config.json in it:"
                         " neither a finished isobath train nor a model of"
                         " Hugging Face", s->path);
    if (status == STATUS_OK)
        status = tokenizer_copy_find(s->tokenizer, s->path, err);
    if (status != STATUS_OK)
        return status;
    status = hf_config_read(&s->spec, &s->routing, config, err);
    struct error why;
    if (status == STATUS_OK && spec_check_runs(&s->spec, &why) != STATUS_OK)
        return error_set(err, STATUS_BAD_VALUE, "%.160s: %s", s->path,
                         why.text);
    if (status == STATUS_OK && s->spec.signal == SIGNAL_TABLE)
        status = file_join(s->table, s->path, ROUTE_TABLE_FILE, err);
    if (status == STATUS_OK)
        status = checkpoint_check(&s->spec, s->path, err);
    return status;
}

static enum status read_gguf(struct source *s, struct error *err)
{
    struct gguf *file = NULL;
    enum status status = gguf_open(&file, s->path, err);

    if (status == STATUS_OK)
        status = gguf_model_spec(&s->spec, file, err);
    memcpy(s->tokenizer, s->path, sizeof s->tokenizer);
    gguf_close(file);
    return status;
}

static enum status read_shape(struct source *s,
                              const struct config_setting *settings,
                              size_t n_settings, struct error *err)
{
    struct model_config config;
    enum status status = model_config_load(&s->spec, &config, s->path, settings,
                                           n_settings, err);
    if (status == STATUS_OK && spec_stores(&s->spec))
        return error_set(err, STATUS_BAD_VALUE, "%s: weights: a shape's are"
                         " drawn in float32; isobath predict prices it as it"
                         " would be stored", s->path);
    if (status == STATUS_OK && spec_n_routed(&s->spec) > 0) {
        s->routing.policy = route_find(model_config_policies[config.policy]);
        memcpy(s->replay, config.replay, sizeof s->replay);
        memcpy(s->table, config.table, sizeof config.table);
    }
    return status;
}

/* A file may name any policy; the executor trusts it to have its scores. */
static enum status check_own(const struct source *s, struct error *err)
{
    struct error why;

    if (spec_n_routed(&s->spec) == 0 ||
        route_check(s->routing.policy, &s->spec, &why) == STATUS_OK)
        return STATUS_OK;
    return error_set(err, STATUS_BAD_VALUE, "%.160s: its policy %s", s->path,
                     why.text);
}

static enum status read_kind(struct source *s, enum source_kind kind,
                             const char *path,
                             const struct config_setting *settings,
                             size_t n_settings, struct error *err)
{
    enum status status;

    *s = (struct source){ .kind = kind, .has_weights = kind != SOURCE_SHAPE,
                          .routing = { .policy = route_find("dense") } };
    if ((size_t)snprintf(s->path, sizeof s->path, "%s", path) >= sizeof s->path)
        return error_set(err, STATUS_BAD_VALUE, "%.60s...: path too long",
                         path);
    switch (kind) {
    case SOURCE_SHAPE:
        return read_shape(s, settings, n_settings, err);
    case SOURCE_DIRECTORY:
        status = use_directory(s, err);
        return status == STATUS_OK ? read_directory(s, err) : status;
    case SOURCE_GGUF:
        return read_gguf(s, err);
    case SOURCE_LLAMA2C:
        break;
    }
    return llama2c_spec(&s->spec, s->path, err);
}

/* By what its name says, or else by what the file says. */
enum status source_read(struct source *out, const char *path,
                        const struct config_setting *settings,
                        size_t n_settings, struct error *err)
{
    static const enum source_kind kinds[] = {
        [SNIFF_GGUF] = SOURCE_GGUF, [SNIFF_SAFETENSORS] = SOURCE_DIRECTORY,
        [SNIFF_LLAMA2C] = SOURCE_LLAMA2C,
    };
    const enum source_kind named = named_kind(path);
    enum sniff sniff;
    enum status status = sniff_refusal(
        &sniff, read_kind(out, named, path, settings, n_settings, err), path,
        err);

    if (sniff != SNIFF_OTHER && sniff != SNIFF_NONE && kinds[sniff] != named)
        status = read_kind(out, kinds[sniff], path, settings, n_settings, err);
    if (status == STATUS_OK && out->has_weights)
        status = check_own(out, err);
    if (status == STATUS_OK && out->has_weights)
        status = model_config_route(&out->spec, &out->routing.policy, out->replay,
                                    out->table, path, settings, n_settings, err);
    return status;
}

static enum status keep_gguf(struct source *s, struct error *err)
{
    struct gguf *file = NULL;
    enum status status = gguf_open(&file, s->path, err);

    if (status == STATUS_OK)
        status = gguf_model_keep(&s->spec, file, err);
    gguf_close(file);
    return status;
}

enum status source_keep(struct source *s, enum weights weights,
                        struct error *err)
{
    struct error why;
    enum status status = STATUS_OK;

    if (weights == WEIGHTS_FLOAT32)
        return STATUS_OK;
    if (!s->has_weights)
        return error_set(err, STATUS_BAD_VALUE, "--weights stored: %s is a"
                         " shape, without stored weights", s->path);
    if (s->kind == SOURCE_GGUF)
        status = keep_gguf(s, err);
    else if (s->kind == SOURCE_DIRECTORY)
        status = checkpoint_keep(&s->spec, s->path, err);
    if (status == STATUS_OK && spec_check(&s->spec, &why) != STATUS_OK)
        status = error_set(err, STATUS_BAD_VALUE, "%s: %s", s->path, why.text);
    return status;
}

/* Bytes of the spec's matrices, by type. */
static void add_bytes(uint64_t sum[NUMBER_COUNT], uint8_t type, int64_t numbers)
{
    sum[type] += (uint64_t)numbers / number_table[type].block *
                 number_table[type].bytes;
}

void source_weights_text(char out[SOURCE_WEIGHTS_SIZE],
                         const struct model_spec *spec)
{
    uint64_t bytes[NUMBER_COUNT] = { 0 }, all = 0;
    struct tensor_matrix matrix[3];
    struct model_spec s = *spec;
    size_t used = 0;

    for (int32_t l = -1; l < s.n_layers; l++)
        for (int id = 0; id < TENSOR_COUNT; id++) {
            const int n = tensor_matrices(matrix, &s, l, (enum tensor_id)id);
            const int64_t k = id == TENSOR_PROJECT ? spec_q(&s)
                              : id == TENSOR_DOWN  ? s.n_ffn : s.n_channels;
            if ((l < 0) != tensor_outside((enum tensor_id)id) ||
                (id == TENSOR_HEAD && s.tied_head))
                continue;
            for (int i = 0; i < n; i++)
                add_bytes(bytes, *matrix[i].type, k * matrix[i].columns);
        }
    for (int t = 0; t < NUMBER_COUNT; t++)
        all += bytes[t];
    out[0] = '\0';
    for (;;) {
        int best = 0;
        for (int t = 1; t < NUMBER_COUNT; t++)
            best = bytes[t] > bytes[best] ? t : best;
        if (bytes[best] == 0 || used >= SOURCE_WEIGHTS_SIZE - 1)
            return;
        int n = snprintf(out + used, SOURCE_WEIGHTS_SIZE - used,
                         bytes[best] == all ? "%s%s" : "%s%s %.3g %%",
                         used > 0 ? ", " : "", number_table[best].name,
                         100.0 * (double)bytes[best] / (double)all);
        used += n > 0 ? (size_t)n : 0;
        bytes[best] = 0;
    }
}

void source_stored_text(char out[SOURCE_WEIGHTS_SIZE],
                        const struct source *source)
{
    struct source stored = *source;
    struct error why;

    out[0] = '\0';
    if (source_keep(&stored, WEIGHTS_STORED, &why) == STATUS_OK)
        source_weights_text(out, &stored.spec);
}

static enum status fill_from_gguf(const struct source *source,
                                  struct model *model, struct error *err)
{
    struct gguf *file = NULL;
    enum status status = gguf_open(&file, source->path, err);

    if (status == STATUS_OK)
        status = gguf_model_import(model, file, err);
    gguf_close(file);
    return status;
}

static enum status fill_table(const struct source *source, struct model *model,
                              struct error *err)
{
    struct route_table *table = NULL;
    struct error why;

    if (model_spec(model)->signal != SIGNAL_TABLE)
        return STATUS_OK;
    if (!*source->table)
        return error_set(err, STATUS_BAD_VALUE, "routing.table: the policy table"
                         " needs one, as isobath route-table writes it");
    enum status status = route_table_read(&table, source->table, err);
    if (status == STATUS_OK &&
        (status = route_table_fit(table, model_spec(model), &why)))
        error_set(err, status, "%.300s: %s", source->table, why.text);
    if (status == STATUS_OK)
        model_take_table(model, table);
    else
        route_table_close(table);
    return status;
}

static enum status fill_weights(const struct source *source,
                                struct model *model, uint64_t seed,
                                struct error *err)
{
    switch (source->kind) {
    case SOURCE_SHAPE:
        break;
    case SOURCE_DIRECTORY:
        return checkpoint_import(model, source->path, &source->routing, err);
    case SOURCE_GGUF:
        return fill_from_gguf(source, model, err);
    case SOURCE_LLAMA2C:
        return llama2c_import(model, source->path, err);
    }
    model_init(model, INIT_GPT2, seed);
    return STATUS_OK;
}

enum status source_fill(const struct source *source, struct model *model,
                        uint64_t seed, struct error *err)
{
    enum status status = fill_table(source, model, err);

    return status == STATUS_OK ? fill_weights(source, model, seed, err)
                               : status;
}
