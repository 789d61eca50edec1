/* measure_energy.c - Measure the joules of whole repeats, take the idle
 * baseline, and share them out to ops. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include "hwprof/energy/energy_share.h"
#include "hwprof/measure/measure_inside.h"

static const double most_pauses_seconds = 10;

/* Energy that fails does not take the time with it. */
static void give_up(struct measure *m, const char *what,
                    const struct error *why)
{
    m->row[METRIC_JOULES].qualified = false;
    snprintf(m->row[METRIC_JOULES].reason, COUNTER_REASON_SIZE, "%s: %.360s",
             what, why->text);
}

/* A baseline that could not be taken again says nothing of the time between:
 * then there is none. */
void energy_add_idle(struct measure *m)
{
    struct error why = { 0 };

    if (!m->row[METRIC_JOULES].qualified || !(m->options.idle_seconds > 0))
        return;
    enum status status = counter_start(m->energy, &why);
    if (status == STATUS_OK)
        status = energy_idle_add(&m->idle, m->energy, &m->options.clock,
                                 m->options.idle_seconds, &why);
    if (status == STATUS_OK)
        return;
    m->idle = (struct energy_idle){ 0 };
    snprintf(m->idle.reason, sizeof m->idle.reason, "%.190s", why.text);
}

void energy_open_window(struct measure *m)
{
    struct error why;

    if (!m->row[METRIC_JOULES].qualified)
        return;
    if (counter_start(m->energy, &why) != STATUS_OK)
        give_up(m, "while measuring", &why);
    double now = energy_now(&m->options.clock);
    if (m->window.times > 0)
        m->window.paused += now - m->window.at;
    m->window.open = true;
    m->window.at = now;
}

void energy_poll(void *context)
{
    struct measure *m = context;
    struct cost cost;
    struct error why;

    if (!m->row[METRIC_JOULES].qualified)
        return;
    if (counter_read(m->energy, &cost, &why) == STATUS_OK)
        m->window.joules += cost_get(&cost, METRIC_JOULES);
    else
        give_up(m, "while measuring", &why);
}

void energy_close_window(struct measure *m)
{
    if (!m->window.open)
        return;
    energy_poll(m);
    double now = energy_now(&m->options.clock);
    m->window.seconds += now - m->window.at;
    m->window.at = now;
    m->window.times++;
    m->window.open = false;
}

/* Preparation may take far longer than the work: decoding has a prefill. */
bool energy_wants_more(struct measure *m)
{
    const struct energy_window *w = &m->window;
    const double times = (double)w->times;
    /* a hair more, so that rounding does not fall below it */
    int64_t repeats = energy_repeats(w->seconds / times,
                                     1.01 * energy_least_seconds);
    double pauses = w->times > 1 ? w->paused / (times - 1) *
                                   ((double)repeats - 1) : 0;
    struct error why;

    if (w->times >= repeats)
        return false;
    if (pauses <= most_pauses_seconds)
        return true;
    error_set(&why, STATUS_UNAVAILABLE, "%" PRId64 " times in a repeat, and "
              "what comes before it each time, %.0f s: allowed are %.0f s; "
              "give it more tokens or steps", repeats, pauses,
              most_pauses_seconds);
    give_up(m, "the work is too short for a sensor", &why);
    return false;
}

/* The mean over the repeats that count, if each was long enough for a sensor to
 * see. */
void energy_settle(struct measure *m)
{
    const struct measured_pass *p = &m->pass[PASS_TIME];
    struct measure_row *row = &m->row[METRIC_JOULES];
    struct measure_range range = { 0, HUGE_VAL, 0, 0, load_is_busy(m, p)
                                   ? PROV_BUSY : PROV_MEASURED };
    double shortest = HUGE_VAL, seconds = 0;

    if (!row->qualified)
        return;
    for (int r = 0; r < p->n_accepted; r++) {
        if (!load_counts(m, p, r))
            continue;
        range.n++;
        range.median += p->joules[r];
        range.low = fmin(range.low, p->joules[r]);
        range.high = fmax(range.high, p->joules[r]);
        shortest = fmin(shortest, p->window[r]);
        seconds += p->window[r] / (double)p->times[r];
    }
    range.median /= range.n ? range.n : 1;
    m->energy_seconds = seconds / (range.n ? range.n : 1);
    if (range.n && shortest < energy_least_seconds) {
        row->qualified = false;
        snprintf(row->reason, sizeof row->reason,
                 "a repeat took %.0f ms: sensors post about every millisecond "
                 "and need %.0f ms; give it more tokens", 1e3 * shortest,
                 1e3 * energy_least_seconds);
        return;
    }
    if (range.n && !(range.low > 0)) {
        row->qualified = false;
        snprintf(row->reason, sizeof row->reason, "the sensor stood still for "
                 "a repeat of %.0f ms: dead, which is not 0 J",
                 1e3 * shortest);
        return;
    }
    row->total = range;
}

void energy_file(struct measure *m, struct ledger *ledger,
                 const struct ledger *model)
{
    const struct measure_row *row = &m->row[METRIC_JOULES];
    struct error why = { 0 };

    if (!row->qualified || row->total.n == 0)
        return;
    m->shared_by = METRIC_JOULES;
    enum status status = !model ? STATUS_UNAVAILABLE
        : energy_apportion_ledger(ledger, model, METRIC_JOULES,
                                  row->total.median, &why);
    if (status != STATUS_OK) {
        m->shared_by = METRIC_SECONDS;
        status = energy_apportion_ledger(ledger, ledger, METRIC_SECONDS,
                                         row->total.median, &why);
    }
    if (status == STATUS_OK)
        return;
    m->row[METRIC_JOULES].total = (struct measure_range){ 0 };
    give_up(m, "sharing out", &why);
}

struct measure_energy measure_energy(const struct measure *m)
{
    const struct measured_pass *p = &m->pass[PASS_TIME];
    const struct measure_row *row = &m->row[METRIC_JOULES];
    struct measure_energy e = { .joules = (double)NAN,
        .low = (double)NAN, .high = (double)NAN, .seconds = (double)NAN,
        .shared_by = m->shared_by, .idle = &m->idle };

    if (row->total.n == 0)
        return e;
    e.joules = row->total.median;
    e.low = row->total.low;
    e.high = row->total.high;
    e.seconds = m->energy_seconds;
    for (int r = 0; r < p->n_accepted; r++)
        if (load_counts(m, p, r) && (!e.times || p->times[r] < e.times))
            e.times = p->times[r];
    return e;
}
