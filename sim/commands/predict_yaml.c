/* predict_yaml.c - Print a model, wherever it was read from, as a model YAML. */
#include "sim/commands/predict_answer.h"

#include "sim/core/config/config_print.h"
#include "sim/core/config/model_config.h"
#include "sim/core/model/spec_check.h"

/* What no key says. */
static const char *beyond_keys(const struct model_spec *spec)
{
    return spec->experts.n > 0    ? "a mixture of experts"
           : spec->latent.kv > 0  ? "latent attention"
           : spec->packing.method ? "packed matrices, which --weights float32"
                                    " leaves out"
           : spec->rope_scaling.kind == ROPE_SCALING_DYNAMIC
               ? "dynamic rotary scaling"
           : spec->rope_scaling.kind == ROPE_SCALING_FACTORS
               ? "rotary factors of a GGUF file" : NULL;
}

enum status predict_print_yaml(FILE *file, const struct predict_answer *a,
                               struct error *err)
{
    const struct model_spec *spec = &a->question.spec;
    const struct route_policy *policy = a->file.policy;
    const char *what = beyond_keys(spec);
    const struct config_schema *schema = &model_config_schema;
    const struct config_key *decay = config_find(schema,
                                                 "routing.threshold_decay");
    struct model_config config;
    struct model_spec again;

    if (what)
        return error_set(err, STATUS_BAD_VALUE, "--yaml: no key of a model YAML"
                         " says %s", what);
    model_config_of(&config, spec, policy ? policy->name : "");
    enum status status = config_parse(&config, decay, decay->fallback, err);
    if (status == STATUS_OK)
        status = model_config_spec(&again, &config, err);
    if (status == STATUS_OK)
        status = config_print(file, &config, sizeof config, schema, "model",
                              err);
    if (status == STATUS_OK && spec_n_routed(spec) > 0)
        status = config_print(file, &config, sizeof config, schema, "routing",
                              err);
    return status;
}
