/* test_agreement.c - Expect the executor to count what the formulas predict, as
 * integers: flops and bytes of every (pass, layer, op), and of every token.
 *
 * The two share no code but sim/core.  That the counts are what really ran is
 * shown by test_counting.c. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sim/core/model/plan.h"
#include "sim/price/predict.h"
#include "tests/cases.h"

enum { MAX_TOKENS = 512 };

/* A run, and the size of its ledgers; it is priced too. */
struct run {
    const struct model_spec *spec;
    const struct shape      *shape;
    const char              *policy;
    const char              *what;
    int32_t                  n_tokens;   /* of the ledgers: 0 or B T */
};

static struct model *open_run(const struct run *run, bool train, int n_threads)
{
    struct model_options options = {
        .n_sequences = run->shape->n_sequences,
        .n_tokens = run->shape->n_tokens, .train = train,
        .n_threads = n_threads,
    };
    return case_model(run->spec, &options, 1);
}

static struct model_input input_of(const struct run *run, int32_t *ids,
                                   int32_t *targets)
{
    int32_t n = run->shape->n_sequences * run->shape->n_tokens;
    cr_assert(n <= MAX_TOKENS);
    case_text(ids, targets, n, run->shape->n_vocab, 3);
    return (struct model_input){
        .ids = ids, .targets = targets,
        .n_sequences = run->shape->n_sequences,
        .n_tokens = run->shape->n_tokens, .policy = case_policy(run->policy),
        .seed = 5,
        .replayed = case_replayed(run->spec, run->shape->n_sequences,
                                  run->shape->n_tokens),
    };
}

/* `threshold` NAN: none is known yet. */
static uint64_t train_step_agrees(const struct run *run, float threshold)
{
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    static const struct update adam = {
        .learning_rate = 1e-3, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8,
        .weight_decay = 0.1, .clip = 1.0, .step = 1,
    };
    struct model *model = open_run(run, true, 1);
    for (int32_t c = 0; c < plan_n_choices(run->spec); c++)
        model_thresholds(model)[c] = threshold;
    struct model_input input = input_of(run, ids, targets);
    input.train = true;
    struct ledger *counted = case_ledger(run->spec->n_layers, run->n_tokens,
                                         PROV_COUNTED);
    struct ledger *predicted = case_ledger(run->spec->n_layers, run->n_tokens,
                                           PROV_PREDICTED);
    struct ledger_meter meter = ledger_meter(counted);
    double loss;
    model_forward(model, &input, &meter.meter, &loss);
    model_backward(model, &meter.meter);
    model_update(model, &adam, &meter.meter);
    cr_assert(meter.status == STATUS_OK);

    struct predict_job job = { .spec = run->spec,
                               .allocation = model_allocation(model) };
    struct error err = { STATUS_OK, "" };
    cr_assert(predict_train_step(predicted, &job, NULL, &err) == STATUS_OK,
              "%s: %s", run->what, err.text);
    uint64_t touched = case_same_ledger(predicted, counted, run->what);
    ledger_close(predicted);
    ledger_close(counted);
    model_close(model);
    return touched;
}

static uint64_t scoring_agrees(const struct run *run, float threshold)
{
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    struct model *model = open_run(run, false, 1);
    for (int32_t c = 0; c < plan_n_choices(run->spec); c++)
        model_thresholds(model)[c] = threshold;
    struct model_input input = input_of(run, ids, targets);
    input.entropy = true;
    struct ledger *counted = case_ledger(run->spec->n_layers, run->n_tokens,
                                         PROV_COUNTED);
    struct ledger *predicted = case_ledger(run->spec->n_layers, run->n_tokens,
                                           PROV_PREDICTED);
    struct ledger_meter meter = ledger_meter(counted);
    double loss;
    model_forward(model, &input, &meter.meter, &loss);
    cr_assert(meter.status == STATUS_OK);

    struct predict_job job = { .spec = run->spec,
                               .allocation = model_allocation(model),
                               .predicted = input.policy->predicted };
    struct error err = { STATUS_OK, "" };
    cr_assert(predict_forward(predicted, &job, PREDICT_LOSS | PREDICT_ENTROPY,
                              NULL, &err) == STATUS_OK,
              "%s: %s", run->what, err.text);
    uint64_t touched = case_same_ledger(predicted, counted, run->what);
    ledger_close(predicted);
    ledger_close(counted);
    model_close(model);
    return touched;
}

/* Every shape at every capacity; by_token every third one. */
static uint64_t shapes_agree(enum family family, bool by_token)
{
    uint64_t cells = 0;
    for (int s = 0; s < N_SHAPES; s += by_token ? 3 : 1)
        for (int c = 0; c < N_CAPACITIES; c++) {
            char what[128];
            int i = s + 5 * c;
            const struct shape *shape = &shapes[s];
            struct model_spec spec = case_spec(
                shape, family, capacities[c],
                (enum pattern)(i % PATTERN_COUNT));
            case_vary(&spec, i);
            case_variant(&spec, i / 2);
            snprintf(what, sizeof what, "%s, shape %d, capacity %g, gate %s",
                     family_names[family], s, capacities[c],
                     gate_names[spec.gate]);
            struct run run = { &spec, shape, "expert_choice", what,
                               by_token ? shape->n_sequences * shape->n_tokens
                                        : 0 };
            cells += train_step_agrees(&run, NAN) + scoring_agrees(&run, 0.0f);
        }
    return cells;
}

#define AGREES(name, family, by_token)                                         \
    Test(agreement, name)                                                      \
    {                                                                          \
        uint64_t cells = shapes_agree(family, by_token);                       \
        cr_log_info(#name ": %llu cells", (unsigned long long)cells);          \
        cr_assert(cells > 10000);                                              \
    }

AGREES(every_op_of_every_shape_gpt2, FAMILY_GPT2, false)
AGREES(every_op_of_every_shape_llama, FAMILY_LLAMA, false)
AGREES(every_op_of_every_shape_qwen3, FAMILY_QWEN3, false)
AGREES(every_token_gpt2, FAMILY_GPT2, true)
AGREES(every_token_llama, FAMILY_LLAMA, true)
AGREES(every_token_qwen3, FAMILY_QWEN3, true)

Test(agreement, every_gate_router_input_and_training_of_the_router)
{
    for (int i = 0; i < N_ROUTER_CASES; i++) {
        char what[CASE_NAME_SIZE];
        struct model_spec spec = case_router(what, i);
        struct run run = { &spec, &shapes[ROUTER_SHAPE], "expert_choice", what,
                           40 };
        train_step_agrees(&run, NAN);
    }
}

Test(agreement, frozen_backbones)
{
    uint64_t cells = 0;
    for (int i = 0; i < N_FROZEN_CASES; i++) {
        char what[CASE_NAME_SIZE];
        const struct shape *shape;
        struct model_spec spec;
        if (!case_frozen(&spec, &shape, what, i))
            continue;
        struct run run = { &spec, shape, "expert_choice", what,
                           i % 4 ? 0 : shape->n_sequences * shape->n_tokens };
        cells += train_step_agrees(&run, NAN);
    }
    cr_log_info("frozen: %llu compared", (unsigned long long)cells);
    cr_assert(cells > 1000);
}

Test(agreement, exits_of_a_training_step)
{
    for (int i = 0; i < 3 * FAMILY_COUNT; i++) {
        const enum family family = (enum family)(i % FAMILY_COUNT);
        struct model_spec spec = case_exits(&keyed_shape, family, i);
        struct run run = { &spec, &keyed_shape, "dense", family_names[family],
                           i % 2 ? 0 : 46 };
        train_step_agrees(&run, NAN);
        scoring_agrees(&run, NAN);
    }
}

/* What routed layers changed in the stream is put back for exits before them. */
Test(agreement, exits_of_a_training_step_that_routes)
{
    char what[CASE_NAME_SIZE];

    for (int i = 0; i < N_KEYED_CASES + N_GATED_CASES; i++) {
        const bool keyed = i < N_KEYED_CASES;
        struct model_spec spec = keyed ? case_keyed(what, i)
                                       : case_gated(what, i - N_KEYED_CASES);
        struct run run = { &spec, keyed ? &keyed_shape : &shapes[ROUTER_SHAPE],
                           spec.router_scores ? "expert_choice" : "token_norm",
                           what, i % 2 ? 0 : keyed ? 46 : 40 };
        spec.backbone_frozen = false;
        spec.exit_weight[0] = 0.5;
        route_settle(&spec, case_policy(run.policy), 0);
        train_step_agrees(&run, NAN);
    }
}

Test(agreement, losses_of_routers)
{
    for (int i = 0; i < N_JUDGED_CASES; i++) {
        char what[CASE_NAME_SIZE];
        struct model_spec spec = case_judged(what, i);
        struct run run = { &spec, &shapes[ROUTER_SHAPE], "expert_choice", what,
                           i % 3 ? 0 : 40 };
        train_step_agrees(&run, 0.0f);
        run.policy = "threshold";           /* some are kept, and none */
        route_settle(&spec, case_policy(run.policy), 0);
        train_step_agrees(&run, 0.0f);
        train_step_agrees(&run, 1e9f);
    }
}

Test(agreement, parts_of_blocks)
{
    for (int i = 0; i < 2 * N_JUDGED_CASES; i++) {
        char what[CASE_NAME_SIZE];
        struct model_spec spec = case_judged(what, i / 2);
        struct run run = { &spec, &shapes[ROUTER_SHAPE], "expert_choice", what,
                           i % 3 ? 0 : 40 };
        spec.backbone_frozen = false;
        spec.part = i % 2 ? PART_ATTENTION : PART_FFN;
        if (i % 8 > 3) {
            spec.aux_loss = spec.z_loss = spec.balance_loss = 0.0;
            spec.gate = (enum gate)(i % GATE_COUNT);
        }
        train_step_agrees(&run, 0.0f);
        run.policy = "threshold";
        route_settle(&spec, case_policy(run.policy), 0);
        train_step_agrees(&run, i % 5 ? 0.0f : 1e9f);
    }
}

Test(agreement, scaled_gates_gated_bypasses_and_choices_behind_gate_one)
{
    for (int i = 0; i < N_GATED_CASES; i++) {
        char what[CASE_NAME_SIZE];
        struct model_spec spec = case_gated(what, i);
        struct run run = { &spec, &shapes[ROUTER_SHAPE], "expert_choice", what,
                           i % 3 ? 0 : 40 };
        train_step_agrees(&run, 0.0f);
        scoring_agrees(&run, 0.0f);
        run.policy = "threshold";           /* some are kept, none, and all */
        route_settle(&spec, case_policy(run.policy), 0);
        train_step_agrees(&run, i % 5 ? 0.0f : i % 2 ? 1e9f : -1e9f);
        scoring_agrees(&run, i % 5 ? 0.0f : i % 2 ? 1e9f : -1e9f);
    }
}

/* Some are kept, none, and all. */
Test(agreement, parts_apart_and_keys_of_skipped_tokens)
{
    static const float at[] = { 0.0f, 1e9f, -1e9f };
    for (int i = 0; i < N_KEYED_CASES; i++) {
        char what[CASE_NAME_SIZE];
        struct model_spec spec = case_keyed(what, i);
        const bool scores = spec.router_scores;
        struct run run = { &spec, &keyed_shape, scores ? "expert_choice"
                                                       : "token_norm", what,
                           i % 3 ? 0 : 46 };
        route_settle(&spec, case_policy(run.policy), i % 3);
        train_step_agrees(&run, 0.0f);
        scoring_agrees(&run, 0.0f);
        run.policy = scores ? "threshold" : "random";
        route_settle(&spec, case_policy(run.policy), 0);
        train_step_agrees(&run, at[i % 3]);
        scoring_agrees(&run, at[i % 3]);
    }
}

static void without_router(struct model_spec *spec)
{
    spec->gate = GATE_ONE;
    spec->router_scores = spec->router_trained = false;
}

/* With a router for its gate, whether it chooses by it or not; without one; and
 * with scores drawn in place of a router's. */
Test(agreement, every_policy)
{
    const struct shape *shape = &shapes[10];
    for (const struct route_policy *p = route_policies; p->name; p++)
        for (int f = 0; f < FAMILY_COUNT && p->choose &&
                        p->signal != SIGNAL_CONFIDENCE; f++) {
            struct model_spec spec = case_spec(shape, (enum family)f, 0.3,
                                               PATTERN_ODD);
            if (p->signal == SIGNAL_RECEIVED) {
                without_router(&spec);
                spec.attention_cap = 0;      /* refused: test_families.c */
            }
            spec.n_predictor = p->predicted ? 7 : 0;
            struct run run = { &spec, shape, p->name, p->name, 40 };
            for (int32_t first = 0; first < 5; first += 2) {
                route_settle(&spec, p, first);
                if (p->trains)
                    train_step_agrees(&run, NAN);
                scoring_agrees(&run, 0.5f);
            }
            without_router(&spec);
            if (p->trains && !p->scored)
                train_step_agrees(&run, NAN);
            if (!p->scored)
                scoring_agrees(&run, 0.5f);
            if (p->signal == SIGNAL_RECEIVED || p->predicted)
                continue;
            spec = case_spec(shape, (enum family)f, 0.3, PATTERN_ODD);
            spec.router_trained = false;
            spec.router_drawn = spec.router_detached = true;
            route_settle(&spec, p, 0);
            if (p->trains)
                train_step_agrees(&run, NAN);
            scoring_agrees(&run, 0.5f);
        }
}

/* Also where a layer keeps nothing at all. */
Test(agreement, the_threshold_policy_from_no_token_to_all)
{
    static const float at[] = { 1e9f, 1.0f, 0.0f, -1e9f };
    const struct shape *shape = &shapes[10];
    for (int i = 0; i < 8; i++) {
        struct model_spec spec = case_spec(shape, (enum family)(i / 4), 0.25,
                                           PATTERN_ALL);
        struct run run = { &spec, shape, "threshold", "threshold", 40 };
        route_settle(&spec, case_policy("threshold"), 0);
        scoring_agrees(&run, at[i % 4]);
        train_step_agrees(&run, at[i % 4]);
    }
}

/* Threads share the same work. */
Test(agreement, counts_do_not_depend_on_threads)
{
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    const struct shape *shape = &shapes[10];
    struct model_spec spec = case_spec(shape, FAMILY_LLAMA, 0.25, PATTERN_ODD);
    struct run run = { &spec, shape, "expert_choice", "threads", 40 };
    struct cost total[3];
    for (int threads = 1; threads <= 3; threads++) {
        struct model *model = open_run(&run, true, threads);
        struct model_input input = input_of(&run, ids, targets);
        input.train = true;
        struct ledger *ledger = case_ledger(spec.n_layers, 40, PROV_COUNTED);
        struct ledger_meter meter = ledger_meter(ledger);
        double loss;
        model_forward(model, &input, &meter.meter, &loss);
        model_backward(model, &meter.meter);
        total[threads - 1] = ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY,
                                        LEDGER_ANY, LEDGER_ANY);
        ledger_close(ledger);
        model_close(model);
    }
    for (int i = 1; i < 3; i++) {
        cr_expect(eq(u64, total[i].count[METRIC_FLOPS],
                     total[0].count[METRIC_FLOPS]));
        cr_expect(eq(u64, total[i].count[METRIC_BYTES],
                     total[0].count[METRIC_BYTES]));
    }
}
