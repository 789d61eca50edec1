/* rundir.c - Open and lock the directory of a run, and write its ledgers. */
#include "sim/core/answer/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sim/core/answer/command.h"

/* The process that holds the lock, as its file says; "": none does. */
static void read_holder(char pid[32], int fd)
{
    ssize_t n = pread(fd, pid, 31, 0);

    pid[n > 0 ? n : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
}

/* A process that was killed between fork and exec of another leaves its lock to
 * that one, which then ends at once. */
static bool is_left(int fd)
{
    char pid[32];

    read_holder(pid, fd);
    return *pid && kill((pid_t)strtol(pid, NULL, 10), 0) != 0 && errno == ESRCH;
}

/* Take the lock, LOCK_EX or LOCK_SH; 0, or an errno. */
static int take(int fd, int how)
{
    const struct timespec pause = { .tv_nsec = 20000000 };

    for (int tries = 50; flock(fd, how | LOCK_NB) != 0; tries--) {
        const int cause = errno;
        if (cause != EWOULDBLOCK || tries == 0 || !is_left(fd))
            return cause;
        nanosleep(&pause, NULL);
    }
    return 0;
}

/* A link planted under the lock's name, or a file of somebody else's, would be
 * emptied: only what holds nothing but a pid is ours. */
static bool is_lock(int fd)
{
    char text[32];
    struct stat st;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1 &&
           st.st_size == n && strspn(text, "0123456789\n") == (size_t)n;
}

/* The lock file, and whether it is new: nobody was here before then. */
static enum status open_lock(int *out, bool *fresh, const char *name,
                             const char *path, struct error *err)
{
    const int flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = open(name, flags | O_CREAT | O_EXCL, 0666);

    *fresh = fd >= 0;
    if (fd < 0 && errno == EEXIST)
        fd = open(name, flags);
    if (fd < 0 && errno != ELOOP)
        return error_set(err, STATUS_BAD_VALUE, "cannot write into '%s': %s",
                         path, strerror(errno));
    if (fd < 0 || !is_lock(fd)) {
        if (fd >= 0)
            close(fd);
        return error_set(err, STATUS_BAD_VALUE, "'%s' is no lock of isobath:"
                         " move it, or give another directory", name);
    }
    *out = fd;
    return STATUS_OK;
}

static enum status lock(struct rundir *out, const char *path, int how,
                        struct error *err)
{
    char name[FILE_PATH_SIZE];
    int fd = -1;
    enum status status = file_join(name, path, ".lock", err);

    if (status == STATUS_OK)
        status = open_lock(&fd, &out->fresh, name, path, err);
    if (status != STATUS_OK)
        return status;
    char pid[32];
    const int cause = take(fd, how);
    if (cause != 0) {
        read_holder(pid, fd);
        status = cause == EWOULDBLOCK
            ? error_set(err, STATUS_BAD_VALUE, "'%s' is in use by process %s:"
                        " wait for it, end it, or choose another directory",
                        path, *pid ? pid : "(unknown)")
            : error_set(err, STATUS_IO, "cannot lock '%s': %s", name,
                        strerror(cause));
        close(fd);
        return status;
    }
    /* A process that finds the lock taken can then name this one. */
    int length = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)length, 0) < 0) {
        status = error_set(err, STATUS_IO, "cannot write '%s': %s", name,
                           strerror(errno));
        close(fd);
        return status;
    }
    out->lock = fd;
    return STATUS_OK;
}

static enum status open_locked(struct rundir *out, const char *path, int how,
                               struct error *err)
{
    enum status status = file_make_directory(path, err);

    if (status == STATUS_OK)
        status = lock(out, path, how, err);
    if (status != STATUS_OK)
        return status;
    strcpy(out->path, path);     /* file_make_directory checked its length */
    return STATUS_OK;
}

enum status rundir_open(struct rundir *out, const char *path,
                        struct error *err)
{
    return open_locked(out, path, LOCK_EX, err);
}

void rundir_close(struct rundir *rundir)
{
    /* The file stays: removing it would let two processes lock two files. */
    if (rundir->lock >= 0)
        close(rundir->lock);
    rundir->lock = -1;
}

/* "state.safetensors.4711.tmp" */
static bool is_leftover(const char *name)
{
    const char *end = strrchr(name, '.'), *pid = end;

    if (!end || strcmp(end, ".tmp") != 0)
        return false;
    while (pid > name && pid[-1] >= '0' && pid[-1] <= '9')
        pid--;
    return pid < end && pid > name + 1 && pid[-1] == '.';
}

void rundir_remove_leftovers(const struct rundir *rundir, const char *below)
{
    char path[FILE_PATH_SIZE];
    struct dirent *entry;

    if (file_join(path, rundir->path, below, NULL) != STATUS_OK)
        return;
    DIR *directory = opendir(path);

    if (!directory)
        error_note_errno();
    while (directory && (entry = readdir(directory)))
        if (is_leftover(entry->d_name))
            unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
}

/* The tables of all commands, and two results that are none. */
static const char *const results[] = {
    "ledger.csv", "answer.csv", "mix.csv", "flips.csv", "waterfall.csv",
    "doubts.csv", "splits.csv", "ledger_train_rival.csv",
    "ledger_prefill_rival.csv", "ledger_decode_rival.csv",
    "ledger_train.csv", "ledger_train_dense.csv",
    "ledger_prefill.csv", "ledger_prefill_dense.csv", "ledger_decode.csv",
    "ledger_decode_dense.csv", "tokens.csv", "losses.csv", "windows.csv",
    "trace.csv", "curve.csv", "validate.csv", "points.csv", "layers.csv",
    "agreement.csv", "replaced.csv", "hardness.csv", "places.csv", "kinds.csv",
    "heights.csv", "leak.csv", "allocations.csv", "blocks.csv", "regret.csv",
    "sensitivity.csv", "arms.csv", "capacities.csv", "model.safetensors",
    "config.json",
};
enum { RESULTS = sizeof results / sizeof *results, TABLES = RESULTS - 2 };

/* What lies in a report. */
static const char *const pages[] = { "index.html", "figures", "tables" };
enum { PAGES = sizeof pages / sizeof *pages };

static bool holds(const char *directory, const char *name)
{
    char path[FILE_PATH_SIZE];
    return file_join(path, directory, name, NULL) == STATUS_OK &&
           file_exists(path);
}

/* A file with the name of a result is somebody else's where isobath was not. */
static enum status check_foreign(const char *path, const char *name,
                                 struct error *err)
{
    return holds(path, name)
               ? error_set(err, STATUS_BAD_VALUE, "-o %s: holds '%s', which"
                           " isobath did not write; move it, or give another"
                           " directory", path, name)
               : STATUS_OK;
}

/* By which command the directory was made, "" where no file says so. */
static enum status read_owner(char out[16], const char *path,
                              struct error *err)
{
    json_t *summary = NULL;

    snprintf(out, 16, "%s", holds(path, "state.safetensors") ? "train"
                            : holds(path, "points") ? "sweep"
                            : holds(path, ".contents") ? "report" : "");
    if (!holds(path, "summary.json"))
        return STATUS_OK;
    enum status status = summary_read(&summary, path, err);
    const char *command = json_string_value(json_object_get(summary,
                                                            "command"));
    if (status == STATUS_OK)
        snprintf(out, 16, "%s", command ? command : "(unknown)");
    json_decref(summary);
    return status == STATUS_BAD_FORMAT
               ? check_foreign(path, "summary.json", err) : status;
}

static bool is_result(const char *name)
{
    bool found = strcmp(name, "summary.json") == 0 ||
                 strcmp(name, "state.safetensors") == 0;

    for (size_t i = 0; i < RESULTS && !found; i++)
        found = strcmp(name, results[i]) == 0;
    return found;
}

enum status rundir_spare(const char *file, struct error *err)
{
    const char *slash = strrchr(file, '/');
    const char *name = slash ? slash + 1 : file;
    char path[FILE_PATH_SIZE] = ".", owner[16];

    if (!is_result(name) || strlen(file) >= FILE_PATH_SIZE)
        return STATUS_OK;
    if (slash)
        snprintf(path, sizeof path, "%.*s", (int)(name - file), file);
    enum status status = read_owner(owner, path, err);
    if (status == STATUS_OK && *owner) {
        error_set(err, STATUS_BAD_VALUE, "-o %s: the name of a result where"
                  " those of isobath %s stand; give another file", file, owner);
        return STATUS_BAD_VALUE;
    }
    return status;
}

static enum status check_owner(const char *path, bool fresh,
                               const char *command, struct error *err)
{
    char owner[16];
    enum status status = read_owner(owner, path, err);

    if (status == STATUS_OK && *owner && strcmp(owner, command) != 0)
        return error_set(err, STATUS_BAD_VALUE, "-o %s: holds the results of"
                         " isobath %s; give another directory", path, owner);
    if (!fresh || *owner)
        return status;
    for (size_t i = 0; i < RESULTS && status == STATUS_OK; i++)
        status = check_foreign(path, results[i], err);
    for (size_t i = 0; i < PAGES && status == STATUS_OK &&
                       strcmp(command, "report") == 0; i++)
        status = check_foreign(path, pages[i], err);
    return status;
}

enum status rundir_make(const char *path, const char *command,
                        struct error *err)
{
    enum status status = file_make_directory(path, err);

    return status == STATUS_OK
               ? check_owner(path, !holds(path, ".lock"), command, err)
               : status;
}

static enum status open_own(struct rundir *out, const char *path, int how,
                            const char *command, struct error *err)
{
    char name[FILE_PATH_SIZE];
    enum status status = open_locked(out, path, how, err);

    if (status != STATUS_OK)
        return status;
    if ((status = check_owner(path, out->fresh, command, err)) == STATUS_OK)
        return STATUS_OK;
    /* A lock would say that isobath was here. */
    if (out->fresh && file_join(name, path, ".lock", NULL) == STATUS_OK)
        unlink(name);
    rundir_close(out);
    return status;
}

enum status rundir_open_own(struct rundir *out, const char *path,
                            const char *command, struct error *err)
{
    enum status status = open_own(out, path, LOCK_EX, command, err);

    if (status == STATUS_OK)
        rundir_remove_leftovers(out, ".");
    return status;
}

/* Of an older result that says which tables it has, others are somebody else's;
 * one that was killed says nothing. */
static enum status check_made(const char *path, struct error *err)
{
    json_t *summary = NULL;
    enum status status = holds(path, "summary.json")
        ? summary_read(&summary, path, err) : STATUS_OK;
    const json_t *files = json_object_get(summary, "files");

    for (size_t i = 0; i < TABLES && files && status == STATUS_OK; i++)
        if (!json_object_get(files, results[i]))
            status = check_foreign(path, results[i], err);
    json_decref(summary);
    return status;
}

enum status rundir_open_anew(struct rundir *out, const char *path,
                             const char *command, struct error *err)
{
    enum status status = rundir_open_own(out, path, command, err);

    if (status != STATUS_OK || (status = check_made(path, err)) == STATUS_OK)
        return status;
    rundir_close(out);
    return status;
}

enum status rundir_open_shared(struct rundir *out, const char *path,
                               const char *command, struct error *err)
{
    return open_own(out, path, LOCK_SH, command, err);
}

void rundir_clear(const struct rundir *rundir)
{
    char path[FILE_PATH_SIZE];

    if (holds(rundir->path, "summary.json") || holds(rundir->path, *pages))
        command_note("%s: takes the place of an older one", rundir->path);
    if (file_join(path, rundir->path, "summary.json", NULL) == STATUS_OK)
        unlink(path);
    for (size_t i = 0; i < TABLES; i++)
        if (file_join(path, rundir->path, results[i], NULL) == STATUS_OK)
            unlink(path);
}

static enum status hash_in(char out[17], const char *directory,
                           const char *name, struct error *err)
{
    char path[FILE_PATH_SIZE];
    enum status status = file_join(path, directory, name, err);

    return status == STATUS_OK ? file_hash(out, path, err) : status;
}

enum status rundir_finish(const struct rundir *rundir, json_t *summary,
                          struct error *err)
{
    json_t *files = json_object();
    enum status status = STATUS_OK;

    for (size_t i = 0; i < TABLES && status == STATUS_OK; i++) {
        char hash[17];
        if (!holds(rundir->path, results[i]))
            continue;
        status = hash_in(hash, rundir->path, results[i], err);
        if (status == STATUS_OK)
            json_object_set_new(files, results[i], json_string(hash));
    }
    if (status == STATUS_OK && json_object_set(summary, "files", files) != 0)
        status = error_set(err, STATUS_NO_MEMORY, "no memory for a summary");
    json_decref(files);
    return status == STATUS_OK ? summary_write(summary, rundir->path, err)
                               : status;
}

enum status rundir_check(const json_t *summary, const char *path,
                         struct error *err)
{
    const json_t *files = json_object_get(summary, "files");

    for (size_t i = 0; i < TABLES && files; i++) {
        const char *want = json_string_value(json_object_get(files,
                                                             results[i]));
        char hash[17] = "";
        if (!holds(path, results[i]))
            continue;
        enum status status = hash_in(hash, path, results[i], err);
        if (status != STATUS_OK)
            return status;
        if (!want || strcmp(hash, want) != 0)
            return error_set(err, STATUS_BAD_VALUE, "%s/%s: not the file that"
                             " summary.json was written with: files of two runs"
                             " stand there, or one was changed", path,
                             results[i]);
    }
    return STATUS_OK;
}

enum status rundir_write_ledgers(const struct rundir *rundir,
                                 const struct ledger *predicted,
                                 const struct ledger *counted,
                                 const struct ledger *measured,
                                 struct error *err)
{
    const struct ledger *const ledgers[] = { predicted, counted, measured };
    struct file_writer writer;
    int n = 0, n_by_token = 0;

    for (size_t i = 0; i < sizeof ledgers / sizeof *ledgers; i++) {
        n += ledgers[i] != NULL;
        n_by_token += ledgers[i] && ledger_shape(ledgers[i]).n_tokens > 0;
    }
    if (n_by_token != 0 && n_by_token != n)
        return error_set(err, STATUS_BAD_VALUE, "ledgers that resolve tokens"
                         " and such that do not cannot share one table");
    enum status status = file_create_in(&writer, rundir->path, "ledger.csv",
                                        err);
    if (status != STATUS_OK)
        return status;
    ledger_write_header(writer.stream, n_by_token > 0);
    for (size_t i = 0; i < sizeof ledgers / sizeof *ledgers; i++)
        if (ledgers[i] && status == STATUS_OK)
            status = ledger_write(ledgers[i], summary_witness_names[i],
                                  writer.stream, err);
    return file_end(&writer, status, err);
}
