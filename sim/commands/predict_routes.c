/* predict_routes.c - Open the routes that a model is priced on: recorded ones,
 * and those of drawn scores. */
#include "sim/commands/predict_trace.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "models/files/hf_config.h"
#include "sim/core/answer/summary.h"

/* The directory itself, or that of the file. */
static enum status folder_of(char out[FILE_PATH_SIZE], const char *path,
                             struct error *err)
{
    struct stat info;

    if ((size_t)snprintf(out, FILE_PATH_SIZE, "%s", path) >= FILE_PATH_SIZE)
        return error_set(err, STATUS_BAD_VALUE, "%.80s...: a path of so many"
                         " bytes", path);
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return STATUS_OK;
    char *slash = strrchr(out, '/');
    if (slash)
        slash[slash == out] = '\0';
    else
        strcpy(out, ".");
    return STATUS_OK;
}

static enum status trace_path(char out[FILE_PATH_SIZE], const char *given,
                              struct error *err)
{
    struct stat info;

    if (stat(given, &info) == 0 && S_ISDIR(info.st_mode))
        return file_join(out, given, "trace.csv", err);
    snprintf(out, FILE_PATH_SIZE, "%s", given);
    return STATUS_OK;
}

/* Of isobath run, which writes no config.json. */
static enum status summary_layers(int32_t *out, const char *folder,
                                  struct error *err)
{
    json_t *summary;
    json_int_t n = 0;
    enum status status = summary_read(&summary, folder, err);

    if (status != STATUS_OK)
        return status;
    if (json_unpack(summary, "{s:{s:{s:I}}}", "config", "model", "layers",
                    &n) != 0 || n < 1 || n > SPEC_MAX_LAYERS)
        status = error_set(err, STATUS_BAD_VALUE, "%.200s/summary.json does not"
                           " say config.model.layers", folder);
    *out = (int32_t)n;
    json_decref(summary);
    return status;
}

static enum status folder_layers(int32_t *out, const char *folder,
                                 struct error *err)
{
    char config[FILE_PATH_SIZE], summary[FILE_PATH_SIZE];
    struct model_spec spec;

    enum status status = file_join(config, folder, "config.json", err);
    if (status == STATUS_OK)
        status = file_join(summary, folder, "summary.json", err);
    if (status != STATUS_OK)
        return status;
    if (!file_exists(config) && file_exists(summary))
        return summary_layers(out, folder, err);
    if (!file_exists(config))
        return error_set(err, STATUS_BAD_VALUE, "'%.200s' has neither the"
                         " config.json of the model that was recorded nor the"
                         " summary.json of isobath run; put one beside the"
                         " trace", folder);
    status = hf_config_read(&spec, NULL, config, err);
    if (status == STATUS_OK)
        *out = spec.n_layers;
    return status;
}

/* Layers of the model that was recorded; 0: not asked for. */
static enum status recorded_layers(int32_t *out, const char *trace,
                                   bool by_depth, struct error *err)
{
    char folder[FILE_PATH_SIZE];
    struct error why;

    *out = 0;
    if (!by_depth)
        return STATUS_OK;
    enum status status = folder_of(folder, trace, err);
    if (status != STATUS_OK)
        return status;
    status = folder_layers(out, folder, &why);
    return status == STATUS_OK
               ? status : error_set(err, status, "--by-depth: %s", why.text);
}

enum status predict_routes_recorded(struct routes **out, const char *name,
                                    bool by_depth, struct model_spec *spec,
                                    struct error *err)
{
    char path[FILE_PATH_SIZE];
    struct trace *trace;
    int32_t n_layers;

    enum status status = recorded_layers(&n_layers, name, by_depth, err);
    if (status == STATUS_OK)
        status = trace_path(path, name, err);
    if (status == STATUS_OK)
        status = trace_read(&trace, path, err);
    return status == STATUS_OK
               ? routes_of_trace(out, trace, path, n_layers, spec, err)
               : status;
}

enum status predict_routes_drawn(struct routes **out,
                                 const struct predict_answer *a,
                                 struct error *err)
{
    const struct predict_options *o = a->options;
    const struct model_spec *spec = &a->question.spec;
    const struct routes_drawing how = {
        .scores = { .kind = (enum scores_kind)o->synthetic,
                    .persistence = o->persistence, .exponent = o->exponent,
                    .correlation = o->correlation, .n_vocab = spec->n_vocab,
                    .seed = (uint64_t)o->seed },
        .policy = a->file.policy, .by_step = o->phase == MEMORY_DECODE,
        .n_windows = o->windows, .n_tokens = a->question.n_tokens,
    };

    if (spec_n_routed(spec) == 0 || !how.policy)
        return error_set(err, STATUS_BAD_VALUE, "--synthetic: %.160s routes"
                         " nothing; --set routing.capacity=0.125, say, makes it"
                         " route", o->model);
    if (how.n_tokens > spec->max_tokens)
        return error_set(err, STATUS_BAD_VALUE, "%d tokens a sequence: allowed"
                         " is 1 to the model's max_tokens, %d", how.n_tokens,
                         spec->max_tokens);
    return routes_drawn(out, &how, spec, err);
}
