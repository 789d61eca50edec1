/* source.c - opening what the user pointed at. */
#include "models/source.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "models/checkpoint.h"
#include "models/gguf_model.h"
#include "models/llama2c.h"
#include "sim/core/model_config.h"

static bool ends_in(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n > m && strcmp(path + n - m, end) == 0;
}

static enum source_kind kind_of(const char *path)
{
    struct stat info;

    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return SOURCE_DIRECTORY;
    if (ends_in(path, ".gguf"))
        return SOURCE_GGUF;
    return ends_in(path, ".bin") ? SOURCE_LLAMA2C : SOURCE_SHAPE;
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
        status = file_join(s->tokenizer, s->path, "tokenizer.json", err);
    if (status != STATUS_OK)
        return status;
    if (!file_exists(s->tokenizer))
        *s->tokenizer = '\0';
    status = hf_config_read(&s->spec, &s->routing, config, err);
    return status == STATUS_OK ? checkpoint_check(&s->spec, s->path, err)
                               : status;
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
    if (status == STATUS_OK && spec_n_routed(&s->spec) > 0) {
        s->routing.policy = route_find(model_config_policies[config.policy]);
        memcpy(s->replay, config.replay, sizeof s->replay);
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

enum status source_read(struct source *out, const char *path,
                        const struct config_setting *settings,
                        size_t n_settings, struct error *err)
{
    struct source s = { .kind = kind_of(path),
                        .routing = { .policy = route_find("dense") } };
    enum status status = STATUS_OK;

    if ((size_t)snprintf(s.path, sizeof s.path, "%s", path) >= sizeof s.path)
        return error_set(err, STATUS_BAD_VALUE, "%.60s...: path too long",
                         path);
    s.has_weights = s.kind != SOURCE_SHAPE;
    switch (s.kind) {
    case SOURCE_SHAPE:
        status = read_shape(&s, settings, n_settings, err);
        break;
    case SOURCE_DIRECTORY:
        status = read_directory(&s, err);
        break;
    case SOURCE_GGUF:
        status = read_gguf(&s, err);
        break;
    case SOURCE_LLAMA2C:
        status = llama2c_spec(&s.spec, s.path, err);
        break;
    }
    if (status == STATUS_OK && s.has_weights)
        status = check_own(&s, err);
    if (status == STATUS_OK && s.has_weights)
        status = model_config_route(&s.spec, &s.routing.policy, s.replay, path,
                                    settings, n_settings, err);
    if (status == STATUS_OK)
        *out = s;
    return status;
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

enum status source_fill(const struct source *source, struct model *model,
                        uint64_t seed, struct error *err)
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
    model_init(model, seed);
    return STATUS_OK;
}
