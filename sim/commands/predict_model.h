/* predict_model.h - Read what is to be priced: a model's shape, and what its file
 * says of how it is run. */
#ifndef PREDICT_MODEL_H
#define PREDICT_MODEL_H

#include <jansson.h>

#include "sim/core/config/config.h"
#include "sim/core/config/format_config.h"
#include "sim/core/model/route.h"
#include "sim/core/model/spec.h"
#include "sim/price/memory.h"
#include "sim/price/regime.h"

/* Types that --weights names: as files store them, or one for all matrices. */
extern const char *const predict_weights[];          /* NULL ends */

struct predict_source {
    const char *name;                 /* a file or directory; borrowed */
    const struct config_setting *setting;   /* [n_settings] of --set */
    size_t n_settings;
    int    weights;                   /* of predict_weights; -1: as the file
                                       * says */
};

struct predict_model {
    struct model_spec spec;
    const struct route_policy *policy;     /* that routes it; NULL: not known */
    json_t *config;                   /* of the model, resolved; owned */
    struct format_config formats;     /* that its file says */
    int64_t batch, tokens;            /* that a run config says; 0: it does not */
    char    machine[CONFIG_TEXT_SIZE];     /* likewise; "" */
};

/* Caller releases with predict_model_close(), also after a failure. */
enum status predict_model_load(struct predict_model *out,
                               const struct predict_source *source,
                               struct error *err) MUST_CHECK;
void        predict_model_close(struct predict_model *model);

/* What --weights, --dtype and --kv say; -1: nothing. */
struct predict_formats {
    int weights;                      /* of predict_weights */
    int dtype, kv;                    /* enum precision */
};

/* The formats of a phase's steps: those of the flags, else of the model's file,
 * else of the arithmetic, but parameters that are trained are kept in fp32. */
struct regime predict_formats(const struct predict_model *model,
                              const struct predict_formats *flags,
                              enum memory_phase phase);

/* ---- predict_run.c ---- */

/* True if the file is a config of isobath train or isobath run: it has a section
 * train:, data: or run:. */
bool        predict_is_run(const char *path);
/* The spec and the config of such a file, its batch, tokens and machine. */
enum status predict_load_run(struct predict_model *out,
                             const struct predict_source *source,
                             struct error *err) MUST_CHECK;

#endif
