/* faulted.c - Let one call fail, of memory or of the system, and expect the
 * right answer or a message. */
#include <errno.h>
#include <stdio.h>

#include "tests/torture/torture.h"

static const struct job *random_job(struct random *random, bool slow)
{
    for (;;) {
        const struct job *job = &jobs[random_below(random, JOBS)];
        if (slow || !job->slow)
            return job;
    }
}

static void try_call(struct trial *t, const struct job *job, const char *kind,
                     int cause)
{
    const long calls = job_calls(job, kind);
    char fault[64];

    if (calls == 0) {
        snprintf(t->what, sizeof t->what, "%s makes no call of %s", job->name,
                 kind);
        return;
    }
    snprintf(fault, sizeof fault, "%s:%ld:%d", kind,
             1 + (long)random_below(&t->random, (uint32_t)calls), cause);
    snprintf(t->what, sizeof t->what, "%s with FAULT=%s", job->name, fault);
    if (job_try(job, &(struct disturbance){ .fault = fault }, t->why) !=
        VERDICT_WRONG)
        *t->why = '\0';
}

void trial_memory(struct trial *t)
{
    const bool slow = random_below(&t->random, 16) == 0;
    try_call(t, random_job(&t->random, slow), "memory", ENOMEM);
}

/* What measures a machine, or has figures drawn, leaves out what it cannot open
 * or read, and says so: there, only writing must not fail in silence. */
void trial_calls(struct trial *t)
{
    static const char *const kinds[] = { "write", "sync", "rename", "open",
                                         "read" };
    const bool slow = random_below(&t->random, 16) == 0;
    const struct job *job = random_job(&t->random, slow);
    const char *kind = kinds[random_below(&t->random, job->slow ? 3 : 5)];
    try_call(t, job, kind, random_below(&t->random, 2) ? ENOSPC : EIO);
}
