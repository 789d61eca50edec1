/* sweep_price.c - Price the points of a study in this process. */
#include "sim/commands/sweep_price.h"

#include <stdlib.h>

#include "sim/commands/sweep_priced.h"
#include "sim/commands/sweep_price_part.h"
#include "sim/commands/sweep_summary.h"
#include "sim/core/answer/command.h"
#include "sim/core/answer/rundir.h"
#include "sim/sweep/sweep_run.h"

/* A study while it is priced. */
struct pricing_all {
    const struct sweep *sweep;
    enum point_state *state;
    struct price_part part;
    struct progress progress;
    FILE *layers;
    int32_t done;
};

static enum status price_by(json_t **figures, char **layers,
                            struct pricing_all *all, int32_t point,
                            struct error *err)
{
    const struct sweep *sweep = all->sweep;
    struct sweep_given given;
    struct priced *priced = NULL;
    size_t size;
    enum status status = sweep_given_open(&given, sweep, &sweep->point[point],
                                          err);

    if (status == STATUS_OK)
        status = priced_open(&priced, sweep->base, &given, err);
    if (status == STATUS_OK) {
        FILE *text = file_open_text(layers, &size);
        if (text)
            priced_layers(text, priced, point);
        *figures = priced_json(priced);
        if (!file_close_text(text, layers) || !*figures)
            status = error_set(err, STATUS_NO_MEMORY, "no memory for an answer");
    }
    priced_close(priced);
    sweep_given_close(&given);
    return status;
}

static enum status price_anew(json_t **out, struct pricing_all *all,
                              int32_t point, struct error *err)
{
    char *layers = NULL;
    struct error why = { STATUS_OK, "" };
    enum status status = price_by(out, &layers, all, point, &why);

    if (status == STATUS_OK)
        status = price_part_add(&all->part, point, *out, layers, &why);
    if (status == STATUS_OK)
        fputs(layers, all->layers);
    free(layers);
    return status == STATUS_OK
               ? STATUS_OK
               : error_set(err, status, "point %d (%.80s): %s", point,
                           all->sweep->point[point].name, why.text);
}

static enum status price_point(json_t **out, void *context, int32_t point,
                               struct error *err)
{
    struct pricing_all *all = context;
    enum status status;

    if (price_part_have(&all->part, point)) {
        status = price_part_take(out, all->layers, &all->part, point, err);
        progress_skip(&all->progress, 1);
    } else if (command_interrupted && all->done == 0) {
        return error_set(err, STATUS_INTERRUPTED, "interrupted before the first"
                         " point was priced; nothing is written");
    } else if (command_interrupted) {                /* as its row then says */
        all->state[point] = POINT_PENDING;
        return STATUS_OK;
    } else {
        status = price_anew(out, all, point, err);
    }
    progress_at(&all->progress, ++all->done, NULL);
    return status;
}

static enum status write_tables(struct pricing_all *all, const char *directory,
                                struct error *err)
{
    struct file_writer layers;
    enum status status = file_create_in(&layers, directory, "layers.csv", err);

    if (status != STATUS_OK)
        return status;
    all->layers = layers.stream;
    priced_layers_head(layers.stream);
    status = sweep_table_of(all->sweep, directory, all->state, price_point, all,
                            err);
    return file_end(&layers, status, err);
}

enum status sweep_price(const struct sweep *sweep, const char *filter,
                        const struct command_options *options,
                        enum point_state *state, struct error *err)
{
    const int32_t n = sweep_count(sweep, filter, state, SWEEP_ANY);
    struct pricing_all all = { .sweep = sweep, .state = state };
    struct rundir rundir;
    enum status status = rundir_open_own(&rundir, options->output, "sweep", err);

    if (status != STATUS_OK)
        return status;
    command_catch_signals();
    for (int32_t i = 0; i < sweep->n_points; i++)
        state[i] = sweep_matches(&sweep->point[i], filter) ? POINT_DONE
                                                           : POINT_PENDING;
    all.progress = progress_begin("sweep", "point", n, options->quiet);
    status = price_part_open(&all.part, sweep, options->output, err);
    if (status == STATUS_OK)
        status = write_tables(&all, options->output, err);
    progress_end(&all.progress);
    if (status == STATUS_OK)
        status = sweep_summary_write(&rundir, sweep, state, options, err);
    price_part_close(&all.part, status == STATUS_OK && all.done == n);
    rundir_close(&rundir);
    if (status == STATUS_OK && all.done < n)
        return error_set(err, STATUS_INTERRUPTED, "interrupted after %d of %d"
                         " points, which are written; the same command goes"
                         " on from here", all.done, n);
    if (status == STATUS_OK && !options->quiet)
        printf("%d of %d points done: %s/points.csv\n", all.done,
               sweep->n_points, options->output);
    return status;
}
