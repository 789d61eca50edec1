/* replay.c - Read which layers a run routed, and how much each kept. */
#include "sim/core/model/replay.h"

#include "sim/core/model/text_trace.h"
#include "sim/core/model/trace.h"

/* The capacity of a layer that kept nothing. */
#define REPLAY_LEAST 1e-6

/* NAN: the layer is dense. */
static void set_layer(struct model_spec *spec, int32_t layer, double share)
{
    spec->routed[layer] = share >= 0;
    if (spec->routed[layer])
        spec->capacity[layer] = share > REPLAY_LEAST ? share : REPLAY_LEAST;
}

static enum status settle_text(struct model_spec *spec, const char *path,
                               struct error *err)
{
    struct text_trace *trace = NULL;
    enum status status = text_trace_read(&trace, path, err);

    if (status != STATUS_OK)
        return status;
    for (int32_t l = 0; l < spec->n_layers; l++)
        set_layer(spec, l, text_trace_share(trace, l));
    status = text_trace_check(trace, spec, err);
    text_trace_close(trace);
    return status;
}

static enum status settle_run(struct model_spec *spec, const char *path,
                              struct error *err)
{
    struct trace *trace = NULL;
    enum status status = trace_read(&trace, path, err);

    if (status != STATUS_OK)
        return status;
    const int32_t last = trace_last_layer(trace);
    for (int32_t l = 0; l < spec->n_layers; l++)
        set_layer(spec, l, trace_share(trace, l));
    if (last < spec->n_layers)
        status = trace_check(trace, spec, err);
    trace_close(trace);
    if (last < spec->n_layers)
        return status;
    error_set(err, STATUS_BAD_VALUE, "%.160s: it routes layer %d; this model"
              " has layers 0 to %d", path, last, spec->n_layers - 1);
    return STATUS_BAD_VALUE;
}

enum status replay_settle(struct model_spec *spec, const char *path,
                          struct error *err)
{
    return text_trace_is(path) ? settle_text(spec, path, err)
                               : settle_run(spec, path, err);
}
