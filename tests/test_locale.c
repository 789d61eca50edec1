/* test_locale.c - A program that writes numbers with a comma gets from this library
 * what any other gets. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sim/commands/commands.h"
#include "tests/in_process.h"
#include "tests/words.h"

static const char run_yaml[] =
    "model: {family: llama, layers: 2, channels: 16, heads: 2, max_tokens: 64,\n"
    "  norm_epsilon: 1.5e-5}\n"
    "routing: {capacity: 0.25}\n"
    "data: {path: text, tokens: 32, held_out: 0.2}\n"
    "train: {batch: 2, steps: 4, learning_rate: 0.0025, judge_windows: 20}\n";

static void set_up(void)
{
    enter_own_directory();
    write_words("text");
    write_file("run.yaml", run_yaml);
    cr_assert(mkdir("c", 0777) == 0 && mkdir("de", 0777) == 0);
}

TestSuite(locale, .init = set_up, .fini = leave_own_directory);

/* As it is installed, or made here of its sources. */
static void speak_german(void)
{
    char text[8];

    if (!setlocale(LC_ALL, "de_DE.UTF-8")) {
        setenv("LOCPATH", ".", 1);
        if (system("localedef -c -i de_DE -f UTF-8 ./de_DE.UTF-8 >/dev/null"
                   " 2>&1") != 0 || !setlocale(LC_ALL, "de_DE.UTF-8"))
            cr_skip("no locale de_DE and none can be made: install locales");
    }
    snprintf(text, sizeof text, "%.1f", 0.5);
    cr_assert_str_eq(text, "0,5");
}

/* What is asked, and a file of the answer; NULL: what it says. */
static const struct asked {
    const struct command *command;
    const char *arguments[14], *file;
} asked[] = {
    { &predict_command, { "run.yaml", "--machine", "l4", "-B", "8" }, NULL },
    { &predict_command, { "run.yaml", "--machine", "l4", "-f", "csv" }, NULL },
    { &predict_command, { "run.yaml", "--explain", "attend" }, NULL },
    { &predict_command, { "--machine", "list", "-f", "json" }, NULL },
    { &answer_command, { "run.yaml", "--machine", "h100-sxm", "--context",
                         "64", "-f", "csv" }, NULL },
    { &train_command, { "run.yaml", "-q", "-t", "1", "-o", "trained" },
      "trained/config.json" },
    { &train_command, { "run.yaml", "-q", "-t", "1", "--resume", "-o",
                        "trained" }, "trained/model.safetensors" },
    { &sensitivity_command, { "trained", "--text", "text", "--limit", "64",
                              "--capacities", "0,0.25,0.5", "-t", "1", "-o",
                              "table" }, "table/sensitivity.csv" },
    { &allocate_command, { "trained", "--text", "text", "--limit", "64",
                           "--skip", "64", "--sensitivity", "table", "--budget",
                           "flops=95.5%", "-f", "csv" }, NULL },
};
enum { ASKED = sizeof asked / sizeof *asked };

static void ask_all(const char *folder)
{
    char line[128];

    cr_assert(system("rm -rf trained table") == 0);
    for (int i = 0; i < ASKED; i++) {
        const struct asked *a = &asked[i];
        cr_assert(call(a->command, a->arguments) == 0, "%s %s: %s",
                  a->command->name, folder, complained);
        if (!a->file)
            cr_expect(strlen(said) > 0, "%s", a->command->name);
        snprintf(line, sizeof line, "cp %s %s/%d", a->file ? a->file
                                                            : "./out.txt",
                 folder, i);
        if (!a->file)
            write_file("out.txt", said);
        cr_assert(system(line) == 0);
    }
}

Test(locale, what_is_read_and_written_has_a_point)
{
    ask_all("c");
    speak_german();
    ask_all("de");
    cr_expect(system("diff -r c de >&2") == 0);
}
