/* prices.c - Read what a sweep of isobath predict priced. */
#include "reports/read/prices.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "reports/read/jsonpath.h"

const enum metric priced_metrics[PRICED_METRICS] = {
    METRIC_FLOPS, METRIC_BYTES, METRIC_SECONDS, METRIC_JOULES,
};

static bool is_priced(const struct run *run)
{
    const char *command = jsonpath_text(run->summary, "config.command");
    return run->kind == RUN_SWEEP && command &&
           strcmp(command, "predict") == 0;
}

/* The column PREFIX.METRIC, with those of its interval, where there are. */
static enum status read_amounts(struct amount out[PRICED_METRICS],
                                const struct csv *csv, size_t row,
                                const char *prefix, const char *suffix,
                                struct error *err)
{
    static const char *const ends[] = { "", "_low", "_high" };
    enum status status = STATUS_OK;

    for (int m = 0; m < PRICED_METRICS && status == STATUS_OK; m++) {
        const enum metric metric = priced_metrics[m];
        double number[3] = { 0 };
        for (int e = 0; e < 3 && status == STATUS_OK; e++) {
            char name[64];
            snprintf(name, sizeof name, "%s%s%s%s", prefix,
                     metric_table[metric].column, suffix, ends[e]);
            status = csv_real(csv, row, csv_column(csv, name), &number[e], err);
        }
        out[m] = isfinite(number[0])
                     ? amount_of(number[0], PROV_PREDICTED)
                     : amount_unknown("no machine profile was given");
        out[m].low = number[1];
        out[m].high = number[2];
        out[m].modelled = amount_is_model(metric, PROV_PREDICTED);
    }
    return status;
}

static enum status read_point(struct priced_point *p, const struct csv *csv,
                              size_t row, struct error *err)
{
    const struct csv_number numbers[] = {
        { "rival.layers", &p->rival_layers }, { "memory_bytes", &p->memory },
        { "parameters", &p->parameters },
    };
    enum status status = csv_reals(csv, row, numbers,
                                   sizeof numbers / sizeof *numbers, err);

    p->name = csv_text(csv, row, csv_column(csv, "name"));
    if (status == STATUS_OK)
        status = read_amounts(p->per_token, csv, row, "predicted.", "", err);
    if (status == STATUS_OK)
        status = read_amounts(p->of_twin, csv, row, "twin.ratio.", "", err);
    return status == STATUS_OK
               ? read_amounts(p->of_rival, csv, row, "rival.ratio.", "", err)
               : status;
}

static bool same(const struct amount *a, const struct amount *b)
{
    bool equal = true;

    for (int m = 0; m < PRICED_METRICS; m++)
        equal &= amount_known(a[m]) == amount_known(b[m]) &&
                 (!amount_known(a[m]) || a[m].value == b[m].value);
    return equal;
}

/* Join a layer to those of its point that cost as much. */
static void add_layer(struct prices *out, size_t first,
                      const struct priced_layers *layer)
{
    for (size_t i = first; i < out->n_layers; i++) {
        struct priced_layers *l = &out->layers[i];
        const size_t used = strlen(l->name);
        if (l->point != layer->point || !same(l->per_token, layer->per_token) ||
            !same(l->of_twin, layer->of_twin))
            continue;
        if (used + strlen(layer->name) + 3 < sizeof l->name)
            snprintf(l->name + used, sizeof l->name - used, ", %s", layer->name);
        else if (strcmp(l->name + used - strlen("…"), "…") != 0)
            memcpy(l->name + used - strlen("…"), "…", strlen("…"));
        return;
    }
    out->layers[out->n_layers++] = *layer;
}

/* Rows come in the order of the points; those of a point that is left out are
 * too. */
static enum status read_layers(struct prices *out, const struct run *run,
                               size_t first_point, const size_t *number,
                               struct error *err)
{
    struct csv csv = { 0 };
    const size_t first = out->n_layers;
    size_t point = first_point;
    enum status status = csv_open_in(&csv, run->path, "layers.csv", err);

    if (status == STATUS_OK && csv.n_rows > 0) {
        struct priced_layers *more = error_noted(realloc(
            out->layers, (first + csv.n_rows) * sizeof *more));
        if (more)
            out->layers = more;
        else
            status = error_set(err, STATUS_NO_MEMORY, "no memory for layers");
    }
    for (size_t r = 0; status == STATUS_OK && r < csv.n_rows; r++) {
        const size_t is = strtoul(csv_text(&csv, r, csv_column(&csv, "point")),
                                  NULL, 10);
        struct priced_layers layer = { .point = 0 };
        while (point < out->n && number[point - first_point] < is)
            point++;
        if (point == out->n || number[point - first_point] != is)
            continue;
        layer.point = point;
        snprintf(layer.name, sizeof layer.name, "%.40s",
                 csv_text(&csv, r, csv_column(&csv, "layer")));
        status = read_amounts(layer.per_token, &csv, r, "", "_per_token", err);
        if (status == STATUS_OK)
            status = read_amounts(layer.of_twin, &csv, r, "", "_of_twin", err);
        if (status == STATUS_OK)
            add_layer(out, first, &layer);
    }
    csv_close(&csv);
    return status;
}

static enum status read_sweep(struct prices *out, const struct run *run,
                              struct error *err)
{
    const struct csv *csv = &run->table;
    const int point = csv_column(csv, "point"), state = csv_column(csv,
                                                                   "status");
    const size_t first = out->n;
    enum status status = STATUS_OK;
    size_t *number = calloc(csv->n_rows + 1, sizeof *number);
    struct priced_point *more = error_noted(realloc(
        out->point, (first + csv->n_rows + 1) * sizeof *more));

    if (more)
        out->point = more;
    if (!number || !more) {
        free(number);
        error_set(err, STATUS_NO_MEMORY, "no memory for points");
        return STATUS_NO_MEMORY;
    }
    for (size_t r = 0; status == STATUS_OK && r < csv->n_rows; r++) {
        if (strcmp(csv_text(csv, r, state), "done") != 0)
            continue;
        number[out->n - first] = strtoul(csv_text(csv, r, point), NULL, 10);
        status = read_point(&out->point[out->n], csv, r, err);
        out->n++;
    }
    if (status == STATUS_OK)
        status = read_layers(out, run, first, number, err);
    free(number);
    return status;
}

enum status prices_open(struct prices *out, const struct run *runs, size_t n,
                        struct error *err)
{
    enum status status = STATUS_OK;

    *out = (struct prices){ .n = 0 };
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        const char *rival = jsonpath_text(runs[i].summary, "config.against");
        if (!is_priced(&runs[i]))
            continue;
        if (!out->run)
            snprintf(out->rival, sizeof out->rival, "%s",
                     rival ? rival : "another rival");
        if (!out->run)
            out->run = &runs[i];
        status = read_sweep(out, &runs[i], err);
    }
    return status;
}

void prices_close(struct prices *priced)
{
    free(priced->point);
    free(priced->layers);
    *priced = (struct prices){ .n = 0 };
}
