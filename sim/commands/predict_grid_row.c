/* predict_grid_row.c - Write the rows of a grid. */
#include "sim/commands/predict_grid.h"

#include <inttypes.h>
#include <math.h>

#include "sim/core/answer/escape.h"
#include "sim/price/reasons.h"

/* What one model takes; of the rival the names begin with rival_. */
static const char *const side_columns[] = { "flops", "bytes", "seconds",
                                            "joules", "memory_bytes", "fits" };
static const char *const ratio_columns[] = { "flops", "bytes", "seconds",
                                             "joules" };
static const enum metric compared[] = { METRIC_FLOPS, METRIC_BYTES,
                                        METRIC_SECONDS, METRIC_JOULES };
enum { N_SIDE = sizeof side_columns / sizeof *side_columns,
       N_COMPARED = sizeof compared / sizeof *compared,
       N_COUNTED = 2 /* of those, whole numbers without bounds */ };

static const char *column_of(enum grid_axis axis)
{
    return axis == GRID_CONTEXT ? "tokens" : grid_names[axis];
}

void grid_put_header(FILE *file, const struct grid *grid)
{
    for (int a = 0; a < GRID_AXES; a++)
        fprintf(file, "%s,", column_of((enum grid_axis)a));
    for (int i = 0; i < N_SIDE; i++)
        fprintf(file, "%s,", side_columns[i]);
    for (int i = 0; i < N_SIDE; i++)
        fprintf(file, "rival_%s,", side_columns[i]);
    for (int i = 0; i < N_COMPARED; i++)
        fprintf(file, "%s_of_rival,", ratio_columns[i]);
    for (int i = N_COUNTED; i < N_COMPARED && grid->options->intervals > 0; i++)
        fprintf(file, "%s_of_rival_low,%s_of_rival_high,", ratio_columns[i],
                ratio_columns[i]);
    fputs("reason\r\n", file);
}

/* ---- a row ---- */

/* As table_csv() writes numbers, and a comma. */
static int real_text(char *out, size_t size, double value)
{
    return isfinite(value) ? snprintf(out, size, "%.15g,", value)
                           : snprintf(out, size, ",");
}

static void put_real(FILE *file, double value)
{
    char text[32];

    real_text(text, sizeof text, value);
    fputs(text, file);
}

static void put_text(FILE *file, const char *text)
{
    escape_write(file, BORDER_CSV, text);
    putc(',', file);
}

/* Of the first routed layer: what the grid, or else the model, says. */
static double capacity_of(const struct model_spec *spec)
{
    int32_t l = 0;

    while (l < spec->n_layers && !spec->routed[l])
        l++;
    return l < spec->n_layers ? spec->capacity[l] : 1;
}

static void put_point(FILE *file, const struct grid *grid)
{
    const struct grid_config *c = &grid->config;
    const struct predict_question *q = &grid->question;

    put_text(file, c->model.value[grid->at[GRID_MODEL]]);
    put_real(file, capacity_of(&q->spec));
    fprintf(file, "%" PRId32 ",%s,%s,%s,%" PRId32 ",", q->n_tokens,
            memory_phase_names[q->phase], precision_names[q->regime.arithmetic],
            precision_names[q->regime.kv], q->n_sequences);
    put_text(file, q->machine ? q->machine->name : "");
    put_text(file, c->rival.value[grid->at[GRID_RIVAL]]);
}

static void side_text(char out[GRID_SIDE_SIZE], const struct cost *total,
                      const struct hold *hold, const struct machine *machine)
{
    int n = 0;

    for (int i = 0; i < N_COUNTED; i++)
        n += snprintf(out + n, (size_t)(GRID_SIDE_SIZE - n), "%" PRIu64 ",",
                      total->count[compared[i]]);
    for (int i = N_COUNTED; i < N_COMPARED; i++)
        n += real_text(out + n, (size_t)(GRID_SIDE_SIZE - n),
                       cost_get(total, compared[i]));
    snprintf(out + n, (size_t)(GRID_SIDE_SIZE - n), "%" PRIu64 ",%s,",
             hold->total,
             machine ? fit_names[hold_fit(hold->total, machine)] : "");
}

/* The model is the same beside all rivals of a point. */
static void put_sides(FILE *file, struct grid *grid, int rival)
{
    const struct machine *machine = grid->question.machine;
    const struct cost own = prediction_total(&grid->contest.model),
        of_rival = contender_total(&grid->contest.rival[rival]);
    char side[GRID_SIDE_SIZE];

    if (!*grid->side)
        side_text(grid->side, &own, &grid->hold, machine);
    side_text(side, &of_rival, &grid->rival_hold[rival], machine);
    fputs(grid->side, file);
    fputs(side, file);
}

static void put_ratios(FILE *file, const struct grid *grid, int rival)
{
    struct estimate e[N_COMPARED];

    for (int i = 0; i < N_COMPARED; i++) {
        e[i] = contest_ratio(&grid->contest, rival, compared[i]);
        put_real(file, e[i].value);
    }
    for (int i = N_COUNTED; i < N_COMPARED && grid->options->intervals > 0;
         i++) {
        put_real(file, e[i].low);
        put_real(file, e[i].high);
    }
}

/* Why seconds or joules are unknown on the machine, in this arithmetic. */
static const char *unknown(struct grid *grid)
{
    const struct regime *regime = &grid->question.regime;
    const enum precision arithmetic = regime->arithmetic;
    struct grid_machine *m = grid->machine ? &grid->machine[grid->at[
        GRID_MACHINE]] : NULL;

    if (!m)
        return "";
    char *why = m->why[arithmetic];
    if (!m->told[arithmetic])
        reasons_text(why, sizeof *m->why, &m->machine, regime, METRIC_SECONDS);
    if (!m->told[arithmetic] && !*why)
        reasons_text(why, sizeof *m->why, &m->machine, regime, METRIC_JOULES);
    m->told[arithmetic] = true;
    return why;
}

void grid_put_row(FILE *file, struct grid *grid)
{
    enum { N_NUMBERS = 2 * N_SIDE + N_COMPARED };
    const int rival = grid->at[GRID_RIVAL];
    const int n_bounds = grid->options->intervals > 0
                             ? 2 * (N_COMPARED - N_COUNTED) : 0;

    put_point(file, grid);
    if (*grid->reason) {
        for (int i = 0; i < N_NUMBERS + n_bounds; i++)
            putc(',', file);
        escape_write(file, BORDER_CSV, grid->reason);
    } else {
        put_sides(file, grid, rival);
        put_ratios(file, grid, rival);
        escape_write(file, BORDER_CSV, unknown(grid));
    }
    fputs("\r\n", file);
}
