/* machine.c - isobath machine: say what this machine is, what it does at most
 * and what can be measured on it. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hwprof/counters/counter.h"
#include "hwprof/measure/energy_table.h"
#include "hwprof/measure/fact.h"
#include "hwprof/measure/machine_profile.h"
#include "hwprof/measure/measure.h"
#include "hwprof/machine/peak.h"
#include "hwprof/energy/sensor.h"
#include "hwprof/machine/topology.h"
#include "sim/commands/commands.h"
#include "sim/core/answer/json.h"
#include "sim/core/answer/table.h"
#include "sim/core/base/file.h"
#include "sim/core/base/wrap.h"
#include "sim/price/machine.h"

struct options {
    struct command_options common;
    bool        quick, fit_energy;
    const char *sysfs_root;              /* NULL: /sys */
};

/* Everything that is printed, in whatever format. */
struct answer {
    struct cpu_topology topology;
    struct peak         peak;
    struct measure_row  row[METRIC_COUNT];
    char                table[COUNTER_REASON_SIZE];
    struct sensor_list  sensors;
    const struct energy_answer *energy;  /* NULL: not asked for */
    int                 n_paths;
    struct read_path    path[READ_PATH_MAX];
};

#define MACHINE(name, argument, TYPE, member, help)                            \
    FLAG(name, argument, NULL, TYPE, struct options, member, 0, 0, "", NULL,   \
         NULL, help)
static const struct flag flags[] = {
    FLAG_OUTPUT("FILE", "", "write the measured rates as a machine profile, for"
        " isobath predict --machine FILE; its joules are priors with their"
        " sources, or fitted here by --fit-energy"),
    MACHINE("--quick", NULL, BOOL, quick, "do fewer and shorter runs: 1 s"
        " instead of about 4 s (with --fit-energy: 15 s instead of a minute and"
        " a half)"),
    MACHINE("--fit-energy", NULL, BOOL, fit_energy, "run kernels of known work"
        " beside an energy sensor and fit watts, joules per flop and joules per"
        " byte to what it counts; with -o they replace the profile's priors"
        " where they are resolved.  It fails, with the sensor's reason, where"
        " no sensor works.  Let nothing else run meanwhile"),
    MACHINE("--sysfs-root", "DIR", TEXT, sysfs_root, "read topology and energy"
        " sensors from DIR instead of /sys"),
    FLAG_FORMAT(NULL, format_names),
    FLAG_QUIET,
    FLAG_THREADS,
    FLAG_END
};

static enum status ask(struct answer *a, const struct options *o,
                       struct error *err)
{
    struct measure_options options = { .sysfs_root = o->sysfs_root };
    struct measure *measure = NULL;
    enum status status = measure_open(&measure, &options, err);

    if (status != STATUS_OK)
        return status;
    a->topology = *measure_topology(measure);
    snprintf(a->table, sizeof a->table, "%s", measure_table(measure));
    measure_report(measure, a->row);
    const struct read_path *path;
    a->n_paths = measure_read_paths(measure, &path);
    memcpy(a->path, path, sizeof a->path);
    measure_close(measure);

    sensor_list_open(&a->sensors, o->sysfs_root ? o->sysfs_root : "/sys");
    if (a->sensors.n)
        sensor_list_probe(&a->sensors, NULL, NULL);
    sensor_list_close(&a->sensors);
    return peak_measure(&a->peak, &a->topology, o->common.threads, o->quick,
                        err);
}

static enum status ask_energy(struct answer *a, struct energy_answer *energy,
                              const struct options *o, struct error *err)
{
    const struct energy_answer_options options = {
        .sysfs_root = o->sysfs_root, .n_threads = o->common.threads,
        .quick = o->quick, .quiet = o->common.quiet };

    a->energy = energy;
    return energy_answer_take(energy, &a->topology, &options, err);
}

/* ---- a profile ---- */

/* The file is read back by the code that will use it before it appears. */
static enum status write_profile(const struct answer *a, const char *path,
                                 struct error *err)
{
    struct file_writer writer;
    struct machine machine;
    enum status status = file_create(&writer, path, err);

    if (status != STATUS_OK)
        return status;
    status = machine_profile_write(writer.stream, &a->topology, &a->peak,
                                   a->energy ? &a->energy->profile : NULL,
                                   err);
    if (status == STATUS_OK && fflush(writer.stream) != 0)
        status = error_set(err, STATUS_IO, "cannot write %s", path);
    if (status == STATUS_OK)
        status = machine_load(&machine, writer.temporary, err);
    if (status == STATUS_OK)
        return file_commit(&writer, err);
    file_abandon(&writer);
    return status;
}

/* ---- JSON ---- */

/* A whole number of 0 stands for what the machine does not say. */
static json_t *caches_json(const struct cpu_topology *t)
{
    json_t *list = json_array();

    for (int i = 0; i < t->n_caches; i++) {
        const struct cache_level *c = &t->cache[i];
        char kind[2] = { c->kind, '\0' };
        json_array_append_new(list, json_pack(
            "{s:i, s:s, s:o, s:o, s:o, s:o}", "level", c->level, "kind", kind,
            "size_bytes", json_whole(c->size_bytes), "line_bytes",
            json_whole((uint64_t)c->line_bytes), "ways",
            json_whole((uint64_t)c->ways), "cpus_sharing",
            json_whole((uint64_t)c->n_sharing)));
    }
    return list;
}

static json_t *topology_json(const struct cpu_topology *t)
{
    json_t *isa = json_array(), *reasons = json_object();

    for (int i = 0; i < ISA_COUNT; i++)
        if (t->isa[i])
            json_array_append_new(isa, json_string(isa_names[i]));
    if (!t->governor[0])
        json_object_set_new(reasons, "governor", json_string(
            "no cpufreq in /sys: the host or the firmware sets the clock"));
    if (t->max_hertz <= 0)
        json_object_set_new(reasons, "max_hertz", json_string(
            "no cpufreq in /sys: the host or the firmware sets the clock"));
    return json_pack(
        "{s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:o, s:I, s:b, s:o, "
        "s:o, s:o, s:o, s:o, s:o, s:o}",
        "model_name", t->model_name, "vendor", t->id.vendor,
        "family", (int)t->id.family, "model", (int)t->id.model,
        "cpus", t->n_cpus, "cores", t->n_cores, "sockets", t->n_sockets,
        "cpus_per_core", t->cpus_per_core, "numa_nodes", t->n_numa_nodes,
        "caches", caches_json(t),
        "memory_bytes", (json_int_t)t->memory_bytes,
        "virtual_machine", t->virtual_machine, "isa", isa,
        "governor", json_reason(t->governor),
        "max_hertz", json_known(t->max_hertz, t->max_hertz > 0),
        "transparent_huge_pages", json_reason(t->huge_pages),
        "kernel", json_reason(t->kernel),
        "perf_event_paranoid", json_reason(t->paranoid),
        "reasons", reasons);
}

static json_t *rate_json(const struct peak_rate *rate)
{
    return json_pack("{s:o, s:o, s:i, s:o}",
        "best", json_known(rate->per_second, rate->n_runs > 0),
        "slowest", json_known(rate->worst, rate->n_runs > 0),
        "runs", rate->n_runs, "reason", json_reason(rate->reason));
}

static json_t *peak_json(const struct peak *p)
{
    json_t *levels = json_object();

    for (int l = 0; l < PEAK_LEVEL_COUNT; l++)
        json_object_set_new(levels, peak_level_names[l], json_pack(
            "{s:I, s:o, s:o}", "working_set_bytes",
            (json_int_t)p->read_bytes[l],
            "one_thread", rate_json(&p->read_one[l]),
            "all_threads", rate_json(&p->read_all[l])));
    return json_pack("{s:s, s:i, s:{s:o, s:o}, s:o}", "kernel", p->kernel,
        "threads", p->n_threads, "flops_per_second",
        "one_thread", rate_json(&p->flops_one),
        "all_threads", rate_json(&p->flops_all),
        "read_bytes_per_second", levels);
}

static json_t *row_json(const struct measure_row *r)
{
    bool counted = r->kernel && r->backend && r->qualified;

    return json_pack("{s:s, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o}",
        "unit", metric_table[r->metric].unit,
        "backend", json_reason(r->backend),
        "source", json_reason(r->source),
        "qualified", r->qualified,
        "reason", json_reason(r->reason),
        "known_kernel", json_reason(r->kernel),
        "error", json_known(r->error, counted),
        "spread", json_known(r->spread, counted),
        "read_seconds", json_known(r->read_seconds, r->read_seconds > 0),
        "resolution", json_known(r->resolution, r->qualified));
}

static json_t *sensors_json(const struct sensor_list *list)
{
    json_t *out = json_array();

    for (int i = 0; i < list->n; i++)
        json_array_append_new(out, json_pack("{s:s, s:s, s:b, s:o}",
            "name", list->sensor[i].name,
            "scope", sensor_scope_names[list->sensor[i].scope],
            "works", !list->sensor[i].reason[0],
            "reason", json_reason(list->sensor[i].reason)));
    return json_pack("{s:o, s:o}", "sensors", out, "reason",
                     json_reason(list->n ? "" : list->reason));
}

static json_t *backends_json(void)
{
    json_t *built = json_array(), *left_out = json_array();

    for (int i = 0; counter_backends[i]; i++)
        json_array_append_new(built, json_string(counter_backends[i]->name));
    for (int i = 0; counter_left_out[i]; i++)
        json_array_append_new(left_out, json_string(counter_left_out[i]));
    return json_pack("{s:o, s:o}", "built", built, "left_out", left_out);
}

static json_t *paths_json(const struct answer *a)
{
    json_t *list = json_array();

    for (int i = 0; i < a->n_paths; i++)
        json_array_append_new(list, json_pack("{s:s, s:o, s:b, s:o}",
            "name", a->path[i].backend->name,
            "read_seconds", json_known(a->path[i].seconds,
                                           a->path[i].seconds > 0),
            "chosen", a->path[i].chosen,
            "reason", json_reason(a->path[i].reason)));
    return list;
}

static enum status print_json(const struct answer *a, struct error *err)
{
    json_t *metrics = json_object();

    for (int m = 0; m < METRIC_COUNT; m++)
        json_object_set_new(metrics, metric_table[m].column,
                            row_json(&a->row[m]));
    json_t *all = json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o}",
        "schema", "isobath-machine-1", "topology", topology_json(&a->topology),
        "peak", peak_json(&a->peak), "event_table", a->table,
        "metrics", metrics, "energy", sensors_json(&a->sensors),
        "backends", backends_json(), "read_paths", paths_json(a));
    if (!all)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the answer");
    if (a->energy)
        json_object_set_new(all, "energy_fit", energy_table_json(a->energy));
    enum status status = json_print(all, stdout, err);
    json_decref(all);
    return status;
}

/* ---- CSV: a row a fact ---- */

static void add_rate(struct table *t, const char *name, const char *threads,
                     const char *unit, const struct peak_rate *rate)
{
    struct fact fact = { .kind = "peak", .name = name, .threads = threads,
                         .unit = unit, .reason = rate->reason };

    if (rate->n_runs) {
        fact.value = amount_of(rate->per_second, PROV_MEASURED);
        fact.slowest = amount_of(rate->worst, PROV_MEASURED);
    }
    facts_add(t, fact);
}

static void add_facts(struct table *t, const struct answer *a)
{
    add_rate(t, "flops", "one", "flop/s", &a->peak.flops_one);
    add_rate(t, "flops", "all", "flop/s", &a->peak.flops_all);
    for (int l = 0; l < PEAK_LEVEL_COUNT; l++) {
        add_rate(t, peak_level_names[l], "one", "B/s", &a->peak.read_one[l]);
        add_rate(t, peak_level_names[l], "all", "B/s", &a->peak.read_all[l]);
    }
    for (int m = 0; m < METRIC_COUNT; m++)
        facts_add(t, (struct fact){
            .kind = "metric", .name = metric_table[m].column,
            .word = a->row[m].qualified ? "qualified" : "",
            .unit = metric_table[m].unit, .source = a->row[m].source,
            .reason = a->row[m].reason });
    for (int i = 0; i < a->sensors.n; i++) {
        const struct sensor *s = &a->sensors.sensor[i];
        facts_add(t, (struct fact){
            .kind = "sensor", .name = s->name, .unit = "J",
            .word = s->reason[0] ? "" : "works", .reason = s->reason });
    }
    if (a->energy)
        energy_table_facts(t, a->energy);
}

static enum status print_csv(const struct answer *a, struct error *err)
{
    struct table t;

    facts_open(&t);
    add_facts(&t, a);
    enum status status = table_print(&t, FORMAT_CSV, stdout, err);
    table_close(&t);
    return status;
}

/* ---- text ---- */

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
    putchar('\n');
}

static void print_topology(const struct cpu_topology *t)
{
    printf("%s (%s, family %u, model 0x%x)%s\n", t->model_name, t->id.vendor,
           t->id.family, t->id.model,
           t->virtual_machine ? ", a virtual machine" : "");
    printf("  %d CPU%s", t->n_cpus, plural(t->n_cpus));
    if (t->n_cores)
        printf(" on %d core%s of %d socket%s", t->n_cores, plural(t->n_cores),
               t->n_sockets, plural(t->n_sockets));
    if (t->n_numa_nodes)
        printf(", %d NUMA node%s", t->n_numa_nodes, plural(t->n_numa_nodes));
    if (t->memory_bytes)
        printf(", %.1f GiB of memory",
               (double)t->memory_bytes / (double)(1 << 30));
    putchar('\n');
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
        printf("  %8.1f (%.1f)", rate->per_second * 1e-9, rate->worst * 1e-9);
    else
        printf("  %8s", "-");
}

static void print_peak(const struct peak *p)
{
    printf("\nMeasured peak, best run (slowest run)\n"
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

static enum status print_measurable(const struct answer *a, struct error *err)
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
static void print_unmeasurable(const struct answer *a)
{
    bool said[METRIC_COUNT] = { false };

    printf("\nWhat cannot, and why\n");
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

/* Timed where the program runs: what is cheapest differs between machines. */
static void print_paths(const struct answer *a)
{
    printf("\nWays to read counters, the cheapest that qualifies is used\n");
    for (int i = 0; i < a->n_paths; i++) {
        const struct read_path *path = &a->path[i];
        printf("  %-8s", path->backend->name);
        if (path->seconds > 0)
            printf(" %8.0f ns a reading%s\n", 1e9 * path->seconds,
                   path->chosen ? ", chosen" : "");
        else {
            puts(" sees nothing here");
            wrap_text(stdout, 11, 11, path->reason);
        }
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

static enum status print_text(const struct answer *a, struct error *err)
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

static enum status (*const printers[])(const struct answer *a,
                                       struct error *err) = {
    [FORMAT_TEXT] = print_text, [FORMAT_JSON] = print_json,
    [FORMAT_CSV] = print_csv,
};

static enum status check(const struct options *o, struct error *err)
{
    if (o->sysfs_root && !file_exists(o->sysfs_root))
        return error_set(err, STATUS_BAD_VALUE, "--sysfs-root '%s': allowed is"
                         " a directory like /sys", o->sysfs_root);
    return o->fit_energy ? energy_answer_check(o->sysfs_root, err) : STATUS_OK;
}

static int run(void *options)
{
    const struct options *o = options;
    struct answer answer = { 0 };
    struct energy_answer energy = { .n_threads = 0 };
    struct error err = { 0 };
    enum status status = check(o, &err);

    if (status == STATUS_OK)
        status = ask(&answer, o, &err);
    if (status == STATUS_OK && o->fit_energy)
        status = ask_energy(&answer, &energy, o, &err);
    if (status == STATUS_OK && o->common.output)
        status = write_profile(&answer, o->common.output, &err);
    if (status == STATUS_OK)
        status = printers[o->common.format](&answer, &err);
    energy_answer_close(&energy);
    return status == STATUS_OK ? 0 : command_fail(&err);
}

const struct command machine_command = {
    .name = "machine", .usage = "",
    .help = "this machine: peaks, counters, sensors, and why not",
    .about = "Tell what this machine is, the most that it does, what can be"
        " measured on it, and why the rest cannot.",
    .flags = flags, .options_size = sizeof(struct options), .run = run,
};
