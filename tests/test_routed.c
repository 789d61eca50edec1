/* test_routed.c - Expect the executor to compute the definitions where tokens
 * are routed around blocks, attentions and feed-forward parts, one of them or
 * both apart, by routers and signals, with the keys of skipped tokens absent,
 * computed or carried: at once and token by token, in sequences of unlike
 * lengths. */
#include <math.h>

#include "tests/reference_routed.h"
#include "tests/routed.h"

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
    double *weights = case_weights(m);
    double *logits = calloc(T * V, sizeof *logits), score[CHOICES * T];
    int32_t ids[B * T], skips = 0;
    bool kept[CHOICES * T];

    name_of(what, v);
    draw_ids(ids);
    run_whole(m, v, ids, lengths);
    const struct allocation *a = model_allocation(m);
    for (int32_t b = 0; b < B; b++) {
        const int32_t n = lengths[b];
        double worst = 0.0;
        cr_assert(eq(int, allocation_length(a, b), n));
        kept_flags(a, b, kept);
        reference_routed(&(struct routed_sequence){
            &spec, tensors, weights, ids + b * T, n, kept, score, logits,
            NULL, NULL });
        for (int32_t t = 0; t < n; t++)
            for (int32_t i = 0; i < V; i++)
                worst = fmax(worst, fabs(logits[t * V + i] -
                                         (double)model_logits_of(m, b, t)[i]));
        cr_expect(worst < 1e-4, "%s: sequence %d differs by %g", what, b,
                  worst);
        for (int32_t c = 0; c < plan_n_choices(&spec); c++) {
            skips += n - allocation_count(a, c, b);
            if (plan_choice(&spec, c).routed && is_scored(v))
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

/* The scores of the last choice, gathered over the steps: attention that a
 * token drew from later ones too. */
static void check_scores(const struct model *whole, const struct model *steps,
                         int32_t n_sequences, const char *what)
{
    const int32_t last = plan_n_choices(&steps->spec) - 1;

    for (int32_t b = 0; b < n_sequences && steps->history; b++)
        for (int32_t t = 0; t < lengths[b]; t++) {
            double x = (double)history_scores(steps, last, b)[t];
            double y = (double)whole->choice[last].signal
                           [whole->all_first[b] + t];
            cr_assert(fabs(x - y) < 1e-4 * (1.0 + fabs(y)),
                      "%s: score %g, not %g, of token %d", what, x, y, t);
        }
}

/* After a prefill of `start` tokens a sequence (NULL: none), decode to the end
 * of each; sequences that are done wait.  Policies that look ahead are told
 * which tokens to keep. */
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

    const int32_t choices = plan_n_choices(&spec);
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
    /* Those that routed_reference() knows; of others, test_families.c. */
    for (int f = 0; f < FAMILY_GEMMA2; f++) {
        struct variant v = { .family = (enum family)f, .dense = true };
        from_the_start(&v);
        after_a_prefill(&v);
        alone(&v);
    }
}

/* ---- identities, bit for bit ---- */

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
