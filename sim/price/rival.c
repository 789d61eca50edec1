/* rival.c - Solve for the depth at which a dense model costs what another does. */
#include "sim/price/rival.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/bracket.h"
#include "sim/price/prediction.h"

const char *const rival_names[] = { RIVAL_MAP(NAMES_WORD) NULL };

/* ---- its name ---- */

static enum status read_layers(int32_t *out, const char *text, const char *from,
                               struct error *err)
{
    char *end;

    errno = 0;
    const long n = strtol(from, &end, 10);
    if (end == from || *end || errno || n < 1 || n > SPEC_MAX_LAYERS)
        return error_set(err, STATUS_BAD_VALUE, "--against %.64s: allowed is a"
                         " number of layers, 1 to %d", text, SPEC_MAX_LAYERS);
    *out = (int32_t)n;
    return STATUS_OK;
}

/* "0,2,3" */
static enum status read_named(struct rival_asked *out, const char *text,
                              const char *from, struct error *err)
{
    out->named = true;
    for (long before = -1;; from++) {
        char *end;
        const long l = strtol(from, &end, 10);
        if (end == from || l <= before || l >= SPEC_MAX_LAYERS ||
            (*end && *end != ','))
            return error_set(err, STATUS_BAD_VALUE, "--against %.64s: allowed"
                             " are layers from 0, ascending: layers:0,2,3",
                             text);
        out->layer[out->n_layers++] = (int32_t)l;
        before = l;
        from = end;
        if (!*end)
            return STATUS_OK;
    }
}

enum status rival_read(struct rival_asked *out, const char *text,
                       struct error *err)
{
    *out = (struct rival_asked){ .kind = RIVAL_MODEL, .model = text };
    for (int k = 0; k < RIVAL_MODEL; k++) {
        const size_t n = strlen(rival_names[k]);
        const bool counts = rival_names[k][n - 1] == ':';
        if (strncmp(text, rival_names[k], n) != 0 || (!counts && text[n]))
            continue;
        *out = (struct rival_asked){ .kind = (enum rival_kind)k };
        if (k == RIVAL_LAYERS && strchr(text + n, ','))
            return read_named(out, text, text + n, err);
        return counts ? read_layers(&out->n_layers, text, text + n, err)
                      : STATUS_OK;
    }
    return STATUS_OK;
}

/* ---- its shape ---- */

struct model_spec rival_twin(const struct model_spec *spec)
{
    const struct model_spec dense = spec_dense(spec);

    return spec_unshared(&dense);
}

static void copy_layer(struct model_spec *out, int32_t to,
                       const struct model_spec *from, int32_t layer)
{
    out->windowed[to] = from->windowed[layer];
    out->unturned[to] = from->unturned[layer];
    out->routed[to] = from->routed[layer];
    out->capacity[to] = from->capacity[layer];
    out->has_experts[to] = from->has_experts[layer];
    memcpy(out->stored[to], from->stored[layer], sizeof out->stored[to]);
    memcpy(out->packed[to], from->packed[layer], sizeof out->packed[to]);
}

static struct model_spec of_depth(const struct model_spec *twin, int32_t n)
{
    struct model_spec out = *twin;

    out.n_layers = n;
    for (int32_t l = 0; l < n; l++)
        copy_layer(&out, l, twin, l % twin->n_layers);
    return out;
}

/* Of n layers that are kept, evenly spaced, the i-th. */
static int32_t kept_layer(const struct model_spec *twin, int32_t n, int32_t i)
{
    return i * twin->n_layers / n;
}

/* The twin's layers layer[n]. */
static struct model_spec thinned(const struct model_spec *twin, int32_t n,
                                 const int32_t *layer)
{
    struct model_spec out = *twin;

    out.n_layers = n;
    for (int32_t l = 0; l < n; l++)
        copy_layer(&out, l, twin, layer[l]);
    return out;
}

static struct model_spec without_experts(struct model_spec spec)
{
    if (spec.experts.n == 0)
        return spec;
    spec.n_ffn = (int32_t)lround(spec_expert_share(&spec, 1) *
                                 spec.experts.width) + spec.experts.shared;
    spec.experts = (struct experts){ 0 };
    memset(spec.has_experts, 0, sizeof spec.has_experts);
    return spec;
}

/* ---- its depth ---- */

enum status rival_forward_flops(double *out, const struct model_spec *spec,
                                int32_t n_tokens, struct error *err)
{
    struct predict_question q = { .phase = MEMORY_FORWARD, .all_logits = true,
                                  .n_sequences = 1, .n_tokens = n_tokens,
                                  .n_draws = NO_DRAWS };
    struct prediction p;
    enum status status = prediction_begin(&p, &q, spec, err);

    if (status == STATUS_OK)
        status = prediction_price(&p, &q, err);
    if (status == STATUS_OK) {
        const struct cost sum = prediction_total(&p);
        *out = cost_get(&sum, METRIC_FLOPS);
    }
    prediction_close(&p);
    return status;
}

/* What is to be equal. */
struct search {
    enum rival_kind kind;
    struct model_spec twin;
    int32_t n_tokens;
    double  target;
};

static enum status amount(double *out, const struct search *s,
                          const struct model_spec *spec, struct error *err)
{
    if (s->kind == RIVAL_FLOPS)
        return rival_forward_flops(out, spec, s->n_tokens, err);
    *out = (double)memory_parameters(spec);
    return STATUS_OK;
}

static enum status share(double *out, void *context, int64_t n,
                         struct error *err)
{
    const struct search *s = context;
    const struct model_spec spec = of_depth(&s->twin, (int32_t)n);
    enum status status = amount(out, s, &spec, err);

    *out /= s->target;
    return status;
}

/* For the target that stands in *s. */
static enum status solve(struct rival *out, struct search *s, struct error *err)
{
    struct bracket b;
    enum status status = bracket_find(&b, share, s, 1, SPEC_MAX_LAYERS, err);

    if (status != STATUS_OK)
        return status;
    if (b.low == b.high && b.above > 1)
        return error_set(err, STATUS_BAD_VALUE, "one dense layer comes to %.3g"
                         " of the model already: allowed are models of more",
                         b.above);
    out->end[0] = of_depth(&s->twin, (int32_t)b.low);
    out->end[1] = of_depth(&s->twin, (int32_t)b.high);
    out->n_ends = b.high > b.low ? 2 : 1;
    out->way = b.high > b.low ? (1 - b.below) / (b.above - b.below) : 0;
    out->layers = (double)b.low + out->way;
    return STATUS_OK;
}

/* ---- the rival ---- */

static enum status make_whole(struct rival *out, struct model_spec spec)
{
    out->end[0] = spec;
    out->n_ends = 1;
    out->layers = spec.n_layers;
    return STATUS_OK;
}

static enum status make_twin(struct rival *out, const struct rival_asked *asked,
                             const struct model_spec *spec,
                             const struct model_spec *other, int32_t n_tokens,
                             struct error *err)
{
    (void)asked, (void)other, (void)n_tokens, (void)err;
    snprintf(out->name, sizeof out->name, "dense twin");
    snprintf(out->about, sizeof out->about, "its dense twin: the same %d layers,"
             " none routed%s", out->twin.n_layers, spec_span(spec) > 0
                 ? ", each with weights of its own" : "");
    return make_whole(out, out->twin);
}

static void name_flops(struct rival *out, int32_t n_tokens)
{
    snprintf(out->name, sizeof out->name, "equal-FLOP dense");
    snprintf(out->about, sizeof out->about, "the dense model of equal FLOPs a"
             " token, forward over %d tokens: %.4g layers", n_tokens,
             out->layers);
}

static enum status make_equal(struct rival *out,
                              const struct rival_asked *asked,
                              const struct model_spec *spec,
                              const struct model_spec *other, int32_t n_tokens,
                              struct error *err)
{
    struct search s = { .kind = asked->kind, .n_tokens = n_tokens,
                        .twin = without_experts(out->twin) };
    enum status status = amount(&s.target, &s, spec, err);

    (void)other;
    if (status == STATUS_OK)
        status = solve(out, &s, err);
    if (asked->kind == RIVAL_FLOPS) {
        name_flops(out, n_tokens);
        return status;
    }
    snprintf(out->name, sizeof out->name, "equal-size dense");
    snprintf(out->about, sizeof out->about, "the dense model of as many"
             " parameters: %.4g layers", out->layers);
    return status;
}

static enum status make_part(struct rival *out, const struct rival_asked *asked,
                             const struct model_spec *spec,
                             const struct model_spec *other, int32_t n_tokens,
                             struct error *err)
{
    const bool exits = asked->kind == RIVAL_EXIT;
    const int32_t n = asked->n_layers, L = spec->n_layers;

    (void)other, (void)n_tokens;
    if (n > L || (asked->named && asked->layer[n - 1] >= L))
        return error_set(err, STATUS_BAD_VALUE, "allowed are 1 to the model's"
                         " %d layers", L);
    out->is_part = true;
    for (int32_t i = 0; i < n; i++)
        out->layer[i] = asked->named ? asked->layer[i]
                        : exits      ? i : kept_layer(&out->twin, n, i);
    snprintf(out->name, sizeof out->name, exits ? "exit after %d of %d"
                                                : "%d of %d layers", n, L);
    snprintf(out->about, sizeof out->about, exits
             ? "its dense twin, left after %d of its %d layers by every token"
             : "its dense twin with %d of its %d layers, the others dropped"
               " once it is trained", n, L);
    return make_whole(out, thinned(&out->twin, n, out->layer));
}

static enum status make_other(struct rival *out,
                              const struct rival_asked *asked,
                              const struct model_spec *spec,
                              const struct model_spec *other, int32_t n_tokens,
                              struct error *err)
{
    (void)spec, (void)n_tokens, (void)err;
    const char *slash = strrchr(asked->model, '/');

    snprintf(out->name, sizeof out->name, "%s",
             slash && slash[1] ? slash + 1 : asked->model);
    snprintf(out->about, sizeof out->about, "%.120s: %d layers", asked->model,
             other->n_layers);
    return make_whole(out, *other);
}

typedef enum status maker(struct rival *, const struct rival_asked *,
                          const struct model_spec *, const struct model_spec *,
                          int32_t, struct error *);

enum status rival_make(struct rival *out, const struct rival_asked *asked,
                       const struct model_spec *spec,
                       const struct model_spec *other, int32_t n_tokens,
                       struct error *err)
{
    static maker *const makers[RIVAL_COUNT] = {
        [RIVAL_DENSE] = make_twin,  [RIVAL_FLOPS] = make_equal,
        [RIVAL_PARAMETERS] = make_equal, [RIVAL_LAYERS] = make_part,
        [RIVAL_EXIT] = make_part,   [RIVAL_MODEL] = make_other,
    };
    struct error why;

    *out = (struct rival){ .kind = asked->kind, .twin = rival_twin(spec) };
    enum status status = makers[asked->kind](out, asked, spec, other, n_tokens,
                                             &why);
    if (status != STATUS_OK)
        error_set(err, status, "--against %s%.0d: %s",
                  rival_names[asked->kind], asked->n_layers, why.text);
    return status;
}

const struct model_spec *rival_nearest(const struct rival *rival)
{
    return &rival->end[rival->n_ends > 1 && rival->way >= 0.5];
}

bool rival_is_trained(const struct rival *rival)
{
    return rival->kind == RIVAL_DENSE || rival->is_part;
}

int32_t rival_layer(const struct rival *rival, int32_t i)
{
    return rival->is_part ? rival->layer[i] : i;
}

enum status rival_make_flops(struct rival *out, const struct model_spec *spec,
                             double flops_per_token, int32_t n_tokens,
                             struct error *err)
{
    *out = (struct rival){ .kind = RIVAL_FLOPS, .twin = rival_twin(spec) };
    struct search s = { .kind = RIVAL_FLOPS, .n_tokens = n_tokens,
                        .twin = without_experts(out->twin),
                        .target = flops_per_token * n_tokens };
    const enum status status = solve(out, &s, err);

    name_flops(out, n_tokens);
    return status;
}
