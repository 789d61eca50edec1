/* sweep_limit.c - Keep the points of a study within a machine's memory. */
#include "sim/commands/sweep_limit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/commands/sweep_resolve.h"
#include "sim/core/answer/table.h"

/* By thousands, as bytes are printed. */
static enum status read_size(uint64_t *out, const char *text, struct error *err)
{
    static const char letters[] = "kMGT";
    char *end;
    double bytes = strtod(text, &end);
    const char *letter = *end ? strchr(letters, *end) : NULL;

    for (const char *l = letters; letter && l <= letter; l++)
        bytes *= 1000;
    if (end == text || (*end && (!letter || end[1])) || !(bytes >= 1) ||
        bytes > 1e18)
        return error_set(err, STATUS_BAD_VALUE, "--memory %.64s: allowed is a"
                         " number of bytes, by thousands with k, M, G or T: 16G",
                         text);
    *out = (uint64_t)bytes;
    return STATUS_OK;
}

static enum status look_at(struct sweep_limit *limit, const struct sweep *sweep,
                           int32_t point, const char *size, int threads,
                           struct error *err)
{
    const struct sweep_point *p = &sweep->point[point];
    char need[TABLE_NUMBER_SIZE];
    struct resolved r;
    enum status status = sweep_resolve(&r, sweep, p, (struct resolve_as){
                                           .with_data = true,
                                           .threads = threads }, err);

    if (status != STATUS_OK)
        return status;
    if (!isfinite(r.bytes_held))
        return error_set(err, STATUS_BAD_VALUE, "--memory: what a point of"
                         " command: %s holds is not known before it runs;"
                         " allowed are train and run", sweep->work->name);
    table_si(need, r.bytes_held, "B");
    if (r.bytes_held > (double)limit->bytes)
        return error_set(err, STATUS_BAD_VALUE, "--memory %.64s: point %d (%.200s)"
                         " alone is predicted to hold %s; give more, or leave it"
                         " out by --filter", size, point, p->name, need);
    limit->of[point] = (uint64_t)r.bytes_held;
    return STATUS_OK;
}

enum status sweep_limit_open(struct sweep_limit *out, const struct sweep *sweep,
                             const char *filter, const char *size, int threads,
                             struct error *err)
{
    enum status status = STATUS_OK;

    *out = (struct sweep_limit){ .of = NULL };
    if (!size || (status = read_size(&out->bytes, size, err)) != STATUS_OK)
        return status;
    out->of = calloc((size_t)sweep->n_points, sizeof *out->of);
    if (!out->of)
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d points",
                         sweep->n_points);
    for (int32_t i = 0; i < sweep->n_points && status == STATUS_OK; i++)
        if (sweep_matches(&sweep->point[i], filter))
            status = look_at(out, sweep, i, size, threads, err);
    return status;
}
