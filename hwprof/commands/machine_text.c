/* machine_text.c - Print what isobath machine found as text. */
#include "hwprof/commands/machine_answer.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "hwprof/measure/energy_table.h"
#include "sim/core/answer/table.h"
#include "sim/core/base/wrap.h"

static const char *plural(int n)
{
    return n == 1 ? "" : "s";
}

static void print_cache(const struct cache_level *c)
{
    printf("  L%d%c ", c->level, c->kind);
    if (!c->size_bytes) {
        puts("       the kernel does not say its size");
        return;
    }
    printf("%8.0f KiB", (double)c->size_bytes / 1024);
    if (c->line_bytes)
        printf(", %d-byte lines", c->line_bytes);
    if (c->ways)
        printf(", %d ways", c->ways);
    if (c->n_sharing)
        printf(", %d CPU%s to each", c->n_sharing, plural(c->n_sharing));
    if (c->n > 1)
        printf(", %d of them", c->n);
    putchar('\n');
}

/* The one line that says that cores are unlike; a rate of all threads is then
 * the sum of unlike ones. */
static void print_kinds(const struct cpu_topology *t)
{
    printf("  %d kinds of core:", t->n_kinds);
    for (int k = 0; k < t->n_kinds; k++) {
        const struct core_kind *kind = &t->kind[k];
        printf("%s %d like CPU %d", k ? ";" : "", kind->n_cores,
               kind->first_cpu);
        for (int l = 0; l < TOPOLOGY_LEVEL_MAX; l++)
            if (kind->cache_bytes[l])
                printf(", L%d %.0f KiB", l + 1,
                       (double)kind->cache_bytes[l] / 1024);
        if (kind->max_hertz > 0)
            printf(", at most %.2f GHz", kind->max_hertz * 1e-9);
    }
    putchar('\n');
}

static void print_topology(const struct cpu_topology *t)
{
    printf("%s (%s, family %u, model 0x%x)%s\n", t->model_name, t->id.vendor,
           t->id.family, t->id.model,
           t->virtual_machine ? ", a virtual machine" : "");
    printf("  %d CPU%s", t->n_cpus, plural(t->n_cpus));
    if (t->n_cores)
        printf(" on %d core%s", t->n_cores, plural(t->n_cores));
    if (t->n_sockets)
        printf(" of %d socket%s", t->n_sockets, plural(t->n_sockets));
    if (t->n_numa_nodes)
        printf(", %d NUMA node%s", t->n_numa_nodes, plural(t->n_numa_nodes));
    if (t->memory_bytes)
        printf(", %.1f GiB of memory",
               (double)t->memory_bytes / (double)(1 << 30));
    putchar('\n');
    if (t->n_kinds > 1)
        print_kinds(t);
    printf("  instruction sets:");
    for (int i = 0; i < ISA_COUNT; i++)
        if (t->isa[i])
            printf(" %s", isa_names[i]);
    printf("\n  clock: governor %s, at most %s", t->governor[0] ? t->governor
                                                                : "-",
           t->max_hertz > 0 ? "" : "-");
    if (t->max_hertz > 0)
        printf("%.2f GHz", t->max_hertz * 1e-9);
    printf("; huge pages %s; kernel %s; perf_event_paranoid %s\n",
           t->huge_pages[0] ? t->huge_pages : "-", t->kernel,
           t->paranoid[0] ? t->paranoid : "-");
    for (int i = 0; i < t->n_caches; i++)
        print_cache(&t->cache[i]);
}

static void print_rate(const struct peak_rate *rate)
{
    if (rate->n_runs)
        printf("  %8.1f (%.1f)%s", rate->per_second * 1e-9,
               rate->worst * 1e-9, peak_is_busy(rate) ? " busy" : "");
    else
        printf("  %8s", "-");
}

static void print_peak(const struct peak *p)
{
    printf("\nMeasured peak, best run (slowest of nine in ten); busy: others"
           " ran beside it, it is no peak\n"
           "                          1 thread          %d threads\n",
           p->n_threads);
    printf("  %-14s", "GFLOP/s");
    print_rate(&p->flops_one);
    print_rate(&p->flops_all);
    printf("   %s\n", p->kernel);
    for (int l = 0; l < PEAK_LEVEL_COUNT; l++) {
        printf("  %-4s %-9s", peak_level_names[l], "GB/s read");
        print_rate(&p->read_one[l]);
        print_rate(&p->read_all[l]);
        if (p->read_bytes[l])
            printf("   %.0f KiB a thread", (double)p->read_bytes[l] / 1024);
        putchar('\n');
        if (p->read_one[l].reason[0])
            wrap_text(stdout, 7, 7, p->read_one[l].reason);
    }
}

static enum status print_measurable(const struct machine_answer *a,
                                    struct error *err)
{
    static const struct column columns[] = {
        { "metric", "metric", "", COLUMN_TEXT, true },
        { "by", "by", "", COLUMN_TEXT, true },
        { "error", "error", "", COLUMN_SHARE, true },
        { "spread", "spread", "", COLUMN_SHARE, true },
        { "read_seconds", "a read", "s", COLUMN_SI, true },
        { "source", "from", "", COLUMN_TEXT, true },
    };
    struct table t;

    printf("\nWhat can be measured here\n");
    table_open(&t, "measurable", columns, sizeof columns / sizeof *columns);
    for (int m = 0; m < METRIC_COUNT; m++) {
        const struct measure_row *r = &a->row[m];
        double none = (double)NAN;
        if (!r->qualified)
            continue;
        table_row(&t, ROW_PLAIN);
        table_text(&t, metric_table[m].column);
        table_text(&t, r->backend);
        table_amount(&t, amount_of(r->kernel ? r->error : none, PROV_MEASURED));
        table_amount(&t, amount_of(r->kernel ? r->spread : none,
                                   PROV_MEASURED));
        table_amount(&t, amount_of(r->read_seconds, PROV_MEASURED));
        table_text(&t, r->source);
    }
    enum status status = table_print(&t, FORMAT_TEXT, stdout, err);
    table_close(&t);
    return status;
}

/* Metrics that share a reason share a paragraph. */
static void print_unmeasurable(const struct machine_answer *a)
{
    bool said[METRIC_COUNT] = { false };

    printf("\nWhat cannot be, and why\n");
    for (int m = 0; m < METRIC_COUNT; m++) {
        if (a->row[m].qualified || said[m])
            continue;
        printf("  ");
        for (int k = m; k < METRIC_COUNT; k++) {
            if (a->row[k].qualified || said[k] ||
                strcmp(a->row[k].reason, a->row[m].reason))
                continue;
            printf("%s%s", k == m ? "" : ", ", metric_table[k].column);
            said[k] = true;
        }
        putchar('\n');
        wrap_text(stdout, 6, 6, a->row[m].reason);
    }
}

/* Metrics of the back end that share a reason share a paragraph. */
static void print_reasons(const struct measure_backend *b)
{
    bool said[METRIC_COUNT] = { false };

    for (int m = 0; m < METRIC_COUNT; m++) {
        if (said[m] || !b->reason[m][0])
            continue;
        fputs("     not", stdout);
        for (int k = m; k < METRIC_COUNT; k++) {
            if (said[k] || strcmp(b->reason[k], b->reason[m]) != 0)
                continue;
            printf("%s %s", k == m ? "" : ",", metric_table[k].column);
            said[k] = true;
        }
        putchar('\n');
        wrap_text(stdout, 9, 9, b->reason[m]);
    }
}

static bool is_chosen(const struct machine_answer *a,
                      const struct counter_backend *backend)
{
    for (int i = 0; i < a->n_paths; i++)
        if (a->path[i].backend == backend && a->path[i].chosen)
            return true;
    return false;
}

static void print_paths(const struct machine_answer *a)
{
    printf("\nWays to read counters, the cheapest that qualifies is used\n");
    for (int i = 0; i < a->n_backends; i++) {
        const struct measure_backend *b = &a->backend[i];
        printf("  %-10s", b->backend->name);
        if (b->seen && b->read_seconds > 0)
            printf("%8.0f ns a reading%s\n", 1e9 * b->read_seconds,
                   is_chosen(a, b->backend) ? ", chosen" : "");
        else
            puts(b->seen ? "sees" : "sees nothing here");
        for (int m = 0; m < METRIC_COUNT; m++)
            if (b->seen & counter_bit((enum metric)m))
                printf("     %s: %s\n", metric_table[m].column, b->source[m]);
        print_reasons(b);
    }
}

static void print_sensors(const struct sensor_list *list)
{
    printf("\nEnergy sensors\n");
    if (list->n == 0)
        wrap_text(stdout, 2, 2, list->reason);
    for (int i = 0; i < list->n; i++) {
        const struct sensor *s = &list->sensor[i];
        printf("  %s (%s)%s\n", s->name, sensor_scope_names[s->scope],
               s->reason[0] ? "" : ": works");
        if (s->reason[0])
            wrap_text(stdout, 6, 6, s->reason);
    }
}

static void print_backends(void)
{
    printf("\nCounter back ends: ");
    for (int i = 0; counter_backends[i]; i++)
        printf("%s%s", i ? ", " : "", counter_backends[i]->name);
    for (int i = 0; counter_left_out[i]; i++)
        printf("%s%s", i ? ", " : "\n  left out of this build: ",
               counter_left_out[i]);
    puts(counter_left_out[0] ? " (install the library, make again)" : "");
}

enum status machine_answer_text(const struct machine_answer *a,
                                struct error *err)
{
    print_topology(&a->topology);
    print_peak(&a->peak);
    enum status status = print_measurable(a, err);
    print_unmeasurable(a);
    print_paths(a);
    print_sensors(&a->sensors);
    if (status == STATUS_OK && a->energy)
        status = energy_table_text(stdout, a->energy, err);
    print_backends();
    printf("Event table: %s\n", a->table);
    return status;
}
