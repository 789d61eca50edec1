/* powercap_tree.h - A powercap tree with zones of one's own, and a session that
 * counts joules on it. */
#ifndef POWERCAP_TREE_H
#define POWERCAP_TREE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "hwprof/counters/counter.h"
#include "tests/fake_tree.h"

#define CAP "class/powercap/"

static inline void write_zone(const struct fake_tree *tree, const char *zone,
                              const char *name, const char *energy,
                              const char *range)
{
    char path[256];

    snprintf(path, sizeof path, CAP "%s/name", zone);
    fake_tree_write(tree, path, "%s\n", name);
    snprintf(path, sizeof path, CAP "%s/energy_uj", zone);
    fake_tree_write(tree, path, "%s", energy);
    snprintf(path, sizeof path, CAP "%s/max_energy_range_uj", zone);
    fake_tree_write(tree, path, "%s\n", range);
}

static inline void set_energy(const struct fake_tree *tree, const char *zone,
                              const char *energy)
{
    char path[256];

    snprintf(path, sizeof path, CAP "%s/energy_uj", zone);
    fake_tree_write(tree, path, "%s", energy);
}

/* Changes to the zones while the sensors prove that they live. */
struct busy {
    const struct fake_tree *tree;
    const char *zone[4], *energy[4];
};

static inline void work(void *context)
{
    struct busy *busy = context;

    for (int i = 0; i < 4 && busy->zone[i]; i++)
        set_energy(busy->tree, busy->zone[i], busy->energy[i]);
}

static inline struct counter_session *open_session(const struct fake_tree *tree,
                                                   struct busy *busy)
{
    struct counter_options options = { .sysfs_root = tree->root,
        .metrics = counter_bit(METRIC_JOULES), .busy = work,
        .busy_context = busy };
    struct counter_session *session = NULL;

    busy->tree = tree;
    cr_assert(eq(int, counter_open(&session, &counter_rapl, &options, NULL),
                 STATUS_OK));
    return session;
}

static inline const char *reason(const struct counter_session *session)
{
    return session->reason[METRIC_JOULES];
}

static inline double joules(struct counter_session *session)
{
    struct cost cost;
    struct error err = { 0 };

    cr_assert(eq(int, counter_read(session, &cost, &err), STATUS_OK), "%s",
              err.text);
    return cost_get(&cost, METRIC_JOULES);
}

#define BIG "262143328850"

/* One package: 3 J more while it is read. */
static inline struct fake_tree one_package(void)
{
    struct fake_tree tree = fake_tree_open();
    write_zone(&tree, "intel-rapl:0", "package-0", "1000000\n", BIG);
    return tree;
}
static const struct busy alive = { NULL, { "intel-rapl:0" }, { "1500000\n" } };

#endif
