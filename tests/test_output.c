/* test_output.c - What -o names takes the place of an older answer of the same
 * command, and says so; nothing else is lost. */
#include <criterion/criterion.h>

#include "tests/cli.h"

TestSuite(output, .init = set_up, .fini = leave_directory);

static const char model_yaml[] =
    "model:\n"
    "  family: llama\n"
    "  layers: 2\n"
    "  channels: 16\n"
    "  heads: 2\n"
    "  max_tokens: 64\n"
    "routing:\n"
    "  capacity: 0.25\n";

/* What is typed before -o, and a file of somebody's that stands in the way: in a
 * directory, or, "", that which -o itself names. */
struct asked {
    const char *line, *in_the_way;
};

#define SHORT " --text text --limit 64"
#define PRICE "predict m.yaml --phase decode "
#define L4 " --machine configs/machines/l4.yaml"
#define TRACE " tests/data/torch/train.json" L4

static const struct asked of_directories[] = {
    { "run a" SHORT, "losses.csv" },
    { "run a --prompt the -n 2", "tokens.csv" },
    { "router a --text text --limit 320 --positions 4", "leak.csv" },
    { "regret a" SHORT " --windows 1 --positions 2", "regret.csv" },
    { "sensitivity a" SHORT, "sensitivity.csv" },
    { "allocate a --text text --limit 64 --skip 64 --sensitivity table"
      " --budget flops=95%", "arms.csv" },
    { "profile m.yaml --tokens 16 --steps 2 --repeats 2 --phases decode",
      "tokens.csv" },
    { "import" TRACE, "ledger.csv" },
    { "answer m.yaml --context 64 --batch 1" L4, "answer.csv" },
    { "report a", "index.html" },
    { "report a", "figures" },
};

static const struct asked of_files[] = {
    { PRICE, "" }, { PRICE "-f csv", "" }, { PRICE "-f json", "" },
    { PRICE "--by memory -f csv", "" }, { PRICE "--by memory -f json", "" },
    { PRICE "--explain qkv", "" },
    { PRICE L4 L4, "" }, { PRICE L4 L4 " -f csv", "" },
    { PRICE L4 L4 " -f json", "" },
    { PRICE "--synthetic zipf", "" }, { PRICE "--synthetic zipf -f csv", "" },
    { PRICE "--synthetic zipf -f json", "" },
    { "predict --machine list", "" }, { "predict --machine list -f csv", "" },
    { "predict --machine list -f json", "" },
    { "route-table a --text text", "" }, { "route-trace a --text text", "" },
    { "machine --quick", "" },
};

static int ask(const struct asked *asked, const char *quiet)
{
    char program[PROGRAM_SIZE], line[PROGRAM_SIZE + 512];

    program_path(program);
    snprintf(line, sizeof line, "'%s' %s -o out %s >stdout 2>stderr", program,
             asked->line, quiet);
    const int how = system(line);
    return WIFEXITED(how) ? WEXITSTATUS(how) : 1000 + WTERMSIG(how);
}

static bool says(const char *words)
{
    char *text = read_file("stderr", NULL);
    const bool found = strstr(text, words) != NULL;

    free(text);
    return found;
}

static void expect_answer(const struct asked *asked, const char *quiet,
                          bool replaces)
{
    const int code = ask(asked, quiet);

    cr_assert(code == 0, "%s: %s", asked->line, read_file("stderr", NULL));
    cr_expect(says("isobath: note: out: takes the place of an older one") ==
              replaces, "%s %s", asked->line, quiet);
}

static void expect_refusal(const struct asked *asked, const char *file,
                           const char *words)
{
    put_file(file, "of somebody\n");
    cr_expect(ask(asked, "") == 2, "%s", asked->line);
    cr_expect(says(words), "%s: %s", asked->line, read_file("stderr", NULL));
    expect_said(file, "of somebody");
}

static void expect_own_alone(const struct asked *asked)
{
    char file[64] = "out";

    if (*asked->in_the_way) {
        snprintf(file, sizeof file, "out/%s", asked->in_the_way);
        cr_assert(mkdir("out", 0777) == 0);
    }
    expect_refusal(asked, file, *asked->in_the_way
                       ? "which isobath did not write; move it"
                       : "out: is there already, and nothing that this command"
                         " wrote; move it");
    cr_assert(system("rm -r out") == 0);
    expect_answer(asked, "", false);
    expect_answer(asked, "", true);
    expect_answer(asked, "--quiet", false);
    cr_assert(system("rm -r out") == 0);
}

/* A model a with a table of its sensitivity, m.yaml, and what the program ships
 * with. */
static void prepare(void)
{
    char configs[PATH_SIZE], tests[PATH_SIZE];

    snprintf(configs, sizeof configs, "%s/configs", started_in);
    snprintf(tests, sizeof tests, "%s/tests", started_in);
    cr_assert(symlink(configs, "configs") == 0 && symlink(tests, "tests") == 0);
    put_file("m.yaml", model_yaml);
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "train.steps=20"), 0));
    cr_assert(eq(int, ISOBATH("sensitivity", "a", "--text", "text", "--limit",
                              "64", "-o", "table", "-q"), 0));
}

Test(output, a_directory_takes_the_place_of_its_own_kind_and_says_so)
{
    prepare();
    for (size_t i = 0; i < sizeof of_directories / sizeof *of_directories; i++)
        expect_own_alone(&of_directories[i]);
}

Test(output, a_file_takes_the_place_of_its_own_kind_and_says_so)
{
    prepare();
    for (size_t i = 0; i < sizeof of_files / sizeof *of_files; i++)
        expect_own_alone(&of_files[i]);
}

Test(output, a_device_an_empty_file_and_another_format_are_nobodys)
{
    const struct asked text = { PRICE, "" }, json = { PRICE "-f json", "" };

    put_file("m.yaml", model_yaml);
    put_file("out", "");
    expect_answer(&text, "", false);
    expect_answer(&json, "", true);
    cr_assert(unlink("out") == 0 && symlink("/dev/null", "out") == 0);
    expect_answer(&text, "", false);
}
