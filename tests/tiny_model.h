/* tiny_model.h - A model of two layers, and a directory for its files. */
#ifndef TINY_MODEL_H
#define TINY_MODEL_H

#include "sim/core/base/file.h"
#include "tests/cases.h"

static const struct shape tiny = { .n_channels = 8, .n_heads = 2,
    .n_kv_heads = 1, .head_size = 4, .n_ffn = 12, .n_vocab = 11, .n_layers = 2,
    .n_sequences = 2, .n_tokens = 6 };

static char directory[64];

static inline struct model *open_tiny(enum family family, double capacity, bool tied,
                               bool train)
{
    struct model_spec spec = case_spec(&tiny, family, capacity, PATTERN_ODD);
    struct model_options options = { .n_sequences = 2, .n_tokens = 6,
                                     .train = train, .n_threads = 1 };
    spec.tied_head = tied;
    return case_model(&spec, &options, 3);
}

static inline const char *in_directory(const char *name)
{
    static char path[FILE_PATH_SIZE];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

#endif
