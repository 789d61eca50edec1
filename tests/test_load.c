/* test_load.c - Judge runs by made-up probes and a made-up account of the
 * kernel. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "hwprof/machine/load_watch.h"
#include "tests/fake_tree.h"

/* Probes answer with these rates, in their order; `n` is how many were asked. */
struct told {
    struct load_probe probe[6];
    int n;
};

static struct load_probe tell(void *context)
{
    struct told *told = context;
    return told->probe[told->n++];
}

/* What a watch says after the threads waited `waited` ns; 0: the kernel does
 * not tell. */
static struct load_seen watch_asking(int asked, struct told told,
                                     uint64_t waited)
{
    struct fake_tree tree = fake_tree_open();
    struct load_watch watch = { .prober = { tell, &told, { 0, 0 } },
                                .proc_root = tree.root };

    if (waited)
        fake_tree_write(&tree, "self/task/11/schedstat", "9 1 3\n");
    load_watch_begin(&watch);
    if (waited)
        fake_tree_write(&tree, "self/task/11/schedstat", "9 %llu 3\n",
                        (unsigned long long)waited);
    struct load_seen seen = load_watch_end(&watch);
    cr_expect(eq(int, told.n, asked));
    fake_tree_close(&tree);
    return seen;
}

/* Two before, which agree, and one after. */
static const struct told quiet = { { { 100, 50 }, { 96, 49 }, { 97, 48 } }, 0 };

Test(load_watch, a_run_between_quiet_probes_is_measured)
{
    struct load_seen seen = watch_asking(3, quiet, 0);

    cr_expect(not(seen.busy));
    cr_expect(eq(int, load_seen_source(&seen), PROV_MEASURED));
    cr_expect(epsilon_eq(dbl, seen.share, 0.96, 1e-12));
    cr_expect(seen.times.waiting != seen.times.waiting);    /* not told */
}

/* One of three met another's turn: it left again. */
Test(load_watch, a_single_slow_probe_does_not_count)
{
    struct told after = { { { 100, 50 }, { 96, 49 }, { 20, 48 }, { 98, 50 },
                            { 99, 50 } }, 0 };
    struct told before = { { { 20, 50 }, { 96, 49 }, { 98, 48 }, { 97, 50 } },
                           0 };
    struct load_seen seen = watch_asking(5, after, 0);

    cr_expect(not(seen.busy));
    seen = watch_asking(4, before, 0);
    cr_expect(not(seen.busy));
}

Test(load_watch, probes_that_stay_slow_say_busy)
{
    struct told after = { { { 100, 50 }, { 96, 49 }, { 97, 25 }, { 98, 50 },
                            { 97, 25 } }, 0 };
    /* Only what comes later shows that these were slow. */
    struct told before = { { { 50, 50 }, { 49, 49 }, { 98, 48 } }, 0 };
    struct load_seen seen = watch_asking(5, after, 0);

    cr_expect(seen.busy);
    cr_expect(eq(int, load_seen_source(&seen), PROV_BUSY));
    cr_expect(epsilon_eq(dbl, seen.share, 0.5, 1e-12));
    seen = watch_asking(3, before, 0);
    cr_expect(seen.busy);
}

/* An hour's wait beside the milliseconds that this takes: others came between
 * the probes, and left before the last. */
Test(load_watch, threads_that_waited_say_busy)
{
    struct load_seen seen = watch_asking(3, quiet, 3600000000001);

    cr_expect(seen.busy);
    cr_expect(epsilon_eq(dbl, seen.times.waiting, 3600, 1e-3));
}

Test(load_watch, what_is_not_told_is_null)
{
    struct load_seen seen = { { 2, 1, (double)NAN, (double)NAN }, 0.5, true };
    json_t *json = load_seen_json(&seen);

    cr_expect(eq(int, json_typeof(json_object_get(json, "steal_seconds")),
                 JSON_NULL));
    cr_expect(eq(int, json_typeof(json_object_get(json, "busy")), JSON_TRUE));
    cr_expect(eq(dbl, json_number_value(json_object_get(json, "cpu_seconds")),
                 1));
    json_decref(json);
}
