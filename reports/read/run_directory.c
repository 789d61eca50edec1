/* run_directory.c - Open the directory of a run, with the points of a sweep. */
#include "reports/read/run_directory.h"

#include <ctype.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include "reports/read/jsonpath.h"
#include "reports/read/profile.h"
#include "sim/core/answer/rundir.h"
#include "sim/core/config/later_keys.h"

/* What isobath import leaves is a profile that another program measured. */
static enum status find_kind(struct run *run, struct error *err)
{
    const char *command = jsonpath_text(run->summary, "command");

    if (command && strcmp(command, "import") == 0)
        command = run_commands[RUN_PROFILE];
    for (int k = 0; command && k < RUN_KIND_COUNT; k++)
        if (strcmp(command, run_commands[k]) == 0) {
            run->kind = (enum run_kind)k;
            return STATUS_OK;
        }
    return error_set(err, STATUS_BAD_VALUE, "%s/summary.json:1: command is "
                     "'%.40s', a report takes directories of train, run, "
                     "router, regret, sensitivity, allocate, profile, answer, import or "
                     "sweep", run->path,
                     command ? command : "");
}

static int is_point(const struct dirent *entry)
{
    return isdigit((unsigned char)entry->d_name[0]);
}

/* A summary that is not "done" was left by a point that ended early. */
static enum status add_point(struct run *sweep, const char *path,
                             struct error *err)
{
    struct run *point = &sweep->point[sweep->n_points];
    enum status status = run_open(point, path, err);
    const char *state;

    if (status != STATUS_OK)
        return status;
    state = jsonpath_text(point->summary, "status");
    if (point->kind == RUN_SWEEP ||
        (state && strcmp(state, "done") != 0)) {
        run_close(point);
        sweep->n_unfinished++;
    } else {
        sweep->n_points++;
    }
    return STATUS_OK;
}

static enum status open_point(struct run *sweep, const char *folder,
                              const char *name, struct error *err)
{
    char path[FILE_PATH_SIZE], summary[FILE_PATH_SIZE];
    enum status status = file_join(path, folder, name, err);

    if (status == STATUS_OK)
        status = file_join(summary, path, "summary.json", err);
    if (status != STATUS_OK)
        return status;
    if (file_exists(summary))
        return add_point(sweep, path, err);
    sweep->n_unfinished++;
    return STATUS_OK;
}

static enum status open_points(struct run *run, struct error *err)
{
    char folder[FILE_PATH_SIZE];
    struct dirent **entry = NULL;
    enum status status = STATUS_OK;
    int n;

    if (!run_has(run, "points", folder))
        return STATUS_OK;
    n = scandir(folder, &entry, is_point, alphasort);
    if (n < 0)
        error_note_errno();
    if (n < 0)
        return error_set(err, STATUS_IO, "%s: cannot be listed", folder);
    run->point = calloc((size_t)n + 1, sizeof *run->point);
    for (int i = 0; i < n; i++) {
        if (run->point && status == STATUS_OK)
            status = open_point(run, folder, entry[i]->d_name, err);
        free(entry[i]);
    }
    free(entry);
    if (!run->point)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d points", n);
    return status;
}

/* The row of points.csv that tells of a point: they are in order, and all of
 * them there, unless somebody edited them. */
static size_t row_of(const struct csv *points, const struct run *point)
{
    const int column = csv_column(points, "point");
    const size_t number = strtoul(point->name, NULL, 10);

    for (size_t i = 0; i < points->n_rows; i++) {
        size_t r = (number + i) % points->n_rows;
        if (strtoul(csv_text(points, r, column), NULL, 10) == number)
            return r;
    }
    return points->n_rows;
}

static const char *text_or_null(const struct csv *points, size_t row,
                                const char *column)
{
    const char *text = csv_text(points, row, csv_column(points, column));
    return *text ? text : NULL;
}

static enum status name_points(struct run *sweep, struct error *err)
{
    const struct csv *table = &sweep->table;
    enum status status = csv_open_in(&sweep->table, sweep->path, "points.csv",
                                     err);

    for (size_t i = 0; status == STATUS_OK && i < sweep->n_points; i++) {
        struct run *point = &sweep->point[i];
        const size_t row = row_of(table, point);
        if (row == table->n_rows)
            continue;
        point->title = text_or_null(table, row, "name");
        point->row = text_or_null(table, row, "row");
        point->study_phase = text_or_null(table, row, "phase");
    }
    return status;
}

static enum status no_run(const char *path, struct error *err)
{
    return error_set(err, STATUS_BAD_VALUE, file_exists(path)
                     ? "%s: no run directory: neither summary.json nor points/"
                       " stands in it" : "%s: no such directory", path);
}

enum status run_open(struct run *out, const char *path, struct error *err)
{
    struct run run = { .kind = RUN_SWEEP };
    char file[FILE_PATH_SIZE];
    enum status status = STATUS_OK;

    if (strlen(path) >= sizeof run.path)
        return error_set(err, STATUS_BAD_VALUE, "%.100s...: path too long",
                         path);
    snprintf(run.path, sizeof run.path, "%s", path);
    run_path_name(run.name, path);
    if (run_has(&run, "summary.json", file)) {
        status = summary_read(&run.summary, path, err);
        if (status == STATUS_OK)
            status = find_kind(&run, err);
        if (status == STATUS_OK)
            status = rundir_check(run.summary, path, err);
        if (run.kind == RUN_TRAIN)      /* by an older program, maybe */
            later_keys_fill(json_object_get(run.summary, "config"));
    } else if (!run_has(&run, "points", file) &&
               !run_has(&run, "points.csv", file)) {
        status = no_run(path, err);
    }
    if (status == STATUS_OK) {
        totals_read(&run.totals, json_object_get(run.summary, "totals"));
        facts_read(&run.facts, run.summary);
        if (run.kind == RUN_SWEEP)
            status = open_points(&run, err);
        else if (run.kind == RUN_PROFILE)
            status = profile_read(&run, err);
    }
    if (status == STATUS_OK && run.kind == RUN_SWEEP)
        status = name_points(&run, err);
    if (status != STATUS_OK) {
        run_close(&run);
        return status;
    }
    *out = run;
    return STATUS_OK;
}

void run_close(struct run *run)
{
    if (!run)
        return;
    for (size_t i = 0; i < run->n_points; i++)
        run_close(&run->point[i]);
    for (size_t i = 0; i < run->n_phases; i++)
        for (int a = 0; a < ARM_COUNT; a++)
            witnesses_close(&run->phase[i].witnesses[a]);
    csv_close(&run->table);
    free(run->point);
    free(run->phase);
    json_decref(run->summary);
    *run = (struct run){ .kind = RUN_SWEEP };
}
