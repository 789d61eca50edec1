/* test_examples.c - Run every example of every command's help, of README.md and
 * of the tour, on a small text and with small budgets. */
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
    { &answer_command, "" },
    { &train_command, "" },
    { &run_command, TRAIN },
    { &router_command, TRAIN },
    { &route_table_command, TRAIN },
    { &route_trace_command, TRAIN },
    { &regret_command, TRAIN },
    { &sensitivity_command, TRAIN },
    { &allocate_command, TRAIN "isobath sensitivity build/run --text"
      " build/corpus/kjv.txt --split validation --limit 512"
      " -o build/sensitivity;" },
    { &profile_command, TRAIN },
    { &import_command, "" },
    { &sweep_command, "" },
    { &report_command, TRAIN
      "isobath train demo -o build/dense -q --set routing.policy=dense;"
      "isobath run build/run --text build/corpus/kjv.txt --limit 512"
      " -o build/score; isobath profile build/run -o build/profile -p prefill"
      "; isobath sweep capacity-demo -o build/sweep" },
    { &keys_command, "" },
};
enum { N_TRIED = sizeof tried / sizeof *tried };

/* The program, with less of what can be less. */
static const char smaller[] =
    "isobath() { name=$1; shift; case $name in profile) set -- \"$@\" -r 2 ;;"
    " router|route-table|regret) set -- \"$@\" --limit 2048 ;;"
    " sweep) set -- \"$@\" --filter seed=1 ;; esac;"
    " command isobath $name \"$@\"; }\n";

/* What a test cannot wait for, or must not need. */
static const char *const left_out[] = {
    "isobath machine -o",        /* measures for as long as others disturb it */
    "isobath machine\n",
    "make ",                     /* builds */
    "isobath models", "SmolLM2", "stories260K", "mixed",    /* fetch */
    "isobath corpus",            /* wants packages */
    "isobath demo",              /* takes minutes */
    "--launcher slurm",          /* wants Slurm */
};

static bool is_left_out(const char *command)
{
    bool found = false;
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        found |= strstr(command, left_out[i]) != NULL;
    return found;
}

/* The examples among the lines of a text: behind `indent` blanks, with the lines
 * that a backslash joins; in a table's row, between backquotes.  Those that run
 * go into a script; returns how many there are. */
static int gather(FILE *script, const char *text, const char *indent)
{
    char command[4096];
    int n = 0;

    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        const char *start = line + strlen(indent), *code = strchr(line, '`');
        const char *row = *line == '|' && code && code < line + length ? code + 1
                                                                       : NULL;
        if (row && strncmp(row, "isobath ", 8) && strncmp(row, "python3 ", 8))
            row = NULL;
        if (row) {
            length = strcspn(row, "`");
            snprintf(command, sizeof command, "%.*s\n", (int)length, row);
        } else if (strncmp(line, indent, strlen(indent)) == 0 &&
                   (strncmp(start, "isobath ", 8) == 0 ||
                    strncmp(start, "python3 ", 8) == 0)) {
            while (line[length - 1] == '\\')
                length += 1 + strcspn(line + length + 1, "\n");
            snprintf(command, sizeof command, "%.*s\n",
                     (int)(length - strlen(indent)), start);
        } else {
            *command = '\0';
        }
        if (*command && !is_left_out(command))
            fputs(command, script);
        n += *command != '\0';
        line = (row ? row : line) + length;
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return n;
}

static int run_all(const char *before, const char *text, const char *indent)
{
    FILE *script = fopen("examples.sh", "w");

    cr_assert(script != NULL);
    fprintf(script, "set -eux\n%s%s\n", smaller, before);
    const int n = gather(script, text, indent);
    cr_assert(fclose(script) == 0);
    if (system("sh examples.sh >said 2>&1") != 0)
        cr_fail("%s", read_file("said", NULL));
    return n;
}

/* Configs that train for a moment, where `isobath` finds them. */
static void set_up_small(void)
{
    char line[2 * PATH_SIZE], program[PROGRAM_SIZE], path[2 * PROGRAM_SIZE];

    cr_assert(getcwd(started_in, sizeof started_in) != NULL);
    enter_directory();
    snprintf(line, sizeof line, "mkdir -p build/corpus && cp -r '%s/configs' . &&"
             " sed -i 's/budget_flops: .*/budget_flops: 2e8/;"
             " s/judge_windows: .*/judge_windows: 4/' configs/runs/*.yaml &&"
             " cp '%s/tests/data/torch/train.json' trace.json",
             started_in, started_in);
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

    cr_expect(ge(int, run_all(one->before, one->command->examples, "  "),
                 LEAST_EXAMPLES), "%s", one->command->name);
}

/* Both begin with nothing but a text and a machine's profile. */
static int run_page(const char *name)
{
    char path[2 * PATH_SIZE];

    snprintf(path, sizeof path, "%s/%s", started_in, name);
    return run_all("cp configs/machines/emerald-rapids-2core.yaml"
                   " build/machine.yaml", read_file(path, NULL), "    ");
}

Test(examples, the_readme_shows_what_runs, .init = set_up_small,
     .fini = leave_directory)
{
    char path[2 * PATH_SIZE];

    snprintf(path, sizeof path, "%s/scripts", started_in);
    setenv("PYTHONPATH", path, 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
    cr_expect(ge(int, run_page("README.md"), 7));
}

Test(examples, the_tour_shows_what_runs, .init = set_up_small,
     .fini = leave_directory)
{
    cr_expect(ge(int, run_page("scripts/tour.md"), 14));
}

Test(examples, every_command_is_tried)
{
    int n = 0;

    for (; commands[n]; n++)
        cr_expect(n < N_TRIED && tried[n].command == commands[n], "%s",
                  commands[n]->name);
    cr_expect(eq(int, n, N_TRIED));
}
