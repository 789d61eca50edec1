/* energy_run.c - Take energy windows of known kernels, and leave out those that
 * something else disturbed. */
#include "hwprof/energy/energy_run.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sim/core/base/stats.h"

/* A sensor that fails this often in a row is no sensor. */
enum { FAILURES_MAX = 5, LEAST_FOR_OUTLIERS = 4 };

/* A window is out when its watts are this many (scaled) median deviations from
 * its kernel's, and this share of them: steady readings deviate by nothing. */
static const double most_deviations = 6, most_share = 0.05;

struct runner {
    const struct energy_run_options *o;
    struct energy_run *out;
    struct counter_session *session;
    int n_failures;              /* in a row */
};

static void reject(struct energy_run *run, int kernel, const char *reason)
{
    int i = 0;

    run->n_rejected++;
    while (i < run->n_reasons &&
           strncmp(run->rejection[i].reason, reason,
                   ENERGY_REASON_SIZE - 1) != 0)
        i++;
    if (i == ENERGY_REJECTION_MAX)
        i--;
    struct energy_rejection *r = &run->rejection[i];
    if (i == run->n_reasons) {
        run->n_reasons++;
        r->kernel = kernel;
        snprintf(r->reason, sizeof r->reason, "%.199s", reason);
    }
    r->n++;
}

static enum status open_session(struct runner *r, struct error *err)
{
    struct counter_options options = r->o->counter;

    options.metrics = counter_bit(METRIC_JOULES);
    counter_close(r->session);
    r->session = NULL;
    enum status status = counter_open(&r->session, r->o->backend
                                      ? r->o->backend : &counter_rapl,
                                      &options, err);
    if (status == STATUS_OK && !counter_sees(r->session, METRIC_JOULES))
        status = error_set(err, STATUS_UNAVAILABLE, "%s",
                           r->session->reason[METRIC_JOULES]);
    if (status == STATUS_OK)
        status = counter_start(r->session, err);
    return status;
}

static enum status take(struct runner *r, int kernel, struct energy_row *row,
                        struct error *err)
{
    struct cost cost;
    enum status status = counter_read(r->session, &cost, err);
    double started = energy_now(&r->o->clock);

    *row = (struct energy_row){ .kernel = kernel };
    if (status != STATUS_OK)
        return status;
    enum status ran = r->o->run(r->o->context, kernel, r->o->seconds,
                                row->amount, err);
    struct error why;
    status = counter_read(r->session, &cost, &why);
    double elapsed = energy_now(&r->o->clock) - started;

    if (status == STATUS_OK && ran != STATUS_OK)
        return ran;
    if (status != STATUS_OK)
        return error_set(err, status, "%s", why.text);
    row->amount[ENERGY_IDLE] = elapsed;
    row->joules = cost_get(&cost, METRIC_JOULES);
    if (elapsed < energy_least_seconds)
        return error_set(err, STATUS_UNAVAILABLE, "a window of less than "
                         "%.0f ms", 1e3 * energy_least_seconds);
    if (!(row->joules > 0))
        return error_set(err, STATUS_UNAVAILABLE, "the sensor stood still: "
                         "dead, which is not 0 J");
    return STATUS_OK;
}

/* One window into the rows or among the rejected. */
static enum status window(struct runner *r, int kernel, double *watts,
                          struct error *err)
{
    struct energy_run *out = r->out;
    struct energy_row row;
    struct error why = { 0 };

    *watts = (double)NAN;
    out->n_windows++;
    enum status status = take(r, kernel, &row, &why);
    if (status == STATUS_OK) {
        out->row[out->n_rows++] = row;
        *watts = row.joules / row.amount[ENERGY_IDLE];
        r->n_failures = 0;
        return STATUS_OK;
    }
    if (status != STATUS_UNAVAILABLE || r->o->counter.trace_path)
        return error_set(err, status, "%s", why.text);
    reject(out, kernel, why.text);
    if (++r->n_failures == FAILURES_MAX)
        return error_set(err, status, "%d windows in a row cannot be right, "
                         "the last: %.380s", FAILURES_MAX, why.text);
    /* A sensor that was caught wrong is not read again: begin anew. */
    return open_session(r, err);
}

static enum status rounds(struct runner *r, int n_windows, struct error *err)
{
    const struct energy_run_options *o = r->o;
    double watts;
    enum status status = window(r, o->kernels[0], &r->out->idle_before, err);

    for (int round = 0; round < o->n_rounds; round++)
        for (int k = 0; status == STATUS_OK && k < o->n_kernels; k++) {
            /* another one first in each round */
            status = window(r, o->kernels[(k + round) % o->n_kernels], &watts,
                            err);
            if (o->tell)
                o->tell(o->tell_context, r->out->n_windows, n_windows);
        }
    if (status == STATUS_OK)
        status = window(r, o->kernels[0], &r->out->idle_after, err);
    return status;
}

static double watts_of(const struct energy_row *row)
{
    return row->joules / row->amount[ENERGY_IDLE];
}

/* Tell how far from the median a kernel's windows may lie; HUGE_VAL: any. */
static double allowed(const struct energy_run *run, int kernel, double *value,
                      double *median)
{
    int n = 0;

    for (int i = 0; i < run->n_rows; i++)
        if (run->row[i].kernel == kernel)
            value[n++] = watts_of(&run->row[i]);
    if (n < LEAST_FOR_OUTLIERS)
        return HUGE_VAL;
    double deviation = stats_deviation(value, (size_t)n, median);
    /* 1.4826 median deviations are one standard deviation of a normal. */
    return fmax(most_deviations * 1.4826 * deviation, most_share * *median);
}

static void leave_out_strays(struct energy_run *run, int kernel, double *room)
{
    double median = 0, most = allowed(run, kernel, room, &median);
    int n = 0;

    for (int i = 0; i < run->n_rows; i++) {
        const struct energy_row *row = &run->row[i];
        if (row->kernel == kernel && fabs(watts_of(row) - median) > most)
            reject(run, kernel, "its watts are far from those of the other "
                   "windows of its kernel: something else ran");
        else
            run->row[n++] = *row;
    }
    run->n_rows = n;
}

enum status energy_run(struct energy_run *out,
                       const struct energy_run_options *o, struct error *err)
{
    struct runner runner = { .o = o, .out = out };
    int n_windows = o->n_rounds * o->n_kernels + 2;
    double started = energy_now(&o->clock), *room;

    *out = (struct energy_run){ .idle_before = (double)NAN,
                                .idle_after = (double)NAN };
    if (!(o->seconds >= energy_least_seconds) || o->n_rounds < 1 ||
        o->n_kernels < 1 || n_windows > 1 << 20)
        return error_set(err, STATUS_BAD_VALUE, "%d rounds of %d kernels, %g s "
                         "each: allowed are windows of at least %g s",
                         o->n_rounds, o->n_kernels, o->seconds,
                         energy_least_seconds);
    out->row = calloc((size_t)n_windows, sizeof *out->row);
    room = calloc((size_t)n_windows, sizeof *room);
    if (!out->row || !room) {
        free(room);
        return error_set(err, STATUS_NO_MEMORY, "no memory for %d windows",
                         n_windows);
    }
    enum status status = open_session(&runner, err);
    if (status == STATUS_OK) {
        memcpy(out->source, runner.session->source[METRIC_JOULES],
               sizeof out->source);
        status = rounds(&runner, n_windows, err);
    }
    for (int k = 0; status == STATUS_OK && k < o->n_kernels; k++)
        leave_out_strays(out, o->kernels[k], room);
    counter_close(runner.session);
    free(room);
    out->seconds = energy_now(&o->clock) - started;
    return status;
}

void energy_run_close(struct energy_run *run)
{
    free(run->row);
    run->row = NULL;
}
