/* progress.h - Show on a terminal how far a long piece of work is. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>

/* Shows one line on a terminal's stderr, at most 5 times a second, after 1 s,
 * with rate and time left; elsewhere a line of its own every 20 s.  Rate and time left start from
 * the first progress_at(), so call it at the start: resumed work is then not
 * mistaken for fast work.  progress_clear() makes room to print something else,
 * progress_end() erases the line for good. */
struct progress {
    const char *what;            /* "training" */
    const char *unit;            /* "step" */
    double total;                /* 0: unknown */
    double first;                /* done at the first call; < 0: none yet */
    double started, next;        /* seconds of CLOCK_MONOTONIC */
    double tell_next;            /* likewise */
    double from, to;             /* of the command's whole work, this piece */
    int    teller;               /* file that is told the share done; 0: none */
    bool   on, terminal;
};
struct progress progress_begin(const char *what, const char *unit, double total,
                               bool quiet);
void progress_at(struct progress *progress, double done, const char *note);
void progress_clear(const struct progress *progress);
void progress_end(struct progress *progress);

/* So much of what was done by now was done before: as if it had been so at the
 * first progress_at(). */
void progress_skip(struct progress *progress, double done);

/* This piece is the command's work from one share of it to another.  How much of
 * that work is done, "0.250000", stands from now on in the file that
 * ISOBATH_PROGRESS names, if it is there: a sweep reads it there.  Quiet or not,
 * at most 5 times a second. */
void progress_tell(struct progress *progress, double from, double to);
enum { PROGRESS_SHARE_SIZE = sizeof "0.250000" };
extern const char progress_file[];           /* "ISOBATH_PROGRESS" */

/* "8.6 s", "20 min", "3.2 h" */
enum { PROGRESS_DURATION_SIZE = 32 };
void progress_duration(char out[PROGRESS_DURATION_SIZE], double seconds);

#endif
