/* test_hostile.c - What others put in the way of the program is not followed,
 * waited for or taken for something else. */
#include <criterion/criterion.h>
#include "tests/cli.h"

#include "sim/core/answer/rundir.h"

TestSuite(hostile, .init = set_up, .fini = leave_directory);

static struct error err;

static void plant(const char *name)
{
    put_file("victim", "precious\n");
    cr_assert(symlink("../victim", name) == 0);
}

static void expect_unharmed(void)
{
    char *text = read_file("victim", NULL);
    cr_expect(strcmp(text, "precious\n") == 0, "%s", text);
    free(text);
}

Test(hostile, a_link_in_place_of_the_lock_is_not_followed)
{
    struct rundir rundir;

    cr_assert(mkdir("run", 0777) == 0);
    plant("run/.lock");
    cr_expect(eq(int, rundir_open(&rundir, "run", &err), STATUS_BAD_VALUE));
    cr_expect(strstr(err.text, "'run/.lock' is no lock of isobath") != NULL,
              "%s", err.text);
    expect_unharmed();
    cr_assert(unlink("run/.lock") == 0);
    cr_assert(link("victim", "run/.lock") == 0);
    cr_expect(eq(int, rundir_open(&rundir, "run", &err), STATUS_BAD_VALUE));
    expect_unharmed();
}

Test(hostile, a_link_in_place_of_a_result_is_replaced)
{
    struct file_writer writer;
    char temporary[64];

    cr_assert(mkdir("run", 0777) == 0);
    plant("run/ledger.csv");
    snprintf(temporary, sizeof temporary, "run/ledger.csv.%ld.tmp",
             (long)getpid());
    plant(temporary);
    cr_assert(eq(int, file_create_in(&writer, "run", "ledger.csv", &err),
                 STATUS_OK), "%s", err.text);
    fputs("a,b\n", writer.stream);
    cr_assert(eq(int, file_commit(&writer, &err), STATUS_OK));
    expect_unharmed();
    expect_said("run/ledger.csv", "a,b");
}

static int shell(const char *format, const char *tail)
{
    char program[PROGRAM_SIZE], command[2 * PROGRAM_SIZE];

    program_path(program);
    snprintf(command, sizeof command, format, program, tail);
    return WEXITSTATUS(system(command));
}

Test(hostile, a_closed_standard_output_is_nobody_elses_file)
{
    cr_expect(eq(int, shell("'%s' train run.yaml -o run --threads 1 --format"
                            " json --set train.steps=2 %s", ">&- 2>stderr"),
                 1));
    char *lock = read_file("run/.lock", NULL);
    cr_expect(strspn(lock, "0123456789\n") == strlen(lock), "%s", lock);
    free(lock);
}

Test(hostile, kernels_that_are_not_there_are_refused)
{
    cr_expect(eq(int, shell("ISOBATH_KERNELS=avx3 '%s' train run.yaml -o run"
                            " %s", "2>stderr"), 2));
    expect_said("stderr", "ISOBATH_KERNELS=avx3: this CPU runs ");
    expect_said("stderr", "generic");
    cr_expect(not(there("run")));
}

/* Of the arguments, which name `pipe`, a pipe that nobody writes into. */
static void expect_no_pipe(const char *arguments, const char *pipe)
{
    char command[256], said[64];

    snprintf(command, sizeof command, "timeout -s KILL 30 '%%s' %s %%s",
             arguments);
    snprintf(said, sizeof said, "%s': not a regular file", pipe);
    cr_expect(eq(int, shell(command, ">stdout 2>stderr"), 2), "%s", arguments);
    expect_said("stderr", said);
    cr_expect(not(there("new")), "%s", arguments);
}

Test(hostile, a_pipe_is_no_file_wherever_one_is_asked_for)
{
    static const char *const asked[] = {
        "predict p", "predict p.json", "predict p.gguf", "predict p.bin",
        "predict run.yaml --machine p", "predict run.yaml --trace p",
        "predict --grid p", "train p -o new", "train run.yaml -o new --set"
        " data.path=p", "sweep p -o new", "import p -o new", "run p --text text",
        "run p.gguf --text text", "run run --text p",
        "run run --text text --tokenizer p.json",
        "run run --text text --tokenizer p.bin",
        "run run --text text --set routing.policy=table --set routing.table=p",
        "run run --text text --set routing.policy=replay"
        " --set routing.replay=p", "route-trace run --text p -o new",
        "sensitivity run --text p -o new", "router run --text p -o new",
    };
    static const struct { const char *member, *arguments; } members[] = {
        { "config.json", "run copy --text text" },
        { "config.json", "predict copy" },
        { "model.safetensors", "run copy --text text" },
        { "summary.json", "run copy --text text --split test" },
        { "summary.json", "report copy -o new" },
        { "curve.csv", "report copy -o new" },
        { "tokenizer.json", "run copy --text text" },
        { "state.safetensors", "train run.yaml -o copy --resume --set"
                               " train.steps=2" },
    };
    const char *const ends[] = { "", ".json", ".gguf", ".bin" };

    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "run", "-q", "--set",
                              "train.steps=2"), 0));
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%s", ends[i]);
        cr_assert(mkfifo(name, 0666) == 0);
    }
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        const char *pipe = strstr(asked[i], "p.");
        char name[16];
        snprintf(name, sizeof name, "%.*s", pipe ? (int)strcspn(pipe, " ") : 1,
                 pipe ? pipe : "p");
        expect_no_pipe(asked[i], name);
    }
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        char command[256], name[64];
        snprintf(name, sizeof name, "copy/%s", members[i].member);
        snprintf(command, sizeof command, "rm -rf copy && cp -r run copy &&"
                 " rm -f %s && mkfifo %s", name, name);
        cr_assert(eq(int, system(command), 0));
        if (strncmp(members[i].member, "state", 5) == 0)
            cr_assert(unlink("copy/summary.json") == 0);  /* unfinished */
        expect_no_pipe(members[i].arguments, name);
    }
}

/* Somebody writes there already.  A config is looked at twice, and a text mapped. */
Test(hostile, a_pipe_that_was_given_open_is_read)
{
    char command[256];

    put_file("a.yaml", "model:\n  family: llama\n  layers: 2\n"
             "  channels: 16\n  heads: 2\n");
    cr_expect(eq(int, shell("(sleep 0.2; cat a.yaml) |"
                            " timeout -s KILL 20 '%s' predict /dev/stdin %s",
                            ">stdout"), 0));
    cr_expect(eq(int, shell("(sleep 0.2; cat a.yaml) |"
                            " timeout -s KILL 20 '%s' predict /dev/fd/7 %s",
                            "7<&0 </dev/null >stdout"), 0));
    cr_expect(eq(int, shell("cat run.yaml | '%s' train /dev/stdin -o run -q"
                            " --threads 1 --set train.steps=2 --set data.path=text %s", ""),
                 0));
    for (int i = 0; i < 2; i++) {
        snprintf(command, sizeof command, "%s '%%s' run run --text %s --limit 300"
                 " --threads 1 -f csv %%s", i ? "cat text |" : "",
                 i ? "/dev/stdin" : "text");
        cr_expect(eq(int, shell(command, i ? ">piped" : ">read"), 0));
    }
    expect_same_file("read", "piped");
}

static void expect_spared(const char *file, const char *said, int code)
{
    cr_expect(eq(int, code, 2), "%s", file);
    expect_said("stderr", said);
}

Test(hostile, an_answer_takes_the_place_of_no_input_and_of_no_result)
{
    static const char *const results[] = { "run/summary.json", "run/curve.csv",
        "run/model.safetensors", "run/state.safetensors", "run/config.json" };
    static const char taken[] = "those of isobath train stand";
    static const char theirs[] = "is there already, and nothing that this"
                                 " command wrote";

    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "run", "-q", "--set",
                              "train.steps=2"), 0));
    for (size_t i = 0; i < sizeof results / sizeof *results; i++) {
        const char *file = results[i];
        char tail[128];
        snprintf(tail, sizeof tail, "%s 2>stderr", file);
        expect_spared(file, taken, shell("'%s' predict run.yaml -o %s", tail));
        expect_spared(file, taken, ISOBATH("machine", "-o", file));
        expect_spared(file, taken, ISOBATH("route-table", "run", "--text",
                                           "text", "-o", file));
        expect_spared(file, taken, ISOBATH("route-trace", "run", "--text",
                                           "text", "-o", file));
    }
    cr_assert(symlink("run.yaml", "link") == 0);
    expect_spared("run.yaml", theirs, shell("'%s' predict run.yaml -o link %s",
                                            "2>stderr"));
    expect_spared("text", theirs, ISOBATH("route-table", "run", "--text",
                                          "text", "-o", "./text"));
    expect_spared("text", theirs, ISOBATH("route-trace", "run", "--text",
                                          "text", "-o", "text"));
    cr_assert(eq(int, ISOBATH("route-table", "run", "--text", "text", "-o",
                              "table", "-q"), 0));
    expect_spared("table", "it is read for what would stand in it",
                  ISOBATH("route-table", "run", "--text", "text", "--set",
                          "routing.policy=table", "--set",
                          "routing.table=table", "-o", "./table"));
    cr_expect(eq(int, shell("'%s' predict run.yaml -o run/price %s", ""), 0));
    cr_expect(eq(int, ISOBATH("run", "run", "--text", "text", "--limit", "50",
                              "-o", "again"), 0));
    cr_expect(eq(int, shell("'%s' report run -o page %s", ">stdout"), 0));
}

/* Where a grid goes on from, a link is planted, or a file of somebody's. */
Test(hostile, a_grid_goes_on_in_no_file_of_somebody_else)
{
    const char *const *grid = ARGUMENTS("predict", "--grid", "grid.yaml", "-o",
                                        "rows.csv", "-q");

    put_file("grid.yaml", "model: run.yaml\nphase: decode\n");
    for (int i = 0; i < 5; i++) {
        const bool part = i == 4;
        put_file("victim", part ? "mod" : "precious");
        cr_assert(i == 0   ? symlink("victim", "rows.csv.part") == 0
                  : i == 1 ? link("victim", "rows.csv.part") == 0
                  : i == 2 ? mkfifo("rows.csv.part", 0600) == 0
                           : rename("victim", "rows.csv.part") == 0);
        cr_expect(eq(int, finish(start(grid, (struct limits){ 0 })),
                     part ? 0 : 2), "%d", i);
        if (i < 2)
            expect_said("victim", "precious");
        else if (i == 3)
            expect_said("rows.csv.part", "precious");
        unlink("rows.csv.part");
    }
    expect_said("rows.csv", "model,");
}

/* An sbatch that notes its arguments, a line each. */
static const char sbatch[] =
    "#!/bin/sh\nprintf '%s\\n' \"$@\" >>called\necho 7\n";

Test(hostile, a_directory_named_as_an_option_is_none_of_sbatch)
{
    put_file("sbatch", sbatch);
    cr_assert(chmod("sbatch", 0755) == 0);
    put_file("study.yaml", "base: run.yaml\naxes:\n  train.seed: [1, 2]\n");
    cr_expect(eq(int, shell("PATH=\"$PWD:$PATH\" '%s' sweep study.yaml"
                            " --launcher slurm %s",
                            "-o --wrap=id >stdout 2>stderr"), 0));
    expect_said("./--wrap=id/called", "\narray.sh\n");
    char *called = read_file("./--wrap=id/called", NULL);
    cr_expect(strstr(called, "--wrap") == NULL, "%s", called);
    free(called);
}
