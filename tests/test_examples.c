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
#define TRAIN_DENSE                                                            \
    "isobath train demo -o build/dense -q --set routing.policy=dense;"
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
    { &sensitivity_command, TRAIN TRAIN_DENSE },
    { &allocate_command, TRAIN "isobath sensitivity build/run --text"
      " build/corpus/kjv.txt --split validation --limit 512"
      " -o build/sensitivity;" },
    { &profile_command, TRAIN },
    { &import_command, "" },
    { &sweep_command, "" },
    { &report_command, TRAIN TRAIN_DENSE
      "isobath run build/run --text build/corpus/kjv.txt --limit 512"
      " -o build/score; isobath profile build/run -o build/profile -p prefill"
      "; isobath sweep capacity-demo -o build/sweep" },
    { &keys_command, "" },
};
enum { N_TRIED = sizeof tried / sizeof *tried };

/* The program, with less of what can be less. */
static const char smaller[] =
    "isobath() { name=$1; shift\n"
    "for a; do shift; case $a in 4096) a=256 ;; 60) a=6 ;; esac;"
    " set -- \"$@\" \"$a\"; done\n"
    "case $name in machine) set -- \"$@\" --quick ;; profile) set -- \"$@\" -r 2 ;;"
    " router|route-table|regret) set -- \"$@\" --limit 2048 ;;"
    " sweep) case $* in *slurm*) ;; *) set -- \"$@\" --filter seed=1 ;; esac;"
    " set -- \"$@\" --set train.budget_flops=2e8 ;; esac;"
    " command isobath $name \"$@\"; }\n";

/* What is not run, and why. */
static const char real_model[] = "build/models/SmolLM2-135M-Instruct.Q4_1.gguf";
static const struct { const char *part, *why; bool fetched; } left_out[] = {
    { "isobath machine -o", "rates measured beside other tests are none", false },
    { "isobath models smollm2", "needs the network", true },
    { real_model, "isobath models smollm2 was not run", true },
};
enum { N_LEFT_OUT = sizeof left_out / sizeof *left_out };

/* Whether the model was fetched when the tests began. */
static bool has_real_model(void)
{
    char path[2 * PATH_SIZE];

    snprintf(path, sizeof path, "%s/%s", started_in, real_model);
    return file_exists(path);
}

/* NULL: it is run. */
static const char *why_left_out(const char *command)
{
    for (size_t i = 0; i < N_LEFT_OUT; i++)
        if (strstr(command, left_out[i].part) &&
            !(left_out[i].fetched && has_real_model()))
            return left_out[i].why;
    return NULL;
}

/* The text between backquotes in a table's row, where it is a command. */
static size_t in_a_row(const char **start, const char *line, size_t length)
{
    const char *code = *line == '|' ? memchr(line, '`', length) : NULL;

    if (!code || (strncmp(code + 1, "isobath ", 8) &&
                  strncmp(code + 1, "python3 ", 8)))
        return 0;
    *start = code + 1;
    return strcspn(code + 1, "`");
}

/* Up to the line that ends a file which is written in place, or what a backslash
 * joins. */
static size_t whole(const char *start, size_t length)
{
    const char *end = strstr(start, "END\n");

    if (strncmp(start, "cat >", 5) == 0 && end && (end = strstr(end + 4, "END\n")))
        return (size_t)(end + 3 - start);
    while (start[length - 1] == '\\')
        length += 1 + strcspn(start + length + 1, "\n");
    return length;
}

/* A command, without the indent of its lines. */
static void put(FILE *script, const char *start, size_t length, size_t indent)
{
    for (const char *at = start; at < start + length; at++) {
        fputc(*at, script);
        if (*at == '\n' && strncmp(at + 1, "    ", indent) == 0)
            at += indent;
    }
    fputc('\n', script);
}

/* The examples among the lines of a text: behind `indent` blanks, or in a table's
 * row.  Those that run go into `script`, the others with the reason into `other`,
 * each unless it is NULL; returns how many there are. */
static int gather(FILE *script, FILE *other, const char *text, size_t indent)
{
    int n = 0;

    for (const char *line = text; *line; line += *line == '\n') {
        size_t length = strcspn(line, "\n");
        const char *start = line + indent;
        size_t size = in_a_row(&start, line, length);
        if (size == 0 && strncmp(line, "    ", indent) == 0 &&
            (strncmp(start, "isobath ", 8) == 0 || strncmp(start, "cat >", 5) == 0 ||
             strncmp(start, "python3 ", 8) == 0))
            size = whole(start, length - indent);
        char *command = strndup(start, size);
        const char *why = size > 0 ? why_left_out(command) : NULL;
        free(command);
        if (why && other)
            fprintf(other, "(%s) ", why);
        if (size > 0 && (why ? other : script))
            put(why ? other : script, start, size, indent);
        n += size > 0;
        line = size > 0 ? start + size : line + length;
        line += strcspn(line, "\n");
    }
    return n;
}

static int run_all(const char *before, const char *text, size_t indent)
{
    FILE *script = fopen("examples.sh", "w");

    cr_assert(script != NULL);
    fprintf(script, "set -eux\n%s%s\n", smaller, before);
    const int n = gather(script, NULL, text, indent);
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
             " sed -i 's/budget_flops: .*/budget_flops: 2e8/; s/steps: 500/steps: 4/;"
             " s/judge_windows: .*/judge_windows: 4/' configs/runs/*.yaml &&"
             " cp '%s/tests/data/torch/train.json' trace.json",
             started_in, started_in);
    cr_assert(eq(int, system(line), 0));
    write_words("build/corpus/kjv.txt");
    put_file("sbatch", "#!/bin/sh\necho 1\n");       /* takes all, runs none */
    snprintf(line, sizeof line, "chmod +x sbatch && mkdir -p build/demo build/models &&"
             " cp configs/machines/emerald-rapids-2core.yaml build/machine.yaml &&"
             " cp build/machine.yaml build/demo"
             " && [ ! -e '%s/%s' ] || ln -s '%s/%s' build/models/",
             started_in, real_model, started_in, real_model);
    cr_assert(eq(int, system(line), 0));
    program_path(program);
    *strrchr(program, '/') = '\0';
    snprintf(path, sizeof path, "%s:%s:%s", program, entered_directory,
             getenv("PATH"));
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

    cr_expect(ge(int, run_all(one->before, one->command->examples, 2),
                 LEAST_EXAMPLES), "%s", one->command->name);
}

/* Both begin with nothing but a text. */
static int run_page(const char *name)
{
    char path[2 * PATH_SIZE];

    snprintf(path, sizeof path, "%s/%s", started_in, name);
    return run_all("", read_file(path, NULL), 4);
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

/* From the Debian package, and not the text that lies there already. */
Test(examples, a_text_is_made_as_the_tour_says, .init = set_up_small,
     .fini = leave_directory)
{
    if (system("command -v bible >made") != 0)
        cr_skip("there is no bible (Debian: bible-kjv, bible-kjv-text)");
    setenv("CORPUS_DIR", "corpus", 1);
    cr_assert(zero(int, system("isobath corpus kjv >made 2>&1")));
    expect_said("made", "/corpus/kjv.txt 4298239 bytes sha256 ");
}

/* What no test can run is told. */
Test(examples, what_is_left_out_has_a_reason)
{
    static const char *const pages[] = { "README.md", "scripts/tour.md" };
    char *text = NULL;
    size_t size = 0;
    FILE *left = open_memstream(&text, &size);

    strcpy(started_in, ".");
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        gather(NULL, left, read_file(pages[i], NULL), 4);
    for (size_t i = 0; i < N_TRIED; i++)
        gather(NULL, left, tried[i].command->examples, 2);
    cr_assert(zero(int, fclose(left)));
    cr_skip("not run:\n%s", text);
}

Test(examples, every_command_is_tried)
{
    int n = 0;

    for (; commands[n]; n++)
        cr_expect(n < N_TRIED && tried[n].command == commands[n], "%s",
                  commands[n]->name);
    cr_expect(eq(int, n, N_TRIED));
}
