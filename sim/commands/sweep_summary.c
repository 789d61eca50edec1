/* sweep_summary.c - Write the summary of a study. */
#include "sim/commands/sweep_summary.h"

#include <string.h>

#include "sim/price/rival.h"

/* The rival of points that are priced, where that is one; NULL: none, or
 * several. */
static const char *against_of(const struct sweep *sweep)
{
    static const char key[] = "predict.against";
    const char *first = sweep_value(&sweep->point[0], key);

    for (int32_t i = 0; i < sweep->n_points; i++) {
        const char *other = sweep_value(&sweep->point[i], key);
        if (!sweep->work->inside || !other != !first ||
            (other && strcmp(other, first) != 0))
            return NULL;
    }
    return first ? first : rival_names[RIVAL_FLOPS];
}

enum status sweep_summary_write(const struct rundir *rundir,
                                const struct sweep *sweep,
                                const enum point_state *state,
                                const struct command_options *options,
                                struct error *err)
{
    const int32_t n = sweep->n_points;
    const int32_t done = sweep_count(sweep, NULL, state, POINT_DONE);
    json_t *config = json_pack("{s:s, s:s, s:s, s:s*}", "study", sweep->path,
                               "base", sweep->base, "command",
                               sweep->work->name, "against",
                               against_of(sweep));
    json_t *summary = summary_open("sweep", config, provenance_json(
        options->argc, options->argv, options->threads, 0,
        NULL, NULL, NULL));
    json_t *points = json_pack("{s:i, s:i, s:i}", "total", n, "done", done,
                               "failed", sweep_count(sweep, NULL, state,
                                                POINT_FAILED));
    if (json_object_set_new(summary, "points", points) != 0)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a summary");
    if (done < n)
        json_object_set_new(summary, "status", json_string("interrupted"));
    enum status status = rundir_finish(rundir, summary, err);
    json_decref(summary);
    return status;
}
