/* energy_table.c - Print the energy coefficients that were fitted. */
#include "hwprof/measure/energy_table.h"

#include <math.h>
#include "hwprof/energy/energy_kernel.h"
#include "hwprof/measure/fact.h"
#include "sim/core/answer/json.h"

/* The terms are printed, and their sum that a profile calls static. */
enum { N_LINES = ENERGY_TERM_COUNT + 1 };

struct line {
    const char *name, *unit;
    const struct energy_coefficient *c;
    bool taken;                  /* by a profile */
    char reason[ENERGY_REASON_SIZE];
};

static struct line line_of(const struct energy_answer *a, int i)
{
    struct line line = { .taken = false };

    if (i == ENERGY_TERM_COUNT) {
        line.name = "watts.static";
        line.unit = "W";
        line.c = &a->fit.standing;
        line.taken = machine_profile_takes(&a->profile, ENERGY_IDLE,
                                           line.reason);
        return line;
    }
    line.name = energy_terms[i].name;
    line.unit = energy_terms[i].unit;
    line.c = &a->fit.term[i];
    if (i == ENERGY_IDLE || i == ENERGY_AWAKE)
        snprintf(line.reason, sizeof line.reason, "%s", line.c->reason);
    else
        line.taken = machine_profile_takes(&a->profile, (enum energy_term)i,
                                           line.reason);
    return line;
}

static void add_ends(struct table *t, const struct line *line)
{
    const double ends[] = { line->c->value, line->c->low, line->c->high };

    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        table_quantity(t, line->c->resolved
                              ? amount_of(ends[i], PROV_MEASURED)
                              : amount_unknown(NULL), line->unit);
}

/* A profile has one key for the two terms that do not depend on the work. */
static void add_line(struct table *t, const struct energy_answer *a, int i)
{
    struct line line = line_of(a, i);
    bool own_key = i != ENERGY_IDLE && i != ENERGY_AWAKE;

    table_row(t, ROW_PLAIN);
    table_text(t, line.name);
    add_ends(t, &line);
    table_textf(t, "%s%s%s", !own_key ? "in watts.static"
                             : line.taken ? "fitted" : "prior",
                line.reason[0] ? ": " : "", line.reason);
}

static enum status print_coefficients(FILE *file, const struct energy_answer *a,
                                      struct error *err)
{
    static const struct column columns[] = {
        { "coefficient", "coefficient", "", COLUMN_TEXT, true },
        { "value", "value", "", COLUMN_QUANTITY, true },
        { "low", "low", "", COLUMN_QUANTITY, true },
        { "high", "high", "", COLUMN_QUANTITY, true },
        { "in_profile", "in a profile", "", COLUMN_TEXT, true },
    };
    struct table t;

    table_open(&t, "coefficients", columns, sizeof columns / sizeof *columns);
    for (int i = 0; i < N_LINES; i++)
        add_line(&t, a, i);
    enum status status = table_print(&t, FORMAT_TEXT, file, err);
    table_close(&t);
    return status;
}

static int worst_kernel(const struct energy_fit *fit)
{
    int worst = -1;

    for (int k = 0; k < fit->n_kernels; k++)
        if (fit->held_out[k].known &&
            (worst < 0 || fabs(fit->held_out[k].error) >
                          fabs(fit->held_out[worst].error)))
            worst = k;
    return worst;
}

static void print_trust(FILE *file, const struct energy_answer *a)
{
    int worst = worst_kernel(&a->fit);

    fprintf(file, "  Predicted by a fit that never saw them: ");
    if (worst >= 0)
        fprintf(file, "%d kernels, at most %.1f%% off (%s %+.1f%%)\n",
                a->fit.n_held_out, 100 * a->fit.worst_held_out,
                energy_kernels[worst].name,
                100 * a->fit.held_out[worst].error);
    else
        fprintf(file, "-\n");
    fprintf(file, "  Windows beside the fit: %.2f%% off (root mean square); "
            "condition number ", 100 * a->fit.residual);
    if (isinf(a->fit.condition))
        fprintf(file, "infinite\n");
    else
        fprintf(file, "%.1f\n", a->fit.condition);
    if (isfinite(a->run.idle_before) && isfinite(a->run.idle_after))
        fprintf(file, "  Idle before %.2f W, after %.2f W\n",
                a->run.idle_before, a->run.idle_after);
}

static void print_rejections(FILE *file, const struct energy_answer *a)
{
    if (a->run.n_rejected)
        fprintf(file, "  Left out: %d of %d windows\n", a->run.n_rejected,
                a->run.n_windows);
    for (int i = 0; i < a->run.n_reasons; i++)
        fprintf(file, "    %d, the first in %s: %s\n", a->run.rejection[i].n,
                energy_kernels[a->run.rejection[i].kernel].name,
                a->run.rejection[i].reason);
}

enum status energy_table_text(FILE *file, const struct energy_answer *a,
                              struct error *err)
{
    fprintf(file, "\nEnergy coefficients, from %d windows of %.2g s on %d "
            "thread%s (%.0f s in all)\n  by %s\n", a->run.n_rows,
            a->window_seconds, a->n_threads, a->n_threads == 1 ? "" : "s",
            a->run.seconds, a->run.source);
    enum status status = print_coefficients(file, a, err);
    print_trust(file, a);
    print_rejections(file, a);
    return status;
}

/* ---- JSON ---- */

static json_t *coefficients_json(const struct energy_answer *a)
{
    json_t *out = json_object();

    for (int i = 0; i < N_LINES; i++) {
        struct line line = line_of(a, i);
        bool known = line.c->resolved;
        json_object_set_new(out, line.name, json_pack(
            "{s:s, s:o, s:o, s:o, s:b, s:o}", "unit", line.unit,
            "value", json_known(line.c->value, known),
            "low", json_known(line.c->low, known),
            "high", json_known(line.c->high, known),
            "in_profile", line.taken, "reason", json_reason(line.reason)));
    }
    return out;
}

static json_t *held_out_json(const struct energy_answer *a)
{
    json_t *out = json_object();

    for (int k = 0; k < a->fit.n_kernels; k++)
        if (a->fit.held_out[k].n_rows)
            json_object_set_new(out, energy_kernels[k].name, json_pack(
                "{s:i, s:o}", "windows", a->fit.held_out[k].n_rows, "error",
                json_known(a->fit.held_out[k].error,
                           a->fit.held_out[k].known)));
    return out;
}

static json_t *rejections_json(const struct energy_answer *a)
{
    json_t *out = json_array();

    for (int i = 0; i < a->run.n_reasons; i++)
        json_array_append_new(out, json_pack("{s:i, s:s, s:s}",
            "windows", a->run.rejection[i].n,
            "kernel", energy_kernels[a->run.rejection[i].kernel].name,
            "reason", a->run.rejection[i].reason));
    return out;
}

json_t *energy_table_json(const struct energy_answer *a)
{
    const struct energy_fit *fit = &a->fit;

    return json_pack("{s:s, s:i, s:i, s:i, s:f, s:o, s:o, s:o, s:o, s:f, s:o, "
        "s:o, s:o}",
        "sensors", a->run.source, "threads", a->n_threads,
        "windows", a->run.n_windows, "windows_left_out", a->run.n_rejected,
        "window_seconds", a->window_seconds,
        "left_out", rejections_json(a),
        "coefficients", coefficients_json(a),
        "held_out", held_out_json(a),
        "worst_held_out_error", json_known(fit->worst_held_out,
                                           fit->n_held_out > 0),
        "residual", fit->residual,
        "condition_number", json_number(fit->condition),
        "idle_watts_before", json_number(a->run.idle_before),
        "idle_watts_after", json_number(a->run.idle_after));
}

void energy_table_facts(struct table *t, const struct energy_answer *a)
{
    char threads[16];

    snprintf(threads, sizeof threads, "%d", a->n_threads);
    for (int i = 0; i < N_LINES; i++) {
        struct line line = line_of(a, i);
        struct fact fact = { .kind = "coefficient", .name = line.name,
            .threads = threads, .unit = line.unit, .source = a->run.source,
            .reason = line.reason };
        if (line.c->resolved) {
            fact.value = amount_of(line.c->value, PROV_MEASURED);
            fact.slowest = amount_of(line.c->low, PROV_MEASURED);
        }
        facts_add(t, fact);
        if (line.c->resolved)
            facts_add(t, (struct fact){
                .kind = "coefficient_high", .name = line.name,
                .threads = threads, .unit = line.unit,
                .value = amount_of(line.c->high, PROV_MEASURED) });
    }
}
