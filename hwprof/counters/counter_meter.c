/* counter_meter.c - File what clocks and counters say around each op. */
#include "hwprof/counters/counter_meter.h"

#include <math.h>
#include <stdio.h>
#include "sim/core/base/clock.h"
#include "sim/core/base/stats.h"

/* The code between two ops of a layer takes tens of nanoseconds; half a
 * microsecond tells it from work that belongs to no op. */
static const int64_t glue_nanoseconds = 500;
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
    m->last_nanoseconds = clock_nanoseconds();
}

static void tell_op(struct counter_session *session,
                    const struct ledger_key *key)
{
    char label[64], layer[16] = "outside";

    if (!session->backend->note)         /* what is written here is counted */
        return;
    if (key->layer >= 0)
        snprintf(layer, sizeof layer, "%d", key->layer);
    snprintf(label, sizeof label, "%s/%s/%s", pass_names[key->pass], layer,
             op_table[key->op].name);
    counter_tell(session, (struct counter_note){ .label = label });
}

static void counter_begin(struct meter *meter, const struct op_run *run)
{
    struct counter_meter *m = (struct counter_meter *)meter;
    struct cost between;

    (void)run;
    if (m->status == STATUS_OK &&
        clock_nanoseconds() - m->last_nanoseconds > m->glue_nanoseconds)
        read_counters(m, &between);
}

static void counter_end(struct meter *meter, const struct op_run *run)
{
    struct counter_meter *m = (struct counter_meter *)meter;
    struct ledger_key key = { run->pass, run->layer, LEDGER_SHARED, run->op };
    struct cost cost = { 0 };

    if (m->status != STATUS_OK)
        return;
    if (m->session->backend->note)
        tell_op(m->session, &key);
    read_counters(m, &cost);
    if (m->status != STATUS_OK)
        return;
    subtract(&cost, &m->empty);
    if (m->mix && m->session->mix)
        flop_mix_add(&m->mix[run->pass][run->op], m->session->mix);
    m->n_regions++;
    m->status = ledger_charge(m->ledger, key, &cost);
    key.token = m->token;
    if (m->status == STATUS_OK && m->tokens)
        m->status = ledger_charge(m->tokens, key, &cost);
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
        .glue_nanoseconds = glue_nanoseconds,
        .last_nanoseconds = -glue_nanoseconds - 1,
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

    struct ledger_key key = { run->pass, run->layer, LEDGER_SHARED, run->op };

    cost_set_real(&cost, METRIC_SECONDS, seconds > 0 ? seconds : 0,
                  PROV_MEASURED);
    enum status status = ledger_charge(m->ledger, key, &cost);
    region_count_add(m->regions, key);
    if (status != STATUS_OK && m->status == STATUS_OK)
        m->status = status;
    m->n_regions++;
    if (m->poll && now - m->polled > poll_seconds) {
        m->poll(m->poll_context);
        m->polled = now;
    }
}

/* The least of many: an interrupt only ever adds.  *bar: how far nine in ten
 * lie from it. */
static double empty_bracket(double *bar)
{
    double seconds[EMPTY_BRACKETS];

    for (int i = 0; i < EMPTY_BRACKETS; i++) {
        double start = clock_seconds();
        seconds[i] = clock_seconds() - start;
    }
    *bar = stats_quantile(seconds, EMPTY_BRACKETS, 0.9) - seconds[0];
    return seconds[0];
}

struct time_meter time_meter(struct ledger *ledger)
{
    double bar, empty = empty_bracket(&bar);

    return (struct time_meter){
        .meter = { .begin = time_begin, .end = time_end },
        .ledger = ledger,
        .empty_seconds = empty,
        .bar_seconds = bar,
        .polled = clock_seconds(),
    };
}
