/* source.c - opening what the user pointed at. */
#include "models/source.h"

#include <stdio.h>
#include <sys/stat.h>

#include "models/checkpoint.h"
#include "sim/core/model_config.h"

enum status source_read(struct source *out, const char *path,
                        const struct config_setting *settings,
                        size_t n_settings, struct error *err)
{
    struct source s = { .has_weights = false };
    struct stat info;
    enum status status;

    if ((size_t)snprintf(s.path, sizeof s.path, "%s", path) >= sizeof s.path)
        return error_set(err, STATUS_BAD_VALUE, "%.60s...: path too long",
                         path);
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        char config[FILE_PATH_SIZE];
        s.has_weights = true;
        if (n_settings > 0)
            return error_set(err, STATUS_BAD_VALUE,
                             "--set %s: %s has weights, so its shape stands"
                             " fixed; --set works on model YAML files",
                             settings[0].text, path);
        status = file_join(config, path, "config.json", err);
        if (status == STATUS_OK && !file_exists(config))
            status = error_set(err, STATUS_BAD_VALUE, "%s: no config.json in"
                               " it: neither a finished isobath train nor a"
                               " model of Hugging Face", path);
        if (status == STATUS_OK)
            status = hf_config_read(&s.spec, &s.routing, config, err);
    } else {
        struct model_config config;
        status = model_config_load(&s.spec, &config, path, settings,
                                   n_settings, err);
        if (status == STATUS_OK)
            s.routing.policy = route_find(
                spec_n_routed(&s.spec) > 0
                    ? model_config_policies[config.policy] : "dense");
    }
    if (status == STATUS_OK)
        *out = s;
    return status;
}

enum status source_fill(const struct source *source, struct model *model,
                        uint64_t seed, struct error *err)
{
    if (source->has_weights)
        return checkpoint_import(model, source->path, &source->routing, err);
    model_init(model, seed);
    return STATUS_OK;
}
