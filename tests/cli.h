/* cli.h - Start the program as a user does, in a directory of its own that
 * holds a text and a run's config, with its streams in the files stdout and
 * stderr. */
#ifndef CLI_H
#define CLI_H

#include <criterion/new/assert.h>
#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/program.h"
#include "tests/shared.h"
#include "tests/words.h"

enum { MOST_ARGUMENTS = 32, PATH_SIZE = 512 };

/* ---- starting the program ---- */

/* Limits that the child sets before it becomes the program. */
struct limits {
    rlim_t file_bytes;         /* more fails, as on a full disk; 0: none */
};

static inline pid_t start(const char *const *arguments, struct limits limits)
{
    char program[PROGRAM_SIZE];
    const char *argv[MOST_ARGUMENTS + 2] = { program };
    int n = 1;

    program_path(program);
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
static inline int finish(pid_t child)
{
    int how;
    cr_assert(waitpid(child, &how, 0) == child);
    return WIFEXITED(how) ? WEXITSTATUS(how) : 1000 + WTERMSIG(how);
}

#define ARGUMENTS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define STARTED(...) finish(start(ARGUMENTS(__VA_ARGS__), (struct limits){ 0 }))
/* On one thread: tests run side by side. */
#define ISOBATH(...) STARTED(__VA_ARGS__, "--threads", "1")

static inline char *read_file(const char *path, size_t *size)
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

static inline void expect_said(const char *file, const char *needle)
{
    char *text = read_file(file, NULL);
    cr_expect(strstr(text, needle) != NULL, "no '%s' in: %s", needle, text);
    free(text);
}

static inline void expect_same_file(const char *a, const char *b)
{
    size_t n, m;
    char *x = read_file(a, &n), *y = read_file(b, &m);
    cr_expect(n == m && memcmp(x, y, n) == 0, "%s and %s differ", a, b);
    free(y);
    free(x);
}

static inline void pause_milliseconds(long n)
{
    const struct timespec t = { n / 1000, n % 1000 * 1000000 };
    nanosleep(&t, NULL);
}

/* ---- a run to try things on ---- */

static const char run_yaml[] =
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
    "  thresholds: ema\n"
    "  save_every: 20\n";

static char started_in[256];

static inline void set_up(void)
{
    cr_assert(getcwd(started_in, sizeof started_in) != NULL);
    enter_directory();
    write_words("text");
    put_file("run.yaml", run_yaml);
}

/* The tests run elsewhere than where the data lies. */
static inline void shared_from_here(char out[FILE_PATH_SIZE], const char *name)
{
    cr_assert(chdir(started_in) == 0);
    shared_path(out, name);
    cr_assert(chdir(entered_directory) == 0);
}

static inline json_t *summary_of(const char *run)
{
    char path[PATH_SIZE + 16];
    json_error_t error;
    snprintf(path, sizeof path, "%s/summary.json", run);
    json_t *summary = json_load_file(path, 0, &error);
    cr_assert(summary != NULL, "%s: %s", path, error.text);
    return summary;
}

/* The value at a path such as "loss.heldout_causal"; NULL: there is none. */
static inline json_t *at(json_t *json, const char *path)
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

/* The number or boolean at a path. */
static inline double number_at(json_t *json, const char *path)
{
    json = at(json, path);
    if (json_is_boolean(json))
        return json_is_true(json);
    return json_is_number(json) ? json_number_value(json) : (double)NAN;
}

static inline bool there(const char *name)
{
    return access(name, F_OK) == 0;
}

/* `config` with `to` in the place of `from` is refused in these words, and leaves
 * nothing behind. */
static inline void expect_bad_config(const char *config, const char *from,
                                     const char *to, const char *said)
{
    char text[1024];
    const char *found = strstr(config, from);

    cr_assert(found != NULL);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(found - config), config, to,
             found + strlen(from));
    put_file("bad.yaml", text);
    cr_expect(eq(int, ISOBATH("train", "bad.yaml", "-o", "bad"), 2), "%s", to);
    expect_said("stderr", said);
    cr_expect(not(there("bad")), "%s: a directory was made", to);
}

/* ---- sudden death ---- */

static inline pid_t start_long(const char *out, const char *steps)
{
    return start(ARGUMENTS("train", "run.yaml", "-o", out, "-q",
                           "--threads", "1", "--resume", "--set", steps,
                           "--set", "train.save_every=3"),
                 (struct limits){ 0 });
}

/* Until a file has content. */
static inline void wait_for(const char *name)
{
    struct stat file = { .st_size = 0 };
    for (int i = 0; i < 4000; i++, pause_milliseconds(5))
        if (stat(name, &file) == 0 && file.st_size > 0)
            return;
    cr_fatal("%s never came", name);
}

static inline void expect_same_totals(void)
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

/* Killed at these moments, in milliseconds, `parts` comes to what `whole`
 * does. */
static inline void expect_no_harm_of_kills(const long *moments, size_t n)
{
    const char *steps = "train.steps=150";
    int kills = 0;

    cr_assert(eq(int, finish(start_long("whole", steps)), 0));
    for (size_t i = 0; i < n; i++) {
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

#endif
