/* sweep_resolve.h - Resolve a point of a study as its command would, without
 * running it. */
#ifndef SWEEP_RESOLVE_H
#define SWEEP_RESOLVE_H

#include "models/commands/train_job.h"
#include "sim/sweep/sweep.h"

/* What a point would do.  NAN: unknown, or its command does not say before it
 * runs. */
struct resolved {
    double steps, tokens;
    double flops;                /* of the whole training */
    double flops_forward;        /* a token, of a training step as planned */
    double parameters;
    double seconds;              /* modelled; NAN without a machine */
    double bytes_kept;           /* on the disk, of weights and curve, about */
    double bytes_held;           /* in memory at the peak, at most; the text is
                                  * in it, and of a training whose data were not
                                  * asked for not what a tokenizer makes of it */
    double channels, heads;
    char   fingerprint[TRAIN_FINGERPRINTS][17];  /* [n_fingerprints] as in its summary, by this
                                  * program and those before it; 0: its command
                                  * takes none, or they were not asked for */
    int    n_fingerprints;
    char   data_hash[17];        /* as in its provenance; "": not asked for */
};

struct resolve_as {
    bool        with_data;       /* down to the text */
    bool        with_fingerprints;   /* of the data, too */
    int         threads;         /* of the point; 0: one */
    const char *machine;         /* a profile, for the seconds; NULL: none */
};

/* A setting that is still to be solved is left out.  Errors name the place of the
 * mistake. */
enum status sweep_resolve(struct resolved *out, const struct sweep *sweep,
                          const struct sweep_point *point,
                          struct resolve_as as, struct error *err) MUST_CHECK;

/* Solve what the points leave to be solved. */
enum status sweep_solve(struct sweep *sweep, struct error *err) MUST_CHECK;

/* A sweep_record_check(): by data and resolved config; the second by the kernels
 * too. */
enum status sweep_would_repeat(const struct sweep *sweep, int32_t point,
                               const json_t *summary,
                               struct error *err) MUST_CHECK;
enum status sweep_would_repeat_bits(const struct sweep *sweep, int32_t point,
                                    const json_t *summary,
                                    struct error *err) MUST_CHECK;

#endif
