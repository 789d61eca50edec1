/* profile_rival.c - Run a rival beside the model and its dense twin. */
#include "hwprof/commands/profile_job.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "models/executor/model.h"
#include "models/files/source.h"
#include "sim/commands/rival_load.h"
#include "sim/core/model/plan.h"
#include "sim/core/model/route.h"
#include "sim/core/model/spec_check.h"

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

/* What is known of the rival itself, and in a word why it is not what was asked
 * for; NULL: it is. */
static json_t *rival_json(const struct profile_job *s, const char *note)
{
    return json_pack("{s:s, s:s, s:s, s:f, s:s?}",
                     "rival", s->arguments.against, "name", s->rival->name,
                     "about", s->rival->about, "layers", s->rival->layers,
                     "note", note);
}

void profile_rival_missing(json_t *json, const struct profile_job *s,
                           const struct workload *phase)
{
    static const char why[] = "it is trained as the twin, whose arm tells it";

    if (!s->rival || profile_rival_runs(s, phase))
        return;
    json_object_set_new(json, "against", rival_json(s, why));
    if (s->arguments.common.format == FORMAT_TEXT)
        printf("%-12s against %s: not run; %s\n", phase->name, s->rival->about,
               why);
}

/* The share of tokens that the model's routed layers kept in the phase, over
 * all choices; and the share that its rival was made for. */
static double share_kept(const struct arm *model)
{
    const struct profile_arguments *a = &model->job->arguments;
    const struct allocation *chosen = model_allocation(model->model);
    const bool steps = profile_decodes(model->phase);
    const int32_t n_choices = plan_n_choices(model->spec);
    int64_t kept = 0;

    for (int32_t c = 0; c < n_choices; c++) {
        if (!plan_choice(model->spec, c).routed)
            continue;
        if (!steps)
            kept += allocation_rows(chosen, c);
        for (int64_t i = 0; steps && i < a->steps; i++)
            kept += model->kept[i * n_choices + c];
    }
    return (double)kept / (double)(plan_n_made(model->spec) * a->batch *
                                   (steps ? a->steps : a->tokens));
}

static double share_made_for(const struct arm *model)
{
    const int32_t n_tokens = (int32_t)model->job->arguments.tokens;
    double kept = 0;

    for (int32_t c = 0; c < plan_n_choices(model->spec); c++) {
        const struct plan_choice made = plan_choice(model->spec, c);
        if (made.routed)
            kept += spec_kept(model->spec, made.layer, n_tokens);
    }
    return kept / ((double)plan_n_made(model->spec) * n_tokens);
}

static double counted_flops(const struct arm *arm)
{
    const struct cost sum = ledger_sum(arm->counted, LEDGER_ANY, LEDGER_ANY,
                                       LEDGER_ANY, LEDGER_ANY);
    return cost_get(&sum, METRIC_FLOPS);
}

/* FLOPs farther apart than this are not called equal without a word: a choice,
 * below what one layer of twenty takes. */
static const double slack = 0.05;

static bool is_off(double x, double from)
{
    return fabs(x / from - 1) > slack;
}

enum { NOTE_SIZE = 512 };

/* Say how far from equal the FLOPs are, and why; false: they are equal, or were
 * not asked to be. */
static bool note_unequal(char out[NOTE_SIZE], const struct arm *rival,
                         const struct arm *model)
{
    const struct profile_job *s = rival->job;
    const double theirs = counted_flops(rival), ours = counted_flops(model);
    char whole[96] = "", kept[160] = "";

    if (s->rival->kind != RIVAL_FLOPS || !is_off(theirs, ours))
        return false;
    if (s->rival->n_ends > 1)
        snprintf(whole, sizeof whole, "; of %.4g layers it runs with %d",
                 s->rival->layers, rival->spec->n_layers);
    if (spec_n_routed(model->spec) > 0) {
        const double now = share_kept(model), then = share_made_for(model);
        if (is_off(now, then))
            snprintf(kept, sizeof kept, "; the model's routed layers kept"
                     " %.3g %% of the tokens, not %.3g %%",
                     100 * now, 100 * then);
    }
    snprintf(out, NOTE_SIZE, "not equal here: the rival takes %.1f %% of the"
             " model's flops%s%s; what is equal is a forward pass at the"
             " capacity, with the logits of all tokens", 100 * theirs / ours,
             whole, kept);
    return true;
}

enum status profile_rival_json(json_t *phase, json_t *rival_arm,
                               const struct arm *rival,
                               const struct arm *model, struct error *err)
{
    const struct profile_job *s = rival->job;
    const struct arm pair[ARM_COUNT] = { [ARM_DENSE] = *rival,
                                         [ARM_MOD] = *model };

    char note[NOTE_SIZE];
    const bool unequal = note_unequal(note, rival, model);
    json_t *json = rival_json(s, unequal ? note : NULL);

    json_object_set_new(json, "layers_run",
                        json_integer(rival->spec->n_layers));
    json_object_set(json, "arm", rival_arm);
    json_object_set_new(json, "ratio", profile_paired(pair));
    json_object_set_new(phase, "against", json);
    if (s->arguments.common.format != FORMAT_TEXT)
        return STATUS_OK;
    char words[PROFILE_WORDS_SIZE];
    printf("%-12s against %s; run with %d\n", profile_words(words, rival),
           s->rival->about, rival->spec->n_layers);
    if (unequal)
        printf("%-12s %s\n", words, note);
    return profile_paired_print(pair, s->arguments.common.quiet, err);
}
