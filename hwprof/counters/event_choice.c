/* event_choice.c - Choose the event table of this CPU, and group what it can
 * count at once. */
#include "hwprof/counters/event_table.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/core/base/shipped.h"

static bool is_for(const struct event_table *table, struct cpu_id id)
{
    if (strcmp(table->vendor, "any") == 0)
        return true;
    if (strcmp(table->vendor, id.vendor) || table->family != id.family)
        return false;
    for (int i = 0; i < table->n_models; i++)
        if (id.model >= table->model[i].first &&
            id.model <= table->model[i].last)
            return true;
    return table->n_models == 0;
}

static int is_yaml(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');
    return dot && strcmp(dot, ".yaml") == 0;
}

/* DIRECTORY/counters, or where there is no directory, that which comes with the
 * program; returns scandir's count. */
static int list_tables(const char *directory, char path[FILE_PATH_SIZE],
                       struct dirent ***names)
{
    static const char kind[] = "counters";

    if (directory ? file_join(path, directory, kind, NULL) != STATUS_OK
                  : !shipped_folder(path, kind))
        return -1;
    int n = scandir(path, names, is_yaml, alphasort);
    if (n < 0)
        error_note_errno();
    return n;
}

enum status event_table_find(struct event_table *out, const char *directory,
                             struct cpu_id id, struct error *err)
{
    char path[FILE_PATH_SIZE], file[FILE_PATH_SIZE + NAME_MAX + 2];
    struct dirent **names = NULL;
    enum status status = STATUS_OK;
    bool found = false;
    struct event_table table;
    int n = list_tables(directory, path, &names);

    if (n < 0)
        return error_set(err, STATUS_UNAVAILABLE,
                         "no event tables: point ISOBATH_CONFIGS at the "
                         "directory that holds counters/*.yaml");
    for (int i = 0; i < n; i++) {
        snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
        free(names[i]);
        if (status != STATUS_OK)
            continue;
        status = event_table_load(&table, file, err);
        if (status != STATUS_OK || !is_for(&table, id))
            continue;
        bool any = strcmp(table.vendor, "any") == 0;
        if (!found || (!any && strcmp(out->vendor, "any") == 0))
            *out = table;
        found = true;
    }
    free(names);
    if (status == STATUS_OK && !found)
        status = error_set(err, STATUS_UNAVAILABLE,
                           "no event table in %s fits %s family %u model 0x%x",
                           path, id.vendor, id.family, id.model);
    return status;
}

/* True: the group still fits on the counters with this metric's events.  Those
 * that two metrics share are counted twice, which only costs a pass. */
static bool fits(const struct event_table *table, uint32_t group,
                 enum metric metric)
{
    int events = 0, most = table->events_at_once;

    group |= UINT32_C(1) << metric;
    for (int m = 0; m < METRIC_FIRST_REAL; m++) {
        if (!(group & (UINT32_C(1) << m)))
            continue;
        const struct event_row *row = &table->row[m];
        events += row->n_events;
        if (most - row->n_events > row->others_at_most)
            most = row->n_events + row->others_at_most;
    }
    return events <= most && events <= EVENT_GROUP_MAX;
}

int event_table_groups(const struct event_table *table, uint32_t metrics,
                       uint32_t group[METRIC_FIRST_REAL])
{
    int n = 0;

    for (int m = 0; m < METRIC_FIRST_REAL; m++) {
        if (!(metrics & (UINT32_C(1) << m)) || table->row[m].n_events == 0)
            continue;
        int g = 0;
        while (g < n && !fits(table, group[g], (enum metric)m))
            g++;
        if (g == n)
            group[n++] = 0;
        group[g] |= UINT32_C(1) << m;
    }
    return n;
}
