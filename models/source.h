/* source.h - the MODEL that commands take: a directory with weights, or a YAML
 * file of a shape. */
#ifndef SOURCE_H
#define SOURCE_H

#include "models/hf_config.h"
#include "models/model.h"
#include "sim/core/config.h"
#include "sim/core/file.h"

struct source {
    struct model_spec spec;
    struct hf_routing routing;        /* policy and thresholds */
    bool has_weights;                 /* a directory: config.json and
                                       * model.safetensors */
    char path[FILE_PATH_SIZE];
};

/* A directory is read through config.json; settings then may not touch it.  A
 * file is a model YAML.  STATUS_BAD_VALUE / BAD_FORMAT say which and why. */
enum status source_read(struct source *out, const char *path,
                        const struct config_setting *settings,
                        size_t n_settings, struct error *err) MUST_CHECK;

/* Weights into a model opened with source->spec, or with its dense twin: from
 * the files, or drawn with `seed` where there are none. */
enum status source_fill(const struct source *source, struct model *model,
                        uint64_t seed, struct error *err) MUST_CHECK;

#endif
