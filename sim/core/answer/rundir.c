/* rundir.c - Open and lock the directory of a run, and write its ledgers. */
#include "sim/core/answer/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Another process holds the lock: say which. */
static enum status fail_locked(int fd, const char *path, struct error *err)
{
    char pid[32] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);

    pid[n > 0 ? n : 0] = '\0';
    pid[strspn(pid, "0123456789")] = '\0';
    return error_set(err, STATUS_BAD_VALUE, "'%s' is in use by process %s:"
                     " wait for it, end it, or choose another directory", path,
                     *pid ? pid : "(unknown)");
}

static enum status lock(int *out, const char *path, struct error *err)
{
    char name[FILE_PATH_SIZE];
    enum status status = file_join(name, path, ".lock", err);

    if (status != STATUS_OK)
        return status;
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return error_set(err, STATUS_BAD_VALUE, "cannot write into '%s': %s",
                         path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int cause = errno;
        status = cause == EWOULDBLOCK
            ? fail_locked(fd, path, err)
            : error_set(err, STATUS_IO, "cannot lock '%s': %s", name,
                        strerror(cause));
        close(fd);
        return status;
    }
    /* A process that finds the lock taken can then name this one. */
    char pid[32];
    int length = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)length, 0) < 0) {
        status = error_set(err, STATUS_IO, "cannot write '%s': %s", name,
                           strerror(errno));
        close(fd);
        return status;
    }
    *out = fd;
    return STATUS_OK;
}

enum status rundir_open(struct rundir *out, const char *path,
                        struct error *err)
{
    enum status status = file_make_directory(path, err);
    int fd = -1;

    if (status == STATUS_OK)
        status = lock(&fd, path, err);
    if (status != STATUS_OK)
        return status;
    out->lock = fd;
    strcpy(out->path, path);     /* file_make_directory checked its length */
    return STATUS_OK;
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

void rundir_remove_leftovers(const struct rundir *rundir)
{
    DIR *directory = opendir(rundir->path);
    struct dirent *entry;

    while (directory && (entry = readdir(directory)))
        if (is_leftover(entry->d_name))
            unlinkat(dirfd(directory), entry->d_name, 0);
    if (directory)
        closedir(directory);
}

/* Refuse a directory that holds anything but an older run of the same
 * command. */
static enum status check_owner(const char *path, const char *command,
                               struct error *err)
{
    char file[FILE_PATH_SIZE];
    json_t *summary = NULL;
    enum status status = file_join(file, path, "summary.json", err);

    if (status == STATUS_OK && file_exists(file))
        status = summary_read(&summary, path, err);
    const char *owner = json_string_value(json_object_get(summary, "command"));
    if (status == STATUS_OK && summary &&
        (!owner || strcmp(owner, command) != 0))
        status = error_set(err, STATUS_BAD_VALUE, "-o %s: holds the results of"
                           " isobath %s; give another directory", path,
                           owner ? owner : "(unknown)");
    json_decref(summary);
    return status;
}

enum status rundir_open_own(struct rundir *out, const char *path,
                            const char *command, struct error *err)
{
    enum status status = check_owner(path, command, err);

    if (status == STATUS_OK)
        status = rundir_open(out, path, err);
    if (status == STATUS_OK)
        rundir_remove_leftovers(out);
    return status;
}

void rundir_clear(const struct rundir *rundir)
{
    static const char *const names[] = { "summary.json", "tokens.csv",
                                         "losses.csv", "windows.csv",
                                         "trace.csv" };
    char path[FILE_PATH_SIZE];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (file_join(path, rundir->path, names[i], NULL) == STATUS_OK)
            unlink(path);
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
            status = ledger_write(ledgers[i], summary_witness_names[i], writer.stream, err);
    /* file_commit() finds a write error again, and names it better. */
    if (status != STATUS_OK && status != STATUS_IO) {
        file_abandon(&writer);
        return status;
    }
    return file_commit(&writer, err);
}
