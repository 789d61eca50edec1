/* test_overflow.c - Weights that are numbers, and overflow when they are used: no
 * command makes results of that, and each says where. */
#include <criterion/criterion.h>
#include "models/executor/overflow.h"
#include "models/files/checkpoint.h"
#include "models/files/source.h"
#include "tests/cases.h"
#include "tests/cli.h"

TestSuite(overflow, .init = set_up, .fini = leave_directory);

/* ---- one op's rows ---- */

static const int32_t position[] = { 4, 5, 6, 7 };

static int32_t first_of(const float *x, int32_t n, int32_t width,
                        const int32_t *row)
{
    struct overflow first = { .met = false };
    const struct seen_rows seen = { .op = OP_ROUTE, .layer = 2, .n = n,
                                    .width = width, .x = x,
                                    .position = position, .row = row };

    overflow_look(&first, &seen);
    if (first.met)
        cr_expect(first.op == OP_ROUTE && first.layer == 2);
    return first.met ? first.position : -1;
}

Test(overflow, the_first_row_that_holds_no_number_is_named)
{
    const float large = 3.4e38f, x[][4] = {
        { 0.0f, -large, large, 1e-45f },
        { 0.0f, 1.0f, NAN, INFINITY },
        { -INFINITY, 1.0f, 2.0f, NAN },
    };
    const int32_t row[] = { 3, 1 };

    cr_expect(eq(i32, first_of(x[0], 4, 1, NULL), -1));
    cr_expect(eq(i32, first_of(x[1], 4, 1, NULL), 6));
    cr_expect(eq(i32, first_of(x[1], 2, 2, NULL), 5));
    cr_expect(eq(i32, first_of(x[2], 2, 2, row), 7));
    cr_expect(eq(i32, first_of(x[1], 1, 2, NULL), -1));
}

Test(overflow, a_row_that_no_norm_can_scale_is_named)
{
    const float stats[][2] = { { 0.0f, 1.0f }, { 0.0f, 0.0f }, { 0.0f, NAN } };
    const float scales[] = { 2.0f, 1e30f, INFINITY };
    const struct norm layer = { .n = 3, .stats = (float *)(size_t)stats };
    const struct norm rms = { .n = 3, .rms = true,
                              .stats = (float *)(size_t)scales };
    struct overflow first = { .met = false }, other = first;

    overflow_look_normed(&first, 1, &layer, position);
    cr_expect(first.met && first.op == OP_NORM && first.layer == 1);
    cr_expect(eq(i32, first.position, 5));
    overflow_look_normed(&other, 1, &rms, position);
    cr_expect(eq(i32, other.position, 6));
    overflow_look_normed(&first, 0, &rms, position);
    cr_expect(eq(i32, first.layer, 1), "a later one took its place");
}

/* ---- a window ---- */

/* No target is that token, so that each loss is a number. */
Test(overflow, a_logit_of_minus_infinity_is_seen_beside_any_target)
{
    enum { TOKENS = 20, TOKEN = 3 };
    struct model_spec spec = case_spec(&shapes[ROUTER_SHAPE], FAMILY_PHI, 0.0,
                                       PATTERN_ODD);
    const struct model_options options = { .n_sequences = 1, .n_tokens = TOKENS,
                                           .n_threads = 1 };
    struct model *m = case_model(&spec, &options, 1);
    int32_t ids[TOKENS], targets[TOKENS];
    const struct model_input input = { .ids = ids, .targets = targets,
                                       .n_sequences = 1, .n_tokens = TOKENS };
    double loss = NAN;
    char said[OVERFLOW_SIZE];

    for (int t = 0; t < TOKENS; t++)
        ids[t] = targets[t] = 1 + t % 2;
    model_forward(m, &input, NULL, &loss);
    cr_expect(model_overflow(m, said) == NULL);
    const struct tensor *bias = tensor_find(model_tensors(m), -1,
                                            TENSOR_HEAD_BIAS);
    cr_assert(bias != NULL);
    model_weights(m)[bias->offset + TOKEN] = -INFINITY;
    model_forward(m, &input, NULL, &loss);
    cr_expect(isfinite(loss));
    cr_assert(model_overflow(m, said) != NULL);
    cr_expect(eq(str, said, (char *)"op head gives Inf or NaN at position 0"));
    model_close(m);
}

/* ---- all commands ---- */

/* b: the trained model a with a tensor whose numbers are all large. */
static void damage(int32_t layer, enum tensor_id id)
{
    const struct model_options options = { .n_sequences = 1, .n_tokens = 32,
                                           .n_threads = 1 };
    struct source source;
    struct model *m = NULL;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, source_read(&source, "a", NULL, 0, &err), STATUS_OK), "%s",
              err.text);
    cr_assert(eq(int, model_open(&m, &source.spec, &options, &err), STATUS_OK));
    cr_assert(eq(int, source_fill(&source, m, 1, &err), STATUS_OK));
    const struct tensor *t = tensor_find(model_tensors(m), layer, id);
    cr_assert(t != NULL);
    for (size_t i = 0; i < t->n; i++)
        model_weights(m)[t->offset + i] = 3e38f;
    cr_assert(mkdir("b", 0777) == 0 || errno == EEXIST);
    cr_assert(eq(int, checkpoint_export(m, source.routing.policy, "b", &err),
                 STATUS_OK), "%s", err.text);
    model_close(m);
}

#define OF_TEXT "--text", "text", "--window", "32", "--limit", "320"
#define PHASE(name)                                                            \
    ARGUMENTS("profile", m, "--phases", name, "--tokens", "16", "--steps",     \
              "2", "--repeats", "1", "-o", "out", "-q", "--threads", "1")

/* Each command on the model m; what fails says `words`, and writes nothing. */
static void expect_ended(const char *m, int code, const char *words)
{
    char init[32];
    snprintf(init, sizeof init, "train.init=%s", m);
    const char *const *const all[] = {
        ARGUMENTS("run", m, OF_TEXT, "-q"),
        ARGUMENTS("run", m, "--prompt", "abcdefgh", "-n", "4"),
        ARGUMENTS("run", "a", "--against", m, OF_TEXT, "-q"),
        ARGUMENTS("run", "a", "--against", m, "--prompt", "abcd", "-n", "4"),
        PHASE("train"), PHASE("prefill"), PHASE("decode"),
        ARGUMENTS("route-table", m, "--text", "text", "--window", "32", "-o",
                  "t.csv"),
        ARGUMENTS("route-trace", m, "--text", "text", "--window", "32", "-o",
                  "t.trace"),
        ARGUMENTS("router", m, "--positions", "4", OF_TEXT, "-q"),
        ARGUMENTS("regret", m, "--windows", "2", "--positions", "2", OF_TEXT,
                  "-q"),
        ARGUMENTS("sensitivity", m, OF_TEXT, "-q"),
        ARGUMENTS("allocate", m, "--skip", "320", "--sensitivity", "table",
                  "--budget", "flops=95%", OF_TEXT, "-q"),
        ARGUMENTS("train", "more.yaml", "--set", init, "-o", "more", "-q"),
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        cr_assert(system("rm -rf out more t.csv t.trace") == 0);
        const int was = finish(start(all[i], (struct limits){ 0 }));
        char *said = read_file("stderr", NULL);
        cr_expect(was == code, "%s (%zu) ended by %d: %s", *all[i], i, was,
                  said);
        cr_expect(code == 0 || (strstr(said, words) != NULL &&
                                strstr(said, " at position ") != NULL),
                  "%s (%zu), no '%s': %s", *all[i], i, words, said);
        if (code != 0)
            cr_expect(not(there("out/summary.json") ||
                          there("more/summary.json") || there("t.csv") ||
                          there("t.trace")), "%s", *all[i]);
        free(said);
    }
}

Test(overflow, no_command_makes_results_of_weights_that_overflow)
{
    put_file("more.yaml", "data: {path: text, tokens: 32}\n"
                          "train: {steps: 4, judge_windows: 8}\n");
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "train.steps=4"), 0));
    cr_assert(eq(int, ISOBATH("sensitivity", "a", OF_TEXT, "-o", "table", "-q"),
                 0));
    expect_ended("a", 0, "");
    damage(1, TENSOR_ROUTER);
    expect_ended("b", 1, "op route of layer 1 gives Inf or NaN");
    damage(0, TENSOR_DOWN);
    expect_ended("b", 1, " of layer 1 ");
    damage(-1, TENSOR_FINAL_GAMMA);
    expect_ended("b", 1, "op head gives Inf or NaN");
}

Test(overflow, nor_of_drafts)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "train.steps=4", "--set", "routing.policy=dense"),
                 0));
#define DRAFTED "--prompt", "ab", "-n", "8", "--draft-layers", "1"
    cr_expect(eq(int, ISOBATH("run", "a", DRAFTED), 0));
    damage(1, TENSOR_DOWN);
    cr_expect(eq(int, ISOBATH("run", "b", DRAFTED), 1));
    expect_said("stderr", "b: op norm reads Inf, NaN or numbers too large to"
                " square at position ");
}
