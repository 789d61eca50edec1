/* profile_rival.c - Run a rival beside the model and its dense twin. */
#include "hwprof/commands/profile_job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "models/executor/model.h"
#include "models/files/source.h"
#include "sim/commands/rival_load.h"

/* Arms take the same tokens, and a rival's weights are drawn. */
static enum status check(const struct profile_job *s,
                         const struct model_spec *spec, struct error *err)
{
    const struct profile_arguments *a = &s->arguments;

    if (spec_n_routed(spec) > 0)
        return error_set(err, STATUS_BAD_VALUE, "it routes: allowed are dense"
                         " rivals");
    if (spec->n_vocab < s->source->spec.n_vocab)
        return error_set(err, STATUS_BAD_VALUE, "it knows %d tokens: allowed are"
                         " models that know the %d of %.200s", spec->n_vocab,
                         s->source->spec.n_vocab, a->model);
    if (spec->max_tokens < a->tokens)
        return error_set(err, STATUS_BAD_VALUE, "it covers %d tokens: allowed"
                         " are models that cover the %" PRId64 " of --tokens",
                         spec->max_tokens, a->tokens);
    if (spec_stores(spec))
        return error_set(err, STATUS_BAD_VALUE, "its weights are drawn in"
                         " float32: leave --weights and stored formats out");
    return spec_check_runs(spec, err);
}

enum status profile_rival_open(struct profile_job *s, struct error *err)
{
    const struct profile_arguments *a = &s->arguments;
    struct error why;

    if (!a->against)
        return STATUS_OK;
    s->rival = calloc(1, sizeof *s->rival);
    if (!s->rival)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a rival");
    enum status status = rival_load(s->rival, a->against, &s->source->spec,
                                    (int32_t)a->tokens, err);
    if (status != STATUS_OK)
        return status;
    s->spec[ARM_RIVAL] = *rival_nearest(s->rival);
    status = check(s, &s->spec[ARM_RIVAL], &why);
    if (status != STATUS_OK)
        error_set(err, status, "--against %.64s: %s", a->against, why.text);
    return status;
}

bool profile_rival_runs(const struct profile_job *s,
                        const struct workload *phase)
{
    return s->rival && !(phase->train && s->rival->is_part);
}

void profile_rival_fill(const struct profile_job *s, struct model *model)
{
    model_init(model, INIT_GPT2, (uint64_t)s->arguments.seed);
}

enum status profile_rival_json(json_t *phase, json_t *rival_arm,
                               const struct arm *rival,
                               const struct arm *model, struct error *err)
{
    const struct profile_job *s = rival->job;
    const struct arm pair[ARM_COUNT] = { [ARM_DENSE] = *rival,
                                         [ARM_MOD] = *model };

    json_object_set_new(phase, "against", json_pack(
        "{s:s, s:s, s:s, s:f, s:i, s:O, s:o}",
        "rival", s->arguments.against, "name", s->rival->name,
        "about", s->rival->about, "layers", s->rival->layers,
        "layers_run", (int)rival->spec->n_layers, "arm", rival_arm,
        "ratio", profile_paired(pair)));
    if (s->arguments.common.format != FORMAT_TEXT)
        return STATUS_OK;
    printf("%-12s against %s; run with %d\n", rival->phase->name,
           s->rival->about, rival->spec->n_layers);
    return profile_paired_print(pair, s->arguments.common.quiet, err);
}
