/* sensitivity_resume.c - Take over the capacities that an older isobath sensitivity
 * had measured, finished or not. */
#include "models/commands/sensitivity_job.h"

static const json_t *at(const json_t *json, const char *a, const char *b)
{
    return json_object_get(json_object_get(json, a), b);
}

static const json_t *rows_of(const json_t *summary)
{
    return json_object_get(at(summary, "sensitivity", "table"), "rows");
}

/* Asked the same, of the same text, by the same kernels, of a model that loses as
 * much: what both have measured is one. */
static bool is_same(const json_t *older, const json_t *now)
{
    return json_equal(json_object_get(older, "config"),
                      json_object_get(now, "config")) &&
           json_equal(at(older, "provenance", "data_hash"),
                      at(now, "provenance", "data_hash")) &&
           json_equal(at(older, "provenance", "isa"),
                      at(now, "provenance", "isa")) &&
           json_equal(at(older, "sensitivity", "policy"),
                      at(now, "sensitivity", "policy")) &&
           json_equal(json_array_get(rows_of(older), 0),
                      json_array_get(rows_of(now), 0));
}

static double number_of(const json_t *row, const char *key, const char *part)
{
    return json_number_value(at(row, key, part));
}

static void take_rows(struct sensitivity_job *j, const json_t *rows)
{
    const int64_t n = (int64_t)json_array_size(rows) - 1;

    for (; j->n_cells < n && j->n_cells < j->most; j->n_cells++) {
        const json_t *row = json_array_get(rows, (size_t)j->n_cells + 1);
        j->cell[j->n_cells] = (struct sensitivity_cell){
            .layer = (int32_t)number_of(row, "layer", "value"),
            .capacity = number_of(row, "capacity", "value"),
            .nats = number_of(row, "nats_per_token", "value"),
            .more = { .mean = number_of(row, "more", "value"),
                      .low = number_of(row, "more", "low"),
                      .high = number_of(row, "more", "high") },
            .flops_per_token = number_of(row, "flops_per_token", "value"),
        };
    }
}

enum status sensitivity_take_over(struct sensitivity_job *j, struct error *err)
{
    char path[FILE_PATH_SIZE];
    json_t *older = NULL, *now = NULL;

    if (j->rundir.lock < 0 ||
        file_join(path, j->rundir.path, "summary.json", NULL) != STATUS_OK ||
        !file_exists(path))
        return STATUS_OK;
    enum status status = summary_read(&older, j->rundir.path, err);
    if (status == STATUS_OK)
        status = sensitivity_summary(&now, j, err);
    if (status == STATUS_OK && is_same(older, now))
        take_rows(j, rows_of(older));
    json_decref(now);
    json_decref(older);
    return status;
}
