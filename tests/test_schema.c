/* test_schema.c - Hold reports/schema.json to the directories of every command,
 * by the validator of isobath.py; load them with it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/cli.h"

/* Every kind of directory, and what its name says, made in this order. */
static const char make_all[] =
    "isobath train run.yaml -o train &&"
    "isobath train run.yaml -o dense --set routing.policy=dense"
    " -m emerald-rapids-2core &&"
    "isobath train run.yaml -o predictor --set routing.predictor=4 -s"
    " train.steps=4 &&"
    "isobath train run.yaml -o drawn --set routing.policy=random"
    " --set routing.gate=one -s train.steps=4 &&"
    "isobath run train --text text --limit 96 -o score -m emerald-rapids-2core &&"
    "isobath run train --text text --limit 96 -o twin --against dense --tokens &&"
    "isobath run dense --text text --limit 64 -o apart"
    " --set routing.policy=token_norm --set routing.part=apart"
    " --set routing.capacity=0.5 &&"
    "isobath run train --prompt 'and the' -n 8 -o prompt &&"
    "isobath router train --text text --limit 96 --positions 20 -o router &&"
    "isobath regret train --text text --limit 96 --positions 3 -o regret &&"
    "isobath sensitivity train --text text --limit 96 -o sensitivity &&"
    "isobath allocate train --text text --limit 96 --skip 96 --sensitivity"
    " sensitivity --budget flops=90% --rounds 1 -o allocate &&"
    "isobath profile train -o profile -r 2 -m emerald-rapids-2core"
    " --against layers:1 &&"
    "command isobath answer train -o answer -m l4 -m tpu-v5e --batch 1 -f csv &&"
    "{ isobath profile train -o validate --validate -r 2 -p prefill || :; } &&"
    "isobath profile dense -o alone -r 2 -p decode &&"
    "command isobath import \"$ROOT/tests/data/torch/train.json\" -o import -q"
    " -m emerald-rapids-2core &&"
    "isobath sweep study.yaml -o sweep && isobath sweep scores.yaml -o scores &&"
    "isobath sweep prices.yaml -o prices && isobath sweep asked.yaml -o asked";

static void set_up_all(void)
{
    char program[PROGRAM_SIZE], line[8192];

    set_up();
    program_path(program);
    *strrchr(program, '/') = '\0';
    put_file("study.yaml", "base: run.yaml\nset: {train.steps: 3}\naxes:\n"
             "  routing.capacity: [0.25, 1.0]\n");
    put_file("score.yaml", "run: {model: train, text: text, limit: 64, against: dense}\n");
    put_file("scores.yaml", "base: score.yaml\ncommand: run\naxes:\n"
             "  run.window: [16, 32]\n");
    put_file("prices.yaml", "base: run.yaml\ncommand: predict\naxes:\n"
             "  predict.phase: [train, decode]\n");
    put_file("asked.yaml", "base: score.yaml\ncommand: router\naxes:\n"
             "  run.window: [16, 32]\n");
    snprintf(line, sizeof line, "PATH='%s':$PATH ROOT='%s'"
             " ISOBATH_CONFIGS=\"$ROOT/configs\";"
             " export PATH ISOBATH_CONFIGS; isobath() { command isobath \"$@\" -q"
             " --threads 1; }; %s", program, started_in, make_all);
    put_file("make.sh", line);
    if (system("command -v python3 >/dev/null") != 0)
        cr_skip("no python3 here");
    cr_assert(eq(int, system("sh make.sh >said 2>&1"), 0), "%s",
              read_file("said", NULL));
}

TestSuite(schema, .fini = leave_directory);

#define ALL "train dense predictor drawn score twin apart prompt router" \
            " regret sensitivity allocate profile answer validate alone import sweep" \
            " scores prices asked"

static int python(const char *arguments)
{
    char line[2048];

    snprintf(line, sizeof line, "PYTHONDONTWRITEBYTECODE=1 PYTHONPATH='%s/scripts'"
             " \"$(command -v /usr/bin/python3 || echo python3)\" %s"
             " >stdout 2>stderr", started_in, arguments);
    const int how = system(line);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

static void expect_fault(const char *spoil, const char *said)
{
    cr_assert(eq(int, system(spoil), 0), "%s", spoil);
    cr_expect(eq(int, python("-m isobath validate bad"), 1), "%s", spoil);
    expect_said("stdout", said);
}

Test(schema, every_directory_is_as_it_says_and_mistakes_are_found,
     .init = set_up_all)
{
    cr_expect(eq(int, python("-m isobath validate " ALL), 0), "%s%s",
              read_file("stdout", NULL), read_file("stderr", NULL));
    /* A training of more than 1e9 FLOPs. */
    cr_assert(eq(int, system("cp -r train long && sed -i"
        " 's/^\\([0-9]*,[0-9]*\\),[0-9]*,/\\1,1.04012508e+09,/' long/curve.csv &&"
        " grep -q e+09 long/curve.csv"), 0));
    cr_expect(eq(int, python("-m isobath validate long"), 0), "%s",
              read_file("stdout", NULL));
    expect_fault("cp -r train bad && sed -i 's/grad_norm/gradnorm/' bad/curve.csv",
                 "bad: curve.csv: column gradnorm is not in the schema");
    expect_said("stdout", "bad: curve.csv: column grad_norm is missing");
    expect_fault("rm -r bad && cp -r score bad && sed -i '3s/^[0-9]*,/x,/'"
                 " bad/tokens.csv", "tokens.csv:3: position is 'x', not integer");
    expect_fault("rm -r bad && cp -r score bad && sed -i 's/\"command\"/\"comand\"/'"
                 " bad/summary.json && sed -i '1a\\  \"command\": 3,'"
                 " bad/summary.json", "summary.json: comand is not in the schema");
    expect_said("stdout", "summary.json: command is 3, not text");
    expect_fault("rm -r bad && cp -r train bad && sed -i 's/isobath-run-1/x/'"
                 " bad/summary.json", "schema x, not isobath-run-1");
}

/* The counted flops of a ledger are those of the summary, as is the unit; what
 * nobody measured is no number, and says why. */
Test(schema, what_is_loaded_has_units_and_reasons, .init = set_up_all)
{
    put_file("load.py",
        "import isobath\n"
        "run = isobath.load('train')\n"
        "rows = isobath.rows(run['ledger'])\n"
        "flops = sum(r['flops'] for r in rows if r['witness'] == 'counted')\n"
        "assert flops == run.summary['totals']['counted']['flops'], flops\n"
        "totals = {(r['witness'], r['metric']): r for r in isobath.rows(run.totals())}\n"
        "assert totals['counted', 'flops']['unit'] == 'flop'\n"
        "joules = totals['measured', 'joules']\n"
        "assert joules['value'] != joules['value'] or joules['value'] is None\n"
        "assert joules['source'] == 'unknown' and joules['reason']\n"
        "assert run.tables == ['curve', 'ledger'], run.tables\n"
        "assert isobath.units(run['curve'])['seconds'] == 's'\n"
        "sweep = isobath.load('sweep')\n"
        "assert [r['routing.capacity'] for r in isobath.rows(sweep['points'])] == [0.25, 1.0]\n"
        "assert sorted(sweep.runs) == ['000000', '000001']\n"
        "assert sweep.runs['000001'].command == 'train'\n");
    cr_expect(eq(int, python("load.py"), 0), "%s", read_file("stderr", NULL));
    put_file("pandas.py", "raise ImportError('none here')\n");
    cr_expect(eq(int, python("load.py"), 0), "without pandas: %s",
              read_file("stderr", NULL));
}

Test(schema, the_page_says_what_the_schema_says)
{
    if (system("command -v python3 >/dev/null") != 0)
        cr_skip("no python3 here");
    cr_assert(getcwd(started_in, sizeof started_in) != NULL);
    enter_directory();
    cr_assert(eq(int, python("-m isobath schema"), 0));
    char page[512];
    snprintf(page, sizeof page, "%s/reports/schema.md", started_in);
    expect_same_file("stdout", page);
}

/* PATH knows Python alone. */
Test(schema, the_tutorial_says_what_it_needs, .init = set_up)
{
    char path[2 * PROGRAM_SIZE], tutorial[512];

    if (system("command -v python3 >/dev/null") != 0)
        cr_skip("no python3 here");
    cr_assert(zero(int, system("mkdir only && ln -s \"$(python3 -c"
                               " 'import sys; print(sys.executable)')\""
                               " only/python3")));
    snprintf(path, sizeof path, "%s/only", entered_directory);
    setenv("PATH", path, 1);
    snprintf(tutorial, sizeof tutorial, "'%s/scripts/tutorial.py'", started_in);
    cr_expect(eq(int, python(tutorial), 1));
    expect_said("stderr", "tutorial: no isobath on the PATH: make install");
}

Test(schema, the_tutorial_comes_to_its_answers, .init = set_up)
{
    char program[PROGRAM_SIZE], path[2 * PROGRAM_SIZE], tutorial[512];

    if (system("command -v python3 >/dev/null") != 0)
        cr_skip("no python3 here");
    program_path(program);
    *strrchr(program, '/') = '\0';
    snprintf(path, sizeof path, "%s:%s", program, getenv("PATH"));
    setenv("PATH", path, 1);
    setenv("TUTORIAL_FLOPS", "1e9", 1);
    cr_assert(mkdir("corpus", 0777) == 0);
    write_words("corpus/kjv.txt");
    snprintf(path, sizeof path, "%s/corpus", entered_directory);
    setenv("CORPUS_DIR", path, 1);
    snprintf(tutorial, sizeof tutorial, "'%s/scripts/tutorial.py' out",
             started_in);
    cr_assert(eq(int, python(tutorial), 0), "%s", read_file("stderr", NULL));
    expect_said("stdout", "1. MoD less dense, nats per byte: ");
    expect_said("stdout", "2. prefill: ");
    expect_said("stdout", "2. decode step: ");
    cr_expect(there("out/page/index.html"));
}
