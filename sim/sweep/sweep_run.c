/* sweep_run.c - Start, watch and end the processes of a study. */
#include "sim/sweep/sweep_run.h"

#include <errno.h>
#include <fcntl.h>
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

enum {
    TAIL_BYTES = 2048, TAIL_LINES = 6,
    EXIT_NO_PROGRAM = 127,       /* exit code of a shell for a missing
                                  * program */
    EXIT_SIGNAL = 128,
};

/* A process at work; pid 0: a free place. */
struct job {
    pid_t   pid;
    int32_t point;
    long    log_start;           /* offset of this try's first line in
                                  * log.txt */
};

static enum status point_file(char out[FILE_PATH_SIZE], const char *directory,
                              int32_t point, const char *file,
                              struct error *err)
{
    char path[FILE_PATH_SIZE];
    enum status status = sweep_point_path(path, directory, point, err);
    return status == STATUS_OK ? file_join(out, path, file, err) : status;
}

/* The arguments of a point's process, in one allocation with their texts. */
static char **arguments(const struct sweep_run *run, int32_t point,
                        const char *program, const char *output)
{
    const struct sweep_point *p = &run->sweep->point[point];
    const struct sweep_work *work = run->sweep->work;
    size_t size = 0, n_max = 2 * p->n_settings + 10, n = 0;

    for (size_t i = 0; i < p->n_settings; i++)
        size += strlen(p->setting[i].key) + strlen(p->setting[i].given) + 2;
    char **argv = calloc(1, n_max * sizeof *argv + size + 16);
    if (!argv)
        return NULL;
    char *text = (char *)(argv + n_max);
    /* execv() changes none of them: its prototype is older than const. */
    argv[n++] = (char *)program;
    argv[n++] = (char *)work->name;
    argv[n++] = (char *)run->sweep->base;
    argv[n++] = (char *)"-o";
    argv[n++] = (char *)output;
    argv[n++] = (char *)"--quiet";
    if (work->resume)
        argv[n++] = (char *)work->resume;
    argv[n++] = text;
    text += sprintf(text, "--threads=%d", run->threads) + 1;
    for (size_t i = 0; i < p->n_settings; i++) {
        const struct sweep_setting *given = &p->setting[i];
        const char *option = sweep_option(work, given->key);
        if (!option)
            argv[n++] = (char *)"--set";
        argv[n++] = text;
        text += sprintf(text, "%s%s=%s", option ? "--" : "",
                        option ? option : given->key, given->given) + 1;
    }
    return argv;
}

/* Turn into the point's program, in the child: never returns.  A process group
 * of its own keeps the terminal's ^C from reaching it twice; a parent that dies
 * takes it along by SIGTERM. */
static void become(char **argv, int log, pid_t parent, const sigset_t *signals)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    setpgid(0, 0);
    sigprocmask(SIG_SETMASK, signals, NULL);
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
 * takes.  -1 and EWOULDBLOCK: a sweep that shares the directory is at this
 * point. */
static int open_log(const char *path, bool share)
{
    const struct timespec pause = { .tv_nsec = 20000000 };
    const int most = share ? 0 : 30 * 50;  /* 30 s */
    int log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
                   0666);

    for (int i = 0; i < most && log >= 0 && !command_interrupted &&
                    flock(log, LOCK_EX | LOCK_NB) != 0 &&
                    errno == EWOULDBLOCK; i++)
        nanosleep(&pause, NULL);
    if (log >= 0 && share && flock(log, LOCK_EX | LOCK_NB) != 0) {
        close(log);
        errno = EWOULDBLOCK;
        return -1;
    }
    return log;
}

/* The points of a run, while it lasts. */
struct runner {
    const struct sweep_run *run;
    const char *program;
    struct job *jobs;            /* [n_jobs] */
    sigset_t before;             /* signals blocked before the run */
    int32_t first, next, last;
    int32_t n_left;              /* points that others who share were at */
    enum point_state *state;
    int     n_alike;             /* points that ended, as the first that failed
                                  * did; -1: one ended otherwise */
    int     code;                /* of that first one, and its last lines */
    char    tail[TAIL_BYTES + 1];
    enum status status;          /* the first failure of the sweep itself */
    struct error *err;
};

static bool wanted(const struct runner *r, int32_t point)
{
    return sweep_matches(&r->run->sweep->point[point], r->run->filter);
}

/* Start the process of a point, unless one who shares is at it, or was. */
static enum status start(struct runner *r, struct job *job, int32_t point)
{
    char output[FILE_PATH_SIZE], log_path[FILE_PATH_SIZE];
    const struct sweep_run *run = r->run;
    enum status status = sweep_request_write(run->sweep, run->directory, point,
                                             r->err);

    if (status == STATUS_OK)
        status = sweep_point_path(output, run->directory, point, r->err);
    if (status == STATUS_OK)
        status = file_join(log_path, output, "log.txt", r->err);
    if (status != STATUS_OK)
        return status;
    int log = open_log(log_path, run->share);
    if (log < 0 && errno == EWOULDBLOCK) {
        r->n_left++;
        return STATUS_OK;
    }
    if (log < 0)
        return error_set(r->err, STATUS_IO, "cannot write '%s': %s", log_path,
                         strerror(errno));
    if (run->share &&
        ((status = sweep_point_state(&r->state[point], run->directory, point,
                                     r->err)) != STATUS_OK ||
         r->state[point] == POINT_DONE)) {
        close(log);
        return status;
    }
    off_t log_start = lseek(log, 0, SEEK_END);
    char **argv = arguments(run, point, r->program, output);
    pid_t parent = getpid();
    pid_t pid = argv ? fork() : -1;
    if (pid == 0)
        become(argv, log, parent, &r->before);
    close(log);
    free(argv);
    if (pid < 0)
        return error_set(r->err, STATUS_NO_MEMORY, "cannot start point %d: %s",
                         point, strerror(errno));
    *job = (struct job){ pid, point, (long)log_start };
    return STATUS_OK;
}

/* The last lines that one try left in its log, at most TAIL_BYTES of them. */
static void read_tail(char out[TAIL_BYTES + 1], const char *path, long start)
{
    FILE *file = file_open_optional(path);
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

/* Two messages are alike if only numbers differ, such as the point's own. */
static bool is_alike(const char *a, const char *b)
{
    static const char digits[] = "0123456789";

    do {
        a += strspn(a, digits);
        b += strspn(b, digits);
    } while (*a && *a++ == *b++);
    return !*a && !*b;
}

/* If the first points all fail in one way, so will the rest. */
static void note_failure(struct runner *r, int code, const char *tail)
{
    if (r->n_alike == 0) {
        r->code = code;
        strcpy(r->tail, tail);
    }
    const bool alike = r->n_alike >= 0 && code == r->code &&
                       is_alike(tail, r->tail);
    r->n_alike = alike ? r->n_alike + 1 : -1;
    if (r->n_alike == SWEEP_ALIKE && r->next < r->last)
        r->status = error_set(r->err, STATUS_FAILED, "the first %d points"
                              " failed alike, so the others were not tried: mend"
                              " what they say, or pass over them by --filter",
                              SWEEP_ALIKE);
}

/* Weights, moments and counts to resume from, three times the size of the model:
 * a finished point is never resumed. */
static void forget_state(const struct runner *r, int32_t point)
{
    char path[FILE_PATH_SIZE];

    if (point_file(path, r->run->directory, point, "state.safetensors", NULL) ==
        STATUS_OK)
        (void)remove(path);
}

static enum status note_end(struct runner *r, const struct job *job, int how)
{
    const struct sweep_run *run = r->run;
    enum point_state *state = &r->state[job->point];
    char path[FILE_PATH_SIZE], tail[TAIL_BYTES + 1];
    int code = WIFEXITED(how) ? WEXITSTATUS(how) : EXIT_SIGNAL + WTERMSIG(how);
    struct error unreadable;

    /* A summary that cannot be read is a failure of that point alone. */
    if (sweep_point_state(state, run->directory, job->point, &unreadable) !=
        STATUS_OK)
        *state = POINT_STARTED;
    if (*state == POINT_DONE && code == 0) {
        r->n_alike = -1;
        forget_state(r, job->point);
    }
    if ((*state == POINT_DONE && code == 0) || command_interrupted)
        return STATUS_OK;        /* it was told to stop, and stopped */
    *state = POINT_FAILED;
    enum status status = point_file(path, run->directory, job->point, "log.txt",
                                    r->err);
    if (status != STATUS_OK)
        return status;
    read_tail(tail, path, job->log_start);
    if (code == 0 && !*tail)
        strcpy(tail, "it ended well, but left no finished summary.json");
    run->on_failure(run->context, &(struct sweep_failure){
        .point = job->point, .code = code, .log_path = path,
        .log_tail = tail });
    note_failure(r, code, tail);
    return r->status;
}

/* Look after every running process once; return how many still run. */
static int reap(struct runner *r)
{
    int n_running = 0;

    for (struct job *job = r->jobs; job < r->jobs + r->run->n_jobs; job++) {
        int how = 0;
        if (job->pid == 0)
            continue;
        pid_t ended = waitpid(job->pid, &how, WNOHANG);
        if (ended == 0 || (ended < 0 && errno == EINTR)) {
            n_running++;
            continue;
        }
        if (r->status == STATUS_OK)
            r->status = note_end(r, job, how);
        job->pid = 0;
    }
    return n_running;
}

/* Move on to the next point that is wanted and neither done nor has failed here;
 * false: there is none. */
static bool find_next(struct runner *r)
{
    while (r->next < r->last && (r->state[r->next] == POINT_DONE ||
                                 r->state[r->next] == POINT_FAILED ||
                                 !wanted(r, r->next)))
        r->next++;
    return r->next < r->last;
}

/* Fill free places. */
static void start_more(struct runner *r)
{
    for (int j = 0; j < r->run->n_jobs; j++)
        while (r->jobs[j].pid == 0 && r->status == STATUS_OK && find_next(r))
            r->status = start(r, &r->jobs[j], r->next++);
}

static void show_progress(const struct runner *r)
{
    int32_t ended = 0, all = 0;

    for (int32_t i = r->first; i < r->last; i++) {
        ended += wanted(r, i) && (r->state[i] == POINT_DONE ||
                                  r->state[i] == POINT_FAILED);
        all += wanted(r, i);
    }
    r->run->on_progress(r->run->context, ended, all);
}

/* Once everything is begun, go back to what others were at: it is done by then,
 * or they gave it up. */
static bool goes_back(struct runner *r, int n_running)
{
    const struct timespec pause = { .tv_nsec = 200000000 };

    if (n_running > 0 || r->next < r->last || r->n_left == 0 ||
        r->status != STATUS_OK || command_interrupted)
        return false;
    nanosleep(&pause, NULL);
    r->next = r->first;
    r->n_left = 0;
    return true;
}

static enum status watch_all(struct runner *r, const sigset_t *child)
{
    /* Until a process ends or a signal comes; for what else may come, a while. */
    const struct timespec pause = { .tv_nsec = 20000000 };
    bool told = false;

    for (;;) {
        bool stopping = command_interrupted || r->status != STATUS_OK;
        if (!stopping)
            start_more(r);
        for (int j = 0; stopping && !told && j < r->run->n_jobs; j++)
            if (r->jobs[j].pid > 0)
                kill(r->jobs[j].pid, SIGINT);
        told = told || stopping;
        int n_running = reap(r);
        show_progress(r);
        if (goes_back(r, n_running))
            continue;
        if (n_running == 0 && (told || (r->next >= r->last &&
                                        r->status == STATUS_OK)))
            break;
        if (n_running > 0)
            sigtimedwait(child, NULL, &pause);
    }
    if (r->status == STATUS_OK && command_interrupted)
        return error_set(r->err, STATUS_INTERRUPTED, "interrupted");
    return r->status;
}

static enum status run_all(struct runner *r)
{
    sigset_t child;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &r->before);
    const enum status status = watch_all(r, &child);
    sigprocmask(SIG_SETMASK, &r->before, NULL);
    return status;
}

enum status sweep_run_points(const struct sweep_run *run, int32_t first,
                             int32_t last, enum point_state *state,
                             struct error *err)
{
    char self[FILE_PATH_SIZE];
    struct runner r = { .run = run, .first = first, .next = first,
                        .last = last, .state = state, .err = err };

    for (int32_t i = first; i < last; i++) {
        enum status status = sweep_request_check(run->sweep, run->directory, i,
                                                 err);
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
    r.program = run->program ? run->program : self;
    r.jobs = calloc((size_t)run->n_jobs, sizeof *r.jobs);
    if (!r.jobs)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d jobs",
                         run->n_jobs);
    enum status status = run_all(&r);
    free(r.jobs);
    return status;
}
