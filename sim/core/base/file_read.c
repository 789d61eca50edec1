/* file_read.c - Open what a path names, once it is seen to be a file; read it
 * whole, or map it. */
#include "sim/core/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

static enum status fail(struct error *err, enum status status, const char *what,
                        const char *path, const char *why)
{
    return error_set(err, status, "cannot %s '%s': %s", what, path, why);
}

/* ---- what may be read ---- */

/* What this process was started with, its input and the pipe of a shell's
 * <(COMMAND): open already, with somebody to write there. */
static bool was_given_open(const char *path)
{
    static const char *const names[] = { "/dev/stdin", "/dev/fd/",
                                         "/proc/self/fd/" };
    bool given = false;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        given |= strncmp(path, names[i], strlen(names[i])) == 0;
    return given;
}

/* Why it is no file to read; NULL: it is one.  A pipe is waited for, or empty
 * where nobody writes yet; a device may have no end. */
static const char *refused(const struct stat *st, const char *path)
{
    return S_ISDIR(st->st_mode)   ? strerror(EISDIR)
           : S_ISREG(st->st_mode) ? NULL
           : was_given_open(path) ? NULL : "not a regular file";
}

/* The files that this process read, for file_was_read(); of more than there is
 * room for the first. */
enum { READ_FILES = 256, PIPE_MOST_BYTES = 1 << 30 };
static struct { dev_t device; ino_t inode; } read_files[READ_FILES];
static int n_read_files;

static void note_read(const struct stat *st)
{
    if (!S_ISREG(st->st_mode) || n_read_files == READ_FILES)
        return;
    read_files[n_read_files].device = st->st_dev;
    read_files[n_read_files++].inode = st->st_ino;
}

bool file_was_read(const char *path)
{
    struct stat st;
    bool was = false;

    if (stat(path, &st) != 0)
        return false;
    for (int i = 0; i < n_read_files; i++)
        was |= read_files[i].device == st.st_dev &&
               read_files[i].inode == st.st_ino;
    return was;
}

/* The number of the open file that a path names; -1: none. */
static int number_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *end = NULL;
    const long number = slash ? strtol(slash + 1, &end, 10) : -1;

    if (strcmp(path, "/dev/stdin") == 0)
        return STDIN_FILENO;
    return end && end > slash + 1 && !*end && number <= INT_MAX ? (int)number
                                                                : -1;
}

/* All that a pipe gives, to its end.  Returns an errno, or 0. */
static int pour(int to, int pipe)
{
    static char buffer[1 << 16];
    size_t all = 0;

    for (;;) {
        const ssize_t n = read(pipe, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : 0;
        all += (size_t)n;
        if (all > PIPE_MOST_BYTES)
            return EFBIG;
        for (ssize_t done = 0, m; done < n; done += m)
            if ((m = write(to, buffer + done, (size_t)(n - done))) < 0)
                return errno;
    }
}

/* A pipe gives what it has but once, and files are looked at, mapped and hashed:
 * put what it gives in its place, a file in memory.  Returns an errno, or 0. */
static int settle(const char *path)
{
    const int pipe = number_of(path);
    const int memory = pipe < 0 ? -1 : memfd_create("pipe", MFD_CLOEXEC);

    if (memory < 0)
        return pipe < 0 ? ENOENT : errno;
    int cause = pour(memory, pipe);
    if (cause == 0 && dup2(memory, pipe) < 0)
        cause = errno;
    close(memory);
    return cause;
}

/* Looked at before it is opened, which alone would let go of a pipe's writer, and
 * then again: it may be another by now. */
static enum status open_to_read(int *out, struct stat *st, const char *path,
                                struct error *err)
{
    if (stat(path, st) != 0)
        return fail(err, STATUS_BAD_VALUE, "read", path, strerror(errno));
    const char *why = refused(st, path);
    const int cause = !why && S_ISFIFO(st->st_mode) ? settle(path) : 0;
    if (cause != 0)
        why = strerror(cause);
    int fd = why ? -1 : open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (!why && (fd < 0 || fstat(fd, st) != 0))
        why = strerror(errno);
    else if (!why)
        why = refused(st, path);
    if (why) {
        if (fd >= 0)
            close(fd);
        return fail(err, STATUS_BAD_VALUE, "read", path, why);
    }
    if (!S_ISREG(st->st_mode))
        (void)fcntl(fd, F_SETFL, 0);     /* of a terminal, all */
    note_read(st);
    *out = fd;
    return STATUS_OK;
}

FILE *file_open_optional(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0 || refused(&st, path))
        return NULL;
    FILE *file = fopen(path, "re");
    if (!file)
        error_note_errno();
    return file;
}

/* ---- reading ---- */

/* Read to the end of fd or one byte past `limit`, whichever is first.  A file has
 * `expected` bytes; what has no size says 0, and some of /sys fewer than that. */
static enum status read_up_to(char **text, size_t *size, int fd,
                              size_t expected, size_t limit, const char *path,
                              struct error *err)
{
    size_t room = 0, used = 0;
    char *buffer = NULL;

    for (;;) {
        if (used + 1 >= room) {
            room = room ? 2 * room : expected ? expected + 2 : 4096;
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
            return fail(err, STATUS_BAD_VALUE, "read", path, strerror(errno));
        }
        used += (size_t)n;
        if (n == 0 || used > limit || (expected > 0 && used == expected))
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
    if (S_ISREG(st.st_mode) && (uint64_t)st.st_size > limit)
        used = (size_t)st.st_size;
    else
        status = read_up_to(&buffer, &used, fd, (size_t)st.st_size, limit, path,
                            err);
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

/* ---- mapping ---- */

enum status file_map(struct file_map *out, const char *path, struct error *err)
{
    struct stat st = { 0 };
    int fd = -1;
    enum status status = open_to_read(&fd, &st, path, err);

    if (status != STATUS_OK)
        return status;
    void *data = NULL;
    if (!S_ISREG(st.st_mode)) {
        status = fail(err, STATUS_BAD_VALUE, "map", path, "not a regular file");
    } else if (st.st_size > 0) {     /* an empty file has nothing to map */
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED)
            status = fail(err, STATUS_IO, "map", path, strerror(errno));
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
