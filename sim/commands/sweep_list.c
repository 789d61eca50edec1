/* sweep_list.c - Say which points a study has, and which of them are done. */
#include "sim/commands/sweep_list.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/core/answer/json.h"
#include "sim/sweep/sweep_run.h"

static json_t *point_json(const struct sweep *sweep, int32_t i,
                          enum point_state state)
{
    const struct sweep_point *point = &sweep->point[i];
    json_t *settings = json_object();

    for (size_t k = 0; k < point->n_settings; k++)
        json_object_set_new(settings, point->setting[k].key,
                            json_string(point->setting[k].value));
    return json_pack("{s:i, s:s, s:s*, s:s*, s:s, s:o}", "point", i, "name",
                     point->name, "row", point->row, "phase", point->phase,
                     "status", point_state_names[state], "settings", settings);
}

static enum status list_json(const struct sweep *sweep, const char *filter,
                             const enum point_state *state, struct error *err)
{
    json_t *list = json_array();

    for (int32_t i = 0; i < sweep->n_points; i++)
        if (sweep_matches(&sweep->point[i], filter))
            json_array_append_new(list, point_json(sweep, i, state[i]));
    enum status status = json_print(list, stdout, err);
    json_decref(list);
    return status;
}

static void list_text(const struct sweep *sweep, const char *filter,
                      const enum point_state *state)
{
    for (int32_t i = 0; i < sweep->n_points; i++)
        if (sweep_matches(&sweep->point[i], filter))
            printf("%06d  %-10s  %s\n", i, point_state_names[state[i]],
                   sweep->point[i].name);
}

enum status sweep_list(const struct sweep *sweep, const char *filter,
                       const char *directory, enum format format,
                       struct error *err)
{
    enum point_state *state = calloc((size_t)sweep->n_points, sizeof *state);

    if (!state)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d points",
                         sweep->n_points);
    enum status status = sweep_point_states(state, sweep, directory, err);
    if (status == STATUS_OK && format == FORMAT_JSON)
        status = list_json(sweep, filter, state, err);
    else if (status == STATUS_OK && format == FORMAT_CSV)
        status = sweep_table(sweep, directory, state, false, err);
    else if (status == STATUS_OK)
        list_text(sweep, filter, state);
    free(state);
    return status;
}
