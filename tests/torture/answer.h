/* answer.h - Gather what a command printed and wrote, and compare it with what
 * undisturbed runs of the same command did. */
#ifndef ANSWER_H
#define ANSWER_H

#include <stdbool.h>
#include <stddef.h>

struct answer {
    char **name, **text;     /* [n] of the files, sorted by name; of a binary
                              * one, its hash */
    int    n;
};

/* The file `printed` and all below `directory`, each NULL where there is none;
 * not the lock. */
void answer_gather(struct answer *out, const char *printed,
                   const char *directory);
void answer_close(struct answer *answer);

/* Words that all `n` references share must be there.  Where they differ, as
 * times and hashes of times do, any word with a digit will do, unless one of
 * them has none there either: so no number may become null, "-" or nothing.
 * `whole`: no file may be missing.  False: `where` names file and line. */
bool answer_same(const struct answer *answer, const struct answer *reference,
                 int n, bool whole, char *where, size_t room);

#endif
