/* counter_meter.c - from brackets around ops to a measured ledger. */
#include "hwprof/counter_meter.h"

#include <math.h>
#include "sim/core/command.h"

/* The code between two ops of a layer takes tens of nanoseconds; half a
 * microsecond tells it from work that belongs to no op. */
static const double glue_seconds = 500e-9;
static const double poll_seconds = 10;
enum { EMPTY_BRACKETS = 101 };

/* cost - empty, no metric below 0. */
static void subtract(struct cost *cost, const struct cost *empty)
{
    for (int m = 0; m < METRIC_FIRST_REAL; m++)
        if (empty->from[m] != PROV_UNKNOWN)
            cost->count[m] -= cost->count[m] < empty->count[m]
                                  ? cost->count[m] : empty->count[m];
}

static void read_counters(struct counter_meter *m, struct cost *cost)
{
    enum status status = counter_read(m->session, cost, &m->error);

    if (status != STATUS_OK)
        m->status = status;
    m->last_seconds = clock_seconds();
}

static void counter_begin(struct meter *meter, const struct op_run *run)
{
    struct counter_meter *m = (struct counter_meter *)meter;
    struct cost between;

    (void)run;
    if (m->status == STATUS_OK &&
        clock_seconds() - m->last_seconds > m->glue_seconds)
        read_counters(m, &between);
}

static void counter_end(struct meter *meter, const struct op_run *run)
{
    struct counter_meter *m = (struct counter_meter *)meter;
    struct cost cost = { 0 };

    if (m->status != STATUS_OK)
        return;
    read_counters(m, &cost);
    if (m->status != STATUS_OK)
        return;
    subtract(&cost, &m->empty);
    m->n_regions++;
    m->status = ledger_charge(m->ledger, (struct ledger_key){
        run->pass, run->layer, m->token, run->op }, &cost);
    if (m->status != STATUS_OK)
        error_set(&m->error, m->status, "%s", status_text(m->status));
}

struct counter_meter counter_meter(struct counter_session *session,
                                   struct ledger *ledger, struct cost empty)
{
    return (struct counter_meter){
        .meter = { .begin = counter_begin, .end = counter_end },
        .session = session,
        .ledger = ledger,
        .empty = empty,
        .token = LEDGER_SHARED,
        .glue_seconds = glue_seconds,
        .last_seconds = -HUGE_VAL,
    };
}

static void time_begin(struct meter *meter, const struct op_run *run)
{
    struct time_meter *m = (struct time_meter *)meter;

    (void)run;
    m->started = clock_seconds();
}

static void time_end(struct meter *meter, const struct op_run *run)
{
    struct time_meter *m = (struct time_meter *)meter;
    double now = clock_seconds();
    double seconds = now - m->started - m->empty_seconds;
    struct cost cost = { 0 };

    cost_set_real(&cost, METRIC_SECONDS, seconds > 0 ? seconds : 0,
                  PROV_MEASURED);
    enum status status = ledger_charge(m->ledger, (struct ledger_key){
        run->pass, run->layer, m->token, run->op }, &cost);
    if (status != STATUS_OK && m->status == STATUS_OK)
        m->status = status;
    m->n_regions++;
    if (m->poll && now - m->polled > poll_seconds) {
        m->poll(m->poll_context);
        m->polled = now;
    }
}

/* The least of many: an interrupt only ever adds. */
static double empty_bracket(void)
{
    double least = HUGE_VAL;

    for (int i = 0; i < EMPTY_BRACKETS; i++) {
        double start = clock_seconds();
        least = fmin(least, clock_seconds() - start);
    }
    return least;
}

struct time_meter time_meter(struct ledger *ledger)
{
    return (struct time_meter){
        .meter = { .begin = time_begin, .end = time_end },
        .ledger = ledger,
        .empty_seconds = empty_bracket(),
        .token = LEDGER_SHARED,
        .polled = clock_seconds(),
    };
}
