/* test_examples.c - Run every example of every command's help, on a small text
 * and with small budgets. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include "sim/commands/commands.h"
#include "tests/cli.h"

enum { LEAST_EXAMPLES = 3 };

/* A command, and what must be there before its examples. */
struct tried {
    const struct command *command;
    const char *before;          /* for sh */
};

#define TRAIN "isobath train demo -o build/run -q;"
static const struct tried tried[] = {
    { &machine_command, "" },
    { &predict_command, "" },
    { &train_command, "" },
    { &run_command, TRAIN },
    { &router_command, TRAIN },
    { &route_table_command, TRAIN },
    { &profile_command, TRAIN },
    { &sweep_command, "" },
    { &report_command, TRAIN
      "isobath train demo -o build/dense -q --set routing.policy=dense;"
      "isobath run build/run --text build/corpus/kjv.txt --limit 512"
      " -o build/score; isobath profile build/run -o build/profile -p prefill"
      " -r 3; isobath sweep capacity-demo -o build/sweep --filter seed=1" },
    { &keys_command, "" },
};
enum { N_TRIED = sizeof tried / sizeof *tried };

/* Configs that train for a moment, where `isobath` finds them. */
static void set_up_small(void)
{
    char line[2 * PATH_SIZE], program[PROGRAM_SIZE], path[2 * PROGRAM_SIZE];

    cr_assert(getcwd(started_in, sizeof started_in) != NULL);
    enter_directory();
    snprintf(line, sizeof line, "mkdir -p build/corpus && cp -r '%s/configs' . &&"
             " sed -i 's/budget_flops: .*/budget_flops: 2e8/;"
             " s/judge_windows: .*/judge_windows: 4/' configs/runs/*.yaml",
             started_in);
    cr_assert(eq(int, system(line), 0));
    write_words("build/corpus/kjv.txt");
    program_path(program);
    *strrchr(program, '/') = '\0';
    snprintf(path, sizeof path, "%s:%s", program, getenv("PATH"));
    setenv("PATH", path, 1);
    setenv("ISOBATH_CONFIGS", "configs", 1);
}

ParameterizedTestParameters(examples, help_shows_what_runs)
{
    static int at[N_TRIED];      /* a process of its own takes no pointers */

    for (int i = 0; i < N_TRIED; i++)
        at[i] = i;
    return cr_make_param_array(int, at, N_TRIED);
}

ParameterizedTest(const int *at, examples, help_shows_what_runs,
                  .init = set_up_small, .fini = leave_directory)
{
    const struct tried *one = &tried[*at];
    const char *text = one->command->examples;
    char *script;
    int n = 0;

    cr_assert(asprintf(&script, "set -eux\n%s\n%s", one->before, text) > 0);
    put_file("examples.sh", script);
    free(script);
    if (system("sh examples.sh >said 2>&1") != 0)
        cr_fail("%s: %s", one->command->name, read_file("said", NULL));
    for (; (text = strstr(text, "  isobath ")); text++)
        n++;
    cr_expect(ge(int, n, LEAST_EXAMPLES), "%s", one->command->name);
}

Test(examples, every_command_is_tried)
{
    int n = 0;

    for (; commands[n]; n++)
        cr_expect(n < N_TRIED && tried[n].command == commands[n], "%s",
                  commands[n]->name);
    cr_expect(eq(int, n, N_TRIED));
}
