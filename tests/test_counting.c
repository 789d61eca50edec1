/* test_counting.c - Expect the executor to tally what its kernels execute.
 *
 * The kernels run with arithmetic that counts itself (tests/counting); a meter
 * reads that count where hardware counters would be read, at the begin and end
 * of every op.  The two must be the same integer. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/model/spec_check.h"
#include "tests/cases.h"
#include "tests/counting/counting.h"

enum { MAX_TOKENS = 512 };

/* Reads the count of executed flops around every op. */
struct witness {
    struct meter meter;            /* first: downcast */
    const char *what;              /* the case, for messages */
    uint64_t    at_begin, at_end;
    uint64_t    n_ops;
};

static void on_begin(struct meter *meter, const struct op_run *run)
{
    struct witness *w = (struct witness *)meter;
    (void)run;
    w->at_begin = counting_flops;
    cr_assert(eq(u64, w->at_begin, w->at_end), "%s: flops outside any op, "
              "before %s", w->what, op_table[run->op].name);
}

/* The rows' own tallies must also add up to no more than the total, as a
 * listener by token files them. */
static void check_rows(const struct witness *w, const struct op_run *run)
{
    struct tally sum = { 0, 0 };
    for (int32_t r = 0; r < run->n_rows; r++) {
        sum.flops += run->each.flops + (run->extra ? run->extra[r].flops : 0);
        sum.bytes += run->each.bytes + (run->extra ? run->extra[r].bytes : 0);
    }
    cr_assert(sum.flops <= run->total.flops && sum.bytes <= run->total.bytes,
              "%s: rows of %s cost more than the op", w->what,
              op_table[run->op].name);
}

static void on_end(struct meter *meter, const struct op_run *run)
{
    struct witness *w = (struct witness *)meter;
    w->at_end = counting_flops;
    w->n_ops++;
    cr_assert(eq(u64, run->total.flops, w->at_end - w->at_begin),
              "%s: %s of layer %d, %s, %d rows", w->what,
              op_table[run->op].name, run->layer, pass_names[run->pass],
              run->n_rows);
    check_rows(w, run);
}

static struct witness witness(const char *what)
{
    return (struct witness){
        .meter = { on_begin, on_end, true }, .what = what,
        .at_begin = counting_flops, .at_end = counting_flops,
    };
}

static const struct update adam = {
    .learning_rate = 1e-3, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-8,
    .weight_decay = 0.1, .clip = 1.0, .step = 1,
};

/* A copy of who is kept. */
static struct allocation routes_of(const struct model *model)
{
    const struct allocation *from = model_allocation(model);
    struct allocation out;

    cr_assert(allocation_open(&out, from->n_choices, from->n_sequences,
                              from->n_tokens, NULL) == STATUS_OK);
    const size_t n = (size_t)(out.n_choices * out.n_sequences);
    memcpy(out.count, from->count, n * sizeof *out.count);
    memcpy(out.kept, from->kept,
           n * (size_t)out.n_tokens * sizeof *out.kept);
    return out;
}

static bool keeps(const struct allocation *a, int32_t c, int32_t b, int32_t t)
{
    for (int32_t i = 0; i < allocation_count(a, c, b); i++)
        if (allocation_kept(a, c, b)[i] == t)
            return true;
    return false;
}

/* True where all is the same.  Else the first choice that is not, which nothing
 * before it explains, was between scores that are equal but for rounding. */
static bool same_routes(const struct allocation *x, const struct allocation *y,
                        const float *scores /* [choices,B*T] */,
                        const char *what)
{
    for (int32_t c = 0; c < x->n_choices; c++) {
        float low = INFINITY, high = -INFINITY;
        for (int32_t b = 0; b < x->n_sequences; b++)
            for (int32_t t = 0; t < x->n_tokens; t++) {
                const int32_t row = b * x->n_tokens + t;
                if (keeps(x, c, b, t) == keeps(y, c, b, t))
                    continue;
                const float score =
                    scores[c * x->n_sequences * x->n_tokens + row];
                low = fminf(low, score);
                high = fmaxf(high, score);
            }
        if (low > high)
            continue;
        cr_expect(high - low <= 1e-5f * fmaxf(1, fabsf(high)),
                  "%s: choice %d is between scores %.9g and %.9g", what, c,
                  (double)low, (double)high);
        return false;
    }
    return true;
}

/* A training step, then a scored text; how many ops were compared. */
static uint64_t run_case(const struct model_spec *spec,
                         const struct shape *shape,
                         const struct kernels *kernels, const char *policy,
                         const char *what)
{
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    int32_t n = shape->n_sequences * shape->n_tokens;
    cr_assert(n <= MAX_TOKENS);
    case_text(ids, targets, n, shape->n_vocab, 3);
    if (spec_experts_choose(spec))
        case_begin_unlike(ids, shape);

    struct model_options options = {
        .n_sequences = shape->n_sequences, .n_tokens = shape->n_tokens,
        .train = true, .n_threads = 1, .kernels = kernels,
    };
    struct model *model = case_model(spec, &options, 1);
    struct model_input input = {
        .ids = ids, .targets = targets, .n_sequences = shape->n_sequences,
        .n_tokens = shape->n_tokens, .policy = case_policy(policy), .seed = 5,
        .train = true,
        .replayed = case_replayed(spec, shape->n_sequences, shape->n_tokens),
    };
    struct witness w = witness(what);
    double first = 0.0, loss = 0.0;
    struct allocation routes = { 0 };
    for (int step = 0; step < 2; step++) {     /* also a moved threshold */
        model_forward(model, &input, &w.meter, step == 0 ? &first : &loss);
        if (step == 0)
            routes = routes_of(model);
        model_backward(model, &w.meter);
        model_update(model, &adam, &w.meter);
    }
    input.train = false;
    input.entropy = true;
    model_forward(model, &input, &w.meter, &loss);
    model_close(model);

    /* The kernels that count compute what the usual kernels compute; they go by
     * the same choices where rounding told two scores apart otherwise. */
    float *scores = calloc((size_t)(routes.n_choices * n + 1), sizeof *scores);
    cr_assert(scores != NULL);
    options.kernels = NULL;
    model = case_model(spec, &options, 1);
    input.scores = scores;
    model_forward(model, &input, NULL, &loss);
    if (!same_routes(&routes, model_allocation(model), scores, what)) {
        model_close(model);
        model = case_model(spec, &options, 1);
        input.scores = NULL;
        input.policy = case_policy("replay");
        input.replayed = &routes;
        model_forward(model, &input, NULL, &loss);
    }
    cr_expect(fabs(first - loss) < 1e-5 * loss, "%s: loss %.9g, not %.9g", what,
              first, loss);
    model_close(model);
    allocation_close(&routes);
    free(scores);
    return w.n_ops;
}

/* Scoring by threshold keeps any number of tokens, also none. */
static uint64_t run_threshold(const struct model_spec *spec,
                              const struct shape *shape,
                              const struct kernels *kernels, float threshold,
                              const char *what)
{
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    case_text(ids, targets, shape->n_sequences * shape->n_tokens,
              shape->n_vocab, 3);
    struct model_options options = {
        .n_sequences = shape->n_sequences, .n_tokens = shape->n_tokens,
        .n_threads = 1, .kernels = kernels,
    };
    struct model *model = case_model(spec, &options, 1);
    for (int32_t l = 0; l < spec->n_layers; l++)
        model_thresholds(model)[l] = threshold;
    struct model_input input = {
        .ids = ids, .targets = targets, .n_sequences = shape->n_sequences,
        .n_tokens = shape->n_tokens, .policy = case_policy("threshold"),
        .entropy = true,
    };
    struct witness w = witness(what);
    double loss;
    model_forward(model, &input, &w.meter, &loss);
    model_close(model);
    return w.n_ops;
}

static uint64_t run_shapes(const struct kernels *kernels, enum family family,
                           int first, int stride)
{
    uint64_t ops = 0;
    for (int s = first; s < N_SHAPES; s += stride)
        for (int c = 0; c < N_CAPACITIES; c++) {
            char what[160];
            int i = s + 5 * c;
            struct model_spec spec = case_spec(
                &shapes[s], family, capacities[c],
                (enum pattern)(i % PATTERN_COUNT));
            case_vary(&spec, i);
            snprintf(what, sizeof what, "%s, shape %d, capacity %g, gate %s, %s",
                     family_names[family], s, capacities[c],
                     gate_names[spec.gate], kernels->name);
            ops += run_case(&spec, &shapes[s], kernels, "expert_choice", what);
        }
    return ops;
}

Test(counting, every_op_of_every_shape_gpt2)
{
    uint64_t ops = run_shapes(&kernels_counting16, FAMILY_GPT2, 0, 1);
    cr_log_info("gpt2: %llu ops compared", (unsigned long long)ops);
    cr_assert(gt(u64, ops, 5000));
}

Test(counting, every_op_of_every_shape_llama)
{
    uint64_t ops = run_shapes(&kernels_counting16, FAMILY_LLAMA, 0, 1);
    cr_log_info("llama: %llu ops compared", (unsigned long long)ops);
    cr_assert(gt(u64, ops, 5000));
}

Test(counting, every_op_of_every_shape_qwen3)
{
    uint64_t ops = run_shapes(&kernels_counting16, FAMILY_QWEN3, 0, 1);
    cr_log_info("qwen3: %llu ops compared", (unsigned long long)ops);
    cr_assert(gt(u64, ops, 5000));
}

Test(counting, families_with_norms_caps_and_parts_of_other_kinds)
{
    uint64_t ops = 0;
    for (int f = FAMILY_GEMMA2; f < FAMILY_COUNT; f++)
        ops += run_shapes(&kernels_counting16, (enum family)f, f % 5, 5);
    cr_log_info("%llu ops compared", (unsigned long long)ops);
    cr_assert(gt(u64, ops, 5000));
}

Test(counting, flops_do_not_depend_on_the_register_width)
{
    const struct kernels *narrow[] = { &kernels_counting4, &kernels_counting8 };
    for (int k = 0; k < 2; k++)
        for (int f = 0; f < FAMILY_COUNT; f++)
            run_shapes(narrow[k], (enum family)f, k + f, 4);
}

Test(counting, every_gate_router_input_and_training_of_the_router)
{
    for (int i = 0; i < N_ROUTER_CASES; i++) {
        char what[CASE_NAME_SIZE];
        struct model_spec spec = case_router(what, i);
        run_case(&spec, &shapes[ROUTER_SHAPE], &kernels_counting16,
                 "expert_choice", what);
    }
}

Test(counting, frozen_backbones)
{
    uint64_t cells = 0;
    for (int i = 0; i < N_FROZEN_CASES; i++) {
        char what[CASE_NAME_SIZE];
        const struct shape *shape;
        struct model_spec spec;
        if (case_frozen(&spec, &shape, what, i))
            cells += run_case(&spec, shape, &kernels_counting16,
                              "expert_choice", what);
    }
    cr_log_info("frozen: %llu compared", (unsigned long long)cells);
    cr_assert(cells > 1000);
}

Test(counting, exits)
{
    for (int i = 0; i < 2 * FAMILY_COUNT; i++) {
        struct model_spec spec = case_exits(&keyed_shape,
                                            (enum family)(i % FAMILY_COUNT), i);
        run_case(&spec, &keyed_shape, &kernels_counting16, "dense", "exits");
    }
    for (int i = 0; i < N_KEYED_CASES; i += 7) {
        char what[CASE_NAME_SIZE];
        struct model_spec spec = case_keyed(what, i);
        const char *policy = spec.router_scores ? "expert_choice" : "token_norm";
        spec.exit_weight[1] = 0.5;
        route_settle(&spec, case_policy(policy), 0);
        run_case(&spec, &keyed_shape, &kernels_counting16, policy, what);
    }
}

Test(counting, leaving)
{
    static const struct kernels *const all[] = {
        &kernels_counting4, &kernels_counting8, &kernels_counting16,
    };
    for (int i = 0; i < 9; i++) {
        int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
        const struct shape *shape = &keyed_shape;
        const struct model_spec spec = case_leaving(shape, contrasts[i % 2], i,
                                                    0.1 * (1 + i / 3));
        const struct model_options options = {
            .n_sequences = shape->n_sequences, .n_tokens = shape->n_tokens,
            .n_threads = 1, .kernels = all[i % 3],
        };
        struct model *model = case_model(&spec, &options, 1);
        struct witness w = witness("leaving");
        double loss;
        case_text(ids, targets, shape->n_sequences * shape->n_tokens,
                  shape->n_vocab, 3);
        model_forward(model, &(struct model_input){
            .ids = ids, .targets = targets, .n_sequences = shape->n_sequences,
            .n_tokens = shape->n_tokens, .policy = case_policy("confidence") },
            &w.meter, &loss);
        model_close(model);
    }
}

Test(counting, losses_of_routers)
{
    for (int i = 0; i < N_JUDGED_CASES; i++) {
        char what[CASE_NAME_SIZE];
        struct model_spec spec = case_judged(what, i);
        run_case(&spec, &shapes[ROUTER_SHAPE], &kernels_counting16,
                 "expert_choice", what);
    }
}

Test(counting, parts_of_blocks)
{
    for (int i = 0; i < N_JUDGED_CASES; i += 5) {
        char what[CASE_NAME_SIZE];
        struct model_spec spec = case_judged(what, i);
        spec.backbone_frozen = false;
        spec.part = i % 2 ? PART_ATTENTION : PART_FFN;
        run_case(&spec, &shapes[ROUTER_SHAPE], &kernels_counting16,
                 "expert_choice", what);
    }
}

Test(counting, scaled_gates_gated_bypasses_and_choices_behind_gate_one)
{
    for (int i = 0; i < N_GATED_CASES; i++) {
        char what[CASE_NAME_SIZE];
        struct model_spec spec = case_gated(what, i);
        run_case(&spec, &shapes[ROUTER_SHAPE], &kernels_counting16,
                 "expert_choice", what);
    }
}

Test(counting, parts_apart_and_keys_of_skipped_tokens)
{
    for (int i = 0; i < N_KEYED_CASES; i++) {
        char what[CASE_NAME_SIZE];
        struct model_spec spec = case_keyed(what, i);
        const char *rule = !spec.router_scores ? "token_norm"
                           : i % 4 < 2         ? "expert_choice"
                                               : "threshold";
        route_settle(&spec, case_policy(rule), i % 3);
        run_case(&spec, &keyed_shape, &kernels_counting16, rule, what);
    }
}

Test(counting, every_policy)
{
    const struct shape *shape = &shapes[10];
    for (const struct route_policy *p = route_policies; p->name; p++) {
        if (!p->choose || !p->trains)
            continue;
        for (int f = 0; f < FAMILY_COUNT; f++) {
            struct model_spec spec = case_spec(shape, (enum family)f, 0.3,
                                               PATTERN_ODD);
            if (!p->scored) {
                spec.gate = GATE_ONE;
                spec.router_scores = spec.router_trained = false;
            }
            route_settle(&spec, p, 0);
            if (spec_check(&spec, NULL) != STATUS_OK)
                continue;        /* capped scores say not who received */
            run_case(&spec, shape, &kernels_counting16, p->name, p->name);
            if (p->scored || p->signal == SIGNAL_RECEIVED)
                continue;
            spec = case_spec(shape, (enum family)f, 0.3, PATTERN_ODD);
            route_settle(&spec, p, 0);
            run_case(&spec, shape, &kernels_counting16, p->name, p->name);
        }
    }
}

Test(counting, the_threshold_policy_from_no_token_to_all)
{
    static const float at[] = { 1e9f, 0.5f, 0.0f, -1e9f };
    const struct shape *shape = &shapes[10];
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
            struct model_spec spec = case_spec(shape, (enum family)f, 0.25,
                                               PATTERN_ALL);
            run_threshold(&spec, shape, &kernels_counting16, at[i],
                          "threshold");
        }
}

/* One token at a time, after a prefill: capacity, and how many of the sequences
 * a layer skips, case_vary from step to step. */
static void decode(const struct model_spec *spec, const struct shape *shape,
                   const struct kernels *kernels, const char *what)
{
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    struct model_options options = {
        .n_sequences = shape->n_sequences, .n_tokens = shape->n_tokens,
        .decode = true, .n_threads = 1, .kernels = kernels,
    };
    struct model *model = case_model(spec, &options, 1);
    case_text(ids, targets, MAX_TOKENS, shape->n_vocab, 3);
    for (int32_t l = 0; l < spec->n_layers; l++)
        model_thresholds(model)[l] = 0.2f;
    struct model_input prefill = {
        .ids = ids, .n_sequences = shape->n_sequences, .n_tokens = 3,
        .policy = case_policy("threshold"), .cache = true,
    };
    struct witness w = witness(what);
    model_decode_reset(model);
    w.at_end = counting_flops;
    model_forward(model, &prefill, &w.meter, NULL);
    for (int32_t t = 3; t < shape->n_tokens; t++)
        model_decode(model, &(struct decode_input){
            .ids = ids + t * shape->n_sequences }, &w.meter);
    model_close(model);
}

Test(counting, decode_steps)
{
    static const struct kernels *const all[] = {
        &kernels_counting4, &kernels_counting8, &kernels_counting16,
    };
    static const int tried[] = { 2, 8, 9, 10, 19 };
    for (int k = 0; k < 3; k++)
        for (int f = 0; f < FAMILY_COUNT; f++)
            for (size_t i = 0; i < sizeof tried / sizeof *tried; i++) {
                const struct shape *shape = &shapes[tried[i]];
                struct model_spec spec = case_spec(
                    shape, (enum family)f, i % 4 ? 0.25 : 0.0, PATTERN_ALL);
                case_vary(&spec, (int)i + k);
                decode(&spec, shape, all[k], all[k]->name);
            }
}

Test(counting, mixtures_of_experts)
{
    static const struct kernels *const all[] = {
        &kernels_counting4, &kernels_counting8, &kernels_counting16,
    };
    for (int i = 0; i < N_EXPERT_CASES; i++) {
        char what[CASE_NAME_SIZE];
        const struct shape *shape;
        const struct model_spec spec = case_experts(&shape, what, i);
        if (!spec_experts_choose(&spec))     /* no step is theirs */
            decode(&spec, shape, all[i % 3], what);
        run_case(&spec, shape, all[i % 3], "expert_choice", what);
    }
}

Test(counting, layers_that_share_weights)
{
    static const struct kernels *const all[] = {
        &kernels_counting4, &kernels_counting8, &kernels_counting16,
    };
    for (int i = 0; i < N_RECURSION_CASES; i++) {
        char what[CASE_NAME_SIZE];
        const struct shape *shape;
        const struct model_spec spec = case_recursion(&shape, what, i);
        if (spec_n_routed(&spec) == 0)
            decode(&spec, shape, all[i % 3], what);
        run_case(&spec, shape, all[i % 3], "expert_choice", what);
        const struct model_spec nested = case_nested(&shape, what, i);
        run_case(&nested, shape, all[i % 3], "expert_choice", what);
        struct model_spec depths = case_depths(&shape, what, i);
        route_settle(&depths, case_policy("token_choice"), 0);
        run_case(&depths, shape, all[i % 3], "token_choice", what);
        struct model_spec lent = case_lent(&shape, what, i);
        route_settle(&lent, case_policy("threshold"), 0);
        run_case(&lent, shape, all[i % 3], "threshold", what);
        const struct model_spec both = case_recursed_experts(&shape, what, i);
        run_case(&both, shape, all[i % 3], "expert_choice", what);
        struct model_spec output = i % 2 ? depths : nested;
        output.gates_output = true;
        output.gate = i % 2 ? GATE_RAW : (enum gate)(i / 2 % GATE_ONE);
        run_case(&output, shape, all[i % 3],
                 i % 2 ? "token_choice" : "expert_choice", what);
    }
}

/* Kept by position alone: now several, now none of a step. */
static bool now_and_then(const struct route_input *in, int32_t t)
{
    return (t * 7 + in->choice * 3 + in->sequence * 5) % 11 < 4;
}

static int32_t choose_now_and_then(const struct route_input *in, int32_t *kept)
{
    int32_t n = 0;
    for (int32_t t = 0; t < in->n_tokens; t++)
        if (now_and_then(in, t))
            kept[n++] = t;
    return n;
}

static const struct route_policy some = {
    .name = "some", .choose = choose_now_and_then, .causal = true,
    .keep = now_and_then,
};

/* Sequences of unlike lengths, at once and then step by step until the longest
 * is full; those before it stop earlier. */
static uint64_t routed(const struct model_spec *spec, const struct shape *shape,
                       const struct kernels *kernels, const char *what)
{
    int32_t ids[MAX_TOKENS], targets[MAX_TOKENS];
    int32_t length[8], b = shape->n_sequences, t = shape->n_tokens;
    bool active[8];
    struct model_options options = {
        .n_sequences = b, .n_tokens = t, .decode = true, .n_threads = 1,
        .kernels = kernels,
    };
    struct model *model = case_model(spec, &options, 1);
    case_text(ids, targets, MAX_TOKENS, shape->n_vocab, 3);
    for (int32_t i = 0; i < b; i++)
        length[i] = 1 + (t - 3) / (i + 1);
    model_decode_reset(model);
    struct witness w = witness(what);
    model_forward(model, &(struct model_input){
        .ids = ids, .n_sequences = b, .n_tokens = t, .length = length,
        .policy = &some, .cache = true, .last_only = true }, &w.meter, NULL);
    for (int32_t step = length[0]; step < t; step++) {
        for (int32_t i = 0; i < b; i++)
            active[i] = i == 0 || step + i < t;
        model_decode(model, &(struct decode_input){
            .ids = ids + step, .active = active, .policy = &some }, &w.meter);
    }
    model_close(model);
    return w.n_ops;
}

/* What spec_check() refuses of a family: test_families.c. */
static bool cannot(const struct model_spec *spec, int part, int keys, int signal)
{
    const bool parallel = spec->traits.parallel != PARALLEL_NONE;

    return (parallel && part != PART_BLOCK) ||
           signal == SIGNAL_CONFIDENCE ||          /* leaving, above */
           ((parallel || !spec_norms_before(spec)) &&
            keys == SKIPPED_KEYS_COMPUTED) ||
           (spec->attention_cap > 0.0f && signal == SIGNAL_RECEIVED);
}

Test(counting, every_part_every_signal_and_all_treatments_of_keys)
{
    static const struct kernels *const all[] = {
        &kernels_counting4, &kernels_counting8, &kernels_counting16,
    };
    static const int tried[] = { 2, 9, 10, 15 };   /* two layers or three */
    uint64_t ops = 0;
    int i = 0;
    for (int f = 0; f < FAMILY_COUNT; f++)
        for (int p = 0; p < PART_COUNT; p++)
            for (int k = 0; k < SKIPPED_KEYS_COUNT; k++)
                for (int s = 0; s < SIGNAL_COUNT; s++, i++) {
                    const struct shape *shape = &shapes[tried[i % 4]];
                    struct model_spec spec = case_spec(
                        shape, (enum family)f, 0.3, PATTERN_ODD);
                    char what[160];
                    if ((p == PART_FFN && k != SKIPPED_KEYS_ABSENT) ||
                        (p == PART_APART && s == SIGNAL_RECEIVED) ||
                        cannot(&spec, p, k, s))
                        continue;
                    spec.part = (enum routed_part)p;
                    spec.skipped_keys = (enum skipped_keys)k;
                    spec.router_trained = false;
                    spec.signal = (enum signal)s;
                    if (s != SIGNAL_NONE || (p == PART_APART && i % 2)) {
                        spec.gate = GATE_ONE;
                        spec.router_scores = false;
                    }
                    snprintf(what, sizeof what, "%s, %s, keys %s, signal %s",
                             family_names[f], part_names[p],
                             skipped_keys_names[k], signal_names[s]);
                    ops += routed(&spec, shape, all[i % 3], what);
                }
    cr_log_info("%llu ops compared", (unsigned long long)ops);
    cr_assert(gt(u64, ops, 5000));
}

/* The device itself, on work whose number is known without it. */
Test(counting, counts_products_and_elementary_functions_right)
{
    enum { M = 3, N = 5, K = 7 };
    static float a[M * K], b[K * N], c[M * N], scratch[1 << 20];
    struct gemm g = { .m = M, .n = N, .k = K, .a = a, .a_row = K, .a_k = 1,
                      .b = b, .b_k = N, .b_col = 1, .c = c, .c_row = N };
    const struct kernels *k = &kernels_counting16;
    cr_assert(k->gemm_scratch(N) <= sizeof scratch / sizeof *scratch);
    uint64_t before = counting_flops;
    k->gemm(&g, 0, 1, scratch);
    cr_assert(eq(u64, counting_flops - before, 2 * M * N * K));

    /* GELU is EXP + 6, SwiGLU EXP + 3, on whole vectors and on single numbers;
     * their backward passes EXP + 14 and EXP + 9. */
    enum { WIDTH = 19 };
    static float x[2 * WIDTH], d[2 * WIDTH], out[2 * WIDTH];
    before = counting_flops;
    k->gelu(x, out, WIDTH, 0, 1);
    cr_assert(eq(u64, counting_flops - before, WIDTH * (18 + 6)));
    before = counting_flops;
    k->gelu_backward(x, d, out, WIDTH, 0, 1);
    cr_assert(eq(u64, counting_flops - before, WIDTH * (18 + 14)));
    before = counting_flops;
    k->swiglu(x, out, 1, WIDTH, 0, 1);
    cr_assert(eq(u64, counting_flops - before, WIDTH * (18 + 3)));
    before = counting_flops;
    k->swiglu_backward(x, d, out, 1, WIDTH, 0, 1);
    cr_assert(eq(u64, counting_flops - before, WIDTH * (18 + 9)));

    /* By the error function EXP + 17 and EXP + 23; GeGLU EXP + 7 and EXP + 16; a
     * cap EXP + 4. */
    before = counting_flops;
    k->gelu_erf(x, out, WIDTH, 0, 1);
    cr_assert(eq(u64, counting_flops - before, WIDTH * (18 + 17)));
    before = counting_flops;
    k->gelu_erf_backward(x, d, out, WIDTH, 0, 1);
    cr_assert(eq(u64, counting_flops - before, WIDTH * (18 + 23)));
    before = counting_flops;
    k->relu(x, out, WIDTH, 0, 1);
    k->relu_backward(x, d, out, WIDTH, 0, 1);
    cr_assert(eq(u64, counting_flops - before, 0));
    before = counting_flops;
    k->geglu(x, out, 1, WIDTH, 0, 1);
    cr_assert(eq(u64, counting_flops - before, WIDTH * (18 + 7)));
    before = counting_flops;
    k->geglu_backward(x, d, out, 1, WIDTH, 0, 1);
    cr_assert(eq(u64, counting_flops - before, WIDTH * (18 + 16)));
    before = counting_flops;
    k->cap(out, WIDTH, 3.0f, 0, 1);
    cr_assert(eq(u64, counting_flops - before, WIDTH * (18 + 4)));

    /* The loss of one logit: subtract the largest, exp, add it to a sum that was
     * folded, log, and two subtractions. */
    int32_t target[1] = { 0 };
    float nats[1], stats[2];
    struct loss loss = { .n = 1, .width = 1, .logits = x, .target = target,
                         .nats = nats, .stats = stats };
    before = counting_flops;
    k->loss(&loss, 0, 1);
    cr_assert(eq(u64, counting_flops - before, 1 + 18 + 1 + 15 + 27 + 2));
}
