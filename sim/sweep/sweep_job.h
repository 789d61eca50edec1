/* sweep_job.h - Run a point of a study as a process; for sweep_run.c alone.
 *
 * The process has its output in the point's log.txt, whose lock it holds, and
 * tells how far it is in a file in memory that ISOBATH_PROGRESS names
 * (progress.h). */
#ifndef SWEEP_JOB_H
#define SWEEP_JOB_H

#include <signal.h>
#include <sys/types.h>

#include "sim/sweep/sweep_folder.h"

enum { SWEEP_EXIT_SIGNAL = 128, SWEEP_TAIL_BYTES = 2048 };

struct sweep_job {
    pid_t   pid;                 /* 0: a free place */
    int32_t point;
    long    log_start;           /* offset of this try's first line in its log */
    int     teller;              /* the file in memory, owned; 0: none yet, -1:
                                  * there can be none */
    double  share;               /* done, as last told; NAN: nothing was */
};

/* Open a point's log and lock it; -1: errno says why.  EWOULDBLOCK: a sweep that
 * shares the directory is at this point. */
int sweep_job_log(const char *path, bool share);

/* How points are started. */
struct sweep_start {
    const struct sweep *sweep;
    const char *program;
    int         threads;         /* of each */
    sigset_t    signals;         /* blocked in the process */
};

/* Into `output`. */
enum status sweep_job_start(struct sweep_job *job,
                            const struct sweep_start *how, int32_t point,
                            const char *output, int log,
                            struct error *err) MUST_CHECK;

/* Read the share again. */
void sweep_job_look(struct sweep_job *job);
void sweep_job_close(struct sweep_job *job);

/* The last lines that one try left in its log, from `start` on. */
void sweep_job_tail(char out[SWEEP_TAIL_BYTES + 1], const char *path, long start);

#endif
