/* test_run_rule.c - A rule that a model cannot follow, or that makes no choice
 * where choices are looked at, is refused by every command alike. */
#include <criterion/criterion.h>

#include "tests/cli.h"

TestSuite(run_rule, .init = set_up, .fini = leave_directory);

/* Each takes a model, a text and a rule, and what else it cannot do without. */
static const struct { const char *name, *flag, *value; } commands[] = {
    { "run", "--limit", "99" }, { "router", "--limit", "99" },
    { "regret", "--windows", "1" }, { "sensitivity", "--limit", "99" },
    { "route-table", "-o", "x" }, { "route-trace", "-o", "x" },
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void train_a(void)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "train.judge_windows=0"), 0));
}

static int asked(int c, const char *policy)
{
    return ISOBATH(commands[c].name, "a", "--text", "text", "-q", "--policy",
                   policy, commands[c].flag, commands[c].value);
}

static void expect_refused(int first, const char *policy, const char *why)
{
    for (int c = first; c < N_COMMANDS; c++) {
        cr_expect(eq(int, asked(c, policy), 2), "%s --policy %s",
                  commands[c].name, policy);
        expect_said("stderr", why);
        cr_expect(not(there("x")));
    }
}

Test(run_rule, a_predictor_must_have_been_trained)
{
    train_a();
    expect_refused(0, "predictor", "--policy predictor: it goes by a"
                   " predictor, and a has none; training with"
                   " routing.predictor makes one");
}

/* `run` alone takes it: a routed model that skips nothing. */
Test(run_rule, a_rule_without_choices_leaves_none_to_look_at)
{
    train_a();
    cr_expect(eq(int, asked(0, "dense"), 0));
    expect_refused(1, "dense", "--policy dense: it routes nothing, which"
                   " leaves no choice to look at; allowed here are the others");
}

/* `run` alone can follow a trace: the others have their own windows. */
Test(run_rule, the_choices_of_a_trace_are_not_looked_at)
{
    train_a();
    cr_assert(eq(int, ISOBATH("route-trace", "a", "--text", "text", "-q", "-o",
                              "t"), 0));
    for (int c = 1; c < N_COMMANDS; c++) {
        cr_expect(eq(int, ISOBATH(commands[c].name, "a", "--text", "text", "-q",
            "--set", "routing.policy=replay", "--set", "routing.replay=t",
            commands[c].flag, commands[c].value), 2), "%s", commands[c].name);
        expect_said("stderr", "a: it is to replay a trace, whose choices are"
                    " not the model's own; allowed here is another rule");
    }
    cr_expect(eq(int, ISOBATH("router", "a", "--text", "text", "-q", "--set",
        "routing.policy=replay", "--set", "routing.replay=t", "--policy",
        "drawn"), 2));
}

Test(run_rule, without_a_text_the_flag_is_named)
{
    train_a();
    for (int c = 1; c < N_COMMANDS; c++) {
        cr_expect(eq(int, ISOBATH(commands[c].name, "a", commands[c].flag,
                                  commands[c].value), 2));
        expect_said("stderr", "--text FILE, or run.text, is missing: the text"
                    " to ");
    }
    put_file("job.yaml", "run: {model: a}\n");
    cr_expect(eq(int, ISOBATH("run", "job.yaml"), 2));
    expect_said("stderr", "--text FILE");
}

/* Whom nested choices keep is shown, counted and recorded; a choice that decides who
 * is there for later ones is not changed alone. */
Test(run_rule, nested_choices_are_looked_at_and_not_changed_one_by_one)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
        "train.judge_windows=0", "--set", "model.layers=4", "--set",
        "model.recursions=3", "--set", "model.recursion_first=1", "--set",
        "routing={nested: true, blocks: \"2,3\", capacity: [0.67, 0.33]}"), 0));
    for (int c = 0; c < N_COMMANDS; c++) {
        const bool alone = strcmp(commands[c].name, "regret") == 0 ||
                           strcmp(commands[c].name, "sensitivity") == 0;
        cr_expect(eq(int, asked(c, "threshold"), alone ? 2 : 0), "%s",
                  commands[c].name);
        if (alone)
            expect_said("stderr", "a: its blocks choose among the tokens of the"
                        " block before (routing.nested)");
        cr_expect(remove("x") == 0 || !there("x"));
    }
}
