/* ordeal.h - Start the program under a fault or until a signal, and read what
 * it leaves.
 *
 * Works in the current directory; failures of the machine itself end the
 * torture with a message. */
#ifndef ORDEAL_H
#define ORDEAL_H

#include <stdbool.h>
#include <sys/types.h>

enum { ORDEAL_ARGUMENTS = 24, ORDEAL_CALLS = 6, ORDEAL_SECONDS = 60,
       ORDEAL_SIGNAL = 1000 };

struct ordeal {
    const char *const *arguments;   /* of isobath; NULL after the last */
    const char *streams;     /* its output goes to STREAMS.out and .err */
    const char *fault;       /* "write:3:28", see faults.c; NULL: none */
    const char *counts;      /* the file for the number of calls; NULL */
    const char *path;        /* $PATH; NULL: as it is */
    const char *kernels;     /* $ISOBATH_KERNELS; NULL: as it is */
    long file_bytes;         /* files longer than that fail; 0: none do */
};

/* Find program and faults.so beside this one; `program` NULL: build/isobath. */
void  ordeal_find(const char *program);

pid_t ordeal_start(const struct ordeal *ordeal);
/* The exit code, or ORDEAL_SIGNAL and the signal that ended it; SIGALRM: it was
 * killed, since it had not ended after ORDEAL_SECONDS. */
int   ordeal_end(pid_t child);
int   ordeal_run(const struct ordeal *ordeal);        /* both */
/* Ends it by a signal after so many seconds, if it runs so long. */
int   ordeal_run_until(const struct ordeal *ordeal, double seconds, int signal);

void  ordeal_sleep(double seconds);
/* "exit code 2" or "Segmentation fault"; static. */
const char *ordeal_word(int end);

void  ordeal_fail(const char *what, const char *name)
    __attribute__((noreturn));

/* Files: whole, with a NUL at the end; the caller frees; NULL: none there. */
char *file_whole(const char *path, size_t *size);
bool  file_same(const char *a, const char *b);
void  file_put(const char *path, const void *data, size_t size);
bool  file_there(const char *path);
void  tree_remove(const char *path);
void  tree_copy(const char *from, const char *to);
/* A file that a killed writer left: "a/b.4711.tmp"; static; NULL: none. */
const char *tree_litter(const char *path);

#endif
