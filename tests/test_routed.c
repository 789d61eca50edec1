/* Tokens routed around blocks, attentions and feed-forward parts, one of them or
 * both apart, by routers and signals, with the keys of skipped tokens absent,
 * computed or carried: what the executor says is what the definitions say, at
 * once and token by token, in sequences of unlike lengths. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "models/model_state.h"
#include "sim/core/trace.h"
#include "tests/cases.h"
#include "tests/reference_routed.h"

enum { B = 3, T = 37, V = 41, L = 4, CHOICES = 2 * L };
static const int32_t lengths[B] = { 21, T, 6 };

/* ---- shapes ---- */

struct variant {
    enum family family;
    enum routed_part part;
    enum skipped_keys keys;
    enum signal signal;          /* NONE: a router, and its gate; apart: a rule
                                  * that goes by the place */
    bool together;               /* routed layers follow each other */
    bool dense;                  /* none is */
    int32_t first;               /* tokens kept in any case */
};

static struct model_spec shape(const struct variant *v)
{
    struct model_spec spec = {
        .family = v->family, .n_layers = L, .n_channels = 40, .n_heads = 4,
        .n_kv_heads = v->family == FAMILY_LLAMA ? 2 : 4, .head_size = 10,
        .n_ffn = 56, .n_vocab = V, .max_tokens = T + 3,
        .tied_head = v->family == FAMILY_GPT2, .norm_epsilon = 1e-5f,
        .rope_theta = 1000.0f, .gate = GATE_ONE,
        .router_input = ROUTER_INPUT_NORMALISED, .signal = v->signal,
        .part = v->part, .skipped_keys = v->keys, .keep_first = v->first,
    };
    if (v->signal == SIGNAL_NONE && v->part != PART_APART) {
        spec.gate = GATE_SIGMOID2;
        spec.router_scores = true;
    }
    for (int l = 0; l < L; l++) {
        spec.routed[l] = v->together ? l > 0 : l % 2 == 1;
        spec.capacity[l] = spec.routed[l] ? 0.4 : 1.0;
    }
    return v->dense ? spec_dense(&spec) : spec;
}

static void name_of(char out[96], const struct variant *v)
{
    snprintf(out, 96, "%s, %s, keys %s, signal %s%s", family_names[v->family],
             part_names[v->part], skipped_keys_names[v->keys],
             signal_names[v->signal], v->dense      ? ", dense"
                                    : v->together ? ", together"
                                                  : "");
}

typedef void variant_fn(const struct variant *v);

/* Received attention needs a layer before that attends to all. */
static void each_variant(variant_fn *fn, bool received)
{
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int p = 0; p < PART_COUNT; p++)
            for (int k = 0; k < SKIPPED_KEYS_COUNT; k++)
                for (int s = 0; s < SIGNAL_COUNT; s++)
                    for (int t = 0; t < 2; t++) {
                        struct variant v = {
                            (enum family)f, (enum routed_part)p,
                            (enum skipped_keys)k, (enum signal)s, t == 1, false,
                            0,
                        };
                        if (s == SIGNAL_RECEIVED &&
                            (!received || p == PART_APART ||
                             (t == 1 && p != PART_FFN)))
                            continue;
                        if (p == PART_FFN && k != SKIPPED_KEYS_ABSENT)
                            continue;
                        fn(&v);
                    }
}

/* ---- rules ---- */

/* Kept: what lies no lower than the mean so far.  The first always is. */
static bool above_mean(const struct route_input *in, int32_t t)
{
    double sum = 0.0;
    for (int32_t i = 0; i <= t; i++)
        sum += (double)in->score[i];
    return (double)in->score[t] >= sum / (t + 1);
}

static int32_t choose_above_mean(const struct route_input *in, int32_t *kept)
{
    int32_t n = 0;
    for (int32_t t = 0; t < in->n_tokens; t++)
        if (above_mean(in, t))
            kept[n++] = t;
    return n;
}

static const struct route_policy causal = {
    .name = "above_mean", .choose = choose_above_mean, .causal = true,
    .keep = above_mean,
};

/* By the place alone, and each choice otherwise. */
static bool in_turn(const struct route_input *in, int32_t t)
{
    return (t * 7 + in->choice * 3) % 11 < 5;
}

static int32_t choose_in_turn(const struct route_input *in, int32_t *kept)
{
    int32_t n = 0;
    for (int32_t t = 0; t < in->n_tokens; t++)
        if (in_turn(in, t))
            kept[n++] = t;
    return n;
}

static const struct route_policy turns = {
    .name = "in_turn", .choose = choose_in_turn, .causal = true,
    .keep = in_turn,
};

static bool is_scored(const struct variant *v)
{
    return v->signal != SIGNAL_NONE || v->part != PART_APART;
}

static const struct route_policy *policy_of(const struct variant *v)
{
    return v->dense                       ? case_policy("dense")
           : v->signal == SIGNAL_RECEIVED ? case_policy("expert_choice")
           : is_scored(v)                 ? &causal
                                          : &turns;
}

/* ---- models ---- */

static struct model *open_batch(const struct model_spec *spec, bool decode,
                                int n_threads, int32_t n_sequences)
{
    struct model_options options = { .n_sequences = n_sequences, .n_tokens = T,
                                     .decode = decode,
                                     .n_threads = n_threads };
    return case_model(spec, &options, 3);
}

static struct model *open_model(const struct model_spec *spec, bool decode,
                                int n_threads)
{
    return open_batch(spec, decode, n_threads, B);
}

static void draw_ids(int32_t ids[B * T])
{
    int32_t targets[B * T];
    case_text(ids, targets, B * T, V, 11);
}

static void run_whole(struct model *m, const struct variant *v,
                      const int32_t *ids, const int32_t *length)
{
    model_forward(m, &(struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = T, .length = length,
        .policy = policy_of(v), .seed = 5 }, NULL, NULL);
}

static void kept_flags(const struct allocation *a, int32_t b, bool *kept)
{
    memset(kept, 0, (size_t)(CHOICES * T) * sizeof *kept);
    int32_t n = allocation_length(a, b);
    for (int32_t c = 0; c < a->n_choices; c++)
        for (int32_t i = 0; i < allocation_count(a, c, b); i++)
            kept[c * n + allocation_kept(a, c, b)[i]] = true;
}

/* ---- against the definitions ---- */

/* The scores chose what was kept, but for near ties. */
static void check_choice(const struct variant *v, const double *score,
                         const bool *kept, int32_t n, const char *what)
{
    double lowest = INFINITY, highest = -INFINITY, sum = 0.0;
    for (int32_t t = 0; t < n; t++) {
        sum += score[t];
        double over = score[t] - sum / (t + 1);
        double near = 1e-4 * (1.0 + fabs(score[t]));
        if (v->signal != SIGNAL_RECEIVED)
            cr_assert(fabs(over) < near || kept[t] == (over > 0.0),
                      "%s: token %d, %g over the mean", what, t, over);
        lowest = kept[t] ? fmin(lowest, score[t]) : lowest;
        highest = kept[t] ? highest : fmax(highest, score[t]);
    }
    if (v->signal == SIGNAL_RECEIVED)
        cr_assert(lowest > highest - 1e-4, "%s: kept %g, not %g", what, lowest,
                  highest);
}

static void check_reference(const struct variant *v)
{
    char what[96];
    struct model_spec spec = shape(v);
    struct model *m = open_model(&spec, false, 1);
    const struct tensor_list *tensors = model_tensors(m);
    double *weights = calloc(tensors->floats, sizeof *weights);
    double *logits = calloc(T * V, sizeof *logits), score[CHOICES * T];
    int32_t ids[B * T], skips = 0;
    bool kept[CHOICES * T];

    name_of(what, v);
    for (size_t i = 0; i < tensors->floats; i++)
        weights[i] = (double)model_weights(m)[i];
    draw_ids(ids);
    run_whole(m, v, ids, lengths);
    const struct allocation *a = model_allocation(m);
    for (int32_t b = 0; b < B; b++) {
        const int32_t n = lengths[b];
        double worst = 0.0;
        cr_assert(eq(int, allocation_length(a, b), n));
        kept_flags(a, b, kept);
        reference_routed(&(struct routed_sequence){
            &spec, tensors, weights, ids + b * T, n, kept, score, logits });
        for (int32_t t = 0; t < n; t++)
            for (int32_t i = 0; i < V; i++)
                worst = fmax(worst, fabs(logits[t * V + i] -
                                         (double)model_logits_of(m, b, t)[i]));
        cr_expect(worst < 1e-4, "%s: sequence %d differs by %g", what, b,
                  worst);
        for (int32_t c = 0; c < spec_n_choices(&spec); c++) {
            skips += n - allocation_count(a, c, b);
            if (spec.routed[spec_choice_layer(&spec, c)] && is_scored(v))
                check_choice(v, score + c * n, kept + c * n, n, what);
        }
    }
    cr_assert(gt(int, skips, 20), "%s: hardly a token is skipped", what);
    free(logits);
    free(weights);
    model_close(m);
}

Test(routed, one_forward_says_what_the_definitions_say)
{
    each_variant(check_reference, true);
}

/* ---- token by token ---- */

static double step_distance(const struct model *steps,
                            const struct model *whole, int32_t b, int32_t t)
{
    double worst = 0.0;
    const float *x = model_logits_of(steps, b, t);
    const float *y = model_logits_of(whole, b, t);
    for (int32_t i = 0; i < V; i++)
        worst = fmax(worst, fabs((double)(x[i] - y[i])));
    return worst;
}

static bool kept_at(const struct allocation *a, int32_t c, int32_t b, int32_t t)
{
    const int32_t *kept = allocation_kept(a, c, b);
    for (int32_t i = 0; i < allocation_count(a, c, b); i++)
        if (kept[i] == t)
            return true;
    return false;
}

/* The scores of the last choice, gathered over the steps: attention that a
 * token drew from later ones too. */
static void check_scores(const struct model *whole, const struct model *steps,
                         int32_t n_sequences, const char *what)
{
    const int32_t last = spec_n_choices(&steps->spec) - 1;

    for (int32_t b = 0; b < n_sequences && steps->history; b++)
        for (int32_t t = 0; t < lengths[b]; t++) {
            double x = (double)decode_history(steps, last, b)[t];
            double y = (double)whole->layer[L - 1].score[whole->all_first[b] +
                                                         t];
            cr_assert(fabs(x - y) < 1e-4 * (1.0 + fabs(y)),
                      "%s: score %g, not %g, of token %d", what, x, y, t);
        }
}

/* After a prefill of `start` tokens a sequence (NULL: none), to the end of each;
 * those that are done wait.  Whoever looks ahead is told whom to keep. */
static void check_steps(const struct variant *v, const int32_t start[B],
                        int32_t n_sequences)
{
    char what[96];
    struct model_spec spec = shape(v);
    struct model *whole = open_model(&spec, false, 1);
    struct model *steps = open_batch(&spec, true, 1, n_sequences);
    int32_t ids[B * T], column[B];
    bool told = v->signal == SIGNAL_RECEIVED, active[B], keep[CHOICES * B];
    double worst = 0.0;
    struct allocation held;

    const int32_t choices = spec_n_choices(&spec);
    name_of(what, v);
    draw_ids(ids);
    run_whole(whole, v, ids, lengths);
    const struct allocation *a = model_allocation(whole);
    for (int32_t t = 0; t < v->first; t++)
        cr_assert(kept_at(a, L - 1, 0, t) && kept_at(a, L - 1, 1, t), "%s",
                  what);
    model_decode_reset(steps);
    if (start) {
        model_forward(steps, &(struct model_input){
            .ids = ids, .n_sequences = n_sequences, .n_tokens = T,
            .length = start, .policy = policy_of(v), .seed = 5, .cache = true,
            .last_only = true }, NULL, NULL);
        for (int32_t b = 0; b < n_sequences; b++)
            worst = fmax(worst, step_distance(steps, whole, b, start[b] - 1));
    }
    for (int32_t i = 0; i < T; i++) {
        for (int32_t b = 0; b < n_sequences; b++) {
            int32_t t = model_decoded(steps, b);
            active[b] = t < lengths[b];
            column[b] = active[b] ? ids[b * T + t] : -1;
            for (int32_t c = 0; c < choices; c++)
                keep[c * n_sequences + b] = kept_at(a, c, b, t);
        }
        model_decode(steps, &(struct decode_input){
            .ids = column, .active = active, .keep = told ? keep : NULL,
            .policy = policy_of(v), .seed = 5 }, NULL);
        for (int32_t b = 0; b < n_sequences; b++)
            if (active[b])
                worst = fmax(worst, step_distance(steps, whole, b,
                                                  model_decoded(steps, b) - 1));
    }
    cr_expect(worst < 1e-4, "%s: differs by %g", what, worst);
    check_scores(whole, steps, n_sequences, what);
    cr_assert(eq(int, allocation_open(&held, choices, n_sequences, T, NULL),
                 0));
    model_decode_allocation(steps, NULL, &held);
    for (int32_t b = 0; b < n_sequences; b++) {
        cr_assert(eq(int, model_decoded(steps, b), lengths[b]));
        cr_assert(eq(int, allocation_length(&held, b), lengths[b]));
        for (int32_t c = 0; c < choices; c++) {
            cr_assert(eq(int, allocation_count(&held, c, b),
                         allocation_count(a, c, b)), "%s", what);
            cr_assert(memcmp(allocation_kept(&held, c, b),
                             allocation_kept(a, c, b),
                             (size_t)allocation_count(a, c, b) *
                                 sizeof(int32_t)) == 0, "%s", what);
        }
    }
    allocation_close(&held);
    model_close(steps);
    model_close(whole);
}

static const int32_t prompts[B] = { 9, 20, 1 };

static void from_the_start(const struct variant *v)
{
    check_steps(v, NULL, B);
}

/* A rule that looks ahead sees less in a prefill than in the whole. */
static void after_a_prefill(const struct variant *v)
{
    check_steps(v, prompts, B);
}

static void alone(const struct variant *v)
{
    check_steps(v, prompts, 1);
}

Test(routed, steps_from_the_start_say_what_one_forward_says)
{
    each_variant(from_the_start, true);
}

Test(routed, steps_after_a_prefill_say_what_one_forward_says)
{
    each_variant(after_a_prefill, false);
}

Test(routed, steps_of_one_sequence_say_what_one_forward_says)
{
    each_variant(alone, false);
}

/* The prompts end after, at and before the last token that is kept anyway. */
static void with_the_first_kept(const struct variant *v)
{
    struct variant with = *v;
    with.first = 9;
    check_steps(&with, NULL, B);
    check_steps(&with, prompts, B);
}

Test(routed, steps_keep_the_first_tokens_as_one_forward_does)
{
    each_variant(with_the_first_kept, false);
}

Test(routed, dense_steps_say_what_one_forward_says)
{
    for (int f = 0; f < FAMILY_COUNT; f++) {
        struct variant v = { .family = (enum family)f, .dense = true };
        from_the_start(&v);
        after_a_prefill(&v);
        alone(&v);
    }
}

/* ---- identities, bit for bit ---- */

static bool same_bits(const struct model *a, const struct model *b)
{
    return memcmp(model_logits(a), model_logits(b),
                  (size_t)a->n_rows * V * sizeof(float)) == 0;
}

static int32_t choose_all(const struct route_input *in, int32_t *kept)
{
    for (int32_t t = 0; t < in->n_tokens; t++)
        kept[t] = t;
    return in->n_tokens;
}

static bool keep_all(const struct route_input *in, int32_t t)
{
    (void)in;
    (void)t;
    return true;
}

static const struct route_policy everything = {
    .name = "everything", .choose = choose_all, .causal = true,
    .keep = keep_all,
};

static void check_all_kept(const struct variant *v)
{
    char what[96];
    struct model_spec spec = shape(v);
    if (spec.gate != GATE_ONE)
        return;                            /* not the dense model */
    struct model_spec dense = spec_dense(&spec);
    struct model *model[2] = { open_model(&spec, true, 1),
                               open_model(&dense, true, 1) };
    int32_t ids[B * T];

    name_of(what, v);
    draw_ids(ids);
    for (int i = 0; i < 2; i++) {
        model_decode_reset(model[i]);
        model_forward(model[i], &(struct model_input){
            .ids = ids, .n_sequences = B, .n_tokens = T - 2,
            .policy = &everything, .cache = true }, NULL, NULL);
    }
    cr_expect(same_bits(model[0], model[1]), "%s: forward", what);
    for (int step = 0; step < 2; step++) {
        for (int i = 0; i < 2; i++)
            model_decode(model[i], &(struct decode_input){
                .ids = ids + step * B, .policy = &everything }, NULL);
        cr_expect(same_bits(model[0], model[1]), "%s: step", what);
    }
    for (int i = 0; i < 2; i++)
        model_close(model[i]);
}

Test(routed, keeping_all_tokens_is_the_dense_model_bit_for_bit)
{
    each_variant(check_all_kept, true);
}

static void check_threads(const struct variant *v)
{
    char what[96];
    struct model_spec spec = shape(v);
    struct model *model[2];
    int32_t ids[B * T];
    bool keep[CHOICES * B];

    name_of(what, v);
    draw_ids(ids);
    for (int i = 0; i < CHOICES * B; i++)
        keep[i] = i % 3 != 1;
    for (int i = 0; i < 2; i++) {
        model[i] = open_model(&spec, true, i == 0 ? 1 : 3);
        model_decode_reset(model[i]);
        model_forward(model[i], &(struct model_input){
            .ids = ids, .n_sequences = B, .n_tokens = T - 1,
            .policy = policy_of(v), .cache = true }, NULL, NULL);
    }
    cr_expect(same_bits(model[0], model[1]), "%s: forward", what);
    for (int i = 0; i < 2; i++)
        model_decode(model[i], &(struct decode_input){ .ids = ids,
                     .keep = keep }, NULL);
    cr_expect(same_bits(model[0], model[1]), "%s: step", what);
    for (int i = 0; i < 2; i++)
        model_close(model[i]);
}

Test(routed, the_number_of_threads_does_not_show)
{
    each_variant(check_threads, true);
}

/* The last logits alone are those of the whole, and a sequence in a batch says
 * what it says by itself. */
static void check_batch(const struct variant *v)
{
    char what[96];
    struct model_spec spec = shape(v);
    struct model *batch = open_model(&spec, false, 1);
    struct model *last = open_model(&spec, false, 1);
    struct model *alone = open_model(&spec, false, 1);
    int32_t ids[B * T];
    const size_t row = V * sizeof(float);

    name_of(what, v);
    draw_ids(ids);
    run_whole(batch, v, ids, lengths);
    model_forward(last, &(struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = T, .length = lengths,
        .policy = policy_of(v), .seed = 5, .last_only = true }, NULL, NULL);
    for (int32_t b = 0; b < B; b++) {
        const int32_t n = lengths[b];
        cr_expect(memcmp(model_logits_of(last, b, n - 1),
                         model_logits_of(batch, b, n - 1), row) == 0,
                  "%s: last row of sequence %d", what, b);
        model_forward(alone, &(struct model_input){
            .ids = ids + b * T, .n_sequences = 1, .n_tokens = n,
            .policy = policy_of(v), .seed = 5 }, NULL, NULL);
        for (int32_t t = 0; t < n; t++)
            cr_expect(step_distance(alone, alone, 0, t) == 0.0 &&
                      memcmp(model_logits_of(alone, 0, t),
                             model_logits_of(batch, b, t), row) == 0,
                      "%s: sequence %d alone, token %d", what, b, t);
    }
    model_close(alone);
    model_close(last);
    model_close(batch);
}

Test(routed, a_sequence_does_not_notice_its_batch)
{
    each_variant(check_batch, true);
}

/* ---- keys ---- */

static size_t head_at(const struct model *m, int32_t b, int32_t g)
{
    return ((size_t)b * (size_t)m->spec.n_kv_heads + (size_t)g) *
           (size_t)m->cache_capacity * (size_t)m->spec.head_size;
}

/* Key number d and value number d of head g at a place. */
static float key_at(const struct model *m, int32_t l, int32_t b, int32_t g,
                    int32_t d, int32_t at)
{
    return m->cache[l].keys[head_at(m, b, g) +
                            (size_t)(d * m->cache_capacity + at)];
}

static float value_at(const struct model *m, int32_t l, int32_t b, int32_t g,
                      int32_t d, int32_t at)
{
    return m->cache[l].values[head_at(m, b, g) +
                              (size_t)(at * m->spec.head_size + d)];
}

/* One step in which layer 1, or its attention, skips sequence 0 and keeps the
 * others; a feed-forward part apart, the other way round. */
static struct model *skip_one(const struct variant *v, float **keys,
                              float **values)
{
    struct model_spec spec = shape(v);
    struct model *m = open_model(&spec, true, 1);
    int32_t ids[B * T];
    bool keep[CHOICES * B] = { 0 };
    size_t size = head_at(m, B, 0) * sizeof(float);

    draw_ids(ids);
    model_decode_reset(m);
    model_forward(m, &(struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = 8, .policy = &causal,
        .cache = true }, NULL, NULL);
    *keys = malloc(size);
    *values = malloc(size);
    memcpy(*keys, m->cache[1].keys, size);
    memcpy(*values, m->cache[1].values, size);
    for (int b = 0; b < B; b++) {
        keep[spec_ffn_choice(&spec, 1) * B + b] = b == 0;
        keep[spec_attention_choice(&spec, 1) * B + b] = b > 0;
    }
    model_decode(m, &(struct decode_input){ .ids = ids, .keep = keep }, NULL);
    return m;
}

static int32_t attended(const struct model *m, int32_t l, int32_t b)
{
    return allocation_count(model_allocation(m),
                            spec_attention_choice(&m->spec, l), b);
}

Test(routed, a_skipped_token_with_absent_keys_changes_no_entry_of_its_block)
{
    for (int p = 0; p < PART_COUNT; p++)
        for (int f = 0; f < FAMILY_COUNT; f++) {
            if (p == PART_FFN)
                continue;
            struct variant v = { (enum family)f, (enum routed_part)p,
                                 SKIPPED_KEYS_ABSENT, SIGNAL_NORM, false, false,
                                 0 };
            float *keys, *values;
            struct model *m = skip_one(&v, &keys, &values);
            size_t size = head_at(m, 1, 0) * sizeof(float);
            cr_expect(memcmp(keys, m->cache[1].keys, size) == 0);
            cr_expect(memcmp(values, m->cache[1].values, size) == 0);
            cr_expect(memcmp(keys + head_at(m, 1, 0),
                             m->cache[1].keys + head_at(m, 1, 0), size) != 0);
            for (int b = 0; b < B; b++)
                cr_expect(eq(int, m->cache[1].length[b],
                             attended(m, 1, b) + (b > 0)));
            free(keys);
            free(values);
            model_close(m);
        }
}

static void check_carried(enum family family, enum routed_part part)
{
    struct variant v = { .family = family, .part = part,
                         .keys = SKIPPED_KEYS_CARRIED, .signal = SIGNAL_NORM };
    float *keys, *values;
    struct model *m = skip_one(&v, &keys, &values);
    const int32_t choice = spec_attention_choice(&m->spec, 1);
    int32_t alike = 0, unlike = 0;
    for (int32_t b = 0; b < B; b++) {
        cr_expect(eq(int, m->cache[1].length[b], 9));
        for (int32_t t = 0; t < 9; t++) {
            bool kept = t < 8 ? kept_at(model_allocation(m), choice, b, t)
                              : b > 0;
            for (int32_t g = 0; g < m->spec.n_kv_heads; g++)
                for (int32_t d = 0; d < m->spec.head_size; d++) {
                    bool same = key_at(m, 1, b, g, d, t) ==
                                    key_at(m, 0, b, g, d, t) &&
                                value_at(m, 1, b, g, d, t) ==
                                    value_at(m, 0, b, g, d, t);
                    cr_expect(eq(int, same, !kept));
                    alike += same;
                    unlike += !same;
                }
        }
    }
    cr_assert(alike > 0 && unlike > 0);
    free(keys);
    free(values);
    model_close(m);
}

Test(routed, a_carried_key_is_that_of_the_layer_before)
{
    for (int f = 0; f < FAMILY_COUNT; f++) {
        check_carried((enum family)f, PART_BLOCK);
        check_carried((enum family)f, PART_APART);
    }
}

/* ---- one choice and two ---- */

/* Who is kept where parts are one, by place alone; some of every step. */
static bool kept_as_one(int32_t layer, int32_t b, int32_t t)
{
    return layer % 2 == 0 || (t * 7 + layer * 3 + b * 5) % 11 < 5;
}

/* Everything, or what is kept as one, by every choice whose part is `part` or
 * within it. */
static struct allocation routes_of(const struct model_spec *spec,
                                   enum routed_part part)
{
    struct allocation a;
    cr_assert(eq(int, allocation_open(&a, spec_n_choices(spec), B, T, NULL),
                 0));
    for (int32_t c = 0; c < a.n_choices; c++) {
        const enum routed_part own = spec_choice_part(spec, c);
        for (int32_t b = 0; b < B && (part == PART_BLOCK || own == part);
             b++) {
            int32_t n = 0;
            for (int32_t t = 0; t < T; t++)
                if (kept_as_one(spec_choice_layer(spec, c), b, t))
                    allocation_kept(&a, c, b)[n++] = t;
            a.count[c * B + b] = n;
        }
    }
    return a;
}

/* Parts that keep the same tokens are the block; where one keeps them all, they
 * are the other part alone. */
static void check_as_one(enum family family, enum routed_part part,
                         enum skipped_keys keys)
{
    const struct variant v[2] = {
        { .family = family, .part = part, .keys = keys, .signal = SIGNAL_NORM },
        { .family = family, .part = PART_APART, .keys = keys,
          .signal = SIGNAL_NORM },
    };
    const struct route_policy *replay = case_policy("replay");
    struct model *model[2];
    struct allocation routes[2];
    int32_t ids[B * T];
    char what[96];

    name_of(what, &v[0]);
    draw_ids(ids);
    for (int i = 0; i < 2; i++) {
        struct model_spec spec = shape(&v[i]);
        routes[i] = routes_of(&spec, part);
        model[i] = open_model(&spec, true, 1);
        model_decode_reset(model[i]);
        model_forward(model[i], &(struct model_input){
            .ids = ids, .n_sequences = B, .n_tokens = T - 6, .policy = replay,
            .replayed = &routes[i], .cache = true }, NULL, NULL);
    }
    cr_expect(same_bits(model[0], model[1]), "%s: forward", what);
    for (int step = 0; step < 6; step++) {
        for (int i = 0; i < 2; i++)
            model_decode(model[i], &(struct decode_input){
                .ids = ids + step * B, .policy = replay,
                .replayed = &routes[i] }, NULL);
        cr_expect(same_bits(model[0], model[1]), "%s: step", what);
    }
    for (int i = 0; i < 2; i++) {
        allocation_close(&routes[i]);
        model_close(model[i]);
    }
}

Test(routed, parts_apart_that_agree_are_one_part_bit_for_bit)
{
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int k = 0; k < SKIPPED_KEYS_COUNT; k++) {
            check_as_one((enum family)f, PART_BLOCK, (enum skipped_keys)k);
            check_as_one((enum family)f, PART_ATTENTION, (enum skipped_keys)k);
            if (k == SKIPPED_KEYS_ABSENT)
                check_as_one((enum family)f, PART_FFN, SKIPPED_KEYS_ABSENT);
        }
}

static bool same_kept(const struct allocation *a, int32_t c, int32_t d,
                      int32_t b)
{
    int32_t n = allocation_count(a, c, b);
    return n == allocation_count(a, d, b) &&
           memcmp(allocation_kept(a, c, b), allocation_kept(a, d, b),
                  (size_t)n * sizeof(int32_t)) == 0;
}

/* What is drawn or hashed differs from choice to choice, of one layer too. */
Test(routed, no_two_choices_are_drawn_alike)
{
    static const struct { const char *policy; enum signal signal; } drawn[] = {
        { "random", SIGNAL_NONE }, { "drawn", SIGNAL_NONE },
        { "hash", SIGNAL_HASH },
    };
    int32_t ids[B * T];

    draw_ids(ids);
    for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++) {
        const struct variant v = { .part = PART_APART, .together = true,
                                   .signal = drawn[i].signal };
        struct model_spec spec = shape(&v);
        struct model *m = open_model(&spec, false, 1);
        model_forward(m, &(struct model_input){
            .ids = ids, .n_sequences = B, .n_tokens = T,
            .policy = case_policy(drawn[i].policy), .seed = 5 }, NULL, NULL);
        for (int32_t c = 2; c < CHOICES; c++)
            for (int32_t d = 2; d < c; d++)
                for (int32_t b = 0; b < B; b++)
                    cr_expect(not(same_kept(model_allocation(m), c, d, b)),
                              "%s: choices %d and %d", drawn[i].policy, c, d);
        model_close(m);
    }
}

/* Step by step the draws are those of one forward. */
Test(routed, apart_each_step_draws_what_one_forward_draws)
{
    const struct variant v = { .family = FAMILY_LLAMA, .part = PART_APART };
    const struct route_policy *drawn = case_policy("drawn");
    struct model_spec spec = shape(&v);
    struct model *whole = open_model(&spec, false, 1);
    struct model *steps = open_model(&spec, true, 1);
    int32_t ids[B * T], column[B];

    draw_ids(ids);
    model_forward(whole, &(struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = T, .policy = drawn,
        .seed = 5 }, NULL, NULL);
    model_decode_reset(steps);
    for (int32_t t = 0; t < T; t++) {
        for (int32_t b = 0; b < B; b++)
            column[b] = ids[b * T + t];
        model_decode(steps, &(struct decode_input){ .ids = column,
                     .policy = drawn, .seed = 5 }, NULL);
        for (int32_t b = 0; b < B; b++)
            cr_expect(step_distance(steps, whole, b, t) < 1e-4,
                      "token %d of sequence %d", t, b);
    }
    model_close(steps);
    model_close(whole);
}

/* ---- traces ---- */

/* What a forward kept, written, read and replayed on sequences of unlike
 * lengths: the same bits. */
static void check_replay(const struct variant *v)
{
    char what[96], *text = NULL;
    size_t size;
    struct model_spec spec = shape(v), again = spec;
    struct allocation replayed;
    struct trace *trace;
    struct error err = { STATUS_OK, "" };
    int32_t ids[B * T];

    again.signal = SIGNAL_NONE;            /* nobody goes by it */
    struct model *first = open_model(&spec, false, 1);
    struct model *second = open_model(&again, false, 1);
    name_of(what, v);
    draw_ids(ids);
    run_whole(first, v, ids, lengths);
    FILE *file = open_memstream(&text, &size);
    trace_write_header(file);
    cr_assert(eq(int, trace_write(file, &spec, model_allocation(first), 0,
                                  NULL), STATUS_OK));
    cr_assert(fclose(file) == 0);
    cr_assert(eq(int, trace_parse(&trace, text, size, "t.csv", &err),
                 STATUS_OK), "%s", err.text);
    cr_assert(eq(int, allocation_open(&replayed, spec_n_choices(&again), B, T,
                                      NULL), STATUS_OK));
    memcpy(replayed.length, lengths, sizeof lengths);
    cr_assert(eq(int, trace_fill(&replayed, trace, &again, 0, &err),
                 STATUS_OK), "%s: %s", what, err.text);
    model_forward(second, &(struct model_input){
        .ids = ids, .n_sequences = B, .n_tokens = T, .length = lengths,
        .policy = case_policy("replay"), .replayed = &replayed }, NULL, NULL);
    cr_expect(same_bits(first, second), "%s", what);
    allocation_close(&replayed);
    trace_close(trace);
    free(text);
    model_close(second);
    model_close(first);
}

Test(routed, a_replayed_trace_gives_the_same_bits)
{
    each_variant(check_replay, true);
}

/* ---- training ---- */

static void refused(const struct variant *v, const char *key)
{
    struct model_spec spec = shape(v);
    struct model_options options = { .n_sequences = 1, .n_tokens = 4,
                                     .train = true, .n_threads = 1 };
    struct model *model = NULL;
    struct error err = { 0 };
    cr_expect(eq(int, model_open(&model, &spec, &options, &err),
                 STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, key) != NULL, "%s", err.text);
    model_close(model);
}

Test(routed, training_refuses_what_it_has_no_gradients_for)
{
    refused(&(struct variant){ .part = PART_ATTENTION }, "routing.part");
    refused(&(struct variant){ .part = PART_FFN }, "routing.part");
    refused(&(struct variant){ .part = PART_APART }, "routing.part");
    refused(&(struct variant){ .keys = SKIPPED_KEYS_COMPUTED },
            "routing.skipped_keys");
    refused(&(struct variant){ .keys = SKIPPED_KEYS_CARRIED },
            "routing.skipped_keys");
    refused(&(struct variant){ .signal = SIGNAL_HASH }, "routing.policy");
}
