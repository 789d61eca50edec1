/* predict_model.c - Read a shape from any file that states one. */
#include "sim/commands/predict_model.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "models/files/checkpoint.h"
#include "models/files/sniff.h"
#include "models/files/source.h"
#include "sim/core/answer/summary.h"
#include "sim/core/base/file.h"
#include "sim/core/config/model_config.h"
#include "sim/core/model/spec_check.h"

const char *const predict_weights[] = { WEIGHTS_MAP(NAMES_WORD)
                                        NUMBER_MAP(NAMES_WORD)
                                        "fp8", "int8", "int4", NULL };

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* The settings of --set, for a model whose file states everything else. */
static json_t *settings_json(const struct predict_source *o)
{
    json_t *list = json_array();
    for (size_t i = 0; i < o->n_settings; i++)
        json_array_append_new(list, json_string(o->setting[i].text));
    return list;
}

/* What is trained states all of its shape.  One that routes keeps its blocks and
 * routers; a dense one is priced as if it had been trained with those of --set. */
static enum status route(struct model_spec *spec,
                         const struct route_policy **policy, const char *name,
                         const struct predict_source *o, struct error *err)
{
    char replay[CONFIG_TEXT_SIZE], table[CONFIG_TEXT_SIZE];

    return spec_n_routed(spec) > 0
               ? model_config_route(spec, policy, replay, table, name,
                                    o->setting, o->n_settings, err)
               : model_config_suppose(spec, policy, name, o->setting,
                                      o->n_settings, err);
}

static void tell_settings(json_t *config, const struct predict_source *o)
{
    if (o->n_settings > 0)
        json_object_set_new(config, "set", settings_json(o));
}

static enum status load_json(struct predict_model *out,
                             const struct predict_source *o, const char *path,
                             struct error *err)
{
    struct hf_routing routing;
    size_t size;
    char *text;

    enum status status = hf_config_read(&out->spec, &routing, path, err);
    if (status == STATUS_OK)
        status = route(&out->spec, &routing.policy, path, o, err);
    if (status == STATUS_OK)
        status = file_read(&text, &size, path, 1 << 20, err);
    if (status != STATUS_OK)
        return status;
    out->policy = routing.policy;
    out->config = json_loadb(text, size, 0, NULL);
    free(text);
    tell_settings(out->config, o);
    return STATUS_OK;
}

static enum status load_yaml(struct predict_model *out,
                             const struct predict_source *o, struct error *err)
{
    struct model_config config;

    enum status status = model_config_load(&out->spec, &config, o->name,
                                           o->setting, o->n_settings, err);
    if (status != STATUS_OK)
        return status;
    out->config = config_json(&config, &model_config_schema);
    out->formats = config.formats;
    out->policy = route_find(model_config_policies[config.policy]);
    return STATUS_OK;
}

/* The config is what is priced, whatever files lie beside it; but for a head that
 * they hold where it ties one, as a run would have it. */
static enum status load_directory(struct predict_model *out,
                                  const struct predict_source *o,
                                  struct error *err)
{
    char path[FILE_PATH_SIZE];
    struct error why;
    enum status status = file_join(path, o->name, "config.json", err);

    if (status == STATUS_OK)
        status = load_json(out, o, path, err);
    if (status == STATUS_OK &&
        checkpoint_untie(&out->spec, o->name, &why) == STATUS_NO_MEMORY)
        status = error_set(err, STATUS_NO_MEMORY, "%s", why.text);
    return status;
}

static bool reads_stored(const struct predict_source *o)
{
    return o->weights == WEIGHTS_STORED;
}

/* A file with weights, or a directory whose own types are asked for. */
static enum status load_weights(struct predict_model *out,
                                const struct predict_source *o,
                                struct error *err)
{
    struct source source;

    enum status status = source_read(&source, o->name, NULL, 0, err);
    if (status == STATUS_OK && reads_stored(o))
        status = source_keep(&source, WEIGHTS_STORED, err);
    if (status == STATUS_OK)
        status = route(&source.spec, &source.routing.policy, o->name, o, err);
    if (status != STATUS_OK)
        return status;
    out->spec = source.spec;
    out->policy = source.routing.policy;
    out->config = summary_model(&source.spec);
    tell_settings(out->config, o);
    return STATUS_OK;
}

/* The machines' format that such a type is; PRECISION_COUNT: another type. */
static int format_of(const char *type)
{
    int p = 0;

    if (strcmp(type, predict_weights[WEIGHTS_FLOAT32]) == 0)
        return PRECISION_FP32;
    while (p < PRECISION_COUNT && strcmp(type, precision_names[p]) != 0)
        p++;
    return p;
}

/* As if no matrix were packed. */
static void unpack(struct model_spec *spec)
{
    if (!spec->packing.method)
        return;
    spec->packing = (struct packing){ .method = NULL };
    spec->packed_head = false;
    spec->stored_embedding = spec->stored_head = NUMBER_F32;
    memset(spec->packed, 0, sizeof spec->packed);
    memset(spec->stored, NUMBER_F32, sizeof spec->stored);
}

/* Store all matrices in the type that --weights names; formats of machines are
 * the regime's. */
static enum status store_as(struct model_spec *spec, const char *type,
                            struct error *err)
{
    struct stored_config config = { .all = NUMBER_F32 };
    struct error why;

    unpack(spec);
    if (spec_check_plain(spec, &why) != STATUS_OK)
        return format_of(type) < PRECISION_COUNT
                   ? STATUS_OK
                   : error_set(err, STATUS_BAD_VALUE, "--weights %s: %s;"
                               " allowed are float32, bf16, fp8, int8 and int4",
                               type, why.text);

    if (strcmp(type, predict_weights[WEIGHTS_FLOAT32]) != 0 &&
        !stored_config_find(&config, type))
        return STATUS_OK;                    /* stored: load_weights() has set
                                              * them */
    if (stored_config_apply(spec, &config, &why) == STATUS_OK)
        return STATUS_OK;
    return error_set(err, STATUS_BAD_VALUE, "--weights %s: %s", type, why.text);
}

enum status predict_model_load(struct predict_model *out,
                               const struct predict_source *o,
                               struct error *err)
{
    enum sniff sniff;
    enum status status = sniff_file(&sniff, o->name, err);

    *out = (struct predict_model){ 0 };
    if (status != STATUS_OK)
        return status;
    if (sniff != SNIFF_OTHER || ends_with(o->name, ".gguf") ||
        ends_with(o->name, ".bin") || reads_stored(o)) {
        status = load_weights(out, o, err);
    } else if (is_directory(o->name)) {
        status = load_directory(out, o, err);
    } else if (ends_with(o->name, ".json")) {
        status = load_json(out, o, o->name, err);
    } else {
        status = predict_is_run(o->name) ? predict_load_run(out, o, err)
                                         : load_yaml(out, o, err);
    }
    return status == STATUS_OK && o->weights >= 0
               ? store_as(&out->spec, predict_weights[o->weights], err)
               : status;
}

void predict_model_close(struct predict_model *model)
{
    json_decref(model->config);
    model->config = NULL;
}

/* A choice of format_config_choices, or what holds by default. */
static enum precision chosen(int choice, enum precision otherwise)
{
    return choice > 0 ? (enum precision)(choice - 1) : otherwise;
}

struct regime predict_formats(const struct predict_model *model,
                              const struct predict_formats *flags,
                              enum memory_phase phase)
{
    const struct format_config *f = &model->formats;
    const enum precision arithmetic =
        (enum precision)(flags->dtype >= 0 ? flags->dtype : f->activations);
    const int stored = flags->weights < 0
                           ? PRECISION_COUNT
                           : format_of(predict_weights[flags->weights]);

    return (struct regime){
        .arithmetic = arithmetic,
        .weights = stored < PRECISION_COUNT
                       ? (enum precision)stored
                       : chosen(f->weights, phase == MEMORY_TRAIN
                                                ? PRECISION_FP32 : arithmetic),
        .kv = chosen(flags->kv >= 0 ? flags->kv + 1 : f->kv, arithmetic),
        .gradients = (enum precision)f->gradients,
        .moments = (enum precision)f->optimizer,
    };
}
