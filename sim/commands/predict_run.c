/* predict_run.c - Take the model, the batch and the machine of a run config, for
 * isobath predict. */
#include <stdlib.h>
#include <string.h>

#include "models/commands/train_job.h"
#include "models/scoring/run_config.h"
#include "sim/commands/predict_model.h"
#include "sim/core/config/document.h"

enum kind { KIND_MODEL, KIND_TRAIN, KIND_RUN };

/* What a YAML file is for, by a section that nothing else has. */
static enum kind kind_of(const char *path)
{
    struct document *document = NULL;
    enum kind kind = run_config_is(path) ? KIND_RUN : KIND_MODEL;

    if (kind != KIND_MODEL || document_read(&document, path, NULL) != STATUS_OK)
        return kind;
    const yaml_node_t *root = document_config(document);
    if (root && root->type == YAML_MAPPING_NODE &&
        (document_find(document, root, document_size(root), "train") ||
         document_find(document, root, document_size(root), "data")))
        kind = KIND_TRAIN;
    document_close(document);
    return kind;
}

bool predict_is_run(const char *path)
{
    return kind_of(path) != KIND_MODEL;
}

static enum status load_train(struct predict_model *out,
                              const struct predict_source *o, struct error *err)
{
    struct train_job *s = train_begin(err);

    if (!s)
        return STATUS_NO_MEMORY;
    s->arguments.config = o->name;
    s->arguments.common.n_settings = o->n_settings;
    for (size_t i = 0; i < o->n_settings; i++)
        s->arguments.common.setting[i] = o->setting[i];
    enum status status = train_read_model(s, err);
    if (status == STATUS_OK) {
        out->spec = s->spec;
        out->policy = route_find(model_config_policies[s->config.model.policy]);
        out->config = config_json(&s->config, &train_config_schema);
        out->batch = s->config.batch;
        out->tokens = s->config.tokens;
        strcpy(out->machine, s->config.machine);
    }
    train_close(s);
    return status;
}

static enum status load_scoring(struct predict_model *out,
                                const struct predict_source *o,
                                struct error *err)
{
    struct run_config *c = calloc(1, sizeof *c);
    struct source source;

    if (!c)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a config");
    enum status status = run_config_read(c, o->name, o->setting, o->n_settings,
                                         err);
    if (status == STATUS_OK &&
        (status = source_read(&source, c->model, c->passed, c->n_passed, err)))
        status = run_config_blame(c, err);
    if (status == STATUS_OK)
        status = source_keep(&source, (enum weights)c->weights, err);
    if (status == STATUS_OK) {
        out->spec = source.spec;
        out->policy = source.routing.policy;
        out->config = config_json(c, &run_config_schema);
        out->batch = 1;
        out->tokens = c->window;
        strcpy(out->machine, c->machine);
    }
    free(c);
    return status;
}

enum status predict_load_run(struct predict_model *out,
                             const struct predict_source *source,
                             struct error *err)
{
    return kind_of(source->name) == KIND_RUN ? load_scoring(out, source, err)
                                             : load_train(out, source, err);
}
