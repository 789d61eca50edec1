/* test_serving.c - A mix of requests is so many prefills and decode steps, within
 * memory and limits. */
#include "sim/price/serving.h"
#include "tests/priced.h"

enum { PROMPT = 48, NEW = 17, MANY = 12 };

static struct machine served_on;
static struct rival who;

static struct predict_question question(void)
{
    served_on = machine();
    served_on.memory_bytes.value = NAN;
    who = (struct rival){ .n_ends = 1, .end = { gpt2() } };
    return (struct predict_question){ .spec = gpt2(), .machine = &served_on };
}

static struct serving asked_for(int32_t concurrency)
{
    return (struct serving){ .n_prompt = PROMPT, .n_new = NEW,
                             .concurrency = concurrency };
}

static struct served serve(const struct predict_question *q,
                           const struct serving *mix)
{
    struct served out;
    struct error err = { 0 };

    cr_assert(eq(int, serving_serve(&out, mix, &who, q, &err), STATUS_OK), "%s",
              err.text);
    return out;
}

static double seconds_of(struct predict_question q, enum memory_phase phase,
                         int32_t B, int32_t T, double *joules)
{
    struct prediction p;

    q.phase = phase;
    q.n_sequences = B;
    q.n_tokens = T;
    cr_assert(eq(int, prediction_open(&p, &q, &q.spec, NULL), STATUS_OK));
    const double seconds = p.range.seconds.value;
    *joules = p.range.joules.value;
    prediction_close(&p);
    return seconds;
}

/* 12 prefills of 48 tokens, and 16 steps of 12 sequences at 48 + 17 / 2. */
Test(serving, a_cycle_is_prefills_and_steps)
{
    const struct predict_question q = question();
    const struct serving mix = asked_for(MANY);
    double prompt_joules, step_joules;
    const double prompt = seconds_of(q, MEMORY_FORWARD, 1, PROMPT,
                                     &prompt_joules);
    const double step = seconds_of(q, MEMORY_DECODE, MANY, PROMPT + NEW / 2,
                                   &step_joules);
    const struct served s = serve(&q, &mix);
    const double cycle = MANY * prompt + (NEW - 1) * step;

    cr_expect(eq(int, s.concurrency, MANY));
    cr_expect(eq(int, s.bound, BOUND_ASKED));
    cr_expect(epsilon_eq(dbl, s.first, prompt + step, 1e-12));
    cr_expect(epsilon_eq(dbl, s.next, (cycle - prompt) / (NEW - 1), 1e-12));
    cr_expect(epsilon_eq(dbl, s.cycle.seconds.value, cycle, 1e-12));
    cr_expect(epsilon_eq(dbl, served_rate(&s, &mix), MANY * NEW / cycle,
                         1e-6 / cycle));
    cr_expect(epsilon_eq(dbl, served_hours(&s, &mix) * 3600 * MANY * NEW / 1e6,
                         cycle, 1e-9));
    cr_expect(epsilon_eq(dbl, served_kwh(&s, &mix) * 3.6 * MANY * NEW,
                         MANY * prompt_joules + (NEW - 1) * step_joules, 1e-9));
    const struct estimate same = served_ratio(&s, &s, METRIC_JOULES);
    cr_expect(eq(dbl, same.low, 1));
    cr_expect(eq(dbl, same.high, 1));
}

/* One alone waits for nobody; a request of one new token has no next. */
Test(serving, one_at_a_time)
{
    const struct predict_question q = question();
    struct serving mix = asked_for(1);
    double joules;

    const struct served s = serve(&q, &mix);
    cr_expect(eq(dbl, s.first,
                 seconds_of(q, MEMORY_FORWARD, 1, PROMPT, &joules)));
    mix.n_new = 1;
    cr_expect(isnan(serve(&q, &mix).next));
}

/* Whatever the limit, so many are within it, and one more is not. */
Test(serving, limits_are_met_and_no_further)
{
    const struct predict_question q = question();
    struct served at[MANY + 2];

    for (int32_t C = 1; C <= MANY + 1; C++) {
        const struct serving mix = asked_for(C);
        at[C] = serve(&q, &mix);
        if (C > 1) {
            cr_expect(gt(dbl, at[C].next, at[C - 1].next));
            cr_expect(gt(dbl, at[C].first, at[C - 1].first));
        }
    }
    for (int32_t C = 1; C <= MANY; C++) {
        struct serving mix = asked_for(MANY + 1);
        mix.next_limit = (at[C].next + at[C + 1].next) / 2;
        struct served s = serve(&q, &mix);
        cr_expect(eq(int, s.concurrency, C));
        cr_expect(eq(int, s.bound, BOUND_NEXT));
        mix.next_limit = 0;
        mix.first_limit = (at[C].first + at[C + 1].first) / 2;
        s = serve(&q, &mix);
        cr_expect(eq(int, s.concurrency, C));
        cr_expect(eq(int, s.bound, BOUND_FIRST));
        cr_expect(eq(dbl, s.first, at[C].first));
    }
    struct serving mix = asked_for(MANY);
    mix.next_limit = at[1].next / 2;
    const struct served none = serve(&q, &mix);
    cr_expect(eq(int, none.concurrency, 0));
    cr_expect(eq(dbl, served_rate(&none, &mix), 0));
    cr_expect(isnan(served_hours(&none, &mix)));
}

Test(serving, memory_bounds_it)
{
    struct predict_question q = question();
    const struct serving mix = asked_for(MANY);
    const struct hold_question held = {
        .spec = &q.spec, .regime = &q.regime, .phase = MEMORY_DECODE,
        .n_sequences = 5, .n_tokens = PROMPT + NEW, .n_threads = 1 };
    const double bytes = (double)hold_of(&held).total;

    served_on.memory_bytes = (struct quantity){ bytes, bytes, bytes, "", "" };
    const struct served s = serve(&q, &mix);
    cr_expect(eq(int, s.concurrency, 5));
    cr_expect(eq(int, s.bound, BOUND_MEMORY));
}
