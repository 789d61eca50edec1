/* tables_trust.c - Add tables of disagreements, of unknowns, and of the
 * machine and the commands. */
#include "reports/tables/tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "reports/read/jsonpath.h"
#include "sim/core/ledger/agreement.h"

/* counted against predicted, integer by integer */

static const struct column mismatch_columns[] = {
    { "where", "ledger", "", COLUMN_TEXT, true },
    { "pass", "pass", "", COLUMN_TEXT, true },
    { "layer", "layer", "", COLUMN_TEXT, true },
    { "op", "op", "", COLUMN_TEXT, true },
    { "metric", "metric", "", COLUMN_TEXT, true },
    { "predicted", "predicted", "", COLUMN_TEXT, true },
    { "counted", "counted", "", COLUMN_TEXT, true },
};

enum { MISMATCHES_SHOWN = 50 };

/* An imported trace names no model: no formula says its work. */
static bool predicts_work(const struct ledger *predicted)
{
    const struct cost whole = ledger_sum(predicted, LEDGER_ANY, LEDGER_ANY,
                                         LEDGER_ANY, LEDGER_ANY);
    return cost_known(&whole, METRIC_FLOPS) ||
           cost_known(&whole, METRIC_BYTES);
}

static void add_mismatches(struct report *r, struct table *t,
                           const struct witnesses *w, const char *where)
{
    const struct ledger *predicted = w->ledger[WITNESS_PREDICTED];
    const struct ledger *counted = w->ledger[WITNESS_COUNTED];
    struct disagreement found[MISMATCHES_SHOWN];
    size_t compared = 0, n = predicted && counted && predicts_work(predicted)
        ? disagreements(predicted, counted, found, MISMATCHES_SHOWN, &compared)
        : 0;

    r->mismatches += n;
    r->compared += compared;
    for (size_t i = 0; i < n && i < MISMATCHES_SHOWN; i++) {
        const struct disagreement *m = &found[i];
        char text[EXACT_SIZE];
        table_row(t, ROW_PLAIN);
        table_text(t, where);
        table_text(t, m->pass < 0 ? "all" : pass_names[m->pass]);
        if (m->layer >= 0)
            table_textf(t, "%d", m->layer);
        else
            table_text(t, m->layer == LEDGER_ANY ? "all" : "outside");
        table_text(t, m->op < 0 ? "all" : op_table[m->op].name);
        table_text(t, metric_table[m->metric].column);
        exact_text(text, &m->predicted, m->metric);
        table_text(t, text);
        exact_text(text, &m->counted, m->metric);
        table_text(t, text);
    }
}

static void mismatches(struct report *r)
{
    struct table *t = REPORT_ADD_TABLE(r, TRUST, NULL, "mismatches",
                                       mismatch_columns);
    char where[160];

    table_caption(t, "Cells of the ledger where counted and predicted differ. "
                  "Both are exact, so one of them is wrong.");
    for (size_t i = 0; r->profile && i < r->profile->n_phases; i++)
        for (int a = 0; a < ARM_COUNT; a++) {
            snprintf(where, sizeof where, "%s, %s", r->profile->phase[i].name,
                     arm_titles[a]);
            add_mismatches(r, t, &r->profile->phase[i].witnesses[a], where);
        }
    for (int a = 0; a < ARM_COUNT; a++) {
        snprintf(where, sizeof where, "%s %s",
                 report_layers_title(r, (enum side)a), r->layers_label[a]);
        add_mismatches(r, t, &r->trained[a], where);
    }
}

/* totals of every run: is counted the predicted integer? */

static const struct column totals_off_columns[] = {
    { "run", "run", "", COLUMN_TEXT, true },
    { "metric", "amount", "", COLUMN_TEXT, true },
    { "predicted", "predicted", "", COLUMN_QUANTITY, false },
    { "counted", "counted", "", COLUMN_QUANTITY, false },
    { "ratio", "counted, off", "", COLUMN_RATIO, false },
};

static void add_off(struct report *r, struct table *t,
                    const struct totals *totals, const char *where)
{
    for (int m = 0; m < METRIC_COUNT; m++) {
        struct amount p = totals->of[WITNESS_PREDICTED][m];
        struct amount c = totals->of[WITNESS_COUNTED][m];
        if (metric_table[m].predicted != PREDICTED_BY_FORMULA ||
            !amount_known(p) || !amount_known(c))
            continue;
        r->compared++;
        if (p.value == c.value)
            continue;
        r->mismatches++;
        table_row(t, ROW_PLAIN);
        table_text(t, where);
        table_text(t, metric_table[m].column);
        table_quantity(t, p, metric_table[m].unit);
        table_quantity(t, c, metric_table[m].unit);
        table_amount(t, amount_ratio(c, p));
    }
}

static void totals_off(struct report *r)
{
    struct table *t = REPORT_ADD_TABLE(r, TRUST, NULL, "totals-off",
                                       totals_off_columns);

    table_caption(t, "Runs whose counted total is not the predicted one.");
    for (size_t i = 0; i < r->n_worked; i++)
        if (r->worked[i]->kind != RUN_PROFILE)
            add_off(r, t, &r->worked[i]->totals, r->worked[i]->path);
    for (size_t i = 0; r->profile && i < r->profile->n_phases; i++)
        for (int a = 0; a < ARM_COUNT; a++)
            add_off(r, t, &r->profile->phase[i].totals[a],
                    r->profile->phase[i].name);
}

/* the counters' share of the counted work */

static const struct column seen_columns[] = {
    { "phase", "phase", "", COLUMN_TEXT, true },
    { "model", "model", "", COLUMN_TEXT, true },
    { "flops_counted", "FLOPs counted", "", COLUMN_QUANTITY, false },
    { "flops_measured", "FLOPs measured", "", COLUMN_QUANTITY, false },
    { "ratio", "measured, off", "", COLUMN_RATIO, false },
};

static void seen(struct report *r)
{
    struct table *t = REPORT_ADD_TABLE(r, TRUST, NULL, "measured-flops",
                                       seen_columns);

    table_caption(t, "FLOPs that hardware counters saw, against those the "
                  "executor counted.");
    for (size_t i = 0; r->profile && i < r->profile->n_phases; i++)
        for (int a = 0; a < ARM_COUNT; a++) {
            const struct totals *all = &r->profile->phase[i].totals[a];
            if (!amount_known(all->of[WITNESS_MEASURED][METRIC_FLOPS]))
                continue;                /* "unknown" says why */
            struct amount c = all->of[WITNESS_COUNTED][METRIC_FLOPS];
            struct amount m = all->of[WITNESS_MEASURED][METRIC_FLOPS];
            table_row(t, a == ARM_MOD ? ROW_MOD : ROW_PLAIN);
            table_text(t, r->profile->phase[i].name);
            table_text(t, arm_titles[a]);
            table_quantity(t, c, metric_table[METRIC_FLOPS].unit);
            table_quantity(t, m, metric_table[METRIC_FLOPS].unit);
            table_amount(t, amount_ratio(m, c));
        }
}

/* unknowns and their reasons */

static const struct column unknown_columns[] = {
    { "witness", "witness", "", COLUMN_TEXT, true },
    { "amounts", "amounts", "", COLUMN_TEXT, true },
    { "runs", "runs", "", COLUMN_TEXT, true },
    { "reason", "why", "", COLUMN_TEXT, true },
};

/* How often each text occurs, in an object that keeps their order. */
static void tally(json_t *texts, const char *text)
{
    json_int_t n = json_integer_value(json_object_get(texts, text));

    json_object_set_new(texts, text, json_integer(n + 1));
}

struct reasons {
    json_t *texts[WITNESS_COUNT][METRIC_COUNT];    /* tallies, owned */
    size_t visited;
};

static void add_reasons(struct reasons *all, const struct totals *totals)
{
    all->visited++;
    for (int w = 0; w < WITNESS_COUNT; w++)
        for (int m = 0; m < METRIC_COUNT; m++) {
            const struct amount a = totals->of[w][m];
            if (!amount_known(a) && a.reason)
                tally(all->texts[w][m], a.reason);
        }
}

/* All metrics for which the witness has that reason as often, in one row: that of
 * the first of them. */
static void unknown_row(struct table *t, const struct reasons *all, int w,
                        int first, const char *reason, const json_t *n)
{
    char metrics[256] = "";
    size_t used = 0;

    for (int m = 0; m < METRIC_COUNT && used < sizeof metrics; m++) {
        if (!json_equal(json_object_get(all->texts[w][m], reason), n))
            continue;
        if (m < first)
            return;
        used += (size_t)snprintf(metrics + used, sizeof metrics - used, "%s%s",
                                 used ? ", " : "", metric_table[m].column);
    }
    table_row(t, ROW_PLAIN);
    table_text(t, witness_names[w]);
    table_text(t, metrics);
    table_textf(t, "%lld of %zu", (long long)json_integer_value(n),
                all->visited);
    table_text(t, reason);
}

/* A profile has its totals by phase; an answer has cells, and no totals. */
static void unknowns(struct report *r)
{
    struct table *t = REPORT_ADD_TABLE(r, TRUST, "What is unknown, and why", "unknown",
                                       unknown_columns);
    struct reasons all = { .visited = 0 };

    table_caption(t, "What is unknown, in how many runs or phases, and why.");
    t->grouped = true;
    for (int i = 0; i < WITNESS_COUNT * METRIC_COUNT; i++)
        all.texts[i / METRIC_COUNT][i % METRIC_COUNT] =
            error_noted(json_object());
    for (size_t i = 0; i < r->n_worked; i++)
        if (r->worked[i]->kind != RUN_PROFILE &&
            r->worked[i]->kind != RUN_ASKED)
            add_reasons(&all, &r->worked[i]->totals);
    for (size_t i = 0; r->profile && i < r->profile->n_phases; i++)
        for (int a = 0; a < ARM_COUNT; a++)
            if (r->profile->phase[i].has[a])
                add_reasons(&all, &r->profile->phase[i].totals[a]);
    for (int w = 0; w < WITNESS_COUNT; w++)
        for (int m = 0; m < METRIC_COUNT; m++) {
            const char *reason;
            json_t *n;
            json_object_foreach(all.texts[w][m], reason, n)
                unknown_row(t, &all, w, m, reason, n);
        }
    for (int i = 0; i < WITNESS_COUNT * METRIC_COUNT; i++) {
        json_t *texts = all.texts[i / METRIC_COUNT][i % METRIC_COUNT];
        if (!texts)
            t->status = STATUS_NO_MEMORY;
        json_decref(texts);
    }
}

/* machine and build: each value once, with the number of runs it holds for */

static const struct { const char *key, *name; } machine_keys[] = {
    { "cpu", "CPU" }, { "cpu_model", "CPU" }, { "memory_bytes", "memory" },
    { "threads", "threads" }, { "kernel", "Linux kernel" },
    { "perf_event_paranoid", "perf_event_paranoid" },
    { "isa", "instruction set of the kernels" }, { "compiler", "compiler" },
    { "build_flags", "build flags" }, { "version", "isobath version" },
    { "commit", "commit" }, { "dirty", "changes beyond the commit" },
    { "data_path", "data" }, { "data_hash", "data, hash" },
};

static const struct column machine_columns[] = {
    { "what", "what", "", COLUMN_TEXT, true },
    { "value", "value", "", COLUMN_TEXT, true },
    { "runs", "runs", "", COLUMN_TEXT, true },
};

enum { VALUE_SIZE = 1024 };

static void value_text(char out[VALUE_SIZE], const char *key, const json_t *value)
{
    char *text;

    *out = 0;
    if (json_is_number(value) && strstr(key, "_bytes"))
        table_si(out, json_number_value(value), "B");
    else if (json_is_string(value))
        snprintf(out, VALUE_SIZE, "%s", json_string_value(value));
    else if (json_is_boolean(value))
        snprintf(out, VALUE_SIZE, "%s", json_is_true(value) ? "yes" : "no");
    else if (value && !json_is_null(value) &&
             (text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT))) {
        snprintf(out, VALUE_SIZE, "%s", text);
        free(text);
    }
}

static void machine(struct report *r)
{
    struct table *t = REPORT_ADD_TABLE(r, MACHINE, NULL, "machine",
                                       machine_columns);

    table_caption(t, "Where and with what the runs were made, as they recorded "
                  "it.");
    t->grouped = true;
    for (size_t k = 0; k < sizeof machine_keys / sizeof *machine_keys; k++) {
        json_t *values = error_noted(json_object()), *n;
        const char *value;
        char text[VALUE_SIZE];
        for (size_t i = 0; i < r->n_worked; i++) {
            value_text(text, machine_keys[k].key,
                       jsonpath_at(json_object_get(r->worked[i]->summary,
                                                   "provenance"),
                                   machine_keys[k].key));
            if (*text)
                tally(values, text);
        }
        json_object_foreach(values, value, n) {
            table_row(t, ROW_PLAIN);
            table_text(t, machine_keys[k].name);
            table_text(t, value);
            table_textf(t, "%lld", (long long)json_integer_value(n));
        }
        if (!values)
            t->status = STATUS_NO_MEMORY;
        json_decref(values);
    }
}

/* the commands that made the runs */

static const struct column command_columns[] = {
    { "directory", "directory", "", COLUMN_TEXT, true },
    { "started", "started", "", COLUMN_TEXT, true },
    { "seed", "seed", "", COLUMN_TEXT, true },
    { "command_line", "command line", "", COLUMN_TEXT, true },
};

/* Arguments joined as a shell would take them back; the first is program and
 * command in one.  What does not fit ends in "...". */
static void join_arguments(char *out, size_t size, const json_t *arguments)
{
    const json_t *item;
    size_t i, used = 0;

    *out = 0;
    json_array_foreach(arguments, i, item) {
        const char *text = json_string_value(item) ? json_string_value(item)
                                                   : "?";
        static const char safe[] = " abcdefghijklmnopqrstuvwxyz"
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=,:+@%";
        bool plain = *text && !text[strspn(text, safe + (i > 0))];
        if (used < size)
            used += (size_t)snprintf(out + used, size - used,
                                     plain ? "%s%s" : "%s'%s'", i ? " " : "",
                                     text);
    }
    if (used >= size)
        strcpy(out + size - 4, "...");
}

static void add_command(struct table *t, const struct run *run)
{
    const char *line = jsonpath_text(run->summary, "provenance.command_line");
    const char *start = jsonpath_text(run->summary, "provenance.start_time");
    char joined[4096];

    join_arguments(joined, sizeof joined,
                   jsonpath_at(run->summary, "provenance.arguments"));
    table_row(t, ROW_PLAIN);
    table_text(t, run->path);
    table_text(t, start ? start : "unknown");
    if (isfinite(run->facts.seed))
        table_textf(t, "%.0f", run->facts.seed);
    else
        table_text(t, "unknown");
    table_text(t, line ? line : *joined ? joined : "not recorded");
}

enum { OPEN_COMMANDS = 8 };    /* more of them are folded */

static void commands(struct report *r)
{
    const char *folded = r->n_worked > OPEN_COMMANDS ? "Every command" : NULL;
    struct table *t = REPORT_ADD_TABLE(r, AGAIN, folded, "commands",
                                       command_columns);

    table_caption(t, "The commands that made the runs, as they were called.");
    for (size_t i = 0; i < r->n_worked; i++)
        add_command(t, r->worked[i]);
}

void tables_trust(struct report *report)
{
    mismatches(report);
    totals_off(report);
    seen(report);
    unknowns(report);
    machine(report);
    commands(report);
}
