/* source.h - Open the MODEL that commands take: a directory or a file with
 * weights, or a YAML file of a shape. */
#ifndef SOURCE_H
#define SOURCE_H

#include "models/files/hf_config.h"
#include "models/executor/model.h"
#include "sim/core/config/config.h"
#include "sim/core/base/file.h"

enum source_kind {
    SOURCE_SHAPE,                     /* a model YAML */
    SOURCE_DIRECTORY,                 /* config.json and model.safetensors, of
                                       * isobath train or of Hugging Face */
    SOURCE_GGUF,
    SOURCE_LLAMA2C,
};

struct source {
    enum source_kind  kind;
    struct model_spec spec;
    struct hf_routing routing;        /* policy and thresholds */
    bool has_weights;                 /* any but a shape */
    char path[FILE_PATH_SIZE];
    char tokenizer[FILE_PATH_SIZE];   /* the file that belongs to it: a GGUF
                                       * file itself, tokenizer.json, .gguf or
                                       * .bin of a directory; "": none there */
    char table[FILE_PATH_SIZE];       /* that the policy table goes by:
                                       * sim/core/model/route_table.h */
    char replay[CONFIG_TEXT_SIZE];    /* the trace that the policy replay goes
                                       * by: sim/core/model/trace.h; "": none */
};

/* Of what has weights, settings may touch the routing alone:
 * model_config_route().  STATUS_BAD_VALUE / BAD_FORMAT say which file or key,
 * and why. */
enum status source_read(struct source *out, const char *path,
                        const struct config_setting *settings,
                        size_t n_settings, struct error *err) MUST_CHECK;

/* The ways in which a run keeps the matrices of a model. */
#define WEIGHTS_MAP(X)                                                         \
    X(FLOAT32, "float32")    /* widened when they are read */                  \
    X(STORED,  "stored")     /* as the file has them       */

enum weights {
#define X(id, name) WEIGHTS_##id,
    WEIGHTS_MAP(X)
#undef X
    WEIGHTS_COUNT
};
extern const char *const weights_names[WEIGHTS_COUNT + 1];   /* NULL ends */

/* The source's spec says so from here on.  STATUS_BAD_VALUE: it has no
 * weights. */
enum status source_keep(struct source *source, enum weights weights,
                        struct error *err) MUST_CHECK;

/* Write the types in which the matrices of the spec are kept, most bytes first:
 * "q4_1 81 %, q8_0 18 %, f32 1 %"; "f32" where all are. */
enum { SOURCE_WEIGHTS_SIZE = 120 };
void source_weights_text(char out[SOURCE_WEIGHTS_SIZE],
                         const struct model_spec *spec);

/* The same of what the files hold, whichever way it is kept: "" of a shape, and
 * of what cannot be kept as stored. */
void source_stored_text(char out[SOURCE_WEIGHTS_SIZE],
                        const struct source *source);

/* Weights into a model opened with source->spec, or with its dense twin: from
 * the files, or drawn with `seed` where there are none; and the table that it
 * routes by, if it does. */
enum status source_fill(const struct source *source, struct model *model,
                        uint64_t seed, struct error *err) MUST_CHECK;

#endif
