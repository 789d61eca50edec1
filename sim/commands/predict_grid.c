/* predict_grid.c - Price the points of a grid, one after the other; what does not
 * change from one to the next is kept. */
#include "sim/commands/predict_grid.h"

#include <stdlib.h>
#include <string.h>

#include "sim/commands/rival_load.h"
#include "sim/core/model/spec_check.h"

/* ---- one point ---- */

/* The point's index along each axis, and the slowest axis along which it differs
 * from the last. */
static int move_to(struct grid *grid, size_t i)
{
    int first = GRID_AXES;

    for (int a = GRID_AXES - 1; a >= 0; a--) {
        const int at = (int)(i % grid->size[a]);
        i /= grid->size[a];
        if (at != grid->at[a])
            first = a;
        grid->at[a] = at;
    }
    return first;
}

/* The index of a word among the names that its key allows; -1: none is given. */
static int word_of(const struct config_paths *words, int at,
                   const char *const *names)
{
    int i = 0;

    if (words->n == 0)
        return -1;
    while (strcmp(names[i], words->value[at]) != 0)
        i++;
    return i;
}

/* What stands in the way of a price is told in the row, and ends nothing: it stands
 * there until an axis moves that is as slow as `axis`. */
static enum status leave_out(struct grid *grid, enum grid_axis axis,
                             enum status status, const struct error *why,
                             struct error *err)
{
    if (status == STATUS_NO_MEMORY) {
        *err = *why;
        return status;
    }
    grid->blocked = axis;
    snprintf(grid->reason, sizeof grid->reason, "%s", why->text);
    return STATUS_OK;
}

/* Sets the draws that the question's intervals rest on. */
static void set_draws(struct grid *grid)
{
    struct predict_question *q = &grid->question;

    q->n_draws = NO_DRAWS;
    if (grid->options->intervals == 0 || !grid->machine)
        return;
    struct bill_draws *draws = &grid->machine[grid->at[GRID_MACHINE]].draws;
    if (draws->machine != q->machine ||
        draws->products != q->regime.arithmetic)
        bill_draw(draws, q->machine, q->regime.arithmetic);
    q->draws = draws;
    q->n_draws = (int)grid->options->intervals;
}

static void set_question(struct grid *grid)
{
    const struct predict_options *o = grid->options;
    const struct grid_config *c = &grid->config;
    struct predict_question *q = &grid->question;

    q->n_tokens = c->context.n > 0
                      ? (int32_t)c->context.value[grid->at[GRID_CONTEXT]]
                      : q->spec.max_tokens;
    q->n_sequences = (int32_t)c->batch.value[grid->at[GRID_BATCH]];
    q->phase = (enum memory_phase)word_of(&c->phase, grid->at[GRID_PHASE],
                                          memory_phase_names);
    q->all_logits = o->logits == LOGITS_ALL;
    q->machine = grid->machine
                     ? &grid->machine[grid->at[GRID_MACHINE]].machine : NULL;
    q->regime = predict_formats(&grid->model, &(struct predict_formats){
        .weights = o->weights,
        .dtype = word_of(&c->dtype, grid->at[GRID_DTYPE], precision_names),
        .kv = word_of(&c->kv, grid->at[GRID_KV], precision_names) }, q->phase);
    q->regime.execution = (enum execution)o->execution;
    set_draws(grid);
}

static enum status load_rivals(struct grid *grid, struct error *err)
{
    const int32_t T = grid->question.n_tokens, most = grid->model.spec.max_tokens;
    enum status status = STATUS_OK;

    if (T > most)
        return error_set(err, STATUS_BAD_VALUE, "context %d: allowed is 1 to the"
                         " model's max_tokens, %d", T, most);
    for (size_t r = 0; r < grid->size[GRID_RIVAL] && status == STATUS_OK; r++)
        status = rival_load(&grid->rival[r], grid->config.rival.value[r],
                            &grid->question.spec, grid->question.n_tokens, err);
    return status;
}

static enum status begin_contest(struct grid *grid, struct error *err)
{
    const struct predict_question *q = &grid->question;
    enum status status = q->phase == MEMORY_TRAIN
                             ? spec_check_training(&q->spec, err) : STATUS_OK;

    contest_close(&grid->contest);
    return status == STATUS_OK
               ? contest_begin(&grid->contest, q, grid->rival,
                               (int)grid->size[GRID_RIVAL], err)
               : status;
}

/* As isobath predict has it. */
static void weigh(struct grid *grid)
{
    const struct predict_question *q = &grid->question;
    const struct hold_question asked = {
        .regime = &q->regime,
        .phase = q->phase == MEMORY_FORWARD && !q->all_logits ? MEMORY_LAST
                                                              : q->phase,
        .n_sequences = q->n_sequences, .n_tokens = q->n_tokens,
        .n_threads = grid->options->common.threads,
    };
    const struct hold_question held = prediction_held(&grid->contest.model,
                                                      &asked);

    grid->hold = hold_of(&held);
    for (int r = 0; r < grid->contest.n; r++)
        grid->rival_hold[r] = contender_hold(&grid->contest.rival[r], &asked);
    grid->weighed = true;
}

enum status grid_price(struct grid *grid, size_t i, struct error *err)
{
    const int from = move_to(grid, i);
    struct error why;
    enum status status = STATUS_OK;

    if (from <= GRID_CAPACITY) {
        status = grid_load_model(grid, err);
        grid->question.spec = grid->model.spec;
    }
    if (status != STATUS_OK)
        return status;
    set_question(grid);
    grid->weighed &= from > GRID_BATCH;
    grid->question.other_machine = grid->weighed;
    if (from > (int)grid->blocked)
        return STATUS_OK;
    grid->blocked = GRID_MACHINE;    /* all rivals of a point are priced at once */
    grid->reason[0] = '\0';
    if (from <= GRID_CONTEXT &&
        (status = load_rivals(grid, &why)) != STATUS_OK)
        return leave_out(grid, GRID_CONTEXT, status, &why, err);
    if (from <= GRID_PHASE &&
        (status = begin_contest(grid, &why)) != STATUS_OK)
        return leave_out(grid, GRID_PHASE, status, &why, err);
    grid->side[0] = '\0';
    status = contest_price(&grid->contest, &grid->question, &why);
    if (status != STATUS_OK)
        return leave_out(grid, GRID_MACHINE, status, &why, err);
    if (!grid->weighed)
        weigh(grid);
    return STATUS_OK;
}

/* ---- all of them ---- */

static enum status price_all(struct grid *grid, struct grid_file *file,
                             struct error *err)
{
    enum { AT_ONCE = 64 };           /* between looks at the clock */
    const struct command_options *o = &grid->options->common;
    struct progress progress = progress_begin("pricing", "point",
                                              (double)grid->n_points, o->quiet);
    enum status status = STATUS_OK;

    progress_at(&progress, (double)file->n_done, "");
    while (file->n_done < grid->n_points && !command_interrupted) {
        status = grid_price(grid, file->n_done, err);
        if (status != STATUS_OK)
            break;
        grid_put_row(file->out.stream, grid);
        if (++file->n_done % AT_ONCE == 0)
            progress_at(&progress, (double)file->n_done, "");
    }
    progress_end(&progress);
    return status;
}

static enum status interrupted(const struct grid *grid,
                               const struct grid_file *file, struct error *err)
{
    const bool kept = grid->options->common.output != NULL;
    return error_set(err, STATUS_INTERRUPTED, "interrupted: %zu of %zu rows are"
                     " there%s%s%s", file->n_done, grid->n_points,
                     kept ? ", in " : "", kept ? file->out.temporary : "",
                     kept ? "; the same command goes on" : "");
}

/* All that a grid's file does not say is what these are for. */
static enum status check(const struct predict_options *o, struct error *err)
{
    static const char *const also[] = { "--grid", "--intervals", "--logits",
        "--weights", "--execution", "--set", "--output", "--format", "--quiet" };
    const struct command_options *c = &o->common;

    if (c->n_operands > 0)
        return error_set(err, STATUS_BAD_VALUE, "MODEL %.64s: models of --grid"
                         " are keys of its file", c->operand[0]);
    for (const struct flag *f = c->command->flags; f->value.name; f++) {
        size_t i = 0;
        while (i < sizeof also / sizeof *also &&
               strcmp(also[i], f->value.name) != 0)
            i++;
        if (i == sizeof also / sizeof *also &&
            flags_given(c, f->value.name))
            return error_set(err, STATUS_BAD_VALUE, "%s: not with --grid, whose"
                             " axes are keys of its file", f->value.name);
    }
    return c->format == FORMAT_JSON
               ? error_set(err, STATUS_BAD_VALUE, "--format json: a grid is"
                           " CSV") : STATUS_OK;
}

static enum status run(struct grid *grid, const struct predict_options *options,
                       struct error *err)
{
    struct grid_file file;
    enum status status = check(options, err);

    if (status == STATUS_OK)
        status = grid_open(grid, options, err);
    if (status == STATUS_OK)
        status = grid_file_open(&file, grid, err);
    if (status != STATUS_OK)
        return status;
    status = price_all(grid, &file, err);
    if (status == STATUS_OK && file.n_done < grid->n_points)
        status = interrupted(grid, &file, err);
    struct error why;
    const enum status closed = grid_file_close(&file, status == STATUS_OK, &why);
    if (status == STATUS_OK && closed != STATUS_OK)
        *err = why;
    return status == STATUS_OK ? closed : status;
}

int predict_grid_run(const struct predict_options *options)
{
    struct grid *grid = calloc(1, sizeof *grid);
    struct error err = { STATUS_NO_MEMORY, "no memory for a grid" };

    if (!grid)
        return command_fail(&err);
    command_catch_signals();
    const enum status status = run(grid, options, &err);
    grid_close(grid);
    free(grid);
    return status == STATUS_OK ? 0 : command_fail(&err);
}
