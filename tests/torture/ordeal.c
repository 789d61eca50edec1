/* ordeal.c - Start the program under a fault or until a signal, and read what
 * it leaves. */
#include "tests/torture/ordeal.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATH_SIZE = 1024 };
static char isobath[PATH_SIZE], preload[PATH_SIZE];

void ordeal_fail(const char *what, const char *name)
{
    fprintf(stderr, "torture: cannot %s '%s': %s\n", what, name,
            strerror(errno));
    exit(1);
}

void ordeal_find(const char *program)
{
    char own[PATH_SIZE / 2];
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);

    if (n < 0)
        ordeal_fail("read", "/proc/self/exe");
    own[n] = '\0';
    *strrchr(own, '/') = '\0';
    snprintf(isobath, sizeof isobath, "%s/isobath", own);
    snprintf(preload, sizeof preload, "%s/faults.so", own);
    if (program && !realpath(program, isobath))
        ordeal_fail("find", program);
}

/* ---- the program ---- */

static void redirect(const char *streams, const char *name, int to)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s.%s", streams ? streams : "std", name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd < 0 || dup2(fd, to) < 0)
        _exit(97);
    close(fd);
}

static void set(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
}

pid_t ordeal_start(const struct ordeal *o)
{
    const char *argv[ORDEAL_ARGUMENTS + 2] = { isobath };
    int n = 1;

    for (const char *const *a = o->arguments; *a; a++)
        argv[n++] = *a;
    pid_t child = fork();
    if (child < 0)
        ordeal_fail("start", isobath);
    if (child > 0)
        return child;
    redirect(o->streams, "out", STDOUT_FILENO);
    redirect(o->streams, "err", STDERR_FILENO);
    set("FAULT", o->fault);
    set("FAULT_COUNTS", o->counts);
    set("PATH", o->path);
    set("ISOBATH_KERNELS", o->kernels);
    if (o->fault || o->counts)
        set("LD_PRELOAD", preload);
    if (o->file_bytes > 0) {
        const struct rlimit limit = { (rlim_t)o->file_bytes,
                                      (rlim_t)o->file_bytes };
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    execv(isobath, (char *const *)(size_t)argv);
    _exit(98);
}

void ordeal_sleep(double seconds)
{
    const struct timespec t = { (time_t)seconds,
                                (long)((seconds - (double)(time_t)seconds) *
                                       1e9) };
    nanosleep(&t, NULL);
}

/* Its end, or -1: it still ran after so many seconds of looking.  Time in which
 * others stopped this process and that one is none in which it hung. */
static int end_within(pid_t child, double seconds)
{
    double pause = 2e-4;
    int how;

    for (;;) {
        pid_t ended = waitpid(child, &how, WNOHANG);
        if (ended < 0)
            ordeal_fail("wait for", isobath);
        if (ended == child)
            return WIFEXITED(how) ? WEXITSTATUS(how)
                                  : ORDEAL_SIGNAL + WTERMSIG(how);
        if (seconds <= 0)
            return -1;
        ordeal_sleep(pause < seconds ? pause : seconds);
        seconds -= pause;
        pause = pause < 5e-3 ? pause * 1.5 : pause;
    }
}

int ordeal_end(pid_t child)
{
    int end = end_within(child, ORDEAL_SECONDS);

    if (end >= 0)
        return end;
    kill(child, SIGKILL);
    waitpid(child, &end, 0);
    return ORDEAL_SIGNAL + SIGALRM;
}

int ordeal_run(const struct ordeal *o)
{
    return ordeal_end(ordeal_start(o));
}

int ordeal_run_until(const struct ordeal *o, double seconds, int signal)
{
    pid_t child = ordeal_start(o);
    int end = end_within(child, seconds);

    if (end >= 0)
        return end;
    kill(child, signal);
    return ordeal_end(child);
}

const char *ordeal_word(int end)
{
    static char text[64];

    if (end == ORDEAL_SIGNAL + SIGALRM)
        snprintf(text, sizeof text, "no end after %d s", ORDEAL_SECONDS);
    else if (end >= ORDEAL_SIGNAL)
        snprintf(text, sizeof text, "%s", strsignal(end - ORDEAL_SIGNAL));
    else
        snprintf(text, sizeof text, "exit code %d", end);
    return text;
}

/* ---- files ---- */

char *file_whole(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    struct stat st;

    if (!file)
        return NULL;
    if (fstat(fileno(file), &st) != 0)
        ordeal_fail("read", path);
    char *text = calloc(1, (size_t)st.st_size + 1);
    if (!text)
        ordeal_fail("find memory for", path);
    size_t n = fread(text, 1, (size_t)st.st_size, file);
    fclose(file);
    if (size)
        *size = n;
    return text;
}

bool file_same(const char *a, const char *b)
{
    size_t n = 0, m = 0;
    char *x = file_whole(a, &n), *y = file_whole(b, &m);
    bool same = x && y && n == m && memcmp(x, y, n) == 0;

    free(x);
    free(y);
    return same;
}

void file_put(const char *path, const void *data, size_t size)
{
    FILE *file = fopen(path, "wb");

    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        ordeal_fail("write", path);
}

bool file_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static FTS *tree_open(const char *path)
{
    char *const roots[] = { (char *)(size_t)path, NULL };
    FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);

    if (!tree)
        ordeal_fail("read", path);
    return tree;
}

void tree_remove(const char *path)
{
    FTS *tree = tree_open(path);
    FTSENT *entry;

    while ((entry = fts_read(tree)))
        if (entry->fts_info == FTS_DP)
            rmdir(entry->fts_accpath);
        else if (entry->fts_info != FTS_D)
            unlink(entry->fts_accpath);
    fts_close(tree);
}

void tree_copy(const char *from, const char *to)
{
    FTS *tree = tree_open(from);
    FTSENT *entry;
    char path[PATH_SIZE];

    while ((entry = fts_read(tree))) {
        snprintf(path, sizeof path, "%s%s", to, entry->fts_path + strlen(from));
        if (entry->fts_info == FTS_D && mkdir(path, 0777) != 0 &&
            errno != EEXIST)
            ordeal_fail("make", path);
        if (entry->fts_info != FTS_F)
            continue;
        size_t size = 0;
        char *whole = file_whole(entry->fts_accpath, &size);
        if (!whole)
            ordeal_fail("read", entry->fts_path);
        file_put(path, whole, size);
        free(whole);
    }
    fts_close(tree);
}

const char *tree_litter(const char *path)
{
    static char found[PATH_SIZE];
    FTS *tree = tree_open(path);
    FTSENT *entry;

    *found = '\0';
    while ((entry = fts_read(tree))) {
        const char *end = strrchr(entry->fts_name, '.');
        if (entry->fts_info == FTS_F && end && strcmp(end, ".tmp") == 0)
            snprintf(found, sizeof found, "%s", entry->fts_path);
    }
    fts_close(tree);
    return *found ? found : NULL;
}
