/* sweep_run.c - Start, watch and end the processes of a study. */
#include "sim/sweep/sweep_run.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/core/answer/command.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/summary.h"

enum {
    TAIL_BYTES = 2048, TAIL_LINES = 6,
    EXIT_NO_PROGRAM = 127,       /* exit code of a shell for a missing
                                  * program */
    EXIT_SIGNAL = 128,
    POINT_MAX_BYTES = 1 << 20,
};

const char *const point_state_names[] = { POINT_STATE_MAP(NAMES_WORD) NULL };

/* A process at work; pid 0: a free place. */
struct job {
    pid_t   pid;
    int32_t point;
    long    log_start;           /* offset of this try's first line in
                                  * log.txt */
};

enum status sweep_point_path(char out[FILE_PATH_SIZE], const char *directory,
                             int32_t point, struct error *err)
{
    char name[32];

    snprintf(name, sizeof name, "points/%06d", point);
    return file_join(out, directory, name, err);
}

static enum status point_file(char out[FILE_PATH_SIZE], const char *directory,
                              int32_t point, const char *file,
                              struct error *err)
{
    char path[FILE_PATH_SIZE];
    enum status status = sweep_point_path(path, directory, point, err);
    return status == STATUS_OK ? file_join(out, path, file, err) : status;
}

enum status sweep_point_state(enum point_state *out, const char *directory,
                              int32_t point, struct error *err)
{
    char path[FILE_PATH_SIZE], file[FILE_PATH_SIZE];
    json_t *summary = NULL;
    enum status status = sweep_point_path(path, directory, point, err);

    if (status == STATUS_OK)
        status = file_join(file, path, "summary.json", err);
    if (status != STATUS_OK)
        return status;
    if (!file_exists(file)) {
        *out = file_exists(path) ? POINT_STARTED : POINT_PENDING;
        return STATUS_OK;
    }
    status = summary_read(&summary, path, err);
    if (status != STATUS_OK)
        return status;
    const char *word = json_string_value(json_object_get(summary, "status"));
    *out = word && strcmp(word, point_state_names[POINT_DONE]) == 0
               ? POINT_DONE : POINT_STARTED;
    json_decref(summary);
    return STATUS_OK;
}

/* The request that a point is run for. */
static json_t *request_json(const struct sweep *sweep, int32_t point)
{
    struct sweep_point p = sweep_point(sweep, point);
    json_t *settings = json_object();
    char hash[24];

    snprintf(hash, sizeof hash, "%016" PRIx64, sweep_base_hash(sweep));

    for (size_t i = 0; i < p.n_settings; i++)
        json_object_set_new(settings, p.setting[i].key,
                            json_string(p.setting[i].value));
    return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:o}", "schema",
                     "isobath-point-1", "point", point, "name", p.name,
                     "command", sweep_work(sweep)->name, "base",
                     sweep_base(sweep), "base_hash", hash, "settings",
                     settings);
}

/* The first key on which two settings differ; NULL: none. */
static const char *differing_key(json_t *a, json_t *b)
{
    const char *key;
    json_t *value;

    json_object_foreach(a, key, value)
        if (!json_equal(value, json_object_get(b, key)))
            return key;
    json_object_foreach(b, key, value)
        if (!json_object_get(a, key))
            return key;
    return NULL;
}

static const char *text_or_nothing(const json_t *text)
{
    return json_is_string(text) ? json_string_value(text) : "nothing";
}

/* Refuse results of another question, which must not pass for this one's. */
static enum status compare_request(const char *path, int32_t point, json_t *old,
                                   json_t *now, struct error *err)
{
    static const char *const other[] = { "command", "base_hash" };
    json_t *a = json_object_get(old, "settings");
    json_t *b = json_object_get(now, "settings");
    const char *key = differing_key(a, b);

    if (key)
        return error_set(err, STATUS_BAD_VALUE, "point %d was begun with %s ="
                         " %s, the study now says %s: remove '%.200s' to run it"
                         " anew, or choose another directory", point, key,
                         text_or_nothing(json_object_get(a, key)),
                         text_or_nothing(json_object_get(b, key)), path);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (!json_equal(json_object_get(old, other[i]),
                        json_object_get(now, other[i])))
            return error_set(err, STATUS_BAD_VALUE, "point %d was begun with"
                             " another command or base config (%s differs):"
                             " remove '%.200s' to run it anew, or choose another"
                             " directory", point, other[i], path);
    return STATUS_OK;
}

static enum status check_request(const struct sweep_run *run, int32_t point,
                                 struct error *err)
{
    char directory[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
    char *text = NULL;
    size_t size = 0;
    json_error_t json;
    enum status status = sweep_point_path(directory, run->directory, point,
                                          err);

    if (status == STATUS_OK)
        status = file_join(path, directory, "point.json", err);
    if (status != STATUS_OK || !file_exists(path))
        return status;
    status = file_read(&text, &size, path, POINT_MAX_BYTES, err);
    if (status != STATUS_OK)
        return status;
    json_t *old = json_loadb(text, size, 0, &json);
    free(text);
    if (!old)
        return error_set(err, STATUS_BAD_FORMAT, "%s:%d:%d: %s", path,
                         json.line, json.column, json.text);
    json_t *now = request_json(run->sweep, point);
    status = compare_request(directory, point, old, now, err);
    json_decref(now);
    json_decref(old);
    return status;
}

static enum status write_request(const struct sweep_run *run, int32_t point,
                                 struct error *err)
{
    char directory[FILE_PATH_SIZE], path[FILE_PATH_SIZE];
    enum status status = sweep_point_path(directory, run->directory, point,
                                          err);

    if (status == STATUS_OK)
        status = file_make_directory(directory, err);
    if (status == STATUS_OK)
        status = file_join(path, directory, "point.json", err);
    if (status != STATUS_OK)
        return status;
    json_t *request = request_json(run->sweep, point);
    status = json_write(request, path, err);
    json_decref(request);
    return status;
}

/* The arguments of a point's process, in one allocation with their texts. */
static char **arguments(const struct sweep_run *run, int32_t point,
                        const char *program, const char *output)
{
    struct sweep_point p = sweep_point(run->sweep, point);
    size_t size = 0, n_max = 2 * p.n_settings + 10, n = 0;

    for (size_t i = 0; i < p.n_settings; i++)
        size += strlen(p.setting[i].key) + strlen(p.setting[i].value) + 2;
    char **argv = calloc(1, n_max * sizeof *argv + size + 16);
    if (!argv)
        return NULL;
    char *text = (char *)(argv + n_max);
    /* execv() changes none of them: its prototype is older than const. */
    argv[n++] = (char *)program;
    argv[n++] = (char *)sweep_work(run->sweep)->name;
    argv[n++] = (char *)sweep_base(run->sweep);
    argv[n++] = (char *)"-o";
    argv[n++] = (char *)output;
    argv[n++] = (char *)"--quiet";
    if (sweep_work(run->sweep)->resume)
        argv[n++] = (char *)sweep_work(run->sweep)->resume;
    argv[n++] = text;
    text += sprintf(text, "--threads=%d", run->threads) + 1;
    for (size_t i = 0; i < p.n_settings; i++) {
        argv[n++] = (char *)"--set";
        argv[n++] = text;
        text += sprintf(text, "%s=%s", p.setting[i].key, p.setting[i].value)
                + 1;
    }
    return argv;
}

/* Turn into the point's program, in the child: never returns.  A process group
 * of its own keeps the terminal's ^C from reaching it twice; a parent that dies
 * takes it along by SIGTERM. */
static void become(char **argv, int log, pid_t parent)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(EXIT_SIGNAL + SIGTERM);
    dup2(nothing, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execv(argv[0], argv);
    dprintf(STDERR_FILENO, "cannot run '%s': %s\n", argv[0], strerror(errno));
    _exit(EXIT_NO_PROGRAM);
}

/* Open the point's log and lock it.  The point's process inherits both, and
 * nothing else ends the lock, so that a sweep after one that was killed waits
 * for the processes that still save what they have: for as long as a large model
 * takes. */
static int open_log(const char *path)
{
    const struct timespec pause = { .tv_nsec = 20000000 };
    const int most = 30 * 50;              /* 30 s */
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
                   0666);

    for (int i = 0; i < most && log >= 0 && !command_interrupted &&
                    flock(log, LOCK_EX | LOCK_NB) != 0 &&
                    errno == EWOULDBLOCK; i++)
        nanosleep(&pause, NULL);
    return log;
}

static enum status start(const struct sweep_run *run, const char *program,
                         struct job *job, int32_t point, struct error *err)
{
    char output[FILE_PATH_SIZE], log_path[FILE_PATH_SIZE];
    enum status status = write_request(run, point, err);

    if (status == STATUS_OK)
        status = sweep_point_path(output, run->directory, point, err);
    if (status == STATUS_OK)
        status = file_join(log_path, output, "log.txt", err);
    if (status != STATUS_OK)
        return status;
    int log = open_log(log_path);
    if (log < 0)
        return error_set(err, STATUS_IO, "cannot write '%s': %s", log_path,
                         strerror(errno));
    off_t log_start = lseek(log, 0, SEEK_END);
    char **argv = arguments(run, point, program, output);
    pid_t parent = getpid();
    pid_t pid = argv ? fork() : -1;
    if (pid == 0)
        become(argv, log, parent);
    close(log);
    free(argv);
    if (pid < 0)
        return error_set(err, STATUS_NO_MEMORY, "cannot start point %d: %s",
                         point, strerror(errno));
    *job = (struct job){ pid, point, (long)log_start };
    return STATUS_OK;
}

/* The last lines that one try left in its log, at most TAIL_BYTES of them. */
static void read_tail(char out[TAIL_BYTES + 1], const char *path, long start)
{
    FILE *file = fopen(path, "re");
    size_t n = 0;

    if (file) {
        fseek(file, 0, SEEK_END);
        long from = ftell(file) - TAIL_BYTES;
        fseek(file, from > start ? from : start, SEEK_SET);
        n = fread(out, 1, TAIL_BYTES, file);
        fclose(file);
    }
    while (n > 0 && out[n - 1] == '\n')
        n--;
    out[n] = '\0';
    char *line = out + n;
    for (int lines = 0; line > out; line--)
        if (line[-1] == '\n' && ++lines == TAIL_LINES)
            break;
    memmove(out, line, strlen(line) + 1);
}

static enum status note_end(const struct sweep_run *run, const struct job *job,
                            int how, enum point_state *state, struct error *err)
{
    int32_t point = job->point;
    char path[FILE_PATH_SIZE], tail[TAIL_BYTES + 1];
    int code = WIFEXITED(how) ? WEXITSTATUS(how) : EXIT_SIGNAL + WTERMSIG(how);
    struct error unreadable;

    /* A summary that cannot be read is a failure of that point alone. */
    if (sweep_point_state(&state[point], run->directory, point, &unreadable) !=
        STATUS_OK)
        state[point] = POINT_STARTED;
    if (state[point] == POINT_DONE && code == 0)
        return STATUS_OK;
    if (command_interrupted)
        return STATUS_OK;        /* it was told to stop, and stopped */
    state[point] = POINT_FAILED;
    enum status status = point_file(path, run->directory, point, "log.txt",
                                    err);
    if (status != STATUS_OK)
        return status;
    read_tail(tail, path, job->log_start);
    if (code == 0 && !*tail)
        strcpy(tail, "it ended well, but left no finished summary.json");
    run->on_failure(run->context, &(struct sweep_failure){
        .point = point, .code = code, .log_path = path, .log_tail = tail });
    return STATUS_OK;
}

/* Look after every running process once; return how many still run. */
static int reap(const struct sweep_run *run, struct job *jobs,
                enum point_state *state, enum status *status,
                struct error *err)
{
    int n_running = 0;

    for (int j = 0; j < run->n_jobs; j++) {
        int how = 0;
        if (jobs[j].pid == 0)
            continue;
        pid_t ended = waitpid(jobs[j].pid, &how, WNOHANG);
        if (ended == 0 || (ended < 0 && errno == EINTR)) {
            n_running++;
            continue;
        }
        if (*status == STATUS_OK)
            *status = note_end(run, &jobs[j], how, state, err);
        jobs[j].pid = 0;
    }
    return n_running;
}

static void tell_all(const struct job *jobs, int n_jobs, int signal)
{
    for (int j = 0; j < n_jobs; j++)
        if (jobs[j].pid > 0)
            kill(jobs[j].pid, signal);
}

/* Fill free places with the next points that are not done. */
static enum status start_more(const struct sweep_run *run, const char *program,
                              struct job *jobs, int32_t *next, int32_t last,
                              const enum point_state *state, struct error *err)
{
    for (int j = 0; j < run->n_jobs; j++) {
        while (*next < last && state[*next] == POINT_DONE)
            ++*next;
        if (jobs[j].pid != 0 || *next >= last)
            continue;
        enum status status = start(run, program, &jobs[j], (*next)++, err);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static int32_t count_ended(const enum point_state *state, int32_t first,
                           int32_t last)
{
    int32_t n = 0;
    for (int32_t i = first; i < last; i++)
        n += state[i] == POINT_DONE || state[i] == POINT_FAILED;
    return n;
}

static enum status run_all(const struct sweep_run *run, const char *program,
                           struct job *jobs, int32_t first, int32_t last,
                           enum point_state *state, struct error *err)
{
    /* Points take seconds to hours, so a pause of 20 ms costs nothing. */
    const struct timespec pause = { .tv_nsec = 20000000 };
    enum status status = STATUS_OK;
    int32_t next = first;
    bool told = false;
    int n_running = 0;

    for (;;) {
        bool stopping = command_interrupted || status != STATUS_OK;
        if (!stopping)
            status = start_more(run, program, jobs, &next, last, state, err);
        else if (!told)
            tell_all(jobs, run->n_jobs, SIGINT);
        told = told || stopping;
        n_running = reap(run, jobs, state, &status, err);
        run->on_progress(run->context, count_ended(state, first, last),
                         last - first);
        if (n_running == 0 && (told || next >= last))
            break;
        nanosleep(&pause, NULL);
    }
    if (status == STATUS_OK && command_interrupted)
        return error_set(err, STATUS_INTERRUPTED, "interrupted");
    return status;
}

enum status sweep_run_points(const struct sweep_run *run, int32_t first,
                             int32_t last, enum point_state *state,
                             struct error *err)
{
    char self[FILE_PATH_SIZE];
    const char *program = run->program ? run->program : self;

    for (int32_t i = first; i < last; i++) {
        enum status status = check_request(run, i, err);
        if (status == STATUS_OK)
            status = sweep_point_state(&state[i], run->directory, i, err);
        if (status != STATUS_OK)
            return status;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n < 0)
        return error_set(err, STATUS_IO, "cannot find this program's file: %s",
                         strerror(errno));
    self[n] = '\0';
    struct job *jobs = calloc((size_t)run->n_jobs, sizeof *jobs);
    if (!jobs)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d jobs",
                         run->n_jobs);
    enum status status = run_all(run, program, jobs, first, last, state, err);
    free(jobs);
    return status;
}
