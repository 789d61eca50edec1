/* import_work.c - What the calls of an imported trace come to: work from their
 * shapes, and the roofline of a machine. */
#include "hwprof/commands/import_job.h"

#include <math.h>
#include "sim/price/roofline.h"

enum precision import_precision(const struct torch_call *call)
{
    return call->work.format == CHROME_NONE
               ? PRECISION_FP32 : (enum precision)call->work.format;
}

enum work import_work(const struct import_job *job,
                      const struct torch_call *call)
{
    /* Of more rows a queued machine's products go by their flops, however few they
     * are: its many cores share the columns. */
    return flops_work(call->op, call->pass, job->trace.decodes,
                      call->form == TORCH_PRODUCT && call->work.rows <= 1);
}

static struct flops_size size_of(const struct torch_call *call)
{
    return (struct flops_size){ .flops = call->work.flops,
                                .rows = call->work.rows,
                                .sequences = call->work.sequences };
}

double import_size(const struct import_job *job, const struct torch_call *call)
{
    const struct flops_size size = size_of(call);
    return flops_size_of(import_work(job, call), &size);
}

/* All that is touched between two uses of a weight. */
static double footprint(const struct torch_trace *t)
{
    double bytes = 0;

    for (size_t i = 0; i < t->n_calls; i++)
        bytes += isnan(t->call[i].work.bytes) ? 0 : t->call[i].work.bytes;
    return bytes / (t->passes > 0 ? (double)t->passes : 1);
}

/* Weights are stale, what comes from the op before is fresh. */
static void predict_call(struct import_cell *cell, const struct import_job *job,
                         const struct torch_call *call, double footprint_bytes)
{
    const struct torch_work *w = &call->work;
    const enum precision p = import_precision(call);
    const struct rates rates = rates_of(job->machine, p);
    const double weights = fmin(w->bytes, w->in * w->out *
                                          precision_bits[p] / 8);
    const struct flops_size size = size_of(call);
    const struct roofline_load load = {
        .work = import_work(job, call), .flops = w->flops,
        .share = machine_efficiency(job->machine, import_work(job, call), &size),
        .fresh_bytes = w->bytes - weights, .stale_bytes = weights,
        .footprint_bytes = footprint_bytes,
    };
    struct roofline_total total = { cell->predicted_seconds,
                                    cell->predicted_joules };

    roofline_add(&total, &load, 1, &rates, 1, true);
    cell->predicted_seconds = total.seconds;
    cell->predicted_joules = total.joules;
}

static void add(struct import_cell *cell, const struct import_job *job,
                const struct torch_call *call, double footprint_bytes)
{
    cell->calls++;
    cell->seconds += call->seconds;
    cell->flops += call->work.flops;
    cell->bytes += call->work.bytes;
    if (job->machine && !isnan(call->work.flops) && !isnan(call->work.bytes))
        predict_call(cell, job, call, footprint_bytes);
    else
        cell->predicted_seconds = cell->predicted_joules = (double)NAN;
}

double import_per(double amount, double by)
{
    return by > 0 ? amount / by : (double)NAN;
}

const char *import_phase_name(const struct torch_trace *t)
{
    return t->trains ? "train step" : t->decodes ? "decode step" : "prefill";
}

void import_add_up(struct import_job *job)
{
    const double held = footprint(&job->trace);

    for (size_t i = 0; i < job->trace.n_calls; i++) {
        const struct torch_call *call = &job->trace.call[i];
        add(&job->cell[call->pass][call->op], job, call, held);
        add(&job->total, job, call, held);
    }
}
