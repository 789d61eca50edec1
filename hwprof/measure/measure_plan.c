/* measure_plan.c - Decide which metrics can be trusted here, and in which
 * passes they are measured. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "hwprof/measure/measure_inside.h"
#include "sim/core/base/clock.h"

enum { TIMED_REGIONS = 100 };

struct counter_options measure_session_options(const struct measure *m,
                                               uint32_t metrics)
{
    return (struct counter_options){
        .sysfs_root = m->options.sysfs_root,
        .proc_root = m->options.proc_root,
        .trace_path = m->options.trace_path,
        .repeat = -1,
        .events = m->has_table ? &m->table : NULL,
        .metrics = metrics,
        .busy = m->options.busy,
        .busy_context = m->options.busy_context,
        .now = m->options.clock.now,
        .now_context = m->options.clock.context,
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
static enum status qualify(struct measure *m,
                           const struct counter_backend *backend,
                           uint32_t metrics, struct calibration_set *set,
                           uint32_t *seen, struct error *err)
{
    struct counter_options options = measure_session_options(m, metrics);
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
                memcpy(m->row[i].source, session->source[i],
                       sizeof m->row[i].source);
                memcpy(m->row[i].reason, session->reason[i],
                       sizeof m->row[i].reason);
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
    row->resolution = RESOLUTION_BARS * c->bar;
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

/* Fewer may be read than were calibrated together, and an empty region of
 * theirs counts less; where that cannot be had, what it was stays.  Time, too,
 * what reading costs an op, by regions without work in them; region_seconds
 * NULL: it is not asked for. */
static enum status settle(const struct measure *m,
                          const struct counter_backend *backend,
                          uint32_t metrics, bool fewer,
                          struct calibration_set *set, double *region_seconds,
                          struct error *err)
{
    struct counter_options options = measure_session_options(m, metrics);
    const struct ledger_shape shape = { true, true, 0, 0 };
    struct counter_session *session = NULL;
    struct ledger *ledger = NULL;
    struct error why = { 0 };
    enum status status = counter_open(&session, backend, &options, err);

    if (status == STATUS_OK)
        status = ledger_open(&ledger, shape, (struct cost){ 0 }, err);
    if (status == STATUS_OK && counter_start(session, &why) == STATUS_OK) {
        struct calibration_set now = *set;
        struct counter_meter meter = counter_meter(session, ledger,
                                                   (struct cost){ 0 });
        struct op_run run = { .pass = PASS_FORWARD, .op = OP_NORM,
                              .layer = LEDGER_OUTSIDE };
        if (fewer && calibrate_empty(&now, session, &why) == STATUS_OK)
            *set = now;
        double started = clock_seconds();
        for (int i = 0; region_seconds && i < TIMED_REGIONS; i++) {
            meter_begin(&meter.meter, &run);
            meter_end(&meter.meter, &run);
        }
        if (region_seconds)
            *region_seconds = (clock_seconds() - started) / TIMED_REGIONS;
    }
    ledger_close(ledger);
    counter_close(session);
    return status;
}

/* The metrics of the group that this back end counts right. */
static enum status try_path(struct measure *m, uint32_t metrics,
                            struct read_path *path, struct error *err)
{
    struct calibration_set set = { 0 };
    uint32_t seen = 0, qualified = 0;
    bool simulates = counter_simulates(path->backend);
    double region_seconds = simulates ? (double)NAN    /* its own time */
                                      : 0;
    enum status status = qualify(m, path->backend, metrics, &set, &seen, err);

    seen &= metrics;
    for (int i = 0; status == STATUS_OK && i < METRIC_COUNT; i++)
        if ((seen & counter_bit((enum metric)i)) && set.metric[i].qualified)
            qualified |= counter_bit((enum metric)i);
    bool fewer = qualified != seen && m->options.backend != &counter_recorded;
    if (qualified && (fewer || !simulates))
        status = settle(m, path->backend, qualified, fewer, &set,
                        simulates ? NULL : &region_seconds, err);
    for (int i = 0; status == STATUS_OK && i < METRIC_COUNT; i++)
        if (seen & counter_bit((enum metric)i))
            describe(&m->row[i], &set, path->backend);
    if (status != STATUS_OK || !qualified)
        return status;
    add_pass(m, qualified, path->backend, &set);
    m->pass[m->n_passes - 1].region_seconds = region_seconds;
    path->chosen = true;
    path->seconds = set.read_seconds;
    return STATUS_OK;
}

/* A group on the first back end, in the order of the survey, that counts any of
 * it right; what the best one says of a group that none does, stays.  *started:
 * there was one whose counters ran. */
static enum status plan_whole(struct measure *m, uint32_t metrics,
                              const struct counter_backend *const *backends,
                              bool *started, struct error *err)
{
    struct counter_options options = measure_session_options(m, metrics);
    struct read_path path[READ_PATH_MAX] = { { .backend = backends[0],
                                               .seen = metrics } };
    enum status status = STATUS_OK;
    bool done = false;
    int n = 1;

    if (backends[1])
        n = read_path_survey(path, backends, &options, &status, err);
    for (int p = n - 1; status == STATUS_OK && p >= 0; p--)
        for (int i = 0; !path[p].seen && i < METRIC_FIRST_REAL; i++)
            if (metrics & counter_bit((enum metric)i))
                memcpy(m->row[i].reason, path[p].reason,
                       sizeof path[p].reason);
    *started = false;
    for (int p = 0; status == STATUS_OK && !done && p < n; p++)
        if (path[p].seen) {
            *started = true;
            status = try_path(m, metrics, &path[p], err);
            done = path[p].chosen;
        }
    if (m->n_paths == 0 || (done && !m->path[0].chosen)) {
        m->n_paths = n;
        memcpy(m->path, path, sizeof path);
    }
    return status;
}

static uint32_t lowest(uint32_t metrics)
{
    return metrics & (~metrics + 1);
}

/* There may be fewer counters than the table promises: a virtual machine's, or
 * another program holds some.  Then one metric at a time. */
static enum status plan_group(struct measure *m, uint32_t metrics,
                              const struct counter_backend *const *backends,
                              struct error *err)
{
    bool started;
    enum status status = plan_whole(m, metrics, backends, &started, err);

    if (started || metrics == lowest(metrics))
        return status;
    for (; status == STATUS_OK && metrics; metrics &= metrics - 1)
        status = plan_whole(m, lowest(metrics), backends, &started, err);
    return status;
}

static const char beside_simulator[] =
    "under a simulator, clocks and sensors see the simulator at work";

/* Reasons for metrics that no instrument measures. */
static const char *const unmeasured[METRIC_COUNT] = {
    [METRIC_BYTES] = "operand bytes are a property of the algorithm; hardware "
                     "counts l2_bytes, l3_bytes and dram_bytes",
};

static void name_rows(struct measure *m)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        m->row[i].metric = (enum metric)i;
        if (metric_table[i].measured == MEASURED_BY_NOTHING)
            snprintf(m->row[i].reason, COUNTER_REASON_SIZE, "%s",
                     unmeasured[i] ? unmeasured[i]
                                   : "no instrument measures it");
    }
}

/* The first pass is the clock's. */
static void plan_time(struct measure *m)
{
    m->pass[PASS_TIME] = (struct measured_pass){ .name = "time" };
    m->n_passes = 1;
    struct time_meter clock = time_meter(NULL);
    if (counter_simulates(m->options.backend)) {
        snprintf(m->row[METRIC_SECONDS].reason, COUNTER_REASON_SIZE, "%s",
                 beside_simulator);
        return;
    }
    m->row[METRIC_SECONDS].backend = "clock";
    m->row[METRIC_SECONDS].qualified = true;
    m->row[METRIC_SECONDS].read_seconds = clock.empty_seconds;
    m->row[METRIC_SECONDS].resolution = RESOLUTION_BARS *
        (clock.bar_seconds > 0.1 * clock.empty_seconds
             ? clock.bar_seconds : 0.1 * clock.empty_seconds);
    snprintf(m->row[METRIC_SECONDS].source, COUNTER_SOURCE_SIZE,
             "CLOCK_MONOTONIC");
}

/* The metrics asked for that a counter may see. */
static uint32_t countable(const struct measure *m)
{
    uint32_t metrics = 0;

    for (int i = 0; i < METRIC_COUNT; i++)
        if (metric_table[i].measured == MEASURED_BY_COUNTER)
            metrics |= counter_bit((enum metric)i);
    return metrics & m->options.metrics;
}

static enum status plan_counts(struct measure *m, struct error *err)
{
    const struct counter_backend *backends[READ_PATH_MAX] = {
        m->options.backend };
    uint32_t group[METRIC_FIRST_REAL];
    enum status status = STATUS_OK;
    int n = 0;

    if (!backends[0]) {
        backends[0] = &counter_perf;
        backends[1] = &counter_rdpmc;
        backends[2] = counter_find("papi");
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
        uint32_t apart = countable(m) & m->options.backend->apart;
        group[n++] = countable(m) & ~apart;
        if (apart)
            group[n++] = apart;
    } else if (m->has_table) {
        n = event_table_groups(&m->table, countable(m), group);
    }
    for (int g = 0; g < n && status == STATUS_OK; g++)
        status = plan_group(m, group[g], backends, err);
    return status;
}

/* likwid-perfctr programs the counters: nobody else may. */
static void leave_to_marker(struct measure *m)
{
    for (int i = 0; i < METRIC_FIRST_REAL; i++)
        if (metric_table[i].measured == MEASURED_BY_COUNTER)
            memcpy(m->row[i].reason, m->marker->reason[i],
                   sizeof m->row[i].reason);
}

static enum status plan_energy(struct measure *m, struct error *err)
{
    struct measure_row *row = &m->row[METRIC_JOULES];
    struct counter_options options =
        measure_session_options(m, counter_bit(METRIC_JOULES));

    bool simulated = counter_simulates(m->options.backend);
    if (simulated || !wants(m, METRIC_JOULES)) {
        snprintf(row->reason, sizeof row->reason, "%s",
                 simulated ? beside_simulator : "not asked for");
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

    if (m->options.backend == &counter_recorded ||
        counter_simulates(m->options.backend))
        return STATUS_OK;                /* they bring their own */
    enum status status = event_table_find(&m->table, m->options.configs,
                                          m->topology.id, &why);
    m->has_table = status == STATUS_OK;
    snprintf(m->table_note, sizeof m->table_note, "%.380s",
             m->has_table ? m->table.path : why.text);
    if (status == STATUS_OK || status == STATUS_UNAVAILABLE)
        return STATUS_OK;
    return error_set(err, status, "%s", why.text);
}

/* The data of known kernels are sized by the caches that they run on. */
static enum status take_caches(struct measure *m, struct error *err)
{
    struct counter_options options = measure_session_options(m, 0);
    struct counter_session *session = NULL;

    if (!counter_simulates(m->options.backend))
        return STATUS_OK;
    enum status status = counter_open(&session, m->options.backend, &options,
                                      err);
    if (status == STATUS_OK)
        m->options.backend->caches(session, &m->topology);
    counter_close(session);
    return status;
}

enum status measure_plan(struct measure *m, struct error *err)
{
    const struct counter_backend *likwid = counter_find("likwid");
    struct counter_options marker = measure_session_options(m, 0);
    enum status status = cpu_topology_read(&m->topology, m->options.sysfs_root,
                                           m->options.proc_root, err);
    if (status == STATUS_OK)
        status = take_caches(m, err);
    if (status == STATUS_OK)
        status = find_table(m, err);
    if (status != STATUS_OK)
        return status;
    name_rows(m);
    plan_time(m);
    if (likwid)
        status = counter_open(&m->marker, likwid, &marker, err);
    if (status == STATUS_OK && likwid && m->options.backend == likwid)
        leave_to_marker(m);
    else if (status == STATUS_OK)
        status = plan_counts(m, err);
    if (status == STATUS_OK && m->options.bare &&
        !counter_simulates(m->options.backend))
        m->pass[m->n_passes++] = (struct measured_pass){ .name = "bare",
                                                         .bare = true };
    if (status == STATUS_OK)
        status = plan_energy(m, err);
    return status;
}
