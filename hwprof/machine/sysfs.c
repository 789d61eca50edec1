/* sysfs.c - Read /sys and /proc, or a tree that looks like them. */
#include "hwprof/machine/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define X(id, words) [SYSFS_##id] = words,
const char *const sysfs_words[SYSFS_COUNT] = { SYSFS_MAP(X) };
#undef X

static enum sysfs fault(int code)
{
    if (code == EACCES || code == EPERM)
        return SYSFS_DENIED;
    if (code == ELOOP || code == ENXIO)      /* a link, a socket */
        return SYSFS_OTHER;
    return code == ENOENT || code == ENOTDIR ? SYSFS_MISSING : SYSFS_FAILED;
}

static enum sysfs read_text(char *out, size_t size, const char *root,
                            const char *path, va_list list)
{
    char name[SYSFS_PATH_SIZE];
    size_t n = 0;
    ssize_t got = 0;
    struct stat file;
    int fd, used = snprintf(name, sizeof name, "%s/", root);

    out[0] = '\0';
    if (used < 0 || (size_t)used >= sizeof name)
        return SYSFS_MISSING;
    vsnprintf(name + used, sizeof name - (size_t)used, path, list);

    if ((fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) < 0)
        return fault(errno);
    bool plain = fstat(fd, &file) == 0 &&
                 (S_ISREG(file.st_mode) || S_ISDIR(file.st_mode));
    while (plain && n + 1 < size &&
           (got = read(fd, out + n, size - 1 - n)) > 0)
        n += (size_t)got;
    enum sysfs how = !plain ? SYSFS_OTHER
                   : got < 0 ? fault(errno) : SYSFS_READ;
    close(fd);

    out[how == SYSFS_READ ? n : 0] = '\0';
    if (how == SYSFS_READ && n > 0 && out[n - 1] == '\n')
        out[n - 1] = '\0';
    return how;
}

enum sysfs sysfs_text(char *out, size_t size, const char *root,
                      const char *path, ...)
{
    va_list list;

    va_start(list, path);
    enum sysfs how = read_text(out, size, root, path, list);
    va_end(list);
    return how;
}

enum sysfs sysfs_number(uint64_t *out, const char *root, const char *path, ...)
{
    char text[64], *end;
    va_list list;

    va_start(list, path);
    enum sysfs how = read_text(text, sizeof text, root, path, list);
    va_end(list);
    if (how != SYSFS_READ)
        return how;

    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno)
        return SYSFS_GARBAGE;
    *out = value;
    return SYSFS_READ;
}

int sysfs_list(const char *text, int *index, int n)
{
    int found = 0;

    while (*text) {
        char *end;
        long first = strtol(text, &end, 10), last = first;
        if (end == text || first < 0)
            return 0;
        if (*end == '-') {
            text = end + 1;
            last = strtol(text, &end, 10);
            if (end == text || last < first)
                return 0;
        }
        for (long i = first; i <= last; i++, found++)
            if (index && found < n)
                index[found] = (int)i;
        if (*end != ',' && *end != '\0')
            return 0;
        text = *end ? end + 1 : end;
    }
    return found;
}

int sysfs_cpus(int *cpu, const char *root, const char *path, ...)
{
    char text[SYSFS_LIST_SIZE];
    va_list list;

    va_start(list, path);
    read_text(text, sizeof text, root, path, list);
    va_end(list);
    int n = sysfs_list(text, cpu, SYSFS_CPU_MAX);
    return n <= SYSFS_CPU_MAX ? n : 0;
}
