/* test_replay.c - Record what a model keeps of a text, and train by it: each
 * window by the answers of its positions, to the same bits on every way. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "models/training/trainer.h"
#include "sim/core/ledger/agreement.h"
#include "sim/core/model/plan.h"
#include "sim/price/predict.h"
#include "tests/cases.h"
#include "tests/cli.h"

TestSuite(replay, .init = set_up, .fini = leave_directory);

/* ---- steps ---- */

static const struct shape tiny = { .n_channels = 16, .n_heads = 2,
    .n_kv_heads = 1, .head_size = 8, .n_ffn = 24, .n_vocab = 256, .n_layers = 3,
    .n_sequences = 3, .n_tokens = 16 };

struct run {
    struct corpus corpus;
    struct text_trace *trace;
    struct trainer *trainer;
    struct model_spec spec;
    struct trainer_options options;
};

/* About 2 of 5 positions, others for each layer. */
static bool is_kept(int32_t layer, int64_t position)
{
    return random_mix((uint64_t)layer, (uint64_t)position, 0, 1) % 5 < 2;
}

static struct text_trace *trace_of(const struct corpus *corpus,
                                   const struct model_spec *spec,
                                   const char *rule)
{
    struct text_trace_head head = { .positions = data_positions(
                                        corpus->data[0]),
                                    .window = tiny.n_tokens, .held_out = 1 };
    struct text_trace *trace = NULL;
    struct allocation a;

    strcpy(head.rule, rule);
    cr_assert(eq(int, text_trace_open(&trace, &head, spec, NULL), STATUS_OK));
    cr_assert(eq(int, allocation_open(&a, spec->n_layers, 1, tiny.n_tokens,
                                      NULL), STATUS_OK));
    for (int64_t start = 0; start + tiny.n_tokens <= head.positions;
         start += tiny.n_tokens) {
        for (int32_t l = 0; l < spec->n_layers; l++) {
            int32_t n = 0;
            for (int32_t t = 0; t < tiny.n_tokens; t++)
                if (is_kept(l, start + t))
                    allocation_kept(&a, l, 0)[n++] = t;
            a.count[l] = n;
        }
        text_trace_note(trace, &a, 0, start, 0);
    }
    allocation_close(&a);
    return trace;
}

static void open_trainer(struct run *run)
{
    struct error err = { STATUS_OK, "" };
    cr_assert(eq(int, trainer_open(&run->trainer, &run->spec, &run->options,
                                   &run->corpus, "0123456789abcdef", &err),
                 STATUS_OK), "%s", err.text);
}

/* Layers 1 and 2 of 3 are routed, with that gate. */
static struct run opened(enum gate gate, int n_threads, const char *rule)
{
    struct run run = { .options = {
        .n_sequences = tiny.n_sequences, .n_tokens = tiny.n_tokens,
        .steps = 12, .schedule = { .peak = 1e-2, .warmup = 0.1 },
        .beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-8, .weight_decay = 0.1,
        .clip = 1.0, .judge_every = 5, .curve_windows = 3, .seed = 7,
        .n_threads = n_threads, .policy = case_policy("replay") } };
    const struct config_paths text = { .n = 1, .value = { "text" } };

    cr_assert(eq(int, corpus_open(&run.corpus, &text,
                                  &(struct config_real_list){ 0 },
                                  tiny.n_tokens, NULL, DATA_HELD_OUT, NULL),
                 STATUS_OK));
    run.spec = case_spec(&tiny, FAMILY_LLAMA, 0.4, PATTERN_ALL);
    run.spec.routed[0] = false;
    run.spec.capacity[0] = 1.0;
    run.spec.gate = gate;
    run.spec.router_scores = run.spec.router_trained = gate != GATE_ONE;
    route_settle(&run.spec, run.options.policy, 0);
    run.trace = trace_of(&run.corpus, &run.spec, rule);
    run.options.trace = run.trace;
    run.options.predicted = case_ledger(run.spec.n_layers, 0, PROV_PREDICTED);
    open_trainer(&run);
    return run;
}

static void close_run(struct run *run)
{
    trainer_close(run->trainer);
    ledger_close(run->options.predicted);
    text_trace_close(run->trace);
    corpus_close(&run->corpus);
}

static void take_steps(struct run *run, int n)
{
    struct error err = { STATUS_OK, "" };

    for (int i = 0; i < n; i++) {
        cr_assert(eq(int, trainer_step(run->trainer, &err), STATUS_OK), "%s",
                  err.text);
        const struct predict_job job = {
            .spec = &run->spec,
            .allocation = model_allocation(trainer_model(run->trainer)) };
        cr_assert(eq(int, predict_train_step(run->options.predicted, &job,
                                             NULL, NULL), STATUS_OK));
    }
}

/* The windows of a step, drawn once more, begin where its routes say. */
Test(replay, a_step_keeps_what_was_kept_at_its_positions)
{
    static const enum gate gates[] = { GATE_ONE, GATE_SIGMOID2 };
    int32_t ids[3 * 16], targets[3 * 16];
    int64_t start[3];

    for (int g = 0; g < 2; g++) {
        struct run run = opened(gates[g], 1, "threshold");
        for (int step = 0; step < 4; step++) {
            struct random random = trainer_state(run.trainer)->random;
            corpus_batch(&run.corpus, &random, 3, 16, start, ids, targets);
            take_steps(&run, 1);
            const struct allocation *a =
                model_allocation(trainer_model(run.trainer));
            for (int32_t l = 0; l < 3; l++)
                for (int32_t b = 0; b < 3; b++)
                    for (int32_t t = 0, k = 0; t < 16; t++) {
                        const bool is = k < allocation_count(a, l, b) &&
                                        allocation_kept(a, l, b)[k] == t;
                        cr_assert(eq(int, is, l == 0 ||
                                              is_kept(l, start[b] + t)));
                        k += is;
                    }
        }
        close_run(&run);
    }
}

static void expect_same(const struct run *a, const struct run *b)
{
    struct model *x = trainer_model(a->trainer), *y = trainer_model(b->trainer);
    const size_t bytes = model_tensors(x)->floats * sizeof(float);
    struct disagreement first;

    cr_expect(memcmp(model_weights(x), model_weights(y), bytes) == 0);
    cr_expect(agreement(trainer_state(a->trainer)->counted,
                        trainer_state(b->trainer)->counted, &first));
}

Test(replay, resumed_and_on_more_threads_it_is_the_same_run)
{
    struct run whole = opened(GATE_ONE, 1, "threshold");
    struct run parts = opened(GATE_ONE, 1, "threshold");
    struct run threads = opened(GATE_ONE, 3, "threshold");
    struct disagreement first;
    struct error err = { STATUS_OK, "" };

    take_steps(&whole, 12);
    take_steps(&threads, 12);
    take_steps(&parts, 7);
    cr_assert(eq(int, trainer_save(parts.trainer, "state", &err), STATUS_OK));
    trainer_close(parts.trainer);
    ledger_clear(parts.options.predicted);
    open_trainer(&parts);
    cr_assert(eq(int, trainer_resume(parts.trainer, "state", &err),
                 STATUS_OK), "%s", err.text);
    take_steps(&parts, 5);
    expect_same(&whole, &parts);
    expect_same(&whole, &threads);
    /* What a step costs goes by its routes. */
    cr_expect(agreement(parts.options.predicted,
                        trainer_state(parts.trainer)->counted, &first));
    close_run(&threads);
    close_run(&parts);
    close_run(&whole);
}

/* A choice that looks ahead stays one. */
Test(replay, it_is_as_causal_as_the_rule_that_was_recorded)
{
    struct run causal = opened(GATE_ONE, 1, "threshold");
    struct run ahead = opened(GATE_ONE, 1, "expert_choice");

    cr_expect(trainer_causal_policy(causal.trainer) == case_policy("replay"));
    cr_expect(trainer_causal_policy(ahead.trainer) == NULL);
    close_run(&ahead);
    close_run(&causal);
}

/* ---- the program ---- */

#define REPLAY "--set", "routing.policy=replay", "--set",                      \
               "routing.capacity=1", "--set", "routing.gate=one"

static void record(const char *model, const char *out)
{
    cr_assert(eq(int, STARTED("route-trace", model, "--text", "text", "-o",
                              out, "-q"), 0), "%s", read_file("stderr", NULL));
}

/* The held-out text is judged by what the recorded model itself keeps of it. */
Test(replay, a_model_trains_by_what_another_kept)
{
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "a", "-q"), 0));
    record("a", "a.trace");
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "b", "-q", REPLAY,
                              "--set", "routing.replay=a.trace"), 0), "%s",
              read_file("stderr", NULL));
    json_t *a = summary_of("a"), *b = summary_of("b");
    cr_expect_str_eq(json_string_value(at(a, "loss.causal_rule")), "threshold");
    cr_expect_str_eq(json_string_value(at(b, "loss.causal_rule")), "replay");
    cr_expect_str_eq(json_string_value(at(b, "routing.replayed_rule")),
                     "threshold");
    const bool agreed = json_is_true(at(b, "counted_equals_predicted"));
    cr_expect(agreed);
    cr_expect(eq(dbl, number_at(b, "routing.capacity_realised"),
                 number_at(a, "routing.capacity_realised")));
    cr_expect(isfinite(number_at(b, "loss.heldout_causal")));
    json_decref(b);
    json_decref(a);
    /* Done is done; the same bits come again, on two threads; and a trace of
     * other choices is another run. */
    cr_expect(eq(int, STARTED("train", "run.yaml", "-o", "b", "-q", "--resume",
                              REPLAY, "--set", "routing.replay=a.trace"), 0));
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "c", "-q", REPLAY,
                              "--set", "routing.replay=a.trace", "--threads",
                              "2"), 0));
    expect_same_file("b/model.safetensors", "c/model.safetensors");
    cr_assert(eq(int, STARTED("route-trace", "a", "--text", "text", "-o",
                              "ahead.trace", "-q", "--policy",
                              "expert_choice"), 0));
    cr_expect(eq(int, STARTED("train", "run.yaml", "-o", "b", "-q", "--resume",
                              REPLAY, "--set", "routing.replay=ahead.trace"),
                 2));
    expect_said("stderr", "holds a finished run of another config");
}

/* And with the router's gate in place of one, whose router learns. */
Test(replay, a_choice_that_was_recorded_goes_with_any_gate)
{
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "a", "-q"), 0));
    record("a", "a.trace");
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "b", "-q", "--set",
                              "routing={policy: replay, capacity: 1, replay:"
                              " a.trace}"), 0), "%s",
              read_file("stderr", NULL));
    json_t *b = summary_of("b");
    const bool agreed = json_is_true(at(b, "counted_equals_predicted"));
    cr_expect(agreed);
    cr_expect_str_eq(json_string_value(at(b, "routing.gate")), "2*sigmoid");
    json_decref(b);
    /* Scored without its trace: by another rule, and by no other. */
    cr_expect(eq(int, ISOBATH("run", "b", "--text", "text", "-q"), 2));
    expect_said("stderr", "routing.policy replay: give the trace");
    cr_expect(eq(int, ISOBATH("run", "b", "--text", "text", "-q", "--twin"),
                 2));
    cr_expect(eq(int, ISOBATH("run", "b", "--text", "text", "-q", "-o", "r",
                              "--policy", "threshold"), 0));
    b = summary_of("r");
    cr_expect(eq(sz, json_array_size(at(b, "loss.rules")), 1));
    json_decref(b);
}

static void expect_refused(const char *trace, const char *setting,
                           const char *why)
{
    char replay[PATH_SIZE];

    snprintf(replay, sizeof replay, "routing.replay=%s", trace);
    cr_expect(eq(int, STARTED("train", "run.yaml", "-o", "x", "-q", REPLAY,
                              "--set", replay, "--set", setting), 2), "%s",
              why);
    expect_said("stderr", why);
    cr_expect(not(there("x/model.safetensors")));
}

Test(replay, what_is_of_something_else_is_refused)
{
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "a", "-q"), 0));
    record("a", "a.trace");
    cr_assert(eq(int, system("cp text other && echo a >>other &&"
                             " head -c 900 a.trace >cut.trace"), 0));
    expect_refused("a.trace", "data.path=other", "a.trace is of another text");
    expect_refused("a.trace", "data.tokens=16", "was made in windows of 32"
                   " tokens, and data.tokens is 16");
    expect_refused("a.trace", "data.held_out=0.2", "was made with 0.1 of the"
                   " text held out, and data.held_out is 0.2");
    expect_refused("a.trace", "data.path=[text, other]", "a trace is of one"
                   " text, and data.path has 2");
    expect_refused("a.trace", "model.layers=4", "of a model of 2 layers;"
                   " allowed is one of a model of 4");
    expect_refused("a.trace", "routing.part=ffn", "made with its routing.part"
                   " ffn");
    expect_refused("a.trace", "routing.capacity_warmup=0.5", "under replay the"
                   " trace says who is kept");
    expect_refused("cut.trace", "train.seed=1", "cut.trace: 900 bytes");
    /* A run's own trace holds windows that no training draws. */
    cr_assert(eq(int, STARTED("run", "a", "--text", "text", "--limit", "64",
                              "-o", "r", "-q"), 0));
    expect_refused("r/trace.csv", "train.seed=1", "not a text's trace, as"
                   " isobath route-trace writes it");
}

/* Scored again, the held-out text costs the run what it cost the training; with
 * the recorded model's own weights and choices it is its loss. */
Test(replay, a_split_is_scored_by_the_trace_of_its_text)
{
#define SCORED "--text", "text", "--split", "validation", "-q", "--set",       \
               "routing.policy=replay", "--set", "routing.replay=a.trace"
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "a", "-q", "--set",
                              "train.judge_windows=0"), 0));
    record("a", "a.trace");
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "b", "-q", REPLAY,
                              "--set", "routing.replay=a.trace", "--set",
                              "train.judge_windows=0"), 0));
    for (const char *const *name = (const char *const[]){ "a", "b", NULL };
         *name; name++) {
        cr_assert(eq(int, STARTED("run", *name, "-o", "r", SCORED), 0), "%s",
                  read_file("stderr", NULL));
        json_t *run = summary_of("r"), *trained = summary_of(*name);
        cr_expect(fabs(number_at(run, "loss.heldout_topk") -
                       number_at(trained, "loss.heldout_causal")) < 1e-5);
        json_decref(trained);
        json_decref(run);
        cr_assert(eq(int, system("rm -r r"), 0));
    }
    cr_expect(eq(int, ISOBATH("run", "a", "-q", "--text", "text", "--set",
                              "routing.policy=replay", "--set",
                              "routing.replay=a.trace"), 2));
    expect_said("stderr", "a.trace: a text's trace is replayed on a part of the"
                " text; give --split");
    cr_expect(eq(int, ISOBATH("run", "a", SCORED, "--window", "16"), 2));
    expect_said("stderr", "a.trace: of windows of 32 bytes with 0.1 held out;"
                " these are of 16 bytes");
    cr_assert(eq(int, system("echo a >>text"), 0));
    cr_expect(eq(int, ISOBATH("run", "a", SCORED), 2));
    expect_said("stderr", "a.trace: of another text");
}

Test(replay, another_share_is_held_out_where_it_is_asked_for)
{
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "a", "-q"), 0));
    cr_assert(eq(int, STARTED("route-trace", "a", "--text", "text", "-o",
                              "a.trace", "-q", "--held-out", "0.3",
                              "--window", "16"), 0));
    cr_expect(eq(int, STARTED("train", "run.yaml", "-o", "b", "-q", REPLAY,
                              "--set", "routing.replay=a.trace", "--set",
                              "data.held_out=0.3", "--set", "data.tokens=16"),
                 0), "%s", read_file("stderr", NULL));
}

/* What looks at a trained model's text afterwards divides it as the training
 * did. */
Test(replay, a_run_says_what_was_held_out_of_its_text)
{
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "a", "-q", "--set",
                              "data.held_out=0.3", "--set",
                              "train.judge_windows=0"), 0));
    record("a", "a.trace");
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "b", "-q", REPLAY,
                              "--set", "routing.replay=a.trace", "--set",
                              "data.held_out=0.3", "--set",
                              "train.judge_windows=0"), 0), "%s",
              read_file("stderr", NULL));
    cr_assert(eq(int, STARTED("run", "b", "-o", "r", SCORED), 0), "%s",
              read_file("stderr", NULL));
    json_t *run = summary_of("r"), *trained = summary_of("b");
    cr_expect(fabs(number_at(run, "loss.heldout_topk") -
                   number_at(trained, "loss.heldout_causal")) < 1e-5);
    cr_expect(eq(dbl, number_at(trained, "config.data.held_out"), 0.3));
    json_decref(trained);
    json_decref(run);
    cr_expect(eq(int, STARTED("run", "a", "-q", "--text", "text", "--split",
                              "train", "--limit", "64"), 0));
}

/* Tokens of a tokenizer, whose windows begin with a token of their own. */
Test(replay, tokens_have_positions_too)
{
    write_tokenizer("tok.bin");
#define TOKENS "--set", "data.tokenizer=tok.bin", "--set", "model.vocab=270"
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "a", "-q", TOKENS),
                 0), "%s", read_file("stderr", NULL));
    record("a", "a.trace");
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "b", "-q", TOKENS,
                              REPLAY, "--set", "routing.replay=a.trace"), 0),
              "%s", read_file("stderr", NULL));
    json_t *a = summary_of("a"), *b = summary_of("b");
    cr_expect(eq(dbl, number_at(b, "routing.capacity_realised"),
                 number_at(a, "routing.capacity_realised")));
    json_decref(b);
    json_decref(a);
    expect_refused("a.trace", "train.seed=1", "is of other tokens of this"
                   " text");
}

Test(replay, route_trace_tells_what_is_wrong)
{
    static const struct { const char *set, *why; } wrong[] = {
        { "run.split=test", "all of the text is recorded" },
        { "run.limit=64", "all of the text is recorded" },
        { "run.skip=64", "all of the text is recorded" },
        { "run.policy=dense", "it routes nothing" },
    };

    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "a", "-q"), 0));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_expect(eq(int, STARTED("route-trace", "a", "--text", "text", "-o",
                                  "x", "-q", "--set", wrong[i].set), 2), "%s",
                  wrong[i].set);
        expect_said("stderr", wrong[i].why);
        cr_expect(not(there("x")));
    }
    cr_expect(eq(int, STARTED("route-trace", "a", "-o", "x"), 2));
    expect_said("stderr", "is missing: the text to record");
    cr_expect(eq(int, STARTED("route-trace", "a", "--text", "text", "-o",
                              "/nowhere/x", "-q"), 2));
}
