/* machine_json.c - Print what isobath machine found as JSON. */
#include "hwprof/commands/machine_answer.h"

#include <jansson.h>
#include "hwprof/measure/energy_table.h"
#include "sim/core/answer/json.h"

/* A whole number of 0 stands for what the machine does not say. */
static json_t *caches_json(const struct cpu_topology *t)
{
    json_t *list = json_array();

    for (int i = 0; i < t->n_caches; i++) {
        const struct cache_level *c = &t->cache[i];
        char kind[2] = { c->kind, '\0' };
        json_array_append_new(list, json_pack(
            "{s:i, s:s, s:o, s:o, s:o, s:o, s:o}", "level", c->level,
            "kind", kind, "size_bytes", json_whole(c->size_bytes), "line_bytes",
            json_whole((uint64_t)c->line_bytes), "ways",
            json_whole((uint64_t)c->ways), "cpus_sharing",
            json_whole((uint64_t)c->n_sharing), "count",
            json_whole((uint64_t)c->n)));
    }
    return list;
}

static json_t *kinds_json(const struct cpu_topology *t)
{
    json_t *list = json_array();

    for (int k = 0; k < t->n_kinds; k++)
        json_array_append_new(list, json_pack("{s:i, s:i, s:o}",
            "cores", t->kind[k].n_cores, "first_cpu", t->kind[k].first_cpu,
            "max_hertz", json_known(t->kind[k].max_hertz,
                                    t->kind[k].max_hertz > 0)));
    return list;
}

static json_t *topology_json(const struct cpu_topology *t)
{
    const struct { const char *name; int n; } counted[] = {
        { "cores", t->n_cores }, { "sockets", t->n_sockets },
        { "cpus_per_core", t->cpus_per_core },
        { "numa_nodes", t->n_numa_nodes },
    };
    json_t *isa = json_array(), *reasons = json_object();

    for (int i = 0; i < ISA_COUNT; i++)
        if (t->isa[i])
            json_array_append_new(isa, json_string(isa_names[i]));
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++)
        if (counted[i].n == 0)
            json_object_set_new(reasons, counted[i].name,
                                json_string("/sys does not tell"));
    if (!t->governor[0])
        json_object_set_new(reasons, "governor", json_string(
            "no cpufreq in /sys: the host or the firmware sets the clock"));
    if (t->max_hertz <= 0)
        json_object_set_new(reasons, "max_hertz", json_string(
            "no cpufreq in /sys: the host or the firmware sets the clock"));
    return json_pack(
        "{s:s, s:s, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, "
        "s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
        "model_name", t->model_name, "vendor", t->id.vendor,
        "family", (int)t->id.family, "model", (int)t->id.model,
        "cpus", t->n_cpus, "cores", json_whole((uint64_t)t->n_cores),
        "sockets", json_whole((uint64_t)t->n_sockets),
        "cpus_per_core", json_whole((uint64_t)t->cpus_per_core),
        "numa_nodes", json_whole((uint64_t)t->n_numa_nodes),
        "core_kinds", kinds_json(t), "caches", caches_json(t),
        "memory_bytes", json_whole(t->memory_bytes),
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
    return json_pack("{s:o, s:o, s:i, s:b, s:o, s:o}",
        "best", json_known(rate->per_second, rate->n_runs > 0),
        "slowest", json_known(rate->worst, rate->n_runs > 0),
        "runs", rate->n_runs, "busy", peak_is_busy(rate),
        "probe_share", json_known(rate->share, rate->n_runs > 0),
        "reason", json_reason(rate->reason));
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

static json_t *paths_json(const struct machine_answer *a)
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

/* By metric: the events of what is seen, the reason of what is not. */
static json_t *survey_json(const struct machine_answer *a)
{
    json_t *list = json_array();

    for (int i = 0; i < a->n_backends; i++) {
        const struct measure_backend *b = &a->backend[i];
        json_t *events = json_object(), *reasons = json_object();
        for (int m = 0; m < METRIC_COUNT; m++) {
            const char *column = metric_table[m].column;
            if (b->seen & counter_bit((enum metric)m))
                json_object_set_new(events, column, json_string(b->source[m]));
            else if (b->reason[m][0])
                json_object_set_new(reasons, column,
                                    json_string(b->reason[m]));
        }
        json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:o, s:o}",
            "name", b->backend->name, "what", b->backend->what,
            "read_seconds", json_known(b->read_seconds, b->read_seconds > 0),
            "events", events, "reasons", reasons));
    }
    return list;
}

enum status machine_answer_json(const struct machine_answer *a,
                                struct error *err)
{
    json_t *metrics = json_object();

    for (int m = 0; m < METRIC_COUNT; m++)
        json_object_set_new(metrics, metric_table[m].column,
                            row_json(&a->row[m]));
    json_t *all = json_pack("{s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o}",
        "schema", "isobath-machine-1", "topology", topology_json(&a->topology),
        "peak", peak_json(&a->peak), "event_table", a->table,
        "metrics", metrics, "energy", sensors_json(&a->sensors),
        "backends", backends_json(), "read_paths", paths_json(a),
        "counters", survey_json(a));
    if (!all)
        return error_set(err, STATUS_NO_MEMORY, "no memory for the answer");
    if (a->energy)
        json_object_set_new(all, "energy_fit", energy_table_json(a->energy));
    enum status status = json_print(all, stdout, err);
    json_decref(all);
    return status;
}
