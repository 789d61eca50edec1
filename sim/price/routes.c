/* routes.c - Take routes from a trace, mapped by depth, or from a policy that
 * is given drawn scores. */
#include "sim/price/routes.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/random.h"
#include "sim/core/model/plan.h"
#include "sim/core/model/spec_check.h"

struct routes {
    struct model_spec spec;          /* whose choices an allocation has */
    struct trace *trace;             /* NULL: drawn */
    struct model_spec recorded;      /* layers and part that the trace has */
    int32_t from[SPEC_MAX_LAYERS];   /* of each layer, the recorded one */
    struct scores *scores;           /* NULL: recorded */
    struct routes_drawing how;
    const struct route_policy *rule; /* that chooses by them */
};

static enum status routes_new(struct routes **out, struct error *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? STATUS_OK
                : error_set(err, STATUS_NO_MEMORY, "no memory for routes");
}

void routes_close(struct routes *routes)
{
    if (!routes)
        return;
    trace_close(routes->trace);
    scores_close(routes->scores);
    free(routes);
}

/* ---- recorded ---- */

/* Layers and part of the trace's own model, as far as it says them. */
static enum status tell_recorded(struct model_spec *recorded,
                                 const struct trace *trace, int32_t n_layers,
                                 struct error *err)
{
    struct error why = { STATUS_OK, "" };
    bool fits = false;

    recorded->n_layers = n_layers;
    for (int32_t l = 0; l < n_layers; l++) {
        const double share = trace_share(trace, l);
        recorded->routed[l] = share >= 0;
        recorded->capacity[l] = share;
    }
    for (int part = 0; part < PART_COUNT && !fits; part++) {
        recorded->part = (enum routed_part)part;
        fits = trace_check(trace, recorded, &why) == STATUS_OK;
    }
    if (fits)
        return STATUS_OK;
    error_set(err, STATUS_BAD_VALUE, "%s", why.text);
    return STATUS_BAD_VALUE;
}

void routes_take_shares(const struct routes *r, struct model_spec *spec)
{
    const double least = 1e-6;       /* of a layer that kept nothing */

    for (int32_t l = 0; l < spec->n_layers; l++) {
        const double share = r->recorded.capacity[r->from[l]];
        if (spec->routed[l])
            spec->capacity[l] = share > least ? share : least;
    }
}

/* A dense model routes from here on what was recorded. */
static enum status suppose(struct model_spec *spec, const struct routes *r,
                           struct error *err)
{
    for (int32_t l = 0; l < spec->n_layers; l++)
        spec->routed[l] = r->recorded.routed[r->from[l]];
    routes_take_shares(r, spec);
    spec->part = r->recorded.part;
    spec->gate = GATE_ONE;
    route_settle(spec, route_find("replay"), 0);
    return spec_check(spec, err);
}

static enum status check_layers(const struct model_spec *spec,
                                const struct routes *r, const char *name,
                                struct error *err)
{
    for (int32_t l = 0; l < spec->n_layers; l++) {
        const bool recorded = r->recorded.routed[r->from[l]];
        if (recorded == spec->routed[l])
            continue;
        error_set(err, STATUS_BAD_VALUE, "%.160s: layer %d is %s; allowed is a"
                  " trace of the layers that the model routes, or a dense"
                  " model", name, r->from[l], recorded
                  ? "in it, and the model does not route it"
                  : "not in it, and the model routes it");
        return STATUS_BAD_VALUE;
    }
    if (r->recorded.part == spec->part)
        return STATUS_OK;
    error_set(err, STATUS_BAD_VALUE, "%.160s: its choices are around part %s,"
              " and the model routes %s; allowed is the same part", name,
              part_names[r->recorded.part], part_names[spec->part]);
    return STATUS_BAD_VALUE;
}

static enum status check_lengths(const struct model_spec *spec,
                                 const struct trace *trace, const char *name,
                                 struct error *err)
{
    for (int64_t w = 0; w < trace_windows(trace); w++)
        if (trace_tokens(trace, w) > spec->max_tokens) {
            error_set(err, STATUS_BAD_VALUE, "%.160s: window %" PRId64 " has %d"
                      " tokens; allowed are the model's max_tokens, %d", name,
                      w, trace_tokens(trace, w), spec->max_tokens);
            return STATUS_BAD_VALUE;
        }
    return STATUS_OK;
}

static enum status record(struct routes *r, struct model_spec *spec,
                          const char *name, int32_t n_layers,
                          struct error *err)
{
    const int32_t last = trace_last_layer(r->trace);

    if (n_layers == 0)
        n_layers = spec->n_layers;
    if (last >= n_layers) {
        error_set(err, STATUS_BAD_VALUE, "%.160s: it routes layer %d; the model"
                  " has layers 0 to %d; --by-depth takes a trace of another"
                  " depth", name, last, n_layers - 1);
        return STATUS_BAD_VALUE;
    }
    for (int32_t l = 0; l < spec->n_layers; l++)
        r->from[l] = (int32_t)((2 * (int64_t)l + 1) * n_layers /
                               (2 * (int64_t)spec->n_layers));
    enum status status = tell_recorded(&r->recorded, r->trace, n_layers, err);
    if (status == STATUS_OK)
        status = check_lengths(spec, r->trace, name, err);
    if (status == STATUS_OK)
        status = spec_n_routed(spec) > 0 ? check_layers(spec, r, name, err)
                                         : suppose(spec, r, err);
    r->spec = *spec;
    return status;
}

enum status routes_of_trace(struct routes **out, struct trace *trace,
                            const char *name, int32_t n_layers,
                            struct model_spec *spec, struct error *err)
{
    struct routes *r;
    enum status status = routes_new(&r, err);

    if (status != STATUS_OK) {
        trace_close(trace);
        return status;
    }
    r->trace = trace;
    status = record(r, spec, name, n_layers, err);
    if (status == STATUS_OK)
        *out = r;
    else
        routes_close(r);
    return status;
}

/* The choices of each layer are those of the layer that it goes by. */
static void copy_layers(struct allocation *to, const struct allocation *from,
                        const struct routes *r)
{
    const int32_t each = plan_choices_a_layer(&r->spec);

    for (int32_t c = 0; c < to->n_choices; c++) {
        const int32_t of = each * r->from[c / each] + c % each;
        for (int32_t b = 0; plan_choice(&r->spec, c).routed &&
                            b < to->n_sequences; b++) {
            const int32_t n = allocation_count(from, of, b);
            to->count[c * to->n_sequences + b] = n;
            memcpy(allocation_kept(to, c, b), allocation_kept(from, of, b),
                   (size_t)n * sizeof *to->kept);
        }
    }
}

static enum status fill_recorded(struct allocation *a, const struct routes *r,
                                 int64_t first, struct error *err)
{
    struct allocation own;

    if (r->recorded.n_layers == r->spec.n_layers)
        return trace_fill(a, r->trace, &r->recorded, first, err);
    enum status status = allocation_open(&own, plan_n_choices(&r->recorded),
                                         a->n_sequences, a->n_tokens, err);
    if (status != STATUS_OK)
        return status;
    memcpy(own.length, a->length, (size_t)a->n_sequences * sizeof *a->length);
    status = trace_fill(&own, r->trace, &r->recorded, first, err);
    if (status == STATUS_OK)
        copy_layers(a, &own, r);
    allocation_close(&own);
    return status;
}

/* ---- drawn ---- */

/* The rule goes by numbers that stand for a router's, or for a signal of the
 * stream. */
static bool goes_by_scores(const struct route_policy *rule)
{
    return rule && rule->choose && !rule->predicted &&
           (rule->scored || rule->signal == SIGNAL_NORM ||
            rule->signal == SIGNAL_CHANGE || rule->signal == SIGNAL_RECEIVED);
}

enum status routes_drawn(struct routes **out, const struct routes_drawing *how,
                         const struct model_spec *spec, struct error *err)
{
    const struct route_policy *rule =
        how->by_step ? route_step_rule(how->policy) : how->policy;
    struct routes *r;

    if (!goes_by_scores(rule)) {
        error_set(err, STATUS_BAD_VALUE, "routing.policy %s: %s; drawn scores"
                  " stand for a router's or for a signal of the stream",
                  how->policy->name,
                  rule ? "it goes by none" : "a decode step cannot go by it");
        return STATUS_BAD_VALUE;
    }
    enum status status = routes_new(&r, err);
    if (status != STATUS_OK)
        return status;
    r->spec = *spec;
    r->how = *how;
    r->rule = rule;
    for (int32_t l = 0; l < spec->n_layers; l++)
        r->from[l] = l;
    status = scores_open(&r->scores, &how->scores, err);
    if (status == STATUS_OK)
        *out = r;
    else
        routes_close(r);
    return status;
}

static void choose(struct allocation *a, const struct routes *r, int32_t choice,
                   int32_t b, int64_t window, float *score, int32_t *scratch)
{
    const int32_t l = plan_choice(&r->spec, choice).layer;
    const int32_t T = r->how.n_tokens;
    const double cut = scores_cut(r->spec.capacity[l]);
    struct route_input in = {
        .score = score, .n_tokens = T,
        .n_keep = spec_kept(&r->spec, l, T), .keep_first = r->spec.keep_first,
        .threshold = 0, .window = r->spec.score_window,
        .seed = random_mix(r->how.scores.seed, (uint64_t)choice,
                           (uint64_t)window, 1),
        .capacity = r->spec.capacity[l], .sequence = b, .choice = choice,
        .scratch = scratch,
    };

    scores_draw(r->scores, window, choice, score, T);
    for (int32_t t = 0; t < T; t++)
        score[t] -= (float)cut;      /* rules cut at 0 */
    a->count[choice * a->n_sequences + b] =
        route_choose(r->rule, &in, allocation_kept(a, choice, b));
}

static enum status fill_drawn(struct allocation *a, const struct routes *r,
                              int64_t first, struct error *err)
{
    const size_t T = (size_t)r->how.n_tokens;
    float *score = calloc(T, sizeof *score);
    int32_t *scratch = calloc(T, sizeof *scratch);

    if (!score || !scratch) {
        free(score);
        free(scratch);
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu scores", T);
    }
    for (int32_t c = 0; c < a->n_choices; c++)
        for (int32_t b = 0; plan_choice(&r->spec, c).routed &&
                            b < a->n_sequences; b++)
            choose(a, r, c, b, first + b, score, scratch);
    free(score);
    free(scratch);
    return STATUS_OK;
}

/* ---- both ---- */

int64_t routes_windows(const struct routes *r)
{
    return r->trace ? trace_windows(r->trace) : r->how.n_windows;
}

int32_t routes_length(const struct routes *r, int64_t window)
{
    return r->trace ? trace_tokens(r->trace, window) : r->how.n_tokens;
}

int32_t routes_longest(const struct routes *r)
{
    int32_t longest = 0;

    for (int64_t w = 0; w < routes_windows(r); w++)
        if (routes_length(r, w) > longest)
            longest = routes_length(r, w);
    return longest;
}

int32_t routes_from(const struct routes *r, int32_t layer)
{
    return r->from[layer];
}

enum status routes_fill(struct allocation *a, const struct routes *r,
                        int64_t first, struct error *err)
{
    for (int32_t b = 0; b < a->n_sequences; b++) {
        a->length[b] = routes_length(r, first + b);
        for (int32_t c = 0; c < a->n_choices; c++) {
            int32_t *kept = allocation_kept(a, c, b);
            a->count[c * a->n_sequences + b] = a->length[b];
            for (int32_t t = 0; t < a->length[b]; t++)
                kept[t] = t;
        }
    }
    return r->trace ? fill_recorded(a, r, first, err)
                    : fill_drawn(a, r, first, err);
}
