/* reference_routed.c - Apply the definitions, one token at a time. */
#include "tests/reference_routed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/random.h"
#include "tests/reference.h"

/* The state of a sequence while layers work on it: rows are tokens. */
struct state {
    const struct routed_sequence *in;
    double *x;                 /* [T,C] the stream */
    double *left[2];           /* [T,C] as the routed layer before found it; its
                                * feed-forward part, where that is apart */
    double *keys, *values;     /* [T,E] of this layer; of the last, until then */
    bool   *present;           /* [T] has a key in this layer */
    double *drawn;             /* [T] attention received in this layer */
};

static const double *weight(const struct routed_sequence *in, int32_t layer,
                            enum tensor_id id)
{
    const struct tensor *t = tensor_find(in->tensors, layer, id);
    return t ? in->weights + t->offset : NULL;
}

/* out[n] = x W[:, first..first+n) + bias, of one row. */
static void product(const struct routed_sequence *in, int32_t layer,
                    enum tensor_id id, const double *x, int64_t first,
                    int64_t n, double *out)
{
    const struct tensor *t = tensor_find(in->tensors, layer, id);
    const double *w = in->weights + t->offset;
    const double *bias = weight(in, layer, (enum tensor_id)(id + 1));
    for (int64_t j = 0; j < n; j++) {
        out[j] = bias ? bias[first + j] : 0.0;
        for (int64_t i = 0; i < t->rows; i++)
            out[j] += x[i] * w[i * t->columns + first + j];
    }
}

static void norm(const struct routed_sequence *in, int32_t layer,
                 enum tensor_id gamma, enum tensor_id beta, const double *x,
                 double *out)
{
    const struct model_spec *s = in->spec;
    double epsilon = (double)s->norm_epsilon;
    const double *scale = gamma < TENSOR_COUNT ? weight(in, layer, gamma)
                                               : NULL;
    const double *shift = beta < TENSOR_COUNT ? weight(in, layer, beta) : NULL;
    if (s->traits.norm == NORM_RMS)
        reference_rms_norm(x, s->n_channels, epsilon, scale, out);
    else
        reference_layer_norm(x, s->n_channels, epsilon, scale, shift, out);
}

/* `second`: of the feed-forward part, where that is apart. */
static double router_score(const struct routed_sequence *in, int32_t layer,
                           bool second, const double *x)
{
    const int32_t c = in->spec->n_channels;
    const double *w = weight(in, layer, second ? TENSOR_ROUTER_FFN
                                               : TENSOR_ROUTER);
    double input[c], sum = 0.0;
    memcpy(input, x, sizeof input);
    if (in->spec->router_input == ROUTER_INPUT_NORMALISED)
        norm(in, layer, TENSOR_COUNT, TENSOR_COUNT, x, input);
    for (int32_t i = 0; i < c; i++)
        sum += w[i] * input[i];
    return sum;
}

static double distance(const double *a, const double *b, int32_t n)
{
    double sum = 0.0;
    for (int32_t i = 0; i < n; i++)
        sum += (a[i] - (b ? b[i] : 0.0)) * (a[i] - (b ? b[i] : 0.0));
    return sum;
}

static double score_of(const struct state *s, int32_t choice, int32_t t,
                       const double *left)
{
    const struct model_spec *spec = s->in->spec;
    const int32_t c = spec->n_channels;
    const double *x = s->x + t * c;

    const bool apart = spec->part == PART_APART;

    if (spec->signal == SIGNAL_NONE && spec->router_scores)
        return router_score(s->in, apart ? choice / 2 : choice,
                            apart && choice % 2, x);
    switch (spec->signal) {
    case SIGNAL_NORM:     return distance(x, NULL, c);
    case SIGNAL_CHANGE:   return distance(x, left + t * c, c);
    case SIGNAL_RECEIVED: return s->drawn[t];
    case SIGNAL_HASH:
        return floor((double)random_mix((uint64_t)s->in->ids[t],
                                        (uint64_t)choice, 0, 2) / 0x1p40) /
               0x1p24;
    default:              return 0.0;
    }
}

static double predictor_logit(const struct routed_sequence *in, int32_t choice,
                              const double *x)
{
    const bool apart = in->spec->part == PART_APART;
    const int32_t c = in->spec->n_channels, w = in->spec->n_predictor;
    const int32_t layer = apart ? choice / 2 : choice;
    const int of = apart && choice % 2 ? TENSOR_PREDICT_FFN_UP
                                       : TENSOR_PREDICT_UP;
    const double *up = weight(in, layer, (enum tensor_id)of);
    const double *shift = weight(in, layer, (enum tensor_id)(of + 1));
    const double *down = weight(in, layer, (enum tensor_id)(of + 2));
    double input[c], logit = weight(in, layer, (enum tensor_id)(of + 3))[0];

    memcpy(input, x, sizeof input);
    if (in->spec->router_input == ROUTER_INPUT_NORMALISED)
        norm(in, layer, TENSOR_COUNT, TENSOR_COUNT, x, input);
    for (int32_t j = 0; j < w; j++) {
        double hidden = shift[j];
        for (int32_t i = 0; i < c; i++)
            hidden += input[i] * up[i * w + j];
        logit += down[j] * fmax(hidden, 0.0);
    }
    return logit;
}

/* All tokens' scores from the stream as it is now, which is then what the same
 * kind of choice in the next routed layer compares with. */
static void score_all(struct state *s, int32_t choice, double *left)
{
    const int32_t n = s->in->n_tokens;
    const size_t numbers = (size_t)(n * s->in->spec->n_channels);

    for (int32_t t = 0; t < n; t++) {
        s->in->score[choice * n + t] = score_of(s, choice, t, left);
        if (s->in->foreseen)
            s->in->foreseen[choice * n + t] = predictor_logit(
                s->in, choice, s->x + t * s->in->spec->n_channels);
    }
    memcpy(left, s->x, numbers * sizeof *left);
}

/* The i-th head of token t, before scores: normalised, then turned. */
static void place_head(const struct state *s, int32_t layer, int32_t t,
                       enum tensor_id gamma, int32_t i, double *head)
{
    const struct model_spec *spec = s->in->spec;
    if (spec->traits.qk_norm)
        reference_head_norm(head, spec, i, weight(s->in, layer, gamma));
    if (spec->traits.positions == POSITIONS_ROTARY)
        reference_rope(head, spec, t);
}

/* Key and value of token t, from its normed row. */
static void make_key(struct state *s, int32_t layer, int32_t t,
                     const double *normed)
{
    const struct model_spec *spec = s->in->spec;
    const int32_t q = spec_q(spec), e = spec_e(spec), d = spec->head_size;
    double *key = s->keys + t * e;

    product(s->in, layer, TENSOR_QKV, normed, q, e, key);
    product(s->in, layer, TENSOR_QKV, normed, q + e, e, s->values + t * e);
    for (int32_t g = 0; g < spec->n_kv_heads; g++)
        place_head(s, layer, t, TENSOR_KEY_GAMMA, g, key + g * d);
}

/* out[D] of one head's query at t: over the keys present, up to its own. */
static void mix(struct state *s, int32_t t, int32_t h, const double *query,
                double *out)
{
    const struct model_spec *spec = s->in->spec;
    const int32_t d = spec->head_size, e = spec_e(spec);
    const int32_t at = h / (spec->n_heads / spec->n_kv_heads) * d;
    double p[t + 1], largest = -(double)INFINITY, sum = 0.0;

    for (int32_t j = 0; j <= t; j++) {
        p[j] = 0.0;
        for (int32_t i = 0; i < d; i++)
            p[j] += query[i] * s->keys[j * e + at + i] / sqrt((double)d);
        if (s->present[j])
            largest = fmax(largest, p[j]);
    }
    for (int32_t j = 0; j <= t; j++)
        sum += p[j] = s->present[j] ? exp(p[j] - largest) : 0.0;
    memset(out, 0, (size_t)d * sizeof *out);
    for (int32_t j = 0; j <= t; j++) {
        s->drawn[j] += p[j] / sum;
        for (int32_t i = 0; i < d; i++)
            out[i] += p[j] / sum * s->values[j * e + at + i];
    }
}

/* y = x_t + attention of token t. */
static void attend(struct state *s, int32_t layer, int32_t t,
                   const double *normed, double *y)
{
    const struct model_spec *spec = s->in->spec;
    const int32_t c = spec->n_channels, d = spec->head_size, q = spec_q(spec);
    double query[q], mixed[q];

    product(s->in, layer, TENSOR_QKV, normed, 0, q, query);
    for (int32_t h = 0; h < spec->n_heads; h++) {
        place_head(s, layer, t, TENSOR_QUERY_GAMMA, h, query + h * d);
        mix(s, t, h, query + h * d, mixed + h * d);
    }
    product(s->in, layer, TENSOR_PROJECT, mixed, 0, c, y);
    for (int32_t i = 0; i < c; i++)
        y[i] += s->x[t * c + i];
}

/* y = x + the feed-forward part of x; y may be x. */
static void feed_forward(const struct routed_sequence *in, int32_t layer,
                         const double *x, double *y)
{
    const struct model_spec *spec = in->spec;
    const int32_t c = spec->n_channels, f = spec->n_ffn;
    bool gated = spec->traits.activation == ACTIVATION_SWIGLU;
    double normed[c], up[2 * f], act[f], change[c];

    norm(in, layer, TENSOR_NORM2_GAMMA, TENSOR_NORM2_BETA, x, normed);
    product(in, layer, TENSOR_UP, normed, 0, spec_up(spec), up);
    for (int32_t i = 0; i < f; i++)
        act[i] = gated ? reference_silu(up[i]) * up[f + i]
                       : reference_gelu(up[i]);
    product(in, layer, TENSOR_DOWN, act, 0, c, change);
    for (int32_t i = 0; i < c; i++)
        y[i] = x[i] + change[i];
}

static void move(double *x, const double *y, double gate, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        x[i] += gate * (y[i] - x[i]);
}

static void bypass(const struct model_spec *spec, double *x, double gate)
{
    for (int32_t i = 0; i < spec->n_channels && spec->bypass_gated; i++)
        x[i] *= gate;
}

/* The second half of a layer whose parts are apart: it does not matter which
 * tokens attention kept. */
static void run_ffn_apart(struct state *s, int32_t l)
{
    const struct routed_sequence *in = s->in;
    const struct model_spec *spec = in->spec;
    const int32_t c = spec->n_channels, n = in->n_tokens;
    const int32_t second = 2 * l + 1;
    double y[c];

    score_all(s, second, s->left[1]);
    for (int32_t t = 0; t < n; t++) {
        double *x = s->x + t * c;
        double gate = spec->gate == GATE_ONE
                          ? 1.0
                          : reference_gate(spec->gate, spec->gate_scale,
                                           router_score(in, l, true, x));
        if (in->kept[second * n + t]) {
            feed_forward(in, l, x, y);
            move(x, y, gate, c);
        } else {
            bypass(spec, x, gate);
        }
    }
}

/* One layer of one sequence. */
static void run_layer(struct state *s, int32_t l)
{
    const struct routed_sequence *in = s->in;
    const struct model_spec *spec = in->spec;
    const int32_t c = spec->n_channels, n = in->n_tokens;
    const bool routed = spec->routed[l];
    const bool whole = !routed || spec->part == PART_FFN;  /* attention */
    const bool apart = spec->part == PART_APART;
    const int32_t first = apart ? 2 * l : l;
    const bool *chosen = in->kept + first * n;
    double *normed = calloc((size_t)(n * c), sizeof *normed);
    double *after = calloc((size_t)(n * c), sizeof *after);
    double *score = in->score + first * n, gates[n];

    memset(score, 0, (size_t)(apart ? 2 * n : n) * sizeof *score);
    if (routed)
        score_all(s, first, s->left[0]);
    /* The gate goes by the router, whatever chooses. */
    for (int32_t t = 0; t < n; t++)
        gates[t] = !routed || spec->gate == GATE_ONE
                       ? 1.0
                       : reference_gate(spec->gate, spec->gate_scale,
                                        router_score(in, l, false, s->x + t * c));

    memset(s->drawn, 0, (size_t)n * sizeof *s->drawn);
    for (int32_t t = 0; t < n; t++) {
        bool kept = whole || chosen[t];
        s->present[t] = kept || spec->skipped_keys != SKIPPED_KEYS_ABSENT;
        norm(in, l, TENSOR_NORM1_GAMMA, TENSOR_NORM1_BETA, s->x + t * c,
             normed + t * c);
        if (kept || spec->skipped_keys == SKIPPED_KEYS_COMPUTED)
            make_key(s, l, t, normed + t * c);
    }
    for (int32_t t = 0; t < n; t++)
        if (whole || chosen[t])
            attend(s, l, t, normed + t * c, after + t * c);

    for (int32_t t = 0; t < n; t++) {
        bool kept = !routed || chosen[t];
        double *x = s->x + t * c, *y = after + t * c;
        double gate = gates[t];
        if (!routed || spec->part == PART_BLOCK) {
            if (kept) {
                feed_forward(in, l, y, y);
                move(x, y, gate, c);
            } else {
                bypass(spec, x, gate);
            }
        } else if (spec->part != PART_FFN) {
            if (kept)
                move(x, y, gate, c);
            else
                bypass(spec, x, gate);
            if (!apart)
                feed_forward(in, l, x, x);
        } else {
            memcpy(x, y, (size_t)c * sizeof *x);
            feed_forward(in, l, x, y);
            if (kept)
                move(x, y, gate, c);
            else
                bypass(spec, x, gate);
        }
    }
    if (routed && apart)
        run_ffn_apart(s, l);
    free(after);
    free(normed);
}

static void embed(const struct routed_sequence *in, double *x)
{
    const int32_t c = in->spec->n_channels;
    const double *wte = weight(in, -1, TENSOR_WTE);
    const double *wpe = weight(in, -1, TENSOR_WPE);
    for (int32_t t = 0; t < in->n_tokens; t++)
        for (int32_t i = 0; i < c; i++)
            x[t * c + i] = wte[in->ids[t] * c + i] +
                           (wpe ? wpe[t * c + i] : 0.0);
}

/* logits[T,V] of the stream. */
static void read_out(const struct routed_sequence *in, const double *x,
                     double *logits)
{
    const struct model_spec *spec = in->spec;
    const int32_t c = spec->n_channels, v = spec->n_vocab;
    const double *head = weight(in, -1, spec->tied_head ? TENSOR_WTE
                                                        : TENSOR_HEAD);

    for (int32_t t = 0; t < in->n_tokens; t++) {
        double normed[c];
        norm(in, -1, TENSOR_FINAL_GAMMA, TENSOR_FINAL_BETA, x + t * c, normed);
        for (int32_t i = 0; i < v; i++) {
            double *to = &logits[(size_t)t * (size_t)v + (size_t)i];
            *to = 0.0;
            for (int32_t j = 0; j < c; j++)
                *to += normed[j] * head[i * c + j];
        }
    }
}

void reference_routed(const struct routed_sequence *in)
{
    const struct model_spec *spec = in->spec;
    const int32_t c = spec->n_channels, v = spec->n_vocab, n = in->n_tokens;
    const size_t numbers = (size_t)(n * (3 * c + 2 * spec_e(spec) + 1));
    double *room = calloc(numbers, sizeof *room);
    struct state s = {
        .in = in, .x = room, .left = { room + n * c, room + 2 * n * c },
        .keys = room + 3 * n * c,
        .values = room + n * (3 * c + spec_e(spec)),
        .drawn = room + n * (3 * c + 2 * spec_e(spec)),
        .present = calloc((size_t)n, sizeof(bool)),
    };

    embed(in, s.x);
    for (int32_t l = 0; l < spec->n_layers; l++) {
        run_layer(&s, l);
        if (spec_exits(spec, l) && in->exits)
            read_out(in, s.x, in->exits + (size_t)l * (size_t)n * (size_t)v);
    }
    read_out(in, s.x, in->logits);
    free(s.present);
    free(room);
}
