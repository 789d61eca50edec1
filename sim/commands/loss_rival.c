/* loss_rival.c - Read a loss off one parabola and a size off the other. */
#include "sim/commands/loss_rival.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reports/read/csv.h"
#include "reports/read/parabola.h"

enum { SIZES_MAX = 256 };
static const double same_size = 0.01, same_capacity = 0.005;

/* The best loss of each size. */
struct sizes {
    double flops[SIZES_MAX], loss[SIZES_MAX];
    size_t n;
};

static void add_size(struct sizes *s, double flops, double loss)
{
    for (size_t i = 0; i < s->n; i++)
        if (fabs(flops / s->flops[i] - 1) < same_size) {
            if (loss < s->loss[i]) {
                s->flops[i] = flops;
                s->loss[i] = loss;
            }
            return;
        }
    if (s->n == SIZES_MAX)
        return;
    s->flops[s->n] = flops;
    s->loss[s->n++] = loss;
}

/* Rows of a kind: "dense", or "MoD" of that capacity. */
static enum status read_sizes(struct sizes *out, const struct csv *csv,
                              const char *kind, double capacity,
                              struct error *err)
{
    double flops, loss, own;
    const struct csv_number numbers[] = {
        { "flops_forward_per_token", &flops }, { "loss_causal", &loss },
        { "capacity", &own } };

    out->n = 0;
    for (size_t r = 0; r < csv->n_rows; r++) {
        enum status status = csv_reals(csv, r, numbers,
                                       sizeof numbers / sizeof *numbers, err);
        if (status != STATUS_OK)
            return status;
        if (strcmp(csv_text(csv, r, csv_column(csv, "kind")), kind) == 0 &&
            fabs(own - capacity) < same_capacity && flops > 0 && loss > 0)
            add_size(out, flops, loss);
    }
    return STATUS_OK;
}

static enum status fit(struct parabola *out, const struct sizes *s,
                       const char *what, struct error *err)
{
    *out = parabola_fit(s->flops, s->loss, s->n);
    if (!isfinite(out->size) || !(out->bend > 0))
        return error_set(err, STATUS_BAD_VALUE, "its %zu sizes of %s models have"
                         " no lowest point: allowed are studies of three and"
                         " more around one", s->n, what);
    return STATUS_OK;
}

static enum status check_range(const struct parabola *p, double flops,
                               const char *what, struct error *err)
{
    if (flops >= p->first && flops <= p->last)
        return STATUS_OK;
    return error_set(err, STATUS_BAD_VALUE, "%s takes %.4g FLOPs a token:"
                     " allowed is what was trained, %.4g to %.4g", what, flops,
                     p->first, p->last);
}

static enum status solve(struct rival *out, const struct csv *csv,
                         const struct model_spec *spec, double capacity,
                         struct error *err)
{
    struct sizes dense, routed;
    struct parabola d, m;
    double flops = 0;
    enum status status;

    if ((status = read_sizes(&dense, csv, "dense", 1, err)) ||
        (status = read_sizes(&routed, csv, "MoD", capacity, err)) ||
        (status = fit(&d, &dense, "dense", err)) ||
        (status = fit(&m, &routed, "routed", err)) ||
        (status = rival_forward_flops(&flops, spec, spec->max_tokens, err)))
        return status;
    flops /= spec->max_tokens;
    if ((status = check_range(&m, flops, "the model", err)))
        return status;
    const double off = log(flops / m.size);
    const double loss = m.loss + m.bend * off * off;
    if (loss < d.loss)
        return error_set(err, STATUS_BAD_VALUE, "no dense model of its budget is"
                         " as good: the best comes to %.4f, the model to %.4f",
                         d.loss, loss);
    const double equal = d.size * exp(-sqrt((loss - d.loss) / d.bend));
    if ((status = check_range(&d, equal, "its dense equal", err)) ||
        (status = rival_make_flops(out, spec, equal, spec->max_tokens, err)))
        return status;
    snprintf(out->name, sizeof out->name, "equal-loss dense");
    snprintf(out->about, sizeof out->about, "the dense model of equal loss,"
             " %.4f by the study: %.4g layers", loss, out->layers);
    return STATUS_OK;
}

/* Of all routed layers; NAN: they differ, or there are none. */
static double capacity_of(const struct model_spec *spec)
{
    double capacity = nan("");

    for (int32_t l = 0; l < spec->n_layers; l++) {
        if (!spec->routed[l])
            continue;
        if (!isnan(capacity) &&
            fabs(spec->capacity[l] - capacity) >= same_capacity)
            return nan("");
        capacity = spec->capacity[l];
    }
    return capacity;
}

enum status loss_rival_make(struct rival *out, const char *study,
                            const struct model_spec *spec, struct error *err)
{
    const double capacity = capacity_of(spec);
    char path[FILE_PATH_SIZE];
    struct error why;
    struct csv csv = { .n_rows = 0 };
    enum status status = file_join(path, study, "settings.csv", &why);

    if (status == STATUS_OK)
        status = csv_open(&csv, path, &why);
    if (status == STATUS_OK && isnan(capacity)) {
        status = STATUS_BAD_VALUE;
        error_set(&why, status, "the model routes no layer, or its layers at"
                  " several capacities: allowed is one for all");
    } else if (status == STATUS_OK) {
        status = solve(out, &csv, spec, capacity, &why);
    }
    csv_close(&csv);
    if (status != STATUS_OK)
        error_set(err, status, "--against-loss %.200s: %s", study, why.text);
    return status;
}
