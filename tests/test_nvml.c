/* test_nvml.c - Read the energy of GPUs through a library that says what each
 * test wants. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dlfcn.h>
#include <string.h>

#include "hwprof/counters/counter.h"
#include "hwprof/energy/nvml.h"
#include "tests/fakes/nvml.h"
#include "tests/program.h"

static char path[PROGRAM_SIZE];
static struct fake_nvml *fake;

/* build/isobath, build/fake_nvml.so */
static void set_up(void)
{
    program_path(path);
    strcpy(strrchr(path, '/'), "/fake_nvml.so");
    void *library = dlopen(path, RTLD_NOW);
    cr_assert(library != NULL, "%s", dlerror());
    fake = dlsym(library, "fake_nvml");
}

TestSuite(nvml, .init = set_up);

static struct counter_session *open_session(void)
{
    const struct counter_options options = {
        .nvml_path = path, .metrics = counter_bit(METRIC_JOULES) };
    struct counter_session *session = NULL;
    struct error err = { 0 };

    cr_assert(eq(int, counter_open(&session, &counter_nvml, &options, &err),
                 STATUS_OK), "%s", err.text);
    return session;
}

static double joules(struct counter_session *session)
{
    struct cost cost;
    struct error err = { 0 };

    cr_assert(eq(int, counter_read(session, &cost, &err), STATUS_OK), "%s",
              err.text);
    cr_expect(eq(int, cost.from[METRIC_JOULES], PROV_MEASURED));
    return cost_get(&cost, METRIC_JOULES);
}

Test(nvml, millijoules_of_all_gpus_are_added_up)
{
    fake->n_gpus = 2;
    struct counter_session *s = open_session();

    cr_assert(counter_sees(s, METRIC_JOULES), "%s", s->reason[METRIC_JOULES]);
    cr_expect(eq(str, s->source[METRIC_JOULES],
                 "NVML Fake GPU 0 + Fake GPU 1"));
    fake->step = 0;
    cr_assert(eq(int, counter_start(s, NULL), STATUS_OK));
    fake->millijoules[0] += 2500;
    fake->millijoules[1] += 500;
    cr_expect(ieee_ulp_eq(dbl, joules(s), 3.0, 4));
    cr_expect(ieee_ulp_eq(dbl, joules(s), 0.0, 4));
    counter_close(s);
    cr_expect(eq(int, fake->n_open, 0));
}

Test(nvml, a_counter_that_goes_back_is_no_reading)
{
    struct counter_session *s = open_session();
    struct cost cost;
    struct error err = { 0 };

    fake->step = 0;
    cr_assert(eq(int, counter_start(s, NULL), STATUS_OK));
    fake->millijoules[0] -= 1;
    cr_expect(eq(int, counter_read(s, &cost, &err), STATUS_UNAVAILABLE));
    counter_close(s);
}

Test(nvml, a_counter_that_stands_still_is_dead_not_zero)
{
    fake->step = 0;
    struct counter_session *s = open_session();

    cr_expect(not(counter_sees(s, METRIC_JOULES)));
    cr_expect(strstr(s->reason[METRIC_JOULES], "dead") != NULL, "%s",
              s->reason[METRIC_JOULES]);
    counter_close(s);
}

/* Each with its own reason, and unknown. */
Test(nvml, what_is_not_there_is_said)
{
    static const struct {
        int init, energy;
        unsigned n_gpus;
        const char *reason;
    } states[] = {
        { 9, 0, 1, "starting it: Driver Not Loaded" },
        { 0, 3, 1, "the energy counter: Not Supported" },
        { 0, 0, 0, "finds no GPU" },
    };
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        fake->init = states[i].init;
        fake->energy = states[i].energy;
        fake->n_gpus = states[i].n_gpus;
        struct counter_session *s = open_session();
        cr_expect(not(counter_sees(s, METRIC_JOULES)));
        cr_expect(strstr(s->reason[METRIC_JOULES], states[i].reason) != NULL,
                  "%s", s->reason[METRIC_JOULES]);
        counter_close(s);
        cr_expect(eq(int, fake->n_open, 0));
    }
}

Test(nvml, no_library_is_no_gpu)
{
    strcpy(path, "/nowhere/libnvidia-ml.so.1");
    struct counter_session *s = open_session();

    cr_expect(strstr(s->reason[METRIC_JOULES], "/nowhere/libnvidia-ml.so.1")
              != NULL, "%s", s->reason[METRIC_JOULES]);
    counter_close(s);
}

Test(nvml, the_limit_is_in_watts)
{
    struct nvml *n = NULL;
    struct error err = { 0 };
    double watts = 0;

    cr_assert(eq(int, nvml_open(&n, path, &err), STATUS_OK), "%s", err.text);
    cr_expect(eq(int, nvml_cap_watts(n, 0, &watts, &err), STATUS_OK));
    cr_expect(eq(dbl, watts, 300));
    cr_expect(eq(str, (char *)nvml_name(n, 0), "Fake GPU 0"));
    nvml_close(n);
}
