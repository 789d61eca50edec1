/* test_gradient_parts.c - Compare the gradients of models whose parts of blocks are
 * routed, by the executor in float, with central differences of the definitions,
 * token by token, in double. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/model/plan.h"
#include "tests/cases.h"
#include "tests/reference.h"
#include "tests/reference_routed.h"
#include "tests/tensor_names.h"

enum { MAX_TOKENS = 64 };

struct parts_case {
    const struct model_spec  *spec;
    const struct tensor_list *tensors;
    const struct allocation  *allocation;
    const int32_t *ids, *targets;
    double *weights;
};

/* Cross-entropy and square of a sequence's scores, or of what predictors say, as
 * op.h has them: means over tokens and choices. */
static double scores_loss(const struct parts_case *c, const double *score,
                          const bool *kept, double entropy, double square)
{
    const struct model_spec *spec = c->spec;
    const int32_t B = c->allocation->n_sequences, T = c->allocation->n_tokens;
    const int32_t each = spec->part == PART_APART ? 2 : 1;
    double sum = 0.0;
    int32_t made = 0;

    for (int32_t i = 0; i < each * spec->n_layers; i++) {
        made += spec->routed[i / each];
        for (int32_t t = 0; t < T && spec->routed[i / each]; t++) {
            const double s = score[i * T + t];
            sum += entropy * log(1.0 + exp(kept[i * T + t] ? -s : s)) +
                   square * s * s;
        }
    }
    return sum / (B * T * made);
}

/* Of a sequence, summed over its tokens. */
static double nats_of(const struct parts_case *c, int32_t b,
                      const double *logits)
{
    const int32_t T = c->allocation->n_tokens, V = c->spec->n_vocab;
    double sum = 0.0;

    for (int32_t t = 0; t < T; t++)
        sum += reference_nats(logits + t * V, V, c->targets[b * T + t], NULL);
    return sum;
}

enum { OF_TEXT, AND_ROUTERS, OF_PREDICTORS };   /* what a loss is of */

/* The text's loss, with the routers' own and those of exits; or that of predictors
 * alone. */
static double parts_loss(const struct parts_case *c, int of)
{
    const int32_t B = c->allocation->n_sequences, T = c->allocation->n_tokens;
    const int32_t V = c->spec->n_vocab, L = plan_n_choices(c->spec);
    double *logits = calloc((size_t)(T * V), sizeof *logits), sum = 0.0;
    double *score = calloc((size_t)(L * T), sizeof *score);
    double *foreseen = calloc((size_t)(L * T), sizeof *foreseen);
    double *exits = calloc((size_t)(c->spec->n_layers * T * V), sizeof *exits);
    bool *kept = calloc((size_t)(L * T), sizeof *kept);

    for (int32_t b = 0; b < B; b++) {
        memset(kept, 0, (size_t)(L * T) * sizeof *kept);
        for (int32_t l = 0; l < L; l++)
            for (int32_t i = 0; i < allocation_count(c->allocation, l, b); i++)
                kept[l * T + allocation_kept(c->allocation, l, b)[i]] = true;
        reference_routed(&(struct routed_sequence){
            c->spec, c->tensors, c->weights, c->ids + b * T, T, kept, score,
            logits, exits, c->spec->n_predictor > 0 ? foreseen : NULL });
        if (of != OF_PREDICTORS)
            sum += nats_of(c, b, logits) / (B * T);
        for (int32_t l = 0; l < c->spec->n_layers && of == AND_ROUTERS; l++)
            if (spec_exits(c->spec, l))
                sum += c->spec->exit_weight[l] *
                       nats_of(c, b, exits + l * T * V) / (B * T);
        if (of == AND_ROUTERS && spec_router_losses(c->spec))
            sum += scores_loss(c, score, kept, c->spec->aux_loss,
                               c->spec->z_loss);
        if (of == OF_PREDICTORS)
            sum += scores_loss(c, foreseen, kept, 1.0, 0.0);
    }
    free(kept);
    free(exits);
    free(foreseen);
    free(score);
    free(logits);
    return sum;
}

static void check_parts(struct model_spec spec, const struct shape *shape,
                        const struct route_policy *policy, const char *what)
{
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    const int32_t n = shape->n_sequences * shape->n_tokens;
    const struct model_options options = {
        .n_sequences = shape->n_sequences, .n_tokens = shape->n_tokens,
        .train = true, .n_threads = 1,
    };
    double loss;

    route_settle(&spec, policy, spec.keep_first);
    case_text(ids, targets, n, shape->n_vocab, 11);
    struct model *model = case_model(&spec, &options, 2);
    const struct tensor_list *tensors = model_tensors(model);
    for (int32_t c = 0; c < plan_n_choices(&spec); c++)
        model_thresholds(model)[c] = 0.0f;
    model_forward(model, &(struct model_input){
        .ids = ids, .targets = targets, .n_sequences = shape->n_sequences,
        .n_tokens = shape->n_tokens, .policy = policy, .train = true,
        .seed = 3 }, NULL, &loss);
    model_backward(model, NULL);
    struct parts_case c = {
        .spec = &spec, .tensors = tensors, .ids = ids, .targets = targets,
        .allocation = model_allocation(model), .weights = case_weights(model),
    };
    cr_expect(fabs(loss - parts_loss(&c, OF_TEXT)) < 1e-5 * loss, "%s: loss",
              what);
    for (int32_t i = 0; i < tensors->n; i++) {
        const struct tensor *t = &tensors->tensor[i];
        const int of = tensor_predicts(t->id) ? OF_PREDICTORS : AND_ROUTERS;
        double off = 0.0, size = 0.0;
        for (size_t j = 0; j < t->n && t->trained; j += t->n < 64 ? 1 : 17) {
            const double was = c.weights[t->offset + j], step = 1e-5;
            c.weights[t->offset + j] = was + step;
            double slope = parts_loss(&c, of);
            c.weights[t->offset + j] = was - step;
            slope = (slope - parts_loss(&c, of)) / (2.0 * step);
            c.weights[t->offset + j] = was;
            double d = slope - (double)model_gradients(model)
                                   [t->learned_at + j];
            off += d * d;
            size += slope * slope;
        }
        cr_expect(sqrt(off) <= 2e-4 * sqrt(size) + 1e-9, "%s, %s of layer %d:"
                  " off by %g of %g", what, tensor_names[t->id], t->layer,
                  sqrt(off), sqrt(size));
    }
    free(c.weights);
    model_close(model);
}

Test(gradient_parts, parts_of_blocks)
{
    static const char *const rules[] = { "expert_choice", "threshold" };
    for (int i = 0; i < 24; i++) {
        const struct shape *shape = &shapes[i % 3 == 2 ? 2 : 1];
        struct model_spec spec = case_spec(shape, contrasts[i % 2], 0.5,
                                           (enum pattern)(i / 2 % 2));
        char what[CASE_NAME_SIZE];
        spec.part = i / 4 % 2 ? PART_ATTENTION : PART_FFN;
        spec.gate = (enum gate)(i % GATE_COUNT);
        spec.router_input = (enum router_input)(i / 3 % ROUTER_INPUT_COUNT);
        spec.bypass_gated = i % 3 == 0 && spec.gate != GATE_ONE;
        snprintf(what, sizeof what, "case %d, %s, gate %s", i,
                 part_names[spec.part], gate_names[spec.gate]);
        check_parts(spec, shape, case_policy(rules[i / 8 % 2]), what);
    }
}

/* Attention and feed-forward part by choices of their own; keys of skipped tokens
 * computed, and carried over one layer and over two; first tokens kept. */
static void check_keys(int i, enum family family, enum routed_part part,
                       enum skipped_keys keys, bool whole)
{
    static const char *const rules[] = { "token_norm", "random", "drawn",
                                         "expert_choice", "threshold" };
    static const struct shape deep = { 8, 2, 1, 4, 12, 17, 3, 2, 7 };
    const struct shape *shape = i % 4 == 2 ? &shapes[2] : &deep;
    struct model_spec spec = case_spec(shape, family, 0.5, PATTERN_ALL);
    char what[CASE_NAME_SIZE];
    const int rule = i % 5;

    spec.part = part;
    spec.skipped_keys = keys;
    spec.routed[0] = whole && keys != SKIPPED_KEYS_CARRIED;
    spec.keep_first = i % 2;
    spec.gate = (enum gate)((i + i / 7) % GATE_COUNT);
    spec.bypass_gated = i % 4 == 1 && spec.gate != GATE_ONE;
    spec.router_scores = rule > 2 || spec.gate != GATE_ONE;
    spec.router_trained = spec.router_scores;
    /* A signal's scores are not the router's, of which these are. */
    spec.aux_loss = spec.router_scores && rule > 2 && i % 2 ? 0.6 : 0.0;
    spec.z_loss = spec.aux_loss / 2;
    spec.n_predictor = rule > 2 && i % 3 == 0 ? 6 : 0;
    for (int32_t l = 0; l + 1 < spec.n_layers; l++)
        spec.exit_weight[l] = (i + l) % 4 == 0 ? 0.7 : 0.0;
    snprintf(what, sizeof what, "case %d, %s, %s, keys %s, gate %s, %s, %d"
             " exits", i, family_names[family], part_names[part],
             skipped_keys_names[keys], gate_names[spec.gate], rules[rule],
             spec_n_exits(&spec));
    check_parts(spec, shape, case_policy(rules[rule]), what);
}

Test(gradient_parts, parts_apart_and_keys_of_skipped_tokens)
{
    int i = 0;

    for (int p = 0; p < PART_COUNT; p++)
        for (int k = 0; k < SKIPPED_KEYS_COUNT; k++)
            for (int f = 0; f < FAMILY_GEMMA2; f++)
                for (int w = 0; w < 2; w++) {
                    if (p == PART_FFN && k != SKIPPED_KEYS_ABSENT)
                        continue;
                    check_keys(i++, (enum family)f, (enum routed_part)p,
                               (enum skipped_keys)k, w);
                }
}
