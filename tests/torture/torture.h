/* torture.h - A round of torture: what one kind of trial may use, and says. */
#ifndef TORTURE_H
#define TORTURE_H

#include "sim/core/base/random.h"
#include "tests/torture/job.h"

struct trial {
    struct random random;        /* its own: a round can be repeated alone */
    char what[256];              /* that was done, in words */
    char why[WHY_SIZE];          /* that it went wrong; "": it did not */
};

/* Each does one round, in a directory that job_set_up() filled. */
void trial_memory(struct trial *trial);
void trial_calls(struct trial *trial);
void trial_full_disk(struct trial *trial);
void trial_killed_train(struct trial *trial);
void trial_killed_sweep(struct trial *trial);
void trial_killed_report(struct trial *trial);
void trial_killed_study(struct trial *trial);
void trial_hostile(struct trial *trial);
void trial_two(struct trial *trial);

#endif
