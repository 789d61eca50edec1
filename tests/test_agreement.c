/* test_agreement.c - what the executor counted is what the formulas predict, as
 * integers: flops and bytes of every (pass, layer, op), and of every token.
 *
 * The two share no code but sim/core.  That the counts are what really ran is
 * shown by test_counting.c. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "sim/predict.h"
#include "tests/cases.h"

enum { MAX_TOKENS = 512 };

static struct ledger *open_ledger(const struct model_spec *spec,
                                  int32_t n_tokens, enum provenance known)
{
    struct ledger *ledger;
    struct ledger_shape shape = { true, true, spec->n_layers, n_tokens };
    cr_assert(ledger_open(&ledger, shape, cost_zero(known), NULL) ==
              STATUS_OK);
    return ledger;
}

static void same_cell(const struct ledger *predicted,
                      const struct ledger *counted, struct ledger_key key,
                      const char *what)
{
    static const enum metric metrics[] = { METRIC_FLOPS, METRIC_BYTES };
    const struct cost *p = ledger_at(predicted, key);
    const struct cost *c = ledger_at(counted, key);
    for (int i = 0; i < 2; i++) {
        enum metric m = metrics[i];
        cr_assert(p->from[m] == PROV_PREDICTED && c->from[m] == PROV_COUNTED,
                  "%s: %s of %s is %s and %s", what, metric_table[m].column,
                  op_table[key.op].name, provenance_names[p->from[m]],
                  provenance_names[c->from[m]]);
        cr_assert(p->count[m] == c->count[m],
                  "%s: %s, layer %d, token %d, %s: predicted %llu %s, counted"
                  " %llu", what, pass_names[key.pass], key.layer, key.token,
                  op_table[key.op].name, (unsigned long long)p->count[m],
                  metric_table[m].column, (unsigned long long)c->count[m]);
    }
}

/* Every cell of both, those that nobody touched too.  How many were touched. */
static uint64_t same_ledger(const struct ledger *predicted,
                            const struct ledger *counted, const char *what)
{
    struct ledger_shape shape = ledger_shape(counted);
    uint64_t touched = 0;
    for (int pass = 0; pass < PASS_COUNT; pass++)
        for (int32_t l = LEDGER_OUTSIDE; l < shape.n_layers; l++)
            for (int op = 0; op < OP_COUNT; op++)
                for (int32_t t = LEDGER_SHARED; t < shape.n_tokens; t++) {
                    struct ledger_key key = { (enum pass)pass, l, t,
                                              (enum op)op };
                    same_cell(predicted, counted, key, what);
                    touched += ledger_touched(counted, key);
                    if (shape.n_tokens == 0)
                        break;
                }
    return touched;
}

/* What is run and priced. */
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
    };
}

static uint64_t train_step_agrees(const struct run *run)
{
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    static const struct update adam = {
        .learning_rate = 1e-3, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8,
        .weight_decay = 0.1, .clip = 1.0, .step = 1,
    };
    struct model *model = open_run(run, true, 1);
    struct model_input input = input_of(run, ids, targets);
    input.train = true;
    struct ledger *counted = open_ledger(run->spec, run->n_tokens,
                                         PROV_COUNTED);
    struct ledger *predicted = open_ledger(run->spec, run->n_tokens,
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
    uint64_t touched = same_ledger(predicted, counted, run->what);
    ledger_close(predicted);
    ledger_close(counted);
    model_close(model);
    return touched;
}

static uint64_t scoring_agrees(const struct run *run, float threshold)
{
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    struct model *model = open_run(run, false, 1);
    for (int32_t l = 0; l < run->spec->n_layers; l++)
        model_thresholds(model)[l] = threshold;
    struct model_input input = input_of(run, ids, targets);
    input.entropy = true;
    struct ledger *counted = open_ledger(run->spec, run->n_tokens,
                                         PROV_COUNTED);
    struct ledger *predicted = open_ledger(run->spec, run->n_tokens,
                                           PROV_PREDICTED);
    struct ledger_meter meter = ledger_meter(counted);
    double loss;
    model_forward(model, &input, &meter.meter, &loss);
    cr_assert(meter.status == STATUS_OK);

    struct predict_job job = { .spec = run->spec,
                               .allocation = model_allocation(model) };
    struct error err = { STATUS_OK, "" };
    cr_assert(predict_forward(predicted, &job, PREDICT_LOSS | PREDICT_ENTROPY,
                              NULL, &err) == STATUS_OK,
              "%s: %s", run->what, err.text);
    uint64_t touched = same_ledger(predicted, counted, run->what);
    ledger_close(predicted);
    ledger_close(counted);
    model_close(model);
    return touched;
}

/* What the shapes do not vary, varied from case to case. */
static void vary(struct model_spec *spec, int i)
{
    spec->tied_head = i % 2;
    case_variant(spec, i / 2);
    if (spec_n_routed(spec) == 0)
        return;
    spec->gate = (enum gate)(i % GATE_COUNT);
    spec->router_input = (enum router_input)(i / 2 % ROUTER_INPUT_COUNT);
    spec->router_trained = i % 3 != 0;
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
            vary(&spec, i);
            snprintf(what, sizeof what, "%s, shape %d, capacity %g, gate %s",
                     family_names[family], s, capacities[c],
                     gate_names[spec.gate]);
            struct run run = { &spec, shape, "expert_choice", what,
                               by_token ? shape->n_sequences * shape->n_tokens
                                        : 0 };
            cells += train_step_agrees(&run) + scoring_agrees(&run, 0.0f);
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
AGREES(every_token_gpt2, FAMILY_GPT2, true)
AGREES(every_token_llama, FAMILY_LLAMA, true)

/* Shape 10: C = 24, three heads of 8, two sequences of 20, two layers. */
Test(agreement, every_gate_router_input_and_training_of_the_router)
{
    const struct shape *shape = &shapes[10];
    for (int i = 0; i < FAMILY_COUNT * GATE_COUNT * ROUTER_INPUT_COUNT * 2;
         i++) {
        char what[128];
        struct model_spec spec = case_spec(shape, (enum family)(i % 2), 0.25,
                                           PATTERN_ALL);
        spec.gate = (enum gate)(i / 2 % GATE_COUNT);
        spec.router_input = (enum router_input)(i / 8 % ROUTER_INPUT_COUNT);
        spec.router_trained = i / 16 % 2;
        snprintf(what, sizeof what, "%s, gate %s, input %s, %s",
                 family_names[spec.family], gate_names[spec.gate],
                 router_input_names[spec.router_input],
                 spec.router_trained ? "trained" : "fixed");
        struct run run = { &spec, shape, "expert_choice", what, 40 };
        train_step_agrees(&run);
    }
}

/* Only the routers learn: the first routed layer at the bottom, in the middle,
 * all of them; every gate that hands a gradient on, every input. */
Test(agreement, frozen_backbones)
{
    static const int tried[] = { 2, 5, 9, 10, 19, 23 };
    uint64_t cells = 0;
    for (size_t i = 0; i < sizeof tried / sizeof *tried; i++)
        for (int v = 0; v < FAMILY_COUNT * PATTERN_COUNT * 6; v++) {
            char what[128];
            const struct shape *shape = &shapes[tried[i]];
            static const enum gate gates[] = { GATE_RAW, GATE_SIGMOID,
                                               GATE_SIGMOID2 };
            struct model_spec spec = case_spec(
                shape, (enum family)(v % 2), v % 5 ? 0.3 : 1.0,
                (enum pattern)(v / 2 % PATTERN_COUNT));
            if (spec_n_routed(&spec) == 0)
                continue;
            spec.backbone_frozen = true;
            spec.tied_head = v / 6 % 2;
            spec.gate = gates[v / 6 % 3];
            spec.router_input = (enum router_input)(v / 18 % 2);
            snprintf(what, sizeof what, "frozen %s, shape %d, case %d",
                     family_names[spec.family], tried[i], v);
            struct run run = { &spec, shape, "expert_choice", what,
                               v % 4 ? 0
                                     : shape->n_sequences * shape->n_tokens };
            cells += train_step_agrees(&run);
        }
    cr_log_info("frozen: %llu compared", (unsigned long long)cells);
    cr_assert(cells > 1000);
}

Test(agreement, every_policy)
{
    const struct shape *shape = &shapes[10];
    for (const struct route_policy *p = route_policies; p->name; p++)
        for (int f = 0; f < FAMILY_COUNT && p->choose; f++) {
            if (p == case_policy("replay"))
                continue;
            struct model_spec spec = case_spec(shape, (enum family)f, 0.3,
                                               PATTERN_ODD);
            if (!p->scored) {
                spec.gate = GATE_ONE;
                spec.router_scores = spec.router_trained = false;
                spec.signal = p->signal;
            }
            struct run run = { &spec, shape, p->name, p->name, 40 };
            for (int32_t first = 0; first < 5; first += 2) {
                route_keep_first(&spec, p, first);
                if (route_trains(p))
                    train_step_agrees(&run);
                scoring_agrees(&run, 0.5f);
            }
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
        scoring_agrees(&run, at[i % 4]);
    }
}

/* What threads do is the same work. */
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
        struct ledger *ledger = open_ledger(&spec, 40, PROV_COUNTED);
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
