/* test_wrong_prediction.c - Let the formulas be wrong by one flop: every
 * command that counts work has to fail and to name the cell. */
#include <criterion/criterion.h>

#include "sim/commands/commands.h"
#include "sim/price/predict.h"
#include "tests/cli.h"

/* The linker puts the __wrap functions in place of the real ones: see the
 * Makefile. */
enum status __real_predict_forward(struct ledger *ledger,
    const struct predict_job *job, unsigned with, struct predict_range *range,
    struct error *err);
enum status __wrap_predict_forward(struct ledger *ledger,
    const struct predict_job *job, unsigned with, struct predict_range *range,
    struct error *err);
enum status __real_predict_train_step(struct ledger *ledger,
    const struct predict_job *job, struct predict_range *range,
    struct error *err);
enum status __wrap_predict_train_step(struct ledger *ledger,
    const struct predict_job *job, struct predict_range *range,
    struct error *err);

/* The cell that is predicted to hold one flop more than it does. */
static struct ledger_key wrong = { PASS_FORWARD, 1, LEDGER_SHARED, OP_QKV };

static enum status one_more(enum status status, struct ledger *ledger)
{
    struct cost flop = cost_zero(PROV_PREDICTED);

    cost_set_count(&flop, METRIC_FLOPS, 1, PROV_PREDICTED);
    return status ? status : ledger_charge(ledger, wrong, &flop);
}

enum status __wrap_predict_forward(struct ledger *ledger,
    const struct predict_job *job, unsigned with, struct predict_range *range,
    struct error *err)
{
    return one_more(__real_predict_forward(ledger, job, with, range, err),
                    ledger);
}

enum status __wrap_predict_train_step(struct ledger *ledger,
    const struct predict_job *job, struct predict_range *range,
    struct error *err)
{
    return one_more(__real_predict_train_step(ledger, job, range, err),
                    ledger);
}

/* The exit code of a command that runs in a process of its own. */
static int outcome(const struct command *command,
                   const char *const *arguments)
{
    char *argv[MOST_ARGUMENTS] = { 0 };
    int argc = 0;

    for (; arguments[argc]; argc++)
        argv[argc] = strdup(arguments[argc]);
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) {
        if (!freopen("stdout", "w", stdout) || !freopen("stderr", "w", stderr))
            _exit(99);
        int code = command_run(command, argc, argv);
        fflush(NULL);
        _exit(code);
    }
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return finish(child);
}

#define OUTCOME(command, ...) \
    outcome(&command, ARGUMENTS(__VA_ARGS__, "--threads", "1"))
#define PROFILE(phase, ...)                                                   \
    OUTCOME(profile_command, "profile", "model.yaml", "-o", "out",             \
            "--tokens", "16", "--steps", "2", "-r", "1", "-p", phase,          \
            __VA_ARGS__)

static void expect_named(const char *where)
{
    char want[128];

    snprintf(want, sizeof want, "counted is not predicted: %s: predicted ",
             where);
    expect_said("stderr", want);
    expect_said("stderr", " flops, counted ");
}

/* A training run's config, and a model's alone. */
static void set_up_models(void)
{
    set_up();
    put_file("model.yaml",
             "model: {family: llama, layers: 2, channels: 16, heads: 2,"
             " max_tokens: 64}\nrouting: {capacity: 0.25}\n");
}

TestSuite(wrong_prediction, .init = set_up_models, .fini = leave_directory);

Test(wrong_prediction, profile_fails_and_writes_what_it_measured)
{
    cr_expect(eq(int, PROFILE("prefill", "--seed", "2"), 1));
    expect_named("prefill, dense, forward, layer 1, qkv");
    cr_expect(there("out/summary.json"));
    cr_expect(there("out/ledger_prefill.csv"));
}

Test(wrong_prediction, profile_fails_quietly_too)
{
    cr_expect(eq(int, PROFILE("prefill", "--quiet"), 1));
    expect_named("prefill, dense, forward, layer 1, qkv");
}

Test(wrong_prediction, profile_fails_under_validation_too)
{
    cr_expect(eq(int, PROFILE("prefill", "--validate"), 1));
    expect_named("prefill, dense, forward, layer 1, qkv");
    expect_said("stdout", "OUTSIDE: prefill, dense, flops of qkv");
}

/* The first of its phases that differs is named. */
Test(wrong_prediction, profile_fails_in_training)
{
    cr_expect(eq(int, PROFILE("train,decode", "--quiet"), 1));
    expect_named("train step, dense, forward, layer 1, qkv");
}

Test(wrong_prediction, a_cell_outside_the_layers_is_called_so)
{
    wrong = (struct ledger_key){ PASS_FORWARD, LEDGER_OUTSIDE, LEDGER_SHARED,
                                 OP_NORM };
    cr_expect(eq(int, PROFILE("prefill", "--quiet"), 1));
    expect_named("prefill, dense, forward, outside the layers, norm");
}

Test(wrong_prediction, train_fails)
{
    cr_expect(eq(int, OUTCOME(train_command, "train", "run.yaml", "-o", "out",
        "--quiet", "--set", "train.judge_windows=0"), 1));
    expect_named("forward, layer 1, qkv");
}

Test(wrong_prediction, run_fails_on_a_text_and_on_a_prompt)
{
    cr_expect(eq(int, OUTCOME(run_command, "run", "model.yaml", "--text",
        "text", "--quiet"), 1));
    expect_named("forward, layer 1, qkv");
    cr_expect(eq(int, OUTCOME(run_command, "run", "model.yaml", "--prompt",
        "In the beginning", "-n", "2", "--quiet", "--policy", "dense"), 1));
    expect_named("forward, layer 1, qkv");
}
