/* sweep_run.c - Start, watch and end the processes of a study. */
#include "sim/sweep/sweep_run.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/core/answer/command.h"
#include "sim/sweep/sweep_job.h"

static enum status point_file(char out[FILE_PATH_SIZE], const char *directory,
                              int32_t point, const char *file,
                              struct error *err)
{
    char path[FILE_PATH_SIZE];
    enum status status = sweep_point_path(path, directory, point, err);
    return status == STATUS_OK ? file_join(out, path, file, err) : status;
}

/* The points of a run, while it lasts. */
struct runner {
    const struct sweep_run *run;
    struct sweep_start how;
    struct sweep_job *jobs;      /* [n_jobs] */
    int32_t first, next, last;
    int32_t n_left;              /* points that others who share were at */
    double  resumed;             /* of points at work, done when they went on */
    uint64_t held;               /* by the points at work, as predicted */
    enum point_state *state;
    int     n_alike;             /* points that ended, as the first that failed
                                  * did; -1: one ended otherwise */
    int     code;                /* of that first one, and its last lines */
    char    tail[SWEEP_TAIL_BYTES + 1];
    enum status status;          /* the first failure of the sweep itself */
    struct error *err;
};

static bool wanted(const struct runner *r, int32_t point)
{
    return sweep_matches(&r->run->sweep->point[point], r->run->filter);
}

/* Start the process of a point, unless one who shares is at it, or was. */
static enum status start(struct runner *r, struct sweep_job *job, int32_t point)
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
    int log = sweep_job_log(log_path, run->share);
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
    status = sweep_job_start(job, &r->how, point, output, log, r->err);
    close(log);
    return status;
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
    static const char *const files[] = { "state.safetensors",
                                         "model.safetensors" };
    const size_t n = r->run->drop_weights ? 2 : 1;
    char path[FILE_PATH_SIZE];

    for (size_t i = 0; i < n; i++)
        if (point_file(path, r->run->directory, point, files[i], NULL) ==
            STATUS_OK)
            (void)remove(path);
}

static enum status note_end(struct runner *r, const struct sweep_job *job, int how)
{
    const struct sweep_run *run = r->run;
    enum point_state *state = &r->state[job->point];
    char path[FILE_PATH_SIZE], tail[SWEEP_TAIL_BYTES + 1];
    int code = WIFEXITED(how) ? WEXITSTATUS(how) : SWEEP_EXIT_SIGNAL + WTERMSIG(how);
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
    sweep_job_tail(tail, path, job->log_start);
    if (code == 0 && !*tail)
        strcpy(tail, "it ended well, but left no finished summary.json");
    run->on_failure(run->context, &(struct sweep_failure){
        .point = job->point, .code = code, .log_path = path,
        .log_tail = tail });
    note_failure(r, code, tail);
    return r->status;
}

/* What a point at work holds; 0 where nothing limits that. */
static uint64_t held_by(const struct runner *r, int32_t point)
{
    return r->run->memory_of ? r->run->memory_of[point] : 0;
}

/* Look after every running process once; return how many still run. */
static int reap(struct runner *r)
{
    int n_running = 0;

    for (struct sweep_job *job = r->jobs; job < r->jobs + r->run->n_jobs; job++) {
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
        r->held -= held_by(r, job->point);
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

/* A point that does not fit beside those at work waits, and all after it. */
static bool has_room(const struct runner *r, int32_t point)
{
    return r->held == 0 || held_by(r, point) <= r->run->memory - r->held;
}

/* Fill free places. */
static void start_more(struct runner *r)
{
    for (int j = 0; j < r->run->n_jobs; j++)
        while (r->jobs[j].pid == 0 && r->status == STATUS_OK && find_next(r) &&
               has_room(r, r->next)) {
            r->status = start(r, &r->jobs[j], r->next);
            if (r->jobs[j].pid > 0)
                r->held += held_by(r, r->next);
            r->next++;
        }
}

/* How far the points at work are, "3 at 41 %, 4 at 12 %"; returns how much of
 * them is done. */
static double look_inside(struct runner *r, char note[SWEEP_NOTE_SIZE])
{
    double done = 0;
    size_t n = 0;

    *note = '\0';
    for (struct sweep_job *job = r->jobs; job < r->jobs + r->run->n_jobs; job++) {
        const bool known = isfinite(job->share);
        if (job->pid == 0)
            continue;
        sweep_job_look(job);
        if (!isfinite(job->share))
            continue;
        if (!known && r->state[job->point] == POINT_STARTED)
            r->resumed += job->share;
        done += job->share;
        if (n < SWEEP_NOTE_SIZE)
            n += (size_t)snprintf(note + n, SWEEP_NOTE_SIZE - n, "%s%d at %.0f %%",
                                  n > 0 ? ", " : "", job->point,
                                  100 * job->share);
    }
    return done;
}

static void show_progress(struct runner *r)
{
    struct sweep_progress p = { .total = 0 };

    p.done = look_inside(r, p.note);
    p.before = r->resumed;
    for (int32_t i = r->first; i < r->last; i++) {
        p.done += wanted(r, i) && (r->state[i] == POINT_DONE ||
                                   r->state[i] == POINT_FAILED);
        p.total += wanted(r, i);
    }
    r->run->on_progress(r->run->context, &p);
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
    sigprocmask(SIG_BLOCK, &child, &r->how.signals);
    const enum status status = watch_all(r, &child);
    sigprocmask(SIG_SETMASK, &r->how.signals, NULL);
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
    r.how = (struct sweep_start){
        .sweep = run->sweep, .program = run->program ? run->program : self,
        .threads = run->threads };
    r.jobs = calloc((size_t)run->n_jobs, sizeof *r.jobs);
    if (!r.jobs)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d jobs",
                         run->n_jobs);
    enum status status = run_all(&r);
    for (int j = 0; j < run->n_jobs; j++)
        sweep_job_close(&r.jobs[j]);
    free(r.jobs);
    return status;
}
