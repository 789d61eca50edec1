/* sysfs.h - Read one-line files under a root that a test can replace. */
#ifndef SYSFS_H
#define SYSFS_H

#include <stddef.h>
#include <stdint.h>

/* Linux runs 8192 CPUs at most (NR_CPUS_RANGE_END in arch/x86/Kconfig); every
 * second of them is a list of 4096 numbers of up to 4 digits and a comma. */
enum { SYSFS_PATH_SIZE = 512, SYSFS_TEXT_SIZE = 4096, SYSFS_CPU_MAX = 8192,
       SYSFS_LIST_SIZE = 4096 * 5 + 1 };

/* The ways in which a read ends: each has another remedy. */
#define SYSFS_MAP(X)                                       \
    X(READ,    "read")                                     \
    X(MISSING, "no such file")                             \
    X(OTHER,   "is no plain file")                         \
    X(DENIED,  "permission denied")                        \
    X(FAILED,  "the kernel reports a read error")          \
    X(GARBAGE, "does not hold a number")

enum sysfs {
#define X(id, words) SYSFS_##id,
    SYSFS_MAP(X)
#undef X
    SYSFS_COUNT
};
extern const char *const sysfs_words[SYSFS_COUNT];

/* The file root/<path> without its last newline, at most size - 1 bytes;
 * anything but SYSFS_READ leaves "".  Under a root that somebody else filled, a
 * pipe would be waited for and a link would lead elsewhere: neither is read. */
enum sysfs sysfs_text(char *out, size_t size, const char *root,
                      const char *path, ...)
    __attribute__((format(printf, 4, 5)));

/* One decimal number, nothing after it but a newline, or none. */
enum sysfs sysfs_number(uint64_t *out, const char *root, const char *path, ...)
    __attribute__((format(printf, 3, 4)));

/* Return how many CPUs (or nodes) the list in a file names, each of them in
 * cpu[SYSFS_CPU_MAX] unless that is NULL; 0: no such file, or garbage. */
int sysfs_cpus(int *cpu, const char *root, const char *path, ...)
    __attribute__((format(printf, 3, 4)));

/* Return how many numbers a list such as "0-3,8" names; 0 for garbage.  The
 * first n of them go to index[], unless it is NULL. */
int sysfs_list(const char *text, int *index, int n);

#endif
