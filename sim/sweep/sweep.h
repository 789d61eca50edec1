/* sweep.h - Read a study: one config, and the keys that differ between points.
 *
 * A study file holds
 *     base: ../runs/tiny.yaml        the run config, relative to the study, or the
 *                                    name of one that comes with the program, or
 *                                    its keys: {data: {path: text.txt}, ...}
 *     command: train                 what runs at each point: train (default),
 *                                    run, router, profile or predict; the base
 *                                    of the last two is a model, and the options
 *                                    of the last three are keys: predict.batch: 8
 *     set: {train.steps: 200}        keys of every point
 *     settings:                      named rows of keys, each times all below
 *       - {name: dense, model.layers: 3, train.learning_rate: 2e-3}
 *       - {name: mod, routing.capacity: 0.125, phase: [selection, confirmation]}
 *       - {name: wide, solve: {width: forward_flops, as: dense}}     (solve.h)
 *     zip:                           lists of one length, taken together
 *       model.channels: [40, 64]
 *       train.batch: [16, 8]
 *     axes:                          every combination, the last axis fastest
 *       train.budget_flops: [1e12, 3e12]
 *     phases:                        axes of some of the rows: of those that name
 *       selection: {train.seed: [1, 2, 3]}    the phase, and of rows that name
 *       confirmation: {train.seed: [11, 12]}  none, the first phase alone
 *     claims:                        what it claims of the rows (claims.h)
 *       - {name: P1, a: mod, b: dense, is: lower, phase: confirmation}
 *     points:                        and, after those, each of these
 *       - {name: mod by chance, routing.policy: random}
 * Keys are those of the run config, spelled and valued as --set takes them, but
 * that file names in them are relative to the study, as base is; those after
 * --set are as given.  They are checked by the command that runs, not here. */
#ifndef SWEEP_H
#define SWEEP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sim/core/config/config.h"
#include "sim/core/base/error.h"
#include "sim/core/base/file.h"

enum { SWEEP_MAX_KEYS = 64, SWEEP_MAX_PHASES = 8, SWEEP_MAX_POINTS = 100000 };

struct sweep_setting {
    const char *key, *value;     /* "train.seed", "3": as the study says it;
                                  * NULL: to be solved */
    const char *given;           /* as --set takes it: a file's name from here */
    const char *place;           /* "study.yaml:4:12"; NULL: --set */
};

/* What is left to be solved, and for what. */
#define SOLVE_PART_MAP(X)                                                      \
    X(SOLVE_LAYERS, "layers")  X(SOLVE_WIDTH, "width")  X(SOLVE_TOKENS, "tokens")
#define SOLVE_EQUAL_MAP(X)                                                     \
    X(SOLVE_TRAINING, "training_flops")  X(SOLVE_FORWARD, "forward_flops")     \
    X(SOLVE_PARAMETERS, "parameters")
enum solve_part { SOLVE_PART_MAP(NAMES_ID) SOLVE_PART_COUNT };
enum solve_equal { SOLVE_EQUAL_MAP(NAMES_ID) SOLVE_EQUAL_COUNT };
extern const char *const solve_part_names[], *const solve_equal_names[];
enum { SOLVE_MAX_KEYS = 2 };
extern const char *const solve_keys[SOLVE_PART_COUNT][SOLVE_MAX_KEYS];

struct sweep_solve {
    enum solve_part  part;
    enum solve_equal equal;
    const char      *as;         /* name of the row that has the amount */
};

/* One point.  Its settings are in the order in which they take effect. */
struct sweep_point {
    const char *name;            /* "capacity=0.125 seed=1", or as given */
    const char *row, *phase;     /* names of its row of settings and its phase;
                                  * NULL */
    struct sweep_setting *setting;         /* [n_settings] */
    size_t n_settings;
    const struct sweep_solve *solve;       /* NULL: nothing is to be solved */
};

/* A command that runs at a point.  A row needs a config as its argument, -o,
 * --set, --threads and --quiet, and leaves summary.json last. */
struct sweep_work {
    const char *name;            /* "train" */
    const char *options;         /* "profile.": keys that begin so are options of
                                  * the command, --batch=8; NULL: none are */
    const char *resume;          /* option that goes on from what an earlier try
                                  * left; NULL: a try begins anew */
    bool        timed;           /* seconds are results: points run one after
                                  * the other unless --jobs says otherwise */
    bool        inside;          /* points are worked out at once by the sweep
                                  * itself: no process, no directory */
    bool        trains;          /* what claims are of */
};
extern const struct sweep_work sweep_works[];      /* name NULL ends */

/* The option that the key stands for, "batch"; NULL: it is a key of the config. */
const char *sweep_option(const struct sweep_work *work, const char *key);

struct sweep {
    const char *path;            /* as it was opened */
    char        base[FILE_PATH_SIZE];
    uint64_t    base_hash;       /* of the contents of the base and of the configs
                                  * it names, without comments and layout */
    const struct sweep_work *work;
    bool        has_rows, has_phases;
    int32_t     n_points;
    struct sweep_point *point;   /* [n_points] */
    json_t     *claims;          /* a list, owned; NULL: the study makes none */
    size_t      n_keys;          /* that differ between points, in order of */
    const char *key[SWEEP_MAX_KEYS];                 /* appearance */
    size_t      n_axes;          /* the first of them: of zip and axes, which
                                  * every row has */
};

/* Read a study.  `extra` [n_extra] are --set key=value for every point, after
 * the study's own; their texts stay borrowed.  Errors are "file:line:col: ...".
 * Caller releases with sweep_close(). */
enum status sweep_open(struct sweep **out, const char *path,
                       const struct config_setting *extra, size_t n_extra,
                       struct error *err) MUST_CHECK;
void        sweep_close(struct sweep *sweep);

/* All that a study file may say, a table a part; NULL ends. */
extern const struct file_key *const sweep_file_keys[];

/* Write DIRECTORY/claims.json with the study's hash and the time, before a point
 * runs; what stands there stays.  STATUS_BAD_VALUE: other claims were fixed. */
enum status sweep_fix_claims(const struct sweep *sweep, const char *directory,
                             struct error *err) MUST_CHECK;

/* The point of the row that a solved point is to equal, at the same values of
 * all axes but those of phases; -1: there is none. */
int32_t     sweep_reference(const struct sweep *sweep, int32_t point);
/* Give a solved point a value of the key-th of its solve_keys. */
enum status sweep_settle(struct sweep *sweep, int32_t point, int key,
                         int64_t value, struct error *err) MUST_CHECK;

/* True if the value of the key is a file name. */
bool        sweep_names_file(const char *key);
/* True if the key is of a rival, and this one is a file: it has a slash or a dot. */
bool        sweep_names_rival_file(const char *key, const char *value);

/* The setting of a key that holds at a point, and its value; NULL when it sets
 * none. */
const struct sweep_setting *sweep_find(const struct sweep_point *point,
                                       const char *key);
const char *sweep_value(const struct sweep_point *point, const char *key);

/* True if each word of the text, parted by blanks, is one of the point's name or
 * its phase; NULL is any point. */
bool        sweep_matches(const struct sweep_point *point, const char *words);

#endif
