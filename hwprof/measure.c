/* measure.c - groups of events into passes, passes into one ledger. */
#include "hwprof/measure.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hwprof/counter_meter.h"
#include "hwprof/event_table.h"
#include "sim/core/command.h"

enum { PASS_TIME = 0, PASSES_MAX = 1 + METRIC_FIRST_REAL,
       DEFAULT_REPEATS = 5, PASS_NAME_SIZE = 96 };

/* RAPL posts about every millisecond, without a time stamp: a window this long
 * is known to about 2 % (Khan et al., RAPL in Action, TOMPECS 3(2), 2018). */
static const double least_energy_seconds = 0.1;

struct measured_pass {
    char     name[PASS_NAME_SIZE];
    uint32_t metrics;
    const struct counter_backend *backend;
    struct calibration_set set;
    int      n_accepted, n_failed;
    struct ledger *repeat[MEASURE_REPEAT_MAX];     /* [n_accepted] */
    double   seconds[MEASURE_REPEAT_MAX];          /* whole repeats */
    double   joules[MEASURE_REPEAT_MAX];           /* time pass */
    char     failure[COUNTER_REASON_SIZE];         /* of the last rejected */
};

struct measure {
    struct measure_options options;
    struct cpu_topology topology;
    struct event_table  table;
    char   table_note[COUNTER_REASON_SIZE];        /* path, or why none */
    bool   has_table;
    int    n_passes;
    struct measured_pass pass[PASSES_MAX];
    struct measure_row   row[METRIC_COUNT];

    int    now;                                    /* pass that runs; -1 */
    double started;
    struct ledger *ledger;                         /* being filled */
    struct counter_session *session;               /* of the running pass */
    struct counter_meter counter;
    struct time_meter    time;

    struct counter_session *energy;
    double energy_joules;                          /* this repeat so far */
    struct counter_session *marker;                /* LIKWID; may be NULL */
};

static struct counter_options session_options(const struct measure *m,
                                              uint32_t metrics)
{
    return (struct counter_options){
        .sysfs_root = m->options.sysfs_root,
        .proc_root = m->options.proc_root,
        .trace_path = m->options.trace_path,
        .events = m->has_table ? &m->table : NULL,
        .metrics = metrics,
        .busy = m->options.busy,
        .busy_context = m->options.busy_context,
    };
}

static bool wants(const struct measure *m, enum metric metric)
{
    return (m->options.metrics & counter_bit(metric)) != 0;
}

/* The kernel ran, and the counter was wrong: another try may be right. */
static bool is_worth_a_retry(const struct calibration_set *set)
{
    for (int m = 0; m < METRIC_COUNT; m++)
        if (!set->metric[m].qualified && set->metric[m].expected > 0)
            return true;
    return false;
}

/* Open `metrics` on a back end and calibrate; the session is closed again.
 * *seen: metrics the back end sees.  Fails for want of memory or for a bad
 * trace; everything else is a reason in *set. */
static enum status qualify(const struct measure *m,
                           const struct counter_backend *backend,
                           uint32_t metrics, struct calibration_set *set,
                           uint32_t *seen, struct measure_row *row,
                           struct error *err)
{
    struct counter_options options = session_options(m, metrics);
    enum status status = STATUS_UNAVAILABLE;
    struct error why = { 0 };

    for (int attempt = 0; attempt <= MEASURE_RETRIES; attempt++) {
        struct counter_session *session = NULL;
        enum status opened = counter_open(&session, backend, &options, err);
        if (opened != STATUS_OK)
            return opened;
        *seen = counter_seen(session);
        for (int i = 0; i < METRIC_COUNT; i++)
            if (metrics & counter_bit((enum metric)i)) {
                memcpy(row[i].source, session->source[i],
                       sizeof row[i].source);
                memcpy(row[i].reason, session->reason[i],
                       sizeof row[i].reason);
            }
        status = *seen ? counter_start(session, &why) : STATUS_OK;
        if (*seen && status == STATUS_OK)
            status = calibrate_session(set, session, &m->topology, &why);
        counter_close(session);
        if (!*seen || (status == STATUS_OK && !is_worth_a_retry(set)))
            break;
    }
    for (int i = 0; status != STATUS_OK && i < METRIC_COUNT; i++) {
        set->metric[i].qualified = false;
        snprintf(set->metric[i].reason, COUNTER_REASON_SIZE,
                 "rejected %d times: %.300s", MEASURE_RETRIES + 1, why.text);
    }
    return status == STATUS_NO_MEMORY ? error_set(err, status, "%s", why.text)
                                      : STATUS_OK;
}

static void describe(struct measure_row *row, const struct calibration_set *set,
                     const struct counter_backend *backend)
{
    const struct calibration *c = &set->metric[row->metric];

    row->backend = backend->name;
    row->qualified = c->qualified;
    row->kernel = c->kernel;
    row->error = c->error;
    row->spread = c->spread;
    row->read_seconds = set->read_seconds;
    row->resolution = 100 * c->empty;
    memcpy(row->reason, c->reason, sizeof row->reason);
}

static void add_pass(struct measure *m, uint32_t metrics,
                     const struct counter_backend *backend,
                     const struct calibration_set *set)
{
    struct measured_pass *pass = &m->pass[m->n_passes++];
    size_t used = 0;

    pass->metrics = metrics;
    pass->backend = backend;
    pass->set = *set;
    for (int i = 0; i < METRIC_COUNT; i++)
        if (metrics & counter_bit((enum metric)i))
            used += (size_t)snprintf(pass->name + used,
                                     PASS_NAME_SIZE - used, "%s%s",
                                     used ? " " : "", metric_table[i].column);
}

/* A group on the first back end that sees any of it. */
static enum status plan_group(struct measure *m, uint32_t metrics,
                              const struct counter_backend *const *backends,
                              struct error *err)
{
    struct calibration_set set = { 0 };
    struct measure_row row[METRIC_COUNT] = { 0 };
    uint32_t seen = 0, qualified = 0;
    enum status status = STATUS_OK;
    int b = 0;

    for (; backends[b] && !seen && status == STATUS_OK; b++) {
        status = qualify(m, backends[b], metrics, &set, &seen, row, err);
        for (int i = 0; status == STATUS_OK && i < METRIC_COUNT; i++)
            if ((metrics & counter_bit((enum metric)i)) && (b == 0 || seen)) {
                memcpy(m->row[i].reason, row[i].reason,
                       sizeof row[i].reason);
                memcpy(m->row[i].source, row[i].source,
                       sizeof row[i].source);
            }
    }
    if (status != STATUS_OK || !seen)
        return status;
    for (int i = 0; i < METRIC_COUNT; i++) {
        if (!(seen & counter_bit((enum metric)i)))
            continue;
        describe(&m->row[i], &set, backends[b - 1]);
        if (m->row[i].qualified)
            qualified |= counter_bit((enum metric)i);
    }
    if (qualified)
        add_pass(m, qualified, backends[b - 1], &set);
    return STATUS_OK;
}

/* What no counter anywhere can know, and what is the clock's. */
static void plan_time(struct measure *m)
{
    m->pass[PASS_TIME] = (struct measured_pass){ .name = "time" };
    m->n_passes = 1;
    for (int i = 0; i < METRIC_COUNT; i++)
        m->row[i].metric = (enum metric)i;
    snprintf(m->row[METRIC_BYTES].reason, COUNTER_REASON_SIZE,
             "operand bytes are a property of the algorithm; hardware counts "
             "l2_bytes, l3_bytes and dram_bytes");
    struct time_meter clock = time_meter(NULL);
    m->row[METRIC_SECONDS].backend = "clock";
    m->row[METRIC_SECONDS].qualified = true;
    m->row[METRIC_SECONDS].read_seconds = clock.empty_seconds;
    m->row[METRIC_SECONDS].resolution = 100 * clock.empty_seconds;
    snprintf(m->row[METRIC_SECONDS].source, COUNTER_SOURCE_SIZE,
             "CLOCK_MONOTONIC");
}

static enum status plan_counts(struct measure *m, struct error *err)
{
    const struct counter_backend *backends[3] = { m->options.backend };
    uint32_t group[METRIC_FIRST_REAL];
    enum status status = STATUS_OK;
    int n = 0;

    if (!backends[0]) {
        backends[0] = counter_find("perf");
        backends[1] = counter_find("papi");
    }
    for (int i = 0; i < METRIC_FIRST_REAL; i++) {
        struct measure_row *row = &m->row[i];
        if (row->reason[0])
            continue;
        if (!wants(m, (enum metric)i))
            snprintf(row->reason, sizeof row->reason, "not asked for");
        else if (!m->has_table)
            memcpy(row->reason, m->table_note, sizeof row->reason);
        else if (m->table.row[i].n_events == 0)
            snprintf(row->reason, sizeof row->reason, "%s",
                     m->table.row[i].missing[0] ? m->table.row[i].missing
                     : "the event table of this CPU has no row for it");
    }
    if (m->options.backend && !m->has_table) {   /* it brings its own events */
        group[n++] = m->options.metrics & ~counter_bit(METRIC_BYTES) &
                     (counter_bit(METRIC_SECONDS) - 1);
    } else if (m->has_table) {
        n = event_table_groups(&m->table, m->options.metrics, group);
    }
    for (int g = 0; g < n && status == STATUS_OK; g++)
        status = plan_group(m, group[g], backends, err);
    return status;
}

static enum status plan_energy(struct measure *m, struct error *err)
{
    struct measure_row *row = &m->row[METRIC_JOULES];
    struct counter_options options =
        session_options(m, counter_bit(METRIC_JOULES));

    if (!wants(m, METRIC_JOULES)) {
        snprintf(row->reason, sizeof row->reason, "not asked for");
        return STATUS_OK;
    }
    enum status status = counter_open(&m->energy, &counter_rapl, &options, err);
    if (status != STATUS_OK)
        return status;
    row->qualified = counter_sees(m->energy, METRIC_JOULES);
    row->backend = row->qualified ? counter_rapl.name : NULL;
    memcpy(row->source, m->energy->source[METRIC_JOULES], sizeof row->source);
    memcpy(row->reason, m->energy->reason[METRIC_JOULES], sizeof row->reason);
    return STATUS_OK;
}

static enum status find_table(struct measure *m, struct error *err)
{
    struct error why = { 0 };

    if (m->options.backend == &counter_replay)
        return STATUS_OK;                /* the recorded run brings its own */
    enum status status = event_table_find(&m->table, m->options.configs,
                                          m->topology.id, &why);
    m->has_table = status == STATUS_OK;
    snprintf(m->table_note, sizeof m->table_note, "%s",
             m->has_table ? m->table.path : why.text);
    if (status == STATUS_OK || status == STATUS_UNAVAILABLE)
        return STATUS_OK;
    return error_set(err, status, "%s", why.text);
}

static enum status plan(struct measure *m, struct error *err)
{
    const struct counter_backend *likwid = counter_find("likwid");
    struct counter_options marker = session_options(m, 0);
    enum status status = cpu_topology_read(&m->topology, m->options.sysfs_root,
                                           m->options.proc_root, err);
    if (status == STATUS_OK)
        status = find_table(m, err);
    if (status != STATUS_OK)
        return status;
    plan_time(m);
    status = plan_counts(m, err);
    if (status == STATUS_OK)
        status = plan_energy(m, err);
    if (status == STATUS_OK && likwid)
        status = counter_open(&m->marker, likwid, &marker, err);
    return status;
}

enum status measure_open(struct measure **out,
                         const struct measure_options *options,
                         struct error *err)
{
    struct measure *m = calloc(1, sizeof *m);

    if (!m)
        return error_set(err, STATUS_NO_MEMORY, "no memory to measure with");
    m->options = *options;
    m->now = -1;
    if (m->options.metrics == 0)
        m->options.metrics = (1u << METRIC_COUNT) - 1;
    if (m->options.n_repeats <= 0)
        m->options.n_repeats = DEFAULT_REPEATS;
    if (m->options.n_repeats > MEASURE_REPEAT_MAX)
        m->options.n_repeats = MEASURE_REPEAT_MAX;
    enum status status = plan(m, err);
    if (status != STATUS_OK) {
        measure_close(m);
        return status;
    }
    *out = m;
    return STATUS_OK;
}

void measure_close(struct measure *m)
{
    if (!m)
        return;
    for (int p = 0; p < m->n_passes; p++)
        for (int r = 0; r < m->pass[p].n_accepted; r++)
            ledger_close(m->pass[p].repeat[r]);
    ledger_close(m->ledger);
    counter_close(m->session);
    counter_close(m->energy);
    counter_close(m->marker);
    free(m);
}

int measure_n_passes(const struct measure *m)
{
    return m->n_passes;
}

const char *measure_pass_name(const struct measure *m, int pass)
{
    return m->pass[pass].name;
}

int measure_next(const struct measure *m)
{
    int next = -1, least = 0;

    for (int p = 0; p < m->n_passes; p++) {
        const struct measured_pass *pass = &m->pass[p];
        int tries = pass->n_accepted + pass->n_failed;
        if (pass->n_accepted < m->options.n_repeats &&
            pass->n_failed <= MEASURE_RETRIES && (next < 0 || tries < least)) {
            next = p;
            least = tries;
        }
    }
    return next;
}

/* Take the repeat that was running out of the record. */
static enum status reject(struct measure *m, int pass, const struct error *why,
                          struct error *err)
{
    struct measured_pass *p = &m->pass[pass];

    p->n_failed++;
    snprintf(p->failure, sizeof p->failure, "%.380s", why->text);
    counter_close(m->session);
    ledger_close(m->ledger);
    m->session = NULL;
    m->ledger = NULL;
    m->now = -1;
    return error_set(err, why->status, "%s pass: %s", p->name, why->text);
}

/* Joules since the last call go to this repeat; a sensor that fails takes the
 * energy with it, not the time. */
static void poll_energy(void *context)
{
    struct measure *m = context;
    struct cost cost;
    struct error why;

    if (!m->row[METRIC_JOULES].qualified)
        return;
    if (counter_read(m->energy, &cost, &why) == STATUS_OK) {
        m->energy_joules += cost_get(&cost, METRIC_JOULES);
        return;
    }
    m->row[METRIC_JOULES].qualified = false;
    snprintf(m->row[METRIC_JOULES].reason, COUNTER_REASON_SIZE,
             "while measuring: %.360s", why.text);
}

static enum status begin_time(struct measure *m, struct error *err)
{
    enum status status = m->marker ? counter_start(m->marker, err) : STATUS_OK;

    m->time = time_meter(m->ledger);
    m->time.poll = poll_energy;
    m->time.poll_context = m;
    poll_energy(m);
    m->energy_joules = 0;
    return status;
}

/* A new session, trusted right now. */
static enum status begin_counts(struct measure *m, struct measured_pass *pass,
                                struct error *err)
{
    struct counter_options options = session_options(m, pass->metrics);
    struct cost empty = { 0 };
    enum status status = STATUS_UNAVAILABLE;

    for (int i = 0; i < METRIC_FIRST_REAL; i++)
        if (pass->metrics & counter_bit((enum metric)i))
            cost_set_count(&empty, (enum metric)i,
                           (uint64_t)pass->set.metric[i].empty, PROV_MEASURED);
    for (int attempt = 0; status == STATUS_UNAVAILABLE &&
                          attempt <= MEASURE_RETRIES; attempt++) {
        counter_close(m->session);
        m->session = NULL;
        status = counter_open(&m->session, pass->backend, &options, err);
        if (status == STATUS_OK &&
            (counter_seen(m->session) & pass->metrics) != pass->metrics)
            status = error_set(err, STATUS_UNAVAILABLE, "the back end %s sees "
                               "less than when it was calibrated",
                               pass->backend->name);
        if (status == STATUS_OK)
            status = counter_start(m->session, err);
        if (status == STATUS_OK)
            status = calibrate_check(&pass->set, m->session, &m->topology,
                                     err);
    }
    m->counter = counter_meter(m->session, m->ledger, empty);
    return status;
}

enum status measure_begin(struct measure *m, int pass, struct error *err)
{
    struct error why = { 0 };
    struct ledger_shape shape = { .by_pass = true, .by_op = true,
                                  .n_layers = m->options.n_layers,
                                  .n_tokens = m->options.n_tokens };
    enum status status = ledger_open(&m->ledger, shape, (struct cost){ 0 },
                                     &why);
    if (status == STATUS_OK)
        status = pass == PASS_TIME ? begin_time(m, &why)
                                   : begin_counts(m, &m->pass[pass], &why);
    if (status != STATUS_OK)
        return reject(m, pass, &why, err);
    m->now = pass;
    m->started = clock_seconds();
    return STATUS_OK;
}

struct meter *measure_meter(struct measure *m)
{
    return m->now == PASS_TIME ? &m->time.meter : &m->counter.meter;
}

void measure_token(struct measure *m, int32_t token)
{
    m->time.token = m->counter.token = token;
}

/* No CPU counts faster than this. */
static enum status check_rates(const struct measure *m, double seconds,
                               struct error *err)
{
    struct cost total = ledger_sum(m->ledger, LEDGER_ANY, LEDGER_ANY,
                                   LEDGER_ANY, LEDGER_ANY);

    for (int i = 0; m->has_table && i < METRIC_FIRST_REAL; i++) {
        double most = m->table.row[i].most_per_second * m->topology.n_cpus;
        double rate = cost_get(&total, (enum metric)i) / seconds;
        if (most > 0 && rate > most)
            return error_set(err, STATUS_UNAVAILABLE,
                             "%s: %.3g a second cannot be, at most %.3g can",
                             metric_table[i].column, rate, most);
    }
    return STATUS_OK;
}

static enum status end_counts(struct measure *m, struct measured_pass *pass,
                              double seconds, struct error *err)
{
    enum status status = m->counter.status;

    if (status != STATUS_OK)
        return error_set(err, status, "%s", m->counter.error.text);
    status = check_rates(m, seconds, err);
    if (status == STATUS_OK)
        status = calibrate_check(&pass->set, m->session, &m->topology, err);
    if (status == STATUS_OK)
        status = counter_stop(m->session, err);
    return status;
}

static enum status end_time(struct measure *m, struct error *err)
{
    enum status status = m->marker ? counter_stop(m->marker, err) : STATUS_OK;

    poll_energy(m);
    if (status == STATUS_OK && m->time.status != STATUS_OK)
        status = error_set(err, m->time.status, "%s",
                           status_text(m->time.status));
    return status;
}

enum status measure_end(struct measure *m, struct error *err)
{
    struct measured_pass *pass = &m->pass[m->now];
    double seconds = clock_seconds() - m->started;
    struct error why = { 0 };
    enum status status = m->now == PASS_TIME
        ? end_time(m, &why) : end_counts(m, pass, seconds, &why);

    if (status != STATUS_OK)
        return reject(m, m->now, &why, err);
    if (pass->n_accepted == MEASURE_REPEAT_MAX) {
        ledger_close(m->ledger);
    } else {
        pass->repeat[pass->n_accepted] = m->ledger;
        pass->seconds[pass->n_accepted] = seconds;
        pass->joules[pass->n_accepted++] = m->energy_joules;
    }
    counter_close(m->session);
    m->session = NULL;
    m->ledger = NULL;
    m->now = -1;
    return STATUS_OK;
}

/* The pass that measures a metric; NULL: none. */
static const struct measured_pass *pass_of(const struct measure *m,
                                           enum metric metric)
{
    if (metric == METRIC_SECONDS)
        return &m->pass[PASS_TIME];
    for (int p = 1; p < m->n_passes; p++)
        if (m->pass[p].metrics & counter_bit(metric))
            return &m->pass[p];
    return NULL;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct measure_range measure_range(const struct measure *m, int pass,
                                   int32_t layer, int32_t token, int op,
                                   enum metric metric)
{
    const struct measured_pass *p = pass_of(m, metric);
    struct measure_range range = { NAN, NAN, NAN, 0 };
    double value[MEASURE_REPEAT_MAX];

    for (int r = 0; p && r < p->n_accepted; r++) {
        struct cost sum = ledger_sum(p->repeat[r], pass, layer, token, op);
        if (sum.from[metric] != PROV_UNKNOWN)
            value[range.n++] = cost_get(&sum, metric);
    }
    if (range.n == 0)
        return range;
    qsort(value, (size_t)range.n, sizeof *value, compare);
    range.low = value[0];
    range.high = value[range.n - 1];
    range.median = value[(range.n - 1) / 2];
    return range;
}

/* fn for every cell of the time pass's and the counting passes' ledgers. */
static void each_cell(struct measure *m, struct ledger *ledger,
                      void (*fn)(struct measure *, struct ledger *,
                                 struct ledger_key))
{
    int32_t n_layers = m->options.n_layers, n_tokens = m->options.n_tokens;

    for (int p = 0; p < PASS_COUNT; p++)
        for (int32_t l = LEDGER_OUTSIDE; l < n_layers; l++)
            for (int32_t t = LEDGER_SHARED; t < n_tokens; t++)
                for (int o = 0; o < OP_COUNT; o++)
                    fn(m, ledger, (struct ledger_key){ (enum pass)p, l, t,
                                                       (enum op)o });
}

static void file_cell(struct measure *m, struct ledger *ledger,
                      struct ledger_key key)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        struct measure_range range = measure_range(
            m, (int)key.pass, key.layer, key.token, (int)key.op,
            (enum metric)i);
        if (range.n == 0)
            continue;
        if (i < METRIC_FIRST_REAL)
            ledger_set_count(ledger, key, (enum metric)i,
                             (uint64_t)range.median, PROV_MEASURED);
        else
            ledger_set_real(ledger, key, (enum metric)i, range.median,
                            PROV_MEASURED);
    }
}

/* Every op's share of the energy, by its share of the time. */
static void file_energy(struct measure *m, struct ledger *ledger,
                        struct ledger_key key)
{
    double total = ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                              LEDGER_ANY)
                       .real[METRIC_SECONDS - METRIC_FIRST_REAL];
    double seconds = cost_get(ledger_at(ledger, key), METRIC_SECONDS);

    if (ledger_touched(ledger, key) && total > 0 && seconds >= 0)
        ledger_set_real(ledger, key, METRIC_JOULES,
                        m->row[METRIC_JOULES].total.median * seconds / total,
                        PROV_APPORTIONED);
}

/* The mean over repeats, if each was long enough for a sensor to see. */
static void settle_energy(struct measure *m)
{
    const struct measured_pass *p = &m->pass[PASS_TIME];
    struct measure_row *row = &m->row[METRIC_JOULES];
    struct measure_range range = { 0, HUGE_VAL, 0, 0 };
    double shortest = HUGE_VAL;

    if (!row->qualified)
        return;
    for (int r = 0; r < p->n_accepted; r++, range.n++) {
        range.median += p->joules[r] / p->n_accepted;
        range.low = fmin(range.low, p->joules[r]);
        range.high = fmax(range.high, p->joules[r]);
        shortest = fmin(shortest, p->seconds[r]);
    }
    if (range.n && shortest < least_energy_seconds) {
        row->qualified = false;
        snprintf(row->reason, sizeof row->reason,
                 "a repeat took %.0f ms: sensors post about every millisecond "
                 "and need %.0f ms; give it more tokens", 1e3 * shortest,
                 1e3 * least_energy_seconds);
        return;
    }
    row->total = range;
}

void measure_finish(struct measure *m, struct ledger *ledger)
{
    struct measure_row row[METRIC_COUNT];

    each_cell(m, ledger, file_cell);
    settle_energy(m);
    if (m->row[METRIC_JOULES].qualified && m->row[METRIC_JOULES].total.n)
        each_cell(m, ledger, file_energy);
    measure_report(m, row);
    for (int i = 0; i < METRIC_COUNT; i++)
        if (row[i].total.n == 0)
            ledger_set_reason(ledger, (enum metric)i, row[i].reason);
}

void measure_report(const struct measure *m,
                    struct measure_row row[METRIC_COUNT])
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct measured_pass *p = pass_of(m, (enum metric)i);
        row[i] = m->row[i];
        if (i != METRIC_JOULES)
            row[i].total = measure_range(m, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY,
                                         LEDGER_ANY, (enum metric)i);
        if (p && p->n_accepted == 0 && p->n_failed)
            snprintf(row[i].reason, sizeof row[i].reason,
                     "no repeat was accepted: %.360s", p->failure);
        /* The FP counter of some CPUs loses counts when full-width arithmetic
         * retires in bursts: the only thing that makes an exact count differ. */
        if (i == METRIC_FLOPS && row[i].total.n > 1 &&
            row[i].total.high > row[i].total.low) {
            row[i].lower_bound = true;
            snprintf(row[i].reason, sizeof row[i].reason, "a lower bound: "
                     "repeats of the same work differ by %.0f flops, the "
                     "counter loses some in bursts",
                     row[i].total.high - row[i].total.low);
        }
    }
}

const struct cpu_topology *measure_topology(const struct measure *m)
{
    return &m->topology;
}

const char *measure_table(const struct measure *m)
{
    return m->table_note;
}
