/* reference.c - Write out the equations, one function each. */
#include "tests/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double *weight(const struct reference *r, int32_t layer,
                            enum tensor_id id)
{
    const struct tensor *t = tensor_find(r->tensors, layer, id);
    return t ? r->weights + t->offset : NULL;
}

/* out[n,columns] = in[n,rows] W + bias. */
static void product(const struct reference *r, int32_t layer, enum tensor_id id,
                    enum tensor_id bias_id, const double *in, int32_t n,
                    double *out)
{
    const struct tensor *t = tensor_find(r->tensors, layer, id);
    const double *w = r->weights + t->offset;
    const double *bias = weight(r, layer, bias_id);
    for (int32_t i = 0; i < n; i++)
        for (int64_t j = 0; j < t->columns; j++) {
            double sum = bias ? bias[j] : 0.0;
            for (int64_t k = 0; k < t->rows; k++)
                sum += in[i * t->rows + k] * w[k * t->columns + j];
            out[i * t->columns + j] = sum;
        }
}

/* The model's norm of every row; gamma_id TENSOR_COUNT: without scale. */
static void norm_rows(const struct reference *r, int32_t layer,
                      enum tensor_id gamma_id, enum tensor_id beta_id,
                      const double *x, int32_t n, double *out)
{
    const struct model_spec *s = r->spec;
    int32_t c = s->n_channels;
    double epsilon = (double)s->norm_epsilon;
    bool plain = gamma_id == TENSOR_COUNT;
    for (int32_t i = 0; i < n; i++)
        if (s->traits.norm == NORM_RMS)
            reference_rms_norm(x + i * c, c, epsilon,
                               plain ? NULL : weight(r, layer, gamma_id),
                               out + i * c);
        else
            reference_layer_norm(x + i * c, c, epsilon,
                                 plain ? NULL : weight(r, layer, gamma_id),
                                 plain ? NULL : weight(r, layer, beta_id),
                                 out + i * c);
}

/* Keys and values of all tokens at the layer's place in the first recursion. */
static double *lent_to(const struct reference *r, int32_t layer)
{
    const int32_t at = spec_owner(r->spec, layer) - r->spec->recursion.first;
    return r->lent + at * r->n_tokens * 2 * spec_e(r->spec);
}

static void lend(const struct reference *r, int32_t layer, const double *qkv,
                 const int32_t *position, int32_t n)
{
    const int32_t q = spec_q(r->spec), e = spec_e(r->spec);

    for (int32_t i = 0; i < n; i++)
        memcpy(lent_to(r, layer) + position[i] * 2 * e,
               qkv + i * (q + 2 * e) + q, 2 * (size_t)e * sizeof *qkv);
}

/* Mixes values by the queries of n rows: as all tokens would attend, of whom others
 * ask for nothing. */
static void attend_to_lent(const struct reference *r, int32_t layer,
                           const double *qkv, const int32_t *position,
                           int32_t n, double *mixed)
{
    const struct model_spec *s = r->spec;
    const int32_t d = s->head_size, q = spec_q(s), e = spec_e(s);
    const int32_t width = q + 2 * e, group = s->n_heads / s->n_kv_heads;
    double *all = calloc((size_t)(r->n_tokens * (width + q)), sizeof *all);
    double *out = all + r->n_tokens * width;

    for (int32_t t = 0; t < r->n_tokens; t++)
        memcpy(all + t * width + q, lent_to(r, layer) + t * 2 * e,
               2 * (size_t)e * sizeof *all);
    for (int32_t i = 0; i < n; i++)
        memcpy(all + position[i] * width, qkv + i * width,
               (size_t)q * sizeof *all);
    for (int32_t h = 0; h < s->n_heads; h++) {
        const int32_t g = h / group;
        reference_attend(all + h * d, all + q + g * d, all + q + e + g * d,
                         width, r->n_tokens, d, 0, (double)s->attention_cap,
                         out + h * d, q);
    }
    for (int32_t i = 0; i < n; i++)
        memcpy(mixed + i * q, out + position[i] * q, (size_t)q * sizeof *all);
    free(all);
}

/* out[n,C]: attention among n rows that stand at the given positions. */
static void attention(const struct reference *r, int32_t layer,
                      const double *x, const int32_t *position, int32_t n,
                      double *out, double *room)
{
    const struct model_spec *s = r->spec;
    int32_t d = s->head_size, q = s->n_heads * d, e = s->n_kv_heads * d;
    int32_t width = q + 2 * e, group = s->n_heads / s->n_kv_heads;
    double *qkv = room, *mixed = qkv + n * width;

    product(r, layer, TENSOR_QKV, TENSOR_QKV_BIAS, x, n, qkv);
    if (s->traits.qk_norm_rows)
        for (int32_t i = 0; i < n; i++) {
            double *row = qkv + i * width, small = (double)s->norm_epsilon;
            reference_rms_norm(row, q, small,
                               weight(r, layer, TENSOR_QUERY_GAMMA), row);
            reference_rms_norm(row + q, e, small,
                               weight(r, layer, TENSOR_KEY_GAMMA), row + q);
        }
    else if (s->traits.qk_norm)
        for (int32_t i = 0; i < n; i++)
            for (int32_t h = 0; h < s->n_heads + s->n_kv_heads; h++) {
                const bool query = h < s->n_heads;
                reference_head_norm(qkv + i * width + h * d, s,
                                    query ? h : h - s->n_heads,
                                    weight(r, layer, query ? TENSOR_QUERY_GAMMA
                                                           : TENSOR_KEY_GAMMA));
            }
    struct model_spec turn = *s;
    if (s->windowed[layer] && s->local_theta > 0.0f) {
        turn.rope_theta = s->local_theta;
        turn.rope_scaling.kind = ROPE_SCALING_NONE;
    }
    if (s->traits.positions == POSITIONS_ROTARY && !s->unturned[layer])
        for (int32_t i = 0; i < n; i++)
            for (int32_t h = 0; h < s->n_heads + s->n_kv_heads; h++)
                reference_rope(qkv + i * width + h * d, &turn, position[i]);
    if (spec_lends_keys(s, layer))
        lend(r, layer, qkv, position, n);
    if (spec_borrows_keys(s, layer))
        attend_to_lent(r, layer, qkv, position, n, mixed);
    for (int32_t h = 0; h < s->n_heads && !spec_borrows_keys(s, layer); h++) {
        int32_t g = h / group;
        reference_attend(qkv + h * d, qkv + q + g * d, qkv + q + e + g * d,
                         width, n, d, s->windowed[layer] ? s->window : 0,
                         (double)s->attention_cap, mixed + h * d, q);
    }
    product(r, layer, TENSOR_PROJECT, TENSOR_PROJECT_BIAS, mixed, n, out);
}

static double activate(enum activation_kind kind, const double *up, int32_t f,
                       int32_t j)
{
    switch (kind) {
    case ACTIVATION_SWIGLU: return reference_silu(up[j]) * up[f + j];
    case ACTIVATION_GEGLU:  return reference_gelu(up[j]) * up[f + j];
    case ACTIVATION_GELU:   return reference_gelu(up[j]);
    case ACTIVATION_RELU:   return fmax(up[j], 0.0);
    default:                return reference_gelu_erf(up[j]);
    }
}

static void feed_forward(const struct reference *r, int32_t layer,
                         const double *x, int32_t n, double *out, double *room)
{
    const struct model_spec *s = r->spec;
    int32_t f = s->n_ffn, u = spec_up(s);
    double *up = room, *act = up + n * u;

    if (s->has_experts[layer]) {
        reference_experts(r, layer, x, n, out);
        return;
    }
    product(r, layer, TENSOR_UP, TENSOR_UP_BIAS, x, n, up);
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = 0; j < f; j++)
            act[i * f + j] = activate(s->traits.activation, up + i * u, f, j);
    product(r, layer, TENSOR_DOWN, TENSOR_DOWN_BIAS, act, n, out);
}

/* x[n,C] to block(x), in place. */
static void block(const struct reference *r, int32_t layer, double *x,
                  const int32_t *position, int32_t n, double *room)
{
    const struct traits *has = &r->spec->traits;
    int32_t size = n * r->spec->n_channels;
    double *normed = room, *change = normed + size, *was = change + size;
    double *rest = was + size;
    const bool before = has->norms != NORMS_AFTER;
    const bool after = has->norms != NORMS_BEFORE;

    memcpy(was, x, (size_t)size * sizeof *was);
    memcpy(normed, x, (size_t)size * sizeof *normed);
    if (before)
        norm_rows(r, layer, TENSOR_NORM1_GAMMA, TENSOR_NORM1_BETA, x, n,
                  normed);
    attention(r, layer, normed, position, n, change, rest);
    if (after)
        norm_rows(r, layer, TENSOR_ADDED1_GAMMA, TENSOR_ADDED1_BETA, change, n,
                  change);
    for (int32_t i = 0; i < size; i++)
        x[i] += change[i];
    const double *read = has->parallel == PARALLEL_NONE ? x : was;
    if (!before)
        memcpy(normed, read, (size_t)size * sizeof *normed);
    else if (has->parallel != PARALLEL_NORM)
        norm_rows(r, layer, TENSOR_NORM2_GAMMA, TENSOR_NORM2_BETA, read, n,
                  normed);
    feed_forward(r, layer, normed, n, change, rest);
    if (after)
        norm_rows(r, layer, TENSOR_ADDED2_GAMMA, TENSOR_ADDED2_BETA, change, n,
                  change);
    for (int32_t i = 0; i < size; i++)
        x[i] += change[i];
}

static void router_input(const struct reference *r, int32_t layer,
                         const double *x, double *input)
{
    if (r->spec->router_input == ROUTER_INPUT_RAW)
        memcpy(input, x, (size_t)r->spec->n_channels * sizeof *x);
    else
        norm_rows(r, layer, TENSOR_COUNT, TENSOR_COUNT, x, 1, input);
}

static double score_of(const struct reference *r, int32_t layer,
                       const double *x)
{
    const struct model_spec *s = r->spec;
    double input[s->n_channels], score = 0.0;
    router_input(r, layer, x, input);
    const double *w = weight(r, layer, TENSOR_ROUTER);
    for (int32_t c = 0; c < s->n_channels; c++)
        score += w[c] * input[c];
    return score;
}

static double gate_of(const struct reference *r, int32_t layer, int32_t token,
                      const double *x)
{
    const struct model_spec *s = r->spec;
    if (!s->routed[layer] || s->gate == GATE_ONE)
        return 1.0;
    double *note = r->gate ? r->gate + layer * r->n_sequences * r->n_tokens +
                                 token
                           : NULL;
    if (r->gate_held)
        return *note;
    const int32_t depth = s->depths ? (layer - s->recursion.first) /
                                          spec_span(s) : 0;
    double gate = reference_gate(
        s->gate, s->gate_scale,
        s->depths ? r->chance[depth * r->n_tokens + token % r->n_tokens]
                  : score_of(r, layer, x));
    if (note)
        *note = gate;
    return gate;
}

static double predictor_logit(const struct reference *r, int32_t layer,
                              const double *x)
{
    const struct model_spec *s = r->spec;
    double input[s->n_channels], hidden[s->n_predictor];
    const double *down = weight(r, layer, TENSOR_PREDICT_DOWN);
    double logit = weight(r, layer, TENSOR_PREDICT_DOWN_BIAS)[0];

    router_input(r, layer, x, input);
    product(r, layer, TENSOR_PREDICT_UP, TENSOR_PREDICT_UP_BIAS, input, 1,
            hidden);
    for (int32_t i = 0; i < s->n_predictor; i++)
        logit += down[i] * fmax(hidden[i], 0.0);
    return logit;
}

static double sigmoid(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* The layer's part of the routers' losses, of one sequence; but of a predictor
 * alone where r->of_predictors.  The kept share is a constant, and so is the
 * slope of its square. */
static double router_losses(const struct reference *r, int32_t l, int32_t b,
                            const double *x)
{
    const struct model_spec *s = r->spec;
    const int32_t *kept = allocation_kept(r->allocation, l, b);
    double sum = 0.0, over = -s->capacity[l];
    int32_t n_routers = 0;

    for (int32_t j = 0; j < r->n_sequences; j++)
        over += (double)allocation_count(r->allocation, l, j) /
                (r->n_sequences * r->n_tokens);
    for (int32_t t = 0, i = 0; t < r->n_tokens; t++) {
        bool is_kept = i < allocation_count(r->allocation, l, b) &&
                       kept[i] == t;
        double score = score_of(r, l, x + t * s->n_channels);
        i += is_kept;
        if (r->of_predictors) {
            double z = predictor_logit(r, l, x + t * s->n_channels);
            sum += log(1.0 + exp(is_kept ? -z : z));
            continue;
        }
        sum += 2.0 * over * s->balance_loss * sigmoid(score) +
               s->aux_loss * log(1.0 + exp(is_kept ? -score : score)) +
               s->z_loss * score * score;
    }
    for (int32_t layer = 0; layer < s->n_layers; layer++)
        n_routers += s->routed[layer] && !spec_follows(s, layer);
    return sum / (r->n_sequences * r->n_tokens * n_routers);
}

/* The softmax of the scores of depths, of all tokens; returns the loss that holds
 * shares to capacities, of this sequence: what a share above its capacity weighs,
 * times the chance to be as deep. */
static double score_depths(const struct reference *r, const double *x)
{
    const struct model_spec *s = r->spec;
    const int32_t n = spec_depths(s), T = r->n_tokens;
    double loss = 0.0;

    for (int32_t t = 0; t < T; t++) {
        double sum = 0.0, deeper = 1.0;
        for (int32_t i = 0; i < n; i++) {
            const int32_t l = s->recursion.first + i * spec_span(s);
            r->chance[i * T + t] = exp(score_of(r, l, x + t * s->n_channels));
            sum += r->chance[i * T + t];
        }
        for (int32_t i = 0; i < n; i++) {
            const int32_t l = s->recursion.first + i * spec_span(s);
            double over = -s->capacity[l];
            for (int32_t j = 0; j < r->n_sequences; j++)
                over += (double)allocation_count(r->allocation, l, j) /
                        (r->n_sequences * T);
            r->chance[i * T + t] /= sum;
            loss += 2.0 * over * s->balance_loss * deeper;
            deeper -= r->chance[i * T + t];
        }
    }
    return loss / (r->n_sequences * T * n);
}

/* One layer of one sequence, or a span that is routed as one: x' = x + g(r)
 * (block(x) - x) on kept tokens, or x + g(r) block(x), block being all of its
 * layers' one after another, or that alone where a gate comes later; and with a
 * gated bypass x' = g(r) x on the others. */
static void layer(const struct reference *r, int32_t l, int32_t b, double *x,
                  double *room)
{
    int32_t c = r->spec->n_channels;
    const int32_t *kept = allocation_kept(r->allocation, l, b);
    int32_t n = allocation_count(r->allocation, l, b);
    const double less = r->spec->gates_output && r->spec->routed[l] ? 0.0 : 1.0;
    double *y = room;

    for (int32_t i = 0; i < n; i++)
        memcpy(y + i * c, x + kept[i] * c, (size_t)c * sizeof *y);
    block(r, l, y, kept, n, room + n * c);
    for (int32_t next = l + 1; spec_follows(r->spec, next); next++)
        block(r, next, y, kept, n, room + n * c);
    for (int32_t t = 0, i = 0; t < r->n_tokens; t++) {
        const bool is_kept = i < n && kept[i] == t;
        double *to = x + t * c;
        if (!is_kept && !r->spec->bypass_gated)
            continue;
        double gate = gate_of(r, l, b * r->n_tokens + t, to);
        for (int32_t j = 0; j < c; j++)
            to[j] = !is_kept ? gate * to[j]
                    : spec_gates_at_end(r->spec) ? y[i * c + j]
                    : to[j] + gate * (y[i * c + j] - less * to[j]);
        i += is_kept;
    }
}

static bool keeps(const struct reference *r, int32_t l, int32_t b, int32_t t)
{
    bool found = false;

    for (int32_t i = 0; i < allocation_count(r->allocation, l, b); i++)
        found |= allocation_kept(r->allocation, l, b)[i] == t;
    return found;
}

/* What the recursions gave, by the chance of the deepest that a token was in, onto
 * what it was before them. */
static void end_depths(const struct reference *r, int32_t b, double *x)
{
    const struct model_spec *s = r->spec;
    const int32_t c = s->n_channels;

    for (int32_t t = 0; t < r->n_tokens; t++) {
        double gate = 0.0;
        for (int32_t i = 0; i < spec_depths(s); i++) {
            const int32_t l = s->recursion.first + i * spec_span(s);
            if (keeps(r, l, b, t))
                gate = gate_of(r, l, b * r->n_tokens + t, x + t * c);
        }
        for (int32_t j = t * c; j < (t + 1) * c; j++)
            x[j] = r->before[j] + gate * x[j];
    }
}

static void embed(const struct reference *r, int32_t b, double *x)
{
    int32_t c = r->spec->n_channels;
    const double *wte = weight(r, -1, TENSOR_WTE);
    const double *wpe = weight(r, -1, TENSOR_WPE);
    const bool opt = r->spec->traits.positions == POSITIONS_SPARED;
    const int32_t spare = opt ? 2 : 0;
    for (int32_t t = 0; t < r->n_tokens; t++)
        for (int32_t j = 0; j < c; j++)
            x[t * c + j] = wte[r->ids[b * r->n_tokens + t] * c + j] +
                           (wpe ? wpe[(spare + t) * c + j] : 0.0);
}

/* Numbers that one evaluation needs: each function takes its own and hands on
 * the rest. */
static size_t room_of(const struct reference *r)
{
    const struct model_spec *s = r->spec;
    int32_t attention = 2 * (spec_q(s) + spec_e(s));
    int32_t feed_forward = spec_up(s) + s->n_ffn;
    return (size_t)(r->n_tokens * (6 * s->n_channels + attention +
                                   feed_forward) + s->n_vocab);
}

/* The sum of the nats of one sequence as the head reads x. */
static double read_out(const struct reference *r, int32_t b, const double *x,
                       double *nats, double *logits, double *room)
{
    const struct model_spec *s = r->spec;
    int32_t c = s->n_channels, v = s->n_vocab;
    const double *head = weight(r, -1, s->tied_head ? TENSOR_WTE : TENSOR_HEAD);
    const double *bias = weight(r, -1, TENSOR_HEAD_BIAS);
    double *normed = room, *row = normed + r->n_tokens * c, total = 0.0;

    norm_rows(r, -1, TENSOR_FINAL_GAMMA, TENSOR_FINAL_BETA, x, r->n_tokens,
              normed);
    for (int32_t t = 0; t < r->n_tokens; t++) {
        int32_t at = b * r->n_tokens + t;
        for (int32_t i = 0; i < v; i++) {
            row[i] = bias ? bias[i] : 0.0;
            for (int32_t j = 0; j < c; j++)
                row[i] += normed[t * c + j] * head[i * c + j];
            row[i] = reference_cap(row[i], (double)s->logit_cap);
        }
        double loss = reference_nats(row, v, r->targets[at], NULL);
        total += loss;
        if (nats)
            nats[at] = loss;
        if (logits)
            memcpy(logits + (size_t)at * (size_t)v, row,
                   (size_t)v * sizeof *row);
    }
    return total;
}

/* The mean loss; *judged, unless NULL: the losses of routers and exits. */
static double losses(const struct reference *asked, double *nats,
                     double *logits, double *judged)
{
    struct reference own = *asked;
    const struct reference *r = &own;
    const struct model_spec *s = r->spec;
    const int32_t n = r->n_sequences * r->n_tokens;
    double *x = calloc(room_of(r), sizeof *x), total = 0.0;
    double *room = x + r->n_tokens * s->n_channels;
    const int32_t each = spec_depths(s) + 2 * spec_span(s) * spec_e(s) +
                         s->n_channels;
    double *ahead = calloc((size_t)(each * r->n_tokens + 1), sizeof *ahead);

    own.chance = ahead;
    own.before = ahead + spec_depths(s) * r->n_tokens;
    own.lent = own.before + s->n_channels * r->n_tokens;
    own.judged = r->of_predictors ? NULL : judged;
    for (int32_t b = 0; b < r->n_sequences; b++) {
        embed(r, b, x);
        for (int32_t l = 0; l < s->n_layers; l++) {
            if (spec_follows(s, l))
                continue;             /* run with the layer before */
            if (judged && s->routed[l] &&
                (r->of_predictors || spec_router_losses(s)))
                *judged += router_losses(r, l, b, x);
            if (s->depths && l == s->recursion.first) {
                const double loss = score_depths(r, x);
                if (judged)
                    *judged += loss;
                memcpy(own.before, x, (size_t)(r->n_tokens * s->n_channels) *
                                          sizeof *x);
            }
            layer(r, l, b, x, room);
            int32_t last = l;
            while (spec_is_followed(s, last))
                last++;
            if (spec_gates_at_end(s) && last == s->recursion.last)
                end_depths(r, b, x);
            if (judged && s->exit_weight[last] > 0.0)
                *judged += s->exit_weight[last] / n *
                           read_out(r, b, x, NULL, NULL, room);
        }
        total += read_out(r, b, x, nats, logits, room);
    }
    free(ahead);
    free(x);
    return total / n;
}

double reference_loss(const struct reference *r, double *nats, double *logits)
{
    return losses(r, nats, logits, NULL);
}

static double objective(const struct reference *r)
{
    double judged = 0.0, loss = losses(r, NULL, NULL, &judged);
    return r->of_predictors ? judged : loss + judged;
}

/* The step balances the error of the difference, about step^2, and that of
 * rounding, about 1e-15 / step. */
double reference_slope(const struct reference *r, double *weights, size_t i)
{
    const double was = weights[i], step = 1e-5;
    struct reference moved = *r;
    moved.weights = weights;
    weights[i] = was + step;
    double above = objective(&moved);
    weights[i] = was - step;
    double below = objective(&moved);
    weights[i] = was;
    return (above - below) / (2.0 * step);
}
