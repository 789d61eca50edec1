/* summary.c - Build, write and read the summary of a run. */
#include "sim/core/answer/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "sim/core/answer/json.h"
#include "sim/core/base/file.h"

/* The Makefile states these when it compiles this file. */
#ifndef BUILD_COMMIT
#define BUILD_COMMIT "unknown"
#define BUILD_DIRTY  -1            /* 1 yes, 0 no, -1 unknown */
#define BUILD_FLAGS  "unknown"
#endif
#ifndef ISOBATH_VERSION
#define ISOBATH_VERSION "unknown"
#endif
#ifdef __clang__
#define COMPILER (__VERSION__)     /* "Debian Clang 14.0.6" */
#else
#define COMPILER ("gcc " __VERSION__)
#endif

enum { SUMMARY_MAX_BYTES = 64 << 20, LINE_SIZE = 512 };

const char *const arm_names[ARM_COUNT] = { "dense", "mod" };

const char *const summary_witness_names[SUMMARY_WITNESSES] = {
    "predicted", "counted", "measured" };

/* A ledger's totals; NULL: all null, for one reason. */
static json_t *totals_json(const struct ledger *ledger)
{
    json_t *totals = json_object(), *sources = json_object();
    json_t *reasons = json_object();
    const struct cost sum = ledger
        ? ledger_sum(ledger, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY, LEDGER_ANY)
        : (struct cost){ 0 };

    for (int m = 0; m < METRIC_COUNT; m++) {
        const char *column = metric_table[m].column;
        const char *reason = !ledger ? "not asked for"
                                     : ledger_reason(ledger, (enum metric)m);
        if (!cost_known(&sum, (enum metric)m))
            json_object_set_new(reasons, column, json_string(
                reason ? reason : "this witness does not see it"));
        json_object_set_new(totals, column, json_amount(&sum, (enum metric)m));
        json_object_set_new(sources, column,
                            json_string(provenance_names[sum.from[m]]));
    }
    json_object_set_new(totals, "sources", sources);
    json_object_set_new(totals, "reasons", reasons);
    return totals;
}

json_t *summary_no_totals(void)
{
    json_t *totals = json_object();

    for (int i = 0; i < SUMMARY_WITNESSES; i++)
        json_object_set_new(totals, summary_witness_names[i],
                            totals_json(NULL));
    return totals;
}

json_t *summary_open(const char *command, json_t *config, json_t *provenance)
{
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "schema",
                     "isobath-run-1", "command", command, "status", "done",
                     "config", config, "provenance", provenance, "totals",
                     summary_no_totals());
}

enum status summary_totals(json_t *summary, const char *witness,
                           const struct ledger *ledger, struct error *err)
{
    json_t *totals = totals_json(ledger);

    for (int m = 0; m < METRIC_COUNT; m++)
        if (!json_object_get(totals, metric_table[m].column)) {
            json_decref(totals);
            return error_set(err, STATUS_OVERFLOWED, "totals.%s.%s does not"
                             " fit into JSON", witness, metric_table[m].column);
        }
    json_object_set_new(json_object_get(summary, "totals"), witness, totals);
    return STATUS_OK;
}

enum status summary_witnesses(json_t *summary, const struct ledger *predicted,
                              const struct ledger *counted,
                              const struct ledger *measured, struct error *err)
{
    enum status status = summary_totals(summary, "predicted", predicted, err);

    if (status == STATUS_OK)
        status = summary_totals(summary, "counted", counted, err);
    return status == STATUS_OK
               ? summary_totals(summary, "measured", measured, err) : status;
}

json_t *summary_model(const struct model_spec *m)
{
    json_t *out = json_pack(
        "{s:s, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:i, s:b, s:b, s:b,"
        " s:s}",
        "family", family_names[spec_family(m)], "layers", m->n_layers,
        "channels", m->n_channels, "heads", m->n_heads, "kv_heads",
        m->n_kv_heads, "head_size", m->head_size, "ffn", m->n_ffn, "vocab",
        m->n_vocab, "max_tokens", m->max_tokens, "tied_head", m->tied_head,
        "qkv_bias", m->traits.qkv_bias, "qk_norm", m->traits.qk_norm, "rope_scaling",
        rope_scaling_names[m->rope_scaling.kind]);

    if (spec_span(m) > 0)
        json_object_set_new(out, "recursion", json_pack(
            "{s:i, s:i, s:i}", "first", m->recursion.first, "last",
            m->recursion.last, "times", m->recursion.times));
    return out;
}

json_t *summary_blocks(const struct model_spec *spec)
{
    json_t *blocks = json_array();

    for (int32_t l = 0; l < spec->n_layers; l++)
        if (spec->routed[l])
            json_array_append_new(blocks, json_integer(l));
    return blocks;
}

json_t *summary_capacity(const struct model_spec *spec)
{
    double sum = 0;

    for (int32_t l = 0; l < spec->n_layers; l++)
        sum += spec->routed[l] ? spec->capacity[l] : 0;
    return json_number(sum / spec_n_routed(spec));
}

json_t *summary_table(const struct table *t, struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = file_open_text(&text, &size);
    enum status status = file ? table_json(t, file, err) : STATUS_NO_MEMORY;
    json_t *value = file_close_text(file, &text) && status == STATUS_OK
                        ? json_loadb(text, size, 0, NULL) : NULL;

    free(text);
    return value;
}

json_t *summary_memory(uint64_t predicted, uint64_t allocated, uint64_t peak)
{
    return json_pack("{s:I, s:I, s:o}", "predicted_bytes",
                     (json_int_t)predicted, "allocated_bytes",
                     (json_int_t)allocated, "peak_resident_bytes",
                     json_whole(peak));
}

/* The value of "name : value" in a /proc file, or its first line; NULL text
 * when there is none. */
static json_t *proc_json(const char *path, const char *name)
{
    char line[LINE_SIZE];
    FILE *file = file_open_optional(path);
    json_t *found = NULL;

    while (file && !found && fgets(line, sizeof line, file)) {
        char *value = line, *colon = strchr(line, ':');
        line[strcspn(line, "\n")] = '\0';
        if (name && (!colon || strncmp(line, name, strlen(name)) != 0))
            continue;
        if (name)
            value = colon + 1 + strspn(colon + 1, " \t");
        found = json_string(value);
    }
    if (file)
        fclose(file);
    return found ? found : json_null();
}

/* A /proc file that holds one integer. */
static json_t *proc_integer_json(const char *path)
{
    json_t *text = proc_json(path, NULL);
    json_t *number = json_null();

    if (json_is_string(text))
        number = json_integer(strtoll(json_string_value(text), NULL, 10));
    json_decref(text);
    return number;
}

static json_t *arguments_json(int argc, char **argv)
{
    json_t *list = json_array();

    for (int i = 0; i < argc; i++)
        json_array_append_new(list, json_text(argv[i]));
    return list;
}

static json_t *now_json(void)
{
    char text[32];
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

json_t *provenance_json(int argc, char **argv, int threads, int64_t seed,
                        const char *isa, const char *data_path,
                        const char *data_hash)
{
    struct utsname system;
    bool named = uname(&system) == 0;
    json_t *dirty = BUILD_DIRTY < 0 ? json_null() : json_boolean(BUILD_DIRTY);

    return json_pack(
        "{s:s, s:s, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:i, s:I, s:o,"
        " s:o, s:o, s:o}",
        "version", ISOBATH_VERSION, "commit", BUILD_COMMIT, "dirty", dirty,
        "build_flags", BUILD_FLAGS, "compiler", COMPILER,
        "isa", json_text(isa),
        "cpu", proc_json("/proc/cpuinfo", "model name"),
        "kernel", json_text(named ? system.release : NULL),
        "perf_event_paranoid",
        proc_integer_json("/proc/sys/kernel/perf_event_paranoid"),
        "memory_bytes", json_integer((json_int_t)sysconf(_SC_PHYS_PAGES) *
                                     (json_int_t)sysconf(_SC_PAGESIZE)),
        "threads", threads, "seed", (json_int_t)seed,
        "data_path", json_text(data_path),
        "data_hash", json_text(data_hash),
        "start_time", now_json(), "arguments", arguments_json(argc, argv));
}

enum status summary_write(json_t *summary, const char *directory,
                          struct error *err)
{
    char path[FILE_PATH_SIZE];
    enum status status = file_join(path, directory, "summary.json", err);

    return status == STATUS_OK ? json_write(summary, path, err) : status;
}

enum status summary_read(json_t **out, const char *directory,
                         struct error *err)
{
    char path[FILE_PATH_SIZE];
    char *text = NULL;
    size_t size = 0;
    json_t *summary = NULL;
    enum status status = file_join(path, directory, "summary.json", err);

    if (status == STATUS_OK)
        status = file_read(&text, &size, path, SUMMARY_MAX_BYTES, err);
    if (status == STATUS_OK)
        status = json_parse(&summary, text, size, path, err);
    free(text);
    if (status != STATUS_OK)
        return status;
    const char *schema = json_string_value(json_object_get(summary, "schema"));
    if (!schema || strcmp(schema, "isobath-run-1") != 0) {
        status = error_set(err, STATUS_BAD_FORMAT, "%s:1:1: schema %s: allowed"
                           " is isobath-run-1", path,
                           schema ? schema : "is missing");
        json_decref(summary);
        return status;
    }
    *out = summary;
    return STATUS_OK;
}
