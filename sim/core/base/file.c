/* file.c - Write under a temporary name and rename; name what fails. */
#include "sim/core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status fail(struct error *err, enum status status, const char *what,
                        const char *path, int cause)
{
    return error_set(err, status, "cannot %s '%s': %s", what, path,
                     strerror(cause));
}

static int sync_retrying(int fd)
{
    int result;

    do
        result = fsync(fd);
    while (result != 0 && errno == EINTR);
    /* Pipes and terminals cannot be synced, and need not be. */
    return result != 0 && (errno == EINVAL || errno == EROFS) ? 0 : result;
}

/* Find the file that the bytes must end up in: follow symbolic links, so that a
 * link stays one.  A file that does not exist yet is its own target. */
static enum status final_path(char *out, const char *path, struct error *err)
{
    char *real = realpath(path, NULL);
    if (!real && errno == ENOMEM)
        return error_set(err, STATUS_NO_MEMORY, "no memory to write '%s'",
                         path);
    size_t length = strlen(real ? real : path);
    /* Room for ".PID.tmp" behind it. */
    bool fits = *path && length + 32 < FILE_PATH_SIZE;

    if (fits)
        strcpy(out, real ? real : path);
    free(real);
    return fits ? STATUS_OK
                : error_set(err, STATUS_BAD_VALUE, "cannot write '%.200s':"
                            " file name %s", path, *path ? "too long"
                                                         : "empty");
}

/* The temporary names of files that this process is writing, for a handler of
 * signals to find.  More at once than there is room for are left to whoever
 * writes there next. */
enum { HALF_WRITTEN = 8 };
static char half_written[HALF_WRITTEN][FILE_PATH_SIZE];
static volatile sig_atomic_t is_half_written[HALF_WRITTEN];

static void note_half_written(const char *path)
{
    for (int i = 0; i < HALF_WRITTEN; i++)
        if (!is_half_written[i]) {
            strcpy(half_written[i], path);
            is_half_written[i] = 1;
            return;
        }
}

static void forget_half_written(const char *path)
{
    for (int i = 0; i < HALF_WRITTEN; i++)
        if (is_half_written[i] && strcmp(half_written[i], path) == 0)
            is_half_written[i] = 0;
}

static void remove_half_written(const char *path)
{
    if (*path)
        unlink(path);
    forget_half_written(path);
}

enum status file_end(struct file_writer *writer, enum status status,
                     struct error *err)
{
    /* A write that failed is found again, and named, by file_commit(). */
    if (status == STATUS_OK || (status == STATUS_IO && ferror(writer->stream)))
        return file_commit(writer, err);
    file_abandon(writer);
    return status;
}

void file_abandon_all(void)
{
    for (int i = 0; i < HALF_WRITTEN; i++)
        if (is_half_written[i])
            unlink(half_written[i]);
}

/* A new file and no other: a link planted under its name, or what a killed
 * process of the same number left, goes first. */
static int open_temporary(const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = open(path, flags, 0666);

    return fd < 0 && errno == EEXIST && unlink(path) == 0
               ? open(path, flags, 0666) : fd;
}

/* Open out->path by a temporary name, or in place; `path` is for messages. */
static enum status open_writer(struct file_writer *out, bool in_place,
                               const char *path, struct error *err)
{
    struct file_writer w = *out;

    if (!in_place) {
        snprintf(w.temporary, sizeof w.temporary, "%.*s.%ld.tmp",
                 FILE_PATH_SIZE - 32, w.path, (long)getpid());
        note_half_written(w.temporary);
    }
    int fd = in_place ? open(w.path, O_WRONLY | O_CLOEXEC)
                      : open_temporary(w.temporary);
    if (fd < 0)
        forget_half_written(w.temporary);
    if (fd < 0)
        return fail(err, errno == ENOENT || errno == ENOTDIR || errno == EACCES
                             ? STATUS_BAD_VALUE : STATUS_IO,
                    "write", path, errno);
    w.stream = fdopen(fd, "w");
    if (!w.stream) {
        close(fd);
        remove_half_written(w.temporary);
        return error_set(err, STATUS_NO_MEMORY, "no memory to write '%s'",
                         path);
    }
    *out = w;
    return STATUS_OK;
}

enum status file_create(struct file_writer *out, const char *path,
                        struct error *err)
{
    struct file_writer w = { 0 };
    struct stat st;
    enum status status = final_path(w.path, path, err);

    if (status != STATUS_OK)
        return status;
    bool there = stat(w.path, &st) == 0;
    if (there && S_ISDIR(st.st_mode))
        return fail(err, STATUS_BAD_VALUE, "write", path, EISDIR);
    if (there && file_was_read(w.path))
        return error_set(err, STATUS_BAD_VALUE, "cannot write '%s': it is read"
                         " for what would stand in it; give another file",
                         path);
    /* A device or pipe is written in place: renaming would replace it. */
    status = open_writer(&w, there && !S_ISREG(st.st_mode), path, err);
    if (status == STATUS_OK)
        *out = w;
    return status;
}

enum status file_replace(struct file_writer *out, const char *path,
                         struct error *err)
{
    struct file_writer w = { 0 };
    struct stat st;

    if (strlen(path) + 32 >= FILE_PATH_SIZE)
        return error_set(err, STATUS_BAD_VALUE, "cannot write '%.200s': file"
                         " name too long", path);
    strcpy(w.path, path);
    if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return fail(err, STATUS_BAD_VALUE, "write", path, EISDIR);
    enum status status = open_writer(&w, false, path, err);
    if (status == STATUS_OK)
        *out = w;
    return status;
}

enum status file_create_in(struct file_writer *out, const char *directory,
                           const char *name, struct error *err)
{
    char path[FILE_PATH_SIZE];
    enum status status = file_join(path, directory, name, err);

    return status == STATUS_OK ? file_replace(out, path, err) : status;
}

FILE *file_open_part(const char *path)
{
    struct stat st;
    const int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW |
                                  O_NONBLOCK | O_CLOEXEC, 0666);
    const bool ours = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
                      st.st_nlink == 1;
    FILE *file = ours ? fdopen(fd, "a+") : NULL;

    if (fd >= 0 && !ours)
        errno = ELOOP;
    if (fd >= 0 && !file)
        close(fd);
    return file;
}

/* The errno of a write that failed inside stdio is long gone: write once more
 * to find it.  The file is lost anyway. */
static int failure_cause(FILE *stream)
{
    static const char probe[4096];

    errno = EIO;
    return write(fileno(stream), probe, sizeof probe) < 0 ? errno : EIO;
}

static int sync_directory_of(const char *path)
{
    char copy[FILE_PATH_SIZE];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    /* A directory may be writable and yet not readable. */
    if (fd < 0)
        return errno == EACCES ? 0 : -1;
    int result = sync_retrying(fd);
    close(fd);
    return result;
}

enum status file_commit(struct file_writer *w, struct error *err)
{
    int cause = 0;

    if (error_memory_ran_out()) {
        file_abandon(w);
        return fail(err, STATUS_NO_MEMORY, "write", w->path, ENOMEM);
    }
    if (ferror(w->stream) || fflush(w->stream) != 0)
        cause = failure_cause(w->stream);
    else if (sync_retrying(fileno(w->stream)) != 0)
        cause = errno;
    if (fclose(w->stream) != 0 && cause == 0)
        cause = errno;
    w->stream = NULL;
    if (cause == 0 && w->temporary[0] &&
        (rename(w->temporary, w->path) != 0 ||
         sync_directory_of(w->path) != 0))
        cause = errno;
    if (cause == 0)
        forget_half_written(w->temporary);
    else
        remove_half_written(w->temporary);
    return cause == 0 ? STATUS_OK
                      : fail(err, STATUS_IO, "write", w->path, cause);
}

void file_abandon(struct file_writer *w)
{
    if (!w->stream)
        return;
    fclose(w->stream);
    w->stream = NULL;
    remove_half_written(w->temporary);
}

FILE *file_open_text(char **text, size_t *size)
{
    return error_noted(open_memstream(text, size));
}

bool file_close_text(FILE *stream, char *const *text)
{
    bool whole = stream && !ferror(stream) && fflush(stream) == 0;

    /* It cuts the text to size, and says nothing where it fails at that. */
    if (stream && (fclose(stream) != 0 || !*text))
        whole = false;
    if (!whole)
        error_note_memory();
    return whole;
}

static int make_one(const char *path)
{
    struct stat st;

    if (mkdir(path, 0777) == 0)
        return 0;
    int cause = errno;
    /* The directory may exist, or be a mount that refuses mkdir. */
    if (stat(path, &st) == 0)
        return S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
    return cause;
}

enum status file_make_directory(const char *path, struct error *err)
{
    char part[FILE_PATH_SIZE];
    size_t length = strlen(path);

    if (length == 0 || length >= sizeof part)
        return error_set(err, STATUS_BAD_VALUE, "cannot make directory"
                         " '%.200s': its name is %s", path,
                         length ? "too long" : "empty");
    strcpy(part, path);
    for (char *at = part + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char end = *at;
        *at = '\0';
        int cause = make_one(part);
        if (cause != 0)
            return fail(err, cause == EACCES || cause == ENOTDIR ||
                                     cause == EROFS
                                 ? STATUS_BAD_VALUE : STATUS_IO,
                        "make directory", part, cause);
        if (end == '\0')
            return STATUS_OK;
        *at = end;
        if (at[1] == '\0')
            return STATUS_OK;
    }
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

enum status file_join(char *out, const char *directory, const char *name,
                      struct error *err)
{
    size_t length = strlen(directory);
    const char *slash = length > 0 && directory[length - 1] == '/' ? "" : "/";

    if (snprintf(out, FILE_PATH_SIZE, "%s%s%s", directory, slash, name) >=
        FILE_PATH_SIZE)
        return error_set(err, STATUS_BAD_VALUE, "file name '%.200s...' is"
                         " longer than %d bytes", directory,
                         FILE_PATH_SIZE - 1);
    return STATUS_OK;
}
