/* sweep.h - Read a study: one config, and the keys that differ between points.
 *
 * A study file holds
 *     base: ../runs/tiny.yaml        the run config, relative to the study
 *     command: train                 what runs at each point: train (default)
 *                                    or run
 *     set: {train.steps: 200}        settings of every point
 *     axes:                          every combination, the last axis fastest
 *       routing.capacity: [0.125, 0.25, 0.5]
 *       train.seed: [1, 2, 3]
 *     points:                        and, after those, each of these
 *       - {name: dense, routing.policy: dense}
 * Settings are run-config keys, spelled and valued as --set takes them, but
 * that file names in them are relative to the study, as base is; those after
 * --set are as given.  They are checked by the command that runs, not here. */
#ifndef SWEEP_H
#define SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/config/config.h"
#include "sim/core/base/error.h"
#include "sim/core/base/file.h"

enum { SWEEP_MAX_KEYS = 64, SWEEP_MAX_POINTS = 100000 };

struct sweep_setting {
    const char *key, *value;     /* "train.seed", "3"; borrowed */
};

/* One point.  Its settings are in the order in which they take effect. */
struct sweep_point {
    const char *name;            /* "capacity=0.125 seed=1", or as given */
    const struct sweep_setting *setting;   /* [n_settings] */
    size_t n_settings;
};

/* A command that runs at a point.  A row needs a config as its argument, -o,
 * --set, --threads and --quiet, and leaves summary.json last. */
struct sweep_work {
    const char *name;            /* "train" */
    const char *resume;          /* option that goes on from what an earlier try
                                  * left; NULL: a try begins anew */
    bool        timed;           /* seconds are results: points run one after
                                  * the other unless --jobs says otherwise */
};
extern const struct sweep_work sweep_works[];      /* name NULL ends */

struct sweep;                    /* opaque: sweep.c */

/* Read a study.  `extra` [n_extra] are --set key=value for every point, after
 * the study's own; their texts stay borrowed.  Errors are "file:line:col: ...".
 * Caller releases with sweep_close(). */
enum status sweep_open(struct sweep **out, const char *path,
                       const struct config_setting *extra, size_t n_extra,
                       struct error *err) MUST_CHECK;
void        sweep_close(struct sweep *sweep);

const char *sweep_path(const struct sweep *sweep);
const char *sweep_base(const struct sweep *sweep);
/* A hash of the contents of the base and of the configs it names, without
 * comments and layout. */
uint64_t    sweep_base_hash(const struct sweep *sweep);
const struct sweep_work *sweep_work(const struct sweep *sweep);
int32_t     sweep_n_points(const struct sweep *sweep);
struct sweep_point sweep_point(const struct sweep *sweep, int32_t point);

/* The keys that differ between points, in order of appearance. */
size_t      sweep_n_keys(const struct sweep *sweep);
const char *sweep_key(const struct sweep *sweep, size_t key);

/* True if the value of the key is a file name. */
bool        sweep_names_file(const char *key);

/* A point's value of a key; NULL when it does not set it. */
const char *sweep_value(const struct sweep *sweep, int32_t point,
                        const char *key);

#endif
