/* run_rival.c - Name a rival, check that it takes the model's tokens, and give it
 * weights. */
#include "models/commands/run_rival.h"

#include <string.h>

#include "models/executor/layer_copy.h"
#include "models/scoring/run_rule.h"
#include "models/scoring/run_text.h"
#include "sim/core/base/shipped.h"
#include "sim/core/model/spec_check.h"

static const char untrained[] = "nobody trained it, its weights are drawn";

/* ---- another model ---- */

static enum status read_other(struct run_rival *r, const char *name,
                              enum weights weights, struct error *err)
{
    static const char *const kinds[] = { "models", NULL };
    char path[FILE_PATH_SIZE];
    struct error why;
    enum status status = shipped_find(path, kinds, name, &why);

    if (status != STATUS_OK)
        return error_set(err, status, "allowed are dense, equal-flops,"
                         " equal-params, layers:N, exit:N and models: %s",
                         why.text);
    status = source_read(&r->source, path, NULL, 0, err);
    if (status == STATUS_OK && r->source.has_weights)
        status = source_keep(&r->source, weights, err);
    if (status == STATUS_OK && r->source.routing.policy == route_find("replay"))
        return error_set(err, STATUS_BAD_VALUE, "it replays a trace: allowed are"
                         " models that choose by themselves");
    return status;
}

/* An id means the same bytes to both. */
static bool mean_the_same(const struct tokenizer *a, const struct tokenizer *b,
                          int32_t n_vocab)
{
    if (!a || !b)
        return !a && !b;
    for (int32_t id = 0; id < n_vocab; id++) {
        size_t m, n;
        const char *x = tokenizer_bytes(a, id, false, &m);
        const char *y = tokenizer_bytes(b, id, false, &n);
        if (m != n || memcmp(x, y, m) != 0)
            return false;
    }
    return true;
}

enum status run_rival_check_tokens(const struct run_rival *r,
                                   const struct run_config *config,
                                   const struct tokenizer *tokenizer,
                                   struct error *err)
{
    struct tokenizer *own = NULL;
    const char *given = *config->tokenizer ? config->tokenizer : NULL;

    if (!*r->asked || r->rival.kind != RIVAL_MODEL)
        return STATUS_OK;
    enum status status = run_text_tokenizer(&own, given, &r->source, err);
    if (status == STATUS_OK && !mean_the_same(own, tokenizer, r->spec.n_vocab))
        status = error_set(err, STATUS_BAD_VALUE, "--against %.64s: its tokens"
                           " are others, so losses and costs of a token do not"
                           " pair; run it by itself, and compare nats per byte",
                           r->asked);
    tokenizer_close(own);
    return status;
}

/* ---- any ---- */

static enum status check(const struct run_rival *r,
                         const struct model_spec *model, int32_t n_tokens,
                         struct error *err)
{
    if (r->spec.n_vocab != model->n_vocab)
        return error_set(err, STATUS_BAD_VALUE, "it knows %d tokens: allowed are"
                         " models that know the same %d", r->spec.n_vocab,
                         model->n_vocab);
    if (r->spec.max_tokens < n_tokens)
        return error_set(err, STATUS_BAD_VALUE, "it covers %d tokens: allowed"
                         " are models that cover the %d that are run",
                         r->spec.max_tokens, n_tokens);
    if (r->unscored && spec_stores(&r->spec))
        return error_set(err, STATUS_BAD_VALUE, "%s, in float32: leave"
                         " --weights out", r->unscored);
    return spec_check_runs(&r->spec, err);
}

static bool is_trained(const struct run_rival *r)
{
    return r->rival.kind == RIVAL_MODEL ? r->source.has_weights
                                        : rival_is_trained(&r->rival);
}

static void choose_policy(struct run_rival *r)
{
    r->policy = route_find("dense");
    if (spec_n_routed(&r->spec) == 0)
        return;
    r->policy = run_rule_usual(&r->source);
    route_settle(&r->spec, r->policy, r->spec.keep_first);
}

static enum status make(struct run_rival *r, enum weights weights,
                        const struct model_spec *spec, int32_t n_tokens,
                        struct error *err)
{
    struct rival_asked asked;
    struct error why;
    enum status status = rival_read(&asked, r->asked, err);

    if (status != STATUS_OK)
        return status;
    if (asked.kind == RIVAL_MODEL &&
        (status = read_other(r, asked.model, weights, &why)))
        return error_set(err, status, "--against %.64s: %s", r->asked,
                         why.text);
    return rival_make(&r->rival, &asked, spec, &r->source.spec, n_tokens, err);
}

enum status run_rival_open(struct run_rival *out,
                           const struct run_config *config,
                           const struct model_spec *spec, int32_t n_tokens,
                           struct error *err)
{
    struct error why;

    out->asked = config->against;
    if (!*out->asked)
        return STATUS_OK;
    enum status status = make(out, (enum weights)config->weights, spec,
                              n_tokens, err);
    if (status != STATUS_OK)
        return status;
    out->spec = *rival_nearest(&out->rival);
    out->unscored = is_trained(out) ? NULL : untrained;
    choose_policy(out);
    status = check(out, spec, n_tokens, &why);
    return status == STATUS_OK
               ? status : error_set(err, status, "--against %.64s: %s",
                                    out->asked, why.text);
}

enum status run_rival_fill(const struct run_rival *r, struct model *model,
                           const struct model *of, uint64_t seed,
                           struct error *err)
{
    int32_t layer_of[SPEC_MAX_LAYERS];

    if (r->rival.kind == RIVAL_MODEL)
        return source_fill(&r->source, model, seed, err);
    if (r->unscored) {
        model_init(model, INIT_GPT2, seed);
        return STATUS_OK;
    }
    for (int32_t l = 0; l < r->spec.n_layers; l++)
        layer_of[l] = rival_layer(&r->rival, l);
    model_copy_layers(model, of, layer_of);
    return STATUS_OK;
}

void run_rival_print(FILE *file, const struct run_rival *r)
{
    fputs(r->rival.about, file);
    if (r->rival.n_ends > 1)
        fprintf(file, ", run with %d", r->spec.n_layers);
}

json_t *run_rival_json(const struct run_rival *r)
{
    return json_pack("{s:s, s:s, s:s, s:f, s:i, s:s?}", "rival", r->asked,
                     "name", r->rival.name, "about", r->rival.about,
                     "layers", r->rival.layers, "layers_run", r->spec.n_layers,
                     "unscored", r->unscored);
}
