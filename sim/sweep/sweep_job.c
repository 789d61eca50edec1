/* sweep_job.c - Start the process of a point, and see how far it is. */
#include "sim/sweep/sweep_job.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "sim/core/answer/command.h"

enum {
    TAIL_LINES = 6,
    EXIT_NO_PROGRAM = 127,       /* exit code of a shell for a missing
                                  * program */
    TELLER_SIZE = 40,            /* of "/proc/1234/fd/5" */
};

/* The arguments of a point's process, in one allocation with their texts. */
static char **arguments(const struct sweep_start *how, int32_t point,
                        const char *output)
{
    const struct sweep_point *p = &how->sweep->point[point];
    const struct sweep_work *work = how->sweep->work;
    size_t size = 0, n_max = 2 * p->n_settings + 10, n = 0;

    for (size_t i = 0; i < p->n_settings; i++)
        size += strlen(p->setting[i].key) + strlen(p->setting[i].given) + 2;
    char **argv = calloc(1, n_max * sizeof *argv + size + 16);
    if (!argv)
        return NULL;
    char *text = (char *)(argv + n_max);
    /* execv() changes none of them: its prototype is older than const. */
    argv[n++] = (char *)how->program;
    argv[n++] = (char *)work->name;
    argv[n++] = (char *)how->sweep->base;
    argv[n++] = (char *)"-o";
    argv[n++] = (char *)output;
    argv[n++] = (char *)"--quiet";
    if (work->resume)
        argv[n++] = (char *)work->resume;
    argv[n++] = text;
    text += sprintf(text, "--threads=%d", how->threads) + 1;
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
static void become(char **argv, int log, const char *teller, pid_t parent,
                   const sigset_t *signals)
{
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    setpgid(0, 0);
    sigprocmask(SIG_SETMASK, signals, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(SWEEP_EXIT_SIGNAL + SIGTERM);
    if (*teller ? setenv(progress_file, teller, 1) : unsetenv(progress_file))
        _exit(EXIT_NO_PROGRAM);
    dup2(nothing, STDIN_FILENO);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execv(argv[0], argv);
    dprintf(STDERR_FILENO, "cannot run '%s': %s\n", argv[0], strerror(errno));
    _exit(EXIT_NO_PROGRAM);
}

/* The point's process inherits log and lock, and nothing else ends the lock, so
 * that a sweep after one that was killed waits for the processes that still save
 * what they have: for as long as a large model takes. */
int sweep_job_log(const char *path, bool share)
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

/* A file that never lies on a disk, empty; the name by which the process opens
 * it, "" where there is none. */
static void open_teller(struct sweep_job *job, char name[TELLER_SIZE])
{
    if (job->teller == 0)
        job->teller = memfd_create("share", MFD_CLOEXEC);
    if (job->teller < 0 || ftruncate(job->teller, 0) != 0)
        *name = '\0';
    else
        snprintf(name, TELLER_SIZE, "/proc/%ld/fd/%d", (long)getpid(),
                 job->teller);
}

enum status sweep_job_start(struct sweep_job *job,
                            const struct sweep_start *how, int32_t point,
                            const char *output, int log, struct error *err)
{
    char teller[TELLER_SIZE];
    const off_t log_start = lseek(log, 0, SEEK_END);
    char **argv = arguments(how, point, output);
    const pid_t parent = getpid();

    open_teller(job, teller);
    const pid_t pid = argv ? fork() : -1;
    if (pid == 0)
        become(argv, log, teller, parent, &how->signals);
    free(argv);
    if (pid < 0)
        return error_set(err, STATUS_NO_MEMORY, "cannot start point %d: %s",
                         point, strerror(errno));
    *job = (struct sweep_job){ pid, point, (long)log_start, job->teller,
                               (double)NAN };
    return STATUS_OK;
}

void sweep_job_look(struct sweep_job *job)
{
    char text[PROGRESS_SHARE_SIZE + 1] = "", *end;

    if (job->teller <= 0 ||
        pread(job->teller, text, PROGRESS_SHARE_SIZE, 0) <= 0)
        return;
    const double share = strtod(text, &end);
    if (*end == '\n' && share >= 0 && share <= 1)
        job->share = share;
}

void sweep_job_close(struct sweep_job *job)
{
    if (job->teller > 0)
        close(job->teller);
}

void sweep_job_tail(char out[SWEEP_TAIL_BYTES + 1], const char *path, long start)
{
    FILE *file = file_open_optional(path);
    size_t n = 0;

    if (file) {
        fseek(file, 0, SEEK_END);
        long from = ftell(file) - SWEEP_TAIL_BYTES;
        fseek(file, from > start ? from : start, SEEK_SET);
        n = fread(out, 1, SWEEP_TAIL_BYTES, file);
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

