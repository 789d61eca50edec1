/* file.c - Write under a temporary name and rename; read, and name what
 * fails. */
#include "sim/core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

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
    if (status == STATUS_OK)
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

/* The files that this process read, for file_create(); of more than there is
 * room for the first. */
enum { READ_FILES = 256 };
static struct { dev_t device; ino_t inode; } read_files[READ_FILES];
static int n_read_files;

static void note_read(const struct stat *st)
{
    if (!S_ISREG(st->st_mode) || n_read_files == READ_FILES)
        return;
    read_files[n_read_files].device = st->st_dev;
    read_files[n_read_files++].inode = st->st_ino;
}

static bool was_read(const struct stat *st)
{
    for (int i = 0; i < n_read_files; i++)
        if (read_files[i].device == st->st_dev &&
            read_files[i].inode == st->st_ino)
            return true;
    return false;
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
    if (there && was_read(&st))
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

/* Open for reading; a directory is refused here, where it can be named.  A pipe
 * that nobody writes into is empty: opening it would wait for ever. */
static enum status open_to_read(int *out, struct stat *st, const char *path,
                                struct error *err)
{
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0)
        return fail(err, STATUS_BAD_VALUE, "read", path, errno);
    int cause = fstat(fd, st) != 0 ? errno : S_ISDIR(st->st_mode) ? EISDIR : 0;
    if (cause != 0) {
        close(fd);
        return fail(err, STATUS_BAD_VALUE, "read", path, cause);
    }
    (void)fcntl(fd, F_SETFL, 0);         /* of a pipe somebody writes, all */
    note_read(st);
    *out = fd;
    return STATUS_OK;
}

/* Read to the end of fd or one byte past `limit`, whichever is first. */
static enum status read_up_to(char **text, size_t *size, int fd, size_t limit,
                              const char *path, struct error *err)
{
    size_t room = 0, used = 0;
    char *buffer = NULL;

    for (;;) {
        if (used + 1 >= room) {
            room = room ? 2 * room : 4096;
            char *grown = realloc(buffer, room);
            if (!grown) {
                free(buffer);
                return error_set(err, STATUS_NO_MEMORY,
                                 "no memory to read '%s'", path);
            }
            buffer = grown;
        }
        ssize_t n = read(fd, buffer + used, room - used - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            free(buffer);
            return fail(err, STATUS_BAD_VALUE, "read", path, errno);
        }
        used += (size_t)n;
        if (n == 0 || used > limit)
            break;
    }
    buffer[used] = '\0';
    *text = buffer;
    *size = used;
    return STATUS_OK;
}

enum status file_read(char **text, size_t *size, const char *path, size_t limit,
                      struct error *err)
{
    struct stat st = { 0 };
    int fd = -1;
    char *buffer = NULL;
    size_t used = 0;
    enum status status = open_to_read(&fd, &st, path, err);

    if (status != STATUS_OK)
        return status;
    status = read_up_to(&buffer, &used, fd, limit, path, err);
    close(fd);
    if (status == STATUS_OK && used > limit) {
        free(buffer);
        status = error_set(err, STATUS_BAD_VALUE, "cannot read '%s': larger"
                           " than the %zu bytes allowed", path, limit);
    }
    if (status != STATUS_OK)
        return status;
    *text = buffer;
    *size = used;
    return STATUS_OK;
}

enum status file_map(struct file_map *out, const char *path, struct error *err)
{
    struct stat st = { 0 };
    int fd = -1;
    enum status status = open_to_read(&fd, &st, path, err);

    if (status != STATUS_OK)
        return status;
    void *data = NULL;
    if (!S_ISREG(st.st_mode)) {
        status = error_set(err, STATUS_BAD_VALUE,
                           "cannot map '%s': not a regular file", path);
    } else if (st.st_size > 0) {     /* an empty file has nothing to map */
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = fail(err, STATUS_IO, "map", path, errno);
    }
    close(fd);
    if (status == STATUS_OK)
        *out = (struct file_map){ data, (size_t)st.st_size };
    return status;
}

void file_give_back(const void *data, size_t bytes)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t from = ((uintptr_t)data + page - 1) / page * page;
    const uintptr_t to = ((uintptr_t)data + bytes) / page * page;

    if (from < to)               /* a refusal is harmless */
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
}

void file_unmap(struct file_map *map)
{
    if (map->data)
        munmap((void *)map->data, map->size);
    *map = (struct file_map){ 0 };
}

enum status file_hash(char out[17], const char *path, struct error *err)
{
    struct file_map map;
    enum status status = file_map(&map, path, err);

    if (status != STATUS_OK)
        return status;
    snprintf(out, 17, "%016" PRIx64, (uint64_t)XXH64(map.data, map.size, 0));
    file_unmap(&map);
    return STATUS_OK;
}

FILE *file_open_optional(const char *path)
{
    FILE *file = fopen(path, "re");

    if (!file)
        error_note_errno();
    return file;
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
