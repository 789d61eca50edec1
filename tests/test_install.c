/* test_install.c - Install what is built below a prefix of its own; use it from
 * elsewhere: names, scripts, headers, manual pages, completions. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/cli.h"

/* A folder with the prefix p in it, whose program is on the path. */
static void set_up_prefix(void)
{
    char program[PROGRAM_SIZE], line[4 * PROGRAM_SIZE], path[4 * PATH_SIZE];

    cr_assert(getcwd(started_in, sizeof started_in) != NULL);
    enter_directory();
    program_path(program);
    *strrchr(program, '/') = '\0';
    snprintf(line, sizeof line, "'%s/scripts/install' '%s' '%s/p' >said",
             started_in, program, entered_directory);
    cr_assert(eq(int, system(line), 0));
    snprintf(path, sizeof path, "%s/p/bin:%s", entered_directory,
             getenv("PATH"));
    setenv("PATH", path, 1);
    unsetenv("ISOBATH_CONFIGS");
}

TestSuite(install, .init = set_up_prefix, .fini = leave_directory);

static void expect_shell(int code, const char *line)
{
    char whole[4096];

    snprintf(whole, sizeof whole, "{ %s; } >stdout 2>stderr", line);
    const int how = system(whole);
    cr_expect(eq(int, WIFEXITED(how) ? WEXITSTATUS(how) : -1, code), "%s\n%s%s",
              line, read_file("stdout", NULL), read_file("stderr", NULL));
}

Test(install, shipped_configs_are_known_by_name)
{
    expect_shell(0, "isobath predict smollm-135m --machine h100-sxm -f json");
    expect_said("stdout", "/p/share/isobath/configs/models/smollm-135m.yaml");
    expect_shell(0, "isobath sweep capacity-demo --list");
    expect_said("stdout", "capacity=0.125 seed=3");
    cr_expect(there("p/share/isobath/configs/studies/table-one.csv"));
    expect_shell(2, "isobath predict smollm-135 --machine h100-sxm");
    expect_said("stderr", "did you mean 'smollm-135m'?");
}

/* A file of that name would come first. */
Test(install, a_run_names_them_as_the_command_line_does)
{
    static const char predict[] = "isobath predict run.yaml --phase decode -f json";

    put_file("run.yaml", "model: tiny-32\nmachine: h100-sxm\n"
             "data: {path: text}\ntrain: {steps: 2}\n");
    expect_shell(0, predict);
    expect_said("stdout", "\"channels\": 32");
    expect_said("stdout", "\"name\": \"H100 SXM\"");
    expect_shell(0, "isobath predict run.yaml --set model=smollm-135m -f json");
    expect_said("stdout", "\"channels\": 576");
    expect_shell(0, "sed -i 's/tiny-32/tiny-33/' run.yaml");
    expect_shell(2, predict);
    expect_said("stderr", "run.yaml:1:8: model: tiny-33: no such file, and none of"
                " the models that come with isobath; did you mean 'tiny-32'?");
    expect_shell(0, "sed -i 's/tiny-33/tiny-32/; s/h100-sxm/h100-sxn/' run.yaml");
    expect_shell(2, predict);
    expect_said("stderr", "run.yaml:2:10: machine: h100-sxn: no such file");
    expect_said("stderr", "did you mean 'h100-sxm'?");
}

/* demo.yaml names ../../build/corpus/kjv.txt: that of the working directory. */
Test(install, a_shipped_run_trains_on_a_text_that_lies_here)
{
    expect_shell(0, "mkdir -p build/corpus");
    write_words("build/corpus/kjv.txt");
    expect_shell(0, "isobath train demo -o build/run -q --set train.steps=2"
                    " --set train.budget_flops=0 --set train.judge_windows=2");
    cr_expect(there("build/run/summary.json"));
}

/* A tree without the text, used from elsewhere: the same; and where the tree
 * has one, that. */
Test(install, a_run_of_the_tree_trains_on_a_text_that_lies_here)
{
    static const char train[] = "t/build/isobath train demo -o build/run -q"
        " --set train.steps=2 --set train.budget_flops=0"
        " --set train.judge_windows=2";
    expect_shell(0, "mkdir -p t/build/corpus build/corpus && cp -r"
                    " p/share/isobath/configs t && cp p/bin/isobath t/build");
    expect_shell(2, train);
    expect_said("stderr", "isobath corpus kjv");
    write_words("build/corpus/kjv.txt");
    expect_shell(0, train);
    json_t *summary = summary_of("build/run");
    char *text = json_dumps(summary, JSON_COMPACT);
    cr_expect(strstr(text, "\"build/corpus/kjv.txt\"") != NULL);
    free(text);
    json_decref(summary);
    expect_shell(0, "cp build/corpus/kjv.txt t/build/corpus &&"
                    " rm -r build/run");
    expect_shell(0, train);
    summary = summary_of("build/run");
    text = json_dumps(summary, JSON_COMPACT);
    cr_expect(strstr(text, "\"build/corpus/kjv.txt\"") == NULL);
    free(text);
    json_decref(summary);
}

Test(install, scripts_are_started_by_name)
{
    expect_shell(2, "isobath corpus nonesuch");
    expect_said("stderr", "corpus: no text 'nonesuch'");
    expect_shell(0, "isobath models");
    expect_said("stdout", "smollm2");
    expect_shell(2, "isobath study");
    expect_said("stderr", "isobath study STUDY [--keep]");
    expect_shell(2, "isobath stdy");
    expect_said("stderr", "did you mean 'study'?");
}

/* Its head, and nothing done. */
Test(install, scripts_say_how_they_are_used)
{
    static const char *const said[][2] = {
        { "demo", "isobath demo [DIR]" },
        { "study", "isobath study STUDY [--keep]" },
        { "corpus", "isobath corpus [kjv|mixed]" },
        { "models", "isobath models [NAME]" },
    };
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        char line[128];
        snprintf(line, sizeof line, "isobath %s --help && isobath %s -h"
                 " && isobath %s capacity-demo --help", said[i][0], said[i][0],
                 said[i][0]);
        expect_shell(0, line);
        expect_said("stdout", said[i][1]);
        cr_expect(strstr(read_file("stdout", NULL), "set -eu") == NULL);
        cr_expect_str_eq(read_file("stderr", NULL), "");
        cr_expect(not(there("build")), "%s", said[i][0]);
    }
}

Test(install, python_finds_the_module_and_its_schema)
{
    if (system("command -v python3 >/dev/null") != 0)
        cr_skip("no python3 here");
    expect_shell(0, "PYTHONPATH=$(echo p/lib/python3*/dist-packages)"
                    " python3 -B -m isobath schema");
    expect_said("stdout", "| `train_loss` | number |");
}

/* One decode step of the shape of configs/models/tiny-32.yaml, whose flops the
 * program prints as the last but one number of its answer. */
Test(install, others_compile_against_headers_and_library)
{
    put_file("ours.c",
        "#include \"sim/core/config/model_config.h\"\n"
        "#include \"sim/price/predict_table.h\"\n"
        "int main(int argc, char **argv)\n"
        "{\n"
        "    struct predict_question q = { .phase = MEMORY_DECODE,\n"
        "                                  .n_sequences = 1, .n_tokens = 64 };\n"
        "    struct prediction p;\n"
        "    struct error err;\n"
        "    if (argc < 2 || model_config_load(&q.spec, NULL, argv[1], NULL, 0, &err) ||\n"
        "        prediction_open(&p, &q, &q.spec, &err))\n"
        "        return 1;\n"
        "    struct cost sum = ledger_sum(p.ledger, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,\n"
        "                                 LEDGER_ANY);\n"
        "    printf(\"model,decode,total,%.0f,\\n\", cost_get(&sum, METRIC_FLOPS));\n"
        "    prediction_close(&p);\n"
        "    return 0;\n"
        "}\n");
    if (system("command -v pkg-config >/dev/null") != 0)
        cr_skip("no pkg-config here");
#ifdef __SANITIZE_ADDRESS__
    cr_skip("the library is that of sanitizers");
#endif
    expect_shell(0, "export PKG_CONFIG_PATH=p/lib/pkgconfig; cc -Wall -Werror"
                    " ours.c -o ours $(pkg-config --static --cflags --libs isobath)"
                    " && ./ours p/share/isobath/configs/models/tiny-32.yaml >ours.csv"
                    " && isobath predict tiny-32 --phase decode --context 64"
                    " --by total -f csv >theirs.csv && grep -f ours.csv theirs.csv");
}

Test(install, manual_pages_render_without_a_warning)
{
    if (system("command -v man >/dev/null && command -v groff >/dev/null") != 0)
        cr_skip("no man here");
    expect_shell(0, "for page in p/share/man/man1/*.1; do"
                    " man --warnings -l $page 2>>warnings >page &&"
                    " grep -q 'EXIT STATUS' page || exit 1; done; cat warnings >&2;"
                    " [ ! -s warnings ]; ls p/share/man/man1");
    expect_said("stdout", "isobath-predict.1");
    expect_shell(0, "man -l p/share/man/man1/isobath-train.1 | col -b");
    expect_said("stdout", "--resume[=HOW]");
    expect_said("stdout", "train.budget_flops");
}

/* In the folders where the shells look below /usr/local: test_completion types. */
Test(install, shells_find_their_completions)
{
    cr_expect(there("p/share/bash-completion/completions/isobath"));
    cr_expect(there("p/share/zsh/site-functions/_isobath"));
}
