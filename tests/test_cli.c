/* test_cli.c - isobath train and isobath run as a user meets them: exit codes,
 * messages, files, signals, full disks, sudden death. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/shared.h"
#include "tests/words.h"

enum { MOST_ARGUMENTS = 32, PATH_SIZE = 512 };

static char directory[64], started_in[256];

/* ---- starting the program ---- */

/* It lies beside the folder of this test. */
static const char *program(void)
{
    static char path[PATH_SIZE];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    cr_assert(n > 0);
    path[n] = '\0';
    for (int up = 0; up < 2; up++)
        *strrchr(path, '/') = '\0';
    strcat(path, "/isobath");
    return path;
}

/* What becomes of the child before it is the program. */
struct limits {
    rlim_t file_bytes;         /* more fails, as on a full disk; 0: none */
};

static pid_t start(const char *const *arguments, struct limits limits)
{
    const char *argv[MOST_ARGUMENTS + 2] = { program() };
    int n = 1;

    for (; *arguments; arguments++)
        argv[n++] = *arguments;
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child > 0)
        return child;
    if (!freopen("stdout", "w", stdout) || !freopen("stderr", "w", stderr))
        _exit(99);
    if (limits.file_bytes > 0) {
        const struct rlimit limit = { limits.file_bytes, limits.file_bytes };
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    execv(argv[0], (char *const *)(size_t)argv);
    _exit(98);
}

/* The exit code, or 1000 and the signal that ended it. */
static int finish(pid_t child)
{
    int how;
    cr_assert(waitpid(child, &how, 0) == child);
    return WIFEXITED(how) ? WEXITSTATUS(how) : 1000 + WTERMSIG(how);
}

#define ARGUMENTS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define STARTED(...) finish(start(ARGUMENTS(__VA_ARGS__), (struct limits){ 0 }))
/* On one thread: tests run side by side. */
#define ISOBATH(...) STARTED(__VA_ARGS__, "--threads", "1")

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    struct stat info;

    cr_assert(file != NULL, "%s: %s", path, strerror(errno));
    fstat(fileno(file), &info);
    char *text = calloc(1, (size_t)info.st_size + 1);
    size_t n = fread(text, 1, (size_t)info.st_size, file);
    fclose(file);
    if (size)
        *size = n;
    return text;
}

static void expect_said(const char *file, const char *needle)
{
    char *text = read_file(file, NULL);
    cr_expect(strstr(text, needle) != NULL, "no '%s' in: %s", needle, text);
    free(text);
}

static void expect_same_file(const char *a, const char *b)
{
    size_t n, m;
    char *x = read_file(a, &n), *y = read_file(b, &m);
    cr_expect(n == m && memcmp(x, y, n) == 0, "%s and %s differ", a, b);
    free(y);
    free(x);
}

static void pause_milliseconds(long n)
{
    const struct timespec t = { n / 1000, n % 1000 * 1000000 };
    nanosleep(&t, NULL);
}

/* ---- a run to try things on ---- */

static const char config[] =
    "model:\n"
    "  family: llama\n"
    "  layers: 2\n"
    "  channels: 16\n"
    "  heads: 2\n"
    "  max_tokens: 64\n"
    "routing:\n"
    "  capacity: 0.25\n"
    "data:\n"
    "  path: text\n"
    "  tokens: 32\n"
    "train:\n"
    "  batch: 2\n"
    "  steps: 40\n"
    "  judge_every: 10\n"
    "  curve_windows: 2\n"
    "  judge_windows: 100\n"
    "  save_every: 20\n";

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(name, "w");
    cr_assert(file != NULL);
    fputs(text, file);
    cr_assert(fclose(file) == 0);
}

/* Every test works in a new directory. */
static void set_up(void)
{
    make_directory(directory);
    cr_assert(getcwd(started_in, sizeof started_in) != NULL);
    cr_assert(chdir(directory) == 0);
    write_words("text");
    write_file("run.yaml", config);
}

static void tear_down(void)
{
    cr_assert(chdir("/") == 0);
    remove_directory(directory);
}

TestSuite(cli, .init = set_up, .fini = tear_down);

static json_t *summary_of(const char *run)
{
    char path[PATH_SIZE];
    json_error_t error;
    snprintf(path, sizeof path, "%s/summary.json", run);
    json_t *summary = json_load_file(path, 0, &error);
    cr_assert(summary != NULL, "%s: %s", path, error.text);
    return summary;
}

/* By its path: "loss.heldout_causal"; NULL: there is none. */
static json_t *at(json_t *json, const char *path)
{
    char part[64];
    while (json && *path) {
        size_t n = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        json = json_object_get(json, part);
        path += n + (path[n] == '.');
    }
    return json;
}

/* A number or boolean. */
static double number_at(json_t *json, const char *path)
{
    json = at(json, path);
    if (json_is_boolean(json))
        return json_is_true(json);
    return json_is_number(json) ? json_number_value(json) : (double)NAN;
}

static bool there(const char *name)
{
    return access(name, F_OK) == 0;
}

/* ---- train ---- */

Test(cli, train_leaves_the_files_that_others_read)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a"), 0));
    expect_said("stdout", "held-out loss, nats per byte: ");
    cr_expect(there("a/model.safetensors"));
    cr_expect(there("a/config.json"));
    cr_expect(there("a/curve.csv"));
    cr_expect(there("a/ledger.csv"));
    expect_said("a/curve.csv", "step,tokens,flops,seconds,joules,lr,train_loss,"
                "heldout_loss,capacity_realised,grad_norm\r\n1,64,");
    json_t *s = summary_of("a");
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    cr_expect(eq(dbl, number_at(s, "totals.counted.flops"),
                 number_at(s, "totals.predicted.flops")));
    cr_expect(eq(dbl, number_at(s, "tokens"), 40 * 2 * 32));
    cr_expect(number_at(s, "totals.measured.seconds") > 0);
    cr_expect(isnan(number_at(s, "totals.measured.flops")));
    cr_expect(number_at(s, "loss.heldout_causal") < 5.4);
    json_decref(s);
}

static void expect_bad(const char *from, const char *to, const char *said)
{
    char text[sizeof config + 64];
    const char *found = strstr(config, from);

    cr_assert(found != NULL);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(found - config), config, to,
             found + strlen(from));
    write_file("bad.yaml", text);
    cr_expect(eq(int, ISOBATH("train", "bad.yaml", "-o", "bad"), 2), "%s", to);
    expect_said("stderr", said);
    cr_expect(not(there("bad")), "%s: a directory was made", to);
}

Test(cli, train_tells_where_a_config_is_wrong)
{
    expect_bad("steps: 40", "stepz: 40",
               "bad.yaml:14:3: unknown key 'train.stepz', did you mean"
               " 'train.steps'?");
    expect_bad("channels: 16", "channels: wide", "bad.yaml:4:13:");
    expect_bad("capacity: 0.25", "capacity: 1.5", "bad.yaml:8:13:");
    expect_bad("path: text", "path: nowhere", "bad.yaml:10:9:");
    expect_bad("tokens: 32", "tokens: 65", "bad.yaml:11:11: data.tokens 65:"
               " allowed is at most model.max_tokens, 64");
    expect_bad("steps: 40", "budget_flops: 10", "bad.yaml:14:17:");
    expect_bad("  steps: 40\n", "", "bad.yaml:1:1: how long?");
    expect_bad("batch: 2", "batch: 2\n  batch: 3", "bad.yaml:14:3:");
    expect_bad("batch: 2", "budget_flops: 1e9",
               "bad.yaml:13:17: train.budget_flops 1e+09: there is train.steps"
               " 40 too");
    expect_bad("  save_every: 20\n", "machine: nowhere.yaml\n",
               "bad.yaml:18:10:");
    expect_bad("model:", "model: [", "bad.yaml:");
}

Test(cli, train_refuses_what_no_machine_holds)
{
    cr_expect(eq(int, ISOBATH("train", "run.yaml", "-o", "bad", "--set",
                              "train.batch=65536", "--set",
                              "model.channels=4096", "--set",
                              "model.layers=64"), 2));
    expect_said("stderr", "--set: train.batch 65536: with data.tokens 32 this"
                " model takes about ");
}

Test(cli, train_tells_what_is_wrong_with_an_option)
{
    const char *run = "run.yaml", *out = "bad";

    cr_expect(eq(int, ISOBATH("train", run, "-o", out, "--set",
                              "train.steps"), 2));
    expect_said("stderr", "--set 'train.steps': allowed is key=value");
    cr_expect(eq(int, ISOBATH("train", run, "-o", out, "--set",
                              "train.step=4"), 2));
    expect_said("stderr", "--set: unknown key 'train.step', did you mean");
    cr_expect(eq(int, ISOBATH("train", run, "-o", out, "--set",
                              "train.steps=many"), 2));
    expect_said("stderr", "--set: train.steps many: allowed is");
    cr_expect(eq(int, ISOBATH("train", run), 2));
    expect_said("stderr", "-o DIR");
    cr_expect(eq(int, ISOBATH("train", "-o", out), 2));
    cr_expect(eq(int, ISOBATH("train", run, run, "-o", out), 2));
    cr_expect(eq(int, ISOBATH("train", "nowhere.yaml", "-o", out), 2));
    expect_said("stderr", "nowhere.yaml");
    cr_expect(eq(int, ISOBATH("train", run, "-o", "text"), 2));
    cr_expect(not(there("bad")));
}

Test(cli, train_never_runs_over_a_run)
{
    const char *run = "run.yaml", *out = "a";

    cr_assert(eq(int, ISOBATH("train", run, "-o", out, "-q"), 0));
    cr_expect(eq(int, ISOBATH("train", run, "-o", out), 2));
    expect_said("stderr", "holds a run already; go on with --resume");
    cr_expect(eq(int, ISOBATH("train", run, "-o", out, "--resume"), 0));
    expect_said("stdout", "finished already");
    cr_expect(eq(int, ISOBATH("train", run, "-o", out, "--resume", "--set",
                              "train.seed=2"), 2));
    expect_said("stderr", "another config");
}

Test(cli, train_gives_the_same_bits_on_one_thread_and_two)
{
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "a", "-q", "--threads",
                              "1"), 0));
    cr_assert(eq(int, STARTED("train", "run.yaml", "-o", "b", "-q", "--threads",
                              "2"), 0));
    expect_same_file("a/model.safetensors", "b/model.safetensors");
    expect_same_file("a/config.json", "b/config.json");
}

/* ---- interruption ---- */

static pid_t start_long(const char *out, const char *steps)
{
    return start(ARGUMENTS("train", "run.yaml", "-o", out, "-q",
                           "--threads", "1", "--resume", "--set", steps,
                           "--set", "train.save_every=3"),
                 (struct limits){ 0 });
}

/* Until a file has content. */
static void wait_for(const char *name)
{
    struct stat file = { .st_size = 0 };
    for (int i = 0; i < 4000; i++, pause_milliseconds(5))
        if (stat(name, &file) == 0 && file.st_size > 0)
            return;
    cr_fatal("%s never came", name);
}

/* Until the directory is that process's own: from then on it heeds signals. */
static void wait_for_lock(const char *name, pid_t owner)
{
    for (int i = 0; i < 4000; i++, pause_milliseconds(5)) {
        long pid = 0;
        FILE *file = fopen(name, "r");
        if (file && fscanf(file, "%ld", &pid) != 1)
            pid = 0;
        if (file)
            fclose(file);
        if (pid == (long)owner)
            return;
    }
    cr_fatal("%s never came", name);
}

static void expect_same_totals(void)
{
    json_t *whole = summary_of("whole"), *parts = summary_of("parts");
    cr_expect(json_equal(at(whole, "totals.counted"),
                         at(parts, "totals.counted")) == 1);
    cr_expect(json_equal(at(whole, "totals.predicted"),
                         at(parts, "totals.predicted")) == 1);
    cr_expect(json_equal(at(whole, "loss"), at(parts, "loss")) == 1);
    cr_expect(at(parts, "totals.counted.cycles") != NULL);
    cr_expect(isnan(number_at(parts, "totals.counted.cycles")));
    json_decref(parts);
    json_decref(whole);
}

Test(cli, killed_at_any_moment_it_goes_on_to_the_same_weights)
{
    static const long moments[] = { 40, 75, 20, 110, 60, 90 };
    const char *steps = "train.steps=150";
    int kills = 0;

    cr_assert(eq(int, finish(start_long("whole", steps)), 0));
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        pid_t child = start_long("parts", steps);
        pause_milliseconds(moments[i]);
        kill(child, SIGKILL);
        kills += finish(child) == 1000 + SIGKILL;
    }
    cr_expect(kills > 0);
    cr_assert(eq(int, finish(start_long("parts", steps)), 0));
    expect_same_file("whole/model.safetensors", "parts/model.safetensors");
    expect_same_file("whole/config.json", "parts/config.json");
    expect_same_totals();
    /* Nothing half written is left. */
    cr_expect(system("ls parts | grep -q tmp") != 0);
}

Test(cli, interrupted_it_saves_and_goes_on)
{
    const char *out = "a", *steps = "train.steps=2000";
    pid_t child = start_long(out, steps);

    wait_for("a/state.safetensors");
    kill(child, SIGINT);
    cr_expect(eq(int, finish(child), 130));
    expect_said("stderr", "saved, go on with --resume");
    cr_expect(not(there("a/summary.json")));
    child = start_long(out, steps);
    wait_for_lock("a/.lock", child);
    kill(child, SIGTERM);
    cr_expect(eq(int, finish(child), 130));
    cr_expect(eq(int, ISOBATH("train", "run.yaml", "-o", out, "--resume",
                              "--set", "train.steps=2001"), 2));
    expect_said("stderr", "written with another config or other data");
}

Test(cli, two_do_not_share_a_directory)
{
    const char *out = "a", *steps = "train.steps=100000";
    pid_t first = start_long(out, steps);
    char said[64];

    wait_for("a/state.safetensors");
    cr_expect(eq(int, finish(start_long(out, steps)), 2));
    snprintf(said, sizeof said, "is in use by process %d", (int)first);
    expect_said("stderr", said);
    kill(first, SIGINT);
    cr_expect(eq(int, finish(first), 130));
}

/* An interrupted run in DIR a, and its state as it was. */
static char *interrupted(size_t *size)
{
    pid_t child = start_long("a", "train.steps=2000");
    wait_for("a/state.safetensors");
    kill(child, SIGINT);
    cr_assert(eq(int, finish(child), 130));
    return read_file("a/state.safetensors", size);
}

static int resume(struct limits limits)
{
    return finish(start(ARGUMENTS("train", "run.yaml", "-o", "a", "-q",
                                  "--resume", "--threads", "1", "--set",
                                  "train.steps=2000", "--set",
                                  "train.save_every=3"), limits));
}

Test(cli, a_full_disk_ends_it_and_leaves_the_checkpoint)
{
    size_t n, m;
    char *before = interrupted(&n);

    cr_expect(eq(int, resume((struct limits){ .file_bytes = 20000 }), 1));
    expect_said("stderr", "cannot write");
    char *after = read_file("a/state.safetensors", &m);
    cr_expect(n == m && memcmp(before, after, n) == 0);
    free(after);
    free(before);
}

Test(cli, a_damaged_checkpoint_is_told)
{
    size_t n;
    char *state = interrupted(&n);
    const char *path = "a/state.safetensors";
    FILE *file = fopen(path, "r+b");

    cr_assert(file != NULL);
    fseek(file, (long)n / 2, SEEK_SET);
    fputc(state[n / 2] ^ 1, file);
    fclose(file);
    cr_expect(eq(int, resume((struct limits){ 0 }), 2));
    expect_said("stderr", "state.safetensors: damaged");
    cr_assert(truncate(path, (off_t)n / 2) == 0);
    cr_expect(eq(int, resume((struct limits){ 0 }), 2));
    expect_said("stderr", "state.safetensors");
    free(state);
}

/* ---- memory ---- */

#if defined __SANITIZE_ADDRESS__
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

static void expect_memory(const char *const *settings, const char *out)
{
    const char *arguments[MOST_ARGUMENTS] = { "train", "run.yaml", "-q",
        "--threads", "2", "-o", out, "--set", "train.steps=2", "--set",
        "model.max_tokens=256", "--set", "data.tokens=256", "--set",
        "train.judge_windows=4" };
    size_t n = 15;

    for (; *settings; settings++) {
        arguments[n++] = "--set";
        arguments[n++] = *settings;
    }
    cr_assert(eq(int, finish(start(arguments, (struct limits){ 0 })), 0));
    json_t *s = summary_of(out);
    double said = number_at(s, "memory.predicted_bytes");
    double was = number_at(s, "memory.peak_resident_bytes");
    cr_expect(fabs(said - was) <= 0.05 * was, "%.0f predicted, %.0f was", said,
              was);
    json_decref(s);
}

Test(cli, memory_at_the_peak_is_within_a_twentieth_of_the_prediction)
{
    if (SANITIZED)
        cr_skip("sanitizers take memory of their own");
    expect_memory(ARGUMENTS("model.channels=128", "model.layers=6",
                            "model.heads=4", "train.batch=16"), "large");
    expect_memory(ARGUMENTS("model.channels=48", "model.layers=6",
                            "model.heads=3", "train.batch=1"), "small");
}

/* ---- training from a model ---- */

/* The tests run elsewhere than where the data lies. */
static void shared_from_here(char out[PATH_SIZE], const char *name)
{
    char path[FILE_PATH_SIZE], here[256];
    cr_assert(getcwd(here, sizeof here) != NULL);
    cr_assert(chdir(started_in) == 0);
    shared_path(path, name);
    cr_assert(realpath(path, out) != NULL);
    cr_assert(chdir(here) == 0);
}

static const char routers_config[] =
    "routing:\n"
    "  capacity: 0.5\n"
    "data:\n"
    "  path: text\n"
    "  tokens: 32\n"
    "train:\n"
    "  init: dense\n"
    "  freeze: backbone\n"
    "  batch: 2\n"
    "  steps: 40\n"
    "  judge_windows: 100\n"
    "  save_every: 3\n";

/* A dense model in `dense`, and the config of routers for it. */
static void train_dense(void)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "dense", "-q", "--set",
                              "routing.capacity=1"), 0));
    write_file("routers.yaml", routers_config);
}

Test(cli, routers_alone_are_trained_and_the_rest_is_the_model_that_came)
{
    train_dense();
    cr_assert(eq(int, ISOBATH("train", "routers.yaml", "-o", "a"), 0));
    expect_said("stdout", "with nothing routed, ");
    json_t *dense = summary_of("dense"), *s = summary_of("a");
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    /* Judged on the same windows, once by itself and once within this run. */
    cr_expect(epsilon_eq(dbl, number_at(s, "loss.heldout_dense"),
                         number_at(dense, "loss.heldout_causal"), 1e-6));
    double drawn = number_at(s, "loss.heldout_routers_drawn");
    double cost = drawn - number_at(s, "loss.heldout_dense");
    double back = drawn - number_at(s, "loss.heldout_topk");
    if (cost > 0.0)
        cr_expect(epsilon_eq(dbl, number_at(s, "loss.share_recovered"),
                             back / cost, 1e-9));
    else
        cr_expect(isnan(number_at(s, "loss.share_recovered")));
    /* The lowest router is that of the last layer: backward is head and loss. */
    cr_expect(number_at(s, "totals.counted.flops") <
              0.6 * number_at(dense, "totals.counted.flops"));
    json_decref(s);
    json_decref(dense);

    /* What was written is the dense model, with a router in it. */
    cr_assert(eq(int, ISOBATH("run", "dense", "--text", "text", "--limit",
                              "640", "--format", "csv"), 0));
    cr_assert(rename("stdout", "dense.csv") == 0);
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "640",
                              "--policy", "dense", "--format", "csv"), 0));
    expect_same_file("stdout", "dense.csv");
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "640"),
                 0));
    expect_said("stdout", "threshold");
}

Test(cli, routers_trained_in_parts_are_those_trained_at_once)
{
    static const long moments[] = { 30, 60, 20, 80, 45 };
    const char *steps = "train.steps=150";
    int kills = 0;

    train_dense();
    write_file("run.yaml", routers_config);
    cr_assert(eq(int, finish(start_long("whole", steps)), 0));
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        pid_t child = start_long("parts", steps);
        pause_milliseconds(moments[i]);
        kill(child, SIGKILL);
        kills += finish(child) == 1000 + SIGKILL;
    }
    cr_expect(kills > 0);
    cr_assert(eq(int, finish(start_long("parts", steps)), 0));
    expect_same_file("whole/model.safetensors", "parts/model.safetensors");
    expect_same_file("whole/config.json", "parts/config.json");
    expect_same_totals();
}

Test(cli, a_model_that_routes_already_goes_on_as_it_routes)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "dense", "-q"), 0));
    write_file("bad.yaml", routers_config);
    cr_expect(eq(int, ISOBATH("train", "bad.yaml", "-o", "bad"), 2));
    expect_said("stderr", "bad.yaml:2:13: routing.capacity [0.5]: train.init"
                " dense has [0.25]; leave the key out");
    write_file("more.yaml", strstr(routers_config, "data:"));
    cr_assert(eq(int, ISOBATH("train", "more.yaml", "-o", "more", "-q"), 0));
    json_t *s = summary_of("more");
    cr_expect(eq(dbl, number_at(s, "routing.capacity_nominal"), 0.25));
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    cr_expect(at(s, "loss.heldout_dense") == NULL);
    json_decref(s);
}

/* A rate that moves no weight: what is judged is what was read. */
Test(cli, all_of_a_model_may_be_trained_on)
{
    train_dense();
    cr_assert(eq(int, ISOBATH("train", "routers.yaml", "-o", "a", "-q", "--set",
                              "routing.capacity=1", "--set",
                              "train.freeze=none", "--set", "train.steps=2",
                              "--set", "train.learning_rate=1e-30"), 0));
    json_t *dense = summary_of("dense"), *s = summary_of("a");
    cr_expect(eq(dbl, number_at(s, "loss.heldout_causal"),
                 number_at(dense, "loss.heldout_causal")));
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    json_decref(s);
    json_decref(dense);
    expect_same_file("a/model.safetensors", "dense/model.safetensors");
}

static void expect_bad_routers(const char *from, const char *to,
                               const char *said)
{
    char text[sizeof routers_config + 96];
    const char *found = strstr(routers_config, from);

    cr_assert(found != NULL);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(found - routers_config),
             routers_config, to, found + strlen(from));
    write_file("bad.yaml", text);
    cr_expect(eq(int, ISOBATH("train", "bad.yaml", "-o", "bad"), 2), "%s", to);
    expect_said("stderr", said);
    cr_expect(not(there("bad")), "%s: a directory was made", to);
}

Test(cli, train_tells_what_a_model_to_begin_with_does_not_allow)
{
    train_dense();
    write_file("shape.yaml", "model:\n  family: gpt2\n  layers: 2\n"
               "  channels: 16\n  heads: 2\n");
    expect_bad_routers("capacity: 0.5", "capacity: 1",
                       "bad.yaml:8:11: train.freeze backbone: nothing is left"
                       " to train, as no block is routed");
    expect_bad_routers("capacity: 0.5", "capacity: 0.5\n  gate: one",
                       "bad.yaml:9:11: train.freeze backbone: nothing is left"
                       " to train, as no gradient passes gate one");
    expect_bad_routers("capacity: 0.5", "capacity: 0.5\n  router: frozen",
                       "the routers are frozen too");
    expect_bad_routers("capacity: 0.5", "capacity: 0.5\n  policy: strided\n"
                       "  gate: one", "this policy has no router");
    expect_bad_routers("capacity: 0.5", "capacity: 0.5\n  blocks: 1,9",
                       "bad.yaml:3:11: routing.blocks: layer 9:");
    expect_bad_routers("freeze: backbone", "freeze: all", "bad.yaml:8:11:"
                       " train.freeze all: allowed is one of none,"
                       " backbone");
    expect_bad_routers("init: dense", "init: nowhere", "bad.yaml:7:9:");
    expect_bad_routers("init: dense", "init: shape.yaml", "bad.yaml:7:9:"
                       " train.init shape.yaml: a shape without weights");
    expect_bad_routers("routing:", "model:\n  channels: 24\nrouting:",
                       "bad.yaml:2:13: model.channels 24: train.init dense has"
                       " 16; leave the key out");
    expect_bad_routers("routing:", "model:\n  family: gpt2\nrouting:",
                       "bad.yaml:2:11: model.family \"gpt2\": train.init dense"
                       " has \"llama\"");
    expect_bad_routers("  init: dense\n", "", "missing key 'model.family'");
    expect_bad_routers("tokens: 32", "tokens: 65", "bad.yaml:5:11: data.tokens"
                       " 65: allowed is at most model.max_tokens, 64");
    expect_bad_routers("tokens: 32", "tokenizer: none.bin",
                       "bad.yaml:5:14: ");
    /* The same said again is no contradiction. */
    cr_expect(eq(int, ISOBATH("train", "routers.yaml", "-o", "a", "-q", "--set",
                              "model.channels=16", "--set",
                              "model.norm_epsilon=1e-5", "--set",
                              "train.steps=1"), 0));
}

Test(cli, a_text_is_encoded_by_the_tokenizer_given)
{
    write_tokenizer("tokens.bin");
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "model.vocab=270", "--set",
                              "data.tokenizer=tokens.bin", "--set",
                              "train.judge_windows=0"), 0));
    json_t *s = summary_of("a");
    double bytes = number_at(s, "loss.heldout_bytes");
    double tokens = number_at(s, "loss.heldout_tokens");
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    /* "the " and "in " are shorter as tokens; whole windows of 32 tokens leave
     * less than one of each of 4 runs of 4096 bytes. */
    cr_expect(tokens < bytes && bytes > 4 * 4096 - 4 * 32 * 3 &&
              bytes <= 4 * 4096, "%g bytes, %g tokens", bytes, tokens);
    cr_expect(number_at(s, "loss.heldout_causal") < 5.4);
    json_decref(s);
    /* Bounded by the model's vocabulary. */
    cr_expect(eq(int, ISOBATH("train", "run.yaml", "-o", "bad", "--set",
                              "data.tokenizer=tokens.bin"), 2));
    expect_said("stderr", "--set: ");
    /* It lies beside the weights, so that others need not be told. */
    size_t size[2];
    char *given = read_file("tokens.bin", &size[0]);
    char *copied = read_file("a/tokenizer.bin", &size[1]);
    cr_expect(size[0] == size[1] && memcmp(given, copied, size[0]) == 0);
    free(copied);
    free(given);
    cr_assert(eq(int, ISOBATH("run", "a", "--prompt", "in the", "-n", "3", "-o",
                              "p"), 0));
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "50",
                              "-q"), 0));
    /* A vocabulary that bytes do not fill asks for a tokenizer. */
    unlink("a/tokenizer.bin");
    write_file("routers.yaml", strstr(routers_config, "data:"));
    cr_expect(eq(int, ISOBATH("train", "routers.yaml", "-o", "bad", "--set",
                              "train.init=a"), 2));
    expect_said("stderr", "--set: train.init a: a vocabulary of 270; 256 would"
                " be bytes, any other needs data.tokenizer");
}

/* A real model, with half the tokens of one block skipped. */
Test(cli, stories_lose_by_a_router_and_get_some_of_it_back)
{
    char model[PATH_SIZE], tokenizer[PATH_SIZE], text[PATH_SIZE],
         set[3][PATH_SIZE + 32];
    shared_from_here(model, "llama2c/stories260K.bin");
    shared_from_here(tokenizer, "llama2c/tok512.bin");
    shared_from_here(text, "text/tinyshakespeare.txt");
    snprintf(set[0], sizeof set[0], "train.init=%s", model);
    snprintf(set[1], sizeof set[1], "data.tokenizer=%s", tokenizer);
    snprintf(set[2], sizeof set[2], "data.path=%s", text);
    write_file("routers.yaml", routers_config);
    cr_assert(eq(int, ISOBATH("train", "routers.yaml", "-o", "a", "-q", "--set",
                              set[0], "--set", set[1], "--set", set[2], "--set",
                              "data.tokens=128", "--set", "train.save_every=0",
                              "--set", "train.steps=60"), 0));
    json_t *s = summary_of("a");
    double dense = number_at(s, "loss.heldout_dense");
    double drawn = number_at(s, "loss.heldout_routers_drawn");
    double trained = number_at(s, "loss.heldout_topk");
    cr_expect(dense < trained && trained < drawn, "%g, %g, %g", dense, trained,
              drawn);
    cr_expect(eq(dbl, number_at(s, "counted_equals_predicted"), 1));
    json_decref(s);
}

/* ---- run ---- */

static void train_a(void)
{
    cr_assert(eq(int, ISOBATH("train", "run.yaml", "-o", "a", "-q", "--set",
                              "train.judge_windows=0"), 0));
}

/* 236 tokens, 1.245570 nats a token, 0.828295 bits a byte: what llama2.c gives
 * with windows of 512 tokens, BOS one of them. */
Test(cli, run_scores_a_llama2c_model_with_its_tokenizer)
{
    char model[PATH_SIZE], tokenizer[PATH_SIZE], text[PATH_SIZE];
    shared_from_here(model, "llama2c/stories260K.bin");
    shared_from_here(tokenizer, "llama2c/tok512.bin");
    shared_from_here(text, "text/nll_text_tinystory.txt");
    cr_assert(eq(int, ISOBATH("run", model, "--tokenizer", tokenizer, "--text",
                              text, "--window", "511", "-o", "r"), 0));
    json_t *scored = summary_of("r");
    cr_expect(eq(dbl, number_at(scored, "loss.heldout_tokens"), 236));
    cr_expect(eq(dbl, number_at(scored, "loss.heldout_bytes"), 512));
    cr_expect(epsilon_eq(dbl, number_at(scored, "loss.nats_per_token"),
                         1.245570, 5e-6));
    cr_expect(epsilon_eq(dbl, number_at(scored, "loss.bits_per_byte"),
                         0.828295, 5e-6));
    cr_expect(eq(dbl, number_at(scored, "counted_equals_predicted"), 1));
    json_decref(scored);
    cr_assert(eq(int, ISOBATH("run", model, "--text", text), 2));
    expect_said("stderr", "any other needs --tokenizer FILE");
}

Test(cli, run_finds_the_loss_that_training_reported)
{
    train_a();
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--split",
                              "validation", "-o", "r"), 0));
    expect_said("stdout", "counted == predicted: ");
    json_t *trained = summary_of("a"), *scored = summary_of("r");
    cr_expect(epsilon_eq(dbl, number_at(scored, "loss.heldout_causal"),
                         number_at(trained, "loss.heldout_causal"), 1e-5));
    cr_expect(epsilon_eq(dbl, number_at(scored, "loss.heldout_topk"),
                         number_at(trained, "loss.heldout_topk"), 1e-5));
    cr_expect(eq(dbl, number_at(scored, "loss.heldout_bytes"),
                 number_at(trained, "loss.heldout_bytes")));
    cr_expect(eq(dbl, number_at(scored, "counted_equals_predicted"), 1));
    cr_expect(eq(dbl, number_at(scored, "totals.counted.flops"),
                 number_at(scored, "totals.predicted.flops")));
    cr_expect(eq(dbl, number_at(scored, "totals.counted.bytes"),
                 number_at(scored, "totals.predicted.bytes")));
    cr_expect(number_at(scored, "totals.measured.seconds") > 0);
    json_decref(scored);
    json_decref(trained);
}

/* Sums of the columns flops and loss_nats, and the number of rows. */
static void sum_tokens(const char *name, double *flops, double *nats, int *rows)
{
    FILE *file = fopen(name, "r");
    char line[512];
    double loss, each;

    *flops = *nats = 0;
    *rows = -1;
    while (fgets(line, sizeof line, file)) {
        /* Words hold commas: those are quoted.  The rest has none. */
        const char *comma = strstr(line, ",\",\",");
        const char *numbers = comma ? comma + 5
                                    : strchr(strchr(line, ',') + 1, ',');
        if (!comma)
            numbers = strchr(numbers + 1, ',') + 1;
        if (++*rows == 0)
            continue;
        cr_assert(sscanf(numbers, "%lf,%*f,%*d,%lf,", &loss, &each) == 2, "%s",
                  line);
        *nats += loss;
        *flops += each;
    }
    fclose(file);
}

Test(cli, run_writes_a_row_for_every_byte_it_predicts)
{
    double flops, nats;
    int rows;

    train_a();
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit",
                              "1000", "-o", "r", "--tokens", "-q"), 0));
    expect_said("r/tokens.csv", "position,token,text,loss_nats,entropy_nats,"
                "blocks_used,flops,bytes,joules,block_1\r\n0,");
    sum_tokens("r/tokens.csv", &flops, &nats, &rows);
    json_t *s = summary_of("r");
    cr_expect(eq(int, rows, 999));
    cr_expect(eq(dbl, flops, number_at(s, "totals.counted.flops")));
    cr_expect(epsilon_eq(dbl, nats / rows,
                         number_at(s, "loss.heldout_causal"), 1e-6));
    json_decref(s);
}

Test(cli, run_scores_each_byte_once_whatever_the_stride)
{
    double flops, nats;
    int rows;

    train_a();
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit",
                              "1000", "--window", "50", "--stride", "13", "-o",
                              "r", "-q"), 0));
    sum_tokens("r/tokens.csv", &flops, &nats, &rows);
    json_t *s = summary_of("r");
    cr_expect(eq(int, rows, 999));
    cr_expect(eq(dbl, number_at(s, "loss.heldout_bytes"), 999));
    cr_expect(number_at(s, "tokens") > 3 * 999);
    cr_expect(flops < number_at(s, "totals.counted.flops"));
    json_decref(s);
}

Test(cli, run_takes_a_shape_and_draws_its_weights)
{
    write_file("model.yaml", "model:\n  family: gpt2\n  layers: 2\n"
               "  channels: 16\n  heads: 2\n  max_tokens: 64\n");
    cr_expect(eq(int, ISOBATH("run", "model.yaml", "--text", "text", "--limit",
                              "500", "--format", "csv"), 0));
    expect_said("stdout", "rule,causal,bytes,nats_per_byte,bits_per_byte,"
                "perplexity_per_byte,capacity_realised\r\ndense,1,499,5.");
}

Test(cli, run_tells_what_it_cannot_score)
{
    train_a();
    const char *a = "a", *text = "text";
    write_file("empty", "");
    write_file("one", "x");
    write_file("two", "xy");

    cr_expect(eq(int, ISOBATH("run", a, "--text", "no"), 2));
    expect_said("stderr", "No such file");
    cr_expect(eq(int, ISOBATH("run", a, "--text", "empty"), 2));
    expect_said("stderr", "empty: 0 bytes: a text to score has at least 2");
    cr_expect(eq(int, ISOBATH("run", a, "--text", "one"), 2));
    cr_expect(eq(int, ISOBATH("run", a, "--text", "two"), 0));
    cr_expect(eq(int, ISOBATH("run", a, "--text", text, "--window", "65"), 2));
    expect_said("stderr", "--window 65: allowed is 1 to the model's max_tokens,"
                " 64");
    cr_expect(eq(int, ISOBATH("run", a, "--text", text, "--stride", "33"), 2));
    cr_expect(eq(int, ISOBATH("run", a, "--text", text, "--policy",
                              "treshold"), 2));
    expect_said("stderr", "did you mean 'threshold'?");
    cr_expect(eq(int, ISOBATH("run", a, "--text", text, "-o", a), 2));
    expect_said("stderr", "holds the results of isobath train");
    cr_expect(eq(int, ISOBATH("run", ".", "--text", text), 2));
    expect_said("stderr", "no config.json in it");
    cr_expect(eq(int, ISOBATH("run", a), 2));
    cr_expect(eq(int, ISOBATH("run", "--text", text), 2));
    cr_expect(eq(int, ISOBATH("run", a, "--text", text, "--weights", "q4"),
                 2));
    expect_said("stderr", "--weights q4: allowed is one of float32, stored");
}

/* A model in float32 is stored in float32: the same run. */
Test(cli, run_and_profile_keep_weights_as_stored)
{
    train_a();
    write_file("model.yaml", "model:\n  family: gpt2\n  layers: 2\n"
               "  channels: 16\n  heads: 2\n  max_tokens: 64\n");
    cr_expect(eq(int, ISOBATH("run", "model.yaml", "--text", "text",
                              "--weights", "stored"), 2));
    expect_said("stderr", "model.yaml is a shape, without stored weights");
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "500",
                              "--weights", "stored", "-o", "s"), 0));
    json_t *stored = summary_of("s");
    cr_expect(eq(str, (char *)json_string_value(json_object_get(
        json_object_get(json_object_get(stored, "config"), "run"),
        "weights")), "f32"));
    json_decref(stored);
    cr_expect(eq(int, ISOBATH("profile", "a", "-o", "p", "--weights", "stored",
                              "--phases", "train"), 2));
    expect_said("stderr", "--phases train: weights kept as stored cannot be"
                " trained");
}

Test(cli, run_takes_any_bytes)
{
    FILE *file = fopen("bytes", "wb");
    for (int i = 0; i < 2000; i++)
        fputc(i * 37 % 256, file);
    fclose(file);
    train_a();
    cr_expect(eq(int, ISOBATH("run", "a", "--text", "bytes", "-o", "r", "-q"),
                 0));
    expect_said("r/tokens.csv", "\n7,3,\\x03,");
}

/* The same words in a file and as flags. */
static const char score_config[] =
    "run:\n"
    "  model: a\n"
    "  text: text\n"
    "  limit: 1000\n"
    "  window: 50\n";

Test(cli, run_takes_a_config_as_it_takes_flags)
{
    train_a();
    write_file("c.yaml", score_config);
    cr_assert(eq(int, ISOBATH("run", "c.yaml", "-o", "f", "-q"), 0));
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "1000",
                              "--window", "50", "-o", "g", "-q"), 0));
    expect_same_file("f/tokens.csv", "g/tokens.csv");
    json_t *f = summary_of("f"), *g = summary_of("g");
    cr_expect(json_equal(at(f, "config.run"), at(g, "config.run")) == 1);
    json_decref(g);
    json_decref(f);
    cr_expect(eq(int, ISOBATH("run", "c.yaml", "--limit", "500", "--format",
                              "csv"), 0));
    expect_said("stdout", "threshold,1,499,");
    cr_expect(eq(int, ISOBATH("run", "c.yaml", "--window", "65"), 2));
    expect_said("stderr", "--window 65: allowed is 1 to the model's max_tokens,"
                " 64");
    write_file("d.yaml", "run: {model: a, text: text, window: 65}\n");
    cr_expect(eq(int, ISOBATH("run", "d.yaml"), 2));
    expect_said("stderr", "d.yaml:1:37: run.window 65: allowed is 1 to");
    write_file("d.yaml", "run: {model: a, text: text}\nrouting: {blocks: none}"
               "\n");
    cr_expect(eq(int, ISOBATH("run", "d.yaml"), 2));
    expect_said("stderr", "d.yaml:2:19: ");
}

/* Without context the model does not know what was left out before. */
Test(cli, run_leaves_out_what_it_is_told_to_skip)
{
    size_t size;
    char *text = read_file("text", &size);

    train_a();
    FILE *rest = fopen("rest", "wb");
    fwrite(text + 1000, 1, size - 1000, rest);
    fclose(rest);
    free(text);
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "500",
                              "--set", "run.skip=1000", "-o", "f", "-q"), 0));
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "rest", "--limit", "500",
                              "-o", "g", "-q"), 0));
    expect_same_file("f/tokens.csv", "g/tokens.csv");
    cr_expect(eq(int, ISOBATH("run", "a", "--text", "text", "--set",
                              "run.skip=1e9"), 2));
    expect_said("stderr", "run.skip 1000000000: text is of ");
    cr_expect(eq(int, ISOBATH("run", "a", "--text", "text", "--split", "test",
                              "--set", "run.skip=1"), 2));
}

/* A number by its column in the first row of a CSV file of numbers. */
static double first_in_csv(const char *path, int column)
{
    char *text = read_file(path, NULL), *at = strstr(text, "\r\n") + 2;
    for (; column > 0; column--)
        at = strchr(at, ',') + 1;
    double value = atof(at);
    free(text);
    return value;
}

/* The model alone, its twin alone, and both in turns: the same losses. */
Test(cli, run_with_a_twin_pairs_what_both_would_have_said_alone)
{
    train_a();
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "1000",
                              "--twin", "--set", "run.repeats=3", "-o", "p"),
                 0));
    expect_said("stdout", "against the dense twin on the same 32 windows, in"
                " turns, 96 times");
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "1000",
                              "-o", "m", "-q"), 0));
    cr_assert(eq(int, ISOBATH("run", "a", "--text", "text", "--limit", "1000",
                              "--policy", "dense", "-o", "d", "-q"), 0));
    json_t *p = summary_of("p"), *m = summary_of("m"), *d = summary_of("d");
    double model = number_at(m, "per_token.nats");
    double dense = number_at(d, "per_token.nats");
    cr_expect(epsilon_eq(dbl, number_at(p, "per_token.nats"), model, 1e-9));
    cr_expect(epsilon_eq(dbl, number_at(p, "twin.per_token.nats"), dense,
                         1e-9));
    cr_expect(epsilon_eq(dbl, number_at(p, "twin.loss_difference.value"),
                         model - dense, 1e-9));
    cr_expect(epsilon_eq(dbl, number_at(p, "twin.loss_increase.value"),
                         model / dense - 1, 1e-9));
    cr_expect(number_at(p, "twin.loss_difference.low") <= model - dense);
    cr_expect(number_at(p, "twin.loss_difference.high") >= model - dense);
    cr_expect(eq(dbl, number_at(p, "per_token.flops"),
                 number_at(m, "per_token.flops")));
    cr_expect(eq(dbl, number_at(p, "per_token.flops"),
                 number_at(p, "per_token.flops_predicted")));
    cr_expect(epsilon_eq(dbl, number_at(p, "twin.ratio.flops"),
                         number_at(m, "per_token.flops") /
                         number_at(d, "per_token.flops"), 1e-12));
    cr_expect(number_at(p, "twin.ratio.seconds.low") > 0);
    cr_expect(eq(dbl, number_at(p, "counted_equals_predicted"), 1));
    cr_expect(isnan(number_at(p, "per_token.joules.value")));
    cr_expect(eq(dbl, first_in_csv("p/windows.csv", 1), 32));
    cr_expect(epsilon_eq(dbl, first_in_csv("p/losses.csv", 1),
                         first_in_csv("m/tokens.csv", 3), 1e-6));
    cr_expect(eq(int, there("p/tokens.csv"), false));
    json_decref(d);
    json_decref(m);
    json_decref(p);
}

/* ---- sweep of run ---- */

static const char study[] =
    "base: c.yaml\n"
    "command: run\n"
    "set: {run.twin: true}\n"
    "axes: {run.policy: [threshold, expert_choice, random, dense]}\n";

/* The columns that a clock does not touch. */
static void expect_same_points(const char *a, const char *b)
{
    static const char *const same[] = { "per_token.nats", "per_token.flops",
                                        "twin.loss_increase.high" };
    for (int i = 0; i < 4; i++) {
        char x[PATH_SIZE], y[PATH_SIZE];
        snprintf(x, sizeof x, "%s/points/%06d", a, i);
        snprintf(y, sizeof y, "%s/points/%06d", b, i);
        json_t *p = summary_of(x), *q = summary_of(y);
        for (size_t k = 0; k < sizeof same / sizeof *same; k++)
            cr_expect(eq(dbl, number_at(p, same[k]), number_at(q, same[k])));
        strcat(x, "/losses.csv");
        strcat(y, "/losses.csv");
        expect_same_file(x, y);
        json_decref(q);
        json_decref(p);
    }
}

Test(cli, a_sweep_of_run_killed_at_any_moment_goes_on)
{
    static const long moments[] = { 60, 150, 90, 220 };

    train_a();
    write_file("c.yaml", score_config);
    write_file("study.yaml", study);
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "whole"), 0));
    expect_said("stdout", "4 of 4 points done");
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        pid_t child = start(ARGUMENTS("sweep", "study.yaml", "-o", "parts",
                                      "--threads", "1"),
                            (struct limits){ 0 });
        pause_milliseconds(moments[i]);
        kill(child, SIGKILL);
        finish(child);
        pause_milliseconds(100);       /* its points are told to end */
    }
    cr_assert(eq(int, ISOBATH("sweep", "study.yaml", "-o", "parts"), 0));
    expect_same_points("whole", "parts");
    expect_said("parts/points.csv", "3,policy=dense,dense,done,999,999,");
    cr_expect(eq(int, ISOBATH("report", "parts", "-o", "r"), 0));
    expect_said("r/tables/tradeoff.csv", "expert_choice,looks ahead,0.25");
    expect_said("r/tables/tradeoff.csv", "random,control,0.25");
}

Test(cli, run_interrupted_keeps_what_it_had)
{
    char rows[64];

    train_a();
    pid_t child = start(ARGUMENTS("run", "a", "--text", "text", "--stride",
                                  "1", "-o", "r", "--threads", "1"),
                        (struct limits){ 0 });
    snprintf(rows, sizeof rows, "r/tokens.csv.%d.tmp", (int)child);
    wait_for(rows);
    kill(child, SIGINT);
    cr_expect(eq(int, finish(child), 130));
    expect_said("stderr", "interrupted after ");
    json_t *s = summary_of("r");
    cr_expect(strcmp(json_string_value(json_object_get(s, "status")),
                     "interrupted") == 0);
    cr_expect(number_at(s, "loss.heldout_bytes") > 0);
    json_decref(s);
}
