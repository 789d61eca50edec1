/* test_sweep.c - Expand a study into points; run each once, whatever interrupts
 * it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <criterion/parameterized.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "models/training/train_config.h"
#include "models/scoring/run_config.h"
#include "sim/commands/commands.h"
#include "sim/core/answer/rundir.h"
#include "sim/sweep/sweep_run.h"
#include "tests/directory.h"

/* Stands in for the program: notes that it ran, fails where x is bad, stops
 * early where x is cut, and otherwise leaves a finished summary. */
static const char fake_program[] =
    "#!/bin/sh\n"
    "dir=$4\n"
    "echo ran >> $dir/runs\n"
    "echo \"$@\" > $dir/arguments\n"
    "for a; do\n"
    "    [ $a = x=bad ] && { echo first >&2; echo 'no such thing' >&2; exit 3;"
    " }\n"
    "    [ $a = x=cut ] && exit 0\n"
    "    [ $a = x=slow ] && { trap 'kill $!; exit 130' INT; sleep 30 & wait; }\n"
    "    [ $a = x=stuck ] && kill -9 $$\n"
    "done\n"
    "echo '{\"schema\": \"isobath-run-1\", \"status\": \"done\", \"tokens\": 8,"
    " \"totals\": {\"counted\": {\"flops\": 12}, \"measured\":"
    " {\"seconds\": null}}, \"loss\": {\"train\": 1.5, \"heldout_causal\":"
    " {\"nats_per_byte\": 1.25}, \"heldout_tokens\": 64, \"rules\":"
    " [{\"bits_per_byte\": 3.25}]}, \"per_token\": {\"nats\": 2.5},"
    " \"against\": {\"ratio\": {\"seconds\": {\"value\": 0.75, \"low\": 0.5,"
    " \"high\": 1.0}}}, \"load\": {\"cpu_seconds\": 2.5, \"waiting_seconds\":"
    " 0.5, \"busy\": true}}' > $dir/tmp\n"
    "mv $dir/tmp $dir/summary.json\n";

static void set_up(void)
{
    enter_directory();
    put_file("base.yaml", "train: {steps: 1}\n");
    put_file("program", fake_program);
    cr_assert(eq(int, chmod("program", 0755), 0));
}

TestSuite(sweep, .init = set_up, .fini = leave_directory);

static struct sweep *open_study(const char *text)
{
    struct error err = { STATUS_OK, "" };
    struct sweep *sweep = NULL;

    put_file("study.yaml", text);
    enum status status = sweep_open(&sweep, "study.yaml", NULL, 0, &err);
    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
    return sweep;
}

/* Everything a test reads or hands out, freed when its process ends. */
static char *kept[64];
static int n_kept;

static char *keep(char *text)
{
    cr_assert(lt(int, n_kept, 64));
    return kept[n_kept++] = text;
}

/* The whole command on study.yaml, into out/. */
static int run_study(const char *a, const char *b)
{
    const char *arguments[] = { "isobath sweep", "study.yaml", "-o", "out",
                                "--program", "./program", "--quiet", a, b,
                                NULL };
    char *argv[10];
    int argc = 0;

    for (; arguments[argc]; argc++)
        argv[argc] = keep(strdup(arguments[argc]));
    argv[argc] = NULL;
    return command_run(&sweep_command, argc, argv);
}

static char *text_of(const char *path)
{
    struct error err = { STATUS_OK, "" };
    char *text = NULL;
    size_t size;

    enum status status = file_read(&text, &size, path, 1 << 20, &err);
    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
    return keep(text);
}

Test(sweep, axes_multiply_with_the_last_one_fastest)
{
    struct sweep *sweep = open_study("base: base.yaml\n"
                                     "axes:\n"
                                     "  routing.capacity: [0.25, 0.50]\n"
                                     "  train.seed: [1, 2, 3]\n");

    cr_assert(eq(i32, sweep->n_points, 6));
    cr_assert_str_eq(sweep->point[0].name, "capacity=0.25 seed=1");
    cr_assert_str_eq(sweep->point[1].name, "capacity=0.25 seed=2");
    cr_assert_str_eq(sweep->point[3].name, "capacity=0.50 seed=1");
    cr_assert_str_eq(sweep_value(&sweep->point[5], "train.seed"), "3");
    sweep_close(sweep);
}

/* A process at the point would take the half of it for a leftover, and remove
 * it. */
Test(sweep, what_a_point_is_asked_is_written_once)
{
    struct sweep *sweep = open_study("base: base.yaml\n"
                                     "axes: {train.seed: [1, 2]}\n");
    struct error err = { STATUS_OK, "" };
    struct stat first, second;

    for (int i = 0; i < 2; i++) {
        cr_assert(eq(int, sweep_request_write(sweep, "out", 1, &err), STATUS_OK),
                  "%s", err.text);
        cr_assert(stat("out/points/000001/point.json", i ? &second : &first) == 0);
    }
    cr_expect(first.st_ino == second.st_ino);
    cr_expect(first.st_mtim.tv_nsec == second.st_mtim.tv_nsec);
    cr_expect(eq(int, sweep_request_check(sweep, "out", 1, &err), STATUS_OK));
    sweep_close(sweep);
}

Test(sweep, files_are_seen_from_the_study)
{
    const struct config_setting typed = { .text = "data.tokenizer=t.json" };
    struct error err = { STATUS_OK, "" };
    struct sweep *sweep = NULL;

    cr_assert(mkdir("sub", 0777) == 0);
    put_file("sub/study.yaml", "base: ../base.yaml\n"
             "set: {data.path: ../text, routing.policy: replay}\n"
               "axes: {train.init: [a.bin, /b.bin]}\n"
               "points:\n"
               "  - {name: p, routing.replay: t.csv, model: m.yaml}\n");
    cr_assert(eq(int, sweep_open(&sweep, "sub/study.yaml", &typed, 1, &err),
                 STATUS_OK), "%s", err.text);
    cr_expect_str_eq(sweep_find(&sweep->point[0], "data.path")->given, "sub/../text");
    cr_expect_str_eq(sweep_find(&sweep->point[0], "train.init")->given, "sub/a.bin");
    cr_expect_str_eq(sweep_find(&sweep->point[1], "train.init")->given, "/b.bin");
    cr_expect_str_eq(sweep_find(&sweep->point[2], "routing.replay")->given, "sub/t.csv");
    cr_expect_str_eq(sweep_find(&sweep->point[2], "routing.policy")->given, "replay");
    cr_expect_str_eq(sweep_find(&sweep->point[2], "model")->given, "sub/m.yaml");
    cr_expect_str_eq(sweep_find(&sweep->point[2], "data.tokenizer")->given, "t.json");
    sweep_close(sweep);
}

/* A rival that is a model's file is seen from there too, and missed there. */
Test(sweep, rivals_are_seen_from_the_study_where_they_are_files)
{
    struct error err = { STATUS_OK, "" };
    struct sweep *sweep = NULL;

    cr_assert(mkdir("sub", 0777) == 0);
    put_file("sub/other.yaml", "model: {}\n");
    put_file("sub/study.yaml", "base: ../base.yaml\ncommand: profile\n"
             "axes: {profile.against: [other.yaml, ../sub, 'layers:0,2', dense]}\n");
    cr_assert(eq(int, sweep_open(&sweep, "sub/study.yaml", NULL, 0, &err),
                 STATUS_OK), "%s", err.text);
    static const char *const given[] = { "sub/other.yaml", "sub/../sub",
                                         "layers:0,2", "dense" };
    for (int i = 0; i < 4; i++)
        cr_expect_str_eq(sweep_find(&sweep->point[i], "profile.against")->given,
                         given[i]);
    sweep_close(sweep);
    put_file("sub/study.yaml", "base: ../base.yaml\ncommand: profile\n"
             "points: [{name: p, profile.against: another.yaml}]\n");
    cr_assert(eq(int, sweep_open(&sweep, "sub/study.yaml", NULL, 0, &err),
                 STATUS_BAD_VALUE));
    cr_expect_str_eq(err.text, "sub/study.yaml:3:37: profile.against: no file"
                               " 'sub/another.yaml'");
}

Test(sweep, it_knows_which_keys_of_train_and_run_name_files)
{
    const struct config_schema *const schemas[] = { &train_config_schema,
                                                    &run_config_schema };
    int files = 0;

    for (int i = 0; i < 2; i++)
        for (const struct config_key *k = schemas[i]->keys; k->name; k++) {
            if (k->type == CONFIG_SETTINGS)
                continue;
            const bool file = k->type == CONFIG_PATH || k->type == CONFIG_PATHS;
            cr_expect(sweep_names_file(k->name) == file, "%s", k->name);
            files += file;
        }
    cr_expect(ge(int, files, 9));
}

Test(sweep, listed_points_follow_the_product_with_their_own_keys)
{
    struct sweep *sweep = open_study("base: base.yaml\n"
                                     "set: {train.steps: 9}\n"
                                     "axes: {a.b: [1]}\n"
                                     "points:\n"
                                     "  - {name: dense, c.d: [1, 3]}\n"
                                     "  - {train.steps: 5}\n");
    struct sweep_point dense = sweep->point[1];

    cr_assert(eq(i32, sweep->n_points, 3));
    cr_assert_str_eq(dense.name, "dense");
    cr_assert(eq(sz, dense.n_settings, 2));
    cr_assert_str_eq(dense.setting[0].key, "train.steps");
    cr_assert_str_eq(dense.setting[1].value, "[1, 3]");
    cr_assert(eq(ptr, (void *)sweep_value(&sweep->point[1], "a.b"), NULL));
    cr_assert_str_eq(sweep_value(&sweep->point[2], "train.steps"), "5");
    cr_assert(eq(sz, sweep->n_keys, 3));
    sweep_close(sweep);
}

struct mistake {
    char text[128], says[112];
};

ParameterizedTestParameters(sweep, mistakes_are_refused_with_a_place)
{
    static struct mistake mistakes[] = {
        { "", "study.yaml:1:1: a study is a mapping" },
        { "axes: {a: [1]}", "study.yaml:1:1: missing key 'base'" },
        { "base: none.yaml", "study.yaml:1:7: base: no file 'none.yaml'" },
        { "base: base.yaml", "study.yaml:1:1: no points" },
        { "base: base.yaml\naxis: {}", "study.yaml:2:1: unknown key 'axis',"
                                       " did you mean 'axes'?" },
        { "base: base.yaml\naxes: [1]", "study.yaml:2:7: axes: allowed" },
        { "base: base.yaml\naxes: {a: 1}", "study.yaml:2:11: axis 'a'" },
        { "base: base.yaml\naxes: {a: []}", "study.yaml:2:11: axis 'a'" },
        { "base: base.yaml\naxes: {a: [1, 1]}",
          "study.yaml:2:15: axis 'a' has 1 twice" },
        { "base: base.yaml\naxes: {a: [1e-3, .001]}",
          "study.yaml:2:18: axis 'a' has .001 twice" },
        { "base: base.yaml\naxes: {a: [9, b, 2, 1, b, 2.0, 1, nan, 9]}",
          "study.yaml:2:24: axis 'a' has b twice" },
        { "base: base.yaml\naxes: {a: [1], a: [2]}",
          "study.yaml:2:16: repeated key 'a'" },
        { "base: base.yaml\naxes: {a: [{b: 1}]}",
          "study.yaml:2:12: allowed is a value or a list" },
        { "base: base.yaml\nset: {a: 1}\naxes: {a: [1]}",
          "study.yaml:3:8: axis 'a' is fixed under set:" },
        { "base: base.yaml\nset: {train: {steps: 1}}",
          "study.yaml:2:14: allowed is a value or a list" },
        { "base: base.yaml\npoints: 3", "study.yaml:2:9: points: allowed" },
        { "base: base.yaml\npoints: [3]", "study.yaml:2:10: allowed is a" },
        { "base: base.yaml\ncommand: fly", "study.yaml:2:10: command fly: allowed is train or run" },
        { "base: [", "study.yaml:2:1: did not find expected node content" },
    };
    return cr_make_param_array(struct mistake, mistakes,
                               sizeof mistakes / sizeof *mistakes);
}

ParameterizedTest(struct mistake *m, sweep, mistakes_are_refused_with_a_place)
{
    struct error err = { STATUS_OK, "" };
    struct sweep *sweep = NULL;

    put_file("study.yaml", m->text);
    enum status status = sweep_open(&sweep, "study.yaml", NULL, 0, &err);
    cr_expect(eq(int, status_exit_code(status), 2), "%s", m->text);
    cr_expect(eq(int, strncmp(err.text, m->says, strlen(m->says)), 0),
              "%s\ngave: %s", m->text, err.text);
}

Test(sweep, a_setting_may_not_fix_what_differs)
{
    struct config_setting setting = { .text = "a=3" };
    struct error err = { STATUS_OK, "" };
    struct sweep *sweep = NULL;

    put_file("study.yaml", "base: base.yaml\naxes: {a: [1, 2]}\n");
    cr_assert(eq(int, sweep_open(&sweep, "study.yaml", &setting, 1, &err),
                 STATUS_BAD_VALUE));
    cr_assert_str_eq(err.text, "study.yaml:2:8: 'a' differs from point to point,"
                               " so --set cannot fix it");
}

Test(sweep, too_many_points_are_refused_before_any_memory_is_taken)
{
    struct error err = { STATUS_OK, "" };
    struct sweep *sweep = NULL;
    FILE *file = fopen("study.yaml", "w");

    fputs("base: base.yaml\naxes:\n", file);
    for (int axis = 0; axis < 20; axis++)
        fprintf(file, "  k%d: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n", axis);
    fclose(file);
    cr_assert(eq(int, sweep_open(&sweep, "study.yaml", NULL, 0, &err),
                 STATUS_BAD_VALUE));
    cr_assert(ne(ptr, strstr(err.text, "too many points"), NULL));
}

Test(sweep, every_point_runs_with_its_settings_and_is_tabled)
{
    put_file("study.yaml", "base: base.yaml\nset: {s: 1}\n"
                           "axes: {x.y: [a, 'b, c']}\n");
    cr_assert(eq(int, run_study(NULL, NULL), 0));
    cr_assert_str_eq(text_of("out/points/000001/arguments"),
                     "train base.yaml -o out/points/000001 --quiet --resume"
                     " --threads=1 --set s=1 --set x.y=b, c\n");
    cr_assert_str_eq(text_of("out/points.csv"),
        "point,name,x.y,status,counted.flops,predicted.flops,seconds,tokens,"
        "loss.train,loss.heldout_causal,loss.heldout_topk,capacity_realised,"
        "load.cpu_seconds,load.steal_seconds,load.waiting_seconds,load.busy\r\n"
        "0,y=a,a,done,12,,,8,1.5,1.25,,,2.5,,0.5,1\r\n"
        "1,\"y=b, c\",\"b, c\",done,12,,,8,1.5,1.25,,,2.5,,0.5,1\r\n");
}

/* Nothing to resume; its seconds are results, so points run one at a time. */
Test(sweep, a_sweep_of_run_has_its_own_columns)
{
    put_file("study.yaml", "base: base.yaml\ncommand: run\n"
                           "axes: {x: [1, 2]}\n");
    cr_assert(eq(int, run_study("--threads", "3"), 0));
    cr_assert_str_eq(text_of("out/points/000001/arguments"),
                     "run base.yaml -o out/points/000001 --quiet --threads=3"
                     " --set x=2\n");
    cr_assert_str_eq(text_of("out/points.csv"),
        "point,name,x,status,tokens,bytes_of_text,nats_per_token,bits_per_byte,"
        "perplexity,capacity_realised,counted.flops,predicted.flops,"
        "counted.bytes,measured.seconds,modelled.joules,modelled.joules_low,"
        "modelled.joules_high,rival.nats_per_token,windows,times,loss_increase,"
        "loss_increase_low,loss_increase_high,loss_difference,"
        "loss_difference_low,loss_difference_high,ratio.flops,ratio.bytes,"
        "ratio.seconds,ratio.seconds_low,ratio.seconds_high,ratio.joules,"
        "ratio.joules_low,ratio.joules_high,load.cpu_seconds,"
        "load.steal_seconds,load.waiting_seconds,load.busy\r\n"
        "0,x=1,1,done,64,,2.5,3.25,,,,,,,,,,,,,,,,,,,,,0.75,0.5,1,,,,2.5,,0.5,1\r\n"
        "1,x=2,2,done,64,,2.5,3.25,,,,,,,,,,,,,,,,,,,,,0.75,0.5,1,,,,2.5,,0.5,1\r\n"
        );
}

Test(sweep, finished_points_are_not_run_again)
{
    put_file("study.yaml", "base: base.yaml\naxes: {x: [1, 2]}\n");
    cr_assert(eq(int, run_study(NULL, NULL), 0));
    cr_assert(eq(int, run_study(NULL, NULL), 0));
    cr_assert_str_eq(text_of("out/points/000000/runs"), "ran\n");
}

Test(sweep, a_failed_point_stops_no_other_and_is_tried_again)
{
    put_file("study.yaml", "base: base.yaml\naxes: {x: [bad, 2]}\n");
    cr_assert(eq(int, run_study("--jobs", "1"), 1));
    cr_assert_str_eq(text_of("out/points/000001/runs"), "ran\n");
    cr_assert(ne(ptr, strstr(text_of("out/points.csv"), "x=bad,bad,failed"),
                 NULL));
    cr_assert(eq(int, run_study(NULL, NULL), 1));
    cr_assert_str_eq(text_of("out/points/000000/runs"), "ran\nran\n");
    cr_assert_str_eq(text_of("out/points/000001/runs"), "ran\n");
}

Test(sweep, a_process_that_leaves_no_finished_summary_has_failed)
{
    put_file("study.yaml", "base: base.yaml\naxes: {x: [cut]}\n");
    cr_assert(eq(int, run_study(NULL, NULL), 1));
}

Test(sweep, a_study_that_changed_is_refused_before_anything_runs)
{
    put_file("study.yaml", "base: base.yaml\naxes: {x: [1, 2]}\n");
    cr_assert(eq(int, run_study(NULL, NULL), 0));
    put_file("study.yaml", "base: base.yaml\naxes: {x: [1, 2]}\n"
                           "set: {steps: 5}\n");
    cr_assert(eq(int, run_study(NULL, NULL), 2));
    cr_assert_str_eq(text_of("out/points/000000/runs"), "ran\n");
}

Test(sweep, a_base_that_changed_is_refused_but_not_its_comments)
{
    put_file("study.yaml", "base: base.yaml\naxes: {x: [1, 2]}\n");
    cr_assert(eq(int, run_study(NULL, NULL), 0));
    put_file("base.yaml", "# the same\ntrain:\n  steps: 1\n");
    cr_assert(eq(int, run_study(NULL, NULL), 0));
    put_file("base.yaml", "train: {steps: 2}\n");
    cr_assert(eq(int, run_study(NULL, NULL), 2));
}

/* The keys of the base may stand in the study: what else it says is not the
 * base's, and files are seen from there. */
Test(sweep, a_base_in_place_is_the_same_study_until_it_changes)
{
    put_file("study.yaml", "base: {train: {steps: 1}}\naxes: {x: [1, 2]}\n");
    cr_assert(eq(int, run_study(NULL, NULL), 0));
    cr_expect(strstr(text_of("out/points/000000/point.json"),
                     "\"base\": \"study.yaml\"") != NULL);
    put_file("study.yaml", "base:\n  train:\n    steps: 1   # the same\n"
                           "axes: {x: [1, 2, 3]}\n");
    cr_assert(eq(int, run_study(NULL, NULL), 0));
    put_file("study.yaml", "base: {train: {steps: 2}}\naxes: {x: [1, 2]}\n");
    cr_assert(eq(int, run_study(NULL, NULL), 2));
}

Test(sweep, more_points_may_be_added_to_a_finished_study)
{
    put_file("study.yaml", "base: base.yaml\naxes: {x: [1, 2]}\n");
    cr_assert(eq(int, run_study(NULL, NULL), 0));
    put_file("study.yaml", "base: base.yaml\naxes: {x: [1, 2, 3]}\n");
    cr_assert(eq(int, run_study(NULL, NULL), 0));
    cr_assert_str_eq(text_of("out/points/000000/runs"), "ran\n");
    cr_assert_str_eq(text_of("out/points/000002/runs"), "ran\n");
}

Test(sweep, one_point_runs_alone_and_merging_comes_later)
{
    put_file("study.yaml", "base: base.yaml\naxes: {x: [1, 2]}\n");
    cr_assert(eq(int, run_study("--point", "1"), 0));
    cr_assert(not(file_exists("out/points/000000")));
    cr_assert(not(file_exists("out/points.csv")));
    cr_assert(eq(int, run_study("--merge", NULL), 0));
    cr_assert(ne(ptr, strstr(text_of("out/points.csv"), "0,x=1,1,pending"),
                 NULL));
    cr_assert(ne(ptr, strstr(text_of("out/points.csv"), "1,x=2,2,done,12"),
                 NULL));
}

Test(sweep, a_point_outside_the_study_is_bad_usage)
{
    put_file("study.yaml", "base: base.yaml\naxes: {x: [1, 2]}\n");
    cr_assert(eq(int, run_study("--point", "2"), 2));
}

Test(sweep, two_at_once_in_one_directory_are_refused)
{
    struct error err = { STATUS_OK, "" };
    struct rundir rundir;

    put_file("study.yaml", "base: base.yaml\naxes: {x: [1, 2]}\n");
    cr_assert(eq(int, rundir_open(&rundir, "out", &err), STATUS_OK));
    cr_assert(eq(int, run_study(NULL, NULL), 2));
    rundir_close(&rundir);
    cr_assert(eq(int, run_study(NULL, NULL), 0));
}

/* A point of the killed sweep has a second to save; the next sweep's begins
 * after it has ended. */
Test(sweep, after_a_kill_the_next_waits_for_what_the_last_left)
{
    put_file("program", "#!/bin/sh\n"
             "dir=$4\n"
             "if [ -e $dir/times ]; then\n"
             "    cp $dir/times $dir/seen\n"
             "    echo '{\"schema\": \"isobath-run-1\", \"status\": \"done\"}'"
             " > $dir/summary.json\n"
             "    exit 0\n"
             "fi\n"
             "trap 'kill $!; sleep 1; echo end >> $dir/times; exit 130' TERM\n"
             "sleep 30 &\n"
             "echo begin >> $dir/times\n"
             "wait\n");
    put_file("study.yaml", "base: base.yaml\naxes: {x: [1, 2]}\n");
    pid_t pid = fork();
    if (pid == 0)
        _exit(run_study("--jobs", "2"));
    for (int i = 0; i < 500 && !(file_exists("out/points/000000/times") &&
                                 file_exists("out/points/000001/times")); i++)
        usleep(20000);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    cr_assert(eq(int, run_study("--jobs", "2"), 0));
    cr_expect_str_eq(text_of("out/points/000000/seen"), "begin\nend\n");
    cr_expect_str_eq(text_of("out/points/000001/seen"), "begin\nend\n");
}

Test(sweep, a_directory_of_another_command_is_refused_whatever_starts_a_point)
{
    put_file("study.yaml", "base: base.yaml\naxes: {x: [1, 2]}\n");
    cr_assert(mkdir("out", 0777) == 0);
    put_file("out/summary.json", "{\"schema\": \"isobath-run-1\","
                                 " \"command\": \"train\"}\n");
    cr_expect(eq(int, run_study(NULL, NULL), 2));
    cr_expect(eq(int, run_study("--point", "1"), 2));
    cr_expect(eq(int, run_study("--launcher", "slurm"), 2));
    cr_expect(not(file_exists("out/points")));
    cr_expect(not(file_exists("out/array.sh")));
}

static void interrupt(int signal)
{
    (void)signal;
    raise(SIGINT);
}

Test(sweep, an_interrupt_reaches_the_processes_and_keeps_what_is_done)
{
    put_file("study.yaml", "base: base.yaml\naxes: {x: [1, slow, 3]}\n");
    signal(SIGALRM, interrupt);
    alarm(1);
    double started = clock_seconds();
    cr_assert(eq(int, run_study("--jobs", "1"), 130));
    cr_assert(lt(dbl, clock_seconds() - started, 15.0));
    char *table = text_of("out/points.csv");
    cr_assert(ne(ptr, strstr(table, "0,x=1,1,done"), NULL));
    cr_assert(ne(ptr, strstr(table, "1,x=slow,slow,unfinished"), NULL));
    cr_assert(ne(ptr, strstr(table, "2,x=3,3,pending"), NULL));
}

struct seen {
    int  n, code;
    char tail[128];
};

static void note_failure(void *context, const struct sweep_failure *failure)
{
    struct seen *seen = context;
    seen->n++;
    seen->code = failure->code;
    snprintf(seen->tail, sizeof seen->tail, "%s", failure->log_tail);
}

static void note_progress(void *context, const struct sweep_progress *progress)
{
    (void)context;
    (void)progress;
}

/* The report on a study of one point that fails. */
static struct seen failure_of(const char *text, const char *program)
{
    struct error err = { STATUS_OK, "" };
    struct sweep *sweep = open_study(text);
    enum point_state state[1] = { POINT_PENDING };
    struct seen seen = { 0 };
    struct sweep_run run = {
        .sweep = sweep, .directory = "out", .program = program, .n_jobs = 1,
        .threads = 1, .on_failure = note_failure,
        .on_progress = note_progress, .context = &seen,
    };

    enum status status = sweep_run_points(&run, 0, 1, state, &err);
    cr_assert(eq(int, status, STATUS_OK), "%s", err.text);
    cr_assert(eq(int, state[0], POINT_FAILED));
    cr_assert(eq(int, seen.n, 1));
    sweep_close(sweep);
    return seen;
}

Test(sweep, a_failure_is_told_with_exit_code_and_the_end_of_its_log)
{
    struct seen seen = failure_of("base: base.yaml\npoints: [{x: bad}]",
                                  "./program");
    cr_assert(eq(int, seen.code, 3));
    cr_assert_str_eq(seen.tail, "first\nno such thing");
}

Test(sweep, a_process_killed_by_a_signal_has_code_128_and_the_signal)
{
    struct seen seen = failure_of("base: base.yaml\npoints: [{x: stuck}]",
                                  "./program");
    cr_assert(eq(int, seen.code, 128 + SIGKILL));
}

Test(sweep, a_program_that_cannot_run_is_named)
{
    struct seen seen = failure_of("base: base.yaml\npoints: [{x: 1}]",
                                  "./nowhere");
    cr_assert(eq(int, seen.code, 127));
    cr_assert_str_eq(seen.tail, "cannot run './nowhere': No such file or"
                                " directory");
}
