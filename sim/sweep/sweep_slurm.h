/* sweep_slurm.h - Run a study as job arrays of Slurm.
 *
 * DIR/array.sh   a task runs a batch of points, one after another
 * DIR/merge.sh   makes points.csv when all tasks have ended
 * DIR/report.sh  makes DIR/report when that is done
 * DIR/submit.sh  hands these in: as many arrays as the cluster's MaxArraySize
 *                makes of the tasks, then merge and report, chained
 * DIR/slurm/     what they print
 * Handing in once more runs what is missing. */
#ifndef SWEEP_SLURM_H
#define SWEEP_SLURM_H

#include "sim/sweep/sweep.h"

struct sweep_slurm {
    const struct sweep *sweep;
    const char *directory;
    const char *program;         /* NULL: this executable */
    int         threads;         /* of each point, and CPUs of a task */
    int         batch;           /* points of a task */
    bool        drop_weights;    /* of points that are done */
    int         n_jobs;          /* tasks at a time; 0: as many as the cluster
                                  * lets */
    uint64_t    memory;          /* bytes that a task asks for; 0: the cluster's
                                  * default */
    const char *options;         /* of sbatch, parted by blanks; NULL: none */
    const struct config_setting *settings;   /* --set, handed on */
    size_t      n_settings;
};

enum status sweep_slurm_write(const struct sweep_slurm *slurm,
                              struct error *err) MUST_CHECK;

/* Run DIR/submit.sh; said[size] takes the line that it prints.
 * STATUS_UNAVAILABLE: there is no sbatch here. */
enum status sweep_slurm_submit(char *said, size_t size, const char *directory,
                               struct error *err) MUST_CHECK;

#endif
