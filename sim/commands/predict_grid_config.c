/* predict_grid_config.c - Read the axes of a grid. */
#include "sim/commands/predict_grid.h"

#include <stdlib.h>
#include <string.h>

#include "sim/core/base/shipped.h"

const char *const grid_names[] = { GRID_MAP(NAMES_WORD) NULL };

#define GRID(name, TYPE, ...)                                                  \
    { #name, CONFIG_##TYPE, offsetof(struct grid_config, name), __VA_ARGS__ }
enum { MOST = 1 << 24 };
static const struct config_key keys[] = {
    GRID(model, WORDS, 0, 0, NULL, NULL, "", "models, as isobath predict takes"
         " them: files, from the working directory, or names"),
    GRID(capacity, REAL_LIST, 0, 1, "[]", NULL, "", "routing.capacity of each;"
         " none: as the model says"),
    GRID(context, INT_LIST, 1, MOST, "[]", NULL, "", "how many tokens a sequence"
         " has, in decode with the new one; none: the model's max_tokens"),
    GRID(phase, WORDS, 0, 0, "[train]", memory_phase_names, "",
         "what is priced, as --phase"),
    GRID(dtype, WORDS, 0, 0, "[]", precision_names, "", "formats that products"
         " multiply in, as --dtype; none: as the model says"),
    GRID(kv, WORDS, 0, 0, "[]", precision_names, "", "formats of cached keys and"
         " values, as --kv; none: as the model says, else as dtype"),
    GRID(batch, INT_LIST, 1, MOST, "[1]", NULL, "", "how many sequences are"
         " processed at once"),
    GRID(machine, WORDS, 0, 0, "[]", NULL, "", "machine profiles, files or names;"
         " none: FLOPs, bytes and memory alone"),
    GRID(rival, WORDS, 0, 0, "[dense]", NULL, "", "what the model is set beside,"
         " as --against: at most 6"),
    { .name = NULL }
};
const struct config_schema grid_schema = { "grid", keys };

/* ---- models ---- */

/* The settings of the command line, and the capacity, if the grid has any. */
static size_t add_capacity(struct config_setting *out, char text[64],
                           const struct grid *grid)
{
    const struct command_options *o = &grid->options->common;

    memcpy(out, o->setting, o->n_settings * sizeof *out);
    if (grid->config.capacity.n == 0)
        return o->n_settings;
    snprintf(text, 64, "routing.capacity=%.17g",
             grid->config.capacity.value[grid->at[GRID_CAPACITY]]);
    out[o->n_settings] = (struct config_setting){ .text = text };
    return o->n_settings + 1;
}

enum status grid_load_model(struct grid *grid, struct error *err)
{
    struct config_setting setting[COMMAND_MAX_SETTINGS + 1];
    char text[64], path[FILE_PATH_SIZE];
    const size_t n = add_capacity(setting, text, grid);
    enum status status = shipped_find(
        path, shipped_kinds("model"), grid->config.model.value[grid->at[GRID_MODEL]], err);

    predict_model_close(&grid->model);
    return status == STATUS_OK
               ? predict_model_load(&grid->model, &(struct predict_source){
                     .name = path, .setting = setting, .n_settings = n,
                     .weights = grid->options->weights }, err)
               : status;
}

/* What cannot be read is said before anything is priced. */
static enum status try_models(struct grid *grid, struct error *err)
{
    enum status status = STATUS_OK;

    for (size_t m = 0; m < grid->size[GRID_MODEL]; m++)
        for (size_t c = 0; c < grid->size[GRID_CAPACITY] && status == STATUS_OK;
             c++) {
            grid->at[GRID_MODEL] = (int)m;
            grid->at[GRID_CAPACITY] = (int)c;
            status = grid_load_model(grid, err);
        }
    return status;
}

/* ---- machines ---- */

static enum status load_machines(struct grid *grid, struct error *err)
{
    const struct config_paths *asked = &grid->config.machine;
    enum status status = STATUS_OK;

    if (asked->n == 0)
        return STATUS_OK;
    grid->machine = calloc((size_t)asked->n, sizeof *grid->machine);
    if (!grid->machine)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d machines",
                         asked->n);
    for (int32_t m = 0; m < asked->n && status == STATUS_OK; m++)
        status = machine_load(&grid->machine[m].machine, asked->value[m], err);
    return status;
}

/* ---- the grid ---- */

static enum status count_points(struct grid *grid, struct error *err)
{
    const struct grid_config *c = &grid->config;
    const int32_t n[GRID_AXES] = {
        [GRID_MODEL] = c->model.n,     [GRID_CAPACITY] = c->capacity.n,
        [GRID_CONTEXT] = c->context.n, [GRID_PHASE] = c->phase.n,
        [GRID_DTYPE] = c->dtype.n,     [GRID_KV] = c->kv.n,
        [GRID_BATCH] = c->batch.n,     [GRID_MACHINE] = c->machine.n,
        [GRID_RIVAL] = c->rival.n,
    };

    grid->n_points = 1;
    for (int a = 0; a < GRID_AXES; a++) {
        grid->size[a] = n[a] > 0 ? (size_t)n[a] : 1;
        grid->n_points *= grid->size[a];       /* at most 256^9 < 2^64: of lists
                                                * of 256, and of 16 */
    }
    if (c->model.n == 0)
        return error_set(err, STATUS_BAD_VALUE, "model []: allowed is at least"
                         " one");
    return STATUS_OK;
}

/* Rivals that are models are read with the point; names are checked here. */
static enum status check_rivals(const struct config_paths *rivals,
                                struct error *err)
{
    struct rival_asked asked;
    enum status status = STATUS_OK;

    if (rivals->n < 1 || rivals->n > CONTEST_RIVALS_MAX)
        return error_set(err, STATUS_BAD_VALUE, "rival of %d: allowed are 1 to"
                         " %d", rivals->n, CONTEST_RIVALS_MAX);
    for (int32_t i = 0; i < rivals->n && status == STATUS_OK; i++)
        status = rival_read(&asked, rivals->value[i], err);
    return status;
}

enum status grid_open(struct grid *grid, const struct predict_options *options,
                      struct error *err)
{
    static const char *const kinds[] = { "grids", NULL };
    struct config_origin origins[sizeof keys / sizeof *keys];
    char path[FILE_PATH_SIZE];
    const char *key = "model";
    enum status status = shipped_find(path, kinds, options->grid, err);

    if (status == STATUS_OK)
        status = config_load(&grid->config, &grid_schema, path, NULL, 0,
                             origins, err);
    if (status != STATUS_OK)
        return status;
    grid->options = options;
    status = count_points(grid, err);
    if (status == STATUS_OK)
        status = try_models(grid, err);
    if (status == STATUS_OK)
        key = "machine", status = load_machines(grid, err);
    if (status == STATUS_OK)
        key = "rival", status = check_rivals(&grid->config.rival, err);
    for (int a = 0; a < GRID_AXES; a++)
        grid->at[a] = -1;
    grid->blocked = GRID_MACHINE;
    return status == STATUS_OK || status == STATUS_NO_MEMORY
               ? status : config_blame(&grid_schema, origins, key, err);
}

void grid_close(struct grid *grid)
{
    contest_close(&grid->contest);
    predict_model_close(&grid->model);
    free(grid->machine);
}
