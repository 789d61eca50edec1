/* load_watch.c - Take probes around a run, and judge what the kernel tells of
 * it. */
#include "hwprof/machine/load_watch.h"

#include <math.h>
#include "sim/core/answer/json.h"
#include "sim/core/base/stats.h"

/* One probe may catch another's turn of a few milliseconds; of three the middle
 * one meets who stays.  They take a short run's time: where the first few find the
 * machine free there are no more. */
enum { PROBES = 3, PROBES_BEFORE = 2 /* each is told by the other */,
       PROBES_AFTER = 1 };

static bool all_free(const struct load_watch *watch,
                     const struct load_probe *probe, int n)
{
    bool all = true;

    for (int i = 0; i < n; i++)
        all &= load_share(&watch->prober, &probe[i], &probe[i]) >=
               load_least_share;
    return all;
}

static struct load_probe probe_middle(struct load_watch *watch, int few)
{
    struct load_probe probe[PROBES];
    double flops[PROBES], bytes[PROBES];
    int n = 0;

    while (n < PROBES && !(n == few && all_free(watch, probe, n))) {
        probe[n] = load_probe_take(&watch->prober);
        flops[n] = probe[n].flops_per_second;
        bytes[n] = probe[n].bytes_per_second;
        n++;
    }
    return (struct load_probe){ stats_median(flops, (size_t)n),
                                stats_median(bytes, (size_t)n) };
}

enum status load_watch_open(struct load_watch *out, int n_threads,
                            struct error *err)
{
    *out = (struct load_watch){ .proc_root = NULL };
    return load_prober_open(&out->prober, n_threads, err);
}

void load_watch_close(struct load_watch *watch)
{
    load_prober_close(&watch->prober);
}

void load_watch_begin(struct load_watch *watch)
{
    watch->before = probe_middle(watch, PROBES_BEFORE);
    watch->began = load_times_now(watch->proc_root);
}

struct load_seen load_watch_end(struct load_watch *watch)
{
    struct load_times now = load_times_now(watch->proc_root);
    struct load_seen seen = { load_times_between(&watch->began, &now),
                              (double)NAN, false };
    watch->after = probe_middle(watch, PROBES_AFTER);
    double runnable = seen.times.cpu + seen.times.waiting;

    seen.share = load_share(&watch->prober, &watch->before, &watch->after);
    seen.busy = seen.share < load_least_share ||
                seen.times.waiting > (1 - load_least_share) * runnable;
    return seen;
}

static void print_seconds(FILE *file, const char *name, double seconds)
{
    if (isfinite(seconds))
        fprintf(file, ", %s %.3g s", name, seconds);
    else
        fprintf(file, ", %s -", name);
}

void load_times_print(FILE *file, const struct load_times *times)
{
    fprintf(file, "wall %.3g s", times->wall);
    print_seconds(file, "CPU", times->cpu);
    print_seconds(file, "steal", times->steal);
    print_seconds(file, "waiting for a CPU", times->waiting);
}

void load_seen_print(FILE *file, const struct load_seen *seen)
{
    load_times_print(file, &seen->times);
    fputs(!seen->busy ? "\n"
          : seen->share < load_least_share
              ? "; busy: others ran beside it\n"
              : "; busy: its threads waited for a CPU\n", file);
}

json_t *load_seen_json(const struct load_seen *seen)
{
    const struct load_times *t = &seen->times;

    return json_pack("{s:o, s:o, s:o, s:o, s:b, s:o}",
                     "wall_seconds", json_number(t->wall),
                     "cpu_seconds", json_number(t->cpu),
                     "steal_seconds", json_number(t->steal),
                     "waiting_seconds", json_number(t->waiting),
                     "busy", seen->busy,
                     "probe_share", json_number(seen->share));
}

enum provenance load_seen_source(const struct load_seen *seen)
{
    return seen->busy ? PROV_BUSY : PROV_MEASURED;
}
