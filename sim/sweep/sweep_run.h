/* sweep_run.h - Run a study's points as processes, each in a directory.
 *
 * Point N runs `PROGRAM train BASE --set ... -o DIR/points/NNNNNN --quiet
 * --resume --threads T` (or another row of sweep_works), with its output in
 * log.txt there, its request in point.json before it starts.  A finished point
 * (sweep_folder.h) is never run again, and what it would resume from is removed. */
#ifndef SWEEP_RUN_H
#define SWEEP_RUN_H

#include "sim/sweep/sweep_folder.h"

/* A point that failed: its exit code, or 128 + the signal that ended it, and
 * the last lines of its log. */
struct sweep_failure {
    int32_t     point;
    int         code;
    const char *log_path, *log_tail;
};

/* How far the points of a run are. */
enum { SWEEP_NOTE_SIZE = 64 };
struct sweep_progress {
    double  done;                /* points that ended, and the shares of those at
                                  * work that tell theirs */
    double  before;              /* so much of that, an earlier try had done */
    int32_t total;
    char    note[SWEEP_NOTE_SIZE];         /* "3 at 41 %, 4 at 12 %" */
};

struct sweep_run {
    const struct sweep *sweep;
    const char *directory;
    const char *program;         /* NULL: this executable */
    const char *filter;          /* words: sweep_matches(); NULL: all points */
    int         n_jobs;          /* processes at a time */
    int         threads;         /* of each */
    bool        drop_weights;    /* of points that are done */
    bool        share;           /* others run points in the directory too: what
                                  * they are at is theirs, and waited for */
    void (*on_failure)(void *context, const struct sweep_failure *failure);
    uint64_t    memory;          /* bytes that points at work may hold together */
    const uint64_t *memory_of;   /* [n_points] each at most `memory`; NULL: they
                                  * may hold what they like */
    void (*on_progress)(void *context, const struct sweep_progress *progress);
    void       *context;
};

/* Run the points first .. last - 1 that are not finished; state[point] is then
 * set for each of them.  A failed point does not stop the others, but where the
 * first SWEEP_ALIKE that end fail in one way, the rest is not tried.
 *   STATUS_FAILED       that came about
 *   STATUS_BAD_VALUE    a point that was begun was asked something else then;
 *                       nothing was started
 *   STATUS_INTERRUPTED  command_interrupted was set: the processes were told to
 *                       stop, and waited for */
enum { SWEEP_ALIKE = 3 };
enum status sweep_run_points(const struct sweep_run *run, int32_t first,
                             int32_t last, enum point_state *state,
                             struct error *err) MUST_CHECK;

/* RFC 4180, a row a point: its settings, its state, and the figures of its
 * summary; on stdout, or kept as DIRECTORY/points.csv.  `directory` may be NULL
 * where no point is done and nothing is kept. */
enum status sweep_table(const struct sweep *sweep, const char *directory,
                        const enum point_state *state, bool keep,
                        struct error *err) MUST_CHECK;

/* The same, kept in `directory` or printed (NULL), of points whose summaries are
 * read by another than from their directories: into *out, new, or an error. */
typedef enum status sweep_read_fn(json_t **out, void *context, int32_t point,
                                  struct error *err);
enum status sweep_table_of(const struct sweep *sweep, const char *directory,
                           const enum point_state *state, sweep_read_fn *read,
                           void *context, struct error *err) MUST_CHECK;

#endif
