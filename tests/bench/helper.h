/* helper.h - Run a candidate in a process of its own.
 *
 * The process writes HELPER_TEXT_SIZE bytes about itself, then the seconds that
 * it took, a double, for every number of runs that it is sent, an int64_t, until
 * the pipe closes. */
#ifndef HELPER_H
#define HELPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { HELPER_TEXT_SIZE = 160 };

struct helper {
    pid_t pid;                   /* 0: absent */
    int   to, from;
    char  text[HELPER_TEXT_SIZE];    /* what it says of itself */
};

/* serve() is called in the child, and ends it.  False: it did not begin. */
bool   helper_open(struct helper *out,
                   void (*serve)(int in, int out, void *context),
                   void *context);
double helper_run(void *helper, int64_t times);    /* a candidate's run() */
void   helper_close(struct helper *helper);        /* {0} is fine */

#endif
