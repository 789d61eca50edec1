/* job.h - The commands that are disturbed, and the judgement of what they
 * leave. */
#ifndef JOB_H
#define JOB_H

#include "tests/torture/ordeal.h"

struct job {
    const char *name;
    const char *out;            /* the directory that it writes; NULL: none */
    const char *path;           /* $PATH; NULL: as it is */
    bool        trains;         /* and can be gone on with by --resume */
    bool        repeats;        /* done once more, it goes on with what it left */
    bool        slow;           /* it takes a second, or more */
    bool        measures;       /* times so short that the clock may not see
                                 * them: which files there are must be the same,
                                 * not what stands in them */
    const char *arguments[ORDEAL_ARGUMENTS];
};
enum { JOBS = 23 };
extern const struct job jobs[JOBS];
const struct job *job_find(const char *name);

/* Write what the jobs read into the current directory. */
void job_set_up(void);

/* The number of calls of a kind, as in FAULT, that an undisturbed run makes. */
long job_calls(const struct job *job, const char *kind);
double job_seconds(const struct job *job);       /* that it took */

struct disturbance {
    const char *fault;          /* as in faults.c; NULL: none */
    long file_bytes;            /* no file may be longer; 0: any may */
    void (*end)(void);          /* called once the job has ended; NULL */
};

/* SAME: exit code 0 and the right answer, whole.  SAID: an exit code that is
 * allowed, with a message, no file but right ones, and a training can be gone
 * on with to the same bits.  WRONG: all else; `why` says what. */
enum verdict { VERDICT_SAME, VERDICT_SAID, VERDICT_WRONG, VERDICTS };
enum { WHY_SIZE = 640 };
enum verdict job_try(const struct job *job,
                     const struct disturbance *disturbance,
                     char why[WHY_SIZE]);

/* The training, gone on with, comes to the bits that it should. */
bool job_goes_on(const struct job *job, char why[WHY_SIZE]);

#endif
