/* measure.c - Run passes: begin, listen, end, and accept or reject each
 * repeat. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hwprof/measure/measure_inside.h"
#include "sim/core/base/clock.h"

enum { DEFAULT_REPEATS = 5 };

enum status measure_open(struct measure **out,
                         const struct measure_options *options,
                         struct error *err)
{
    struct measure *m = calloc(1, sizeof *m);

    if (!m)
        return error_set(err, STATUS_NO_MEMORY, "no memory to measure with");
    m->options = *options;
    m->now = -1;
    if (!m->options.backend)
        m->options.backend = counter_host();
    if (m->options.metrics == 0)
        m->options.metrics = (1u << METRIC_COUNT) - 1;
    if (m->options.n_repeats <= 0)
        m->options.n_repeats = DEFAULT_REPEATS;
    if (m->options.n_repeats > MEASURE_REPEAT_MAX)
        m->options.n_repeats = MEASURE_REPEAT_MAX;
    enum status status = region_count_open(&m->regions, m->options.n_layers,
                                           err);
    if (status == STATUS_OK)
        status = measure_plan(m, err);
    if (status == STATUS_OK)
        energy_add_idle(m);
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
        for (int r = 0; r < m->pass[p].n_accepted; r++) {
            ledger_close(m->pass[p].repeat[r]);
            ledger_close(m->pass[p].tokens[r]);
        }
    ledger_close(m->ledger);
    ledger_close(m->by_token);
    region_count_close(&m->regions);
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

bool measure_counts(const struct measure *m, int pass)
{
    return pass != PASS_TIME && !m->pass[pass].bare;
}

int measure_rejected(const struct measure *m, int pass, const char **why)
{
    *why = m->pass[pass].failure;
    return m->pass[pass].n_failed;
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
    ledger_close(m->by_token);
    m->session = NULL;
    m->ledger = m->by_token = NULL;
    m->now = -1;
    return error_set(err, why->status, "%s pass: %s", p->name, why->text);
}

static enum status begin_time(struct measure *m, struct error *err)
{
    enum status status = m->marker ? counter_start(m->marker, err) : STATUS_OK;

    m->time = time_meter(m->ledger);
    m->time.regions = &m->regions;
    region_count_clear(&m->regions);
    m->time.poll = energy_poll;
    m->time.poll_context = m;
    m->window = (struct energy_window){ 0 };
    energy_open_window(m);
    return status;
}

/* Seconds are read in these passes alone. */
static bool is_timed(const struct measure *m, int pass)
{
    return pass == PASS_TIME || m->pass[pass].bare;
}

/* Before anything listens: a probe takes time, joules and counts. */
static void begin_load(struct measure *m, int pass)
{
    if (is_timed(m, pass) && m->options.prober)
        m->before = load_probe_take(m->options.prober);
    if (m->options.prepare)
        m->options.prepare(m->options.prepare_context);
    if (is_timed(m, pass))
        m->times = load_times_now(m->options.proc_root);
}

static void end_load(struct measure *m, struct measured_pass *pass)
{
    struct measured_load *load = &pass->load[pass->n_accepted];

    if (!is_timed(m, m->now))
        return;
    *load = (struct measured_load){ .times = m->times, .before = m->before };
    if (m->options.prober)
        load->after = load_probe_take(m->options.prober);
}

/* A new session, trusted right now. */
static enum status begin_counts(struct measure *m, struct measured_pass *pass,
                                struct error *err)
{
    struct counter_options options = measure_session_options(m, pass->metrics);
    options.repeat = pass->n_accepted + pass->n_failed;
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
    m->counter.tokens = m->by_token;
    m->counter.mix = m->mix;
    memset(m->mix, 0, sizeof m->mix);
    return status;
}

enum status measure_begin(struct measure *m, int pass, struct error *err)
{
    struct error why = { 0 };
    struct ledger_shape shape = { .by_pass = true, .by_op = true,
                                  .n_layers = m->options.n_layers };
    struct ledger_shape by_token = { .n_tokens = m->options.n_tokens };
    enum status status = ledger_open(&m->ledger, shape, (struct cost){ 0 },
                                     &why);
    if (status == STATUS_OK && by_token.n_tokens > 0 && pass != PASS_TIME)
        status = ledger_open(&m->by_token, by_token, (struct cost){ 0 }, &why);
    if (status == STATUS_OK)
        begin_load(m, pass);
    if (status == STATUS_OK && !m->pass[pass].bare)
        status = pass == PASS_TIME ? begin_time(m, &why)
                                   : begin_counts(m, &m->pass[pass], &why);
    if (status != STATUS_OK)
        return reject(m, pass, &why, err);
    m->now = pass;
    m->token = LEDGER_SHARED;
    m->ended = 0;
    m->started = clock_seconds();
    return STATUS_OK;
}

struct meter *measure_meter(struct measure *m)
{
    if (m->pass[m->now].bare)
        return NULL;
    return m->now == PASS_TIME ? &m->time.meter : &m->counter.meter;
}

/* The seconds since the last token was named are that token's. */
static void end_token(struct measure *m, double now)
{
    struct ledger_key key = { .token = m->token };
    struct cost cost = { 0 };

    if (!m->by_token || m->token < 0)
        return;
    cost_set_real(&cost, METRIC_SECONDS, now - m->token_started,
                  PROV_MEASURED);
    if (ledger_charge(m->by_token, key, &cost) != STATUS_OK)
        m->token = LEDGER_SHARED;       /* reals do not overflow */
}

void measure_token(struct measure *m, int32_t token)
{
    m->counter.token = token;
    if (!m->pass[m->now].bare)
        return;
    double now = clock_seconds();
    end_token(m, now);
    m->token = token;
    m->token_started = now;
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
    if (status == STATUS_OK) {
        pass->has_mix = m->session->mix != NULL;
        memcpy(pass->mix, m->mix, sizeof pass->mix);
    }
    return status;
}

/* Listening ends here, whatever else the repeat does. */
static void end_listening(struct measure *m)
{
    if (m->ended > 0)
        return;
    m->ended = clock_seconds();
    if (is_timed(m, m->now)) {
        struct load_times now = load_times_now(m->options.proc_root);
        m->times = load_times_between(&m->times, &now);
    }
    m->ended_how = (struct error){ 0 };
    if (m->marker && m->now == PASS_TIME &&
        counter_stop(m->marker, &m->ended_how) != STATUS_OK)
        m->time.status = m->ended_how.status;
}

bool measure_again(struct measure *m)
{
    if (m->now != PASS_TIME || !m->row[METRIC_JOULES].qualified)
        return false;
    end_listening(m);
    energy_close_window(m);
    return energy_wants_more(m);
}

void measure_resume(struct measure *m)
{
    energy_open_window(m);
}

static enum status end_time(struct measure *m, struct error *err)
{
    energy_close_window(m);
    if (m->time.status == STATUS_OK)
        return STATUS_OK;
    return error_set(err, m->time.status, "%s", m->ended_how.text[0]
                     ? m->ended_how.text : status_text(m->time.status));
}

enum status measure_end(struct measure *m, struct error *err)
{
    struct measured_pass *pass = &m->pass[m->now];
    end_listening(m);
    double now = m->ended, seconds = now - m->started;
    struct error why = { 0 };
    enum status status = STATUS_OK;

    if (pass->bare)
        end_token(m, now);
    else
        status = m->now == PASS_TIME ? end_time(m, &why)
                                     : end_counts(m, pass, seconds, &why);

    if (status != STATUS_OK)
        return reject(m, m->now, &why, err);
    if (pass->n_accepted == MEASURE_REPEAT_MAX) {
        ledger_close(m->ledger);
        ledger_close(m->by_token);
    } else {
        end_load(m, pass);
        pass->repeat[pass->n_accepted] = m->ledger;
        pass->tokens[pass->n_accepted] = m->by_token;
        pass->seconds[pass->n_accepted] = seconds;
        pass->times[pass->n_accepted] = m->window.times;
        pass->window[pass->n_accepted] = m->window.seconds;
        pass->joules[pass->n_accepted++] = m->window.joules /
                                           (double)m->window.times;
    }
    counter_close(m->session);
    m->session = NULL;
    m->ledger = m->by_token = NULL;
    m->now = -1;
    return STATUS_OK;
}
