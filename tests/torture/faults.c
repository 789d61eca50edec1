/* faults.c - Preloaded, make the n-th call of a kind fail in the program.
 *
 *   FAULT=memory:17          the 17th malloc, calloc, realloc, aligned_alloc,
 *                            ... returns NULL: once, and those after it work
 *   FAULT=write:3:28         the third write of a file or stream fails with
 *                            errno 28; likewise read, open, sync and rename
 *   FAULT=write:3:-15        signal 15 comes at the third write, which goes on
 *   FAULT_COUNTS=FILE        write there how many calls of each kind there were
 *
 * Calls of the C library's own streams go through its insides, where no preload
 * reaches: streams that the program opens for writing are replaced by such as
 * write through here.  Counting begins with main(), and programs that this one
 * starts are left alone. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KIND_MAP(X) X(memory) X(open) X(read) X(write) X(sync) X(rename)
enum kind {
#define X(name) KIND_##name,
    KIND_MAP(X)
#undef X
    KIND_COUNT
};
static const char *const names[KIND_COUNT] = {
#define X(name) #name,
    KIND_MAP(X)
#undef X
};

static atomic_long count[KIND_COUNT];
static enum kind failing = KIND_COUNT;
static long failing_at;
static int failing_errno = ENOMEM;     /* below 0: a signal's number */
static atomic_bool counting;

/* Whether this call is the one to fail; errno is then set. */
static bool fails(enum kind kind)
{
    if (!atomic_load(&counting) ||
        atomic_fetch_add(&count[kind], 1) + 1 != failing_at || kind != failing)
        return false;
    if (failing_errno < 0) {
        raise(-failing_errno);
        return false;
    }
    errno = failing_errno;
    return true;
}

/* The next function of that name: the C library's.  A union, because ISO C has
 * no cast from an object's pointer to a function's. */
#define NEXT(name)                                               \
    __extension__({                                              \
        static union { void *object; __typeof__(&name) function; } next; \
        if (!next.object)                                        \
            next.object = dlsym(RTLD_NEXT, #name);               \
        next.function;                                           \
    })

/* ---- memory: by the names that dlsym() does not need memory to find ---- */

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
    return fails(KIND_memory) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails(KIND_memory) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *old, size_t size)
{
    return fails(KIND_memory) ? NULL : __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
    return fails(KIND_memory) ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *memory = memalign(alignment, size);

    if (!memory)
        return ENOMEM;
    *out = memory;
    return 0;
}

/* PAPI 7.0.1 frees twice what it could not allocate: that is not ours. */
int PAPI_library_init(int version);

int PAPI_library_init(int version)
{
    atomic_store(&counting, false);
    int found = NEXT(PAPI_library_init)(version);
    atomic_store(&counting, true);
    return found;
}

/* ---- calls of the system ---- */

/* What the kernel says of the machine may be unknown: those calls are left
 * alone. */
static bool about_the_machine(const char *path)
{
    return strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/", 5) == 0;
}

static bool open_fails(const char *path)
{
    return !about_the_machine(path) && fails(KIND_open);
}

int open(const char *path, int flags, ...)
{
    va_list rest;

    va_start(rest, flags);
    int mode = flags & O_CREAT ? va_arg(rest, int) : 0;
    va_end(rest);
    return open_fails(path) ? -1 : NEXT(open)(path, flags, mode);
}

ssize_t read(int fd, void *data, size_t size)
{
    return fails(KIND_read) ? -1 : NEXT(read)(fd, data, size);
}

ssize_t write(int fd, const void *data, size_t size)
{
    return fails(KIND_write) ? -1 : NEXT(write)(fd, data, size);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return fails(KIND_write) ? -1 : NEXT(pwrite)(fd, data, size, at);
}

int ftruncate(int fd, off_t size)
{
    return fails(KIND_write) ? -1 : NEXT(ftruncate)(fd, size);
}

int fsync(int fd)
{
    return fails(KIND_sync) ? -1 : NEXT(fsync)(fd);
}

int rename(const char *from, const char *to)
{
    return fails(KIND_rename) ? -1 : NEXT(rename)(from, to);
}

/* ---- streams that write through here ---- */

enum { MOST_STREAMS = 32 };
static struct replaced { FILE *stream; int fd; } streams[MOST_STREAMS];

static ssize_t cookie_write(void *cookie, const char *data, size_t size)
{
    size_t done = 0;

    while (done < size) {
        ssize_t n = write(((struct replaced *)cookie)->fd, data + done,
                          size - done);
        if (n < 0 && errno != EINTR)
            return 0;            /* how a cookie says that it failed */
        done += n > 0 ? (size_t)n : 0;
    }
    return (ssize_t)done;
}

static int cookie_seek(void *cookie, off64_t *at, int whence)
{
    *at = lseek64(((struct replaced *)cookie)->fd, *at, whence);
    return *at < 0 ? -1 : 0;
}

static int cookie_close(void *cookie)
{
    struct replaced *r = cookie;
    int fd = r->fd;

    r->stream = NULL;
    return close(fd);
}

/* NULL: no memory, or more streams than anybody opens at once. */
static FILE *replace(int fd, const char *mode)
{
    const cookie_io_functions_t does = { .write = cookie_write,
                                         .seek = cookie_seek,
                                         .close = cookie_close };

    for (struct replaced *r = streams; r < streams + MOST_STREAMS; r++)
        if (!r->stream) {
            r->fd = fd;
            return r->stream = fopencookie(r, mode, does);
        }
    return NULL;
}

int fileno(FILE *stream)
{
    for (int i = 0; i < MOST_STREAMS; i++)
        if (stream && streams[i].stream == stream)
            return streams[i].fd;
    return NEXT(fileno)(stream);
}

FILE *fdopen(int fd, const char *mode)
{
    return *mode == 'w' ? replace(fd, "w") : NEXT(fdopen)(fd, mode);
}

FILE *fopen(const char *path, const char *mode)
{
    return open_fails(path) ? NULL : NEXT(fopen)(path, mode);
}

/* ---- the program's beginning and end ---- */

static void read_order(void)
{
    const char *order = getenv("FAULT");

    for (int k = 0; order && k < KIND_COUNT; k++) {
        size_t n = strlen(names[k]);
        char *end;
        if (strncmp(order, names[k], n) != 0 || order[n] != ':')
            continue;
        failing = (enum kind)k;
        failing_at = strtol(order + n + 1, &end, 10);
        if (*end == ':')
            failing_errno = (int)strtol(end + 1, NULL, 10);
    }
}

__attribute__((destructor)) static void write_counts(void)
{
    const char *path = getenv("FAULT_COUNTS");
    char text[256];
    int n = 0;

    atomic_store(&counting, false);
    for (int k = 0; k < KIND_COUNT; k++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%s %ld\n", names[k],
                      atomic_load(&count[k]));
    int fd = path ? NEXT(open)(path, O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
    if (fd < 0)
        return;
    ssize_t ignored = NEXT(write)(fd, text, (size_t)n);
    (void)ignored;
    close(fd);
}

static int (*program)(int, char **, char **);

static int counted_main(int argc, char **argv, char **environment)
{
    read_order();
    unsetenv("LD_PRELOAD");
    unsetenv("FAULT");
    FILE *out = replace(STDOUT_FILENO, "w");
    if (out)
        stdout = out;
    atomic_store(&counting, true);
    return program(argc, argv, environment);
}

int __libc_start_main(int (*main)(int, char **, char **), int argc,
                      char **argv, void (*init)(void), void (*fini)(void),
                      void (*end)(void), void *stack);

int __libc_start_main(int (*main)(int, char **, char **), int argc,
                      char **argv, void (*init)(void), void (*fini)(void),
                      void (*end)(void), void *stack)
{
    program = main;
    return NEXT(__libc_start_main)(counted_main, argc, argv, init, fini, end,
                                   stack);
}
