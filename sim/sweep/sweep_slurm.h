/* sweep_slurm.h - Run a study as a Slurm job array. */
#ifndef SWEEP_SLURM_H
#define SWEEP_SLURM_H

#include "sim/sweep/sweep.h"

struct sweep_slurm {
    const struct sweep *sweep;
    const char *directory;
    const char *program;         /* NULL: this executable */
    int         threads;         /* of each point */
    int         n_jobs;          /* at a time; 0: as many as the cluster lets */
    const struct config_setting *settings;   /* --set, handed on */
    size_t      n_settings;
};

/* Write DIR/array.sh, whose tasks run a point each, and DIR/merge.sh, which
 * makes points.csv when all have ended. */
enum status sweep_slurm_write(const struct sweep_slurm *slurm,
                              struct error *err) MUST_CHECK;

/* Submit both; job[size] takes the array's number.  STATUS_UNAVAILABLE: there
 * is no sbatch here. */
enum status sweep_slurm_submit(char *job, size_t size, const char *directory,
                               struct error *err) MUST_CHECK;

#endif
