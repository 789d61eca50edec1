/* distinct.c - Keep each run once, however often it was given. */
#include "reports/read/distinct.h"

#include <stdlib.h>
#include "reports/read/run_directory.h"

struct kept {
    const json_t **summary;        /* [n] borrowed from the runs kept */
    size_t n;
};

/* Remember the run; false if it was there before. */
static bool remember(struct kept *kept, const struct run *run)
{
    for (size_t i = 0; run->summary && i < kept->n; i++)
        if (json_equal(kept->summary[i], run->summary))
            return false;
    if (run->summary)
        kept->summary[kept->n++] = run->summary;
    return true;
}

/* Returns how many points were dropped. */
static size_t keep_points(struct run *sweep, struct kept *kept)
{
    size_t n = 0, given = sweep->n_points;

    for (size_t i = 0; i < given; i++)
        if (remember(kept, &sweep->point[i]))
            sweep->point[n++] = sweep->point[i];
        else
            run_close(&sweep->point[i]);
    sweep->n_points = n;
    return given - n;
}

enum status runs_keep_distinct(struct run *runs, size_t *n, size_t *n_dropped,
                               struct error *err)
{
    struct kept kept = { .n = 0 };
    size_t most = *n, left = 0;

    *n_dropped = 0;
    for (size_t i = 0; i < *n; i++)
        most += runs[i].n_points;
    if (!(kept.summary = calloc(most + 1, sizeof *kept.summary)))
        return error_set(err, STATUS_NO_MEMORY, "no memory for %zu runs", *n);
    for (size_t i = 0; i < *n; i++) {
        size_t dropped = keep_points(&runs[i], &kept);
        *n_dropped += dropped;
        if (dropped && runs[i].n_points == 0)
            run_close(&runs[i]);
        else
            runs[left++] = runs[i];
    }
    *n = left;
    left = 0;
    for (size_t i = 0; i < *n; i++)
        if (remember(&kept, &runs[i])) {
            runs[left++] = runs[i];
        } else {
            run_close(&runs[i]);
            ++*n_dropped;
        }
    *n = left;
    free(kept.summary);
    return STATUS_OK;
}
